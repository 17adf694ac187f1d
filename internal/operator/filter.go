package operator

// Filter keeps the records for which Fn is true.
type Filter[T any] struct{ Fn func(T) bool }

type filterInstance[T any] struct {
	Base
	in func(T, int64)
	fn func(T) bool
}

// New implements [Factory].
func (f *Filter[T]) New(_ *Context, w Wiring) (Instance, error) {
	fn, next := f.Fn, Next[T](w)
	return &filterInstance[T]{fn: fn, in: func(v T, ts int64) {
		if fn(v) {
			next(v, ts)
		}
	}}, nil
}

func (m *filterInstance[T]) Inputs() []any    { return []any{m.in} }
func (m *filterInstance[T]) Functions() []any { return []any{m.fn} }
