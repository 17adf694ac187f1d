package bind

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// innerRef is a column of a subquery, in a condition that also reads columns of the query around it.
type innerRef struct{ ref *expr.Ref }

func (e *innerRef) Type() types.Type { return e.ref.T }
func (e *innerRef) String() string   { return e.ref.String() }

// subMark stands for the value of a subquery in an expression.
type subMark struct {
	at ast.Node
	// operands are what IN looks for; nil for EXISTS and for a query that is a value.
	operands []expr.Expr
	exists   bool
	rel      logical.Rel
	n        int // columns of the query; further ones serve conds
	// conds relate the subquery, as innerRef, to the query around it.
	conds []expr.Expr
	// empty are the columns where there is no row, if that is known: COUNT is 0 of no rows, not null. single tells that there is one row at most for each row outside.
	empty  []expr.Expr
	single bool
	t      types.Type
	result expr.Expr
}

func (m *subMark) Type() types.Type { return m.t }
func (m *subMark) String() string   { return "(subquery)" }

// rewrite replaces what the mark reads of the query around it.
func (m *subMark) rewrite(f func(at ast.Node, e expr.Expr) expr.Expr) {
	one := func(e expr.Expr) expr.Expr { return f(m.at, e) }
	m.operands = mapped(m.operands, one)
	m.conds = mapped(m.conds, one)
}

// placed is a condition on a join, of one with innerRefs: the columns of the subquery come behind n others.
func placed(e expr.Expr, n int) expr.Expr {
	return replaced(e, func(e expr.Expr) expr.Expr {
		if r, ok := e.(*innerRef); ok {
			return &expr.Ref{Index: n + r.ref.Index, Name: r.ref.Name, T: r.ref.T}
		}
		return nil
	})
}

// replaced puts what f returns into the place of parts of an expression of the same type; nil leaves them.
func replaced(e expr.Expr, f func(expr.Expr) expr.Expr) expr.Expr {
	return expr.Rewrite(e, func(e expr.Expr) expr.Expr {
		if to := f(e); to != nil {
			return to
		}
		return e
	})
}

// bindSub binds a subquery, and takes the conditions out of it that read columns of this query.
func (x *exprs) bindSub(q *ast.Query, exists bool) *subMark {
	if !x.queries {
		x.unsupported(q, "a subquery cannot stand %s", x.where)
	}
	r := x.inner(q, &env{outer: x.env, scope: x.scope})
	m := &subMark{at: q, n: len(r.names), exists: exists}
	d := &decorrelation{text: x.text, scope: x.scope, at: q}
	rel := r.rel
	if exists {
		// What a row has does not matter, only that it is there.
		for {
			if p, ok := rel.(*logical.Project); ok {
				rel = p.Input
			} else if s, ok := rel.(*logical.Sort); ok && s.Offset == 0 && s.Limit != 0 {
				rel = s.Input
			} else {
				break
			}
		}
		if a, ok := rel.(*logical.Aggregate); ok && len(a.Keys) == 0 && a.Sets == nil && a.Window == nil {
			// Always a row.
			m.single = true
		}
		m.n = len(rel.Fields())
	}
	rel, conds := d.pull(rel)
	m.rel = rel
	for _, c := range conds {
		m.conds = append(m.conds, d.inner(c))
	}
	m.empty = d.empty
	m.single = m.single || d.single || len(m.conds) == 0 && oneRowOf(rel)
	return m
}

// oneRowOf reports whether a relation has exactly one row.
func oneRowOf(r logical.Rel) bool {
	switch r := r.(type) {
	case *logical.Project:
		return oneRowOf(r.Input)
	case *logical.Values:
		return len(r.Rows) == 1
	case *logical.Aggregate:
		return len(r.Keys) == 0 && r.Sets == nil && r.Window == nil
	}
	return false
}

