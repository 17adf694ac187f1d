package physical

import (
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// Expiry bounds how long a join keeps rows of a side: those whose time, in a column, is earlier than the watermark less Keep milliseconds find no partner any more.
type Expiry struct {
	Column int
	Keep   int64
}

// boundState finds joins whose condition bounds the time of rows of one side from below by the end of windows on the other. A window's result comes before the watermark passes its end, and no result is
// late, so that the watermark tells which rows are past use. The result is the same as without it.
//
// An event time of the other side is such a bound only if late is set: rows that come behind the watermark do not find those any more that nothing but a late row could still find.
func (p *Program) boundState(batch, late bool) {
	if batch {
		return
	}
	for _, n := range p.Nodes {
		j, ok := n.(*Join)
		if !ok || j.Kind != logical.Inner || j.Residual == nil || j.LeftTTL != 0 || j.RightTTL != 0 {
			continue
		}
		left, right := j.Inputs[0].Of(), j.Inputs[1].Of()
		if left.Changelog.Updates() || right.Changelog.Updates() {
			continue
		}
		width := len(left.Fields)
		j.LeftExpiry = expiry(j.Residual, left.Fields, 0, ahead(j.Inputs[1], late), width)
		j.RightExpiry = expiry(j.Residual, right.Fields, width, ahead(j.Inputs[0], late), 0)
	}
}

// ahead tells which columns of a node never come to lie behind the watermark: the ends of windows, and event times where late rows do not count; nil if there are none.
func ahead(n Node, late bool) func(col int) bool {
	h := n.Of()
	windows := h.Window != nil && windowResults(n)
	if !windows && !late {
		return nil
	}
	return func(col int) bool {
		if col >= len(h.Fields) {
			return false
		}
		return windows && (col == h.Window.End || col == h.Window.Time) || late && h.Fields[col].Type.Attribute() == types.Rowtime && !behindJoin(n, col)
	}
}

// windowResults reports whether the rows of n are results of windows of event time that end in UTC, and nothing else.
func windowResults(n Node) bool {
	for {
		switch m := n.(type) {
		case *Calc, *Exchange:
			n = n.Of().Inputs[0]
		case *WindowAggregate:
			return !m.Spec.Proctime && m.Attached == nil && m.Inputs[0].Of().Fields[m.Spec.Time].Type.Kind() == types.Timestamp
		default:
			return false
		}
	}
}

// expiry reads the bound of side's times from a condition in which its columns begin at base, and at aheadBase those of which ahead tells that they are never behind the watermark.
func expiry(cond expr.Expr, side []types.Field, base int, ahead func(col int) bool, aheadBase int) *Expiry {
	if ahead == nil {
		return nil
	}
	other := func(i int) bool { return i >= aheadBase && ahead(i-aheadBase) }
	own := func(i int) bool {
		i -= base
		return i >= 0 && i < len(side) && side[i].Type.IsTimestamp()
	}
	var found *Expiry
	for _, c := range expr.And(cond) {
		y, x, equal, ok := notMore(c)
		for range 2 { // x is not earlier than y
			if !ok {
				break
			}
			a, da, isTime := timePlus(x, own)
			b, db, isEnd := timePlus(y, other)
			if isTime && isEnd && a >= 0 && b >= 0 {
				if keep := da - db; found == nil || keep < found.Keep { // a >= b + db - da
					found = &Expiry{Column: a - base, Keep: keep}
				}
			}
			x, y, ok = y, x, equal
		}
	}
	return found
}

// notMore reads a condition as x <= y; one that x < y says as much, and of equal ones both are not more than the other.
func notMore(cond expr.Expr) (x, y expr.Expr, equal, ok bool) {
	call, ok := cond.(*expr.Call)
	if !ok || len(call.Args) != 2 {
		return nil, nil, false, false
	}
	x, y = call.Args[0], call.Args[1]
	switch call.Fn.Name {
	case "<", "<=", "=":
		return x, y, call.Fn.Name == "=", true
	case ">", ">=":
		return y, x, false, true
	}
	return nil, nil, false, false
}

// timePlus reads e as a column, of those that isTime is true of, and a distance from it in milliseconds. A cast that cuts off more than parts of a millisecond is none.
func timePlus(e expr.Expr, isTime func(int) bool) (col int, by int64, ok bool) {
	switch e := e.(type) {
	case *expr.Ref:
		return e.Index, 0, isTime(e.Index)
	case *expr.Call:
		if len(e.Args) == 1 && e.Fn.Name == "CAST" && e.T.Kind() == e.Args[0].Type().Kind() && e.T.Precision() >= 3 {
			return timePlus(e.Args[0], isTime)
		}
		if len(e.Args) != 2 || e.Fn.Name != "+" && e.Fn.Name != "-" {
			return 0, 0, false
		}
		c, isConst := e.Args[1].(*expr.Const)
		if !isConst || c.T.Kind() != types.IntervalDayTime || c.Value.Null {
			return 0, 0, false
		}
		col, by, ok = timePlus(e.Args[0], isTime)
		if e.Fn.Name == "-" {
			return col, by - c.Value.Int(), ok
		}
		return col, by + c.Value.Int(), ok
	}
	return 0, 0, false
}
