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
	out = out[:len(rows)]
	for lo := 0; lo < len(rows); lo += blockRows {
		hi := min(lo+blockRows, len(rows))
		l.findStrings(l.offsets[col], rows[lo:hi])
		buffer = l.readFound(out[lo:hi], buffer, number)
	}
	return buffer
}

// findStrings writes to the batch where some rows' strings of a column lie: where they end, and how long they are. It waits for the rows' memory at once.
func (l *rowLayout) findStrings(end uintptr, rows []RowRef) {
	h, b := l.space.heap, &l.block
	before, mask := end-4, ^uint32(0) // where the string before ends
	if end == l.ends {
		before, mask = end, 0
	}
	for i, r := range rows {
		p := h.At(r)
		to := *(*uint32)(unsafe.Add(p, end))
		i &= blockRows - 1
		b.at[i], b.tail[i], b.size[i] = uintptr(p), to, to-*(*uint32)(unsafe.Add(p, before))&mask
	}
}

func (l *rowLayout) readFound(out []View, buffer []byte, number int) []byte {
	b, text := &l.block, l.text
	for i := range out {
		i &= blockRows - 1
		p, n, to := b.row(i), b.size[i], text+uintptr(b.tail[i])
		if n <= 8 { // what comes before the string is of the row, what comes behind it may not be
			v := *(*uint64)(unsafe.Add(p, to-8)) >> (64 - 8*n)
			out[i] = View{Head: uint64(n) | v<<32, Tail: v >> 32}
			continue
		}
		s := unsafe.Add(p, to-uintptr(n))
		v := View{Head: uint64(n) | uint64(*(*uint32)(s))<<32}
		if n <= viewInline {
			v.Tail = *(*uint64)(unsafe.Add(s, n-8)) >> (96 - 8*n)
		} else {
			v.Tail = uint64(uint32(number)) | uint64(len(buffer))<<32
			buffer = append(buffer, unsafe.Slice((*byte)(s), n)...)
		}
		out[i] = v
	}
	return buffer
}

// ReadValid sets the bits of out where a column has a value, clears the others, and reports whether there is a null.
func (l *rowLayout) ReadValid(col int, rows []RowRef, out []uint64) (nulls bool) {
	for i := range out[:(len(rows)+63)/64] {
		out[i] = ^uint64(0) >> (64 - min(len(rows)-64*i, 64))
	}
	number := l.nullBits[col]
	if number < 0 {
		return false
	}
	h, off, bit := l.space.heap, l.nulls+uintptr(number/8), number%8
	for i, r := range rows {
		if *(*byte)(unsafe.Add(h.At(r), off))>>bit&1 != 0 {
			out[i>>6] &^= 1 << (i & 63)
			nulls = true
		}
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
