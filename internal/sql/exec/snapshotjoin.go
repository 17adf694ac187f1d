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

// SnapshotJoin joins each left row with the rows that the right table has when it comes, but not before the right table is loaded: LATERAL SNAPSHOT. Its left input has inserts only, and so has its output: what becomes of the
// right table later changes nothing of what was emitted.
//
// It is loaded when the watermark has come to Loaded, or at the end of time. Until then left rows wait, and so does the watermark; then they come out in their order by key. Whether it is loaded follows from the watermark alone,
// which is part of the operator's state. With AtEnd it is loaded when its input is complete: FOR SYSTEM_TIME AS OF a processing time, with a table that ends.
type SnapshotJoin struct {
	Session             *fn.Session
	Left, Right         []types.Field
	Kind                logical.JoinKind // Inner or LeftOuter
	LeftKeys, RightKeys []int            // null equals nothing
	// Loaded is a constant TIMESTAMP_LTZ(3), nil for the time at which the query was started.
	Loaded expr.Expr
	AtEnd  bool
	// Residual is the rest of the condition, over the left columns and then the right ones; nil for none.
	Residual expr.Expr
}

type snapshotInstance struct {
	operator.Base
	f        *SnapshotJoin
	ctx      *operator.Context
	store    *statebackend.Store
	table    *statebackend.GroupTable
	keys     [2]*Keys
	strict   [2]*Keys
	stored   [2]*Stored
	waits    *statebackend.Ordered
	rows     *statebackend.Rows
	ports    []any
	emit     func(*column.Batch)
	residual *vec.Program
	call     *fn.Call
	loaded   int64
	done     bool
	idle     bool // the input is

	refs     []statebackend.Ref
	fresh    []int32
	complete []int32
	sel      []int32
	zeros    [1][]uint64
	due      []statebackend.Ref
	keyRefs  []statebackend.Ref
	matches  []int32
	found    []statebackend.RowRef
	partner  []int32
	right    []statebackend.RowRef
	at       []int32
	has      []bool
	left     column.Batch
	pairs    column.Batch
	out      column.Batch
}

// New implements [operator.Factory].
func (f *SnapshotJoin) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Kind != logical.Inner && f.Kind != logical.LeftOuter {
		return nil, fault.New(fault.InternalInvariant, "%q joins a snapshot by kind %d", ctx.Name, f.Kind)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &snapshotInstance{f: f, ctx: ctx, store: store, emit: Output(w), call: NewCall(ctx), loaded: f.Session.Start.UnixMilli(), due: make([]statebackend.Ref, windowKeys), matches: make([]int32, BatchRows),
		found: make([]statebackend.RowRef, BatchRows), partner: make([]int32, BatchRows), right: make([]statebackend.RowRef, BatchRows)}
	if f.AtEnd {
		m.loaded = math.MaxInt64
	}
	if f.Loaded != nil {
		p, err := vec.Compile(f.Loaded, f.Session)
		if err != nil {
			return nil, err
		}
		v, err := p.Eval(m.call, &column.Batch{N: 1}, nil)
		if err != nil {
			return nil, err
		}
		if v.Null(0) {
			return nil, fault.New(fault.OptionInvalid, "load_completed_time of SNAPSHOT is null")
		}
		m.loaded = v.Int(0)
	}
	if f.Residual != nil {
		if m.residual, err = vec.Compile(f.Residual, f.Session); err != nil {
			return nil, err
		}
		ctx.WantsTime = ctx.WantsTime || !expr.Deterministic(f.Residual)
	}
	var specs []statebackend.ColumnSpec
	for s, fields := range [][]types.Field{f.Left, f.Right} {
		keys := f.LeftKeys
		if s == 1 {
			keys = f.RightKeys
		}
		m.keys[s], m.strict[s], m.stored[s] = NewKeys(fields, keys), strictKeys(fields, keys, nil), NewStored(fields)
		for i, spec := range m.keys[s].Specs() {
			spec.Nullable = false
			if s == 0 {
				specs = append(specs, spec)
			} else if specs[i].Type != spec.Type {
				return nil, fault.New(fault.InternalInvariant, "%q compares %s with %s", ctx.Name, f.Left[f.LeftKeys[i]].Type, f.Right[f.RightKeys[i]].Type)
			}
		}
	}
	m.table = statebackend.NewGroupTable(store, "snapshot", specs, nil)
	m.waits = statebackend.NewOrdered(m.table.Space(), "left", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored[0].Specs()}, Sort: 1, Due: true})
	m.rows = statebackend.NewRows(m.table.Space(), "right", statebackend.RowSchema{Columns: m.stored[1].Specs()})
	m.ports = []any{Input(m.takeLeft), Input(m.takeRight)}
	return m, nil
}

