package bind

import (
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
)

type group struct{}
type windows struct{}

func groupWindowFunction(name string) (logical.WindowKind, logical.WindowProperty, bool) {
	return 0, 0, false
}
func (x *exprs) windowProperty(c *ast.Call, k logical.WindowKind, p logical.WindowProperty) expr.Expr {
	return nil
}
func (x *exprs) grouping(c *ast.Call, name string) expr.Expr {
	x.unsupported(c, "%s is not supported", name)
	return nil
}
func (x *exprs) aggregateCall(c *ast.Call, f *fn.Aggregate) expr.Expr {
	x.unsupported(c, "aggregate functions are not supported")
	return nil
}
func (x *exprs) windowCall(c *ast.Call, f *fn.Aggregate) expr.Expr {
	x.unsupported(c, "window functions are not supported")
	return nil
}
func (x *exprs) subquery(e ast.Expr) expr.Expr {
	x.unsupported(e, "subqueries are not supported here")
	return nil
}
func (x *exprs) collectQuery(e *ast.Collection) expr.Expr {
	x.unsupported(e, "subqueries are not supported here")
	return nil
}
func (x *text) setOp(s *ast.SetOp, e *env) relation {
	x.unsupported(s, "set operations are not supported")
	return relation{}
}

// filter adds a condition to the relation.
func (x *exprs) filter(e ast.Expr) {
	x.scope.rel = &logical.Filter{Input: x.scope.rel, Cond: x.condition(e)}
}

func (x *exprs) finish(s *ast.Select, order []*ast.OrderItem) (relation, []logical.SortKey) {
	if s.GroupBy != nil || s.Having != nil || s.Quantifier == ast.SetDistinct || s.Qualify != nil || order != nil {
		x.unsupported(s, "GROUP BY, HAVING, DISTINCT, QUALIFY and ORDER BY are not supported")
	}
	items := x.items(s)
	list := make([]expr.Expr, len(items))
	names := make([]string, len(items))
	for i, it := range items {
		list[i], names[i] = it.e, it.name
	}
	x.grow(s, len(items))
	return relation{project(x.scope.rel, list, names), names}, nil
}
