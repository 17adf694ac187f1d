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
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// sessionRows keeps the rows of sessions until these have ended, by key and time. It does what cannot be put together from parts: aggregates with DISTINCT and others that do not merge, for a
// WindowAggregate, and the rows themselves with their windows, for a WindowTableFunction.
//
// A session is complete when the time is behind its last row by the gap. A row is late if its own window has ended and it meets no session that is there; it is dropped and counted.
type sessionRows struct {
	operator.Base
	ctx     *operator.Context
	store   *statebackend.Store
	input   []types.Field
	spec    logical.WindowSpec
	final   bool
	gap     int64
	clock   *wallClock
	keys    *Keys
	times   *timeColumn
	dropped [2]*operator.Accumulator
	table   *statebackend.GroupTable
	rows    *statebackend.Ordered
	cols    []int // the columns that are kept
	stored  *Stored
	// fire emits sessions, none of which have the same key.
	fire func(list []sessionOf)
	// Of an aggregation.
	set      *agg.Set
	arrivals *statebackend.Cell // how many rows of a key have come; nil if rows are taken back, or of no interest
	result   *windowResult
	// Of a table function.
	emit func(*column.Batch)
	more [3]column.Vector

	// Of a batch that comes in.
	refs    []statebackend.Ref
	fresh   []int32
	bases   []unsafe.Pointer
	at      []int64
	words   [][]uint64
	number  column.Vector
	kept    column.Batch
	pending []int32
	one     [1]int32
	missing []int32

	// Of the keys that are due.
	due      []statebackend.Ref
	matches  []int32
	found    []statebackend.RowRef
	picked   []statebackend.RowRef
	ends     []int64 // times of picked
	sessions []sessionOf
	seen     refTable
	from, to []uint64
	counts   []uint32
	gone     []int32
	later    []statebackend.Ref
	laterAt  []uint64
	read     []uint64

	// Of sessions that are emitted.
	work         column.Batch
	out          column.Batch
	order        []int32
	list         []statebackend.RowRef
	rowRefs      []statebackend.Ref
	rowBases     []unsafe.Pointer
	fires        []statebackend.Ref
	starts, stop []int64
	kinds        []types.RowKind
	wake         int64
}

// sessionOf is a session that is complete: some of the picked rows.
type sessionOf struct {
	ref        statebackend.Ref
	start, end int64
	lo, hi     int
}

func newSessionRows(ctx *operator.Context, input []types.Field, keys, cols []int, spec logical.WindowSpec, clock *wallClock, final bool) (*sessionRows, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &sessionRows{
		ctx: ctx, store: store, input: input, spec: spec, final: final, gap: spec.Size, clock: clock, keys: NewKeys(input, keys), times: newTimeColumn(spec.Time, input[spec.Time].Type), cols: cols,
		words: make([][]uint64, 1), due: make([]statebackend.Ref, windowKeys), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows), wake: math.MaxInt64,
	}
	if m.gap <= 0 || m.gap > 1<<50 {
		return nil, fault.New(fault.WindowGap, "sessions have a gap of %d ms", m.gap)
	}
	ctx.WantsTime = ctx.WantsTime || spec.Proctime
	m.table = statebackend.NewGroupTable(store, "sessions", m.keys.Specs(), nil)
	m.table.Space().Anchor()
	return m, nil
}

// declareRows declares what is kept of each row: with numbered set, also the how many-eth of its key it is.
func (m *sessionRows) declareRows(numbered, retracts bool) {
	var fields []types.Field
	for _, c := range m.cols {
		fields = append(fields, m.input[c])
	}
	if numbered {
		fields = append(fields, types.Field{Name: "arrival", Type: types.New(types.BigInt).NotNull()})
		m.arrivals = m.table.Accumulators("arrivals", 1, nil)
	}
	m.stored = NewStored(fields)
	m.rows = statebackend.NewOrdered(m.table.Space(), "rows", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs(), Retract: retracts}, Sort: 1, Due: true})
}

