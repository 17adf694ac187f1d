package physical

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// WindowBest leaves out rows whose value is behind that of an earlier row of the same tumbling window: they can't be the window's MAX, or MIN. It may let others through: it keeps no state over a restart, and
// rows on the start of a window, without a value or a time, or of a window that has ended, always pass.
type WindowBest struct {
	Head
	// Value and Time are columns, Window is of the same time.
	Value, Time int
	Max         bool
	Window      logical.WindowSpec
}

// filterBest finds inner joins of a stream with the MAX or MIN of its own tumbling windows, by that value and within the window, such as the one for the highest bid of each period, and puts a
// [WindowBest] in front of the stream's side: nearly no row is kept then. It reports whether there was any.
//
// A row finds the results of windows that end between its time and a window's size later: its own, and, on the start of that, the one before. Its own window's MAX is at least what any row of
// it so far has, for every row that this side has is one of those that are aggregated, unless it is late; and a row behind the watermark of its window passes.
func (p *planner) filterBest() (found bool) {
	for _, n := range p.program.Nodes {
		j, ok := n.(*Join)
		if !ok || j.Kind != logical.Inner || j.Residual == nil || len(j.Inputs) != 2 {
			continue
		}
		for side := range 2 {
			if best := bestOf(j, side); best != nil {
				p.insertBest(j, side, best)
				found = true
				break
			}
		}
	}
	return found
}

// insertBest puts a filter in front of a side of a join, before its rows are spread.
func (p *planner) insertBest(j *Join, side int, best *WindowBest) {
	in := j.Inputs[side]
	x, spread := in.(*Exchange)
	if spread {
		in = x.Inputs[0]
	}
	h := in.Of()
	best.Head = Head{Inputs: []Node{in}, Fields: h.Fields, Keys: h.Keys, Window: h.Window, Single: h.Single}
	filter := p.add(best)
	if spread {
		filter = p.exchange(filter, x.Hash)
	}
	j.Inputs = slices.Clone(j.Inputs)
	j.Inputs[side] = filter
}

// bestOf returns the filter for a side of a join, without its head; nil if the other side is not what it needs.
func bestOf(j *Join, side int) *WindowBest {
	rows, results := j.Inputs[side].Of(), j.Inputs[1-side].Of()
	if rows.Changelog.Updates() || results.Window == nil || results.Window.End < 0 {
		return nil
	}
	rowKeys, resultKeys := j.Left, j.Right
	base, resultBase := 0, len(rows.Fields)
	if side == 1 {
		rowKeys, resultKeys = j.Right, j.Left
		base, resultBase = len(results.Fields), 0
	}
	mine := traceDown(j.Inputs[side], nil)
	for k, col := range resultKeys {
		if len(j.NullSafe) > 0 && j.NullSafe[k] {
			continue
		}
		w, value := aggregated(j.Inputs[1-side], col)
		if w == nil {
			continue
		}
		theirs := traceDown(w.Inputs[0], nil)
		if mine.base != theirs.base || !covers(theirs.where, mine.where) {
			continue
		}
		call := w.Calls[value]
		arg, isColumn := call.Args[0].(*expr.Ref)
		if !isColumn || !expr.Equal(theirs.column(arg.Index), mine.column(rowKeys[k])) || !ordered(arg.T.Kind()) {
			continue
		}
		if !expr.Deterministic(theirs.column(arg.Index), theirs.column(w.Spec.Time)) {
			continue
		}
		for t := range rows.Fields {
			if rows.Fields[t].Type.Kind() == types.Timestamp && expr.Equal(theirs.column(w.Spec.Time), mine.column(t)) && within(j.Residual, base+t, resultBase+results.Window.End, w.Spec.Size) {
				spec := w.Spec
				spec.Time = t
				return &WindowBest{Value: rowKeys[k], Time: t, Max: call.Fn.Name == "MAX", Window: spec}
			}
		}
	}
	return nil
}

