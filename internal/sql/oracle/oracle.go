// Package oracle computes what a query means: a second evaluator, row at a time, slow and plain, to compare the engine with.
//
// It reads the bound plan of a query, before any rule of the optimizer, and tables given as lists of changes, and returns the rows that the result has in the end. It has expressions, aggregates and operators
// of its own, of the functions that random queries use. What depends on the order in which rows of several inputs come, and so is not determined, is refused with [ErrUndetermined].
//
// Time is that of a single reader of each table: the watermark moves behind each batch of a table's rows, and rows behind it are dropped where Flink drops them: by windows, windows' joins and ranks, OVER and sorts
// by time. In batch mode nothing is late.
package oracle

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// ErrUndetermined is the error of a query whose result depends on what is not determined, as the order of rows of two inputs or of rows that are equal in an order.
var ErrUndetermined = errors.New("the result is not determined")

// ErrUnsupported is the error of a query with something that the oracle does not know.
var ErrUnsupported = errors.New("the oracle does not know it")

// Row is a row: a nil, bool, int64, float64, *big.Rat, string, [Time] or [Interval] for each column.
type Row []any

// Change is what happens to a table.
type Change struct {
	Kind types.RowKind
	Row  Row
}

// Input are the changes of a table, in their order.
type Input struct {
	Changes []Change
	// Batch is how many of them come at once: the watermark moves behind them. At least 1.
	Batch int
	// Updates tells that the table may have updates and deletes, whether or not it does.
	Updates bool
	// Upserts tells that a row replaces the one with the same first column, and that only that column of deleted rows counts.
	Upserts bool
}

// Options are what a query reads, and how.
type Options struct {
	// Tables are the inputs by the names of tables.
	Tables map[string]Input
	// Batch tells of batch mode.
	Batch bool
}

// Evaluate returns the rows of a bound query, in no certain order.
func Evaluate(rel logical.Rel, o Options) (rows []Row, err error) {
	e := &evaluator{o: o, memo: map[logical.Rel]*relation{}}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.err
		default:
			panic(p)
		}
	}()
	for _, ev := range e.rel(rel).rows {
		rows = append(rows, ev.row)
	}
	return rows, nil
}

// failure is the panic with which evaluation ends.
type failure struct{ err error }

func undetermined(format string, args ...any) {
	panic(failure{fmt.Errorf("%w: %s", ErrUndetermined, fmt.Sprintf(format, args...))})
}

func unsupported(format string, args ...any) {
	panic(failure{fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))})
}

// event is a row and when it comes.
type event struct {
	row Row
	// batch is the number of the table's batch, and mark the watermark that is in force when the row comes, in milliseconds.
	batch int
	mark  int64
}

const noMark = math.MinInt64

// relation is what an operator gives.
type relation struct {
	rows []event
	// updates tells that rows may be changed: then there are only those that are left in the end.
	updates bool
	// ordered tells that rows come in this order, with these watermarks.
	ordered bool
	// window has the columns of a window, nil for none.
	window *window
}

// window says which columns are a window's start, end and time, -1 for none.
type window struct {
	start, end, time int
	// apart tells that no two windows have a row in common: only then is a window's result made of its rows in their order, and not of slices.
	apart bool
}

func (w *window) moved(at []int) *window {
	if w == nil {
		return nil
	}
	to := func(c int) int {
		if c < 0 {
			return -1
		}
		return at[c]
	}
	out := &window{to(w.start), to(w.end), to(w.time), w.apart}
	if out.start < 0 && out.end < 0 {
		return nil
	}
	return out
}

type evaluator struct {
	o    Options
	memo map[logical.Rel]*relation
}

func (e *evaluator) rel(r logical.Rel) *relation {
	if done := e.memo[r]; done != nil {
		return done
	}
	out := e.compute(r)
	e.memo[r] = out
	return out
}

func (e *evaluator) compute(r logical.Rel) *relation {
	switch r := r.(type) {
	case *logical.Scan:
		return e.scan(r)
	case *logical.Values:
		out := &relation{ordered: true}
		for _, list := range r.Rows {
			out.rows = append(out.rows, event{evalAll(list, nil), 0, noMark})
		}
		return out
	case *logical.Project:
		return e.project(r)
	case *logical.Filter:
		return e.filter(r)
	case *logical.Watermark:
		return e.watermark(r)
	case *logical.Aggregate:
		return e.aggregate(r)
	case *logical.WindowTable:
		return e.windowTable(r)
	case *logical.Join:
		return e.join(r)
	case *logical.TemporalJoin:
		return e.temporal(r)
	case *logical.SetOp:
		return e.setOp(r)
	case *logical.Sort:
		return e.sort(r)
	case *logical.Over:
		return e.over(r, nil)
	}
	unsupported("%T", r)
	return nil
}

