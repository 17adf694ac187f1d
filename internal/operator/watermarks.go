package operator

import "github.com/weirstream/weir/eventtime"

// Watermarks sets each record's timestamp and makes watermarks that trail the largest by a bound. It replaces timestamps and watermarks from
// further up.
type Watermarks[T any] struct {
	Timestamp func(T) int64
	// OutOfOrderness is how many milliseconds a record may come late without being late.
	OutOfOrderness int64
}

type watermarksInstance[T any] struct {
	Base
	in      *Port[T]
	f       *Watermarks[T]
	ctx     *Context
	highest int64
}

// New implements [Factory].
func (f *Watermarks[T]) New(ctx *Context, w Wiring) (Instance, error) {
	m := &watermarksInstance[T]{f: f, ctx: ctx, highest: eventtime.NoTimestamp}
	timestamp, next := f.Timestamp, Next[T](w)
	m.in = ValuePort(func(v T, _ int64) {
		ts := timestamp(v)
		next(v, ts)
		if ts > m.highest {
			m.highest = ts
			ctx.Host.EmitWatermark(ctx.Node, ts-f.OutOfOrderness-1)
		}
	})
	return m, nil
}

func (m *watermarksInstance[T]) Inputs() []any    { return []any{m.in} }
func (m *watermarksInstance[T]) Functions() []any { return []any{m.f.Timestamp} }

// Replaces tells the task that only the end of event time is passed on.
func (m *watermarksInstance[T]) Replaces() bool { return true }

// Replacing is an optional capability: watermarks from further up, but for the last, do not pass.
type Replacing interface{ Replaces() bool }
