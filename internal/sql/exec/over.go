package exec

import (
	"cmp"
	"math"
	"slices"
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

// OverAggregate computes functions OVER windows: its columns are the input's and one for each call. A window has the rows of the same keys from the frame's begin to the current row and, of RANGE, to
// those equal to it in the order. The input has inserts only, and so has the output.
//
// In event time the first sort column is the time, ascending: rows come when the watermark has passed them, those of a key in order, and late ones are dropped and counted. With a bounded frame a row is late if it is not
// behind the last one that its key has put out, as far as that is known, and not by the watermark: what comes then comes with the next watermark. In processing time rows come at once. With Final they come at the end of input, in any order of any columns.
//
// What is kept are the rows that wait, those in a bounded frame, and what is known of each key: this for ever, but with a bounded RANGE, where a key goes when the watermark has left its last row behind by the frame.
type OverAggregate struct {
	Session *fn.Session
	Input   []types.Field
	Keys    []int
	Order   []logical.SortKey
	// Rows tells that the frame is one of ROWS and not RANGE.
	Rows bool
	// From is the begin of the frame, unbounded or at most 0. To is its end: the current row, or, if From is unbounded, too, and with Final set, none.
	From, To logical.Bound
	Calls    []OverCall
	Proctime bool
	Final    bool
}

// OverCall is a call over a window: one of an aggregate function, or of one that stands only over windows.
type OverCall struct {
	// Aggregate is nil for a function that stands only over windows.
	Aggregate *agg.Call
	// Ranking is its name: ROW_NUMBER, RANK, DENSE_RANK, NTILE, CUME_DIST, PERCENT_RANK, LAG or LEAD. Args and Result are what such a function takes and gives.
	Ranking string
	Args    []agg.Arg
	Result  types.Type
}

// numbers of a key, with ranking functions.
const (
	overRows  = iota // how many rows there were
	overRank         // of the last one
	overDense        // the same, without gaps
	overNumbers
)

type overInstance struct {
	operator.Base
	f       *OverAggregate
	ctx     *operator.Context
	store   *statebackend.Store
	keys    *Keys
	table   *statebackend.GroupTable
	numbers *statebackend.Cell // nil without ranking functions
	last    *statebackend.Cell // where lateness is by key: the sort word of the last row that was put out, and 1 if there is one
	set     *agg.Set           // nil without others
	lags    []*overLag         // by call, nil for others than LAG
	waits   *statebackend.Ordered
	stored  *Stored
	order   *sortWords
	// Of a bounded frame: its rows, with the columns that the calls read.
	bounded bool
	frame   *statebackend.Ordered
	read    []int
	args    *Stored
	forms   []column.Form
	emit    func(*column.Batch)
	port    *Port
	late    [2]*operator.Accumulator

	// Of a batch that comes in.
	inRefs []statebackend.Ref
	fresh  []int32
	times  []int64
	timely []int32

	// Of the keys whose rows are due.
	due     []statebackend.Ref
	bounds  []uint64
	matches []int32
	found   []statebackend.RowRef
	rows    []overRow
	words   [][]uint64
	equal   []overRow
	cols    []*column.Vector
	picked  []statebackend.RowRef
	scan    tableScan

	// Of the rows at hand, in their order.
	work  column.Batch
	refs  []statebackend.Ref
	bases []unsafe.Pointer
	sorts [1][]uint64
	peers []int32 // the first of the rows that are equal in the order and have the same key
	units []int32 // the first of the rows that have the same frame
	ranks [overNumbers][]uint64
	group refTable

	// Of the rows that leave their frames.
	sel       []int32
	counts    []uint32
	until     []uint64
	goneRefs  []statebackend.Ref
	goneRows  []statebackend.RowRef
	goneBases []unsafe.Pointer
	gone      column.Batch
	empty     []int32
}

// overRow is a row that is due.
type overRow struct {
	row  statebackend.RowRef
	word uint64 // its first sort word
	key  int32
	peer int32 // counted over all that are due
}

// New implements [operator.Factory].
func (f *OverAggregate) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if !f.To.Unbounded && f.To.Offset != 0 || f.To.Unbounded && !f.From.Unbounded || !f.From.Unbounded && f.From.Offset > 0 || f.To.Unbounded && !f.Final {
		return nil, fault.New(fault.SQLUnsupported, "%q has a frame with rows behind the current one, which is not supported: let it end at CURRENT ROW", ctx.Name)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &overInstance{
		f: f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), emit: Output(w), bounded: !f.From.Unbounded, forms: column.Forms(f.Input), timely: make([]int32, 0, BatchRows),
		due: make([]statebackend.Ref, windowKeys), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	m.table = statebackend.NewGroupTable(store, "over", m.keys.Specs(), nil)
	if err := m.declare(); err != nil {
		return nil, err
	}
	if f.Proctime && !f.Final {
		ctx.WantsTime = ctx.WantsTime || m.bounded
	} else {
		if m.order, err = newSortWords(f.Input, f.Order, statebackend.MaxSortWords); err != nil {
			return nil, err
		}
		if m.bounded && !f.Rows && (len(f.Order) != 1 || len(m.order.parts) != 1 || f.Order[0].Descending || column.FormOf(f.Input[f.Order[0].Column].Type) != column.Word || f.Input[f.Order[0].Column].Type.IsApprox()) {
			return nil, fault.New(fault.SQLUnsupported, "%q has a bounded frame of RANGE that is not ordered by one number or time, ascending: use ROWS", ctx.Name)
		}
		m.words = make([][]uint64, len(m.order.parts))
		for range f.Order {
			m.cols = append(m.cols, new(column.Vector))
		}
		m.stored = NewStored(f.Input)
		m.waits = statebackend.NewOrdered(m.table.Space(), "waits", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs()}, Sort: len(m.order.parts), Due: !f.Final})
		if f.Final {
			m.table.Space().Pin() // in the end all keys are looked through, which those on disk are not
		} else {
			m.late = operator.LateCounters(ctx)
		}
	}
	if m.frame != nil && m.waits != nil && !f.Final {
		m.last = m.table.Accumulators("last", 2, nil)
	}
	m.port = Input(m.take)
	return m, nil
}

