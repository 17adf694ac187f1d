package bind

import (
	"fmt"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// sound checks a plan: expressions read columns that are there, with their types; the columns of an operator have the types of what computes them; nothing that only the binder knows is left.
func sound(r logical.Rel) error {
	for _, in := range r.Inputs() {
		if err := sound(in); err != nil {
			return err
		}
	}
	var problem error
	bad := func(format string, args ...any) {
		if problem == nil {
			problem = fmt.Errorf("unsound: %s: %s", logical.Line(r), fmt.Sprintf(format, args...))
		}
	}
	var input []types.Field
	for _, in := range r.Inputs() {
		input = append(input, in.Fields()...)
	}
	check := func(e expr.Expr) {
		expr.Walk(e, func(e expr.Expr) bool {
			switch e := e.(type) {
			case *expr.Ref:
				if e.Index < 0 || e.Index >= len(input) {
					bad("column %d of %d", e.Index, len(input))
				} else if !input[e.Index].Type.Equal(e.T) {
					bad("column %d %s is %s, taken for %s", e.Index, e.Name, input[e.Index].Type, e.T)
				}
			case *expr.Call:
				if e.Fn != fn.Cast && e.Fn != fn.TryCast {
					sig, err := e.Fn.Infer(&fn.Session{}, expr.Args(e.Args))
					if err != nil {
						bad("%s: %v", e, err)
					}
					for i, t := range sig.Args {
						if t.Valid() && e.Args[i].Type().Kind() != types.Symbol && !e.Args[i].Type().Same(t) {
							bad("%s: argument %d is %s, not %s", e, i, e.Args[i].Type(), t)
						}
					}
					if !sig.Result.WithAttribute(0).Equal(e.T.WithAttribute(0)) {
						bad("%s is %s, called %s", e, sig.Result, e.T)
					}
				}
			case *expr.Const, *expr.Field, *expr.Symbol:
			default:
				bad("%T is left", e)
			}
			return true
		})
	}
	column := func(i int) {
		if i < 0 || i >= len(input) {
			bad("column %d of %d", i, len(input))
		}
	}
	calls := func(all []*logical.AggCall, at int) {
		for i, c := range all {
			for _, a := range c.Args {
				switch a.(type) {
				case *expr.Ref, *expr.Const, *expr.Symbol:
					check(a)
				default:
					bad("argument %s is computed", a)
				}
			}
			if c.Filter >= 0 {
				column(c.Filter)
			}
			for _, k := range c.Order {
				column(k.Column)
			}
			if at+i >= len(r.Fields()) || !r.Fields()[at+i].Type.Equal(c.T) {
				bad("call %d is %s", i, c.T)
			}
		}
	}
	condition := func(e expr.Expr) {
		if e != nil {
			check(e)
			if e.Type().Kind() != types.Boolean {
				bad("the condition is %s", e.Type())
			}
		}
	}
	switch r := r.(type) {
	case *logical.Project:
		for i, e := range r.Exprs {
			check(e)
			if !e.Type().Equal(r.Out[i].Type) {
				bad("%s is %s, not %s", r.Out[i].Name, e.Type(), r.Out[i].Type)
			}
		}
	case *logical.Values:
		for _, row := range r.Rows {
			for i, e := range row {
				check(e)
				if !e.Type().WithNullable(true).Equal(r.Out[i].Type.WithNullable(true)) {
					bad("%s is %s, not %s", r.Out[i].Name, e.Type(), r.Out[i].Type)
				}
			}
		}
	case *logical.Filter:
		condition(r.Cond)
	case *logical.Watermark:
		check(r.Expr)
	case *logical.Join:
		condition(r.Cond)
	case *logical.TemporalJoin:
		condition(r.Cond)
		column(r.Time)
	case *logical.SnapshotJoin:
		condition(r.Cond)
	case *logical.ToChangelog:
		if len(r.Out) != len(input)+1 {
			bad("%d columns", len(r.Out))
		}
	case *logical.FromChangelog:
		column(r.Op)
		if len(r.Out) != len(input)-1 {
			bad("%d columns", len(r.Out))
		}
	case *logical.Correlate:
		for _, a := range r.Args {
			check(a)
		}
	case *logical.Aggregate:
		for _, k := range r.Keys {
			column(k)
		}
		calls(r.Calls, len(r.Keys))
		if len(r.Out) != len(r.Keys)+len(r.Calls)+len(r.Properties)+len(r.Groupings) {
			bad("%d columns", len(r.Out))
		}
	case *logical.Over:
		for _, k := range r.Partition {
			column(k)
		}
		for _, k := range r.Order {
			column(k.Column)
		}
		calls(r.Calls, len(input))
	case *logical.Sort:
		for _, k := range r.Keys {
			column(k.Column)
		}
	case *logical.SetOp:
		for _, in := range r.Of {
			for i, f := range in.Fields() {
				if !f.Type.WithNullable(true).Equal(r.Out[i].Type.WithNullable(true)) {
					bad("column %d is %s, not %s", i, f.Type, r.Out[i].Type)
				}
			}
		}
	}
	if problem == nil {
		names := map[string]bool{}
		for _, f := range r.Fields() {
			if names[f.Name] {
				bad("two columns are called %s", f.Name)
			}
			names[f.Name] = true
		}
	}
	return problem
}