// newSessionRowsAggregate makes an aggregation of sessions of calls that cannot be merged.
func newSessionRowsAggregate(f *WindowAggregate, ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	var cols []int
	for _, c := range f.Calls {
		for _, a := range c.Args {
			if a.Col >= 0 {
				cols = append(cols, a.Col)
			}
		}
		if c.Filter >= 0 {
			cols = append(cols, c.Filter)
		}
		for _, k := range c.Order {
			cols = append(cols, k.Column)
		}
	}
	slices.Sort(cols)
	m, err := newSessionRows(ctx, f.Input, f.Keys, slices.Compact(cols), f.Window, newWallClock(f.Input[f.Window.Time].Type, f.Session.Zone), f.Final)
	if err != nil {
		return nil, err
	}
	if m.set, err = agg.New(f.Calls, f.Input, agg.Options{Retract: true, Clears: true}); err != nil {
		return nil, err
	}
	m.set.Declare(m.store, m.table, nil)
	m.declareRows(!f.Consumes.Updates(), f.Consumes.Updates())
	m.result = newWindowResult(f, ctx, w, m.set, m.keys, m.clock)
	m.fire = m.aggregate
	return m, nil
}

// newSessionTable makes a table function of sessions.
func newSessionTable(f *WindowTableFunction, ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	var cols []int
	for c := range f.Input {
		cols = append(cols, c)
	}
	m, err := newSessionRows(ctx, f.Input, f.Window.Keys, cols, f.Window, newWallClock(f.Input[f.Window.Time].Type, f.Session.Zone), f.Final)
	if err != nil {
		return nil, err
	}
	m.declareRows(false, false)
	m.emit = Output(w)
	m.fire = m.pass
	return m, nil
}

func (m *sessionRows) Inputs() []any { return []any{Input(m.process)} }

// Open implements [operator.Opener].
func (m *sessionRows) Open() error {
	m.dropped = operator.LateCounters(m.ctx)
	m.schedule()
	return nil
}

func (m *sessionRows) time() int64 {
	if m.spec.Proctime {
		if m.final {
			return eventtime.MinWatermark
		}
		return m.ctx.NowMillis - 1
	}
	return m.ctx.CurrentWatermark
}

func (m *sessionRows) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	rows := Selected(b)
	at, words := room(&m.at, b.N), room(&m.words[0], b.N)
	var times []int64
	var valid []uint64
	if !m.spec.Proctime {
		times, valid = m.times.read(b)
	}
	for _, r := range rows {
		at[r] = m.ctx.NowMillis
		if times != nil {
			at[r] = times[r]
			if valid != nil && valid[r>>6]>>(r&63)&1 == 0 {
				m.ctx.Fail(fault.New(fault.WindowNoTimestamp, "the time column %q of a window is null", m.input[m.spec.Time].Name))
				return
			}
		}
		if at[r] < -1<<58 || at[r] > 1<<58 {
			m.ctx.Fail(fault.New(fault.WindowTime, "a row has the time %d, too far from the epoch for a window", at[r]))
			return
		}
		words[r] = statebackend.SortInt(at[r])
	}
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, b.Sel), refs, m.fresh[:0])
	bases := room(&m.bases, b.N)
	if m.set != nil {
		m.table.Edit(m.set.Cell(), refs, b.Sel, bases)
		m.set.Made(m.fresh, refs, bases)
	}
	m.kept.Cols, m.kept.N = m.kept.Cols[:0], b.N
	for _, c := range m.cols {
		m.kept.Cols = append(m.kept.Cols, b.Cols[c])
	}
	if m.arrivals != nil {
		m.table.Edit(m.arrivals, refs, b.Sel, bases)
		m.number.Reset(column.Word, b.N)
		off := m.arrivals.AccumulatorOffset()
		for _, r := range rows {
			n := (*uint64)(unsafe.Add(bases[r], off))
			*n++
			m.number.Words[r] = *n
		}
		m.kept.Cols = append(m.kept.Cols, &m.number)
	}
	m.keep(b, rows, m.stored.Of(&m.kept, nil, rows))
	m.release(rows)
	m.schedule()
	m.store.BreatheRows(len(rows))
}

// keep puts rows to their keys, in order, as a row that is late may meet the session of one before it.
func (m *sessionRows) keep(b *column.Batch, rows []int32, cols []statebackend.Column) {
	now, late := m.time(), int64(0)
	m.pending = m.pending[:0]
	flush := func() {
		if len(m.pending) > 0 {
			m.rows.Insert(m.refs, m.pending, m.words, cols, nil, nil)
			m.pending = m.pending[:0]
		}
	}
	for _, r := range rows {
		m.one[0] = r
		if !b.Kind(int(r)).Adds() {
			flush()
			m.missing = m.rows.Retract(m.refs, m.one[:], m.words, cols, m.missing[:0])
			continue
		}
		if m.at[r]+m.gap-1 <= now {
			flush()
			from, to := room(&m.from, len(m.refs)), room(&m.to, len(m.refs))
			from[r], to[r] = statebackend.SortInt(m.at[r]-m.gap), statebackend.SortInt(m.at[r]+m.gap)
			var cursor statebackend.OrderedCursor
			if n, _ := m.rows.Scan(m.refs, m.one[:], statebackend.OrderedScan{From: from, To: to, Limit: 1}, &cursor, m.matches[:1], m.found[:1]); n == 0 {
				late++
				continue
			}
		}
		m.pending = append(m.pending, r)
	}
	flush()
	if late > 0 {
		m.dropped[0].AddInt(late)
		m.dropped[1].AddInt(late)
	}
}

