package exec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

var rankFields = []types.Field{
	fieldOf("k", testBigint), fieldOf("v", testBigint), fieldOf("i", types.New(types.Int)), fieldOf("f", types.New(types.Double)), fieldOf("d", types.DecimalOf(30, 2)), fieldOf("s", types.String()),
	fieldOf("id", testBigint.NotNull()),
}

func rankRow(r *rand.Rand, id int) []column.Value {
	row := []column.Value{
		column.IntValue(int64(r.IntN(4))), column.IntValue([]int64{0, -1, 1, 2, math.MinInt64, math.MaxInt64}[r.IntN(6)]), column.IntValue([]int64{0, -1, 5, math.MinInt32, math.MaxInt32}[r.IntN(5)]),
		column.FloatValue([]float64{0, -1.5, 2.5, math.Inf(-1), math.NaN()}[r.IntN(5)]), {Wide: [][2]uint64{{1, 0}, {5, 0}, {math.MaxUint64, math.MaxUint64}, {1, 7}}[r.IntN(4)]},
		column.TextValue([]string{"", "a", "ab", "long text that begins like others", "long text that goes on in another way", "long tex"}[r.IntN(6)]), column.IntValue(int64(id)),
	}
	for i := range row[:6] {
		if r.IntN(7) == 0 {
			row[i] = column.NullValue()
		}
	}
	return row
}

// compareRows orders rows in the plainest way.
func compareRows(keys []logical.SortKey, a, b []column.Value) int {
	for _, k := range keys {
		x, y := a[k.Column], b[k.Column]
		c := 0
		switch {
		case x.Null && y.Null:
			continue
		case x.Null || y.Null:
			if x.Null == k.NullsLast {
				return 1
			}
			return -1
		}
		switch t := rankFields[k.Column].Type; {
		case t.IsApprox():
			fx, fy := x.Float(), y.Float()
			switch {
			case fx != fx && fy != fy:
			case fx != fx:
				c = 1
			case fy != fy || fx < fy:
				c = -1
			case fx > fy:
				c = 1
			}
		case column.FormOf(t) == column.Text:
			c = strings.Compare(x.Text, y.Text)
		case column.FormOf(t) == column.Wide:
			c = column.Big(x.Wide).Cmp(column.Big(y.Wide))
		case x.Int() < y.Int():
			c = -1
		case x.Int() > y.Int():
			c = 1
		}
		if k.Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// tops is the result of a rank over rows in the order of their arrival.
func tops(f *Rank, rows [][]column.Value) bag {
	out := bag{}
	groups := map[string][][]column.Value{}
	for _, row := range rows {
		k := keyText(row, f.Keys)
		groups[k] = append(groups[k], row)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b []column.Value) int { return compareRows(f.Order, a, b) })
		for i, row := range g {
			if rank := int64(i + 1); rank >= f.From && rank <= f.To {
				if f.WithRank {
					row = append(slices.Clone(row), column.IntValue(rank))
				}
				out.apply(change{row: row})
			}
		}
	}
	return out
}