// declare declares what is known of each key, and its frame.
func (m *overInstance) declare() (err error) {
	f := m.f
	var calls []*agg.Call
	for i, c := range f.Calls {
		if c.Ranking == "LAG" {
			if m.lags == nil {
				m.lags = make([]*overLag, len(f.Calls))
			}
			if m.lags[i], err = newOverLag(&f.Calls[i], m.table.Space(), i); err != nil {
				return err
			}
			continue
		}
		if c.Aggregate == nil {
			if m.numbers == nil {
				m.numbers = m.table.Accumulators("numbers", overNumbers, nil)
			}
			continue
		}
		calls = append(calls, c.Aggregate)
		for _, a := range c.Aggregate.Args {
			if a.Col >= 0 {
				m.read = append(m.read, a.Col)
			}
		}
		if c.Aggregate.Filter >= 0 {
			m.read = append(m.read, c.Aggregate.Filter)
		}
	}
	for _, c := range f.Calls {
		switch {
		case c.Aggregate != nil:
			m.forms = append(m.forms, column.FormOf(c.Aggregate.Result))
		case c.Ranking == "LAG":
			m.forms = append(m.forms, column.FormOf(c.Result))
		default:
			m.forms = append(m.forms, column.Word)
		}
	}
	if m.bounded = m.bounded && calls != nil; calls == nil {
		return nil
	}
	if m.set, err = agg.New(calls, f.Input, agg.Options{Retract: m.bounded, Queue: true}); err != nil {
		return err
	}
	m.set.Declare(m.store, m.table, nil)
	if m.bounded {
		slices.Sort(m.read)
		m.read = slices.Compact(m.read)
		fields := make([]types.Field, len(m.read))
		for i, c := range m.read {
			fields[i] = f.Input[c]
		}
		m.args = NewStored(fields)
		m.frame = statebackend.NewOrdered(m.table.Space(), "frame", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.args.Specs()}, Sort: 1, Due: !f.Rows && !f.Final})
	}
	return nil
}

func (m *overInstance) Inputs() []any { return []any{m.port} }

