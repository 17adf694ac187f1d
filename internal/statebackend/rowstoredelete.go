package statebackend

import (
	"math"
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// Delete takes rows away: rows[i] of the key refs[i]. A row may be named more than once. Afterwards references to rows of these keys are not good any more. A key that is left
// without any state stays until it is released, see [GroupTable.Release].
func (r *Rows) Delete(refs []Ref, rows []RowRef) {
	for i, ref := range refs {
		r.kill(ref, rows[i])
	}
	r.settle()
}

// Retract takes away one row equal to each row of the chunk: of the key refs[row], with equal columns. It appends the chunk's rows to which no row is equal, NoRef among
// them, to missing and returns it. The schema must have Retract. References to rows become invalid as by Delete.
func (r *Rows) Retract(refs []Ref, sel []int32, cols []Column, missing []int32) []int32 {
	forRows(sel, len(refs), func(row int32) {
		found := RowRef(0)
		if ref := refs[row]; ref != NoRef {
			if p := r.space.Row(ref); *flagsOf(p)&r.cell.bit != 0 {
				found = r.search(ref, r.build(cols, row))
			}
		}
		if found == 0 {
			missing = append(missing, row)
			return
		}
		r.kill(refs[row], found)
	})
	r.settle()
	return missing
}

// kill marks a row as dead.
func (r *Rows) kill(ref Ref, row RowRef) {
	h := r.space.heap
	if header(h.At(row))&rowDead != 0 {
		return
	}
	p := r.space.Edit(ref)
	r.space.change(p, 0)
	c := r.cellOf(p)
	*(*uint64)(h.Edit(row, 8)) |= rowDead
	c.live--
	c.dead++
	if r.schema.Retract && *c.index() != 0 {
		r.indexRemove(c, row)
	}
	if spoiled(c) {
		r.spoiled = append(r.spoiled, ref)
	}
}

// spoiled is whether so many rows of a key are dead that their room should be taken back.
func spoiled(c *rowsCell) bool { return c.live == 0 || c.dead > c.live+4 }

// settle takes back the room of dead rows.
func (r *Rows) settle() {
	for _, ref := range r.spoiled {
		p := r.space.Edit(ref)
		if *flagsOf(p)&r.cell.bit == 0 {
			continue
		}
		switch c := r.cellOf(p); {
		case c.live == 0:
			r.cell.clear(ref)
		case spoiled(c):
			r.compact(c)
		}
	}
	r.spoiled = r.spoiled[:0]
}

// compact moves the rows of a key that are alive to new blocks.
func (r *Rows) compact(c *rowsCell) {
	h := r.space.heap
	r.freeIndex(c)
	old := *c
	*c = rowsCell{}
	for block := old.head; block != 0; { // an address is good until room is made
		b := *(*rowBlock)(h.At(block))
		for used, end := uint32(0), old.usedOf(block, &b); used < end; {
			ref := block + pages.Off(rowBlockHeader+uintptr(used))
			head := header(h.At(ref))
			size := sizeOf(head)
			if head&rowDead == 0 {
				to := h.Edit(r.room(c, size), int(size))
				copy(unsafe.Slice((*byte)(to), size), unsafe.Slice((*byte)(h.At(ref)), size))
				if r.schema.Time {
					r.age(c, to)
				}
			}
			used += uint32(size)
		}
		block = b.next
	}
	r.freeBlocks(&old)
}

func (r *Rows) freeBlocks(c *rowsCell) {
	h := r.space.heap
	if c.head == c.tail && c.head != 0 { // the block need not be read, which may be far
		h.Free(c.head, int(rowBlockHeader+uintptr(c.used+c.room)))
		return
	}
	for off := c.head; off != 0; {
		b := *(*rowBlock)(h.At(off))
		h.Free(off, int(rowBlockHeader+uintptr(b.cap)))
		off = b.next
	}
}

// Sweep looks through the next keys for rows that have expired, takes these away, and forgets keys that are left without any state. Operators call it between two chunks, with
// so many keys that all are visited within the time after which memory should be free: a visit costs little if nothing has expired.
func (r *Rows) Sweep(keys int) {
	if !r.schema.Time || r.space.keys == 0 {
		return
	}
	sw, want := &r.sweeper, flagLive|r.cell.bit
	var due [touchRows]Ref
	n := 0
	for range r.space.subs {
		s := r.space.subs[sw.group]
		for ; s != nil && sw.row < s.rows.Len(); sw.row++ {
			if keys--; keys < 0 {
				r.expireKeys(due[:n])
				return
			}
			p := s.rows.At(sw.row)
			if *flagsOf(p)&want != want || *r.oldest(r.cellOf(p)) >= r.horizon {
				continue
			}
			due[n] = makeRef(sw.group, sw.row)
			if n++; n == len(due) {
				r.expireKeys(due[:])
				n = 0
			}
		}
		sw.row = 0
		if sw.group++; sw.group == len(r.space.subs) {
			sw.group = 0
		}
	}
	r.expireKeys(due[:n])
}

// expireKeys takes away the expired rows of keys that may have some. What it needs of all of them is touched first, so that the processor waits for it once.
func (r *Rows) expireKeys(refs []Ref) {
	h, seen := r.space.heap, uint64(0)
	for _, ref := range refs {
		s := r.space.subs[ref.Group()]
		p := s.rows.At(ref.Row())
		seen ^= *s.slot(*(*uint64)(p) & s.mask)
		if c := r.cellOf(p); !c.single() {
			seen ^= *(*uint64)(h.At(c.head))
		}
	}
	r.touched = seen
	for _, ref := range refs {
		if r.cellOf(r.space.Row(ref)).single() {
			r.cell.clear(ref)
			r.space.Release(ref)
			continue
		}
		r.expireKey(ref)
	}
}

// single is whether there is one row, and never was another that died: then oldest is the time of that row.
func (c *rowsCell) single() bool { return c.live == 1 && c.dead == 0 }

// expireKey takes away the expired rows of a key that has rows.
func (r *Rows) expireKey(ref Ref) {
	h, c := r.space.heap, r.cellOf(r.space.Row(ref))
	oldest := int64(math.MaxInt64)
	for block := c.head; block != 0; {
		b := *(*rowBlock)(h.At(block))
		for used, end := uint32(0), c.usedOf(block, &b); used < end; {
			at := block + pages.Off(rowBlockHeader+uintptr(used))
			row := h.At(at)
			head := header(row)
			switch {
			case head&rowDead != 0:
			case r.expired(row):
				r.kill(ref, at)
			default:
				oldest = min(oldest, timeOf(row))
			}
			used += uint32(sizeOf(head))
		}
		block = b.next
	}
	*r.oldest(r.cellOf(r.space.Edit(ref))) = oldest
	if len(r.spoiled) > 0 {
		r.settle()
		r.space.Release(ref)
	}
}
