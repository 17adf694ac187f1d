package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// RowCursor is where a Probe that had more matches than room goes on: the next row of the selection, and the place among its key's rows. The zero value is the beginning.
// It is good as long as no row of the chunk's keys is deleted; rows that are appended meanwhile are found.
type RowCursor struct {
	at    int
	block pages.Off
	used  uint32
}

// Probe finds the rows of the keys refs[row], for each row of the selection (nil for all of refs), in the order in which they were appended. It writes them to found, and
// the chunk's rows that they match to matches, until these are full; n is how many. more tells that there may be others: the next call with the same cursor
// goes on with them. NoRef matches nothing.
func (r *Rows) Probe(refs []Ref, sel []int32, from *RowCursor, matches []int32, found []RowRef) (n int, more bool) {
	total := len(refs)
	if sel != nil {
		total = len(sel)
	}
	room := min(len(matches), len(found))
	for from.at < total {
		lo := from.at
		hi := min(lo+blockRows, total)
		r.heads(refs, sel, lo, hi)
		for i := range hi - lo {
			block, used := r.block.refs[i&(blockRows-1)], uint32(0)
			if block == 0 {
				from.at++
				continue
			}
			if from.block != 0 {
				block, used = from.block, from.used
			}
			block, used, n = r.walk((*rowsCell)(unsafe.Add(r.block.cell(i), r.cell.off)), chunkRow(sel, lo+i), block, used, matches[:room], found[:room], n)
			if block != 0 {
				from.block, from.used = block, used
				return n, true
			}
			from.block, from.used = 0, 0
			from.at++
		}
	}
	return n, false
}

// chunkRow is the number of the row at a place in the selection, nil for all rows.
func chunkRow(sel []int32, at int) int32 {
	if sel != nil {
		return sel[at]
	}
	return int32(at)
}

// heads writes the first blocks of keys to the batch, 0 where there is none, after touching them: keys and blocks, each all at once.
func (r *Rows) heads(refs []Ref, sel []int32, lo, hi int) {
	b, subs, h := &r.block, r.space.subs, r.space.heap
	seen := uint64(0)
	for i := range hi - lo {
		ref := refs[chunkRow(sel, lo+i)]
		if ref == NoRef {
			b.keys[i&(blockRows-1)] = 0
			continue
		}
		b.keys[i&(blockRows-1)] = uintptr(subs[ref.Group()].rows.At(ref.Row()))
	}
	for i := range hi - lo {
		if b.keys[i&(blockRows-1)] != 0 {
			seen ^= *(*uint64)(unsafe.Add(b.cell(i), r.cell.off))
		}
	}
	for i := range hi - lo {
		b.refs[i&(blockRows-1)] = 0
		if b.keys[i&(blockRows-1)] != 0 && *flagsOf(b.cell(i))&r.cell.bit != 0 {
			b.refs[i&(blockRows-1)] = r.cellOf(b.cell(i)).head
		}
	}
	for _, head := range b.refs[:hi-lo] {
		if head != 0 {
			seen ^= *(*uint64)(h.At(head))
		}
	}
	r.touched = seen
}

// walk goes along a key's rows from a place on. It returns where it stopped for want of room, or 0.
func (r *Rows) walk(c *rowsCell, row int32, block pages.Off, used uint32, matches []int32, found []RowRef, n int) (pages.Off, uint32, int) {
	h := r.space.heap
	for block != 0 {
		p := h.At(block)
		b := *(*rowBlock)(p)
		for end := c.usedOf(block, &b); used < end; {
			at := rowBlockHeader + uintptr(used)
			head := header(unsafe.Add(p, at))
			if head&rowDead == 0 && !r.expired(unsafe.Add(p, at)) {
				if n == len(found) {
					return block, used, n
				}
				matches[n], found[n] = row, block+pages.Off(at)
				n++
			}
			used += uint32(sizeOf(head))
		}
		block, used = b.next, 0
	}
	return 0, 0, n
}

// rowsOf calls yield with the place of each row of a key that is alive, until it returns false.
func (r *Rows) rowsOf(from heapReader, c *rowsCell, yield func(ref RowRef, row unsafe.Pointer) bool) bool {
	for block := c.head; block != 0; {
		p := from.At(block)
		b := *(*rowBlock)(p)
		for used, end := uint32(0), c.usedOf(block, &b); used < end; {
			at := rowBlockHeader + uintptr(used)
			row := unsafe.Add(p, at)
			head := header(row)
			if head&rowDead == 0 && !yield(block+pages.Off(at), row) {
				return false
			}
			used += uint32(sizeOf(head))
		}
		block = b.next
	}
	return true
}
