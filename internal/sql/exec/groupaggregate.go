package exec

import (
	"slices"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// GroupAggregate groups rows by keys, without windows. Its columns are the keys, then the results of the calls.
//
// There is one change per group that a chunk touches: a group that was not there before is inserted, one whose results have changed is updated, and one that has no rows any more is deleted. A group
// that is made and deleted in one chunk changes nothing. A row that is taken back from a group that is not there, since it has expired, is ignored.
type GroupAggregate struct {
	Session *fn.Session
	Input   []types.Field
	// Partial, if it is not nil, has the columns of the rows of which batches have partial results, as of a [LocalAggregate]: the calls are over these. Input is what comes, with the Keys as its first columns.
	Partial []types.Field
	// Keys are the columns of GROUP BY. Without any, all rows are one group, and the operator runs with a parallelism of 1.
	Keys []int
	// Calls are the calls, as [agg.Resolve] has made them.
	Calls []*agg.Call
	// Consumes is what the input may hold, or, with Partial, that of the LocalAggregate.
	Consumes types.Changelog
	// UpdateBefore has -U rows emitted.
	UpdateBefore bool
	// TTL is how long a group is kept that gets no rows; 0 for ever. With it, a group that is touched is emitted also if it has not changed.
	TTL time.Duration
	// PerRow gives one change per input row, in the order of the input.
	PerRow bool
	// Final has only final rows emitted, when the input ends.
	Final bool
	// Grouped is false for a query without GROUP BY: with Final set, it gives a row for an empty input.
	Grouped bool
}

var _ operator.Factory = (*GroupAggregate)(nil)

// New implements [operator.Factory].
func (f *GroupAggregate) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &groupAggregate{f: f, ctx: ctx, store: store, emit: Output(w), keys: NewKeys(f.Input, f.Keys)}
	options, rows := agg.Options{Retract: f.Consumes.Updates()}, f.Input
	if f.Partial != nil {
		options.Partial, options.PartialAt, rows = true, len(f.Keys), f.Partial
	}
	if m.set, err = agg.New(f.Calls, rows, options); err != nil {
		return nil, err
	}
	var ttl *statebackend.TTL
	if f.TTL > 0 {
		ttl = &statebackend.TTL{Millis: f.TTL.Milliseconds()}
	}
	m.table = statebackend.NewGroupTable(store, "groups", m.keys.Specs(), nil)
	if f.Final {
		m.table.Space().Pin() // in the end all groups are looked through, which those on disk are not
	}
	m.set.Declare(store, m.table, ttl)
	m.slots = m.table.Space().Reserve(8)
	if f.Final {
		m.table.Space().Pin() // at the end all groups are visited where they are
	}
	m.compares = f.UpdateBefore || f.Consumes.Updates() || f.TTL == 0 && !m.set.Grows()
	m.results = make([]column.Vector, len(f.Calls))
	for _, c := range f.Calls {
		m.compares = m.compares || column.FormOf(c.Result) > column.Text // such results are written in order, from the first
	}
	m.forms = column.Forms(m.keys.Fields())
	for _, c := range f.Calls {
		m.forms = append(m.forms, column.FormOf(c.Result))
	}
	m.out.Reset(m.forms)
	return m, nil
}

type groupAggregate struct {
	operator.Base
	f     *GroupAggregate
	ctx   *operator.Context
	store *statebackend.Store
	emit  func(*column.Batch)
	keys  *Keys
	set   *agg.Set
	table *statebackend.GroupTable
	slots uintptr // where a group's row has its number among those that are touched
	forms []column.Form
	// compares tells that results are read before an update, too.
	compares bool

	// Of the batch at hand, by row.
	refs  []statebackend.Ref
	bases []unsafe.Pointer
	fresh []int32
	made  []uint64 // a bit for each row that has made its group
	rows  []int32
	gone  []int32 // rows of groups without rows
	some  []int32

	// Of the rows at hand, by touched group.
	groups  []touchedGroup
	at      []unsafe.Pointer
	atRefs  []statebackend.Ref
	results []column.Vector
	picks   []int32
	first   []int32
	kinds   []types.RowKind

	out    column.Batch
	cursor statebackend.Ref
	ended  bool
}

// touchedGroup is a group of the rows at hand.
type touchedGroup struct {
	ref  statebackend.Ref
	row  int32 // the first of its rows
	last int32 // the last
	live int64 // how many rows it has, while rows that take back are looked at
	was  bool  // it has been there before
}

func (m *groupAggregate) Inputs() []any { return []any{Input(m.process)} }