func (m *overInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := Selected(b)
	if m.waits != nil && !m.f.Final && m.last == nil {
		c := m.f.Order[0].Column
		times := room(&m.times, b.N)
		millis(b.Cols[c], m.f.Input[c].Type, sel, times)
		timely := m.timely[:0]
		for _, row := range sel {
			if times[row] > m.ctx.CurrentWatermark {
				timely = append(timely, row)
			}
		}
		if sel = m.keep(sel, timely); len(sel) == 0 {
			return
		}
	}
	refs := room(&m.inRefs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, sel), refs, m.fresh[:0])
	if m.set != nil && len(m.fresh) > 0 {
		bases := room(&m.bases, b.N)
		m.table.Edit(m.set.Cell(), refs, m.fresh, bases)
		m.set.Made(m.fresh, refs, bases)
	}
	if m.waits != nil {
		words := m.order.of(b, sel)
		if m.last != nil {
			if sel = m.behind(sel, words[0]); len(sel) == 0 {
				return
			}
		}
		m.waits.Insert(refs, sel, words, m.stored.Of(b, nil, sel), nil, nil)
	} else {
		m.atOnce(b, sel)
	}
	m.store.BreatheRows(len(sel))
}

// keep counts the rows of which only the timely ones are kept.
func (m *overInstance) keep(sel, timely []int32) []int32 {
	if n := int64(len(sel) - len(timely)); n > 0 {
		m.late[0].AddInt(n)
		m.late[1].AddInt(n)
	}
	m.timely = timely
	return timely
}

// behind leaves out the rows that are not behind the last one of their key.
func (m *overInstance) behind(sel []int32, words []uint64) []int32 {
	bases := room(&m.bases, len(m.inRefs))
	m.table.View(m.inRefs, sel, bases)
	off, timely := m.last.AccumulatorOffset(), m.timely[:0]
	for _, row := range sel {
		if last := (*[2]uint64)(unsafe.Add(bases[row], off)); last[1] == 0 || words[row] > last[0] {
			timely = append(timely, row)
		}
	}
	return m.keep(sel, timely)
}

// note writes down the last rows of keys, of rows that are put out.
func (m *overInstance) note(due []statebackend.Ref) {
	bases := room(&m.bases, len(due))
	m.table.Edit(m.last, due, nil, bases)
	off := m.last.AccumulatorOffset()
	for _, r := range m.rows {
		last := (*[2]uint64)(unsafe.Add(bases[r.key], off))
		last[0], last[1] = max(last[0], r.word), 1
	}
}

// atOnce puts out rows in processing time.
func (m *overInstance) atOnce(b *column.Batch, sel []int32) {
	n := len(sel)
	m.widen(n)
	for c := range m.f.Input {
		m.work.Cols[c].Append(b.Cols[c], sel, 0)
	}
	now := uint64(0)
	if !m.f.Rows && m.bounded {
		now = statebackend.SortInt(m.ctx.NowMillis)
	}
	for i, row := range sel {
		m.refs[i], m.sorts[0][i], m.peers[i], m.units[i] = m.inRefs[row], now, int32(i), int32(i)
	}
	m.process(n)
	if now > 0 {
		m.expire(m.lower(now))
	}
}

// widen makes room for n rows.
func (m *overInstance) widen(n int) {
	widen(&m.work, len(m.forms))
	for c, v := range m.work.Cols {
		v.Reset(m.forms[c], 0)
	}
	room(&m.refs, n)
	room(&m.sorts[0], n)
	room(&m.peers, n)
	room(&m.units, n)
}

// Watermark implements [operator.Instance].
func (m *overInstance) Watermark(t int64) (more bool) {
	if m.f.Final || m.f.Proctime || m.ctx.Failed {
		return false
	}
	until := timeWord(t, m.f.Input[m.f.Order[0].Column].Type)
	n := m.waits.Due(until, m.due)
	if n > 0 {
		m.run(m.due[:n], until)
		m.waits.DeleteTo(m.due[:n], nil, until)
	}
	if n == len(m.due) {
		return true
	}
	return m.frame != nil && !m.f.Rows && t < math.MaxInt64 && m.expire(m.lower(until))
}

// timeWord is the sort word of a watermark in milliseconds: the last of the rows that have passed.
func timeWord(t int64, of types.Type) uint64 {
	unit := column.TimeUnit(of.Precision()) / 1000
	if t > (math.MaxInt64-unit)/unit {
		return math.MaxUint64
	}
	if t < math.MinInt64/unit {
		return 0
	}
	return statebackend.SortInt(t*unit + unit - 1)
}

