package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/types"
)

func TestToChangelog(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 2))
		in := sideFields("c")
		f := &ToChangelog{Input: in, Names: [4]string{"+I", "a name longer than a view has room for", "+U", "-D"}}
		if r.IntN(2) == 0 {
			f.Names[r.IntN(4)] = ""
		}
		if r.IntN(2) == 0 {
			f.Names[2] = f.Names[0]
		}
		f.Columns = append(r.Perm(len(in)), -1)
		r.Shuffle(len(f.Columns), func(i, j int) { f.Columns[i], f.Columns[j] = f.Columns[j], f.Columns[i] })
		if r.IntN(2) == 0 {
			f.Blank = r.Perm(len(in))[:1+r.IntN(len(in))]
		}
		g := newRig(t, optest.Options{Rand: r, Start: 1000}, f, in)
		for range 20 {
			var given, want []change
			inserts := r.IntN(4) == 0
			for range 1 + r.IntN(80) {
				c := change{types.RowKind(r.IntN(4)), randomSide(r, 4, 2)}
				if inserts {
					c.kind = types.Insert
				}
				given = append(given, c)
				if f.Names[c.kind] == "" {
					continue
				}
				w := change{}
				for _, at := range f.Columns {
					switch {
					case at < 0:
						w.row = append(w.row, column.TextValue(f.Names[c.kind]))
					case c.kind == types.Delete && slices.Contains(f.Blank, at):
						w.row = append(w.row, column.NullValue())
					default:
						w.row = append(w.row, c.row[at])
					}
				}
				want = append(want, w)
			}
			if got := g.push(0, given...); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d, %+v: %v gave\n%v, want\n%v", seed, *f, given, got, want)
			}
		}
		g.finish()
	}
}

func TestFromChangelog(t *testing.T) {
	kinds := map[string]types.RowKind{"a": types.Insert, "b": types.UpdateBefore, "c": types.UpdateAfter, "d": types.Delete, "a name longer than a view has room for": types.UpdateAfter}
	names := []string{"a", "b", "c", "d", "a name longer than a view has room for"}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 3))
		in := sideFields("c")
		f := &FromChangelog{Op: 2, Kinds: kinds, UpdateBefore: r.IntN(2) == 0, Skip: true, Log: r.IntN(2) == 0, Columns: slices.DeleteFunc(r.Perm(len(in)), func(c int) bool { return c == 2 })}
		fails := r.IntN(3) == 0
		if fails {
			f.Skip, f.Log = false, false
		}
		g := newRig(t, optest.Options{Rand: r, Start: 1000}, f, in)
		failed := false
		for range 20 {
			var given, want []change
			bad := r.IntN(8) == 0
			for range 1 + r.IntN(60) {
				c := change{row: randomSide(r, 4, 2)}
				name := names[r.IntN(len(names))]
				c.row[2] = column.TextValue(name)
				if bad && r.IntN(8) == 0 {
					c.row[2] = []column.Value{column.TextValue("A"), column.TextValue(""), column.NullValue()}[r.IntN(3)]
					failed = failed || fails
					given = append(given, c)
					continue
				}
				given = append(given, c)
				if kinds[name] == types.UpdateBefore && !f.UpdateBefore {
					continue
				}
				w := change{kind: kinds[name]}
				for _, at := range f.Columns {
					w.row = append(w.row, c.row[at])
				}
				want = append(want, w)
			}
			if failed {
				g.inputs[0].Push(batchOf(r, in, given), 0)
				if err := g.h.Err(); fault.CodeOf(err) != fault.ExpressionValue || len(g.out) > 0 {
					t.Fatalf("seed %d: %v gave %v and %v", seed, given, g.out, err)
				}
				break
			}
			if got := g.push(0, given...); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d, %+v: %v gave\n%v, want\n%v", seed, *f, given, got, want)
			}
		}
	}
}
