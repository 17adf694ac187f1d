package statebackend

// OrderedScan tells which rows a Scan finds. All slices are indexed by the chunk's rows; nil means no bound.
type OrderedScan struct {
	// From and To bound the first sort word, both inclusive. Nothing is found where From is greater.
	From, To []uint64
	// Backward begins at the last row.
	Backward bool
	// Limit is the most rows for each row of the chunk, 0 for all.
	Limit int
}

// OrderedCursor is where a Scan that had more rows than room goes on. The zero value is the beginning. It is good as long as no row of the chunk's keys is inserted or
// taken away.
type OrderedCursor struct {
	at    int // the next of the selection
	given int // rows that were found for it
	path  treePath
}

// Scan finds rows of the keys refs[row], for each row of the selection (nil for all of refs), in order. It writes them to found, and the chunk's rows for which they were found to
// matches, until these are full; n is how many. more tells that there may be others: the next call with the same cursor goes on with them.
func (o *Ordered) Scan(refs []Ref, sel []int32, scan OrderedScan, from *OrderedCursor, matches []int32, found []RowRef) (n int, more bool) {
	total := len(refs)
	if sel != nil {
		total = len(sel)
	}
	room := min(len(matches), len(found))
	for from.at < total {
		if from.at%blockRows == 0 || n == 0 {
			o.touchTrees(refs, sel, from.at, min(from.at+blockRows, total))
		}
		row := chunkRow(sel, from.at)
		if c := o.present(refs[row]); c != nil {
			if n, more = o.scanKey(c, row, &scan, from, matches[:room], found[:room], n); more {
				return n, true
			}
		}
		from.at++
		from.given = 0
	}
	return n, false
}

// touchTrees touches the keys and the roots of their trees, each all at once.
func (o *Ordered) touchTrees(refs []Ref, sel []int32, lo, hi int) {
	h, seen := o.space.heap, uint64(0)
	for i := lo; i < hi; i++ {
		if ref := refs[chunkRow(sel, i)]; ref != NoRef {
			seen ^= *flagsOf(o.space.Row(ref))
		}
	}
	for i := lo; i < hi; i++ {
		if c := o.present(refs[chunkRow(sel, i)]); c != nil {
			seen ^= *(*uint64)(h.At(c.root))
		}
	}
	o.touched = seen
}

func (o *Ordered) scanKey(c *orderedCell, row int32, scan *OrderedScan, from *OrderedCursor, matches []int32, found []RowRef, n int) (int, bool) {
	p := &from.path
	low, high := uint64(0), ^uint64(0)
	if scan.From != nil {
		low = scan.From[row]
	}
	if scan.To != nil {
		high = scan.To[row]
	}
	if low > high {
		return n, false
	}
	if from.given == 0 {
		o.start(c, low, high, scan.Backward, p)
	}
	limit := scan.Limit
	if limit <= 0 {
		limit = int(^uint(0) >> 1)
	}
	for from.given < limit {
		if n == len(found) {
			return n, true
		}
		if scan.Backward {
			before := *p
			if !o.back(p) {
				break
			}
			if *(*uint64)(o.entryAt(p)) < low {
				*p = before
				break
			}
		} else if !o.settleForward(p) || *(*uint64)(o.entryAt(p)) > high {
			break
		}
		matches[n], found[n] = row, o.rowAt(p)
		n++
		from.given++
		if !scan.Backward {
			p.leaf().i++
		}
	}
	return n, false
}

// start goes to the first row to be found, or, backward, behind it.
func (o *Ordered) start(c *orderedCell, low, high uint64, backward bool, p *treePath) {
	switch {
	case !backward && low == 0:
		o.edge(c, false, p)
	case !backward:
		o.descendFirst(c, low, false, p)
	case high == ^uint64(0):
		o.edge(c, true, p)
	default:
		o.descendFirst(c, high, true, p)
	}
}

// descendFirst is descend by the first sort word alone.
func (o *Ordered) descendFirst(c *orderedCell, word uint64, after bool, p *treePath) {
	p.levels = int(c.levels)
	at := c.root
	for level := range p.levels - 1 {
		n := o.node(at)
		i := o.boundFirst(n, 1, word, after) - 1
		p.steps[level] = treeStep{at, i}
		at = *o.child(o.entryOf(n, i))
	}
	*p.leaf() = treeStep{at, o.boundFirst(o.node(at), 0, word, after)}
}

