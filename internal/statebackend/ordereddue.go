package statebackend

import "unsafe"

// dueKeys orders the keys of an ordered row store by the time at which they are due: the first sort word for which they are armed. A key is armed in its cell; besides there is an entry
// of a heap for each key group, which may outlive the arming. With a spill, where keys come and go, timers take the place of the heaps.
type dueKeys struct {
	space  *Space
	bit    uint64 // of a key that has rows
	off    uintptr
	heaps  [][]dueEntry
	group  int    // whose turn it is
	next   uint64 // no key is due before, unless one is armed meanwhile
	taken  []dueEntry
	timers *Timers
	found  *Due
}

type dueEntry struct {
	due uint64
	row uint32
}

func newDueKeys(sp *Space, c *Cell) *dueKeys {
	d := &dueKeys{space: sp, bit: c.bit | flagLive, off: c.off, next: ^uint64(0), heaps: make([][]dueEntry, len(sp.subs))}
	if sp.store.spill != nil {
		d.timers = NewTimers(sp.store, sp.name+"."+c.name+".due", 0, sp.layout)
		d.timers.space.child = true // rebuilt from the keys
		d.found = NewDue()
	}
	return d
}

// arm makes a key due at a time, instead of any other.
func (d *dueKeys) arm(ref Ref, c *orderedCell, due uint64) {
	c.armed, c.due = 1, due
	d.next = min(d.next, due)
	if d.timers != nil {
		words, b := d.space.Words(ref), d.space.Bytes(ref)
		keyHash, _ := d.space.rehash(words, b)
		d.timers.Add(keyHash, SortedInt(due), nil, words, b)
		return
	}
	g := ref.Group()
	h := d.heaps[g]
	if s := d.space.subs[g]; len(h) > 64 && len(h) > 4*s.live {
		h = d.prune(g, h)
	}
	h = append(h, dueEntry{due, ref.Row()})
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 4
		if h[parent].due <= h[i].due {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	d.heaps[g] = h
}

// prune takes the entries out that outlived their arming.
func (d *dueKeys) prune(group int, h []dueEntry) []dueEntry {
	kept := h[:0]
	for _, e := range h {
		if d.valid(group, e) {
			kept = append(kept, e)
		}
	}
	for i := len(kept) / 4; i >= 0; i-- {
		if i < len(kept) {
			sinkDue(kept, i, kept[i])
		}
	}
	return kept
}

func sinkDue(h []dueEntry, i int, e dueEntry) {
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].due < h[least].due {
				least = c
			}
		}
		if h[least].due >= e.due {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// pop takes the first entry of a key group if it is due.
func (d *dueKeys) pop(group int, until uint64) (e dueEntry, ok bool) {
	h := d.heaps[group]
	if len(h) == 0 || h[0].due > until {
		return e, false
	}
	e = h[0]
	last := h[len(h)-1]
	h = h[:len(h)-1]
	if len(h) > 0 {
		sinkDue(h, 0, last)
	} else if cap(h) > 1024 {
		h = nil
	}
	d.heaps[group] = h
	return e, true
}

// Due takes keys that are due, at most len(out): those that have been armed for a time of at most until. It writes them to out, by key group and then by time, and
// returns how many; if out is not full there are no more. A key is armed for the first sort word of a row that is inserted, if it is not armed or for a later time, and by Arm; one
// that was taken is not armed any more.
func (o *Ordered) Due(until uint64, out []Ref) (n int) {
	d := o.due
	if d.timers != nil {
		return o.dueTimers(until, out)
	}
	if until < d.next {
		return 0
	}
	for range d.heaps {
		for more := true; more; {
			if n == len(out) {
				return n
			}
			n, more = o.dueIn(d.group, until, out, n)
		}
		if d.group++; d.group == len(d.heaps) {
			d.group = 0
		}
	}
	d.next = ^uint64(0)
	for _, h := range d.heaps {
		if len(h) > 0 {
			d.next = min(d.next, h[0].due)
		}
	}
	return n
}

// dueIn is Due for some keys of a key group: it takes entries first, so that the cache misses of their keys overlap.
func (o *Ordered) dueIn(group int, until uint64, out []Ref, n int) (_ int, more bool) {
	d := o.due
	d.taken = d.taken[:0]
	for len(d.taken) < min(blockRows, len(out)-n) {
		e, ok := d.pop(group, until)
		if !ok {
			break
		}
		d.taken = append(d.taken, e)
	}
	s := d.space.subs[group]
	seen := uint64(0)
	for _, e := range d.taken {
		if e.row < s.rows.Len() {
			seen ^= *flagsOf(s.rows.At(e.row))
		}
	}
	o.touched = seen
	for _, e := range d.taken {
		if d.valid(group, e) {
			out[n] = makeRef(group, e.row)
			o.disarm(out[n])
			n++
		}
	}
	return n, len(d.taken) > 0
}

// dueTimers is Due with a spill.
func (o *Ordered) dueTimers(until uint64, out []Ref) (n int) {
	d, sp := o.due, o.space
	for n < len(out) && d.timers.Pop(SortedInt(until), d.found) {
		words, b := d.found.Words, d.found.Bytes
		_, hash := sp.rehash(words, b)
		ref, ok := sp.Find(d.found.Group, hash, words, b)
		if !ok {
			continue
		}
		if c := o.present(ref); c != nil && c.armed != 0 && c.due == SortInt(d.found.Time) {
			o.disarm(ref)
			out[n] = ref
			n++
		}
	}
	return n
}

func (o *Ordered) disarm(ref Ref) {
	c := o.edit(ref)
	c.armed, c.due = 0, 0
}

// Arm makes keys due at times, instead of any others: refs[i], which has rows, at due[i].
func (o *Ordered) Arm(refs []Ref, due []uint64) {
	for i, ref := range refs {
		if o.present(ref) != nil {
			o.due.arm(ref, o.edit(ref), due[i])
		}
	}
}

// Expire takes away the rows of all keys whose first sort word is at most until, and forgets keys that are left without any state. It visits only keys that are due, at most so many,
// and reports whether there are more. It is for stores whose keys are armed by their first row alone: neither Due nor Arm may be called for them.
//
// A visit costs some cache misses, whether one row goes or twenty. So an operator calls DeleteTo for the keys that it visits anyway, and Expire for the others, with a time that lags
// behind by a part of what is kept.
func (o *Ordered) Expire(until uint64, keys int) (more bool) {
	if o.freed == nil {
		o.freed = make([]Ref, blockRows)
	}
	for keys > 0 {
		part := o.freed[:min(keys, blockRows)]
		n := o.Due(until, part)
		o.touchFirst(part, nil, 0, n)
		for _, ref := range part[:n] {
			o.deleteTo(ref, until)
			o.space.Release(ref)
		}
		if n < len(part) {
			return false
		}
		keys -= n
	}
	return true
}

// valid is whether an entry of a heap stands for the arming of its key.
func (d *dueKeys) valid(group int, e dueEntry) bool {
	s := d.space.subs[group]
	if s == nil || e.row >= s.rows.Len() {
		return false
	}
	p := s.rows.At(e.row)
	if *flagsOf(p)&d.bit != d.bit {
		return false
	}
	c := (*orderedCell)(unsafe.Add(p, d.off))
	return c.armed != 0 && c.due == e.due
}
