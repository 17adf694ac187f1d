package operator

import "iter"

// FlatMap emits what Fn collects for each record.
type FlatMap[T, U any] struct {
	Fn func(v T, out *Collector[U])
}

type flatMapInstance[T, U any] struct {
	Base
	in *Port[T]
	fn func(T, *Collector[U])
}

// New implements [Factory].
func (f *FlatMap[T, U]) New(ctx *Context, w Wiring) (Instance, error) {
	fn, out := f.Fn, &Collector[U]{next: Next[U](w), ctx: ctx}
	return &flatMapInstance[T, U]{fn: fn, in: ValuePort(func(v T, ts int64) {
		out.ts = ts
		fn(v, out)
	})}, nil
}

func (m *flatMapInstance[T, U]) Inputs() []any    { return []any{m.in} }
func (m *flatMapInstance[T, U]) Functions() []any { return []any{m.fn} }

// FlatMapSeq emits the values of the sequence that Fn returns for each record. A sequence without end is left when the job ends.
type FlatMapSeq[T, U any] struct {
	Fn func(v T) iter.Seq[U]
}

type flatMapSeqInstance[T, U any] struct {
	Base
	in *Port[T]
	fn func(T) iter.Seq[U]
}

// New implements [Factory].
func (f *FlatMapSeq[T, U]) New(ctx *Context, w Wiring) (Instance, error) {
	fn, next := f.Fn, Next[U](w)
	return &flatMapSeqInstance[T, U]{fn: fn, in: ValuePort(func(v T, ts int64) {
		for u := range fn(v) {
			next(u, ts)
			if ctx.Stop.Load() != 0 {
				ctx.Host.Interrupt()
			}
		}
	})}, nil
}

func (m *flatMapSeqInstance[T, U]) Inputs() []any    { return []any{m.in} }
func (m *flatMapSeqInstance[T, U]) Functions() []any { return []any{m.fn} }
