package operator

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/window"
)

// Window evaluates windows of a keyed stream, as package window describes them. Each window of a key has a row in the store: its contents, which are an accumulator or all elements, and the slots of its
// trigger. It is the operator for all assigners, triggers and evictors; [SliceWindow] does the commonest of them faster.
type Window[K comparable, T, A, U any] struct {
	Spec window.Spec[T]
	Key  func(T) K
	// Create, Add and Merge make the contents an accumulator; with a nil Add a window keeps its elements. Merge is needed where windows merge.
	Create func() A
	Add    func(acc A, v T) A
	Merge  func(a, b A) A
	// LateOutput is the side output of late records; "" for none.
	LateOutput string
	Make       func(ctx *Context, w Wiring, rt *WindowRuntime[K]) (WindowFunctions[T, A, U], error)
}

// WindowFunctions are what evaluates windows in one subtask. One of Accumulator and Elements is set.
type WindowFunctions[T, A, U any] struct {
	Open        func() error
	Accumulator func(w window.Window, acc *A, out *Collector[U]) error
	Elements    func(w window.Window, elems *WindowElements[T], out *Collector[U]) error
	// Clear is called when a window is removed; nil for nothing.
	Clear func(w window.Window) error
	Close func() error
	User  []any
}

// WindowElements are the elements of a window when it is evaluated.
type WindowElements[T any] struct {
	list  *statebackend.List[window.Element[T]]
	elems []window.Element[T] // with an evictor
	held  bool
}

// All calls yield for each element, in the order in which they came, until it returns false.
func (e *WindowElements[T]) All(yield func(T) bool) {
	if e.held {
		for i := range e.elems {
			if !yield(e.elems[i].Value) {
				return
			}
		}
		return
	}
	for x := range e.list.All() {
		if !yield(x.Value) {
			return
		}
	}
}

// Len is the number of elements.
func (e *WindowElements[T]) Len() int {
	if e.held {
		return len(e.elems)
	}
	return e.list.Len()
}

// WindowRuntime is what the functions of windows work with.
type WindowRuntime[K comparable] struct {
	Store *statebackend.Store
	Keys  *KeyCursor[K]
	// Windows points at the window being worked on, for state per window.
	Windows *statebackend.Scope
}

type windowInstance[K comparable, T, A, U any] struct {
	Base
	f        *Window[K, T, A, U]
	ctx      *Context
	in       *Keyed[T]
	spec     window.Spec[T]
	assigner window.Assigner[T]
	trigger  window.Trigger[T]
	fns      WindowFunctions[T, A, U]
	out      *Collector[U]
	late     func(T, int64)
	rt       *WindowRuntime[K]
	timers   *TimerService[K]
	scope    *statebackend.Scope
	acc      *statebackend.Value[A]
	elems    *statebackend.List[window.Element[T]]
	slots    []slot[T]
	active   *statebackend.List[mergeEntry] // the windows of a key, where windows merge
	tc       *triggerContext[K, T, A, U]
	elements WindowElements[T]

	windows []window.Window
	entries []mergeEntry
	old     []mergeEntry
	scratch []window.Element[T]
	dropped [2]*Accumulator
	marks   *statebackend.Value[uint64]
	// early lets windows of a batch job close before the first record of their key that is behind them, since these come in the order of time: what triggers see of the watermark must not matter.
	early bool
}

// mergeEntry is a window of a key, and the window under which its state is kept: the first of those that it was merged from.
type mergeEntry struct{ Window, State window.Window }

// Marks of a window's row: the timer at its end, and that for its removal, are set.
const (
	markEnd = 1 << iota
	markCleanup
)

// slot is a place for a trigger's state.
type slot[T any] struct {
	n     *statebackend.Value[int64]
	v     *statebackend.Value[T]
	merge window.Merge
}

// dropMerged unsets the slot in a window that others have become, if nothing of theirs goes into it.
func (s slot[T]) dropMerged() {
	switch {
	case s.n == nil:
		s.v.Clear()
	case s.merge == window.MergeDrop:
		s.n.Clear()
	}
}

