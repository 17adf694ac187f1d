package exec

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// bidFields are those of Nexmark's bids, as far as they are aggregated, with the columns that its queries compute.
var bidFields = []types.Field{
	{Name: "auction", Type: types.New(types.BigInt)}, {Name: "bidder", Type: types.New(types.BigInt)}, {Name: "price", Type: types.New(types.BigInt)},
	{Name: "channel", Type: types.String()}, {Name: "at", Type: types.TimestampOf(3)}, {Name: "day", Type: types.String()},
	{Name: "rank1", Type: types.New(types.Boolean)}, {Name: "rank2", Type: types.New(types.Boolean)}, {Name: "rank3", Type: types.New(types.Boolean)},
}

const (
	bidRows  = 1000
	bidCount = 1000 // batches
)

// bids makes batches of bids: hot and cold auctions, bidders and channels, as Nexmark has them, or any of so many auctions.
func bids(auctions int64) []*column.Batch {
	rng := rand.New(rand.NewPCG(1, 1))
	var all []*column.Batch
	for n := range bidCount {
		b := &column.Batch{N: bidRows}
		for _, f := range bidFields {
			v := new(column.Vector)
			v.Reset(column.FormOf(f.Type), bidRows)
			b.Cols = append(b.Cols, v)
		}
		for i := range bidRows {
			now := int64(n*bidRows + i)
			auction := now/15/100*100 + 1000
			if rng.IntN(2) == 0 {
				auction = now/15 - rng.Int64N(100) + 1000
			}
			if auctions > 0 {
				auction = rng.Int64N(auctions)
			}
			bidder := now/50/100*100 + 1000
			if rng.IntN(4) == 0 {
				bidder = now/50 + rng.Int64N(1000)
			}
			price := int64(1) << rng.IntN(24)
			b.Cols[0].Words[i], b.Cols[1].Words[i], b.Cols[2].Words[i] = uint64(auction), uint64(bidder), uint64(price)
			channel := []string{"Google", "Facebook", "Baidu", "Apple"}[rng.IntN(4)]
			if rng.IntN(2) == 0 {
				channel = fmt.Sprintf("channel-%d", rng.IntN(10_000))
			}
			b.Cols[3].SetString(i, channel)
			b.Cols[4].Words[i] = uint64(now / 10)
			b.Cols[5].SetString(i, "2026-01-01")
			for c, yes := range []bool{price < 10_000, price >= 10_000 && price < 1_000_000, price >= 1_000_000} {
				b.Cols[6+c].Words[i] = column.BoolValue(yes).Word
			}
		}
		all = append(all, b)
	}
	return all
}

