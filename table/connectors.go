package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// resolver finds the connectors of tables, once for each table of a plan.
type resolver struct {
	env     *Environment
	batch   bool
	sources map[string]*tables.Source
	sinks   map[string]*tables.Sink
}

func (e *Environment) resolver(batch bool) *resolver {
	return &resolver{env: e, batch: batch, sources: map[string]*tables.Source{}, sinks: map[string]*tables.Sink{}}
}

func (r *resolver) source(t *catalog.Table, columns []int, options map[string]string, where []tables.Predicate) (*tables.Source, error) {
	key := fmt.Sprintf("%p %v %v %v", t, columns, options, where)
	if s, ok := r.sources[key]; ok {
		return s, nil
	}
	// A source is made of all columns that the connector has, as files need to know, and then reads some of them.
	var all []int
	for i, c := range t.Columns {
		if c.Kind != catalog.Computed {
			all = append(all, i)
		}
	}
	f, spec, err := r.env.tableOf(t, all, options, r.batch)
	if err != nil {
		return nil, err
	}
	if f.Source == nil {
		return nil, fault.New(fault.SQLTable, "the table %s cannot be read: connector %q is for writing only", t.Path, f.Name)
	}
	s, err := f.Source(spec)
	if err == nil && !slices.Equal(columns, all) {
		if s.Project != nil {
			some := make([]int, len(columns))
			for i, c := range columns {
				some[i] = slices.Index(all, c)
			}
			s, err = s.Project(some)
		} else if f, spec, err = r.env.tableOf(t, columns, options, r.batch); err == nil {
			s, err = f.Source(spec)
		}
	}
	if err == nil && where != nil && s.Filter != nil {
		s, err = s.Filter(where)
	}
	if err != nil {
		return nil, fault.New(fault.SQLTable, "table %s: %w", t.Path, plain(err))
	}
	r.sources[key] = s
	return s, nil
}

// Scan implements physical.Tables.
func (r *resolver) Scan(s *logical.Scan) (physical.ScanInfo, error) {
	src, err := r.source(s.Table, s.Columns, s.Options, nil)
	if err != nil {
		return physical.ScanInfo{}, err
	}
	info := physical.ScanInfo{Changelog: src.Changelog, KeyDeletes: src.KeyDeletes, Scan: src.Scan != nil, Lookup: src.Lookup != nil, Single: src.Parallelism == 1, Project: src.Project != nil, Filter: src.Filter != nil, Watermarks: src.Watermarks}
	if src.Scan != nil {
		info.Bounded = src.Scan.Boundedness() == 0
		if r.batch && !info.Bounded {
			return info, fault.New(fault.GraphUnbounded, "the table %s has no end, so it cannot be read in batch mode", s.Table.Path)
		}
	}
	return info, nil
}

// Sink implements physical.Tables.
func (r *resolver) Sink(s *logical.Sink) (physical.SinkInfo, error) {
	sink, err := r.sink(s.Table, s.Columns, s.Options, s.Overwrite)
	if err != nil {
		return physical.SinkInfo{}, err
	}
	return physical.SinkInfo{Accepts: sink.Changelog, KeyDeletes: sink.KeyDeletes}, nil
}

func (r *resolver) sink(t *catalog.Table, columns []int, options map[string]string, overwrite bool) (*tables.Sink, error) {
	key := fmt.Sprintf("%p %v %v %v", t, columns, options, overwrite)
	if s, ok := r.sinks[key]; ok {
		return s, nil
	}
	f, spec, err := r.env.tableOf(t, columns, options, r.batch)
	if err != nil {
		return nil, err
	}
	if f.Sink == nil {
		return nil, fault.New(fault.SQLTable, "the table %s cannot be written: connector %q is for reading only", t.Path, f.Name)
	}
	spec.Overwrite = overwrite
	s, err := f.Sink(spec)
	if err != nil {
		return nil, fault.New(fault.SQLTable, "table %s: %w", t.Path, plain(err))
	}
	r.sinks[key] = s
	return s, nil
}

// tableOf finds the connector of a table and checks its options.
func (e *Environment) tableOf(t *catalog.Table, columns []int, options map[string]string, batch bool) (*tables.Factory, *tables.Table, error) {
	name, ok := options["connector"]
	if !ok {
		return nil, nil, fault.New(fault.SQLTable, "the table %s has no option 'connector'; there are: %s", t.Path, strings.Join(e.connectorNames(), ", "))
	}
	f := e.connectors[name]
	if f == nil {
		hint := "there are: " + strings.Join(e.connectorNames(), ", ")
		if c := catalog.Closest(name, e.connectorNames()); c != "" {
			hint = "did you mean '" + c + "'?"
		}
		return nil, nil, fault.New(fault.SQLTable, "the table %s has the connector '%s', which is not known; %s", t.Path, name, hint)
	}
	own := maps.Clone(options)
	delete(own, "connector")
	checked, err := f.Fill(own)
	if err != nil {
		return nil, nil, fault.New(fault.SQLTable, "table %s: %w", t.Path, plain(err))
	}
	spec := &tables.Table{Name: t.Path.String(), Options: checked, Zone: e.session().Zone, Batch: batch}
	metadata := false
	offered := f.Metadata
	if f.MetadataOf != nil {
		more, err := f.MetadataOf(checked)
		if err != nil {
			return nil, nil, fault.New(fault.SQLTable, "table %s: %w", t.Path, plain(err))
		}
		offered = slices.Concat(offered, more)
	}
	for _, c := range columns {
		col := t.Columns[c]
		spec.Columns = append(spec.Columns, types.Field{Name: col.Name, Type: col.Type})
		spec.MetadataKeys = append(spec.MetadataKeys, "")
		if col.Kind == catalog.Metadata {
			metadata = true
			key := col.MetadataKey
			if key == "" {
				key = col.Name
			}
			if !slices.ContainsFunc(offered, func(m types.Field) bool { return m.Name == key }) {
				var known []string
				for _, m := range offered {
					known = append(known, m.Name)
				}
				return nil, nil, fault.New(fault.SQLTable, "the table %s has the metadata column %s with the key '%s'; connector '%s' has %s", t.Path, types.Quote(col.Name), key, name, orNone(known))
			}
			spec.MetadataKeys[len(spec.MetadataKeys)-1] = key
		}
	}
	if !metadata {
		spec.MetadataKeys = nil
	}
	index := func(list []string) (out []int) {
		for _, n := range list {
			i := slices.IndexFunc(spec.Columns, func(f types.Field) bool { return f.Name == n })
			if i >= 0 {
				out = append(out, i)
			}
		}
		return out
	}
	spec.PrimaryKey, spec.PartitionBy = index(t.PrimaryKey), index(t.PartitionBy)
	return f, spec, nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func (e *Environment) connectorNames() []string {
	return slices.Sorted(maps.Keys(e.connectors))
}

// plain prints a coded error without its code and advice, where both are said by what wraps it.
func plain(err error) error { return sqlerr.Plain(err) }
