package exec

import (
	"math"
	"slices"
	"strconv"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/rowpattern"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Match is MATCH_RECOGNIZE with ONE ROW PER MATCH: its columns are those of Keys and the measures. The input has inserts only, and so has the output.
//
// In event time rows of a key are matched in the order of Order when the watermark has passed them, late ones are dropped and counted. In processing time they are matched as they come. With Final they are matched at the end.
//
// Of each key that has the beginning of a match it keeps what conditions and measures read, from the first row of the oldest beginning on, beside what package rowpattern says; with Within, until the watermark tells that it is
// too old.
type Match struct {
	Session  *fn.Session
	Input    []types.Field
	Keys     []int
	Order    []logical.SortKey
	Pattern  *rowpattern.Pattern
	Define   []logical.MatchExpr
	Measures []logical.MatchExpr
	Proctime bool
	Final    bool
}

type matchInstance struct {
	operator.Base
	f      *Match
	ctx    *operator.Context
	store  *statebackend.Store
	keys   *Keys
	reader keyReader
	table  *statebackend.GroupTable
	cell   *statebackend.Cell
	kept   *statebackend.Ordered
	sorted operator.Instance // puts rows in order; nil in processing time
	// scratch is for the accumulators of aggregates, while one is computed.
	scratch  *statebackend.Store
	finished bool
	port     *Port
	emit     func(*column.Batch)
	call     *fn.Call
	columns  *vec.Projector // what conditions and measures read of a row
	fields   []types.Field  // of these
	stored   *Stored
	forms    []column.Form
	define   []matchExpr
	results  []matchNav // those of all measures
	measure  *vec.Projector
	matcher  *rowpattern.Matcher

	// Of a batch.
	refs  []statebackend.Ref
	fresh []int32
	order []int32
	times []int64
	words [1][]uint64

	// Of the key at hand: what is known, the rows that are kept, and these with the new ones as columns, of which the first has the number base.
	state  rowpattern.State
	ref    statebackend.Ref
	found  []statebackend.RowRef
	chunk  []statebackend.RowRef
	marks  []int32
	rows   column.Batch
	base   int64
	bytes  []byte
	bases  []unsafe.Pointer
	due    []statebackend.Ref
	values column.Batch // of the batch: what is read of its rows
	tried  column.Batch // what a condition reads, of each run
	at     []int32

	// Matches that wait to be emitted: the columns of their keys, and what measures read.
	outKeys, outNavs, out column.Batch
	key                   column.Vector
}

// matchNav is a value that an expression reads of a match: of one row, or an aggregate of several.
type matchNav struct {
	*logical.MatchNav
	column    int // of a single row
	form      column.Form
	aggregate *matchAggregate
}

// matchExpr is a condition. Its program is nil where it is always true.
type matchExpr struct {
	navs    []matchNav
	program *vec.Program
}

// matchAggregate computes an aggregate of the rows of some runs at once, in a table that is empty between two calls.
type matchAggregate struct {
	set   *agg.Set
	table *statebackend.GroupTable
	reads []int
	in    column.Batch
	one   column.Vector
	chunk statebackend.GroupChunk
	group []statebackend.Ref
	refs  []statebackend.Ref
	bases []unsafe.Pointer
	heads []unsafe.Pointer
	rows  []int32
	ids   []uint64
}

// New implements [operator.Factory].
func (f *Match) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if err := f.Pattern.Check(); err != nil {
		return nil, err
	}
	m := &matchInstance{f: f, ctx: ctx, emit: Output(w), call: NewCall(ctx), keys: NewKeys(f.Input, f.Keys)}
	var err error
	if !f.Proctime || f.Final {
		sort := &OverAggregate{Session: f.Session, Input: f.Input, Keys: f.Keys, Order: f.Order, Rows: true, From: logical.Bound{Unbounded: true}, Final: f.Final}
		if m.sorted, err = sort.New(ctx, operator.Wiring{Main: Input(m.take)}); err != nil {
			return nil, err
		}
	}
	if m.store, err = ctx.OpenStore(); err != nil {
		return nil, err
	}
	m.table = statebackend.NewGroupTable(m.store, "match", m.keys.Specs(), nil)
	m.reader = keyReader{table: m.table, stored: m.keys.Stored()}
	m.cell = m.table.MixedAccumulators("runs", 1, 1, nil)
	if err := m.compile(); err != nil {
		return nil, err
	}
	m.stored = NewStored(m.fields)
	m.forms = column.Forms(m.fields)
	m.kept = statebackend.NewOrdered(m.table.Space(), "rows", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs()}, Sort: 1, Due: m.expires()})
	m.matcher = rowpattern.NewMatcher(f.Pattern, m.test)
	m.chunk, m.marks, m.due = make([]statebackend.RowRef, BatchRows), make([]int32, BatchRows), make([]statebackend.Ref, windowKeys)
	ctx.WantsTime = ctx.WantsTime || f.Proctime
	m.port = Input(m.take)
	return m, nil
}

