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
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// aggregateFields are the columns over which aggregates are tested: two keys, two filters, values.
var aggregateFields = []types.Field{
	{Name: "k", Type: types.New(types.BigInt)},
	{Name: "name", Type: types.String()},
	{Name: "f", Type: types.New(types.Boolean)},
	{Name: "g", Type: types.New(types.Boolean).NotNull()},
	{Name: "i", Type: types.New(types.Int)},
	{Name: "l", Type: types.New(types.BigInt).NotNull()},
	{Name: "d", Type: types.New(types.Double)},
	{Name: "short", Type: types.DecimalOf(10, 2)},
	{Name: "long", Type: types.DecimalOf(30, 3)},
	{Name: "s", Type: types.String()},
	{Name: "t", Type: types.TimestampOf(3)},
	{Name: "n", Type: types.TimestampOf(9)},
	{Name: "tiny", Type: types.New(types.TinyInt).NotNull()},
	{Name: "e", Type: types.TimestampOf(3)},
}

func field(name string) int {
	return slices.IndexFunc(aggregateFields, func(f types.Field) bool { return f.Name == name })
}

// randomRow makes a row with one of so many keys.
func randomAggregateRow(rng *rand.Rand, keys int) []column.Value {
	values := make([]column.Value, len(aggregateFields))
	for i, f := range aggregateFields {
		if f.Type.Nullable() && rng.IntN(5) == 0 {
			values[i] = column.NullValue()
			continue
		}
		n := rng.Int64N(40) - 20
		switch {
		case i == 0:
			values[i] = column.IntValue(rng.Int64N(int64(keys)))
		case i == 1:
			values[i] = column.TextValue([]string{"a", "channel with a long name", ""}[rng.IntN(3)])
		case f.Type.Kind() == types.Boolean:
			values[i] = column.BoolValue(n < 0)
		case f.Type.Kind() == types.Double:
			values[i] = column.FloatValue(float64(n) / 4)
		case f.Name == "tiny":
			values[i] = column.IntValue(n * 5)
		case f.Type.IsChar():
			values[i] = column.TextValue(fmt.Sprint([]string{"", "x", "a longer text than fits "}[rng.IntN(3)], n%4))
		case column.FormOf(f.Type) == column.Wide:
			values[i] = column.Value{Wide: [2]uint64{uint64(n), uint64(n >> 63)}}
			if f.Name == "long" && rng.IntN(4) == 0 {
				values[i].Wide[1] += uint64(rng.Int64N(1<<20) - 1<<19)
			}
		default:
			values[i] = column.IntValue(n)
		}
	}
	return values
}

