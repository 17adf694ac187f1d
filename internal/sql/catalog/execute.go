package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// Execute executes statements for which no expression has to be bound: USE, and CREATE, ALTER and DROP of catalogs, databases and functions, DROP and RENAME of tables and views. It reports whether
// the statement is one of them.
func (m *Manager) Execute(src *ast.Source, st ast.Statement) (bool, error) {
	e := &execution{m, src}
	switch st := st.(type) {
	case *ast.Use:
		return true, e.use(st)
	case *ast.CreateObject:
		return true, e.create(st)
	case *ast.CreateFunction:
		return true, e.createFunction(st)
	case *ast.Drop:
		return true, e.drop(st)
	case *ast.Alter:
		return e.alter(st)
	}
	return false, nil
}

type execution struct {
	*Manager
	src *ast.Source
}

func (e *execution) fail(code fault.Code, at ast.Node, format string, args ...any) error {
	return sqlerr.New(code, e.src, at.Pos(), format, args...)
}

// storage gives an error of a catalog its place.
func (e *execution) storage(at ast.Node, err error) error {
	if err == nil {
		return nil
	}
	code := fault.CodeOf(err)
	if code == "" {
		code = fault.SQLCatalog
	}
	return sqlerr.New(code, e.src, at.Pos(), "%w", err)
}

// database finds the catalog of a database's name of one or two parts.
func (e *execution) database(n *ast.Name) (Path, Catalog, error) {
	p := e.Within()
	parts := n.Strings()
	if len(parts) > 2 {
		return p, nil, e.fail(fault.SQLInvalid, n, "%s has more parts than catalog and database", n)
	}
	p.Database = parts[len(parts)-1]
	if len(parts) == 2 {
		p.Catalog = parts[0]
	}
	c, err := e.catalog(n, p.Catalog)
	return p, c, err
}

func (e *execution) catalog(at ast.Node, name string) (Catalog, error) {
	c := e.Catalog(name)
	if c == nil {
		return nil, hinted(sqlerr.New(fault.SQLUnknownObject, e.src, at.Pos(), "there is no catalog %q", name), name, e.Catalogs())
	}
	return c, nil
}

func (e *execution) unknownDatabase(n *ast.Name, p Path, c Catalog) error {
	list, _ := c.Databases()
	return hinted(sqlerr.New(fault.SQLUnknownObject, e.src, n.Span, "there is no database %q in the catalog %q", p.Database, p.Catalog), p.Database, list)
}

func (e *execution) use(s *ast.Use) error {
	switch s.Kind {
	case ast.KindCatalog:
		name := s.Names[0].Last().Name
		c, err := e.catalog(s.Names[0], name)
		if err != nil {
			return err
		}
		list, err := c.Databases()
		if err != nil {
			return e.storage(s, err)
		}
		database := ""
		if len(list) > 0 {
			database = list[0]
		}
		if i := slices.IndexFunc(list, func(d string) bool { return d == DefaultDatabase || d == "default" }); i >= 0 {
			database = list[i]
		}
		e.mu.Lock()
		e.within = Path{Catalog: name, Database: database}
		e.mu.Unlock()
		return nil
	case ast.KindDatabase:
		p, c, err := e.database(s.Names[0])
		if err != nil {
			return err
		}
		if d, err := c.Database(p.Database); err != nil {
			return e.storage(s, err)
		} else if d == nil {
			return e.unknownDatabase(s.Names[0], p, c)
		}
		e.mu.Lock()
		e.within = Path{Catalog: p.Catalog, Database: p.Database}
		e.mu.Unlock()
		return nil
	}
	for _, n := range s.Names {
		if n.String() != "core" {
			return e.fail(fault.SQLUnknownObject, n, "there is no module %s", n)
		}
	}
	return nil
}

func (e *execution) create(s *ast.CreateObject) error {
	switch s.Kind {
	case ast.KindCatalog:
		name := s.Name.Last().Name
		if e.Catalog(name) != nil {
			if s.IfNotExists {
				return nil
			}
			return e.fail(fault.SQLExists, s.Name, "there is a catalog %q already", name)
		}
		o := Options(s.Options)
		var c Catalog
		switch o["type"] {
		case "generic_in_memory":
			database := o["default-database"]
			if database == "" {
				database = "default"
			}
			c = NewMemory(database)
		case "directory":
			path := o["path"]
			if path == "" {
				return e.fail(fault.OptionInvalid, s, "a catalog of the type directory needs the option 'path'")
			}
			database := o["default-database"]
			if database == "" {
				database = "default"
			}
			d, err := OpenDirectory(path, name, database)
			if err != nil {
				return e.storage(s.Name, err)
			}
			c = d
		default:
			return sqlerr.New(fault.OptionInvalid, e.src, s.Name.Span, "there is no catalog of the type %q", o["type"]).WithHint("types are generic_in_memory and directory")
		}
		e.Register(name, c, o)
		return nil
	case ast.KindDatabase:
		p, c, err := e.database(s.Name)
		if err != nil {
			return err
		}
		d, err := c.Database(p.Database)
		if err != nil {
			return e.storage(s.Name, err)
		}
		if d != nil {
			if s.IfNotExists {
				return nil
			}
			return e.fail(fault.SQLExists, s.Name, "there is a database %q already", p.Database)
		}
		return e.storage(s.Name, c.PutDatabase(&Database{Name: p.Database, Comment: text(s.Comment), Options: Options(s.Options)}))
	}
	return e.fail(fault.SQLUnsupported, s, "CREATE %s is not supported", s.Kind)
}

