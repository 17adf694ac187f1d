package bind

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// CreateTable executes CREATE TABLE: the table is checked and put into its catalog. It reports whether there is a new one: IF NOT EXISTS leaves one that is there as it is.
func (b *Binder) CreateTable(src *ast.Source, s *ast.CreateTable) (created bool, err error) {
	x := b.text(src)
	err = x.run(func() {
		path, fresh := x.place(s.Name, s.Temporary, s.IfNotExists, s.Replace || s.OrReplace)
		if !fresh {
			return
		}
		t, err := catalog.NewTable(src, s, path)
		x.check(err)
		if s.Like != nil || s.As != nil {
			x.unsupported(s, "CREATE TABLE with LIKE or AS is not supported")
		}
		x.check(t.CheckPartitions(src, s.PartitionedBy))
		x.check(b.manager.Put(x.resolve(t)))
		created = true
	})
	return created, err
}

// CreateView executes CREATE VIEW: the query is bound, and the view put into its catalog.
func (b *Binder) CreateView(src *ast.Source, s *ast.CreateView) (created bool, err error) {
	x := b.text(src)
	err = x.run(func() {
		path, fresh := x.place(s.Name, s.Temporary, s.IfNotExists, s.OrReplace)
		if !fresh {
			return
		}
		within := b.manager.Within()
		t := &catalog.Table{Path: path, Source: src, Temporary: s.Temporary, Query: s.Query, QueryText: src.Slice(s.Query.Span), Within: within}
		if s.Comment != nil {
			t.Comment = s.Comment.Value
		}
		x.open = append(x.open, path)
		r := x.query(s.Query, nil)
		if s.Columns != nil {
			r = x.rename(r, s.Columns, s.Name)
		}
		for _, f := range r.rel.Fields() {
			t.Columns = append(t.Columns, catalog.Column{Name: f.Name, Type: f.Type})
		}
		x.check(b.manager.Put(t))
		created = true
	})
	return created, err
}

// place is where a new table or view goes, and whether it does: not if there is one already and that is all right.
func (x *text) place(n *ast.Name, temporary, ifNotExists, replace bool) (catalog.Path, bool) {
	path, err := x.manager.ResolveName(x.within, x.src, n)
	x.check(err)
	old, err := x.manager.Lookup(path)
	if err != nil {
		x.fail(fault.SQLCatalog, n, "looking up %s: %w", path, err)
	}
	// A temporary object may hide a permanent one.
	if old == nil || temporary != old.Temporary {
		return path, true
	}
	if !ifNotExists && !replace {
		panic(bail{sqlerr.New(fault.SQLExists, x.src, n.Span, "there is a table or view %s already", path)})
	}
	return path, replace
}