// lower is the sort word of the last row that is not in the frame of one with the given word, 0 if there is none.
func (m *overInstance) lower(word uint64) uint64 {
	t := int64(word ^ 1<<63)
	return statebackend.SortInt(addTime(addTime(t, m.f.From.Offset), -1))
}

// Finish implements [operator.Instance].
func (m *overInstance) Finish() (more bool) {
	if !m.f.Final || m.ctx.Failed {
		return false
	}
	m.due, more = m.scan.next(m.table, m.ctx.KeyGroups.Len(), m.due[:0])
	if len(m.due) > 0 {
		m.run(m.due, math.MaxUint64)
	}
	return more && !m.ctx.Failed
}

// run puts out the rows of some keys that wait, up to a sort word.
func (m *overInstance) run(due []statebackend.Ref, until uint64) {
	bounds := room(&m.bounds, len(due))
	for i := range bounds {
		bounds[i] = until
	}
	m.rows = m.rows[:0]
	var cursor statebackend.OrderedCursor
	peers := int32(0)
	from := 0 // the first of rows that are equal, as far as words tell
	for again := true; again; {
		var n int
		n, again = m.waits.Scan(due, nil, statebackend.OrderedScan{To: bounds}, &cursor, m.matches, m.found)
		for w := range m.words {
			m.waits.ReadSort(w, m.found[:n], room(&m.words[w], n))
		}
		for i, row := range m.found[:n] {
			r := overRow{row: row, word: m.words[0][i], key: m.matches[i]}
			if last := len(m.rows) - 1; last >= 0 && (m.rows[last].key != r.key || !m.whole() && (i > 0 && wordsDiffer(m.words, i) || i == 0 && !sameWords(m.waits, len(m.words), m.rows[last].row, row))) {
				peers = m.settle(from, peers)
				from = len(m.rows)
			}
			m.rows = append(m.rows, r)
		}
	}
	m.settle(from, peers)
	if !m.whole() { // where all rows of a key have one result, they stay next to each other
		slices.SortStableFunc(m.rows, func(a, b overRow) int { // those of a key stay in order
			if c := cmp.Compare(a.word, b.word); c != 0 {
				return c
			}
			return cmp.Compare(a.key, b.key)
		})
	}
	if m.last != nil {
		m.note(due)
	}
	for rows := m.rows; len(rows) > 0 && !m.ctx.Failed; {
		n := min(BatchRows, len(rows))
		for n < len(rows) && rows[n].peer == rows[n-1].peer {
			n++
		}
		m.putOut(due, rows[:n])
		rows = rows[n:]
	}
}

// whole tells that the frame is all rows of a key.
func (m *overInstance) whole() bool { return m.f.To.Unbounded }

// settle numbers the rows from there on, whose words are equal, by what they are peers of, and returns the next number. If words do not tell all, they are put in order.
func (m *overInstance) settle(from int, peers int32) int32 {
	rows := m.rows[from:]
	if len(rows) == 0 {
		return peers
	}
	if len(rows) == 1 || m.order.exact || m.whole() {
		for i := range rows {
			rows[i].peer = peers
		}
		return peers + 1
	}
	m.picked = m.picked[:0]
	for _, r := range rows {
		m.picked = append(m.picked, r.row)
	}
	for i, k := range m.f.Order {
		m.stored.Read(m.waits, k.Column, k.Column, m.picked, m.cols[i])
	}
	at := slices.Clone(AllRows(len(rows)))
	slices.SortStableFunc(at, func(a, b int32) int { return m.order.compare(m.cols, int(a), int(b)) })
	m.equal = append(m.equal[:0], rows...)
	for i, a := range at {
		if i > 0 && m.order.compare(m.cols, int(at[i-1]), int(a)) != 0 {
			peers++
		}
		rows[i] = m.equal[a]
		rows[i].peer = peers
	}
	return peers + 1
}

