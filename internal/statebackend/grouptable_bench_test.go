package statebackend

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/weirstream/weir/internal/base"
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
	key   [2]uint64
	group uint64
	_     [2]int64 // as large as with accumulators
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

// race runs a chunk-wise loop and its hand-written rival by turns and reports the time a row of both, and the ratio: CPU time of this thread, the median of the rounds, since
// other programs may run meanwhile. Each call of a loop goes over rows rows.
func race(b *testing.B, rows int, mine, rival func(i int)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rounds, calls = 15, 64
	var times [2][]float64
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for round := range rounds {
			for side, f := range []func(int){mine, rival} {
				start := threadTime()
				for i := range calls {
					f(round*calls + i)
				}
				times[side] = append(times[side], float64(threadTime()-start)/float64(calls*rows))
			}
		}
	}
	b.StopTimer()
	for side := range times {
		slices.Sort(times[side])
	}
	a, h := times[0][len(times[0])/2], times[1][len(times[1])/2]
	b.ReportMetric(a, "ns/row")
	b.ReportMetric(h, "hand-ns/row")
	b.ReportMetric(a/h, "ratio")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkGroupTable(b *testing.B) {
	for columns, name := range []string{1: "one", 2: "two"} {
		if columns == 0 {
			continue
		}
		chunks := benchChunks(columns, benchGroups, 256)
		refs, fresh := make([]Ref, 1000), make([]int32, 0, 1000)
		bases := make([]unsafe.Pointer, 1000)
		fill := func(b *testing.B) (t *GroupTable, acc *Cell, table1 []rival1, table2 []rival2, lean [][2]uint64) {
			t = NewGroupTable(newTestStore(b), "g", make([]ColumnSpec, columns), nil)
			acc = t.Accumulators("acc", 2, nil)
			table1, table2, lean = hugeSlice[rival1](b, 1<<21), hugeSlice[rival2](b, 1<<21), hugeSlice[[2]uint64](b, 1<<21)
			n := uint64(0)
			for lo := 0; lo < benchGroups; lo += 1000 {
				c := benchSequence(columns, lo)
				t.Lookup(c, refs, fresh)
				if columns == 1 {
					rivalLookup1(table1, c, refs, n)
					n = rivalLookupLean(lean, c, refs, n)
				} else {
					n = rivalLookup2(table2, c, refs, n)
				}
			}
			return t, acc, table1, table2, lean
		}
		b.Run(name+"/lookup", func(b *testing.B) {
			t, _, table1, table2, _ := fill(b)
			race(b, 1000, func(i int) { t.Lookup(chunks[i&255], refs, fresh) }, func(i int) {
				if columns == 1 {
					rivalLookup1(table1, chunks[i&255], refs, benchGroups)
				} else {
					rivalLookup2(table2, chunks[i&255], refs, benchGroups)
				}
			})
		})
		if columns == 2 {
			continue
		}
		b.Run(name+"/lookup-lean", func(b *testing.B) {
			t, _, _, _, lean := fill(b)
			race(b, 1000, func(i int) { t.Lookup(chunks[i&255], refs, fresh) }, func(i int) { rivalLookupLean(lean, chunks[i&255], refs, benchGroups) })
		})
		b.Run(name+"/count-sum", func(b *testing.B) {
			t, acc, table, _, _ := fill(b)
			off := acc.AccumulatorOffset()
			race(b, 1000, func(i int) {
				c := chunks[i&255]
				t.Lookup(c, refs, fresh)
				t.Edit(acc, refs, nil, bases)
				for i, v := range c.Keys[0].Words {
					a := (*[2]int64)(unsafe.Add(bases[i], off))
					a[0]++
					a[1] += int64(v)
				}
			}, func(i int) { rivalCountSum(table, chunks[i&255]) })
		})
	}
}

func rivalCountSum(table []rival1, c *GroupChunk) {
	mask := uint64(len(table) - 1)
	for i, h := range c.Hashes {
		k := c.Keys[0].Words[i]
		for j := h & mask; ; j = (j + 1) & mask {
			if e := &table[j]; e.key == k && e.group != 0 {
				e.count++
				e.sum += int64(k)
				break
			}
		}
	}
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

// BenchmarkGroupTableGrow makes ten million groups, twice: fresh-max-ms and max-ms are the longest Lookup of 1,000 rows, in CPU time, in memory that is new to the process, where the
// operating system clears pages meanwhile, and in memory that it has had.
func BenchmarkGroupTableGrow(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range b.N {
		first, _ := growGroups(b)
		second, perRow := growGroups(b)
		b.ReportMetric(first, "fresh-max-ms")
		b.ReportMetric(second, "max-ms")
		b.ReportMetric(perRow, "ns/row")
		b.ReportMetric(0, "ns/op")
	}
}

func growGroups(b *testing.B) (maxMillis, perRow float64) {
	s, err := New(Config{Operator: "test", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	t := NewGroupTable(s, "g", []ColumnSpec{{}}, nil)
	t.Accumulators("acc", 2, nil)
	refs, fresh := make([]Ref, 1000), make([]int32, 0, 1000)
	longest, total := time.Duration(0), time.Duration(0)
	for lo := 0; lo < 10_000_000; lo += 1000 {
		c := benchSequence(1, lo)
		start := threadTime()
		t.Lookup(c, refs, fresh)
		d := threadTime() - start
		longest = max(longest, d)
		total += d
	}
	return float64(longest.Microseconds()) / 1000, float64(total.Nanoseconds()) / 10_000_000
}