// aggregate makes a call.
func aggregate(t testing.TB, name string, result types.Type, filter string, distinct bool, retract bool, args ...any) *agg.Call {
	t.Helper()
	c := &logical.AggCall{Fn: &fn.Aggregate{Name: name}, Filter: -1, T: result, Distinct: distinct}
	if filter != "" {
		c.Filter = field(filter)
	}
	for _, a := range args {
		switch a := a.(type) {
		case string:
			c.Args = append(c.Args, &expr.Ref{Index: field(a), Name: a, T: aggregateFields[field(a)].Type})
		case expr.Expr:
			c.Args = append(c.Args, a)
		}
	}
	changes := types.AppendOnly
	if retract {
		changes = types.Retracts
	}
	r, err := agg.Resolve(c, aggregateFields, changes)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// aggregateCalls are calls of all functions.
func aggregateCalls(t testing.TB, retract bool) (calls []*agg.Call) {
	add := func(name string, result types.Type, filter string, args ...any) {
		calls = append(calls, aggregate(t, name, result, filter, false, retract, args...))
	}
	big, wide := types.New(types.BigInt), types.DecimalOf(38, 3)
	add("COUNT", big.NotNull(), "")
	add("COUNT", big.NotNull(), "f")
	add("COUNT", big.NotNull(), "g", "i")
	add("COUNT", big.NotNull(), "", "i", "s")
	add("SUM", types.New(types.Int), "", "i")
	add("SUM", types.New(types.Int), "f", "i")
	add("SUM", big.NotNull(), "", "l")
	add("SUM", types.New(types.TinyInt).NotNull(), "", "tiny")
	add("$SUM0", big.NotNull(), "f", "l")
	add("SUM", types.New(types.Double), "", "d")
	add("SUM", types.DecimalOf(38, 2), "", "short")
	add("SUM", wide, "", "long")
	add("AVG", types.New(types.Int), "", "i")
	add("AVG", types.New(types.Double), "g", "d")
	add("AVG", types.DecimalOf(38, 6), "", "short")
	add("AVG", types.DecimalOf(38, 6), "f", "long")
	distinct := func(name string, result types.Type, filter string, args ...any) {
		calls = append(calls, aggregate(t, name, result, filter, true, retract, args...))
	}
	for _, filter := range []string{"", "f", "g"} {
		distinct("COUNT", big.NotNull(), filter, "i")
		distinct("COUNT", big.NotNull(), filter, "s")
		distinct("SUM", big, filter, "i")
	}
	distinct("COUNT", big.NotNull(), "", "l", "s")
	distinct("AVG", types.DecimalOf(38, 6), "", "long")
	for _, name := range []string{"MIN", "MAX"} {
		for _, arg := range []string{"i", "l", "d", "short", "long", "s", "t", "n", "f"} {
			add(name, aggregateFields[field(arg)].Type, "", arg)
		}
		add(name, big, "g", "l")
		add(name, types.String(), "f", "s")
	}
	add("COLLECT", types.MultisetOf(types.New(types.Int)).NotNull(), "", "i")
	add("COLLECT", types.MultisetOf(types.String()).NotNull(), "f", "s")
	distinct("COLLECT", types.MultisetOf(types.DecimalOf(30, 3)).NotNull(), "", "long")
	if retract {
		return calls
	}
	for _, name := range []string{"FIRST_VALUE", "LAST_VALUE"} {
		for _, arg := range []string{"i", "d", "long", "s", "n"} {
			add(name, aggregateFields[field(arg)].Type.Null(), "", arg)
			add(name, aggregateFields[field(arg)].Type.Null(), "g", arg)
		}
	}
	add("LISTAGG", types.String(), "", "s")
	add("LISTAGG", types.String(), "f", "s", &expr.Const{Value: column.TextValue("; "), T: types.String()})
	distinct("LISTAGG", types.String(), "", "s")
	add("ARRAY_AGG", types.ArrayOf(types.New(types.Int)), "", "i")
	add("ARRAY_AGG", types.ArrayOf(types.String()), "g", "s")
	add("JSON_ARRAYAGG", types.String().NotNull(), "", "i")
	add("JSON_ARRAYAGG", types.String().NotNull(), "f", "s", &expr.Symbol{Name: "NULL ON NULL"})
	add("JSON_OBJECTAGG", types.String().NotNull(), "", "s", "i")
	add("JSON_OBJECTAGG", types.String().NotNull(), "g", "name", "s", &expr.Symbol{Name: "ABSENT ON NULL"})
	return calls
}

// slowGroups groups rows, each time from the beginning.
type slowGroups struct {
	keys  []int
	calls []*agg.Call
	rows  map[string][][]column.Value
}

func (g *slowGroups) key(row []column.Value) []column.Value {
	var key []column.Value
	for _, k := range g.keys {
		key = append(key, row[k])
	}
	return key
}

func (g *slowGroups) apply(r testRow) {
	k := text(g.key(r.values))
	if r.kind.Adds() {
		g.rows[k] = append(g.rows[k], r.values)
		return
	}
	at := slices.IndexFunc(g.rows[k], func(o []column.Value) bool { return text(o) == text(r.values) })
	if g.rows[k] = slices.Delete(slices.Clone(g.rows[k]), at, at+1); len(g.rows[k]) == 0 {
		delete(g.rows, k)
	}
}

// result is the output row of a group, nil if there is none.
func (g *slowGroups) result(row []column.Value) []column.Value {
	rows := g.rows[text(g.key(row))]
	if rows == nil {
		return nil
	}
	out := g.key(row)
	for _, c := range g.calls {
		out = append(out, slowAggregate(c, aggregateFields, rows))
	}
	return out
}

func TestGroupAggregate(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testGroupAggregate(t, rand.New(rand.NewPCG(seed, 7)), false) })
	}
}

