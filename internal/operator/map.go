package operator

import "github.com/weirstream/weir/fault"

// Map emits fn of each record.
type Map[T, U any] struct{ Fn func(T) U }

type mapInstance[T, U any] struct {
	Base
	in func(T, int64)
	fn func(T) U
}

// New implements [Factory].
func (f *Map[T, U]) New(_ *Context, w Wiring) (Instance, error) {
	fn, next := f.Fn, Next[U](w)
	return &mapInstance[T, U]{fn: fn, in: func(v T, ts int64) { next(fn(v), ts) }}, nil
}

func (m *mapInstance[T, U]) Inputs() []any    { return []any{m.in} }
func (m *mapInstance[T, U]) Functions() []any { return []any{m.fn} }

// MapContext emits fn of each record; fn has a context and may fail.
type MapContext[T, U any] struct {
	Fn func(c *Context, v T) (U, error)
}

type mapContextInstance[T, U any] struct {
	Base
	in func(T, int64)
	fn func(*Context, T) (U, error)
}

// New implements [Factory].
func (f *MapContext[T, U]) New(ctx *Context, w Wiring) (Instance, error) {
	fn, next := f.Fn, Next[U](w)
	return &mapContextInstance[T, U]{fn: fn, in: func(v T, ts int64) {
		if ctx.Failed {
			return
		}
		u, err := fn(ctx, v)
		if err != nil {
			ctx.Fail(fault.Wrap(fault.FunctionError, err))
			return
		}
		next(u, ts)
	}}, nil
}

func (m *mapContextInstance[T, U]) Inputs() []any    { return []any{m.in} }
func (m *mapContextInstance[T, U]) Functions() []any { return []any{m.fn} }