// New implements [Factory].
func (f *Window[K, T, A, U]) New(ctx *Context, w Wiring) (Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &windowInstance[K, T, A, U]{
		f: f, ctx: ctx, spec: f.Spec, assigner: f.Spec.Assigner, trigger: f.Spec.TriggerOrDefault(), out: &Collector[U]{next: Next[U](w), ctx: ctx},
	}
	keys, err := NewKeyCursor[K](store, globalSpace)
	if err != nil {
		return nil, err
	}
	layout, words, err := KeyLayout[K]()
	if err != nil {
		return nil, err
	}
	layout.Words += 2
	sp := store.Space(contentsSpace, layout)
	sp.DescribeKey(keySchema[K](), "window_start", "window_end")
	sp.Rehash(func(w []uint64, b []byte) (uint64, uint64) {
		var k K
		words.Get(w[2:], b, &k)
		h := keys.hash(k)
		return h, statebackend.Combine(h, w[:2]...)
	})
	m.scope = statebackend.NewScope(sp)
	m.rt = &WindowRuntime[K]{Store: store, Keys: keys, Windows: m.scope}
	if f.Add != nil {
		m.acc = statebackend.NewValue[A](m.scope, "accumulator", nil)
	} else {
		m.elems = statebackend.NewList[window.Element[T]](m.scope, "elements", nil)
	}
	m.marks = statebackend.NewValue[uint64](m.scope, marksCell, nil)
	for _, s := range m.trigger.States() {
		x := slot[T]{merge: s.Merge}
		if s.Kind == window.IntState {
			x.n = statebackend.NewValue[int64](m.scope, "trigger "+s.Name, nil)
		} else {
			x.v = statebackend.NewValue[T](m.scope, "trigger "+s.Name, nil)
		}
		m.slots = append(m.slots, x)
	}
	if m.assigner.Merging() {
		m.active = statebackend.NewList[mergeEntry](keys.Scope, "windows", nil)
	}
	if m.timers, err = NewTimerService(ctx, store, keys, 2, m.fire); err != nil {
		return nil, err
	}
	if m.fns, err = f.Make(ctx, w, m.rt); err != nil {
		return nil, err
	}
	m.fns.User = append(m.fns.User, f.Key, f.Add, f.Merge)
	m.tc = &triggerContext[K, T, A, U]{m: m}
	if f.LateOutput != "" {
		if p, ok := w.Side[f.LateOutput].(*Port[T]); ok {
			m.late = p.Value
		} else {
			m.late = func(T, int64) {} // asked for, and read by nobody
		}
	}
	ctx.WantsTime = true
	m.early = ctx.Batch && closesInOrder(f.Spec)
	m.in = &Keyed[T]{Process: m.process}
	return m, nil
}

func (m *windowInstance[K, T, A, U]) Inputs() []any    { return []any{m.in} }
func (m *windowInstance[K, T, A, U]) Functions() []any { return m.fns.User }

func (m *windowInstance[K, T, A, U]) Open() error {
	m.dropped = LateCounters(m.ctx)
	m.timers.Open()
	if m.fns.Open == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Open())
}

// LateCounters are the counters of late records that were dropped: of the operator and of the job.
func LateCounters(ctx *Context) [2]*Accumulator {
	return [2]*Accumulator{
		ctx.Host.Accumulator(ctx.Node, "numLateRecordsDropped", AccCounter),
		ctx.Host.Accumulator(ctx.Node, ctx.Name+".numLateRecordsDropped", AccCounter),
	}
}

func (m *windowInstance[K, T, A, U]) Watermark(t int64) bool {
	return !m.ctx.Failed && m.timers.Advance(t)
}

func (m *windowInstance[K, T, A, U]) Finish() bool {
	m.timers.Close()
	return false
}

func (m *windowInstance[K, T, A, U]) Close() error {
	m.timers.Close()
	if m.fns.Close == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Close())
}

func (m *windowInstance[K, T, A, U]) check(err error) {
	if err != nil {
		m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
	}
}

