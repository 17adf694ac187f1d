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
	if s.From != nil {
		sc = x.from(s.From, e)
	}
	if s.Stream {
		x.unsupported(s, "SELECT STREAM is not supported")
	}
	b := x.over(sc)
	b.env, b.queries, b.named = e, true, s.Windows
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
	for i, it := range s.Items {
		if star, ok := it.Expr.(*ast.Star); ok {
			items = append(items, x.star(star)...)
			continue
		}
		name := "EXPR$" + strconv.Itoa(i)
		switch n := it.Expr.(type) {
		case *ast.Name:
			name = n.Last().Name
		case *ast.Field:
			name = n.Name.Name
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
