package catalog

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// NewTable makes a table of CREATE TABLE, without its LIKE and AS. It checks what can be seen without binding expressions: names that occur twice, keys and partitions of columns that are
// not there, constraints. The types of computed columns stay invalid until they are bound.
func NewTable(src *ast.Source, s *ast.CreateTable, path Path) (*Table, error) {
	t := &Table{Path: path, Source: src, Temporary: s.Temporary, Comment: text(s.Comment), Options: Options(s.Options), Distribution: distribution(s.Distribution)}
	if s.Schema != nil {
		if err := t.define(src, s.Schema); err != nil {
			return nil, err
		}
	}
	for _, p := range s.PartitionedBy {
		t.PartitionBy = append(t.PartitionBy, p.Name)
	}
	return t, nil
}

// Options returns the options of a statement; of those with the same key the last counts.
func Options(list []*ast.Option) map[string]string {
	m := make(map[string]string, len(list))
	for _, o := range list {
		m[o.Key.Value] = o.Value.Value
	}
	return m
}

func text(s *ast.StringLit) string {
	if s == nil {
		return ""
	}
	return s.Value
}

// define adds the elements of a schema.
func (t *Table) define(src *ast.Source, s *ast.Schema) error {
	for _, c := range s.Columns {
		if err := t.addColumn(src, c); err != nil {
			return err
		}
	}
	if err := t.AddKeys(src, s.Constraints); err != nil {
		return err
	}
	if w := s.Watermark; w != nil {
		if t.Watermark != nil {
			return sqlerr.New(fault.SQLSchema, src, w.Span, "the table has a watermark already")
		}
		t.Watermark = &WatermarkSpec{Column: w.Column.Strings(), As: w.As, At: w.Column.Span}
	}
	return nil
}

// AddKeys adds the keys of a definition.
func (t *Table) AddKeys(src *ast.Source, keys []*ast.Constraint) error {
	for _, k := range keys {
		if err := t.addKey(src, k, k.Columns); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) addColumn(src *ast.Source, c *ast.Column) error {
	col, err := NewColumn(src, c)
	if err != nil {
		return err
	}
	if t.Column(col.Name) >= 0 {
		return sqlerr.New(fault.SQLSchema, src, c.Name.Span, "two columns are called %q", col.Name)
	}
	t.Columns = append(t.Columns, col)
	if c.Constraint != nil {
		return t.addKey(src, c.Constraint, []*ast.Ident{c.Name.Last()})
	}
	return nil
}

// NewColumn makes a column of its definition.
func NewColumn(src *ast.Source, c *ast.Column) (Column, error) {
	col := Column{Name: c.Name.Last().Name, Comment: text(c.Comment)}
	if len(c.Name.Parts) > 1 {
		return col, sqlerr.New(fault.SQLUnsupported, src, c.Name.Span, "%s: columns within a row cannot be changed", c.Name)
	}
	if c.As != nil {
		col.Kind, col.As = Computed, c.As
		return col, nil
	}
	var err error
	if col.Type, err = TypeOf(src, c.Type); err != nil {
		return col, err
	}
	if c.Metadata {
		col.Kind, col.MetadataKey, col.Virtual = Metadata, text(c.MetadataKey), c.Virtual
		if col.MetadataKey == "" {
			col.MetadataKey = col.Name
		}
	}
	return col, nil
}

func (t *Table) addKey(src *ast.Source, k *ast.Constraint, columns []*ast.Ident) error {
	switch {
	case k.Unique:
		return sqlerr.New(fault.SQLUnsupported, src, k.Span, "UNIQUE is not supported").WithHint("declare a PRIMARY KEY")
	case k.Enforcement != "NOT ENFORCED":
		return sqlerr.New(fault.SQLSchema, src, k.Span, "a PRIMARY KEY must be NOT ENFORCED: the engine does not own the data, and cannot check it").WithHint("add NOT ENFORCED behind it")
	case t.PrimaryKey != nil:
		return sqlerr.New(fault.SQLSchema, src, k.Span, "the table has two primary keys")
	}
	for _, c := range columns {
		i := t.Column(c.Name)
		switch {
		case i < 0:
			return hinted(sqlerr.New(fault.SQLUnknownColumn, src, c.Span, "the key's column %q is not in the table", c.Name), c.Name, t.Names())
		case t.Columns[i].Kind != Physical:
			return sqlerr.New(fault.SQLSchema, src, c.Span, "%q cannot be in the primary key: it is not a physical column", c.Name)
		case slices.Contains(t.PrimaryKey, c.Name):
			return sqlerr.New(fault.SQLSchema, src, c.Span, "%q is twice in the primary key", c.Name)
		}
		t.Columns[i].Type = t.Columns[i].Type.NotNull()
		t.PrimaryKey = append(t.PrimaryKey, c.Name)
	}
	if k.Name != nil {
		t.KeyName = k.Name.Name
	}
	return nil
}

// CheckPartitions checks that the columns of PARTITIONED BY are in the table.
func (t *Table) CheckPartitions(src *ast.Source, by []*ast.Ident) error {
	for _, p := range by {
		if t.Column(p.Name) < 0 {
			return hinted(sqlerr.New(fault.SQLUnknownColumn, src, p.Span, "the partition's column %q is not in the table", p.Name), p.Name, t.Names())
		}
	}
	return nil
}

// Names are the names of the columns.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Writable are the indexes of the columns that an INSERT writes: all but computed ones and virtual metadata.
func (t *Table) Writable() []int {
	var list []int
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Kind == Physical || c.Kind == Metadata && !c.Virtual {
			list = append(list, i)
		}
	}
	return list
}

// Fields are the columns as fields. Those that are computed have an invalid type as long as they are not bound.
func (t *Table) Fields() []types.Field {
	fields := make([]types.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = types.Field{Name: c.Name, Type: c.Type, Comment: c.Comment}
	}
	return fields
}
