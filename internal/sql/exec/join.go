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

// Join is the regular join of two changelogs: all rows of both sides are kept, each in the row store of its key, and a row of one side finds its partners in the other's.
//
// Row kinds are those of Flink. A pair has the kind of the row that made it, but where a side is outer, pairs are +I and -D. A row of an outer side without a partner comes with nulls
// as +I, and goes as -D when its first partner comes. The number of its partners is kept with each row of an outer side, and of the left side of a semi or anti join.
//
// An update whose -U the input leaves out must be of a side with at most one row a key; its former row is then taken from there.
type Join struct {
	Session     *fn.Session
	Left, Right []types.Field
	Kind        logical.JoinKind
	// LeftKeys and RightKeys are columns that must be equal, of types with the same form; none make a cross join, which runs with parallelism 1.
	LeftKeys, RightKeys []int
	// NullSafe tells of each key whether null is equal to null; nil for no key.
	NullSafe []bool
	// Residual is the rest of the condition, over the left columns and then the right ones; nil for none.
	Residual expr.Expr
	// ConsumesLeft and ConsumesRight are what the inputs may hold.
	ConsumesLeft, ConsumesRight types.Changelog
	// LeftUnique and RightUnique tell that a side has at most one row a key at any time.
	LeftUnique, RightUnique bool
	// LeftUpsert and RightUpsert are columns that tell a row of the side from all others; nil if there are none.
	LeftUpsert, RightUpsert []int
	// UpdateBefore is whether -U rows are emitted.
	UpdateBefore bool
	// LeftTTL and RightTTL are how long a row is kept, in processing time; 0 for ever.
	LeftTTL, RightTTL time.Duration
	// LeftExpire and RightExpire are how long a row is kept, in event time; nil for ever. They do not count where there is a TTL.
	LeftExpire, RightExpire *Expiry
	// Final tells that inputs are bounded and inserts only, and that only final rows may be emitted: rows without a partner come at the end.
	Final bool
}

// Expiry bounds how long rows are of use: one whose time, in the given column, a TIMESTAMP, is earlier than the watermark less Keep, or is null, finds no partner any more.
type Expiry struct {
	Column int
	Keep   time.Duration
}

// joinSide is what a join knows of one of its inputs.
type joinSide struct {
	fields []types.Field
	keys   *Keys
	strict *Keys // of the keys by which null equals nothing; nil if no such key can be null
	// held says for each column which key has its value, -1 if it is stored with the row, in place at. cols are the columns that are stored.
	held, at, cols []int
	stored         *Stored
	rows           *statebackend.Rows    // nil in an interval join
	ordered        *statebackend.Ordered // of an interval join
	store          joinStore             // one of both
	base           int                   // of its columns in the output
	outer          bool                  // a row without a partner is emitted
	counts         bool                  // rows count their partners
	retracts       bool                  // the input holds more than inserts
	upsert         bool                  // the input leaves -U out
	skipMatched    bool                  // a row that has a partner is not needed any more
	once           bool                  // one row of a key is as good as many
	ttl            int64
	expire         *Expiry
	timed          bool
	horizon        int64
	ended          bool
}

// joinStore is a row store, ordered or not.
type joinStore interface {
	RowReader
	ReadCounters(counter int, rows []statebackend.RowRef, out []uint64)
	SetCounters(refs []statebackend.Ref, rows []statebackend.RowRef, counter int, values []uint64)
}

type joinInstance struct {
	operator.Base
	f        *Join
	interval *joinInterval  // nil for a regular join
	multi    *multiInstance // nil for two inputs
	late     *lateJoin      // nil if all columns are made of all pairs
	waits    bool           // a row is told to have no partner only when it cannot get one any more
	ctx      *operator.Context
	store    *statebackend.Store
	table    *statebackend.GroupTable
	sides    []joinSide
	ports    []any
	emit     func(*column.Batch)
	residual *vec.Program
	reads    []bool // columns of the residual
	call     fn.Call

	refs     []statebackend.Ref
	fresh    []int32
	complete []int32
	probe    []int32
	adds     []int32
	rets     []int32
	missing  []int32
	times    []int64
	added    []statebackend.RowRef
	counts   []int32 // partners of each row of the chunk
	tally    []uint32
	matches  []int32
	found    []statebackend.RowRef
	out      [2]column.Batch // by the side whose rows are being processed
	view     column.Batch
	sel      []int32
	entries  joinEntries
	partners partnerCounts
	rowRefs  []statebackend.RowRef
	keyRefs  []statebackend.Ref
	values   []uint64
	former   formerRows
	scan     tableScan // at the end
}