// subquery binds a query that is a value, EXISTS or IN to a mark.
func (x *exprs) subquery(e ast.Expr) expr.Expr {
	var m *subMark
	boolean := types.New(types.Boolean)
	not := false
	switch e := e.(type) {
	case *ast.Subquery:
		m = x.bindSub(e.Query, false)
		if m.n != 1 {
			x.fail(fault.SQLInvalid, e, "a query as a value has one column, and this has %d", m.n)
		}
		m.t = m.rel.Fields()[0].Type.WithAttribute(types.NoAttribute).Null() // of a COUNT, too, as in Flink
	case *ast.Exists:
		if e.Unique {
			x.unsupported(e, "UNIQUE (query) is not supported")
		}
		m = x.bindSub(e.Query, true)
		m.t = boolean.NotNull()
	case *ast.In:
		operands := x.operands(e.X)
		m = x.bindSub(e.Query, false)
		x.pair(e, operands, m)
		not = e.Not
	}
	m.at = e
	*x.subs = append(*x.subs, m)
	if not {
		return x.call(e, "NOT", m)
	}
	return m
}

// operands are what stands before IN: the columns of a row, or one value.
func (x *exprs) operands(e ast.Expr) []expr.Expr {
	if r, ok := e.(*ast.Row); ok {
		return x.list(r.Elems)
	}
	return []expr.Expr{x.expr(e)}
}

// pair checks the operands of IN against the columns of its query.
func (x *exprs) pair(e ast.Node, operands []expr.Expr, m *subMark) {
	if len(operands) != m.n {
		x.fail(fault.SQLInvalid, e, "IN compares %d columns with %d", len(operands), m.n)
	}
	m.operands = operands
	nullable := false
	for i, o := range operands {
		nullable = nullable || o.Type().Nullable() || m.rel.Fields()[i].Type.Nullable()
	}
	m.t = types.New(types.Boolean).WithNullable(nullable)
}

// equalities are the comparisons of IN, over innerRefs.
func (x *exprs) equalities(m *subMark) []expr.Expr {
	var list []expr.Expr
	fields := m.rel.Fields()
	for i, o := range m.operands {
		list = append(list, x.call(m.at, "=", o, &innerRef{&expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type}}))
	}
	return list
}

// quantified binds a comparison with ANY or ALL of a list or query.
func (x *exprs) quantified(q *ast.Quantified) expr.Expr {
	all := q.Quantifier == ast.All
	if q.Query != nil {
		switch {
		case q.Op == ast.OpEq && !all:
			return x.subquery(&ast.In{Span: q.Span, X: q.X, Query: q.Query})
		case q.Op == ast.OpNe && all:
			return x.subquery(&ast.In{Span: q.Span, X: q.X, Query: q.Query, Not: true})
		}
		x.unsupported(q, "%s %s with a query is not supported", q.Op, q.Quantifier)
	}
	v := x.expr(q.X)
	var out expr.Expr
	for _, e := range q.List {
		c := x.call(q, string(q.Op), v, x.expr(e))
		switch {
		case out == nil:
			out = c
		case all:
			out = x.call(q, "AND", out, c)
		default:
			out = x.call(q, "OR", out, c)
		}
	}
	return out
}

// filter binds WHERE. Subqueries that are conditions of their own become semi and anti joins, above the filter of the others.
func (x *exprs) filter(e ast.Expr) {
	var plain, marked []expr.Expr
	var at []ast.Node
	type semi struct {
		m   *subMark
		not bool
	}
	var semis []semi
	for _, c := range conjuncts(e) {
		not := false
		inner := c
		for {
			u, ok := inner.(*ast.Unary)
			if !ok || u.Op != ast.OpNot {
				break
			}
			not, inner = !not, u.X
		}
		switch s := inner.(type) {
		case *ast.In:
			if s.Query != nil {
				operands := x.operands(s.X)
				m := x.bindSub(s.Query, false)
				m.at = s
				x.pair(s, operands, m)
				semis = append(semis, semi{m, not != s.Not})
				continue
			}
		case *ast.Exists:
			if !s.Unique {
				m := x.bindSub(s.Query, true)
				m.at = s
				semis = append(semis, semi{m, not})
				continue
			}
		}
		before := len(*x.subs)
		cond := x.condition(c)
		if len(*x.subs) > before {
			marked, at = append(marked, cond), append(at, c)
		} else {
			plain = append(plain, cond)
		}
	}
	if t, ok := x.scope.rel.(*logical.TemporalJoin); ok && len(plain) > 0 && t.Kind == logical.Inner && t.Cond == nil {
		// The condition of a join with a temporal table function stands in WHERE.
		c := *t
		c.Cond = x.all(e, plain)
		x.scope.rel, plain = &c, nil
	}
	if len(plain) > 0 {
		x.scope.rel = &logical.Filter{Input: x.scope.rel, Cond: x.all(e, plain)}
	}
	for _, s := range semis {
		// An operand may hold a subquery itself.
		s.m.rewrite(x.attached)
		if s.not && s.m.t.Nullable() && len(s.m.operands) == 1 && len(s.m.conds) == 0 {
			// A null on either side makes NOT IN unknown, which an anti join does not see.
			marked, at = append(marked, x.call(s.m.at, "NOT", s.m)), append(at, s.m.at)
			continue
		}
		x.semi(s.m, s.not)
	}
	for i, c := range marked {
		x.keep(at[i], c)
	}
}

