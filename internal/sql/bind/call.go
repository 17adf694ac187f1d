package bind

import (
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// found is what a function's name means; the names of different kinds of functions do not hide each other.
type found struct {
	scalar    *fn.Function
	aggregate *fn.Aggregate
	table     *fn.Table
}

func (f found) none() bool { return f.scalar == nil && f.aggregate == nil && f.table == nil }

func (x *text) registered(name string) (f found) {
	for _, r := range x.registries {
		if f.scalar == nil {
			f.scalar = r.Scalar(name)
		}
		if f.aggregate == nil {
			f.aggregate = r.Aggregate(name)
		}
		if f.table == nil {
			f.table = r.Table(name)
		}
	}
	return f
}

// function finds a function: one of the session that the user declared without a database, one of SQL, one of a catalog.
func (x *text) function(n *ast.Name) found {
	parts := n.Strings()
	declared, err := x.manager.Function(x.within, parts)
	if err != nil {
		x.fail(fault.SQLCatalog, n, "looking up the function %s: %w", n, err)
	}
	if len(parts) == 1 && (declared == nil || !declared.System) {
		if f := x.registered(parts[0]); !f.none() {
			return f
		}
	}
	if declared == nil {
		x.unknownFunction(n)
	}
	if x.uses != nil {
		x.uses("function "+n.String(), declared.Class)
	}
	f := x.registered(declared.Class)
	if f.none() {
		x.hinted(fault.SQLUnknownFunction, n, "register it with the environment under that name", "the function %s is declared as %s, which this program does not have", n, declared.Class)
	}
	return f
}

func (x *text) unknownFunction(n *ast.Name) {
	var names []string
	for _, r := range x.registries {
		names = append(names, r.Names()...)
	}
	x.suggest(fault.SQLUnknownFunction, n, n.String(), names, "there is no function %s", n)
}

// call binds a call of a function or operator of SQL.
func (x *text) call(at ast.Node, name string, args ...expr.Expr) expr.Expr {
	f := x.registered(name).scalar
	if f == nil {
		x.fail(fault.SQLUnknownFunction, at, "there is no function %s", name)
	}
	return x.apply(at, f, args)
}

// apply calls a function: it checks the arguments, and casts those that the function wants with another type.
func (x *text) apply(at ast.Node, f *fn.Function, args []expr.Expr) expr.Expr {
	if fields := x.fieldwise(at, f, args); fields != nil {
		return fields
	}
	sig, err := f.Infer(x.session, expr.Args(args))
	if err != nil {
		x.fail(fault.SQLType, at, "%s: %w", f.Name, err)
	}
	args = x.coerce(args, sig.Args)
	if f.Name == "/" && sig.Result.IsApprox() { // whether constants are divided by zero is to be seen
		for i, a := range args {
			args[i] = x.folded(a)
		}
	}
	t := sig.Result
	if t.IsTimeAttribute() {
		for _, a := range args {
			if a.Type().IsTimeAttribute() {
				t = t.WithAttribute(types.NoAttribute)
			}
		}
	}
	return &expr.Call{Fn: f, Args: args, T: t}
}

// fieldwise compares rows that are written out field by field, so that nulls in them count as elsewhere. It is nil for what is no such comparison.
func (x *text) fieldwise(at ast.Node, f *fn.Function, args []expr.Expr) expr.Expr {
	if f.Name != "=" && f.Name != "<>" || len(args) != 2 {
		return nil
	}
	a, ok := args[0].(*expr.Call)
	b, ok2 := args[1].(*expr.Call)
	if !ok || !ok2 || a.Fn.Name != "ROW" || b.Fn.Name != "ROW" || len(a.Args) != len(b.Args) || len(a.Args) == 0 {
		return nil
	}
	var all expr.Expr
	for i := range a.Args {
		one := x.apply(at, f, []expr.Expr{a.Args[i], b.Args[i]})
		switch {
		case all == nil:
			all = one
		case f.Name == "=":
			all = x.apply(at, fn.And, []expr.Expr{all, one})
		default:
			all = x.apply(at, fn.Or, []expr.Expr{all, one})
		}
	}
	return all
}

// folded is the value of an expression of constants: what says how an aggregate function works, such as a separator or a percentage, is no column then. Others, and what fails, stay.
func (x *text) folded(e expr.Expr) expr.Expr {
	c, ok := e.(*expr.Call)
	if !ok || c.Fn.Volatility != fn.Immutable {
		return e
	}
	args := make([]expr.Expr, len(c.Args))
	for i, a := range c.Args {
		args[i] = x.folded(a)
		switch args[i].(type) {
		case *expr.Const, *expr.Symbol:
		default:
			return e
		}
	}
	p, err := vec.Compile(&expr.Call{Fn: c.Fn, Args: args, T: c.T}, x.session)
	if err != nil {
		return e
	}
	v, err := p.Eval(&fn.Call{}, &column.Batch{N: 1}, nil)
	if err != nil {
		return e
	}
	return &expr.Const{Value: v.Value(0), T: c.T}
}

// coerce casts arguments to the types that a signature asks for.
func (x *text) coerce(args []expr.Expr, to []types.Type) []expr.Expr {
	if to == nil {
		return args
	}
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		out[i] = a
		if i >= len(to) || !to[i].Valid() || a.Type().Kind() == types.Symbol || a.Type().Same(to[i]) {
			continue
		}
		out[i] = x.cast(a, to[i])
	}
	return out
}

