package physical

import (
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// rank plans a filter on a row number: the first rows of each partition. done is false if it is none.
func (p *planner) rank(f *logical.Filter, over *logical.Over) (n Node, done bool, err error) {
	width := len(over.Input.Fields())
	if len(over.Calls) != 1 || over.Calls[0].Fn.Name != "ROW_NUMBER" || len(over.Order) == 0 {
		return nil, false, nil
	}
	from, to := int64(1), int64(-1)
	var rest []expr.Expr
	for _, c := range expr.And(f.Cond) {
		op, value, ok := rankBound(c, width)
		if !ok {
			rest = append(rest, c)
			continue
		}
		upper := func(v int64) {
			if to < 0 || v < to {
				to = max(v, 0)
			}
		}
		switch op {
		case "=":
			from = max(from, value)
			upper(value)
		case "<":
			upper(value - 1)
		case "<=":
			upper(value)
		case ">":
			from = max(from, value+1)
		case ">=":
			from = max(from, value)
		}
	}
	if to < 0 {
		if from > 1 && !p.Batch {
			return nil, true, over.At.Of(fault.New(fault.SQLUnbounded, "ROW_NUMBER() >= %d alone keeps all rows for ever: bound it from above, too", from))
		}
		return nil, false, nil
	}
	if to < from { // no number is in the range
		return &Values{Head{Fields: over.Out, Changelog: types.AppendOnly, Bounded: true, Single: true}, nil}, true, nil
	}
	in, err := p.convert(over.Input)
	if err != nil {
		return nil, true, err
	}
	p.at = over.At
	h := in.Of()
	x := p.exchange(in, over.Partition)
	head := Head{Inputs: []Node{x}, Fields: over.Out, Single: len(over.Partition) == 0}
	inWindow := h.Window != nil && h.Window.Start >= 0 && h.Window.End >= 0 && slices.Contains(over.Partition, h.Window.Start) && slices.Contains(over.Partition, h.Window.End)
	if inWindow {
		head.Window = h.Window
	}
	first := over.Order[0]
	attribute := p.attribute(in, first.Column)
	var node Node
	if from == 1 && to == 1 && len(over.Order) == 1 && attribute != types.NoAttribute && !inWindow && !h.Changelog.Updates() {
		head.Fields, head.Keys = h.Fields, [][]int{over.Partition}
		d := p.add(&Deduplicate{Head: head, Partition: over.Partition, Time: first.Column, Proctime: attribute == types.Proctime, Last: first.Descending, TTL: p.TTL, PerRow: p.PerRow})
		var exprs []expr.Expr
		for i, fl := range h.Fields {
			exprs = append(exprs, &expr.Ref{Index: i, Name: fl.Name, T: fl.Type})
		}
		number := over.Out[width]
		exprs = append(exprs, &expr.Const{Value: column.IntValue(1), T: number.Type})
		node = p.calc(d, nil, exprs, over.Out)
	} else {
		r := &Rank{Head: head, Partition: over.Partition, Order: over.Order, From: from, To: to, WithRank: true, TTL: p.TTL, PerRow: p.PerRow}
		r.Keys = [][]int{append(slices.Clone(over.Partition), width)}
		r.Keys = append(r.Keys, h.Keys...)
		if inWindow {
			r.InWindow = h.Window
		}
		node = p.add(r)
	}
	if len(rest) > 0 {
		node = p.calc(node, expr.All(rest), nil, over.Out)
	}
	return node, true, nil
}

// rankBound reads a condition as the row number, which is column col, compared with a constant.
func rankBound(c expr.Expr, col int) (op string, value int64, ok bool) {
	call, isCall := c.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return "", 0, false
	}
	a, b, op := bareCast(call.Args[0]), bareCast(call.Args[1]), call.Fn.Name
	if _, isConst := a.(*expr.Const); isConst {
		a, b = b, a
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[op]
	}
	ref, isRef := a.(*expr.Ref)
	lit, isConst := b.(*expr.Const)
	if !isRef || !isConst || ref.Index != col || lit.Value.Null || !lit.T.IsInteger() {
		return "", 0, false
	}
	switch op {
	case "=", "<", "<=", ">", ">=":
		return op, lit.Value.Int(), true
	}
	return "", 0, false
}

// bareCast leaves out a cast between integers.
func bareCast(e expr.Expr) expr.Expr {
	if c, ok := e.(*expr.Call); ok && c.Fn.Name == "CAST" && len(c.Args) == 1 && c.T.IsInteger() && c.Args[0].Type().IsInteger() {
		return c.Args[0]
	}
	return e
}

func (p *planner) over(r *logical.Over) (Node, error) {
	in, err := p.convert(r.Input)
	if err != nil {
		return nil, err
	}
	x := p.exchange(in, r.Partition)
	n := &Over{Head: Head{Inputs: []Node{x}, Fields: r.Out, Keys: in.Of().Keys, Single: len(r.Partition) == 0, Window: in.Of().Window}, Partition: r.Partition, Order: r.Order, Rows: r.Rows, From: r.From, To: r.To, Calls: r.Calls}
	if p.Batch {
		return p.add(n), nil
	}
	if len(r.Order) > 0 {
		attribute := p.attribute(in, r.Order[0].Column)
		n.Proctime = attribute == types.Proctime
		n.Updating = attribute == types.NoAttribute || r.Order[0].Descending
		if n.Proctime && n.Updating {
			return nil, r.OrderAt.Of(fault.New(fault.SQLUnbounded, "an OVER window is ordered by the processing time, ascending, on unbounded input, not descending"))
		}
	} else {
		n.Updating = true
	}
	if n.Updating {
		if !r.From.Unbounded || !r.To.Unbounded && r.To.Offset != 0 {
			return nil, r.FrameAt.Of(fault.New(fault.SQLUnbounded, "on unbounded input, a frame with bounds has to be ordered by a time attribute, ascending: let it begin at UNBOUNDED PRECEDING and end at CURRENT ROW, or run with SET 'execution.runtime-mode' = 'batch'"))
		}
		n.TTL, n.PerRow = p.TTL, p.PerRow
		n.Keys = slices.DeleteFunc(slices.Clone(n.Keys), func(key []int) bool { // others may come twice, while a row goes from one partition to another
			return slices.ContainsFunc(r.Partition, func(c int) bool { return !slices.Contains(key, c) })
		})
	}
	return p.add(n), nil
}
