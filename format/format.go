package format

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// Format makes decoders and encoders. It is a value and not changed.
type Format struct {
	// Name is the value of the option 'format'.
	Name string
	Doc  string
	// Options are the format's, without its name in front: 'field-delimiter' stands for 'csv.field-delimiter'.
	Options []tables.Option
	// Lines says that no record has an end of line within it, so that text can be cut at any.
	Lines func(s *Schema) bool
	// Cutter makes what finds records in a text for which Lines is false; nil, or returning nil, if only reading it tells where they begin.
	Cutter func(s *Schema, step int64) (Cutter, error)
	// Blocks is set if files are no text: then Encoder and Decoder are nil.
	Blocks *Blocks
	// Encoder makes an encoder, and Decoder a decoder; nil if the format cannot be written, or read. The error says which option or column is wrong.
	Encoder func(s *Schema) (Encoder, error)
	Decoder func(s *Schema) (Decoder, error)
}

// Schema is what a record consists of.
type Schema struct {
	// Table is the name of the table, for messages.
	Table string
	// Columns are the fields of a record, in order.
	Columns []types.Field
	// At says for each of Columns which column of the batch it is, -1 if it is none: then its values are not decoded, and not looked at. Nil if both are the same.
	At []int
	// Where are conditions on Columns, by their place in it: rows that do not satisfy all of them may be left out.
	Where []tables.Predicate
	// Options are the format's, checked, with defaults, without its name in front.
	Options map[string]string
}

// at is the place of a column in the batch.
func (s *Schema) at(i int) int {
	if s.At == nil {
		return i
	}
	return s.At[i]
}

func (s *Schema) flag(key string) bool { return strings.EqualFold(s.Options[key], "true") }

// Encoder turns rows into bytes. It belongs to one goroutine.
type Encoder interface {
	// Append appends a record, with what ends it: the row of the batch with that number in its vectors.
	Append(dst []byte, b *column.Batch, row int) ([]byte, error)
}

// Decoder turns bytes into rows. It belongs to one goroutine.
type Decoder interface {
	// Decode reads records from the front of data, and makes b of them, which it resets: at most limit rows. It returns how many bytes it has used: those of whole records. final says that nothing follows
	// data, so that its last record needs no end. With an error, source.malformed, b has the rows in front of the record that is wrong, and used is where that begins.
	//
	// Strings are copied into the batch.
	Decode(b *column.Batch, data []byte, final bool, limit int) (used int, err error)
	// Extent is the length of the record that data begins with, together with its end, whatever is wrong with it; 0 if its end is not there. final is as in Decode.
	Extent(data []byte, final bool) int
	// Skipped is how many records were skipped so far because they are wrong.
	Skipped() int64
}

// Formats are those of this package.
func Formats() []*Format { return []*Format{CSV(), JSON(), Parquet(), Raw()} }

// Find returns the format of a name.
func Find(name string) (*Format, error) {
	all := Formats()
	if i := slices.IndexFunc(all, func(f *Format) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, f := range all {
		names = append(names, f.Name)
	}
	return nil, fault.New(fault.OptionInvalid, "there is no format %q; there are %s", name, strings.Join(names, ", "))
}

// unsupported is the error for a column that a format has no form for.
func unsupported(s *Schema, f types.Field, format string) error {
	return fault.New(fault.OptionInvalid, "the format %q has no form for the column %s of table %s, a %s", format, types.Quote(f.Name), s.Table, f.Type.SQL())
}
