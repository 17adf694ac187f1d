package operator

import "github.com/weirstream/weir/internal/statebackend"

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
	in    *Keyed[T]
	f     *Reduce[T, K]
	table *statebackend.Table[K, T]
}

// New implements [Factory].
func (f *Reduce[T, K]) New(ctx *Context, w Wiring) (Instance, error) {
	table := statebackend.NewTable[K, T](ctx.KeyGroups, ctx.MaxParallelism, f.Key.Equal, f.Key.Own)
	key, own, next := f.Key.Of, f.Own, PortOf[T](w)
	r := &reduceInstance[T, K]{f: f, table: table, in: &Keyed[T]{Touch: table.Touch}}
	emit := next.Ref
	if next.Mutates { // the kept record stays here: what is changed behind is a copy
		place := new(T)
		emit = func(v *T, ts int64) {
			*place = *v
			next.Ref(place, ts)
		}
	}
	if into := f.Into; into != nil {
		r.in.Process = func(v *T, ts int64, hash uint64) {
			kept, fresh := table.At(hash, key(*v))
			if fresh {
				*kept = *v
				if own != nil {
					own(kept)
				}
			} else {
				into(kept, v)
			}
			emit(kept, ts)
		}
		return r, nil
	}
	fn := f.Fn
	r.in.Process = func(v *T, ts int64, hash uint64) {
		kept, fresh := table.At(hash, key(*v))
		if fresh {
			*kept = *v
			if own != nil {
				own(kept)
			}
		} else {
			*kept = fn(*kept, *v)
		}
		emit(kept, ts)
	}
	return r, nil
}

func (m *reduceInstance[T, K]) Inputs() []any { return []any{m.in} }
func (m *reduceInstance[T, K]) Functions() []any {
	return []any{m.f.Fn, m.f.Into, m.f.Key.Of}
}
