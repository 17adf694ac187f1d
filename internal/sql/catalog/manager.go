package catalog

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// The catalog and database of a new session, in memory.
const (
	DefaultCatalog  = "default_catalog"
	DefaultDatabase = "default_database"
)

// Manager is what a session knows of catalogs: those that are registered, the current catalog and database, and temporary objects, which hide others of the same path. Its methods may
// be called by several goroutines, but what a statement reads is not one moment in time.
type Manager struct {
	mu              sync.RWMutex
	catalogs        map[string]Catalog
	options         map[string]map[string]string
	within          Path
	tables          map[Path]*Table
	functions       map[Path]*Function
	systemFunctions map[string]*Function
	temporal        map[string]*TemporalFunction
}

// TemporalFunction is a temporal table function: LATERAL TABLE(f(t.time)) is the table as of a time, as FOR SYSTEM_TIME AS OF t.time is.
type TemporalFunction struct {
	Table Path
	// Time is the table's time attribute, Key its key.
	Time string
	Key  []string
}

// PutTemporalFunction registers a temporal table function, whose name is found without regard to case.
func (m *Manager) PutTemporalFunction(name string, f *TemporalFunction) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.temporal[strings.ToLower(name)] = f
}

// TemporalFunction returns the temporal table function of that name, or nil.
func (m *Manager) TemporalFunction(name string) *TemporalFunction {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.temporal[strings.ToLower(name)]
}

// NewManager returns the manager of a new session.
func NewManager() *Manager {
	return &Manager{
		catalogs: map[string]Catalog{DefaultCatalog: NewMemory(DefaultDatabase)}, options: map[string]map[string]string{},
		within: Path{Catalog: DefaultCatalog, Database: DefaultDatabase},
		tables: map[Path]*Table{}, functions: map[Path]*Function{}, systemFunctions: map[string]*Function{}, temporal: map[string]*TemporalFunction{},
	}
}

// Within returns the current catalog and database.
func (m *Manager) Within() Path {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.within
}

// Register adds a catalog, in the place of one of that name. The options are those of CREATE CATALOG, for SHOW and DESCRIBE.
func (m *Manager) Register(name string, c Catalog, options map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catalogs[name] = c
	m.options[name] = options
}

// Catalog returns a registered catalog, or nil.
func (m *Manager) Catalog(name string) Catalog {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.catalogs[name]
}

// Catalogs returns the names of the registered catalogs, sorted.
func (m *Manager) Catalogs() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.catalogs))
}

// Resolve makes a full path of one, two or three parts, seen from a catalog and database; the zero Path stands for the current ones.
func (m *Manager) Resolve(within Path, parts []string) (Path, bool) {
	if within == (Path{}) {
		within = m.Within()
	}
	switch len(parts) {
	case 1:
		return Path{within.Catalog, within.Database, parts[0]}, true
	case 2:
		return Path{within.Catalog, parts[0], parts[1]}, true
	case 3:
		return Path{parts[0], parts[1], parts[2]}, true
	}
	return Path{}, false
}

// ResolveName is Resolve for a name of a statement, whose error shows it.
func (m *Manager) ResolveName(within Path, src *ast.Source, name *ast.Name) (Path, error) {
	p, ok := m.Resolve(within, name.Strings())
	if !ok {
		return p, sqlerr.New(fault.SQLInvalid, src, name.Span, "%s has more parts than catalog, database and name", name)
	}
	return p, nil
}

// Lookup returns the table or view of a path, nil if there is none.
func (m *Manager) Lookup(p Path) (*Table, error) {
	m.mu.RLock()
	t, c := m.tables[p], m.catalogs[p.Catalog]
	m.mu.RUnlock()
	if t != nil || c == nil {
		return t, nil
	}
	return c.Table(p.Database, p.Name)
}