// isLate tells whether a window is past its end and the allowed lateness.
func (m *windowInstance[K, T, A, U]) isLate(w window.Window) bool {
	return m.assigner.EventTime() && m.spec.Cleanup(w) <= m.ctx.CurrentWatermark
}

// point makes the scope point at a window of the current key.
func (m *windowInstance[K, T, A, U]) point(w window.Window) {
	words := m.scope.Words()
	words[0], words[1] = uint64(w.Start), uint64(w.End)
	key, b := m.timers.key()
	copy(words[2:], key)
	m.scope.SetIn(m.rt.Keys.current, statebackend.Combine(m.rt.Keys.current, words[0], words[1]), b)
}

func (m *windowInstance[K, T, A, U]) process(v *T, ts int64, hash uint64) {
	if m.ctx.Failed {
		return
	}
	if st, ok := m.assigner.(window.Staggered[T]); ok {
		m.stagger(st)
	}
	if m.early && ts > eventtime.NoTimestamp+2 && m.close(ts-2) {
		return
	}
	m.rt.Keys.Set(m.f.Key(*v), hash)
	windows, err := m.assigner.Assign(*v, ts, m.ctx.NowMillis, m.windows[:0])
	m.windows = windows
	if err != nil {
		m.check(err)
		return
	}
	skipped := true
	for _, w := range windows {
		actual, state := w, w
		if m.active != nil {
			actual, state = m.merge(w)
		}
		if m.isLate(actual) {
			if m.active != nil {
				m.retire(actual)
			}
			continue
		}
		skipped = false
		m.point(state)
		m.add(v, ts)
		m.tc.aim(actual, false)
		m.act(m.trigger.OnElement(*v, ts, actual, m.tc), actual)
		m.setCleanup(actual)
		if m.ctx.Failed {
			return
		}
	}
	if skipped && m.assigner.EventTime() && addSat(ts, m.spec.Lateness()) <= m.ctx.CurrentWatermark {
		m.drop(*v, ts)
	}
}

// closesInOrder reports whether the windows of a record end behind it, and fire once for all that is in them.
func closesInOrder[T any](s window.Spec[T]) bool {
	if !s.Assigner.EventTime() || s.Trigger != nil {
		return false
	}
	switch s.Assigner.(type) {
	case window.Session[T], window.DynamicSession[T]:
		return true
	}
	_, aligned := s.Assigner.(window.Aligned)
	return aligned
}

// close closes the windows up to a time, which no record follows that belongs to one of them or touches it. It reports whether that has failed.
func (m *windowInstance[K, T, A, U]) close(t int64) (failed bool) {
	m.ctx.CurrentWatermark = eventtime.MaxWatermark
	for m.timers.Advance(t) {
	}
	m.ctx.CurrentWatermark = eventtime.MinWatermark
	return m.ctx.Failed
}

// EndKeys implements [Grouped].
func (m *windowInstance[K, T, A, U]) EndKeys(last bool) (more bool) {
	if m.ctx.Failed {
		return false
	}
	if m.timers.drain() {
		return true
	}
	if !last {
		m.scope.Unset()
		m.rt.Keys.forget(m.rt.Store)
	}
	return false
}

func addSat(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return eventtime.MaxWatermark
}

// stagger draws the distance of this subtask's windows, at its first record.
func (m *windowInstance[K, T, A, U]) stagger(st window.Staggered[T]) {
	if st.Stagger() == window.StaggerAligned {
		return
	}
	size := int64(1)
	if a, ok := m.assigner.(window.Aligned); ok {
		size = a.Size()
	}
	m.assigner = st.At(st.Stagger().Offset(m.ctx.NowMillis, size, m.ctx.Host.Random()))
	m.spec.Assigner = m.assigner
}

func (m *windowInstance[K, T, A, U]) drop(v T, ts int64) {
	if m.late != nil {
		m.late(v, ts)
		if m.ctx.Stop.Load() != 0 {
			m.ctx.Host.Interrupt()
		}
		return
	}
	m.dropped[0].AddInt(1)
	m.dropped[1].AddInt(1)
}

