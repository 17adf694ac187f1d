package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

var joinKinds = []logical.JoinKind{logical.Inner, logical.LeftOuter, logical.RightOuter, logical.FullOuter, logical.Semi, logical.Anti}

// joinTest is a join whose result is also computed from its inputs as a whole, by nested loops.
type joinTest struct {
	f     *Join
	sides [2][][]column.Value
	also  func(l, r []column.Value) bool // nil, or the rest of the condition
}

func randomSide(r *rand.Rand, keys, rows int) []column.Value {
	null := func(v column.Value) column.Value {
		if r.IntN(8) == 0 {
			return column.NullValue()
		}
		return v
	}
	return []column.Value{
		null(column.IntValue(int64(r.IntN(keys)))),
		null(column.IntValue(int64(r.IntN(rows)))),
		null(column.TextValue([]string{"a", "one that is longer than a view", "another one that is as long"}[r.IntN(3)])),
		null(column.Value{Wide: [2]uint64{uint64(r.IntN(3) + 1), 0}}),
		null(column.Value{List: []column.Value{column.IntValue(int64(r.IntN(3))), null(column.IntValue(2))}}),
		null(column.TextValue([]string{"k", "a key that is longer than a view"}[r.IntN(2)])),
	}
}

func sideFields(prefix string) []types.Field {
	return []types.Field{
		fieldOf(prefix+"key", testBigint), fieldOf(prefix+"v", testBigint), fieldOf(prefix+"s", types.String()), fieldOf(prefix+"d", types.DecimalOf(30, 2)),
		fieldOf(prefix+"a", types.ArrayOf(testBigint)), fieldOf(prefix+"k2", types.String()),
	}
}

// pairs tells whether two rows match.
func (j *joinTest) pairs(l, r []column.Value) bool {
	for i, c := range j.f.LeftKeys {
		a, b := l[c], r[j.f.RightKeys[i]]
		if a.Null || b.Null {
			if !(a.Null && b.Null && j.f.nullSafe(i)) {
				return false
			}
		} else if !a.Equal(b) {
			return false
		}
	}
	if j.also != nil && !j.also(l, r) {
		return false
	}
	return j.f.Residual == nil || !l[1].Null && !r[1].Null && l[1].Int() <= r[1].Int()
}

func (j *joinTest) result() bag {
	out := bag{}
	padding := make([]column.Value, len(j.f.Left))
	for i := range padding {
		padding[i] = column.NullValue()
	}
	emit := func(parts ...[]column.Value) { out.apply(change{row: slices.Concat(parts...)}) }
	met := make([]bool, len(j.sides[1]))
	for _, l := range j.sides[0] {
		n := 0
		for i, r := range j.sides[1] {
			if !j.pairs(l, r) {
				continue
			}
			n++
			met[i] = true
			if !j.f.semi() {
				emit(l, r)
			}
		}
		switch k := j.f.Kind; {
		case k == logical.Semi && n > 0 || k == logical.Anti && n == 0:
			emit(l)
		case n == 0 && (k == logical.LeftOuter || k == logical.FullOuter):
			emit(l, padding)
		}
	}
	for i, r := range j.sides[1] {
		if !met[i] && (j.f.Kind == logical.RightOuter || j.f.Kind == logical.FullOuter) {
			emit(padding, r)
		}
	}
	return out
}

// step makes random changes of a side.
func (j *joinTest) step(r *rand.Rand, s int, keys int, updates bool) []change {
	var out []change
	for range 1 + r.IntN(12) {
		rows := &j.sides[s]
		row := randomSide(r, keys, 6)
		switch x := r.IntN(10); {
		case updates && x < 3 && len(*rows) > 0:
			i := r.IntN(len(*rows))
			out = append(out, change{types.Delete, (*rows)[i]})
			*rows = slices.Delete(*rows, i, i+1)
		case updates && x < 5 && len(*rows) > 0:
			i := r.IntN(len(*rows))
			out = append(out, change{types.UpdateBefore, (*rows)[i]}, change{types.UpdateAfter, row})
			(*rows)[i] = row
		default:
			out = append(out, change{types.Insert, row})
			*rows = append(*rows, row)
		}
	}
	return out
}