// ordered reports whether values of the kind are whole numbers to be compared.
func ordered(k types.Kind) bool {
	switch k {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Date:
		return true
	}
	return false
}

// traced says what columns are made of, and under which conditions rows come, in terms of a node further up.
type traced struct {
	base  Node
	exprs []expr.Expr // nil for the columns as they are
	where []expr.Expr
}

// column is the expression of a column.
func (t traced) column(i int) expr.Expr {
	if t.exprs != nil {
		return t.exprs[i]
	}
	f := t.base.Of().Fields[i]
	return &expr.Ref{Index: i, Name: f.Name, T: f.Type}
}

// traceDown goes through what only computes and spreads, from n towards its input.
func traceDown(n Node, above []Node) traced {
	switch m := n.(type) {
	case *Exchange:
		return traceDown(m.Inputs[0], above)
	case *Calc:
		return traceDown(m.Inputs[0], append(above, m))
	}
	t := traced{base: n}
	for _, a := range slices.Backward(above) {
		c := a.(*Calc)
		below := t
		inline := func(e expr.Expr) expr.Expr {
			if below.exprs == nil {
				return e
			}
			return expr.Inline(e, below.exprs)
		}
		if c.Where != nil {
			for _, cond := range expr.And(c.Where) {
				t.where = append(t.where, inline(cond))
			}
		}
		if c.Exprs != nil {
			t.exprs = make([]expr.Expr, len(c.Exprs))
			for i, e := range c.Exprs {
				t.exprs[i] = inline(e)
			}
		}
	}
	return t
}

// covers reports whether rows for which all conditions of b hold are among those for which all of a do.
func covers(a, b []expr.Expr) bool {
	for _, x := range a {
		if !expr.Deterministic(x) || !slices.ContainsFunc(b, func(y expr.Expr) bool { return expr.Equal(x, y) }) {
			return false
		}
	}
	return true
}

// aggregated returns the aggregation of tumbling windows of event time over all rows whose MAX or MIN a column is, and which of its calls that is.
func aggregated(n Node, col int) (w *WindowAggregate, call int) {
	for {
		switch m := n.(type) {
		case *Exchange:
			n = m.Inputs[0]
		case *Calc:
			if m.Exprs != nil {
				ref, ok := m.Exprs[col].(*expr.Ref)
				if !ok {
					return nil, 0
				}
				col = ref.Index
			}
			n = m.Inputs[0]
		case *WindowAggregate:
			call = col - len(m.Group)
			if len(m.Group) > 0 || m.Spec.Kind != logical.Tumble || !windowResults(m) || call >= len(m.Calls) {
				return nil, 0
			}
			if c := m.Calls[call]; c.Fn.Name != "MAX" && c.Fn.Name != "MIN" || c.Filter >= 0 || len(c.Args) != 1 {
				return nil, 0
			}
			return m, call
		default:
			return nil, 0
		}
	}
}

// within reports whether a condition says that a window's end is not before a row's time, and not more than size milliseconds after it.
func within(cond expr.Expr, time, end int, size int64) bool {
	isTime := func(i int) bool { return i == time }
	isEnd := func(i int) bool { return i == end }
	after, before := false, false
	for _, c := range expr.And(cond) {
		call, ok := c.(*expr.Call)
		if !ok || len(call.Args) != 2 {
			continue
		}
		x, y := call.Args[0], call.Args[1]
		switch call.Fn.Name {
		case "<", "<=":
		case ">", ">=":
			x, y = y, x
		default:
			continue
		}
		// x is not later than y
		if _, dt, ok := timePlus(x, isTime); ok {
			if _, de, ok := timePlus(y, isEnd); ok && de <= dt {
				after = true // time <= end + de - dt
			}
		}
		if _, de, ok := timePlus(x, isEnd); ok {
			if _, dt, ok := timePlus(y, isTime); ok && dt-de <= size {
				before = true // end <= time + dt - de
			}
		}
	}
	return after && before
}
