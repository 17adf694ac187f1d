package operator

import (
	"cmp"
	"math"
	"unsafe"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/window"
)

// TumbleWindow does what [Window] does for event-time windows of fixed size that follow each other, with an accumulator, the default trigger, and no lateness. There is one timer for a window of all keys: the rows of
// a window's keys hang together, and when its time has come they are evaluated one after the other and given back.
type TumbleWindow[K comparable, T, A, U any] struct {
	Window[K, T, A, U]
}

// Sliceable reports whether windows start at fixed distances and fire once, at their end: then one accumulator for each slice and key is enough.
func Sliceable[T any](s window.Spec[T]) (window.Aligned, bool) {
	a, ok := s.Assigner.(window.Aligned)
	if !ok || !s.Assigner.EventTime() || s.Trigger != nil || s.Evictor != nil || s.AllowedLateness != 0 {
		return nil, false
	}
	if st, ok := s.Assigner.(window.Staggered[T]); ok && st.Stagger() != window.StaggerAligned {
		return nil, false
	}
	return a, a.Slide() > 0 && a.Slide() <= a.Size()
}

type tumbleInstance[K comparable, T, A, U any] struct {
	sliceBase[K, T, A, U]
	grid  sliceGrid
	links uintptr
	// pending are the windows that have rows, by their start; near is the one that the last record belongs to.
	pending []*pendingWindow
	spare   []*pendingWindow
	near    *pendingWindow
	// w is the window of the last record; its times are those from from to before until.
	w           window.Window
	from, until int64
	group       int // where evaluating the first pending window goes on
}

// pendingWindow is a window with the first row of its keys in each key group, as the row's number plus one.
type pendingWindow struct {
	w     window.Window
	heads []uint32
}

// sliceBase is what both operators on slices have in common.
type sliceBase[K comparable, T, A, U any] struct {
	Base
	f       *Window[K, T, A, U]
	ctx     *Context
	in      *Keyed[T]
	fns     WindowFunctions[T, A, U]
	out     *Collector[U]
	late    func(T, int64)
	rt      *WindowRuntime[K]
	words   *codec.Words[K]
	scope   *statebackend.Scope
	acc     *statebackend.Value[A]
	dropped [2]*Accumulator
	key     K
	// eras are where slices are in a batch job, nil in others. hash, which is its key's, and read are of the row that was read back last.
	eras         *eras
	accumulators *codec.Codec[A]
	hash         uint64
	read         A
}

// init makes what both have. The keys of its space of rows are a number that stands for a slice, and the key.
func (m *sliceBase[K, T, A, U]) init(f *Window[K, T, A, U], ctx *Context, w Wiring, self *Keyed[T]) error {
	store, err := ctx.OpenStore()
	if err != nil {
		return err
	}
	m.f, m.ctx, m.in, m.out = f, ctx, self, &Collector[U]{next: Next[U](w), ctx: ctx}
	keys, err := NewKeyCursor[K](store, sliceKeysSpace)
	if err != nil {
		return err
	}
	layout, words, err := KeyLayout[K]()
	if err != nil {
		return err
	}
	layout.Words++
	sp := store.Space(contentsSpace, layout)
	sp.DescribeKey(keySchema[K](), "slice")
	sp.Rehash(func(w []uint64, b []byte) (uint64, uint64) {
		var k K
		words.Get(w[1:], b, &k)
		h := keys.hash(k)
		return h, statebackend.Combine(h, w[0])
	})
	m.words, m.scope = words, statebackend.NewScope(sp)
	m.acc = statebackend.NewValue[A](m.scope, "accumulator", nil)
	m.rt = &WindowRuntime[K]{Store: store, Keys: keys, Windows: m.scope}
	if m.fns, err = f.Make(ctx, w, m.rt); err != nil {
		return err
	}
	if ctx.Batch && ctx.State.Spill == nil {
		m.eras = newEras(sp, ctx)
		if m.accumulators, err = codec.For[A](); err != nil {
			return err
		}
	}
	m.fns.User = append(m.fns.User, f.Key, f.Add, f.Merge)
	if f.LateOutput != "" {
		m.late = func(T, int64) {}
		if p, ok := w.Side[f.LateOutput].(*Port[T]); ok {
			m.late = p.Value
		}
	}
	return nil
}

