package operator

// Map emits fn of each record.
type Map[T, U any] struct{ Fn func(T) U }

type mapInstance[T, U any] struct {
	Base
	in *Port[T]
	fn func(T) U
}

// New implements [Factory].
func (f *Map[T, U]) New(_ *Context, w Wiring) (Instance, error) {
	fn, next := f.Fn, Next[U](w)
	return &mapInstance[T, U]{fn: fn, in: &Port[T]{
		Value: func(v T, ts int64) { next(fn(v), ts) },
		Ref:   func(v *T, ts int64) { next(fn(*v), ts) },
	}}, nil
}

func (m *mapInstance[T, U]) Inputs() []any    { return []any{m.in} }
func (m *mapInstance[T, U]) Functions() []any { return []any{m.fn} }
