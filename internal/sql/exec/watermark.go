package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// WatermarkAssigner makes watermarks of a column: behind each batch the highest value of an expression, which is a TIMESTAMP or TIMESTAMP_LTZ. It replaces watermarks from further up, but for the last.
type WatermarkAssigner struct {
	Session *fn.Session
	Expr    expr.Expr
	// Column is the time column, in which a null fails the job.
	Column int
	Name   string // of the column
}

type watermarkInstance struct {
	operator.Base
	in *Port
}

// New implements [operator.Factory].
func (f *WatermarkAssigner) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	program, err := vec.Compile(f.Expr, f.Session)
	if err != nil {
		return nil, err
	}
	asks := !expr.Deterministic(f.Expr)
	ctx.WantsTime = ctx.WantsTime || asks
	call, next := NewCall(ctx), Output(w)
	highest := int64(math.MinInt64)
	unit := column.TimeUnit(f.Expr.Type().Precision()) / 1000 // units of a millisecond
	wide := column.FormOf(f.Expr.Type()) == column.Wide
	return &watermarkInstance{in: Input(func(b *column.Batch) {
		if ctx.Failed {
			return
		}
		if time := b.Cols[f.Column]; time.Nulls() {
			for _, row := range Selected(b) {
				if time.Null(int(row)) {
					ctx.Fail(fault.New(fault.RowtimeNull, "the time column %s is null", types.Quote(f.Name)))
					return
				}
			}
		}
		if asks {
			SetCall(call, ctx)
		}
		v, err := program.Eval(call, b, b.Sel)
		if err != nil {
			ctx.Fail(err)
			return
		}
		was := highest
		switch {
		case wide || unit != 1 || v.Const || v.Index != nil || v.Valid != nil:
			for _, row := range Selected(b) {
				if v.Null(int(row)) {
					continue
				}
				if wide {
					highest = max(highest, column.TimeOf(v.Value(int(row)), f.Expr.Type().Precision()).UnixMilli())
				} else {
					highest = max(highest, floorDiv(v.Int(int(row)), unit))
				}
			}
		case b.Sel != nil:
			for _, row := range b.Sel {
				highest = max(highest, int64(v.Words[row]))
			}
		default:
			for _, t := range v.Ints()[:b.N] {
				highest = max(highest, t)
			}
		}
		next(b)
		if highest > was && !ctx.Batch {
			ctx.Host.EmitWatermark(ctx.Node, highest)
		}
	})}, nil
}

func (i *watermarkInstance) Inputs() []any { return []any{i.in} }

// Replaces implements [operator.Replacing].
func (i *watermarkInstance) Replaces() bool { return true }
