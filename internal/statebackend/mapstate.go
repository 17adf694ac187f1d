package statebackend

import (
	"iter"
	"unsafe"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/codec"
)

// A map's cell holds the first and last of its entries, as their rows plus one in the same key group of the space of entries, and how many there are. The key of an entry is the
// row of the map's key, then the entry's own key; its row has a link to the entries before and behind it, then the value's cell.
type mapCell struct{ head, tail, count, _ uint32 }

type entryLinks struct{ prev, next uint32 }

// Map is a map of values for each key.
type Map[K comparable, V any] struct {
	scope *Scope
	cell  *Cell
	at    *Scope // the entry
	value *Value[V]
	links uintptr
	words *codec.Words[K]
	hash  func(K) uint64
	key   K
}

// NewMap declares a map on the space of a scope. It panics if K cannot be a key: the API has checked that.
func NewMap[K comparable, V any](s *Scope, name string, ttl *TTL) *Map[K, V] {
	words, err := codec.WordsFor[K]()
	if err != nil {
		panic(err)
	}
	kc, err := codec.KeyFor[K]()
	if err != nil {
		panic(err)
	}
	c := newCell[V](name, MapKind, ttl)
	c.keySchema = kc.Codec.Schema()
	c.entries = s.space.store.Space(s.space.name+"."+name, KeyLayout{Words: 1 + words.N, Bytes: words.Bytes})
	c.entries.child, c.entries.parent = true, c
	m := &Map[K, V]{scope: s, cell: c, words: words, hash: kc.Hash, at: NewScope(c.entries), links: uintptr(c.entries.width)}
	c.entries.width += int(unsafe.Sizeof(entryLinks{}))
	m.value = NewValue[V](m.at, name, ttl)
	m.value.cell.linksOff = m.links
	c.hashEntry = func(key []uint64, b []byte) uint64 {
		var k K
		words.Get(key, b, &k)
		return kc.Hash(k)
	}
	s.space.reserve(c, unsafe.Sizeof(mapCell{}))
	return m
}

// Cell is the place of the map in rows.
func (m *Map[K, V]) Cell() *Cell { return m.cell }

// point makes m.at point at the entry of k, which need not be there.
func (m *Map[K, V]) point(r Ref, k K) {
	if k == m.key && m.at.words[0] == uint64(r.Row()) && m.at.group == r.Group() && m.at.state != scopeNone {
		return
	}
	m.key = k
	m.at.words[0] = uint64(r.Row())
	b := m.words.Put(&m.key, m.at.words[1:1+m.words.N], m.at.Buffer())
	m.at.SetGroup(r.Group(), base.HashCombine(m.hash(k), uint64(r.Row())), b)
}

// Get returns the value of a key, and whether there is one.
func (m *Map[K, V]) Get(k K) (value V, ok bool) {
	if p := m.Peek(k); p != nil {
		return *p, true
	}
	return value, false
}

// Peek returns the value of a key for reading, nil if there is none. The pointer is good until the next access to any state.
func (m *Map[K, V]) Peek(k K) *V {
	if _, ok := m.scope.present(m.cell); !ok {
		return nil
	}
	m.point(m.scope.ref, k)
	return m.settle(m.value.Peek())
}

// settle takes the entry out of the map if reading has found it expired.
func (m *Map[K, V]) settle(p *V) *V {
	if m.cell.ttl == nil {
		return p
	}
	if r, ok := m.at.find(); ok {
		if *flagsOf(m.cell.entries.Row(r))&m.value.cell.bit == 0 {
			m.cell.removeEntry(m.scope.ref, r)
			m.at.state, m.at.dirty = scopeAbsent, false
			m.scope.dirty = true
		} else if m.cell.ttl.OnRead {
			m.touch()
		}
	}
	return p
}

// touch marks the map's key as changed.
func (m *Map[K, V]) touch() {
	m.cell.space.change(m.cell.space.Edit(m.scope.ref), m.cell.bit)
}

// Contains reports whether there is a value of a key.
func (m *Map[K, V]) Contains(k K) bool { return m.Peek(k) != nil }

// Put sets the value of a key.
func (m *Map[K, V]) Put(k K, v V) {
	m.enter(k)
	m.value.Set(v)
}

// Edit returns the value of a key for writing; fresh tells that there was none, and that it is zero. Done must follow before any other access to state.
func (m *Map[K, V]) Edit(k K) (value *V, fresh bool) {
	m.enter(k)
	return m.value.Edit()
}

// Done ends what Edit began.
func (m *Map[K, V]) Done() { m.value.Done() }

// enter makes the entry of a key if it is not there.
func (m *Map[K, V]) enter(k K) {
	m.cell.space.change(m.scope.write(), m.cell.bit)
	parent := m.scope.ref
	m.point(parent, k)
	if m.at.read() != nil {
		return
	}
	r := m.at.Ref()
	m.at.dirty = false // linked: it goes with Delete
	m.cell.link(parent, r)
}

// link appends an entry to the chain of its map.
func (c *Cell) link(parent, r Ref) {
	cell := (*mapCell)(unsafe.Add(c.space.Edit(parent), c.off))
	links := c.links(r)
	links.prev = cell.tail
	if cell.tail != 0 {
		c.links(makeRef(r.Group(), cell.tail-1)).next = r.Row() + 1
	} else {
		cell.head = r.Row() + 1
	}
	cell.tail = r.Row() + 1
	cell.count++
}

