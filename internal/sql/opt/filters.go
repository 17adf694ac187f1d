package opt

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
)

func pushFilters(_ *Optimizer, r logical.Rel) logical.Rel {
	p := pusher{}
	out := p.push(r, nil)
	if !p.changed {
		return r
	}
	return out
}

type pusher struct{ changed bool }

// push returns r with the conditions, which read its columns, tested in it or above it.
func (p *pusher) push(r logical.Rel, conds []expr.Expr) logical.Rel {
	switch r := r.(type) {
	case *logical.Filter:
		if len(conds) > 0 {
			p.changed = true
		}
		return p.push(r.Input, append(slices.Clone(expr.And(r.Cond)), conds...))
	case *logical.Project:
		var below, above []expr.Expr
		for _, c := range conds {
			if through(c, r.Exprs) {
				below = append(below, expr.Inline(c, r.Exprs))
			} else {
				above = append(above, c)
			}
		}
		return p.test(&logical.Project{Input: p.below(r.Input, below), Exprs: r.Exprs, Out: r.Out}, above)
	case *logical.Join:
		return p.join(r, conds)
	case *logical.TemporalJoin:
		left, rest := p.split(conds, len(r.Left.Fields()))
		j := *r
		j.Left, j.Right = p.below(r.Left, left), p.push(r.Right, nil)
		return p.test(&j, rest)
	case *logical.Aggregate:
		keys := len(r.Keys)
		if r.Sets != nil || keys == 0 {
			break
		}
		var below, above []expr.Expr
		for _, c := range conds {
			if movable(c) && reads(c, func(i int) bool { return i < keys }) {
				below = append(below, expr.Shift(c, func(i int) int { return r.Keys[i] }))
			} else {
				above = append(above, c)
			}
		}
		return p.test(r.With([]logical.Rel{p.below(r.Input, below)}), above)
	case *logical.WindowTable:
		if r.Window.Kind == logical.Session {
			break
		}
		below, above := p.split(conds, len(r.Input.Fields()))
		return p.test(r.With([]logical.Rel{p.below(r.Input, below)}), above)
	case *logical.Correlate:
		below, above := p.split(conds, len(r.Input.Fields()))
		return p.test(r.With([]logical.Rel{p.below(r.Input, below)}), above)
	case *logical.Over:
		var below, above []expr.Expr
		for _, c := range conds {
			if movable(c) && reads(c, func(i int) bool { return slices.Contains(r.Partition, i) }) {
				below = append(below, c)
			} else {
				above = append(above, c)
			}
		}
		return p.test(r.With([]logical.Rel{p.below(r.Input, below)}), above)
	case *logical.SetOp:
		var below, above []expr.Expr
		for _, c := range conds {
			if movable(c) && r.Kind == logical.Union {
				below = append(below, c)
			} else {
				above = append(above, c)
			}
		}
		of := make([]logical.Rel, len(r.Of))
		for i, in := range r.Of {
			of[i] = p.below(in, slices.Clone(below))
		}
		return p.test(r.With(of), above)
	}
	inputs := r.Inputs()
	if len(inputs) > 0 {
		to := make([]logical.Rel, len(inputs))
		for i, in := range inputs {
			to[i] = p.push(in, nil)
		}
		if !slices.Equal(to, inputs) {
			r = r.With(to)
		}
	}
	return p.test(r, conds)
}

func (p *pusher) below(r logical.Rel, conds []expr.Expr) logical.Rel {
	if len(conds) > 0 {
		p.changed = true
	}
	return p.push(r, conds)
}

func (p *pusher) test(r logical.Rel, conds []expr.Expr) logical.Rel {
	if len(conds) == 0 {
		return r
	}
	return &logical.Filter{Input: r, Cond: expr.All(conds)}
}

// split parts conditions into those that read the first n columns alone, and can be moved, and the others.
func (p *pusher) split(conds []expr.Expr, n int) (first, rest []expr.Expr) {
	for _, c := range conds {
		if movable(c) && reads(c, func(i int) bool { return i < n }) {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	return first, rest
}

func (p *pusher) join(j *logical.Join, conds []expr.Expr) logical.Rel {
	n := len(j.Left.Fields())
	toRight := func(c expr.Expr) expr.Expr { return expr.Shift(c, func(i int) int { return i - n }) }
	isLeft := func(i int) bool { return i < n }
	isRight := func(i int) bool { return i >= n }
	var left, right, on, above []expr.Expr
	// What stands behind the join may be tested in front of it where the join keeps the rows of that side as they are.
	for _, c := range conds {
		switch {
		case !movable(c):
			above = append(above, c)
		case reads(c, isLeft) && j.Kind != logical.RightOuter && j.Kind != logical.FullOuter:
			left = append(left, c)
		case reads(c, isRight) && (j.Kind == logical.Inner || j.Kind == logical.RightOuter):
			right = append(right, toRight(c))
		case j.Kind == logical.Inner:
			on = append(on, c)
			p.changed = true
		default:
			above = append(above, c)
		}
	}
	var own []expr.Expr
	if j.Cond != nil {
		own = expr.And(j.Cond)
	}
	// A condition of the join on one side alone keeps rows of that side from matching, which is the same as leaving them out where they do not come out unmatched.
	for _, c := range own {
		switch {
		case !movable(c) || j.NullAware:
			on = append(on, c)
		case reads(c, isLeft) && (j.Kind == logical.Inner || j.Kind == logical.RightOuter || j.Kind == logical.Semi):
			left = append(left, c)
		case reads(c, isRight) && j.Kind != logical.RightOuter && j.Kind != logical.FullOuter:
			right = append(right, toRight(c))
		default:
			on = append(on, c)
		}
	}
	out := *j
	out.Left, out.Right = p.below(j.Left, left), p.below(j.Right, right)
	out.Cond = expr.All(on)
	return p.test(&out, above)
}

// movable reports whether a condition may be tested elsewhere: it gives the same each time, and cannot fail for rows that would not have come to it.
func movable(c expr.Expr) bool { return expr.Deterministic(c) }

func reads(c expr.Expr, only func(int) bool) bool {
	set := map[int]bool{}
	expr.Refs(c, set)
	for i := range set {
		if !only(i) {
			return false
		}
	}
	return true
}

// through reports whether a condition may be tested in front of a projection.
func through(c expr.Expr, exprs []expr.Expr) bool {
	if !movable(c) {
		return false
	}
	return reads(c, func(i int) bool { return expr.Deterministic(exprs[i]) })
}
