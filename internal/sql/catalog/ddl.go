package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quotedNames(names []string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = types.Quote(n)
	}
	return strings.Join(parts, ", ")
}

// extras is what makes a column more than a physical one, as it is written behind its name and type: its expression, or where its metadata comes from. "" for a physical one.
func (c *Column) extras() string {
	switch c.Kind {
	case Computed:
		return "AS " + ast.Format(c.As)
	case Metadata:
		s := "METADATA"
		if c.MetadataKey != c.Name {
			s += " FROM " + quoted(c.MetadataKey)
		}
		if c.Virtual {
			s += " VIRTUAL"
		}
		return s
	}
	return ""
}

// DDL is the statement that creates the table or view: what SHOW CREATE prints, and what catalogs keep. Reading it again gives the same table.
func (t *Table) DDL() string {
	var b strings.Builder
	b.WriteString("CREATE ")
	if t.Temporary {
		b.WriteString("TEMPORARY ")
	}
	if t.IsView() {
		fmt.Fprintf(&b, "VIEW %s (%s)\n", t.Path, quotedNames(t.Names()))
		if t.Comment != "" {
			b.WriteString("COMMENT " + quoted(t.Comment) + "\n")
		}
		b.WriteString("AS " + t.QueryText)
		return b.String()
	}
	fmt.Fprintf(&b, "TABLE %s (\n", t.Path)
	var lines []string
	for i := range t.Columns {
		c := &t.Columns[i]
		line := types.Quote(c.Name)
		if c.Kind != Computed {
			line += " " + c.Type.SQL()
		}
		if e := c.extras(); e != "" {
			line += " " + e
		}
		if c.Comment != "" {
			line += " COMMENT " + quoted(c.Comment)
		}
		lines = append(lines, line)
	}
	if w := t.Watermark; w != nil {
		parts := make([]string, len(w.Column))
		for i, p := range w.Column {
			parts[i] = types.Quote(p)
		}
		lines = append(lines, "WATERMARK FOR "+strings.Join(parts, ".")+" AS "+ast.Format(w.As))
	}
	if t.PrimaryKey != nil {
		line := "PRIMARY KEY (" + quotedNames(t.PrimaryKey) + ") NOT ENFORCED"
		if t.KeyName != "" {
			line = "CONSTRAINT " + types.Quote(t.KeyName) + " " + line
		}
		lines = append(lines, line)
	}
	b.WriteString("  " + strings.Join(lines, ",\n  ") + "\n)")
	if t.Comment != "" {
		b.WriteString("\nCOMMENT " + quoted(t.Comment))
	}
	if d := t.Distribution; d != "" {
		b.WriteString("\n" + d)
	}
	if t.PartitionBy != nil {
		b.WriteString("\nPARTITIONED BY (" + quotedNames(t.PartitionBy) + ")")
	}
	if len(t.Options) > 0 {
		b.WriteString("\nWITH (\n  " + options(t.Options, ",\n  ") + "\n)")
	}
	return b.String()
}

// options prints options, sorted by key.
func options(m map[string]string, separator string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, quoted(k)+" = "+quoted(m[k]))
	}
	return strings.Join(parts, separator)
}

// Read makes the table or view of a statement that [Table.DDL] has written. Of a view the types of the columns are not known; names in it are looked up from its own database.
func Read(name, ddl string, path Path) (*Table, error) {
	src := ast.NewSource(name, ddl)
	st, err := parse.Statement(src)
	if err != nil {
		return nil, err
	}
	switch st := st.(type) {
	case *ast.CreateTable:
		return NewTable(src, st, path)
	case *ast.CreateView:
		t := &Table{Path: path, Source: src, Temporary: st.Temporary, Comment: text(st.Comment), Query: st.Query, QueryText: src.Slice(st.Query.Span), Within: Path{Catalog: path.Catalog, Database: path.Database}}
		for _, c := range st.Columns {
			t.Columns = append(t.Columns, Column{Name: c.Name})
		}
		return t, nil
	}
	return nil, sqlerr.New(fault.SQLCatalog, src, st.Pos(), "this creates no table")
}

// Again returns the same table read from its own statement: one that was put together from several texts then has one.
func (t *Table) Again() (*Table, error) {
	r, err := Read("", t.DDL(), t.Path)
	if err != nil {
		return nil, err
	}
	r.Any = t.Any
	return r, nil
}

// strategy is what LIKE does with a feature of the other table.
type strategy map[string]string

func strategies(l *ast.TableLike) strategy {
	s := strategy{}
	for _, f := range []string{"CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"} {
		s[f] = "INCLUDING"
	}
	s["OPTIONS"] = "OVERWRITING"
	for _, o := range l.Options {
		if o.Feature == "ALL" {
			for f := range s {
				s[f] = o.Strategy
			}
		}
	}
	for _, o := range l.Options {
		if o.Feature != "ALL" {
			s[o.Feature] = o.Strategy
		}
	}
	return s
}

