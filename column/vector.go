// Package column is the batch in which SQL rows travel: a vector for each column, which rows count, and what each row does to the table that it describes.
//
// # Forms
//
// A type has one of a few forms in memory ([FormOf]): 64-bit words, 128-bit words, views of bytes, lists, maps and rows of other vectors. Words hold
//
//   - BOOLEAN as 0 and 1; TINYINT to BIGINT sign-extended;
//   - FLOAT and DOUBLE as the bits of a float64 (a FLOAT is rounded to 32 bits after each operation);
//   - DECIMAL up to 18 digits as its unscaled value; longer ones are wide, in two's complement, the low word first;
//   - DATE as days, TIME as milliseconds of the day, TIMESTAMP and TIMESTAMP_LTZ since the epoch: as milliseconds up to precision 3, as microseconds up to 6, and as wide
//     nanoseconds beyond ([TimeUnit]);
//   - INTERVAL YEAR TO MONTH as months and INTERVAL DAY TO SECOND as milliseconds.
//
// CHAR, VARCHAR, BINARY and VARBINARY are views. What stands in the place of a null means nothing.
//
// # Ownership
//
// A batch is lent: it and all that it refers to is valid until the call to which it was given returns, and is not changed by the callee, who may replace its selection by one of
// its own in a batch of its own. Who keeps rows copies them ([Vector.Append], [Batch.Gather]). Vectors are reused by their owner, so that a steady stream allocates nothing.
package column

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/types"
)

// Form is how the values of a vector lie in memory.
type Form uint8

// The forms.
const (
	Word  Form = iota // 64 bits
	Wide              // 128 bits
	Text              // views of bytes
	List              // ranges of one child vector; ARRAY
	Pairs             // ranges of two child vectors, keys and values; MAP and MULTISET
	Tuple             // one child vector for each field, of the same length; ROW
)

// FormOf returns the form of a type's values.
func FormOf(t types.Type) Form {
	switch t.Kind() {
	case types.Char, types.Varchar, types.Binary, types.Varbinary, types.Raw, types.Variant, types.Bitmap, types.Symbol:
		return Text
	case types.Decimal:
		if t.Precision() > types.ShortDecimal {
			return Wide
		}
	case types.Timestamp, types.TimestampLTZ, types.TimestampTZ:
		if t.Precision() > 6 {
			return Wide
		}
	case types.Array:
		return List
	case types.Map, types.Multiset:
		return Pairs
	case types.Row, types.Structured:
		return Tuple
	}
	return Word
}

// TimeUnit returns how many units a second has in the values of a TIMESTAMP of the given precision.
func TimeUnit(precision int) int64 {
	switch {
	case precision <= 3:
		return 1_000
	case precision <= 6:
		return 1_000_000
	}
	return 1_000_000_000
}

// Vector is the values of a column. It is flat (a value a row), constant (the value of row 0 stands for every row), or a dictionary (row i is row Index[i] of Base).
// The zero Vector is an empty flat one; [Vector.Reset] gives it a form and a length.
type Vector struct {
	Form  Form
	Const bool
	// Index and Base are set in a dictionary, and then nothing else is but Form. Base is flat.
	Index []int32
	Base  *Vector
	// Words, Wide or Views have the values, by the form.
	Words []uint64
	Wide  [][2]uint64
	Views []View
	// Buffers are what views of long strings lie in.
	Buffers [][]byte
	own     int // which of Buffers is the vector's own to append to, counted from 1; 0 for none
	// Valid has a bit for each row, set where there is a value. Nil means that there is no null.
	Valid []uint64
	// Offsets of lists and pairs: row i has the entries from Offsets[i] to Offsets[i+1] of the children.
	Offsets []int32
	// Children are the elements of lists; keys and values of pairs; the fields of tuples.
	Children []*Vector

	valid []uint64 // memory for Valid
}

// Reset makes the vector flat with n rows of any content and no null, in its own memory.
func (v *Vector) Reset(form Form, n int) {
	v.Form, v.Const, v.Index, v.Base, v.Valid = form, false, nil, nil, nil
	switch form {
	case Word:
		v.Words = grow(v.Words, n)
	case Wide:
		v.Wide = grow(v.Wide, n)
	case Text:
		v.Views = grow(v.Views, n)
		if v.own > 0 {
			v.Buffers = append(v.Buffers[:0], v.Buffers[v.own-1][:0])
			v.own = 1
		} else {
			v.Buffers = nil
		}
	case List, Pairs:
		v.Offsets = grow(v.Offsets, n+1)
		v.Offsets[0] = 0
	}
}

