package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// LocalAggregate is the first of two phases of an aggregation: it folds the rows of each batch into partial results, which a [GroupAggregate] or [WindowAggregate] with Partial set merges behind an exchange. It keeps
// nothing from one batch to the next, so it has no state.
//
// Its columns are the keys, then, with Window set, the number of the slice, then the partial results as [agg.Partial] has them. All rows are inserts.
type LocalAggregate struct {
	Session *fn.Session
	Input   []types.Field
	Keys    []int
	Calls   []*agg.Call
	// Consumes is what the input may hold.
	Consumes types.Changelog
	// Windowed tells that windows are computed: the partial results count rows then, so that late ones can be counted. Window, if it is not nil, has rows folded by slice; without it, they carry their windows as keys.
	Windowed bool
	Window   *logical.WindowSpec

	// unfolded is how many batches are not folded at first.
	unfolded int
}

var _ operator.Factory = (*LocalAggregate)(nil)

// LocalOptions are those of the partial results of a [LocalAggregate].
func LocalOptions(consumes types.Changelog, windowed bool) agg.Options {
	return agg.Options{Retract: consumes.Updates(), Live: windowed}
}

// New implements [operator.Factory].
func (f *LocalAggregate) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	m := &localAggregate{f: f, ctx: ctx, emit: Output(w), keys: NewKeys(f.Input, f.Keys), skip: f.unfolded}
	var err error
	if m.local, err = agg.NewLocal(f.Calls, f.Input, LocalOptions(f.Consumes, f.Windowed)); err != nil {
		return nil, err
	}
	m.own = make([]column.Vector, len(f.Keys)+1)
	if f.Window != nil {
		t := f.Input[f.Window.Time].Type
		m.times, m.clock = newTimeColumn(f.Window.Time, t), newWallClock(t, f.Session.Zone)
		if m.grid, err = newWindowGrid(f.Window); err != nil {
			return nil, err
		}
	}
	return m, nil
}

type localAggregate struct {
	operator.Base
	f     *LocalAggregate
	ctx   *operator.Context
	emit  func(*column.Batch)
	keys  *Keys
	local *agg.Local
	times *timeColumn
	clock *wallClock
	grid  *windowGrid

	find   agg.BatchGroups
	chunk  []statebackend.Column
	hashes []uint64
	number []uint64        // the slice of each row
	group  []int32         // by row
	first  []int32         // by row of the result: a row with its key
	own    []column.Vector // of keys and slices
	slice  column.Vector
	cols   []*column.Vector
	out    column.Batch

	// seen rows have made so many of the result: where that is most of them, the next skip batches are not folded.
	seen, made int
	skip       int
}

// Folding is given up for some batches where a hundred rows become more than so many.
const (
	localWorth   = 60
	localSample  = 4096
	localSkipped = 100
)

func (m *localAggregate) Inputs() []any { return []any{Input(m.process)} }

func (m *localAggregate) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	if cap(m.group) < b.N {
		n := max(b.N, BatchRows)
		m.group, m.number, m.hashes = make([]int32, n), make([]uint64, n), make([]uint64, n)
	}
	m.group, m.number, m.hashes = m.group[:b.N], m.number[:b.N], m.hashes[:b.N]
	rows := Selected(b)
	if m.grid != nil && !m.slices(b, rows) {
		return
	}
	m.cols = m.cols[:0]
	m.out.Sel = nil
	if m.skip > 0 {
		m.skip--
		for _, c := range m.f.Keys {
			m.cols = append(m.cols, b.Cols[c])
		}
		if m.grid != nil {
			m.slice.Words = m.number
			m.cols = append(m.cols, &m.slice)
		}
		m.local.Fold(b, rows, nil, 0)
		m.out.N, m.out.Sel = b.N, b.Sel
	} else {
		m.fold(b, rows)
	}
	m.out.Cols = append(m.cols, m.local.Columns()...)
	m.cols = m.out.Cols
	m.emit(&m.out)
}

// fold folds rows that have the same key.
func (m *localAggregate) fold(b *column.Batch, rows []int32) {
	m.assign(b, rows)
	for _, g := range m.local.Fold(b, rows, m.group, len(m.first)) {
		m.first = append(m.first, m.first[g])
	}
	n := len(m.first)
	if m.seen, m.made = m.seen+len(rows), m.made+n; m.seen >= localSample {
		if m.made*100 > m.seen*localWorth {
			m.skip = localSkipped
		}
		m.seen, m.made = 0, 0
	}
	for i, c := range m.f.Keys {
		v := &m.own[i]
		v.Gather(b.Cols[c], m.first)
		m.cols = append(m.cols, v)
	}
	if m.grid != nil {
		v := &m.own[len(m.f.Keys)]
		v.Reset(column.Word, n)
		for i, r := range m.first {
			v.Words[i] = m.number[r]
		}
		m.cols = append(m.cols, v)
	}
	m.out.N = n
}

// assign finds the groups of rows.
func (m *localAggregate) assign(b *column.Batch, rows []int32) {
	if len(m.f.Keys) == 0 && m.grid == nil {
		m.first = append(m.first[:0], rows[0])
		for _, r := range rows {
			m.group[r] = 0
		}
		return
	}
	keys := m.keys.Of(b, b.Sel)
	columns, hashes := keys.Keys, keys.Hashes
	if m.grid != nil {
		m.chunk = append(append(m.chunk[:0], columns...), statebackend.Column{Words: m.number})
		columns = m.chunk
		for _, r := range rows {
			m.hashes[r] = base.HashCombine(hashes[r], m.number[r])
		}
		hashes = m.hashes
	}
	first := m.find.Assign(columns, hashes, rows, m.group)
	m.first = append(m.first[:0], first...)
}

// slices writes the slice of each row, and reports whether all have one.
func (m *localAggregate) slices(b *column.Batch, rows []int32) bool {
	times, valid := m.times.read(b)
	for _, r := range rows {
		if valid != nil && valid[r>>6]>>(r&63)&1 == 0 {
			m.ctx.Fail(noWindowTime(m.f.Input[m.f.Window.Time].Name))
			return false
		}
		at := times[r]
		if at < -1<<58 || at > 1<<58 {
			m.ctx.Fail(farWindowTime(at))
			return false
		}
		m.number[r] = uint64(m.grid.sliceOf(m.clock.local(at)))
	}
	return true
}

func noWindowTime(column string) error {
	return fault.New(fault.WindowNoTimestamp, "the time column %q of a window is null", column)
}

func farWindowTime(at int64) error {
	return fault.New(fault.WindowTime, "a row has the time %d, too far from the epoch for a window", at)
}
