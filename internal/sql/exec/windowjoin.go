package exec

import (
	"math"
	"time"

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

// WindowJoin joins the rows of two inputs of inserts that are in the same window and have equal keys. Both have the start and the end of a row's window as columns, which windowing functions and aggregates
// of windows give. Rows are kept until the watermark has passed their window; then its pairs and, by the kind of join, rows without a partner come, and its state goes. A row whose window has passed is dropped and
// counted as late.
//
// A row with a null in its key, where null equals nothing, has no partner. It comes, if it comes at all, when its window ends, as others without a partner do.
type WindowJoin struct {
	Session             *fn.Session
	Left, Right         []types.Field
	Kind                logical.JoinKind
	LeftKeys, RightKeys []int
	// NullSafe tells of each key whether null is equal to null; nil for no key.
	NullSafe []bool
	// LeftWindow and RightWindow are the columns of the start and the end of windows, of form Word: TIMESTAMP(3) or TIMESTAMP_LTZ(3).
	LeftWindow, RightWindow [2]int
	// Local tells that these are times in the session's zone, as the windows of a TIMESTAMP_LTZ have them.
	Local bool
	// Residual is the rest of the condition, over the left columns and then the right ones; nil for none.
	Residual expr.Expr
}

// windowKeys is how many keys are joined in a step.
const windowKeys = 128

type windowSide struct {
	fields []types.Field
	keys   *Keys
	strict *Keys
	stored *Stored
	rows   *statebackend.Ordered
	window [2]int
	base   int
	outer  bool // rows without a partner come with nulls

	// The rows of the keys at hand, key by key, window by window; which key each is of, its window, and whether it has a partner.
	found   []statebackend.RowRef
	key     []int32
	end     []uint64
	start   []uint64
	matched []bool
}

type windowJoinInstance struct {
	operator.Base
	f        *WindowJoin
	ctx      *operator.Context
	store    *statebackend.Store
	table    *statebackend.GroupTable
	sides    [2]windowSide
	ports    []any
	emit     func(*column.Batch)
	residual *vec.Program
	call     fn.Call
	late     [2]*operator.Accumulator

	refs     []statebackend.Ref
	complete []int32
	timely   []int32
	strict   []int  // the columns of the table's key whose null equals nothing
	alone    []bool // of the keys at hand, those that have such a null
	valid    []uint64
	fresh    []int32
	sort     [2][]uint64
	due      []statebackend.Ref
	until    []uint64
	matches  []int32
	pairs    [2][]int32 // numbers of rows on each side
	read     [2][]statebackend.RowRef
	out      column.Batch
	view     column.Batch
}

// New implements [operator.Factory].
func (f *WindowJoin) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	j := &windowJoinInstance{
		f: f, ctx: ctx, store: store, emit: Output(w), call: fn.Call{Watermark: math.MinInt64, Random: ctx.Host.Random}, late: operator.LateCounters(ctx),
		complete: make([]int32, 0, BatchRows), timely: make([]int32, 0, BatchRows), due: make([]statebackend.Ref, windowKeys), matches: make([]int32, BatchRows),
	}
	if f.Residual != nil {
		if j.residual, err = vec.Compile(f.Residual, f.Session); err != nil {
			return nil, err
		}
		ctx.WantsTime = ctx.WantsTime || !expr.Deterministic(f.Residual)
	}
	var specs []statebackend.ColumnSpec
	for s := range j.sides {
		side := &j.sides[s]
		keys := f.LeftKeys
		side.fields, side.window, side.outer = f.Left, f.LeftWindow, f.Kind == logical.LeftOuter || f.Kind == logical.FullOuter
		if s == 1 {
			side.fields, side.window, side.outer, keys, side.base = f.Right, f.RightWindow, f.Kind == logical.RightOuter || f.Kind == logical.FullOuter, f.RightKeys, len(f.Left)
		}
		side.keys, side.strict, side.stored = NewKeys(side.fields, keys), strictKeys(side.fields, keys, f.NullSafe), NewStored(side.fields)
		for i, spec := range side.keys.Specs() {
			if s == 0 {
				specs = append(specs, spec)
				continue
			}
			if specs[i].Type != spec.Type {
				return nil, fault.New(fault.InternalInvariant, "join %q compares %s with %s", ctx.Name, f.Left[f.LeftKeys[i]].Type, f.Right[f.RightKeys[i]].Type)
			}
			specs[i].Nullable = specs[i].Nullable || spec.Nullable
		}
		for _, c := range side.window {
			if column.FormOf(side.fields[c].Type) != column.Word {
				return nil, fault.New(fault.InternalInvariant, "join %q has windows of %s", ctx.Name, side.fields[c].Type)
			}
		}
		j.ports = append(j.ports, Input(func(b *column.Batch) { j.take(s, b) }))
	}
	for i, spec := range specs {
		if spec.Nullable && !(f.NullSafe != nil && f.NullSafe[i]) {
			j.strict = append(j.strict, i)
		}
	}
	j.table = statebackend.NewGroupTable(store, "window join", specs, nil)
	for s, name := range []string{"left", "right"} {
		side := &j.sides[s]
		side.rows = statebackend.NewOrdered(j.table.Space(), name, statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: side.stored.Specs()}, Sort: 2, Due: true})
	}
	return j, nil
}