func (c *Cell) links(r Ref) *entryLinks {
	return (*entryLinks)(unsafe.Add(c.entries.Edit(r), c.entries.cells[0].linksOff))
}

// removeEntry takes an entry out of the chain and forgets it.
func (c *Cell) removeEntry(parent, r Ref) {
	links := *c.links(r)
	if c.walks != nil {
		c.walks.skip(parent, r, links)
	}
	row := c.space.Edit(parent)
	cell := (*mapCell)(unsafe.Add(row, c.off))
	if links.prev != 0 {
		c.links(makeRef(r.Group(), links.prev-1)).next = links.next
	} else {
		cell.head = links.next
	}
	if links.next != 0 {
		c.links(makeRef(r.Group(), links.next-1)).prev = links.prev
	} else {
		cell.tail = links.prev
	}
	c.space.change(row, 0)
	if cell.count--; cell.count == 0 {
		*flagsOf(row) &^= c.bit
	}
	c.entries.Remove(r)
}

// Delete removes a key.
func (m *Map[K, V]) Delete(k K) {
	if _, ok := m.scope.present(m.cell); !ok {
		return
	}
	m.point(m.scope.ref, k)
	if r, ok := m.at.find(); ok {
		m.cell.removeEntry(m.scope.ref, r)
		m.at.state = scopeAbsent
		m.scope.dirty = true
	}
}

// Len is the number of entries, expired ones included.
func (m *Map[K, V]) Len() int {
	row, ok := m.scope.present(m.cell)
	if !ok {
		return 0
	}
	return int((*mapCell)(unsafe.Add(row, m.cell.off)).count)
}

// All returns the entries in the order in which their keys were first put. The map may be changed meanwhile: an entry that is removed before its turn is not seen, nor is one that
// is added.
func (m *Map[K, V]) All() iter.Seq2[K, V] { return func(yield func(K, V) bool) { m.Each(yield) } }

// Each calls yield for the entries as All has them, until it returns false.
func (m *Map[K, V]) Each(yield func(K, V) bool) {
	row, ok := m.scope.present(m.cell)
	if !ok {
		return
	}
	c, parent := m.cell, m.scope.ref
	cell := (*mapCell)(unsafe.Add(row, c.off))
	walk := c.walk(parent, cell.head, cell.tail)
	defer c.walked(walk)
	for walk.next != 0 {
		at := walk.next
		r := makeRef(parent.Group(), at-1)
		walk.next = (*entryLinks)(unsafe.Add(c.entries.Row(r), m.links)).next
		if at == walk.last {
			walk.next = 0
		}
		m.at.Point(r)
		m.words.Get(m.at.words[1:1+m.words.N], m.at.bytes, &m.key)
		k := m.key
		if p := m.settle(m.value.Peek()); p != nil && !yield(k, *p) {
			return
		}
		if m.scope.state != scopePresent || m.scope.ref != parent {
			return
		}
	}
}

// EachKey calls yield for the keys as All has them, until it returns false.
func (m *Map[K, V]) EachKey(yield func(K) bool) { m.Each(func(k K, _ V) bool { return yield(k) }) }

// EachValue calls yield for the values as All has them, until it returns false.
func (m *Map[K, V]) EachValue(yield func(V) bool) { m.Each(func(_ K, v V) bool { return yield(v) }) }

// mapWalk is a loop over the entries of a map that is under way.
type mapWalk struct {
	parent Ref
	// next and last are the rows of the next entry and of the last one to see, plus one; next is 0 at the end.
	next, last uint32
	// outer is the loop that was begun before, or, when this one has ended, another that has.
	outer *mapWalk
}

func (c *Cell) walk(parent Ref, first, last uint32) *mapWalk {
	w := c.idle
	if w == nil {
		w = &mapWalk{}
	} else {
		c.idle = w.outer
	}
	*w = mapWalk{parent: parent, next: first, last: last, outer: c.walks}
	c.walks = w
	return w
}

// walked ends a loop. Loops that were begun as coroutines need not end in order.
func (c *Cell) walked(w *mapWalk) {
	for at := &c.walks; *at != nil; at = &(*at).outer {
		if *at == w {
			*at = w.outer
			break
		}
	}
	w.outer, c.idle = c.idle, w
}

// skip keeps the loops over a map away from an entry that is taken out.
func (w *mapWalk) skip(parent, r Ref, links entryLinks) {
	at := r.Row() + 1
	for ; w != nil; w = w.outer {
		if w.parent != parent {
			continue
		}
		last := at == w.last
		if last {
			w.last = links.prev
		}
		if at == w.next {
			if w.next = links.next; last {
				w.next = 0
			}
		}
	}
}

// Clear removes all entries.
func (m *Map[K, V]) Clear() {
	m.at.Unset()
	m.scope.clear(m.cell)
}

func (c *Cell) freeMap(r Ref, row unsafe.Pointer) {
	cell := (*mapCell)(unsafe.Add(row, c.off))
	head := cell.head
	*cell = mapCell{}
	for w := c.walks; w != nil; w = w.outer {
		if w.parent == r {
			w.next = 0
		}
	}
	for head != 0 {
		e := makeRef(r.Group(), head-1)
		head = (*entryLinks)(unsafe.Add(c.entries.Row(e), c.entries.cells[0].linksOff)).next
		c.entries.Remove(e)
	}
}
