package operator

import (
	"slices"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/statebackend"
)

// finalValues emits what an operator of a batch job has kept for its keys, once, when they end: with the timestamp of the last record of the key.
type finalValues[K comparable, V any] struct {
	ctx   *Context
	store *statebackend.Store
	keys  *KeyCursor[K]
	kept  *statebackend.Value[V]
	// last has the timestamps of rows by key group and number, once there are any: in the row they would cost the many jobs without them. Rows keep their places, as there is no spill.
	last   [][]int64
	timed  bool
	key    K
	emit   func(k K, v *V, ts int64)
	cursor statebackend.Ref
}

func newFinalValues[K comparable, V any](ctx *Context, keys *KeyCursor[K], kept *statebackend.Value[V], emit func(k K, v *V, ts int64)) *finalValues[K, V] {
	return &finalValues[K, V]{
		ctx: ctx, store: ctx.Store, keys: keys, kept: kept, emit: emit,
		last: make([][]int64, ctx.KeyGroups.Len()),
	}
}

// note keeps the timestamp of a record of the key at hand.
func (f *finalValues[K, V]) note(ts int64) {
	if ts != eventtime.NoTimestamp || f.timed {
		f.noteAt(f.keys.Scope.Ref(), ts)
	}
}

func (f *finalValues[K, V]) noteAt(r statebackend.Ref, ts int64) {
	f.timed = true
	group := f.last[r.Group()]
	if n := int(r.Row()) + 1; n > len(group) {
		group = slices.Grow(group, n-len(group))
		for len(group) < n {
			group = append(group, eventtime.NoTimestamp)
		}
		f.last[r.Group()] = group
	}
	group[r.Row()] = ts
}

// noted returns the timestamp of the last record of a key.
func (f *finalValues[K, V]) noted(r statebackend.Ref) int64 {
	if group := f.last[r.Group()]; int(r.Row()) < len(group) {
		return group[r.Row()]
	}
	return eventtime.NoTimestamp
}

// has reports whether a key has a value.
func (f *finalValues[K, V]) has(k K, hash uint64) bool {
	f.keys.Aim(k, hash)
	_, ok := f.keys.Scope.Find()
	return ok
}

// EndKeys implements [Grouped].
func (f *finalValues[K, V]) EndKeys(last bool) (more bool) {
	sp := f.keys.Scope.Space()
	if !last && f.cursor == 0 && sp.Len() == 1 {
		if r, ok := f.keys.Scope.Find(); ok { // else the cursor stands where another key was looked for
			f.final(r)
			f.keys.Scope.Remove()
			return false
		}
	}
	for range timersAStep {
		if f.ctx.Failed {
			return false
		}
		r, ok := sp.NextFrom(f.cursor)
		if !ok {
			f.cursor = 0
			f.keys.Unset()
			if !last {
				sp.Clear(0)
			}
			return false
		}
		f.cursor = r + 1
		f.keys.Scope.Visit(r)
		f.final(r)
		if f.ctx.Stop.Load() != 0 {
			break
		}
	}
	return true
}

// final emits the value of the key pointed at.
func (f *finalValues[K, V]) final(r statebackend.Ref) {
	sp := f.keys.Scope.Space()
	f.keys.words.Get(sp.Words(r), sp.Bytes(r), &f.key)
	ts := f.noted(r)
	if v := f.kept.Peek(); v != nil {
		f.emit(f.key, v, ts)
	}
}
