package grouping

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/eventtime"
)

// groups finds out which records of the pages at hand belong together. It is a hash table that counts, and then a list of the records that is filled by those counts: nothing is compared but hashes, and records do not move.
type groups struct {
	// slots is open addressing, with the number of a group plus one; its size is a power of two.
	slots   []uint32
	all     []group
	members []member
	// ends is where the next record of each group goes in the list.
	ends   []int
	byHash []uint32
	refs   []uint64
	times  []timeOf
}

// group is the records of one hash.
type group struct {
	hash uint64
	n    int
	last int64 // time of the last record, where records are ordered by it
	// input is that of the last record; mixed tells that records do not lie in the order in which they are handed out.
	input uint8
	mixed bool
}

// member is a record, in the order in which they lie in pages. Its ref orders records by input, then as they came.
type member struct {
	ref   uint64
	group uint32
}

// timeOf is a record of a group that is sorted by time.
type timeOf struct {
	time int64
	ref  uint64
}

const leastSlots = 256

// group makes the list of the records of all pages, group by group: in the order of their hashes, or in that of their first records.
func (s *Sorter) group(byHash bool) {
	t := &s.groups
	size := leastSlots
	for size < 2*len(t.all) { // parts are much alike
		size *= 2
	}
	if cap(t.slots) < size {
		t.slots = make([]uint32, size)
	}
	t.slots = t.slots[:size]
	clear(t.slots)
	t.all, t.members = t.all[:0], t.members[:0]
	mixed := false
	fixed := s.cfg.Fixed > 0
	for i, page := range s.pages {
		timed, used := page[0]&pageTimed != 0, int(page[0]&^pageTimed)
		head := headBytes(timed, fixed)
		base := unsafe.Pointer(unsafe.SliceData(page))
		width := head + (s.cfg.Fixed+7)&^7
		timed = timed && s.cfg.ByTime
		for at := pageHead; at < used; at += width {
			record := unsafe.Add(base, at)
			ref := uint64(i)<<pageShift | uint64(at)
			input := uint8(0)
			if !fixed {
				word := *(*uint64)(unsafe.Add(record, head-8))
				input = uint8(word >> inputShift)
				ref |= uint64(input) << inputShift
				width = head + int(word&(1<<inputShift-1)+7)&^7
			}
			time := int64(eventtime.NoTimestamp)
			if timed {
				time = *(*int64)(unsafe.Add(record, 8))
			}
			k := t.find(*(*uint64)(record))
			g := &t.all[k]
			if g.n > 0 && (time < g.last || time == g.last && input < g.input) {
				g.mixed, mixed = true, true
			}
			g.n++
			g.last, g.input = time, input
			t.members = append(t.members, member{ref, k})
		}
	}
	s.lay(byHash, mixed)
}

// find returns the number of the group of a hash.
func (t *groups) find(hash uint64) uint32 {
	mask := uint64(len(t.slots) - 1)
	for i := hash >> 8 & mask; ; i = (i + 1) & mask {
		k := t.slots[i]
		if k == 0 {
			return t.add(hash, i)
		}
		if t.all[k-1].hash == hash {
			return k - 1
		}
	}
}

// add makes a group, for which a slot is free.
func (t *groups) add(hash, slot uint64) uint32 {
	t.all = append(t.all, group{hash: hash})
	n := len(t.all)
	t.slots[slot] = uint32(n)
	if 2*n > len(t.slots) {
		t.grow()
	}
	return uint32(n - 1)
}

func (t *groups) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for k := range t.all {
		i := t.all[k].hash >> 8 & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(k + 1)
	}
}

// lay makes the list of records.
func (s *Sorter) lay(byHash, mixed bool) {
	t := &s.groups
	if n := len(t.all); cap(t.ends) < n {
		t.ends = make([]int, n, cap(t.all))
	}
	t.ends = t.ends[:len(t.all)]
	at := 0
	for k := range t.inOrder(byHash) {
		t.ends[k] = at
		at += t.all[k].n
	}
	if n := len(t.members); cap(t.refs) < n {
		t.refs = make([]uint64, n, cap(t.members))
	}
	t.refs = t.refs[:len(t.members)]
	for i := range t.members {
		m := &t.members[i]
		end := &t.ends[m.group]
		t.refs[*end] = m.ref
		*end++
	}
	if mixed {
		for k := range t.all {
			if g := &t.all[k]; g.mixed {
				s.sortGroup(t.refs[t.ends[k]-g.n : t.ends[k]])
			}
		}
	}
	s.left = t.refs
	s.touch()
}

// inOrder gives the numbers of all groups.
func (t *groups) inOrder(byHash bool) func(yield func(k uint32) bool) {
	return func(yield func(uint32) bool) {
		if !byHash {
			for k := range t.all {
				if !yield(uint32(k)) {
					return
				}
			}
			return
		}
		t.byHash = t.byHash[:0]
		for k := range t.all {
			t.byHash = append(t.byHash, uint32(k))
		}
		slices.SortFunc(t.byHash, func(a, b uint32) int { return cmp.Compare(t.all[a].hash, t.all[b].hash) })
		for _, k := range t.byHash {
			if !yield(k) {
				return
			}
		}
	}
}

// sortGroup sorts the records of a group that do not lie in their order.
func (s *Sorter) sortGroup(refs []uint64) {
	if !s.cfg.ByTime || !s.timed {
		slices.Sort(refs)
		return
	}
	times := s.groups.times[:0]
	for _, ref := range refs {
		times = append(times, timeOf{s.timeAt(ref), ref})
	}
	s.groups.times = times
	slices.SortFunc(times, func(x, y timeOf) int {
		if x.time != y.time {
			return cmp.Compare(x.time, y.time)
		}
		return cmp.Compare(x.ref, y.ref)
	})
	for i := range times {
		refs[i] = times[i].ref
	}
}
