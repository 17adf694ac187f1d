package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Stored turns columns of batches into columns of chunk-wise state, and back. Values of arrays, maps and rows are encoded as bytes.
//
// It belongs to one operator instance; what it returns is valid until the same method is called again.
type Stored struct {
	fields  []types.Field
	specs   []statebackend.ColumnSpec
	shapes  []column.Shape
	columns []statebackend.Column
	flat    []column.Vector
	scratch []byte
	views   column.Vector
}

// NewStored returns what stores columns of the given types.
func NewStored(fields []types.Field) *Stored {
	s := &Stored{fields: fields, columns: make([]statebackend.Column, len(fields)), flat: make([]column.Vector, len(fields))}
	for _, f := range fields {
		spec := statebackend.ColumnSpec{Type: statebackend.BytesColumn, Nullable: f.Type.Nullable()}
		switch column.FormOf(f.Type) {
		case column.Word:
			spec.Type = statebackend.WordColumn
		case column.Wide:
			spec.Type = statebackend.WideColumn
		}
		s.specs, s.shapes = append(s.specs, spec), append(s.shapes, column.ShapeOf(f.Type))
	}
	return s
}

// Specs describes the columns.
func (s *Stored) Specs() []statebackend.ColumnSpec { return s.specs }

// Fields are the columns.
func (s *Stored) Fields() []types.Field { return s.fields }

// Of returns some columns of a batch for the rows of sel, nil for all: column cols[i] has the type of field i. Nil stands for the first columns in order.
func (s *Stored) Of(b *column.Batch, cols []int, sel []int32) []statebackend.Column {
	for i := range s.fields {
		at := i
		if cols != nil { // a column may be named more often than there are columns
			at = cols[i]
		}
		s.columns[i] = s.column(i, b.Cols[at], b.N, sel)
	}
	return s.columns
}

// Column returns a vector of n rows as column i.
func (s *Stored) Column(i int, v *column.Vector, n int, sel []int32) statebackend.Column {
	return s.column(i, v, n, sel)
}

func (s *Stored) column(i int, v *column.Vector, n int, sel []int32) (c statebackend.Column) {
	switch shape := &s.shapes[i]; shape.Form {
	case column.Word, column.Wide, column.Text:
		v = v.Flatten(n, &s.flat[i])
	default:
		out := &s.flat[i]
		out.Reset(column.Text, n)
		encode := func(row int32) {
			if v.Null(int(row)) {
				out.SetNull(int(row), n)
				return
			}
			s.scratch = column.AppendEncoded(s.scratch[:0], v, int(row))
			out.SetBytes(int(row), s.scratch)
		}
		if sel == nil {
			sel = AllRows(n)
		}
		for _, row := range sel {
			encode(row)
		}
		v = out
	}
	c.Words, c.Wide, c.Views, c.Buffers, c.Valid = v.Words, v.Wide, v.Views, v.Buffers, v.Valid
	switch v.Form {
	case column.Word:
		c.Wide, c.Views = nil, nil
	case column.Wide:
		c.Words, c.Views = nil, nil
	default:
		c.Words, c.Wide = nil, nil
	}
	return c
}

// RowReader is a row store, ordered or not.
type RowReader interface {
	ReadWords(col int, rows []statebackend.RowRef, out []uint64)
	ReadWide(col int, rows []statebackend.RowRef, out [][2]uint64)
	ReadStrings(col int, rows []statebackend.RowRef, out []statebackend.View, buffer []byte, number int) []byte
	ReadValid(col int, rows []statebackend.RowRef, out []uint64) (nulls bool)
}

// Read makes v the flat vector of stored column col, which is field i, of the given rows.
func (s *Stored) Read(from RowReader, col, i int, rows []statebackend.RowRef, v *column.Vector) {
	n, form := len(rows), s.shapes[i].Form
	out := v
	if form != column.Word && form != column.Wide && form != column.Text {
		out = &s.views
		out.Reset(column.Text, n)
	} else {
		out.Reset(form, n)
	}
	switch form {
	case column.Word:
		from.ReadWords(col, rows, out.Words[:n])
	case column.Wide:
		from.ReadWide(col, rows, out.Wide[:n])
	default:
		own, number := out.Room()
		out.SetRoom(from.ReadStrings(col, rows, out.Views[:n], own, number))
	}
	if s.specs[i].Nullable {
		valid := out.AllValid(n)
		if !from.ReadValid(col, rows, valid) {
			out.Valid = nil
		}
	}
	if out != v {
		s.decode(i, out, n, v)
	}
}

// decode makes v the flat vector of n encoded values of field i.
func (s *Stored) decode(i int, from *column.Vector, n int, v *column.Vector) {
	shape := &s.shapes[i]
	v.Reset(shape.Form, 0)
	for row := range n {
		x := column.NullValue()
		if !from.Null(row) {
			x, _ = column.ReadEncoded(from.Bytes(row), shape)
		}
		v.AppendValue(x, shape, row)
	}
}

// Decode makes v the vector of n values of field i as Of has encoded them. Values of other forms than arrays, maps and rows are taken as they are, without copying.
func (s *Stored) Decode(i int, from *column.Vector, n int, v *column.Vector) {
	switch s.shapes[i].Form {
	case column.Word, column.Wide, column.Text:
		v.Alias(from)
	default:
		s.decode(i, from, n, v)
	}
}