// keep filters by a condition, which may hold subqueries.
func (x *exprs) keep(at ast.Node, cond expr.Expr) {
	cond = x.attached(at, cond)
	x.scope.rel = &logical.Filter{Input: x.scope.rel, Cond: cond}
}

func conjuncts(e ast.Expr) []ast.Expr {
	var list []ast.Expr
	for {
		b, ok := e.(*ast.Binary)
		if !ok || b.Op != ast.OpAnd {
			list = append(list, e)
			slices.Reverse(list)
			return list
		}
		right := conjuncts(b.R)
		slices.Reverse(right)
		list = append(list, right...)
		e = b.L
	}
}

// semi keeps the rows for which the subquery has a row, or has none.
func (x *exprs) semi(m *subMark, not bool) {
	left := x.scope.rel
	if m.exists && m.single {
		// There always is a row.
		if not {
			x.scope.rel = &logical.Filter{Input: left, Cond: boolean(false)}
		}
		return
	}
	n := len(left.Fields())
	j := &logical.Join{Left: left, Right: m.rel, Kind: logical.Semi, Out: left.Fields(), At: x.placeAt(m.at), CondAt: x.placeAt(m.at)}
	conds := slices.Clone(m.conds)
	if not {
		j.Kind = logical.Anti
	}
	for _, c := range x.equalities(m) {
		if not && c.Type().Nullable() {
			// A row that may be equal counts, as it does for NOT IN.
			c = x.call(m.at, "IS NOT FALSE", c)
		}
		conds = append(conds, c)
	}
	j.Cond = x.all(m.at, mapped(conds, func(e expr.Expr) expr.Expr { return placed(e, n) }))
	x.scope.rel = j
}

// attached joins the subqueries of an expression to the scope's relation, and returns the expression with their values.
func (x *exprs) attached(at ast.Node, e expr.Expr) expr.Expr {
	return x.rebuild(at, e, func(e expr.Expr) (expr.Expr, bool) {
		m, ok := e.(*subMark)
		if !ok {
			return nil, false
		}
		if m.result == nil {
			m.rewrite(x.attached)
			x.attach(m)
		}
		return m.result, true
	})
}

// left joins a relation to the scope's. It returns the columns of the relation.
func (x *exprs) left(right logical.Rel, conds []expr.Expr, at ast.Node) func(i int) *expr.Ref {
	l := x.scope.rel
	n := len(l.Fields())
	j := &logical.Join{Left: l, Right: right, Kind: logical.LeftOuter, Out: joined(l.Fields(), right.Fields(), logical.LeftOuter), At: x.placeAt(at), CondAt: x.placeAt(at)}
	j.Cond = x.all(at, mapped(conds, func(e expr.Expr) expr.Expr { return placed(e, n) }))
	x.scope.rel = j
	x.grow(at, len(j.Out))
	return func(i int) *expr.Ref { return x.scope.ref(n + i) }
}

func (x *exprs) attach(m *subMark) {
	switch {
	case m.operands != nil:
		x.attachIn(m)
	case m.exists:
		if m.single {
			m.result = boolean(true)
			return
		}
		rel, conds, _ := x.keyed(m, nil, nil)
		column := x.left(rel, conds, m.at)
		m.result = x.call(m.at, "IS NOT NULL", column(len(rel.Fields())-1))
	default:
		x.attachValue(m)
	}
}

