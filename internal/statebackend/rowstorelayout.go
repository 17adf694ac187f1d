package statebackend

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
)

// RowSchema describes the rows of a row store or an ordered row store.
type RowSchema struct {
	// Columns are the columns of content.
	Columns []ColumnSpec
	// Counters is a number of words behind the columns that are not content: they are zero when a row comes, can be set later, and do not count when rows are compared. An outer join
	// counts matches there.
	Counters int
	// Time makes each row keep its time, by which it expires.
	Time bool
	// Retract makes each row keep the hash of its content, so that one equal row can be found.
	Retract bool
}

// RowRef names a row of a row store or ordered row store. It is good until a row of the same key is deleted, and not over [Store.Breathe].
type RowRef = pages.Off

// rowLayout is how a row lies in memory:
//
//	a word: its size in bytes, a multiple of 8, and a bit that it is dead in the low half, the hash of its content or 0 in the high half
//	its time, if it has one
//	the counters
//	the content: words with a bit for each column that is null, if a column may be; the columns; long strings, each rounded up to 8
//
// A string is a view, as in [View], whose offset is from the start of the content. What is null or unused is zero, so that equal rows have equal bytes.
type rowLayout struct {
	schema   RowSchema
	space    *Space
	offsets  []uintptr // of columns from the start of the row
	counters uintptr
	content  uintptr
	nulls    int // words of null bits
	fixed    uintptr
	strings  []int
	row      []uint64
	touched  uint64
	block    rowBatch
}

const (
	rowDead = 1 << 31
	rowSize = 1<<31 - 1
	// maxRow is the most bytes of a row.
	maxRow = 1<<30 - 64
)

// rowBatch is some rows of a chunk on their way into memory.
type rowBatch struct {
	keys [blockRows]uintptr // addresses of cells
	at   [blockRows]uintptr // addresses of rows
	refs [blockRows]RowRef
	size [blockRows]uint32
	tail [blockRows]uint32 // where the next long string goes, from the start of the content
}

func (b *rowBatch) cell(i int) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&b.keys[i&(blockRows-1)]))
}

func (b *rowBatch) row(i int) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&b.at[i&(blockRows-1)]))
}

func newRowLayout(sp *Space, schema RowSchema) *rowLayout {
	l := &rowLayout{schema: schema, space: sp, counters: 8}
	l.schema.Columns = slices.Clone(schema.Columns)
	if schema.Time {
		l.counters += 8
	}
	l.content = l.counters + 8*uintptr(schema.Counters)
	if slices.ContainsFunc(schema.Columns, func(c ColumnSpec) bool { return c.Nullable }) {
		l.nulls = (len(schema.Columns) + 63) / 64
	}
	at := l.content + 8*uintptr(l.nulls)
	for i, c := range schema.Columns {
		l.offsets = append(l.offsets, at)
		switch c.Type {
		case WordColumn:
			at += 8
		case BytesColumn:
			l.strings = append(l.strings, i)
			at += viewSize
		default:
			at += 16
		}
	}
	l.fixed = at
	return l
}

// String is the schema as it is stored, such as rows(word,bytes?,wide;counters 1;time;retract).
func (s RowSchema) String() string {
	var b strings.Builder
	b.WriteString("rows(")
	for i, c := range s.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString([]string{"word", "wide", "bytes"}[c.Type])
		if c.Nullable {
			b.WriteByte('?')
		}
	}
	if s.Counters > 0 {
		fmt.Fprintf(&b, ";counters %d", s.Counters)
	}
	if s.Time {
		b.WriteString(";time")
	}
	if s.Retract {
		b.WriteString(";retract")
	}
	b.WriteByte(')')
	return b.String()
}

// header is the first word of a row.
func header(row unsafe.Pointer) uint64 { return *(*uint64)(row) }

func sizeOf(header uint64) uintptr { return uintptr(header & rowSize) }

// measure computes the sizes of rows of the chunk, given by their numbers or, if sel is nil, those from first on.
func (l *rowLayout) measure(cols []Column, sel []int32, first, n int) {
	b := &l.block
	for i := range b.size[:n] {
		b.size[i] = uint32(l.fixed)
	}
	for _, j := range l.strings {
		col := &cols[j]
		if sel == nil && col.Valid == nil {
			for i, v := range col.Views[first : first+n] {
				if n := uint32(v.Head); n > viewInline {
					b.size[i&(blockRows-1)] += l.long(n)
				}
			}
			continue
		}
		for i := range n {
			row := rowNumber(sel, first, i)
			if n := uint32(col.Views[row].Head); n > viewInline && !col.null(row) {
				b.size[i] += l.long(n)
			}
		}
	}
	for _, size := range b.size[:n] {
		if size > maxRow {
			l.tooLarge()
		}
	}
}

