package exec

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
)

// sharing is how windows are made of the groups that are kept.
type sharing uint8

const (
	// alone: each window has groups of its own, which are emitted and forgotten.
	alone sharing = iota
	// adding: the groups of slices are added to those of all keys as windows reach them, and forgotten.
	adding
	// moving: they are added, and taken out again when windows have left them.
	moving
	// gathering: at the end of each window its slices are put together, for each key.
	gathering
)

// stepGroups is how many groups are visited before the task looks around.
const stepGroups = 1024

// sliceAggregate is a WindowAggregate of all windows but sessions.
//
// Groups are keyed by the keys and a number: that of a slice, of a window (where it has groups of its own), or the start and the end of one that rows carry. The groups of a number are listed, so that what is done
// at the end of a window costs as much as there are groups in it. Where windows share slices, there is a second table, by key: whole, the groups of the window that was emitted last.
type sliceAggregate struct {
	operator.Base
	f       *WindowAggregate
	ctx     *operator.Context
	store   *statebackend.Store
	share   sharing
	grid    *windowGrid
	clock   *wallClock
	keys    *Keys
	times   *timeColumn
	ends    *timeColumn
	result  *windowResult
	dropped [2]*operator.Accumulator
	// counted is the column that has how many rows are in a partial result, 0 if rows come.
	counted int

	table *statebackend.GroupTable
	set   *agg.Set
	home  uintptr // in a group's row: the group of its key in the whole, where it has been added
	mark  *statebackend.Cell
	whole *statebackend.GroupTable
	sum   *agg.Set
	told  *statebackend.Cell // of a key: the last window that was emitted, and the last slice that it has
	// progress has, for each key group, the last window that was emitted, as of a snapshot.
	progress *statebackend.GroupTable
	reached  *statebackend.Cell

	// numbers are what has groups, in order.
	numbers []*sliceGroups
	spare   []*sliceGroups
	near    *sliceGroups
	// All windows up to fired have been emitted; window is being emitted where active is set, and phase is how far.
	fired  int64
	window int64
	active bool
	phase  slicePhase
	cursor statebackend.Ref

	rows   []int32
	number []uint64 // by row
	start  []uint64
	// numbered is the slices of partial results, flat.
	numbered column.Vector
	hashes   []uint64
	refs     []statebackend.Ref
	bases    []unsafe.Pointer
	fresh    []int32
	chunk    statebackend.GroupChunk
	again    []int32
	wake     int64

	from  []int64
	to    []int64
	whose groupsOf
}

// sliceGroups are the groups of a number.
type sliceGroups struct {
	number int64
	// The first of refs, gone of them, have been forgotten; those before added have been added to the whole.
	refs        []statebackend.Ref
	gone, added int
}

type slicePhase uint8

const (
	// phaseClear forgets what has been left over from the window before: a snapshot may have been taken when it was being forgotten.
	phaseClear slicePhase = iota
	phaseAdd
	phaseEmit
	phaseLeave
)

// groupsOf finds the groups of keys in another table.
type groupsOf struct {
	vectors []column.Vector
	chunk   statebackend.GroupChunk
	refs    []statebackend.Ref
	fresh   []int32
	at      []unsafe.Pointer
	src     []unsafe.Pointer
	words   []uint64
}

const noWindow = math.MinInt64