func TestJoinIsThatOfItsInputs(t *testing.T) {
	for seed := range uint64(180) {
		kind := joinKinds[seed%6]
		r := rand.New(rand.NewPCG(seed, 2))
		f := &Join{Session: testSession, Left: sideFields("l"), Right: sideFields("r"), Kind: kind, ConsumesLeft: types.AppendOnly, ConsumesRight: types.AppendOnly, UpdateBefore: true}
		updates := [2]bool{r.IntN(3) > 0, r.IntN(3) > 0}
		if updates[0] {
			f.ConsumesLeft = types.Retracts
		}
		if updates[1] {
			f.ConsumesRight = types.Retracts
		}
		keys := 5
		switch r.IntN(4) {
		case 0:
			f.LeftKeys, f.RightKeys, f.NullSafe = []int{0, 5}, []int{0, 5}, []bool{r.IntN(2) == 0, true}
		case 1:
			f.LeftKeys, f.RightKeys = []int{5}, []int{2}
		case 2:
			f.LeftKeys, f.RightKeys = []int{0}, []int{0}
		}
		if r.IntN(2) == 0 {
			all := slices.Concat(f.Left, f.Right)
			f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, 7))
		}
		f.Final = r.IntN(4) == 0 && !updates[0] && !updates[1]
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, kind %d, keys %v, residual %v, updates %v, final %v", seed, kind, f.LeftKeys, f.Residual, updates, f.Final)
		if f.Final {
			o.Restores = 0
		}
		g := newRig(t, o, f, f.Left, f.Right)
		want, got := &joinTest{f: f}, bag{}
		take := func(changes []change) {
			for _, c := range changes {
				if !got.apply(c) && !f.Final {
					t.Fatalf("%s: %v takes away a row that is not there", name, c)
				}
				if f.Final && c.kind != types.Insert {
					t.Fatalf("%s: %v", name, c)
				}
			}
		}
		for range 25 {
			s := r.IntN(2)
			in := want.step(r, s, keys, updates[s])
			take(g.push(s, in...))
			if f.Final || r.IntN(3) > 0 {
				continue
			}
			if a, b := got.String(), want.result().String(); a != b {
				t.Fatalf("%s: after %v on %d\ngot\n%s\nwant\n%s", name, in, s, a, b)
			}
		}
		take(g.finish())
		if a, b := got.String(), want.result().String(); a != b {
			t.Fatalf("%s: at the end\ngot\n%s\nwant\n%s", name, a, b)
		}
	}
}

// TestJoinOfUpserts leaves the -U rows out of a side with one row a key.
func TestJoinOfUpserts(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 3))
		f := &Join{
			Session: testSession, Left: sideFields("l"), Right: sideFields("r"), Kind: joinKinds[seed%6], LeftKeys: []int{0}, RightKeys: []int{0}, UpdateBefore: true,
			ConsumesLeft: types.Upserts, ConsumesRight: types.AppendOnly, LeftUnique: true, LeftUpsert: []int{0},
		}
		if r.IntN(2) == 0 {
			all := slices.Concat(f.Left, f.Right)
			f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, 7))
		}
		g := newRig(t, optest.Options{Rand: r, Restores: 10}, f, f.Left, f.Right)
		want, got := &joinTest{f: f}, bag{}
		for range 25 {
			var in []change
			s := r.IntN(2)
			if s == 1 {
				in = want.step(r, 1, 5, false)
			} else {
				for range 1 + r.IntN(8) {
					row := randomSide(r, 5, 6)
					row[0] = column.IntValue(int64(r.IntN(5)))
					rows := &want.sides[0]
					i := slices.IndexFunc(*rows, func(o []column.Value) bool { return o[0].Equal(row[0]) })
					switch {
					case i < 0 && r.IntN(5) == 0:
						in = append(in, change{types.Delete, row}) // of nothing
					case i < 0:
						in = append(in, change{types.Insert, row})
						*rows = append(*rows, row)
					case r.IntN(3) == 0:
						in = append(in, change{types.Delete, row})
						*rows = slices.Delete(*rows, i, i+1)
					default:
						in = append(in, change{types.UpdateAfter, row})
						(*rows)[i] = row
					}
				}
			}
			for _, c := range g.push(s, in...) {
				if !got.apply(c) {
					t.Fatalf("seed %d: %v takes away a row that is not there", seed, c)
				}
			}
			if a, b := got.String(), want.result().String(); a != b {
				t.Fatalf("seed %d: after %v on %d\ngot\n%s\nwant\n%s", seed, in, s, a, b)
			}
		}
		g.finish()
		if n := g.h.Context().Store.Keys(); n > 5 {
			t.Fatalf("%d keys are left", n)
		}
	}
}

// TestJoinForgets has rows go by processing time and by the watermark.
func TestJoinForgets(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("ts", types.TimestampOf(6))}
	row := func(k, millis int64) change {
		return change{row: []column.Value{column.IntValue(k), column.IntValue(millis * 1000)}}
	}
	f := &Join{
		Session: testSession, Left: fields, Right: fields, LeftKeys: []int{0}, RightKeys: []int{0}, ConsumesLeft: types.AppendOnly, ConsumesRight: types.AppendOnly,
		LeftExpire: &Expiry{Column: 1, Keep: 10 * time.Millisecond}, RightTTL: 50 * time.Millisecond,
	}
	g := newRig(t, optest.Options{Start: 1000}, f, fields, fields)
	count := func(what string, got []change, want int) {
		t.Helper()
		if len(got) != want {
			t.Fatalf("%s: %v, want %d pairs", what, got, want)
		}
	}
	count("the first", g.push(0, row(1, 100), row(1, 105), row(2, 90)), 0)
	count("both", g.push(1, row(1, 0)), 2)
	g.watermark(115)
	count("one is left", g.push(1, row(1, 0)), 1)
	count("late rows find partners and are not kept", g.push(0, row(1, 104)), 2)
	count("so there is one still", g.push(1, row(1, 0)), 1)
	g.h.Clock(1049, false)
	count("not over yet", g.push(0, row(1, 200)), 3)
	g.h.Clock(1050, false)
	count("over", g.push(0, row(1, 200)), 0)
	g.watermark(1000)
	for range 8 {
		g.push(1, row(9, 0))
	}
	g.h.Clock(2000, false)
	for range 8 {
		g.push(0, row(3, 0))
	}
	if n := g.h.Context().Store.Keys(); n != 0 {
		t.Fatalf("%d keys are left", n)
	}
	g.finish()
}

