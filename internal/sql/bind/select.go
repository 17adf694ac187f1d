package bind

import (
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// item is a column of a SELECT.
type item struct {
	e    expr.Expr
	name string
	at   ast.Node
}

// selectOf binds a SELECT with the ORDER BY of its query. Behind the columns of the relation may be others, by which it is sorted.
func (x *text) selectOf(s *ast.Select, e *env, order []*ast.OrderItem) (relation, []logical.SortKey) {
	sc := &scope{rel: oneRow(), outer: e.around()}
	hints := x.hintsOf(s.Hints)
	if s.From != nil {
		sc = x.from(s.From, e, hints)
	}
	hints.check(sc)
	if s.Stream {
		x.unsupported(s, "SELECT STREAM is not supported")
	}
	b := x.over(sc)
	b.env, b.queries, b.named, b.hints = e, true, s.Windows, hints
	if s.Where != nil {
		b.where = "in WHERE"
		b.filter(s.Where)
	}
	return b.finish(s, order)
}

// oneRow is the relation of a SELECT without FROM: a row without anything of interest.
func oneRow() logical.Rel {
	return &logical.Values{
		Rows: [][]expr.Expr{{&expr.Const{Value: column.IntValue(0), T: types.New(types.Int).NotNull()}}},
		Out:  []types.Field{{Name: "ZERO", Type: types.New(types.Int).NotNull()}},
	}
}

// items binds the columns of a SELECT.
func (x *exprs) items(s *ast.Select) []item {
	var items []item
	for _, it := range s.Items {
		if star, ok := it.Expr.(*ast.Star); ok {
			items = append(items, x.star(star)...)
			continue
		}
		name := "EXPR$" + strconv.Itoa(len(items))
		switch n := it.Expr.(type) {
		case *ast.Name:
			name = n.Last().Name
		case *ast.Field:
			name = n.Name.Name
		case *ast.Call:
			if x.isName(n) {
				name = n.Name.Last().Name
			}
		}
		if it.Alias != nil {
			name = it.Alias.Name
		}
		items = append(items, item{x.expr(it.Expr), name, it.Expr})
	}
	return items
}

// star is the columns that a star stands for.
func (x *exprs) star(s *ast.Star) []item {
	var items []item
	add := func(c named) {
		r := x.scope.ref(c.index)
		x.spans[r] = s.Span
		items = append(items, item{r, c.name, s})
	}
	if s.Qualifier == nil {
		if len(x.scope.tables) == 0 {
			x.fail(fault.SQLInvalid, s, "a star needs FROM")
		}
		for _, c := range x.scope.star {
			add(c)
		}
		return items
	}
	var aliases []string
	for _, t := range x.scope.tables {
		if t.matches(s.Qualifier.Strings()) {
			for _, c := range t.columns {
				add(c)
			}
			return items
		}
		aliases = append(aliases, t.alias)
	}
	// A row: its fields are the columns.
	if r, used := x.lookup(x.scope, s.Qualifier); r != nil {
		var e expr.Expr = r
		x.spans[r] = s.Span
		for _, p := range s.Qualifier.Parts[used:] {
			e = x.field(e, p)
		}
		if e.Type().IsComposite() {
			for _, f := range e.Type().Fields() {
				items = append(items, item{x.field(e, &ast.Ident{Span: s.Span, Name: f.Name}), f.Name, s})
			}
			return items
		}
	}
	x.suggest(fault.SQLUnknownTable, s.Qualifier, s.Qualifier.String(), aliases, "there is no table %s in FROM", s.Qualifier)
	return nil
}

// project is the relation of expressions over another. It is the other one if nothing changes.
func project(in logical.Rel, list []expr.Expr, names []string) logical.Rel {
	fields := in.Fields()
	same := len(list) == len(fields)
	names = unique(names)
	for i, e := range list {
		r, ok := e.(*expr.Ref)
		same = same && ok && r.Index == i && fields[i].Name == names[i]
	}
	if same {
		return in
	}
	out := make([]types.Field, len(list))
	for i, e := range list {
		out[i] = types.Field{Name: names[i], Type: e.Type()}
	}
	if v, ok := in.(*logical.Values); ok && len(v.Out) == 1 && v.Out[0].Name == "ZERO" && len(v.Rows) == 1 {
		free := true
		for _, e := range list {
			free = free && reads(e) == 0
		}
		if free {
			return &logical.Values{Rows: [][]expr.Expr{list}, Out: out}
		}
	}
	return &logical.Project{Input: in, Exprs: list, Out: out}
}

// reads counts the columns that an expression reads, those of queries around included.
func reads(e expr.Expr) int {
	n := 0
	expr.Walk(e, func(e expr.Expr) bool {
		switch e.(type) {
		case *expr.Ref, *outerRef:
			n++
		}
		return true
	})
	return n
}

// unique returns the names with numbers behind those that occur before, as Flink numbers them.
func unique(names []string) []string {
	used := make(map[string]bool, len(names))
	var out []string
	for i, n := range names {
		name := n
		for k := 0; used[name]; k++ {
			name = n + strconv.Itoa(k)
		}
		used[name] = true
		if name != n && out == nil {
			out = append(out, names...)
		}
		if out != nil {
			out[i] = name
		}
	}
	if out == nil {
		return names
	}
	return out
}

// finish binds what follows WHERE, and the columns.
func (x *exprs) finish(s *ast.Select, order []*ast.OrderItem) (relation, []logical.SortKey) {
	g := &group{}
	if s.GroupBy != nil {
		g = x.groupBy(s.GroupBy)
	}
	x.group, x.windows = g, &windows{}
	x.where = "here"
	items := x.items(s)
	visible := len(items)
	var having, qualify expr.Expr
	if s.Having != nil {
		in := *x
		in.windows, in.where = nil, "in HAVING"
		having = in.condition(s.Having)
	}
	if s.Qualify != nil {
		in := *x
		in.aliases = aliasesOf(s, items)
		qualify = in.condition(s.Qualify)
	}
	items, keys := x.orderItems(s, items, order)
	if s.Quantifier == ast.SetDistinct && len(items) > visible {
		x.fail(fault.SQLInvalid, order[0], "a SELECT DISTINCT is sorted by its own columns alone")
	}

	// What is above the aggregation reads its columns.
	each := func(f func(at ast.Node, e expr.Expr) expr.Expr) {
		for i := range items {
			items[i].e = f(items[i].at, items[i].e)
		}
		if qualify != nil {
			qualify = f(s.Qualify, qualify)
		}
	}
	if s.GroupBy != nil || having != nil || len(g.calls) > 0 {
		lift := x.aggregateOver(g, groupingOf(s, g))
		each(lift)
		for _, m := range x.windows.calls {
			m.rewrite(lift)
		}
		for _, m := range *x.subs {
			m.rewrite(lift)
		}
		if having != nil {
			x.keep(s.Having, lift(s.Having, having))
		}
	}
	if len(x.windows.calls) > 0 {
		for _, m := range x.windows.calls {
			m.rewrite(x.attached)
		}
		x.overOver()
		each(x.overColumns)
	}
	each(x.attached)
	if qualify != nil {
		x.scope.rel = &logical.Filter{Input: x.scope.rel, Cond: qualify}
	}
	list := make([]expr.Expr, len(items))
	names := make([]string, len(items))
	for i, it := range items {
		list[i], names[i] = it.e, it.name
	}
	x.grow(s, len(items))
	r := relation{project(x.scope.rel, list, names), names[:visible:visible]}
	if s.Quantifier == ast.SetDistinct {
		r.rel = x.distinct(r.rel, s)
	}
	return r, keys
}

// groupingOf is what asks for an aggregation: GROUP BY, or the first call, or HAVING.
func groupingOf(s *ast.Select, g *group) ast.Node {
	switch {
	case s.GroupBy != nil:
		return s.GroupBy
	case len(g.calls) > 0:
		return g.calls[0].at
	}
	return s.Having
}

// distinct is a relation without duplicates.
func (x *text) distinct(rel logical.Rel, at ast.Node) logical.Rel {
	a := &logical.Aggregate{Input: rel, At: x.placeAt(at)}
	for i, f := range rel.Fields() {
		a.Keys = append(a.Keys, i)
		f.Type = f.Type.WithAttribute(types.NoAttribute)
		a.Out = append(a.Out, f)
	}
	return a
}

// aliasesOf are the aliases of a SELECT.
func aliasesOf(s *ast.Select, items []item) map[string]expr.Expr {
	m := map[string]expr.Expr{}
	for _, it := range s.Items {
		if it.Alias == nil {
			continue
		}
		for _, i := range items {
			if i.at == it.Expr && m[it.Alias.Name] == nil {
				m[it.Alias.Name] = i.e
			}
		}
	}
	return m
}

// orderItems binds ORDER BY. Expressions that are no columns of the SELECT become some, behind the others.
func (x *exprs) orderItems(s *ast.Select, items []item, order []*ast.OrderItem) ([]item, []logical.SortKey) {
	if len(order) == 0 {
		return items, nil
	}
	visible := len(items)
	in := *x
	in.aliases, in.where = aliasesOf(s, items), "in ORDER BY"
	var keys []logical.SortKey
next:
	for _, o := range order {
		if i, ok := x.ordinal(o.Expr, visible); ok {
			keys = append(keys, sortKey(o, i))
			continue
		}
		if n, ok := o.Expr.(*ast.Name); ok && len(n.Parts) == 1 {
			for i, it := range items[:visible] {
				if it.name == n.Parts[0].Name {
					keys = append(keys, sortKey(o, i))
					continue next
				}
			}
		}
		e := in.expr(o.Expr)
		for i, it := range items {
			if expr.Equal(it.e, e) {
				keys = append(keys, sortKey(o, i))
				continue next
			}
		}
		keys = append(keys, sortKey(o, len(items)))
		items = append(items, item{e, "$o" + strconv.Itoa(len(items)), o.Expr})
	}
	x.correlated = x.correlated || in.correlated
	return items, keys
}
