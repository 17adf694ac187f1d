package exec

import (
	"context"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// AsyncLimits say how many calls of an asynchronous function are under way at the same time, how long one row may take in all, and how often and after which pause a call that failed is made again.
type AsyncLimits struct {
	Capacity int
	Timeout  time.Duration
	Retries  int
	Delay    time.Duration
}

// Async calls an asynchronous function for each row, away from the task, and joins the row with those that it returns. Rows come out in the order in which they came in, with the kinds that they had. What is called and not yet
// emitted is part of checkpoints, and called again by a job that is restored.
type Async struct {
	Session *fn.Session
	Input   []types.Field
	// Call makes the function, whose arguments are Args.
	Call func() (fn.AsyncKernel, error)
	Args []expr.Expr
	// Columns are those of the function, which come behind the input's.
	Columns []types.Field
	// Kind is Inner or LeftOuter: then a row for which the function returns none, or none that Residual takes, comes once with nulls.
	Kind     logical.JoinKind
	Residual expr.Expr
	AsyncLimits
}

// asyncRows is a row of the input, encoded, with those that the function has for it.
type asyncRows struct {
	row   []byte
	found [][]column.Value
}

// asyncInstance is the engine's asynchronous operator behind a port of batches. A row in flight is bytes: its kind, its columns and the arguments.
type asyncInstance struct {
	operator.Instance
	operator.Working
	operator.Holding
	operator.Limited
	f        *Async
	ctx      *operator.Context
	args     *vec.Projector
	residual *vec.Program
	call     *fn.Call
	emit     func(*column.Batch)
	port     *Port
	shapes   []column.Shape // of the input and the arguments
	columns  []column.Shape
	forms    []column.Form
	out      column.Batch
}

// New implements [operator.Factory].
func (f *Async) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	a := &asyncInstance{f: f, ctx: ctx, call: NewCall(ctx), emit: Output(w)}
	var err error
	if a.args, err = vec.CompileAll(f.Args, f.Session); err != nil {
		return nil, err
	}
	if f.Residual != nil {
		if a.residual, err = vec.Compile(f.Residual, f.Session); err != nil {
			return nil, err
		}
	}
	asks := !expr.Deterministic(f.Residual) || !expr.Deterministic(f.Args...)
	ctx.WantsTime = ctx.WantsTime || asks
	for _, c := range f.Input {
		a.shapes = append(a.shapes, column.ShapeOf(c.Type))
	}
	for _, e := range f.Args {
		a.shapes = append(a.shapes, column.ShapeOf(e.Type()))
	}
	for _, c := range f.Columns {
		a.columns = append(a.columns, column.ShapeOf(c.Type))
	}
	a.forms = append(column.Forms(f.Input), column.Forms(f.Columns)...)
	kernel, err := f.Call()
	if err != nil {
		return nil, err
	}
	engine := &operator.Async[[]byte, asyncRows]{
		Ordered: true, Capacity: f.Capacity, Timeout: f.Timeout, Retry: operator.AsyncRetry[asyncRows]{Retries: f.Retries, Delay: f.Delay},
		Make: func(*operator.Context, operator.Wiring) (operator.AsyncFunctions[[]byte, asyncRows], error) {
			return operator.AsyncFunctions[[]byte, asyncRows]{Invoke: func(ctx context.Context, row []byte) ([]asyncRows, error) {
				found, err := kernel(ctx, a.arguments(row))
				return []asyncRows{{row, found}}, err
			}}, nil
		},
	}
	inner, err := engine.New(ctx, operator.Wiring{Main: operator.ValuePort(func(r asyncRows, _ int64) { a.join(r) })})
	if err != nil {
		return nil, err
	}
	a.Instance, a.Working, a.Holding, a.Limited = inner, inner.(operator.Working), inner.(operator.Holding), inner.(operator.Limited)
	rows := inner.Inputs()[0].(*operator.Port[[]byte])
	a.port = Input(func(b *column.Batch) { a.take(b, rows.Value) })
	return a, nil
}

// Inputs implements [operator.Instance].
func (a *asyncInstance) Inputs() []any { return []any{a.port} }

// take gives the rows of a batch to the engine.
func (a *asyncInstance) take(b *column.Batch, give func([]byte, int64)) {
	SetCall(a.call, a.ctx)
	args, err := a.args.Eval(a.call, b, b.Sel)
	if err != nil {
		a.ctx.Fail(err)
		return
	}
	// What the rows are is taken before the first one is given: that may have to wait, and the batch is lent.
	sel := Selected(b)
	rows := make([][]byte, len(sel))
	for i, r := range sel {
		row := []byte{byte(b.Kind(int(r)))}
		for c := range a.f.Input {
			row = column.AppendEncoded(row, b.Cols[c], int(r))
		}
		for _, v := range args {
			row = column.AppendEncoded(row, v, int(r))
		}
		rows[i] = row
	}
	for _, row := range rows {
		if a.ctx.Failed {
			return
		}
		give(row, 0)
	}
}

// arguments are those of a row in flight.
func (a *asyncInstance) arguments(row []byte) []column.Value {
	row = row[1:]
	args := make([]column.Value, 0, len(a.f.Args))
	for i := range a.shapes {
		v, n := column.ReadEncoded(row, &a.shapes[i])
		if row = row[n:]; i >= len(a.f.Input) {
			args = append(args, v)
		}
	}
	return args
}

// join emits a row with those of the function.
func (a *asyncInstance) join(r asyncRows) {
	out := &a.out
	out.Reset(a.forms)
	for _, found := range r.found {
		a.add(r.row, found)
	}
	if a.residual != nil && out.N > 0 {
		SetCall(a.call, a.ctx)
		sel, err := a.residual.Select(a.call, out, nil)
		if err != nil {
			a.ctx.Fail(err)
			return
		}
		if out.Sel = sel; len(sel) == 0 {
			out.Reset(a.forms)
		}
	}
	if out.N == 0 && a.f.Kind == logical.LeftOuter {
		a.add(r.row, nil)
	}
	if out.N == 0 {
		return
	}
	if kind := types.RowKind(r.row[0]); kind != types.Insert {
		kinds := out.OwnKinds(out.N)
		for i := range kinds {
			kinds[i] = kind
		}
	}
	a.emit(out)
}

// add appends a row to the output; without those of the function, its columns are null.
func (a *asyncInstance) add(row []byte, found []column.Value) {
	out, row := &a.out, row[1:]
	width := len(a.f.Input)
	for c := range width {
		v, n := column.ReadEncoded(row, &a.shapes[c])
		row = row[n:]
		out.Cols[c].AppendValue(v, &a.shapes[c], out.N)
	}
	for i := range a.columns {
		v := column.NullValue()
		if found != nil {
			v = found[i]
		}
		out.Cols[width+i].AppendValue(v, &a.columns[i], out.N)
	}
	out.N++
}
