package format

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// The functions below write rows of flat vectors from the front, each as often as it takes: a row that turns out to be wrong is written again. Vectors grow as they need to, and finish gives them their
// length.

// begin makes a vector ready for about so many rows.
func begin(v *column.Vector, shape *column.Shape, rows int) {
	v.Reset(shape.Form, rows)
	for i := range shape.Children {
		n := rows
		if shape.Form != column.Tuple {
			n = 0
		}
		begin(v.Child(i), &shape.Children[i], n)
	}
}

// finish gives a vector n rows.
func finish(v *column.Vector, shape *column.Shape, n int) {
	switch shape.Form {
	case column.Word:
		v.Words = sized(v.Words, n)
	case column.Wide:
		v.Wide = sized(v.Wide, n)
	case column.Text:
		v.Views = sized(v.Views, n)
	case column.List, column.Pairs:
		v.Offsets = sized(v.Offsets, n+1)
		n = int(v.Offsets[n])
	}
	if v.Valid != nil {
		for len(v.Valid) < (n+63)/64 {
			v.Valid = append(v.Valid, math.MaxUint64)
		}
	}
	for i := range shape.Children {
		finish(v.Children[i], &shape.Children[i], n)
	}
}

// sized gives s n elements, new ones zero.
func sized[T any](s []T, n int) []T {
	if n <= len(s) {
		return s[:n]
	}
	return append(s, make([]T, n-len(s))...)
}

// setValid says that a row has a value.
func setValid(v *column.Vector, row int) {
	if v.Valid == nil {
		return
	}
	for len(v.Valid) <= row>>6 {
		v.Valid = append(v.Valid, math.MaxUint64)
	}
	v.Valid[row>>6] |= 1 << (row & 63)
}

func putWord(v *column.Vector, row int, x uint64) {
	if row >= len(v.Words) {
		v.Words = sized(v.Words, row+1)
	}
	v.Words[row] = x
	setValid(v, row)
}

func putWide(v *column.Vector, row int, x [2]uint64) {
	if row >= len(v.Wide) {
		v.Wide = sized(v.Wide, row+1)
	}
	v.Wide[row] = x
	setValid(v, row)
}

func putText(v *column.Vector, row int, s []byte) {
	if row >= len(v.Views) {
		v.Views = sized(v.Views, row+1)
	}
	v.SetBytes(row, s)
	setValid(v, row)
}

// putRange says that a row of a list or map has the entries up to end.
func putRange(v *column.Vector, row, end int) {
	if row+1 >= len(v.Offsets) {
		v.Offsets = sized(v.Offsets, row+2)
	}
	v.Offsets[row+1] = int32(end)
	setValid(v, row)
}

// putNull makes a row null, and what is nested in it.
func putNull(v *column.Vector, shape *column.Shape, row int) {
	switch shape.Form {
	case column.Word:
		putWord(v, row, 0)
	case column.Wide:
		putWide(v, row, [2]uint64{})
	case column.Text:
		putText(v, row, nil)
	case column.List, column.Pairs:
		if row+1 >= len(v.Offsets) {
			v.Offsets = sized(v.Offsets, row+2)
		}
		v.Offsets[row+1] = v.Offsets[row]
	case column.Tuple:
		for i := range shape.Children {
			putNull(v.Children[i], &shape.Children[i], row)
		}
	}
	if v.Valid == nil {
		v.AllValid(row + 1)
	}
	setValid(v, row)
	v.Valid[row>>6] &^= 1 << (row & 63)
}

// Constant is the constant vector of a text, read as CSV is, or of null; nil if the text is wrong for the type.
func Constant(t types.Type, text string, null bool) *column.Vector {
	shape := column.ShapeOf(t)
	v := new(column.Vector)
	begin(v, &shape, 1)
	if null {
		putNull(v, &shape, 0)
	} else if p := putterOf(t, ' '); p == nil || !p(v, 0, []byte(text)) {
		return nil
	}
	finish(v, &shape, 1)
	v.Const = true
	return v
}
