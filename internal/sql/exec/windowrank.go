package exec

import (
	"math"
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// WindowRank is a Top-N of each window: of an input of inserts whose rows have the start and the end of their window as columns, it keeps the rows of each window and key that are in a range of ROW_NUMBER, and emits them as inserts when the
// watermark has passed the window. Deduplication within windows is the range of one row. A row whose window has passed is dropped and counted as late.
type WindowRank struct {
	Session *fn.Session
	Input   []types.Field
	// Keys are the partition without the window.
	Keys  []int
	Order []logical.SortKey
	// From and To are the first and the last rank, from 1.
	From, To int64
	// WithRank adds the number to the output, as BIGINT.
	WithRank bool
	// Window are the columns of the start and the end of windows, of form Word: TIMESTAMP(3) or TIMESTAMP_LTZ(3). Local tells that these are times in the session's zone.
	Window [2]int
	Local  bool
}

type windowRankInstance struct {
	operator.Base
	f      *WindowRank
	ctx    *operator.Context
	store  *statebackend.Store
	keys   *Keys
	table  *statebackend.GroupTable
	rows   *statebackend.Ordered
	stored *Stored
	order  *sortWords
	emit   func(*column.Batch)
	port   *Port
	late   [2]*operator.Accumulator

	refs    []statebackend.Ref
	fresh   []int32
	timely  []int32
	sort    [][]uint64
	due     [windowKeys]statebackend.Ref
	until   []uint64
	matches []int32
	found   []statebackend.RowRef
	key     []int32
	all     []statebackend.RowRef
	ends    []uint64
	starts  []uint64
	cols    []*column.Vector
	at      []int32
	picked  []statebackend.RowRef
	ranks   []uint64
	rank    column.Vector
	out     column.Batch
}

// New implements [operator.Factory].
func (f *WindowRank) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.From < 1 || f.To < f.From {
		return nil, fault.New(fault.InternalInvariant, "rank %q is from %d to %d", ctx.Name, f.From, f.To)
	}
	for _, c := range f.Window {
		if column.FormOf(f.Input[c].Type) != column.Word {
			return nil, fault.New(fault.InternalInvariant, "rank %q has windows of %s", ctx.Name, f.Input[c].Type)
		}
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &windowRankInstance{
		f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), stored: NewStored(f.Input), emit: Output(w), late: operator.LateCounters(ctx),
		timely: make([]int32, 0, BatchRows), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	if m.order, err = newSortWords(f.Input, f.Order, statebackend.MaxSortWords-2); err != nil {
		return nil, err
	}
	m.sort = make([][]uint64, 2+len(m.order.parts))
	for range f.Order {
		m.cols = append(m.cols, new(column.Vector))
	}
	m.table = statebackend.NewGroupTable(store, "window rank", m.keys.Specs(), nil)
	m.rows = statebackend.NewOrdered(m.table.Space(), "rows", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs()}, Sort: len(m.sort), Due: true})
	m.port = Input(m.take)
	return m, nil
}

func (m *windowRankInstance) Inputs() []any { return []any{m.port} }

func (m *windowRankInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := Selected(b)
	ends, starts := room(&m.sort[0], b.N), room(&m.sort[1], b.N)
	start, end := b.Cols[m.f.Window[0]], b.Cols[m.f.Window[1]]
	timely := m.timely[:0]
	for _, row := range sel {
		e := end.Int(int(row))
		if m.f.Local {
			e = fromLocal(e, m.f.Session.Zone)
		}
		if e-1 <= m.ctx.CurrentWatermark || end.Null(int(row)) {
			continue
		}
		ends[row], starts[row] = statebackend.SortInt(e), start.Word(int(row))
		timely = append(timely, row)
	}
	m.timely = timely
	if n := int64(len(sel) - len(timely)); n > 0 {
		m.late[0].AddInt(n)
		m.late[1].AddInt(n)
	}
	if len(timely) > 0 {
		copy(m.sort[2:], m.order.of(b, timely))
		refs := room(&m.refs, b.N)
		m.fresh = m.table.Lookup(m.keys.Of(b, timely), refs, m.fresh[:0])
		m.rows.Insert(refs, timely, m.sort, m.stored.Of(b, nil, timely), nil, nil)
	}
	m.store.BreatheRows(len(sel))
}

// Watermark implements [operator.Instance]. It works off the windows that have passed, some keys at a time.
func (m *windowRankInstance) Watermark(t int64) (more bool) {
	if m.ctx.Failed {
		return false
	}
	until := uint64(math.MaxUint64)
	if t < math.MaxInt64 {
		until = statebackend.SortInt(t + 1)
	}
	keys := m.due[:m.rows.Due(until, m.due[:])]
	if len(keys) == 0 {
		return false
	}
	bounds := room(&m.until, len(keys))
	for i := range bounds {
		bounds[i] = until
	}
	m.all, m.key = m.all[:0], m.key[:0]
	var cursor statebackend.OrderedCursor
	for again := true; again; {
		var n int
		n, again = m.rows.Scan(keys, nil, statebackend.OrderedScan{To: bounds}, &cursor, m.matches, m.found)
		m.all, m.key = append(m.all, m.found[:n]...), append(m.key, m.matches[:n]...)
	}
	ends, starts := room(&m.ends, len(m.all)), room(&m.starts, len(m.all))
	m.rows.ReadSort(0, m.all, ends)
	m.rows.ReadSort(1, m.all, starts)
	for i := 0; i < len(m.all); {
		to := i + 1
		for to < len(m.all) && m.key[to] == m.key[i] && ends[to] == ends[i] && starts[to] == starts[i] {
			to++
		}
		m.window(m.all[i:to])
		i = to
	}
	m.flush()
	m.rows.DeleteTo(keys, nil, until)
	m.table.Release(keys, nil)
	m.store.BreatheRows(len(m.all))
	return true
}

// window puts out the tops of a window of a key.
func (m *windowRankInstance) window(rows []statebackend.RowRef) {
	if !m.order.exact {
		for i, k := range m.f.Order {
			m.stored.Read(m.rows, k.Column, k.Column, rows, m.cols[i])
		}
		at := room(&m.at, len(rows))
		copy(at, AllRows(len(rows)))
		slices.SortStableFunc(at, func(a, b int32) int { return m.order.compare(m.cols, int(a), int(b)) })
		sorted := room(&m.found, max(len(rows), BatchRows))
		for i, from := range at {
			sorted[i] = rows[from]
		}
		rows = sorted[:len(rows)]
	}
	for r := m.f.From; r <= min(m.f.To, int64(len(rows))); r++ {
		m.picked, m.ranks = append(m.picked, rows[r-1]), append(m.ranks, uint64(r))
		if len(m.picked) == BatchRows {
			m.flush()
		}
	}
}

func (m *windowRankInstance) flush() {
	n := len(m.picked)
	if n == 0 || m.ctx.Failed {
		return
	}
	width := len(m.f.Input)
	m.out.Cols = m.out.Cols[:min(width, len(m.out.Cols))]
	widen(&m.out, width)
	for c, v := range m.out.Cols {
		m.stored.Read(m.rows, c, c, m.picked, v)
	}
	if m.f.WithRank {
		m.rank.Form, m.rank.Words = column.Word, m.ranks
		m.out.Cols = append(m.out.Cols, &m.rank)
	}
	m.out.N, m.out.Sel, m.out.Kinds = n, nil, nil
	m.emit(&m.out)
	m.out.Cols = m.out.Cols[:width]
	m.picked, m.ranks = m.picked[:0], m.ranks[:0]
}
