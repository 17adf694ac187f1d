package statebackend

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// handRows is a hand-written row store: columns as slices, strings in an arena, an open-addressing table of keys with chains of row numbers, the newest first.
type handRows struct {
	table   []handKey
	next    []uint32
	words   [5][]uint64
	strings [2][]handString
	arena   []byte
	n, used int
}

type handKey struct {
	key  uint64
	head uint32 // row number plus one
	_    uint32
}

type handString struct{ at, n uint32 }

func newHandRows(b *testing.B, keys, rows, bytes int) *handRows {
	h := &handRows{table: hugeSlice[handKey](b, keys), next: hugeSlice[uint32](b, rows), arena: hugeSlice[byte](b, bytes)}
	for i := range h.words {
		h.words[i] = hugeSlice[uint64](b, rows)
	}
	for i := range h.strings {
		h.strings[i] = hugeSlice[handString](b, rows)
	}
	return h
}

func (h *handRows) reset() {
	clear(h.table)
	h.n, h.used = 0, 0
}

func (h *handRows) insert(c *GroupChunk) {
	mask := uint64(len(h.table) - 1)
	for i, hash := range c.Hashes {
		key := c.Keys[0].Words[i] + 1
		j := hash & mask
		for h.table[j].key != key && h.table[j].key != 0 {
			j = (j + 1) & mask
		}
		h.table[j].key = key
	}
}

func (h *handRows) append(c *GroupChunk, cols []Column) {
	mask := uint64(len(h.table) - 1)
	keys := c.Keys[0].Words
	var scratch [16]byte
	for i, hash := range c.Hashes {
		key := keys[i] + 1
		j := hash & mask
		for h.table[j].key != key && h.table[j].key != 0 {
			j = (j + 1) & mask
		}
		n := h.n
		e := &h.table[j]
		e.key = key
		h.next[n] = e.head
		e.head = uint32(n + 1)
		for w := range h.words {
			h.words[w][n] = cols[w].Words[i]
		}
		for s := range h.strings {
			text := cols[5+s].Bytes(i, &scratch)
			h.strings[s][n] = handString{uint32(h.used), uint32(len(text))}
			h.used += copy(h.arena[h.used:], text)
		}
		h.n++
	}
}

// probe finds the rows of keys and writes their columns.
func (h *handRows) probe(c *GroupChunk, out *handOut) (n int) {
	mask := uint64(len(h.table) - 1)
	keys := c.Keys[0].Words
	for i, hash := range c.Hashes {
		key := keys[i] + 1
		j := hash & mask
		for h.table[j].key != key && h.table[j].key != 0 {
			j = (j + 1) & mask
		}
		for row := h.table[j].head; row != 0; row = h.next[row-1] {
			r := row - 1
			out.matches[n] = int32(i)
			for w := range h.words {
				out.words[w][n] = h.words[w][r]
			}
			for s := range h.strings {
				t := h.strings[s][r]
				out.strings[s][n] = h.arena[t.at : t.at+t.n]
			}
			n++
		}
	}
	return n
}

type handOut struct {
	matches []int32
	words   [5][]uint64
	strings [2][][]byte
}

// benchRows is chunks of seven columns: five of words, a short string and a long one.
func benchRows(keys, chunks int) (all []*GroupChunk, cols [][]Column) {
	rng := rand.New(rand.NewPCG(9, 9))
	specs := []ColumnSpec{{}, {}, {}, {}, {}, {Type: BytesColumn}, {Type: BytesColumn}}
	for range chunks {
		c := &GroupChunk{Hashes: make([]uint64, 1000), Keys: []Column{{Words: make([]uint64, 1000)}}}
		rows := make([]testRow, 1000)
		for i := range rows {
			c.Keys[0].Words[i] = rng.Uint64N(uint64(keys))
			r := make(testRow, 7)
			for j := range 5 {
				r[j].w[0] = rng.Uint64()
			}
			r[5].s = []string{"Google", "Facebook", "Baidu", "Apple"}[rng.IntN(4)]
			r[6].s = "https://www.nexmark.com/item.htm?query=1"[:30+rng.IntN(10)]
			rows[i] = r
		}
		HashColumns(c.Keys, nil, c.Hashes)
		all = append(all, c)
		cols = append(cols, testColumns(rng, specs, rows))
	}
	return all, cols
}