func testGroupAggregate(t *testing.T, rng *rand.Rand, twice bool) {
	retract := rng.IntN(2) == 0
	f := &GroupAggregate{
		Input: aggregateFields, Keys: [][]int{{}, {0}, {1}, {0, 1}}[rng.IntN(4)], Consumes: types.AppendOnly,
		UpdateBefore: rng.IntN(2) == 0, PerRow: rng.IntN(3) == 0, Grouped: true,
	}
	all := aggregateCalls(t, retract)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	f.Calls = all[:1+rng.IntN(len(all))]
	if retract {
		f.Consumes = types.Retracts
	}
	if rng.IntN(4) == 0 {
		f.TTL = time.Hour
	}
	run := *f
	push := func(m *testOperator, b *column.Batch) []testRow { return m.push(t, 0, b) }
	if twice {
		f.PerRow = false
		l := &LocalAggregate{Input: aggregateFields, Keys: f.Keys, Calls: f.Calls, Consumes: f.Consumes}
		p := inPhases(t, rng, l)
		f.Calls = l.Calls
		run = *f
		run.Input, run.Keys, run.Partial = p.fields, firstOf(len(f.Keys)), aggregateFields
		push = func(m *testOperator, b *column.Batch) []testRow { return p.push(t, m, b) }
	}
	m := openOperator(t, optest.Options{Rand: rng, Restores: 6, State: randomBackend(t, rng)}, &run, 1)
	g := &slowGroups{keys: f.Keys, calls: f.Calls, rows: map[string][][]column.Value{}}
	var live [][]column.Value
	keys := []int{1, 5, 200}[rng.IntN(3)]
	for range 15 {
		var rows []testRow
		for range 1 + rng.IntN(40) {
			if retract && len(live) > 0 && rng.IntN(2) == 0 {
				i := rng.IntN(len(live))
				rows = append(rows, testRow{[]types.RowKind{types.Delete, types.UpdateBefore}[rng.IntN(2)], live[i]})
				live[i] = live[len(live)-1]
				live = live[:len(live)-1]
				continue
			}
			r := testRow{types.Insert, randomAggregateRow(rng, keys)}
			if retract && rng.IntN(3) == 0 {
				r.kind = types.UpdateAfter
			}
			rows, live = append(rows, r), append(live, r.values)
		}
		got := push(m, testBatch(rng, aggregateFields, rows))
		want := expectedChanges(f, g, rows)
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d\n%v\n%v", len(got), len(want), got, want)
		}
		for i := range got {
			if got[i].kind != want[i].kind || text(got[i].values) != text(want[i].values) {
				t.Fatalf("row %d of %d: %v\nwant %v\ncalls %v", i, len(got), got[i], want[i], names(f.Calls))
			}
		}
	}
}

func firstOf(n int) (cols []int) {
	for i := range n {
		cols = append(cols, i)
	}
	return cols
}

func names(calls []*agg.Call) (s []string) {
	for _, c := range calls {
		s = append(s, fmt.Sprint(c.Function, c.Args, c.Filter))
	}
	return s
}

