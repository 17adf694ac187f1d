package operator

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
)

// SlideWindow does what [Window] does for event-time windows that overlap, with an accumulator that can be merged, the default trigger, and no lateness. A record is added to one slice, and windows are merged from slices, so that the
// cost of a record does not depend on how many windows it belongs to, nor that of a window on how many slices it has.
//
// The slices of a key are a queue: with each window some come in at the end and some go at the front. The queue has two parts (the two-stacks algorithm, as in Tangwongsan, Hirzel, Schneider, "Low-Latency Sliding-Window
// Aggregation in Worst-Case Constant Time", DEBS 2017, which starts from it). The back is one accumulator of all its slices. In the front each slice has, beside its own, an accumulator of itself and all slices of the front behind it, so that the
// first one's stands for all. When the front is used up, the back becomes the front. Merging is done in the order of time.
type SlideWindow[K comparable, T, A, U any] struct {
	Window[K, T, A, U]
}

type slideInstance[K comparable, T, A, U any] struct {
	sliceBase[K, T, A, U]
	grid  sliceGrid
	rest  *statebackend.Value[A] // of a slice of the front: itself and those behind it
	state *statebackend.Value[slideState]
	back  *statebackend.Value[A]
	// ends counts the rows of each slice, in the order of time, to know where there is something to do.
	ends []sliceCount
	// near is the slice of the last record: its number, its first time and the one behind its last, and when its last window ends.
	near struct{ slice, from, until, last int64 }
	// All windows up to fired have been evaluated. Slices up to seen may have been part of a window that some key has seen.
	fired, seen int64
	// What follows is for a window that is being evaluated.
	window int64
	active bool
	cursor statebackend.Ref
	result A // here, so that it need not go to the heap for each window
}

type sliceCount struct{ slice, rows int64 }

// slideState is the queue of a key.
type slideState struct {
	// Front is the last slice of the front; slices up to it have their rest set.
	Front int64
	// First is the first slice of the front that is still there and has a row; beyond Front if there is none.
	First int64
	// Last is the latest slice that has a row.
	Last int64
	// Fired is a window up to which all were evaluated, or had nothing in them. The back has the slices behind the front up to the window's last.
	Fired int64
}

// never is before all slices and windows.
const never = math.MinInt64

// New implements [Factory]. For windows that [Sliceable] does not hold for it is [Window].
func (f *SlideWindow[K, T, A, U]) New(ctx *Context, w Wiring) (Instance, error) {
	a, ok := Sliceable(f.Spec)
	if !ok || f.Merge == nil {
		return f.Window.New(ctx, w)
	}
	m := &slideInstance[K, T, A, U]{grid: newSliceGrid(a), fired: never, seen: never}
	m.near.from, m.near.until = math.MaxInt64, math.MinInt64
	in := &Keyed[T]{Process: m.process, Touch: m.touch}
	if ctx.Batch {
		in.Has = m.has
	}
	if err := m.init(&f.Window, ctx, w, in); err != nil {
		return nil, err
	}
	m.rest = statebackend.NewValue[A](m.scope, "slices behind", nil)
	m.rt.Keys.Scope.Space().Pin()
	m.state = statebackend.NewValue[slideState](m.rt.Keys.Scope, "slices", nil)
	m.back = statebackend.NewValue[A](m.rt.Keys.Scope, "back", nil)
	return m, nil
}

// has reports whether the key of a record has slices.
func (m *slideInstance[K, T, A, U]) has(v *T, _ int64, hash uint64) bool {
	m.rt.Keys.Set(m.f.Key(*v), hash)
	_, ok := m.rt.Keys.Scope.Find()
	return ok
}

// Evict implements [Evicting].
func (m *slideInstance[K, T, A, U]) Evict(memory int64) (ok bool, err error) {
	if m.eras == nil {
		return false, nil
	}
	return true, m.evict(memory, m.eachOf)
}

