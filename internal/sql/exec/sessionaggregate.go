package exec

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/statebackend"
)

// sessionAggregate is a WindowAggregate of sessions: a row's window is its time and the gap, and windows of a key that meet are one.
//
// A key's latest session lies in the key's own group, so that most rows need one look-up. When another one begins before that has been emitted, it moves to a second table, whose groups hang on
// that of the key. Sessions hang on buckets by their end; one that has grown since stays where it is, until its bucket comes.
type sessionAggregate struct {
	operator.Base
	f       *WindowAggregate
	ctx     *operator.Context
	store   *statebackend.Store
	gap     int64
	clock   *wallClock
	keys    *Keys
	times   *timeColumn
	result  *windowResult
	dropped [2]*operator.Accumulator

	own    sessionTable // by key
	others sessionTable // by key and a time of the session

	buckets []*sliceGroups
	spare   []*sliceGroups
	width   int64
	// current are the sessions of the buckets that the time has reached, by end as it was.
	current []sessionEnd
	at      int // how many of current are done
	sorted  bool
	until   int64 // the end of the last of these buckets

	wake int64

	// Of the batch at hand: by row, and rows that are to be taken into their sessions.
	refs    []statebackend.Ref
	bases   []unsafe.Pointer
	where   []statebackend.Ref // of rows of other sessions
	apart   []unsafe.Pointer   // where these are
	fresh   []int32
	pending []int32
	moved   []int32
	b       *column.Batch
	chunk   *statebackend.GroupChunk
	begun   bool // the batch was shown to the set of the others

	meets        []statebackend.Ref
	fires        []statebackend.Ref
	starts, ends []int64
	number       []uint64
	hashes       []uint64
	whose        groupsOf
}

// sessionTable is a table of sessions.
type sessionTable struct {
	table *statebackend.GroupTable
	set   *agg.Set
	cell  *statebackend.Cell
	hangs uintptr // whether it is in a bucket
	chain uintptr // of a key: its other sessions; of those: the next one. References counted from 1
	more  uintptr // of a key: a time at or behind the ends of its other sessions; of those: the key's group
	refs  [1]statebackend.Ref
	bases [1]unsafe.Pointer
}

// session is what a row has of one, beside the accumulators.
type session struct {
	start, end int64
	// live tells that there is one. In the second table, one that is not has been merged into another one, and is removed when its bucket comes.
	live int64
}

func (t *sessionTable) at(row unsafe.Pointer) *session {
	return (*session)(unsafe.Add(row, t.cell.AccumulatorOffset()))
}

// edit returns a row of a session that is there.
func (t *sessionTable) edit(r statebackend.Ref) unsafe.Pointer {
	t.refs[0] = r
	t.table.Edit(t.cell, t.refs[:], nil, t.bases[:])
	t.table.Edit(t.set.Cell(), t.refs[:], nil, t.bases[:])
	return t.bases[0]
}

func refAt(row unsafe.Pointer, off uintptr) *statebackend.Ref {
	return (*statebackend.Ref)(unsafe.Add(row, off))
}

// sessionEnd is a session with the end that it had. Those of the second table have other set.
type sessionEnd struct {
	end   int64
	ref   statebackend.Ref
	other bool
}

// otherSession marks references to the second table in the lists of buckets.
const otherSession = 1 << 62

func newSessionAggregate(f *WindowAggregate, ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	timeType := f.Input[f.Window.Time].Type
	m := &sessionAggregate{
		f: f, ctx: ctx, store: store, gap: f.Window.Size, keys: NewKeys(f.Input, f.Keys), clock: newWallClock(timeType, f.Session.Zone),
		times: newTimeColumn(f.Window.Time, timeType), wake: math.MaxInt64, until: math.MinInt64,
	}
	if m.gap <= 0 || m.gap > 1<<50 {
		return nil, fault.New(fault.WindowGap, "sessions have a gap of %d ms", m.gap)
	}
	m.width = max(1, m.gap/64)
	specs := slices.Clone(m.keys.Specs())
	dist := make([]int, len(specs))
	for i := range dist {
		dist[i] = i
	}
	tables := []struct {
		t    *sessionTable
		name string
		key  []statebackend.ColumnSpec
		dist []int
	}{
		{&m.own, "sessions", m.keys.Specs(), nil},
		{&m.others, "earlier sessions", append(specs, statebackend.ColumnSpec{Type: statebackend.WordColumn}), dist},
	}
	for _, d := range tables {
		if d.t.set, err = agg.New(f.Calls, f.Input, agg.Options{Retract: f.Consumes.Updates()}); err != nil {
			return nil, err
		}
		d.t.table = statebackend.NewGroupTable(store, d.name, d.key, d.dist)
		sp := d.t.table.Space()
		sp.Anchor()
		d.t.set.Declare(store, d.t.table, nil)
		d.t.cell = d.t.table.Accumulators("session", 3, nil)
		d.t.hangs, d.t.chain, d.t.more = sp.Reserve(8), sp.Reserve(8), sp.Reserve(8)
	}
	m.result = newWindowResult(f, ctx, w, m.own.set, m.keys, m.clock)
	m.whose.vectors = make([]column.Vector, len(f.Keys))
	if f.Window.Proctime {
		ctx.WantsTime = true
	}
	return m, nil
}