func newSliceAggregate(f *WindowAggregate, ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &sliceAggregate{f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), fired: noWindow, wake: math.MaxInt64}
	options, rows := agg.Options{Retract: f.Consumes.Updates(), Forget: true}, f.Input
	if f.Partial != nil {
		options.Partial, options.PartialLive, options.PartialAt, rows = true, true, len(f.Keys)+1, f.Partial
		if f.WindowAttached {
			options.PartialAt++
		}
		m.counted = options.PartialAt
	}
	fields := rows
	if f.WindowAttached {
		fields = f.Input
	}
	timeType := fields[f.Window.Time].Type
	m.clock = newWallClock(timeType, f.Session.Zone)
	if m.set, err = agg.New(f.Calls, rows, options); err != nil {
		return nil, err
	}
	numbers := 1
	if f.WindowAttached {
		m.times = newTimeColumn(f.StartCol, f.Input[f.StartCol].Type)
		m.ends = newTimeColumn(f.EndCol, f.Input[f.EndCol].Type)
		numbers = 2
	} else {
		if f.Partial == nil {
			m.times = newTimeColumn(f.Window.Time, timeType)
		}
		if m.grid, err = newWindowGrid(&f.Window); err != nil {
			return nil, err
		}
		switch {
		case f.Window.Kind == logical.Tumble || !m.set.Mergeable():
		case f.Window.Kind == logical.Cumulate:
			m.share = adding
		case m.grid.perWindow <= m.grid.perSlide: // they do not overlap
		case m.set.Divisible():
			m.share = moving
		default:
			m.share = gathering
		}
	}
	if m.share != alone {
		options.Live = true
		if m.set, err = agg.New(f.Calls, rows, options); err != nil {
			return nil, err
		}
	}
	specs := slices.Clone(m.keys.Specs())
	dist := make([]int, len(specs))
	for i := range dist {
		dist[i] = i
	}
	for range numbers {
		specs = append(specs, statebackend.ColumnSpec{Type: statebackend.WordColumn})
	}
	m.table = statebackend.NewGroupTable(store, "slices", specs, dist)
	m.table.Space().Anchor()
	m.set.Declare(store, m.table, nil)
	m.result = newWindowResult(f, ctx, w, m.set, m.keys, m.clock)
	if m.share != alone {
		m.mark = m.table.Accumulators("added", 1, nil)
		m.home = m.table.Space().Reserve(8)
		m.whole = statebackend.NewGroupTable(store, "windows", m.keys.Specs(), nil)
		m.whole.Space().Anchor()
		if m.sum, err = agg.New(f.Calls, rows, options); err != nil {
			return nil, err
		}
		m.sum.Declare(store, m.whole, nil)
		m.told = m.whole.Accumulators("told", 2, nil)
		m.progress = statebackend.NewGroupTable(store, "progress", []statebackend.ColumnSpec{{Type: statebackend.WordColumn}}, nil)
		m.progress.GroupFrom(func(g uint64) uint64 { return leastHash(g, store.Config().MaxParallelism) })
		m.progress.Space().Anchor()
		m.reached = m.progress.Accumulators("last window", 1, nil)
	}
	m.whose.vectors = make([]column.Vector, len(f.Keys))
	if f.Window.Proctime {
		ctx.WantsTime = true
	}
	return m, nil
}

func (m *sliceAggregate) Inputs() []any { return []any{Input(m.process)} }

// Open takes up what was restored.
func (m *sliceAggregate) Open() error {
	m.dropped = operator.LateCounters(m.ctx)
	m.set.Restored(m.table)
	sp := m.table.Space()
	for r := range sp.All {
		words := sp.Words(r)
		at := m.wordOfNumber()
		m.link(r, int64(words[at]), m.share != alone && *m.word(m.mark, sp.Row(r), 0) != 0)
	}
	if m.share != alone {
		for _, g := range m.numbers {
			for refs := range slices.Chunk(g.refs[:g.added], stepGroups) {
				m.wholeOf(refs, false)
				if m.ctx.Failed {
					return nil
				}
				m.settle(refs)
			}
		}
		first := int64(math.MaxInt64)
		for r := range m.progress.Space().All {
			first = min(first, *m.word(m.reached, m.progress.Space().Row(r), 0))
		}
		if first != math.MaxInt64 {
			m.fired = first
		}
	}
	m.schedule()
	return nil
}

// leastHash is the least hash of a key group.
func leastHash(group uint64, maxParallelism int) uint64 {
	h, _ := bits.Div64(group, uint64(maxParallelism-1), uint64(maxParallelism))
	return h
}

