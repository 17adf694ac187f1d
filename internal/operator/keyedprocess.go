package operator

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
)

// KeyedFunctions are the functions of a keyed operator in one subtask. All but the elements' are optional.
type KeyedFunctions[A, B, U any] struct {
	Open     func() error
	Element1 func(v *A, ts int64, out *Collector[U]) error
	Element2 func(v *B, ts int64, out *Collector[U]) error
	Timer    func(t int64, event bool, out *Collector[U]) error
	// EndInput is called when an input is complete.
	EndInput  func(input int, out *Collector[U]) error
	Watermark func(t int64, out *Collector[U]) error
	Finish    func(out *Collector[U]) error
	Close     func() error
	// User lists the user's own functions, for naming a panic.
	User []any
	// Early lets event-time timers of a batch job come before the first record of their key that is behind them, and not only when their key ends: for an operator of the engine's own that forgets by them.
	Early bool
}

// KeyedProcess runs functions with keyed state and timers. Its first input is keyed, the second, if there is one, keyed by the same type or (Broadcast) not keyed.
type KeyedProcess[K comparable, A, B, U any] struct {
	Inputs    int
	Broadcast bool
	Key1      func(A) K
	Key2      func(B) K
	Make      func(ctx *Context, w Wiring, rt *KeyedRuntime[K]) (KeyedFunctions[A, B, U], error)
}

// KeyedRuntime is what a keyed function works with.
type KeyedRuntime[K comparable] struct {
	Store  *statebackend.Store
	Keys   *KeyCursor[K]
	Timers *TimerService[K]
}

type keyedInstance[K comparable, A, B, U any] struct {
	Base
	ctx   *Context
	inBox []any
	fns   KeyedFunctions[A, B, U]
	rt    *KeyedRuntime[K]
	out   *Collector[U]
}

// New implements [Factory].
func (f *KeyedProcess[K, A, B, U]) New(ctx *Context, w Wiring) (Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &keyedInstance[K, A, B, U]{ctx: ctx, out: &Collector[U]{next: Next[U](w), ctx: ctx}, rt: &KeyedRuntime[K]{Store: store}}
	if m.rt.Keys, err = NewKeyCursor[K](store, "keyed state"); err != nil {
		return nil, err
	}
	if m.rt.Timers, err = NewTimerService(ctx, store, m.rt.Keys, 0, m.fire); err != nil {
		return nil, err
	}
	if m.fns, err = f.Make(ctx, w, m.rt); err != nil {
		return nil, err
	}
	m.inBox = append(m.inBox, keyedInput(m, f.Key1, m.fns.Element1))
	switch {
	case f.Inputs == 2 && f.Broadcast:
		element := m.fns.Element2
		m.inBox = append(m.inBox, RefPort(false, func(v *B, ts int64) {
			if ctx.Failed {
				return
			}
			m.rt.Keys.Unset()
			m.out.ts = ts
			m.check(element(v, ts, m.out))
		}))
	case f.Inputs == 2:
		m.inBox = append(m.inBox, keyedInput(m, f.Key2, m.fns.Element2))
	}
	m.fns.User = append(m.fns.User, f.Key1, f.Key2)
	return m, nil
}

func keyedInput[K comparable, A, B, U, T any](m *keyedInstance[K, A, B, U], key func(T) K, element func(*T, int64, *Collector[U]) error) *Keyed[T] {
	space := m.rt.Keys.Scope.Space()
	if m.ctx.Batch && m.fns.Early {
		return &Keyed[T]{Touch: space.Touch, Process: func(v *T, ts int64, hash uint64) {
			if ts > eventtime.NoTimestamp+1 {
				for m.rt.Timers.Advance(ts - 1) {
				}
			}
			if m.ctx.Failed {
				return
			}
			m.rt.Keys.Set(key(*v), hash)
			m.out.ts = ts
			if err := element(v, ts, m.out); err != nil {
				m.check(err)
			}
		}}
	}
	return &Keyed[T]{Touch: space.Touch, Process: func(v *T, ts int64, hash uint64) {
		if m.ctx.Failed {
			return
		}
		m.rt.Keys.Set(key(*v), hash)
		m.out.ts = ts
		if err := element(v, ts, m.out); err != nil {
			m.check(err)
		}
	}}
}

func (m *keyedInstance[K, A, B, U]) check(err error) {
	if err != nil {
		m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
	}
}

func (m *keyedInstance[K, A, B, U]) fire(due *statebackend.Due, _ []uint64, event bool) {
	m.out.ts = due.Time
	if m.fns.Timer != nil {
		m.check(m.fns.Timer(due.Time, event, m.out))
	}
}

func (m *keyedInstance[K, A, B, U]) Inputs() []any    { return m.inBox }
func (m *keyedInstance[K, A, B, U]) Functions() []any { return m.fns.User }

func (m *keyedInstance[K, A, B, U]) Open() error {
	m.rt.Timers.Open()
	if m.fns.Open == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Open())
}

func (m *keyedInstance[K, A, B, U]) Watermark(t int64) bool {
	if m.ctx.Failed {
		return false
	}
	if m.rt.Timers.Advance(t) {
		return true
	}
	if m.fns.Watermark != nil && !m.ctx.Failed {
		m.out.ts = t
		m.check(m.fns.Watermark(t, m.out))
	}
	return false
}

// EndKeys implements [Grouped].
func (m *keyedInstance[K, A, B, U]) EndKeys(last bool) (more bool) {
	if m.ctx.Failed {
		return false
	}
	if m.rt.Timers.Len() > 0 && m.rt.Timers.drain() {
		return true
	}
	if !last {
		m.rt.Keys.forget(m.rt.Store)
	}
	return false
}

func (m *keyedInstance[K, A, B, U]) EndInput(input int) {
	m.rt.Keys.Unset()
	if m.fns.EndInput != nil && !m.ctx.Failed {
		m.out.ts = m.ctx.CurrentWatermark
		m.check(m.fns.EndInput(input, m.out))
	}
}

func (m *keyedInstance[K, A, B, U]) Finish() bool {
	m.rt.Timers.Close()
	m.rt.Keys.Unset()
	if m.fns.Finish != nil && !m.ctx.Failed {
		m.out.ts = m.ctx.CurrentWatermark
		m.check(m.fns.Finish(m.out))
	}
	return false
}

func (m *keyedInstance[K, A, B, U]) Close() error {
	m.rt.Timers.Close()
	m.rt.Keys.Unset()
	if m.fns.Close == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Close())
}
