package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// TemporalJoin joins each left row with the one row that the right table had for its key at the left row's time: FOR SYSTEM_TIME AS OF. Its output has the left rows' kinds.
//
// In event time, left rows wait until the watermark has passed them. The right input is the changes of the table, each with the time from which on it holds; a -D ends what was there, and a -U says nothing, as its +U follows.
// Of changes at the same time the last one to come counts. Versions are kept until the watermark says that a later one has taken their place. In processing time a left row sees the table as it is when it comes.
type TemporalJoin struct {
	Session             *fn.Session
	Left, Right         []types.Field
	Kind                logical.JoinKind // Inner or LeftOuter
	LeftKeys, RightKeys []int            // the right ones are the table's key; null equals nothing
	// LeftTime and RightTime are the columns of time, TIMESTAMP(3) or TIMESTAMP_LTZ(3); in processing time they do not count.
	LeftTime, RightTime int
	Proctime            bool
	// Residual is the rest of the condition, over the left columns and then the right ones; nil for none.
	Residual expr.Expr
}

type temporalInstance struct {
	operator.Base
	f        *TemporalJoin
	ctx      *operator.Context
	store    *statebackend.Store
	table    *statebackend.GroupTable
	keys     [2]*Keys
	strict   [2]*Keys
	stored   [2]*Stored // the columns, and the kind as the last one
	rows     [2]*statebackend.Ordered
	ports    []any
	emit     func(*column.Batch)
	residual *vec.Program
	call     fn.Call

	refs     []statebackend.Ref
	complete []int32
	fresh    []int32
	rest     []int32
	kinds    column.Vector
	wide     column.Batch
	sort     [1][]uint64
	times    []int64
	due      [windowKeys]statebackend.Ref
	until    []uint64
	low      []uint64
	matches  []int32
	found    []statebackend.RowRef
	versions []statebackend.RowRef // of each row, 0 for none
	rowKeys  []statebackend.Ref
	bounds   []uint64
	right    []int32
	rightRow []statebackend.RowRef
	words    []uint64
	sel      []int32
	last     refTable
	pairs    column.Batch
	out      column.Batch
}

// New implements [operator.Factory].
func (f *TemporalJoin) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Kind != logical.Inner && f.Kind != logical.LeftOuter {
		return nil, fault.New(fault.InternalInvariant, "temporal join %q is of kind %d", ctx.Name, f.Kind)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &temporalInstance{
		f: f, ctx: ctx, store: store, emit: Output(w), call: fn.Call{Watermark: math.MinInt64, Random: ctx.Host.Random},
		complete: make([]int32, 0, BatchRows), rest: make([]int32, 0, BatchRows), sel: make([]int32, 0, BatchRows), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	if f.Residual != nil {
		if m.residual, err = vec.Compile(f.Residual, f.Session); err != nil {
			return nil, err
		}
		ctx.WantsTime = ctx.WantsTime || !expr.Deterministic(f.Residual)
	}
	kind := types.Field{Name: "kind", Type: types.New(types.TinyInt).NotNull()}
	var specs []statebackend.ColumnSpec
	for s, fields := range [][]types.Field{f.Left, f.Right} {
		keys, at := f.LeftKeys, f.LeftTime
		if s == 1 {
			keys, at = f.RightKeys, f.RightTime
		}
		if !f.Proctime && column.FormOf(fields[at].Type) != column.Word {
			return nil, fault.New(fault.InternalInvariant, "temporal join %q has times of %s", ctx.Name, fields[at].Type)
		}
		m.keys[s], m.strict[s] = NewKeys(fields, keys), strictKeys(fields, keys, nil)
		m.stored[s] = NewStored(append(append([]types.Field(nil), fields...), kind))
		for i, spec := range m.keys[s].Specs() {
			spec.Nullable = false
			if s == 0 {
				specs = append(specs, spec)
			} else if specs[i].Type != spec.Type {
				return nil, fault.New(fault.InternalInvariant, "join %q compares %s with %s", ctx.Name, f.Left[f.LeftKeys[i]].Type, f.Right[f.RightKeys[i]].Type)
			}
		}
	}
	m.table = statebackend.NewGroupTable(store, "temporal join", specs, nil)
	for s, name := range []string{"left", "right"} {
		if s == 0 && f.Proctime {
			continue // left rows are not kept
		}
		m.rows[s] = statebackend.NewOrdered(m.table.Space(), name, statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored[s].Specs()}, Sort: 1, Due: s == 0})
	}
	m.ports = []any{Input(m.takeLeft), Input(m.takeRight)}
	return m, nil
}

func (m *temporalInstance) Inputs() []any { return m.ports }

// withKinds returns a batch with the kinds as its last column.
func (m *temporalInstance) withKinds(b *column.Batch, columns int) *column.Batch {
	m.kinds.Reset(column.Word, b.N)
	clear(m.kinds.Words)
	if b.Kinds != nil {
		for _, row := range Selected(b) {
			m.kinds.Words[row] = uint64(b.Kinds[row])
		}
	}
	m.wide.N, m.wide.Sel = b.N, b.Sel
	m.wide.Cols = append(append(m.wide.Cols[:0], b.Cols[:columns]...), &m.kinds)
	return &m.wide
}

