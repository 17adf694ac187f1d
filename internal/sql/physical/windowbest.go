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
	// Value and Time are columns, Window is of the same time. Where rows have their windows in columns, Attached, Time is that of the start.
	Value, Time int
	Max         bool
	Window      logical.WindowSpec
	Attached    *Window
}

// filterBest finds inner joins of a stream with the MAX or MIN of its own tumbling windows, by that value and within the window, such as the one for the highest bid of each period, and puts a
// [WindowBest] in front of the stream's side: nearly no row is kept then. The same for a window join of windows' results with the MAX or MIN of their windows, as for the keys that were counted most often. It
// reports whether there was any.
//
// A row finds the results of windows that end between its time and a window's size later: its own, and, on the start of that, the one before. Its own window's MAX is at least what any row of
// it so far has, for every row that this side has is one of those that are aggregated, unless it is late; and a row behind the watermark of its window passes.
func (p *planner) filterBest() (found bool) {
	for _, n := range p.program.Nodes {
		for side := range 2 {
			var best *WindowBest
			switch j := n.(type) {
			case *Join:
				if j.Kind == logical.Inner && j.Residual != nil && len(j.Inputs) == 2 {
					best = bestOf(j, side)
				}
			case *WindowJoin:
				if j.Kind == logical.Inner {
					best = bestResult(j, side)
				}
			}
			if best != nil {
				p.insertBest(n.Of(), side, best)
				found = true
				break
			}
		}
	}
	return found
}

// insertBest puts a filter in front of a side of a join, before its rows are spread.
func (p *planner) insertBest(j *Head, side int, best *WindowBest) {
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
		if w == nil || w.Spec.Kind != logical.Tumble || !windowResults(w) {
			continue
		}
		theirs := traceDown(w.Inputs[0], nil)
		if !mine.among(theirs) || !mine.same(rowKeys[k], theirs, w.Calls[value].Args[0]) {
			continue
		}
		for t := range rows.Fields {
			if rows.Fields[t].Type.Kind() == types.Timestamp && mine.equal(t, theirs, w.Spec.Time) && within(j.Residual, base+t, resultBase+results.Window.End, w.Spec.Size) {
				spec := w.Spec
				spec.Time = t
				return &WindowBest{Value: rowKeys[k], Time: t, Max: w.Calls[value].Fn.Name == "MAX", Window: spec}
			}
		}
	}
	return nil
}

// bestResult is bestOf for a side of a window join whose rows are results of windows: none of them is late.
func bestResult(j *WindowJoin, side int) *WindowBest {
	mine, rows := traceDown(j.Inputs[side], nil), j.Inputs[side].Of()
	if _, ok := mine.base.(*WindowAggregate); !ok || rows.Changelog.Updates() {
		return nil
	}
	keys, resultKeys, window := j.Left, j.Right, j.LeftWindow
	base, resultBase := 0, len(rows.Fields)
	if side == 1 {
		keys, resultKeys, window = j.Right, j.Left, j.RightWindow
		base, resultBase = len(j.Inputs[0].Of().Fields), 0
	}
	try := func(value, result int) *WindowBest {
		w, call := aggregated(j.Inputs[1-side], result)
		if w == nil || w.Attached == nil || w.Spec.Proctime || w.Spec.Kind != logical.Tumble && w.Spec.Kind != logical.Hop { // of others several windows may have the same start
			return nil
		}
		theirs := traceDown(w.Inputs[0], nil)
		if !mine.among(theirs) || !mine.same(value, theirs, w.Calls[call].Args[0]) || !mine.equal(window.Start, theirs, w.Attached.Start) || !mine.equal(window.End, theirs, w.Attached.End) {
			return nil
		}
		return &WindowBest{Value: value, Time: window.Start, Max: w.Calls[call].Fn.Name == "MAX", Window: w.Spec, Attached: window}
	}
	for k := range keys {
		if best := try(keys[k], resultKeys[k]); best != nil {
			return best
		}
	}
	for _, c := range expr.And(j.Residual) {
		call, ok := c.(*expr.Call)
		if !ok || len(call.Args) != 2 {
			continue
		}
		x, xok := call.Args[0].(*expr.Ref)
		y, yok := call.Args[1].(*expr.Ref)
		if !xok || !yok {
			continue
		}
		value, result, op := x.Index-base, y.Index-resultBase, call.Fn.Name
		if value < 0 || value >= len(rows.Fields) {
			value, result = y.Index-base, x.Index-resultBase
			op = map[string]string{"<=": ">=", ">=": "<="}[op]
		}
		if value < 0 || value >= len(rows.Fields) || result < 0 || result >= len(j.Inputs[1-side].Of().Fields) {
			continue
		}
		if best := try(value, result); best != nil && (op == ">=" && best.Max || op == "<=" && !best.Max) {
			return best
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

// equal reports whether a column is the same as another's.
func (t traced) equal(col int, other traced, theirs int) bool {
	e := t.column(col)
	return expr.Equal(e, other.column(theirs)) && expr.Deterministic(e)
}

// same reports whether a column, of whole numbers, is the same as what another aggregates.
func (t traced) same(col int, other traced, arg expr.Expr) bool {
	ref, ok := arg.(*expr.Ref)
	return ok && ordered(ref.T.Kind()) && t.equal(col, other, ref.Index)
}

// among reports whether its rows are all among those of another.
func (t traced) among(other traced) bool {
	return t.base == other.base && covers(other.where, t.where)
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

// aggregated returns the aggregation of windows, over all rows, whose MAX or MIN a column is, and which of its calls that is.
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
			if len(m.Group) > 0 || call < 0 || call >= len(m.Calls) {
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
		x, y, _, ok := notMore(c)
		if !ok {
			continue
		}
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