// long is the room of a long string. One that is too large for any row is counted as that, so that sums do not wrap.
func (l *rowLayout) long(n uint32) uint32 {
	if n > maxRow {
		l.tooLarge()
	}
	return (n + 7) &^ 7
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
		*(*uint64)(b.row(i)) = uint64(size)
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
	l.clearWords(l.counters, l.schema.Counters+l.nulls, n)
	if len(l.strings) > 0 {
		for i := range b.tail[:n] {
			b.tail[i] = uint32(l.fixed - l.content)
		}
	}
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
		if col.Valid != nil {
			l.writeNulls(j, col, sel, first, n)
		}
	}
	if l.schema.Retract {
		for i := range n {
			p := b.row(i)
			*(*uint64)(p) |= uint64(l.hash(p, uintptr(b.size[i]))) << 32
		}
	}
}

// hash is the hash of a row's content.
func (l *rowLayout) hash(row unsafe.Pointer, size uintptr) uint32 {
	return uint32(base.LaneBytes(l.contentOf(row, size)))
}

func (l *rowLayout) contentOf(row unsafe.Pointer, size uintptr) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(row, l.content)), size-l.content)
}

// clearWords makes some words of each row zero: the counters and what tells nulls, which are neighbours.
func (l *rowLayout) clearWords(off uintptr, words, n int) {
	for range words {
		for i := range n {
			*(*uint64)(unsafe.Add(l.block.row(i), off)) = 0
		}
		off += 8
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

func (l *rowLayout) writeNulls(j int, col *Column, sel []int32, first, n int) {
	off, bit := l.content+8*uintptr(j/64), uint64(1)<<(j&63)
	for i := range n {
		if col.null(rowNumber(sel, first, i)) {
			*(*uint64)(unsafe.Add(l.block.row(i), off)) |= bit
		}
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

func (l *rowLayout) writeStrings(col *Column, sel []int32, first, n int, off uintptr) {
	b := &l.block
	for i := range n {
		row := rowNumber(sel, first, i)
		p := b.row(i)
		if col.Valid != nil && col.null(row) {
			*(*View)(unsafe.Add(p, off)) = View{}
			continue
		}
		v := col.Views[row]
		if v.Len() <= viewInline {
			m := &inlineMasks[v.Len()]
			*(*View)(unsafe.Add(p, off)) = View{Head: v.Head & m.Head, Tail: v.Tail & m.Tail}
			continue
		}
		at := b.tail[i&(blockRows-1)]
		b.tail[i&(blockRows-1)] = at + (uint32(v.Len())+7)&^7
		s := col.Buffers[uint32(v.Tail)][v.Tail>>32:][:v.Len()]
		to := unsafe.Add(p, l.content+uintptr(at))
		*(*uint64)(unsafe.Add(to, (len(s)-1)&^7)) = 0 // behind the string
		copyString(to, s)
		*(*View)(unsafe.Add(p, off)) = View{Head: uint64(uint32(len(s))) | uint64(*(*uint32)(to))<<32, Tail: uint64(at)}
	}
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

// build writes a row of the chunk into the layout's own memory and returns it.
func (l *rowLayout) build(cols []Column, row int32) unsafe.Pointer {
	sel := [1]int32{row}
	l.measure(cols, sel[:], 0, 1)
	n := int(l.block.size[0])
	l.row = append(l.row[:0], make([]uint64, n/8+1)...) // one more, so that content of no bytes does not begin behind it
	p := unsafe.Pointer(unsafe.SliceData(l.row))
	l.block.at[0] = uintptr(p) // l.row keeps it where it is
	l.write(cols, sel[:], 0, 1, nil)
	return p
}

// equal tells whether two rows have the same content.
func (l *rowLayout) equal(a, b unsafe.Pointer) bool {
	ha, hb := header(a)&^rowDead, header(b)&^rowDead
	return ha == hb && string(l.contentOf(a, sizeOf(ha))) == string(l.contentOf(b, sizeOf(hb)))
}

// valid tells whether content that was stored can be a row's.
func (l *rowLayout) valid(content []byte) bool {
	size := l.content + uintptr(len(content))
	if size < l.fixed || size%8 != 0 || size > maxRow {
		return false
	}
	for _, j := range l.strings {
		v := *(*View)(unsafe.Pointer(&content[l.offsets[j]-l.content]))
		n, at := uint64(v.Len()), v.Tail
		if n > viewInline && (at < uint64(l.fixed-l.content) || at > uint64(len(content)) || n > uint64(len(content))-at) {
			return false
		}
	}
	return true
}
