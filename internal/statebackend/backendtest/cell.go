package backendtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"

	"github.com/weirstream/weir/internal/statebackend"
)

// cell is a state of a table with its oracle. The scope points at the key of the given number when act and check are called.
type cell interface {
	// bind declares the state on a scope.
	bind(t *table)
	// act does something random.
	act(key int)
	// check reads the state and compares.
	check(key int)
	// removed tells that all state of the key was removed.
	removed(key int)
	// export returns a copy of what the oracle has; adopt adds that of one key from such a copy to an oracle.
	export() any
	adopt(from any, key int)
	empty(key int) bool
}

// base is what all cells have.
type oracle[X any] struct {
	*table
	name string
	ttl  *statebackend.TTL
	m    map[int]X
	copy func(X) X
}

func (b *oracle[X]) bindTo(t *table) { b.table, b.m = t, map[int]X{} }

func (b *oracle[X]) removed(key int) { delete(b.m, key) }

func (b *oracle[X]) export() any {
	all := maps.Clone(b.m)
	for k, x := range all {
		all[k] = b.copy(x)
	}
	return all
}

func (b *oracle[X]) adopt(from any, key int) {
	if x, ok := from.(map[int]X)[key]; ok {
		b.m[key] = b.copy(x)
	}
}

// expired reports whether an entry of the time is past its life.
func (b *oracle[X]) expired(stamp int64) bool { return b.ttl != nil && stamp+b.ttl.Millis <= b.w.now }

func (b *oracle[X]) fatalf(key int, format string, args ...any) {
	b.w.t.Helper()
	ttl := "none"
	if b.ttl != nil {
		ttl = ttlText(b.ttl)
	}
	b.w.fatalf("table %d, key %d, state %q, time to live: %s: "+format, append([]any{b.number, key, b.name, ttl}, args...)...)
}

func ttlText(t *statebackend.TTL) string {
	on := []string{fmt.Sprint(t.Millis, " ms")}
	for _, f := range []struct {
		set  bool
		name string
	}{{t.OnRead, "on read"}, {t.ReturnExpired, "return expired"}, {t.NoCleanup, "no cleanup"}} {
		if f.set {
			on = append(on, f.name)
		}
	}
	return strings.Join(on, ", ")
}

// item is a value with its time.
type item[V any] struct {
	v     V
	stamp int64
}

// fate is what reading an entry must, or may, give.
type fate uint8

const (
	there fate = iota
	gone
	// perhaps is that of an expired entry that may have been cleaned up, lastTime that of one that cannot have been. Both go when they are returned.
	perhaps
	lastTime
)

func (b *oracle[X]) fateOf(stamp int64) fate {
	switch {
	case !b.expired(stamp):
		return there
	case !b.ttl.ReturnExpired:
		return gone
	case b.ttl.NoCleanup:
		return lastTime
	}
	return perhaps
}

// values draws values of a type.
type values[V any] struct {
	draw func(rng *rand.Rand) V
}

// Values without pointers, and with.
type point struct {
	X, Y int64
	Z    float32
	N    uint8
	B    [5]byte
}

// label has strings, and no other pointers.
type label struct {
	A string
	N int32
	B struct{ C, D string }
	P point
	E string
}

type record struct {
	ID   int64
	Name string
	Tags []string
	More map[int32]string
	Next *record
}

var (
	ints    = values[int64]{func(r *rand.Rand) int64 { return r.Int64() }}
	bytes1  = values[uint8]{func(r *rand.Rand) uint8 { return uint8(r.Uint32()) }}
	nothing = values[struct{}]{func(*rand.Rand) struct{} { return struct{}{} }}
	points  = values[point]{func(r *rand.Rand) point {
		return point{r.Int64(), r.Int64(), r.Float32(), uint8(r.IntN(256)), [5]byte{byte(r.IntN(256))}}
	}}
	labels = values[label]{func(r *rand.Rand) label {
		v := label{A: randomString(r, 20), N: int32(r.Uint32()), E: randomString(r, 20)}
		v.B.C, v.B.D, v.P.X = randomString(r, 2), randomString(r, 40), r.Int64()
		return v
	}}
	texts = values[string]{func(r *rand.Rand) string {
		if r.IntN(50) == 0 {
			return strings.Repeat(randomString(r, 40), r.IntN(3000)) // up to pages of its own
		}
		return randomString(r, 30)
	}}
	records = values[record]{func(r *rand.Rand) record {
		v := record{ID: r.Int64(), Name: randomString(r, 20)}
		for range r.IntN(3) {
			v.Tags = append(v.Tags, randomString(r, 10))
		}
		if r.IntN(2) == 0 {
			v.More = map[int32]string{int32(r.IntN(9)): randomString(r, 9)}
		}
		if r.IntN(4) == 0 {
			v.Next = &record{ID: r.Int64()}
		}
		return v
	}}
)

// drawTTL draws a time to live, or none.
func drawTTL(rng *rand.Rand) *statebackend.TTL {
	if rng.IntN(2) == 0 {
		return nil
	}
	return &statebackend.TTL{
		Millis: 1 + rng.Int64N(200), OnRead: rng.IntN(2) == 0, ReturnExpired: rng.IntN(3) == 0, NoCleanup: rng.IntN(2) == 0,
	}
}

// drawCell returns a maker of states of a random kind: each call makes the same.
func drawCell(rng *rand.Rand, name string) func() cell {
	ttl := drawTTL(rng)
	switch rng.IntN(17) {
	case 0:
		return func() cell { return newValue(name, ttl, points) }
	case 1:
		return func() cell { return newValue(name, ttl, texts) }
	case 2:
		return func() cell { return newValue(name, ttl, records) }
	case 3:
		return func() cell { return newValue(name, ttl, bytes1) }
	case 4:
		return func() cell { return newList(name, ttl, ints) }
	case 5:
		return func() cell { return newList(name, ttl, records) }
	case 6:
		return func() cell { return newList(name, ttl, texts) }
	case 7:
		return func() cell { return newList(name, ttl, nothing) }
	case 8:
		return func() cell { return newMap(name, ttl, ints, func(i int) int64 { return int64(i) }) }
	case 9:
		return func() cell { return newMap(name, ttl, records, func(i int) string { return strings.Repeat("k", i) }) }
	case 10:
		return func() cell {
			return newMap(name, ttl, points, func(i int) pair { return pair{int64(i % 3), int64(i)} })
		}
	case 11:
		return func() cell { return newReducing(name, ttl) }
	case 13:
		return func() cell { return newValue(name, ttl, labels) }
	case 14:
		return func() cell { return newMap(name, ttl, labels, func(i int) int64 { return int64(i) }) }
	case 15:
		return func() cell { return newList(name, ttl, labels) }
	case 12:
		return func() cell { return newAggregating(name, ttl) }
	}
	return func() cell { return newValue(name, ttl, ints) }
}
