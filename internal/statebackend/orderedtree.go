package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// A node of a tree is how many entries it has and has room for, and the entries in order. An entry of a leaf is the sort words of a row and where the row lies; one of an
// inner node is sort words that no row below it is less than, and where the child is. Those of the first entry of an inner node do not count. Rows with the same sort words
// may lie on both sides of a child's words.
//
// Nodes are split when they are full, at the end where rows come in order, and freed when they are empty; they are not joined otherwise.
type treeNode struct{ n, cap uint32 }

const (
	nodeHeader = unsafe.Sizeof(treeNode{})
	nodeBytes  = 1024
	maxLevels  = 16
)

// treePath is the way from a root to an entry of a leaf: for each level, from the root on, the node and the number of an entry there.
type treePath struct {
	levels int
	steps  [maxLevels]treeStep
}

type treeStep struct {
	node pages.Off
	i    int
}

func (p *treePath) leaf() *treeStep { return &p.steps[p.levels-1] }

func (o *Ordered) node(at pages.Off) *treeNode { return (*treeNode)(o.space.heap.At(at)) }

func (o *Ordered) editNode(at pages.Off) *treeNode {
	n := o.node(at)
	return (*treeNode)(o.space.heap.Edit(at, int(nodeHeader)+int(n.cap)*int(o.entry)))
}

func (o *Ordered) entryOf(n *treeNode, i int) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(n), nodeHeader+uintptr(i)*o.entry)
}

func (o *Ordered) keyOf(entry unsafe.Pointer) []uint64 {
	return unsafe.Slice((*uint64)(entry), o.words)
}

// child is where an entry leads: a node, or the row of a leaf's.
func (o *Ordered) child(entry unsafe.Pointer) *pages.Off {
	return (*pages.Off)(unsafe.Add(entry, 8*uintptr(o.words)))
}

// newNode allocates a node with room for at least so many entries, at most for largest.
func (o *Ordered) newNode(entries int) pages.Off {
	h := o.space.heap
	bytes := int(nodeHeader) + min(entries, o.largest)*int(o.entry)
	bytes = min(h.Capacity(bytes), nodeBytes)
	at := h.AllocRaw(bytes)
	*(*treeNode)(h.Edit(at, int(nodeHeader))) = treeNode{cap: uint32((bytes - int(nodeHeader)) / int(o.entry))}
	return at
}

func (o *Ordered) freeNode(at pages.Off) {
	o.space.heap.Free(at, int(nodeHeader)+int(o.node(at).cap)*int(o.entry))
}

// less compares sort words. equal tells what to return for equal ones.
func less(a, b []uint64, equal bool) bool {
	b = b[:len(a)]
	for i, w := range a {
		if w != b[i] {
			return w < b[i]
		}
	}
	return equal
}

