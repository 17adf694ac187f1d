package statebackend

import (
	"encoding/binary"
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// In a payload, the rows of a key are their number, as uvarint, and for each, in their order:
//
//	a byte: bit 0 tells that the row is dead
//	its time in milliseconds as varint, 0 if it has none
//	the counters, and the sort words of an ordered row, 8 bytes each, low ones first
//	the length of its content as uvarint and the content, as rowLayout tells, words with their low bytes first; see formerRows for that of before
const storedDead = 1

// appendRow appends a row.
func (l *rowLayout) appendRow(dst []byte, row unsafe.Pointer) []byte {
	time := int64(0)
	if l.schema.Time {
		time = *(*int64)(unsafe.Add(row, 8))
	}
	dst = binary.AppendVarint(append(dst, 0), time)
	for at := l.counters; at < l.content; at += 8 {
		dst = binary.LittleEndian.AppendUint64(dst, *(*uint64)(unsafe.Add(row, at)))
	}
	content := l.contentOf(row, sizeOf(header(row)))
	dst = binary.AppendUvarint(dst, uint64(len(content)))
	return append(dst, content...)
}

// storedRow is a row of a payload.
type storedRow struct {
	dead     bool
	time     int64
	counters []byte
	content  []byte
}

// cutRow reads a row that appendRow wrote. What it returns is good as long as the payload, and until the next row.
func (l *rowLayout) cutRow(p *payloadReader) (row storedRow, err error) {
	row.dead = p.byte()&storedDead != 0
	time, n := binary.Varint(p.src)
	words := int(l.content - l.counters)
	if p.err != nil || n <= 0 || len(p.src)-n < words {
		return row, errPayload
	}
	row.time, row.counters = time, p.src[n:n+words]
	if row.content, p.src, err = cutBytes(p.src[n+words:]); err != nil {
		return row, errPayload
	}
	if c := p.convert; c != nil {
		if c.dst, err = c.convert(c.dst[:0], row.content); err != nil {
			return row, err
		}
		row.content = c.dst
	}
	if !l.valid(row.content) {
		return row, errPayload
	}
	return row, nil
}

func (l *rowLayout) sizeOfStored(row storedRow) uintptr { return l.content + uintptr(len(row.content)) }

// fill writes a stored row.
func (l *rowLayout) fill(to unsafe.Pointer, row storedRow) {
	size := l.sizeOfStored(row)
	*(*uint64)(to) = uint64(size)
	if l.schema.Time {
		*(*int64)(unsafe.Add(to, 8)) = row.time
	}
	for i := 0; i < len(row.counters); i += 8 {
		*(*uint64)(unsafe.Add(to, l.counters+uintptr(i))) = binary.LittleEndian.Uint64(row.counters[i:])
	}
	copy(l.contentOf(to, size), row.content)
	if l.schema.Retract {
		*(*uint64)(to) |= uint64(l.hash(to, size)) << 32
	}
}

func (r *Rows) clear(row unsafe.Pointer) {
	c := r.cellOf(row)
	r.freeBlocks(c)
	r.freeIndex(c)
	*c = rowsCell{}
}

func (r *Rows) appendPayload(dst []byte, from heapReader, row unsafe.Pointer) []byte {
	c := r.cellOf(row)
	dst = binary.AppendUvarint(dst, uint64(c.live))
	r.rowsOf(from, c, func(_ pages.Off, row unsafe.Pointer) bool {
		dst = r.appendRow(dst, row)
		return true
	})
	return dst
}

func (r *Rows) restorePayload(ref Ref, p *payloadReader) error {
	h := r.space.heap
	for n := p.uvarint(); n > 0; n-- {
		row, err := r.cutRow(p)
		if err != nil {
			return err
		}
		if row.dead {
			continue
		}
		key := r.space.Edit(ref)
		r.space.change(key, r.cell.bit)
		size := r.sizeOfStored(row)
		at := r.room(r.cellOf(key), size)
		to := h.Edit(at, int(size))
		r.fill(to, row)
		if r.schema.Time {
			r.age(r.cellOf(key), to)
		}
	}
	return p.err
}
