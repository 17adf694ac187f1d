package opt

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/vec"
)

func foldConstants(o *Optimizer, r logical.Rel) logical.Rel {
	return eachExpr(r, func(e expr.Expr) expr.Expr { return Fold(o.Session, e) })
}

// Fold replaces what depends on constants alone by its value. What fails is left as it is, to fail when it runs, if it does.
func Fold(s *fn.Session, e expr.Expr) expr.Expr {
	return expr.Rewrite(e, func(e expr.Expr) expr.Expr {
		switch e := e.(type) {
		case *expr.Call:
			if e.Fn.Volatility != fn.Immutable {
				return e
			}
			for _, a := range e.Args {
				switch a.(type) {
				case *expr.Const, *expr.Symbol:
				default:
					return shorten(e)
				}
			}
		case *expr.Field:
			if _, ok := e.Of.(*expr.Const); !ok {
				return e
			}
		default:
			return e
		}
		p, err := vec.Compile(e, s)
		if err != nil {
			return e
		}
		v, err := p.Eval(&fn.Call{}, &column.Batch{N: 1}, nil)
		if err != nil {
			return e
		}
		return &expr.Const{Value: v.Value(0), T: e.Type()}
	})
}

// shorten leaves out the constant arguments of AND and OR that decide nothing, and the rest where one decides.
func shorten(e *expr.Call) expr.Expr {
	if e.Fn != fn.And && e.Fn != fn.Or {
		return e
	}
	decides := e.Fn == fn.Or
	var rest []expr.Expr
	for _, a := range e.Args {
		c, ok := a.(*expr.Const)
		switch {
		case !ok || c.Value.Null:
			rest = append(rest, a)
		case c.Value.Bool() == decides && e.T.Nullable() == c.T.Nullable():
			return c
		case c.Value.Bool() == decides:
			rest = append(rest, a)
		}
	}
	if len(rest) == len(e.Args) {
		return e
	}
	if len(rest) == 1 && rest[0].Type().Equal(e.T) {
		return rest[0]
	}
	if len(rest) < 2 {
		return e
	}
	return &expr.Call{Fn: e.Fn, Args: rest, T: e.T}
}

// eachExpr returns r with f applied to every expression of its operators.
func eachExpr(r logical.Rel, f func(expr.Expr) expr.Expr) logical.Rel {
	all := func(list []expr.Expr) ([]expr.Expr, bool) {
		var out []expr.Expr
		for i, e := range list {
			if x := f(e); x != e {
				if out == nil {
					out = append([]expr.Expr(nil), list...)
				}
				out[i] = x
			}
		}
		if out == nil {
			return list, false
		}
		return out, true
	}
	return logical.Rewrite(r, func(r logical.Rel) logical.Rel {
		switch r := r.(type) {
		case *logical.Project:
			if list, changed := all(r.Exprs); changed {
				return &logical.Project{Input: r.Input, Exprs: list, Out: r.Out}
			}
		case *logical.Filter:
			if c := f(r.Cond); c != r.Cond {
				return &logical.Filter{Input: r.Input, Cond: c}
			}
		case *logical.Join:
			if r.Cond != nil {
				if c := f(r.Cond); c != r.Cond {
					j := *r
					j.Cond = c
					return &j
				}
			}
		case *logical.TemporalJoin:
			if r.Cond != nil {
				if c := f(r.Cond); c != r.Cond {
					j := *r
					j.Cond = c
					return &j
				}
			}
		case *logical.Watermark:
			if e := f(r.Expr); e != r.Expr {
				w := *r
				w.Expr = e
				return &w
			}
		case *logical.Values:
			rows := make([][]expr.Expr, len(r.Rows))
			any := false
			for i, row := range r.Rows {
				var changed bool
				rows[i], changed = all(row)
				any = any || changed
			}
			if any {
				return &logical.Values{Rows: rows, Out: r.Out}
			}
		case *logical.Correlate:
			if list, changed := all(r.Args); changed {
				c := *r
				c.Args = list
				return &c
			}
		}
		return r
	})
}