// callOf binds a call as it is written.
func (x *exprs) callOf(c *ast.Call) expr.Expr {
	if x.match != nil {
		if e := x.matchCall(c); e != nil {
			return e
		}
	}
	if len(c.Name.Parts) == 1 {
		if e := x.special(c); e != nil {
			return e
		}
	}
	if x.isName(c) {
		return x.name(c.Name)
	}
	f := x.function(c.Name)
	switch {
	case x.match != nil && f.aggregate != nil && f.scalar == nil:
		return x.matchAggregate(c, f.aggregate)
	case c.Over != nil && f.aggregate != nil:
		return x.windowCall(c, f.aggregate)
	case c.Over != nil:
		x.fail(fault.SQLInvalid, c, "%s is no window function", c.Name)
	case f.aggregate != nil && (f.scalar == nil || c.Filter != nil || c.Quantifier != ast.SetDefault):
		return x.aggregateCall(c, f.aggregate)
	case f.scalar == nil:
		x.hinted(fault.SQLInvalid, c, "write LATERAL TABLE("+c.Name.String()+"(..)) in FROM", "%s is a table function", c.Name)
	case c.Filter != nil || c.Quantifier != ast.SetDefault || c.WithinGroup != nil || c.OrderBy != nil || c.Nulls != ast.NullsDefault:
		x.fail(fault.SQLInvalid, c, "%s is no aggregate function", c.Name)
	}
	if f.scalar == fn.Builtin.Scalar("JSON") {
		x.fail(fault.SQLInvalid, c, "JSON(..) stands only as a value in JSON_OBJECT(..) or JSON_ARRAY(..)")
	}
	return x.apply(c, f.scalar, x.list(c.Args))
}

// isName reports whether a word that the grammar takes for a call without parentheses is a name: USER, where there is no such function.
func (x *text) isName(c *ast.Call) bool {
	return c.NoParens && len(c.Name.Parts) == 1 && x.registered(c.Name.Parts[0].Name).none()
}

// special binds calls that are no functions, nil for others.
func (x *exprs) special(c *ast.Call) expr.Expr {
	switch name := strings.ToUpper(c.Name.Last().Name); name {
	case "GROUPING", "GROUPING_ID", "GROUP_ID":
		return x.grouping(c, name)
	case "TUMBLE", "HOP", "SESSION", "CUMULATE":
		if x.registered(name).none() {
			x.fail(fault.SQLInvalid, c, "%s stands in GROUP BY, or in FROM as TABLE(%s(..))", name, name)
		}
	default:
		if kind, property, ok := groupWindowFunction(name); ok {
			return x.windowProperty(c, kind, property)
		}
	}
	return nil
}

