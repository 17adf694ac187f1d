package exec

import (
	"context"
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// LookupJoin joins each row with the rows that a table has at that moment for its keys: FOR SYSTEM_TIME AS OF a processing time. It keeps no state but with Remember. Rows come out in order, with the kinds that they had.
//
// The table is asked on the task, also if it has to wait for the answer.
type LookupJoin struct {
	Session *fn.Session
	Input   []types.Field
	// Table are the table's columns, as it returns them, Columns those of them that are in the output behind the input's; nil for all.
	Table   []types.Field
	Columns []int
	Lookup  tables.Lookup
	// Keys are the values of the columns by which it is asked: columns of the input, constants or what is computed of these. A null matches nothing.
	Keys []expr.Expr
	// Kind is Inner or LeftOuter.
	Kind logical.JoinKind
	// Residual is the rest of the condition, over the columns of the output; nil for none.
	Residual expr.Expr
	// Remember are columns of the input that are its key. With them, it keeps what it has found for each row, so that what takes the row back is joined with the same; nil where the table is asked again.
	Remember []int
}

type lookupInstance struct {
	operator.Base
	f        *LookupJoin
	ctx      *operator.Context
	table    tables.Lookuper
	until    context.Context
	keys     *vec.Projector
	residual *vec.Program
	memory   *lookupMemory
	call     fn.Call
	emit     func(*column.Batch)
	port     *Port
	columns  []int
	forms    []column.Form
	shapes   []column.Shape

	flat    []column.Vector
	vectors []*column.Vector
	found   column.Batch
	pairs   column.Batch // of which the residual is computed
	picked  column.Batch
	out     column.Batch
	rows    []int32
	at      []int32 // rows of found
	copies  *copies // the table, if it is one of copies of a row
	nulls   []int32 // places in at of rows that have found none
}

// lookupRows is how many rows are looked up together.
const lookupRows = BatchRows

// New implements [operator.Factory].
func (f *LookupJoin) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Kind != logical.Inner && f.Kind != logical.LeftOuter {
		return nil, fault.New(fault.InternalInvariant, "%q looks up for a join of kind %d", ctx.Name, f.Kind)
	}
	l := &lookupInstance{f: f, ctx: ctx, emit: Output(w), columns: f.Columns, call: fn.Call{Watermark: math.MinInt64, Random: ctx.Host.Random}, until: untilDone{context.Background(), ctx.Host.Done()}}
	var err error
	if l.keys, err = vec.CompileAll(f.Keys, f.Session); err != nil {
		return nil, err
	}
	if f.Residual != nil {
		if l.residual, err = vec.Compile(f.Residual, f.Session); err != nil {
			return nil, err
		}
	}
	asks := !expr.Deterministic(f.Residual) || !expr.Deterministic(f.Keys...)
	ctx.WantsTime = ctx.WantsTime || asks
	if l.columns == nil {
		for c := range f.Table {
			l.columns = append(l.columns, c)
		}
	}
	l.forms = column.Forms(f.Table)
	for _, c := range f.Table {
		l.shapes = append(l.shapes, column.ShapeOf(c.Type))
	}
	l.flat = make([]column.Vector, len(f.Keys))
	l.rows, l.at = make([]int32, 0, BatchRows), make([]int32, 0, BatchRows)
	if f.Remember != nil {
		if l.memory, err = newLookupMemory(ctx, f.Input, f.Remember, f.Table); err != nil {
			return nil, err
		}
	}
	l.port = Input(l.take)
	return l, nil
}

func (l *lookupInstance) Inputs() []any { return []any{l.port} }

// Open implements [operator.Instance].
func (l *lookupInstance) Open() (err error) {
	if l.table != nil { // a table function
		return nil
	}
	l.table, err = l.f.Lookup.Open(l.until)
	return err
}

// Close implements [operator.Instance].
func (l *lookupInstance) Close() error {
	if l.table == nil {
		return nil
	}
	return l.table.Close()
}

// untilDone is a context that ends with the task.
type untilDone struct {
	context.Context
	done <-chan struct{}
}

func (c untilDone) Done() <-chan struct{} { return c.done }

func (c untilDone) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

func (l *lookupInstance) take(b *column.Batch) {
	l.call.Now, l.call.Watermark = l.ctx.NowMillis, l.ctx.CurrentWatermark
	if l.memory != nil {
		l.memory.each(b, func(rows []int32) { l.lookup(b, rows) })
		return
	}
	if b.Sel == nil && b.N <= lookupRows {
		l.lookup(b, nil)
		return
	}
	for sel := Selected(b); len(sel) > 0; {
		n := min(len(sel), lookupRows)
		l.lookup(b, sel[:n])
		sel = sel[n:]
	}
}

