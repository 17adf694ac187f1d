package statebackend

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unsafe"

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
//	the content:
//	  the columns of words and of wide words, in their order
//	  for each column of strings 4 bytes: where its string ends, from where the first one begins; it begins where the one before ends
//	  a bit for each column that may be null, set if it is, in bytes, the low bit of the first byte first
//	  the strings, one behind the other
//	  up to 7 bytes of zero, so that the next row begins at a multiple of 8
//
// What is null is zero, or a string of no bytes, so that equal rows have equal bytes.
type rowLayout struct {
	schema   RowSchema
	space    *Space
	offsets  []uintptr // of columns from the start of the row: of the value, or of where the string ends
	counters uintptr
	content  uintptr
	ends     uintptr // where the strings end is written from here on
	nulls    uintptr // where the bits of nulls begin
	nullBits []int   // for each column the number of its bit, -1 if it is never null
	nullable int     // how many bits there are
	text     uintptr // where strings begin
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

// rowBatch is some rows of a chunk on their way into memory, or some whose strings are read.
type rowBatch struct {
	keys [blockRows]uintptr // addresses of cells
	at   [blockRows]uintptr // addresses of rows
	refs [blockRows]RowRef
	size [blockRows]uint32 // of rows, or of the strings that are read
	tail [blockRows]uint32 // where the next string goes, or the one that is read ends, from where the first one begins
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
	l.offsets, l.nullBits = make([]uintptr, len(schema.Columns)), make([]int, len(schema.Columns))
	at := l.content
	for i, c := range schema.Columns {
		l.nullBits[i] = -1
		if c.Nullable {
			l.nullBits[i] = l.nullable
			l.nullable++
		}
		l.offsets[i] = at
		switch c.Type {
		case WordColumn:
			at += 8
		case WideColumn:
			at += 16
		default:
			l.strings = append(l.strings, i)
		}
	}
	l.ends = at
	for _, i := range l.strings {
		l.offsets[i] = at
		at += 4
	}
	l.nulls = at
	l.text = at + uintptr(l.nullable+7)/8
	return l
}

// String is the schema as it is stored, such as rows(word,bytes?,wide;counters 1;time;retract;packed). Its end tells that rows lie as rowLayout says.
func (s RowSchema) String() string { return s.stored(";packed") }

func (s RowSchema) stored(layout string) string {
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
	b.WriteString(layout)
	b.WriteByte(')')
	return b.String()
}

// header is the first word of a row.
func header(row unsafe.Pointer) uint64 { return *(*uint64)(row) }

func sizeOf(header uint64) uintptr { return uintptr(header & rowSize) }

// hash is the hash of a row's content.
func (l *rowLayout) hash(row unsafe.Pointer, size uintptr) uint32 {
	return uint32(base.LaneBytes(l.contentOf(row, size)))
}

func (l *rowLayout) contentOf(row unsafe.Pointer, size uintptr) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(row, l.content)), size-l.content)
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

// padded is the next multiple of 8.
func padded(n uintptr) uintptr { return (n + 7) &^ 7 }

// valid tells whether content that was stored can be a row's.
func (l *rowLayout) valid(content []byte) bool {
	size := l.content + uintptr(len(content))
	if size < padded(l.text) || size%8 != 0 || size > maxRow {
		return false
	}
	end, most := uint32(0), uint32(size-l.text)
	for at := l.ends; at < l.nulls; at += 4 {
		next := binary.LittleEndian.Uint32(content[at-l.content:])
		if next < end || next > most {
			return false
		}
		end = next
	}
	if l.nullable%8 != 0 && content[l.text-1-l.content]>>(l.nullable%8) != 0 {
		return false
	}
	padding := content[l.text-l.content+uintptr(end):]
	for _, b := range padding {
		if b != 0 {
			return false
		}
	}
	return len(padding) < 8
}