// keyed is the subquery with one row for each of the values that conditions compare with columns outside, each condition being an equality; behind these values, and the results of calls, is a
// column that is always true.
func (x *exprs) keyed(m *subMark, extra []expr.Expr, calls func(c *columns) []func([]int, []types.Field) *logical.AggCall) (logical.Rel, []expr.Expr, int) {
	c := &columns{in: m.rel}
	var outer []expr.Expr
	var keys []int
	var ops []string
	for _, cond := range slices.Concat(m.conds, extra) {
		in, out, op := sides(cond)
		if op == "" {
			x.unsupported(m.at, "a subquery here is related to the query around it by equalities alone")
		}
		keys = append(keys, c.at(in))
		outer = append(outer, out)
		ops = append(ops, op)
	}
	var prepared []func([]int, []types.Field) *logical.AggCall
	if calls != nil {
		prepared = calls(c)
	}
	in, index := c.rel()
	fields := in.Fields()
	a := &logical.Aggregate{Input: in, At: x.placeAt(m.at)}
	var names []string
	for i, k := range keys {
		if j := slices.Index(keys, k); j < i {
			continue
		}
		a.Keys = append(a.Keys, index[k])
		f := fields[index[k]]
		f.Type = f.Type.WithAttribute(types.NoAttribute)
		a.Out = append(a.Out, f)
	}
	for _, p := range prepared {
		call := p(index, fields)
		a.Calls = append(a.Calls, call)
		a.Out = append(a.Out, types.Field{Name: call.Name, Type: call.T})
	}
	for _, f := range a.Out {
		names = append(names, f.Name)
	}
	for i, n := range unique(names) {
		a.Out[i].Name = n
	}
	var conds []expr.Expr
	for i, k := range keys {
		at := 0
		for j := range a.Keys {
			if a.Keys[j] == index[k] {
				at = j
			}
		}
		f := a.Out[at]
		conds = append(conds, x.call(m.at, ops[i], outer[i], &innerRef{&expr.Ref{Index: at, Name: f.Name, T: f.Type}}))
	}
	list := make([]expr.Expr, 0, len(a.Out)+1)
	for i, f := range a.Out {
		list = append(list, &expr.Ref{Index: i, Name: f.Name, T: f.Type})
	}
	names = append(unique(names), "$m")
	return project(a, append(list, boolean(true)), names), conds, len(a.Keys)
}

// sides splits a comparison by = or IS NOT DISTINCT FROM into the side that reads the subquery, over plain columns, and the other; op is "" if it is none.
func sides(cond expr.Expr) (inner, outer expr.Expr, op string) {
	c, isCall := cond.(*expr.Call)
	if !isCall || c.Fn.Name != "=" && c.Fn.Name != "IS NOT DISTINCT FROM" {
		return nil, nil, ""
	}
	kind := func(e expr.Expr) (inside, outside bool) {
		expr.Walk(e, func(e expr.Expr) bool {
			switch e.(type) {
			case *innerRef:
				inside = true
			case *expr.Ref, *outerRef, *subMark, *aggregateMark, *overMark, *propertyMark, *groupingMark:
				outside = true
			}
			return true
		})
		return inside, outside
	}
	a, b := c.Args[0], c.Args[1]
	ai, ao := kind(a)
	bi, bo := kind(b)
	if bi && !ai {
		a, b, ai, ao, bi = b, a, bi, bo, ai
	}
	if !ai || ao || bi {
		return nil, nil, ""
	}
	return placed(a, 0), b, c.Fn.Name
}

// attachValue joins a query that is a value.
func (x *exprs) attachValue(m *subMark) {
	if len(m.conds) == 0 {
		rel := m.rel
		if !m.single {
			rel = x.singleValue(m, rel)
		}
		m.result = x.typed(x.left(rel, nil, m.at)(0), m.t)
		return
	}
	if m.single {
		// It is grouped by what relates it to the query around it.
		column := x.left(m.rel, m.conds, m.at)
		m.result = column(0)
		if m.empty != nil {
			if c, ok := m.empty[0].(*expr.Const); !ok || !c.Value.Null {
				// The last of the columns is one that a row never has null: a key that is equal to one outside, or a mark.
				missing := x.call(m.at, "IS NULL", column(len(m.rel.Fields())-1))
				m.result = x.call(m.at, "CASE", missing, m.empty[0], column(0))
			}
		}
		m.result = x.typed(m.result, m.t)
		return
	}
	rel, conds, keys := x.keyed(m, nil, func(c *columns) []func([]int, []types.Field) *logical.AggCall {
		f := m.rel.Fields()[0]
		return []func([]int, []types.Field) *logical.AggCall{x.prepare(c, x.mark(m.at, "SINGLE_VALUE", true, &expr.Ref{Index: 0, Name: f.Name, T: f.Type}), "$v")}
	})
	m.result = x.typed(x.left(rel, conds, m.at)(keys), m.t)
}