func (m *snapshotInstance) Inputs() []any { return m.ports }

// loading tells that left rows wait.
func (m *snapshotInstance) loading() bool { return !m.done && m.ctx.CurrentWatermark < m.loaded }

// Holds implements [operator.Holding]: rows with earlier times wait here.
func (m *snapshotInstance) Holds() bool { return m.loading() }

// Idle implements [operator.Holding]. While rows wait, what stands behind waits with them.
func (m *snapshotInstance) Idle(idle bool) {
	if m.idle = idle; !m.loading() {
		m.ctx.Host.EmitIdle(m.ctx.Node, idle)
	}
}

// keyed returns the rows of a batch whose key has no null.
func (m *snapshotInstance) keyed(s int, b *column.Batch) []int32 {
	if m.strict[s] == nil {
		return Selected(b)
	}
	m.complete = m.strict[s].Complete(b, b.Sel, m.complete[:0])
	return m.complete
}

func (m *snapshotInstance) takeRight(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := m.keyed(1, b)
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys[1].Of(b, sel), refs, m.fresh[:0])
	// Rows that are added, and those that are taken away, go together as far as they stand together.
	for len(sel) > 0 {
		n := 1
		adds := b.Kind(int(sel[0])).Adds()
		for n < len(sel) && b.Kind(int(sel[n])).Adds() == adds {
			n++
		}
		part := sel[:n]
		sel = sel[n:]
		if adds {
			m.rows.Append(refs, part, m.stored[1].Of(b, nil, part), nil, nil)
		} else {
			m.sel = m.rows.Retract(refs, part, m.stored[1].Of(b, nil, part), m.sel[:0])
		}
	}
	m.table.Release(refs, b.Sel)
	m.store.BreatheRows(b.Rows())
}

func (m *snapshotInstance) takeLeft(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	SetCall(m.call, m.ctx)
	sel := m.keyed(0, b)
	if m.f.Kind == logical.LeftOuter && len(sel) < b.Rows() {
		m.unmatched(b, sel)
	}
	refs := room(&m.refs, b.N)
	if m.loading() {
		m.fresh = m.table.Lookup(m.keys[0].Of(b, sel), refs, m.fresh[:0])
		clear(room(&m.zeros[0], b.N))
		m.waits.Insert(refs, sel, m.zeros[:], m.stored[0].Of(b, nil, sel), nil, nil)
		m.store.BreatheRows(b.Rows())
		return
	}
	m.fresh = m.table.Find(m.keys[0].Of(b, sel), refs, m.fresh[:0])
	keys := room(&m.keyRefs, len(sel))
	for i, row := range sel {
		keys[i] = refs[row]
	}
	widen(&m.left, len(m.f.Left))
	for c := range m.f.Left {
		m.left.Cols[c].Gather(b.Cols[c], sel)
	}
	m.left.N = len(sel)
	m.join(keys)
	m.store.BreatheRows(b.Rows())
}

// unmatched emits the rows of a batch whose key has a null: they find nothing, whenever.
func (m *snapshotInstance) unmatched(b *column.Batch, keyed []int32) {
	m.sel = m.sel[:0]
	for _, row := range Selected(b) {
		if len(keyed) > 0 && keyed[0] == row {
			keyed = keyed[1:]
			continue
		}
		m.sel = append(m.sel, row)
	}
	widen(&m.left, len(m.f.Left))
	for c := range m.f.Left {
		m.left.Cols[c].Gather(b.Cols[c], m.sel)
	}
	m.left.N = len(m.sel)
	m.alone(AllRows(m.left.N))
}

// alone emits left rows, of those at hand, with nulls.
func (m *snapshotInstance) alone(rows []int32) {
	if len(rows) == 0 {
		return
	}
	width := len(m.f.Left)
	widen(&m.pairs, width+len(m.f.Right))
	for c := range m.f.Left {
		m.pairs.Cols[c].Pick(m.left.Cols[c], rows)
	}
	for c, f := range m.f.Right {
		nullVector(m.pairs.Cols[width+c], column.FormOf(f.Type), column.ShapeOf(f.Type), len(rows))
	}
	m.out.N, m.out.Sel, m.out.Cols = len(rows), nil, m.pairs.Cols[:width+len(m.f.Right)]
	m.emit(&m.out)
}

