package fn

import (
	"maps"
	"slices"
	"strings"
)

// Registry finds functions by name, without regard to case. The zero Registry is empty; [Builtin] has those of SQL.
type Registry struct {
	scalar    map[string]*Function
	aggregate map[string]*Aggregate
	table     map[string]*Table
}

// Add adds functions: *Function, *Aggregate or *Table. One of the same name is replaced.
func (r *Registry) Add(functions ...any) {
	if r.scalar == nil {
		r.scalar, r.aggregate, r.table = map[string]*Function{}, map[string]*Aggregate{}, map[string]*Table{}
	}
	for _, f := range functions {
		switch f := f.(type) {
		case *Function:
			add(r.scalar, f, f.Name, f.Aliases)
		case *Aggregate:
			add(r.aggregate, f, f.Name, f.Aliases)
		case *Table:
			add(r.table, f, f.Name, f.Aliases)
		}
	}
}

// With returns a registry that has the function in addition, or in the place of one of its kind and name.
func (r *Registry) With(function any) *Registry {
	c := &Registry{}
	c.Add()
	maps.Copy(c.scalar, r.scalar)
	maps.Copy(c.aggregate, r.aggregate)
	maps.Copy(c.table, r.table)
	c.Add(function)
	return c
}

func add[F any](m map[string]F, f F, name string, aliases []string) {
	m[strings.ToUpper(name)] = f
	for _, a := range aliases {
		m[strings.ToUpper(a)] = f
	}
}

// Scalar returns the scalar function of that name, or nil.
func (r *Registry) Scalar(name string) *Function { return r.scalar[strings.ToUpper(name)] }

// Aggregate returns the aggregate function of that name, or nil.
func (r *Registry) Aggregate(name string) *Aggregate { return r.aggregate[strings.ToUpper(name)] }

// Table returns the table function of that name, or nil.
func (r *Registry) Table(name string) *Table { return r.table[strings.ToUpper(name)] }

// Names returns the names and aliases of all functions, sorted.
func (r *Registry) Names() []string {
	all := slices.Collect(maps.Keys(r.scalar))
	all = slices.AppendSeq(all, maps.Keys(r.aggregate))
	all = slices.AppendSeq(all, maps.Keys(r.table))
	slices.Sort(all)
	return slices.Compact(all)
}
