package opt

import (
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func mergeProjections(_ *Optimizer, r logical.Rel) logical.Rel {
	return logical.Rewrite(r, func(r logical.Rel) logical.Rel {
		p, ok := r.(*logical.Project)
		if !ok {
			return r
		}
		if in, ok := p.Input.(*logical.Project); ok && inlinable(p.Exprs, in.Exprs) {
			exprs := make([]expr.Expr, len(p.Exprs))
			for i, e := range p.Exprs {
				exprs[i] = expr.Inline(e, in.Exprs)
			}
			p = &logical.Project{Input: in.Input, Exprs: exprs, Out: p.Out}
		}
		if Identity(p) {
			return p.Input
		}
		return p
	})
}

// inlinable reports whether the expressions below may take the place of the columns that those above read: one that gives something else each time is not doubled.
func inlinable(above, below []expr.Expr) bool {
	uses := map[int]int{}
	for _, e := range above {
		expr.Walk(e, func(e expr.Expr) bool {
			if ref, ok := e.(*expr.Ref); ok {
				uses[ref.Index]++
			}
			return true
		})
	}
	for i, n := range uses {
		if n > 1 && !expr.Deterministic(below[i]) {
			return false
		}
	}
	return true
}

// Identity reports whether a projection changes nothing.
func Identity(p *logical.Project) bool {
	in := p.Input.Fields()
	if len(in) != len(p.Exprs) {
		return false
	}
	for i, e := range p.Exprs {
		ref, ok := e.(*expr.Ref)
		if !ok || ref.Index != i || in[i].Name != p.Out[i].Name || !same(in[i].Type, p.Out[i].Type) {
			return false
		}
	}
	return true
}

func same(a, b types.Type) bool { return a.Equal(b) && a.Attribute() == b.Attribute() }
