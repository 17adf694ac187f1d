package backendtest

import (
	"fmt"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// table is a space with some states.
type table struct {
	w      *world
	site   *site
	number int
	pool   *keyPool
	own    []int // the keys whose key group is the site's
	scope  *statebackend.Scope
	other  *statebackend.Scope
	cells  []cell
}

// drawTable returns a maker of tables.
func (w *world) drawTable() func() keyed {
	pool := newPool(w.rng)
	var makers []func() cell
	for i := range 1 + w.rng.IntN(4) {
		makers = append(makers, drawCell(w.rng, fmt.Sprint("state ", i)))
	}
	return func() keyed {
		t := &table{pool: pool}
		for _, make := range makers {
			t.cells = append(t.cells, make())
		}
		return t
	}
}

// ownKeys are the keys of a pool whose key group is in the range.
func (p *keyPool) ownKeys(w *world, in base.KeyGroupRange) (own []int) {
	for i, k := range p.keys {
		if in.Contains(base.KeyGroup(k.keyHash, w.maxParallelism)) {
			own = append(own, i)
		}
	}
	return own
}

func (t *table) bind(s *site, number int) {
	t.w, t.site, t.number = s.w, s, number
	sp := s.store.Space(fmt.Sprint("table ", number), t.pool.layout)
	sp.Rehash(t.pool.rehash)
	t.scope, t.other = statebackend.NewScope(sp), statebackend.NewScope(sp)
	for _, c := range t.cells {
		c.bind(t)
	}
	t.own = t.pool.ownKeys(s.w, s.groups)
}

func (t *table) set(s *statebackend.Scope, key int) {
	k := &t.pool.keys[key]
	copy(s.Words(), k.words)
	s.SetIn(k.keyHash, k.hash, append(s.Buffer(), k.bytes...))
}

func (t *table) act() {
	if len(t.own) == 0 {
		return
	}
	rng := t.w.rng
	key := t.own[rng.IntN(len(t.own))]
	if rng.IntN(5) > 0 { // some keys are used much
		key = t.own[rng.IntN(min(len(t.own), 4))]
	}
	t.set(t.scope, key)
	for range 1 + rng.IntN(6) {
		if n := rng.IntN(200); n < 2 {
			t.remove(key, n == 0)
		}
		t.cells[rng.IntN(len(t.cells))].act(key)
	}
	switch rng.IntN(20) {
	case 0:
		t.scope.Unset()
	case 1:
		t.touch()
	}
}

// remove clears all state of the key that the scope points at, by this scope or another one.
func (t *table) remove(key int, byOther bool) {
	s := t.scope
	if byOther {
		s = t.other
		t.set(s, key)
	}
	s.Remove()
	if byOther && t.w.rng.IntN(2) == 0 {
		s.Unset()
	}
	for _, c := range t.cells {
		c.removed(key)
	}
	if t.w.rng.IntN(2) == 0 {
		return
	}
	for _, c := range t.cells {
		c.check(key)
	}
}

// touch announces keys, which changes nothing.
func (t *table) touch() {
	var hashes []uint64
	for range t.w.rng.IntN(100) {
		hashes = append(hashes, t.pool.keys[t.own[t.w.rng.IntN(len(t.own))]].keyHash)
	}
	t.scope.Space().Touch(hashes)
}

func (t *table) check() {
	for _, key := range t.own {
		t.set(t.scope, key)
		for _, c := range t.cells {
			c.check(key)
		}
		t.set(t.scope, key)
		if _, ok := t.scope.Find(); ok == t.empty(key) {
			t.w.fatalf("table %d, key %d: there is a row: %v, and no state: %v", t.number, key, ok, t.empty(key))
		}
	}
	t.scope.Unset()
}

func (t *table) empty(key int) bool {
	for _, c := range t.cells {
		if !c.empty(key) {
			return false
		}
	}
	return true
}

func (t *table) export() any {
	var all []any
	for _, c := range t.cells {
		all = append(all, c.export())
	}
	return all
}

func (t *table) adopt(from any, in base.KeyGroupRange) {
	for _, key := range t.pool.ownKeys(t.w, in) {
		for i, c := range t.cells {
			c.adopt(from.([]any)[i], key)
		}
	}
}

func (t *table) restored() {}
