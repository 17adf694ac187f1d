package operator

import "github.com/weirstream/weir/fault"

// ProcessFunctions are the parts of a process function with one or two inputs; all but the first are optional.
type ProcessFunctions[A, B, U any] struct {
	Open     func() error
	Element1 func(v A, ts int64, out *Collector[U]) error
	Element2 func(v B, ts int64, out *Collector[U]) error
	// Watermark is called when event time has advanced.
	Watermark func(t int64, out *Collector[U]) error
	// Finish is called at the end of all input.
	Finish func(out *Collector[U]) error
	Close  func() error
	// User lists the user's own functions, for naming a panic.
	User []any
}

// Process runs functions made for each subtask: Make is given the operator's context and its wiring, for side outputs.
type Process[A, B, U any] struct {
	// Inputs is 1 or 2.
	Inputs int
	Make   func(ctx *Context, w Wiring) (ProcessFunctions[A, B, U], error)
}

type processInstance[A, B, U any] struct {
	Base
	ctx   *Context
	inBox []any
	fns   ProcessFunctions[A, B, U]
	out   *Collector[U]
}

// New implements [Factory].
func (f *Process[A, B, U]) New(ctx *Context, w Wiring) (Instance, error) {
	fns, err := f.Make(ctx, w)
	if err != nil {
		return nil, err
	}
	p := &processInstance[A, B, U]{ctx: ctx, fns: fns, out: &Collector[U]{next: Next[U](w), ctx: ctx}}
	p.inBox = append(p.inBox, guarded(ctx, p.out, fns.Element1))
	if f.Inputs == 2 {
		p.inBox = append(p.inBox, guarded(ctx, p.out, fns.Element2))
	}
	return p, nil
}

// guarded makes a port of a user function that may fail.
func guarded[T, U any](ctx *Context, out *Collector[U], fn func(T, int64, *Collector[U]) error) *Port[T] {
	return ValuePort(func(v T, ts int64) {
		if ctx.Failed {
			return
		}
		out.ts = ts
		if err := fn(v, ts, out); err != nil {
			ctx.Fail(fault.Wrap(fault.FunctionError, err))
		}
	})
}

func (m *processInstance[A, B, U]) Inputs() []any    { return m.inBox }
func (m *processInstance[A, B, U]) Functions() []any { return m.fns.User }

func (m *processInstance[A, B, U]) Open() error {
	if m.fns.Open == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Open())
}

func (m *processInstance[A, B, U]) Watermark(t int64) bool {
	if m.fns.Watermark != nil && !m.ctx.Failed {
		m.out.ts = t
		if err := m.fns.Watermark(t, m.out); err != nil {
			m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
		}
	}
	return false
}

func (m *processInstance[A, B, U]) Finish() bool {
	if m.fns.Finish != nil && !m.ctx.Failed {
		m.out.ts = m.ctx.CurrentWatermark
		if err := m.fns.Finish(m.out); err != nil {
			m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
		}
	}
	return false
}

func (m *processInstance[A, B, U]) Close() error {
	if m.fns.Close == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Close())
}