// New implements [operator.Factory].
func (f *Join) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	return newJoin(f, nil, ctx, w)
}

func newJoin(f *Join, interval *joinInterval, ctx *operator.Context, w operator.Wiring) (*joinInstance, error) {
	if len(f.LeftKeys) != len(f.RightKeys) {
		return nil, fault.New(fault.InternalInvariant, "join %q has %d and %d keys", ctx.Name, len(f.LeftKeys), len(f.RightKeys))
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	j := &joinInstance{
		f: f, interval: interval, waits: f.Final || interval != nil, ctx: ctx, store: store, emit: Output(w), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
		call: fn.Call{Watermark: math.MinInt64, Random: ctx.Host.Random}, sides: make([]joinSide, 2),
	}
	if err := j.prepare(len(f.Left) + len(f.Right)); err != nil {
		return nil, err
	}
	if f.Kind == logical.Inner && !f.ConsumesLeft.Updates() && !f.ConsumesRight.Updates() {
		j.prepareLate(w)
	}
	if err := j.addSide(0, f.Left, f.LeftKeys, f.ConsumesLeft, f.LeftUnique, f.LeftTTL, f.LeftExpire); err != nil {
		return nil, err
	}
	if err := j.addSide(1, f.Right, f.RightKeys, f.ConsumesRight, f.RightUnique, f.RightTTL, f.RightExpire); err != nil {
		return nil, err
	}
	specs := append([]statebackend.ColumnSpec(nil), j.sides[0].keys.Specs()...)
	for i, right := range j.sides[1].keys.Specs() {
		if specs[i].Type != right.Type {
			return nil, fault.New(fault.InternalInvariant, "join %q compares %s with %s", ctx.Name, f.Left[f.LeftKeys[i]].Type, f.Right[f.RightKeys[i]].Type)
		}
		specs[i].Nullable = f.nullSafe(i) && (specs[i].Nullable || right.Nullable)
	}
	j.table = statebackend.NewGroupTable(store, "join", specs, nil)
	if f.Final && (j.sides[0].counts || j.sides[1].counts) {
		j.table.Space().Pin() // in the end all keys are looked through, which those on disk are not
	}
	for s, name := range []string{"left", "right"} {
		side := &j.sides[s]
		schema := statebackend.RowSchema{Columns: side.stored.Specs(), Time: side.timed, Retract: side.retracts}
		if side.counts {
			schema.Counters = 1
		}
		if interval != nil {
			schema.Time = false
			side.ordered = statebackend.NewOrdered(j.table.Space(), name, statebackend.OrderedSchema{RowSchema: schema, Sort: 1, Due: true})
			side.store = side.ordered
		} else {
			side.rows = statebackend.NewRows(j.table.Space(), name, schema)
			side.store = side.rows
		}
		j.ports = append(j.ports, Input(func(b *column.Batch) { j.take(s, b) }))
	}
	return j, nil
}

// prepare makes what all joins have: the condition, over so many columns, and lists of rows.
func (j *joinInstance) prepare(width int) (err error) {
	f := j.f
	for _, rows := range []*[]int32{&j.complete, &j.probe, &j.adds, &j.rets, &j.sel} { // nil means all rows
		*rows = make([]int32, 0, BatchRows)
	}
	if f.Residual == nil {
		return nil
	}
	if j.residual, err = vec.Compile(f.Residual, f.Session); err != nil {
		return err
	}
	set := map[int]bool{}
	expr.Refs(f.Residual, set)
	j.reads = make([]bool, width)
	for c := range set {
		j.reads[c] = true
	}
	j.ctx.WantsTime = j.ctx.WantsTime || !expr.Deterministic(f.Residual)
	return nil
}

func (f *Join) nullSafe(key int) bool { return f.NullSafe != nil && f.NullSafe[key] }

// semi tells of semi and anti joins, whose output is left rows.
func (f *Join) semi() bool { return f.Kind == logical.Semi || f.Kind == logical.Anti }

func (j *joinInstance) addSide(s int, fields []types.Field, keys []int, consumes types.Changelog, unique bool, ttl time.Duration, expire *Expiry) error {
	f, side := j.f, &j.sides[s]
	side.fields, side.keys, side.horizon = fields, NewKeys(fields, keys), math.MinInt64
	side.outer = f.Kind == logical.FullOuter || f.Kind == logical.LeftOuter && s == 0 || f.Kind == logical.RightOuter && s == 1
	side.counts = side.outer || f.semi() && s == 0
	side.retracts = consumes.Updates()
	side.upsert = consumes.Has(types.UpdateAfter) && !consumes.Has(types.UpdateBefore)
	if side.upsert && !unique {
		return fault.New(fault.InternalInvariant, "join %q gets updates without their former rows on a side with many rows a key", j.ctx.Name)
	}
	if f.semi() && !f.ConsumesRight.Updates() && !side.upsert {
		side.skipMatched = s == 0
	}
	side.once = f.semi() && s == 1 && f.Residual == nil && !f.ConsumesRight.Updates() && ttl == 0
	if s == 1 && !f.semi() {
		side.base = len(f.Left)
	}
	side.ttl = ttl.Milliseconds()
	if ttl == 0 {
		side.expire = expire
	} else {
		j.ctx.WantsTime = true
	}
	side.timed = side.ttl > 0 || side.expire != nil || j.interval != nil
	side.strict = strictKeys(fields, keys, f.NullSafe)
	var kept []types.Field
	scans := j.waits && side.counts // in the end there is no row of the other side to take keys from
	for c, field := range fields {
		held := -1
		for k, key := range keys {
			if key == c && column.FormOf(field.Type) <= column.Text && !scans {
				held = k
			}
		}
		side.held, side.at = append(side.held, held), append(side.at, len(side.cols))
		if held < 0 {
			side.cols, kept = append(side.cols, c), append(kept, field)
		}
	}
	side.stored = NewStored(kept)
	return nil
}

func (j *joinInstance) Inputs() []any { return j.ports }

// take processes a batch of a side: its rows find their partners on the other side, which does not change meanwhile, and then change their own.
func (j *joinInstance) take(s int, b *column.Batch) {
	if j.ctx.Failed {
		return
	}
	own := &j.sides[s]
	j.call.Now, j.call.Watermark = j.ctx.NowMillis, j.ctx.CurrentWatermark
	j.expire()
	if own.upsert {
		sel := b.Sel
		if b = j.withFormer(own, b); b.N == 0 {
			j.table.Release(j.former.refs, sel)
			return
		}
		defer j.table.Release(j.former.refs, sel)
	}
	sel, n := b.Sel, b.Rows()
	refs := room(&j.refs, b.N)
	complete := j.lookup(own, b, sel, refs, j.keeps(s))
	if j.interval != nil {
		j.bound(s, b, sel)
	}
	switch {
	case j.multi != nil:
		j.multi.combine(s, b, sel, refs)
	case j.f.semi() && s == 0:
		j.semiLeft(b, sel, refs)
	case j.f.semi():
		j.semiRight(b, sel, refs)
	case j.late != nil:
		j.innerLate(s, b, sel, refs)
	case !own.outer && !j.sides[1-s].counts:
		j.inner(s, b, sel, refs)
	default:
		j.outer(s, b, sel, refs)
	}
	if j.ctx.Failed {
		return
	}
	if j.keeps(s) {
		j.update(own, b, refs, complete)
	}
	for i := range j.sides {
		if j.sides[i].timed && j.interval == nil {
			j.sides[i].rows.Sweep(2*n + 16)
		}
	}
	j.store.BreatheRows(n)
}

// keeps tells whether rows of a side are kept: they are not if all others have ended, in batch mode.
func (j *joinInstance) keeps(s int) bool {
	if !j.f.Final {
		return true
	}
	for i := range j.sides {
		if i != s && !j.sides[i].ended {
			return true
		}
	}
	return false
}

// lookup writes the keys of the rows of sel: NoRef for those with a null that equals nothing. It returns the others.
func (j *joinInstance) lookup(side *joinSide, b *column.Batch, sel []int32, refs []statebackend.Ref, insert bool) (complete []int32) {
	complete = sel
	if side.strict != nil {
		j.complete = side.strict.Complete(b, sel, j.complete[:0])
		if len(j.complete) < b.Rows() {
			complete = j.complete
			for _, row := range Selected(b) {
				refs[row] = statebackend.NoRef
			}
		}
	}
	chunk := side.keys.Of(b, complete)
	if insert {
		j.fresh = j.table.Lookup(chunk, refs, j.fresh[:0])
	} else {
		j.fresh = j.table.Find(chunk, refs, j.fresh[:0])
	}
	return complete
}

// inner emits the pairs of a chunk where no side has rows without a partner.
func (j *joinInstance) inner(s int, b *column.Batch, sel []int32, refs []statebackend.Ref) {
	if b.Kinds != nil && !j.f.UpdateBefore {
		sel = j.withoutBefore(b)
	}
	out := &j.out[s]
	var cursor joinCursor
	for more := true; more; {
		var n int
		n, more = j.search(s, sel, refs, &cursor)
		if n == 0 {
			continue
		}
		matches, found := j.matches[:n], j.found[:n]
		out.N, out.Sel, out.Kinds = n, nil, nil
		if j.residual == nil {
			j.gather(out, s, b, matches, found, nil, false)
		} else {
			j.gather(out, s, b, matches, found, j.reads, true)
			kept, err := j.residual.Select(&j.call, out, nil)
			switch {
			case err != nil:
				j.ctx.Fail(err)
				return
			case len(kept) == 0:
				continue
			case 4*len(kept) >= 3*n:
				j.gather(out, s, b, matches, found, j.reads, false)
				if len(kept) < n {
					out.Sel = kept
				}
			default:
				compactPairs(matches, found, kept)
				matches, found = matches[:len(kept)], found[:len(kept)]
				out.N = len(kept)
				j.gather(out, s, b, matches, found, nil, false)
			}
		}
		if b.Kinds != nil {
			for i, row := range matches {
				if out.Kinds == nil {
					out.OwnKinds(out.N)
				}
				out.Kinds[i] = b.Kinds[row]
			}
		}
		j.emit(out)
	}
}

func compactPairs(matches []int32, found []statebackend.RowRef, kept []int32) {
	for i, k := range kept {
		matches[i], found[i] = matches[k], found[k]
	}
}

// withoutBefore returns the rows but those that are -U.
func (j *joinInstance) withoutBefore(b *column.Batch) []int32 {
	j.probe = j.probe[:0]
	for _, row := range Selected(b) {
		if b.Kinds[row] != types.UpdateBefore {
			j.probe = append(j.probe, row)
		}
	}
	return j.probe
}

// gather makes columns of pairs of rows of side s with others in out: all if marked is nil, else those whose mark is as wanted.
func (j *joinInstance) gather(out *column.Batch, s int, b *column.Batch, rows []int32, refs []statebackend.RowRef, marked []bool, want bool) {
	own, other := &j.sides[s], &j.sides[1-s]
	for total := len(j.f.Left) + len(j.f.Right); len(out.Cols) < total; {
		out.Cols = append(out.Cols, new(column.Vector))
	}
	ownBase, otherBase := 0, len(own.fields)
	if s == 1 {
		ownBase, otherBase = len(other.fields), 0
	}
	for c := range own.fields {
		if at := ownBase + c; marked == nil || marked[at] == want {
			out.Cols[at].Pick(b.Cols[c], rows)
		}
	}
	for c := range other.fields {
		if at := otherBase + c; marked == nil || marked[at] == want {
			j.gatherOther(own, other, c, b, rows, refs, out.Cols[at])
		}
	}
}

// gatherOther makes a column of the other side: of what is stored, or of the key.
func (j *joinInstance) gatherOther(own, other *joinSide, c int, b *column.Batch, rows []int32, refs []statebackend.RowRef, v *column.Vector) {
	if k := other.held[c]; k >= 0 {
		v.Pick(b.Cols[own.keys.cols[k]], rows)
		return
	}
	other.stored.Read(other.store, other.at[c], other.at[c], refs, v)
}

// joinCursor is where a search goes on.
type joinCursor struct {
	rows    statebackend.RowCursor
	ordered statebackend.OrderedCursor
}

// search finds the next pairs of equal keys and, in an interval join, near times.
func (j *joinInstance) search(s int, sel []int32, refs []statebackend.Ref, cursor *joinCursor) (n int, more bool) {
	if other := &j.sides[1-s]; j.interval == nil {
		return other.rows.Probe(refs, sel, &cursor.rows, j.matches, j.found)
	}
	return j.sides[1-s].ordered.Scan(refs, sel, statebackend.OrderedScan{From: j.interval.from, To: j.interval.to}, &cursor.ordered, j.matches, j.found)
}

// nextPairs finds the next pairs for which the residual is true, up to a batch.
func (j *joinInstance) nextPairs(s int, b *column.Batch, sel []int32, refs []statebackend.Ref, cursor *joinCursor) (n int, more bool) {
	n, more = j.search(s, sel, refs, cursor)
	if j.residual == nil || n == 0 {
		return n, more
	}
	out := &j.out[s]
	out.N, out.Sel, out.Kinds = n, nil, nil
	j.gather(out, s, b, j.matches[:n], j.found[:n], j.reads, true)
	kept, err := j.residual.Select(&j.call, out, nil)
	if err != nil {
		j.ctx.Fail(err)
		return 0, false
	}
	if len(kept) < n {
		compactPairs(j.matches, j.found, kept)
	}
	return len(kept), more
}

// update changes the rows of a side by a chunk. Rows with equal content have as many partners, so which of them is taken away does not matter, nor that all are added first.
func (j *joinInstance) update(side *joinSide, b *column.Batch, refs []statebackend.Ref, complete []int32) {
	adds, rets := complete, []int32(nil)
	if b.Kinds != nil {
		j.adds, j.rets = j.adds[:0], j.rets[:0]
		rows := complete
		if rows == nil {
			rows = AllRows(b.N)
		}
		for _, row := range rows {
			if b.Kinds[row].Adds() {
				j.adds = append(j.adds, row)
			} else {
				j.rets = append(j.rets, row)
			}
		}
		adds, rets = j.adds, j.rets
	}
	cols := side.stored.Of(b, side.cols, complete)
	times, all := []int64(nil), len(rets) == 0
	if side.timed {
		if j.interval != nil {
			times = j.interval.times
		} else {
			times = j.timesOf(side, b, complete)
		}
		if side.horizon > math.MinInt64 {
			n := b.N
			if adds != nil {
				n = len(adds)
			}
			adds = j.without(adds, b.N, func(row int32) bool { return times[row] < side.horizon })
			all = all && len(adds) == n
		}
	}
	if side.skipMatched {
		adds, all = j.without(adds, b.N, func(row int32) bool { return j.counts[row] > 0 }), false
	}
	if side.once {
		tally := room(&j.tally, b.N)
		side.rows.Count(refs, adds, tally)
		adds, all = j.without(adds, b.N, func(row int32) bool { return tally[row] > 0 }), false
	}
	var added []statebackend.RowRef
	if side.counts {
		added = room(&j.added, b.N)
	}
	if j.interval != nil {
		side.ordered.Insert(refs, adds, j.interval.sort[:], cols, nil, added)
	} else {
		side.rows.Append(refs, adds, cols, times, added)
	}
	if side.counts {
		j.countAdded(side, refs, adds, b.N)
	}
	if len(rets) > 0 {
		j.missing = side.rows.Retract(refs, rets, cols, j.missing[:0])
	}
	if !all {
		j.table.Release(refs, complete)
	}
}

// countAdded writes the numbers of partners of rows that were added.
func (j *joinInstance) countAdded(side *joinSide, refs []statebackend.Ref, adds []int32, n int) {
	j.keyRefs, j.rowRefs, j.values = j.keyRefs[:0], j.rowRefs[:0], j.values[:0]
	if adds == nil {
		adds = AllRows(n)
	}
	for _, row := range adds {
		if c := j.counts[row]; c > 0 {
			j.keyRefs, j.rowRefs, j.values = append(j.keyRefs, refs[row]), append(j.rowRefs, j.added[row]), append(j.values, uint64(c))
		}
	}
	if len(j.keyRefs) > 0 {
		side.store.SetCounters(j.keyRefs, j.rowRefs, 0, j.values)
	}
}

// without returns the rows of sel, nil for all of n, but those that are out. The result may lie in j.probe.
func (j *joinInstance) without(sel []int32, n int, out func(row int32) bool) []int32 {
	if sel == nil {
		sel = AllRows(n)
	}
	to := j.probe[:0]
	for _, row := range sel {
		if !out(row) {
			to = append(to, row)
		}
	}
	j.probe = to
	return to
}

// timesOf returns the times by which rows expire, in milliseconds.
func (j *joinInstance) timesOf(side *joinSide, b *column.Batch, sel []int32) []int64 {
	times := room(&j.times, b.N)
	if side.expire == nil {
		for i := range times {
			times[i] = j.ctx.NowMillis
		}
		return times
	}
	millis(b.Cols[side.expire.Column], side.fields[side.expire.Column].Type, sel, times)
	return times
}

// millis writes times in milliseconds, the least number for null.
func millis(v *column.Vector, t types.Type, sel []int32, out []int64) {
	unit := column.TimeUnit(t.Precision()) / 1000
	if sel == nil {
		sel = AllRows(len(out))
	}
	for _, row := range sel {
		switch {
		case v.Null(int(row)):
			out[row] = math.MinInt64
		case column.FormOf(t) == column.Wide:
			out[row] = floorDiv(wideInt(v.WideAt(int(row))), unit)
		default:
			out[row] = floorDiv(v.Int(int(row)), unit)
		}
	}
}

// wideInt is a wide value that fits 64 bits, as nanoseconds of years 1677 to 2262 do; others are cut to the nearest.
func wideInt(w [2]uint64) int64 {
	low, high := int64(w[0]), int64(w[1])
	switch {
	case high == low>>63:
		return low
	case high < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// expire moves the horizons.
func (j *joinInstance) expire() {
	if j.interval != nil {
		if j.interval.proctime {
			j.expireUntil(j.ctx.NowMillis - 1)
			j.startTicking()
		}
		return
	}
	for i := range j.sides {
		side := &j.sides[i]
		if side.ttl > 0 {
			side.horizon = j.ctx.NowMillis - side.ttl + 1
			side.rows.SetHorizon(side.horizon)
		}
	}
}

// Watermark implements [operator.Instance].
func (j *joinInstance) Watermark(t int64) (more bool) {
	if j.interval != nil {
		return !j.interval.proctime && j.expireUntil(t)
	}
	for i := range j.sides {
		if side := &j.sides[i]; side.expire != nil && t < math.MaxInt64 {
			keep := side.expire.Keep.Milliseconds()
			if h := t - keep; h <= t == (keep >= 0) { // else it is out of range
				side.horizon = h
				side.rows.SetHorizon(h)
			}
		}
	}
	return false
}

// EndInput implements [operator.Instance].
func (j *joinInstance) EndInput(input int) { j.sides[input].ended = true }

// room returns a slice of n elements in the memory of *s, of any content.
func room[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n, max(n, 2*cap(*s), BatchRows))
	}
	*s = (*s)[:n]
	return *s
}
