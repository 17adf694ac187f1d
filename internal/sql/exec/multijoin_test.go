package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/types"
)

// multiTest is a join of several inputs whose result is also computed from them as a whole, by nested loops.
type multiTest struct {
	f      *MultiJoin
	inputs [][][]column.Value
}

func (m *multiTest) result() bag {
	out := bag{}
	chosen := make([][]column.Value, len(m.inputs))
	var choose func(i int)
	choose = func(i int) {
		if i == len(m.inputs) {
			all := slices.Concat(chosen...)
			if a, b := all[1], all[len(all)-5]; m.f.Residual == nil || !a.Null && !b.Null && a.Int() <= b.Int() {
				out.apply(change{row: all})
			}
			return
		}
		for _, row := range m.inputs[i] {
			chosen[i] = row
			if m.alike(chosen[:i+1]) {
				choose(i + 1)
			}
		}
	}
	choose(0)
	return out
}

// alike tells whether the last of some rows has the key of the first, and whether the first may have one.
func (m *multiTest) alike(rows [][]column.Value) bool {
	last := len(rows) - 1
	for k := range m.f.Inputs[0].Keys {
		a, b := rows[0][m.f.Inputs[0].Keys[k]], rows[last][m.f.Inputs[last].Keys[k]]
		if a.Null || b.Null {
			if !(a.Null && b.Null && m.f.NullSafe != nil && m.f.NullSafe[k]) {
				return false
			}
		} else if !a.Equal(b) {
			return false
		}
	}
	return true
}

// changeUnique makes random changes of an input with one row a key, without -U rows.
func changeUnique(r *rand.Rand, rows *[][]column.Value) (in []change) {
	for range 1 + r.IntN(8) {
		row := randomSide(r, 4, 6)
		row[0] = column.IntValue(int64(r.IntN(4)))
		i := slices.IndexFunc(*rows, func(o []column.Value) bool { return o[0].Equal(row[0]) })
		switch {
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
	return in
}

func TestMultiJoinIsThatOfItsInputs(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 21))
		f := &MultiJoin{Session: testSession, UpdateBefore: true}
		keys := []int{0}
		switch r.IntN(3) {
		case 0:
			keys, f.NullSafe = []int{0, 5}, []bool{r.IntN(2) == 0, true}
		case 1:
			keys = []int{5, 0}
		}
		all := []types.Field{}
		for i := range 3 + r.IntN(2) {
			in := JoinInput{Fields: sideFields(string(rune('a' + i))), Keys: keys, Consumes: types.AppendOnly}
			switch r.IntN(3) {
			case 0:
				in.Consumes = types.Retracts
			case 1:
				if len(keys) == 1 {
					in.Consumes, in.Unique = types.Upserts, true
				}
			}
			f.Inputs, all = append(f.Inputs, in), append(all, in.Fields...)
		}
		if r.IntN(2) == 0 {
			f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, len(all)-5))
		}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(10) == 0 {
			o.State = spilling(t)
		}
		var fields [][]types.Field
		for _, in := range f.Inputs {
			fields = append(fields, in.Fields)
		}
		name := fmt.Sprintf("seed %d, %d inputs, keys %v, residual %v", seed, len(f.Inputs), keys, f.Residual)
		g := newRig(t, o, f, fields...)
		want, got := &multiTest{f, make([][][]column.Value, len(f.Inputs))}, bag{}
		take := func(changes []change) {
			for _, c := range changes {
				if !got.apply(c) {
					t.Fatalf("%s: %v takes away a row that is not there", name, c)
				}
			}
		}
		check := func(after string) {
			if a, b := got.String(), want.result().String(); a != b {
				t.Fatalf("%s: %s\ngot\n%s\nwant\n%s", name, after, a, b)
			}
		}
		for range 12 { // few, as all combinations are looked at
			s := r.IntN(len(f.Inputs))
			var in []change
			if f.Inputs[s].Unique {
				in = changeUnique(r, &want.inputs[s])
			} else {
				steps := joinTest{sides: [2][][]column.Value{want.inputs[s], nil}}
				in = steps.step(r, 0, 5, f.Inputs[s].Consumes.Updates())
				want.inputs[s] = steps.sides[0]
			}
			take(g.push(s, in...))
			if r.IntN(3) == 0 {
				check(fmt.Sprintf("after %v on %d", in, s))
			}
		}
		take(g.finish())
		check("at the end")
	}
}