func (m *sessionAggregate) Inputs() []any { return []any{Input(m.process)} }

// table is where a session of a list lies.
func (m *sessionAggregate) table(r statebackend.Ref) (*sessionTable, statebackend.Ref) {
	if r&otherSession != 0 {
		return &m.others, r &^ otherSession
	}
	return &m.own, r
}

// Open takes up what was restored.
func (m *sessionAggregate) Open() error {
	m.dropped = operator.LateCounters(m.ctx)
	var gone, batch []statebackend.Ref
	sp := m.others.table.Space()
	take := func() {
		m.ownersOf(batch)
		for i, r := range batch {
			if m.whose.refs[i] == statebackend.NoRef {
				m.ctx.Fail(fault.New(fault.InternalInvariant, "a session has no key"))
				return
			}
			m.hang(m.whose.refs[i], r)
			m.link(r|otherSession, m.others.at(sp.Row(r)).end)
		}
		batch = batch[:0]
	}
	for r := range sp.All {
		if m.others.at(sp.Row(r)).live == 0 {
			gone = append(gone, r)
			continue
		}
		if batch = append(batch, r); len(batch) == stepGroups {
			take()
		}
	}
	take()
	if len(gone) > 0 {
		m.others.table.Remove(gone, nil)
	}
	gone = gone[:0]
	sp = m.own.table.Space()
	for r := range sp.All {
		row := sp.Row(r)
		if x := m.own.at(row); x.live != 0 {
			m.link(r, x.end)
		} else if *refAt(row, m.own.chain) == 0 {
			gone = append(gone, r)
		}
	}
	if len(gone) > 0 {
		m.own.table.Remove(gone, nil)
	}
	m.schedule()
	return nil
}

// ownersOf finds the groups of the keys of other sessions: m.whose.refs.
func (m *sessionAggregate) ownersOf(refs []statebackend.Ref) {
	w, n := &m.whose, len(refs)
	reader := keyReader{table: m.others.table, stored: m.keys.Stored()}
	w.chunk.Keys = w.chunk.Keys[:0]
	for i := range w.vectors {
		reader.read(i, refs, &w.vectors[i])
		w.chunk.Keys = append(w.chunk.Keys, m.keys.Stored().Column(i, &w.vectors[i], n, nil))
	}
	w.refs, w.words = slices.Grow(w.refs[:0], n)[:n], slices.Grow(w.words[:0], n)[:n]
	w.chunk.Hashes = w.words
	statebackend.HashColumns(w.chunk.Keys, nil, w.chunk.Hashes)
	w.fresh = m.own.table.Find(&w.chunk, w.refs, w.fresh[:0])
}

// hang hangs another session on its key.
func (m *sessionAggregate) hang(key, r statebackend.Ref) {
	row, k := m.others.table.Space().Edit(r), m.own.table.Space().Edit(key)
	*refAt(row, m.others.more) = key
	head := refAt(k, m.own.chain)
	*refAt(row, m.others.chain) = *head
	latest := (*int64)(unsafe.Add(k, m.own.more))
	end := m.others.at(row).end
	if *head != 0 {
		end = max(end, *latest)
	}
	*latest, *head = end, r+1
}

// unhang is the inverse of hang.
func (m *sessionAggregate) unhang(r statebackend.Ref) {
	sp := m.others.table.Space()
	row := sp.Edit(r)
	at := refAt(m.own.table.Space().Edit(*refAt(row, m.others.more)), m.own.chain)
	for *at != 0 {
		if *at == r+1 {
			*at = *refAt(row, m.others.chain)
			return
		}
		at = refAt(sp.Edit(*at-1), m.others.chain)
	}
}

// link puts a session into the bucket of an end, unless it is in one.
func (m *sessionAggregate) link(r statebackend.Ref, end int64) {
	t, ref := m.table(r)
	row := t.table.Space().Edit(ref)
	hangs := refAt(row, t.hangs)
	if *hangs != 0 {
		return
	}
	*hangs = 1
	if end <= m.until {
		m.current = append(m.current, sessionEnd{end, ref, r&otherSession != 0})
		m.sorted = false
		return
	}
	b := m.bucket(floorDiv(end-1, m.width))
	b.refs = append(b.refs, r)
}

