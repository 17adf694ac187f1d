package bind

import (
	"slices"
	"strconv"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// group is the grouping of a SELECT: the keys of GROUP BY, and the calls of aggregate functions that were met. Until the columns of the SELECT are all bound, calls stand in expressions as marks.
type group struct {
	keys []expr.Expr
	// sets are the grouping sets as indexes into keys; nil without GROUPING SETS, CUBE and ROLLUP.
	sets   [][]int
	window *groupWindow
	// explicit tells of GROUP BY, which gives no row where there is no input.
	explicit bool

	calls      []*aggregateMark
	properties []*propertyMark
	groupings  []*groupingMark
}

// groupWindow is TUMBLE, HOP or SESSION in GROUP BY.
type groupWindow struct {
	spec logical.WindowSpec
	time expr.Expr
	at   ast.Node
}

// aggregateMark stands for the result of an aggregate function.
type aggregateMark struct {
	fn       *fn.Aggregate
	args     []expr.Expr
	distinct bool
	filter   expr.Expr // nil for none
	order    []orderBy
	nulls    bool // IGNORE NULLS
	t        types.Type
	at       ast.Node
}

// orderBy is an expression to sort by.
type orderBy struct {
	e   expr.Expr
	key logical.SortKey // without its column
}

// propertyMark stands for TUMBLE_START and its like.
type propertyMark struct {
	property logical.WindowProperty
	t        types.Type
}

// groupingMark stands for GROUPING: the keys it asks for.
type groupingMark struct{ keys []int }

func (m *aggregateMark) Type() types.Type { return m.t }
func (m *aggregateMark) String() string   { return m.fn.Name + "(..)" }
func (m *propertyMark) Type() types.Type  { return m.t }
func (m *propertyMark) String() string    { return m.property.String() }
func (m *groupingMark) Type() types.Type  { return types.New(types.BigInt).NotNull() }
func (m *groupingMark) String() string    { return "GROUPING(..)" }

// aggregateCall binds a call of an aggregate function to a mark. Calls that are the same share one.
func (x *exprs) aggregateCall(c *ast.Call, f *fn.Aggregate) expr.Expr {
	if f.Ranking {
		x.fail(fault.SQLInvalid, c, "%s needs a window: OVER (..)", f.Name)
	}
	if x.group == nil {
		x.fail(fault.SQLInvalid, c, "the aggregate function %s cannot stand %s", f.Name, x.where)
	}
	m := x.aggregate(c, f, x.group.explicit)
	for _, other := range x.group.calls {
		if m.same(other) {
			return other
		}
	}
	x.group.calls = append(x.group.calls, m)
	return m
}

// aggregate binds arguments, filter and order of an aggregate function.
func (x *exprs) aggregate(c *ast.Call, f *fn.Aggregate, grouped bool) *aggregateMark {
	m := &aggregateMark{fn: f, distinct: c.Quantifier == ast.SetDistinct, nulls: c.Nulls == ast.NullsIgnore, at: c}
	in := *x
	if c.Over == nil {
		in.group, in.windows, in.aliases, in.queries, in.where = nil, nil, nil, false, "in the arguments of an aggregate function"
	}
	args := c.Args
	if len(args) == 1 {
		if s, ok := args[0].(*ast.Star); ok {
			if !f.Star || s.Qualifier != nil {
				x.fail(fault.SQLInvalid, s, "%s takes no star", f.Name)
			}
			args = nil
		}
	}
	m.args = in.list(args)
	sig, err := f.Infer(x.session, expr.Args(m.args), grouped && c.Filter == nil) // a filter may leave no row
	if err != nil {
		x.fail(fault.SQLType, c, "%s: %w", f.Name, err)
	}
	m.args = x.coerce(m.args, sig.Args)
	for i := 1; i < len(m.args); i++ {
		m.args[i] = x.folded(m.args[i])
	}
	if f == fn.Builtin.Aggregate("APPROX_COUNT_DISTINCT") {
		m.fn, m.distinct = fn.Builtin.Aggregate("COUNT"), true
	}
	m.t = sig.Result.WithAttribute(types.NoAttribute)
	if c.Filter != nil {
		m.filter = in.condition(c.Filter)
	}
	order := c.WithinGroup
	if order == nil {
		order = c.OrderBy
	}
	m.order = in.orderList(order)
	x.correlated = x.correlated || in.correlated
	return m
}

func (x *exprs) orderList(items []*ast.OrderItem) []orderBy {
	var list []orderBy
	for _, o := range items {
		list = append(list, orderBy{x.expr(o.Expr), sortKey(o, 0)})
	}
	return list
}

func (m *aggregateMark) same(o *aggregateMark) bool {
	return m.fn == o.fn && m.distinct == o.distinct && m.nulls == o.nulls && slices.EqualFunc(m.args, o.args, expr.Equal) && sameOrNil(m.filter, o.filter) && sameOrder(m.order, o.order)
}

func sameOrNil(a, b expr.Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return expr.Equal(a, b)
}

func sameOrder(a, b []orderBy) bool {
	return slices.EqualFunc(a, b, func(p, q orderBy) bool { return p.key == q.key && expr.Equal(p.e, q.e) })
}

// groupBy binds GROUP BY.
func (x *exprs) groupBy(g *ast.GroupBy) *group {
	out := &group{explicit: true}
	in := *x
	in.where, in.queries = "in GROUP BY", false
	// Each item has sets of keys; several items are combined with each other.
	all := [][]int{nil}
	several := false
	for _, item := range g.Items {
		sets := in.groupItem(out, item)
		if _, ok := item.(*ast.GroupingSets); ok {
			several = true
		}
		var product [][]int
		for _, a := range all {
			for _, b := range sets {
				set := slices.Clone(a)
				for _, k := range b {
					if !slices.Contains(set, k) {
						set = append(set, k)
					}
				}
				product = append(product, set)
			}
		}
		if len(product) > 4096 {
			x.fail(fault.SQLTooDeep, item, "GROUP BY has more than 4096 grouping sets")
		}
		all = product
	}
	if several {
		if g.Quantifier == ast.SetDistinct {
			var distinct [][]int
			for _, s := range all {
				slices.Sort(s)
				if !slices.ContainsFunc(distinct, func(o []int) bool { return slices.Equal(s, o) }) {
					distinct = append(distinct, s)
				}
			}
			all = distinct
		}
		for _, s := range all {
			slices.Sort(s)
		}
		out.sets = all
		if out.window != nil {
			x.unsupported(out.window.at, "a window in GROUP BY does not go with grouping sets")
		}
	}
	out.explicit = len(out.keys) > 0 || out.window != nil
	x.correlated = x.correlated || in.correlated
	return out
}

// key is the index of a key of GROUP BY.
func (x *exprs) key(g *group, e ast.Expr) int {
	k := x.expr(e)
	for i, other := range g.keys {
		if expr.Equal(k, other) {
			return i
		}
	}
	g.keys = append(g.keys, k)
	return len(g.keys) - 1
}

func (x *exprs) groupItem(g *group, item ast.GroupItem) [][]int {
	switch item := item.(type) {
	case *ast.GroupExpr:
		set := []int{}
		for _, e := range item.Exprs {
			if w := x.groupWindow(e); w != nil {
				if g.window != nil {
					x.fail(fault.SQLInvalid, e, "GROUP BY has two windows")
				}
				g.window = w
				continue
			}
			set = append(set, x.key(g, e))
		}
		return [][]int{set}
	case *ast.GroupingSets:
		var parts [][]int
		var sets [][]int
		for _, inner := range item.Items {
			s := x.groupItem(g, inner)
			sets = append(sets, s...)
			if item.Kind != ast.GroupingSetsOf {
				if _, ok := inner.(*ast.GroupExpr); !ok {
					x.fail(fault.SQLInvalid, inner, "%s takes expressions", item.Kind)
				}
				parts = append(parts, s[0])
			}
		}
		if item.Kind == ast.GroupingSetsOf {
			return sets
		}
		if item.Kind == ast.Cube && len(parts) > 12 {
			x.fail(fault.SQLTooDeep, item, "CUBE of more than 12 parts has too many grouping sets")
		}
		var all [][]int
		if item.Kind == ast.Rollup {
			for n := len(parts); n >= 0; n-- {
				all = append(all, slices.Concat(parts[:n]...))
			}
			return all
		}
		for bits := 1<<len(parts) - 1; bits >= 0; bits-- {
			set := []int{}
			for i, p := range parts {
				if bits>>(len(parts)-1-i)&1 != 0 {
					set = append(set, p...)
				}
			}
			all = append(all, set)
		}
		return all
	}
	x.unsupported(item, "this is not supported in GROUP BY")
	return nil
}

// grouping binds GROUPING and GROUPING_ID to a mark, or to 0 without grouping sets. GROUP_ID, which counts the same grouping set given twice, is not there.
func (x *exprs) grouping(c *ast.Call, name string) expr.Expr {
	if x.group == nil || !x.group.explicit {
		x.fail(fault.SQLInvalid, c, "%s needs GROUP BY", name)
	}
	if name == "GROUP_ID" {
		x.unsupported(c, "GROUP_ID is not supported")
	}
	if len(c.Args) == 0 || len(c.Args) > 60 {
		x.fail(fault.SQLInvalid, c, "%s takes one column of GROUP BY, or several", name)
	}
	in := *x
	in.group, in.windows = nil, nil
	m := &groupingMark{}
	for _, a := range c.Args {
		e := in.expr(a)
		i := slices.IndexFunc(x.group.keys, func(k expr.Expr) bool { return expr.Equal(k, e) })
		if i < 0 {
			x.fail(fault.SQLNotGrouped, a, "%s asks for %s, which is not in GROUP BY", name, e)
		}
		m.keys = append(m.keys, i)
	}
	if x.group.sets == nil {
		zero := integer(0)
		zero.T = m.Type()
		return zero
	}
	for _, o := range x.group.groupings {
		if slices.Equal(o.keys, m.keys) {
			return o
		}
	}
	x.group.groupings = append(x.group.groupings, m)
	return m
}

// columns collects expressions that an operator needs as columns of its input.
type columns struct {
	in   logical.Rel
	list []expr.Expr
}

// at is the column of an expression.
func (c *columns) at(e expr.Expr) int {
	for i, other := range c.list {
		if expr.Equal(e, other) {
			return i
		}
	}
	c.list = append(c.list, e)
	return len(c.list) - 1
}

// rel is the relation that has the columns, and which of its columns each of them is: the input itself, if that has them all.
func (c *columns) rel() (logical.Rel, []int) {
	index := make([]int, len(c.list))
	plain := true
	for i, e := range c.list {
		index[i] = i
		_, ok := e.(*expr.Ref)
		plain = plain && ok
	}
	if plain {
		for i, e := range c.list {
			index[i] = e.(*expr.Ref).Index
		}
		return c.in, index
	}
	names := make([]string, len(c.list))
	for i, e := range c.list {
		names[i] = nameOf(e, "$f"+strconv.Itoa(i))
	}
	return project(c.in, c.list, names), index
}

// nameOf is what a column of an expression is called: the column's name, where it is one.
func nameOf(e expr.Expr, otherwise string) string {
	if r, ok := e.(*expr.Ref); ok && r.Name != "" {
		return r.Name
	}
	return otherwise
}

// arg is an argument of a call: literals stay, others become columns.
func (c *columns) arg(e expr.Expr) func(index []int, fields []types.Field) expr.Expr {
	switch e.(type) {
	case *expr.Const, *expr.Symbol:
		return func([]int, []types.Field) expr.Expr { return e }
	}
	at := c.at(e)
	return func(index []int, fields []types.Field) expr.Expr {
		i := index[at]
		return &expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type}
	}
}

