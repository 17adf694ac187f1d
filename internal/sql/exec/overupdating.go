package exec

import (
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// OverUpdating computes functions OVER windows of a table that goes on changing, in an order of any columns: each change of a row changes the results of rows behind it, which are told as updates. Its
// columns are the input's and one for each call. A window has the rows of the same keys from the first to the current row and, of RANGE, to those equal to it in the order, or all of them.
//
// A row that is added is told with its result as +I (as +U, if it is one and changes are told row by row), one that is taken away as -D, and others of its key as -U and +U if what was accumulated for
// them has changed. The changes of a key by a batch are told together, in the order of the rows, unless PerRow is set. A row that is taken back and is not there is ignored.
//
// With Final set the input ends and has inserts only, and each row is told once, at the end. Then frames may have any bounds.
//
// What is kept are all rows, and what is accumulated at the end of each key. A change costs what is behind it: the accumulator goes back to the place and forward again. With functions that cannot go
// back in this way, or depend on what is far away, all rows of the key are accumulated anew, unless the change is at the end.
type OverUpdating struct {
	Session *fn.Session
	Input   []types.Field
	Keys    []int
	Order   []logical.SortKey
	// Rows tells that the frame is one of ROWS and not RANGE.
	Rows bool
	// Whole tells that the frame is all rows of the key, and not those up to the current one.
	Whole    bool
	Calls    []OverCall
	Consumes types.Changelog
	// UpdateBefore has -U rows emitted.
	UpdateBefore bool
	// TTL is how long a key is kept after its last row, in processing time; 0 for ever.
	TTL time.Duration
	// PerRow has the changes by every row told.
	PerRow bool
	// Final has rows told at the end of input. From and To bound the frame then, in place of Whole.
	Final    bool
	From, To logical.Bound
}

type overUpdating struct {
	operator.Base
	f       *OverUpdating
	ctx     *operator.Context
	store   *statebackend.Store
	keys    *Keys
	table   *statebackend.GroupTable
	written *statebackend.Cell // nil without a time to live
	set     *agg.Set           // nil without aggregate functions
	rows    *statebackend.Ordered
	stored  *Stored
	order   *sortWords
	frame   *overFrame // nil but with bounds
	anew    bool       // a change that is not at the end has all rows accumulated anew
	all     bool       // all rows of a key are needed, wherever the change is
	forms   []column.Form
	emit    func(*column.Batch)
	port    *Port

	// Of a batch that comes in.
	refs    []statebackend.Ref
	fresh   []int32
	bases   []unsafe.Pointer
	words   [][]uint64
	counts  []uint32
	adds    []int32
	rets    []int32
	missing []int32
	group   refTable
	run     []int32
	runs    refTable
	next    []int32 // the row of the same key behind each
	last    []int32
	heads   []int32

	// Of the key at hand.
	key       [1]statebackend.Ref
	base      [1]unsafe.Pointer
	bound     [1]uint64
	count     [1]uint32
	few       [32]uint64
	matches   []int32
	found     []statebackend.RowRef
	listed    [][]uint64 // sort words of what was found
	sortAt    []int32
	cols      []*column.Vector
	old, now  overList
	position  overPositions
	ids       []int32
	rowRefs   []statebackend.Ref
	rowBases  []unsafe.Pointer
	backward  []types.RowKind
	stride    int
	insertion types.RowKind
	member    refTable
	from      []int32 // what to emit: row i of now, or, as ^i, of old
	kinds     []types.RowKind
	mixer     mixer
	mixed     column.Vector
	out       column.Batch
	outKinds  []types.RowKind
	scan      tableScan
	expired   []statebackend.Ref
}

// overList are rows of a key in order, with their results.
type overList struct {
	before int // how many rows of the key are before the first
	rows   []statebackend.RowRef
	peers  []int32 // the first of the rows that are equal in the order
	batch  column.Batch
	tells  []uint64 // of each row, words that tell whether what was accumulated is the same
}

// New implements [operator.Factory].
func (f *OverUpdating) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Consumes.Has(types.UpdateAfter) && !f.Consumes.Has(types.UpdateBefore) {
		return nil, fault.New(fault.InternalInvariant, "%q gets updates without their former rows", ctx.Name)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &overUpdating{
		f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), stored: NewStored(f.Input), emit: Output(w), forms: column.Forms(f.Input),
		matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	if m.order, err = newSortWords(f.Input, f.Order, statebackend.MaxSortWords); err != nil {
		return nil, err
	}
	m.listed = make([][]uint64, len(m.order.parts))
	for range f.Order {
		m.cols = append(m.cols, new(column.Vector))
	}
	m.table = statebackend.NewGroupTable(store, "over", m.keys.Specs(), nil)
	if f.TTL > 0 {
		m.written = m.table.Accumulators("written", 1, nil)
		ctx.WantsTime = true
	}
	if f.Final {
		m.table.Space().Pin() // in the end all keys are looked through, which those on disk are not
		if m.frame, err = newOverFrame(ctx.Name, f.From, f.To, f.Rows, f.Order, f.Input); err != nil {
			return nil, err
		}
	}
	m.all = f.Whole
	var calls []*agg.Call
	for i := range f.Calls {
		c := &f.Calls[i]
		if c.Aggregate == nil {
			m.all = m.all || c.Ranking != "ROW_NUMBER" // the others need rows that are farther away
			m.forms = append(m.forms, column.FormOf(c.Result))
			continue
		}
		calls = append(calls, c.Aggregate)
		m.forms = append(m.forms, column.FormOf(c.Aggregate.Result))
	}
	if calls != nil {
		if m.set, err = agg.New(calls, f.Input, agg.Options{Retract: true, Clears: m.frame == nil, Queue: m.frame != nil}); err != nil {
			return nil, err
		}
		m.anew = !m.set.Reversible()
		m.set.Declare(store, m.table, nil)
	}
	m.out.Reset(m.forms)
	m.rows = statebackend.NewOrdered(m.table.Space(), "rows", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs(), Retract: true}, Sort: len(m.order.parts)})
	m.port = Input(m.take)
	return m, nil
}