// PrepareSnapshot implements [operator.Snapshotter]. Only the keys that have got the window at hand know that, so that it begins again for the others.
func (m *sliceAggregate) PrepareSnapshot() error {
	if m.share == alone {
		return nil
	}
	if m.empty() {
		m.skip(m.time())
	}
	if m.fired == noWindow {
		return nil
	}
	first := m.store.Config().Groups.First
	c := statebackend.GroupChunk{Keys: []statebackend.Column{{}}}
	n := m.store.Config().Groups.Len()
	for g := range n {
		group := uint64(first + g)
		c.Keys[0].Words = append(c.Keys[0].Words, group)
		c.GroupHashes = append(c.GroupHashes, leastHash(group, m.store.Config().MaxParallelism))
	}
	c.Hashes = make([]uint64, n)
	refs, at := make([]statebackend.Ref, n), make([]unsafe.Pointer, n)
	statebackend.HashColumns(c.Keys, nil, c.Hashes)
	m.progress.Lookup(&c, refs, nil)
	m.progress.Edit(m.reached, refs, nil, at)
	for _, p := range at {
		*m.word(m.reached, p, 0) = m.fired
	}
	return nil
}

// skip moves on to the last window that has ended at a time, where those that have groups have been emitted.
func (m *sliceAggregate) skip(t int64) {
	if m.share != alone && !m.active && t > -1<<58 && t < 1<<58 {
		m.fired = max(m.fired, m.grid.closed(m.clock.local(t)+1))
	}
}

// wordOfNumber is where in a key the number is: behind the words of the keys.
func (m *sliceAggregate) wordOfNumber() (at int) {
	for _, c := range m.keys.Specs() {
		switch c.Type {
		case statebackend.WordColumn:
			at++
		case statebackend.WideColumn:
			at += 2
		}
	}
	return at
}

func (m *sliceAggregate) word(c *statebackend.Cell, row unsafe.Pointer, i int) *int64 {
	return (*int64)(unsafe.Add(row, c.AccumulatorOffset()+8*uintptr(i)))
}

// link lists a group at its number.
func (m *sliceAggregate) link(r statebackend.Ref, number int64, added bool) {
	if m.near == nil || m.near.number != number {
		m.near = m.groupsOf(number)
	}
	g := m.near
	g.refs = append(g.refs, r)
	if added {
		last := len(g.refs) - 1
		g.refs[last], g.refs[g.added] = g.refs[g.added], r
		g.added++
	}
}

func (m *sliceAggregate) groupsOf(number int64) *sliceGroups {
	i := len(m.numbers)
	for i > 0 && m.numbers[i-1].number >= number {
		i--
		if i+8 < len(m.numbers) {
			i, _ = slices.BinarySearchFunc(m.numbers, number, func(g *sliceGroups, n int64) int { return cmp.Compare(g.number, n) })
			break
		}
	}
	if i < len(m.numbers) && m.numbers[i].number == number {
		return m.numbers[i]
	}
	g := &sliceGroups{}
	if n := len(m.spare); n > 0 {
		g, m.spare = m.spare[n-1], m.spare[:n-1]
	}
	*g = sliceGroups{number: number, refs: g.refs[:0]}
	m.numbers = slices.Insert(m.numbers, i, g)
	return g
}

// pop forgets a number, which has no groups any more.
func (m *sliceAggregate) pop(i int) {
	if m.near == m.numbers[i] {
		m.near = nil
	}
	m.spare = append(m.spare, m.numbers[i])
	m.numbers = slices.Delete(m.numbers, i, i+1)
}

// time is how far event time has come, or processing time: windows whose last millisecond it has reached are complete.
func (m *sliceAggregate) time() int64 {
	if m.f.Window.Proctime {
		if m.f.Final {
			return eventtime.MinWatermark
		}
		return m.ctx.NowMillis - 1
	}
	return m.ctx.CurrentWatermark
}

func (m *sliceAggregate) room(n int) {
	if cap(m.refs) < n {
		c := max(n, BatchRows)
		m.number, m.start, m.hashes = make([]uint64, c), make([]uint64, c), make([]uint64, c)
		m.refs, m.bases = make([]statebackend.Ref, c), make([]unsafe.Pointer, c)
	}
	m.refs, m.bases, m.number, m.start, m.hashes = m.refs[:n], m.bases[:n], m.number[:n], m.start[:n], m.hashes[:n]
}

