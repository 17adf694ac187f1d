package operator

import "github.com/weirstream/weir/internal/statebackend"

// finalValues emits what an operator of a batch job has kept for its keys, once, when they end: with the timestamp of the last record of the key.
type finalValues[K comparable, V any] struct {
	ctx    *Context
	store  *statebackend.Store
	keys   *KeyCursor[K]
	kept   *statebackend.Value[V]
	last   *statebackend.Value[int64]
	emit   func(k K, v *V, ts int64)
	cursor statebackend.Ref
}

func newFinalValues[K comparable, V any](ctx *Context, keys *KeyCursor[K], kept *statebackend.Value[V], emit func(k K, v *V, ts int64)) *finalValues[K, V] {
	return &finalValues[K, V]{
		ctx: ctx, store: ctx.Store, keys: keys, kept: kept, emit: emit,
		last: statebackend.NewValue[int64](keys.Scope, "last timestamp", nil),
	}
}

// note keeps the timestamp of a record of the key at hand.
func (f *finalValues[K, V]) note(ts int64) {
	last, _ := f.last.Edit()
	*last = ts
	f.last.Done()
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
		if _, ok := f.keys.Scope.Find(); ok { // else the cursor stands where another key was looked for
			f.final()
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
		f.keys.Scope.Point(r)
		f.final()
		if f.ctx.Stop.Load() != 0 {
			break
		}
	}
	return true
}

// final emits the value of the key pointed at.
func (f *finalValues[K, V]) final() {
	var k K
	f.keys.words.Get(f.keys.Scope.Words(), f.keys.Scope.Bytes(), &k)
	ts, _ := f.last.Get()
	if v := f.kept.Peek(); v != nil {
		f.emit(k, v, ts)
	}
}
