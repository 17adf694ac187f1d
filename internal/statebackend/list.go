package statebackend

import (
	"iter"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/pages"
)

// A list's cell holds where its first and last block lie and how many elements there are. A block is its successor, how many bytes of it are used and how many there are, and
// the elements: the time, where there is a time to live; then a value without pointers as it is, or the length of its encoding in 8 bytes and the encoding, rounded up to 8.
type listCell struct {
	head, tail pages.Off
	count      uint64
}

type listBlock struct {
	next      pages.Off
	used, cap uint32
}

const (
	blockHeader = unsafe.Sizeof(listBlock{})
	firstBlock  = 48
	lastBlock   = 4096
)

// List is a list of values for each key.
type List[V any] struct {
	scope   *Scope
	cell    *Cell
	codec   *codec.Codec[V]
	scratch V
	buf     []byte
	cleared uint64 // how often a list was cleared or rewritten: iterators stop then
}

// NewList declares a list on the space of a scope.
func NewList[V any](s *Scope, name string, ttl *TTL) *List[V] {
	c := newCell[V](name, ListKind, ttl)
	s.space.reserve(c, unsafe.Sizeof(listCell{}))
	cd, _ := codec.For[V]()
	return &List[V]{scope: s, cell: c, codec: cd}
}

// Cell is the place of the list in rows.
func (l *List[V]) Cell() *Cell { return l.cell }

// Add appends a value.
func (l *List[V]) Add(v V) {
	c := l.cell
	if c.fixed {
		*(*V)(c.extend(l.scope.Ref(), c.size, c.space.store.now)) = v
		return
	}
	l.scratch = v
	b, err := l.codec.Encode(l.buf[:0], &l.scratch)
	if err != nil {
		c.space.store.cfg.Fail(err)
		return
	}
	l.buf = b
	c.extendBytes(l.scope.Ref(), b, c.space.store.now)
}

func (c *Cell) extendBytes(r Ref, b []byte, stamp int64) {
	p := c.extend(r, uintptr(8+len(b)), stamp)
	*(*uint64)(p) = uint64(len(b))
	copy(unsafe.Slice((*byte)(unsafe.Add(p, 8)), len(b)), b)
}

// extend makes room for an element of n bytes at the end of the list and returns where it goes.
func (c *Cell) extend(r Ref, n uintptr, stamp int64) unsafe.Pointer {
	n = (n + 7) &^ 7
	if c.ttl != nil {
		n += 8
	}
	row := c.space.Edit(r)
	f := flagsOf(row)
	*f |= c.bit | flagDirty | flagUsed
	cell := (*listCell)(unsafe.Add(row, c.off))
	h := c.heap()
	var block *listBlock
	if cell.tail != 0 {
		block = (*listBlock)(h.At(cell.tail))
	}
	if block == nil || uintptr(block.cap-block.used) < n {
		size := uintptr(firstBlock)
		if block != nil {
			size = min(2*uintptr(block.cap), lastBlock)
		}
		size = uintptr(h.Capacity(int(blockHeader+max(size, n)))) - blockHeader
		off := h.Alloc(int(blockHeader + size))
		if cell.tail != 0 {
			(*listBlock)(h.Edit(cell.tail, int(blockHeader))).next = off
		} else {
			cell.head = off
		}
		cell.tail = off
		(*listBlock)(h.Edit(off, int(blockHeader))).cap = uint32(size)
	}
	block = (*listBlock)(h.Edit(cell.tail, int(blockHeader)))
	p := unsafe.Add(unsafe.Pointer(block), blockHeader+uintptr(block.used))
	block.used += uint32(n)
	cell.count++
	if c.ttl != nil {
		*(*int64)(p) = stamp
		p = unsafe.Add(p, 8)
	}
	return p
}

// elements calls yield with the time and place of each element, until it returns false.
func (c *Cell) elements(h heapReader, cell listCell, yield func(stamp int64, p unsafe.Pointer, n uintptr) bool) bool {
	for off := cell.head; off != 0; {
		p := h.At(off)
		block := *(*listBlock)(p)
		for at := uintptr(0); at < uintptr(block.used); {
			e := unsafe.Add(p, blockHeader+at)
			stamp := int64(0)
			if c.ttl != nil {
				stamp = *(*int64)(e)
				e = unsafe.Add(e, 8)
				at += 8
			}
			n := c.size
			if !c.fixed {
				n = uintptr(*(*uint64)(e))
				e = unsafe.Add(e, 8)
				at += 8
			}
			if !yield(stamp, e, n) {
				return false
			}
			at += (n + 7) &^ 7
		}
		off = block.next
	}
	return true
}

