package operator

// Aggregate keeps an accumulator per key and emits its result for every input. Fields as in the public aggregate function.
type Aggregate[T any, K comparable, A, R any] struct {
	Key    Key[T, K]
	Create func() A
	Add    func(acc A, v T) A
	Result func(key K, acc A) R
}

type aggregateInstance[T any, K comparable, A, R any] struct {
	Base
	in *Keyed[T]
	f  *Aggregate[T, K, A, R]
	*finalValues[K, A]
}

// New implements [Factory].
func (f *Aggregate[T, K, A, R]) New(ctx *Context, w Wiring) (Instance, error) {
	keys, kept, err := newKept[K, A](ctx, "accumulator")
	if err != nil {
		return nil, err
	}
	key, create, add, result, next := f.Key.Of, f.Create, f.Add, f.Result, Next[R](w)
	a := &aggregateInstance[T, K, A, R]{f: f, in: &Keyed[T]{Touch: keys.Scope.Space().Touch}}
	if ctx.Batch {
		a.finalValues = newFinalValues(ctx, keys, kept, func(k K, acc *A, ts int64) { next(result(k, *acc), ts) })
		a.in.Has = func(v *T, _ int64, hash uint64) bool { return a.has(key(*v), hash) }
		a.in.Process = func(v *T, ts int64, hash uint64) {
			keys.Aim(key(*v), hash)
			acc, fresh := kept.Edit()
			if fresh {
				*acc = create()
			}
			*acc = add(*acc, *v)
			kept.Done()
			a.note(ts)
		}
		return a, nil
	}
	a.in.Process = func(v *T, ts int64, hash uint64) {
		k := key(*v)
		keys.Aim(k, hash)
		acc, fresh := kept.Edit()
		if fresh {
			*acc = create()
		}
		*acc = add(*acc, *v)
		kept.Done()
		next(result(k, *acc), ts)
	}
	return a, nil
}

func (m *aggregateInstance[T, K, A, R]) Inputs() []any { return []any{m.in} }
func (m *aggregateInstance[T, K, A, R]) Functions() []any {
	return []any{m.f.Add, m.f.Create, m.f.Result, m.f.Key.Of}
}
