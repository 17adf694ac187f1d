package bind

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// exprs binds expressions over a scope.
type exprs struct {
	*text
	scope *scope
	env   *env
	// where says what the expressions are for, in messages on what may not stand there.
	where string
	// group collects calls of aggregate functions; nil where there may be none.
	group *group
	// windows collects calls of window functions; nil where there may be none.
	windows *windows
	// hints are those of the SELECT; nil for none.
	hints *hints
	// named are the windows of the WINDOW clause.
	named []*ast.NamedWindow
	// queries tells that subqueries may stand here.
	queries bool
	// spans are where columns are named.
	spans map[*expr.Ref]ast.Span
	// match is set in MATCH_RECOGNIZE.
	match *matching
	// aliases are what ORDER BY may call columns of the SELECT.
	aliases map[string]expr.Expr
	// subs are the subqueries that were met.
	subs *[]*subMark
	// correlated is set when a column of a query around this one was used.
	correlated bool
}

func (x *text) over(s *scope) *exprs {
	return &exprs{text: x, scope: s, where: "here", spans: map[*expr.Ref]ast.Span{}, subs: &[]*subMark{}}
}

// expr binds an expression.
func (x *exprs) expr(e ast.Expr) expr.Expr {
	switch e := e.(type) {
	case *ast.Name:
		return x.name(e)
	case *ast.NullLit:
		return null(types.New(types.Null))
	case *ast.BoolLit:
		if e.Value == ast.Unknown {
			return null(types.New(types.Boolean))
		}
		return boolean(e.Value == ast.True)
	case *ast.NumberLit:
		return x.number(e, false)
	case *ast.StringLit:
		return chars(e.Value)
	case *ast.BinaryLit:
		return &expr.Const{Value: column.TextValue(string(e.Value)), T: types.Of(types.Binary, len(e.Value), 0).NotNull()}
	case *ast.DateTimeLit:
		return x.dateTime(e)
	case *ast.IntervalLit:
		return x.interval(e)
	case *ast.Unary:
		return x.unary(e)
	case *ast.Binary:
		return x.binary(e)
	case *ast.Is:
		return x.is(e)
	case *ast.Between:
		return x.between(e)
	case *ast.Like:
		return x.like(e)
	case *ast.In:
		return x.in(e)
	case *ast.Case:
		return x.caseOf(e)
	case *ast.Cast:
		return x.castOf(e)
	case *ast.Row:
		return x.call(e, "ROW", x.list(e.Elems)...)
	case *ast.Collection:
		if e.Query != nil {
			x.unsupported(e, "a query as a collection is not supported")
		}
		return x.call(e, string(e.Kind), x.list(e.Elems)...)
	case *ast.Field:
		return x.field(x.expr(e.X), e.Name)
	case *ast.Index:
		return x.call(e, "ITEM", x.expr(e.X), x.expr(e.Index))
	case *ast.Symbol:
		return &expr.Symbol{Name: e.Text}
	case *ast.Call:
		return x.callOf(e)
	case *ast.JSONPathCall:
		return x.jsonPath(e)
	case *ast.JSONConstructor:
		return x.jsonConstructor(e)
	case *ast.JSONFormat:
		return x.call(e, "JSON", x.expr(e.X))
	case *ast.Exists, *ast.Subquery:
		return x.subquery(e)
	case *ast.Quantified:
		return x.quantified(e)
	case *ast.Star:
		x.fail(fault.SQLInvalid, e, "a star stands only in a list of columns, and in COUNT(*)")
	case *ast.NamedArg:
		x.fail(fault.SQLInvalid, e, "this function takes no arguments by name")
	case *ast.PatternNav:
		if x.match != nil {
			return x.expr(e.X)
		}
		x.fail(fault.SQLInvalid, e, "FINAL and RUNNING stand only in MATCH_RECOGNIZE")
	case *ast.Descriptor, *ast.TableArg, *ast.ModelArg:
		x.fail(fault.SQLInvalid, e, "this stands only in the arguments of a table function")
	case *ast.DefaultArg:
		x.fail(fault.SQLUnsupported, e, "DEFAULT is not supported here")
	default:
		x.unsupported(e, "this expression is not supported")
	}
	return nil
}

