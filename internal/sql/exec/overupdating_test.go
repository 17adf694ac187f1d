package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func TestOverUpdatingTellsWhatChanges(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		like := randomOver(r)
		like.From = logical.Bound{Unbounded: true}
		like.Order = randomOrder(r)
		if like.To.Unbounded = r.IntN(8) == 0; like.To.Unbounded {
			like.Rows = false
			like.Calls = slices.DeleteFunc(like.Calls, func(c OverCall) bool { return c.Aggregate == nil })
		}
		f := &OverUpdating{
			Session: testSession, Input: overFields, Keys: like.Keys, Order: like.Order, Rows: like.Rows, Whole: like.To.Unbounded, Calls: like.Calls, Consumes: types.AppendOnly, UpdateBefore: true,
			PerRow: r.IntN(3) == 0,
		}
		updates := r.IntN(2) == 0
		if updates {
			f.Consumes = types.Retracts
		}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, per row %t, %s", seed, f.PerRow, overName(like))
		g := newRig(t, o, f, f.Input)
		compare := func(a, b []column.Value) int { return compareRows(f.Order, a, b) }
		var rows []change
		got, number := bag{}, int64(0)
		for n := range 20 {
			var in []change
			fresh := func() change {
				number++
				return change{row: append(rankRow(r, n), column.IntValue(number))}
			}
			for range 1 + r.IntN(8) {
				i := 0
				if len(rows) > 0 {
					i = r.IntN(len(rows))
				}
				switch x := r.IntN(10); {
				case updates && x < 3 && len(rows) > 0:
					in = append(in, change{types.Delete, rows[i].row})
					rows = slices.Delete(rows, i, i+1)
				case updates && x < 5 && len(rows) > 0:
					c := fresh()
					in = append(in, change{types.UpdateBefore, rows[i].row}, change{types.UpdateAfter, c.row})
					rows = append(slices.Delete(rows, i, i+1), c)
				default:
					c := fresh()
					in, rows = append(in, c), append(rows, c)
				}
			}
			out := g.push(0, in...)
			for i, c := range out {
				if !got.apply(c) {
					t.Fatalf("%s: %v takes away what is not there\nafter %v\nin %v", name, c, in, out)
				}
				if c.kind == types.UpdateBefore && out[i+1].kind != types.UpdateAfter {
					t.Fatalf("%s: %v is alone", name, c)
				}
			}
			want := bag{}
			for _, k := range overKeys(like, rows, compare) {
				for _, c := range overOracle(like, k, func(a, b []column.Value) bool { return compare(a, b) == 0 }) {
					want.apply(c)
				}
			}
			if a, b := got.String(), want.String(); a != b {
				t.Fatalf("%s\nafter %v\ngot\n%s\nwant\n%s", name, in, a, b)
			}
		}
		if updates { // a table without rows leaves nothing
			for _, c := range rows {
				for _, c := range g.push(0, change{types.Delete, c.row}) {
					got.apply(c)
				}
			}
			if n := g.h.Context().Store.Keys(); len(got) > 0 || n > 0 && !hasDistinct(like) {
				t.Fatalf("%s: %d keys and %v are left", name, n, got)
			}
		}
		g.finish()
	}
}