// split returns the rows of a batch whose key has no null. The others are in m.rest.
func (m *temporalInstance) split(s int, b *column.Batch) []int32 {
	sel := Selected(b)
	m.rest = m.rest[:0]
	if m.strict[s] == nil {
		return sel
	}
	m.complete = m.strict[s].Complete(b, sel, m.complete[:0])
	at := 0
	for _, row := range sel {
		if at < len(m.complete) && m.complete[at] == row {
			at++
			continue
		}
		m.rest = append(m.rest, row)
	}
	return m.complete
}

// timesOf writes the sort words of times.
func (m *temporalInstance) timesOf(v *column.Vector, t types.Type, sel []int32, n int) {
	times, words := room(&m.times, n), room(&m.sort[0], n)
	millis(v, t, sel, times)
	for _, row := range sel {
		words[row] = statebackend.SortInt(times[row])
	}
}

func (m *temporalInstance) takeLeft(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	m.call.Now, m.call.Watermark = m.ctx.NowMillis, m.ctx.CurrentWatermark
	sel := m.split(0, b)
	if m.f.Kind == logical.LeftOuter && len(m.rest) > 0 { // a null in the key finds nothing at any time
		m.gatherInput(b, m.rest)
		clear(room(&m.versions, len(m.rest)))
		m.send(len(m.rest), m.kindsOf(b, m.rest))
	}
	if len(sel) == 0 {
		return
	}
	refs := room(&m.refs, b.N)
	if m.f.Proctime {
		m.fresh = m.table.Find(m.keys[0].Of(b, sel), refs, m.fresh[:0])
		for len(sel) > 0 {
			part := sel[:min(len(sel), BatchRows)]
			sel = sel[len(part):]
			keys := room(&m.rowKeys, len(part))
			for i, row := range part {
				keys[i] = refs[row]
			}
			m.find(keys, nil)
			m.gatherInput(b, part)
			m.send(len(part), m.kindsOf(b, part))
		}
	} else {
		m.fresh = m.table.Lookup(m.keys[0].Of(b, sel), refs, m.fresh[:0])
		m.timesOf(b.Cols[m.f.LeftTime], m.f.Left[m.f.LeftTime].Type, sel, b.N)
		m.rows[0].Insert(refs, sel, m.sort[:], m.stored[0].Of(m.withKinds(b, len(m.f.Left)), nil, sel), nil, nil)
	}
	m.store.BreatheRows(b.Rows())
}

func (m *temporalInstance) kindsOf(b *column.Batch, rows []int32) []types.RowKind {
	if b.Kinds == nil {
		return nil
	}
	kinds := m.out.OwnKinds(len(rows))
	for i, row := range rows {
		kinds[i] = b.Kinds[row]
	}
	return kinds
}

// gatherInput makes the left columns of rows of a batch.
func (m *temporalInstance) gatherInput(b *column.Batch, rows []int32) {
	widen(&m.pairs, len(m.f.Left)+len(m.f.Right))
	for c := range m.f.Left {
		m.pairs.Cols[c].Pick(b.Cols[c], rows)
	}
}

func (m *temporalInstance) takeRight(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := m.split(1, b)
	kept := m.sel[:0]
	refs := room(&m.refs, b.N)
	if len(sel) > 0 {
		m.fresh = m.table.Lookup(m.keys[1].Of(b, sel), refs, m.fresh[:0])
	}
	if !m.f.Proctime {
		for _, row := range sel {
			if b.Kind(int(row)) != types.UpdateBefore {
				kept = append(kept, row)
			}
		}
		m.sel = kept
		m.timesOf(b.Cols[m.f.RightTime], m.f.Right[m.f.RightTime].Type, kept, b.N)
	} else {
		m.last.reset(len(sel))
		for _, row := range sel {
			*m.last.at(uint64(refs[row])) = row
		}
		for _, row := range sel {
			if *m.last.at(uint64(refs[row])) == row && b.Kind(int(row)).Adds() {
				kept = append(kept, row)
			}
		}
		m.sel = kept
		m.rows[1].DeleteTo(refs, sel, math.MaxUint64)
		clear(room(&m.sort[0], b.N))
	}
	m.rows[1].Insert(refs, kept, m.sort[:], m.stored[1].Of(m.withKinds(b, len(m.f.Right)), nil, kept), nil, nil)
	if !m.f.Proctime && m.ctx.CurrentWatermark > math.MinInt64 {
		keys := room(&m.rowKeys, len(kept))
		for i, row := range kept {
			keys[i] = refs[row]
		}
		m.forget(keys, statebackend.SortInt(m.ctx.CurrentWatermark))
	}
	m.table.Release(refs, sel)
	m.store.BreatheRows(b.Rows())
}

