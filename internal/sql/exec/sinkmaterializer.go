package exec

import (
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// SinkMaterializer makes a changelog whose rows may have come out of order, since it was spread by another key than the sink's, one of upserts by the sink's key. It keeps the rows of each key in the order in which they came, the last one of which counts:
// when another one becomes the last, it is emitted, as +I if there was none and +U if there was; when none is left, the last one goes as -D. A row that is taken back and was never there says nothing.
//
// A key's changes by a batch are told together, unless PerRow is set.
type SinkMaterializer struct {
	Input []types.Field
	// Keys are the columns of the sink's key.
	Keys []int
	// Consumes is what the input may hold: updates come with their -U rows.
	Consumes types.Changelog
	// TTL is how long a row is kept, in processing time; 0 for ever.
	TTL time.Duration
	// PerRow has the changes by every row told.
	PerRow bool
	// Conflict is what becomes of several rows of a key.
	Conflict Conflict
}

// Conflict is what becomes of several rows with the key of a sink.
type Conflict string

// The conflicts. With ConflictError, a key may have several rows between watermarks, as while one of them goes to another key; if it has when a watermark comes, the job fails.
const (
	ConflictLast  Conflict = ""
	ConflictFirst Conflict = "NOTHING" // the first one counts, and when it goes, the next
	ConflictError Conflict = "ERROR"
)

type materializeInstance struct {
	operator.Base
	f      *SinkMaterializer
	ctx    *operator.Context
	store  *statebackend.Store
	keys   *Keys
	table  *statebackend.GroupTable
	rows   *statebackend.Rows
	stored *Stored
	emit   func(*column.Batch)
	port   *Port

	refs    []statebackend.Ref
	fresh   []int32
	run     []int32
	runs    refTable
	group   refTable
	touched []statebackend.Ref
	adds    []int32
	rets    []int32
	missing []int32
	times   []int64
	matches []int32
	found   []statebackend.RowRef
	last    [2][]statebackend.RowRef // of each key before and after, 0 for none
	olds    []statebackend.RowRef
	oldAt   []int32
	old     column.Batch
	now     column.Batch
	from    []int32
	kinds   []types.RowKind
	out     column.Batch
	mixer   mixer

	counts []int32      // how many rows the keys at hand have, for ConflictError
	doubt  column.Batch // a row of each key that has had several since the last watermark
	whole  tableScan    // of what a checkpoint had
	keyed  []statebackend.Ref
}

// New implements [operator.Factory].
func (f *SinkMaterializer) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Consumes.Has(types.UpdateAfter) && !f.Consumes.Has(types.UpdateBefore) {
		return nil, fault.New(fault.InternalInvariant, "%q gets updates without their former rows", ctx.Name)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &materializeInstance{
		f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), stored: NewStored(f.Input), emit: Output(w), adds: make([]int32, 0, BatchRows), rets: make([]int32, 0, BatchRows),
		matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	m.table = statebackend.NewGroupTable(store, "materialize", m.keys.Specs(), nil)
	m.rows = statebackend.NewRows(m.table.Space(), "rows", statebackend.RowSchema{Columns: m.stored.Specs(), Time: f.TTL > 0, Retract: true})
	ctx.WantsTime = ctx.WantsTime || f.TTL > 0
	if f.Conflict == ConflictError {
		m.table.Space().Pin() // all keys of a checkpoint are looked through
		m.doubt.Reset(column.Forms(f.Input))
	}
	m.port = Input(m.take)
	return m, nil
}

// Watermark implements [operator.Instance]. What conflicts now, does so for good.
func (m *materializeInstance) Watermark(int64) (more bool) {
	if m.f.Conflict != ConflictError || m.ctx.Failed {
		return false
	}
	if m.whole.group < m.ctx.KeyGroups.Len() {
		m.keyed, more = m.whole.next(m.table, m.ctx.KeyGroups.Len(), m.keyed[:0])
		m.conflicts(m.keyed)
		if more {
			return true
		}
	}
	if n := m.doubt.N; n > 0 {
		refs := room(&m.refs, n)
		m.fresh = m.table.Lookup(m.keys.Of(&m.doubt, nil), refs, m.fresh[:0])
		m.conflicts(refs)
		m.table.Release(refs, nil)
		m.doubt.Reset(column.Forms(m.f.Input))
	}
	return false
}

// conflicts fails if a key has several rows.
func (m *materializeInstance) conflicts(keys []statebackend.Ref) {
	counts := room(&m.counts, len(keys))
	clear(counts)
	var cursor statebackend.RowCursor
	for more := true; more; {
		var n int
		n, more = m.rows.Probe(keys, nil, &cursor, m.matches, m.found)
		for i, key := range m.matches[:n] {
			if counts[key]++; counts[key] == 2 && !m.ctx.Failed {
				widen(&m.old, len(m.f.Input))
				var values []string
				for _, c := range m.f.Keys {
					m.stored.Read(m.rows, c, c, m.found[i:i+1], m.old.Cols[c])
					values = append(values, column.Literal(m.old.Cols[c].Value(0), m.f.Input[c].Type))
				}
				m.ctx.Fail(fault.New(fault.SQLConflict, "several rows of the query have the primary key (%s), and the INSERT says ON CONFLICT DO ERROR", strings.Join(values, ", ")))
			}
		}
	}
}

func (m *materializeInstance) Inputs() []any { return []any{m.port} }

func (m *materializeInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	var times []int64
	if m.f.TTL > 0 {
		m.rows.SetHorizon(m.ctx.NowMillis - m.f.TTL.Milliseconds() + 1)
		times = room(&m.times, b.N)
		for i := range times {
			times[i] = m.ctx.NowMillis
		}
	}
	sel := Selected(b)
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, b.Sel), refs, m.fresh[:0])
	if m.f.PerRow {
		eachRun(&m.runs, refs, sel, &m.run, func(rows []int32) { m.process(b, rows, times) })
	} else {
		m.process(b, sel, times)
	}
	m.table.Release(refs, b.Sel)
	m.rows.Sweep(2 * len(sel))
	m.store.BreatheRows(len(sel))
}

