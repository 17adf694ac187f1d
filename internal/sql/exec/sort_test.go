package exec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func randomOrder(r *rand.Rand) (keys []logical.SortKey) {
	for range 1 + r.IntN(3) {
		keys = append(keys, logical.SortKey{Column: 1 + r.IntN(5), Descending: r.IntN(2) == 0, NullsLast: r.IntN(2) == 0})
	}
	return keys
}

func TestSortOfAll(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &Sort{Input: rankFields, Order: randomOrder(r), Final: true, Limit: -1}
		if r.IntN(2) == 0 {
			f.Offset, f.Limit = r.Int64N(20), r.Int64N(100)
		}
		g := newRig(t, optest.Options{Rand: r}, f, f.Input)
		var rows []change
		for n := range r.IntN(40) {
			var in []change
			for range 1 + r.IntN(30*(1+n%2*5)) {
				in = append(in, change{row: rankRow(r, len(rows)+len(in))})
			}
			if out := g.push(0, in...); len(out) > 0 {
				t.Fatalf("seed %d: %v before the end", seed, out)
			}
			rows = append(rows, in...)
		}
		slices.SortStableFunc(rows, func(a, b change) int { return compareRows(f.Order, a.row, b.row) })
		rows = rows[min(int(f.Offset), len(rows)):]
		if f.Limit >= 0 {
			rows = rows[:min(int(f.Limit), len(rows))]
		}
		if a, b := fmt.Sprint(g.finish()), fmt.Sprint(rows); a != b && len(rows) > 0 {
			t.Fatalf("seed %d, %+v:\ngot\n%s\nwant\n%s", seed, *f, a, b)
		}
	}
}

func TestSortByTime(t *testing.T) {
	fields := append(slices.Clone(rankFields), fieldOf("ts", types.TimestampOf(3).NotNull()))
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &Sort{Input: fields, Order: append([]logical.SortKey{{Column: 7}}, randomOrder(r)...)}
		g := newRig(t, optest.Options{Rand: r, Restores: 10}, f, f.Input)
		var waits, got, want []change
		watermark, late, last := int64(0), int64(0), int64(math.MinInt64)
		got = append(got, g.watermark(0)...)
		advance := func(t int64) {
			watermark = t
			slices.SortStableFunc(waits, func(a, b change) int {
				if c := order(a.row[7].Int(), b.row[7].Int()); c != 0 {
					return c
				}
				return compareRows(f.Order[1:], a.row, b.row)
			})
			for len(waits) > 0 && waits[0].row[7].Int() <= t {
				last = waits[0].row[7].Int()
				want, waits = append(want, waits[0]), waits[1:]
			}
		}
		for n := range 30 {
			var in []change
			for range 1 + r.IntN(20) {
				c := change{row: append(rankRow(r, n), column.IntValue(watermark-2+r.Int64N(20)))}
				in = append(in, c)
				if c.row[7].Int() <= last {
					late++
				} else {
					waits = append(waits, c)
				}
			}
			got = append(got, g.push(0, in...)...)
			if step := r.Int64N(10); step > 0 {
				advance(watermark + step)
				got = append(got, g.watermark(watermark)...)
			}
		}
		advance(1 << 40)
		got = append(got, g.finish()...)
		if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
			t.Fatalf("seed %d, %+v:\ngot\n%s\nwant\n%s", seed, *f, a, b)
		}
		if n := g.h.Counter("numLateRecordsDropped"); n != late {
			t.Fatalf("seed %d: %d are late, want %d", seed, n, late)
		}
	}
}

func TestWindowRank(t *testing.T) {
	stamp := types.TimestampOf(3).NotNull()
	fields := append(slices.Clone(rankFields), fieldOf("window_start", stamp), fieldOf("window_end", stamp))
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &WindowRank{Session: testSession, Input: fields, Keys: [][]int{{0}, {5}, {}}[r.IntN(3)], Order: randomOrder(r), From: 1, To: 1 + r.Int64N(4), WithRank: r.IntN(2) == 0, Window: [2]int{7, 8}}
		if r.IntN(4) == 0 {
			f.From = 1 + r.Int64N(f.To)
		}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		g := newRig(t, o, f, f.Input)
		windows := map[[2]int64][][]column.Value{}
		got := bag{}
		take := func(out []change) {
			for _, c := range out {
				if got.apply(c); c.kind != types.Insert {
					t.Fatalf("seed %d: %v", seed, c)
				}
			}
		}
		watermark, late := int64(0), int64(0)
		take(g.watermark(0))
		for n := range 30 {
			var in []change
			for range 1 + r.IntN(10) {
				end := max(0, watermark-3) + int64(r.IntN(30))
				end -= end % 5
				start := end - []int64{5, 10}[r.IntN(2)]
				row := append(rankRow(r, n), column.IntValue(start), column.IntValue(end))
				in = append(in, change{row: row})
				if end-1 <= watermark {
					late++
				} else {
					windows[[2]int64{start, end}] = append(windows[[2]int64{start, end}], row)
				}
			}
			take(g.push(0, in...))
			if r.IntN(3) == 0 {
				watermark += int64(r.IntN(12))
				take(g.watermark(watermark))
			}
		}
		take(g.finish())
		want := bag{}
		for _, rows := range windows {
			for row, n := range tops(&Rank{Keys: f.Keys, Order: f.Order, From: f.From, To: f.To, WithRank: f.WithRank}, rows) {
				want[row] += n
			}
		}
		if a, b := got.String(), want.String(); a != b {
			t.Fatalf("seed %d, %+v\ngot\n%s\nwant\n%s", seed, *f, a, b)
		}
		if n := g.h.Counter("numLateRecordsDropped"); n != late {
			t.Fatalf("seed %d: %d are late, want %d", seed, n, late)
		}
	}
}