// expires tells that the watermark ends beginnings of matches.
func (m *matchInstance) expires() bool { return m.f.Pattern.Within >= 0 && !m.f.Proctime && !m.f.Final }

// compile compiles what is read of rows, conditions and measures.
func (m *matchInstance) compile() (err error) {
	var read []expr.Expr
	place := func(e expr.Expr) int {
		for i, o := range read {
			if expr.Equal(o, e) {
				return i
			}
		}
		read = append(read, e)
		m.fields = append(m.fields, types.Field{Name: e.String(), Type: e.Type()})
		return len(read) - 1
	}
	var aggregates []*matchNav
	navs := func(of []logical.MatchNav) []matchNav {
		list := make([]matchNav, len(of))
		for i := range of {
			list[i] = matchNav{MatchNav: &of[i], form: column.FormOf(of[i].T)}
			if c := of[i].Call; c == nil {
				list[i].column = place(of[i].Arg)
				continue
			}
			for _, a := range of[i].Call.Args {
				if !constant(a) {
					place(a)
				}
			}
			aggregates = append(aggregates, &list[i])
		}
		return list
	}
	m.define = make([]matchExpr, len(m.f.Define))
	for i, d := range m.f.Define {
		if d.Expr == nil {
			continue
		}
		if m.define[i].program, err = vec.Compile(d.Expr, m.f.Session); err != nil {
			return err
		}
		m.define[i].navs = navs(d.Navs)
	}
	var measures []expr.Expr
	var all []logical.MatchNav
	for _, d := range m.f.Measures {
		from := len(all)
		all = append(all, d.Navs...)
		measures = append(measures, expr.Shift(d.Expr, func(i int) int { return i + from }))
	}
	m.results = navs(all)
	if m.measure, err = vec.CompileAll(measures, m.f.Session); err != nil {
		return err
	}
	for k, n := range aggregates {
		if n.aggregate, err = m.aggregate(k, n.Call, place); err != nil {
			return err
		}
	}
	m.columns, err = vec.CompileAll(read, m.f.Session)
	return err
}

func constant(e expr.Expr) bool {
	switch e.(type) {
	case *expr.Const, *expr.Symbol:
		return true
	}
	return false
}

// aggregate makes the k-th aggregate.
func (m *matchInstance) aggregate(k int, call *logical.AggCall, place func(expr.Expr) int) (*matchAggregate, error) {
	c := *call
	c.Args = slices.Clone(call.Args)
	a := &matchAggregate{}
	for i, e := range c.Args {
		if !constant(e) {
			at := place(e)
			c.Args[i] = &expr.Ref{Index: at, Name: m.fields[at].Name, T: e.Type()}
			a.reads = append(a.reads, at)
		}
	}
	resolved, err := agg.Resolve(&c, m.fields, types.AppendOnly)
	if err != nil {
		return nil, err
	}
	if a.set, err = agg.New([]*agg.Call{resolved}, m.fields, agg.Options{}); err != nil {
		return nil, err
	}
	if m.scratch == nil {
		if m.scratch, err = statebackend.New(statebackend.Config{Operator: m.ctx.Name, MaxParallelism: 1, Fail: m.fail}); err != nil {
			return nil, err
		}
	}
	a.table = statebackend.NewGroupTable(m.scratch, "aggregate "+strconv.Itoa(k), []statebackend.ColumnSpec{{Type: statebackend.WordColumn}}, nil)
	a.set.Declare(m.scratch, a.table, nil)
	return a, nil
}

