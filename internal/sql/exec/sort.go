package exec

import (
	"slices"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Sort puts rows in order, in a single subtask. In streaming the first key is the event time, ascending: rows come when the watermark has passed them. Those that come too late, since one of their time or a later one has been emitted,
// are dropped and counted.
// With Final, rows come at the end of input in an order of any columns. The input has inserts only.
//
// Its state is one key, so all rows that wait have to fit into memory.
type Sort struct {
	Input []types.Field
	Order []logical.SortKey
	Final bool
	// Offset is how many rows are left out, and Limit how many are emitted, -1 for all, with Final.
	Offset, Limit int64
}

type sortInstance struct {
	operator.Base
	f      *Sort
	ctx    *operator.Context
	store  *statebackend.Store
	keys   *Keys
	table  *statebackend.GroupTable
	last   *statebackend.Cell // the first sort word of the last row that was emitted, and 1 if there is one; nil with Final
	rows   *statebackend.Ordered
	stored *Stored
	order  *sortWords
	emit   func(*column.Batch)
	port   *Port
	late   [2]*operator.Accumulator

	refs    []statebackend.Ref
	fresh   []int32
	timely  []int32
	due     [1]statebackend.Ref
	base    [1]unsafe.Pointer
	key     []statebackend.Ref // the one there is, at the end
	bounds  [1]uint64
	matches []int32
	found   []statebackend.RowRef
	words   [][]uint64
	equal   []statebackend.RowRef // rows whose words are equal, which columns may tell apart
	cols    []*column.Vector
	at      []int32
	cursor  statebackend.OrderedCursor
	ending  bool
	passed  int64 // rows that came by at the end
	picked  []statebackend.RowRef
	out     column.Batch
}

// sortStep is how many rows are emitted in a step.
const sortStep = 8 * BatchRows

// New implements [operator.Factory].
func (f *Sort) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &sortInstance{
		f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, nil), stored: NewStored(f.Input), emit: Output(w), late: operator.LateCounters(ctx),
		timely: make([]int32, 0, BatchRows), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	if m.order, err = newSortWords(f.Input, f.Order, statebackend.MaxSortWords); err != nil {
		return nil, err
	}
	m.words = make([][]uint64, len(m.order.parts))
	for range f.Order {
		m.cols = append(m.cols, new(column.Vector))
	}
	m.table = statebackend.NewGroupTable(store, "sort", nil, nil)
	m.table.Space().Pin()
	if !f.Final {
		m.last = m.table.Accumulators("last", 2, nil)
	}
	m.rows = statebackend.NewOrdered(m.table.Space(), "rows", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs()}, Sort: len(m.order.parts), Due: !f.Final})
	m.port = Input(m.take)
	return m, nil
}

func (m *sortInstance) Inputs() []any { return []any{m.port} }

func (m *sortInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := Selected(b)
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, sel), refs, m.fresh[:0])
	words := m.order.of(b, sel)
	if m.last != nil {
		m.table.View(refs[sel[0]:sel[0]+1], nil, m.base[:])
		last := *m.lastOf(m.base[0])
		timely := m.timely[:0]
		for _, row := range sel {
			if last[1] == 0 || words[0][row] > last[0] {
				timely = append(timely, row)
			}
		}
		m.timely = timely
		if n := int64(len(sel) - len(timely)); n > 0 {
			m.late[0].AddInt(n)
			m.late[1].AddInt(n)
		}
		if sel = timely; len(sel) == 0 {
			return
		}
	}
	m.rows.Insert(refs, sel, words, m.stored.Of(b, nil, sel), nil, nil)
	m.store.BreatheRows(len(sel))
}

func (m *sortInstance) lastOf(base unsafe.Pointer) *[2]uint64 {
	return (*[2]uint64)(unsafe.Add(base, m.last.AccumulatorOffset()))
}