func (m *sliceBase[K, T, A, U]) Inputs() []any    { return []any{m.in} }
func (m *sliceBase[K, T, A, U]) Functions() []any { return m.fns.User }

func (m *sliceBase[K, T, A, U]) open() error {
	m.dropped = LateCounters(m.ctx)
	if m.fns.Open == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Open())
}

func (m *sliceBase[K, T, A, U]) Close() error {
	var err error
	if m.eras != nil {
		err = m.eras.close()
	}
	if m.fns.Close == nil {
		return err
	}
	return cmp.Or(fault.Wrap(fault.FunctionError, m.fns.Close()), err)
}

func (m *sliceBase[K, T, A, U]) check(err error) {
	if err != nil {
		m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
	}
}

// ended is for a record whose windows have all ended. It is late, but at the end of time, where windows are cut: there it may be ahead of the watermark all the same.
func (m *sliceBase[K, T, A, U]) ended(v *T, ts int64) {
	if ts <= m.ctx.CurrentWatermark {
		m.drop(v, ts)
	}
}

func (m *sliceBase[K, T, A, U]) drop(v *T, ts int64) {
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

// point makes the scope point at the row of a slice and the key of a record.
func (m *sliceBase[K, T, A, U]) point(v *T, slice int64, hash uint64) {
	m.key = m.f.Key(*v)
	words := m.scope.Words()
	words[0] = uint64(slice)
	b := m.words.Put(&m.key, words[1:], m.scope.Buffer())
	m.scope.SetIn(hash, combineOne(hash, slice), b)
}

func combineOne(hash uint64, slice int64) uint64 { return statebackend.Combine(hash, uint64(slice)) }

// accumulate adds a record to the row pointed at, and reports whether that is new.
func (m *sliceBase[K, T, A, U]) accumulate(v *T) (fresh bool) {
	acc, fresh := m.acc.Edit()
	if fresh {
		*acc = m.f.Create()
	}
	*acc = m.f.Add(*acc, *v)
	m.acc.Done()
	return fresh
}

func (m *sliceBase[K, T, A, U]) noTimestamp() {
	m.check(fault.New(fault.WindowNoTimestamp, "a record in an event-time window has no timestamp"))
}

// New implements [Factory]. On a backend that moves rows to disk, and for windows that [Sliceable] does not hold for, it is [Window].
func (f *TumbleWindow[K, T, A, U]) New(ctx *Context, w Wiring) (Instance, error) {
	a, ok := Sliceable(f.Spec)
	switch {
	case !ok || a.Size() != a.Slide():
		return f.Window.New(ctx, w)
	case ctx.State.Spill != nil:
		in, err := f.Window.New(ctx, w)
		if err != nil {
			return nil, err
		}
		in.(*windowInstance[K, T, A, U]).alsoFromSlices(newSliceGrid(a))
		return in, nil
	}
	m := &tumbleInstance[K, T, A, U]{grid: newSliceGrid(a), from: math.MaxInt64, until: math.MinInt64}
	in := &Keyed[T]{Process: m.process, Touch: m.touch}
	if ctx.Batch {
		in.Has = m.has
	}
	if err := m.init(&f.Window, ctx, w, in); err != nil {
		return nil, err
	}
	m.links = m.scope.Space().Reserve(8)
	if m.eras != nil {
		m.eras.pending = &m.pending
	}
	m.alsoFromWindows()
	return m, nil
}

func (m *tumbleInstance[K, T, A, U]) Open() error {
	sp := m.scope.Space()
	for r := range sp.All { // restored
		m.locate(int64(sp.Word(r, 0)))
		m.link(r)
	}
	return m.open()
}

// touch supposes that the next records belong to the window of the last one.
func (m *tumbleInstance[K, T, A, U]) touch(hashes []uint64) {
	m.scope.Space().TouchIn(hashes, uint64(m.w.Start))
}

func (m *tumbleInstance[K, T, A, U]) process(v *T, ts int64, hash uint64) {
	if m.ctx.Failed {
		return
	}
	if ts < m.from || ts >= m.until {
		if ts == eventtime.NoTimestamp {
			m.noTimestamp()
			return
		}
		m.locate(ts)
	}
	if m.w.End-1 <= m.ctx.CurrentWatermark {
		m.ended(v, ts)
		return
	}
	m.point(v, m.w.Start, hash)
	if m.accumulate(v) {
		m.link(m.scope.Ref())
	}
}

// has reports whether the window of a record has a row.
func (m *tumbleInstance[K, T, A, U]) has(v *T, ts int64, hash uint64) bool {
	if ts == eventtime.NoTimestamp {
		return true // process says what is wrong with it
	}
	if ts < m.from || ts >= m.until {
		m.locate(ts)
	}
	m.point(v, m.w.Start, hash)
	_, ok := m.scope.Find()
	return ok
}

// Evict implements [Evicting].
func (m *tumbleInstance[K, T, A, U]) Evict(memory int64) (ok bool, err error) {
	if m.eras == nil || m.f.Merge == nil {
		return false, nil
	}
	m.near = nil
	return true, m.evict(memory, m.eachOf)
}

// eachOf calls f for the rows of a key group, by window, and leaves none of them pending.
func (m *tumbleInstance[K, T, A, U]) eachOf(group int, f func(statebackend.Ref) error) error {
	sp := m.scope.Space()
	for _, p := range m.pending {
		for ; p.heads[group] != 0; p.heads[group] = *(*uint32)(unsafe.Add(sp.Row(statebackend.MakeRef(group, p.heads[group]-1)), m.links)) {
			if err := f(statebackend.MakeRef(group, p.heads[group]-1)); err != nil {
				return err
			}
		}
	}
	if group == m.ctx.KeyGroups.Len()-1 {
		m.spare, m.pending = append(m.spare, m.pending...), m.pending[:0]
	}
	return nil
}

// EndKeys implements [Grouped].
func (m *tumbleInstance[K, T, A, U]) EndKeys(bool) (more bool) {
	for x := m.eras; x != nil && !m.ctx.Failed; {
		if !x.ending {
			m.near, m.from, m.until = nil, math.MaxInt64, math.MinInt64
			x.ending, x.group = true, 0
			x.enter(x.all[0])
		}
		more, err := m.endEra()
		if err != nil {
			m.ctx.Fail(err)
			return false
		}
		if more {
			return true
		}
		x.drop()
		if x.all = x.all[1:]; len(x.all) > 0 {
			x.ending = false
			continue
		}
		m.eras = nil
		if err := x.close(); err != nil {
			m.ctx.Fail(err)
		}
		return false
	}
	return m.Watermark(eventtime.MaxWatermark) && !m.ctx.Failed
}

// endEra evaluates the windows of the first era.
func (m *tumbleInstance[K, T, A, U]) endEra() (more bool, err error) {
	x := m.eras
	e := x.cur
	if len(e.runs) == 0 {
		return m.Watermark(eventtime.MaxWatermark) && !m.ctx.Failed, nil
	}
	if !x.loaded && x.group == 0 && x.sp.Len() > 0 { // so that runs are merged in the order in which records came
		if err := m.writeRun(m.eachOf); err != nil {
			return false, err
		}
	}
	if len(e.runs) == 1 {
		return m.evaluateRun(&e.runs[0])
	}
	for ; x.group < m.ctx.KeyGroups.Len(); x.group++ {
		if !x.loaded {
			for i := range e.runs {
				from, end := e.runs[i].group(x.group)
				if err := m.load(from, end, m.loadFresh); err != nil || m.ctx.Failed {
					return false, err
				}
			}
			x.loaded = true
		}
		if m.evaluateGroup(x.group) {
			return true, nil
		}
		if m.ctx.Failed {
			return false, nil
		}
		x.loaded = false
	}
	m.spare, m.pending = append(m.spare, m.pending...), m.pending[:0]
	return false, nil
}

// loadFresh links a row that was read from disk.
func (m *tumbleInstance[K, T, A, U]) loadFresh() {
	if start := int64(m.scope.Words()[0]); m.near == nil || start != m.near.w.Start {
		m.w = m.windowFrom(start)
		m.near = m.pendingOf(m.w)
	}
	m.link(m.scope.Ref())
}

// windowFrom is the window that starts at a time.
func (m *tumbleInstance[K, T, A, U]) windowFrom(start int64) window.Window {
	return m.grid.tumbling(max(start, eventtime.NoTimestamp+1))
}

// evaluateGroup evaluates the rows of a key group, all windows of it.
func (m *tumbleInstance[K, T, A, U]) evaluateGroup(group int) (more bool) {
	left := timersAStep
	m.scope.Unset()
	m.group = group
	defer func() { m.group = 0 }()
	for _, p := range m.pending {
		for p.heads[group] != 0 {
			if m.ctx.Failed {
				return false
			}
			m.evaluate(p)
			if left--; left <= 0 || m.ctx.Stop.Load() != 0 {
				return true
			}
		}
	}
	return false
}

// evaluateRun evaluates the only run of an era: each row is that of a key in its window, and needs no table.
func (m *tumbleInstance[K, T, A, U]) evaluateRun(run *eraRun) (more bool, err error) {
	x := m.eras
	if !x.loaded {
		x.loaded = true
		x.reader.open(x.file, run.from, run.ends[len(run.ends)-1])
	}
	for left := timersAStep; left > 0 && m.ctx.Stop.Load() == 0; left-- {
		row, err := x.reader.row()
		if row == nil || err != nil || m.ctx.Failed {
			x.loaded = false
			return false, x.failed(err)
		}
		if _, err := m.readRow(row); err != nil {
			return false, err
		}
		if start := int64(m.scope.Words()[0]); start != m.w.Start {
			m.w = m.windowFrom(start)
		}
		m.rt.Keys.Name(m.key)
		m.out.ts = m.w.MaxTimestamp()
		m.check(m.fns.Accumulator(m.w, &m.read, m.out))
	}
	return true, nil
}

// locate finds the window of a timestamp. Windows are known by their starts, which differ also where they are cut at the ends of time.
func (m *tumbleInstance[K, T, A, U]) locate(ts int64) {
	m.w = m.grid.tumbling(ts)
	m.from, m.until = max(m.w.Start, eventtime.NoTimestamp+1), m.w.End
	m.near = nil
	if m.eras != nil {
		m.eras.seek(m.w.Start)
	}
}

// link hangs a new row on its window.
func (m *tumbleInstance[K, T, A, U]) link(r statebackend.Ref) {
	if m.near == nil {
		m.near = m.pendingOf(m.w)
	}
	head := &m.near.heads[r.Group()]
	*(*uint32)(unsafe.Add(m.scope.Space().Edit(r), m.links)) = *head
	*head = r.Row() + 1
}

func (m *tumbleInstance[K, T, A, U]) pendingOf(w window.Window) *pendingWindow {
	i := len(m.pending)
	for i > 0 && m.pending[i-1].w.End >= w.End {
		i--
		if m.pending[i].w == w {
			return m.pending[i]
		}
	}
	var p *pendingWindow
	if n := len(m.spare); n > 0 {
		p, m.spare = m.spare[n-1], m.spare[:n-1]
	} else {
		p = &pendingWindow{heads: make([]uint32, m.ctx.KeyGroups.Len())}
	}
	p.w = w
	m.pending = append(m.pending, nil)
	copy(m.pending[i+1:], m.pending[i:])
	m.pending[i] = p
	return p
}

func (m *tumbleInstance[K, T, A, U]) Watermark(t int64) (more bool) {
	left := timersAStep
	for len(m.pending) > 0 && m.pending[0].w.End-1 <= t {
		p := m.pending[0]
		for ; m.group < len(p.heads); m.group++ {
			for p.heads[m.group] != 0 {
				if m.ctx.Failed {
					return false
				}
				m.evaluate(p)
				if left--; left <= 0 || m.ctx.Stop.Load() != 0 {
					return true
				}
			}
		}
		m.group = 0
		m.pending = append(m.pending[:0], m.pending[1:]...)
		m.spare = append(m.spare, p)
		if m.near == p {
			m.near = nil
		}
	}
	return false
}

// evaluate emits and gives back the first row of a window in the key group at hand.
func (m *tumbleInstance[K, T, A, U]) evaluate(p *pendingWindow) {
	sp := m.scope.Space()
	r := statebackend.MakeRef(m.group, p.heads[m.group]-1)
	row := sp.Row(r)
	p.heads[m.group] = *(*uint32)(unsafe.Add(row, m.links))
	m.words.Get(sp.Words(r)[1:], sp.Bytes(r), &m.key)
	m.rt.Keys.Name(m.key)
	m.scope.Point(r)
	m.out.ts = p.w.MaxTimestamp()
	m.check(m.fns.Accumulator(p.w, m.acc.Peek(), m.out))
	m.scope.Unset()
	sp.Remove(r)
}