// add puts a record into the contents of the window pointed at.
func (m *windowInstance[K, T, A, U]) add(v *T, ts int64) {
	if m.elems != nil {
		m.elems.Add(window.Element[T]{Value: *v, Timestamp: ts})
		return
	}
	acc, fresh := m.acc.Edit()
	if fresh {
		*acc = m.f.Create()
	}
	*acc = m.f.Add(*acc, *v)
	m.acc.Done()
}

// act does what a trigger has decided for the window pointed at.
func (m *windowInstance[K, T, A, U]) act(r window.Result, w window.Window) {
	if m.ctx.Failed {
		return
	}
	if r.IsFire() {
		m.emit(w)
	}
	if r.IsPurge() {
		if m.elems != nil {
			m.elems.Clear()
		} else {
			m.acc.Clear()
		}
	}
}

// emit evaluates the window pointed at, unless it is empty.
func (m *windowInstance[K, T, A, U]) emit(w window.Window) {
	m.out.ts = w.MaxTimestamp()
	if m.acc != nil {
		if acc := m.acc.Peek(); acc != nil {
			m.check(m.fns.Accumulator(w, acc, m.out))
		}
		return
	}
	if m.elems.Len() == 0 {
		return
	}
	m.elements = WindowElements[T]{list: m.elems}
	if m.spec.Evictor == nil {
		m.check(m.fns.Elements(w, &m.elements, m.out))
		return
	}
	all := m.scratch[:0]
	for e := range m.elems.All() {
		all = append(all, e)
	}
	m.scratch = all
	before := len(all)
	kept := m.spec.Evictor.EvictBefore(all, w, m.tc)
	m.elements.elems, m.elements.held = kept, true
	m.check(m.fns.Elements(w, &m.elements, m.out))
	kept = m.spec.Evictor.EvictAfter(kept, w, m.tc)
	if len(kept) != before {
		m.elems.Replace(kept)
	}
	clear(m.scratch[:before])
}

// setCleanup sets the timer for the removal of a window.
func (m *windowInstance[K, T, A, U]) setCleanup(w window.Window) {
	at := m.spec.Cleanup(w)
	if at == eventtime.MaxWatermark {
		return // never
	}
	if w.MaxTimestamp() == at {
		m.tc.registerEnd(at, m.assigner.EventTime())
		return
	}
	marks, _ := m.marks.Get()
	if marks&markCleanup != 0 {
		return
	}
	m.marks.Set(marks | markCleanup)
	m.register(at, w, m.assigner.EventTime())
}

func (m *windowInstance[K, T, A, U]) register(at int64, w window.Window, event bool) {
	if event {
		m.timers.RegisterEvent(at, uint64(w.Start), uint64(w.End))
	} else {
		m.timers.RegisterProc(at, uint64(w.Start), uint64(w.End))
	}
}

// fire is called for a timer of the current key.
func (m *windowInstance[K, T, A, U]) fire(due *statebackend.Due, _ []uint64, event bool) {
	w := window.Window{Start: int64(due.Words[0]), End: int64(due.Words[1])}
	state := w
	if m.active != nil {
		e, ok := m.find(w)
		if !ok {
			return // it has become part of another one
		}
		state = e.State
	}
	m.point(state)
	m.forget(due.Time, w, event)
	m.tc.aim(w, false)
	var r window.Result
	if event {
		r = m.trigger.OnEventTime(due.Time, w, m.tc)
	} else {
		r = m.trigger.OnProcessingTime(due.Time, w, m.tc)
	}
	m.act(r, w)
	if m.ctx.Failed {
		return
	}
	if event == m.assigner.EventTime() && due.Time == m.spec.Cleanup(w) {
		m.remove(w)
	}
}