func TestRankKeepsTheTops(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &Rank{Input: rankFields, From: 1, To: 1 + r.Int64N(4), WithRank: r.IntN(2) == 0, Consumes: types.AppendOnly, UpdateBefore: true, PerRow: r.IntN(3) == 0}
		f.Keys = [][]int{{0}, {5}, {}}[r.IntN(3)]
		if r.IntN(4) == 0 {
			f.From = 1 + r.Int64N(f.To)
		}
		for range 1 + r.IntN(3) {
			f.Order = append(f.Order, logical.SortKey{Column: 1 + r.IntN(5), Descending: r.IntN(2) == 0, NullsLast: r.IntN(2) == 0})
		}
		updates := r.IntN(2) == 0
		if updates {
			f.Consumes = types.Retracts
		} else {
			f.Final = r.IntN(5) == 0
		}
		o := optest.Options{Rand: r, Restores: 10}
		if f.Final {
			o.Restores = 0
		}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, %+v", seed, *f)
		g := newRig(t, o, f, rankFields)
		var rows [][]column.Value
		got := bag{}
		take := func(in, changes []change) {
			for i, c := range changes {
				if !got.apply(c) {
					t.Fatalf("%s: %v takes away what is not there\nafter %v\nin %v", name, c, in, changes)
				}
				if c.kind == types.UpdateBefore && changes[i+1].kind != types.UpdateAfter {
					t.Fatalf("%s: %v is alone", name, c)
				}
			}
		}
		for n := range 30 {
			var in []change
			for range 1 + r.IntN(10) {
				row := rankRow(r, n)
				switch x := r.IntN(10); {
				case updates && x < 3 && len(rows) > 0:
					i := r.IntN(len(rows))
					in = append(in, change{types.Delete, rows[i]})
					rows = slices.Delete(rows, i, i+1)
				case updates && x < 5 && len(rows) > 0:
					i := r.IntN(len(rows))
					in = append(in, change{types.UpdateBefore, rows[i]}, change{types.UpdateAfter, row})
					rows = append(slices.Delete(rows, i, i+1), row)
				default:
					in = append(in, change{types.Insert, row})
					rows = append(rows, row)
				}
			}
			take(in, g.push(0, in...))
			if f.Final {
				if len(got) > 0 {
					t.Fatalf("%s: %v before the end", name, got)
				}
				continue
			}
			if a, b := got.String(), tops(f, rows).String(); a != b {
				t.Fatalf("%s: after %v\ngot\n%s\nwant\n%s", name, in, a, b)
			}
		}
		take(nil, g.finish())
		if a, b := got.String(), tops(f, rows).String(); a != b {
			t.Fatalf("%s: in the end\ngot\n%s\nwant\n%s", name, a, b)
		}
	}
}

// TestRankTellsChanges has the kinds of rows as Flink has them.
func TestRankTellsChanges(t *testing.T) {
	fields := []types.Field{fieldOf("v", testBigint.NotNull())}
	row := func(v int64) change { return change{row: []column.Value{column.IntValue(v)}} }
	for _, c := range []struct {
		rank  bool
		to    int64
		quiet bool // without -U
		want  string
	}{
		{rank: true, to: 2, want: "[+I(5 1)] [-U(5 1) +U(3 1) +I(5 2)] [-U(5 2) +U(4 2)] []"},
		{rank: true, to: 2, quiet: true, want: "[+I(5 1)] [+U(3 1) +I(5 2)] [+U(4 2)] []"},
		{to: 2, want: "[+I(5)] [+I(3)] [-D(5) +I(4)] []"},
		{to: 1, want: "[+I(5)] [-U(5) +U(3)] [] []"},
		{to: 1, quiet: true, want: "[+I(5)] [+U(3)] [] []"},
	} {
		f := &Rank{Input: fields, Order: []logical.SortKey{{Column: 0}}, From: 1, To: c.to, WithRank: c.rank, Consumes: types.AppendOnly, UpdateBefore: !c.quiet}
		g := newRig(t, optest.Options{}, f, fields)
		var got []string
		for _, v := range []int64{5, 3, 4, 4} {
			got = append(got, fmt.Sprint(g.push(0, row(v))))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %s, want %s", c, s, c.want)
		}
		g.finish()
	}
}

func TestRankForgets(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("v", testBigint.NotNull())}
	row := func(k, v int64) change { return change{row: []column.Value{column.IntValue(k), column.IntValue(v)}} }
	f := &Rank{Input: fields, Keys: []int{0}, Order: []logical.SortKey{{Column: 1}}, From: 1, To: 2, WithRank: true, Consumes: types.AppendOnly, UpdateBefore: true, TTL: 50 * time.Millisecond}
	g := newRig(t, optest.Options{Start: 1000}, f, fields)
	for _, step := range []struct {
		at   int64
		in   change
		want string
	}{
		{1000, row(1, 5), "[+I(1 5 1)]"}, {1049, row(1, 6), "[+I(1 6 2)]"}, {1099, row(1, 7), "[+I(1 7 1)]"}, {1100, row(2, 7), "[+I(2 7 1)]"}, {1200, row(3, 7), "[+I(3 7 1)]"},
	} {
		g.h.Clock(step.at, false)
		if got := fmt.Sprint(g.push(0, step.in)); got != step.want {
			t.Fatalf("at %d: %s, want %s", step.at, got, step.want)
		}
	}
	g.push(0, row(3, 9), row(3, 9))
	if n := g.h.Context().Store.Keys(); n != 1 {
		t.Fatalf("%d keys are left", n)
	}
	g.finish()
}