func (m *groupAggregate) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	if cap(m.refs) < b.N {
		n := max(b.N, BatchRows)
		m.refs, m.bases, m.made = make([]statebackend.Ref, n), make([]unsafe.Pointer, n), make([]uint64, (n+63)/64)
	}
	m.refs, m.bases = m.refs[:b.N], m.bases[:b.N]
	m.fresh = m.table.Lookup(m.keys.Of(b, b.Sel), m.refs, m.fresh[:0])
	m.set.Begin(b)
	m.table.Edit(m.set.Cell(), m.refs, b.Sel, m.bases)
	m.set.Made(m.fresh, m.refs, m.bases)
	clear(m.made)
	for _, r := range m.fresh {
		m.made[r>>6] |= 1 << (r & 63)
	}
	rows := Selected(b)
	if m.f.PerRow && !m.f.Final {
		for len(rows) > 0 {
			n := m.touch(rows, true)
			m.run(b, rows[:n])
			rows = rows[n:]
		}
	} else {
		m.touch(rows, false)
		m.run(b, rows)
	}
	m.forget()
	m.flush()
	m.store.BreatheRows(b.Rows())
}

// touch lists the groups of rows, and reports of how many: with once set, it stops before a row whose group is listed.
func (m *groupAggregate) touch(rows []int32, once bool) int {
	m.groups = m.groups[:0]
	refs, bases := m.refs, m.bases
	for i, r := range rows {
		ref, base := refs[r], bases[r]
		slot := (*uint64)(unsafe.Add(base, m.slots))
		if s := *slot; s < uint64(len(m.groups)) && m.groups[s].ref == ref { // what stands there may be of another batch
			if once {
				return i
			}
			m.groups[s].last = r
			continue
		}
		*slot = uint64(len(m.groups))
		m.groups = append(m.groups, touchedGroup{ref: ref, row: r, last: r, was: m.made[r>>6]>>(r&63)&1 == 0})
	}
	return len(rows)
}

// run takes in rows whose groups are listed, and emits what that changes.
func (m *groupAggregate) run(b *column.Batch, rows []int32) {
	m.at, m.atRefs = m.at[:0], m.atRefs[:0]
	for i := range m.groups {
		m.at, m.atRefs = append(m.at, m.bases[m.groups[i].row]), append(m.atRefs, m.groups[i].ref)
	}
	retract := m.f.Consumes.Updates()
	if retract {
		for i, base := range m.at {
			g := &m.groups[i]
			g.live = m.set.Live(base)
			g.was = g.live != 0
		}
		if signs := m.set.Signs(); signs != nil {
			rows = m.known(rows, signs)
		}
	}
	n := len(m.groups)
	emits := !m.f.Final
	if emits {
		for i := range m.results {
			m.results[i].Reset(m.forms[len(m.f.Keys)+i], 2*n)
			if m.compares {
				m.set.Emit(i, m.atRefs, m.at, &m.results[i], 0, 2*n)
			}
		}
	}
	var one unsafe.Pointer
	if n == 1 {
		one = m.at[0]
	}
	m.set.Update(rows, m.refs, m.bases, one)
	if emits {
		for i := range m.results {
			m.set.Emit(i, m.atRefs, m.at, &m.results[i], n, 2*n)
		}
		if err := m.set.Err(); err != nil {
			m.ctx.Fail(err)
			return
		}
		m.change(b)
	}
	if retract {
		for i, base := range m.at {
			if m.set.Live(base) <= 0 { // less, if partial results take back what has not been there
				m.set.Reset(base)
				m.gone = append(m.gone, m.groups[i].row)
			}
		}
	}
}

// known drops the rows that would be taken back from a group without rows.
func (m *groupAggregate) known(rows []int32, signs []int64) []int32 {
	m.some = m.some[:0]
	for _, r := range rows {
		g := &m.groups[*(*uint64)(unsafe.Add(m.bases[r], m.slots))]
		if g.live+signs[r] >= 0 {
			g.live += signs[r]
			m.some = append(m.some, r)
		}
	}
	return m.some
}

