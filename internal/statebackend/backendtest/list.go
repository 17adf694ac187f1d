package backendtest

import (
	"reflect"
	"slices"

	"github.com/weirstream/weir/internal/statebackend"
)

type listCell[V any] struct {
	oracle[[]item[V]]
	of values[V]
	h  *statebackend.List[V]
}

func newList[V any](name string, ttl *statebackend.TTL, of values[V]) cell {
	return &listCell[V]{oracle: oracle[[]item[V]]{name: name, ttl: ttl, copy: slices.Clone[[]item[V]]}, of: of}
}

func (c *listCell[V]) bind(t *table) {
	c.bindTo(t)
	c.h = statebackend.NewList[V](t.scope, c.name, c.ttl)
}

func (c *listCell[V]) empty(key int) bool {
	return !slices.ContainsFunc(c.m[key], func(x item[V]) bool { return !c.expired(x.stamp) })
}

func (c *listCell[V]) set(key int, all []item[V]) {
	if len(all) == 0 {
		delete(c.m, key)
		return
	}
	c.m[key] = all
}

func (c *listCell[V]) check(key int) {
	got := slices.Collect(c.h.All())
	c.settle(key, got)
}

// settle compares what the store gave with the oracle: elements that have expired may be among them if the state returns such, and then all that were not given are gone for good.
func (c *listCell[V]) settle(key int, got []V) {
	c.w.t.Helper()
	var kept []item[V]
	rest, live := got, false
	for _, x := range slices.Backward(c.m[key]) { // from behind, since the first ones have been cleaned up first
		fate, last := c.fateOf(x.stamp), len(rest)-1
		matches := last >= 0 && reflect.DeepEqual(rest[last], x.v)
		if (fate == there || fate == lastTime) && !matches {
			c.fatalf(key, "All gives %+v, want %+v", got, c.m[key])
		}
		if fate == gone || !matches {
			continue
		}
		rest = rest[:last]
		if fate == there {
			live = true
			if c.ttl != nil && c.ttl.OnRead {
				x.stamp = c.w.now
			}
		}
		kept = append(kept, x)
	}
	if len(rest) > 0 {
		c.fatalf(key, "All gives %+v, want %+v", got, c.m[key])
	}
	slices.Reverse(kept)
	if !live { // read for the last time
		kept = nil
	}
	c.set(key, kept)
}

func (c *listCell[V]) act(key int) {
	rng := c.w.rng
	switch n := rng.IntN(13); n {
	case 0, 1:
		c.check(key)
	case 2:
		got, least := c.h.Len(), 0
		for _, x := range c.m[key] {
			if !c.expired(x.stamp) {
				least++
			}
		}
		if got < least || got > len(c.m[key]) {
			c.fatalf(key, "Len is %d, want %d to %d", got, least, len(c.m[key]))
		}
	case 3:
		if rng.IntN(3) == 0 {
			c.h.Clear()
			delete(c.m, key)
		}
	case 4, 5:
		vs := make([]V, rng.IntN(5))
		for i := range vs {
			vs[i] = c.of.draw(rng)
		}
		if n == 4 {
			c.h.Replace(vs)
		} else {
			c.h.Assign(vs)
		}
		var all []item[V]
		for _, v := range vs {
			all = append(all, item[V]{v, c.w.now})
		}
		c.set(key, all)
	case 6:
		c.change(key)
	case 7:
		for range rng.IntN(40) {
			c.add(key)
		}
	default:
		c.add(key)
	}
}

func (c *listCell[V]) add(key int) {
	v := c.of.draw(c.w.rng)
	c.h.Add(v)
	c.m[key] = append(slices.Clip(c.m[key]), item[V]{v, c.w.now})
}

// change changes the list in a loop over it.
func (c *listCell[V]) change(key int) {
	if c.ttl != nil {
		return
	}
	before := c.m[key]
	stop, clearAt := c.w.rng.IntN(len(before)+2), c.w.rng.IntN(len(before)+3)
	i := 0
	for v := range c.h.All() {
		if i < len(before) && !reflect.DeepEqual(v, before[i].v) {
			c.fatalf(key, "element %d in a loop is %+v, want %+v", i, v, before[i].v)
		}
		if i == stop {
			break
		}
		if i == clearAt {
			c.h.Clear()
			delete(c.m, key)
			c.add(key)
		} else if i < len(before) {
			c.add(key)
		}
		if i > clearAt {
			c.fatalf(key, "a loop goes on after Clear")
		}
		i++
	}
	if i < min(len(before), stop, clearAt) {
		c.fatalf(key, "a loop ends after %d elements of %d", i, len(before))
	}
	c.check(key)
}