// Inputs implements [operator.Instance].
func (m *matchInstance) Inputs() []any {
	if m.sorted != nil {
		return m.sorted.Inputs()
	}
	return []any{m.port}
}

// Watermark implements [operator.Instance].
func (m *matchInstance) Watermark(t int64) (more bool) {
	if m.sorted == nil || m.ctx.Failed {
		return false
	}
	if m.f.Final {
		// The end of time comes before the end of input, and behind it there is none for what is emitted.
		return t == math.MaxInt64 && m.finish()
	}
	if m.sorted.Watermark(t) {
		return true
	}
	if !m.expires() || t < math.MinInt64+m.f.Pattern.Within {
		return false
	}
	n := m.kept.Due(statebackend.SortInt(t-m.f.Pattern.Within), m.due)
	for _, ref := range m.due[:n] {
		m.load(ref)
		m.fail(m.matcher.Expire(&m.state, t, m.matched))
		m.save(nil, nil)
		if m.ctx.Failed {
			return false
		}
	}
	m.flush()
	return n == len(m.due)
}

// Finish implements [operator.Instance].
func (m *matchInstance) Finish() (more bool) { return m.finish() }

// finish matches in batch mode, once.
func (m *matchInstance) finish() (more bool) {
	if !m.f.Final || m.finished || m.ctx.Failed {
		return false
	}
	more = m.sorted.Finish()
	m.finished = !more
	return more
}

// Close implements [operator.Instance].
func (m *matchInstance) Close() error {
	if m.scratch == nil {
		return nil
	}
	return m.scratch.Close()
}

func (m *matchInstance) fail(err error) {
	if err != nil && !m.ctx.Failed {
		m.ctx.Fail(err)
	}
}

// take matches rows that are in order.
func (m *matchInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	SetCall(m.call, m.ctx)
	sel := Selected(b)
	cols, err := m.columns.Eval(m.call, b, b.Sel)
	if err != nil {
		m.ctx.Fail(err)
		return
	}
	m.values.N, m.values.Sel, m.values.Kinds, m.values.Cols = b.N, nil, nil, append(m.values.Cols[:0], cols...)
	refs, times := room(&m.refs, b.N), room(&m.times, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, sel), refs, m.fresh[:0])
	if m.f.Proctime {
		for _, row := range sel {
			times[row] = m.ctx.NowMillis
		}
	} else {
		c := m.f.Order[0].Column
		millis(b.Cols[c], m.f.Input[c].Type, sel, times)
	}
	m.order = append(m.order[:0], sel...)
	slices.SortStableFunc(m.order, func(x, y int32) int {
		switch {
		case refs[x] < refs[y]:
			return -1
		case refs[x] > refs[y]:
			return 1
		}
		return 0
	})
	for rows := m.order; len(rows) > 0 && !m.ctx.Failed; {
		n := 1
		for n < len(rows) && refs[rows[n]] == refs[rows[0]] {
			n++
		}
		m.match(b, rows[:n])
		rows = rows[n:]
	}
	m.flush()
	m.store.BreatheRows(len(sel))
}

// match matches rows of a key.
func (m *matchInstance) match(b *column.Batch, rows []int32) {
	m.load(m.refs[rows[0]])
	first := m.state.Next
	n := m.rows.N
	for c, v := range m.values.Cols {
		m.rows.Cols[c].Append(v, rows, n)
	}
	m.rows.N += len(rows)
	for _, row := range rows {
		if err := m.matcher.Row(&m.state, m.times[row], m.matched); err != nil {
			m.fail(err)
			return
		}
	}
	from := m.state.Oldest() - first
	if from > int64(len(rows)) {
		from = int64(len(rows))
	}
	m.save(b, rows[max(from, 0):])
}

