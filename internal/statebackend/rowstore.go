package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// Rows is a row store: rows of columns for each key of a space, in the order in which they came. It is a cell of the space, so its rows go into snapshots, are restored, spilled
// and removed with their key. Methods are called once for a chunk.
//
// Keys are given as the references of a [GroupTable]. Rows lie in blocks of their key: the first of a key has room for its row, later ones for more.
type Rows struct {
	*rowLayout
	cell    *Cell
	horizon int64
	aged    uintptr // where a cell has the time before which none of its rows is, if rows have times
	spoiled []Ref   // keys with rows that died in this call
	sweeper struct {
		group int
		row   uint32
	}
}

// rowsCell is the first and the last block of a key, how many rows are alive and how many are dead, and how many bytes of the last block are used and how many are not: to append a row
// the block's own header need not be read. If rows can be retracted, the place of the index by content follows, 0 if there is none; then, if rows have times, a time before which no row is that is
// alive: whether a row has expired is told without looking at any.
type rowsCell struct {
	head, tail pages.Off
	live, dead uint32
	used, room uint32
}

func (c *rowsCell) index() *pages.Off {
	return (*pages.Off)(unsafe.Add(unsafe.Pointer(c), unsafe.Sizeof(rowsCell{})))
}

// rowBlock comes before the rows of a block. used is right when there is a next block.
type rowBlock struct {
	next      pages.Off
	used, cap uint32
}

// usedOf is how many bytes of a block are used.
func (c *rowsCell) usedOf(at pages.Off, b *rowBlock) uint32 {
	if at == c.tail {
		return c.used
	}
	return b.used
}

const (
	rowBlockHeader = unsafe.Sizeof(rowBlock{})
	// A block has twice the room of the one before, up to largestBlock bytes or largestRows rows: on average half of a key's last block is room that nobody uses, and half a row at the end of each of the others.
	largestBlock = 1024
	largestRows  = 6
)

// NewRows declares a row store on the space of a table.
func NewRows(sp *Space, name string, schema RowSchema) *Rows {
	r := &Rows{rowLayout: newRowLayout(sp, schema), horizon: -1 << 63}
	r.cell = &Cell{name: name, kind: RowsKind, schema: schema.String(), hang: r, migrate: schema.fromFormer(schema.String(), schema.former())}
	size := unsafe.Sizeof(rowsCell{})
	if schema.Retract {
		size += 8
	}
	if schema.Time {
		r.aged = size
		size += 8
	}
	sp.reserve(r.cell, size)
	return r
}

// Cell is the place of the store in the rows of its space.
func (r *Rows) Cell() *Cell { return r.cell }

func (r *Rows) cellOf(row unsafe.Pointer) *rowsCell {
	return (*rowsCell)(unsafe.Add(row, r.cell.off))
}

// Append adds a row for each row of the chunk: to the key refs[row], with the time times[row], or the store's time if times is nil. If out is not nil, out[row] is the new row.
// sel are the rows of the chunk that count, nil for all of refs.
func (r *Rows) Append(refs []Ref, sel []int32, cols []Column, times []int64, out []RowRef) {
	n := len(refs)
	if sel != nil {
		n = len(sel)
	}
	for lo := 0; lo < n; lo += blockRows {
		hi := min(lo+blockRows, n)
		part, first := sel, lo
		if sel != nil {
			part, first = sel[lo:hi], 0
		}
		r.appendBatch(refs, part, cols, times, out, first, hi-lo)
	}
}

// appendBatch appends n rows, in several passes, so that the cache misses of different rows overlap.
func (r *Rows) appendBatch(refs []Ref, sel []int32, cols []Column, times []int64, out []RowRef, first, n int) {
	r.measure(cols, sel, first, n)
	r.editKeys(r.cell, refs, sel, first, n)
	r.touchTails(n)
	b, h := &r.block, r.space.heap
	for i := range n {
		b.refs[i&(blockRows-1)] = r.room((*rowsCell)(b.cell(i)), uintptr(b.size[i&(blockRows-1)]))
	}
	for i, ref := range b.refs[:n] { // only now, since making room moves pages
		b.at[i] = uintptr(h.Edit(ref, int(b.size[i])))
	}
	r.write(cols, sel, first, n, times)
	if r.schema.Time {
		for i := range n {
			r.age((*rowsCell)(b.cell(i)), b.row(i))
		}
	}
	if r.schema.Retract {
		for i, ref := range b.refs[:n] {
			if c := (*rowsCell)(b.cell(i)); *c.index() != 0 {
				r.indexAdd(c, ref)
			}
		}
	}
	if out != nil {
		for i, ref := range b.refs[:n] {
			out[rowNumber(sel, first, i)] = ref
		}
	}
}