// boundFirst is bound by the first sort word alone.
func (o *Ordered) boundFirst(n *treeNode, low int, word uint64, after bool) int {
	high := int(n.n)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if w := *(*uint64)(o.entryOf(n, mid)); w < word || after && w == word {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// First writes out[row], the first sort word of the first row of the key refs[row], and reports by ok[row] whether the key has rows.
func (o *Ordered) First(refs []Ref, sel []int32, out []uint64, ok []bool) {
	forRows(sel, len(refs), func(row int32) {
		c := o.present(refs[row])
		if ok[row] = c != nil; ok[row] {
			out[row] = o.firstWord(c)
		}
	})
}

func (o *Ordered) firstWord(c *orderedCell) uint64 {
	n := o.node(c.root)
	for range c.levels - 1 {
		n = o.node(*o.child(o.entryOf(n, 0)))
	}
	return *(*uint64)(o.entryOf(n, 0))
}

// DeleteTo takes away the rows of the keys refs[row] whose first sort word is at most until, and returns how many. A key that remembers when it is due and is not armed is
// armed for its next row.
func (o *Ordered) DeleteTo(refs []Ref, sel []int32, until uint64) (deleted int) {
	total := len(refs)
	if sel != nil {
		total = len(sel)
	}
	for lo := 0; lo < total; lo += blockRows {
		hi := min(lo+blockRows, total)
		o.touchFirst(refs, sel, lo, hi)
		for i := lo; i < hi; i++ {
			if ref := refs[chunkRow(sel, i)]; o.present(ref) != nil {
				deleted += o.deleteTo(ref, until)
			}
		}
	}
	return deleted
}

// touchFirst touches the first rows of keys with a single leaf, after the leaves.
func (o *Ordered) touchFirst(refs []Ref, sel []int32, lo, hi int) {
	o.touchTrees(refs, sel, lo, hi)
	h, seen := o.space.heap, uint64(0)
	for i := lo; i < hi; i++ {
		if c := o.present(refs[chunkRow(sel, i)]); c != nil && c.levels == 1 {
			seen ^= header(h.At(*o.child(o.entryOf(o.node(c.root), 0))))
		}
	}
	o.touched = seen
}

func (o *Ordered) deleteTo(ref Ref, until uint64) (deleted int) {
	c := o.edit(ref)
	var p treePath
	for c.levels > 0 {
		o.edge(c, false, &p)
		s := p.leaf()
		n := o.node(s.node)
		m := o.boundFirst(n, 0, until, true)
		if m == 0 {
			break
		}
		all := m == int(n.n)
		for i := range m {
			o.freeRow(*o.child(o.entryOf(n, i)))
		}
		deleted += m
		c.count -= uint32(m)
		o.cut(c, &p, p.levels-1, m)
		if !all {
			break
		}
	}
	if c.count > 0 && o.due != nil && c.armed == 0 {
		o.due.arm(ref, c, o.firstWord(c))
	}
	o.settle(ref, c)
	return deleted
}

// DeleteRange takes away the rows of the keys refs[row] whose first sort word is between from[row] and to[row], both inclusive, and returns how many.
func (o *Ordered) DeleteRange(refs []Ref, sel []int32, from, to []uint64) (deleted int) {
	forRows(sel, len(refs), func(row int32) {
		if o.present(refs[row]) != nil && from[row] <= to[row] {
			deleted += o.deleteRange(refs[row], from[row], to[row])
		}
	})
	return deleted
}

func (o *Ordered) deleteRange(ref Ref, from, to uint64) (deleted int) {
	c := o.edit(ref)
	var p treePath
	for c.levels > 0 {
		o.descendFirst(c, from, false, &p)
		if !o.settleForward(&p) {
			break
		}
		s := p.leaf()
		n := o.node(s.node)
		m := o.boundFirst(n, s.i, to, true) - s.i
		if m == 0 {
			break
		}
		for i := s.i; i < s.i+m; i++ {
			o.freeRow(*o.child(o.entryOf(n, i)))
		}
		deleted += m
		c.count -= uint32(m)
		o.cut(c, &p, p.levels-1, m)
	}
	o.settle(ref, c)
	return deleted
}