func grow[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]T, n, max(n, 2*cap(s), 16))
}

// Child returns child i of the given form, made if it is not there.
func (v *Vector) Child(i int) *Vector {
	for len(v.Children) <= i {
		v.Children = append(v.Children, new(Vector))
	}
	return v.Children[i]
}

// Ints returns Words as signed numbers.
func (v *Vector) Ints() []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(v.Words))), len(v.Words))
}

// Floats returns Words as floating-point numbers.
func (v *Vector) Floats() []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(v.Words))), len(v.Words))
}

// At returns the row of the flat vector that holds the value of a row: of v itself, or of its base.
func (v *Vector) At(row int) (*Vector, int) {
	if v.Index != nil {
		return v.Base, int(v.Index[row])
	}
	if v.Const {
		return v, 0
	}
	return v, row
}

// Null reports whether the row has no value, whatever the vector is.
func (v *Vector) Null(row int) bool {
	f, i := v.At(row)
	return f.Valid != nil && f.Valid[i>>6]>>(i&63)&1 == 0
}

// Nulls reports whether there may be a null.
func (v *Vector) Nulls() bool {
	if v.Index != nil {
		return v.Base.Valid != nil
	}
	return v.Valid != nil
}

// Word returns the value of a row of form Word.
func (v *Vector) Word(row int) uint64 {
	f, i := v.At(row)
	return f.Words[i]
}

// Int returns the value of a row of form Word as a signed number.
func (v *Vector) Int(row int) int64 { return int64(v.Word(row)) }

// Float returns the value of a row of form Word as a floating-point number.
func (v *Vector) Float(row int) float64 { return math.Float64frombits(v.Word(row)) }

// WideAt returns the value of a row of form Wide.
func (v *Vector) WideAt(row int) [2]uint64 {
	f, i := v.At(row)
	return f.Wide[i]
}

// Bytes returns the string of a row of form Text, in the memory of the vector.
func (v *Vector) Bytes(row int) []byte {
	f, i := v.At(row)
	return f.Views[i].Content(f.Buffers)
}

// Range returns the entries of a row of form List or Pairs.
func (v *Vector) Range(row int) (from, to int) {
	f, i := v.At(row)
	return int(f.Offsets[i]), int(f.Offsets[i+1])
}

// SetNull makes a row of a flat vector null. n is the number of rows.
func (v *Vector) SetNull(row, n int) {
	if v.Valid == nil {
		v.AllValid(n)
	}
	v.Valid[row>>6] &^= 1 << (row & 63)
	switch v.Form {
	case Text:
		v.Views[row] = View{}
	case Word:
		v.Words[row] = 0
	case Wide:
		v.Wide[row] = [2]uint64{}
	}
}

// AllValid gives a flat vector a bitmap of n rows that all have values, to be changed by the caller.
func (v *Vector) AllValid(n int) []uint64 {
	words := (n + 63) / 64
	v.valid = grow(v.valid, words)
	for i := range v.valid {
		v.valid[i] = math.MaxUint64
	}
	v.Valid = v.valid
	return v.Valid
}

// NoneValid gives a flat vector a bitmap of n rows that are all null.
func (v *Vector) NoneValid(n int) []uint64 {
	words := (n + 63) / 64
	v.valid = grow(v.valid, words)
	clear(v.valid)
	v.Valid = v.valid
	return v.Valid
}

// SetBytes gives a row of a flat vector a string, which is copied.
func (v *Vector) SetBytes(row int, b []byte) {
	if len(b) <= InlineBytes {
		v.Views[row] = MakeView(b, 0, 0)
		return
	}
	number, offset := v.Put(b)
	v.Views[row] = MakeView(b, number, offset)
}