// prepare makes a call of a mark. What it returns is to be called when all columns are known.
func (x *text) prepare(c *columns, m *aggregateMark, name string) func(index []int, fields []types.Field) *logical.AggCall {
	var args []func([]int, []types.Field) expr.Expr
	for _, a := range m.args {
		args = append(args, c.arg(a))
	}
	filter := -1
	if m.filter != nil {
		filter = c.at(m.filter)
	}
	var order []logical.SortKey
	for _, o := range m.order {
		k := o.key
		k.Column = c.at(o.e)
		order = append(order, k)
	}
	return func(index []int, fields []types.Field) *logical.AggCall {
		call := &logical.AggCall{Fn: m.fn, Distinct: m.distinct, Filter: -1, IgnoreNulls: m.nulls, T: m.t, Name: name, At: x.placeAt(m.at)}
		for _, a := range args {
			call.Args = append(call.Args, a(index, fields))
		}
		if filter >= 0 {
			call.Filter = index[filter]
		}
		for _, k := range order {
			k.Column = index[k.Column]
			call.Order = append(call.Order, k)
		}
		return call
	}
}

// aggregateOver puts the aggregation above the scope's relation, and returns how expressions of the input are turned into such of the result.
func (x *exprs) aggregateOver(g *group, at ast.Node) func(at ast.Node, e expr.Expr) expr.Expr {
	c := &columns{in: x.scope.rel}
	var keys []int
	for _, k := range g.keys {
		keys = append(keys, c.at(k))
	}
	time := -1
	if g.window != nil {
		time = c.at(g.window.time)
	}
	var prepared []func([]int, []types.Field) *logical.AggCall
	for i, m := range g.calls {
		prepared = append(prepared, x.prepare(c, m, "$a"+strconv.Itoa(i)))
	}
	in, index := c.rel()
	fields := in.Fields()
	agg := &logical.Aggregate{Input: in, Sets: g.sets, At: x.placeAt(at)}
	if x.hints != nil {
		agg.Hints, agg.TTL = x.hints.list, x.hints.life(x.scope)
	}
	windows := windowColumns(in)
	whole := false // are window_start and window_end among the keys?
	starts, ends := false, false
	for _, k := range keys {
		starts = starts || windows[index[k]] == isWindowStart
		ends = ends || windows[index[k]] == isWindowEnd
	}
	whole = starts && ends
	var names []string
	var outTypes []types.Type
	for i, k := range keys {
		agg.Keys = append(agg.Keys, index[k])
		t := fields[index[k]].Type
		if !(whole && windows[index[k]] == isWindowTime) {
			t = t.WithAttribute(types.NoAttribute)
		}
		for _, s := range g.sets {
			if !slices.Contains(s, i) {
				t = t.Null()
			}
		}
		names, outTypes = append(names, fields[index[k]].Name), append(outTypes, t)
	}
	for _, p := range prepared {
		call := p(index, fields)
		agg.Calls = append(agg.Calls, call)
		names, outTypes = append(names, call.Name), append(outTypes, call.T)
	}
	if g.window != nil {
		w := g.window.spec
		w.Time = index[time]
		agg.Window, agg.TimeAt = &w, x.placeAt(g.window.at)
	}
	for _, p := range g.properties {
		agg.Properties = append(agg.Properties, p.property)
		names, outTypes = append(names, p.property.String()), append(outTypes, p.t)
	}
	for i, m := range g.groupings {
		agg.Groupings = append(agg.Groupings, m.keys)
		names, outTypes = append(names, "$g"+strconv.Itoa(i)), append(outTypes, m.Type())
	}
	names = unique(names)
	for i, n := range names {
		agg.Out = append(agg.Out, types.Field{Name: n, Type: outTypes[i]})
	}
	x.scope.rel = agg
	column := func(i int) expr.Expr {
		return &expr.Ref{Index: i, Name: agg.Out[i].Name, T: agg.Out[i].Type}
	}
	nk, nc, np := len(g.keys), len(g.calls), len(g.properties)
	return func(at ast.Node, e expr.Expr) expr.Expr {
		return x.rebuild(at, e, func(e expr.Expr) (expr.Expr, bool) {
			switch m := e.(type) {
			case *aggregateMark:
				return column(nk + slices.Index(g.calls, m)), true
			case *propertyMark:
				return column(nk + nc + slices.Index(g.properties, m)), true
			case *groupingMark:
				return column(nk + nc + np + slices.Index(g.groupings, m)), true
			}
			for i, k := range g.keys {
				if expr.Equal(k, e) {
					return column(i), true
				}
			}
			if r, ok := e.(*expr.Ref); ok {
				var place ast.Node = at
				if span, ok := x.spans[r]; ok {
					place = span
				}
				x.fail(fault.SQLNotGrouped, place, "%s is neither in GROUP BY nor in an aggregate function", r)
			}
			return nil, false
		})
	}
}