// lookup joins the rows of sel, nil for all.
func (l *lookupInstance) lookup(b *column.Batch, sel []int32) {
	if l.ctx.Failed {
		return
	}
	keys, err := l.keys.Eval(&l.call, b, sel)
	if err != nil {
		l.ctx.Fail(err)
		return
	}
	l.vectors = l.vectors[:0]
	for i, k := range keys {
		l.vectors = append(l.vectors, k.Flatten(b.N, &l.flat[i]))
	}
	l.found.Reset(l.forms)
	if l.copies != nil {
		l.copies.batch = b
	}
	var matches []int32
	if l.memory != nil && l.memory.removes {
		matches = l.memory.recall(sel, &l.found)
	} else if matches, err = l.table.Find(l.until, l.vectors, sel, b.N, &l.found); err != nil {
		l.ctx.Fail(err)
		return
	} else if l.memory != nil {
		l.memory.keep(sel, matches, &l.found)
	}
	kept, all := []int32(nil), true
	if l.residual != nil && len(matches) > 0 {
		l.gather(&l.pairs, b, matches)
		if kept, err = l.residual.Select(&l.call, &l.pairs, nil); err != nil {
			l.ctx.Fail(err)
			return
		}
		all = len(kept) == len(matches)
	}
	if l.f.Kind == logical.Inner {
		switch {
		case l.residual == nil:
			l.gather(&l.pairs, b, matches)
		case !all:
			l.pairs.Sel = kept
		}
		l.setKinds(&l.pairs, b, matches)
		if len(matches) > 0 {
			l.emit(&l.pairs)
		}
		return
	}
	l.rows, l.at, l.nulls = l.rows[:0], l.at[:0], l.nulls[:0]
	if sel == nil {
		sel = AllRows(b.N)
	}
	i := 0
	next := func() (row int32, ok bool) { // the row of the next pair
		switch {
		case all && i < len(matches):
			return matches[i], true
		case !all && i < len(kept):
			return matches[kept[i]], true
		}
		return 0, false
	}
	for _, row := range sel {
		any := false
		for r, ok := next(); ok && r == row; r, ok = next() {
			at := int32(i)
			if !all {
				at = kept[i]
			}
			l.rows, l.at = append(l.rows, row), append(l.at, at)
			any = true
			i++
		}
		if !any {
			l.nulls = append(l.nulls, int32(len(l.rows)))
			l.rows, l.at = append(l.rows, row), append(l.at, 0)
		}
	}
	l.padded(b)
}

// gather makes the pairs of input rows, by their numbers, with the rows found.
func (l *lookupInstance) gather(out, b *column.Batch, matches []int32) {
	out.N, out.Sel, out.Kinds = len(matches), nil, nil
	out.Cols = out.Cols[:0]
	same := len(matches) == b.N
	for i := 0; i < len(matches) && same; i++ {
		same = matches[i] == int32(i)
	}
	if same { // each row has found one: the usual case
		out.Cols = append(out.Cols, b.Cols[:len(l.f.Input)]...)
	} else {
		widen(&l.picked, len(l.f.Input)+len(l.columns))
		for c := range l.f.Input {
			l.picked.Cols[c].Pick(b.Cols[c], matches)
			out.Cols = append(out.Cols, l.picked.Cols[c])
		}
	}
	for _, c := range l.columns {
		out.Cols = append(out.Cols, l.found.Cols[c])
	}
}

// padded emits rows with those of the table, or nulls.
func (l *lookupInstance) padded(b *column.Batch) {
	width := len(l.f.Input)
	widen(&l.picked, width+len(l.columns))
	n := len(l.rows)
	for c := range l.f.Input {
		l.picked.Cols[c].Pick(b.Cols[c], l.rows)
	}
	for i, c := range l.columns {
		v := l.picked.Cols[width+i]
		if l.found.N == 0 {
			nullVector(v, l.forms[c], l.shapes[c], n)
			continue
		}
		v.Pick(l.found.Cols[c], l.at)
		for _, i := range l.nulls {
			v.SetNull(int(i), n)
		}
	}
	l.out.N, l.out.Sel, l.out.Kinds, l.out.Cols = n, nil, nil, l.picked.Cols[:width+len(l.columns)]
	l.setKinds(&l.out, b, l.rows)
	l.emit(&l.out)
}

func (l *lookupInstance) setKinds(out, b *column.Batch, rows []int32) {
	if b.Kinds == nil {
		return // out has none
	}
	kinds := out.OwnKinds(len(rows))
	for i, row := range rows {
		kinds[i] = b.Kinds[row]
	}
}
