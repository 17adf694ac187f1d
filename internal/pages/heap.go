package pages

import (
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// maxObject is the most bytes in an object of a Heap or a row of a Vec.
const maxObject = 1 << 30

// Off says where an object of a Heap is: the number of the page and, in the low 16 bits, the offset in it. It is never 0.
type Off uint64

// Heap holds objects of varying size, up to 1 GiB, with copy-on-write snapshots. It belongs to one goroutine at a time; its
// snapshots may be read by others meanwhile.
//
// An object has room for its size class: multiples of 16 bytes up to 64, then four classes in each doubling up to 32 KiB, whose
// objects share pages of about 64 KiB; larger objects have a page of their own in the sizes of [Alloc], and to edit one
// that a snapshot needs copies the whole object. The first page of a class starts at 256 bytes or one object, and doubles until it has full size. A page
// without live objects is given back.
type Heap struct {
	table
	classes []heapClass // as far as they have been used
	meta    []heapPageInfo
	// evacuated are the pages that an evacuation has chosen, those that were given back since included.
	evacuated []uint32
	spare     uint32 // the first page number without a page, a list through next
	used      int64
	held      int64 // bytes of pages, without those that only snapshots hold
}

// heapClass is what a heap knows about a class of objects. A page with room is either the current one or in the list; there is no
// other page while the current one is not of full size.
type heapClass struct {
	current     uint32 // where objects are allocated, 0 if nowhere
	first, last uint32 // list of pages with freed objects, those with the oldest first free first
	pages       uint32
}

// heapPageInfo describes a page. It stands beside the page, so that it needs no copy of a frozen one.
type heapPageInfo struct {
	bitmap     uintptr // freed objects, 0 if there were none yet
	size       uint32  // bytes of the page
	bump       uint32  // bytes that were allocated once
	live       uint32  // objects
	freed      uint32  // objects in the bitmap
	next, prev uint32
	word       uint16 // no word of the bitmap before this one has a bit
	bitmapSize uint16 // bytes
	listed     bool
	evacuating bool // to become empty: in no list, and nothing is allocated in it
	class      uint8
}

// NewHeap returns a heap without objects. Its pages are counted by the account, which may be nil.
func NewHeap(a *Account) *Heap {
	h := &Heap{}
	h.init(a)
	return h
}

// Alloc returns a new object of n bytes, all zero, as is the rest of its Capacity. It panics if n is negative or above 1 GiB.
func (h *Heap) Alloc(n int) Off { return h.alloc(n, true) }

// AllocRaw is Alloc, but what the object holds is undefined: for one that is written at once.
func (h *Heap) AllocRaw(n int) Off { return h.alloc(n, false) }

func (h *Heap) alloc(n int, zero bool) Off {
	if uint(n) > maxSmall {
		return h.allocLarge(n)
	}
	c := objectClass(n)
	shape := &objectShapes[c]
	if c >= len(h.classes) {
		h.widen(c)
	}
	p := h.classes[c].current
	m := &h.meta[p]
	if m.freed == 0 && m.bump+shape.size > m.size {
		p = h.room(c)
		m = &h.meta[p]
	}
	at := m.bump
	if m.freed > 0 {
		at = m.reuse() * shape.size
	} else {
		m.bump += shape.size
	}
	m.live++
	h.used += int64(shape.size)
	if h.newest.Load() != 0 && h.gens[p] != h.gen {
		h.own(int(p), int(m.size))
	}
	if zero {
		clear(unsafe.Slice((*byte)(unsafe.Add(pointer(&h.pages[p]), at)), shape.size))
	} else if invariants.Enabled {
		poison(h.pages[p]+uintptr(at), int(shape.size))
	}
	return Off(p)<<16 | Off(at)
}

// Capacity returns how many bytes an object allocated with n really has room for: to let it grow so far it need not be allocated
// anew, nor freed with another n.
func (h *Heap) Capacity(n int) int {
	if uint(n) > maxSmall {
		return roundPage(n)
	}
	return int(objectShapes[objectClass(n)].size)
}

// Free gives an object back. n is what it was allocated with, or anything with the same Capacity.
func (h *Heap) Free(o Off, n int) {
	p := uint32(o >> 16)
	m := &h.meta[p]
	if uint(n) > maxSmall {
		invariants.Check(o&0xffff == 0 && m.live == 1 && m.size == uint32(roundPage(n)), "pages: %#x is no object of %d bytes", o, n)
		h.used -= int64(m.size)
		h.release(p)
		return
	}
	c := objectClass(n)
	shape, k := &objectShapes[c], &h.classes[c]
	h.used -= int64(shape.size)
	if invariants.Enabled {
		h.checkFree(o, shape)
	}
	if m.live--; m.live == 0 {
		h.emptied(p, c)
		return
	}
	if m.bitmap == 0 {
		m.bitmap, m.bitmapSize = h.take(int(shape.bitmap), true), uint16(shape.bitmap)
	}
	slot := shape.slot(uint32(o & 0xffff))
	w := uint16(slot >> 6)
	*m.at(w) |= 1 << (slot & 63)
	m.word = min(m.word, w)
	m.freed++
	if p != k.current && !m.listed && !m.evacuating {
		h.enlist(p, k)
	}
}

// At returns the address of an object for reading. It is good until the next Edit, Alloc, Reset or Close of h, and until the object is freed.
func (h *Heap) At(o Off) unsafe.Pointer {
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&h.pages[o>>16])), uintptr(o&0xffff))
}