// expectedChanges applies rows to the groups and returns what that changes.
func expectedChanges(f *GroupAggregate, g *slowGroups, rows []testRow) (out []testRow) {
	pieces := [][]testRow{rows}
	if f.PerRow {
		pieces = nil
		for i := range rows {
			pieces = append(pieces, rows[i:i+1])
		}
	}
	for _, piece := range pieces {
		var order []testRow
		before := map[string][]column.Value{}
		for _, r := range piece {
			if k := text(g.key(r.values)); !containsKey(before, k) {
				before[k] = g.result(r.values)
				order = append(order, r)
			}
		}
		for _, r := range piece {
			g.apply(r)
		}
		for _, r := range order {
			was, is := before[text(g.key(r.values))], g.result(r.values)
			switch {
			case was == nil && is == nil:
			case was == nil:
				out = append(out, testRow{types.Insert, is})
			case is == nil:
				out = append(out, testRow{types.Delete, was})
			case text(was) != text(is) || f.TTL > 0:
				if f.UpdateBefore {
					out = append(out, testRow{types.UpdateBefore, was})
				}
				out = append(out, testRow{types.UpdateAfter, is})
			}
		}
	}
	return out
}

func containsKey[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	return ok
}

// TestGroupsExpire has groups that get no rows for longer than they live.
func TestGroupsExpire(t *testing.T) {
	for _, retract := range []bool{false, true} {
		f := &GroupAggregate{Input: aggregateFields, Keys: []int{0}, Calls: aggregateCalls(t, retract), Consumes: types.AppendOnly, TTL: 100 * time.Millisecond, Grouped: true}
		if retract {
			f.Consumes = types.Retracts
		}
		f.Calls = slices.DeleteFunc(f.Calls, func(c *agg.Call) bool { return c.Distinct }) // values that were seen expire one by one
		rng := rand.New(rand.NewPCG(4, 4))
		m := openOperator(t, optest.Options{Rand: rng, Restores: 5}, f, 1)
		g := &slowGroups{keys: f.Keys, calls: f.Calls, rows: map[string][][]column.Value{}}
		touched := map[string]int64{}
		for now := int64(1000); now < 3000; {
			now += rng.Int64N(60)
			m.Clock(now, false)
			for k, at := range touched {
				if at+100 <= now {
					delete(touched, k)
					delete(g.rows, k)
				}
			}
			var rows []testRow
			for range 1 + rng.IntN(4) {
				r := testRow{types.Insert, randomAggregateRow(rng, 8)}
				rows = append(rows, r)
				touched[text(g.key(r.values))] = now
			}
			got := m.push(t, 0, testBatch(rng, aggregateFields, rows))
			want := expectedChanges(f, g, rows)
			for i := range want {
				if i >= len(got) || got[i].kind != want[i].kind || text(got[i].values) != text(want[i].values) {
					t.Fatalf("at %d: %v\nwant %v", now, got, want)
				}
			}
			if retract && len(rows) > 1 { // of a group that has expired
				m.Clock(now+200, false)
				if now += 200; len(m.push(t, 0, testBatch(rng, aggregateFields, []testRow{{types.Delete, rows[0].values}}))) > 0 {
					t.Fatal("a row was taken back from a group that is not there")
				}
			}
		}
	}
}