// editKeys computes the addresses of the keys' cells, for writing, and marks them as present.
func (l *rowLayout) editKeys(c *Cell, refs []Ref, sel []int32, first, n int) {
	b, subs := &l.block, l.space.subs
	if sel == nil {
		for i, ref := range refs[first : first+n] {
			b.keys[i&(blockRows-1)] = uintptr(subs[ref.Group()].rows.Edit(ref.Row()))
		}
	} else {
		for i, row := range sel[:n] {
			b.keys[i&(blockRows-1)] = uintptr(subs[refs[row].Group()].rows.Edit(refs[row].Row()))
		}
	}
	seen, off, set := uint64(0), c.off, c.bit|l.space.mark
	for i := range n {
		seen ^= *(*uint64)(unsafe.Add(b.cell(i), off))
	}
	l.touched = seen
	for i := range n {
		p := b.cell(i)
		setFlags(p, set)
		b.keys[i&(blockRows-1)] = uintptr(unsafe.Add(p, off))
	}
}

// touchTails touches where the next row of each key goes.
func (r *Rows) touchTails(n int) {
	b, h, seen := &r.block, r.space.heap, uint64(0)
	for i := range n {
		c, size := (*rowsCell)(b.cell(i)), b.size[i&(blockRows-1)]
		if c.room >= size {
			p := unsafe.Add(h.At(c.tail), rowBlockHeader+uintptr(c.used))
			seen ^= *(*uint64)(p) ^ *(*uint64)(unsafe.Add(p, (size-8)/2&^7)) ^ *(*uint64)(unsafe.Add(p, size-8))
		}
	}
	r.touched = seen
}

// oldest is a time before which no row is that is alive.
func (r *Rows) oldest(c *rowsCell) *int64 { return (*int64)(unsafe.Add(unsafe.Pointer(c), r.aged)) }

// age notes the time of a row that was written for a key.
func (r *Rows) age(c *rowsCell, row unsafe.Pointer) {
	if t := timeOf(row); c.live == 1 || t < *r.oldest(c) {
		*r.oldest(c) = t
	}
}

// timeOf is the time of a row that has one.
func timeOf(row unsafe.Pointer) int64 { return *(*int64)(unsafe.Add(row, 8)) }

// room makes room for a row at the end of a key's rows and returns where.
func (r *Rows) room(c *rowsCell, size uintptr) RowRef {
	if uintptr(c.room) < size {
		r.extend(c, size)
	}
	at := c.tail + pages.Off(rowBlockHeader+uintptr(c.used))
	c.used += uint32(size)
	c.room -= uint32(size)
	c.live++
	return at
}

// extend gives a key another block, with room for at least so many bytes.
func (r *Rows) extend(c *rowsCell, size uintptr) {
	h := r.space.heap
	last := min(2*uintptr(c.used+c.room), max(largestBlock, largestRows*size))
	bytes := h.Capacity(int(rowBlockHeader + max(last, size)))
	off := h.AllocRaw(bytes)
	cap := uint32(bytes - int(rowBlockHeader))
	*(*rowBlock)(h.Edit(off, int(rowBlockHeader))) = rowBlock{cap: cap}
	if c.tail != 0 {
		b := (*rowBlock)(h.Edit(c.tail, int(rowBlockHeader)))
		b.next, b.used = off, c.used
	} else {
		c.head = off
	}
	c.tail, c.used, c.room = off, 0, cap
}

// Count writes out[row], how many rows the key refs[row] has, expired ones included that were not taken away yet; 0 for NoRef.
func (r *Rows) Count(refs []Ref, sel []int32, out []uint32) {
	forRows(sel, len(refs), func(row int32) {
		out[row] = 0
		if ref := refs[row]; ref != NoRef {
			if p := r.space.Row(ref); *flagsOf(p)&r.cell.bit != 0 {
				out[row] = r.cellOf(p).live
			}
		}
	})
}

// SetCounters sets a counter of rows: that of rows[i], of the key refs[i], to values[i].
func (r *Rows) SetCounters(refs []Ref, rows []RowRef, counter int, values []uint64) {
	for _, ref := range refs {
		r.space.change(r.space.Edit(ref), 0)
	}
	r.writeCounters(counter, rows, values)
}

// SetHorizon makes rows of an earlier time than t expire: they are not found any more, and are taken away by Sweep. The horizon never goes back.
func (r *Rows) SetHorizon(t int64) {
	if r.schema.Time {
		r.horizon = max(r.horizon, t)
	}
}

// expired tells whether a row is past its life.
func (r *Rows) expired(row unsafe.Pointer) bool {
	return r.schema.Time && timeOf(row) < r.horizon
}