// join emits the left rows at hand, with the keys of each, and what the right table has for them.
func (m *snapshotInstance) join(keys []statebackend.Ref) {
	n := m.left.N
	if n == 0 {
		return
	}
	has := room(&m.has, n)
	clear(has)
	// NoRef has no rows: keys that the table does not have are left out.
	m.at = m.at[:0]
	for i, k := range keys {
		if k != statebackend.NoRef {
			m.at = append(m.at, int32(i))
		}
	}
	width := len(m.f.Left)
	var cursor statebackend.RowCursor
	for again := len(m.at) > 0; again && !m.ctx.Failed; {
		var found int
		found, again = m.rows.Probe(keys, m.at, &cursor, m.partner, m.right)
		if found == 0 {
			continue
		}
		widen(&m.pairs, width+len(m.f.Right))
		m.pairs.N, m.pairs.Sel, m.pairs.Cols = found, nil, m.pairs.Cols[:width+len(m.f.Right)]
		for c := range m.f.Left {
			m.pairs.Cols[c].Pick(m.left.Cols[c], m.partner[:found])
		}
		for c := range m.f.Right {
			m.stored[1].Read(m.rows, c, c, m.right[:found], m.pairs.Cols[width+c])
		}
		sel := []int32(nil)
		if m.residual != nil {
			var err error
			if sel, err = m.residual.Select(m.call, &m.pairs, nil); err != nil {
				m.ctx.Fail(err)
				return
			}
			for _, i := range sel {
				has[m.partner[i]] = true
			}
		} else {
			for _, p := range m.partner[:found] {
				has[p] = true
			}
		}
		m.out.N, m.out.Sel, m.out.Cols = found, sel, m.pairs.Cols
		m.emit(&m.out)
	}
	if m.f.Kind != logical.LeftOuter {
		return
	}
	m.sel = m.sel[:0]
	for i, h := range has {
		if !h {
			m.sel = append(m.sel, int32(i))
		}
	}
	m.alone(m.sel)
}

// Watermark implements [operator.Instance]: when the right table is loaded, the rows that wait are joined.
func (m *snapshotInstance) Watermark(t int64) (more bool) {
	if m.ctx.Failed || t < m.loaded && t < math.MaxInt64 {
		return false
	}
	if !m.done && m.idle {
		defer m.ctx.Host.EmitIdle(m.ctx.Node, true)
	}
	m.done = true
	return m.release()
}

// EndInput implements [operator.Instance].
func (m *snapshotInstance) EndInput(input int) {
	if input != 1 || !m.f.AtEnd || m.done || m.ctx.Failed {
		return
	}
	m.done = true
	for m.release() && !m.ctx.Failed {
	}
	// What was held back while rows waited goes on behind them.
	if t := m.ctx.CurrentWatermark; t > math.MinInt64 {
		m.ctx.Host.EmitWatermark(m.ctx.Node, t)
	}
	if m.idle {
		m.ctx.Host.EmitIdle(m.ctx.Node, true)
	}
}

// release joins some of the rows that wait, and reports whether there may be more.
func (m *snapshotInstance) release() (more bool) {
	SetCall(m.call, m.ctx)
	keys := m.due[:m.waits.Due(math.MaxUint64, m.due)]
	if len(keys) == 0 {
		return false
	}
	widen(&m.left, len(m.f.Left))
	var cursor statebackend.OrderedCursor
	for again := true; again && !m.ctx.Failed; {
		var n int
		n, again = m.waits.Scan(keys, nil, statebackend.OrderedScan{}, &cursor, m.matches, m.found)
		if n == 0 {
			continue
		}
		rowKeys := room(&m.keyRefs, n)
		for i, k := range m.matches[:n] {
			rowKeys[i] = keys[k]
		}
		for c := range m.f.Left {
			m.stored[0].Read(m.waits, c, c, m.found[:n], m.left.Cols[c])
		}
		m.left.N = n
		m.join(rowKeys)
	}
	m.waits.DeleteTo(keys, nil, math.MaxUint64)
	m.table.Release(keys, nil)
	m.store.BreatheRows(len(keys))
	return true
}