// Like makes the table of CREATE TABLE .. LIKE base. The columns of the base come first. What of the base is taken over, and what happens to what both have, say the options of LIKE: INCLUDING (an error if both
// have it), EXCLUDING, OVERWRITING.
func Like(src *ast.Source, s *ast.CreateTable, path Path, base *Table) (*Table, error) {
	how := strategies(s.Like)
	fail := func(at ast.Node, format string, args ...any) (*Table, error) {
		return nil, sqlerr.New(fault.SQLSchema, src, at.Pos(), format, args...).WithHint("see the options of LIKE: INCLUDING, EXCLUDING and OVERWRITING")
	}
	if base.IsView() {
		return fail(s.Like, "LIKE takes a table, and %s is a view", base.Path)
	}
	t := &Table{Path: path, Source: src, Temporary: s.Temporary, Comment: text(s.Comment), Options: map[string]string{}}
	if t.Comment == "" {
		t.Comment = base.Comment
	}
	own := map[string]Column{}
	if s.Schema != nil {
		for _, c := range s.Schema.Columns {
			col, err := NewColumn(src, c)
			if err != nil {
				return nil, err
			}
			own[col.Name] = col
		}
	}
	feature := map[ColumnKind]string{Computed: "GENERATED", Metadata: "METADATA"}
	for _, c := range base.Columns {
		f := feature[c.Kind]
		if f != "" && how[f] == "EXCLUDING" {
			continue
		}
		if o, both := own[c.Name]; both {
			if f != "" && how[f] == "OVERWRITING" && o.Kind == c.Kind {
				c = o
			} else {
				return fail(s.Schema, "the column %q is in the table %s already", c.Name, base.Path)
			}
			delete(own, c.Name)
		}
		t.Columns = append(t.Columns, c)
	}
	if s.Schema != nil {
		for _, c := range s.Schema.Columns {
			if o, ok := own[c.Name.Last().Name]; ok {
				if t.Column(o.Name) >= 0 {
					return fail(c, "two columns are called %q", o.Name)
				}
				t.Columns = append(t.Columns, o)
			}
			if c.Constraint != nil {
				if err := t.addKey(src, c.Constraint, []*ast.Ident{c.Name.Last()}); err != nil {
					return nil, err
				}
			}
		}
	}
	if base.PrimaryKey != nil && how["CONSTRAINTS"] != "EXCLUDING" {
		t.PrimaryKey, t.KeyName = base.PrimaryKey, base.KeyName
	}
	if s.Schema != nil {
		for _, k := range s.Schema.Constraints {
			if t.PrimaryKey != nil {
				return fail(k, "the table %s has a primary key already", base.Path)
			}
			if err := t.addKey(src, k, k.Columns); err != nil {
				return nil, err
			}
		}
	}
	if how["WATERMARKS"] != "EXCLUDING" {
		t.Watermark = base.Watermark
	}
	if s.Schema != nil && s.Schema.Watermark != nil {
		w := s.Schema.Watermark
		if t.Watermark != nil && how["WATERMARKS"] != "OVERWRITING" {
			return fail(w, "the table %s has a watermark already", base.Path)
		}
		t.Watermark = &WatermarkSpec{Column: w.Column.Strings(), As: w.As, At: w.Column.Span}
	}
	if how["OPTIONS"] != "EXCLUDING" {
		maps.Copy(t.Options, base.Options)
	}
	for _, o := range s.Options {
		if _, both := t.Options[o.Key.Value]; both && how["OPTIONS"] == "INCLUDING" {
			return fail(o, "the table %s has the option %q already", base.Path, o.Key.Value)
		}
		t.Options[o.Key.Value] = o.Value.Value
	}
	if how["PARTITIONS"] != "EXCLUDING" {
		t.PartitionBy = base.PartitionBy
	}
	if len(s.PartitionedBy) > 0 {
		if t.PartitionBy != nil {
			return fail(s.PartitionedBy[0], "the table %s is partitioned already", base.Path)
		}
		for _, p := range s.PartitionedBy {
			t.PartitionBy = append(t.PartitionBy, p.Name)
		}
	}
	if how["DISTRIBUTION"] != "EXCLUDING" {
		t.Distribution = base.Distribution
	}
	if s.Distribution != nil {
		if t.Distribution != "" {
			return fail(s.Distribution, "the table %s is distributed already", base.Path)
		}
		t.Distribution = distribution(s.Distribution)
	}
	return t.Again()
}

// distribution prints DISTRIBUTED BY.
func distribution(d *ast.Distribution) string {
	if d == nil {
		return ""
	}
	s := "DISTRIBUTED"
	if d.Columns != nil {
		names := make([]string, len(d.Columns))
		for i, c := range d.Columns {
			names[i] = c.Name
		}
		s += " BY "
		if d.Kind != "" {
			s += d.Kind
		}
		s += "(" + quotedNames(names) + ")"
	}
	if d.Buckets != nil {
		s += " INTO " + d.Buckets.Text + " BUCKETS"
	}
	return s
}