func (m *sessionAggregate) bucket(number int64) *sliceGroups {
	i := len(m.buckets)
	if i > 0 && m.buckets[i-1].number >= number {
		i, _ = slices.BinarySearchFunc(m.buckets, number, func(g *sliceGroups, n int64) int { return cmp.Compare(g.number, n) })
		if m.buckets[i].number == number {
			return m.buckets[i]
		}
	}
	g := &sliceGroups{}
	if n := len(m.spare); n > 0 {
		g, m.spare = m.spare[n-1], m.spare[:n-1]
	}
	*g = sliceGroups{number: number, refs: g.refs[:0]}
	m.buckets = slices.Insert(m.buckets, i, g)
	return g
}

func (m *sessionAggregate) time() int64 {
	if m.f.Window.Proctime {
		if m.f.Final {
			return eventtime.MinWatermark
		}
		return m.ctx.NowMillis - 1
	}
	return m.ctx.CurrentWatermark
}

func (m *sessionAggregate) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	if cap(m.refs) < b.N {
		n := max(b.N, BatchRows)
		m.refs, m.bases, m.where = make([]statebackend.Ref, n), make([]unsafe.Pointer, n), make([]statebackend.Ref, n)
		m.number, m.hashes = make([]uint64, n), make([]uint64, n)
	}
	n := b.N
	m.refs, m.bases, m.where, m.number, m.hashes = m.refs[:n], m.bases[:n], m.where[:n], m.number[:n], m.hashes[:n]
	m.b, m.begun = b, false
	m.chunk = m.keys.Of(b, b.Sel)
	m.fresh = m.own.table.Lookup(m.chunk, m.refs, m.fresh[:0])
	m.own.table.Edit(m.own.cell, m.refs, b.Sel, m.bases)
	m.own.table.Edit(m.own.set.Cell(), m.refs, b.Sel, m.bases)
	m.own.set.Begin(b)
	if m.assign(Selected(b)); m.ctx.Failed {
		return
	}
	m.flush()
	m.release()
	m.schedule()
	m.store.BreatheRows(b.Rows())
}

// assign finds the session of each row.
func (m *sessionAggregate) assign(rows []int32) {
	var times []int64
	var valid []uint64
	if !m.f.Window.Proctime {
		times, valid = m.times.read(m.b)
	}
	now, late := m.time(), int64(0)
	at, off, chain := m.ctx.NowMillis, m.own.cell.AccumulatorOffset(), m.own.chain
	for _, r := range rows {
		if times != nil {
			if valid != nil && valid[r>>6]>>(r&63)&1 == 0 {
				m.ctx.Fail(fault.New(fault.WindowNoTimestamp, "the time column %q of a window is null", m.f.Input[m.f.Window.Time].Name))
				return
			}
			at = times[r]
		}
		row := m.bases[r]
		x := (*session)(unsafe.Add(row, off))
		if end := at + m.gap; x.live != 0 && at <= x.end && end >= x.start && *refAt(row, chain) == 0 {
			x.start, x.end = min(x.start, at), max(x.end, end)
			m.pending = append(m.pending, r)
			continue
		}
		if at < -1<<58 || at > 1<<58 {
			m.ctx.Fail(fault.New(fault.WindowTime, "a row has the time %d, too far from the epoch for a window", at))
			return
		}
		if !m.place(r, at, now) {
			late++
		}
	}
	if late > 0 {
		m.dropped[0].AddInt(late)
		m.dropped[1].AddInt(late)
	}
}

