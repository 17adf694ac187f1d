package operator

// Update changes each record in place.
type Update[T any] struct{ Fn func(*T) }

type updateInstance[T any] struct {
	Base
	in *Port[T]
	fn func(*T)
}

// New implements [Factory].
func (f *Update[T]) New(_ *Context, w Wiring) (Instance, error) {
	return &updateInstance[T]{fn: f.Fn, in: stagePort(any(f.Fn), PortOf[T](w))}, nil
}

func (m *updateInstance[T]) Inputs() []any    { return []any{m.in} }
func (m *updateInstance[T]) Functions() []any { return []any{m.fn} }
