package statebackend

import (
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/invariants"
)

// Table holds one value of type V per key for the key groups of a subtask. Each key group has a sub-table of its own, made at its first key
// and growing alone, so that no growth stops the task for long. It belongs to one goroutine.
//
// Slots are found by the low bits of the hash, rows are confirmed by 32 bits from the middle and then by the key itself; the
// high bits are used up by the key group.
type Table[K comparable, V any] struct {
	subs           []*subTable[K, V]
	first          int
	maxParallelism int
	equal          func(a, b *K) bool // nil: ==
	own            func(k *K)         // nil: keys pin nothing
	keys           int
	touched        uint64 // keeps Touch from being optimised away
}

type subTable[K comparable, V any] struct {
	slots []uint64 // tag<<32 | row+1; 0 is empty
	rows  []row[K, V]
}

type row[K comparable, V any] struct {
	key   K
	hash  uint64
	value V
}

// NewTable returns an empty table. equal is nil where == on K means equal encodings; own, unless nil, makes a key that is kept
// independent of larger buffers.
func NewTable[K comparable, V any](groups base.KeyGroupRange, maxParallelism int, equal func(a, b *K) bool, own func(*K)) *Table[K, V] {
	return &Table[K, V]{
		subs: make([]*subTable[K, V], groups.Last-groups.First+1), first: groups.First,
		maxParallelism: maxParallelism, equal: equal, own: own,
	}
}

// Len is the number of keys.
func (t *Table[K, V]) Len() int { return t.keys }

// At returns the place of key's value, and whether the key is new, with a zero value. The place is good until the next call.
func (t *Table[K, V]) At(hash uint64, key K) (value *V, fresh bool) {
	group := base.KeyGroup(hash, t.maxParallelism) - t.first
	if invariants.Enabled {
		invariants.Check(group >= 0 && group < len(t.subs), "key group %d is not in the range from %d of this subtask", group+t.first, t.first)
	}
	s := t.subs[group]
	if s == nil {
		s = &subTable[K, V]{slots: make([]uint64, 8), rows: make([]row[K, V], 0, 4)}
		t.subs[group] = s
	}
	tag := tagOf(hash)
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return t.insert(s, hash, key), true
		}
		if slot>>32 == tag {
			r := &s.rows[uint32(slot)-1]
			if t.equal == nil {
				if r.key == key {
					return &r.value, false
				}
			} else {
				wanted := key // so that only keys of this kind escape to the heap
				if t.equal(&r.key, &wanted) {
					return &r.value, false
				}
			}
		}
	}
}

// Touch looks up the first places of some hashes, all at once, so that the processor waits for their memory together and not one after the other. It changes nothing.
// Tables that fit into the cache are left alone.
func (t *Table[K, V]) Touch(hashes []uint64) {
	if t.keys < touchKeys {
		return
	}
	var slots [64]uint64
	seen := uint64(0)
	for len(hashes) > 0 {
		part := hashes[:min(len(hashes), len(slots))]
		hashes = hashes[len(part):]
		for i, h := range part {
			slots[i] = 0
			if s := t.subs[base.KeyGroup(h, t.maxParallelism)-t.first]; s != nil {
				slots[i] = s.slots[h&uint64(len(s.slots)-1)]
			}
		}
		for i, h := range part {
			if slots[i] != 0 {
				seen ^= t.subs[base.KeyGroup(h, t.maxParallelism)-t.first].rows[uint32(slots[i])-1].hash
			}
		}
	}
	t.touched = seen
}

func tagOf(hash uint64) uint64 { return hash >> 24 & 0xFFFFFFFF }

func (t *Table[K, V]) insert(s *subTable[K, V], hash uint64, key K) *V {
	if (len(s.rows)+1)*4 > len(s.slots)*3 {
		s.rehash()
	}
	t.keys++
	s.rows = append(s.rows, row[K, V]{key: key, hash: hash})
	if t.own != nil {
		t.own(&s.rows[len(s.rows)-1].key)
	}
	s.place(hash, len(s.rows))
	return &s.rows[len(s.rows)-1].value
}

func (s *subTable[K, V]) place(hash uint64, rowPlusOne int) {
	mask := uint64(len(s.slots) - 1)
	i := hash & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = tagOf(hash)<<32 | uint64(rowPlusOne)
}

func (s *subTable[K, V]) rehash() {
	s.slots = make([]uint64, 2*len(s.slots))
	for i := range s.rows {
		s.place(s.rows[i].hash, i+1)
	}
}

// All calls yield for each key in the order of key groups, then of first arrival, until it returns false.
func (t *Table[K, V]) All(yield func(K, *V) bool) {
	for _, s := range t.subs {
		if s == nil {
			continue
		}
		for i := range s.rows {
			if !yield(s.rows[i].key, &s.rows[i].value) {
				return
			}
		}
	}
}
