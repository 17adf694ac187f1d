package weir

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// KeyedStream is a stream whose records are spread by key: all records of a key come to the same subtask, in the order in which one producer sent them.
type KeyedStream[K comparable, T any] struct {
	stream *Stream[T]
	key    func(T) K
	codec  *codec.KeyCodec[K]
	err    error // K cannot be a key: reported of each operator that reads the stream
}

// KeyBy spreads a stream by key. Keys are equal when their encodings are: -0 is 0, NaN is NaN, times are equal at the same instant. Pointers, channels and
// interfaces cannot be keys, nor what holds them. key must give the same key for the same record each time; it is called more than once.
func KeyBy[T any, K comparable](s *Stream[T], key func(T) K) *KeyedStream[K, T] {
	need(s.env, "keyBy", key)
	c, err := codec.KeyFor[K]()
	return &KeyedStream[K, T]{stream: s, key: key, codec: c, err: err}
}

// Stream returns the stream without its key.
func (k *KeyedStream[K, T]) Stream() *Stream[T] { return k.stream }

func (k *KeyedStream[K, T]) in() edgeInput[T] {
	in := edgeInput[T]{env: k.stream.env, feeds: k.stream.feeds, keyFn: k.key, keyType: typeText[K](), keyErr: k.err, keyHash: func(T) uint64 { return 0 }}
	if k.codec != nil {
		in.keyHash = keyHash(k.key, k.codec.Hash)
	}
	return in
}

// keyHash joins a key function and the hash of keys. The commonest types of keys are hashed without another call.
func keyHash[K comparable, T any](key func(T) K, hash func(K) uint64) func(T) uint64 {
	switch key := any(key).(type) {
	case func(T) string:
		return func(v T) uint64 { return base.HashCombine(base.HashSeed, base.LaneString(key(v))) }
	case func(T) int64:
		return func(v T) uint64 { return base.HashCombine(base.HashSeed, base.LaneInt(key(v))) }
	case func(T) int:
		return func(v T) uint64 { return base.HashCombine(base.HashSeed, base.LaneInt(int64(key(v)))) }
	}
	return func(v T) uint64 { return hash(key(v)) }
}

func (k *KeyedStream[K, T]) operatorKey() operator.Key[T, K] {
	if k.codec == nil {
		return operator.Key[T, K]{Of: k.key}
	}
	return operator.Key[T, K]{Of: k.key, Equal: k.codec.Equal, Own: k.codec.Codec.Own}
}

// keyed adds an operator with keyed state behind k.
func keyed[K comparable, T, U any](k *KeyedStream[K, T], kind string, state dataflow.StateDecl, factory operator.Factory) *Stream[U] {
	env := k.stream.env
	return outputOf[U](env, env.add(spec{
		kind: kind, factory: factory, outType: typeText[U](), keyType: typeText[K](), states: []dataflow.StateDecl{state},
	}, k.in()))
}

// Reduce keeps one record per key: the first, then combine of the kept one and each that follows. It emits the kept record for every record that comes in.
func (k *KeyedStream[K, T]) Reduce(combine func(kept, v T) T) *Stream[T] {
	need(k.stream.env, "reduce", combine)
	return reduce(k, "reduce", combine)
}

// ReduceInto is [KeyedStream.Reduce] with a function that changes the kept record in place, and leaves v as it is. It saves copying large records. combine must not keep the
// pointers.
func (k *KeyedStream[K, T]) ReduceInto(combine func(kept, v *T)) *Stream[T] {
	need(k.stream.env, "reduce", combine)
	return reduceInto(k, "reduce", combine)
}

func reduce[K comparable, T any](k *KeyedStream[K, T], kind string, combine func(kept, v T) T) *Stream[T] {
	return addReduce(k, kind, &operator.Reduce[T, K]{Key: k.operatorKey(), Fn: combine})
}

func reduceInto[K comparable, T any](k *KeyedStream[K, T], kind string, combine func(kept, v *T)) *Stream[T] {
	return addReduce(k, kind, &operator.Reduce[T, K]{Key: k.operatorKey(), Into: combine})
}

func addReduce[K comparable, T any](k *KeyedStream[K, T], kind string, r *operator.Reduce[T, K]) *Stream[T] {
	if c, err := codec.For[T](); err == nil {
		r.Own = c.Own
	}
	return keyed[K, T, T](k, kind, dataflow.StateDecl{Name: "kept", Kind: "reducing", Schema: typeText[T]()}, r)
}

// Number is what Sum adds.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Sum keeps, per key, the first record with the sum of a field of all records, and emits it for every record that comes in. field points to the field within a record.
func Sum[K comparable, T any, N Number](k *KeyedStream[K, T], field func(*T) *N) *Stream[T] {
	need(k.stream.env, "sum", field)
	return reduceInto(k, "sum", func(kept, v *T) { *field(kept) += *field(v) })
}

