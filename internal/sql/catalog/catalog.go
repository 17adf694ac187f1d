// Package catalog knows the tables, views and functions that statements name.
package catalog

import (
	"strings"

	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/types"
)

// Path names an object: its catalog, database and own name.
type Path struct{ Catalog, Database, Name string }

// String prints the path with each part in backquotes.
func (p Path) String() string {
	return types.Quote(p.Catalog) + "." + types.Quote(p.Database) + "." + types.Quote(p.Name)
}

// Plain prints the path as Flink's plans do: parts with commas between them.
func (p Path) Plain() string { return strings.Join([]string{p.Catalog, p.Database, p.Name}, ", ") }

// ColumnKind is how a column comes about.
type ColumnKind uint8

// The kinds of columns.
const (
	Physical ColumnKind = iota
	Computed
	Metadata
)

// Column is a column of a table.
type Column struct {
	Name    string
	Type    types.Type
	Kind    ColumnKind
	Comment string
	// As is the expression of a computed column, whose type is found when it is bound.
	As ast.Expr
	// MetadataKey is what the connector calls a metadata column; Virtual ones are not written.
	MetadataKey string
	Virtual     bool
}

// WatermarkSpec is WATERMARK FOR column AS expression.
type WatermarkSpec struct {
	// Column is the name, of several parts if it lies in a row.
	Column []string
	As     ast.Expr
	// At is where the column stands in the table's source.
	At ast.Span
}

// Table is a table or a view. It is not changed once it is in a catalog: ALTER puts another one into its place.
type Table struct {
	Path    Path
	Columns []Column
	// Source is the text that expressions and the query of the table come from, for errors.
	Source     *ast.Source
	Watermark  *WatermarkSpec
	PrimaryKey []string
	// KeyName is the name of the primary key's constraint, "" if it has none.
	KeyName     string
	PartitionBy []string
	// Distribution is DISTRIBUTED BY .. INTO n BUCKETS, as it is written; "" if there is none.
	Distribution string
	// Options are those of WITH.
	Options   map[string]string
	Comment   string
	Temporary bool
	// Query is that of a view, and QueryText its text with all names in full; nil for a table. Names in a query of a view are looked up from the catalog and database in which it was made.
	Query     *ast.Query
	QueryText string
	Within    Path // Catalog and Database of the view's definition
	// Any is what an engine-made table stands for, such as a stream of the API that was registered; nil otherwise.
	Any any
}

// IsView reports whether the table is a view.
func (t *Table) IsView() bool { return t.Query != nil }

// Column returns the index of a column, or -1.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}
