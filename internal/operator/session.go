package operator

import (
	"slices"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/window"
)

// SessionWindow does what [Window] does for event-time sessions with an accumulator that can be merged, the default trigger, and no lateness. The sessions of a key stand in one list with their accumulators, and a session that
// grows leaves its timer where it is: when the timer comes, it is set anew for the session's end.
type SessionWindow[K comparable, T, A, U any] struct {
	Window[K, T, A, U]
}

// Sessions reports whether windows are event-time sessions that fire once, at their end.
func Sessions[T any](s window.Spec[T]) bool {
	switch s.Assigner.(type) {
	case window.Session[T], window.DynamicSession[T]:
		return s.Assigner.EventTime() && s.Trigger == nil && s.Evictor == nil && s.AllowedLateness == 0
	}
	return false
}

// session is a window that is still open. Timer is the time of its timer, at most that of its end.
type session[A any] struct {
	Start, End int64
	Timer      int64
	Acc        A
}

type sessionInstance[K comparable, T, A, U any] struct {
	Base
	f        *Window[K, T, A, U]
	ctx      *Context
	in       *Keyed[T]
	assigner window.Assigner[T]
	fns      WindowFunctions[T, A, U]
	out      *Collector[U]
	late     func(T, int64)
	rt       *WindowRuntime[K]
	timers   *TimerService[K]
	list     *statebackend.List[session[A]]
	dropped  [2]*Accumulator
	windows  []window.Window
	scratch  []session[A]
	done     session[A]
}

// New implements [Factory]. For windows that [Sessions] does not hold for it is [Window].
func (f *SessionWindow[K, T, A, U]) New(ctx *Context, w Wiring) (Instance, error) {
	if !Sessions(f.Spec) || f.Merge == nil {
		return f.Window.New(ctx, w)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &sessionInstance[K, T, A, U]{f: &f.Window, ctx: ctx, assigner: f.Spec.Assigner, out: &Collector[U]{next: Next[U](w), ctx: ctx}}
	keys, err := NewKeyCursor[K](store, "window contents")
	if err != nil {
		return nil, err
	}
	if ctx.Batch {
		return newBatchSessions(m, keys, w)
	}
	m.list = statebackend.NewList[session[A]](keys.Scope, "sessions", nil)
	m.rt = &WindowRuntime[K]{Store: store, Keys: keys, Windows: keys.Scope}
	if m.timers, err = NewTimerService(ctx, store, keys, 0, m.fire); err != nil {
		return nil, err
	}
	if m.fns, err = f.Make(ctx, w, m.rt); err != nil {
		return nil, err
	}
	m.fns.User = append(m.fns.User, f.Key, f.Add, f.Merge)
	if f.LateOutput != "" {
		m.late = func(T, int64) {}
		if p, ok := w.Side[f.LateOutput].(*Port[T]); ok {
			m.late = p.Value
		}
	}
	m.in = &Keyed[T]{Process: m.process, Touch: keys.Scope.Space().Touch}
	return m, nil
}

func (m *sessionInstance[K, T, A, U]) Inputs() []any    { return []any{m.in} }
func (m *sessionInstance[K, T, A, U]) Functions() []any { return m.fns.User }

func (m *sessionInstance[K, T, A, U]) Open() error {
	m.dropped = LateCounters(m.ctx)
	m.timers.Open()
	if m.fns.Open == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Open())
}

func (m *sessionInstance[K, T, A, U]) Close() error {
	m.timers.Close()
	if m.fns.Close == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Close())
}

func (m *sessionInstance[K, T, A, U]) Watermark(t int64) bool {
	return !m.ctx.Failed && m.timers.Advance(t)
}

func (m *sessionInstance[K, T, A, U]) check(err error) {
	if err != nil {
		m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
	}
}