// bound returns the number of the first entry from low on that is not less than key; if after is set, that is greater.
func (o *Ordered) bound(n *treeNode, low int, key []uint64, after bool) int {
	high := int(n.n)
	if high > low && less(o.keyOf(o.entryOf(n, high-1)), key, after) { // as for rows that come in order
		return high
	}
	for low < high {
		mid := int(uint(low+high) >> 1)
		if less(o.keyOf(o.entryOf(n, mid)), key, after) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// descend finds the first row whose sort words are not less than key; if after is set, that are greater. The last step may be at the end of a leaf: see settleForward.
func (o *Ordered) descend(c *orderedCell, key []uint64, after bool, p *treePath) {
	p.levels = int(c.levels)
	at := c.root
	for level := range p.levels - 1 {
		n := o.node(at)
		i := o.bound(n, 1, key, after) - 1
		p.steps[level] = treeStep{at, i}
		at = *o.child(o.entryOf(n, i))
	}
	*p.leaf() = treeStep{at, o.bound(o.node(at), 0, key, after)}
}

// first goes to the first row, last behind the last one.
func (o *Ordered) edge(c *orderedCell, last bool, p *treePath) {
	p.levels = int(c.levels)
	o.sink(c.root, 0, last, p)
	if last {
		p.leaf().i++
	}
}

// sink fills the steps from a level on with the first or the last entries below a node.
func (o *Ordered) sink(at pages.Off, level int, last bool, p *treePath) {
	for ; level < p.levels; level++ {
		n, i := o.node(at), 0
		if last {
			i = int(n.n) - 1
		}
		p.steps[level] = treeStep{at, i}
		if level < p.levels-1 {
			at = *o.child(o.entryOf(n, i))
		}
	}
}

// settleForward moves a path that is at the end of a leaf to the beginning of the next one, and returns false if there is none.
func (o *Ordered) settleForward(p *treePath) bool {
	if s := p.leaf(); s.i < int(o.node(s.node).n) {
		return true
	}
	for level := p.levels - 2; level >= 0; level-- {
		s := &p.steps[level]
		if n := o.node(s.node); s.i+1 < int(n.n) {
			s.i++
			o.sink(*o.child(o.entryOf(n, s.i)), level+1, false, p)
			return true
		}
	}
	return false
}

// back moves a path to the row before, and returns false if there is none.
func (o *Ordered) back(p *treePath) bool {
	if s := p.leaf(); s.i > 0 {
		s.i--
		return true
	}
	for level := p.levels - 2; level >= 0; level-- {
		if s := &p.steps[level]; s.i > 0 {
			s.i--
			o.sink(*o.child(o.entryOf(o.node(s.node), s.i)), level+1, true, p)
			return true
		}
	}
	return false
}

// entryAt is the entry of a leaf at a path.
func (o *Ordered) entryAt(p *treePath) unsafe.Pointer {
	s := p.leaf()
	return o.entryOf(o.node(s.node), s.i)
}

func (o *Ordered) rowAt(p *treePath) RowRef { return *o.child(o.entryAt(p)) }

func (o *Ordered) setRow(p *treePath, row RowRef) {
	s := p.leaf()
	*o.child(o.entryOf(o.editNode(s.node), s.i)) = row
}

// insert adds a row behind those with the same sort words.
func (o *Ordered) insert(c *orderedCell, key []uint64, row RowRef) {
	c.count++
	if c.levels == 0 {
		c.root, c.levels = o.newNode(1), 1
		o.put(c.root, 0, key, row)
		return
	}
	var p treePath
	o.descend(c, key, true, &p)
	o.insertAt(c, &p, p.levels-1, key, row)
}

// put writes an entry into a node that has room.
func (o *Ordered) put(at pages.Off, i int, key []uint64, child pages.Off) {
	n := o.editNode(at)
	e := o.entryOf(n, i)
	tail := uintptr(int(n.n)-i) * o.entry
	copy(unsafe.Slice((*byte)(unsafe.Add(e, o.entry)), tail), unsafe.Slice((*byte)(e), tail))
	copy(o.keyOf(e), key)
	*o.child(e) = child
	n.n++
}

// insertAt puts an entry into the node at a level of the path, before the entry that the path names there.
func (o *Ordered) insertAt(c *orderedCell, p *treePath, level int, key []uint64, child pages.Off) {
	s := p.steps[level]
	n := o.node(s.node)
	switch {
	case n.n < n.cap:
		o.put(s.node, s.i, key, child)
		return
	case int(n.cap) < o.largest:
		at := o.enlarge(s.node)
		o.relink(c, p, level, at)
		o.put(at, s.i, key, child)
		return
	}
	// A node whose last entry comes from behind is taken to grow there, and stays full.
	count := int(n.n)
	cut := count / 2
	if s.i == count && o.atEnd(p, level) {
		cut = count
	}
	right := o.newNode(max(count-cut, 1) + 1)
	if cut < count {
		o.moveTail(s.node, right, cut)
	}
	if s.i >= cut && (s.i > cut || cut == count) {
		o.put(right, s.i-cut, key, child)
	} else {
		o.put(s.node, s.i, key, child)
	}
	var separator [MaxSortWords]uint64
	copy(separator[:], o.keyOf(o.entryOf(o.node(right), 0)))
	if level > 0 {
		p.steps[level-1].i++
		o.insertAt(c, p, level-1, separator[:o.words], right)
		return
	}
	root := o.newNode(2)
	o.put(root, 0, separator[:o.words], s.node)
	o.put(root, 1, separator[:o.words], right)
	c.root = root
	c.levels++
}

// atEnd is whether all nodes above a level are left by their last entry.
func (o *Ordered) atEnd(p *treePath, level int) bool {
	for i := range level {
		if s := p.steps[i]; s.i+1 < int(o.node(s.node).n) {
			return false
		}
	}
	return true
}

// enlarge moves a node to one with twice the room.
func (o *Ordered) enlarge(at pages.Off) pages.Off { return o.resize(at, 2*int(o.node(at).cap)) }

func (o *Ordered) resize(at pages.Off, entries int) pages.Off {
	to := o.newNode(entries)
	from, n := o.node(at), o.editNode(to)
	n.n = from.n
	size := uintptr(from.n) * o.entry
	copy(unsafe.Slice((*byte)(o.entryOf(n, 0)), size), unsafe.Slice((*byte)(o.entryOf(from, 0)), size))
	o.freeNode(at)
	return to
}

// relink tells the parent that the node at a level of the path is elsewhere now.
func (o *Ordered) relink(c *orderedCell, p *treePath, level int, at pages.Off) {
	p.steps[level].node = at
	if level == 0 {
		c.root = at
		return
	}
	s := p.steps[level-1]
	*o.child(o.entryOf(o.editNode(s.node), s.i)) = at
}

// moveTail moves the entries from cut on to an empty node.
func (o *Ordered) moveTail(from, to pages.Off, cut int) {
	a, b := o.editNode(from), o.editNode(to)
	size := uintptr(int(a.n)-cut) * o.entry
	copy(unsafe.Slice((*byte)(o.entryOf(b, 0)), size), unsafe.Slice((*byte)(o.entryOf(a, cut)), size))
	b.n = a.n - uint32(cut)
	a.n = uint32(cut)
}

// removeAt takes the entry at a path out of its leaf. The path is not good afterwards.
func (o *Ordered) removeAt(c *orderedCell, p *treePath) {
	c.count--
	o.cut(c, p, p.levels-1, 1)
}

// cut takes entries out of the node at a level of the path, from the one that the path names on, and the node if it is left empty.
func (o *Ordered) cut(c *orderedCell, p *treePath, level, entries int) {
	s := p.steps[level]
	n := o.editNode(s.node)
	if int(n.n) == entries {
		o.freeNode(s.node)
		if level == 0 {
			c.root, c.levels = 0, 0
			return
		}
		o.cut(c, p, level-1, 1)
		return
	}
	e := o.entryOf(n, s.i)
	tail := uintptr(int(n.n)-s.i-entries) * o.entry
	copy(unsafe.Slice((*byte)(e), tail), unsafe.Slice((*byte)(unsafe.Add(e, uintptr(entries)*o.entry)), tail))
	n.n -= uint32(entries)
	if level == 0 {
		o.shrink(c)
	}
}

// shrink takes away roots with a single child, and makes a single leaf small again that has few rows.
func (o *Ordered) shrink(c *orderedCell) {
	for c.levels > 1 && o.node(c.root).n == 1 {
		root := c.root
		c.root = *o.child(o.entryOf(o.node(root), 0))
		c.levels--
		o.freeNode(root)
	}
	if n := o.node(c.root); c.levels == 1 && n.cap >= 8 && n.n <= n.cap/4 {
		c.root = o.resize(c.root, 2*int(n.n))
	}
}

// locate finds the entry of a row.
func (o *Ordered) locate(c *orderedCell, row RowRef, p *treePath) bool {
	if c.levels == 0 {
		return false
	}
	key := unsafe.Slice((*uint64)(unsafe.Add(o.space.heap.At(row), o.sort)), o.words)
	o.descend(c, key, false, p)
	for ; o.settleForward(p); p.leaf().i++ {
		e := o.entryAt(p)
		if *o.child(e) == row {
			return true
		}
		if less(key, o.keyOf(e), false) {
			return false
		}
	}
	return false
}

// findEqual finds a row with the same sort words and content.
func (o *Ordered) findEqual(c *orderedCell, key []uint64, row unsafe.Pointer, p *treePath) bool {
	o.descend(c, key, false, p)
	for ; o.settleForward(p); p.leaf().i++ {
		e := o.entryAt(p)
		if less(key, o.keyOf(e), false) {
			return false
		}
		if o.equal(row, o.space.heap.At(*o.child(e))) {
			return true
		}
	}
	return false
}

// each calls yield with each row of a tree, in order.
func (o *Ordered) eachRow(from heapReader, at pages.Off, levels int, yield func(row RowRef)) {
	n := (*treeNode)(from.At(at))
	for i := range int(n.n) {
		child := *o.child(o.entryOf(n, i))
		if levels == 1 {
			yield(child)
		} else {
			o.eachRow(from, child, levels-1, yield)
		}
	}
}

// freeTree frees the nodes and rows of a tree.
func (o *Ordered) freeTree(at pages.Off, levels int) {
	n := o.node(at)
	for i := range int(n.n) {
		child := *o.child(o.entryOf(n, i))
		if levels == 1 {
			o.freeRow(child)
		} else {
			o.freeTree(child, levels-1)
		}
	}
	o.freeNode(at)
}