func (e *execution) createFunction(s *ast.CreateFunction) error {
	f := &Function{Class: s.Class.Value, Language: s.Language, Temporary: s.Temporary, System: s.System}
	if len(s.Using) > 0 {
		return e.fail(fault.SQLUnsupported, s.Using[0], "functions are part of the program: USING is not supported")
	}
	if s.System {
		if len(s.Name.Parts) > 1 {
			return e.fail(fault.SQLInvalid, s.Name, "a system function is in no database")
		}
		f.Path.Name = s.Name.Last().Name
		e.mu.RLock()
		old := e.systemFunctions[strings.ToLower(f.Path.Name)]
		e.mu.RUnlock()
		if old != nil {
			if s.IfNotExists {
				return nil
			}
			return e.fail(fault.SQLExists, s.Name, "there is a function %s already", s.Name)
		}
		return e.storage(s.Name, e.PutFunction(f))
	}
	p, err := e.ResolveName(Path{}, e.src, s.Name)
	if err != nil {
		return err
	}
	f.Path = p
	if old, err := e.function(p, s.Temporary); err != nil {
		return e.storage(s.Name, err)
	} else if old != nil {
		if s.IfNotExists {
			return nil
		}
		return e.fail(fault.SQLExists, s.Name, "there is a function %s already", p)
	}
	return e.storage(s.Name, e.PutFunction(f))
}

// function is the temporary or the permanent function of a path.
func (e *execution) function(p Path, temporary bool) (*Function, error) {
	p.Name = strings.ToLower(p.Name)
	if temporary {
		e.mu.RLock()
		defer e.mu.RUnlock()
		return e.functions[p], nil
	}
	c := e.Catalog(p.Catalog)
	if c == nil {
		return nil, fault.New(fault.SQLUnknownObject, "there is no catalog %q", p.Catalog)
	}
	return c.Function(p.Database, p.Name)
}

func (e *execution) drop(s *ast.Drop) error {
	missing := func(what string, others []string) error {
		if s.IfExists {
			return nil
		}
		return hinted(sqlerr.New(fault.SQLUnknownObject, e.src, s.Name.Span, "there is no %s %s", what, s.Name), s.Name.Last().Name, others)
	}
	switch s.Kind {
	case ast.KindTable, ast.KindView:
		return e.dropTable(s, missing)
	case ast.KindDatabase:
		p, c, err := e.database(s.Name)
		if err != nil {
			return err
		}
		d, err := c.Database(p.Database)
		if err != nil {
			return e.storage(s.Name, err)
		}
		if d == nil {
			list, _ := c.Databases()
			return missing("database", list)
		}
		if w := e.Within(); w.Catalog == p.Catalog && w.Database == p.Database {
			return e.fail(fault.SQLInvalid, s.Name, "the current database cannot be dropped")
		}
		if s.Behavior != "CASCADE" {
			tables, err := c.Tables(p.Database)
			if err != nil {
				return e.storage(s.Name, err)
			}
			if len(tables) > 0 {
				return sqlerr.New(fault.SQLInvalid, e.src, s.Name.Span, "the database %q is not empty: it has %d tables and views", p.Database, len(tables)).WithHint("write CASCADE to drop them, too")
			}
		}
		return e.storage(s.Name, c.DropDatabase(p.Database))
	case ast.KindCatalog:
		name := s.Name.Last().Name
		if e.Catalog(name) == nil {
			return missing("catalog", e.Catalogs())
		}
		if e.Within().Catalog == name {
			return e.fail(fault.SQLInvalid, s.Name, "the current catalog cannot be dropped")
		}
		e.mu.Lock()
		delete(e.catalogs, name)
		delete(e.options, name)
		e.mu.Unlock()
		return nil
	case ast.KindFunction:
		if s.System {
			e.mu.Lock()
			name := strings.ToLower(s.Name.Last().Name)
			f := e.systemFunctions[name]
			delete(e.systemFunctions, name)
			e.mu.Unlock()
			if f == nil {
				return missing("temporary system function", nil)
			}
			return nil
		}
		p, err := e.ResolveName(Path{}, e.src, s.Name)
		if err != nil {
			return err
		}
		f, err := e.function(p, s.Temporary)
		if err != nil {
			return e.storage(s.Name, err)
		}
		if f == nil {
			return missing("function", e.functionNames(p))
		}
		p.Name = strings.ToLower(p.Name)
		if s.Temporary {
			e.mu.Lock()
			delete(e.functions, p)
			e.mu.Unlock()
			return nil
		}
		return e.storage(s.Name, e.Catalog(p.Catalog).DropFunction(p.Database, p.Name))
	}
	return e.fail(fault.SQLUnsupported, s, "DROP %s is not supported", s.Kind)
}