// Edit returns the address of an object for reading and writing n bytes, after copying its page if a snapshot still needs it. It is good until the
// next Alloc, Freeze, Reset or Close of h, and until the object is freed; in particular it stays good while other objects are edited.
func (h *Heap) Edit(o Off, n int) unsafe.Pointer {
	p := o >> 16
	if invariants.Enabled {
		m := &h.meta[p]
		invariants.Check(m.live > 0 && int(o&0xffff)+n <= int(m.size), "pages: %d bytes at %#x are outside of a page", n, o)
	}
	if h.newest.Load() != 0 && h.gens[p] != h.gen {
		h.own(int(p), int(h.meta[p].size))
	}
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&h.pages[p])), uintptr(o&0xffff))
}

// Used returns the bytes of all live objects, each with its Capacity.
func (h *Heap) Used() int64 { return h.used }

// Held returns the bytes of all pages that have or had live objects. What Used leaves of it is room for objects of the classes that the pages are of.
func (h *Heap) Held() int64 { return h.held }

// Reset drops all objects. Pages that snapshots hold stay until these are released.
func (h *Heap) Reset() {
	for p := range h.meta {
		if m := &h.meta[p]; m.size > 0 {
			h.drop(p, int(m.size))
			m.dropBitmap(h)
		}
	}
	clear(h.classes)
	h.pages, h.gens, h.shared, h.meta, h.evacuated = h.pages[:0], h.gens[:0], nil, h.meta[:0], nil
	h.spare, h.used, h.held = 0, 0, 0
	if len(h.classes) > 0 {
		h.addNumber()
	}
}

// Close gives all pages back, those that live snapshots hold when these are released. After it h must not be used; a second Close
// does nothing.
func (h *Heap) Close() {
	h.Reset()
	h.closed, h.pages, h.gens, h.meta, h.classes = true, nil, nil, nil, nil
}

// Freeze returns a snapshot of all objects, to be released. It costs a copy of the page table at most: 8 bytes for each page.
func (h *Heap) Freeze() *HeapSnapshot {
	s := &HeapSnapshot{}
	h.freeze(&s.frozen)
	return s
}

// HeapSnapshot is the objects of a Heap at the time of Freeze. It belongs to one goroutine at a time, which need not be the one of the
// Heap, and stays valid when the Heap is closed.
type HeapSnapshot struct {
	frozen
}

// At returns the address, for reading, of an object that lived at the time of Freeze. It is good until Release.
func (s *HeapSnapshot) At(o Off) unsafe.Pointer {
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&s.pages[o>>16])), uintptr(o&0xffff))
}

// Release gives back the pages that only this snapshot needs. Any goroutine may call it, when no other uses the snapshot any more; a second
// Release does nothing.
func (s *HeapSnapshot) Release() { s.release() }
