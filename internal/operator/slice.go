package operator

import (
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
	if m.fns.Close == nil {
		return nil
	}
	return fault.Wrap(fault.FunctionError, m.fns.Close())
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

// EndKeys implements [Grouped].
func (m *tumbleInstance[K, T, A, U]) EndKeys(bool) (more bool) {
	return m.Watermark(eventtime.MaxWatermark) && !m.ctx.Failed
}

// locate finds the window of a timestamp. Windows are known by their starts, which differ also where they are cut at the ends of time.
func (m *tumbleInstance[K, T, A, U]) locate(ts int64) {
	m.w = m.grid.tumbling(ts)
	m.from, m.until = max(m.w.Start, eventtime.NoTimestamp+1), m.w.End
	m.near = nil
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
