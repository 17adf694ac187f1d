package statebackend

import (
	"cmp"
	"slices"
	"unsafe"
)

// Timers are the timers of an operator in one domain of time, event or processing time: each is a time, a namespace of a fixed number of words and a key. A timer is set once,
// however often it is added. They are kept by key group, as state is.
type Timers struct {
	space *Space
	// heaps order the timers of each key group by time. An entry whose timer has been removed meanwhile is skipped; when these become more than the others, the heap is made anew.
	heaps [][]timerEntry
	// fronts are the key groups that have timers, as a heap by their first; places is where each is among them.
	fronts []int32
	places []int32
	words  [MaxKeyWords]uint64
}

type timerEntry struct {
	time int64
	row  uint32
}

// NewTimers declares timers of the given name. namespace is the number of words of a namespace, key the layout of keys.
func NewTimers(s *Store, name string, namespace int, key KeyLayout) *Timers {
	sp := s.Space(name, KeyLayout{Words: 1 + namespace + key.Words, Bytes: key.Bytes})
	sp.pinned = true
	sp.timers = &Timers{space: sp, heaps: make([][]timerEntry, len(sp.subs)), places: make([]int32, len(sp.subs))}
	return sp.timers
}

// Space holds the timers as keys: the time, the namespace, the key.
func (t *Timers) Space() *Space { return t.space }

// Len is the number of timers.
func (t *Timers) Len() int { return t.space.keys }

func (t *Timers) fill(time int64, ns, key []uint64) []uint64 {
	t.words[0] = uint64(time)
	n := 1 + copy(t.words[1:], ns)
	n += copy(t.words[n:], key)
	return t.words[:n]
}

func timerHash(keyHash uint64, time int64, ns []uint64) uint64 {
	return Combine(Combine(keyHash, uint64(time)), ns...)
}

// Add sets a timer, and reports whether it was not set before.
func (t *Timers) Add(keyHash uint64, time int64, ns, key []uint64, bytes []byte) bool {
	group := t.space.Group(keyHash)
	r, fresh := t.space.Insert(group, timerHash(keyHash, time, ns), t.fill(time, ns, key), bytes)
	if !fresh {
		return false
	}
	t.space.Mark(r)
	t.push(group, timerEntry{time, r.Row()})
	return true
}

// Remove takes a timer back, and reports whether it was set.
func (t *Timers) Remove(keyHash uint64, time int64, ns, key []uint64, bytes []byte) bool {
	group := t.space.Group(keyHash)
	r, ok := t.space.Find(group, timerHash(keyHash, time, ns), t.fill(time, ns, key), bytes)
	if !ok {
		return false
	}
	t.unset(r)
	if h := t.heaps[group]; len(h) > 64 && len(h) > 4*t.space.subs[group].live {
		t.rebuild(group)
		t.settleFront(group)
	}
	return true
}

func (t *Timers) unset(r Ref) {
	*flagsOf(t.space.Edit(r)) &^= 1
	t.space.Release(r)
}

// Next returns the time of the first timer, and whether there is one.
func (t *Timers) Next() (int64, bool) {
	for len(t.fronts) > 0 {
		group := int(t.fronts[0])
		e := t.heaps[group][0]
		if t.valid(group, e) {
			return e.time, true
		}
		t.popFront()
	}
	return 0, false
}

func (t *Timers) valid(group int, e timerEntry) bool {
	row := t.space.subs[group].rows.At(e.row)
	return *flagsOf(row)&flagLive != 0 && *(*int64)(unsafe.Add(row, rowKey)) == e.time
}

// Pop takes the first timer if its time is at most until. The words (namespace and key) and bytes are good until the next call of any method.
func (t *Timers) Pop(until int64, due *Due) bool {
	next, ok := t.Next()
	if !ok || next > until {
		return false
	}
	group := int(t.fronts[0])
	r := makeRef(group, t.heaps[group][0].row)
	due.Time, due.Group, due.Hash = next, group, t.space.Hash(r)
	due.Words = due.Words[:copy(due.space[:], t.space.Words(r)[1:])]
	due.Bytes = append(due.Bytes[:0], t.space.Bytes(r)...)
	t.popFront()
	t.unset(r)
	return true
}