func (j *windowJoinInstance) Inputs() []any { return j.ports }

func (j *windowJoinInstance) semi() bool {
	return j.f.Kind == logical.Semi || j.f.Kind == logical.Anti
}

// take keeps the rows of a batch.
func (j *windowJoinInstance) take(s int, b *column.Batch) {
	if j.ctx.Failed {
		return
	}
	side := &j.sides[s]
	sel := Selected(b)
	starts, ends := room(&j.sort[1], b.N), room(&j.sort[0], b.N)
	start, end := b.Cols[side.window[0]], b.Cols[side.window[1]]
	timely := j.timely[:0]
	for _, row := range sel {
		e := end.Int(int(row))
		if j.f.Local {
			e = fromLocal(e, j.f.Session.Zone)
		}
		if e-1 <= j.ctx.CurrentWatermark || end.Null(int(row)) {
			continue
		}
		starts[row], ends[row] = start.Word(int(row)), statebackend.SortInt(e)
		timely = append(timely, row)
	}
	j.timely = timely
	if n := int64(len(sel) - len(timely)); n > 0 {
		j.late[0].AddInt(n)
		j.late[1].AddInt(n)
	}
	if side.strict != nil && !side.outer && !(j.f.Kind == logical.Anti && s == 0) {
		j.complete = side.strict.Complete(b, timely, j.complete[:0])
		timely = j.complete
	}
	if len(timely) > 0 {
		refs := room(&j.refs, b.N)
		j.fresh = j.table.Lookup(side.keys.Of(b, timely), refs, j.fresh[:0])
		side.rows.Insert(refs, timely, j.sort[:], side.stored.Of(b, nil, timely), nil, nil)
	}
	j.store.BreatheRows(len(sel))
}

// nulls makes the columns of a side null.
func (j *windowJoinInstance) nulls(side *windowSide, n int) {
	for c, f := range side.fields {
		nullVector(j.out.Cols[side.base+c], column.FormOf(f.Type), column.ShapeOf(f.Type), n)
	}
}

// Watermark implements [operator.Instance]. It joins the windows that have passed, some keys at a time.
func (j *windowJoinInstance) Watermark(t int64) (more bool) {
	if j.ctx.Failed {
		return false
	}
	j.call.Now, j.call.Watermark = j.ctx.NowMillis, t
	until := uint64(math.MaxUint64)
	if t < math.MaxInt64 {
		until = statebackend.SortInt(t + 1)
	}
	for s := range j.sides {
		n := j.sides[s].rows.Due(until, j.due)
		if n == 0 {
			continue
		}
		j.fire(j.due[:n], until)
		j.store.BreatheRows(n)
		return true
	}
	return false
}

// fire joins all windows of some keys that end by then, in the order of sort words.
func (j *windowJoinInstance) fire(keys []statebackend.Ref, until uint64) {
	bounds := room(&j.until, len(keys))
	for i := range bounds {
		bounds[i] = until
	}
	for s := range j.sides {
		j.list(&j.sides[s], keys, bounds)
	}
	j.single(keys)
	left, right := &j.sides[0], &j.sides[1]
	for l, r := 0, 0; l < len(left.found) && r < len(right.found) && !j.ctx.Failed; {
		switch c := compareWindows(left, right, l, r); {
		case c < 0:
			l++
		case c > 0:
			r++
		default:
			toL, toR := left.windowEnd(l), right.windowEnd(r)
			if !j.alone[left.key[l]] {
				j.join(l, toL, r, toR)
			}
			l, r = toL, toR
		}
	}
	j.flush()
	switch j.f.Kind {
	case logical.Semi, logical.Anti:
		j.rest(0, j.f.Kind == logical.Semi)
	default:
		for s := range j.sides {
			if j.sides[s].outer {
				j.rest(s, false)
			}
		}
	}
	for s := range j.sides {
		j.sides[s].rows.DeleteTo(keys, nil, until)
	}
	j.table.Release(keys, nil)
}

// single finds which of the keys have a null that equals nothing.
func (j *windowJoinInstance) single(keys []statebackend.Ref) {
	clear(room(&j.alone, len(keys)))
	for _, col := range j.strict {
		valid := room(&j.valid, (len(keys)+63)/64)
		if !j.table.ReadKeyValid(col, keys, valid) {
			continue
		}
		for i := range keys {
			j.alone[i] = j.alone[i] || valid[i>>6]>>(i&63)&1 == 0
		}
	}
}

