package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// Rows is what a statement on catalogs returns. Its columns are nil if it returns nothing.
type Rows struct {
	Columns []types.Field
	Rows    [][]column.Value
}

func names(column string, list []string) *Rows {
	r := &Rows{Columns: []types.Field{{Name: column, Type: types.String().NotNull()}}}
	for _, n := range list {
		r.add(n)
	}
	return r
}

// add adds a row of texts; those of no text are null.
func (r *Rows) add(texts ...any) {
	row := make([]column.Value, len(texts))
	for i, t := range texts {
		switch t := t.(type) {
		case string:
			row[i] = column.TextValue(t)
		case bool:
			row[i] = column.BoolValue(t)
		default:
			row[i] = column.NullValue()
		}
	}
	r.Rows = append(r.Rows, row)
}

// like returns those of the names that the filter of a SHOW lets through.
func like(s *ast.Show, list []string) []string {
	if s.Pattern == nil {
		return list
	}
	pattern := s.Pattern.Value
	if s.LikeOp == ast.OpILike {
		pattern = strings.ToLower(pattern)
	}
	var out []string
	for _, n := range list {
		text := n
		if s.LikeOp == ast.OpILike {
			text = strings.ToLower(text)
		}
		if matches(text, pattern) != s.Not {
			out = append(out, n)
		}
	}
	return out
}

// matches is LIKE: % stands for anything, _ for one character, a backslash before one of them for itself. It takes time in proportion to the product of the lengths.
func matches(text, pattern string) bool {
	type token struct {
		r        rune
		any, one bool
	}
	var tokens []token
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped || r != '\\' && r != '%' && r != '_':
			tokens, escaped = append(tokens, token{r: r}), false
		case r == '\\':
			escaped = true
		default:
			tokens = append(tokens, token{any: r == '%', one: r == '_'})
		}
	}
	// reach[i] tells whether the first i tokens match what was read of the text.
	reach := make([]bool, len(tokens)+1)
	reach[0] = true
	spread := func() {
		for i, t := range tokens {
			if t.any && reach[i] {
				reach[i+1] = true
			}
		}
	}
	spread()
	for _, r := range text {
		for i := len(tokens) - 1; i >= 0; i-- {
			t := tokens[i]
			if t.any {
				reach[i+1] = reach[i+1] || reach[i]
			} else {
				reach[i+1] = reach[i] && (t.one || t.r == r)
			}
		}
		reach[0] = false
		spread()
	}
	return reach[len(tokens)]
}

// Show executes SHOW of what the manager knows: catalogs, databases, tables, views, functions and the statements that create them. builtin are the names of the functions of SQL. SHOW COLUMNS is that of
// [Describe].
func (m *Manager) Show(src *ast.Source, s *ast.Show, builtin []string) (*Rows, error) {
	within := m.Within()
	// from is the catalog and database of FROM or IN.
	from := func(parts int) (Path, error) {
		p := within
		if s.Name == nil {
			return p, nil
		}
		names := s.Name.Strings()
		if len(names) > parts {
			return p, sqlerr.New(fault.SQLInvalid, src, s.Name.Span, "%s has too many parts", s.Name)
		}
		if parts == 1 || len(names) == 2 {
			p.Catalog = names[0]
		}
		if parts == 2 {
			p.Database = names[len(names)-1]
		}
		c := m.Catalog(p.Catalog)
		if c == nil {
			return p, hinted(sqlerr.New(fault.SQLUnknownObject, src, s.Name.Span, "there is no catalog %q", p.Catalog), p.Catalog, m.Catalogs())
		}
		if parts == 2 {
			if d, err := c.Database(p.Database); err != nil || d == nil {
				databases, _ := c.Databases()
				return p, hinted(sqlerr.New(fault.SQLUnknownObject, src, s.Name.Span, "there is no database %q in the catalog %q", p.Database, p.Catalog), p.Database, databases)
			}
		}
		return p, nil
	}
	switch s.Kind {
	case ast.ShowCatalogs:
		return names("catalog name", like(s, m.Catalogs())), nil
	case ast.ShowCurrentCatalog:
		return names("current catalog name", []string{within.Catalog}), nil
	case ast.ShowCurrentDatabase:
		return names("current database name", []string{within.Database}), nil
	case ast.ShowDatabases:
		p, err := from(1)
		if err != nil {
			return nil, err
		}
		list, err := m.Catalog(p.Catalog).Databases()
		return names("database name", like(s, list)), err
	case ast.ShowTables, ast.ShowViews:
		p, err := from(2)
		if err != nil {
			return nil, err
		}
		list := m.Names(p.Catalog, p.Database)
		what := "table name"
		if s.Kind == ast.ShowViews {
			what = "view name"
			var views []string
			for _, n := range list {
				if t, err := m.Lookup(Path{p.Catalog, p.Database, n}); err == nil && t != nil && t.IsView() {
					views = append(views, n)
				}
			}
			list = views
		}
		return names(what, like(s, list)), nil
	case ast.ShowFunctions, ast.ShowUserFunctions:
		p, err := from(2)
		if err != nil {
			return nil, err
		}
		list := m.functionNames(p)
		if s.Kind == ast.ShowFunctions && s.Name == nil {
			for _, b := range builtin {
				list = append(list, strings.ToLower(b))
			}
			slices.Sort(list)
			list = slices.Compact(list)
		}
		return names("function name", like(s, list)), nil
	case ast.ShowModules, ast.ShowFullModules:
		if s.Kind == ast.ShowFullModules {
			r := &Rows{Columns: []types.Field{{Name: "module name", Type: types.String()}, {Name: "used", Type: types.New(types.Boolean)}}}
			r.add("core", true)
			return r, nil
		}
		return names("module name", []string{"core"}), nil
	case ast.ShowMaterializedTables:
		return names("materialized table name", nil), nil
	case ast.ShowProcedures:
		return names("procedure name", nil), nil
	case ast.ShowCreate:
		return m.showCreate(src, s)
	}
	return nil, sqlerr.New(fault.SQLUnsupported, src, s.Span, "SHOW %s is not supported", s.Kind)
}

