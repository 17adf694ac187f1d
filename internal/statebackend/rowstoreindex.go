package statebackend

import (
	"unsafe"
)

// A key with many rows has an index by content once a row of it was retracted: a table with open addressing. A slot is where the row lies and, in its high 16 bits, bits of the
// hash of its content; 0 is empty, 1 was taken out. The place of a row follows from the low bits of the hash.
type rowIndex struct {
	mask uint32
	used uint32 // slots that are not empty
}

const (
	rowIndexHeader = unsafe.Sizeof(rowIndex{})
	// indexedRows is from how many rows on a key gets an index.
	indexedRows = 32
	indexGone   = 1
	indexTag    = 0xffff << 48
)

func (x *rowIndex) slot(i uint32) *uint64 {
	return (*uint64)(unsafe.Add(unsafe.Pointer(x), rowIndexHeader+8*uintptr(i)))
}

func indexBytes(slots uint32) int { return int(rowIndexHeader) + 8*int(slots) }

func indexEntry(hash uint32, row RowRef) uint64 { return uint64(hash>>16)<<48 | uint64(row) }

// search returns a row of the key that is equal to the given one, 0 if there is none.
func (r *Rows) search(ref Ref, row unsafe.Pointer) (found RowRef) {
	h, c := r.space.heap, r.cellOf(r.space.Row(ref))
	if *c.index() == 0 && c.live < indexedRows {
		r.rowsOf(h, c, func(at RowRef, other unsafe.Pointer) bool {
			if r.equal(row, other) && !r.expired(other) {
				found = at
			}
			return found == 0
		})
		return found
	}
	if *c.index() == 0 {
		c = r.cellOf(r.space.Edit(ref))
		r.buildIndex(c)
	}
	x := (*rowIndex)(h.At(*c.index()))
	hash := uint32(header(row) >> 32)
	for i := hash & x.mask; ; i = (i + 1) & x.mask {
		slot := *x.slot(i)
		if slot == 0 {
			return 0
		}
		if slot == indexGone || uint32(slot>>48) != hash>>16 {
			continue
		}
		at := RowRef(slot &^ indexTag)
		if p := h.At(at); r.equal(row, p) && !r.expired(p) {
			return at
		}
	}
}

// buildIndex makes the index of a key anew, with room for twice its rows.
func (r *Rows) buildIndex(c *rowsCell) {
	r.freeIndex(c)
	h := r.space.heap
	slots := uint32(2 * indexedRows)
	for slots < 3*c.live {
		slots *= 2
	}
	*c.index() = h.Alloc(indexBytes(slots))
	x := (*rowIndex)(h.Edit(*c.index(), indexBytes(slots)))
	x.mask = slots - 1
	r.rowsOf(h, c, func(at RowRef, row unsafe.Pointer) bool {
		x.add(uint32(header(row)>>32), at)
		return true
	})
}

// add adds a row unless it is there: rows of one chunk are appended before they are added, and one of them may have had the index made anew.
func (x *rowIndex) add(hash uint32, row RowRef) {
	want := indexEntry(hash, row)
	i := hash & x.mask
	free := x.mask + 1
	for ; *x.slot(i) != 0; i = (i + 1) & x.mask {
		switch *x.slot(i) {
		case want:
			return
		case indexGone:
			free = min(free, i)
		}
	}
	if free > x.mask {
		free = i
		x.used++
	}
	*x.slot(free) = want
}

// indexAdd adds a row that was appended.
func (r *Rows) indexAdd(c *rowsCell, row RowRef) {
	h := r.space.heap
	x := (*rowIndex)(h.At(*c.index()))
	if (x.used+1)*4 > (x.mask+1)*3 {
		r.buildIndex(c)
		return
	}
	x = (*rowIndex)(h.Edit(*c.index(), indexBytes(x.mask+1)))
	x.add(uint32(header(h.At(row))>>32), row)
}

// indexRemove takes a row out.
func (r *Rows) indexRemove(c *rowsCell, row RowRef) {
	h := r.space.heap
	x := (*rowIndex)(h.At(*c.index()))
	x = (*rowIndex)(h.Edit(*c.index(), indexBytes(x.mask+1)))
	hash := uint32(header(h.At(row)) >> 32)
	want := indexEntry(hash, row)
	for i := hash & x.mask; *x.slot(i) != 0; i = (i + 1) & x.mask {
		if *x.slot(i) == want {
			*x.slot(i) = indexGone
			return
		}
	}
}

func (r *Rows) freeIndex(c *rowsCell) {
	if !r.schema.Retract || *c.index() == 0 {
		return
	}
	h := r.space.heap
	h.Free(*c.index(), indexBytes((*rowIndex)(h.At(*c.index())).mask+1))
	*c.index() = 0
}
