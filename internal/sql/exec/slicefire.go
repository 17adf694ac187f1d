package exec

// What a slice aggregation does when the watermark, or the clock, passes the end of windows: slices are added to the whole, results emitted, and slices taken off again, some groups at a time.

import (
	"math"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// Watermark implements [operator.Instance].
func (m *sliceAggregate) Watermark(t int64) (more bool) {
	if m.f.Window.Proctime {
		return false
	}
	return m.advance(t)
}

// Finish implements [operator.Instance].
func (m *sliceAggregate) Finish() (more bool) {
	return m.f.Final && m.f.Window.Proctime && m.advance(eventtime.MaxWatermark)
}

// advance emits the windows that are complete at a time.
func (m *sliceAggregate) advance(t int64) (more bool) {
	for left := stepGroups; ; {
		if m.ctx.Failed {
			return false
		}
		if left <= 0 || m.ctx.Stop.Load() != 0 && left < stepGroups {
			return true
		}
		if !m.active {
			k, ok := m.due(t)
			if !ok {
				return false
			}
			m.window, m.active, m.phase, m.cursor = k, true, phaseClear, 0
		}
		if m.share == alone {
			left -= m.emitAlone(left)
			continue
		}
		switch m.phase {
		case phaseClear:
			n, done := m.leave(m.grid.firstSlice(m.window), left)
			if left -= n; done {
				m.phase = phaseAdd
			}
		case phaseAdd:
			left -= m.add(left)
		case phaseEmit:
			left -= m.emitWhole(left)
		case phaseLeave:
			n, done := m.leave(m.grid.firstSlice(m.window+1), left)
			if left -= n; done {
				m.fired, m.active = m.window, false
			}
		}
	}
}

// due is the next window to be emitted.
func (m *sliceAggregate) due(t int64) (k int64, ok bool) {
	if m.empty() {
		m.skip(t)
		return 0, false
	}
	if k = m.coming(); m.clock.instant(m.endOf(k)-1) > t {
		m.skip(t)
		return 0, false
	}
	return k, true
}

// empty reports whether there are no groups.
func (m *sliceAggregate) empty() bool {
	return len(m.numbers) == 0 && (m.share == alone || m.whole.Len() == 0)
}

// next are up to limit of the groups that have not been forgotten.
func (g *sliceGroups) next(limit int) []statebackend.Ref {
	refs := g.refs[g.gone:min(g.gone+limit, len(g.refs))]
	g.gone += len(refs)
	return refs
}

// bounds fills in the window of groups.
func (m *sliceAggregate) bounds(k int64, n int) {
	m.from, m.to = slices.Grow(m.from[:0], n)[:n], slices.Grow(m.to[:0], n)[:n]
	start, end := m.grid.bounds(k)
	for i := range n {
		m.from[i], m.to[i] = start, end
	}
}

// emitAlone emits groups of a window that has its own, and returns how many.
func (m *sliceAggregate) emitAlone(limit int) int {
	g := m.numbers[0]
	if g.number != m.window {
		m.active = false
		return 0
	}
	refs := g.next(limit)
	if m.f.WindowAttached {
		n := len(refs)
		m.from, m.to = slices.Grow(m.from[:0], n)[:n], slices.Grow(m.to[:0], n)[:n]
		at := m.wordOfNumber()
		for i, r := range refs {
			m.from[i], m.to[i] = int64(m.table.Space().Word(r, at+1)), m.window
		}
	} else {
		m.bounds(m.window, len(refs))
	}
	m.result.send(m.table, m.set, refs, m.from, m.to)
	m.forget(refs)
	if g.gone == len(g.refs) {
		m.pop(0)
		m.active = false
	}
	return len(refs)
}

// forget removes groups of slices.
func (m *sliceAggregate) forget(refs []statebackend.Ref) {
	m.set.Forget(m.table, refs)
	m.table.Remove(refs, nil)
}

// add adds the groups of the window's slices to the whole, as far as they have not been, and returns how many.
func (m *sliceAggregate) add(limit int) int {
	last := m.grid.lastSlice(m.window)
	for i, g := range m.numbers {
		if g.number > last {
			break
		}
		if m.share == adding {
			refs := g.next(limit)
			m.addGroups(refs, g)
			m.forget(refs)
			if g.gone == len(g.refs) {
				m.pop(i)
			}
			return len(refs)
		}
		if g.added == len(g.refs) {
			continue
		}
		refs := g.refs[g.added:min(g.added+limit, len(g.refs))]
		g.added += len(refs)
		m.addGroups(refs, g)
		return len(refs)
	}
	m.phase, m.cursor = phaseEmit, 0
	return 0
}

// addGroups adds the groups of a slice to the whole.
func (m *sliceAggregate) addGroups(refs []statebackend.Ref, g *sliceGroups) {
	w := &m.whose
	m.wholeOf(refs, true)
	sp := m.whole.Space()
	for _, i := range w.fresh {
		told := sp.Edit(w.refs[i])
		*m.word(m.told, told, 0) = m.window - 1
		*m.word(m.told, told, 1) = math.MinInt64
	}
	for i := range refs {
		last := m.word(m.told, w.at[i], 1)
		*last = max(*last, g.number)
	}
	if m.share != gathering {
		m.table.View(refs, nil, w.src)
		m.sum.Merge(m.set, w.at, w.src)
	}
	if m.share == adding {
		return
	}
	m.settle(refs)
}

// settle notes that groups of slices have been added to groups of the whole, those that wholeOf has found.
func (m *sliceAggregate) settle(refs []statebackend.Ref) {
	w := &m.whose
	m.table.Edit(m.mark, refs, nil, w.src)
	for i, p := range w.src {
		*m.word(m.mark, p, 0) = 1
		*(*statebackend.Ref)(unsafe.Add(p, m.home)) = w.refs[i]
	}
}

// wholeOf finds the groups of the whole that have the same keys as groups of slices: references in w.refs, addresses in w.at.
func (m *sliceAggregate) wholeOf(refs []statebackend.Ref, insert bool) {
	w, n := &m.whose, len(refs)
	reader := keyReader{table: m.table, stored: m.keys.Stored()}
	w.chunk.Keys = w.chunk.Keys[:0]
	for i := range w.vectors {
		reader.read(i, refs, &w.vectors[i])
		w.chunk.Keys = append(w.chunk.Keys, m.keys.Stored().Column(i, &w.vectors[i], n, nil))
	}
	w.refs = slices.Grow(w.refs[:0], n)[:n]
	w.at = slices.Grow(w.at[:0], n)[:n]
	w.src = slices.Grow(w.src[:0], n)[:n]
	w.words = slices.Grow(w.words[:0], n)[:n]
	w.chunk.Hashes = w.words
	statebackend.HashColumns(w.chunk.Keys, nil, w.chunk.Hashes)
	w.fresh = w.fresh[:0]
	if insert {
		w.fresh = m.whole.Lookup(&w.chunk, w.refs, w.fresh)
	} else {
		w.fresh = m.whole.Find(&w.chunk, w.refs, w.fresh)
		if len(w.fresh) > 0 {
			m.ctx.Fail(fault.New(fault.InternalInvariant, "a group of a slice is in no window"))
			return
		}
	}
	m.whole.Edit(m.told, w.refs, nil, w.at)
	m.whole.Edit(m.sum.Cell(), w.refs, nil, w.at)
}

// emitWhole emits groups of the whole, and returns how many.
func (m *sliceAggregate) emitWhole(limit int) (n int) {
	w, sp := &m.whose, m.whole.Space()
	w.refs = w.refs[:0]
	first := m.grid.firstSlice(m.window)
	for len(w.refs) < limit {
		r, ok := sp.NextFrom(m.cursor)
		if !ok {
			m.phase, m.cursor = phaseLeave, 0
			break
		}
		m.cursor = r + 1
		row := sp.Row(r)
		if n++; *m.word(m.told, row, 0) >= m.window || m.share == gathering && *m.word(m.told, row, 1) < first {
			if n >= limit {
				break
			}
			continue
		}
		w.refs = append(w.refs, r)
	}
	if len(w.refs) == 0 {
		return n
	}
	w.at = slices.Grow(w.at[:0], len(w.refs))[:len(w.refs)]
	m.whole.Edit(m.told, w.refs, nil, w.at)
	if m.share == gathering {
		m.whole.Edit(m.sum.Cell(), w.refs, nil, w.at)
		m.gather(w.refs)
	}
	for _, p := range w.at {
		*m.word(m.told, p, 0) = m.window
	}
	m.bounds(m.window, len(w.refs))
	m.result.send(m.whole, m.sum, w.refs, m.from, m.to)
	return n
}

// gather puts the slices of the window together for keys whose addresses are in w.at.
func (m *sliceAggregate) gather(refs []statebackend.Ref) {
	w, n := &m.whose, len(refs)
	reader := keyReader{table: m.whole, stored: m.keys.Stored()}
	keys := m.chunk.Keys[:0]
	for i := range w.vectors {
		reader.read(i, refs, &w.vectors[i])
		keys = append(keys, m.keys.Stored().Column(i, &w.vectors[i], n, nil))
	}
	for _, p := range w.at {
		m.sum.Reset(p)
	}
	m.room(n)
	w.words = slices.Grow(w.words[:0], n)[:n]
	statebackend.HashColumns(keys, nil, w.words)
	keys = append(keys, statebackend.Column{Words: m.number})
	first, last := m.grid.firstSlice(m.window), m.grid.lastSlice(m.window)
	all := AllRows(n)
	for _, g := range m.numbers {
		if g.number < first || g.number > last {
			continue
		}
		for i, h := range w.words {
			m.number[i] = uint64(g.number)
			m.hashes[i] = base.HashCombine(h, uint64(g.number))
		}
		c := statebackend.GroupChunk{Hashes: m.hashes, GroupHashes: w.words, Keys: keys}
		m.fresh = m.table.Find(&c, m.refs, m.fresh[:0])
		dst, src := m.bases[:0], w.src[:0]
		for _, i := range all {
			if r := m.refs[i]; r != statebackend.NoRef {
				dst, src = append(dst, w.at[i]), append(src, m.table.Space().Row(r))
			}
		}
		w.src = src
		m.sum.Merge(m.set, dst, src)
	}
	m.chunk.Keys = keys
}

// leave forgets the slices before next, and the keys that have no others. It returns how many groups it has visited, and whether it is done.
func (m *sliceAggregate) leave(next int64, limit int) (n int, done bool) {
	if m.share == adding {
		return m.leaveWhole(next, limit)
	}
	if len(m.numbers) == 0 || m.numbers[0].number >= next {
		return 1, true
	}
	g := m.numbers[0]
	refs := g.next(min(limit, g.added-g.gone))
	m.leaveGroups(refs, g.number)
	if g.gone == g.added {
		m.pop(0)
	}
	return len(refs) + 1, false
}

// leaveWhole forgets the keys whose last slice is before next, if that begins a period of cumulating windows.
func (m *sliceAggregate) leaveWhole(next int64, limit int) (n int, done bool) {
	w, sp := &m.whose, m.whole.Space()
	if next%m.grid.perWindow != 0 || m.phase == phaseLeave && m.window != m.grid.lastWindow(m.window) || m.whole.Len() == 0 {
		return 1, true
	}
	w.refs = w.refs[:0]
	for n < limit {
		r, ok := sp.NextFrom(m.cursor)
		if !ok {
			done, m.cursor = true, 0
			break
		}
		m.cursor = r + 1
		if n++; *m.word(m.told, sp.Row(r), 1) < next {
			w.refs = append(w.refs, r)
		}
	}
	m.whole.Remove(w.refs, nil)
	return n + 1, done
}

// leaveGroups takes groups of a slice out of the whole, and forgets them, and keys that have no later slice.
func (m *sliceAggregate) leaveGroups(refs []statebackend.Ref, slice int64) {
	w, n := &m.whose, len(refs)
	w.refs, w.at, w.src = slices.Grow(w.refs[:0], n)[:n], slices.Grow(w.at[:0], n)[:n], slices.Grow(w.src[:0], n)[:n]
	m.table.View(refs, nil, w.src)
	for i, p := range w.src {
		w.refs[i] = *(*statebackend.Ref)(unsafe.Add(p, m.home))
	}
	m.whole.Edit(m.told, w.refs, nil, w.at)
	m.whole.Edit(m.sum.Cell(), w.refs, nil, w.at)
	if m.share == moving {
		m.sum.Divide(m.set, w.at, w.src)
	}
	m.forget(refs)
	gone := w.refs[:0]
	for i, r := range w.refs {
		if *m.word(m.told, w.at[i], 1) <= slice {
			gone = append(gone, r)
		}
	}
	m.whole.Remove(gone, nil)
}
