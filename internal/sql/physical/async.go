package physical

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/types"
)

// async takes the calls of asynchronous functions out of expressions: an operator of its own appends the result of each, those within others first, and the expressions read its column. Calls that are the same are made once.
// A call is made for every row, also within a CASE whose other branch is taken.
func (p *planner) async(in Node, exprs []expr.Expr) (Node, []expr.Expr) {
	var done []*expr.Call
	var at []*expr.Ref
	out := exprs
	for i, e := range exprs {
		x := expr.Rewrite(e, func(e expr.Expr) expr.Expr {
			c, ok := e.(*expr.Call)
			if !ok || c.Fn.Async == nil {
				return e
			}
			for k, d := range done {
				if expr.Equal(c, d) {
					return at[k]
				}
			}
			h := in.Of()
			field := types.Field{Name: c.String(), Type: c.T}
			in = p.add(&AsyncCalc{Head{Inputs: []Node{in}, Fields: append(slices.Clone(h.Fields), field), Single: h.Single, Keys: h.Keys, Window: h.Window}, c})
			ref := &expr.Ref{Index: len(h.Fields), Name: field.Name, T: c.T}
			done, at = append(done, c), append(at, ref)
			return ref
		})
		if x != e {
			if len(out) > 0 && &out[0] == &exprs[0] {
				out = slices.Clone(exprs)
			}
			out[i] = x
		}
	}
	return in, out
}

// asyncFilter keeps the rows for which a condition is true. What needs no asynchronous call is tested first.
func (p *planner) asyncFilter(in Node, cond expr.Expr) Node {
	var before, after []expr.Expr
	for _, c := range expr.And(cond) {
		if waits(c) {
			after = append(after, c)
		} else {
			before = append(before, c)
		}
	}
	fields := in.Of().Fields
	if after == nil {
		return p.calc(in, cond, nil, fields)
	}
	if before != nil {
		in = p.calc(in, expr.All(before), nil, fields)
	}
	in, after = p.async(in, after)
	exprs := make([]expr.Expr, len(fields))
	for i, f := range fields {
		exprs[i] = &expr.Ref{Index: i, Name: f.Name, T: f.Type}
	}
	return p.calc(in, expr.All(after), exprs, fields)
}

// waits reports whether an expression calls an asynchronous function.
func waits(e expr.Expr) (found bool) {
	expr.Walk(e, func(e expr.Expr) bool {
		c, ok := e.(*expr.Call)
		found = found || ok && c.Fn.Async != nil
		return !found
	})
	return found
}