// TestJoinForgetsAhead has rows go before the watermark has come to their time.
func TestJoinForgetsAhead(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("ts", types.TimestampOf(3))}
	row := func(k, millis int64) change {
		return change{row: []column.Value{column.IntValue(k), column.IntValue(millis)}}
	}
	f := &Join{
		Session: testSession, Left: fields, Right: fields, LeftKeys: []int{0}, RightKeys: []int{0}, ConsumesLeft: types.AppendOnly, ConsumesRight: types.AppendOnly,
		LeftExpire: &Expiry{Column: 1, Keep: -10 * time.Millisecond},
	}
	g := newRig(t, optest.Options{Start: 1000}, f, fields, fields)
	g.push(0, row(1, 100), row(1, 110))
	g.watermark(90)
	if out := g.push(1, row(1, 0)); len(out) != 2 {
		t.Fatalf("%v, want two pairs", out)
	}
	g.watermark(91)
	if out := g.push(1, row(1, 0)); len(out) != 1 {
		t.Fatalf("%v, want a pair", out)
	}
	g.finish()
}

// TestFinalRowsOnDisk has more keys than memory is for, all of which have something to say at the end.
func TestFinalRowsOnDisk(t *testing.T) {
	const rows = 2000
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("s", types.String())}
	order := []logical.SortKey{{Column: 1}}
	for name, f := range map[string]operator.Factory{
		"join":  &Join{Session: testSession, Left: fields, Right: fields, Kind: logical.LeftOuter, LeftKeys: []int{0}, RightKeys: []int{0}, ConsumesLeft: types.AppendOnly, ConsumesRight: types.AppendOnly, Final: true},
		"group": &GroupAggregate{Session: testSession, Input: fields, Keys: []int{0, 1}, Consumes: types.AppendOnly, Final: true, Grouped: true},
		"rank":  &Rank{Input: fields, Keys: []int{0}, Order: order, From: 1, To: 3, Consumes: types.AppendOnly, Final: true},
		"last":  &Deduplicate{Input: fields, Keys: []int{0}, Time: -1, KeepLast: true, Final: true},
		"sort":  &Sort{Input: fields, Order: order, Final: true, Limit: -1},
	} {
		t.Run(name, func(t *testing.T) {
			inputs := [][]types.Field{fields}
			if name == "join" {
				inputs = append(inputs, fields)
			}
			g := newRig(t, optest.Options{State: spilling(t)}, f, inputs...)
			var in []change
			for i := range int64(rows) {
				in = append(in, change{row: []column.Value{column.IntValue(i), column.TextValue(fmt.Sprintf("a text that takes some room, with number %d", i))}})
				if len(in) == 100 {
					if out := g.push(0, in...); len(out) > 0 {
						t.Fatalf("%v came at once", out[0])
					}
					in = in[:0]
				}
			}
			if out := g.finish(); len(out) != rows {
				t.Fatalf("%d rows came, want %d", len(out), rows)
			}
		})
	}
}

// TestJoinWithoutUpdateBefore leaves out the -U rows, and nothing else.
func TestJoinWithoutUpdateBefore(t *testing.T) {
	for seed := range uint64(60) {
		var outs [2][]string
		for i, before := range []bool{true, false} {
			r := rand.New(rand.NewPCG(seed, 5))
			f := &Join{Session: testSession, Left: sideFields("l"), Right: sideFields("r"), Kind: joinKinds[seed%6], LeftKeys: []int{0}, RightKeys: []int{0}, ConsumesLeft: types.Retracts, ConsumesRight: types.Retracts, UpdateBefore: before}
			if seed%2 == 0 {
				all := slices.Concat(f.Left, f.Right)
				f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, 7))
			}
			g := newRig(t, optest.Options{Rand: r}, f, f.Left, f.Right)
			inputs := &joinTest{f: f}
			for range 25 {
				s := r.IntN(2)
				for _, c := range g.push(s, inputs.step(r, s, 5, true)...) {
					if c.kind != types.UpdateBefore {
						outs[i] = append(outs[i], c.String())
					} else if !before {
						t.Fatalf("seed %d: %v", seed, c)
					}
				}
			}
			g.finish()
		}
		if !slices.Equal(outs[0], outs[1]) {
			t.Fatalf("seed %d:\n%v\nwant\n%v", seed, outs[1], outs[0])
		}
	}
}