func (m *Manager) functionNames(p Path) []string {
	var list []string
	if c := m.Catalog(p.Catalog); c != nil {
		all, _ := c.Functions(p.Database)
		list = slices.Clone(all)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	list = slices.AppendSeq(list, maps.Keys(m.systemFunctions))
	for f := range m.functions {
		if f.Catalog == p.Catalog && f.Database == p.Database {
			list = append(list, f.Name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (m *Manager) showCreate(src *ast.Source, s *ast.Show) (*Rows, error) {
	switch s.Object {
	case ast.KindTable, ast.KindView:
		t, err := m.Table(Path{}, src, s.Name)
		if err != nil {
			return nil, err
		}
		if t.IsView() != (s.Object == ast.KindView) {
			return nil, sqlerr.New(fault.SQLInvalid, src, s.Name.Span, "%s is a %s", t.Path, map[bool]string{true: "view", false: "table"}[t.IsView()])
		}
		return names("result", []string{t.DDL()}), nil
	case ast.KindCatalog:
		name := s.Name.Last().Name
		if m.Catalog(name) == nil {
			return nil, hinted(sqlerr.New(fault.SQLUnknownObject, src, s.Name.Span, "there is no catalog %q", name), name, m.Catalogs())
		}
		m.mu.RLock()
		defer m.mu.RUnlock()
		return names("result", []string{"CREATE CATALOG " + types.Quote(name) + " WITH (\n  " + options(m.options[name], ",\n  ") + "\n)"}), nil
	}
	return nil, sqlerr.New(fault.SQLUnsupported, src, s.Span, "SHOW CREATE %s is not supported", s.Object)
}

// Describe returns a row for each column of a table or view, whose fields are given: its name, type, whether it may be null, its primary key, what it is computed from, and its watermark; and its comment, if any has one.
// s may be a SHOW COLUMNS, whose filter counts, or nil.
func Describe(t *Table, fields []types.Field, s *ast.Show) *Rows {
	text := types.String()
	r := &Rows{Columns: []types.Field{
		{Name: "name", Type: text}, {Name: "type", Type: text}, {Name: "null", Type: types.New(types.Boolean)}, {Name: "key", Type: text}, {Name: "extras", Type: text}, {Name: "watermark", Type: text},
	}}
	comments := slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Comment != "" })
	if comments {
		r.Columns = append(r.Columns, types.Field{Name: "comment", Type: text})
	}
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	for i, f := range fields {
		if s != nil && len(like(s, []string{f.Name})) == 0 {
			continue
		}
		row := []any{f.Name, f.Type.Null().String(), f.Type.Nullable(), nil, nil, nil}
		if slices.Contains(t.PrimaryKey, f.Name) {
			row[3] = "PRI(" + strings.Join(t.PrimaryKey, ", ") + ")"
		}
		if i < len(t.Columns) {
			row[4] = orNull(t.Columns[i].extras())
		}
		if t.Watermark != nil && len(t.Watermark.Column) == 1 && t.Watermark.Column[0] == f.Name {
			row[5] = ast.Format(t.Watermark.As)
		}
		if comments {
			row = append(row, orNull(t.Columns[i].Comment))
		}
		r.add(row...)
	}
	return r
}