// release forgets the keys of a batch that have no rows.
func (m *sessionRows) release(rows []int32) {
	counts := room(&m.counts, len(m.refs))
	m.rows.Count(m.refs, rows, counts)
	m.gone = m.gone[:0]
	for _, r := range rows {
		if counts[r] == 0 {
			m.gone = append(m.gone, r)
		}
	}
	if len(m.gone) > 0 {
		m.table.Remove(m.refs, m.gone)
	}
}

// Watermark implements [operator.Instance].
func (m *sessionRows) Watermark(t int64) (more bool) { return !m.spec.Proctime && m.advance(t) }

// Finish implements [operator.Instance].
func (m *sessionRows) Finish() (more bool) {
	return m.final && m.spec.Proctime && m.advance(eventtime.MaxWatermark)
}

// advance emits the sessions of some keys that have ended at a time, and reports whether there are more.
func (m *sessionRows) advance(t int64) (more bool) {
	if m.ctx.Failed || t < math.MinInt64+m.gap {
		return false
	}
	until := uint64(math.MaxUint64) // the sort word of the last row that a session may have which has ended
	if t < math.MaxInt64 {
		until = statebackend.SortInt(t + 1 - m.gap)
	}
	due := m.due[:cap(m.due)]
	n := m.rows.Due(until, due)
	due = due[:n]
	if n == 0 {
		return false
	}
	m.collect(due, until)
	slices.SortStableFunc(m.sessions, func(a, b sessionOf) int { return cmp.Compare(a.end, b.end) })
	for list := m.sessions; len(list) > 0 && !m.ctx.Failed; {
		n := 0
		m.seen.reset(len(list))
		for n < len(list) { // no key twice
			at := m.seen.at(uint64(list[n].ref))
			if *at >= 0 {
				break
			}
			*at = 1
			n++
		}
		m.fire(list[:n])
		list = list[n:]
	}
	m.rows.DeleteRange(due, nil, m.from, m.to)
	m.rows.Arm(m.later, m.laterAt)
	counts := room(&m.counts, n)
	m.rows.Count(due, nil, counts)
	m.gone = m.gone[:0]
	for i := range due {
		if counts[i] == 0 {
			m.gone = append(m.gone, int32(i))
		}
	}
	if len(m.gone) > 0 {
		m.table.Remove(due, m.gone)
	}
	return n == cap(m.due)
}

// collect lists the sessions of keys whose last row has a sort word of at most until, and their rows; from and to are the words of the rows of each key that are done, and later those keys that have others, with when they are due.
func (m *sessionRows) collect(due []statebackend.Ref, until uint64) {
	m.picked, m.ends, m.sessions = m.picked[:0], m.ends[:0], m.sessions[:0]
	m.later, m.laterAt = m.later[:0], m.laterAt[:0]
	from, to := room(&m.from, len(due)), room(&m.to, len(due))
	for i := range due {
		from[i], to[i] = 1, 0
	}
	words := room(&m.read, len(m.found))
	at, open := -1, true // the key of the session at hand, and whether all of it have been complete
	lo := 0
	last := uint64(0)
	end := func() { // of the session at hand
		if at < 0 {
			return
		}
		if last > until || !open {
			if open {
				m.later, m.laterAt = append(m.later, due[at]), append(m.laterAt, last)
			}
			open = false
			m.picked, m.ends = m.picked[:lo], m.ends[:lo]
			return
		}
		from[at], to[at] = 0, last
		m.sessions = append(m.sessions, sessionOf{due[at], m.ends[lo], statebackend.SortedInt(last) + m.gap, lo, len(m.picked)})
	}
	var cursor statebackend.OrderedCursor
	for again := true; again; {
		var n int
		n, again = m.rows.Scan(due, nil, statebackend.OrderedScan{}, &cursor, m.matches, m.found)
		m.rows.ReadSort(0, m.found[:n], words)
		for i, row := range m.found[:n] {
			t := statebackend.SortedInt(words[i])
			if key := int(m.matches[i]); key != at || t > statebackend.SortedInt(last)+m.gap {
				end()
				if key != at {
					at, open = key, true
				}
				lo = len(m.picked)
			}
			last = words[i]
			m.picked, m.ends = append(m.picked, row), append(m.ends, t)
		}
	}
	end()
}