func (m *sliceAggregate) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	m.room(b.N)
	rows, now := Selected(b), m.time()
	keys := m.keys.Of(b, b.Sel)
	m.set.Begin(b)
	begun := false
	switch {
	case m.f.WindowAttached:
		if rows = m.attached(b, rows, now); m.ctx.Failed {
			return
		}
		m.take(keys, rows)
	default:
		if rows = m.slices(b, rows, now); m.ctx.Failed {
			return
		}
		if m.share != alone || m.f.Window.Kind == logical.Tumble {
			m.take(keys, rows)
			m.catchUp(b, keys, rows, &begun)
			break
		}
		m.multiply(keys, rows, now)
	}
	m.schedule()
	m.store.BreatheRows(len(rows))
}

func (m *sliceAggregate) noTime() { m.ctx.Fail(noWindowTime(m.f.Input[m.f.Window.Time].Name)) }

// folded is how many rows a row of a batch stands for.
func (m *sliceAggregate) folded(b *column.Batch, r int32) int64 {
	if m.counted == 0 {
		return 1
	}
	return b.Cols[m.counted].Int(int(r))
}

func (m *sliceAggregate) drop(late int64) {
	if late > 0 {
		m.dropped[0].AddInt(late)
		m.dropped[1].AddInt(late)
	}
}

// slices writes the slice of each row and returns the rows that are not late.
func (m *sliceAggregate) slices(b *column.Batch, rows []int32, now int64) []int32 {
	var times []int64
	var valid []uint64
	proctime := m.f.Window.Proctime
	switch {
	case m.counted > 0:
		times = b.Cols[m.counted-1].Flatten(b.N, &m.numbered).Ints()
	case !proctime:
		times, valid = m.times.read(b)
	}
	late, at := int64(0), m.ctx.NowMillis
	m.rows = m.rows[:0]
	g := m.grid
	last, passed, none := int64(math.MinInt64), false, false
	for _, r := range rows {
		if !proctime {
			if valid != nil && valid[r>>6]>>(r&63)&1 == 0 {
				m.noTime()
				return nil
			}
			at = times[r]
		}
		n := at // in partial results times are slices
		if m.counted == 0 {
			if at < -1<<58 || at > 1<<58 {
				m.ctx.Fail(farWindowTime(at))
				return nil
			}
			n = g.sliceOf(m.clock.local(at))
		}
		if n != last {
			last = n
			k := g.lastWindow(n)
			_, end := g.bounds(k)
			passed = m.clock.instant(end-1) <= now || m.share != alone && k <= m.fired
			none = g.firstWindow(n) > k
		}
		switch {
		case none:
		case passed:
			late += m.folded(b, r)
		default:
			m.number[r] = uint64(n)
			m.rows = append(m.rows, r)
		}
	}
	m.drop(late)
	return m.rows
}

// attached is slices for rows that carry their window.
func (m *sliceAggregate) attached(b *column.Batch, rows []int32, now int64) []int32 {
	starts, valid := m.times.read(b)
	ends, validEnd := m.ends.read(b)
	late := int64(0)
	m.rows = m.rows[:0]
	for _, r := range rows {
		if valid != nil && valid[r>>6]>>(r&63)&1 == 0 || validEnd != nil && validEnd[r>>6]>>(r&63)&1 == 0 {
			m.noTime()
			return nil
		}
		if m.clock.instant(ends[r]-1) <= now {
			late += m.folded(b, r)
			continue
		}
		m.number[r], m.start[r] = uint64(ends[r]), uint64(starts[r])
		m.rows = append(m.rows, r)
	}
	m.drop(late)
	return m.rows
}

// multiply takes rows into each of their windows.
func (m *sliceAggregate) multiply(keys *statebackend.GroupChunk, rows []int32, now int64) {
	g := m.grid
	most := (g.perWindow-1)/max(g.perSlide, 1) + 1
	if g.kind == logical.Cumulate {
		most = g.perWindow
	}
	slice := slices.Clone(m.number)
	for j := range most {
		m.again = m.again[:0]
		for _, r := range rows {
			n := int64(slice[r])
			k := g.lastWindow(n) - j
			if k < g.firstWindow(n) {
				continue
			}
			if _, end := g.bounds(k); m.clock.instant(end-1) <= now {
				continue
			}
			m.number[r] = uint64(k)
			m.again = append(m.again, r)
		}
		m.take(keys, m.again)
	}
}

