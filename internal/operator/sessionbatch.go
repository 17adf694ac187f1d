package operator

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/window"
)

// batchSessions is [SessionWindow] in a batch job. Nothing ends before all records have come, so there are no timers: a record prolongs one of the sessions that its key had last, or begins another one, whether or not
// that touches earlier ones. When the key ends, its sessions are put in order, and those that touch are merged.
type batchSessions[K comparable, T, A, U any] struct {
	Base
	f        *Window[K, T, A, U]
	ctx      *Context
	in       *Keyed[T]
	assigner window.Assigner[T]
	fns      WindowFunctions[T, A, U]
	out      *Collector[U]
	rt       *WindowRuntime[K]
	latest   *statebackend.Value[span[A]]
	earlier  *statebackend.List[span[A]]
	windows  []window.Window
	// replayed are the keys of the records since the last EndKeys: one, but for keys of the same hash.
	replayed []K
	hash     uint64
	// ending are the sessions of the key at hand that are still to be emitted, cursor is where the keys go on.
	ending  []span[A]
	scratch []span[A]
	cursor  statebackend.Ref
}

// span is a session, or a part of one.
type span[A any] struct {
	Start, End int64
	Acc        A
}

func newBatchSessions[K comparable, T, A, U any](s *sessionInstance[K, T, A, U], keys *KeyCursor[K], w Wiring) (Instance, error) {
	m := &batchSessions[K, T, A, U]{f: s.f, ctx: s.ctx, assigner: s.assigner, out: s.out}
	m.latest = statebackend.NewValue[span[A]](keys.Scope, "latest session", nil)
	m.earlier = statebackend.NewList[span[A]](keys.Scope, "sessions", nil)
	m.rt = &WindowRuntime[K]{Store: keys.Scope.Space().Store(), Keys: keys, Windows: keys.Scope}
	var err error
	if m.fns, err = m.f.Make(m.ctx, w, m.rt); err != nil {
		return nil, err
	}
	m.fns.User = append(m.fns.User, m.f.Key, m.f.Add, m.f.Merge)
	m.in = &Keyed[T]{Process: m.process, Touch: keys.Scope.Space().Touch, Has: m.has, Replay: m.replay}
	return m, nil
}

func (m *batchSessions[K, T, A, U]) Inputs() []any    { return []any{m.in} }
func (m *batchSessions[K, T, A, U]) Functions() []any { return m.fns.User }

func (m *batchSessions[K, T, A, U]) Open() error {
	LateCounters(m.ctx) // which stay at zero
	if m.fns.Open == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Open())
}

func (m *batchSessions[K, T, A, U]) Close() error {
	if m.fns.Close == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Close())
}

func (m *batchSessions[K, T, A, U]) check(err error) {
	if err != nil {
		m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
	}
}

// window returns the session that a record would have alone.
func (m *batchSessions[K, T, A, U]) window(v *T, ts int64) (w window.Window, ok bool) {
	windows, err := m.assigner.Assign(*v, ts, m.ctx.NowMillis, m.windows[:0])
	m.windows = windows
	if err != nil {
		m.check(err)
		return w, false
	}
	return windows[0], true
}

// has reports whether a record prolongs the latest session of its key.
func (m *batchSessions[K, T, A, U]) has(v *T, ts int64, hash uint64) bool {
	w, ok := m.window(v, ts)
	if !ok {
		return true // the job has failed
	}
	m.rt.Keys.Set(m.f.Key(*v), hash)
	if s := m.latest.Peek(); s == nil || s.touches(w) {
		return s != nil
	}
	return m.recent(w) != nil
}

// recent returns one of the key's last sessions that a window touches, if there is one: input from several places may be at several times.
func (m *batchSessions[K, T, A, U]) recent(w window.Window) *span[A] {
	const most = 32
	tail := m.earlier.Tail(most)
	for i := len(tail) - 1; i >= 0; i-- {
		if tail[i].touches(w) {
			return &tail[i]
		}
	}
	return nil
}

func (s *span[A]) touches(w window.Window) bool { return w.Start <= s.End && w.End >= s.Start }

