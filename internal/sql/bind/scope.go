package bind

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// named is a column of a scope's relation under the name by which it is found.
type named struct {
	name  string
	index int
}

// table is an item of FROM: an alias, or the path of a table without one, over columns.
type table struct {
	alias   string
	path    catalog.Path // where there is no alias
	columns []named
}

// matches reports whether the table is meant by the parts before a column's name.
func (t *table) matches(parts []string) bool {
	n := len(parts)
	if n == 1 || t.path == (catalog.Path{}) {
		return n == 1 && parts[0] == t.alias
	}
	full := []string{t.path.Catalog, t.path.Database, t.path.Name}
	if n > 3 {
		return false
	}
	for i, p := range full[3-n:] {
		if parts[i] != p {
			return false
		}
	}
	return true
}

// scope is what an expression can name: the columns of a relation. Subqueries that an expression needs are joined to the relation, behind its columns.
type scope struct {
	rel    logical.Rel
	tables []*table
	// star are the columns that are found without a table, and which a star stands for.
	star []named
	// outer is the scope of the query around a subquery.
	outer *scope
}

// scopeOf is the scope over one relation.
func scopeOf(rel logical.Rel, alias string) *scope {
	t := &table{alias: alias}
	for i, f := range rel.Fields() {
		t.columns = append(t.columns, named{f.Name, i})
	}
	return &scope{rel: rel, tables: []*table{t}, star: t.columns}
}

// ref returns a column of the relation.
func (s *scope) ref(i int) *expr.Ref {
	f := s.rel.Fields()[i]
	return &expr.Ref{Index: i, Name: f.Name, T: f.Type}
}

// find returns the columns of that name, and whether there is more than one.
func find(columns []named, name string) (index int, several bool) {
	index = -1
	for _, c := range columns {
		if c.name == name {
			if index >= 0 && index != c.index {
				return index, true
			}
			index = c.index
		}
	}
	return index, false
}

// outerRef is a column of a query around the one in which it stands.
type outerRef struct {
	scope *scope
	ref   *expr.Ref
}

func (e *outerRef) Type() types.Type { return e.ref.T }
func (e *outerRef) String() string   { return e.ref.String() }

// lookup finds what the first parts of a name mean in a scope: a column and how many parts it took; nil if nothing does.
func (x *exprs) lookup(s *scope, n *ast.Name) (*expr.Ref, int) {
	parts := n.Strings()
	// The table before its columns: the longest prefix that names one.
	for k := min(len(parts)-1, 3); k >= 1; k-- {
		var found *expr.Ref
		matched := false
		for _, t := range s.tables {
			if !t.matches(parts[:k]) {
				continue
			}
			matched = true
			i, several := find(t.columns, parts[k])
			if several || found != nil && i >= 0 {
				x.fail(fault.SQLAmbiguous, n, "the column %s is ambiguous", n)
			}
			if i >= 0 {
				found = s.ref(i)
			}
		}
		if found != nil {
			return found, k + 1
		}
		if matched && k > 1 {
			return nil, 0
		}
	}
	i, several := find(s.star, parts[0])
	if several {
		x.fail(fault.SQLAmbiguous, n.Parts[0], "the column %q is ambiguous", parts[0])
	}
	if i < 0 {
		return nil, 0
	}
	return s.ref(i), 1
}

// name binds a name: a column of this query or of one around it, and then fields of rows.
func (x *exprs) name(n *ast.Name) expr.Expr {
	if x.match != nil {
		return x.matchName(n)
	}
	var e expr.Expr
	used := 0
	if a, ok := x.aliases[n.Parts[0].Name]; ok && len(n.Parts) == 1 {
		return a
	}
	for s := x.scope; s != nil; s = s.outer {
		r, k := x.lookup(s, n)
		if r == nil {
			continue
		}
		used = k
		if s == x.scope {
			x.spans[r] = n.Span
			e = r
		} else {
			e = &outerRef{s, r}
			x.correlated = true
		}
		break
	}
	if e == nil {
		x.unknown(n)
	}
	for _, p := range n.Parts[used:] {
		e = x.field(e, p)
	}
	return e
}

// field is a field of a row.
func (x *text) field(of expr.Expr, name *ast.Ident) expr.Expr {
	t := of.Type()
	if !t.IsComposite() {
		x.fail(fault.SQLUnknownColumn, name, "%s is %s, which has no fields", of, t)
	}
	i := t.Field(name.Name)
	if i < 0 {
		var names []string
		for _, f := range t.Fields() {
			names = append(names, f.Name)
		}
		x.suggest(fault.SQLUnknownColumn, name, name.Name, names, "%s has no field %q", of, name.Name)
	}
	ft := t.Fields()[i].Type
	return &expr.Field{Of: of, Index: i, Name: name.Name, T: ft.WithNullable(ft.Nullable() || t.Nullable())}
}

func (x *exprs) unknown(n *ast.Name) {
	last := n.Last()
	var names, tables []string
	for s := x.scope; s != nil; s = s.outer {
		for _, c := range s.star {
			names = append(names, c.name)
		}
		for _, t := range s.tables {
			tables = append(tables, t.alias)
			if len(n.Parts) > 1 && t.matches(n.Strings()[:len(n.Parts)-1]) {
				var own []string
				for _, c := range t.columns {
					own = append(own, c.name)
				}
				x.suggest(fault.SQLUnknownColumn, last, last.Name, own, "there is no column %q in the table %s", last.Name, t.alias)
			}
		}
	}
	if len(n.Parts) > 1 {
		first := n.Parts[0]
		x.suggest(fault.SQLUnknownColumn, n, first.Name, append(tables, names...), "there is no column or table %q here", first.Name)
	}
	x.suggest(fault.SQLUnknownColumn, n, last.Name, names, "there is no column %q", last.Name)
}