// forget notes that a timer has come, so that it can be set again.
func (m *windowInstance[K, T, A, U]) forget(at int64, w window.Window, event bool) {
	if event != m.assigner.EventTime() {
		return
	}
	marks, ok := m.marks.Get()
	if !ok {
		return
	}
	was := marks
	if at == w.MaxTimestamp() {
		marks &^= markEnd
	}
	if at == m.spec.Cleanup(w) {
		marks &^= markCleanup
	}
	if marks != was {
		m.marks.Set(marks)
	}
}

// remove forgets the window pointed at.
func (m *windowInstance[K, T, A, U]) remove(w window.Window) {
	if m.elems != nil {
		m.elems.Clear()
	} else {
		m.acc.Clear()
	}
	m.tc.aim(w, false)
	m.trigger.Clear(w, m.tc)
	if m.fns.Clear != nil {
		m.check(m.fns.Clear(w))
	}
	m.scope.Remove()
	if m.active != nil {
		m.retire(w)
	}
}

// Merging windows.

func (m *windowInstance[K, T, A, U]) load() {
	m.entries = m.active.AppendTo(m.entries[:0])
}

func (m *windowInstance[K, T, A, U]) find(w window.Window) (mergeEntry, bool) {
	m.load()
	for _, e := range m.entries {
		if e.Window == w {
			return e, true
		}
	}
	return mergeEntry{}, false
}

// retire takes a window out of the windows of the current key.
func (m *windowInstance[K, T, A, U]) retire(w window.Window) {
	m.load()
	for i, e := range m.entries {
		if e.Window == w {
			m.active.Assign(append(m.entries[:i], m.entries[i+1:]...))
			return
		}
	}
}

// merge adds a window to those of the current key and returns the window that it has become, and the one under which that keeps its state.
func (m *windowInstance[K, T, A, U]) merge(w window.Window) (actual, state window.Window) {
	m.load()
	m.old = m.old[:0]
	kept := m.entries[:0]
	cover := w
	for _, e := range m.entries { // in the order of their starts
		if e.Window.Touches(w) {
			cover = cover.Cover(e.Window)
			m.old = append(m.old, e)
		} else {
			kept = append(kept, e)
		}
	}
	switch {
	case len(m.old) == 0:
		m.insert(kept, mergeEntry{w, w})
		return w, w
	case len(m.old) == 1 && m.old[0].Window == cover:
		return cover, m.old[0].State
	}
	result := mergeEntry{cover, m.old[0].State}
	m.insert(kept, result)
	for _, o := range m.old[1:] {
		m.combineSlots(result.State, o.State)
	}
	m.point(result.State)
	m.marks.Clear()
	for _, s := range m.slots {
		s.dropMerged()
	}
	m.tc.aim(cover, false)
	m.trigger.OnMerge(cover, m.tc)
	for _, o := range m.old {
		m.tc.aim(o.Window, true)
		m.trigger.Clear(o.Window, m.tc)
		m.unsetCleanup(o.Window)
	}
	for _, o := range m.old[1:] {
		m.combineContents(result.State, o.State)
	}
	return cover, result.State
}

func (m *windowInstance[K, T, A, U]) insert(entries []mergeEntry, e mergeEntry) {
	i := len(entries)
	for i > 0 && entries[i-1].Window.Start > e.Window.Start {
		i--
	}
	entries = append(entries, mergeEntry{})
	copy(entries[i+1:], entries[i:])
	entries[i] = e
	m.entries = entries
	m.active.Assign(entries)
}

func (m *windowInstance[K, T, A, U]) unsetCleanup(w window.Window) {
	at := m.spec.Cleanup(w)
	if m.assigner.EventTime() {
		m.timers.DeleteEvent(at, uint64(w.Start), uint64(w.End))
	} else {
		m.timers.DeleteProc(at, uint64(w.Start), uint64(w.End))
	}
}

// combineSlots adds the trigger's state of one window to that of another. What is left of the one goes with its contents.
func (m *windowInstance[K, T, A, U]) combineSlots(into, from window.Window) {
	for _, s := range m.slots {
		if s.n == nil || s.merge == window.MergeDrop {
			continue
		}
		m.point(from)
		b, ok := s.n.Get()
		if !ok {
			continue
		}
		m.point(into)
		if a, ok := s.n.Get(); ok {
			b = s.merge.Ints(a, b)
		}
		s.n.Set(b)
	}
}