// list finds the rows of some keys that are in windows that end by then.
func (j *windowJoinInstance) list(side *windowSide, keys []statebackend.Ref, until []uint64) {
	side.found, side.key = side.found[:0], side.key[:0]
	var cursor statebackend.OrderedCursor
	var refs [BatchRows]statebackend.RowRef
	for more := true; more; {
		var n int
		n, more = side.rows.Scan(keys, nil, statebackend.OrderedScan{To: until}, &cursor, j.matches, refs[:])
		side.found, side.key = append(side.found, refs[:n]...), append(side.key, j.matches[:n]...)
	}
	n := len(side.found)
	side.rows.ReadSort(0, side.found, room(&side.end, n))
	side.rows.ReadSort(1, side.found, room(&side.start, n))
	clear(room(&side.matched, n))
}

// compareWindows orders a left and a right row by key, end and start of the window.
func compareWindows(left, right *windowSide, l, r int) int {
	if c := order(int64(left.key[l]), int64(right.key[r])); c != 0 {
		return c
	}
	if c := order(left.end[l], right.end[r]); c != 0 {
		return c
	}
	return order(left.start[l], right.start[r])
}

// windowEnd returns the number of the first row behind those that are in the same window and of the same key as a row.
func (s *windowSide) windowEnd(i int) int {
	to := i + 1
	for to < len(s.found) && s.key[to] == s.key[i] && s.end[to] == s.end[i] && s.start[to] == s.start[i] {
		to++
	}
	return to
}

// join pairs some left rows with some right ones.
func (j *windowJoinInstance) join(l, toL, r, toR int) {
	if j.residual == nil {
		for i := l; i < toL; i++ {
			j.sides[0].matched[i] = true
		}
		for i := r; i < toR; i++ {
			j.sides[1].matched[i] = true
		}
		if j.semi() {
			return
		}
	}
	for ; l < toL; l++ {
		for i := r; i < toR; i++ {
			j.pairs[0], j.pairs[1] = append(j.pairs[0], int32(l)), append(j.pairs[1], int32(i))
			if len(j.pairs[0]) == BatchRows {
				j.flush()
			}
		}
	}
}

// flush emits the pairs that wait.
func (j *windowJoinInstance) flush() {
	n := len(j.pairs[0])
	if n == 0 || j.ctx.Failed {
		return
	}
	widen(&j.out, len(j.f.Left)+len(j.f.Right))
	for s := range j.sides {
		j.gather(s, j.pairs[s])
	}
	j.out.N, j.out.Sel, j.out.Kinds = n, nil, nil
	if j.residual != nil {
		kept, err := j.residual.Select(&j.call, &j.out, nil)
		if err != nil {
			j.ctx.Fail(err)
			return
		}
		for _, i := range kept {
			j.sides[0].matched[j.pairs[0][i]], j.sides[1].matched[j.pairs[1][i]] = true, true
		}
		j.out.Sel = kept
	}
	j.pairs[0], j.pairs[1] = j.pairs[0][:0], j.pairs[1][:0]
	if !j.semi() {
		j.emit(&j.out)
	}
}

// gather makes the columns of a side of some of its rows.
func (j *windowJoinInstance) gather(s int, rows []int32) {
	side := &j.sides[s]
	refs := room(&j.read[s], len(rows))
	for i, row := range rows {
		refs[i] = side.found[row]
	}
	for c := range side.fields {
		side.stored.Read(side.rows, c, c, refs, j.out.Cols[side.base+c])
	}
}

// rest emits the rows of a side that have a partner, or have none.
func (j *windowJoinInstance) rest(s int, matched bool) {
	if j.ctx.Failed {
		return
	}
	side, rows := &j.sides[s], j.pairs[s][:0]
	widen(&j.out, len(j.f.Left)+len(j.f.Right))
	send := func() {
		if len(rows) == 0 {
			return
		}
		j.gather(s, rows)
		cols := j.out.Cols
		if j.semi() {
			cols = cols[:len(j.f.Left)]
		} else {
			j.nulls(&j.sides[1-s], len(rows))
		}
		j.view.N, j.view.Cols, j.view.Sel, j.view.Kinds = len(rows), cols, nil, nil
		j.emit(&j.view)
		rows = rows[:0]
	}
	for i, m := range side.matched {
		if m == matched {
			if rows = append(rows, int32(i)); len(rows) == BatchRows {
				send()
			}
		}
	}
	send()
	j.pairs[s] = rows
}

// fromLocal returns the time, in milliseconds since the epoch, of a local time that is given likewise.
func fromLocal(local int64, zone *time.Location) int64 {
	if zone == nil {
		return local
	}
	t := time.UnixMilli(local).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone).UnixMilli()
}