func bidCall(b *testing.B, name string, distinct bool, filter int, args ...int) *agg.Call {
	c := &logical.AggCall{Fn: &fn.Aggregate{Name: name}, Filter: filter, Distinct: distinct, T: types.New(types.BigInt)}
	for _, a := range args {
		c.Args = append(c.Args, &expr.Ref{Index: a, T: bidFields[a].Type})
	}
	r, err := agg.Resolve(c, bidFields, types.AppendOnly)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// rankCalls are a call without a filter, and one for each rank.
func rankCalls(b *testing.B, name string, distinct bool, args ...int) (calls []*agg.Call) {
	for _, filter := range []int{-1, 6, 7, 8} {
		calls = append(calls, bidCall(b, name, distinct, filter, args...))
	}
	return calls
}

// run gives all batches to an operator, with a watermark behind each.
func runBids(b *testing.B, f operator.Factory, in []*column.Batch) {
	b.ReportAllocs()
	measure(b, func() {
		h := optest.New(optest.Options{MaxParallelism: 128})
		optest.Receive(h, "", func(optest.Record[*column.Batch]) {})
		if err := h.Open(f); err != nil {
			b.Fatal(err)
		}
		input, err := optest.NewInput[*column.Batch](h, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, batch := range in {
			input.Push(batch, 0)
			h.Watermark(batch.Cols[4].Int(bidRows-1) - 400)
		}
		h.Finish()
		if err := h.Err(); err != nil {
			b.Fatal(err)
		}
		h.Close()
	})
}

// measure reports the processor's time, of all threads, since a machine may be shared.
func measure(b *testing.B, f func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	total, n := time.Duration(0), 0
	for b.Loop() {
		from := used()
		f()
		total += used() - from
		n++
	}
	b.ReportMetric(float64(total)/float64(n*bidRows*bidCount), "cpu-ns/row")
}

// handTable is what a loop without an engine would use: open addressing over numbers, 0 being none.
type handTable struct {
	keys, at []uint64
	mask     uint64
	n        int
}

func newHandTable() *handTable {
	return &handTable{keys: make([]uint64, 1024), at: make([]uint64, 1024), mask: 1023}
}

// of returns the number of a key, from 0, and whether it is new.
func (t *handTable) of(key uint64) (int, bool) {
	if 2*t.n > len(t.keys) {
		old := *t
		size := 2 * len(old.keys)
		*t = handTable{keys: make([]uint64, size), at: make([]uint64, size), mask: uint64(size - 1), n: old.n}
		for i, k := range old.keys {
			if k != 0 {
				j := k * 0x9e3779b97f4a7c15 >> 20 & t.mask
				for t.keys[j] != 0 {
					j = (j + 1) & t.mask
				}
				t.keys[j], t.at[j] = k, old.at[i]
			}
		}
	}
	key++
	i := key * 0x9e3779b97f4a7c15 >> 20 & t.mask
	for ; t.keys[i] != 0; i = (i + 1) & t.mask {
		if t.keys[i] == key {
			return int(t.at[i]), false
		}
	}
	t.keys[i], t.at[i] = key, uint64(t.n)
	t.n++
	return t.n - 1, true
}

// BenchmarkQ17Hand is BenchmarkQ17 as a loop, with a row of output for each group and batch.
func BenchmarkQ17Hand(b *testing.B) {
	in := bids(0)
	type group struct {
		n              [4]int64
		least, most, s int64
		day            column.View
		stamp          int
	}
	var out [8][]int64
	measure(b, func() {
		t := newHandTable()
		var groups []group
		for stamp, batch := range in {
			var touched []int
			prices := batch.Cols[2].Ints()
			for i, auction := range batch.Cols[0].Words {
				at, fresh := t.of(auction)
				if fresh {
					groups = append(groups, group{least: 1 << 62, day: batch.Cols[5].Views[i], stamp: -1})
				}
				g := &groups[at]
				if g.stamp != stamp {
					g.stamp = stamp
					touched = append(touched, at)
				}
				p := prices[i]
				g.n[0]++
				for r := range 3 {
					g.n[1+r] += int64(batch.Cols[6+r].Words[i])
				}
				g.least, g.most, g.s = min(g.least, p), max(g.most, p), g.s+p
			}
			for i := range out {
				out[i] = out[i][:0]
			}
			for _, at := range touched {
				g := &groups[at]
				for i, x := range []int64{g.n[0], g.n[1], g.n[2], g.n[3], g.least, g.most, g.s, g.s / g.n[0]} {
					out[i] = append(out[i], x)
				}
			}
		}
	})
}

// BenchmarkTumble1MHand is BenchmarkTumble1M as a loop.
func BenchmarkTumble1MHand(b *testing.B) {
	in := bids(1_000_000)
	var keys, counts []int64
	measure(b, func() {
		windows := map[int64]*handTable{}
		rows := map[int64][]int64{}
		for _, batch := range in {
			for i, auction := range batch.Cols[0].Words {
				w := batch.Cols[4].Int(i) / 20_000
				if windows[w] == nil {
					windows[w] = newHandTable()
				}
				at, fresh := windows[w].of(auction)
				if fresh {
					rows[w] = append(rows[w], 0)
				}
				rows[w][at]++
			}
		}
		for w, t := range windows {
			keys, counts = keys[:0], counts[:0]
			for i, k := range t.keys {
				if k != 0 {
					keys, counts = append(keys, int64(k-1)), append(counts, rows[w][t.at[i]])
				}
			}
		}
	})
}

func BenchmarkQ17(b *testing.B) {
	calls := rankCalls(b, "COUNT", false)
	for _, name := range []string{"MIN", "MAX", "AVG", "SUM"} {
		calls = append(calls, bidCall(b, name, false, -1, 2))
	}
	runBids(b, &GroupAggregate{Input: bidFields, Keys: []int{0, 5}, Calls: calls, Consumes: types.AppendOnly}, bids(0))
}

func BenchmarkQ15(b *testing.B) {
	calls := append(append(rankCalls(b, "COUNT", false), rankCalls(b, "COUNT", true, 1)...), rankCalls(b, "COUNT", true, 0)...)
	runBids(b, &GroupAggregate{Input: bidFields, Keys: []int{5}, Calls: calls, Consumes: types.AppendOnly}, bids(0))
}

func BenchmarkQ16(b *testing.B) {
	calls := append(append(rankCalls(b, "COUNT", false), rankCalls(b, "COUNT", true, 1)...), rankCalls(b, "COUNT", true, 0)...)
	calls = append(calls, bidCall(b, "MAX", false, -1, 2))
	runBids(b, &GroupAggregate{Input: bidFields, Keys: []int{3, 5}, Calls: calls, Consumes: types.AppendOnly}, bids(0))
}

func window(kind logical.WindowKind, size, slide int64) logical.WindowSpec {
	return logical.WindowSpec{Kind: kind, Time: 4, Size: size, Slide: slide}
}

func benchmarkWindow(b *testing.B, w logical.WindowSpec, key int, in []*column.Batch) {
	runBids(b, &WindowAggregate{
		Session: &fn.Session{Zone: time.UTC}, Input: bidFields, Keys: []int{key}, Calls: []*agg.Call{bidCall(b, "COUNT", false, -1)}, Window: w,
		Properties: []logical.WindowProperty{logical.WindowStart, logical.WindowEnd}, Consumes: types.AppendOnly,
	}, in)
}

func BenchmarkQ5(b *testing.B)  { benchmarkWindow(b, window(logical.Hop, 10_000, 2_000), 0, bids(0)) }
func BenchmarkQ11(b *testing.B) { benchmarkWindow(b, window(logical.Session, 10_000, 0), 1, bids(0)) }
func BenchmarkTumble1M(b *testing.B) {
	benchmarkWindow(b, window(logical.Tumble, 20_000, 0), 0, bids(1_000_000))
}

func BenchmarkHop1M(b *testing.B) {
	benchmarkWindow(b, window(logical.Hop, 50_000, 10_000), 0, bids(1_000_000))
}
