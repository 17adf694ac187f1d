package operator

// Filter keeps the records for which Fn, or Ref, is true. One of the two is set.
type Filter[T any] struct {
	Fn func(T) bool
	// Ref looks at the record by reference and must not change it.
	Ref func(*T) bool
}

type filterInstance[T any] struct {
	Base
	in *Port[T]
	fn any
}

// New implements [Factory].
func (f *Filter[T]) New(_ *Context, w Wiring) (Instance, error) {
	next := PortOf[T](w)
	value, ref := next.Value, next.Ref
	if fn := f.Fn; fn != nil {
		return &filterInstance[T]{fn: fn, in: &Port[T]{
			Mutates: next.Mutates,
			Value: func(v T, ts int64) {
				if fn(v) {
					value(v, ts)
				}
			},
			Ref: func(v *T, ts int64) {
				if fn(*v) {
					ref(v, ts)
				}
			},
		}}, nil
	}
	return &filterInstance[T]{fn: f.Ref, in: stagePort(any(f.Ref), next)}, nil
}

func (m *filterInstance[T]) Inputs() []any    { return []any{m.in} }
func (m *filterInstance[T]) Functions() []any { return []any{m.fn} }
