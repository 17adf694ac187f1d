package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/types"
)

func TestChangelogNormalize(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &ChangelogNormalize{Input: sideFields("c"), Keys: [][]int{{0}, {0, 5}}[r.IntN(2)], UpdateBefore: r.IntN(2) == 0, PerRow: r.IntN(2) == 0}
		if r.IntN(4) == 0 {
			f.TTL = time.Hour // which does not come
		}
		o := optest.Options{Rand: r, Restores: 10, Start: 1000}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, %+v", seed, *f)
		g := newRig(t, o, f, f.Input)
		kept, got := map[string]change{}, bag{}
		for range 25 {
			var in, want []change
			for range 1 + r.IntN(10) {
				c := change{types.RowKind(r.IntN(4)), randomSide(r, 4, 2)}
				if r.IntN(3) == 0 && len(in) > 0 {
					c = in[len(in)-1]
				}
				in = append(in, c)
				key := keyText(c.row, f.Keys)
				was, ok := kept[key]
				switch {
				case c.kind == types.UpdateBefore || !ok && c.kind == types.Delete:
				case c.kind == types.Delete:
					want = append(want, change{types.Delete, was.row})
					delete(kept, key)
				case !ok:
					want = append(want, change{types.Insert, c.row})
					kept[key] = c
				case rowText(was.row) != rowText(c.row) || f.TTL > 0:
					if f.UpdateBefore {
						want = append(want, change{types.UpdateBefore, was.row})
					}
					want = append(want, change{types.UpdateAfter, c.row})
					kept[key] = c
				}
			}
			out := g.push(0, in...)
			if f.PerRow && fmt.Sprint(out) != fmt.Sprint(want) {
				t.Fatalf("%s: %v gave\n%v, want\n%v", name, in, out, want)
			}
			if !f.UpdateBefore {
				continue
			}
			for _, c := range out {
				if !got.apply(c) {
					t.Fatalf("%s: %v takes away what is not there", name, c)
				}
			}
			state := bag{}
			for _, c := range kept {
				state.apply(change{row: c.row})
			}
			if a, b := got.String(), state.String(); a != b {
				t.Fatalf("%s: after %v\ngot\n%s\nwant\n%s", name, in, a, b)
			}
		}
		g.finish()
		if n := g.h.Context().Store.Keys(); n > len(kept) {
			t.Fatalf("%s: %d keys are left of %d", name, n, len(kept))
		}
	}
}

func TestSinkMaterializer(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &SinkMaterializer{Input: sideFields("c"), Keys: [][]int{{0}, {0, 5}}[r.IntN(2)], Consumes: types.Retracts, Conflict: []Conflict{ConflictLast, ConflictFirst}[seed%2]}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, %+v", seed, *f)
		g := newRig(t, o, f, f.Input)
		lists, told := map[string][][]column.Value{}, map[string]string{}
		var all []change // that may be taken back
		for range 25 {
			var in []change
			for range 1 + r.IntN(10) {
				c := change{types.Insert, randomSide(r, 3, 2)}
				i := 0
				if len(all) > 0 && r.IntN(2) == 0 {
					i = r.IntN(len(all))
					c = change{[]types.RowKind{types.UpdateBefore, types.Delete}[r.IntN(2)], all[i].row}
					all = slices.Delete(all, i, i+1)
				} else {
					all = append(all, c)
				}
				in = append(in, c)
			}
			for _, adds := range []bool{true, false} {
				for _, c := range in {
					if c.kind.Adds() != adds {
						continue
					}
					key := keyText(c.row, f.Keys)
					if adds {
						lists[key] = append(lists[key], c.row)
						continue
					}
					i := slices.IndexFunc(lists[key], func(row []column.Value) bool { return rowText(row) == rowText(c.row) })
					lists[key] = slices.Delete(lists[key], i, i+1)
				}
			}
			for _, c := range g.push(0, in...) {
				key := keyText(c.row, f.Keys)
				switch _, ok := told[key]; {
				case c.kind == types.Delete && told[key] == rowText(c.row):
					delete(told, key)
				case c.kind == types.Insert && !ok, c.kind == types.UpdateAfter && ok && told[key] != rowText(c.row):
					told[key] = rowText(c.row)
				default:
					t.Fatalf("%s: %v where %s was told", name, c, told[key])
				}
			}
			for key, rows := range lists {
				if len(rows) == 0 && told[key] != "" || len(rows) > 0 && !slices.ContainsFunc(rows, func(row []column.Value) bool { return rowText(row) == told[key] }) {
					t.Fatalf("%s: after %v key %s is told as %s, has %v", name, in, key, told[key], rows)
				}
				if unique := map[string]bool{}; len(rows) > 0 {
					for _, row := range rows {
						unique[rowText(row)] = true
					}
					counts := rows[len(rows)-1]
					if f.Conflict == ConflictFirst {
						counts = rows[0]
					}
					if len(unique) == len(rows) && told[key] != rowText(counts) {
						t.Fatalf("%s: after %v key %s is told as %s, has %v", name, in, key, told[key], rows)
					}
				}
			}
		}
		g.finish()
	}
}