// change adds the changes of the touched groups to the output.
func (m *groupAggregate) change(b *column.Batch) {
	n := int32(len(m.groups))
	retract := m.f.Consumes.Updates()
	m.picks, m.first, m.kinds = m.picks[:0], m.first[:0], m.kinds[:0]
	add := func(pick, row int32, k types.RowKind) {
		m.picks, m.first, m.kinds = append(m.picks, pick), append(m.first, row), append(m.kinds, k)
	}
	for i := range n {
		g := &m.groups[i]
		is := !retract || m.set.Live(m.at[i]) > 0
		switch {
		case !g.was && is:
			add(n+i, g.row, types.Insert)
		case g.was && !is:
			add(i, g.row, types.Delete)
		case g.was && (!m.compares || m.f.TTL > 0 || m.changed(int(i), int(n))):
			if m.f.UpdateBefore {
				add(i, g.row, types.UpdateBefore)
			}
			add(n+i, g.row, types.UpdateAfter)
		}
	}
	if len(m.picks) == 0 {
		return
	}
	for i, c := range m.f.Keys {
		m.out.Cols[i].Append(b.Cols[c], m.first, m.out.N)
	}
	for i := range m.results {
		m.out.Cols[len(m.f.Keys)+i].Append(&m.results[i], m.picks, m.out.N)
	}
	from := m.out.N
	m.out.N += len(m.picks)
	kinds := slices.Grow(m.out.Kinds[:from], len(m.picks))[:m.out.N]
	copy(kinds[from:], m.kinds)
	m.out.Kinds = kinds
	if m.out.N >= BatchRows {
		m.flush()
	}
}

// changed compares the results of a group before and after.
func (m *groupAggregate) changed(i, n int) bool {
	for c := range m.results {
		if !sameValue(&m.results[c], i, n+i) {
			return true
		}
	}
	return false
}

// sameValue reports whether two rows of a flat vector are identical.
func sameValue(v *column.Vector, i, j int) bool {
	if v.Valid != nil {
		a, b := v.Valid[i>>6]>>(i&63)&1, v.Valid[j>>6]>>(j&63)&1
		if a != b || a == 0 {
			return a == b
		}
	}
	switch v.Form {
	case column.Word:
		return v.Words[i] == v.Words[j]
	case column.Wide:
		return v.Wide[i] == v.Wide[j]
	case column.Text:
		return column.EqualViews(&v.Views[i], v.Buffers, &v.Views[j], v.Buffers)
	}
	return v.Value(i).Equal(v.Value(j))
}

func (m *groupAggregate) flush() {
	if m.out.N == 0 {
		return
	}
	kinds := m.out.Kinds
	if !m.inserts() {
		m.emit(&m.out)
	} else {
		m.out.Kinds = nil
		m.emit(&m.out)
	}
	m.out.Reset(m.forms)
	m.out.Kinds = kinds[:0]
}

func (m *groupAggregate) inserts() bool {
	for _, k := range m.out.Kinds {
		if k != types.Insert {
			return false
		}
	}
	return true
}

// forget removes the groups that have lost all rows.
func (m *groupAggregate) forget() {
	if len(m.gone) == 0 {
		return
	}
	gone := m.gone[:0]
	for _, r := range m.gone {
		if m.set.Live(m.bases[r]) == 0 {
			gone = append(gone, r)
		}
	}
	m.table.Remove(m.refs, gone)
	m.gone = m.gone[:0]
}

// Finish implements [operator.Instance].
func (m *groupAggregate) Finish() (more bool) {
	if !m.f.Final || m.ctx.Failed || m.ended {
		return false
	}
	m.rows, m.refs = m.rows[:0], m.refs[:0]
	sp := m.table.Space()
	for len(m.refs) < BatchRows {
		r, ok := sp.NextFrom(m.cursor)
		if !ok {
			m.ended = true
			break
		}
		m.cursor = r + 1
		m.refs = append(m.refs, r)
	}
	empty := len(m.refs) == 0 && m.cursor == 0 && !m.f.Grouped && len(m.f.Keys) == 0
	n := len(m.refs)
	m.at = slices.Grow(m.at[:0], n)[:n]
	m.table.View(m.refs, nil, m.at)
	if empty {
		n, m.at, m.refs = 1, append(m.at, m.set.Zero()), append(m.refs, statebackend.NoRef)
	}
	reader := keyReader{table: m.table, stored: m.keys.Stored()}
	m.out.N, m.out.Kinds = n, nil
	for i := range m.f.Keys {
		reader.read(i, m.refs, m.out.Cols[i])
	}
	for i := range m.results {
		v := m.out.Cols[len(m.f.Keys)+i]
		v.Reset(m.forms[len(m.f.Keys)+i], n)
		m.set.Emit(i, m.refs, m.at, v, 0, n)
	}
	if err := m.set.Err(); err != nil {
		m.ctx.Fail(err)
		return false
	}
	m.emit(&m.out)
	m.out.Reset(m.forms)
	return !m.ended
}
