package statebackend

import (
	"iter"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/pages"
)

// A list's cell holds where its first and last block lie, how many elements there are, and where in the first block they begin. A block is its successor, how many bytes of it
// are used and how many there are, and the elements: the time, where there is a time to live; then a value without pointers as it is, or the length of its encoding in 8
// bytes and the encoding, rounded up to 8.
//
// Elements are added in the order of time, so those that expire are cut off the front. Where the clock was put back, an expired element behind a live one stays until that one goes; it is not returned.
type listCell struct {
	head, tail pages.Off
	count      uint32
	start      uint32
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
		*(*V)(c.extend(l.scope.write(), c.size, c.space.store.now)) = v
		return
	}
	l.scratch = v
	b, err := l.codec.Encode(l.buf[:0], &l.scratch)
	if err != nil {
		c.space.store.cfg.Fail(err)
		return
	}
	l.buf = b
	c.extendBytes(l.scope.write(), b, c.space.store.now)
}

func (c *Cell) extendBytes(row unsafe.Pointer, b []byte, stamp int64) {
	p := c.extend(row, uintptr(8+len(b)), stamp)
	*(*uint64)(p) = uint64(len(b))
	copy(unsafe.Slice((*byte)(unsafe.Add(p, 8)), len(b)), b)
}

// extend makes room for an element of n bytes and the given time at the end of the list of a row and returns where it goes.
func (c *Cell) extend(row unsafe.Pointer, n uintptr, stamp int64) unsafe.Pointer {
	n = (n + 7) &^ 7
	if c.ttl != nil {
		n += 8
	}
	c.space.change(row, c.bit)
	cell := (*listCell)(unsafe.Add(row, c.off))
	var block *listBlock
	if cell.tail != 0 {
		block = (*listBlock)(c.space.heap.Edit(cell.tail, int(blockHeader)))
	}
	if block == nil || uintptr(block.cap-block.used) < n {
		block = c.addBlock(cell, block, n)
	}
	p := unsafe.Add(unsafe.Pointer(block), blockHeader+uintptr(block.used))
	block.used += uint32(n)
	cell.count++
	if c.ttl != nil {
		*(*int64)(p) = stamp
		p = unsafe.Add(p, 8)
	}
	return p
}

// addBlock adds a block for at least n bytes behind the last one, which is good for writing.
func (c *Cell) addBlock(cell *listCell, last *listBlock, n uintptr) *listBlock {
	h := c.space.heap
	size := uintptr(firstBlock)
	if last != nil {
		size = min(2*uintptr(last.cap), lastBlock)
	}
	size = uintptr(h.Capacity(int(blockHeader+max(size, n)))) - blockHeader
	off := h.Alloc(int(blockHeader + size))
	if cell.tail != 0 {
		(*listBlock)(h.Edit(cell.tail, int(blockHeader))).next = off
	} else {
		cell.head, cell.start = off, 0
	}
	cell.tail = off
	block := (*listBlock)(h.Edit(off, int(blockHeader)))
	block.cap = uint32(size)
	return block
}

// reserveList gives the empty list of a row a block for n values of fixed size, so that they lie together, as far as one block goes.
func (c *Cell) reserveList(row unsafe.Pointer, n int) {
	step := (c.size + 7) &^ 7
	if c.ttl != nil {
		step += 8
	}
	c.addBlock((*listCell)(unsafe.Add(row, c.off)), nil, max(step, min(uintptr(n)*step, lastBlock)))
}

// element reads what lies at p: the time, and where and how long the value is; step is how far it is to the next element.
func (c *Cell) element(p unsafe.Pointer) (stamp int64, v unsafe.Pointer, n, step uintptr) {
	if c.ttl != nil {
		stamp = *(*int64)(p)
		p = unsafe.Add(p, 8)
		step = 8
	}
	n = c.size
	if !c.fixed {
		n = uintptr(*(*uint64)(p))
		p = unsafe.Add(p, 8)
		step += 8
	}
	return stamp, p, n, step + (n+7)&^7
}

