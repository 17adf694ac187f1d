package statebackend

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// handTimed is a row of the hand-written rival: a time and two columns.
type handTimed struct{ time, a, b uint64 }

// BenchmarkOrdered slides over time as an interval join does: each chunk puts 1,000 rows that are nearly in order to 100,000 keys, looks for the rows of each key within the last
// tenth of what is kept, and lets go of what is older than a million rows, at once in the keys that it visits and a quarter later in the others. The rival is a Go map of sorted slices, whose keys are cut when they are visited.
func BenchmarkOrdered(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const keys, kept = 100_000, 1_000_000
	rng := rand.New(rand.NewPCG(8, 8))
	s := newTestStore(b)
	table := NewGroupTable(s, "g", []ColumnSpec{{}}, nil)
	rows := NewOrdered(table.Space(), "rows", OrderedSchema{RowSchema: RowSchema{Columns: []ColumnSpec{{}, {}}}, Sort: 1, Due: true})
	hand := map[uint64][]handTimed{}
	c := &GroupChunk{Hashes: make([]uint64, 1000), Keys: []Column{{Words: make([]uint64, 1000)}}}
	cols := []Column{{Words: make([]uint64, 1000)}, {Words: make([]uint64, 1000)}}
	refs, fresh, times, from := make([]Ref, 1000), make([]int32, 0, 1000), make([]uint64, 1000), make([]uint64, 1000)
	matches, found, words := make([]int32, 1<<16), make([]RowRef, 1<<16), make([]uint64, 1<<16)
	now := uint64(2 * kept)
	var insert, scan, expire, handInsert, handScan []float64
	took := func(to *[]float64, f func()) {
		start := threadTime()
		f()
		*to = append(*to, float64((threadTime()-start)/time.Nanosecond)/1000)
	}
	sum := uint64(0)
	step := func() {
		for i := range 1000 {
			now++
			c.Keys[0].Words[i] = rng.Uint64N(keys)
			times[i] = now - rng.Uint64N(100)
			from[i] = now - kept/10
		}
		HashColumns(c.Keys, nil, c.Hashes)
		took(&insert, func() {
			table.Lookup(c, refs, fresh)
			rows.Insert(refs, nil, [][]uint64{times}, cols, nil, nil)
		})
		a, z := 0, 0
		took(&scan, func() {
			var cursor OrderedCursor
			a, _ = rows.Scan(refs, nil, OrderedScan{From: from}, &cursor, matches, found)
			rows.ReadWords(0, found[:a], words)
			rows.ReadWords(1, found[:a], words)
		})
		took(&expire, func() {
			rows.DeleteTo(refs, nil, now-kept)
			rows.Expire(now-kept*5/4, 1<<20)
		})
		took(&handInsert, func() {
			for i, k := range c.Keys[0].Words {
				list := hand[k]
				cut := 0
				for cut < len(list) && list[cut].time <= now-kept {
					cut++
				}
				list = append(list[cut:], handTimed{times[i], 0, 0})
				for j := len(list) - 1; j > 0 && list[j-1].time > list[j].time; j-- {
					list[j-1], list[j] = list[j], list[j-1]
				}
				hand[k] = list
			}
		})
		took(&handScan, func() {
			for i, k := range c.Keys[0].Words {
				list := hand[k]
				for j := len(list) - 1; j >= 0 && list[j].time >= from[i]; j-- {
					sum += list[j].a
					z++
				}
			}
		})
		if a != z {
			b.Fatal(a, z)
		}
	}
	for range kept / 1000 {
		step()
	}
	b.ResetTimer()
	b.ReportAllocs()
	for range b.N {
		for _, l := range []*[]float64{&insert, &scan, &expire, &handInsert, &handScan} {
			*l = (*l)[:0]
		}
		for range 1000 {
			step()
		}
	}
	b.StopTimer()
	words[0] = sum
	mean := func(l []float64) (sum float64) {
		for _, v := range l {
			sum += v
		}
		return sum / float64(len(l))
	}
	b.ReportMetric(mean(insert), "insert-ns/row")
	b.ReportMetric(mean(scan), "scan-ns/row")
	b.ReportMetric(mean(expire), "expire-ns/row")
	b.ReportMetric((mean(insert)+mean(scan)+mean(expire))/(mean(handInsert)+mean(handScan)), "ratio")
	b.ReportMetric(0, "ns/op")
}