func (x *exprs) list(es []ast.Expr) []expr.Expr {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = x.expr(e)
	}
	return out
}

// condition binds an expression that must be BOOLEAN.
func (x *exprs) condition(e ast.Expr) expr.Expr {
	c := x.expr(e)
	switch c.Type().Kind() {
	case types.Boolean:
	case types.Null:
		c = null(types.New(types.Boolean))
	default:
		x.fail(fault.SQLType, e, "a condition is BOOLEAN, and this is %s", c.Type())
	}
	return c
}

func (x *exprs) unary(e *ast.Unary) expr.Expr {
	switch e.Op {
	case ast.OpMinus:
		if n, ok := e.X.(*ast.NumberLit); ok {
			return x.number(n, true)
		}
		v := x.expr(e.X)
		if c, ok := v.(*expr.Const); ok && c.T.Kind() == types.IntervalDayTime || ok && c.T.Kind() == types.IntervalYearMonth {
			return &expr.Const{Value: column.IntValue(-c.Value.Int()), T: c.T}
		}
		return x.call(e, "MINUS_PREFIX", v)
	case ast.OpPlus:
		return x.call(e, "PLUS_PREFIX", x.expr(e.X))
	}
	return x.call(e, "NOT", x.expr(e.X))
}

func (x *exprs) binary(e *ast.Binary) expr.Expr {
	// Chains of operators are as high as they are long: their left ends are bound without recursion.
	var chain []*ast.Binary
	var left ast.Expr = e
	for {
		b, ok := left.(*ast.Binary)
		if !ok {
			break
		}
		chain = append(chain, b)
		left = b.L
	}
	if _, ok := left.(*ast.Row); ok && len(chain) > 0 {
		if e, ok := x.rows(chain[len(chain)-1]); ok {
			return x.climb(e, chain[:len(chain)-1])
		}
	}
	return x.climb(x.expr(left), chain)
}

// climb binds the operators of a chain from the last, which is the innermost, to the first.
func (x *exprs) climb(l expr.Expr, chain []*ast.Binary) expr.Expr {
	for i := len(chain) - 1; i >= 0; i-- {
		b := chain[i]
		l = x.call(b, string(b.Op), l, x.expr(b.R))
	}
	return l
}

// rows is a comparison of two rows that are written out: all of their columns are compared.
func (x *exprs) rows(e *ast.Binary) (expr.Expr, bool) {
	l, ok1 := e.L.(*ast.Row)
	r, ok2 := e.R.(*ast.Row)
	if !ok1 || !ok2 || l.Explicit || r.Explicit || len(l.Elems) != len(r.Elems) || e.Op != ast.OpEq && e.Op != ast.OpNe {
		return nil, false
	}
	var all expr.Expr
	for i := range l.Elems {
		c := x.call(e, "=", x.expr(l.Elems[i]), x.expr(r.Elems[i]))
		if all == nil {
			all = c
		} else {
			all = x.call(e, "AND", all, c)
		}
	}
	if e.Op == ast.OpNe {
		all = x.call(e, "NOT", all)
	}
	return all, true
}

func (x *exprs) is(e *ast.Is) expr.Expr {
	name := "IS "
	if e.Not {
		name = "IS NOT "
	}
	return x.call(e, name+string(e.Test), x.expr(e.X))
}

func (x *exprs) between(e *ast.Between) expr.Expr {
	v, low, high := x.expr(e.X), x.expr(e.Low), x.expr(e.High)
	within := func(low, high expr.Expr) expr.Expr {
		if e.Not {
			return x.call(e, "OR", x.call(e, "<", v, low), x.call(e, ">", v, high))
		}
		return x.call(e, "AND", x.call(e, ">=", v, low), x.call(e, "<=", v, high))
	}
	if !e.Symmetric {
		return within(low, high)
	}
	if e.Not {
		return x.call(e, "AND", within(low, high), within(high, low))
	}
	return x.call(e, "OR", within(low, high), within(high, low))
}

func (x *exprs) like(e *ast.Like) expr.Expr {
	args := []expr.Expr{x.expr(e.X), x.expr(e.Pattern)}
	if e.Escape != nil {
		args = append(args, x.expr(e.Escape))
	}
	c := x.call(e, string(e.Op), args...)
	if e.Not {
		c = x.call(e, "NOT", c)
	}
	return c
}

