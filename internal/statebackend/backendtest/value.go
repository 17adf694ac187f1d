package backendtest

import (
	"reflect"

	"github.com/weirstream/weir/internal/statebackend"
)

type valueCell[V any] struct {
	oracle[item[V]]
	of values[V]
	h  *statebackend.Value[V]
}

func same[X any](x X) X { return x }

func newValue[V any](name string, ttl *statebackend.TTL, of values[V]) cell {
	return &valueCell[V]{oracle: oracle[item[V]]{name: name, ttl: ttl, copy: same[item[V]]}, of: of}
}

func (c *valueCell[V]) bind(t *table) {
	c.bindTo(t)
	c.h = statebackend.NewValue[V](t.scope, c.name, c.ttl)
}

func (c *valueCell[V]) empty(key int) bool {
	x, ok := c.m[key]
	return !ok || c.expired(x.stamp)
}

// look is what reading does to the oracle: got is what the store gave.
func (b *oracle[X]) look(key int, stamp *int64, known, got bool) (want bool) {
	if !known {
		return false
	}
	switch b.fateOf(*stamp) {
	case there:
		if b.ttl != nil && b.ttl.OnRead {
			*stamp = b.w.now
		}
		return true
	case lastTime:
		return true
	case perhaps:
		return got
	}
	return false
}

// settle compares what the store gave with the oracle, which then is what it is after reading.
func (c *valueCell[V]) settle(key int, what string, got V, ok bool) {
	c.w.t.Helper()
	x, known := c.m[key]
	dead := known && c.expired(x.stamp)
	want := c.look(key, &x.stamp, known, ok)
	if ok != want || ok && !reflect.DeepEqual(got, x.v) {
		c.fatalf(key, "%s gives %+v, %v; want %+v, %v", what, got, ok, x.v, want)
	}
	if dead {
		delete(c.m, key)
	} else if known {
		c.m[key] = x
	}
}

func (c *valueCell[V]) check(key int) {
	got, ok := c.h.Get()
	c.settle(key, "Get", got, ok)
}

func (c *valueCell[V]) act(key int) {
	rng := c.w.rng
	switch rng.IntN(8) {
	case 0, 1:
		c.check(key)
	case 2:
		if p := c.h.Peek(); p != nil {
			c.settle(key, "Peek", *p, true)
		} else {
			c.settle(key, "Peek", *new(V), false)
		}
	case 3, 4:
		v := c.of.draw(rng)
		c.h.Set(v)
		c.m[key] = item[V]{v, c.w.now}
	case 5, 6:
		like := c.m[key].v
		p, fresh := c.h.EditLike(&like)
		c.settle(key, "Edit", *p, !fresh)
		if fresh && !reflect.ValueOf(p).Elem().IsZero() {
			c.fatalf(key, "Edit gives a fresh value of %+v", *p)
		}
		if rng.IntN(2) == 0 {
			*p = c.of.draw(rng)
		}
		v := *p
		c.h.Done()
		c.m[key] = item[V]{v, c.w.now}
	case 7:
		c.h.Clear()
		delete(c.m, key)
	}
}

// reducingCell is a reducing state whose result depends on the order.
type reducingCell struct {
	valueCell[int64]
	r *statebackend.Reducing[int64]
}

func newReducing(name string, ttl *statebackend.TTL) cell {
	return &reducingCell{valueCell: valueCell[int64]{oracle: oracle[item[int64]]{name: name, ttl: ttl, copy: same[item[int64]]}, of: ints}}
}

func combine(kept, v int64) int64 { return kept*31 + v }

func (c *reducingCell) bind(t *table) {
	c.bindTo(t)
	c.r = statebackend.NewReducing(t.scope, c.name, c.ttl, combine)
	c.h = c.r.Value
}

func (c *reducingCell) act(key int) {
	if c.w.rng.IntN(3) == 0 {
		c.valueCell.act(key)
		return
	}
	v := c.of.draw(c.w.rng)
	c.r.Add(v)
	x, known := c.m[key]
	with, without := combine(x.v, v), v
	got, ok := c.h.Get()
	fits := ok && got == without
	if known {
		switch c.fateOf(x.stamp) {
		case there, lastTime:
			fits = ok && got == with
		case perhaps:
			fits = ok && (got == with || got == without)
		}
	}
	if !fits {
		c.fatalf(key, "Add of %d to %+v (%v) gives %d, %v", v, x, known, got, ok)
	}
	c.m[key] = item[int64]{got, c.w.now}
}

// aggregatingCell gathers strings; its result is how many there are, and the last.
type aggregatingCell struct {
	valueCell[[]string]
	a *statebackend.Aggregating[string, []string, int]
}

func newAggregating(name string, ttl *statebackend.TTL) cell {
	return &aggregatingCell{valueCell: valueCell[[]string]{oracle: oracle[item[[]string]]{name: name, ttl: ttl, copy: same[item[[]string]]}}}
}

func (c *aggregatingCell) bind(t *table) {
	c.bindTo(t)
	c.a = statebackend.NewAggregating(t.scope, c.name, c.ttl, func() []string { return []string{"first"} },
		func(acc []string, v string) []string { return append(acc[:len(acc):len(acc)], v) }, func(acc []string) int { return len(acc) })
	c.h = c.a.Accumulator()
}

func (c *aggregatingCell) act(key int) {
	rng := c.w.rng
	switch rng.IntN(6) {
	case 0:
		c.a.Clear()
		delete(c.m, key)
		return
	case 1:
		c.check(key)
		return
	}
	v := randomString(rng, 10)
	c.a.Add(v)
	x, known := c.m[key]
	got, ok := c.a.Get()
	without := []string{"first", v}
	with := append(x.v[:len(x.v):len(x.v)], v)
	fate := gone
	if known {
		fate = c.fateOf(x.stamp)
	}
	switch {
	case ok && got == len(without) && (fate == gone || fate == perhaps):
		c.m[key] = item[[]string]{without, c.w.now}
	case ok && got == len(with) && fate != gone:
		c.m[key] = item[[]string]{with, c.w.now}
	default:
		c.fatalf(key, "Add to %+v (%v) gives %d, %v", x, known, got, ok)
	}
	c.check(key)
}