func (e *evaluator) scan(r *logical.Scan) *relation {
	in, ok := e.o.Tables[r.Table.Path.Name]
	if !ok {
		unsupported("the table %s", r.Table.Path)
	}
	out := &relation{ordered: !in.Updates, updates: in.Updates}
	pick := func(row Row) Row {
		var picked Row
		for _, c := range r.Columns {
			at := 0
			for i := range c {
				if r.Table.Columns[i].Kind == catalog.Physical {
					at++
				}
			}
			picked = append(picked, row[at])
		}
		return picked
	}
	changes := in.Changes
	if in.Upserts {
		changes = replaced(changes)
	}
	for i, c := range changes {
		row := pick(c.Row)
		if c.Kind.Adds() {
			out.rows = append(out.rows, event{row, i / max(in.Batch, 1), noMark})
			continue
		}
		at := slices.IndexFunc(out.rows, func(ev event) bool { return keyOf(ev.row) == keyOf(row) })
		if at < 0 {
			undetermined("the table %s takes back a row that it does not have", r.Table.Path)
		}
		out.rows = slices.Delete(out.rows, at, at+1)
	}
	return out
}

// replaced are the last rows of each key.
func replaced(changes []Change) (list []Change) {
	for _, c := range changes {
		list = slices.DeleteFunc(list, func(o Change) bool { return keyOf(o.Row[:1]) == keyOf(c.Row[:1]) })
		if c.Kind.Adds() {
			list = append(list, Change{types.Insert, c.Row})
		}
	}
	return list
}

func (e *evaluator) project(r *logical.Project) *relation {
	return e.rel(r.Input).project(r)
}

func (in *relation) project(r *logical.Project) *relation {
	out := &relation{updates: in.updates, ordered: in.ordered}
	for _, ev := range in.rows {
		out.rows = append(out.rows, event{evalAll(r.Exprs, ev.row), ev.batch, ev.mark})
	}
	at := make([]int, len(r.Input.Fields()))
	for i := range at {
		at[i] = -1
	}
	for i, x := range r.Exprs {
		if ref, ok := x.(*expr.Ref); ok && at[ref.Index] < 0 {
			at[ref.Index] = i
		}
	}
	out.window = in.window.moved(at)
	return out
}

func (e *evaluator) filter(r *logical.Filter) *relation {
	if in := e.filtered(r.Input, r.Cond); in != nil {
		return in.where(r.Cond)
	}
	return e.rel(r.Input).where(r.Cond)
}

// filtered computes functions OVER windows that stand, perhaps with projections between, beneath a filter; nil if there are none.
func (e *evaluator) filtered(r logical.Rel, cond expr.Expr) *relation {
	switch r := r.(type) {
	case *logical.Over:
		return e.over(r, cond)
	case *logical.Project:
		if in := e.filtered(r.Input, expr.Inline(cond, r.Exprs)); in != nil {
			return in.project(r)
		}
	}
	return nil
}

// where keeps the rows for which a condition is true.
func (in *relation) where(cond expr.Expr) *relation {
	out := &relation{updates: in.updates, ordered: in.ordered, window: in.window}
	for _, ev := range in.rows {
		if eval(cond, ev.row) == true {
			out.rows = append(out.rows, ev)
		}
	}
	return out
}

func (e *evaluator) watermark(r *logical.Watermark) *relation {
	in := e.rel(r.Input)
	out := &relation{rows: slices.Clone(in.rows), ordered: in.ordered, updates: in.updates, window: in.window}
	if e.o.Batch {
		return out
	}
	mark, next, batch := int64(noMark), int64(noMark), -1
	for i, ev := range out.rows {
		if ev.batch != batch {
			mark, batch = next, ev.batch
		}
		out.rows[i].mark = mark
		if t, ok := eval(r.Expr, ev.row).(Time); ok {
			next = max(next, t.millis())
		}
	}
	return out
}

// late reports whether a row comes when the watermark has passed a time. That must be sure.
func (in *relation) late(ev event, t int64) bool {
	if t > ev.mark {
		return false
	}
	if !in.ordered {
		undetermined("a row may be late")
	}
	return true
}