// rebuild replaces parts of an expression, from the top down: where f replaces one, it does not look further. Calls around parts that have another type then are typed anew: grouping sets make keys nullable.
func (x *text) rebuild(at ast.Node, e expr.Expr, f func(expr.Expr) (expr.Expr, bool)) expr.Expr {
	if to, ok := f(e); ok {
		return to
	}
	switch e := e.(type) {
	case *expr.Field:
		of := x.rebuild(at, e.Of, f)
		if of == e.Of {
			return e
		}
		c := *e
		c.Of = of
		t := of.Type()
		if ft := t.Fields()[e.Index].Type; true {
			c.T = ft.WithNullable(ft.Nullable() || t.Nullable())
		}
		return &c
	case *expr.Call:
		args := make([]expr.Expr, len(e.Args))
		changed, retyped := false, false
		for i, a := range e.Args {
			args[i] = x.rebuild(at, a, f)
			changed = changed || args[i] != a
			retyped = retyped || !args[i].Type().Equal(a.Type())
		}
		if !changed {
			return e
		}
		if retyped {
			switch e.Fn {
			case fn.Cast:
				return &expr.Call{Fn: e.Fn, Args: args, T: e.T.WithNullable(args[0].Type().Nullable())}
			case fn.TryCast:
			default:
				return x.apply(at, e.Fn, args)
			}
		}
		return &expr.Call{Fn: e.Fn, Args: args, T: e.T}
	}
	return e
}
