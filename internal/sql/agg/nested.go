package agg

import (
	"github.com/weirstream/weir/column"
)

// Values of arrays, maps and rows are kept as bytes, as package column encodes them.

// form is how the values of an argument are kept.
func (s *Set) form(arg int) column.Form {
	a := &s.args[arg]
	f := column.FormOf(a.t)
	if f <= column.Text {
		return f
	}
	if a.shape == nil {
		shape := column.ShapeOf(a.t)
		a.shape = &shape
	}
	return column.Text
}

// encode makes the flat vector of a batch's values, which are nested, as bytes.
func (a *argument) encode(v *column.Vector, n int) *column.Vector {
	a.flat.Reset(column.Text, n)
	for row := range n {
		if v.Null(row) {
			a.flat.SetNull(row, n)
			continue
		}
		a.scratch = column.AppendEncoded(a.scratch[:0], v, row)
		a.flat.SetBytes(row, a.scratch)
	}
	return &a.flat
}

// decode makes the flat vector of n values that are kept as bytes.
func decode(shape *column.Shape, from *column.Vector, n int, to *column.Vector) {
	emptied(to, shape)
	for row := range n {
		x := column.NullValue()
		if !from.Null(row) {
			x, _ = column.ReadEncoded(from.Bytes(row), shape)
		}
		to.AppendValue(x, shape, row)
	}
}

// emptied makes a nested vector one without rows.
func emptied(v *column.Vector, shape *column.Shape) {
	v.Reset(shape.Form, 0)
	for i := range shape.Children {
		emptied(v.Child(i), &shape.Children[i])
	}
}

// put writes a nested value, nil for null, as a row of a result. Rows are written in order, from the first.
func put(out *column.Vector, row int, shape *column.Shape, b []byte) {
	if row == 0 {
		emptied(out, shape)
	}
	x := column.NullValue()
	if b != nil {
		x, _ = column.ReadEncoded(b, shape)
	}
	out.AppendValue(x, shape, row)
}