func (e *execution) dropTable(s *ast.Drop, missing func(string, []string) error) error {
	p, err := e.ResolveName(Path{}, e.src, s.Name)
	if err != nil {
		return err
	}
	what := strings.ToLower(string(s.Kind))
	e.mu.RLock()
	temporary := e.tables[p]
	e.mu.RUnlock()
	if temporary != nil {
		if !s.Temporary {
			return sqlerr.New(fault.SQLInvalid, e.src, s.Name.Span, "there is a temporary %s %s, which hides any other", what, p).WithHint("drop it first: DROP TEMPORARY %s", s.Kind)
		}
		if temporary.IsView() != (s.Kind == ast.KindView) {
			return missing("temporary "+what, nil)
		}
		e.mu.Lock()
		delete(e.tables, p)
		e.mu.Unlock()
		return nil
	}
	if s.Temporary {
		return missing("temporary "+what, nil)
	}
	t, err := e.Lookup(p)
	if err != nil {
		return e.storage(s.Name, err)
	}
	if t == nil || t.IsView() != (s.Kind == ast.KindView) {
		return missing(what, e.Manager.Names(p.Catalog, p.Database))
	}
	return e.storage(s.Name, e.Catalog(p.Catalog).DropTable(p.Database, p.Name))
}

func (e *execution) alter(s *ast.Alter) (bool, error) {
	switch s.Kind {
	case ast.KindDatabase:
		p, c, err := e.database(s.Name)
		if err != nil {
			return true, err
		}
		d, err := c.Database(p.Database)
		if err != nil {
			return true, e.storage(s.Name, err)
		}
		if d == nil {
			return true, e.unknownDatabase(s.Name, p, c)
		}
		n := *d
		n.Options = maps.Clone(d.Options)
		if n.Options == nil {
			n.Options = map[string]string{}
		}
		switch a := s.Action.(type) {
		case *ast.SetOptions:
			maps.Copy(n.Options, Options(a.Options))
		case *ast.SetComment:
			n.Comment = a.Comment.Value
		default:
			return true, e.fail(fault.SQLUnsupported, a, "this ALTER DATABASE is not supported")
		}
		return true, e.storage(s.Name, c.PutDatabase(&n))
	case ast.KindFunction:
		a, ok := s.Action.(*ast.AlterFunction)
		if !ok || s.System {
			return true, e.fail(fault.SQLUnsupported, s, "this ALTER FUNCTION is not supported")
		}
		p, err := e.ResolveName(Path{}, e.src, s.Name)
		if err != nil {
			return true, err
		}
		f, err := e.function(p, s.Temporary)
		if err != nil {
			return true, e.storage(s.Name, err)
		}
		if f == nil {
			if s.IfExists {
				return true, nil
			}
			return true, hinted(sqlerr.New(fault.SQLUnknownObject, e.src, s.Name.Span, "there is no function %s", p), p.Name, e.functionNames(p))
		}
		n := *f
		n.Class, n.Language = a.Class.Value, a.Language
		return true, e.storage(s.Name, e.PutFunction(&n))
	case ast.KindTable, ast.KindView:
		r, ok := s.Action.(*ast.Rename)
		if !ok {
			return false, nil
		}
		t, err := e.Table(Path{}, e.src, s.Name)
		if err != nil {
			if s.IfExists {
				return true, nil
			}
			return true, err
		}
		return true, e.rename(t, r)
	}
	return false, nil
}

func (e *execution) rename(t *Table, r *ast.Rename) error {
	if t.Temporary {
		return e.fail(fault.SQLUnsupported, r, "a temporary table or view cannot be renamed")
	}
	p, err := e.ResolveName(Path{Catalog: t.Path.Catalog, Database: t.Path.Database}, e.src, r.To)
	if err != nil {
		return err
	}
	if p.Catalog != t.Path.Catalog || p.Database != t.Path.Database {
		return e.fail(fault.SQLInvalid, r.To, "a table stays in its database when it is renamed")
	}
	old, err := e.Lookup(p)
	if err != nil {
		return e.storage(r.To, err)
	}
	if old != nil {
		return e.fail(fault.SQLExists, r.To, "there is a table or view %s already", p)
	}
	n := *t
	n.Path = p
	if err := e.Put(&n); err != nil {
		return e.storage(r.To, err)
	}
	return e.storage(r.To, e.Catalog(p.Catalog).DropTable(t.Path.Database, t.Path.Name))
}