// BenchmarkRows appends a million rows of seven columns to the keys of a table and then probes it; both sides look their keys up.
func BenchmarkRows(b *testing.B) {
	for name, keys := range map[string]int{"keys-100000": 100_000, "keys-1000000": 1_000_000} {
		b.Run(name, func(b *testing.B) { benchmarkRows(b, keys) })
	}
}

func benchmarkRows(b *testing.B, keys int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const chunks, rounds = 1000, 5
	all, cols := benchRows(keys, 256)
	hand := newHandRows(b, 1<<21, chunks*1000, chunks*1000*64)
	refs, fresh := make([]Ref, 1000), make([]int32, 0, 1000)
	matches, found := make([]int32, 1<<21), make([]RowRef, 1<<20)
	out := &handOut{matches: matches}
	views, buffer := [2][]View{make([]View, 1<<21), make([]View, 1<<20)}, make([]byte, 0, 64<<20)
	for i := range out.words {
		out.words[i] = make([]uint64, 1<<21)
	}
	for i := range out.strings {
		out.strings[i] = make([][]byte, 1<<21)
	}
	const (
		appended = iota
		handAppended
		probed
		read
		handRead
		looked
	)
	var times [6][]float64
	record := func(what int, rows int, f func()) {
		start := threadTime()
		f()
		times[what] = append(times[what], float64((threadTime()-start)/time.Nanosecond)/float64(max(rows, 1)))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for round := range rounds {
			s, err := New(newTestStore(b).Config())
			if err != nil {
				b.Fatal(err)
			}
			table := NewGroupTable(s, "g", []ColumnSpec{{}}, nil)
			rows := NewRows(table.Space(), "rows", RowSchema{Columns: []ColumnSpec{{}, {}, {}, {}, {}, {Type: BytesColumn}, {Type: BytesColumn}}})
			hand.reset()
			for lo := 0; lo < keys; lo += 1000 { // the keys have been there before
				c := benchSequence(1, lo)
				table.Lookup(c, refs, fresh)
				hand.insert(c)
			}
			record(looked, chunks*1000, func() {
				for i := range chunks {
					table.Lookup(all[i&255], refs, fresh)
				}
			})
			record(appended, chunks*1000, func() {
				for i := range chunks {
					table.Lookup(all[i&255], refs, fresh)
					rows.Append(refs, nil, cols[i&255], nil, nil)
				}
			})
			record(handAppended, chunks*1000, func() {
				for i := range chunks {
					hand.append(all[i&255], cols[i&255])
				}
			})
			// Probes of other keys than were appended last.
			n, m := 0, 0
			count := func() (n int) {
				for i := range 20 {
					table.Find(all[i+round], refs, fresh)
					var cursor RowCursor
					k, _ := rows.Probe(refs, nil, &cursor, matches, found)
					n += k
				}
				return n
			}
			total := count()
			record(probed, total, func() { count() })
			record(read, total, func() {
				for i := range 20 {
					table.Find(all[i+round], refs, fresh)
					var cursor RowCursor
					k, _ := rows.Probe(refs, nil, &cursor, matches, found)
					for w := range out.words {
						rows.ReadWords(w, found[:k], out.words[w])
					}
					buffer = rows.ReadStrings(5, found[:k], views[0], buffer[:0], 0)
					buffer = rows.ReadStrings(6, found[:k], views[1], buffer, 0)
					n += k
				}
			})
			record(handRead, total, func() {
				for i := range 20 {
					m += hand.probe(all[i+round], out)
				}
			})
			if n != m || n != total {
				b.Fatal(n, m)
			}
			s.Close()
		}
	}
	median := func(what int) float64 {
		slices.Sort(times[what])
		return times[what][len(times[what])/2]
	}
	b.ReportMetric(median(appended), "append-ns/row")
	b.ReportMetric(median(appended)/median(handAppended), "append-ratio")
	b.ReportMetric(median(looked), "lookup-ns/row")
	b.ReportMetric(median(probed), "probe-ns/row")
	b.ReportMetric(median(read), "read-ns/row")
	b.ReportMetric(median(read)/median(handRead), "read-ratio")
	b.ReportMetric(0, "ns/op")
}
