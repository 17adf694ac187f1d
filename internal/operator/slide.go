package operator

import (
	"math"
	"slices"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/window"
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
	size, slide, slice int64
	offset             int64
	rest               *statebackend.Value[A] // of a slice of the front: itself and those behind it
	state              *statebackend.Value[slideState]
	back               *statebackend.Value[A]
	// ends counts the rows of each slice, by its end, to know where there is something to do.
	ends  []sliceCount
	near  int64 // the end of the slice of the last record
	fired int64 // the end of the last window that has fired
	// What follows is for a window that is being evaluated.
	tick   int64
	active bool
	cursor statebackend.Ref
}

type sliceCount struct {
	end  int64
	rows int64
}

// slideState is the queue of a key.
type slideState struct {
	// Front is the end of the last slice of the front; slices up to it have their rest set.
	Front int64
	// First is the end of the first slice of the front that is still there and has a row; beyond Front if there is none.
	First int64
	// Last is the end of the latest slice that has a row.
	Last int64
}

// noFront is before all slices.
const noFront = math.MinInt64

// New implements [Factory]. For windows that [Sliceable] does not hold for it is [Window].
func (f *SlideWindow[K, T, A, U]) New(ctx *Context, w Wiring) (Instance, error) {
	a, ok := Sliceable(f.Spec)
	if !ok || f.Merge == nil {
		return f.Window.New(ctx, w)
	}
	m := &slideInstance[K, T, A, U]{
		size: a.Size(), slide: a.Slide(), offset: a.Offset(), slice: gcd(a.Size(), a.Slide()), near: eventtime.MinWatermark, fired: eventtime.MinWatermark,
	}
	in := &Keyed[T]{Process: m.process, Touch: m.touch}
	if err := m.init(&f.Window, ctx, w, in); err != nil {
		return nil, err
	}
	m.rest = statebackend.NewValue[A](m.scope, "slices behind", nil)
	m.rt.Keys.Scope.Space().Pin()
	m.state = statebackend.NewValue[slideState](m.rt.Keys.Scope, "slices", nil)
	m.back = statebackend.NewValue[A](m.rt.Keys.Scope, "back", nil)
	return m, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (m *slideInstance[K, T, A, U]) Open() error {
	sp := m.scope.Space()
	for r := range sp.All { // restored
		m.count(int64(sp.Word(r, 0)), 1)
	}
	return m.open()
}

func (m *slideInstance[K, T, A, U]) touch(hashes []uint64) {
	m.scope.Space().TouchIn(hashes, uint64(m.near))
}

// count notes rows that a slice has got or lost.
func (m *slideInstance[K, T, A, U]) count(end, rows int64) {
	i := len(m.ends)
	for i > 0 && m.ends[i-1].end > end { // new slices are at the end
		i--
	}
	if i > 0 && m.ends[i-1].end == end {
		i--
		if m.ends[i].rows += rows; m.ends[i].rows == 0 {
			m.ends = slices.Delete(m.ends, i, i+1)
		}
		return
	}
	m.ends = slices.Insert(m.ends, i, sliceCount{end, rows})
}

// lastTick is the end of the last window that a slice belongs to, firstTick that of the first one.
func (m *slideInstance[K, T, A, U]) lastTick(end int64) int64 {
	return window.StartOf(end-m.slice, m.offset, m.slide) + m.size
}

func (m *slideInstance[K, T, A, U]) firstTick(end int64) int64 {
	latest := end - m.size // the window that ends with the slice begins here
	start := window.StartOf(latest, m.offset, m.slide)
	if start < latest {
		start += m.slide
	}
	return start + m.size
}

func (m *slideInstance[K, T, A, U]) process(v *T, ts int64, hash uint64) {
	if m.ctx.Failed {
		return
	}
	end := m.near
	if ts < end-m.slice || ts >= end || end == eventtime.MinWatermark {
		if ts == eventtime.NoTimestamp {
			m.noTimestamp()
			return
		}
		end = window.StartOf(ts, m.offset, m.slice) + m.slice
	}
	if end <= m.ctx.CurrentWatermark && m.lastTick(end)-1 <= m.ctx.CurrentWatermark {
		m.drop(v, ts)
		return
	}
	m.near = end
	m.point(v, end, hash)
	fresh := m.accumulate(v)
	if !fresh && end > m.fired {
		return
	}
	m.rt.Keys.Set(m.key, hash)
	s, newKey := m.state.Edit()
	if newKey {
		*s = slideState{Front: noFront, First: eventtime.MaxWatermark, Last: end}
	}
	s.Last = max(s.Last, end)
	// A slice that windows before have used already changes behind their back.
	late, front := end <= m.fired && !newKey, end <= s.Front
	if late && front {
		s.Front = noFront // made anew with the next window
	}
	m.state.Done()
	if late && !front {
		b, none := m.back.Edit()
		if none {
			*b = m.f.Create()
		}
		*b = m.f.Add(*b, *v)
		m.back.Done()
	}
	if fresh {
		m.count(end, 1)
	}
}

// next is the end of the next window that has something, if there is one.
func (m *slideInstance[K, T, A, U]) next() (int64, bool) {
	if len(m.ends) == 0 {
		return 0, false
	}
	tick := m.firstTick(m.ends[0].end)
	if tick <= m.fired && m.fired != eventtime.MinWatermark {
		tick = m.fired + m.slide
	}
	for _, e := range m.ends {
		if m.lastTick(e.end) >= tick {
			return max(tick, m.firstTick(e.end)), true
		}
	}
	return 0, false
}

func (m *slideInstance[K, T, A, U]) Watermark(t int64) (more bool) {
	left := timersAStep
	sp := m.rt.Keys.Scope.Space()
	for {
		if !m.active {
			tick, ok := m.next()
			if !ok {
				if t > m.fired { // what comes for windows up to here is late, or belongs to later ones as well
					m.skip(t)
				}
				return false
			}
			if tick-1 > t {
				m.skip(t)
				return false
			}
			m.tick, m.active, m.cursor = tick, true, 0
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
		m.active, m.fired = false, m.tick
	}
}

// skip moves fired to the last window that ends by the watermark.
func (m *slideInstance[K, T, A, U]) skip(t int64) {
	if t == eventtime.MaxWatermark {
		return
	}
	if tick := window.StartOf(t+1-m.size, m.offset, m.slide) + m.size; tick > m.fired {
		m.fired = tick
	}
}

// evaluate emits the window at hand for a key, and moves the key's queue on.
func (m *slideInstance[K, T, A, U]) evaluate(r statebackend.Ref) {
	sp := m.rt.Keys.Scope.Space()
	m.rt.Keys.SetWords(sp.Words(r), sp.Bytes(r))
	p := m.state.Peek()
	if p == nil {
		return
	}
	s := *p
	begin := m.tick - m.size
	if s.Front <= begin {
		m.flip(&s, begin)
	} else {
		m.enter(&s)
		for s.First <= begin || s.First <= s.Front && !m.seek(s.First) {
			if s.First > begin && s.First > s.Front {
				break
			}
			s.First += m.slice
		}
	}
	m.emit(&s)
	m.expire(begin + m.slide)
	if s.Last <= begin+m.slide {
		m.rt.Keys.Scope.Remove()
		return
	}
	m.state.Set(s)
}

// seek makes the scope point at a slice of the current key, and reports whether it has a row.
func (m *slideInstance[K, T, A, U]) seek(end int64) bool {
	words := m.scope.Words()
	words[0] = uint64(end)
	copy(words[1:], m.rt.Keys.Scope.Words())
	hash := m.rt.Keys.Hash()
	m.scope.SetIn(hash, combineOne(hash, end), m.rt.Keys.Scope.Bytes())
	_, ok := m.scope.Find()
	return ok
}

// enter takes the slices that came with this window into the back.
func (m *slideInstance[K, T, A, U]) enter(s *slideState) {
	for end := max(m.tick-m.slide, s.Front) + m.slice; end <= m.tick; end += m.slice {
		if end > s.Last || !m.seek(end) {
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
func (m *slideInstance[K, T, A, U]) flip(s *slideState, begin int64) {
	var behind A
	some := false
	s.First = eventtime.MaxWatermark
	for end := min(m.tick, s.Last); end > begin; end -= m.slice {
		if !m.seek(end) {
			continue
		}
		a := *m.acc.Peek()
		if some {
			a = m.f.Merge(a, behind)
		}
		m.rest.Set(a)
		behind, some, s.First = *m.rest.Peek(), true, end
	}
	s.Front = m.tick
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
	w := window.Window{Start: m.tick - m.size, End: m.tick}
	m.out.ts = w.MaxTimestamp()
	m.check(m.fns.Accumulator(w, &a, m.out))
}

// expire gives back the slices of the current key up to the one that ends at until: no later window has them.
func (m *slideInstance[K, T, A, U]) expire(until int64) {
	for end := until - m.slide + m.slice; end <= until; end += m.slice {
		if m.seek(end) {
			m.scope.Remove()
			m.count(end, -1)
		}
	}
}
