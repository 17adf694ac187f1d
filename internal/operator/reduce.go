package operator

import "github.com/weirstream/weir/internal/statebackend"

// Key is how an operator knows the key of a record: the same function and codec as its input edge.
type Key[T any, K comparable] struct {
	Of    func(T) K
	Hash  func(K) uint64
	Equal func(a, b *K) bool // nil: ==
	Own   func(*K)           // nil: nothing to own
}

// Reduce keeps one record per key: the first, then Fn of the kept one and each that follows. It emits the kept record for every input.
type Reduce[T any, K comparable] struct {
	Key Key[T, K]
	Fn  func(kept, v T) T
	// Own makes a kept record independent of larger buffers; nil if it pins none.
	Own func(*T)
}

type reduceInstance[T any, K comparable] struct {
	Base
	in    func(T, int64, uint64)
	fn    func(T, T) T
	key   func(T) K
	table *statebackend.Table[K, T]
}

// New implements [Factory].
func (f *Reduce[T, K]) New(ctx *Context, w Wiring) (Instance, error) {
	table := statebackend.NewTable[K, T](ctx.KeyGroups, ctx.MaxParallelism, f.Key.Equal, f.Key.Own)
	key, fn, own, next := f.Key.Of, f.Fn, f.Own, Next[T](w)
	r := &reduceInstance[T, K]{fn: fn, key: key, table: table}
	r.in = func(v T, ts int64, hash uint64) {
		kept, fresh := table.At(hash, key(v))
		if fresh {
			*kept = v
			if own != nil {
				own(kept)
			}
			next(v, ts)
			return
		}
		u := fn(*kept, v)
		*kept = u
		next(u, ts)
	}
	return r, nil
}

func (m *reduceInstance[T, K]) Inputs() []any    { return []any{m.in} }
func (m *reduceInstance[T, K]) Functions() []any { return []any{m.fn, m.key} }
