package bind

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// Execute executes a statement on catalogs: CREATE, ALTER and DROP, USE, SHOW and DESCRIBE. It reports whether the statement is one; CREATE TABLE .. AS, which runs a query, is none: see [Binder.CreateTableAs].
func (b *Binder) Execute(src *ast.Source, st ast.Statement) (rows *catalog.Rows, done bool, err error) {
	x := b.text(src)
	rows, done = &catalog.Rows{}, true
	switch st := st.(type) {
	case *ast.CreateTable:
		if st.As != nil {
			return nil, false, nil
		}
		_, err = b.CreateTable(src, st)
	case *ast.CreateView:
		_, err = b.CreateView(src, st)
	case *ast.Show:
		if st.Kind == ast.ShowColumns {
			err = x.run(func() { rows = x.describe(st.Name, st) })
			break
		}
		var names []string
		for _, r := range b.registries {
			names = append(names, r.Names()...)
		}
		rows, err = b.manager.Show(src, st, names)
	case *ast.Describe:
		err = x.run(func() {
			if st.Name == nil || st.Kind != "" {
				x.unsupported(st, "DESCRIBE %s is not supported", st.Kind)
			}
			rows = x.describe(st.Name, nil)
		})
	case *ast.Alter:
		if done, err = b.manager.Execute(src, st); !done {
			done = true
			err = x.run(func() { x.alter(st) })
		}
	default:
		done, err = b.manager.Execute(src, st)
	}
	if err != nil || !done {
		rows = nil
	}
	return rows, done, err
}

func (x *text) describe(n *ast.Name, show *ast.Show) *catalog.Rows {
	t, err := x.manager.Table(catalog.Path{}, x.src, n)
	x.check(err)
	r := *t
	fields := x.scan(t, nil, n.Span).Fields()
	return catalog.Describe(&r, fields, show)
}

// alter executes ALTER TABLE and ALTER VIEW, but for RENAME TO.
func (x *text) alter(s *ast.Alter) {
	if s.Kind != ast.KindTable && s.Kind != ast.KindView {
		x.unsupported(s, "ALTER %s is not supported", s.Kind)
	}
	path, err := x.manager.ResolveName(x.within, x.src, s.Name)
	x.check(err)
	if s.IfExists {
		if t, err := x.manager.Lookup(path); err == nil && t == nil {
			return
		}
	}
	t, err := x.manager.Table(x.within, x.src, s.Name)
	x.check(err)
	if t.IsView() != (s.Kind == ast.KindView) {
		x.fail(fault.SQLInvalid, s.Name, "%s is a %s", path, map[bool]string{true: "view", false: "table"}[t.IsView()])
	}
	if s.Kind == ast.KindView {
		a, ok := s.Action.(*ast.AlterQuery)
		if !ok {
			x.unsupported(s.Action, "this ALTER VIEW is not supported")
		}
		x.check(x.manager.Put(x.viewOf(path, a.Query, nil, t.Temporary, t.Comment, s.Name)))
		return
	}
	r, err := catalog.Altered(x.src, t, s.Action)
	x.check(err)
	x.check(x.manager.Put(x.resolve(r)))
}

// CreateTable executes CREATE TABLE: the table is checked and put into its catalog. It reports whether there is a new one: IF NOT EXISTS leaves one that is there as it is.
func (b *Binder) CreateTable(src *ast.Source, s *ast.CreateTable) (created bool, err error) {
	x := b.text(src)
	err = x.run(func() {
		if s.As != nil {
			x.unsupported(s, "CREATE TABLE .. AS cannot stand here")
		}
		path, fresh := x.place(s.Name, s.Temporary, s.IfNotExists, s.Replace || s.OrReplace)
		if !fresh {
			return
		}
		x.check(b.manager.Put(x.resolve(x.newTable(s, path))))
		created = true
	})
	return created, err
}

// newTable is the table of a CREATE TABLE.
func (x *text) newTable(s *ast.CreateTable, path catalog.Path) *catalog.Table {
	var t *catalog.Table
	var err error
	if s.Like != nil {
		var base *catalog.Table
		base, err = x.manager.Table(x.within, x.src, s.Like.Table)
		x.check(err)
		t, err = catalog.Like(x.src, s, path, base)
	} else {
		t, err = catalog.NewTable(x.src, s, path)
	}
	x.check(err)
	x.check(t.CheckPartitions(x.src, s.PartitionedBy))
	if len(t.Columns) == 0 && s.As == nil {
		x.fail(fault.SQLSchema, s.Name, "the table has no columns")
	}
	return t
}