// Watermark implements [operator.Instance].
func (m *sortInstance) Watermark(t int64) (more bool) {
	if m.f.Final || m.ctx.Failed || m.rows.Due(m.word(t), m.due[:]) == 0 {
		return false
	}
	m.bounds[0] = m.word(t)
	m.found = m.found[:BatchRows]
	var cursor statebackend.OrderedCursor
	m.table.Edit(m.last, m.due[:], nil, m.base[:])
	last := m.lastOf(m.base[0])
	for again := true; again && !m.ctx.Failed; {
		var n int
		n, again = m.rows.Scan(m.due[:], nil, statebackend.OrderedScan{To: m.bounds[:]}, &cursor, m.matches, m.found)
		if n > 0 {
			var word [1]uint64
			m.rows.ReadSort(0, m.found[n-1:n], word[:])
			*last = [2]uint64{max(last[0], word[0]), 1}
		}
		m.put(m.found[:n])
	}
	m.settle()
	m.flush()
	m.rows.DeleteTo(m.due[:], nil, m.bounds[0])
	return false
}

// word is the sort word of a watermark.
func (m *sortInstance) word(t int64) uint64 {
	return timeWord(t, m.f.Input[m.f.Order[0].Column].Type)
}

// Finish implements [operator.Instance].
func (m *sortInstance) Finish() (more bool) {
	if !m.f.Final || m.ctx.Failed {
		return false
	}
	if !m.ending {
		m.ending = true
		scan := tableScan{}
		m.key, _ = scan.next(m.table, m.ctx.KeyGroups.Len(), nil)
	}
	if len(m.key) == 0 {
		return false
	}
	for step := 0; step < sortStep; step += BatchRows {
		if m.f.Limit >= 0 && m.passed >= m.f.Offset+m.f.Limit {
			break
		}
		n, again := m.rows.Scan(m.key, nil, statebackend.OrderedScan{}, &m.cursor, m.matches, m.found)
		m.put(m.found[:n])
		if !again {
			m.settle()
			m.flush()
			return false
		}
	}
	if m.f.Limit >= 0 && m.passed >= m.f.Offset+m.f.Limit {
		m.flush()
		return false
	}
	return true
}

// put puts out rows that are in the order of their words.
func (m *sortInstance) put(rows []statebackend.RowRef) {
	if m.order.exact {
		m.send(rows)
		return
	}
	for i := range m.words {
		m.rows.ReadSort(i, rows, room(&m.words[i], len(rows)))
	}
	for i, row := range rows {
		if i == 0 && len(m.equal) > 0 && !m.same(m.equal[0], row) || i > 0 && m.differ(i) {
			m.settle()
		}
		m.equal = append(m.equal, row)
	}
}

func (m *sortInstance) differ(i int) bool {
	for _, w := range m.words {
		if w[i] != w[i-1] {
			return true
		}
	}
	return false
}

// same reports whether the words of two rows are equal.
func (m *sortInstance) same(a, b statebackend.RowRef) bool {
	var w [2]uint64
	for i := range m.words {
		m.rows.ReadSort(i, []statebackend.RowRef{a, b}, w[:])
		if w[0] != w[1] {
			return false
		}
	}
	return true
}

// settle puts out the rows with equal words, in the order of their columns.
func (m *sortInstance) settle() {
	if len(m.equal) == 0 {
		return
	}
	if len(m.equal) > 1 {
		for i, k := range m.f.Order {
			m.stored.Read(m.rows, k.Column, k.Column, m.equal, m.cols[i])
		}
		at := room(&m.at, len(m.equal))
		copy(at, AllRows(len(at)))
		slices.SortStableFunc(at, func(a, b int32) int { return m.order.compare(m.cols, int(a), int(b)) })
		for _, i := range at {
			m.send(m.equal[i : i+1])
		}
	} else {
		m.send(m.equal)
	}
	m.equal = m.equal[:0]
}

func (m *sortInstance) send(rows []statebackend.RowRef) {
	for _, row := range rows {
		m.passed++
		if m.f.Final && (m.passed <= m.f.Offset || m.f.Limit >= 0 && m.passed > m.f.Offset+m.f.Limit) {
			continue
		}
		if m.picked = append(m.picked, row); len(m.picked) == BatchRows {
			m.flush()
		}
	}
}

func (m *sortInstance) flush() {
	if len(m.picked) == 0 || m.ctx.Failed {
		return
	}
	widen(&m.out, len(m.f.Input))
	for c, v := range m.out.Cols {
		m.stored.Read(m.rows, c, c, m.picked, v)
	}
	m.out.N, m.out.Sel, m.out.Kinds = len(m.picked), nil, nil
	m.emit(&m.out)
	m.picked = m.picked[:0]
}