func (m *overUpdating) Inputs() []any { return []any{m.port} }

func (m *overUpdating) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := Selected(b)
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, b.Sel), refs, m.fresh[:0])
	if m.set != nil && len(m.fresh) > 0 {
		bases := room(&m.bases, b.N)
		m.table.Edit(m.set.Cell(), refs, m.fresh, bases)
		m.set.Made(m.fresh, refs, bases)
	}
	if m.f.TTL > 0 {
		m.renew(sel)
	}
	m.words = m.order.of(b, sel)
	if m.f.Final {
		m.rows.Insert(refs, sel, m.words, m.stored.Of(b, nil, sel), nil, nil)
		m.store.BreatheRows(len(sel))
		return
	}
	if m.f.PerRow {
		eachRun(&m.runs, refs, sel, &m.run, func(rows []int32) { m.process(b, rows, true) })
	} else {
		m.process(b, sel, false)
	}
	if b.Kinds != nil { // keys that have lost all rows
		counts := room(&m.counts, b.N)
		m.rows.Count(refs, sel, counts)
		m.rets = m.rets[:0]
		for _, row := range sel {
			if counts[row] == 0 {
				m.rets = append(m.rets, row)
			}
		}
		if len(m.rets) > 0 {
			m.table.Remove(refs, m.rets)
		}
	}
	if m.f.TTL > 0 {
		m.forget(2*len(sel) + 16)
	}
	m.store.BreatheRows(len(sel))
}

// renew empties keys that have expired, and begins the time of all anew.
func (m *overUpdating) renew(sel []int32) {
	bases := room(&m.bases, len(m.refs))
	m.table.Edit(m.written, m.refs, sel, bases)
	horizon := m.ctx.NowMillis - m.f.TTL.Milliseconds()
	for _, row := range sel {
		at := (*uint64)(unsafe.Add(bases[row], m.written.AccumulatorOffset()))
		if *at != 0 && int64(*at) <= horizon {
			m.open(m.refs[row])
			m.list(&m.old, 0)
			m.read(&m.old)
			m.clear(&m.old)
			m.rows.DeleteTo(m.key[:], nil, math.MaxUint64)
		}
		*at = uint64(m.ctx.NowMillis)
	}
}