// Table returns the table or view that a name of a statement means, seen from a catalog and database (the zero Path: the current ones). A name that is unknown is an error of code
// sql.unknown-table, with what may have been meant.
func (m *Manager) Table(within Path, src *ast.Source, name *ast.Name) (*Table, error) {
	p, err := m.ResolveName(within, src, name)
	if err != nil {
		return nil, err
	}
	t, err := m.Lookup(p)
	if err != nil {
		return nil, sqlerr.New(fault.SQLCatalog, src, name.Span, "looking up %s: %w", p, err)
	}
	if t != nil {
		return t, nil
	}
	return nil, m.unknownTable(src, name, p)
}

func (m *Manager) unknownTable(src *ast.Source, name *ast.Name, p Path) error {
	c := m.Catalog(p.Catalog)
	if c == nil {
		e := sqlerr.New(fault.SQLUnknownTable, src, name.Span, "there is no table %s: no catalog is called %q", p, p.Catalog)
		return hinted(e, p.Catalog, m.Catalogs())
	}
	if d, err := c.Database(p.Database); err == nil && d == nil {
		e := sqlerr.New(fault.SQLUnknownTable, src, name.Span, "there is no table %s: the catalog has no database %q", p, p.Database)
		databases, _ := c.Databases()
		return hinted(e, p.Database, databases)
	}
	e := sqlerr.New(fault.SQLUnknownTable, src, name.Span, "there is no table or view %s", p)
	return hinted(e, p.Name, m.Names(p.Catalog, p.Database))
}

// hinted adds a hint if a name is close to one of others.
func hinted(e *sqlerr.Error, name string, others []string) *sqlerr.Error {
	if c := Closest(name, others); c != "" {
		return e.WithHint("did you mean %s?", c)
	}
	return e
}

// Names returns the tables and views of a database, temporary ones included, sorted.
func (m *Manager) Names(catalog, database string) []string {
	var names []string
	if c := m.Catalog(catalog); c != nil {
		names, _ = c.Tables(database)
		names = slices.Clone(names)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for p := range m.tables {
		if p.Catalog == catalog && p.Database == database {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Put puts a table or view into its catalog, or among the temporary ones if it is one, in the place of another.
func (m *Manager) Put(t *Table) error {
	if t.Temporary {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.tables[t.Path] = t
		return nil
	}
	c := m.Catalog(t.Path.Catalog)
	if c == nil {
		return fault.New(fault.SQLUnknownObject, "there is no catalog %q", t.Path.Catalog)
	}
	d, err := c.Database(t.Path.Database)
	if err != nil {
		return err
	}
	if d == nil {
		return fault.New(fault.SQLUnknownObject, "the catalog %q has no database %q", t.Path.Catalog, t.Path.Database)
	}
	return c.PutTable(t)
}

// Function returns the function of the user that a name means, nil if there is none: temporary system functions, then temporary and permanent ones of a catalog. Names of system functions are
// found without regard to case, others are looked up as they are and in lower case.
func (m *Manager) Function(within Path, parts []string) (*Function, error) {
	if len(parts) == 1 {
		m.mu.RLock()
		f := m.systemFunctions[strings.ToLower(parts[0])]
		m.mu.RUnlock()
		if f != nil {
			return f, nil
		}
	}
	p, ok := m.Resolve(within, parts)
	if !ok {
		return nil, nil
	}
	p.Name = strings.ToLower(p.Name)
	m.mu.RLock()
	f, c := m.functions[p], m.catalogs[p.Catalog]
	m.mu.RUnlock()
	if f != nil || c == nil {
		return f, nil
	}
	return c.Function(p.Database, p.Name)
}

// PutFunction puts a function into its place: the temporary system functions, the temporary ones, or its catalog. Its name is kept in lower case.
func (m *Manager) PutFunction(f *Function) error {
	g := *f
	g.Path.Name = strings.ToLower(g.Path.Name)
	if g.Temporary {
		m.mu.Lock()
		defer m.mu.Unlock()
		if g.System {
			m.systemFunctions[g.Path.Name] = &g
		} else {
			m.functions[g.Path] = &g
		}
		return nil
	}
	c := m.Catalog(g.Path.Catalog)
	if c == nil {
		return fault.New(fault.SQLUnknownObject, "there is no catalog %q", g.Path.Catalog)
	}
	return c.PutFunction(&g)
}