// eachOf calls f for the slices of a key group that are in the space.
func (m *slideInstance[K, T, A, U]) eachOf(group int, f func(statebackend.Ref) error) error {
	for r, ok := m.scope.Space().NextFrom(statebackend.MakeRef(group, 0)); ok && r.Group() == group; r, ok = m.scope.Space().NextFrom(r + 1) {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// endEras evaluates the windows of all eras, one key group after the other: the slices of a key are put together then.
func (m *slideInstance[K, T, A, U]) endEras() (more bool) {
	x := m.eras
	if !x.ending {
		x.ending = true
		x.enter(&era{})
	}
	for ; x.group < m.ctx.KeyGroups.Len() && !m.ctx.Failed; x.group++ {
		if !x.loaded {
			if err := m.gather(x.group); err != nil {
				m.ctx.Fail(err)
				return false
			}
			x.loaded = true
		}
		if m.Watermark(eventtime.MaxWatermark) && !m.ctx.Failed {
			return true
		}
		m.begin()
		x.drop()
		m.rt.Keys.Scope.Space().Swap(nil).Close() // also the rows that are free
		x.loaded = false
	}
	m.eras = nil
	if err := x.close(); err != nil {
		m.ctx.Fail(err)
	}
	return false
}

// gather brings the slices of a key group together, those of all eras.
func (m *slideInstance[K, T, A, U]) gather(group int) error {
	x, here := m.eras, m.eras.cur
	for _, e := range x.all {
		for i := range e.runs {
			from, end := e.runs[i].group(group)
			if err := m.load(from, end, m.gathered); err != nil {
				return err
			}
		}
		if e.contents == nil {
			continue
		}
		x.enter(e)
		err := m.eachOf(group, m.appendRow)
		x.enter(here)
		if err != nil {
			return err
		}
		rows := x.buf
		x.buf = x.buf[:0]
		for len(rows) > 0 && !m.ctx.Failed {
			n := 4 + binary.LittleEndian.Uint32(rows)
			fresh, err := m.take(rows[4:n])
			if err != nil {
				return err
			}
			if fresh {
				m.gathered()
			}
			rows = rows[n:]
		}
	}
	return nil
}

// gathered notes a slice that a key has got.
func (m *slideInstance[K, T, A, U]) gathered() {
	slice := int64(m.scope.Words()[0])
	m.count(slice, 1)
	m.rt.Keys.Set(m.key, m.hash)
	s, fresh := m.state.Edit()
	if fresh {
		*s = slideState{Front: never, First: math.MaxInt64, Last: slice, Fired: never}
	}
	s.Last = max(s.Last, slice)
	m.state.Done()
}

// begin forgets all keys: for those that follow no window has been evaluated.
func (m *slideInstance[K, T, A, U]) begin() {
	m.scope.Unset()
	m.rt.Keys.forget(m.rt.Store)
	m.ends = m.ends[:0]
	m.fired, m.seen = never, never
}

// EndKeys implements [Grouped].
func (m *slideInstance[K, T, A, U]) EndKeys(last bool) (more bool) {
	if m.eras != nil {
		return m.endEras()
	}
	if m.Watermark(eventtime.MaxWatermark) && !m.ctx.Failed {
		return true
	}
	if !last && !m.ctx.Failed {
		m.begin()
	}
	return false
}

// Open finds out how far windows had come where the state was restored: a snapshot may have been taken when only some keys had seen a window.
func (m *slideInstance[K, T, A, U]) Open() error {
	first := int64(math.MaxInt64)
	sp := m.rt.Keys.Scope.Space()
	for r := range sp.All {
		m.rt.Keys.SetWords(sp.Words(r), sp.Bytes(r))
		if s := m.state.Peek(); s != nil {
			first = min(first, s.Fired)
			m.seen = max(m.seen, m.seenBy(s.Fired))
		}
	}
	if first != math.MaxInt64 {
		m.rt.Keys.Unset()
		m.fired = first
		if err := m.recount(); err != nil {
			return err
		}
	}
	return m.open()
}

// recount counts the rows of all slices, those on disk too.
func (m *slideInstance[K, T, A, U]) recount() error {
	snap, err := m.rt.Store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	sp := m.scope.Space()
	words := make([]uint64, sp.Layout().Words)
	for group := range m.ctx.KeyGroups.Len() {
		var cut error
		err := snap.Entries(sp, group, func(key, _ []byte) bool {
			if _, _, cut = sp.CutKey(key, words); cut == nil {
				m.count(int64(words[0]), 1)
			}
			return cut == nil
		})
		if err = cmp.Or(err, cut); err != nil {
			return err
		}
	}
	return nil
}

func (m *slideInstance[K, T, A, U]) touch(hashes []uint64) {
	m.scope.Space().TouchIn(hashes, uint64(m.near.slice))
}

// count notes rows that a slice has got or lost.
func (m *slideInstance[K, T, A, U]) count(slice, rows int64) {
	i, found := len(m.ends), false
	if i == 0 || m.ends[i-1].slice >= slice { // new slices are at the end
		i, found = slices.BinarySearchFunc(m.ends, slice, func(c sliceCount, slice int64) int { return cmp.Compare(c.slice, slice) })
	}
	if !found {
		m.ends = slices.Insert(m.ends, i, sliceCount{slice, rows})
		return
	}
	if m.ends[i].rows += rows; m.ends[i].rows == 0 {
		m.ends = slices.Delete(m.ends, i, i+1)
	}
}

// locate finds the slice of a record that is not in that of the last one.
func (m *slideInstance[K, T, A, U]) locate(ts int64) bool {
	if ts == eventtime.NoTimestamp {
		m.noTimestamp()
		return false
	}
	if !m.grid.covers(ts) {
		m.check(fault.New(fault.WindowTime, "a record has the timestamp %d, too far from the epoch for %v", ts, m.f.Spec.Assigner))
		return false
	}
	m.near.slice = m.grid.sliceOf(ts)
	m.near.from, m.near.until = m.grid.bounds(m.near.slice)
	m.near.last = m.grid.window(m.grid.lastWindow(m.near.slice)).MaxTimestamp()
	if m.eras != nil {
		m.eras.seek(m.near.slice)
	}
	return true
}

func (m *slideInstance[K, T, A, U]) process(v *T, ts int64, hash uint64) {
	if m.ctx.Failed {
		return
	}
	if (ts < m.near.from || ts >= m.near.until) && !m.locate(ts) {
		return
	}
	slice := m.near.slice
	switch {
	case m.near.last <= m.ctx.CurrentWatermark:
		m.ended(v, ts)
		return
	case slice <= m.seen && m.grid.lastWindow(slice) <= m.fired: // restored, and the watermark has not come again
		m.drop(v, ts)
		return
	}
	m.point(v, slice, hash)
	fresh := m.accumulate(v)
	if !fresh && slice > m.seen || m.eras != nil { // what keys have is gathered when all records have come
		return
	}
	if fresh {
		m.count(slice, 1)
	}
	m.rt.Keys.Set(m.key, hash)
	s, newKey := m.state.Edit()
	if newKey {
		*s = slideState{Front: never, First: math.MaxInt64, Last: slice, Fired: m.fired}
	}
	s.Last, s.Fired = max(s.Last, slice), max(s.Fired, m.fired)
	late := !newKey && slice <= m.seenBy(s.Fired)
	behind := late && slice > s.Front
	if late && !behind {
		s.Front = never // what the front was made of has changed: the next window makes it anew
	}
	m.state.Done()
	if behind {
		b, none := m.back.Edit()
		if none {
			*b = m.f.Create()
		}
		*b = m.f.Add(*b, *v)
		m.back.Done()
	}
}

// seenBy is the last slice that windows up to one have seen.
func (m *slideInstance[K, T, A, U]) seenBy(window int64) int64 {
	if window == never {
		return never
	}
	return m.grid.lastSlice(window)
}

// next is the next window that has something, if there is one.
func (m *slideInstance[K, T, A, U]) next() (k int64, ok bool) {
	if len(m.ends) == 0 {
		return 0, false
	}
	return max(m.fired+1, m.grid.firstWindow(m.ends[0].slice)), true
}

func (m *slideInstance[K, T, A, U]) Watermark(t int64) (more bool) {
	left := timersAStep
	sp := m.rt.Keys.Scope.Space()
	for {
		if !m.active {
			k, ok := m.next()
			if !ok || m.grid.window(k).MaxTimestamp() > t {
				m.skip(t)
				return false
			}
			m.window, m.active, m.cursor = k, true, 0
			m.seen = max(m.seen, m.grid.lastSlice(k))
		}
		for {
			r, ok := sp.NextFrom(m.cursor)
			if !ok {
				break
			}
			m.cursor = r + 1
			if m.ctx.Failed {
				return false
			}
			m.evaluate(r)
			if left--; left <= 0 || m.ctx.Stop.Load() != 0 {
				return true
			}
		}
		m.rt.Keys.Unset()
		m.scope.Unset()
		m.active, m.fired = false, m.window
	}
}

// skip moves on to the last window that the watermark has closed: there is nothing in those up to it.
func (m *slideInstance[K, T, A, U]) skip(t int64) {
	if t == eventtime.MaxWatermark || !m.grid.covers(t) {
		return
	}
	m.fired = max(m.fired, m.grid.closed(t))
	m.seen = max(m.seen, m.grid.lastSlice(m.fired))
}

// evaluate emits the window at hand for a key, and moves the key's queue on.
func (m *slideInstance[K, T, A, U]) evaluate(r statebackend.Ref) {
	sp := m.rt.Keys.Scope.Space()
	m.rt.Keys.SetWords(sp.Words(r), sp.Bytes(r))
	p := m.state.Peek()
	if p == nil || p.Fired >= m.window {
		return
	}
	s := *p
	first := m.grid.firstSlice(m.window)
	if s.Front < first {
		m.flip(&s)
	} else {
		m.enter(&s)
		for s.First < first { // the first slice has gone: on to the next one that has a row
			for s.First = max(s.First+1, first); s.First <= s.Front && !m.seek(s.First); s.First++ {
			}
		}
	}
	s.Fired = m.window
	m.emit(&s)
	m.expire(first)
	if s.Last < first+m.grid.perSlide {
		m.state.Clear()
		m.back.Clear()
		return
	}
	m.state.Set(s)
}

// seek makes the scope point at a slice of the current key, and reports whether it has a row.
func (m *slideInstance[K, T, A, U]) seek(slice int64) bool {
	words := m.scope.Words()
	words[0] = uint64(slice)
	copy(words[1:], m.rt.Keys.Scope.Words())
	hash := m.rt.Keys.Hash()
	m.scope.SetIn(hash, combineOne(hash, slice), m.rt.Keys.Scope.Bytes())
	_, ok := m.scope.Find()
	return ok
}

// enter takes the slices that came with this window into the back.
func (m *slideInstance[K, T, A, U]) enter(s *slideState) {
	last := min(m.grid.lastSlice(m.window), s.Last)
	for slice := max(m.grid.lastSlice(m.window-1), s.Front) + 1; slice <= last; slice++ {
		if !m.seek(slice) {
			continue
		}
		a := *m.acc.Peek()
		if b := m.back.Peek(); b != nil {
			a = m.f.Merge(*b, a)
		}
		m.back.Set(a)
	}
}

// flip makes all slices of the window the front.
func (m *slideInstance[K, T, A, U]) flip(s *slideState) {
	var behind A
	some := false
	s.First, s.Front = math.MaxInt64, m.grid.lastSlice(m.window)
	for slice := min(s.Front, s.Last); slice >= m.grid.firstSlice(m.window); slice-- {
		if !m.seek(slice) {
			continue
		}
		a := *m.acc.Peek()
		if some {
			a = m.f.Merge(a, behind)
		}
		m.rest.Set(a)
		behind, some, s.First = *m.rest.Peek(), true, slice
	}
	m.back.Clear()
}

func (m *slideInstance[K, T, A, U]) emit(s *slideState) {
	var a A
	some := false
	if s.First <= s.Front && m.seek(s.First) {
		if p := m.rest.Peek(); p != nil {
			a, some = *p, true
		}
	}
	if p := m.back.Peek(); p != nil {
		if some {
			a = m.f.Merge(a, *p)
		} else {
			a, some = *p, true
		}
	}
	if !some {
		return
	}
	w := m.grid.window(m.window)
	m.out.ts = w.MaxTimestamp()
	m.result = a
	m.check(m.fns.Accumulator(w, &m.result, m.out))
}

// expire gives back the slices of the current key that no later window has: the first ones of this.
func (m *slideInstance[K, T, A, U]) expire(first int64) {
	if len(m.ends) == 0 || m.ends[0].slice >= first+m.grid.perSlide {
		return // no key has any
	}
	for slice := first; slice < first+m.grid.perSlide; slice++ {
		if m.seek(slice) {
			m.scope.Remove()
			m.count(slice, -1)
		}
	}
}