// elements calls yield with the time and place of each element, until it returns false.
func (c *Cell) elements(h heapReader, cell listCell, yield func(stamp int64, p unsafe.Pointer, n uintptr) bool) bool {
	at := uintptr(cell.start)
	for off := cell.head; off != 0; at = 0 {
		p := h.At(off)
		block := *(*listBlock)(p)
		for at < uintptr(block.used) {
			stamp, v, n, step := c.element(unsafe.Add(p, blockHeader+at))
			if !yield(stamp, v, n) {
				return false
			}
			at += step
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
func (l *List[V]) All() iter.Seq[V] { return func(yield func(V) bool) { l.Each(yield) } }

// Each calls yield for the values as All has them, until it returns false.
func (l *List[V]) Each(yield func(V) bool) {
	c := l.cell
	row, ok := l.scope.present(c)
	if ok && c.ttl != nil {
		row, ok = l.refresh()
	}
	if !ok {
		return
	}
	h := c.space.heap
	cell := *(*listCell)(unsafe.Add(row, c.off))
	version, live := l.cleared, false
	at := uintptr(cell.start)
	for off := cell.head; off != 0; {
		block := (*listBlock)(h.At(off)) // again for each element: what the loop does may move it
		if at >= uintptr(block.used) {
			off, at = block.next, 0
			continue
		}
		stamp, p, n, step := c.element(unsafe.Add(unsafe.Pointer(block), blockHeader+at))
		at += step
		if c.ttl != nil && c.expired(stamp) {
			if !c.ttl.ReturnExpired {
				continue
			}
		} else {
			live = true
		}
		var v V
		if c.fixed {
			v = *(*V)(p)
		} else {
			l.decode(unsafe.Slice((*byte)(p), n))
			v = l.scratch
		}
		if !yield(v) || l.cleared != version || !l.begins(cell.head) {
			return
		}
	}
	if !live { // all have expired, and were returned for the last time
		l.Clear()
	}
}

// begins reports whether the list still has the block as its first.
func (l *List[V]) begins(head pages.Off) bool {
	row, ok := l.scope.present(l.cell)
	return ok && (*listCell)(unsafe.Add(row, l.cell.off)).head == head
}

func (l *List[V]) decode(b []byte) {
	l.scratch = *new(V)
	if _, err := l.codec.Decode(b, &l.scratch); err != nil {
		l.cell.space.store.cfg.Fail(fault.New(fault.StateDamaged, "state %q of operator %q: %w", l.cell.name, l.cell.space.store.cfg.Operator, err))
	}
}

// refresh does what reading a list with a time to live does: expired elements go, and the time of the others begins anew, as the state asks for. It returns the row if there is anything left.
func (l *List[V]) refresh() (unsafe.Pointer, bool) {
	c := l.cell
	if !c.ttl.ReturnExpired && c.cutFront(l.scope.ref) {
		l.cleared++
		l.scope.dirty = true
	}
	row := c.space.Row(l.scope.ref)
	if *flagsOf(row)&c.bit == 0 {
		return nil, false
	}
	if c.ttl.OnRead {
		row = c.renew(l.scope.ref)
	}
	return row, true
}

// cutFront takes expired elements off the front of the list and reports whether there were any.
func (c *Cell) cutFront(r Ref) bool {
	cell := *(*listCell)(unsafe.Add(c.space.Row(r), c.off))
	h := c.space.heap
	cut := uint32(0)
	for cell.head != 0 {
		block := *(*listBlock)(h.At(cell.head))
		if cell.start == block.used {
			h.Free(cell.head, int(blockHeader+uintptr(block.cap)))
			cell.head, cell.start = block.next, 0
			continue
		}
		stamp, _, _, step := c.element(unsafe.Add(h.At(cell.head), blockHeader+uintptr(cell.start)))
		if !c.expired(stamp) {
			break
		}
		cell.start += uint32(step)
		cut++
	}
	if cut == 0 {
		return false
	}
	row := c.space.Edit(r)
	c.space.change(row, 0)
	f := flagsOf(row)
	if cell.count -= cut; cell.head == 0 {
		cell = listCell{}
		*f &^= c.bit
	}
	*(*listCell)(unsafe.Add(row, c.off)) = cell
	return true
}

// renew begins the time of all elements that have not expired anew. It returns the row.
func (c *Cell) renew(r Ref) unsafe.Pointer {
	row := c.space.Edit(r)
	c.space.change(row, 0)
	cell := *(*listCell)(unsafe.Add(row, c.off))
	at := uintptr(cell.start)
	for off := cell.head; off != 0; at = 0 {
		block := (*listBlock)(c.space.heap.Edit(off, int(blockHeader)))
		for at < uintptr(block.used) {
			p := unsafe.Add(unsafe.Pointer(block), blockHeader+at)
			stamp, _, _, step := c.element(p)
			if !c.expired(stamp) {
				*(*int64)(p) = c.space.store.now
			}
			at += step
		}
		off = block.next
	}
	return row
}

// Len is the number of values, expired ones included that have not been removed.
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
	if l.cell.fixed && len(vs) > 1 {
		l.cell.reserveList(l.scope.write(), len(vs))
	}
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
	h := c.space.heap
	for off := cell.head; off != 0; {
		block := *(*listBlock)(h.At(off))
		h.Free(off, int(blockHeader+uintptr(block.cap)))
		off = block.next
	}
	*cell = listCell{}
}

// AppendTo appends the values to dst. It is for lists without a time to live.
func (l *List[V]) AppendTo(dst []V) []V {
	for v := range l.All() {
		dst = append(dst, v)
	}
	return dst
}

// Assign makes the list hold vs, in the place that it has if there is room.
func (l *List[V]) Assign(vs []V) {
	c := l.cell
	row, ok := l.scope.present(c)
	if !ok || !c.fixed || c.ttl != nil || len(vs) == 0 {
		l.Replace(vs)
		return
	}
	cell := *(*listCell)(unsafe.Add(row, c.off))
	step := (c.size + 7) &^ 7
	n := step * uintptr(len(vs))
	if cell.head != cell.tail || uintptr((*listBlock)(c.space.heap.At(cell.head)).cap) < n {
		l.Replace(vs)
		return
	}
	l.cleared++
	block := (*listBlock)(c.space.heap.Edit(cell.head, int(blockHeader+n)))
	block.used = uint32(n)
	for i := range vs {
		*(*V)(unsafe.Add(unsafe.Pointer(block), blockHeader+step*uintptr(i))) = vs[i]
	}
	row = c.space.Edit(l.scope.ref)
	(*listCell)(unsafe.Add(row, c.off)).count = uint32(len(vs))
	c.space.change(row, 0)
}

// Tail returns the last values, up to most of them and those that lie together, for writing in place: none where values are encoded or have a time to live. The slice is good until the next access to any state.
func (l *List[V]) Tail(most int) []V {
	c := l.cell
	if !c.fixed || c.ttl != nil || c.size&7 != 0 || c.size == 0 {
		return nil
	}
	row, ok := l.scope.present(c)
	if !ok {
		return nil
	}
	if st := l.scope.space.store; st.spill != nil || st.changes.epoch > 0 { // what the spill, or the last snapshot, has is out of date now
		row = c.space.Edit(l.scope.ref)
		c.space.change(row, 0)
	}
	tail := (*listCell)(unsafe.Add(row, c.off)).tail
	used := uintptr((*listBlock)(c.heap().At(tail)).used)
	n := min(used/c.size, uintptr(most))
	if tail == (*listCell)(unsafe.Add(row, c.off)).head {
		n = min(n, uintptr((*listCell)(unsafe.Add(row, c.off)).count))
	}
	block := c.heap().Edit(tail, int(blockHeader+used))
	return unsafe.Slice((*V)(unsafe.Add(block, blockHeader+used-n*c.size)), n)
}

// Edit returns the values for writing in place, or false if they cannot be: they are encoded, have a time to live, do not lie together, or are none. The slice is good until the next access to any state.
func (l *List[V]) Edit() ([]V, bool) {
	c := l.cell
	if !c.fixed || c.ttl != nil || c.size&7 != 0 || c.size == 0 {
		return nil, false
	}
	row, ok := l.scope.present(c)
	if !ok {
		return nil, false
	}
	cell := (*listCell)(unsafe.Add(row, c.off))
	if cell.head != cell.tail {
		return nil, false
	}
	n := int(cell.count)
	if st := l.scope.space.store; st.spill != nil || st.changes.epoch > 0 { // what the spill, or the last snapshot, has is out of date now
		row = c.space.Edit(l.scope.ref)
		c.space.change(row, 0)
	}
	block := c.heap().Edit(cell.head, int(blockHeader)+n*int(c.size))
	return unsafe.Slice((*V)(unsafe.Add(block, blockHeader)), n), true
}