// CreateTableAs executes CREATE TABLE .. AS: it creates the table, with the query's columns behind those that are declared, and returns the INSERT that is to be run. It is nil if IF NOT EXISTS found one.
func (b *Binder) CreateTableAs(src *ast.Source, s *ast.CreateTable) (sink *logical.Sink, err error) {
	x := b.text(src)
	err = x.run(func() {
		if s.As == nil {
			x.fail(fault.SQLInvalid, s, "this is no CREATE TABLE .. AS")
		}
		path, fresh := x.place(s.Name, s.Temporary, s.IfNotExists, s.Replace || s.OrReplace)
		if !fresh {
			return
		}
		rel := x.query(s.As, nil).rel
		bare := *s
		if s.Schema != nil {
			schema := *s.Schema
			schema.Constraints = nil
			bare.Schema = &schema
		}
		bare.PartitionedBy = nil
		t := x.newTable(&bare, path)
		if s.Schema != nil && s.Schema.Names != nil {
			x.unsupported(s.Schema, "names of columns without types are not supported")
		}
		for _, f := range rel.Fields() {
			if i := t.Column(f.Name); i >= 0 {
				// A column that is declared, too, has the declared type.
				continue
			}
			t.Columns = append(t.Columns, catalog.Column{Name: f.Name, Type: f.Type.WithAttribute(0)})
		}
		if s.Schema != nil {
			x.check(t.AddKeys(src, s.Schema.Constraints))
		}
		x.check(t.CheckPartitions(src, s.PartitionedBy))
		for _, p := range s.PartitionedBy {
			t.PartitionBy = append(t.PartitionBy, p.Name)
		}
		again, err := t.Again()
		x.check(err)
		t = x.resolve(again)
		var columns []*ast.Name
		for _, f := range rel.Fields() {
			columns = append(columns, &ast.Name{Span: s.Name.Span, Parts: []*ast.Ident{{Span: s.Name.Span, Name: f.Name}}})
		}
		x.check(b.manager.Put(t))
		sink = x.insert(&ast.Insert{Span: s.Span, Table: s.Name, Columns: columns, Query: s.As})
	})
	return sink, err
}

// CreateView executes CREATE VIEW: the query is bound, and the view put into its catalog.
func (b *Binder) CreateView(src *ast.Source, s *ast.CreateView) (created bool, err error) {
	x := b.text(src)
	err = x.run(func() {
		path, fresh := x.place(s.Name, s.Temporary, s.IfNotExists, s.OrReplace)
		if !fresh {
			return
		}
		comment := ""
		if s.Comment != nil {
			comment = s.Comment.Value
		}
		x.check(b.manager.Put(x.viewOf(path, s.Query, s.Columns, s.Temporary, comment, s.Name)))
		created = true
	})
	return created, err
}

// viewOf makes a view.
func (x *text) viewOf(path catalog.Path, q *ast.Query, columns []*ast.Ident, temporary bool, comment string, at ast.Node) *catalog.Table {
	t := &catalog.Table{Path: path, Source: x.src, Temporary: temporary, Comment: comment, Query: q, Within: x.manager.Within()}
	x.open = append(x.open, path)
	x.full = map[ast.Span]catalog.Path{}
	r := x.query(q, nil)
	x.open = x.open[:len(x.open)-1]
	t.QueryText = x.spelledOut(q.Span)
	x.full = nil
	if columns != nil {
		r = x.rename(r, columns, at)
	}
	for _, f := range r.rel.Fields() {
		t.Columns = append(t.Columns, catalog.Column{Name: f.Name, Type: f.Type})
	}
	return t
}

// spelledOut is a part of the text in which the names of tables are full paths.
func (x *text) spelledOut(part ast.Span) string {
	var spans []ast.Span
	for s := range x.full {
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b ast.Span) int { return a.Start - b.Start })
	var b strings.Builder
	at := part.Start
	for _, s := range spans {
		if s.Start < at || s.End > part.End {
			continue
		}
		b.WriteString(x.src.Slice(ast.Span{Start: at, End: s.Start}))
		b.WriteString(x.full[s].String())
		at = s.End
	}
	b.WriteString(x.src.Slice(ast.Span{Start: at, End: part.End}))
	return b.String()
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