// typed gives a value the nullability that the mark promised.
func (x *text) typed(e expr.Expr, t types.Type) expr.Expr {
	if e.Type().Equal(t) {
		return e
	}
	return &expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: t}
}

// mark is a call of an aggregate function over columns of a relation.
func (x *text) mark(at ast.Node, name string, grouped bool, args ...expr.Expr) *aggregateMark {
	f := x.registered(name).aggregate
	if f == nil {
		x.fail(fault.SQLUnknownFunction, at, "there is no function %s", name)
	}
	sig, err := f.Infer(x.session, expr.Args(args), grouped)
	if err != nil {
		x.fail(fault.SQLType, at, "%s: %w", name, err)
	}
	return &aggregateMark{fn: f, args: x.coerce(args, sig.Args), t: sig.Result.WithAttribute(types.NoAttribute), at: at}
}

// singleValue is the only value of a relation; more than one are an error when the job runs.
func (x *text) singleValue(m *subMark, rel logical.Rel) logical.Rel {
	f := rel.Fields()[0]
	c := &columns{in: rel}
	call := x.prepare(c, x.mark(m.at, "SINGLE_VALUE", false, &expr.Ref{Index: 0, Name: f.Name, T: f.Type}), f.Name)
	in, index := c.rel()
	agg := call(index, in.Fields())
	return &logical.Aggregate{Input: in, Calls: []*logical.AggCall{agg}, Out: []types.Field{{Name: f.Name, Type: agg.T}}, At: x.placeAt(m.at)}
}

// attachIn joins what IN looks in, where it is a value and not a condition of its own. Whether a null makes it unknown is seen by counting.
func (x *exprs) attachIn(m *subMark) {
	equal := x.equalities(m)
	rel, conds, _ := x.keyed(m, equal, nil)
	if !m.t.Nullable() {
		column := x.left(rel, conds, m.at)
		m.result = x.call(m.at, "IS NOT NULL", column(len(rel.Fields())-1))
		return
	}
	if len(m.operands) > 1 {
		x.unsupported(m.at, "an IN of several columns that may be unknown is not supported here")
	}
	// How many rows there are, and in how many of them nothing is null.
	counts := func(c *columns, grouped bool) []func([]int, []types.Field) *logical.AggCall {
		f := m.rel.Fields()[0]
		return []func([]int, []types.Field) *logical.AggCall{
			x.prepare(c, x.mark(m.at, "COUNT", grouped), "$all"),
			x.prepare(c, x.mark(m.at, "COUNT", grouped, &expr.Ref{Index: 0, Name: f.Name, T: f.Type}), "$known"),
		}
	}
	var nAll, nKnown expr.Expr
	if len(m.conds) > 0 {
		related, by, n := x.keyed(m, nil, func(c *columns) []func([]int, []types.Field) *logical.AggCall { return counts(c, true) })
		count := x.left(related, by, m.at)
		nAll, nKnown = count(n), count(n+1)
	} else {
		c := &columns{in: m.rel}
		calls := counts(c, false)
		in, index := c.rel()
		a := &logical.Aggregate{Input: in, At: x.placeAt(m.at)}
		for _, p := range calls {
			call := p(index, in.Fields())
			a.Calls = append(a.Calls, call)
			a.Out = append(a.Out, types.Field{Name: call.Name, Type: call.T})
		}
		count := x.left(a, nil, m.at)
		nAll, nKnown = count(0), count(1)
	}
	column := x.left(rel, conds, m.at)
	zero := integer(0)
	zero.T = types.New(types.BigInt).NotNull()
	found := x.call(m.at, "IS NOT NULL", column(len(rel.Fields())-1))
	none := x.call(m.at, "=", x.call(m.at, "COALESCE", nAll, zero), zero)
	var unknown expr.Expr = x.call(m.at, "<", nKnown, nAll)
	for _, o := range m.operands {
		if o.Type().Nullable() {
			unknown = x.call(m.at, "OR", x.call(m.at, "IS NULL", o), unknown)
		}
	}
	m.result = x.call(m.at, "CASE", none, boolean(false), found, boolean(true), unknown, null(types.New(types.Boolean)), boolean(false))
	m.result = x.typed(m.result, m.t)
}
