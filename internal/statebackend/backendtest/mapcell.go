package backendtest

import (
	"maps"
	"reflect"
	"slices"

	"github.com/weirstream/weir/internal/statebackend"
)

// mapKeys is how many keys a map may have.
const mapKeys = 40

// mapOracle is the entries of a map by the number of their keys, and these in the order in which they were first put.
type mapOracle[V any] struct {
	at    map[int]item[V]
	order []int
}

func cloneMap[V any](o *mapOracle[V]) *mapOracle[V] {
	return &mapOracle[V]{maps.Clone(o.at), slices.Clone(o.order)}
}

func (o *mapOracle[V]) put(k int, x item[V]) {
	if _, ok := o.at[k]; !ok {
		o.order = append(o.order, k)
	}
	o.at[k] = x
}

func (o *mapOracle[V]) drop(k int) {
	if _, ok := o.at[k]; ok {
		delete(o.at, k)
		o.order = slices.DeleteFunc(o.order, func(x int) bool { return x == k })
	}
}

type mapCell[K comparable, V any] struct {
	oracle[*mapOracle[V]]
	of     values[V]
	key    func(int) K
	number map[K]int
	h      *statebackend.Map[K, V]
}

func newMap[K comparable, V any](name string, ttl *statebackend.TTL, of values[V], key func(int) K) cell {
	c := &mapCell[K, V]{oracle: oracle[*mapOracle[V]]{name: name, ttl: ttl, copy: cloneMap[V]}, of: of, key: key, number: map[K]int{}}
	for i := range mapKeys {
		c.number[key(i)] = i
	}
	return c
}

func (c *mapCell[K, V]) bind(t *table) {
	c.bindTo(t)
	c.h = statebackend.NewMap[K, V](t.scope, c.name, c.ttl)
}

func (c *mapCell[K, V]) entries(key int) *mapOracle[V] {
	o := c.m[key]
	if o == nil {
		o = &mapOracle[V]{at: map[int]item[V]{}}
		c.m[key] = o
	}
	return o
}

func (c *mapCell[K, V]) empty(key int) bool {
	if o := c.m[key]; o != nil {
		for _, x := range o.at {
			if !c.expired(x.stamp) {
				return false
			}
		}
	}
	return true
}

// settle compares what the store gave for an entry with the oracle, which then is what it is after reading.
func (c *mapCell[K, V]) settle(key, k int, what string, got V, ok bool) {
	c.w.t.Helper()
	o := c.entries(key)
	x, known := o.at[k]
	dead := known && c.expired(x.stamp)
	want := c.look(key, &x.stamp, known, ok)
	if ok != want || ok && !reflect.DeepEqual(got, x.v) {
		c.fatalf(key, "%s of %v gives %+v, %v; want %+v, %v", what, c.key(k), got, ok, x.v, want)
	}
	if dead {
		o.drop(k)
	} else if known {
		o.at[k] = x
	}
}

func (c *mapCell[K, V]) check(key int) {
	c.w.t.Helper()
	o := c.entries(key)
	order := slices.Clone(o.order)
	var gave []int
	for k, v := range c.h.All() {
		n, ok := c.number[k]
		if !ok || slices.Contains(gave, n) {
			c.fatalf(key, "All gives %v, after %v", k, gave)
		}
		gave = append(gave, n)
		c.settle(key, n, "All", v, true)
	}
	for _, n := range order {
		if !slices.Contains(gave, n) {
			c.settle(key, n, "All", *new(V), false)
		}
	}
	if c.ttl == nil && !slices.Equal(gave, order) {
		c.fatalf(key, "All gives entries in the order %v, want %v", gave, order)
	}
}

func (c *mapCell[K, V]) act(key int) {
	rng := c.w.rng
	o, k := c.entries(key), rng.IntN(mapKeys)
	if len(o.order) > 0 && rng.IntN(3) == 0 {
		k = o.order[rng.IntN(len(o.order))]
	}
	switch rng.IntN(16) {
	case 0:
		c.check(key)
	case 1, 2:
		v, ok := c.h.Get(c.key(k))
		c.settle(key, k, "Get", v, ok)
	case 3:
		if ok := c.h.Contains(c.key(k)); ok {
			c.settle(key, k, "Contains", o.at[k].v, true)
		} else {
			c.settle(key, k, "Contains", *new(V), false)
		}
	case 4, 5:
		p, fresh := c.h.Edit(c.key(k))
		c.settle(key, k, "Edit", *p, !fresh)
		if fresh && !reflect.ValueOf(p).Elem().IsZero() {
			c.fatalf(key, "Edit gives a fresh value of %+v", *p)
		}
		*p = c.of.draw(rng)
		v := *p
		c.h.Done()
		o.put(k, item[V]{v, c.w.now})
	case 6, 7:
		c.h.Delete(c.key(k))
		o.drop(k)
	case 8:
		if rng.IntN(4) == 0 {
			c.h.Clear()
			delete(c.m, key)
		}
	case 9:
		got, least := c.h.Len(), 0
		for _, x := range o.at {
			if !c.expired(x.stamp) {
				least++
			}
		}
		if got < least || got > len(o.at) {
			c.fatalf(key, "Len is %d, want %d to %d", got, least, len(o.at))
		}
	case 10:
		c.change(key)
	case 11:
		for range rng.IntN(mapKeys) {
			c.put(key, rng.IntN(mapKeys))
		}
	default:
		c.put(key, k)
	}
}

func (c *mapCell[K, V]) put(key, k int) {
	v := c.of.draw(c.w.rng)
	c.h.Put(c.key(k), v)
	c.entries(key).put(k, item[V]{v, c.w.now})
}

func (c *mapCell[K, V]) remove(key, k int) {
	c.h.Delete(c.key(k))
	c.entries(key).drop(k)
}

// change changes the map in a loop over it, and within that in another one: each entry must be seen once, with the value that it has then, unless it is
// removed before; those put meanwhile are not seen.
func (c *mapCell[K, V]) change(key int) {
	if c.ttl != nil {
		return
	}
	rng := c.w.rng
	must := slices.Clone(c.entries(key).order)
	for k, v := range c.h.All() {
		n := c.number[k]
		i := slices.Index(must, n)
		if i < 0 {
			c.fatalf(key, "a loop gives %v, which was put or removed meanwhile, or given before", k)
		}
		if x, ok := c.entries(key).at[n]; !ok || !reflect.DeepEqual(x.v, v) {
			c.fatalf(key, "a loop gives %v with %+v, want %+v, %v", k, v, x.v, ok)
		}
		must = slices.Delete(must, i, i+1)
		other := rng.IntN(mapKeys)
		switch rng.IntN(8) {
		case 0:
			c.remove(key, n)
		case 1, 2:
			c.remove(key, other)
			must = slices.DeleteFunc(must, func(n int) bool { return n == other })
		case 3: // it goes to the end
			c.remove(key, other)
			must = slices.DeleteFunc(must, func(n int) bool { return n == other })
			c.put(key, other)
		case 4:
			c.put(key, other)
		case 5:
			c.check(key)
		case 6:
			if rng.IntN(8) == 0 {
				c.h.Clear()
				delete(c.m, key)
				must = nil
			}
		case 7:
			if rng.IntN(8) == 0 {
				return
			}
		}
	}
	if len(must) > 0 {
		c.fatalf(key, "a loop has not given the entries %v", must)
	}
	c.check(key)
}
