package column

import "math"

// Value is one value on its own: a literal, or what is read of a row. Which member counts follows from the type's form.
type Value struct {
	Null bool
	// Word is the value of form [Word], Wide that of form [Wide].
	Word uint64
	Wide [2]uint64
	// Text is the bytes of form [Text].
	Text string
	// List has the elements of a list, the fields of a tuple, or the keys and values of pairs in turn.
	List []Value
}

// NullValue is no value.
func NullValue() Value { return Value{Null: true} }

// IntValue is a value of form Word.
func IntValue(v int64) Value { return Value{Word: uint64(v)} }

// FloatValue is a FLOAT or DOUBLE.
func FloatValue(v float64) Value { return Value{Word: math.Float64bits(v)} }

// BoolValue is a BOOLEAN.
func BoolValue(v bool) Value {
	if v {
		return Value{Word: 1}
	}
	return Value{}
}

// TextValue is a value of form Text.
func TextValue(s string) Value { return Value{Text: s} }

// Int is the word as a signed number.
func (v Value) Int() int64 { return int64(v.Word) }

// Float is the word as a floating-point number.
func (v Value) Float() float64 { return math.Float64frombits(v.Word) }

// Bool is the word as a BOOLEAN.
func (v Value) Bool() bool { return v.Word != 0 }

// Equal reports whether two values of one type are identical: nulls are, and floating-point numbers are compared by their bits.
func (v Value) Equal(o Value) bool {
	if v.Null || o.Null {
		return v.Null == o.Null
	}
	if v.Word != o.Word || v.Wide != o.Wide || v.Text != o.Text || len(v.List) != len(o.List) {
		return false
	}
	for i := range v.List {
		if !v.List[i].Equal(o.List[i]) {
			return false
		}
	}
	return true
}

// Value reads a row of any vector. It copies.
func (v *Vector) Value(row int) Value {
	f, i := v.At(row)
	if f.Valid != nil && f.Valid[i>>6]>>(i&63)&1 == 0 {
		return Value{Null: true}
	}
	switch f.Form {
	case Word:
		return Value{Word: f.Words[i]}
	case Wide:
		return Value{Wide: f.Wide[i]}
	case Text:
		return Value{Text: string(f.Views[i].Content(f.Buffers))}
	case Tuple:
		list := make([]Value, len(f.Children))
		for c, child := range f.Children {
			list[c] = child.Value(i)
		}
		return Value{List: list}
	}
	from, to := int(f.Offsets[i]), int(f.Offsets[i+1])
	list := make([]Value, 0, (to-from)*len(f.Children))
	for at := from; at < to; at++ {
		for _, child := range f.Children {
			list = append(list, child.Value(at))
		}
	}
	return Value{List: list}
}

// AppendValue adds a value of the given shape behind the first n rows of a flat vector.
func (v *Vector) AppendValue(x Value, shape *Shape, n int) {
	v.Form = shape.Form
	if v.Valid != nil || x.Null {
		v.extendValid(n, n+1)
		if x.Null {
			v.Valid[n>>6] &^= 1 << (n & 63)
		} else {
			v.Valid[n>>6] |= 1 << (n & 63)
		}
	}
	switch shape.Form {
	case Word:
		v.Words = extend(v.Words, n, n+1)
		v.Words[n] = x.Word
	case Wide:
		v.Wide = extend(v.Wide, n, n+1)
		v.Wide[n] = x.Wide
	case Text:
		v.Views = extend(v.Views, n, n+1)
		v.SetString(n, x.Text)
	case Tuple:
		for i := range shape.Children {
			field := Value{Null: true}
			if i < len(x.List) {
				field = x.List[i]
			}
			v.Child(i).AppendValue(field, &shape.Children[i], n)
		}
	case List, Pairs:
		v.Offsets = extend(v.Offsets, min(n+1, len(v.Offsets)), n+2)
		if n == 0 {
			v.Offsets[0] = 0
		}
		at, width := int(v.Offsets[n]), len(shape.Children)
		for i := range x.List {
			v.Child(i%width).AppendValue(x.List[i], &shape.Children[i%width], at+i/width)
		}
		v.Offsets[n+1] = int32(at + len(x.List)/width)
	}
}
