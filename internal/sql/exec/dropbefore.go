package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// DropUpdateBefore leaves the -U rows of a changelog out, for a sink that takes the new row of a key for the old one.
//
// A -U row with no +U row of the same key right behind it, as a filter may let one of the two through, says that the row is gone: it becomes -D.
type DropUpdateBefore struct {
	// Key are the columns of the key; without any, all -U rows are left out.
	Key []int
}

type dropInstance struct {
	operator.Base
	in *Port
}

// New implements [operator.Factory].
func (f DropUpdateBefore) New(_ *operator.Context, w operator.Wiring) (operator.Instance, error) {
	next := Output(w)
	sel := make([]int32, 0, 16) // never nil, which would stand for all
	out := &column.Batch{}
	return &dropInstance{in: Input(func(b *column.Batch) {
		if b.Kinds == nil {
			next(b)
			return
		}
		sel = sel[:0]
		own := false // whether out has kinds of its own
		out.Kinds = b.Kinds
		rows := Selected(b)
		for i, row := range rows {
			if b.Kinds[row] != types.UpdateBefore {
				sel = append(sel, row)
				continue
			}
			if len(f.Key) == 0 || i+1 < len(rows) && b.Kinds[rows[i+1]] == types.UpdateAfter && f.same(b, int(row), int(rows[i+1])) {
				continue
			}
			if !own {
				copy(out.OwnKinds(b.N), b.Kinds)
				own = true
			}
			out.Kinds[row] = types.Delete
			sel = append(sel, row)
		}
		out.N, out.Cols, out.Sel = b.N, b.Cols, sel
		next(out)
	})}, nil
}

func (f DropUpdateBefore) same(b *column.Batch, i, k int) bool {
	for _, c := range f.Key {
		if !sameIn(b.Cols[c], i, b.Cols[c], k) {
			return false
		}
	}
	return true
}

func (i *dropInstance) Inputs() []any { return []any{i.in} }