// forget looks through the next keys for those that have expired.
func (m *overUpdating) forget(keys int) {
	horizon := m.ctx.NowMillis - m.f.TTL.Milliseconds()
	for ; keys > 0; keys -= finalKeys {
		refs, more := m.scan.next(m.table, m.ctx.KeyGroups.Len(), m.expired[:0])
		m.expired = refs
		bases := room(&m.bases, len(refs))
		m.table.View(refs, nil, bases)
		gone := refs[:0]
		for i, ref := range refs {
			if w := *(*uint64)(unsafe.Add(bases[i], m.written.AccumulatorOffset())); int64(w) <= horizon {
				gone = append(gone, ref)
			}
		}
		for _, ref := range gone { // also what is known of distinct values, which lies elsewhere
			m.open(ref)
			m.list(&m.old, 0)
			m.read(&m.old)
			m.clear(&m.old)
		}
		m.table.Remove(gone, nil)
		if !more {
			m.scan = tableScan{}
			return
		}
	}
}

// process takes rows of a batch whose keys and sort words are at hand, key by key.
func (m *overUpdating) process(b *column.Batch, rows []int32, single bool) {
	cols := m.stored.Of(b, nil, rows)
	m.heads = m.heads[:0]
	next := room(&m.next, b.N)
	last := room(&m.last, b.N)
	m.group.reset(len(rows))
	for _, row := range rows {
		next[row] = -1
		at := m.group.at(uint64(m.refs[row]))
		if *at < 0 {
			*at = row
			m.heads = append(m.heads, row)
		} else {
			next[last[*at]] = row
		}
		last[*at] = row
	}
	for _, head := range m.heads {
		m.adds, m.rets = m.adds[:0], m.rets[:0]
		low := ^uint64(0)
		for row := head; row >= 0; row = next[row] {
			low = min(low, m.words[0][row])
			if b.Kind(int(row)).Adds() {
				m.adds = append(m.adds, row)
			} else {
				m.rets = append(m.rets, row)
			}
		}
		m.insertion = types.Insert
		if single {
			m.insertion = b.Kind(int(head))
		}
		m.change(m.refs[head], low, cols)
		if m.ctx.Failed {
			return
		}
	}
	m.flush()
}

// open makes a key the one at hand.
func (m *overUpdating) open(ref statebackend.Ref) {
	m.key[0] = ref
	if m.set != nil {
		m.table.Edit(m.set.Cell(), m.key[:], nil, m.base[:])
	}
}

// change takes in the changes of a key, of which low is the least first sort word, and puts out what they change.
func (m *overUpdating) change(ref statebackend.Ref, low uint64, cols []statebackend.Column) {
	m.open(ref)
	if m.all {
		low = 0
	}
	m.list(&m.old, low)
	end := len(m.old.rows) == 0 // the change is at the end
	if m.anew && !end && low > 0 {
		low = 0
		m.list(&m.old, low)
	}
	m.read(&m.old)
	if !end {
		m.results(&m.old, false)
	}
	if len(m.adds) > 0 { // before any row goes, so that no new one has the place of an old one
		m.rows.Insert(m.refs, m.adds, m.words, cols, nil, nil)
	}
	if len(m.rets) > 0 {
		m.missing = m.rows.Retract(m.refs, m.rets, m.words, cols, m.missing[:0])
	}
	m.open(ref)
	m.list(&m.now, low)
	m.read(&m.now)
	m.results(&m.now, true)
	if m.set != nil && m.set.Err() != nil {
		m.ctx.Fail(m.set.Err())
		return
	}
	m.compare()
}

// list finds the rows of the key at hand from a first sort word on, in order.
func (m *overUpdating) list(l *overList, low uint64) {
	l.rows, l.peers = l.rows[:0], l.peers[:0]
	m.bound[0] = low
	var cursor statebackend.OrderedCursor
	from := 0 // the first of rows whose words are equal
	for more := true; more; {
		var n int
		n, more = m.rows.Scan(m.key[:], nil, statebackend.OrderedScan{From: m.bound[:]}, &cursor, m.matches, m.found)
		for w := range m.order.parts {
			m.rows.ReadSort(w, m.found[:n], room(&m.listed[w], n))
		}
		for i, row := range m.found[:n] {
			if len(l.rows) > 0 && (i > 0 && wordsDiffer(m.listed, i) || i == 0 && !sameWords(m.rows, len(m.order.parts), l.rows[len(l.rows)-1], row)) {
				m.settle(l, from)
				from = len(l.rows)
			}
			l.rows = append(l.rows, row)
		}
	}
	m.settle(l, from)
	m.rows.Count(m.key[:], nil, m.count[:])
	l.before = int(m.count[0]) - len(l.rows)
}

