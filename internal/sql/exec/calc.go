package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// Calc keeps the rows for which a condition is true, and computes columns of them.
type Calc struct {
	Session *fn.Session
	// Where may be nil, for all rows.
	Where expr.Expr
	// Exprs are the output's columns; nil stands for those of the input.
	Exprs []expr.Expr
	// Whole tells that the output says what becomes of a row: an update of which the condition keeps only the old row is a -D, and one of which it keeps only the new row a +I. The input has updates whole, -U and +U next to each
	// other.
	Whole bool
}

type calcInstance struct {
	operator.Base
	in *Port
}

// New implements [operator.Factory].
func (f *Calc) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	asks := f.Where != nil && !expr.Deterministic(f.Where)
	for _, e := range f.Exprs {
		asks = asks || !expr.Deterministic(e)
	}
	columns, err := vec.CompileWhere(f.Where, f.Exprs, f.Session)
	if err != nil {
		return nil, err
	}
	ctx.WantsTime = ctx.WantsTime || asks
	call := NewCall(ctx)
	next := Output(w)
	out := &column.Batch{}
	var kinds []types.RowKind
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
		if f.Whole && f.Where != nil && b.Kinds != nil {
			out.Kinds = wholeKinds(b, sel, room(&kinds, b.N))
		}
		next(out)
	})}, nil
}

// wholeKinds returns the kinds of the rows of a batch that are kept, with -D and +I for halves of updates.
func wholeKinds(b *column.Batch, kept []int32, kinds []types.RowKind) []types.RowKind {
	if kept == nil {
		return b.Kinds
	}
	copy(kinds, b.Kinds[:b.N])
	at := 0
	has := func(row int32) bool {
		for at < len(kept) && kept[at] < row {
			at++
		}
		return at < len(kept) && kept[at] == row
	}
	rows := Selected(b)
	for i := 0; i+1 < len(rows); i++ {
		old, now := rows[i], rows[i+1]
		if b.Kinds[old] != types.UpdateBefore || b.Kinds[now] != types.UpdateAfter {
			continue
		}
		switch was, is := has(old), has(now); {
		case was && !is:
			kinds[old] = types.Delete
		case !was && is:
			kinds[now] = types.Insert
		}
	}
	return kinds
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