// combineContents takes the contents of one window into another, and forgets the one.
func (m *windowInstance[K, T, A, U]) combineContents(into, from window.Window) {
	m.point(from)
	if m.elems != nil {
		m.scratch = m.scratch[:0]
		for e := range m.elems.All() {
			m.scratch = append(m.scratch, e)
		}
		m.scope.Remove()
		m.point(into)
		for i := range m.scratch {
			m.elems.Add(m.scratch[i])
		}
		clear(m.scratch)
		return
	}
	b, okB := m.acc.Get()
	m.scope.Remove()
	m.point(into)
	a, okA := m.acc.Get()
	switch {
	case okA && okB:
		m.acc.Set(m.f.Merge(a, b))
	case okB:
		m.acc.Set(b)
	}
}

// triggerContext is what the trigger and the evictor see of the window pointed at.
type triggerContext[K comparable, T, A, U any] struct {
	m *windowInstance[K, T, A, U]
	w window.Window
	// gone is set while the trigger clears a window that has become part of another one: its slots are that one's now.
	gone bool
}

func (c *triggerContext[K, T, A, U]) aim(w window.Window, gone bool) { c.w, c.gone = w, gone }

func (c *triggerContext[K, T, A, U]) CurrentWatermark() int64      { return c.m.ctx.CurrentWatermark }
func (c *triggerContext[K, T, A, U]) CurrentProcessingTime() int64 { return c.m.ctx.NowMillis }

// registerEnd sets the timer at the end of the window, unless it is known to be set.
func (c *triggerContext[K, T, A, U]) registerEnd(t int64, event bool) {
	marks, _ := c.m.marks.Get()
	if marks&markEnd != 0 {
		return
	}
	c.m.marks.Set(marks | markEnd)
	c.m.register(t, c.w, event)
}

func (c *triggerContext[K, T, A, U]) RegisterEventTimeTimer(t int64) {
	if t == c.w.MaxTimestamp() && c.m.assigner.EventTime() && !c.gone {
		c.registerEnd(t, true)
		return
	}
	c.m.register(t, c.w, true)
}

func (c *triggerContext[K, T, A, U]) RegisterProcessingTimeTimer(t int64) {
	if t == c.w.MaxTimestamp() && !c.m.assigner.EventTime() && !c.gone {
		c.registerEnd(t, false)
		return
	}
	c.m.register(t, c.w, false)
}

func (c *triggerContext[K, T, A, U]) DeleteEventTimeTimer(t int64) {
	if !c.gone {
		c.m.forget(t, c.w, true)
	}
	c.m.timers.DeleteEvent(t, uint64(c.w.Start), uint64(c.w.End))
}

func (c *triggerContext[K, T, A, U]) DeleteProcessingTimeTimer(t int64) {
	if !c.gone {
		c.m.forget(t, c.w, false)
	}
	c.m.timers.DeleteProc(t, uint64(c.w.Start), uint64(c.w.End))
}

func (c *triggerContext[K, T, A, U]) Int(i int) (int64, bool) {
	if c.gone {
		return 0, false
	}
	return c.m.slots[i].n.Get()
}

func (c *triggerContext[K, T, A, U]) SetInt(i int, n int64) {
	if !c.gone {
		c.m.slots[i].n.Set(n)
	}
}

func (c *triggerContext[K, T, A, U]) Element(i int) (v T, ok bool) {
	if c.gone {
		return v, false
	}
	return c.m.slots[i].v.Get()
}

func (c *triggerContext[K, T, A, U]) SetElement(i int, v T) {
	if !c.gone {
		c.m.slots[i].v.Set(v)
	}
}

func (c *triggerContext[K, T, A, U]) Unset(i int) {
	switch s := c.m.slots[i]; {
	case c.gone:
	case s.n != nil:
		s.n.Clear()
	default:
		s.v.Clear()
	}
}