// settle says which of the rows from there on, whose words are equal, are equal in the order. If words do not tell all, they are put in order.
func (m *overUpdating) settle(l *overList, from int) {
	rows := l.rows[from:]
	if len(rows) == 0 {
		return
	}
	if len(rows) == 1 || m.order.exact {
		for range rows {
			l.peers = append(l.peers, int32(from))
		}
		return
	}
	for i, k := range m.f.Order {
		m.stored.Read(m.rows, k.Column, k.Column, rows, m.cols[i])
	}
	at := room(&m.sortAt, len(rows))
	copy(at, AllRows(len(rows)))
	slices.SortStableFunc(at, func(a, b int32) int { return m.order.compare(m.cols, int(a), int(b)) })
	sorted := slices.Clone(rows)
	first := from
	for i, a := range at {
		if i > 0 && m.order.compare(m.cols, int(at[i-1]), int(a)) != 0 {
			first = from + i
		}
		l.peers = append(l.peers, int32(first))
		rows[i] = sorted[a]
	}
}

// read reads what is in rows.
func (m *overUpdating) read(l *overList) {
	width := len(m.f.Input)
	widen(&l.batch, len(m.forms))
	l.batch.N, l.batch.Sel, l.batch.Kinds = len(l.rows), nil, nil
	for c, v := range l.batch.Cols {
		if c < width {
			m.stored.Read(m.rows, c, c, l.rows, v)
		} else {
			v.Reset(m.forms[c], len(l.rows))
		}
	}
}

// begin has rows taken in, or taken back.
func (m *overUpdating) begin(l *overList, back bool) {
	n := len(l.rows)
	m.ids = AllRows(n)
	refs, bases := room(&m.rowRefs, n), room(&m.rowBases, n)
	for i := range refs {
		refs[i], bases[i] = m.key[0], m.base[0]
	}
	l.batch.Kinds = nil
	if back {
		l.batch.Kinds = room(&m.backward, n)
		for i := range m.backward {
			m.backward[i] = types.Delete
		}
	}
	m.set.Begin(&l.batch)
	l.batch.Kinds = nil
}

// results computes the results of rows. What is accumulated before is up to the first of them, if forward is set, and else up to the last one; after, it is the other.
func (m *overUpdating) results(l *overList, forward bool) {
	n, width := len(l.rows), len(m.f.Input)
	m.position.compute(m.f.Calls, &l.batch, width, l.peers, l.before)
	if m.set == nil || n == 0 {
		return
	}
	m.stride = len(m.set.Inner(m.base[0], m.f.Consumes.Updates(), m.few[:0]))
	room(&l.tells, n*m.stride)
	switch {
	case m.frame != nil:
		m.framed(l)
	case forward:
		m.forward(l)
	case m.anew:
		m.clear(l)
		m.forward(l)
		m.clear(l)
	default:
		m.begin(l, true)
		for hi := n; hi > 0; {
			lo := m.unit(l, hi-1)
			m.put(l, lo, hi)
			m.set.Update(m.ids[lo:hi], m.rowRefs, m.rowBases, m.base[0])
			hi = lo
		}
		m.settled()
	}
}

// unit is the first of the rows that have the same window as row i.
func (m *overUpdating) unit(l *overList, i int) int {
	switch {
	case m.f.Whole:
		return 0
	case m.f.Rows:
		return i
	}
	return int(l.peers[i])
}

// forward accumulates rows, and writes their results.
func (m *overUpdating) forward(l *overList) {
	m.begin(l, false)
	for lo, n := 0, len(l.rows); lo < n; {
		hi := lo + 1
		for hi < n && m.unit(l, hi) <= lo {
			hi++
		}
		m.set.Update(m.ids[lo:hi], m.rowRefs, m.rowBases, m.base[0])
		m.put(l, lo, hi)
		lo = hi
	}
}

// clear takes all rows of a key back.
func (m *overUpdating) clear(l *overList) {
	if m.set == nil || len(l.rows) == 0 {
		return
	}
	m.begin(l, true)
	m.set.Update(m.ids, m.rowRefs, m.rowBases, m.base[0])
	m.settled()
}

// settled forgets what is known of a key without rows, so that no errors of rounding stay.
func (m *overUpdating) settled() {
	if m.set.Live(m.base[0]) == 0 {
		m.set.Reset(m.base[0])
	}
}

