package exec

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// overOracle computes the windows of rows that are in order, in the plainest way.
func overOracle(f *OverAggregate, rows [][]column.Value, equal func(a, b []column.Value) bool) (out []change) {
	for i, row := range rows {
		result := slices.Clone(row)
		var frame [][]column.Value
		rank, dense := 1, 1
		for j, o := range rows {
			switch {
			case j < i && equal(o, row):
			case j < i:
				rank = j + 2
				for rank <= i && !equal(rows[rank-1], row) {
					rank++
				}
			}
			if j > 0 && j <= i && !equal(rows[j-1], o) {
				dense++
			}
			in := j <= i || !f.Rows && equal(o, row)
			switch {
			case f.To.Unbounded:
				in = true
			case f.From.Unbounded:
			case f.Rows:
				in = in && j >= i+int(f.From.Offset)
			default:
				in = in && o[7].Int() >= row[7].Int()+f.From.Offset
			}
			if in {
				frame = append(frame, o)
			}
		}
		for i > 0 && rank > 1 && equal(rows[rank-2], row) {
			rank--
		}
		for _, c := range f.Calls {
			v := column.NullValue()
			switch {
			case c.Ranking == "ROW_NUMBER":
				v = column.IntValue(int64(i + 1))
			case c.Ranking == "RANK":
				v = column.IntValue(int64(rank))
			case c.Ranking == "DENSE_RANK":
				v = column.IntValue(int64(dense))
			case c.Aggregate.Function == "COUNT" && len(c.Aggregate.Args) == 0:
				v = column.IntValue(int64(len(frame)))
			default:
				seen := map[int64]bool{}
				sum := int64(0)
				for _, o := range frame {
					x := o[2]
					if x.Null {
						continue
					}
					seen[x.Int()] = true
					switch c.Aggregate.Function {
					case "MAX":
						if v.Null || x.Int() > v.Int() {
							v = x
						}
					case "FIRST_VALUE":
						if v.Null {
							v = x
						}
					case "LAST_VALUE":
						v = x
					case "SUM":
						sum += x.Int()
						v = column.IntValue(int64(int32(sum)))
					}
				}
				if c.Aggregate.Function == "COUNT" {
					v = column.IntValue(int64(len(seen)))
				}
			}
			result = append(result, v)
		}
		out = append(out, change{row: result})
	}
	return out
}

var overFields = append(slices.Clone(rankFields), fieldOf("ts", types.TimestampOf(3).NotNull()))

// randomOver makes an operator of some frame.
func randomOver(r *rand.Rand) *OverAggregate {
	f := &OverAggregate{Session: testSession, Input: overFields, Order: []logical.SortKey{{Column: 7}}, Keys: [][]int{{0}, {0, 5}, {}}[r.IntN(3)], Rows: r.IntN(2) == 0, From: logical.Bound{Unbounded: true}}
	if r.IntN(3) > 0 {
		f.From = logical.Bound{Offset: -r.Int64N([]int64{8, 80}[r.IntN(2)])}
	}
	intArg, integer := []agg.Arg{{Col: 2, Type: types.New(types.Int)}}, types.New(types.Int)
	calls := []OverCall{
		{Aggregate: &agg.Call{Function: "COUNT", Filter: -1, Result: testBigint.NotNull()}},
		{Aggregate: &agg.Call{Function: "SUM", Args: intArg, Filter: -1, Result: integer}},
		{Aggregate: &agg.Call{Function: "MAX", Args: intArg, Filter: -1, Result: integer}},
		{Aggregate: &agg.Call{Function: "FIRST_VALUE", Args: intArg, Filter: -1, Result: integer}},
		{Aggregate: &agg.Call{Function: "LAST_VALUE", Args: intArg, Filter: -1, Result: integer}},
		{Aggregate: &agg.Call{Function: "COUNT", Args: intArg, Distinct: true, Filter: -1, Result: testBigint.NotNull()}},
	}
	if f.From.Unbounded {
		calls = append(calls, OverCall{Ranking: "ROW_NUMBER"}, OverCall{Ranking: "RANK"}, OverCall{Ranking: "DENSE_RANK"})
	}
	for _, i := range r.Perm(len(calls))[:1+r.IntN(len(calls))] {
		f.Calls = append(f.Calls, calls[i])
	}
	return f
}