// process takes in some rows of a batch, and tells what that changes.
func (m *materializeInstance) process(b *column.Batch, sel []int32, times []int64) {
	refs := m.refs
	m.group.reset(len(sel))
	m.touched, m.adds, m.rets = m.touched[:0], m.adds[:0], m.rets[:0]
	for _, row := range sel {
		if at := m.group.at(uint64(refs[row])); *at < 0 {
			*at = int32(len(m.touched))
			m.touched = append(m.touched, refs[row])
		}
		if b.Kind(int(row)).Adds() {
			m.adds = append(m.adds, row)
		} else {
			m.rets = append(m.rets, row)
		}
	}
	m.lasts(0)
	m.olds = m.olds[:0]
	at := room(&m.oldAt, len(m.touched))
	for i, r := range m.last[0] {
		at[i] = int32(len(m.olds))
		if r != 0 {
			m.olds = append(m.olds, r)
		}
	}
	widen(&m.old, len(m.f.Input))
	for c, v := range m.old.Cols {
		m.stored.Read(m.rows, c, c, m.olds, v)
	}
	cols := m.stored.Of(b, nil, sel)
	m.rows.Append(refs, m.adds, cols, times, nil)
	if len(m.rets) > 0 {
		m.missing = m.rows.Retract(refs, m.rets, cols, m.missing[:0])
	}
	m.lasts(1)
	if m.f.Conflict == ConflictError {
		for _, row := range m.adds {
			if m.counts[*m.group.at(uint64(refs[row]))] > 1 {
				m.doubt.Append(b, []int32{row})
			}
		}
	}
	m.tell(at)
}

// lasts finds the last row of each key at hand.
func (m *materializeInstance) lasts(which int) {
	last := room(&m.last[which], len(m.touched))
	clear(last)
	counting := which == 1 && m.f.Conflict == ConflictError
	if counting {
		clear(room(&m.counts, len(m.touched)))
	}
	var cursor statebackend.RowCursor
	for more := true; more; {
		var n int
		n, more = m.rows.Probe(m.touched, nil, &cursor, m.matches, m.found)
		for i, key := range m.matches[:n] {
			if last[key] == 0 || m.f.Conflict == ConflictLast {
				last[key] = m.found[i]
			}
			if counting {
				m.counts[key]++
			}
		}
	}
}

// tell emits what has become of the last rows. Rows may have moved, so they are compared by content.
func (m *materializeInstance) tell(at []int32) {
	news := m.olds[:0] // the contents of the old ones are read
	for _, r := range m.last[1] {
		if r != 0 {
			news = append(news, r)
		}
	}
	m.olds = news
	widen(&m.now, len(m.f.Input))
	for c, v := range m.now.Cols {
		m.stored.Read(m.rows, c, c, news, v)
	}
	m.from, m.kinds = m.from[:0], m.kinds[:0]
	put := func(from int32, kind types.RowKind) { m.from, m.kinds = append(m.from, from), append(m.kinds, kind) }
	n := int32(0)
	for i := range m.touched {
		had, has := m.last[0][i] != 0, m.last[1][i] != 0
		switch {
		case had && has && !sameRow(m.old.Cols, int(at[i]), m.now.Cols, int(n)):
			put(n, types.UpdateAfter)
		case !had && has:
			put(n, types.Insert)
		case had && !has:
			put(^at[i], types.Delete)
		}
		if has {
			n++
		}
	}
	if len(m.from) == 0 {
		return
	}
	olds := 0
	for _, r := range m.last[0] {
		if r != 0 {
			olds++
		}
	}
	widen(&m.out, len(m.f.Input))
	for c, v := range m.out.Cols {
		m.mixer.mix(v, m.now.Cols[c], m.old.Cols[c], olds, m.from)
	}
	m.out.N, m.out.Sel, m.out.Kinds = len(m.from), nil, m.kinds
	m.emit(&m.out)
}
