package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
)

// Calc keeps the rows for which a condition is true, and computes columns of them.
type Calc struct {
	Session *fn.Session
	// Where may be nil, for all rows.
	Where expr.Expr
	// Exprs are the output's columns; nil stands for those of the input.
	Exprs []expr.Expr
}

type calcInstance struct {
	operator.Base
	in *Port
}

// New implements [operator.Factory].
func (f *Calc) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	asks := !expr.Deterministic(f.Where) || !expr.Deterministic(f.Exprs...)
	columns, err := vec.CompileWhere(f.Where, f.Exprs, f.Session)
	if err != nil {
		return nil, err
	}
	ctx.WantsTime = ctx.WantsTime || asks
	call := NewCall(ctx)
	next := Output(w)
	out := &column.Batch{}
	return &calcInstance{in: Input(func(b *column.Batch) {
		if ctx.Failed {
			return
		}
		if asks {
			SetCall(call, ctx)
		}
		cols, sel, err := columns.Where(call, b, b.Sel)
		switch {
		case err != nil:
			ctx.Fail(err)
			return
		case f.Where != nil && len(sel) == 0:
			return
		case f.Exprs == nil:
			cols = b.Cols
		}
		out.N, out.Cols, out.Sel, out.Kinds = b.N, cols, sel, b.Kinds
		next(out)
	})}, nil
}

func (c *calcInstance) Inputs() []any { return []any{c.in} }

// NewCall returns what expressions of an operator may ask.
func NewCall(ctx *operator.Context) *fn.Call {
	c := &fn.Call{Watermark: math.MinInt64}
	if ctx.Host != nil {
		c.Random = ctx.Host.Random
	}
	return c
}

// SetCall brings the clock and the watermark up to date.
func SetCall(c *fn.Call, ctx *operator.Context) {
	c.Now, c.Watermark = ctx.NowMillis, ctx.CurrentWatermark
}