// overKeys are the rows of each key, in their order.
func overKeys(f *OverAggregate, rows []change, compare func(a, b []column.Value) int) (keys [][][]column.Value) {
	at := map[string]int{}
	for _, c := range rows {
		k := ""
		for _, col := range f.Keys {
			k += valueText(c.row[col]) + "|"
		}
		i, ok := at[k]
		if !ok {
			i = len(keys)
			at[k], keys = i, append(keys, nil)
		}
		keys[i] = append(keys[i], c.row)
	}
	for _, k := range keys {
		slices.SortStableFunc(k, compare)
	}
	return keys
}

func checkOver(t *testing.T, name string, f *OverAggregate, got []change, parts [][]change, compare func(a, b []column.Value) int) {
	t.Helper()
	a, b := bag{}, bag{}
	for _, c := range got {
		if c.kind != types.Insert {
			t.Fatalf("%s: %v", name, c)
		}
		a.apply(c)
	}
	for _, rows := range parts {
		for _, k := range overKeys(f, rows, compare) {
			for _, c := range overOracle(f, k, func(a, b []column.Value) bool { return compare(a, b) == 0 }) {
				b.apply(c)
			}
		}
	}
	for k, n := range b {
		if a[k] == n {
			delete(a, k)
			delete(b, k)
		}
	}
	if len(a)+len(b) > 0 {
		t.Fatalf("%s\ngot, and not wanted\n%s\nwant, and not got\n%s", name, a, b)
	}
}

func overTime(a, b []column.Value) int { return order(a[7].Int(), b[7].Int()) }

// overLate says which rows are late where that is by key, and when a key begins anew.
type overLate struct {
	f    *OverAggregate
	keys map[string]*overLateKey
}

type overLateKey struct {
	epoch       int
	put         bool
	last        int64
	waits, kept []int64 // times of rows
}

func (l *overLate) key(row []column.Value) (*overLateKey, string) {
	text := ""
	for _, col := range l.f.Keys {
		text += valueText(row[col]) + "|"
	}
	if l.keys[text] == nil {
		l.keys[text] = &overLateKey{}
	}
	return l.keys[text], text
}

// take reports whether a row is late; if not, place is the key and its epoch.
func (l *overLate) take(row []column.Value) (place string, late bool) {
	k, text := l.key(row)
	if k.put && row[7].Int() <= k.last {
		return "", true
	}
	k.waits = append(k.waits, row[7].Int())
	return fmt.Sprint(text, k.epoch), false
}

func (l *overLate) watermark(w int64) {
	for _, k := range l.keys {
		k.waits = slices.DeleteFunc(k.waits, func(t int64) bool {
			if t <= w {
				k.kept, k.put, k.last = append(k.kept, t), true, max(k.last, t)
			}
			return t <= w
		})
		if l.f.Rows {
			continue
		}
		if k.last-l.f.From.Offset < w && len(k.waits) == 0 {
			k.kept = nil
		}
		if k.put && len(k.kept)+len(k.waits) == 0 {
			k.put, k.last, k.epoch = false, 0, k.epoch+1
		}
	}
}