// load makes a key the one at hand.
func (m *matchInstance) load(ref statebackend.Ref) {
	m.ref = ref
	refs, bases := [1]statebackend.Ref{ref}, room(&m.bases, 1)
	m.table.Edit(m.cell, refs[:], nil, bases)
	if err := m.state.Read(m.cell.AccumulatorString(bases[0], 0), len(m.f.Pattern.Elements)); err != nil {
		m.ctx.Fail(fault.Wrap(fault.StateDamaged, err))
	}
	m.found = m.found[:0]
	var cursor statebackend.OrderedCursor
	for more := true; more; {
		var n int
		n, more = m.kept.Scan(refs[:], nil, statebackend.OrderedScan{}, &cursor, m.marks, m.chunk)
		m.found = append(m.found, m.chunk[:n]...)
	}
	m.rows.Reset(m.forms)
	for c := range m.fields {
		if len(m.found) > 0 {
			m.stored.Read(m.kept, c, c, m.found, m.rows.Cols[c])
		}
	}
	m.rows.N = len(m.found)
	m.base = m.state.Next - int64(len(m.found))
}

// save keeps what is known of the key at hand, with these rows of a batch.
func (m *matchInstance) save(b *column.Batch, rows []int32) {
	if m.ctx.Failed {
		return
	}
	refs := [1]statebackend.Ref{m.ref}
	oldest := m.state.Oldest()
	if oldest == m.state.Next {
		m.table.Remove(refs[:], nil)
		return
	}
	if gone := min(oldest-m.base, int64(len(m.found))); gone > 0 {
		owners := make([]statebackend.Ref, gone)
		for i := range owners {
			owners[i] = m.ref
		}
		m.kept.Delete(owners, m.found[:gone])
	}
	if len(rows) > 0 {
		words := room(&m.words[0], b.N)
		next := m.state.Next - int64(len(rows))
		for i, row := range rows {
			if words[row] = statebackend.SortInt(m.times[row]); m.f.Proctime {
				words[row] = statebackend.SortInt(next + int64(i))
			}
		}
		m.kept.Insert(m.refs, rows, m.words[:], m.stored.Of(&m.values, nil, rows), nil, nil)
	} else if m.expires() {
		if t, ok := m.state.Started(); ok {
			m.kept.Arm(refs[:], []uint64{statebackend.SortInt(t)})
		}
	}
	m.table.Edit(m.cell, refs[:], nil, m.bases[:1])
	m.bytes = m.state.Append(m.bytes[:0])
	m.cell.SetAccumulatorString(m.bases[0], 0, m.bytes)
}

// test tells in which runs the next row may be one of an element.
func (m *matchInstance) test(element int, runs []*rowpattern.Run, out []bool) error {
	d := &m.define[element]
	if d.program == nil {
		for i := range out {
			out[i] = true
		}
		return nil
	}
	for _, r := range runs {
		r.Counts[element]++
	}
	widen(&m.tried, len(d.navs))
	b := &m.tried
	b.N, b.Sel, b.Kinds, b.Cols = len(runs), nil, nil, b.Cols[:len(d.navs)]
	for i := range d.navs {
		b.Cols[i].Reset(d.navs[i].form, 0)
		m.read(&d.navs[i], runs, b.Cols[i], 0)
	}
	for _, r := range runs {
		r.Counts[element]--
	}
	if m.ctx.Failed {
		return nil
	}
	sel, err := d.program.Select(m.call, b, nil)
	for _, i := range sel {
		out[i] = true
	}
	return err
}

// read appends a value of each run to the first n rows of a vector.
func (m *matchInstance) read(nav *matchNav, runs []*rowpattern.Run, v *column.Vector, n int) {
	if nav.aggregate != nil {
		m.aggregated(nav, runs, v, n)
		return
	}
	m.at = m.at[:0]
	absent := false
	for _, r := range runs {
		at := m.place(nav, r)
		absent = absent || at < 0
		m.at = append(m.at, int32(max(at, 0)))
	}
	v.Append(m.rows.Cols[nav.column], m.at, n)
	if !absent {
		return
	}
	for i, r := range runs {
		if m.place(nav, r) < 0 {
			v.SetNull(n+i, n+len(runs))
		}
	}
}

