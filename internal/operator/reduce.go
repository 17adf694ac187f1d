package operator

import (
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// Key is how an operator knows the key of a record: the same function and codec as its input edge.
type Key[T any, K comparable] struct {
	Of    func(T) K
	Equal func(a, b *K) bool // nil: ==
	Own   func(*K)           // nil: nothing to own
}

// Reduce keeps one record per key: the first, then Fn of the kept one and each that follows. It emits the kept record for every input.
type Reduce[T any, K comparable] struct {
	Key Key[T, K]
	// Fn, or Into, which changes the kept record in place and leaves v as it is. One of the two is set.
	Fn   func(kept, v T) T
	Into func(kept, v *T)
	// Own makes a kept record independent of larger buffers; nil if it pins none.
	Own func(*T)
}

type reduceInstance[T any, K comparable] struct {
	Base
	in *Keyed[T]
	f  *Reduce[T, K]
	*finalValues[K, T]
}

// New implements [Factory].
func (f *Reduce[T, K]) New(ctx *Context, w Wiring) (Instance, error) {
	keys, kept, err := newKept[K, T](ctx, "kept")
	if err != nil {
		return nil, err
	}
	key, fn, into, next := f.Key.Of, f.Fn, f.Into, PortOf[T](w)
	emit := next.Ref
	if next.Mutates && kept.InPlace() { // the kept record stays here: what is changed behind is a copy
		place := new(T)
		emit = func(v *T, ts int64) {
			*place = *v
			next.Ref(place, ts)
		}
	}
	r := &reduceInstance[T, K]{f: f, in: &Keyed[T]{Touch: keys.Scope.Space().Touch}}
	if ctx.Batch {
		r.finalValues = newFinalValues(ctx, keys, kept, func(_ K, v *T, ts int64) { emit(v, ts) })
		r.in.Has = func(v *T, _ int64, hash uint64) bool { return r.has(key(*v), hash) }
		r.in.Process = func(v *T, ts int64, hash uint64) {
			keys.Aim(key(*v), hash)
			record, fresh := kept.EditLike(v)
			switch {
			case fresh:
				*record = *v
			case into != nil:
				into(record, v)
			default:
				*record = fn(*record, *v)
			}
			kept.Done()
			r.note(ts)
		}
		return r, nil
	}
	r.in.Process = func(v *T, ts int64, hash uint64) {
		keys.Aim(key(*v), hash)
		record, fresh := kept.EditLike(v)
		switch {
		case fresh:
			*record = *v
		case into != nil:
			into(record, v)
		default:
			*record = fn(*record, *v)
		}
		kept.Done()
		emit(record, ts)
	}
	return r, nil
}

// newKept opens the state of an operator that keeps one value for each key.
func newKept[K comparable, V any](ctx *Context, name string) (*KeyCursor[K], *statebackend.Value[V], error) {
	if _, err := codec.For[V](); err != nil {
		return nil, nil, err
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, nil, err
	}
	keys, err := NewKeyCursor[K](store, "keyed state")
	if err != nil {
		return nil, nil, err
	}
	return keys, statebackend.NewValue[V](keys.Scope, name, nil), nil
}

func (m *reduceInstance[T, K]) Inputs() []any { return []any{m.in} }
func (m *reduceInstance[T, K]) Functions() []any {
	return []any{m.f.Fn, m.f.Into, m.f.Key.Of}
}
