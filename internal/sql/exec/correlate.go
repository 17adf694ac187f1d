package exec

import (
	"context"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// Correlate joins each row with the rows that a table function has for it: the input's columns, then the function's. Rows come out in order, with the kinds that they had. It keeps no state.
type Correlate struct {
	Session *fn.Session
	Input   []types.Field
	Fn      *fn.Table
	Args    []expr.Expr
	// Columns are those of the function.
	Columns []types.Field
	// Kind is Inner or LeftOuter: then a row for which the function has none, or none that Residual takes, comes once with nulls.
	Kind logical.JoinKind
	// Residual is a condition over the output's columns, nil for none.
	Residual expr.Expr
}

// New implements [operator.Factory].
func (f *Correlate) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	kernel, err := f.Fn.Bind(f.Session, expr.Args(f.Args))
	if err != nil {
		return nil, err
	}
	join := &LookupJoin{Session: f.Session, Input: f.Input, Table: f.Columns, Keys: f.Args, Kind: f.Kind, Residual: f.Residual}
	i, err := join.New(ctx, w)
	if err != nil {
		return nil, err
	}
	l := i.(*lookupInstance)
	l.table = &tableCaller{kernel, &l.call}
	if times, ok := f.Args[0].(*expr.Ref); ok && f.Fn == fn.Replicate {
		l.copies = &copies{times: times.Index, width: len(f.Input)}
		l.table = l.copies
	}
	return l, nil
}

// tableCaller is a table function as a table that is looked up by its arguments.
type tableCaller struct {
	kernel fn.TableKernel
	call   *fn.Call
}

func (t *tableCaller) Find(_ context.Context, args []*column.Vector, sel []int32, n int, out *column.Batch) ([]int32, error) {
	return t.kernel(t.call, args, sel, n, out)
}
func (t *tableCaller) Close() error { return nil }
