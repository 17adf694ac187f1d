package statebackend

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// hugeSlice is memory like that of the store: off the heap and in huge pages, so that a comparison is of the algorithms.
func hugeSlice[T any](b *testing.B, n int) []T {
	size := n * int(unsafe.Sizeof(*new(T)))
	p := pages.Alloc(size)
	b.Cleanup(func() { pages.Free(p, size) })
	return unsafe.Slice((*T)(p), n)
}

// rival1 is a hand-written table with one key column; group is the dense number of the group plus one.
type rival1 struct {
	key        uint64
	group      uint64
	count, sum int64
}

type rival2 struct {
	key        [2]uint64
	group      uint64
	count, sum int64
}

const benchGroups = 1_000_000

// benchChunks returns chunks of 1,000 rows of keys that are drawn from the groups.
func benchChunks(columns, groups, chunks int) []*GroupChunk {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]*GroupChunk, chunks)
	for i := range all {
		c := &GroupChunk{Hashes: make([]uint64, 1000), Keys: make([]Column, columns)}
		for j := range c.Keys {
			c.Keys[j].Words = make([]uint64, 1000)
		}
		for row := range 1000 {
			k := rng.Uint64N(uint64(groups))
			fillKey(c, row, k)
		}
		HashColumns(c.Keys, nil, c.Hashes)
		all[i] = c
	}
	return all
}

func fillKey(c *GroupChunk, row int, k uint64) {
	c.Keys[0].Words[row] = k
	if len(c.Keys) == 2 {
		c.Keys[0].Words[row], c.Keys[1].Words[row] = k>>3, k&7
	}
}

// benchSequence is the keys from lo on, in chunks of 1,000.
func benchSequence(columns, lo int) *GroupChunk {
	c := &GroupChunk{Hashes: make([]uint64, 1000), Keys: make([]Column, columns)}
	for j := range c.Keys {
		c.Keys[j].Words = make([]uint64, 1000)
	}
	for row := range 1000 {
		fillKey(c, row, uint64(lo+row))
	}
	HashColumns(c.Keys, nil, c.Hashes)
	return c
}

func BenchmarkGroupTable(b *testing.B) {
	specs := []ColumnSpec{{}, {}}
	refs, fresh := make([]Ref, 1000), make([]int32, 0, 1000)
	for columns, name := range map[int]string{1: "one", 2: "two"} {
		chunks := benchChunks(columns, benchGroups, 256)
		b.Run(name+"/lookup", func(b *testing.B) {
			s := newTestStore(b)
			t := NewGroupTable(s, "g", specs[:columns], nil)
			t.Accumulators("acc", 2, nil)
			for lo := 0; lo < benchGroups; lo += 1000 {
				t.Lookup(benchSequence(columns, lo), refs, fresh)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if len(t.Lookup(chunks[i&255], refs, fresh)) > 0 {
					b.Fatal("fresh")
				}
			}
			perRow(b)
		})
		b.Run(name+"/count-sum", func(b *testing.B) {
			s := newTestStore(b)
			t := NewGroupTable(s, "g", specs[:columns], nil)
			acc := t.Accumulators("acc", 2, nil)
			off := acc.AccumulatorOffset()
			bases := make([]unsafe.Pointer, 1000)
			for lo := 0; lo < benchGroups; lo += 1000 {
				t.Lookup(benchSequence(columns, lo), refs, fresh)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c := chunks[i&255]
				t.Lookup(c, refs, fresh)
				t.Edit(acc, refs, nil, bases)
				for i, v := range c.Keys[0].Words {
					a := (*[2]int64)(unsafe.Add(bases[i], off))
					a[0]++
					a[1] += int64(v)
				}
			}
			perRow(b)
		})
	}
	chunks := benchChunks(1, benchGroups, 256)
	b.Run("one/hand-lookup", func(b *testing.B) {
		table := hugeSlice[rival1](b, 1<<21)
		n := uint64(0)
		for lo := 0; lo < benchGroups; lo += 1000 {
			n = rivalLookup1(table, benchSequence(1, lo), refs, n)
		}
		b.ResetTimer()
		for i := range b.N {
			rivalLookup1(table, chunks[i&255], refs, n)
		}
		perRow(b)
	})
	b.Run("one/hand-count-sum", func(b *testing.B) {
		table := hugeSlice[rival1](b, 1<<21)
		n := uint64(0)
		for lo := 0; lo < benchGroups; lo += 1000 {
			n = rivalLookup1(table, benchSequence(1, lo), refs, n)
		}
		b.ResetTimer()
		for i := range b.N {
			c := chunks[i&255]
			for i, h := range c.Hashes {
				k := c.Keys[0].Words[i]
				for j := h & uint64(len(table)-1); ; j = (j + 1) & uint64(len(table)-1) {
					if e := &table[j]; e.key == k && e.group != 0 {
						e.count++
						e.sum += int64(k)
						break
					}
				}
			}
		}
		perRow(b)
	})
	b.Run("one/hand-lookup-lean", func(b *testing.B) {
		table := hugeSlice[[2]uint64](b, 1<<21)
		n := uint64(0)
		for lo := 0; lo < benchGroups; lo += 1000 {
			n = rivalLookupLean(table, benchSequence(1, lo), refs, n)
		}
		b.ResetTimer()
		for i := range b.N {
			rivalLookupLean(table, chunks[i&255], refs, n)
		}
		perRow(b)
	})
	chunks = benchChunks(2, benchGroups, 256)
	b.Run("two/hand-lookup", func(b *testing.B) {
		table := hugeSlice[rival2](b, 1<<21)
		n := uint64(0)
		for lo := 0; lo < benchGroups; lo += 1000 {
			n = rivalLookup2(table, benchSequence(2, lo), refs, n)
		}
		b.ResetTimer()
		for i := range b.N {
			rivalLookup2(table, chunks[i&255], refs, n)
		}
		perRow(b)
	})
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
	b.ReportMetric(0, "ns/op")
}