func TestOverInEventTime(t *testing.T) {
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := randomOver(r)
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		g := newRig(t, o, f, f.Input)
		var got []change
		watermark, late := int64(0), int64(0)
		byKey := !f.From.Unbounded && slices.ContainsFunc(f.Calls, func(c OverCall) bool { return c.Aggregate != nil })
		keyed, places := overLate{f, map[string]*overLateKey{}}, map[string][]change{}
		got = append(got, g.watermark(0)...)
		for n := range 30 {
			var in []change
			for range 1 + r.IntN(20) {
				c := change{row: append(rankRow(r, n), column.IntValue(watermark-1+r.Int64N(15)))}
				in = append(in, c)
				place, behind := "", c.row[7].Int() <= watermark
				if byKey {
					place, behind = keyed.take(c.row)
				}
				if behind {
					late++
				} else {
					places[place] = append(places[place], c)
				}
			}
			got = append(got, g.push(0, in...)...)
			if step := r.Int64N(10); step > 0 {
				watermark += step
				got = append(got, g.watermark(watermark)...)
				keyed.watermark(watermark)
			}
		}
		if !f.Rows && !f.From.Unbounded {
			got = append(got, g.watermark(watermark+1000)...)
			if n := g.h.Context().Store.Keys(); n != 0 && !hasDistinct(f) {
				t.Fatalf("seed %d: %d keys are left", seed, n)
			}
		}
		got = append(got, g.finish()...)
		checkOver(t, fmt.Sprintf("seed %d, %s", seed, overName(f)), f, got, slices.Collect(maps.Values(places)), overTime)
		if n := g.h.Counter("numLateRecordsDropped"); n != late {
			t.Fatalf("seed %d: %d are late, want %d", seed, n, late)
		}
	}
}

func hasDistinct(f *OverAggregate) bool {
	return slices.ContainsFunc(f.Calls, func(c OverCall) bool { return c.Aggregate != nil && c.Aggregate.Distinct })
}

func overName(f *OverAggregate) string {
	s := fmt.Sprintf("keys %v rows %t from %v to %v:", f.Keys, f.Rows, f.From, f.To)
	for _, c := range f.Calls {
		if s += " " + c.Ranking; c.Aggregate != nil {
			s += c.Aggregate.Function
		}
	}
	return s
}

func TestOverInProcessingTime(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := randomOver(r)
		f.Proctime = true
		f.Rows = f.Rows || f.From.Unbounded // a row is before those that come later
		if !f.Rows {
			f.From.Offset = -1 << 30
		}
		g := newRig(t, optest.Options{Rand: r, Restores: 10, Start: 1000}, f, f.Input)
		var rows, got []change
		for n := range 20 {
			var in []change
			for range 1 + r.IntN(20) {
				in = append(in, change{row: append(rankRow(r, n), column.IntValue(int64(len(rows)+len(in))))})
			}
			rows = append(rows, in...)
			out := g.push(0, in...)
			if len(out) != len(in) {
				t.Fatalf("seed %d: %d rows of %d", seed, len(out), len(in))
			}
			got = append(got, out...)
		}
		got = append(got, g.finish()...)
		checkOver(t, fmt.Sprintf("seed %d, %s", seed, overName(f)), f, got, [][]change{rows}, overTime)
	}
}

func TestOverOfAll(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := randomOver(r)
		f.Final = true
		compare := overTime
		if f.From.Unbounded {
			if f.Order = randomOrder(r); r.IntN(4) == 0 {
				f.Order, f.Rows = nil, false
				f.Calls = slices.DeleteFunc(f.Calls, func(c OverCall) bool { return c.Aggregate == nil })
				f.To.Unbounded = true
			}
			compare = func(a, b []column.Value) int { return compareRows(f.Order, a, b) }
		}
		g := newRig(t, optest.Options{Rand: r}, f, f.Input)
		var rows []change
		for n := range r.IntN(20) {
			var in []change
			for range 1 + r.IntN(20) {
				in = append(in, change{row: append(rankRow(r, n), column.IntValue(r.Int64N(30)))})
			}
			if out := g.push(0, in...); len(out) > 0 {
				t.Fatalf("seed %d: %v before the end", seed, out)
			}
			rows = append(rows, in...)
		}
		checkOver(t, fmt.Sprintf("seed %d, %s", seed, overName(f)), f, g.finish(), [][]change{rows}, compare)
	}
}
