package pages

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/xsync"
)

// table is the page table of a Vec or a Heap, with its generations; see the package comment. All but what mu guards belongs to the
// owner.
type table struct {
	// check is 0 while pages may be written without a look at their generation: that is, there is no snapshot, and nobody wants to know what was written since the last one. Written under mu.
	check atomic.Uint32
	gen   uint32 // the generation now; a snapshot has that of its Freeze
	pages []uintptr
	gens  []uint32 // for each page the generation in which it was made or taken over
	// newest is the generation of last, 0 if there is none; written under mu.
	newest  atomic.Uint32
	closed  bool
	tracked bool
	account *Account
	// shared is the copy of pages that the newest snapshot reads, while the two are equal.
	shared []uintptr
	mu     xsync.Mutex
	// last is the newest live snapshot.
	last *frozen // guarded by mu
}

// frozen is the table as it was.
type frozen struct {
	table *table
	pages []uintptr
	gens  []uint32 // of a table that is tracked
	gen   uint32
	// What follows is guarded by table.mu.
	older, newer *frozen // live ones
	released     bool
	// retired are the pages that this snapshot holds, perhaps older ones too, and nobody younger.
	retired []retired
}

// retired is a page that its owner has replaced.
type retired struct {
	addr uintptr
	from uint32 // its generation
	size uint32
}

func (t *table) init(a *Account) { t.gen, t.account = 1, a }

// take returns a page, counted. It is zero if zero is true.
func (t *table) take(size int, zero bool) uintptr {
	invariants.Check(!t.closed, "pages: used after Close")
	t.account.Add(int64(roundPage(size)))
	addr, used := allocPage(size)
	if used && zero {
		clear(unsafe.Slice((*byte)(pointer(&addr)), size))
	}
	return addr
}

// set puts a page into the table, at its end or in place of another.
func (t *table) set(p int, addr uintptr) {
	if p == len(t.pages) {
		t.pages, t.gens = append(t.pages, 0), append(t.gens, 0)
	}
	t.pages[p], t.gens[p] = addr, t.gen
	t.shared = nil
}

// own makes a page of an older generation one that may be written.
func (t *table) own(p, size int) {
	if t.newest.Load() >= t.gens[p] {
		t.move(p, size, size)
		return
	}
	t.gens[p] = t.gen
}

// move copies a page into one of another size, not smaller, whose remaining bytes are undefined.
func (t *table) move(p, from, to int) {
	addr := t.take(to, false)
	copy(unsafe.Slice((*byte)(pointer(&addr)), from), unsafe.Slice((*byte)(pointer(&t.pages[p])), from))
	t.drop(p, from)
	t.set(p, addr)
}

// drop frees a page, or retires it if a snapshot holds it. The table still has its address.
func (t *table) drop(p, size int) {
	if t.newest.Load() >= t.gens[p] && t.retire(p, size) {
		return
	}
	t.free(t.pages[p], size)
}

func (t *table) retire(p, size int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.last
	if s == nil || s.gen < t.gens[p] {
		return false
	}
	s.retired = append(s.retired, retired{addr: t.pages[p], from: t.gens[p], size: uint32(size)})
	t.account.retire(int64(roundPage(size)))
	return true
}

func (t *table) free(addr uintptr, size int) {
	freePage(addr, size)
	t.account.Add(-int64(roundPage(size)))
}

// freeze fills in the snapshot.
func (t *table) freeze(s *frozen) {
	invariants.Check(!t.closed, "pages: Freeze after Close")
	if t.shared == nil {
		t.shared = slices.Clone(t.pages)
	}
	if t.gen == math.MaxUint32 {
		t.renumber()
	}
	s.table, s.pages, s.gen = t, t.shared, t.gen
	if t.tracked {
		s.gens = slices.Clone(t.gens)
	}
	t.gen++
	pool.frozen.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.older = t.last; s.older != nil {
		s.older.newer = s
	}
	t.last = s
	t.newest.Store(s.gen)
	t.check.Store(1)
}

// renumber gives the live snapshots the generations from 1 on and the pages what follows from that, so that generations do not run out.
func (t *table) renumber() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var live []*frozen // from old to new
	for s := t.last; s != nil; s = s.older {
		live = append(live, s)
	}
	slices.Reverse(live)
	// A page is held by the snapshots that are not older than it.
	after := func(gen uint32) uint32 {
		n, _ := slices.BinarySearchFunc(live, gen, func(s *frozen, gen uint32) int { return cmp.Compare(s.gen, gen) })
		return uint32(n) + 1
	}
	for p := range t.gens {
		t.gens[p] = after(t.gens[p])
	}
	for _, s := range live {
		for i := range s.retired {
			s.retired[i].from = after(s.retired[i].from)
		}
	}
	for i, s := range live {
		s.gen = uint32(i) + 1
	}
	t.gen = uint32(len(live)) + 1
	t.newest.Store(uint32(len(live)))
}

// release ends the snapshot; see VecSnapshot.Release.
func (s *frozen) release() {
	for _, r := range s.table.unlink(s) {
		s.table.free(r.addr, int(r.size))
		s.table.account.retire(-int64(roundPage(int(r.size))))
	}
}

// unlink takes a snapshot out of the live ones and returns the pages that nobody holds any more.
func (t *table) unlink(s *frozen) []retired {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.released {
		return nil
	}
	s.released = true
	pool.frozen.Add(-1)
	older := s.older
	if older != nil {
		older.newer = s.newer
	}
	if s.newer != nil {
		s.newer.older = older
	} else if t.last = older; older != nil {
		t.newest.Store(older.gen)
	} else {
		t.newest.Store(0)
		if !t.tracked {
			t.check.Store(0)
		}
	}
	dead := s.retired
	if older != nil {
		dead = slices.DeleteFunc(dead, func(r retired) bool {
			held := r.from <= older.gen
			if held {
				older.retired = append(older.retired, r)
			}
			return held
		})
	}
	s.pages, s.gens, s.retired, s.older, s.newer = nil, nil, nil, nil, nil
	return dead
}