// place finds or makes the session of a row that is not simply in the key's own, and reports whether the row is not late.
func (m *sessionAggregate) place(r int32, at, now int64) bool {
	row := m.bases[r]
	x, start, end := m.own.at(row), at, at+m.gap
	inOwn := x.live != 0 && at <= x.end && end >= x.start
	m.meets = m.meets[:0]
	sp := m.others.table.Space()
	if head := *refAt(row, m.own.chain); head != 0 && at <= *(*int64)(unsafe.Add(row, m.own.more)) {
		for n := head; n != 0; n = *refAt(sp.Row(n-1), m.others.chain) {
			if y := m.others.at(sp.Row(n - 1)); at <= y.end && end >= y.start {
				m.meets = append(m.meets, n-1)
				start, end = min(start, y.start), max(end, y.end)
			}
		}
	}
	if inOwn {
		start, end = min(start, x.start), max(end, x.end)
	}
	if end-1 <= now {
		return false
	}
	switch {
	case inOwn && len(m.meets) == 0:
		x.start, x.end = start, end
		m.pending = append(m.pending, r)
	case inOwn:
		m.flush()
		for _, o := range m.meets {
			m.absorb(&m.own, row, o)
		}
		x.start, x.end = start, end
		m.pending = append(m.pending, r)
	case len(m.meets) > 0:
		into := m.meets[0]
		if len(m.meets) > 1 {
			m.flush()
			for _, o := range m.meets[1:] {
				m.absorb(&m.others, m.others.edit(into), o)
			}
		}
		y := m.others.at(m.others.edit(into))
		y.start, y.end = start, end
		latest := (*int64)(unsafe.Add(row, m.own.more))
		*latest = max(*latest, end)
		m.where[r] = into
		m.moved = append(m.moved, r)
	case x.live != 0 && end < x.end: // the latest stays with the key, so that its bucket is never behind its end
		m.where[r] = m.other(r, session{start, end, 1})
		m.moved = append(m.moved, r)
	default:
		if x.live != 0 {
			m.flush()
			row := m.others.edit(m.other(r, *x))
			m.others.set.Merge(m.own.set, []unsafe.Pointer{row}, []unsafe.Pointer{m.bases[r]})
			m.own.set.Reset(m.bases[r])
		}
		*x = session{start, end, 1}
		m.link(m.refs[r], end)
		m.pending = append(m.pending, r)
	}
	return true
}

// absorb merges another session into one of a table, whose address is given.
func (m *sessionAggregate) absorb(t *sessionTable, row unsafe.Pointer, o statebackend.Ref) {
	from := m.others.edit(o)
	t.set.Merge(m.others.set, []unsafe.Pointer{row}, []unsafe.Pointer{from})
	m.unhang(o)
	m.others.at(from).live = 0
}

// other makes another session, of the key of a row, without rows.
func (m *sessionAggregate) other(r int32, x session) statebackend.Ref {
	m.number[r] = uint64(x.start)
	m.hashes[r] = base.HashCombine(m.chunk.Hashes[r], m.number[r])
	c := statebackend.GroupChunk{
		Keys: append(slices.Clone(m.chunk.Keys), statebackend.Column{Words: m.number}), Hashes: m.hashes, GroupHashes: m.chunk.Hashes, Sel: []int32{r},
	}
	m.others.table.Lookup(&c, m.where, nil)
	o := m.where[r]
	row := m.others.edit(o)
	m.others.set.Reset(row) // it may be that of a session that was absorbed, and is still in its bucket
	*m.others.at(row) = x
	m.hang(m.refs[r], o)
	m.link(o|otherSession, x.end)
	return o
}

// flush takes the rows whose sessions are known into them.
func (m *sessionAggregate) flush() {
	if len(m.pending) > 0 {
		m.own.set.Update(m.pending, m.refs, m.bases, nil)
		m.pending = m.pending[:0]
	}
	if len(m.moved) == 0 {
		return
	}
	if !m.begun {
		m.begun = true
		m.others.set.Begin(m.b)
	}
	if cap(m.apart) < len(m.bases) {
		m.apart = make([]unsafe.Pointer, cap(m.bases))
	}
	m.apart = m.apart[:len(m.bases)]
	m.others.table.Edit(m.others.set.Cell(), m.where, m.moved, m.apart)
	m.others.set.Update(m.moved, m.where, m.apart, nil)
	m.moved = m.moved[:0]
}

// release forgets the keys of late rows that have no session.
func (m *sessionAggregate) release() {
	gone := m.fresh[:0]
	for _, r := range m.fresh {
		if row := m.bases[r]; m.own.at(row).live == 0 && *refAt(row, m.own.chain) == 0 && *refAt(row, m.own.hangs) == 0 {
			gone = append(gone, r)
		}
	}
	if len(gone) > 0 {
		m.own.table.Remove(m.refs, gone)
	}
}

// Watermark implements [operator.Instance].
func (m *sessionAggregate) Watermark(t int64) (more bool) {
	return !m.f.Window.Proctime && m.advance(t)
}

// Finish implements [operator.Instance].
func (m *sessionAggregate) Finish() (more bool) {
	return m.f.Final && m.f.Window.Proctime && m.advance(eventtime.MaxWatermark)
}