// find writes the version of the right side for each key, at most as late as its bound; nil for the last.
func (m *temporalInstance) find(keys []statebackend.Ref, bounds []uint64) {
	versions := room(&m.versions, len(keys))
	clear(versions)
	rows, matches := room(&m.rightRow, len(keys)), room(&m.right, len(keys))
	var cursor statebackend.OrderedCursor
	n, _ := m.rows[1].Scan(keys, nil, statebackend.OrderedScan{To: bounds, Backward: true, Limit: 1}, &cursor, matches, rows)
	kinds := room(&m.words, n)
	m.rows[1].ReadWords(len(m.f.Right), rows[:n], kinds)
	for i, row := range matches[:n] {
		if types.RowKind(kinds[i]) != types.Delete {
			versions[row] = rows[i]
		}
	}
}

// send emits n left rows, whose columns are made, with their versions.
func (m *temporalInstance) send(n int, kinds []types.RowKind) {
	width := len(m.f.Left) + len(m.f.Right)
	widen(&m.pairs, width)
	m.sel = m.sel[:0]
	var one statebackend.RowRef
	for i, v := range m.versions[:n] {
		if v != 0 {
			m.sel = append(m.sel, int32(i))
			one = v
		}
	}
	for c, f := range m.f.Right {
		v := m.pairs.Cols[len(m.f.Left)+c]
		if one == 0 {
			nullVector(v, column.FormOf(f.Type), column.ShapeOf(f.Type), n)
			continue
		}
		if c == 0 {
			for i, r := range m.versions[:n] {
				if r == 0 {
					m.versions[i] = one
				}
			}
		}
		m.stored[1].Read(m.rows[1], c, c, m.versions[:n], v)
	}
	m.pairs.N, m.pairs.Sel, m.pairs.Kinds = n, nil, nil
	has := m.sel
	if m.residual != nil && len(has) > 0 {
		kept, err := m.residual.Select(&m.call, &m.pairs, has)
		if err != nil {
			m.ctx.Fail(err)
			return
		}
		has = kept
	}
	m.out.N, m.out.Sel, m.out.Cols, m.out.Kinds = n, nil, m.pairs.Cols[:width], kinds
	if m.f.Kind == logical.Inner {
		m.out.Sel = has
	} else if len(has) < n && one != 0 {
		at := 0
		for i := range n {
			if at < len(has) && int(has[at]) == i {
				at++
				continue
			}
			for c := range m.f.Right {
				m.pairs.Cols[len(m.f.Left)+c].SetNull(i, n)
			}
		}
	}
	m.emit(&m.out)
}

// Watermark implements [operator.Instance].
func (m *temporalInstance) Watermark(t int64) (more bool) {
	if m.ctx.Failed || m.f.Proctime {
		return false
	}
	m.call.Now, m.call.Watermark = m.ctx.NowMillis, t
	until := statebackend.SortInt(t)
	keys := m.due[:m.rows[0].Due(until, m.due[:])]
	if len(keys) == 0 {
		return false
	}
	bounds := room(&m.until, len(keys))
	for i := range bounds {
		bounds[i] = until
	}
	widen(&m.pairs, len(m.f.Left)+len(m.f.Right))
	var cursor statebackend.OrderedCursor
	for again := true; again && !m.ctx.Failed; {
		var n int
		n, again = m.rows[0].Scan(keys, nil, statebackend.OrderedScan{To: bounds}, &cursor, m.matches, m.found)
		if n == 0 {
			continue
		}
		rowKeys, times := room(&m.rowKeys, n), room(&m.bounds, n)
		for i, k := range m.matches[:n] {
			rowKeys[i] = keys[k]
		}
		m.rows[0].ReadSort(0, m.found[:n], times)
		m.find(rowKeys, times)
		for c := range m.f.Left {
			m.stored[0].Read(m.rows[0], c, c, m.found[:n], m.pairs.Cols[c])
		}
		words := room(&m.words, n)
		m.rows[0].ReadWords(len(m.f.Left), m.found[:n], words)
		kinds := m.out.OwnKinds(n)
		for i, w := range words {
			kinds[i] = types.RowKind(w)
		}
		m.send(n, kinds)
	}
	m.rows[0].DeleteTo(keys, nil, until)
	m.forget(keys, until)
	m.table.Release(keys, nil)
	m.store.BreatheRows(len(keys))
	return true
}

// forget takes away the versions of keys that have been replaced by then.
func (m *temporalInstance) forget(keys []statebackend.Ref, until uint64) {
	bounds, low := room(&m.bounds, len(keys)), room(&m.low, len(keys))
	for i := range bounds {
		bounds[i] = until
	}
	rows, matches := room(&m.rightRow, len(keys)), room(&m.right, len(keys))
	var cursor statebackend.OrderedCursor
	n, _ := m.rows[1].Scan(keys, nil, statebackend.OrderedScan{To: bounds, Backward: true, Limit: 1}, &cursor, matches, rows)
	words := room(&m.words, n)
	m.rows[1].ReadSort(0, rows[:n], words)
	clear(low)
	for i := range bounds {
		low[i], bounds[i] = 1, 0 // nothing
	}
	for i, k := range matches[:n] {
		if words[i] > 0 {
			low[k], bounds[k] = 0, words[i]-1
		}
	}
	m.rows[1].DeleteRange(keys, nil, low, bounds)
}