// put writes the results of rows with the same window, for which everything is accumulated.
func (m *overUpdating) put(l *overList, lo, hi int) {
	call, n := 0, len(l.rows)
	for i, c := range m.f.Calls {
		if c.Aggregate != nil {
			m.set.Emit(call, m.rowRefs[lo:hi], m.rowBases[lo:hi], l.batch.Cols[len(m.f.Input)+i], lo, n)
			call++
		}
	}
	if m.stride > 0 {
		for i := lo; i < hi; i++ {
			m.set.Inner(m.base[0], m.f.Consumes.Updates(), l.tells[i*m.stride:i*m.stride])
		}
	}
}

// compare puts out what has changed.
func (m *overUpdating) compare() {
	old, now := &m.old, &m.now
	m.from, m.kinds = m.from[:0], m.kinds[:0]
	add := func(from int, kind types.RowKind) {
		m.from, m.kinds = append(m.from, int32(from)), append(m.kinds, kind)
	}
	m.member.reset(len(now.rows) + len(old.rows))
	for j, row := range now.rows {
		*m.member.at(uint64(row)) = int32(j)
	}
	j := 0
	for i, row := range old.rows { // rows that are still there are in the same order
		at := int(*m.member.at(uint64(row)))
		if at < 0 {
			add(^i, types.Delete)
			continue
		}
		for ; j < at; j++ {
			add(j, m.insertion)
		}
		if m.changed(i, j) {
			if m.f.UpdateBefore {
				add(^i, types.UpdateBefore)
			}
			add(j, types.UpdateAfter)
		}
		j++
	}
	for ; j < len(now.rows); j++ {
		add(j, m.insertion)
	}
	if len(m.kinds) == 0 {
		return
	}
	n := m.out.N
	for c, v := range m.out.Cols {
		m.mixer.mix(&m.mixed, now.batch.Cols[c], old.batch.Cols[c], old.batch.N, m.from)
		v.Append(&m.mixed, AllRows(len(m.from)), n)
	}
	m.outKinds = append(m.outKinds[:n], m.kinds...)
	if m.out.N += len(m.from); m.out.N >= BatchRows {
		m.flush()
	}
}

// changed reports whether a row, the i-th of before and the j-th now, has another result, or what it follows from has changed.
func (m *overUpdating) changed(i, j int) bool {
	if !slices.Equal(m.old.tells[i*m.stride:(i+1)*m.stride], m.now.tells[j*m.stride:(j+1)*m.stride]) {
		return true
	}
	for c := len(m.f.Input); c < len(m.forms); c++ {
		if !equalValues(m.old.batch.Cols[c], i, m.now.batch.Cols[c], j) {
			return true
		}
	}
	return false
}

// equalValues reports whether rows of two flat vectors of the same form are identical.
func equalValues(a *column.Vector, i int, b *column.Vector, j int) bool {
	if x, y := a.Null(i), b.Null(j); x || y {
		return x == y
	}
	switch a.Form {
	case column.Word:
		return a.Words[i] == b.Words[j]
	case column.Wide:
		return a.Wide[i] == b.Wide[j]
	case column.Text:
		return column.EqualViews(&a.Views[i], a.Buffers, &b.Views[j], b.Buffers)
	}
	return a.Value(i).Equal(b.Value(j))
}

// Finish implements [operator.Instance]: in batch mode, the rows come now.
func (m *overUpdating) Finish() (more bool) {
	if !m.f.Final || m.ctx.Failed {
		return false
	}
	m.expired, more = m.scan.next(m.table, m.ctx.KeyGroups.Len(), m.expired[:0])
	m.old.rows, m.insertion = m.old.rows[:0], types.Insert
	for _, ref := range m.expired {
		m.open(ref)
		m.list(&m.now, 0)
		m.read(&m.old)
		m.read(&m.now)
		m.results(&m.now, true)
		if m.set != nil && m.set.Err() != nil {
			m.ctx.Fail(m.set.Err())
			return false
		}
		m.compare()
	}
	m.flush()
	return more
}

func (m *overUpdating) flush() {
	if m.out.N == 0 {
		return
	}
	m.out.Kinds = m.outKinds
	if !slices.ContainsFunc(m.outKinds, func(k types.RowKind) bool { return k != types.Insert }) {
		m.out.Kinds = nil
	}
	m.emit(&m.out)
	m.out.Reset(m.forms)
}
