package oracle

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
)

// over computes functions over windows of rows. cond is the filter right above, nil for none: with a bound of ROW_NUMBER it makes a Top-N, for which no row is late but in a window, or a deduplication by time, in which the last of
// equal rows is the last to come.
func (e *evaluator) over(r *logical.Over, cond expr.Expr) *relation {
	in := e.rel(r.Input)
	fields := r.Input.Fields()
	out := &relation{updates: in.updates, window: in.window}
	rank := len(r.Calls) == 1 && r.Calls[0].Fn.Name == "ROW_NUMBER" && len(r.Order) > 0 && upper(cond, len(fields)) >= 0
	last := false
	switch {
	case rank && in.window != nil && slices.Contains(r.Partition, in.window.start) && slices.Contains(r.Partition, in.window.end):
		in = e.timely(in)
	case rank:
		first := r.Order[0]
		last = !in.updates && len(r.Order) == 1 && first.Descending && upper(cond, len(fields)) == 1 && isTime(fields[first.Column].Type)
		out.updates, out.window = true, nil
	case e.o.Batch:
	case len(r.Order) == 0 || !isTime(fields[r.Order[0].Column].Type) || r.Order[0].Descending:
		in = &relation{rows: in.rows, updates: in.updates, window: in.window}
		out.updates = true
	case !r.From.Unbounded:
		in = &relation{updates: in.updates, ordered: in.ordered, window: in.window, rows: in.behind(r.Order[0].Column, r.Partition, !r.Rows)}
	default:
		kept := &relation{updates: in.updates, ordered: in.ordered, window: in.window}
		for _, ev := range in.rows {
			if !in.late(ev, timeOf(ev.row[r.Order[0].Column])) {
				kept.rows = append(kept.rows, ev)
			}
		}
		in = kept
	}
	parts := map[string][]event{}
	var keys []string
	for _, ev := range in.rows {
		var key Row
		for _, p := range r.Partition {
			key = append(key, ev.row[p])
		}
		id := keyOf(key)
		if parts[id] == nil {
			keys = append(keys, id)
		}
		parts[id] = append(parts[id], ev)
	}
	for _, k := range keys {
		rows := parts[k]
		if last {
			slices.Reverse(rows)
		}
		slices.SortStableFunc(rows, func(a, b event) int { return order(a.row, b.row, r.Order) })
		e.overPart(r, rows, in.ordered, out)
	}
	return out
}

// upper is the greatest number of a row that a condition lets through, -1 for none.
func upper(cond expr.Expr, column int) int64 {
	best := int64(-1)
	for _, c := range expr.And(cond) {
		call, ok := c.(*expr.Call)
		if !ok || len(call.Args) != 2 {
			continue
		}
		a, b, op := plain(call.Args[0]), plain(call.Args[1]), call.Fn.Name
		if _, turned := a.(*expr.Const); turned {
			a, b = b, a
			op = map[string]string{"=": "=", ">": "<", ">=": "<="}[op]
		}
		ref, isRef := a.(*expr.Ref)
		n, isConst := b.(*expr.Const)
		if !isRef || !isConst || ref.Index != column || !n.T.IsInteger() || n.Value.Null {
			continue
		}
		bound := n.Value.Int()
		switch op {
		case "<":
			bound--
		case "=", "<=":
		default:
			continue
		}
		if bound = max(bound, 0); best < 0 || bound < best {
			best = bound
		}
	}
	return best
}

// plain leaves out a cast.
func plain(e expr.Expr) expr.Expr {
	if c, ok := e.(*expr.Call); ok && c.Fn.Name == "CAST" && c.T.IsInteger() && c.Args[0].Type().IsInteger() {
		return c.Args[0]
	}
	return e
}

// overPart computes the calls for the rows of a key, which are in their order.
func (e *evaluator) overPart(r *logical.Over, rows []event, ordered bool, out *relation) {
	same := func(i, j int) bool { return order(rows[i].row, rows[j].row, r.Order) == 0 }
	if !ordered {
		for i := 1; i < len(rows); i++ {
			if same(i-1, i) && keyOf(rows[i-1].row) != keyOf(rows[i].row) && dependsOnTies(r) {
				undetermined("rows of a window are equal in the order")
			}
		}
	}
	rank, dense := 0, 0
	for i, ev := range rows {
		if i == 0 || !same(i-1, i) {
			rank, dense = i+1, dense+1
		}
		from, to := 0, i
		if !r.From.Unbounded {
			if r.Rows {
				from = max(0, i+int(r.From.Offset))
			} else {
				unit := int64(1)
				for int64(rows[from].row[r.Order[0].Column].(Time).millis()) < timeOf(ev.row[r.Order[0].Column])+r.From.Offset*unit {
					from++
				}
			}
		}
		switch {
		case r.To.Unbounded:
			to = len(rows) - 1
		case !r.Rows:
			for to+1 < len(rows) && same(to+1, i) {
				to++
			}
		}
		var frame []Row
		for _, f := range rows[from : to+1] {
			frame = append(frame, f.row)
		}
		row := slices.Clone(ev.row)
		for _, c := range r.Calls {
			switch c.Fn.Name {
			case "ROW_NUMBER":
				row = append(row, int64(i+1))
			case "RANK":
				row = append(row, int64(rank))
			case "DENSE_RANK":
				row = append(row, int64(dense))
			case "LAG", "LEAD":
				row = append(row, neighbour(c, rows, i))
			default:
				row = append(row, aggregated(c, frame, true))
			}
		}
		out.rows = append(out.rows, event{row, 0, noMark})
	}
}

// neighbour is LAG or LEAD.
func neighbour(c *logical.AggCall, rows []event, i int) any {
	by := 1
	if len(c.Args) > 1 {
		n, ok := eval(c.Args[1], rows[i].row).(int64)
		if !ok {
			unsupported("%s without a distance", c.Fn.Name)
		}
		by = int(n)
	}
	if c.Fn.Name == "LAG" {
		by = -by
	}
	if at := i + by; at >= 0 && at < len(rows) {
		return eval(c.Args[0], rows[at].row)
	}
	if len(c.Args) > 2 {
		return eval(c.Args[2], rows[i].row)
	}
	return nil
}

// dependsOnTies reports whether the order of rows that are equal in it counts.
func dependsOnTies(r *logical.Over) bool {
	if r.Rows {
		return true
	}
	for _, c := range r.Calls {
		switch c.Fn.Name {
		case "ROW_NUMBER", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "LISTAGG":
			return true
		}
	}
	return false
}
