package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// DropUpdateBefore leaves the -U rows of a changelog out.
type DropUpdateBefore struct{}

type dropInstance struct {
	operator.Base
	in *Port
}

// New implements [operator.Factory].
func (DropUpdateBefore) New(_ *operator.Context, w operator.Wiring) (operator.Instance, error) {
	next := Output(w)
	sel := make([]int32, 0, 16) // never nil, which would stand for all
	out := &column.Batch{}
	return &dropInstance{in: Input(func(b *column.Batch) {
		if b.Kinds == nil {
			next(b)
			return
		}
		sel = sel[:0]
		for _, row := range Selected(b) {
			if b.Kinds[row] != types.UpdateBefore {
				sel = append(sel, row)
			}
		}
		out.N, out.Cols, out.Kinds, out.Sel = b.N, b.Cols, b.Kinds, sel
		next(out)
	})}, nil
}

func (i *dropInstance) Inputs() []any { return []any{i.in} }