// jsonPath binds JSON_VALUE, JSON_QUERY and JSON_EXISTS. Their arguments are text and path and then
//
//	JSON_EXISTS  [symbol of ON ERROR]
//	JSON_VALUE   a NULL of the type of RETURNING, symbol and default of ON EMPTY, symbol and default of ON ERROR
//	JSON_QUERY   a NULL of the type of RETURNING, symbol of the wrapper, symbol of ON EMPTY, symbol of ON ERROR
//
// where a symbol is that of [ast.JSONOnKind], a wrapper's one of WITHOUT, WITH CONDITIONAL and WITH UNCONDITIONAL, and a default that is not given a NULL.
func (x *exprs) jsonPath(e *ast.JSONPathCall) expr.Expr {
	args := []expr.Expr{x.expr(e.X), x.expr(e.Path)}
	returning := types.String()
	if e.Returning != nil {
		t, err := catalog.TypeOf(x.src, e.Returning)
		x.check(err)
		returning = t
	}
	on := func(o *ast.JSONOn) (expr.Expr, expr.Expr) {
		if o == nil {
			return &expr.Symbol{Name: string(ast.JSONNull)}, null(returning)
		}
		if o.Default == nil {
			return &expr.Symbol{Name: string(o.Kind)}, null(returning)
		}
		return &expr.Symbol{Name: string(o.Kind)}, x.expr(o.Default)
	}
	empty, emptyDefault := on(e.OnEmpty)
	failed, failedDefault := on(e.OnError)
	switch e.Func {
	case "JSON_EXISTS":
		if e.OnError != nil {
			args = append(args, failed)
		}
	case "JSON_VALUE":
		args = append(args, null(returning), empty, emptyDefault, failed, failedDefault)
	default:
		wrapper := e.Wrapper
		if wrapper == "" {
			wrapper = "WITHOUT"
		}
		args = append(args, null(returning), &expr.Symbol{Name: wrapper}, empty, failed)
	}
	return x.call(e, e.Func, args...)
}

// isJSON reports a call of the built-in JSON, which says of a text that it is JSON already.
func (x *exprs) isJSON(c *ast.Call) bool {
	return len(c.Name.Parts) == 1 && strings.EqualFold(c.Name.Parts[0].Name, "JSON") && x.function(c.Name).scalar == fn.Builtin.Scalar("JSON")
}

// jsonConstructor binds JSON_OBJECT, JSON_ARRAY and the aggregates JSON_OBJECTAGG and JSON_ARRAYAGG. The treatment of nulls, NULL ON NULL or ABSENT ON NULL, is a symbol: the first argument of the scalar ones,
// the last of the aggregates.
func (x *exprs) jsonConstructor(e *ast.JSONConstructor) expr.Expr {
	nulls := e.Nulls
	var list []ast.Expr
	for _, p := range e.Pairs {
		list = append(list, p.Key, p.Value)
	}
	list = append(list, e.Elems...)
	aggregate := strings.HasSuffix(e.Func, "AGG")
	if nulls == ast.JSONNullsDefault {
		nulls = ast.NullOnNull
		if e.Func == "JSON_ARRAY" || e.Func == "JSON_ARRAYAGG" {
			nulls = ast.AbsentOnNull
		}
	}
	if aggregate {
		f := x.registered(e.Func).aggregate
		if f == nil {
			x.fail(fault.SQLUnknownFunction, e, "there is no function %s", e.Func)
		}
		order := e.OrderBy
		if order == nil {
			order = e.WithinGroup
		}
		list = append(list, &ast.Symbol{Span: e.Span, Text: string(nulls)})
		return x.aggregateCall(&ast.Call{Span: e.Span, Name: &ast.Name{Span: e.Span, Parts: []*ast.Ident{{Name: e.Func}}}, Args: list, OrderBy: order}, f)
	}
	args := []expr.Expr{&expr.Symbol{Name: string(nulls)}}
	for i, a := range list {
		if c, is := a.(*ast.Call); is && (e.Pairs == nil || i%2 == 1) && x.isJSON(c) {
			args = append(args, x.apply(c, fn.Builtin.Scalar("JSON"), x.list(c.Args)))
			continue
		}
		args = append(args, x.expr(a))
	}
	return x.call(e, e.Func, args...)
}
