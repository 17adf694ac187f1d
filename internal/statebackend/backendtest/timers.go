package backendtest

import (
	"maps"
	"slices"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// timer is one that is set: the oracle has a set of these.
type timer struct {
	time int64
	ns   [2]uint64
	key  int
}

// timers are timers with their oracle.
type timers struct {
	pool *keyPool // namespaces of its own are part of the keys
	ns   int
	own  []int
	w    *world
	h    *statebackend.Timers
	set  map[timer]bool
	due  *statebackend.Due
	last []timer // set lately
}

func (t *timers) bind(s *site, number int) {
	t.w, t.set, t.due = s.w, map[timer]bool{}, statebackend.NewDue()
	t.h = statebackend.NewTimers(s.store, "timers", t.ns, t.pool.layout)
	t.h.Space().Rehash(func(w []uint64, b []byte) (uint64, uint64) {
		keyHash, _ := t.pool.rehash(w[1+t.ns:], b)
		return keyHash, statebackend.Combine(keyHash, w[:1+t.ns]...)
	})
	t.own = t.pool.ownKeys(s.w, s.groups)
}

func (t *timers) act() {
	if len(t.own) == 0 {
		return
	}
	rng := t.w.rng
	x := timer{time: rng.Int64N(1000) - 500, key: t.own[rng.IntN(len(t.own))]}
	for i := range t.ns {
		x.ns[i] = rng.Uint64N(3)
	}
	if len(t.last) > 0 && rng.IntN(4) == 0 {
		x = t.last[rng.IntN(len(t.last))]
	}
	k := &t.pool.keys[x.key]
	switch n := rng.IntN(20); {
	case n == 0 && rng.IntN(10) == 0:
		t.burst()
	case n < 10:
		t.last = append(t.last[max(0, len(t.last)-20):], x)
		if fresh := t.h.Add(k.keyHash, x.time, x.ns[:t.ns], k.words, k.bytes); fresh == t.set[x] {
			t.w.fatalf("Add of timer %+v says %v", x, fresh)
		}
		t.set[x] = true
	case n < 16:
		if was := t.h.Remove(k.keyHash, x.time, x.ns[:t.ns], k.words, k.bytes); was != t.set[x] {
			t.w.fatalf("Remove of timer %+v says %v", x, was)
		}
		delete(t.set, x)
	case n < 19:
		t.pop(x.time, 1+rng.IntN(3))
	case rng.IntN(10) == 0:
		t.pop(x.time, len(t.set)+1)
	}
	if t.h.Len() != len(t.set) {
		t.w.fatalf("there are %d timers, want %d", t.h.Len(), len(t.set))
	}
}

// burst sets many timers of one key and removes most of them.
func (t *timers) burst() {
	rng := t.w.rng
	key := t.own[rng.IntN(len(t.own))]
	k := &t.pool.keys[key]
	n, keep := 70+rng.IntN(300), rng.IntN(20)
	for i := range n {
		x := timer{time: int64(i), key: key}
		t.h.Add(k.keyHash, x.time, x.ns[:t.ns], k.words, k.bytes)
		t.set[x] = true
	}
	for i := range n - keep {
		x := timer{time: int64(i), key: key}
		t.h.Remove(k.keyHash, x.time, x.ns[:t.ns], k.words, k.bytes)
		delete(t.set, x)
	}
}

// first is the time of the first timer.
func (t *timers) first() (first int64, ok bool) {
	for x := range t.set {
		if !ok || x.time < first {
			first, ok = x.time, true
		}
	}
	return first, ok
}

// pop takes the first timers up to a time, at most n.
func (t *timers) pop(until int64, n int) {
	for range n {
		first, ok := t.first()
		if next, has := t.h.Next(); has != ok || next != first {
			t.w.fatalf("Next is %d, %v; want %d, %v", next, has, first, ok)
		}
		if came := t.h.Pop(until, t.due); came != (ok && first <= until) {
			t.w.fatalf("Pop until %d says %v, the first of %d timers is at %d", until, came, len(t.set), first)
		} else if !came {
			return
		}
		key, known := t.pool.number[t.pool.name(t.due.Words[t.ns:], t.due.Bytes)]
		x := timer{time: t.due.Time, key: key}
		copy(x.ns[:], t.due.Words[:t.ns])
		if !known || x.time != first || !t.set[x] {
			t.w.fatalf("Pop gives %+v, which is not set, or not the first, at %d", x, first)
		}
		delete(t.set, x)
	}
}

// check takes all timers, and sets them again.
func (t *timers) check() {
	all := slices.Collect(maps.Keys(t.set))
	t.pop(1000, len(t.set)+1)
	if t.h.Len() != 0 || len(t.set) != 0 {
		t.w.fatalf("%d timers are left, want %d", t.h.Len(), len(t.set))
	}
	slices.SortFunc(all, func(a, b timer) int { return a.key - b.key })
	for _, x := range all {
		k := &t.pool.keys[x.key]
		t.h.Add(k.keyHash, x.time, x.ns[:t.ns], k.words, k.bytes)
		t.set[x] = true
	}
}

func (t *timers) export() any { return maps.Clone(t.set) }

func (t *timers) adopt(from any, in base.KeyGroupRange) {
	for x := range from.(map[timer]bool) {
		if in.Contains(base.KeyGroup(t.pool.keys[x.key].keyHash, t.w.maxParallelism)) {
			t.set[x] = true
		}
	}
}

func (t *timers) restored() { t.h.Restored() }