func (x *exprs) in(e *ast.In) expr.Expr {
	if e.Query != nil {
		return x.subquery(e)
	}
	if row, ok := e.X.(*ast.Row); ok {
		// Rows are compared column by column.
		var any expr.Expr
		for _, item := range e.List {
			r, ok := item.(*ast.Row)
			if !ok || len(r.Elems) != len(row.Elems) {
				x.fail(fault.SQLType, item, "a row of %d columns is compared with something else", len(row.Elems))
			}
			c, _ := x.rows(&ast.Binary{Span: e.Span, Op: ast.OpEq, L: &ast.Row{Elems: row.Elems}, R: &ast.Row{Elems: r.Elems}})
			if any == nil {
				any = c
			} else {
				any = x.call(e, "OR", any, c)
			}
		}
		if e.Not {
			any = x.call(e, "NOT", any)
		}
		return any
	}
	args := []expr.Expr{x.expr(e.X)}
	args = append(args, x.list(e.List)...)
	for i, a := range args[1:] {
		// Numbers and strings among them are what the first is.
		if t := args[0].Type(); t.IsNumeric() && a.Type().IsChar() || t.IsChar() && a.Type().IsNumeric() {
			if t.IsChar() {
				t = types.String()
			}
			args[i+1] = x.cast(a, t.WithNullable(a.Type().Nullable()))
		}
	}
	if e.Not {
		return x.call(e, "NOT IN", args...)
	}
	return x.call(e, "IN", args...)
}

func (x *exprs) caseOf(e *ast.Case) expr.Expr {
	var args []expr.Expr
	var operand expr.Expr
	if e.Operand != nil {
		operand = x.expr(e.Operand)
	}
	for _, w := range e.Whens {
		if operand == nil {
			args = append(args, x.condition(w.Cond))
		} else {
			cond := x.call(w, "=", operand, x.expr(w.Cond))
			for _, o := range w.Or {
				cond = x.call(w, "OR", cond, x.call(w, "=", operand, x.expr(o)))
			}
			args = append(args, cond)
		}
		args = append(args, x.expr(w.Result))
	}
	if e.Else != nil {
		args = append(args, x.expr(e.Else))
	} else {
		args = append(args, null(types.New(types.Null)))
	}
	return x.apply(e, fn.Case, args)
}

func (x *exprs) castOf(e *ast.Cast) expr.Expr {
	v := x.expr(e.X)
	t, err := catalog.TypeOf(x.src, e.Type)
	x.check(err)
	from := v.Type()
	if c, ok := v.(*expr.Const); ok && c.Value.Null {
		return null(t)
	}
	to := t.WithNullable(from.Nullable() || e.Try)
	if from.Kind() != types.Null && !from.Same(t) && !fn.CanCast(x.session, from, t) {
		x.fail(fault.SQLType, e, "%s cannot be cast to %s", from, t.SQL())
	}
	if e.Try {
		return &expr.Call{Fn: fn.TryCast, Args: []expr.Expr{v}, T: to}
	}
	return x.cast(v, to)
}

// cast brings an expression to a type, whose nullability is that of the expression. Nothing is done if it has the type, but for the attribute of time.
func (x *text) cast(e expr.Expr, t types.Type) expr.Expr {
	from := e.Type()
	t = t.WithNullable(from.Nullable())
	if from.Equal(t) {
		return e
	}
	if c, ok := e.(*expr.Const); ok && c.Value.Null {
		return null(t)
	}
	if from.Attribute() == types.Proctime && !t.IsTimeAttribute() && t.Kind() == types.TimestampLTZ && t.Precision() == 3 && !t.Nullable() {
		return x.call(ast.Span{}, "PROCTIME_MATERIALIZE", e)
	}
	if c, ok := e.(*expr.Const); ok {
		// Text that becomes longer, and integers that become wider, are the same literals.
		if from.IsChar() && t.Kind() == types.Varchar && from.Length() <= t.Length() || from.IsInteger() && t.IsInteger() && from.Kind() <= t.Kind() {
			return &expr.Const{Value: c.Value, T: t}
		}
	}
	return &expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: t}
}