// Due is a timer that has come.
type Due struct {
	Time int64
	// Group is the key group, counted from the store's first.
	Group int
	// Hash is that of key, namespace and time together.
	Hash uint64
	// Words are the namespace and the key.
	Words []uint64
	Bytes []byte
	space [MaxKeyWords]uint64
}

// NewDue returns a place for timers.
func NewDue() *Due {
	d := &Due{}
	d.Words = d.space[:0]
	return d
}

// push adds an entry to the heap of a key group and puts the group in its place among the fronts.
func (t *Timers) push(group int, e timerEntry) {
	h := t.heaps[group]
	before := cap(h)
	h = append(h, e)
	t.count(cap(h) - before)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].time <= e.time {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
	t.heaps[group] = h
	switch {
	case len(h) == 1:
		t.addFront(group)
	case i == 0:
		t.frontUp(int(t.places[group]))
	}
}

// count tells the account of n more entries.
func (t *Timers) count(n int) {
	if n != 0 {
		t.space.store.account.Add(int64(n) * int64(unsafe.Sizeof(timerEntry{})))
	}
}

func (t *Timers) addFront(group int) {
	t.places[group] = int32(len(t.fronts))
	t.fronts = append(t.fronts, int32(group))
	t.frontUp(len(t.fronts) - 1)
}

// popFront removes the first entry of the first key group.
func (t *Timers) popFront() {
	group := t.fronts[0]
	h := t.heaps[group]
	last := h[len(h)-1]
	h = h[:len(h)-1]
	if len(h) > 0 {
		siftDown(h, 0, last)
	} else if cap(h) > 1024 {
		t.count(-cap(h))
		h = nil
	}
	t.heaps[group] = h
	t.settleFront(int(group))
}

// settleFront puts a key group into its place among the fronts after its first timers are gone.
func (t *Timers) settleFront(group int) {
	at := int(t.places[group])
	if len(t.heaps[group]) == 0 {
		last := len(t.fronts) - 1
		t.swapFronts(at, last)
		t.fronts = t.fronts[:last]
		if at == last {
			return
		}
		t.frontUp(at)
	}
	t.frontDown(at)
}

func siftDown(h []timerEntry, i int, e timerEntry) {
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].time < h[least].time {
				least = c
			}
		}
		if h[least].time >= e.time {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

func (t *Timers) first(at int) int64 { return t.heaps[t.fronts[at]][0].time }

func (t *Timers) frontUp(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if t.first(parent) <= t.first(i) {
			return
		}
		t.swapFronts(parent, i)
		i = parent
	}
}

func (t *Timers) frontDown(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(t.fronts); c++ {
			if t.first(c) < t.first(least) {
				least = c
			}
		}
		if least == i {
			return
		}
		t.swapFronts(i, least)
		i = least
	}
}

func (t *Timers) swapFronts(i, j int) {
	f := t.fronts
	f[i], f[j] = f[j], f[i]
	t.places[f[i]], t.places[f[j]] = int32(i), int32(j)
}

// rebuild takes the entries whose timers were removed out of the heap of a key group. Some may name the same timer, if it was removed and set again in the same row.
func (t *Timers) rebuild(group int) {
	h := slices.DeleteFunc(t.heaps[group], func(e timerEntry) bool { return !t.valid(group, e) })
	slices.SortFunc(h, func(a, b timerEntry) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.row, b.row)) })
	t.heaps[group] = slices.Compact(h) // what is sorted is a heap
}

// Restored orders the timers after the space was restored.
func (t *Timers) Restored() {
	t.fronts = t.fronts[:0]
	for g, s := range t.space.subs {
		if s == nil {
			continue
		}
		h := t.heaps[g][:0]
		before := cap(h)
		for row := range s.rows.Len() {
			if p := s.rows.At(row); *flagsOf(p)&flagLive != 0 {
				h = append(h, timerEntry{*(*int64)(unsafe.Add(p, rowKey)), row})
			}
		}
		t.count(cap(h) - before)
		t.heaps[g] = h
		t.rebuild(g)
		if len(t.heaps[g]) > 0 {
			t.addFront(g)
		}
	}
}

// close gives back what the heaps were counted for.
func (t *Timers) close() {
	for _, h := range t.heaps {
		t.count(-cap(h))
	}
	t.heaps = nil
}