// putOut puts out rows that are due.
func (m *overInstance) putOut(due []statebackend.Ref, rows []overRow) {
	n := len(rows)
	m.widen(n)
	m.picked = m.picked[:0]
	for i, r := range rows {
		m.picked = append(m.picked, r.row)
		m.refs[i], m.sorts[0][i] = due[r.key], r.word
		m.peers[i] = int32(i)
		if i > 0 && rows[i-1].peer == r.peer {
			m.peers[i] = m.peers[i-1]
		}
		if m.units[i] = m.peers[i]; m.f.Rows && !m.whole() {
			m.units[i] = int32(i)
		}
	}
	for c := range m.f.Input {
		m.stored.Read(m.waits, c, c, m.picked, m.work.Cols[c])
	}
	m.process(n)
}

// process computes the results of the n rows at hand and emits them.
func (m *overInstance) process(n int) {
	m.work.N, m.work.Sel, m.work.Kinds = n, nil, nil
	bases := room(&m.bases, n)
	if m.numbers != nil {
		m.table.Edit(m.numbers, m.refs, nil, bases)
		m.number(n)
	}
	if m.set != nil {
		m.table.Edit(m.set.Cell(), m.refs, nil, bases)
		for i := range m.f.Calls {
			c := len(m.f.Input) + i
			m.work.Cols[c].Reset(m.forms[c], n)
		}
		m.set.Begin(&m.work)
		m.group.reset(n)
		lo := 0
		for i := range n {
			at := m.group.at(uint64(m.refs[i]))
			if *at >= 0 && *at != m.units[i] {
				m.step(lo, i, n)
				lo = i
				m.group.reset(n)
				at = m.group.at(uint64(m.refs[i]))
			}
			*at = m.units[i]
		}
		m.step(lo, n, n)
		if err := m.set.Err(); err != nil {
			m.ctx.Fail(err)
			return
		}
	}
	for i, c := range m.f.Calls {
		if c.Ranking == "LAG" {
			m.lags[i].compute(&m.work, m.refs, n, m.work.Cols[len(m.f.Input)+i])
			continue
		}
		if c.Aggregate == nil {
			v := m.work.Cols[len(m.f.Input)+i]
			v.Reset(column.Word, n)
			switch c.Ranking {
			case "RANK":
				copy(v.Words, m.ranks[overRank])
			case "DENSE_RANK":
				copy(v.Words, m.ranks[overDense])
			default:
				copy(v.Words, m.ranks[overRows])
			}
		}
	}
	m.emit(&m.work)
}

// number counts rows.
func (m *overInstance) number(n int) {
	off := m.numbers.AccumulatorOffset()
	for k := range m.ranks {
		room(&m.ranks[k], n)
	}
	for i, base := range m.bases {
		acc := (*[overNumbers]uint64)(unsafe.Add(base, off))
		acc[overRows]++
		if m.peers[i] == int32(i) {
			acc[overRank] = acc[overRows]
			acc[overDense]++
		}
		for k, v := range acc {
			m.ranks[k][i] = v
		}
	}
}

// step takes in the rows lo to hi, of n, among which no key has two frames, and computes their results.
func (m *overInstance) step(lo, hi, n int) {
	rows := AllRows(hi)[lo:hi]
	if m.bounded {
		m.leave(rows)
	}
	var one unsafe.Pointer
	if hi-lo == 1 {
		one = m.bases[lo]
	}
	m.set.Update(rows, m.refs, m.bases, one)
	if m.bounded {
		m.frame.Insert(m.refs, rows, m.sorts[:], m.args.Of(&m.work, m.read, rows), nil, nil)
	}
	call := 0
	for i, c := range m.f.Calls {
		if c.Aggregate != nil {
			m.set.Emit(call, m.refs[lo:hi], m.bases[lo:hi], m.work.Cols[len(m.f.Input)+i], lo, n)
			call++
		}
	}
}

// leave takes rows away that are not in the frames of the given ones.
func (m *overInstance) leave(rows []int32) {
	sel := m.sel[:0]
	scan := statebackend.OrderedScan{}
	if m.f.Rows {
		counts := room(&m.counts, len(m.refs))
		m.frame.Count(m.refs, rows, counts)
		for _, row := range rows {
			if int64(counts[row]) > -m.f.From.Offset {
				sel = append(sel, row)
			}
		}
		scan.Limit = 1
	} else {
		scan.To = room(&m.until, len(m.refs))
		for _, row := range rows {
			if m.units[row] == row {
				scan.To[row] = m.lower(m.sorts[0][row])
				sel = append(sel, row)
			}
		}
	}
	if m.sel = sel; len(sel) > 0 && m.takeBack(m.refs, sel, m.bases, scan) {
		m.frame.Delete(m.goneRefs, m.goneRows)
		m.reset(sel, m.bases)
		m.set.Begin(&m.work)
	}
}