// prolong adds a record, whose window is w, to a session.
func (m *batchSessions[K, T, A, U]) prolong(s *span[A], v *T, w window.Window) {
	s.Start, s.End = min(s.Start, w.Start), max(s.End, w.End)
	s.Acc = m.f.Add(s.Acc, *v)
}

func (m *batchSessions[K, T, A, U]) process(v *T, ts int64, hash uint64) {
	if m.ctx.Failed {
		return
	}
	w, ok := m.window(v, ts)
	if !ok {
		return
	}
	m.rt.Keys.Set(m.f.Key(*v), hash)
	s, fresh := m.latest.Edit()
	if !fresh && s.touches(w) {
		m.prolong(s, v, w)
		m.latest.Done()
		return
	}
	if !fresh {
		m.begin(s, v, w)
		return
	}
	*s = span[A]{w.Start, w.End, m.f.Add(m.f.Create(), *v)}
	m.latest.Done()
}

// begin is for a record that does not belong to the latest session of its key, which is being edited.
func (m *batchSessions[K, T, A, U]) begin(latest *span[A], v *T, w window.Window) {
	old := *latest
	m.latest.Done()
	if s := m.recent(w); s != nil {
		m.prolong(s, v, w)
		return
	}
	m.earlier.Add(old)
	m.latest.Set(span[A]{w.Start, w.End, m.f.Add(m.f.Create(), *v)})
}

func (m *batchSessions[K, T, A, U]) replay(v *T, ts int64, hash uint64) {
	m.process(v, ts, hash)
	k, _ := m.rt.Keys.Key()
	if n := len(m.replayed); n == 0 || m.replayed[n-1] != k && !slices.Contains(m.replayed, k) {
		m.replayed, m.hash = append(m.replayed, k), hash
	}
}

// EndKeys implements [Grouped].
func (m *batchSessions[K, T, A, U]) EndKeys(last bool) (more bool) {
	sp := m.rt.Keys.Scope.Space()
	for range timersAStep {
		switch {
		case m.ctx.Failed:
			return false
		case len(m.ending) > 0:
			m.emit()
			if len(m.ending) == 0 {
				m.rt.Keys.Scope.Remove() // with what functions have kept of the key
			}
			if m.ctx.Stop.Load() != 0 {
				return true
			}
			continue
		case last:
			r, ok := sp.NextFrom(m.cursor)
			if !ok {
				m.rt.Keys.Unset()
				return false
			}
			m.cursor = r + 1
			m.rt.Keys.SetWords(sp.Words(r), sp.Bytes(r))
		case len(m.replayed) == 0:
			m.rt.Keys.Unset()
			return false
		default:
			n := len(m.replayed) - 1
			m.rt.Keys.Set(m.replayed[n], m.hash)
			m.replayed = m.replayed[:n]
		}
		m.end(last)
	}
	return true
}

// end puts the sessions of the key at hand into ending, the first one at the back.
func (m *batchSessions[K, T, A, U]) end(last bool) {
	all := m.earlier.AppendTo(m.scratch[:0])
	if s := m.latest.Peek(); s != nil {
		all = append(all, *s)
	}
	m.scratch = all
	byStart := func(a, b span[A]) int { return cmp.Compare(a.Start, b.Start) }
	if !slices.IsSortedFunc(all, byStart) {
		slices.SortStableFunc(all, byStart)
	}
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && s.Start <= merged[n-1].End {
			into := &merged[n-1]
			into.End = max(into.End, s.End)
			into.Acc = m.f.Merge(into.Acc, s.Acc)
			continue
		}
		merged = append(merged, s)
	}
	slices.Reverse(merged)
	m.ending = merged
	m.earlier.Clear()
	m.latest.Clear()
}

// emit evaluates the first of the sessions that are ending.
func (m *batchSessions[K, T, A, U]) emit() {
	n := len(m.ending) - 1
	s := m.ending[n]
	m.ending = m.ending[:n]
	w := window.Window{Start: s.Start, End: s.End}
	m.out.ts = w.MaxTimestamp()
	m.check(m.fns.Accumulator(w, &s.Acc, m.out))
}
