package exec

import (
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// ChangelogNormalize makes a changelog of upserts by key one in which every row is whole: an update comes with its former row, a deletion with the content of what it deletes, and the first row of a key as +I. What
// changes nothing, and deletions of nothing, are left out; -U rows of the input say nothing. It keeps the last row of each key.
//
// Of several rows of a key in a batch only the last is told, if PerRow is not set.
type ChangelogNormalize struct {
	Input []types.Field
	Keys  []int
	// UpdateBefore is whether -U rows are emitted.
	UpdateBefore bool
	// TTL is how long a row is kept, in processing time; 0 for ever. With it, rows that change nothing are told, since they begin the time anew.
	TTL    time.Duration
	PerRow bool
	// Where is a condition on rows, nil for none: one that does not pass deletes the one before it, and is not kept.
	Where   expr.Expr
	Session *fn.Session
}

type normalizeInstance struct {
	operator.Base
	f      *ChangelogNormalize
	ctx    *operator.Context
	store  *statebackend.Store
	keys   *Keys
	table  *statebackend.GroupTable
	rows   *statebackend.Rows
	stored *Stored
	emit   func(*column.Batch)
	port   *Port
	where  *vec.Program
	call   *fn.Call
	passed []types.RowKind

	refs    []statebackend.Ref
	fresh   []int32
	runs    refTable
	run     []int32
	last    refTable
	lasts   []int32 // the last row of each key that says something
	adds    []int32
	matches []int32
	found   []statebackend.RowRef
	keyRefs []statebackend.Ref
	gone    []statebackend.RowRef
	times   []int64
	old     column.Batch
	from    []int32
	kinds   []types.RowKind
	out     column.Batch
	mixer   mixer
}

// New implements [operator.Factory].
func (f *ChangelogNormalize) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &normalizeInstance{f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), stored: NewStored(f.Input), emit: Output(w), adds: make([]int32, 0, BatchRows)}
	m.table = statebackend.NewGroupTable(store, "normalize", m.keys.Specs(), nil)
	m.rows = statebackend.NewRows(m.table.Space(), "row", statebackend.RowSchema{Columns: m.stored.Specs(), Time: f.TTL > 0})
	ctx.WantsTime = ctx.WantsTime || f.TTL > 0
	if f.Where != nil {
		if m.where, err = vec.Compile(f.Where, f.Session); err != nil {
			return nil, err
		}
		m.call = NewCall(ctx)
	}
	m.port = Input(m.take)
	return m, nil
}

func (m *normalizeInstance) Inputs() []any { return []any{m.port} }

func (m *normalizeInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	if m.where != nil {
		filtered := *b
		if filtered.Kinds = m.filter(b); m.ctx.Failed {
			return
		}
		b = &filtered
	}
	if m.f.TTL > 0 {
		m.rows.SetHorizon(m.ctx.NowMillis - m.f.TTL.Milliseconds() + 1)
	}
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, b.Sel), refs, m.fresh[:0])
	if m.f.PerRow {
		eachRun(&m.runs, refs, Selected(b), &m.run, func(rows []int32) { m.process(b, rows) })
	} else {
		m.process(b, Selected(b))
	}
	m.table.Release(refs, b.Sel)
	m.rows.Sweep(2 * b.Rows())
	m.store.BreatheRows(b.Rows())
}

// filter returns what rows do, deletions for those that do not pass.
func (m *normalizeInstance) filter(b *column.Batch) []types.RowKind {
	SetCall(m.call, m.ctx)
	pass, err := m.where.Select(m.call, b, b.Sel)
	if err != nil {
		m.ctx.Fail(err)
		return nil
	}
	kinds := m.passed[:0]
	for row := range b.N {
		kind := b.Kind(row)
		if kind.Adds() {
			kind = types.Delete
		}
		kinds = append(kinds, kind)
	}
	for _, row := range pass {
		kinds[row] = b.Kind(int(row))
	}
	m.passed = kinds
	return kinds
}

func (m *normalizeInstance) process(b *column.Batch, rows []int32) {
	m.last.reset(len(rows))
	for _, row := range rows {
		if b.Kind(int(row)) != types.UpdateBefore {
			*m.last.at(uint64(m.refs[row])) = row
		}
	}
	m.lasts = m.lasts[:0]
	for _, row := range rows {
		if *m.last.at(uint64(m.refs[row])) == row {
			m.lasts = append(m.lasts, row)
		}
	}
	if len(m.lasts) == 0 {
		return
	}
	matches, found := room(&m.matches, len(m.lasts)), room(&m.found, len(m.lasts))
	var cursor statebackend.RowCursor
	n, _ := m.rows.Probe(m.refs, m.lasts, &cursor, matches, found)
	matches, found = matches[:n], found[:n]
	widen(&m.old, len(m.f.Input))
	for c, v := range m.old.Cols {
		m.stored.Read(m.rows, c, c, found, v)
	}
	m.from, m.kinds, m.adds, m.keyRefs, m.gone = m.from[:0], m.kinds[:0], m.adds[:0], m.keyRefs[:0], m.gone[:0]
	put := func(from int32, kind types.RowKind) { m.from, m.kinds = append(m.from, from), append(m.kinds, kind) }
	at := 0
	for _, row := range m.lasts {
		had := at < n && matches[at] == row
		adds := b.Kind(int(row)).Adds()
		if had && adds && m.f.TTL == 0 && sameRow(m.old.Cols, at, b.Cols, int(row)) {
			at++
			continue
		}
		switch {
		case had && adds:
			if m.f.UpdateBefore {
				put(^int32(at), types.UpdateBefore)
			}
			put(row, types.UpdateAfter)
		case had:
			put(^int32(at), types.Delete)
		case adds:
			put(row, types.Insert)
		}
		if had {
			m.keyRefs, m.gone = append(m.keyRefs, m.refs[row]), append(m.gone, found[at])
			at++
		}
		if adds {
			m.adds = append(m.adds, row)
		}
	}
	if len(m.from) > 0 {
		widen(&m.out, len(m.f.Input))
		for c, v := range m.out.Cols {
			m.mixer.mix(v, b.Cols[c], m.old.Cols[c], n, m.from)
		}
		m.out.N, m.out.Sel, m.out.Kinds = len(m.from), nil, m.kinds
		m.emit(&m.out)
	}
	m.rows.Delete(m.keyRefs, m.gone)
	var times []int64
	if m.f.TTL > 0 {
		times = room(&m.times, b.N)
		for i := range times {
			times[i] = m.ctx.NowMillis
		}
	}
	m.rows.Append(m.refs, m.adds, m.stored.Of(b, nil, m.adds), times, nil)
}

// sameRow reports whether two rows are identical.
func sameRow(a []*column.Vector, i int, b []*column.Vector, k int) bool {
	for c, v := range a {
		if !sameIn(v, i, b[c], k) {
			return false
		}
	}
	return true
}

func sameIn(a *column.Vector, i int, b *column.Vector, k int) bool {
	if x, y := a.Null(i), b.Null(k); x || y {
		return x && y
	}
	a, i = a.At(i)
	b, k = b.At(k)
	switch a.Form {
	case column.Word:
		return a.Words[i] == b.Words[k]
	case column.Wide:
		return a.Wide[i] == b.Wide[k]
	case column.Text:
		return column.EqualViews(&a.Views[i], a.Buffers, &b.Views[k], b.Buffers)
	}
	return a.Value(i).Equal(b.Value(k))
}
