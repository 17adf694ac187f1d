package weir

import (
	"context"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

// AsyncOptions configures [OrderedWait] and [UnorderedWait]. The zero value of each field means its default.
type AsyncOptions[T, U any] struct {
	// Capacity is how many records a subtask has in flight at most: from the call of the function until the results have been emitted. With that many, the task takes no more
	// records. A call that goes on although its record has timed out counts, too; if all do so, and none returns for 30 seconds, the job fails. Default 100.
	Capacity int
	// Timeout bounds the time from the first call for a record to the end of the last one, the pauses between them included. Default 3 minutes; negative means no bound.
	Timeout time.Duration
	// OnTimeout gives the results of a record that has timed out, or an error, which fails the job. It runs on the task, so it must not wait. A function with a life that is a
	// [TimeoutHandler] comes before it. Default: the job fails.
	OnTimeout func(v T) ([]U, error)
	// Retry says when a call is made again. Default: never.
	Retry AsyncRetry[U]
}

// AsyncRetry says when a call is made again, and after what pause. What the last call returns counts, whatever the predicates say to it.
//
//	weir.AsyncRetry[User]{Retries: 3, Delay: 100 * time.Millisecond}                                              // fixed delay
//	weir.AsyncRetry[User]{Retries: 9, Delay: 100 * time.Millisecond, Multiplier: 2, MaxDelay: 5 * time.Second}    // exponential backoff
type AsyncRetry[U any] struct {
	// Retries is how many calls may follow the first. Default 0.
	Retries int
	// Delay is the pause before the first retry. Default 0: at once.
	Delay time.Duration
	// Multiplier is how many times as long each further pause is as the one before. Default 1.
	Multiplier float64
	// MaxDelay bounds the pause. Default: no bound.
	MaxDelay time.Duration
	// IfError and IfResult tell whether a call that returned this error, or these results, is made again. They may be called at the same time for several calls. If both are nil,
	// every error is reason enough.
	IfError  func(error) bool
	IfResult func([]U) bool
}

// AsyncFunction is an asynchronous function with a life: one value serves one subtask. It may also have any of the methods of [Opener], [Closer] and [TimeoutHandler].
// Close is called when no call of Invoke is under way any more.
type AsyncFunction[T, U any] interface {
	// Invoke returns the results for a record. It may wait, and is called from several goroutines at the same time. ctx ends when the record has timed out or the
	// task ends: then Invoke must return soon.
	Invoke(ctx context.Context, v T) ([]U, error)
}

// TimeoutHandler is an [AsyncFunction] that gives the results of a record that has timed out: see [AsyncOptions.OnTimeout].
type TimeoutHandler[T, U any] interface {
	OnTimeout(v T) ([]U, error)
}

// OrderedWait calls fn for each record, for up to [AsyncOptions.Capacity] records of a subtask at the same time, away from the task: for what has to wait, as a call of a
// service. It emits the results in the order of the records, with their timestamps; a record may have any number of results. Where the order of the results does not
// matter, [UnorderedWait] has them sooner.
//
// ctx ends when the record has timed out or the task ends: then fn must return soon. An error that is not tried again fails the job, and so does a panic.
//
// Watermarks stay where they are among the records. At the end of the input all that is in flight is completed, with the retries that it is due. After a failure, records that were in
// flight at the checkpoint are called for again: so fn may be called more than once for a record.
func OrderedWait[T, U any](s *Stream[T], fn func(ctx context.Context, v T) ([]U, error), o AsyncOptions[T, U]) *Stream[U] {
	return asyncWait(s, "orderedWait", asyncFunc[T, U](fn), o)
}

// UnorderedWait is [OrderedWait] with results emitted as soon as they are there. Only watermarks keep their place: a record that came in front of one has its results emitted before
// it, one that came behind it, after it.
func UnorderedWait[T, U any](s *Stream[T], fn func(ctx context.Context, v T) ([]U, error), o AsyncOptions[T, U]) *Stream[U] {
	return asyncWait(s, "unorderedWait", asyncFunc[T, U](fn), o)
}

// OrderedWaitWith is [OrderedWait] with a function for each subtask, made by create.
func OrderedWaitWith[T, U any](s *Stream[T], create func() AsyncFunction[T, U], o AsyncOptions[T, U]) *Stream[U] {
	return asyncWaitWith(s, "orderedWait", create, o)
}

// UnorderedWaitWith is [UnorderedWait] with a function for each subtask, made by create.
func UnorderedWaitWith[T, U any](s *Stream[T], create func() AsyncFunction[T, U], o AsyncOptions[T, U]) *Stream[U] {
	return asyncWaitWith(s, "unorderedWait", create, o)
}

type asyncFunc[T, U any] func(ctx context.Context, v T) ([]U, error)

func (f asyncFunc[T, U]) Invoke(ctx context.Context, v T) ([]U, error) { return f(ctx, v) }

func asyncWait[T, U any](s *Stream[T], kind string, fn asyncFunc[T, U], o AsyncOptions[T, U]) *Stream[U] {
	need(s.env, kind, fn)
	return asyncWaitWith(s, kind, func() AsyncFunction[T, U] { return fn }, o)
}

func asyncWaitWith[T, U any](s *Stream[T], kind string, create func() AsyncFunction[T, U], o AsyncOptions[T, U]) *Stream[U] {
	need(s.env, kind, create)
	o = o.withDefaults(s.env, kind)
	return transform[T, U](s.in(), kind, &operator.Async[T, U]{
		Ordered: kind == "orderedWait", Capacity: o.Capacity, Timeout: max(o.Timeout, 0), Retry: operator.AsyncRetry[U](o.Retry),
		Make: func(c *operator.Context, w operator.Wiring) (operator.AsyncFunctions[T, U], error) {
			f := create()
			if f == nil {
				return operator.AsyncFunctions[T, U]{}, fault.New(fault.GraphNilFunction, "the factory returned a nil function")
			}
			fns := operator.AsyncFunctions[T, U]{Invoke: f.Invoke, OnTimeout: o.OnTimeout}
			if h, ok := f.(TimeoutHandler[T, U]); ok {
				fns.OnTimeout = h.OnTimeout
			}
			if x, ok := f.(Opener); ok {
				ctx := newContext(c, w)
				fns.Open = func() error { return x.Open(ctx) }
			}
			if x, ok := f.(Closer); ok {
				fns.Close = x.Close
			}
			if fns.OnTimeout != nil {
				fns.User = []any{fns.OnTimeout}
			}
			return fns, nil
		},
	})
}

// maxAsyncCapacity keeps a slip of the pen from taking all memory.
const maxAsyncCapacity = 1 << 20

// withDefaults returns o with defaults filled in. What is wrong with it is reported to env.
func (o AsyncOptions[T, U]) withDefaults(env *Environment, kind string) AsyncOptions[T, U] {
	wrong := func(field, format string, args ...any) {
		args = append([]any{kind, field}, args...)
		env.fail(fault.New(fault.OptionInvalid, "operator %q: AsyncOptions.%s is "+format, args...))
	}
	if o.Capacity == 0 {
		o.Capacity = 100
	}
	if o.Capacity < 1 || o.Capacity > maxAsyncCapacity {
		wrong("Capacity", "%d, it must be from 1 to %d, or 0 for the default", o.Capacity, maxAsyncCapacity)
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Minute
	}
	r := o.Retry
	if r.Retries < 0 {
		wrong("Retry.Retries", "%d, it must not be negative", r.Retries)
	}
	if r.Retries == 0 && (r.Delay != 0 || r.MaxDelay != 0 || r.Multiplier != 0 || r.IfError != nil || r.IfResult != nil) {
		wrong("Retry.Retries", "0, so the rest of Retry has no meaning: say how many calls may follow the first")
	}
	if r.Delay < 0 {
		wrong("Retry.Delay", "%v, it must not be negative", r.Delay)
	}
	if r.MaxDelay < 0 || r.MaxDelay != 0 && r.MaxDelay < r.Delay {
		wrong("Retry.MaxDelay", "%v, it must be at least Delay, %v, or 0 for no bound", r.MaxDelay, r.Delay)
	}
	if r.Multiplier != 0 && !(r.Multiplier >= 1) {
		wrong("Retry.Multiplier", "%v, it must be at least 1, or 0 for the default", r.Multiplier)
	}
	return o
}