func rivalLookup1(table []rival1, c *GroupChunk, out []Ref, n uint64) uint64 {
	mask := uint64(len(table) - 1)
	keys := c.Keys[0].Words
	for i, h := range c.Hashes {
		k := keys[i]
		for j := h & mask; ; j = (j + 1) & mask {
			e := &table[j]
			if e.group == 0 {
				n++
				e.key, e.group = k, n
			}
			if e.key == k {
				out[i] = Ref(e.group)
				break
			}
		}
	}
	return n
}

func rivalLookupLean(table [][2]uint64, c *GroupChunk, out []Ref, n uint64) uint64 {
	mask := uint64(len(table) - 1)
	keys := c.Keys[0].Words
	for i, h := range c.Hashes {
		k := keys[i]
		for j := h & mask; ; j = (j + 1) & mask {
			e := &table[j]
			if e[1] == 0 {
				n++
				e[0], e[1] = k, n
			}
			if e[0] == k {
				out[i] = Ref(e[1])
				break
			}
		}
	}
	return n
}

func rivalLookup2(table []rival2, c *GroupChunk, out []Ref, n uint64) uint64 {
	mask := uint64(len(table) - 1)
	k0, k1 := c.Keys[0].Words, c.Keys[1].Words
	for i, h := range c.Hashes {
		k := [2]uint64{k0[i], k1[i]}
		for j := h & mask; ; j = (j + 1) & mask {
			e := &table[j]
			if e.group == 0 {
				n++
				e.key, e.group = k, n
			}
			if e.key == k {
				out[i] = Ref(e.group)
				break
			}
		}
	}
	return n
}

// BenchmarkGroupTableGrow makes ten million groups; max-ms is the longest Lookup of 1,000 rows.
func BenchmarkGroupTableGrow(b *testing.B) {
	refs, fresh := make([]Ref, 1000), make([]int32, 0, 1000)
	for range b.N {
		s := newTestStore(b)
		t := NewGroupTable(s, "g", []ColumnSpec{{}}, nil)
		t.Accumulators("acc", 2, nil)
		longest := time.Duration(0)
		total := time.Duration(0)
		for lo := 0; lo < 10_000_000; lo += 1000 {
			c := benchSequence(1, lo)
			start := time.Now()
			t.Lookup(c, refs, fresh)
			d := time.Since(start)
			longest = max(longest, d)
			total += d
		}
		b.ReportMetric(float64(longest.Microseconds())/1000, "max-ms")
		b.ReportMetric(float64(total.Nanoseconds())/10_000_000, "ns/row")
		s.Close()
	}
}