// take takes rows into the groups of their numbers.
func (m *sliceAggregate) take(keys *statebackend.GroupChunk, rows []int32) {
	if len(rows) == 0 {
		return
	}
	n := len(m.refs)
	c := &m.chunk
	c.Keys = append(append(c.Keys[:0], keys.Keys...), statebackend.Column{Words: m.number[:n]})
	c.Hashes, c.GroupHashes, c.Sel = m.hashes[:n], keys.Hashes, rows
	for _, r := range rows {
		m.hashes[r] = base.HashCombine(keys.Hashes[r], m.number[r])
	}
	if m.f.WindowAttached {
		c.Keys = append(c.Keys, statebackend.Column{Words: m.start[:n]})
		for _, r := range rows {
			m.hashes[r] = base.HashCombine(m.hashes[r], m.start[r])
		}
	}
	if len(rows) == n {
		c.Sel = nil
	}
	m.fresh = m.table.Lookup(c, m.refs, m.fresh[:0])
	m.table.Edit(m.set.Cell(), m.refs, c.Sel, m.bases)
	m.set.Made(m.fresh, m.refs, m.bases)
	for _, r := range m.fresh {
		m.link(m.refs[r], int64(m.number[r]), false)
	}
	m.set.Update(rows, m.refs, m.bases, nil)
}

// catchUp takes rows into the groups of the whole whose slices have been added to it already.
func (m *sliceAggregate) catchUp(b *column.Batch, keys *statebackend.GroupChunk, rows []int32, begun *bool) {
	if m.share != moving || m.fired == noWindow && !m.active {
		return
	}
	until := m.fired
	if m.active {
		until = m.window
	}
	if until == noWindow {
		return
	}
	reached := m.grid.lastSlice(until)
	m.again = m.again[:0]
	for _, r := range rows {
		if int64(m.number[r]) <= reached && *m.word(m.mark, m.bases[r], 0) != 0 {
			m.again = append(m.again, r)
		}
	}
	if len(m.again) == 0 {
		return
	}
	m.sum.Begin(b)
	c := *keys
	c.Sel = m.again
	m.fresh = m.whole.Lookup(&c, m.refs, m.fresh[:0])
	m.whole.Edit(m.sum.Cell(), m.refs, m.again, m.bases)
	m.sum.Update(m.again, m.refs, m.bases, nil)
}

// schedule asks for a call when the first window of processing time ends.
func (m *sliceAggregate) schedule() {
	if !m.f.Window.Proctime || m.f.Final || m.empty() {
		return
	}
	at := m.clock.instant(m.endOf(m.coming()))
	if at >= m.wake {
		return
	}
	m.wake = at
	delay := time.Duration(max(at-m.ctx.Host.Now().UnixMilli(), 0)) * time.Millisecond
	m.ctx.Host.Async(m.ctx.Node, delay, func(context.Context) {}, func() { m.strike(at) })
}

// coming is the window that comes next, if there is any group.
func (m *sliceAggregate) coming() int64 {
	switch {
	case m.share == alone:
		return m.numbers[0].number
	case m.whole.Len() > 0 && m.fired != noWindow:
		return m.fired + 1
	}
	k := m.grid.firstWindow(m.numbers[0].number)
	if m.fired != noWindow {
		k = max(k, m.fired+1)
	}
	return k
}

// endOf is the end of a window.
func (m *sliceAggregate) endOf(k int64) int64 {
	if m.f.WindowAttached {
		return k
	}
	_, end := m.grid.bounds(k)
	return end
}

func (m *sliceAggregate) strike(at int64) {
	if at != m.wake || m.ctx.Failed {
		return
	}
	m.wake = math.MaxInt64
	m.ctx.NowMillis = max(m.ctx.NowMillis, at)
	for m.advance(m.ctx.NowMillis - 1) {
	}
	m.schedule()
}