// place is the row, among those at hand, that a value is of; -1 if there is none.
func (m *matchInstance) place(nav *matchNav, r *rowpattern.Run) int64 {
	left := int64(nav.Offset)
	at := int64(-1)
	look := func(from, to int64) bool {
		if left >= to-from {
			left -= to - from
			return false
		}
		if at = from + left; !nav.First {
			at = to - 1 - left
		}
		at -= m.base
		return true
	}
	switch {
	case nav.Vars == nil:
		look(r.Start, r.Start+r.Rows())
	case nav.First:
		for e := range r.Counts {
			if slices.Contains(nav.Vars, e) && look(r.Range(e)) {
				break
			}
		}
	default:
		for e := range slices.Backward(r.Counts) {
			if slices.Contains(nav.Vars, e) && look(r.Range(e)) {
				break
			}
		}
	}
	return at
}

// aggregated appends an aggregate of the rows of each run.
func (m *matchInstance) aggregated(nav *matchNav, runs []*rowpattern.Run, v *column.Vector, n int) {
	a := nav.aggregate
	count := len(runs)
	ids, group, hashes := room(&a.ids, count), room(&a.group, count), make([]uint64, count)
	for i := range ids {
		ids[i] = uint64(i)
	}
	a.chunk = statebackend.GroupChunk{Keys: []statebackend.Column{{Words: ids}}, Hashes: hashes}
	statebackend.HashColumns(a.chunk.Keys, nil, hashes)
	a.table.Lookup(&a.chunk, group, nil)
	heads := room(&a.heads, count)
	a.table.Edit(a.set.Cell(), group, nil, heads)
	a.set.Made(AllRows(count), group, heads)
	a.rows, a.refs = a.rows[:0], a.refs[:0]
	for i, r := range runs {
		for e := range r.Counts {
			if nav.Vars != nil && !slices.Contains(nav.Vars, e) {
				continue
			}
			from, to := r.Range(e)
			for ; from < to; from++ {
				a.rows, a.refs = append(a.rows, int32(from-m.base)), append(a.refs, group[i])
			}
		}
	}
	total := len(a.rows)
	widen(&a.in, len(m.fields))
	a.in.N = total
	for _, c := range a.reads {
		a.in.Cols[c].Gather(m.rows.Cols[c], a.rows)
	}
	bases := room(&a.bases, total)
	a.table.Edit(a.set.Cell(), a.refs, nil, bases)
	if total > 0 {
		a.set.Begin(&a.in)
		a.set.Update(AllRows(total), a.refs, bases, nil)
	}
	a.table.Edit(a.set.Cell(), group, nil, heads)
	a.one.Reset(nav.form, count)
	a.set.Emit(0, group, heads, &a.one, 0, count)
	m.fail(a.set.Err())
	v.Append(&a.one, AllRows(count), n)
	a.table.Remove(group, nil)
}

// matched notes a match.
func (m *matchInstance) matched(r *rowpattern.Run) error {
	n := m.outNavs.N
	if n == 0 {
		m.outKeys.Reset(column.Forms(m.keys.Fields()))
		widen(&m.outNavs, len(m.results))
		for i := range m.results {
			m.outNavs.Cols[i].Reset(m.results[i].form, 0)
		}
	}
	for i := range m.f.Keys {
		m.reader.read(i, []statebackend.Ref{m.ref}, &m.key)
		m.outKeys.Cols[i].Append(&m.key, AllRows(1), n)
	}
	for i := range m.results {
		m.read(&m.results[i], []*rowpattern.Run{r}, m.outNavs.Cols[i], n)
	}
	m.outNavs.N++
	if m.outNavs.N >= BatchRows {
		m.flush()
	}
	return nil
}

// flush emits what was matched.
func (m *matchInstance) flush() {
	if m.outNavs.N == 0 || m.ctx.Failed {
		return
	}
	cols, err := m.measure.Eval(m.call, &m.outNavs, nil)
	if err != nil {
		m.ctx.Fail(err)
		return
	}
	m.out.N, m.out.Cols = m.outNavs.N, append(m.out.Cols[:0], m.outKeys.Cols[:len(m.f.Keys)]...)
	m.out.Cols = append(m.out.Cols, cols...)
	m.outNavs.N = 0
	m.emit(&m.out)
}
