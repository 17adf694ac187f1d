package statebackend

import (
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/pages"
)

// Contents are keys of a space, with their rows and index, that are not in it at the moment.
type Contents struct {
	space        *Space
	subs         []*sub
	heap         *pages.Heap
	keys, vacant int
}

// Swap puts contents that were taken out of the space into it, or none for nil, and returns those that it had. It takes the same time for all sizes. No key of the space may have a map, and no snapshot may be taken
// of its store; without a spill, and without timers. Scopes of the space point at no key then. Refs are of the contents that were in the space when they were made. Who has contents closes them.
func (sp *Space) Swap(c *Contents) *Contents {
	if c == nil {
		c = &Contents{space: sp, subs: make([]*sub, len(sp.subs)), heap: pages.NewHeap(sp.store.account)}
	}
	if invariants.Enabled {
		invariants.Check(c.space == sp && !sp.child && sp.timers == nil && !sp.spills(), "space %q gets contents that it cannot have", sp.name)
	}
	for _, scope := range sp.store.scopes {
		if scope.space == sp {
			scope.Unset()
		}
	}
	sp.sealed = true
	sp.version++
	sp.subs, c.subs = c.subs, sp.subs
	sp.heap, c.heap = c.heap, sp.heap
	sp.keys, c.keys = c.keys, sp.keys
	sp.vacant, c.vacant = c.vacant, sp.vacant
	return c
}

// Len is the number of keys.
func (c *Contents) Len() int { return c.keys }

// Close gives the memory back.
func (c *Contents) Close() {
	for _, s := range c.subs {
		if s != nil {
			s.close(c.space.store.account)
		}
	}
	c.heap.Close()
	c.subs, c.keys, c.vacant = nil, 0, 0
}

func (s *sub) close(account *pages.Account) {
	s.rows.Close()
	s.gone.close(account)
	n := int(s.mask+1) * 8
	pages.Free(s.slots, n)
	account.Add(-int64(n))
}
