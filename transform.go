package weir

import (
	"iter"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/state"
)

// Collector takes the records that a function emits. It is used only while the function runs.
type Collector[T any] = operator.Collector[T]

// Map emits fn of each record.
func Map[T, U any](s *Stream[T], fn func(T) U) *Stream[U] {
	need(s.env, "map", fn)
	return transform[T, U](s.in(), "map", &operator.Map[T, U]{Fn: fn})
}

// MapFunc emits fn of each record. An error fails the job.
func MapFunc[T, U any](s *Stream[T], fn func(ctx *Context, v T) (U, error)) *Stream[U] {
	need(s.env, "map", fn)
	return transform[T, U](s.in(), "map", &operator.Process[T, T, U]{Inputs: 1, Make: func(c *operator.Context, w operator.Wiring) (operator.ProcessFunctions[T, T, U], error) {
		ctx := newContext(c, w)
		return operator.ProcessFunctions[T, T, U]{User: []any{fn}, Element1: func(v T, ts int64, out *Collector[U]) error {
			ctx.ts = ts
			u, err := fn(ctx, v)
			if err == nil {
				out.Collect(u)
			}
			return err
		}}, nil
	}})
}

// FlatMap emits the values of the sequence that fn returns for each record.
func FlatMap[T, U any](s *Stream[T], fn func(T) iter.Seq[U]) *Stream[U] {
	need(s.env, "flatMap", fn)
	return transform[T, U](s.in(), "flatMap", &operator.FlatMapSeq[T, U]{Fn: fn})
}

// FlatMapTo emits what fn collects for each record.
func FlatMapTo[T, U any](s *Stream[T], fn func(v T, out *Collector[U])) *Stream[U] {
	need(s.env, "flatMap", fn)
	return transform[T, U](s.in(), "flatMap", &operator.FlatMap[T, U]{Fn: fn})
}

// Filter keeps the records for which fn is true.
func (s *Stream[T]) Filter(fn func(T) bool) *Stream[T] {
	need(s.env, "filter", fn)
	return transform[T, T](s.in(), "filter", &operator.Filter[T]{Fn: fn})
}

// FilterRef is [Stream.Filter] with a function that looks at the record by reference, and must not change it. It saves copying large records.
func (s *Stream[T]) FilterRef(fn func(*T) bool) *Stream[T] {
	need(s.env, "filter", fn)
	return transform[T, T](s.in(), "filter", &operator.Filter[T]{Ref: fn})
}

// Update changes each record in place. For large records it is much cheaper than a [Map] that returns a changed copy. fn must not keep the pointer, nor change what the record
// points to.
func (s *Stream[T]) Update(fn func(*T)) *Stream[T] {
	need(s.env, "update", fn)
	return transform[T, T](s.in(), "update", &operator.Update[T]{Fn: fn})
}

// Process calls fn for each record. fn emits any number of records, to side outputs too; an error fails the job.
func Process[T, U any](s *Stream[T], fn func(ctx *Context, v T, out *Collector[U]) error) *Stream[U] {
	need(s.env, "process", fn)
	return ProcessWith(s, func() ProcessFunction[T, U] { return processFunc[T, U](fn) })
}

// ProcessFunction is a function with a life: one value serves one subtask. It may also have any of the methods of [Opener], [Closer],
// [WatermarkHandler] and [Finisher].
type ProcessFunction[T, U any] interface {
	Process(ctx *Context, v T, out *Collector[U]) error
}

// Opener is called once, before the first record.
type Opener interface{ Open(ctx *Context) error }

// Closer is called once, last, also after a failure.
type Closer interface{ Close() error }

// WatermarkHandler is called when event time has advanced to t. Records it emits have t as their timestamp unless it says otherwise.
type WatermarkHandler[U any] interface {
	OnWatermark(ctx *Context, t int64, out *Collector[U]) error
}

// Finisher is called when all input has ended; it may emit. It is not called when the job fails or is canceled.
type Finisher[U any] interface {
	Finish(ctx *Context, out *Collector[U]) error
}

type processFunc[T, U any] func(ctx *Context, v T, out *Collector[U]) error

func (f processFunc[T, U]) Process(ctx *Context, v T, out *Collector[U]) error { return f(ctx, v, out) }

// ProcessWith is [Process] with a function for each subtask, made by create.
func ProcessWith[T, U any](s *Stream[T], create func() ProcessFunction[T, U]) *Stream[U] {
	need(s.env, "process", create)
	p := probe(create)
	if _, ok := p.(interface {
		OnTimer(*Context, int64, *Collector[U]) error
	}); ok {
		s.env.fail(fault.New(fault.StateTimerNoKey, "the function of operator %q has an OnTimer method, but its stream has no key", "process"))
	}
	sp := spec{kind: "process", outType: typeText[U](), states: declared(s.env, "process", false, p)}
	sp.factory = &operator.Process[T, T, U]{Inputs: 1, Make: func(c *operator.Context, w operator.Wiring) (operator.ProcessFunctions[T, T, U], error) {
		f := create()
		if f == nil {
			return operator.ProcessFunctions[T, T, U]{}, fault.New(fault.GraphNilFunction, "the factory returned a nil function")
		}
		if err := bind(c, f, &state.Binding{}); err != nil {
			return operator.ProcessFunctions[T, T, U]{}, err
		}
		ctx := newContext(c, w)
		fns := lifecycle[T, T, U](ctx, f)
		fns.Element1 = func(v T, ts int64, out *Collector[U]) error {
			ctx.ts = ts
			return f.Process(ctx, v, out)
		}
		if fn, ok := f.(processFunc[T, U]); ok {
			fns.User = []any{fn}
		}
		return fns, nil
	}}
	return outputOf[U](s.env, s.env.add(sp, s.in()))
}

// lifecycle takes the optional methods of a user function.
func lifecycle[A, B, U any](ctx *Context, f any) (fns operator.ProcessFunctions[A, B, U]) {
	if o, ok := f.(Opener); ok {
		fns.Open = func() error { return o.Open(ctx) }
	}
	if c, ok := f.(Closer); ok {
		fns.Close = c.Close
	}
	if h, ok := f.(WatermarkHandler[U]); ok {
		fns.Watermark = func(t int64, out *Collector[U]) error {
			ctx.ts = t
			return h.OnWatermark(ctx, t, out)
		}
	}
	if h, ok := f.(Finisher[U]); ok {
		fns.Finish = func(out *Collector[U]) error { return h.Finish(ctx, out) }
	}
	return fns
}

// WithTimestamps sets the timestamp of each record, in milliseconds since the epoch, and makes watermarks that trail the largest one by outOfOrderness and a
// millisecond. It replaces timestamps and watermarks from further up. Each subtask makes watermarks from the records it sees, and what reads several of them goes by the lowest: so with a
// parallelism above 1 it depends on the run which records are late. It is the short form of [Stream.AssignTimestampsAndWatermarks]; where the source knows its splits, [Stream.WatermarkStrategy] is
// better.
func (s *Stream[T]) WithTimestamps(timestamp func(T) int64, outOfOrderness time.Duration) *Stream[T] {
	need(s.env, "timestamps", timestamp)
	if outOfOrderness < 0 {
		s.env.fail(fault.New(fault.OptionInvalid, "the out-of-orderness of WithTimestamps is %v, it must not be negative", outOfOrderness))
	}
	return transform[T, T](s.in(), "timestamps", &operator.Watermarks[T]{
		Timestamp: timestamp, Strategy: eventtime.ForBoundedOutOfOrderness[T](outOfOrderness),
	})
}