// take makes the rows of sessions the ones at hand: those of session i from m.order[i] on.
func (m *sessionRows) take(list []sessionOf) {
	m.list, m.rowRefs = m.list[:0], m.rowRefs[:0]
	m.fires, m.starts, m.stop = m.fires[:0], m.starts[:0], m.stop[:0]
	for _, s := range list {
		from := len(m.list)
		m.list = append(m.list, m.picked[s.lo:s.hi]...)
		if m.arrivals != nil {
			m.arrange(m.list[from:])
		}
		for range s.hi - s.lo {
			m.rowRefs = append(m.rowRefs, s.ref)
		}
		m.fires = append(m.fires, s.ref)
		m.starts, m.stop = append(m.starts, m.clock.local(s.start)), append(m.stop, m.clock.local(s.end))
	}
	widen(&m.work, len(m.input))
	for i, c := range m.cols {
		m.stored.Read(m.rows, i, i, m.list, m.work.Cols[c])
	}
	m.work.N, m.work.Sel, m.work.Kinds = len(m.list), nil, nil
}

// arrange puts rows of a session in the order in which they came.
func (m *sessionRows) arrange(rows []statebackend.RowRef) {
	n := len(rows)
	if n < 2 {
		return
	}
	m.stored.Read(m.rows, len(m.cols), len(m.cols), rows, &m.number)
	order := room(&m.order, n)
	copy(order, AllRows(n))
	slices.SortFunc(order, func(a, b int32) int { return int(int64(m.number.Words[a]) - int64(m.number.Words[b])) })
	as := slices.Clone(rows)
	for i, from := range order {
		rows[i] = as[from]
	}
}

// aggregate emits the results of sessions.
func (m *sessionRows) aggregate(list []sessionOf) {
	m.take(list)
	n := len(m.list)
	bases := room(&m.rowBases, n)
	m.table.Edit(m.set.Cell(), m.rowRefs, nil, bases)
	m.set.Begin(&m.work)
	m.set.Update(AllRows(n), m.rowRefs, bases, nil)
	m.result.send(m.table, m.set, m.fires, m.starts, m.stop)
	kinds := room(&m.kinds, n)
	for i := range kinds {
		kinds[i] = types.Delete
	}
	m.work.Kinds = kinds
	m.set.Begin(&m.work)
	m.set.Update(AllRows(n), m.rowRefs, bases, nil)
	row := 0
	for _, s := range list { // so that no errors of rounding stay
		m.set.Reset(bases[row])
		row += s.hi - s.lo
	}
}

// pass emits the rows of sessions with their windows.
func (m *sessionRows) pass(list []sessionOf) {
	m.take(list)
	n, row := len(m.list), 0
	for i := range m.more {
		m.more[i].Reset(column.Word, n)
	}
	for i, s := range list {
		for range s.hi - s.lo {
			m.more[0].Ints()[row], m.more[1].Ints()[row], m.more[2].Ints()[row] = m.starts[i], m.stop[i], m.clock.instant(m.stop[i]-1)
			row++
		}
	}
	m.out.N, m.out.Sel, m.out.Kinds = n, nil, nil
	m.out.Cols = append(m.out.Cols[:0], m.work.Cols...)
	for i := range m.more {
		m.out.Cols = append(m.out.Cols, &m.more[i])
	}
	m.emit(&m.out)
}

// schedule asks for a call while there are sessions of processing time: sixteen times within a gap.
func (m *sessionRows) schedule() {
	if !m.spec.Proctime || m.final || m.wake < math.MaxInt64 || m.table.Len() == 0 {
		return
	}
	delay := max(1, m.gap/16)
	m.wake = m.ctx.Host.Now().UnixMilli() + delay
	m.ctx.Host.Async(m.ctx.Node, time.Duration(delay)*time.Millisecond, func(context.Context) {}, m.strike)
}

func (m *sessionRows) strike() {
	at := m.wake
	m.wake = math.MaxInt64
	if m.ctx.Failed {
		return
	}
	m.ctx.NowMillis = max(m.ctx.NowMillis, at)
	for m.advance(m.ctx.NowMillis - 1) {
	}
	m.schedule()
}