// behind returns the rows that come when no later one of their keys, nor one of their time, has been put out; rows are put out when the watermark moves on and has passed their time, in a column. With forgets, what a row behind the
// watermark finds of those before it is not sure.
func (in *relation) behind(at int, keys []int, forgets bool) (kept []event) {
	waits, last := map[string][]int64{}, map[string]int64{}
	mark := int64(noMark)
	for _, ev := range in.rows {
		if ev.mark > mark {
			mark = ev.mark
			for key, times := range waits {
				waits[key] = slices.DeleteFunc(times, func(t int64) bool {
					if t > mark {
						return false
					}
					if was, ok := last[key]; !ok || t > was {
						last[key] = t
					}
					return true
				})
			}
		}
		t, ok := ev.row[at].(Time)
		if !ok {
			kept = append(kept, ev)
			continue
		}
		ms := t.millis()
		if !in.ordered { // the watermark is that of all inputs, and so not ahead of the row's own
			if ms <= ev.mark {
				undetermined("a row may be late")
			}
			kept = append(kept, ev)
			continue
		}
		key := ""
		for _, k := range keys {
			key += keyOf(Row{ev.row[k]})
		}
		if was, ok := last[key]; ok && ms <= was {
			continue
		}
		if forgets && ms <= mark {
			undetermined("a row behind the watermark")
		}
		waits[key] = append(waits[key], ms)
		kept = append(kept, ev)
	}
	return kept
}

func (e *evaluator) setOp(r *logical.SetOp) *relation {
	out := &relation{}
	for _, in := range r.Of {
		out.updates = out.updates || e.rel(in).updates
	}
	first := e.rel(r.Of[0])
	switch {
	case r.Kind == logical.Union:
		for _, in := range r.Of {
			out.rows = append(out.rows, e.rel(in).rows...)
		}
		if r.All {
			return out
		}
	case r.All:
		out.updates = true
		for _, ev := range first.rows {
			times := 0
			for _, done := range out.rows {
				if keyOf(done.row) == keyOf(ev.row) {
					times++
				}
			}
			// One more copy comes if it is in all inputs, or if so many are left of the first.
			keep := true
			for _, other := range r.Of[1:] {
				if r.Kind == logical.Intersect {
					keep = keep && e.rel(other).times(ev.row) > times
				} else {
					keep = first.times(ev.row)-e.rel(other).times(ev.row) > times
				}
			}
			if keep {
				out.rows = append(out.rows, event{ev.row, 0, noMark})
			}
		}
		return out
	default:
		out.updates = true
		for _, ev := range first.rows {
			keep := true
			for _, other := range r.Of[1:] {
				keep = keep && e.rel(other).has(ev.row) == (r.Kind == logical.Intersect)
			}
			if keep {
				out.rows = append(out.rows, ev)
			}
		}
	}
	seen := map[string]bool{}
	var once []event
	for _, ev := range out.rows {
		if k := keyOf(ev.row); !seen[k] {
			seen[k] = true
			once = append(once, event{ev.row, 0, noMark})
		}
	}
	out.rows = once
	return out
}

func (in *relation) has(row Row) bool { return in.times(row) > 0 }

// times is how often a row is in it.
func (in *relation) times(row Row) (n int) {
	k := keyOf(row)
	for _, ev := range in.rows {
		if keyOf(ev.row) == k {
			n++
		}
	}
	return n
}

func (e *evaluator) sort(r *logical.Sort) *relation {
	in := e.rel(r.Input)
	if r.Limit < 0 && r.Offset == 0 {
		out := &relation{updates: in.updates, rows: in.rows}
		if !e.o.Batch {
			out.rows = in.behind(r.Keys[0].Column, nil, false)
		}
		return out
	}
	rows := slices.Clone(in.rows)
	slices.SortStableFunc(rows, func(a, b event) int { return order(a.row, b.row, r.Keys) })
	from := min(r.Offset, int64(len(rows)))
	to := int64(len(rows))
	if r.Limit >= 0 {
		to = min(to, from+r.Limit)
	}
	for _, cut := range []int64{from, to} {
		if cut > 0 && cut < int64(len(rows)) && !in.ordered && tied(rows, int(cut), r.Keys) {
			undetermined("rows are equal where a limit cuts")
		}
	}
	return &relation{rows: rows[from:to], updates: true}
}

// tied reports whether a cut in front of a row separates rows that are equal in the order, and not all the same.
func tied(rows []event, cut int, keys []logical.SortKey) bool {
	if order(rows[cut-1].row, rows[cut].row, keys) != 0 {
		return false
	}
	for _, ev := range rows {
		if order(ev.row, rows[cut].row, keys) == 0 && keyOf(ev.row) != keyOf(rows[cut].row) {
			return true
		}
	}
	return false
}

// order compares two rows.
func order(a, b Row, keys []logical.SortKey) int {
	for _, k := range keys {
		x, y := a[k.Column], b[k.Column]
		if x == nil || y == nil {
			if (x == nil) == (y == nil) {
				continue
			}
			if (x == nil) == k.NullsLast {
				return 1
			}
			return -1
		}
		c := compare(x, y)
		if k.Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