// TestOverUpdatingForgets has keys with a time to live, beside distinct values, which lie elsewhere.
func TestOverUpdatingForgets(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("v", testBigint.NotNull())}
	row := func(k, v int64) change { return change{row: []column.Value{column.IntValue(k), column.IntValue(v)}} }
	f := &OverUpdating{
		Session: testSession, Input: fields, Keys: []int{0}, Order: []logical.SortKey{{Column: 1}}, Consumes: types.AppendOnly, UpdateBefore: true, TTL: 50 * time.Millisecond,
		Calls: []OverCall{{Aggregate: &agg.Call{Function: "COUNT", Args: []agg.Arg{{Col: 1, Type: testBigint.NotNull()}}, Distinct: true, Filter: -1, Result: testBigint.NotNull()}}},
	}
	g := newRig(t, optest.Options{Start: 1000}, f, fields)
	for _, step := range []struct {
		at   int64
		in   change
		want string
	}{
		{1000, row(1, 5), "[+I(1 5 1)]"}, {1049, row(1, 6), "[+I(1 6 2)]"}, {1060, row(1, 4), "[+I(1 4 1) -U(1 5 1) +U(1 5 2) -U(1 6 2) +U(1 6 3)]"}, {1110, row(1, 6), "[+I(1 6 1)]"}, {1111, row(2, 7), "[+I(2 7 1)]"}, {1200, row(3, 7), "[+I(3 7 1)]"},
	} {
		g.h.Clock(step.at, false)
		if got := fmt.Sprint(g.push(0, step.in)); got != step.want {
			t.Fatalf("at %d: %s, want %s", step.at, got, step.want)
		}
	}
	if n := len(g.push(0, row(3, 9), row(3, 9))); n != 2 {
		t.Fatalf("%d rows", n)
	}
	g.finish()
}

// TestOverFrames has frames with bounds before and behind the current row, at the end of input.
func TestOverFrames(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		like := randomOver(r)
		like.Calls = slices.DeleteFunc(like.Calls, func(c OverCall) bool { return c.Aggregate == nil })
		if len(like.Calls) == 0 {
			continue
		}
		bound := func() logical.Bound { return logical.Bound{Unbounded: r.IntN(5) == 0, Offset: r.Int64N(13) - 6} }
		from, to := bound(), bound()
		if !from.Unbounded && !to.Unbounded && from.Offset > to.Offset {
			from, to = to, from
		}
		descending := r.IntN(2) == 0
		f := &OverUpdating{
			Session: testSession, Input: overFields, Keys: like.Keys, Order: []logical.SortKey{{Column: 7, Descending: descending}}, Rows: like.Rows, Whole: from.Unbounded && to.Unbounded, Calls: like.Calls, Consumes: types.AppendOnly,
			Final: true, From: from, To: to,
		}
		g := newRig(t, optest.Options{Rand: r}, f, f.Input)
		var rows []change
		for n := range r.IntN(12) {
			var in []change
			for range 1 + r.IntN(12) {
				in = append(in, change{row: append(rankRow(r, n), column.IntValue(r.Int64N(30)))})
			}
			if out := g.push(0, in...); len(out) > 0 {
				t.Fatalf("seed %d: %v before the end", seed, out)
			}
			rows = append(rows, in...)
		}
		got, want := bag{}, bag{}
		for _, c := range g.finish() {
			got.apply(c)
		}
		sign := int64(1)
		if descending {
			sign = -1
		}
		for _, k := range overKeys(like, rows, func(a, b []column.Value) int { return order(sign*a[7].Int(), sign*b[7].Int()) }) {
			for i, row := range k {
				// A window of exactly the rows of the frame, of which the oracle knows the results.
				var frame [][]column.Value
				for j, o := range k {
					away := int64(j - i)
					if !f.Rows {
						away = sign * (o[7].Int() - row[7].Int())
					}
					if (from.Unbounded || away >= from.Offset) && (to.Unbounded || away <= to.Offset) {
						frame = append(frame, o)
					}
				}
				whole := &OverAggregate{Input: like.Input, Calls: like.Calls, From: logical.Bound{Unbounded: true}, To: logical.Bound{Unbounded: true}}
				width := len(overFields)
				result := slices.Clone(row)
				if len(frame) > 0 {
					result = append(result, overOracle(whole, frame, func(a, b []column.Value) bool { return true })[0].row[width:]...)
				} else {
					for _, c := range like.Calls {
						v := column.NullValue()
						if c.Aggregate.Function == "COUNT" {
							v = column.IntValue(0)
						}
						result = append(result, v)
					}
				}
				want.apply(change{row: result})
			}
		}
		if a, b := got.String(), want.String(); a != b {
			t.Fatalf("seed %d, rows %t desc %t from %v to %v %s\ngot\n%s\nwant\n%s", seed, f.Rows, descending, from, to, overName(like), a, b)
		}
	}
}
