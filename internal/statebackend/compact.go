package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// Evicting keys leaves vacant rows and freed objects, which serve the next keys, but the pages stay. When the pages have to become fewer, because something else needs memory, rows are moved
// to the front of their key group and the pages behind are cut off; or the sparsest pages of a heap are chosen, and what lies in them is moved to others. Both go on
// step by step, each time that the store breathes.

// compactRows is how many rows a step moves or looks through.
const compactRows = 4 << 10

// compaction is where it goes on.
type compaction struct {
	heap     *Space // whose heap is evacuated, nil if none is
	sub, row int    // the next row to be looked through
	turn     int    // the key group whose rows are cut next
}

// compact gives pages back, about so many bytes, or does a part of the work. It returns false if there is nothing to gain.
func (s *Store) compact(bytes int64) bool {
	if s.compaction.heap != nil {
		s.evacuate(compactRows)
		return true
	}
	var rows, heap *Space
	var inRows, inHeap int64
	for _, sp := range s.spaces {
		if n := int64(sp.vacant * sp.width); n > inRows && sp.timers == nil && !sp.anchored {
			rows, inRows = sp, n
		}
		if n := sp.heap.Held() - sp.heap.Used(); n > inHeap && sp.movable() {
			heap, inHeap = sp, n
		}
	}
	if rows != nil && inRows >= inHeap && rows.cut(bytes) {
		return true
	}
	if heap != nil && heap.heap.Evacuate(bytes+bytes/4) > 0 {
		s.compaction.heap, s.compaction.sub, s.compaction.row = heap, 0, 0
		s.evacuate(compactRows)
		return true
	}
	return rows != nil && rows.cut(bytes)
}

// cut moves the rows of some key groups together and gives pages back, until enough are or enough rows were moved. It returns whether any were.
func (sp *Space) cut(bytes int64) bool {
	h := &sp.store.compaction
	before, moved := sp.store.account.Used(), 0
	for range sp.subs {
		if h.turn++; h.turn >= len(sp.subs) {
			h.turn = 0
		}
		if s := sp.subs[h.turn]; s != nil {
			moved += sp.cutRows(h.turn, s)
		}
		if moved >= compactRows || before-sp.store.account.Used() >= bytes {
			break
		}
	}
	return moved > 0 || before > sp.store.account.Used()
}

// cutRows moves the rows of a key group together, if a page is gained, and leaves one in 16 vacant. It returns how many were moved.
func (sp *Space) cutRows(group int, s *sub) (moved int) {
	n, keep := s.rows.Len(), uint32(s.live+s.live/16)
	if gain := n - min(keep, n); int(gain)*sp.width < 32<<10 && gain < n/2 {
		return 0
	}
	low := s.free[:0] // the vacant rows that stay
	for _, row := range s.free {
		if row < keep {
			low = append(low, row)
		}
	}
	for row := keep; row < n; row++ {
		if *flagsOf(s.rows.At(row))&flagLive != 0 {
			to := low[len(low)-1]
			low = low[:len(low)-1]
			sp.move(group, s, row, to)
			moved++
		}
	}
	s.free = append([]uint32(nil), low...)
	s.rows.Truncate(keep)
	sp.vacant -= int(n - keep)
	if s.used != nil {
		s.used = s.used[:keep>>6+1]
		s.used[keep>>6] &= 1<<(keep&63) - 1
	}
	sp.version++
	return moved
}

// move moves a row to a vacant one of its key group.
func (sp *Space) move(group int, s *sub, from, to uint32) {
	p, old := s.rows.Edit(to), s.rows.Edit(from)
	hash := *(*uint64)(old)
	copy(unsafe.Slice((*byte)(p), sp.width), unsafe.Slice((*byte)(old), sp.width))
	clear(unsafe.Slice((*byte)(old), sp.width))
	*s.find(hash, from) = hash<<32 | uint64(to+1)
	if s.used != nil {
		s.used[to>>6] |= s.used[from>>6] >> (from & 63) & 1 << (to & 63)
	}
	if sp.child {
		sp.parent.relink(makeRef(group, uint32(sp.Word(makeRef(group, to), 0))), makeRef(group, to))
	}
	for _, c := range sp.cells {
		if c.kind == MapKind && *flagsOf(p)&c.bit != 0 {
			c.rekey(makeRef(group, to), (*mapCell)(unsafe.Add(p, c.off)).head)
		}
	}
}

// find returns the slot of a row.
func (s *sub) find(hash uint64, row uint32) *uint64 {
	want := hash<<32 | uint64(row+1)
	for i := hash & s.mask; ; i = (i + 1) & s.mask {
		if p := s.slot(i); *p == want {
			return p
		}
	}
}

