package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

func TestTemporalJoin(t *testing.T) {
	stamp := types.TimestampOf(3).NotNull().WithAttribute(types.Rowtime)
	for seed := range uint64(160) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &TemporalJoin{
			Session: testSession, Left: append(sideFields("l"), fieldOf("ts", stamp)), Right: append(sideFields("r"), fieldOf("ts", stamp)), Kind: joinKinds[seed%2], LeftTime: 6, RightTime: 6,
			LeftKeys: []int{0}, RightKeys: []int{0}, Proctime: r.IntN(3) == 0,
		}
		if r.IntN(2) == 0 {
			all := slices.Concat(f.Left, f.Right)
			f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, 8))
		}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, %+v", seed, *f)
		g := newRig(t, o, f, f.Left, f.Right)
		var lefts, rights []change // in the order of their arrival
		var want []string          // of processing time
		null := make([]column.Value, len(f.Right))
		for i := range null {
			null[i] = column.NullValue()
		}
		// at is the result of a left row.
		at := func(l change) (out []string) {
			var found *change
			for i, v := range rights {
				if l.row[0].Null || v.row[0].Null || !v.row[0].Equal(l.row[0]) || v.kind == types.UpdateBefore {
					continue
				}
				if f.Proctime || v.row[6].Int() <= l.row[6].Int() && (found == nil || v.row[6].Int() >= found.row[6].Int()) {
					found = &rights[i]
				}
			}
			if found != nil && found.kind != types.Delete && (f.Residual == nil || !l.row[1].Null && !found.row[1].Null && l.row[1].Int() <= found.row[1].Int()) {
				return []string{change{l.kind, slices.Concat(l.row, found.row)}.String()}
			}
			if f.Kind == logical.LeftOuter {
				return []string{change{l.kind, slices.Concat(l.row, null)}.String()}
			}
			return nil
		}
		var got []string
		take := func(changes []change) {
			for _, c := range changes {
				got = append(got, c.String())
			}
		}
		watermark := int64(0)
		take(g.watermark(0))
		for range 40 {
			if r.IntN(4) == 0 {
				watermark += int64(r.IntN(12))
				take(g.watermark(watermark))
				continue
			}
			s := r.IntN(2)
			var in []change
			for range 1 + r.IntN(10) {
				c := change{types.RowKind(r.IntN(4)), append(randomSide(r, 4, 6), column.IntValue(watermark+1+int64(r.IntN(20))))}
				in = append(in, c)
				if s == 1 {
					if f.Proctime && c.kind == types.UpdateBefore { // its +U follows
						in[len(in)-1].kind = types.Delete
						c.kind = types.Delete
					}
					rights = append(rights, c)
					continue
				}
				lefts = append(lefts, c)
				if f.Proctime {
					want = append(want, at(c)...)
				}
			}
			take(g.push(s, in...))
		}
		take(g.finish())
		if !f.Proctime {
			for _, l := range lefts {
				want = append(want, at(l)...)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
			t.Fatalf("%s\ngot\n%s\nwant\n%s", name, a, b)
		}
	}
}

// TestTemporalJoinForgets keeps one version of a key that has many.
func TestTemporalJoinForgets(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("ts", types.TimestampOf(3).NotNull())}
	row := func(ts int64) change { return change{row: []column.Value{column.IntValue(1), column.IntValue(ts)}} }
	f := &TemporalJoin{Session: testSession, Left: fields, Right: fields, LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 1, RightTime: 1}
	g := newRig(t, optest.Options{}, f, fields, fields)
	for ts := int64(10); ts < 500; ts += 10 {
		g.push(1, row(ts))
		g.watermark(ts)
	}
	if got := fmt.Sprint(g.push(0, row(495)), g.watermark(496)); got != "[] [+I(1 495 1 490)]" {
		t.Fatal(got)
	}
	m := g.h.Context().Store.Spaces()[0]
	if n := m.Len(); n != 1 {
		t.Fatalf("%d keys", n)
	}
	var payload []byte
	var err error
	m.All(func(r statebackend.Ref) bool {
		payload, err = m.AppendPayload(nil, r)
		return true
	})
	if err != nil || len(payload) > 200 {
		t.Fatalf("%d bytes are kept, %v", len(payload), err)
	}
	g.finish()
}
