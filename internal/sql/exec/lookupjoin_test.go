package exec

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// sliceTable is a table of rows that is looked up by going through all of them.
type sliceTable struct {
	fields []types.Field
	rows   [][]column.Value
	keys   []int
	closed bool
}

func (s *sliceTable) Open(context.Context) (tables.Lookuper, error) { return s, nil }
func (s *sliceTable) Close() error                                  { s.closed = true; return nil }
func (s *sliceTable) Find(_ context.Context, keys []*column.Vector, sel []int32, n int, out *column.Batch) (matches []int32, err error) {
	if sel == nil {
		sel = AllRows(n)
	}
	for _, row := range sel {
		for _, r := range s.rows {
			if !slices.ContainsFunc(s.keys, func(c int) bool {
				k := keys[slices.Index(s.keys, c)].Value(int(row))
				return k.Null || !k.Equal(r[c])
			}) {
				for i, v := range out.Cols {
					shape := column.ShapeOf(s.fields[i].Type)
					v.AppendValue(r[i], &shape, out.N)
				}
				out.N++
				matches = append(matches, row)
			}
		}
	}
	return matches, nil
}

func TestLookupJoin(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		side := &sliceTable{fields: sideFields("t"), keys: []int{0, 5}}
		for range r.IntN(20) {
			side.rows = append(side.rows, randomSide(r, 4, 6))
		}
		columns := []int{1, 2, 4}
		f := &LookupJoin{
			Session: testSession, Input: sideFields("l"), Table: side.fields, Columns: columns, Lookup: side, Kind: []logical.JoinKind{logical.Inner, logical.LeftOuter}[r.IntN(2)],
			Keys: []expr.Expr{refOf(sideFields("l"), 0), &expr.Const{Value: column.TextValue("k"), T: types.String()}},
		}
		if r.IntN(2) == 0 {
			out := slices.Concat(f.Input, []types.Field{side.fields[1], side.fields[2], side.fields[4]})
			f.Residual = callOf(t, "<=", refOf(out, 1), refOf(out, 6))
		}
		g := newRig(t, optest.Options{Rand: r}, f, f.Input)
		for range 10 {
			var in, want []change
			for range 1 + r.IntN(12) {
				c := change{types.RowKind(r.IntN(4)), randomSide(r, 4, 6)}
				in = append(in, c)
				n := 0
				for _, s := range side.rows {
					if c.row[0].Null || s[0].Null || s[5].Null || !s[0].Equal(c.row[0]) || s[5].Text != "k" {
						continue
					}
					if f.Residual != nil && (c.row[1].Null || s[1].Null || c.row[1].Int() > s[1].Int()) {
						continue
					}
					want = append(want, change{c.kind, append(slices.Clone(c.row), s[1], s[2], s[4])})
					n++
				}
				if n == 0 && f.Kind == logical.LeftOuter {
					want = append(want, change{c.kind, append(slices.Clone(c.row), column.NullValue(), column.NullValue(), column.NullValue())})
				}
			}
			if got := g.push(0, in...); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: %v gave\n%v, want\n%v", seed, in, got, want)
			}
		}
		if g.finish(); !side.closed {
			t.Fatal("the table is open still")
		}
	}
}