// relink tells the neighbours of a map's entry, or the map, that it has moved.
func (c *Cell) relink(parent, r Ref) {
	links := *c.links(r)
	if links.prev != 0 {
		c.links(makeRef(r.Group(), links.prev-1)).next = r.Row() + 1
	} else {
		(*mapCell)(unsafe.Add(c.space.Edit(parent), c.off)).head = r.Row() + 1
	}
	if links.next != 0 {
		c.links(makeRef(r.Group(), links.next-1)).prev = r.Row() + 1
	} else {
		(*mapCell)(unsafe.Add(c.space.Edit(parent), c.off)).tail = r.Row() + 1
	}
}

// rekey tells the entries of a map that its key has moved.
func (c *Cell) rekey(parent Ref, head uint32) {
	sp := c.entries
	s := sp.subs[parent.Group()]
	for at := head; at != 0; {
		r := makeRef(parent.Group(), at-1)
		p := sp.Edit(r)
		hash := Combine(c.hashEntry(sp.Words(r)[1:], sp.Bytes(r)), uint64(parent.Row()))
		s.unplace(s.index(*(*uint64)(p), r.Row()))
		*(*uint64)(p) = hash
		*(*uint64)(unsafe.Add(p, rowKey)) = uint64(parent.Row())
		s.place(hash, r.Row())
		at = (*entryLinks)(unsafe.Add(p, sp.cells[0].linksOff)).next
	}
	sp.version++
}

// index is the number of the slot of a row.
func (s *sub) index(hash uint64, row uint32) uint64 {
	return uint64(uintptr(unsafe.Pointer(s.find(hash, row)))-uintptr(s.slots)) / slotSize
}

// movable is whether the objects in the heap of the space can be moved one by one.
func (sp *Space) movable() bool {
	for _, c := range sp.cells {
		if c.kind > MapKind {
			return false
		}
	}
	return true
}

// evacuate looks through some rows and moves what lies in the pages that were chosen.
func (s *Store) evacuate(rows int) {
	e, sp := &s.compaction, s.compaction.heap
	for ; e.sub < len(sp.subs); e.sub, e.row = e.sub+1, 0 {
		sub := sp.subs[e.sub]
		for sub != nil && e.row < int(sub.rows.Len()) {
			if rows--; rows < 0 {
				return
			}
			if row := uint32(e.row); *flagsOf(sub.rows.At(row))&flagLive != 0 {
				sp.moveObjects(sub.rows, row)
			}
			e.row++
		}
	}
	sp.heap.EndEvacuation()
	e.heap = nil
}

// moveObjects moves what hangs on a row.
func (sp *Space) moveObjects(rows *pages.Vec, row uint32) {
	p := rows.At(row)
	if at := rowKey + 8*uintptr(sp.layout.Words); sp.layout.Bytes && sp.outlying(unsafe.Add(p, at)) {
		sp.moveView(unsafe.Add(rows.Edit(row), at))
	}
	for _, c := range sp.cells {
		p := rows.At(row)
		switch {
		case *flagsOf(p)&c.bit == 0:
		case c.kind == ListKind:
			sp.moveList(rows, row, c)
		case c.flat != nil:
			for _, at := range c.flat.strings {
				if at += c.valueOff(); sp.outlying(unsafe.Add(rows.At(row), at)) {
					sp.moveView(unsafe.Add(rows.Edit(row), at))
				}
			}
		case c.kind == ValueKind && !c.fixed && sp.outlying(unsafe.Add(p, c.valueOff())):
			sp.moveView(unsafe.Add(rows.Edit(row), c.valueOff()))
		}
	}
}

// outlying is whether the content of a view is in a page that is to become empty.
func (sp *Space) outlying(v unsafe.Pointer) bool {
	return viewLen(v) > viewInline && sp.heap.Evacuating(viewOff(v))
}

func (sp *Space) moveView(v unsafe.Pointer) {
	*(*pages.Off)(unsafe.Add(v, 8)) = sp.moveObject(viewOff(v), viewLen(v))
}

// moveObject moves n bytes to another place and returns where.
func (sp *Space) moveObject(old pages.Off, n int) pages.Off {
	off := sp.heap.Alloc(n)
	copy(unsafe.Slice((*byte)(sp.heap.Edit(off, n)), n), unsafe.Slice((*byte)(sp.heap.At(old)), n))
	sp.heap.Free(old, n)
	return off
}

// moveList moves blocks of a list.
func (sp *Space) moveList(rows *pages.Vec, row uint32, c *Cell) {
	prev := pages.Off(0)
	for off := (*listCell)(unsafe.Add(rows.At(row), c.off)).head; off != 0; {
		block := *(*listBlock)(sp.heap.At(off))
		if sp.heap.Evacuating(off) {
			to := sp.moveObject(off, int(blockHeader+uintptr(block.cap)))
			cell := (*listCell)(unsafe.Add(rows.Edit(row), c.off))
			if prev != 0 {
				(*listBlock)(sp.heap.Edit(prev, int(blockHeader))).next = to
			} else {
				cell.head = to
			}
			if cell.tail == off {
				cell.tail = to
			}
			off = to
		}
		prev, off = off, block.next
	}
}
