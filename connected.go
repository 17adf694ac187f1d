package weir

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

// Connected is a pair of streams of different types that one operator reads. Between the two there is no order.
type Connected[A, B any] struct {
	env  *Environment
	a, b input
}

// Connect pairs two streams.
func Connect[A, B any](a *Stream[A], b *Stream[B]) *Connected[A, B] {
	return &Connected[A, B]{env: a.env, a: a.in(), b: b.in()}
}

// ConnectKeyed pairs two streams that are spread by keys of the same type: records of one key from both come to the same subtask.
func ConnectKeyed[K comparable, A, B any](a *KeyedStream[K, A], b *KeyedStream[K, B]) *Connected[A, B] {
	return &Connected[A, B]{env: a.stream.env, a: a.in(), b: b.in()}
}

// CoProcessFunction is a function of two inputs with a life: one value serves one subtask, and sees the records of both inputs one at a time. It may also have any of the
// methods of [Opener], [Closer], [WatermarkHandler] and [Finisher].
type CoProcessFunction[A, B, U any] interface {
	Process1(ctx *Context, v A, out *Collector[U]) error
	Process2(ctx *Context, v B, out *Collector[U]) error
}

// CoMap emits first of each record of the first stream and second of each of the second.
func CoMap[A, B, U any](c *Connected[A, B], first func(A) U, second func(B) U) *Stream[U] {
	need(c.env, "coMap", first, second)
	return connected(c, "coMap", func(*operator.Context, operator.Wiring) (operator.ProcessFunctions[A, B, U], error) {
		return operator.ProcessFunctions[A, B, U]{
			User: []any{first, second},
			Element1: func(v A, _ int64, out *Collector[U]) error {
				out.Collect(first(v))
				return nil
			},
			Element2: func(v B, _ int64, out *Collector[U]) error {
				out.Collect(second(v))
				return nil
			},
		}, nil
	})
}

// CoFlatMap emits what first and second collect for each record of their stream.
func CoFlatMap[A, B, U any](c *Connected[A, B], first func(v A, out *Collector[U]), second func(v B, out *Collector[U])) *Stream[U] {
	need(c.env, "coFlatMap", first, second)
	return connected(c, "coFlatMap", func(*operator.Context, operator.Wiring) (operator.ProcessFunctions[A, B, U], error) {
		return operator.ProcessFunctions[A, B, U]{
			User: []any{first, second},
			Element1: func(v A, _ int64, out *Collector[U]) error {
				first(v, out)
				return nil
			},
			Element2: func(v B, _ int64, out *Collector[U]) error {
				second(v, out)
				return nil
			},
		}, nil
	})
}

// CoProcess calls first and second for each record of their stream. An error fails the job. The functions serve all subtasks: for state shared between the two inputs
// use [CoProcessWith].
func CoProcess[A, B, U any](c *Connected[A, B], first func(ctx *Context, v A, out *Collector[U]) error, second func(ctx *Context, v B, out *Collector[U]) error) *Stream[U] {
	need(c.env, "coProcess", first, second)
	return connected(c, "coProcess", func(oc *operator.Context, w operator.Wiring) (operator.ProcessFunctions[A, B, U], error) {
		ctx := newContext(oc, w)
		return operator.ProcessFunctions[A, B, U]{
			User: []any{first, second},
			Element1: func(v A, ts int64, out *Collector[U]) error {
				ctx.ts = ts
				return first(ctx, v, out)
			},
			Element2: func(v B, ts int64, out *Collector[U]) error {
				ctx.ts = ts
				return second(ctx, v, out)
			},
		}, nil
	})
}

// CoProcessWith is [CoProcess] with a function for each subtask, made by create.
func CoProcessWith[A, B, U any](c *Connected[A, B], create func() CoProcessFunction[A, B, U]) *Stream[U] {
	need(c.env, "coProcess", create)
	return connected(c, "coProcess", func(oc *operator.Context, w operator.Wiring) (operator.ProcessFunctions[A, B, U], error) {
		f := create()
		if f == nil {
			return operator.ProcessFunctions[A, B, U]{}, fault.New(fault.GraphNilFunction, "the factory returned a nil function")
		}
		ctx := newContext(oc, w)
		fns := lifecycle[A, B, U](ctx, f)
		fns.Element1 = func(v A, ts int64, out *Collector[U]) error {
			ctx.ts = ts
			return f.Process1(ctx, v, out)
		}
		fns.Element2 = func(v B, ts int64, out *Collector[U]) error {
			ctx.ts = ts
			return f.Process2(ctx, v, out)
		}
		return fns, nil
	})
}

func connected[A, B, U any](c *Connected[A, B], kind string, create func(*operator.Context, operator.Wiring) (operator.ProcessFunctions[A, B, U], error)) *Stream[U] {
	return outputOf[U](c.env, c.env.add(spec{
		kind: kind, outType: typeText[U](), factory: &operator.Process[A, B, U]{Inputs: 2, Make: create},
	}, c.a, c.b))
}
