package statebackend

import (
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// measure computes the sizes of rows of the chunk, given by their numbers or, if sel is nil, those from first on.
func (l *rowLayout) measure(cols []Column, sel []int32, first, n int) {
	b := &l.block
	if len(l.strings) == 0 {
		for i := range b.size[:n] {
			b.size[i] = uint32(padded(l.text))
		}
		return
	}
	for i := range b.size[:n] {
		b.size[i] = uint32(l.text) + 7
	}
	for _, j := range l.strings {
		col, seen := &cols[j], uint32(0)
		if sel == nil && col.Valid == nil {
			for i, v := range col.Views[first : first+n] {
				size := &b.size[i&(blockRows-1)]
				*size += uint32(v.Head)
				seen |= uint32(v.Head) | *size
			}
		} else {
			for i := range n {
				row := rowNumber(sel, first, i)
				if col.null(row) {
					continue
				}
				size, n := &b.size[i&(blockRows-1)], uint32(col.Views[row].Head)
				*size += n
				seen |= n | *size
			}
		}
		if seen >= 1<<30 { // before a sum can wrap
			l.tooLarge()
		}
	}
	for i := range b.size[:n] {
		if b.size[i] &^= 7; b.size[i] > maxRow {
			l.tooLarge()
		}
	}
}

func (l *rowLayout) tooLarge() {
	cfg := &l.space.store.cfg
	cfg.Fail(fault.New(fault.StateMemory, "operator %q keeps a row of more than 1 GiB", cfg.Operator))
}

func rowNumber(sel []int32, first, i int) int32 {
	if sel != nil {
		return sel[i]
	}
	return int32(first + i)
}

// write fills the n rows whose addresses and sizes are in the block.
func (l *rowLayout) write(cols []Column, sel []int32, first, n int, times []int64) {
	b := &l.block
	for i, size := range b.size[:n] {
		p := b.row(i)
		*(*uint64)(unsafe.Add(p, size-8)) = 0 // what remains of it is padding
		*(*uint64)(p) = uint64(size)
	}
	if l.schema.Time {
		for i := range n {
			t := l.space.store.now
			if times != nil {
				t = times[rowNumber(sel, first, i)]
			}
			*(*int64)(unsafe.Add(b.row(i), 8)) = t
		}
	}
	for off := l.counters; off < l.content; off += 8 {
		for i := range n {
			*(*uint64)(unsafe.Add(b.row(i), off)) = 0
		}
	}
	for off := l.nulls; off < l.text; off++ {
		for i := range n {
			*(*byte)(unsafe.Add(b.row(i), off)) = 0
		}
	}
	clear(b.tail[:n])
	for j, c := range l.schema.Columns {
		col := &cols[j]
		switch c.Type {
		case WordColumn:
			l.writeWords(col, sel, first, n, l.offsets[j])
		case WideColumn:
			l.writeWide(col, sel, first, n, l.offsets[j])
		default:
			l.writeStrings(col, sel, first, n, l.offsets[j])
		}
		if col.Valid != nil && c.Nullable {
			l.writeNulls(l.nullBits[j], col, sel, first, n)
		}
	}
	if l.schema.Retract {
		for i := range n {
			p := b.row(i)
			*(*uint64)(p) |= uint64(l.hash(p, uintptr(b.size[i]))) << 32
		}
	}
}

func (l *rowLayout) writeWords(col *Column, sel []int32, first, n int, off uintptr) {
	b := &l.block
	switch {
	case col.Valid != nil:
		for i := range n {
			row := rowNumber(sel, first, i)
			valid := col.Valid[uint32(row)>>6] >> (uint32(row) & 63) & 1
			*(*uint64)(unsafe.Add(b.row(i), off)) = col.Words[row] & -valid
		}
	case sel != nil:
		for i, row := range sel[:n] {
			*(*uint64)(unsafe.Add(b.row(i), off)) = col.Words[row]
		}
	default:
		for i, w := range col.Words[first : first+n] {
			*(*uint64)(unsafe.Add(b.row(i), off)) = w
		}
	}
}

func (l *rowLayout) writeWide(col *Column, sel []int32, first, n int, off uintptr) {
	for i := range n {
		row := rowNumber(sel, first, i)
		var v [2]uint64
		if !col.null(row) {
			v = col.Wide[row]
		}
		*(*[2]uint64)(unsafe.Add(l.block.row(i), off)) = v
	}
}

// writeNulls sets the bit of the number where a column is null.
func (l *rowLayout) writeNulls(number int, col *Column, sel []int32, first, n int) {
	b, off, bit := &l.block, l.nulls+uintptr(number/8), byte(1)<<(number%8)
	if sel != nil {
		for i, row := range sel[:n] {
			if col.null(row) {
				*(*byte)(unsafe.Add(b.row(i), off)) |= bit
			}
		}
		return
	}
	for lo, end := first, first+n; lo < end; {
		hi := min(lo&^63+64, end)
		nulls := ^col.Valid[lo>>6] >> (lo & 63) << (64 - (hi - lo)) >> (64 - (hi - lo))
		for ; nulls != 0; nulls &= nulls - 1 {
			*(*byte)(unsafe.Add(b.row(lo-first+bits.TrailingZeros64(nulls)), off)) |= bit
		}
		lo = hi
	}
}

// inlineMasks keep the bytes of a short view that belong to it.
var inlineMasks = func() (m [viewInline + 1]View) {
	for n := range m {
		for i := range 4 + n {
			if i < 8 {
				m[n].Head |= 0xff << (8 * i)
			} else {
				m[n].Tail |= 0xff << (8 * (i - 8))
			}
		}
	}
	return m
}()

// writeStrings writes a column of strings, behind those of the columns before it.
func (l *rowLayout) writeStrings(col *Column, sel []int32, first, n int, off uintptr) {
	b, text := &l.block, l.text
	for i := range n {
		row := rowNumber(sel, first, i)
		p, at := b.row(i), b.tail[i&(blockRows-1)]
		if col.Valid != nil && col.null(row) {
			*(*uint32)(unsafe.Add(p, off)) = at
			continue
		}
		v := col.Views[row]
		end := at + uint32(v.Head)
		*(*uint32)(unsafe.Add(p, off)) = end
		b.tail[i&(blockRows-1)] = end
		if v.Len() <= viewInline {
			m := &inlineMasks[v.Len()]
			writeShort(p, text+uintptr(at), uintptr(b.size[i&(blockRows-1)]), uint32(v.Head>>32&(m.Head>>32)), v.Tail&m.Tail)
			continue
		}
		copyString(unsafe.Add(p, text+uintptr(at)), col.Buffers[uint32(v.Tail)][v.Tail>>32:][:v.Len()])
	}
}

// writeShort writes a string of at most 12 bytes, the first 4 in head and the others in tail, and those that it does not have zero, at an offset of a row of some size. What is behind it in the row may be made zero: it
// is not written yet, or is padding.
func writeShort(row unsafe.Pointer, at, size uintptr, head uint32, tail uint64) {
	if at+viewInline <= size {
		*(*uint32)(unsafe.Add(row, at)) = head
		*(*uint64)(unsafe.Add(row, at+4)) = tail
		return
	}
	last, word := (*uint64)(unsafe.Add(row, size-8)), uint64(head)|tail<<32
	if at+8 <= size {
		*last = tail >> 32 << (8 * (at + 16 - size))
		*(*uint64)(unsafe.Add(row, at)) = word
		return
	}
	*last |= word << (8 * (at + 8 - size)) // before it are other strings
}

// copyString copies a string of at least 8 bytes, short ones without a call.
func copyString(to unsafe.Pointer, s []byte) {
	n := len(s)
	if n > 64 {
		copy(unsafe.Slice((*byte)(to), n), s)
		return
	}
	from := unsafe.Pointer(unsafe.SliceData(s))
	for i := 0; i < n-8; i += 8 {
		*(*uint64)(unsafe.Add(to, i)) = *(*uint64)(unsafe.Add(from, i))
	}
	*(*uint64)(unsafe.Add(to, n-8)) = *(*uint64)(unsafe.Add(from, n-8))
}
