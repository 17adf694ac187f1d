package bind

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/logical"
)

// from binds an item of FROM.
func (x *text) from(t ast.TableExpr, e *env) *scope {
	s := x.tableExpr(t, e)
	s.outer = e.around()
	return s
}

func (x *text) tableExpr(t ast.TableExpr, e *env) *scope {
	switch t := t.(type) {
	case *ast.TableRef:
		r := x.named(t.Name, t.Hints, e)
		s := x.scopeOf(r, t.Name.Last().Name)
		if p, ok := x.manager.Resolve(x.within, t.Name.Strings()); ok {
			s.tables[0].path = p
		}
		return s
	case *ast.Derived:
		return x.scopeOf(x.query(t.Query, e), "")
	case *ast.Aliased:
		return x.aliased(x.tableExpr(t.Table, e), t)
	}
	x.unsupported(t, "this is not supported in FROM")
	return nil
}

// scopeOf is the scope over a bound query.
func (x *text) scopeOf(r relation, alias string) *scope {
	t := &table{alias: alias}
	for i, n := range r.names {
		t.columns = append(t.columns, named{n, i})
	}
	return &scope{rel: r.rel, tables: []*table{t}, star: t.columns}
}

// aliased gives a scope's columns one table, and perhaps other names.
func (x *text) aliased(s *scope, a *ast.Aliased) *scope {
	t := &table{alias: a.Alias.Name}
	t.columns = append(t.columns, s.star...)
	if a.Columns != nil {
		if len(a.Columns) != len(t.columns) {
			x.fail(fault.SQLInvalid, a.Alias, "%d columns are named, but %s has %d", len(a.Columns), a.Alias.Name, len(t.columns))
		}
		names := make([]string, len(s.rel.Fields()))
		for i, f := range s.rel.Fields() {
			names[i] = f.Name
		}
		for i, c := range a.Columns {
			t.columns[i].name = c.Name
			names[t.columns[i].index] = c.Name
		}
		s.rel = renamed(s.rel, names)
	}
	return &scope{rel: s.rel, tables: []*table{t}, star: t.columns}
}

var _ = catalog.Path{}
var _ logical.Rel