// Min keeps, per key, the first record with the least value of a field, and emits it for every record that comes in. The other fields stay those of the first
// record: see [MinBy].
func Min[K comparable, T any, N cmp.Ordered](k *KeyedStream[K, T], field func(*T) *N) *Stream[T] {
	need(k.stream.env, "min", field)
	return reduceInto(k, "min", func(kept, v *T) { *field(kept) = min(*field(kept), *field(v)) })
}

// Max is [Min] with the greatest value.
func Max[K comparable, T any, N cmp.Ordered](k *KeyedStream[K, T], field func(*T) *N) *Stream[T] {
	need(k.stream.env, "max", field)
	return reduceInto(k, "max", func(kept, v *T) { *field(kept) = max(*field(kept), *field(v)) })
}

// MinBy keeps, per key, the record with the least value, the first of equal ones to arrive, and emits it for every record that comes in.
func MinBy[K comparable, T any, N cmp.Ordered](k *KeyedStream[K, T], value func(T) N) *Stream[T] {
	need(k.stream.env, "minBy", value)
	return reduce(k, "minBy", func(kept, v T) T {
		if cmp.Less(value(v), value(kept)) {
			return v
		}
		return kept
	})
}

// MaxBy is [MinBy] with the greatest value.
func MaxBy[K comparable, T any, N cmp.Ordered](k *KeyedStream[K, T], value func(T) N) *Stream[T] {
	need(k.stream.env, "maxBy", value)
	return reduce(k, "maxBy", func(kept, v T) T {
		if cmp.Less(value(kept), value(v)) {
			return v
		}
		return kept
	})
}

// Aggregator combines the records of a key into an accumulator of another type, and makes results of it.
type Aggregator[T, A, R any] struct {
	// Create returns an empty accumulator.
	Create func() A
	// Add returns the accumulator with v added. It may change acc and return it.
	Add func(acc A, v T) A
	// Result returns what the accumulator stands for. What it returns must not share memory with acc if Add changes that.
	Result func(acc A) R
	// Merge returns an accumulator of all that went into a and b, in this order. Only operators that merge need it; with it, the windows of a batch job that do not fit into memory are kept on disk, and not their records.
	Merge func(a, b A) A
}

// Aggregate keeps an accumulator per key and emits its result for every record that comes in.
func Aggregate[K comparable, T, A, R any](k *KeyedStream[K, T], a Aggregator[T, A, R]) *Stream[R] {
	need(k.stream.env, "aggregate", a.Create, a.Add, a.Result)
	return keyed[K, T, R](k, "aggregate", dataflow.StateDecl{Name: "accumulator", Kind: "aggregating", Schema: typeText[A]()}, &operator.Aggregate[T, K, A, R]{
		Key: k.operatorKey(), Create: a.Create, Add: a.Add, Result: func(_ K, acc A) R { return a.Result(acc) },
	})
}

// Count is a key and how many records it has had.
type Count[K comparable] struct {
	Key K
	N   int64
}

// String returns the key and the number, separated by a space.
func (c Count[K]) String() string { return fmt.Sprint(c.Key) + " " + strconv.FormatInt(c.N, 10) }

// CountBy counts the records of each key, and emits the new count for every record.
func CountBy[T any, K comparable](s *Stream[T], key func(T) K) *Stream[Count[K]] {
	k := KeyBy(s, key)
	return keyed[K, T, Count[K]](k, "count", dataflow.StateDecl{Name: "count", Kind: "value", Schema: "int64"}, &operator.Aggregate[T, K, int64, Count[K]]{
		Key:    k.operatorKey(),
		Create: func() int64 { return 0 },
		Add:    func(n int64, _ T) int64 { return n + 1 },
		Result: func(key K, n int64) Count[K] { return Count[K]{key, n} },
	})
}

// ProcessKeyed calls fn for each record with its key. fn emits any number of records, to side outputs too; an error fails the job.
func ProcessKeyed[K comparable, T, U any](k *KeyedStream[K, T], fn func(ctx *Context, key K, v T, out *Collector[U]) error) *Stream[U] {
	need(k.stream.env, "keyedProcess", fn)
	key := k.key
	env := k.stream.env
	return outputOf[U](env, env.add(spec{kind: "keyedProcess", outType: typeText[U](), keyType: typeText[K](), factory: &operator.Process[T, T, U]{
		Inputs: 1, Make: func(c *operator.Context, w operator.Wiring) (operator.ProcessFunctions[T, T, U], error) {
			ctx := newContext(c, w)
			return operator.ProcessFunctions[T, T, U]{User: []any{fn, key}, Element1: func(v T, ts int64, out *Collector[U]) error {
				ctx.ts = ts
				return fn(ctx, key(v), v, out)
			}}, nil
		},
	}}, k.in()))
}
