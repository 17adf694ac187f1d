package pages

import (
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// allocLarge is Alloc for an object with a page of its own.
func (h *Heap) allocLarge(n int) Off {
	if n < 0 || n > maxObject {
		panic(errSize(n))
	}
	if len(h.meta) == 0 {
		h.addNumber()
	}
	size := roundPage(n)
	p := h.newPage(size, true)
	h.meta[p].live = 1
	h.used += int64(size)
	return Off(p) << 16
}

// widen makes room for a class.
func (h *Heap) widen(c int) {
	if len(h.meta) == 0 {
		h.addNumber()
	}
	h.classes = append(h.classes, make([]heapClass, c+1-len(h.classes))...)
}

// room makes a page with room the current one of a class whose current page is full.
func (h *Heap) room(c int) uint32 {
	k, shape := &h.classes[c], &objectShapes[c]
	p := k.current
	switch m := &h.meta[p]; {
	case p != 0 && m.size < shape.full:
		size := min(uint32(roundPage(int(2*m.size))), shape.full)
		h.move(int(p), int(m.size), int(size))
		h.held += int64(size - m.size)
		m.size = size
	case k.first != 0:
		p = k.first
		h.delist(p, k)
	case k.pages == 0:
		k.pages++
		p = h.newPage(int(shape.first), false)
	default:
		k.pages++
		p = h.newPage(int(shape.full), false)
	}
	h.meta[p].class = uint8(c)
	k.current = p
	return p
}

// newPage returns the number of a new page.
func (h *Heap) newPage(size int, zero bool) uint32 {
	p := h.spare
	if p != 0 {
		h.spare = h.meta[p].next
	} else {
		p = h.addNumber()
	}
	h.meta[p] = heapPageInfo{size: uint32(size)}
	h.held += int64(size)
	h.set(int(p), h.take(size, zero))
	return p
}

// addNumber returns a new page number. The first one, 0, is for no page, so that no object is at 0.
func (h *Heap) addNumber() uint32 {
	p := len(h.meta)
	h.meta = append(h.meta, heapPageInfo{})
	h.set(p, 0)
	return uint32(p)
}

// release gives a page back and makes its number free.
func (h *Heap) release(p uint32) {
	m := &h.meta[p]
	h.drop(int(p), int(m.size))
	h.held -= int64(m.size)
	m.dropBitmap(h)
	h.set(int(p), 0)
	*m = heapPageInfo{next: h.spare}
	h.spare = p
}

// emptied is told when the last object of a page was freed. The smallest pages stay, so that an object that comes and goes costs
// no page each time.
func (h *Heap) emptied(p uint32, c int) {
	k, m := &h.classes[c], &h.meta[p]
	if p == k.current && m.size == objectShapes[c].first {
		m.dropBitmap(h)
		m.bump, m.freed, m.word = 0, 0, 0
		return
	}
	if p == k.current {
		k.current = 0
	}
	if m.listed {
		h.delist(p, k)
	}
	k.pages--
	h.release(p)
}

// enlist puts a page at the end of the list of those with freed objects: a page that has waited longer has more of them, or none
// but these and is given back.
func (h *Heap) enlist(p uint32, k *heapClass) {
	m := &h.meta[p]
	m.listed, m.prev, m.next = true, k.last, 0
	if k.last != 0 {
		h.meta[k.last].next = p
	} else {
		k.first = p
	}
	k.last = p
}

func (h *Heap) delist(p uint32, k *heapClass) {
	m := &h.meta[p]
	if m.prev != 0 {
		h.meta[m.prev].next = m.next
	} else {
		k.first = m.next
	}
	if m.next != 0 {
		h.meta[m.next].prev = m.prev
	} else {
		k.last = m.prev
	}
	m.listed, m.prev, m.next = false, 0, 0
}

// at returns a word of the bitmap.
func (m *heapPageInfo) at(w uint16) *uint64 {
	return (*uint64)(unsafe.Add(pointer(&m.bitmap), 8*uintptr(w)))
}

// reuse takes the first freed object. REQUIRES: there is one.
func (m *heapPageInfo) reuse() uint32 {
	w := m.word
	for *m.at(w) == 0 {
		w++
	}
	word := m.at(w)
	b := bits.TrailingZeros64(*word)
	*word &= *word - 1
	m.word = w
	m.freed--
	return uint32(w)<<6 | uint32(b)
}

// dropBitmap frees the bitmap.
func (m *heapPageInfo) dropBitmap(h *Heap) {
	if m.bitmap != 0 {
		h.free(m.bitmap, int(m.bitmapSize))
		m.bitmap, m.bitmapSize = 0, 0
	}
}

// checkFree checks that an object is live, and poisons it.
func (h *Heap) checkFree(o Off, shape *objectShape) {
	p, at := o>>16, uint32(o&0xffff)
	invariants.Check(p > 0 && int(p) < len(h.meta), "pages: %#x is no object", o)
	m, slot := &h.meta[p], shape.slot(at)
	ok := m.live > 0 && slot*shape.size == at && at+shape.size <= m.bump
	ok = ok && (m.bitmap == 0 || *m.at(uint16(slot >> 6))>>(slot&63)&1 == 0)
	invariants.Check(ok, "pages: %#x is no live object of %d bytes", o, shape.size)
	if h.gens[p] == h.gen {
		poison(h.pages[p]+uintptr(at), int(shape.size))
	}
}