func (m *sessionInstance[K, T, A, U]) process(v *T, ts int64, hash uint64) {
	if m.ctx.Failed {
		return
	}
	windows, err := m.assigner.Assign(*v, ts, m.ctx.NowMillis, m.windows[:0])
	m.windows = windows
	if err != nil {
		m.check(err)
		return
	}
	w := windows[0]
	m.rt.Keys.Set(m.f.Key(*v), hash)
	// The commonest case: it belongs to one session, which is changed in place.
	if all, ok := m.list.Edit(); ok {
		at, touched := -1, 0
		for i := range all {
			if all[i].Start <= w.End && all[i].End >= w.Start {
				at = i
				touched++
			}
		}
		if touched == 1 {
			s := &all[at]
			s.Start, s.End = min(s.Start, w.Start), max(s.End, w.End)
			s.Acc = m.f.Add(s.Acc, *v)
			return
		}
	}
	m.join(v, ts, w)
}

// join adds a record to the sessions it touches, which become one, or to a new one.
func (m *sessionInstance[K, T, A, U]) join(v *T, ts int64, w window.Window) {
	all := m.list.AppendTo(m.scratch[:0])
	m.scratch = all
	kept := all[:0]
	some := false
	joined := session[A]{Start: w.Start, End: w.End, Timer: eventtime.MinWatermark}
	for _, s := range all { // in the order of their starts
		if s.Start > w.End || s.End < w.Start {
			kept = append(kept, s)
			continue
		}
		if some {
			joined.Acc = m.f.Merge(joined.Acc, s.Acc)
		} else {
			joined.Acc, some = s.Acc, true
		}
		joined.Start, joined.End = min(joined.Start, s.Start), max(joined.End, s.End)
		joined.Timer = max(joined.Timer, s.Timer) // the others' timers will find nothing
	}
	if !some {
		if w.MaxTimestamp() <= m.ctx.CurrentWatermark {
			m.ended(v, ts)
			return
		}
		joined.Acc = m.f.Create()
		joined.Timer = w.MaxTimestamp()
		m.timers.RegisterEvent(joined.Timer)
	}
	joined.Acc = m.f.Add(joined.Acc, *v)
	i := len(kept)
	for i > 0 && kept[i-1].Start > joined.Start {
		i--
	}
	m.scratch = slices.Insert(kept, i, joined)
	m.list.Assign(m.scratch)
}

// ended is for a record whose session has ended before it came. It is late, but at the end of time, where sessions are cut: there it may be ahead of the watermark all the same.
func (m *sessionInstance[K, T, A, U]) ended(v *T, ts int64) {
	if ts > m.ctx.CurrentWatermark {
		return
	}
	if m.late != nil {
		m.late(*v, ts)
		if m.ctx.Stop.Load() != 0 {
			m.ctx.Host.Interrupt()
		}
		return
	}
	m.dropped[0].AddInt(1)
	m.dropped[1].AddInt(1)
}

// fire is called for a timer of the current key: the session that it belongs to ends now, or has grown.
func (m *sessionInstance[K, T, A, U]) fire(due *statebackend.Due, _ []uint64, _ bool) {
	all := m.list.AppendTo(m.scratch[:0])
	m.scratch = all
	kept, ended, changed := all[:0], false, false
	for _, s := range all {
		w := window.Window{Start: s.Start, End: s.End}
		switch {
		case s.Timer != due.Time:
		case w.MaxTimestamp() <= due.Time:
			m.done, ended = s, true
			continue
		default:
			s.Timer, changed = w.MaxTimestamp(), true
			m.timers.RegisterEvent(s.Timer)
		}
		kept = append(kept, s)
	}
	switch {
	case len(kept) == 0:
		m.list.Clear()
	case ended || changed:
		m.list.Assign(kept)
	}
	if ended {
		w := window.Window{Start: m.done.Start, End: m.done.End}
		m.out.ts = w.MaxTimestamp()
		m.check(m.fns.Accumulator(w, &m.done.Acc, m.out))
	}
}