// SetString is SetBytes of a string.
func (v *Vector) SetString(row int, s string) {
	v.SetBytes(row, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Put copies bytes into the vector's own buffer and returns where they lie, for [MakeView].
func (v *Vector) Put(b []byte) (number, offset int) {
	own, number := v.Room()
	v.Buffers[number] = append(own, b...)
	return number, len(own)
}

// Room returns the vector's own buffer, to be appended to and given back by [Vector.SetRoom]: for functions that make their result in place. number is that of the
// buffer, for MakeView.
func (v *Vector) Room() (own []byte, number int) {
	if v.own == 0 {
		v.Buffers = append(v.Buffers, nil)
		v.own = len(v.Buffers)
	}
	return v.Buffers[v.own-1], v.own - 1
}

// SetRoom gives back what Room returned.
func (v *Vector) SetRoom(own []byte) { v.Buffers[v.own-1] = own }

// Share lets views of v point into the buffers of o: it returns what to add to the buffer numbers of o's views. The buffers stay o's.
func (v *Vector) Share(o *Vector) (base int) {
	base = len(v.Buffers)
	v.Buffers = append(v.Buffers, o.Buffers...)
	return base
}

// SetConst makes the vector one value for every row: row i of o.
func (v *Vector) SetConst(o *Vector, i int) {
	v.Gather(o, []int32{int32(i)})
	v.Const = true
}

// Alias makes v the same column as o, without copying: both see the same memory. v must not be appended to afterwards, until it is reset.
func (v *Vector) Alias(o *Vector) {
	keep := v.valid
	*v = *o
	v.own, v.valid = 0, keep
}

// Gather makes v the flat vector of the given rows of o, in their order. Strings are copied into v.
func (v *Vector) Gather(o *Vector, rows []int32) {
	v.Reset(o.Form, 0)
	v.Append(o, rows, 0)
}

// Append adds the given rows of o behind the first n rows of the flat vector v, which has the same form. Strings are copied into v.
func (v *Vector) Append(o *Vector, rows []int32, n int) {
	if o.Index != nil {
		at := make([]int32, len(rows)) // rare: dictionaries are flattened by who knows that it pays
		for i, row := range rows {
			at[i] = o.Index[row]
		}
		v.Append(o.Base, at, n)
		return
	}
	if o.Const {
		v.appendConst(o, len(rows), n)
		return
	}
	total := n + len(rows)
	v.appendValid(o, rows, n)
	switch o.Form {
	case Word:
		v.Words = extend(v.Words, n, total)
		out := v.Words[n:]
		for i, row := range rows {
			out[i] = o.Words[row]
		}
	case Wide:
		v.Wide = extend(v.Wide, n, total)
		out := v.Wide[n:]
		for i, row := range rows {
			out[i] = o.Wide[row]
		}
	case Text:
		v.Views = extend(v.Views, n, total)
		v.appendViews(o, rows, v.Views[n:])
	case List, Pairs:
		v.appendRanges(o, rows, n)
	case Tuple:
		for i := range o.Children {
			v.Child(i).Form = o.Children[i].Form
			v.Children[i].Append(o.Children[i], rows, n)
		}
	}
}

func (v *Vector) appendViews(o *Vector, rows []int32, out []View) {
	out = out[:len(rows)]
	var own []byte
	number := -1
	for i, row := range rows {
		w := o.Views[row]
		if n := uint32(w.Head); n > InlineBytes {
			if number < 0 {
				own, number = v.Room()
			}
			at := len(own)
			from := w.Tail >> 32
			own = append(own, o.Buffers[uint32(w.Tail)][from:from+uint64(n)]...)
			w.Tail = uint64(number) | uint64(at)<<32
		}
		out[i] = w
	}
	if number >= 0 {
		v.SetRoom(own)
	}
}

func (v *Vector) appendRanges(o *Vector, rows []int32, n int) {
	v.Offsets = extend(v.Offsets, min(n+1, len(v.Offsets)), n+len(rows)+1)
	if n == 0 {
		v.Offsets[0] = 0
	}
	at := v.Offsets[n]
	var inner []int32
	for i, row := range rows {
		from, to := o.Offsets[row], o.Offsets[row+1]
		if o.Valid != nil && o.Valid[row>>6]>>(row&63)&1 == 0 {
			to = from
		}
		for k := from; k < to; k++ {
			inner = append(inner, k)
		}
		v.Offsets[n+i+1] = v.Offsets[n+i] + to - from
	}
	for i := range o.Children {
		c := v.Child(i)
		c.Form = o.Children[i].Form
		c.Append(o.Children[i], inner, int(at))
	}
}

func (v *Vector) appendConst(o *Vector, count, n int) {
	flat := *o
	flat.Const = false
	rows := make([]int32, count)
	v.Append(&flat, rows, n)
}

// extendValid gives the bitmap room for total rows, of which the first n keep their bits; without a bitmap they had values.
func (v *Vector) extendValid(n, total int) {
	old, words := (n+63)/64, (total+63)/64
	had := v.Valid != nil
	v.valid = extend(v.valid, min(old, len(v.valid)), words)
	if !had {
		for i := range old {
			v.valid[i] = math.MaxUint64
		}
	}
	clear(v.valid[old:words])
	v.Valid = v.valid
}

func (v *Vector) appendValid(o *Vector, rows []int32, n int) {
	if o.Valid == nil && v.Valid == nil {
		return
	}
	total := n + len(rows)
	v.extendValid(n, total)
	if o.Valid == nil {
		for i := n; i < total; i++ {
			v.Valid[i>>6] |= 1 << (i & 63)
		}
		return
	}
	for i, row := range rows {
		to := n + i
		bit := o.Valid[row>>6] >> (row & 63) & 1
		v.Valid[to>>6] = v.Valid[to>>6]&^(1<<(to&63)) | bit<<(to&63)
	}
}

// extend returns s with total elements, the first n of which are kept.
func extend[T any](s []T, n, total int) []T {
	if total <= cap(s) {
		return s[:total]
	}
	t := make([]T, total, max(total, 2*cap(s), 16))
	copy(t, s[:n])
	return t
}

// Flatten returns v if it is flat, else the flat copy of its first n rows, made in into, which then may share the buffers of strings with v.
func (v *Vector) Flatten(n int, into *Vector) *Vector {
	if v.Index == nil && !v.Const {
		return v
	}
	if v.Form > Text {
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = int32(i)
		}
		into.Gather(v, rows)
		return into
	}
	from := v
	if v.Index != nil {
		from = v.Base
	}
	into.Reset(v.Form, n)
	switch v.Form {
	case Word:
		spread(into.Words, from.Words, v.Index)
	case Wide:
		spread(into.Wide, from.Wide, v.Index)
	case Text:
		spread(into.Views, from.Views, v.Index)
		into.Buffers, into.own = from.Buffers[:len(from.Buffers):len(from.Buffers)], 0
	}
	if from.Valid != nil {
		valid := into.AllValid(n)
		if v.Index == nil {
			if from.Valid[0]&1 == 0 {
				clear(valid)
			}
			return into
		}
		for i, at := range v.Index[:n] {
			if from.Valid[at>>6]>>(at&63)&1 == 0 {
				valid[i>>6] &^= 1 << (i & 63)
			}
		}
	}
	return into
}

// spread fills out with the values at index, or with the first value if there is none.
func spread[T any](out, from []T, index []int32) {
	if index == nil {
		for i := range out {
			out[i] = from[0]
		}
		return
	}
	for i, at := range index[:len(out)] {
		out[i] = from[at]
	}
}

// CountNulls counts the nulls among the first n rows of a flat vector.
func (v *Vector) CountNulls(n int) int {
	if v.Valid == nil {
		return 0
	}
	set := 0
	for i := range n / 64 {
		set += bits.OnesCount64(v.Valid[i])
	}
	if rest := n % 64; rest > 0 {
		set += bits.OnesCount64(v.Valid[n/64] & (1<<rest - 1))
	}
	return n - set
}

// Pick makes v the flat vector of the given rows of o, in their order, as [Vector.Gather] does, but long strings stay where they are: v is good as long as o is, and must not be appended to
// until it is reset.
func (v *Vector) Pick(o *Vector, rows []int32) {
	n := len(rows)
	from := o
	if o.Index != nil {
		from = o.Base
	}
	if from.Form > Text {
		v.Gather(o, rows)
		return
	}
	v.Reset(from.Form, n)
	switch from.Form {
	case Word:
		pick(v.Words, from.Words, o, rows)
	case Wide:
		pick(v.Wide, from.Wide, o, rows)
	case Text:
		pick(v.Views, from.Views, o, rows)
		v.Buffers, v.own = from.Buffers[:len(from.Buffers):len(from.Buffers)], 0
	}
	if from.Valid == nil {
		return
	}
	valid := v.NoneValid(n)
	for i, row := range rows {
		if !o.Null(int(row)) {
			valid[i>>6] |= 1 << (i & 63)
		}
	}
}

func pick[T any](out, from []T, o *Vector, rows []int32) {
	out = out[:len(rows)]
	switch {
	case o.Index != nil:
		for i, row := range rows {
			out[i] = from[o.Index[row]]
		}
	case o.Const:
		for i := range out {
			out[i] = from[0]
		}
	default:
		for i, row := range rows {
			out[i] = from[row]
		}
	}
}