// advance emits the sessions that have ended at a time.
func (m *sessionAggregate) advance(t int64) (more bool) {
	for left := stepGroups; !m.ctx.Failed; {
		if left <= 0 || left < stepGroups && m.ctx.Stop.Load() != 0 {
			return true
		}
		if !m.sorted {
			m.current = slices.Delete(m.current, 0, m.at)
			m.at = 0
			slices.SortFunc(m.current, func(a, b sessionEnd) int { return cmp.Compare(a.end, b.end) })
			m.sorted = true
		}
		if m.at < len(m.current) && m.current[m.at].end-1 <= t {
			left -= m.visit(t, left)
			continue
		}
		if len(m.buckets) == 0 || m.buckets[0].number*m.width > t {
			break
		}
		left -= m.reach()
	}
	return false
}

// reach makes the first bucket current: its sessions as far as they end there, the others go to their buckets. It returns how many there were.
func (m *sessionAggregate) reach() int {
	g := m.buckets[0]
	m.buckets = slices.Delete(m.buckets, 0, 1)
	m.until = (g.number + 1) * m.width
	for _, r := range g.refs {
		t, ref := m.table(r)
		row := t.table.Space().Edit(ref)
		*refAt(row, t.hangs) = 0
		m.again(r, t, ref, row)
	}
	m.spare = append(m.spare, g)
	return len(g.refs)
}

// again links a session that is in no bucket any more, or forgets what is none.
func (m *sessionAggregate) again(r statebackend.Ref, t *sessionTable, ref statebackend.Ref, row unsafe.Pointer) {
	switch x := t.at(row); {
	case x.live != 0:
		m.link(r, x.end)
	case t == &m.others || *refAt(row, t.chain) == 0:
		t.table.Remove([]statebackend.Ref{ref}, nil)
	}
}

// visit emits sessions of the current buckets up to a time, and returns how many it has looked at.
func (m *sessionAggregate) visit(t int64, limit int) (n int) {
	m.fires, m.starts, m.ends = m.fires[:0], m.starts[:0], m.ends[:0]
	other := m.current[m.at].other
	table := &m.own
	if other {
		table = &m.others
	}
	sp := table.table.Space()
	for ; n < limit && m.sorted && m.at < len(m.current); n++ {
		e := m.current[m.at]
		if e.end-1 > t || e.other != other {
			break
		}
		m.at++
		row := sp.Edit(e.ref)
		x := table.at(row)
		if x.live != 0 && x.end-1 <= t {
			m.fires = append(m.fires, e.ref)
			m.starts, m.ends = append(m.starts, m.clock.local(x.start)), append(m.ends, m.clock.local(x.end))
			continue
		}
		r := e.ref
		if other {
			r |= otherSession
		}
		*refAt(row, table.hangs) = 0
		m.again(r, table, e.ref, row)
	}
	if len(m.fires) == 0 {
		return n
	}
	m.result.send(table.table, table.set, m.fires, m.starts, m.ends)
	gone := m.fires[:0]
	for _, r := range m.fires {
		row := table.edit(r)
		*refAt(row, table.hangs) = 0
		if other {
			key := *refAt(row, m.others.more)
			m.unhang(r)
			if k := m.own.table.Space().Row(key); *refAt(k, m.own.chain) == 0 && m.own.at(k).live == 0 && *refAt(k, m.own.hangs) == 0 {
				m.own.table.Remove([]statebackend.Ref{key}, nil)
			}
			gone = append(gone, r)
			continue
		}
		if *refAt(row, m.own.chain) == 0 {
			gone = append(gone, r)
			continue
		}
		*table.at(row) = session{}
		table.set.Reset(row)
	}
	if len(gone) > 0 {
		table.table.Remove(gone, nil)
	}
	return n
}

// schedule asks for a call when the first sessions of processing time may have ended.
func (m *sessionAggregate) schedule() {
	if !m.f.Window.Proctime || m.f.Final {
		return
	}
	at := int64(math.MaxInt64)
	if !m.sorted {
		at = m.ctx.NowMillis
	} else if m.at < len(m.current) {
		at = m.current[m.at].end
	}
	if len(m.buckets) > 0 {
		at = min(at, m.buckets[0].number*m.width+1)
	}
	if at >= m.wake {
		return
	}
	m.wake = at
	delay := time.Duration(max(at-m.ctx.Host.Now().UnixMilli(), 0)) * time.Millisecond
	m.ctx.Host.Async(m.ctx.Node, delay, func(context.Context) {}, func() { m.strike(at) })
}

func (m *sessionAggregate) strike(at int64) {
	if at != m.wake || m.ctx.Failed {
		return
	}
	m.wake = math.MaxInt64
	m.ctx.NowMillis = max(m.ctx.NowMillis, at)
	for m.advance(m.ctx.NowMillis - 1) {
	}
	m.schedule()
}
