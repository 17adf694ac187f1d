package statebackend

import "unsafe"

// ReadWords writes the values of a column of words: out[i] is that of rows[i], 0 for null.
func (l *rowLayout) ReadWords(col int, rows []RowRef, out []uint64) {
	l.readWords(l.offsets[col], rows, out)
}

// ReadCounters writes a counter of the rows.
func (l *rowLayout) ReadCounters(counter int, rows []RowRef, out []uint64) {
	l.readWords(l.counters+8*uintptr(counter), rows, out)
}

// ReadTimes writes the times of the rows, if they have any.
func (l *rowLayout) ReadTimes(rows []RowRef, out []int64) {
	l.readWords(8, rows, unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(out))), len(out)))
}

func (l *rowLayout) readWords(off uintptr, rows []RowRef, out []uint64) {
	h := l.space.heap
	out = out[:len(rows)]
	for i, r := range rows {
		out[i] = *(*uint64)(unsafe.Add(h.At(r), off))
	}
}

// ReadWide writes the values of a column of wide words, 0 for null.
func (l *rowLayout) ReadWide(col int, rows []RowRef, out [][2]uint64) {
	h, off := l.space.heap, l.offsets[col]
	out = out[:len(rows)]
	for i, r := range rows {
		out[i] = *(*[2]uint64)(unsafe.Add(h.At(r), off))
	}
}

// ReadStrings writes views of a column of strings, empty for null. Long strings are copied: they are appended to buffer, which is returned, and the views name it by the
// number.
func (l *rowLayout) ReadStrings(col int, rows []RowRef, out []View, buffer []byte, number int) []byte {
	h, off := l.space.heap, l.offsets[col]
	out = out[:len(rows)]
	for i, r := range rows {
		p := h.At(r)
		v := *(*View)(unsafe.Add(p, off))
		if n := v.Len(); n > viewInline {
			at := uint64(len(buffer))
			buffer = append(buffer, unsafe.Slice((*byte)(unsafe.Add(p, l.content+uintptr(v.Tail))), n)...)
			v.Tail = uint64(uint32(number)) | at<<32
		}
		out[i] = v
	}
	return buffer
}

// ReadValid sets the bits of out where a column has a value, clears the others, and reports whether there is a null.
func (l *rowLayout) ReadValid(col int, rows []RowRef, out []uint64) (nulls bool) {
	h, off, bit := l.space.heap, l.content+8*uintptr(col/64), col&63
	clear(out[:(len(rows)+63)/64])
	for i, r := range rows {
		valid := uint64(1)
		if l.nulls > 0 {
			valid = *(*uint64)(unsafe.Add(h.At(r), off))>>bit&1 ^ 1
		}
		out[i>>6] |= valid << (i & 63)
		nulls = nulls || valid == 0
	}
	return nulls
}

// writeCounters sets a counter of rows; the caller has marked their keys.
func (l *rowLayout) writeCounters(counter int, rows []RowRef, values []uint64) {
	h, off := l.space.heap, l.counters+8*uintptr(counter)
	for i, r := range rows {
		*(*uint64)(unsafe.Add(h.Edit(r, int(off)+8), off)) = values[i]
	}
}
