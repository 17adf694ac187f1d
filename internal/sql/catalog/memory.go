package catalog

import (
	"maps"
	"slices"
	"sync"
)

// Memory is a catalog that ends with the process. The zero Memory is not usable: see [NewMemory].
type Memory struct {
	mu        sync.RWMutex
	databases map[string]*memoryDatabase
}

type memoryDatabase struct {
	*Database
	tables    map[string]*Table
	functions map[string]*Function
}

var _ Catalog = (*Memory)(nil)

// NewMemory returns a catalog with the given databases, which are empty.
func NewMemory(databases ...string) *Memory {
	m := &Memory{databases: map[string]*memoryDatabase{}}
	for _, d := range databases {
		_ = m.PutDatabase(&Database{Name: d})
	}
	return m
}

// Databases implements [Catalog].
func (m *Memory) Databases() ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.databases)), nil
}

// Database implements [Catalog].
func (m *Memory) Database(name string) (*Database, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if d := m.databases[name]; d != nil {
		return d.Database, nil
	}
	return nil, nil
}

// PutDatabase implements [Catalog].
func (m *Memory) PutDatabase(d *Database) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.databases[d.Name]; at != nil {
		at.Database = d
		return nil
	}
	m.databases[d.Name] = &memoryDatabase{Database: d, tables: map[string]*Table{}, functions: map[string]*Function{}}
	return nil
}

// DropDatabase implements [Catalog].
func (m *Memory) DropDatabase(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.databases, name)
	return nil
}

// Tables implements [Catalog].
func (m *Memory) Tables(database string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if d := m.databases[database]; d != nil {
		return slices.Sorted(maps.Keys(d.tables)), nil
	}
	return nil, nil
}

// Table implements [Catalog].
func (m *Memory) Table(database, name string) (*Table, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if d := m.databases[database]; d != nil {
		return d.tables[name], nil
	}
	return nil, nil
}

// PutTable implements [Catalog].
func (m *Memory) PutTable(t *Table) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.databases[t.Path.Database]; d != nil {
		d.tables[t.Path.Name] = t
	}
	return nil
}

// DropTable implements [Catalog].
func (m *Memory) DropTable(database, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.databases[database]; d != nil {
		delete(d.tables, name)
	}
	return nil
}

// Functions implements [Catalog].
func (m *Memory) Functions(database string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if d := m.databases[database]; d != nil {
		return slices.Sorted(maps.Keys(d.functions)), nil
	}
	return nil, nil
}

// Function implements [Catalog].
func (m *Memory) Function(database, name string) (*Function, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if d := m.databases[database]; d != nil {
		return d.functions[name], nil
	}
	return nil, nil
}

// PutFunction implements [Catalog].
func (m *Memory) PutFunction(f *Function) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.databases[f.Path.Database]; d != nil {
		d.functions[f.Path.Name] = f
	}
	return nil
}

// DropFunction implements [Catalog].
func (m *Memory) DropFunction(database, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.databases[database]; d != nil {
		delete(d.functions, name)
	}
	return nil
}