// takeBack takes rows of frames out of the accumulators, and lists them.
func (m *overInstance) takeBack(refs []statebackend.Ref, sel []int32, bases []unsafe.Pointer, scan statebackend.OrderedScan) bool {
	m.goneRefs, m.goneRows = m.goneRefs[:0], m.goneRows[:0]
	var cursor statebackend.OrderedCursor
	for again := true; again; {
		var n int
		n, again = m.frame.Scan(refs, sel, scan, &cursor, m.matches, m.found)
		if n == 0 {
			continue
		}
		from := len(m.goneRefs)
		at := room(&m.goneBases, n)
		for i, row := range m.matches[:n] {
			at[i] = bases[row]
			m.goneRefs, m.goneRows = append(m.goneRefs, refs[row]), append(m.goneRows, m.found[i])
		}
		widen(&m.gone, len(m.f.Input))
		for i, c := range m.read {
			m.args.Read(m.frame, i, i, m.found[:n], m.gone.Cols[c])
		}
		m.gone.N = n
		kinds := m.gone.OwnKinds(n)
		for i := range kinds {
			kinds[i] = types.Delete
		}
		m.set.Begin(&m.gone)
		m.set.Update(AllRows(n), m.goneRefs[from:], at, nil)
	}
	return len(m.goneRefs) > 0
}

// reset forgets what is known of keys without rows, so that no errors of rounding stay.
func (m *overInstance) reset(sel []int32, bases []unsafe.Pointer) {
	for _, row := range sel {
		if m.set.Live(bases[row]) == 0 {
			m.set.Reset(bases[row])
		}
	}
}

// expire takes away rows up to a sort word, which will be in no frame, of some keys, and the keys that have nothing else. It reports whether there are more.
func (m *overInstance) expire(until uint64) (more bool) {
	due := m.due[:cap(m.due)]
	n := m.frame.Due(until, due)
	if n == 0 {
		return false
	}
	full := n == len(due)
	if due = due[:n]; m.last != nil {
		if due = m.reached(due, until); len(due) == 0 {
			return full
		}
		n = len(due)
	}
	bases := room(&m.bases, n)
	m.table.Edit(m.set.Cell(), due, nil, bases)
	bounds := room(&m.bounds, n)
	for i := range bounds {
		bounds[i] = until
	}
	m.takeBack(due, AllRows(n), bases, statebackend.OrderedScan{To: bounds})
	m.frame.DeleteTo(due, nil, until)
	m.reset(AllRows(n), bases)
	counts := room(&m.counts, n)
	m.frame.Count(due, nil, counts)
	m.empty = m.empty[:0]
	for i, c := range counts {
		if c == 0 {
			m.empty = append(m.empty, int32(i))
		}
	}
	if m.waits != nil {
		m.waits.Count(due, nil, counts)
		m.empty = slices.DeleteFunc(m.empty, func(i int32) bool { return counts[i] > 0 })
	}
	if m.numbers == nil && len(m.empty) > 0 {
		m.table.Remove(due, m.empty)
	}
	return full
}

// reached leaves out the keys that have rows that wait, or whose last row is behind a sort word: rows may come yet in whose frames there are rows before it. The latter are due again when that has passed, too, and the former when
// their rows are put out.
func (m *overInstance) reached(due []statebackend.Ref, until uint64) []statebackend.Ref {
	bases, words, counts := room(&m.bases, len(due)), room(&m.bounds, len(due)), room(&m.counts, len(due))
	m.table.View(due, nil, bases)
	m.waits.Count(due, nil, counts)
	off := m.last.AccumulatorOffset()
	gone, later := due[:0], m.goneRefs[:0]
	for i, ref := range due {
		switch last := *(*uint64)(unsafe.Add(bases[i], off)); {
		case counts[i] > 0:
		case last <= until:
			gone = append(gone, ref)
		default:
			words[len(later)] = last
			later = append(later, ref)
		}
	}
	m.goneRefs = later
	m.frame.Arm(later, words)
	return gone
}