// heapReader is a heap or a snapshot of one.
type heapReader interface {
	At(o pages.Off) unsafe.Pointer
}

// All returns the values in the order in which they were added. The list may be changed meanwhile: values added may or may not be seen, and clearing or replacing it ends the loop.
func (l *List[V]) All() iter.Seq[V] {
	return func(yield func(V) bool) {
		c := l.cell
		row, ok := l.scope.present(c)
		if !ok {
			return
		}
		cell := *(*listCell)(unsafe.Add(row, c.off))
		if c.ttl != nil && !l.refresh(cell) {
			return
		}
		if row, ok = l.scope.present(c); !ok {
			return
		}
		cell = *(*listCell)(unsafe.Add(row, c.off))
		version := l.cleared
		c.elements(c.heap(), cell, func(_ int64, p unsafe.Pointer, n uintptr) bool {
			if c.fixed {
				v := *(*V)(p)
				return yield(v) && l.cleared == version
			}
			l.decode(unsafe.Slice((*byte)(p), n))
			v := l.scratch
			return yield(v) && l.cleared == version
		})
	}
}

func (l *List[V]) decode(b []byte) {
	l.scratch = *new(V)
	if _, err := l.codec.Decode(b, &l.scratch); err != nil {
		l.cell.space.store.cfg.Fail(fault.New(fault.StateDamaged, "state %q of operator %q: %w", l.cell.name, l.cell.space.store.cfg.Operator, err))
	}
}

// refresh takes expired elements out, if there are any, and begins the time of the others anew where reading does so. It returns false if nothing is left.
func (l *List[V]) refresh(cell listCell) bool {
	c := l.cell
	expired := uint64(0)
	c.elements(c.heap(), cell, func(stamp int64, _ unsafe.Pointer, _ uintptr) bool {
		if c.expired(stamp) {
			expired++
		}
		return true
	})
	switch {
	case expired > 0 && !c.ttl.ReturnExpired:
		l.cleared++
		c.rewriteList(l.scope.ref, true)
	case c.ttl.OnRead:
		l.cleared++
		c.rewriteList(l.scope.ref, false)
	}
	_, ok := l.scope.present(c)
	if !ok {
		l.scope.dirty = true
	}
	return ok
}

// rewriteList writes a list anew: without its expired elements if cut is set, else with the present time where reading renews it.
func (c *Cell) rewriteList(r Ref, cut bool) {
	h := c.heap()
	old := *(*listCell)(unsafe.Add(c.space.Row(r), c.off))
	row := c.space.Edit(r)
	*(*listCell)(unsafe.Add(row, c.off)) = listCell{}
	var copied []byte
	c.elements(h, old, func(stamp int64, p unsafe.Pointer, n uintptr) bool {
		if cut && c.expired(stamp) {
			return true
		}
		if c.ttl.OnRead {
			stamp = c.space.store.now
		}
		copied = append(copied[:0], unsafe.Slice((*byte)(p), n)...)
		if c.fixed {
			copy(unsafe.Slice((*byte)(c.extend(r, n, stamp)), n), copied)
		} else {
			c.extendBytes(r, copied, stamp)
		}
		return true
	})
	c.freeBlocks(old)
	row = c.space.Edit(r)
	if (*listCell)(unsafe.Add(row, c.off)).count == 0 {
		f := flagsOf(row)
		*f = *f&^c.bit | flagDirty
	}
}

// Len is the number of values, expired ones included.
func (l *List[V]) Len() int {
	row, ok := l.scope.present(l.cell)
	if !ok {
		return 0
	}
	return int((*listCell)(unsafe.Add(row, l.cell.off)).count)
}

// Replace makes the list hold vs.
func (l *List[V]) Replace(vs []V) {
	l.Clear()
	for _, v := range vs {
		l.Add(v)
	}
}

// Clear removes all values.
func (l *List[V]) Clear() {
	l.cleared++
	l.scope.clear(l.cell)
}

func (c *Cell) freeList(row unsafe.Pointer) {
	cell := (*listCell)(unsafe.Add(row, c.off))
	c.freeBlocks(*cell)
	*cell = listCell{}
}

func (c *Cell) freeBlocks(cell listCell) {
	h := c.heap()
	for off := cell.head; off != 0; {
		block := *(*listBlock)(h.At(off))
		h.Free(off, int(blockHeader+uintptr(block.cap)))
		off = block.next
	}
}