// TestMultiJoinWithoutUpdateBefore leaves out the -U rows, and nothing else.
func TestMultiJoinWithoutUpdateBefore(t *testing.T) {
	for seed := range uint64(40) {
		var outs [2][]string
		for i, before := range []bool{true, false} {
			r := rand.New(rand.NewPCG(seed, 22))
			f := &MultiJoin{Session: testSession, UpdateBefore: before}
			for _, p := range []string{"a", "b", "c"} {
				f.Inputs = append(f.Inputs, JoinInput{Fields: sideFields(p), Keys: []int{0}, Consumes: types.Retracts})
			}
			g := newRig(t, optest.Options{Rand: r}, f, f.Inputs[0].Fields, f.Inputs[1].Fields, f.Inputs[2].Fields)
			steps := []*joinTest{{}, {}, {}}
			for range 12 {
				s := r.IntN(3)
				for _, c := range g.push(s, steps[s].step(r, 0, 3, true)...) {
					if c.kind != types.UpdateBefore {
						outs[i] = append(outs[i], fmt.Sprint(c))
					} else if !before {
						t.Fatalf("seed %d: %v", seed, c)
					}
				}
			}
			g.finish()
		}
		if !slices.Equal(outs[0], outs[1]) {
			t.Fatalf("seed %d: with -U rows\n%s\nwithout\n%s", seed, strings.Join(outs[0], "\n"), strings.Join(outs[1], "\n"))
		}
	}
}

// TestMultiJoinForgets has rows go by processing time.
func TestMultiJoinForgets(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("v", testBigint)}
	f := &MultiJoin{Session: testSession, TTL: 50 * time.Millisecond}
	for range 3 {
		f.Inputs = append(f.Inputs, JoinInput{Fields: fields, Keys: []int{0}, Consumes: types.AppendOnly})
	}
	row := func(k int64) change { return change{row: []column.Value{column.IntValue(k), column.IntValue(k)}} }
	g := newRig(t, optest.Options{Start: 1000}, f, fields, fields, fields)
	g.push(0, row(1))
	g.push(1, row(1))
	if out := g.push(2, row(1), row(1)); len(out) != 2 {
		t.Fatalf("%v, want two rows", out)
	}
	g.h.Clock(1040, false)
	if out := g.push(0, row(1)); len(out) != 2 {
		t.Fatalf("%v, want one row for each of the third input", out)
	}
	g.h.Clock(1050, false)
	if out := g.push(1, row(1)); len(out) != 0 {
		t.Fatalf("%v, though the third input's rows are over", out)
	}
	g.h.Clock(2000, false)
	for range 8 {
		g.push(2, row(3))
	}
	g.h.Clock(3000, false)
	for range 8 {
		g.push(2, row(4))
	}
	g.h.Clock(4000, false)
	for range 8 {
		g.push(0, row(5))
	}
	if n := g.h.Context().Store.Keys(); n > 1 {
		t.Fatalf("%d keys are left", n)
	}
	g.finish()
}

// TestMultiJoinOfBounded keeps no rows once all other inputs have ended.
func TestMultiJoinOfBounded(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("v", testBigint)}
	f := &MultiJoin{Session: testSession, Final: true}
	for range 3 {
		f.Inputs = append(f.Inputs, JoinInput{Fields: fields, Keys: []int{0}, Consumes: types.AppendOnly})
	}
	row := func(k, v int64) change { return change{row: []column.Value{column.IntValue(k), column.IntValue(v)}} }
	g := newRig(t, optest.Options{}, f, fields, fields, fields)
	g.push(0, row(1, 1), row(2, 2))
	g.push(1, row(1, 3), row(2, 4), row(2, 5))
	g.h.EndInput(0)
	g.h.EndInput(1)
	keys := g.h.Context().Store.Keys()
	if out := g.push(2, row(1, 6), row(2, 7), row(9, 8)); len(out) != 3 {
		t.Fatalf("%v, want three rows", out)
	}
	if n := g.h.Context().Store.Keys(); n != keys {
		t.Fatalf("there were %d keys, and are %d", keys, n)
	}
}