// TestValuesTakenBack has functions whose result depends on the order of rows.
func TestValuesTakenBack(t *testing.T) {
	f := &GroupAggregate{Input: aggregateFields, Consumes: types.Retracts, Grouped: true}
	for _, name := range []string{"FIRST_VALUE", "LAST_VALUE", "LISTAGG", "SINGLE_VALUE"} {
		f.Calls = append(f.Calls, aggregate(t, name, types.String(), "", false, true, "s"))
	}
	f.Calls = append(f.Calls, aggregate(t, "VAR_POP", types.New(types.Double), "", false, true, "l"), aggregate(t, "STDDEV_SAMP", types.New(types.Double), "", false, true, "l"))
	m := openOperator(t, optest.Options{}, f, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	change := func(kind types.RowKind, s string, l int64) testRow {
		row := randomAggregateRow(rng, 1)
		row[field("s")], row[field("l")] = column.TextValue(s), column.IntValue(l)
		return testRow{kind, row}
	}
	for _, step := range []struct {
		row  testRow
		want []any
	}{
		{change(types.Insert, "a", 2), []any{"a", "a", "a", "a", 0.0, nil}},
		{change(types.Delete, "a", 2), []any{"a", "a", "a", "a", 0.0, nil}},
		{change(types.Insert, "b", 4), []any{"b", "b", "b", "b", 0.0, nil}},
		{change(types.UpdateAfter, "c", 8), nil},
	} {
		out := m.in[0]
		from := len(m.out)
		out.Push(testBatch(rng, aggregateFields, []testRow{step.row}), 0)
		m.Flush()
		if step.want == nil { // a second row is one too many for SINGLE_VALUE
			if fault.CodeOf(m.Err()) != fault.ExpressionValue {
				t.Fatal(m.Err())
			}
			break
		}
		got := m.out[from:]
		for i, w := range step.want {
			v := got[0].values[i]
			if s, ok := w.(string); ok && v.Text != s || w == nil && !v.Null {
				t.Errorf("%v: %v, want %v", f.Calls[i].Function, v, w)
			}
			if x, ok := w.(float64); ok && (v.Null || v.Float() != x) {
				t.Errorf("%v: %v, want %v", f.Calls[i].Function, v, w)
			}
		}
	}
	f.Calls = slices.Delete(slices.Clone(f.Calls), 3, 4)
	m = openOperator(t, optest.Options{}, f, 1)
	got := m.push(t, 0, testBatch(rng, aggregateFields, []testRow{
		change(types.Insert, "a", 2), change(types.Insert, "b", 4), change(types.Insert, "c", 4), change(types.Insert, "d", 6), change(types.Delete, "a", 2),
		change(types.Insert, "e", 2), change(types.Delete, "e", 2), change(types.Insert, "f", 2),
	}))
	v := got[0].values
	first := strings.Split(v[2].Text, ",")
	if v[0].Text != first[0] || v[1].Text != first[len(first)-1] || len(first) != 4 || math.Abs(v[3].Float()-2) > 1e-9 || math.Abs(v[4].Float()-math.Sqrt(8.0/3)) > 1e-9 {
		t.Error(v)
	}
}

func TestGroupAggregateFinal(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, keys := range [][]int{{}, {0, 1}} {
		for _, batches := range []int{0, 40} {
			f := &GroupAggregate{Input: aggregateFields, Keys: keys, Calls: aggregateCalls(t, false), Consumes: types.AppendOnly, Final: true, Grouped: len(keys) > 0}
			for _, c := range f.Calls {
				if !f.Grouped && slices.Contains([]string{"SUM", "AVG", "MIN", "MAX"}, c.Function) {
					c.Result = c.Result.Null()
				}
			}
			m := openOperator(t, optest.Options{Rand: rng, State: evicting(t)}, f, 1)
			g := &slowGroups{keys: f.Keys, calls: f.Calls, rows: map[string][][]column.Value{}}
			for range batches {
				var rows []testRow
				for range 100 {
					r := testRow{types.Insert, randomAggregateRow(rng, 1000)}
					rows = append(rows, r)
					g.apply(r)
				}
				if out := m.push(t, 0, testBatch(rng, aggregateFields, rows)); len(out) > 0 {
					t.Fatalf("%v before the end", out)
				}
			}
			m.Finish()
			want := map[string]bool{}
			for _, rows := range g.rows {
				want[text(g.result(rows[0]))] = true
			}
			if len(keys) == 0 && batches == 0 {
				var zero []column.Value
				for _, c := range f.Calls {
					zero = append(zero, slowAggregate(c, aggregateFields, nil))
				}
				want[text(zero)] = true
			}
			if len(m.out) != len(want) {
				t.Fatalf("%d rows, want %d", len(m.out), len(want))
			}
			for _, r := range m.out {
				if r.kind != types.Insert || !want[text(r.values)] {
					t.Fatalf("unexpected %v", r)
				}
			}
		}
	}
}
