// Package tables is how connectors offer tables to SQL: a [Factory] for each value of the option 'connector', which says what options there are and makes sources and sinks of batches.
//
// A source of a table is a [connector.Source] whose records are batches: it lends each to the engine for the call of Collect, and may fill the same one again afterwards. A sink is a
// [connector.Sink] of batches; a writer must not keep a batch, nor what it refers to, beyond Write.
package tables

import (
	"context"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/types"
)

// Kind is what an option's value looks like.
type Kind uint8

// The kinds of options.
const (
	Text Kind = iota
	Number
	Boolean
	// Duration is a number with a unit, as Flink writes it: 1 min, 500 ms, 2 d.
	Duration
	// Memory is a number with a unit: 64 mb.
	Memory
)

// Option is one option of a table.
type Option struct {
	// Key is the option's name. One that ends in * stands for all that begin so.
	Key string
	// Kind and Values, the allowed ones if it has any, are checked before the factory is called.
	Kind     Kind
	Values   []string
	Default  string
	Required bool
	Doc      string
}

// Factory makes the tables of a connector. It is a value and not changed.
type Factory struct {
	// Name is the value of the option 'connector'.
	Name string
	Doc  string
	// Options are those beside 'connector'. An option of a table that is not among them is an error.
	Options []Option
	// Source makes a source, nil if tables cannot be read. It does not open anything: that is for the readers. The error says which option is wrong.
	Source func(t *Table) (*Source, error)
	// Sink makes a sink, nil if tables cannot be written.
	Sink func(t *Table) (*Sink, error)
	// Metadata lists the metadata columns that a table may declare, by key.
	Metadata []types.Field
	// MetadataOf lists those that depend on the table's options, beside Metadata, whose type is the one that the table declares; nil if there are none.
	MetadataOf func(options map[string]string) ([]types.Field, error)
}

// Table is what a statement says of a table.
type Table struct {
	// Name is the table's full name, for messages.
	Name string
	// Columns are those of the table, in order: physical columns, and metadata columns with their key in MetadataKeys. Of a source only some may be read: those that Source.Project is given or, if it is
	// nil, those that are here.
	Columns []types.Field
	// MetadataKeys is "" for physical columns, and nil if there are no others.
	MetadataKeys []string
	// PrimaryKey and PartitionBy are indexes into Columns.
	PrimaryKey, PartitionBy []int
	// Options are the table's, checked, with defaults filled in.
	Options map[string]string
	// Zone is the session's time zone.
	Zone *time.Location
	// Batch is whether the job runs in batch mode.
	Batch bool
	// Overwrite is INSERT OVERWRITE.
	Overwrite bool
}

// Source is how a table is read.
type Source struct {
	// Scan reads all of it; nil for a table that can only be looked up.
	Scan connector.Source[*column.Batch]
	// Changelog is what rows may do. The zero value stands for inserts only.
	Changelog types.Changelog
	// KeyDeletes tells that a deleted row has the values of the primary key only, and nulls.
	KeyDeletes bool
	// Project returns a source of some of the columns, by their indexes, in that order. Nil if the source always reads all.
	Project func(columns []int) (*Source, error)
	// Filter returns a source that may leave out rows that do not satisfy all of some conditions, which are on the columns that this source has, by their place. It is a hint: whoever reads looks at each row all the same.
	// Nil if the source could make nothing of it.
	Filter func(where []Predicate) (*Source, error)
	// Watermarks tells that the source gives watermarks by itself, for tables with SOURCE_WATERMARK().
	Watermarks bool
	// Parallelism is how many readers there are at most that have work, 0 for any number.
	Parallelism int
	// Lookup finds rows by columns; nil if the table cannot be looked up.
	Lookup func(keys []int) (Lookup, error)
}

// Lookup finds rows of a table by their values in some columns, for lookup joins.
type Lookup interface {
	// Open is called once in each subtask, and returns what looks up there.
	Open(ctx context.Context) (Lookuper, error)
}

// Lookuper looks up in one subtask. Its methods are called one at a time, on the task: while Find waits, it takes no records and no checkpoint begins in it.
type Lookuper interface {
	// Find appends to out the rows that have the values of the key columns, for the rows of sel (nil: all n), and returns for each row found the row of the keys, in order. keys are flat.
	// out has the table's columns. A null matches nothing.
	Find(ctx context.Context, keys []*column.Vector, sel []int32, n int, out *column.Batch) (matches []int32, err error)
	Close() error
}

// Sink is how a table is written.
type Sink struct {
	Sink connector.Sink[*column.Batch]
	// Changelog returns what the sink wants to be given of a changelog that may hold requested. Nil: it takes inserts only. A sink by key that wants no -U rows
	// may be given them nevertheless, each before its +U row.
	Changelog func(requested types.Changelog) types.Changelog
	// KeyDeletes tells that the primary key of a deleted row is enough: then its other columns may be null.
	KeyDeletes bool
	// Parallelism is how many writers the sink asks for, 0 for that of its input.
	Parallelism int
}
