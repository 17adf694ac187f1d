package exec

import (
	"slices"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Deduplicate keeps one row of each key: the first or the last one, by a column of time or, if Time is -1, as they come. The input has inserts only. Of rows with the same time the first is the first,
// and the last the last, to come.
//
// The output is the input's columns: the first row of a key is +I, one that takes its place is -U and +U. Of several in a batch only the last result is told. The first rows by processing time are inserts only. Rows behind
// the watermark count like others.
type Deduplicate struct {
	Input []types.Field
	Keys  []int
	// Time is a column of form Word, such as a TIMESTAMP(3); null is earlier than all.
	Time     int
	KeepLast bool
	// UpdateBefore is whether -U rows are emitted. If they are not, only the times of the rows are kept.
	UpdateBefore bool
	// TTL is how long a key is remembered after its last row, in processing time; 0 for ever.
	TTL time.Duration
	// Final tells that the rows come at the end, as inserts.
	Final bool
	// PerRow has every row that takes another one's place told, and not only the last of a batch.
	PerRow bool
}

// words of a key's accumulator: whether it has a row, when that was written, and its sort words, of which the least is the best.
const (
	dedupPresent = iota
	dedupWritten
	dedupWords
)

type dedupInstance struct {
	operator.Base
	f      *Deduplicate
	order  *sortWords // nil if rows are taken as they come
	ties   bool       // a row takes the place of one that is equal in the order
	rank   bool       // the output has the number 1 behind the input's columns
	words  [][]uint64
	one    column.Vector
	ranked []*column.Vector
	ctx    *operator.Context
	store  *statebackend.Store
	keys   *Keys
	table  *statebackend.GroupTable
	cell   *statebackend.Cell
	rows   *statebackend.Rows // of those whose -U may be asked for
	stored *Stored
	emit   func(*column.Batch)
	port   *Port

	refs    []statebackend.Ref
	fresh   []int32
	bases   []unsafe.Pointer
	group   refTable
	place   []int32 // of the key of each row among those of the batch
	winners []int32 // the best row of each key, -1 if the one that is kept is better
	had     []bool  // whether a row is kept
	sel     []int32
	from    []int32
	view    column.Batch
	matches []int32
	found   []statebackend.RowRef
	keyRefs []statebackend.Ref
	old     column.Batch // of the rows that are replaced
	times   []int64
	horizon int64 // what was written before has expired
	out     column.Batch
	mixer   mixer
	run     []int32
	scan    tableScan
	rest    func(rows []int32) *column.Batch // makes all columns of rows, if the batch does not have them
}

// New implements [operator.Factory].
func (f *Deduplicate) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Time < 0 {
		return newDedup(f, nil, f.KeepLast, false, ctx, w)
	}
	order, err := newSortWords(f.Input, []logical.SortKey{{Column: f.Time, Descending: f.KeepLast, NullsLast: f.KeepLast}}, statebackend.MaxSortWords)
	if err != nil {
		return nil, err
	}
	if !order.exact {
		return nil, fault.New(fault.InternalInvariant, "%q cannot order by %s", ctx.Name, f.Input[f.Time].Type)
	}
	return newDedup(f, order, f.KeepLast, false, ctx, w)
}

// newDedup makes what keeps the best row of each key: the first in an order, nil for the order in which they come.
func newDedup(f *Deduplicate, order *sortWords, ties, rank bool, ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	d := &dedupInstance{f: f, order: order, ties: ties, rank: rank, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), emit: Output(w), sel: make([]int32, 0, BatchRows)}
	d.table = statebackend.NewGroupTable(store, "deduplicate", d.keys.Specs(), nil)
	if f.Final {
		d.table.Space().Pin() // in the end all keys are looked through, which those on disk are not
	}
	var ttl *statebackend.TTL
	if f.TTL > 0 {
		ttl = &statebackend.TTL{Millis: f.TTL.Milliseconds()}
		ctx.WantsTime = true
	}
	words := dedupWords
	if order != nil {
		words += len(order.parts)
	}
	d.cell = d.table.Accumulators("best", words, ttl)
	d.one.Form, d.one.Const, d.one.Words = column.Word, true, []uint64{1}
	if (f.Final || f.UpdateBefore) && !d.firstComes() {
		d.stored = NewStored(f.Input)
		d.rows = statebackend.NewRows(d.table.Space(), "row", statebackend.RowSchema{Columns: d.stored.Specs(), Time: f.TTL > 0})
	}
	d.port = Input(d.take)
	d.port.Taker = d
	return d, nil
}

// decides implements [lateTaker]: where no row is kept, the keys and the order tell which row is told.
func (d *dedupInstance) decides() []int {
	if d.rows != nil {
		return nil
	}
	cols := slices.Clone(d.f.Keys)
	if d.order != nil {
		for _, k := range d.order.keys {
			cols = append(cols, k.Column)
		}
	}
	return cols
}

// takeLate implements [lateTaker].
func (d *dedupInstance) takeLate(b *column.Batch, rest func(rows []int32) *column.Batch) {
	d.rest = rest
	d.take(b)
	d.rest = nil
}

// firstComes tells that the first row to come is the one.
func (d *dedupInstance) firstComes() bool { return d.order == nil && !d.ties }

func (d *dedupInstance) Inputs() []any { return []any{d.port} }

func (d *dedupInstance) take(b *column.Batch) {
	if d.ctx.Failed {
		return
	}
	if d.f.TTL > 0 {
		d.horizon = d.ctx.NowMillis - d.f.TTL.Milliseconds() + 1
		if d.rows != nil {
			d.rows.SetHorizon(d.horizon)
		}
	}
	refs := room(&d.refs, b.N)
	d.fresh = d.table.Lookup(d.keys.Of(b, b.Sel), refs, d.fresh[:0])
	bases := room(&d.bases, b.N)
	d.table.Edit(d.cell, refs, b.Sel, bases)
	if d.order != nil {
		d.words = d.order.of(b, Selected(b))
	}
	if !d.f.PerRow || d.f.Final {
		d.process(b, Selected(b))
	} else {
		eachRun(&d.group, refs, Selected(b), &d.run, func(sel []int32) { d.process(b, sel) })
	}
	if d.rows != nil {
		d.rows.Sweep(2 * b.Rows())
	}
	d.store.BreatheRows(b.Rows())
}

// eachRun cuts rows into runs in which no key comes twice. They are as long as can be, so rows stay in order.
func eachRun(table *refTable, refs []statebackend.Ref, sel []int32, run *[]int32, process func(sel []int32)) {
	*run = (*run)[:0]
	table.reset(len(sel))
	for _, row := range sel {
		if at := table.at(uint64(refs[row])); *at >= 0 {
			process(*run)
			*run = (*run)[:0]
			table.reset(len(sel))
			*table.at(uint64(refs[row])) = 1
		} else {
			*at = 1
		}
		*run = append(*run, row)
	}
	if len(*run) > 0 {
		process(*run)
	}
}

// process takes rows of a batch, of which the keys' accumulators are at hand.
func (d *dedupInstance) process(b *column.Batch, rows []int32) {
	d.choose(b, rows)
	changed := d.sel[:0]
	for i, row := range rows {
		if d.winners[d.place[i]] == row {
			changed = append(changed, row)
		}
	}
	d.sel = changed
	switch {
	case len(changed) == 0:
	case d.rows == nil:
		d.emitRows(b, rows, changed)
	default:
		d.replace(b, rows, changed)
	}
}

// choose finds the best row of each key.
func (d *dedupInstance) choose(b *column.Batch, rows []int32) {
	f := d.f
	d.winners, d.had = d.winners[:0], d.had[:0]
	place := room(&d.place, len(rows))
	var group refTable
	if f.PerRow && !f.Final { // the run's table has the keys, each once
		for i := range rows {
			place[i] = int32(i)
			d.enter(rows[i])
		}
	} else {
		group = d.group
		group.reset(len(rows))
		for i, row := range rows {
			at := group.at(uint64(d.refs[row]))
			if *at < 0 {
				*at = int32(len(d.winners))
				d.enter(row)
			}
			place[i] = *at
		}
		d.group = group
	}
	off := d.cell.AccumulatorOffset()
	now := uint64(d.ctx.NowMillis)
	if len(d.words) == 1 {
		words := d.words[0]
		for i, row := range rows {
			acc := (*[dedupWords + 1]uint64)(unsafe.Add(d.bases[row], off))
			if w := words[row]; acc[dedupPresent] == 0 || w < acc[dedupWords] || w == acc[dedupWords] && d.ties {
				acc[dedupPresent], acc[dedupWritten], acc[dedupWords] = 1, now, w
				d.winners[place[i]] = row
			}
		}
		return
	}
	for i, row := range rows {
		acc := unsafe.Slice((*uint64)(unsafe.Add(d.bases[row], off)), dedupWords+len(d.words))
		if acc[dedupPresent] == 0 || d.better(row, acc[dedupWords:]) {
			acc[dedupPresent], acc[dedupWritten] = 1, now
			for k, w := range d.words {
				acc[dedupWords+k] = w[row]
			}
			d.winners[place[i]] = row
		}
	}
}

// better tells whether a row takes the place of one with the given sort words.
func (d *dedupInstance) better(row int32, words []uint64) bool {
	for k, w := range words {
		if v := d.words[k][row]; v != w {
			return v < w
		}
	}
	return d.ties
}

func (d *dedupInstance) enter(row int32) {
	acc := (*[dedupWords]uint64)(unsafe.Add(d.bases[row], d.cell.AccumulatorOffset()))
	if d.f.TTL > 0 && int64(acc[dedupWritten]) < d.horizon {
		acc[dedupPresent] = 0
	}
	d.winners, d.had = append(d.winners, -1), append(d.had, acc[dedupPresent] != 0)
}

// emitRows passes on rows of the batch, without what was there before.
func (d *dedupInstance) emitRows(b *column.Batch, rows, changed []int32) {
	if d.rest != nil {
		d.emitLate(rows, changed)
		return
	}
	d.view.N, d.view.Cols, d.view.Sel, d.view.Kinds = b.N, b.Cols, changed, nil
	if !d.firstComes() {
		kinds := d.view.OwnKinds(b.N)
		for i, row := range rows {
			kinds[row] = types.Insert
			if d.had[d.place[i]] {
				kinds[row] = types.UpdateAfter
			}
		}
	}
	if d.rank {
		d.ranked = append(append(d.ranked[:0], b.Cols...), &d.one)
		d.view.Cols = d.ranked
	}
	d.emit(&d.view)
}

// emitLate is emitRows of a batch whose rows are yet to be made.
func (d *dedupInstance) emitLate(rows, changed []int32) {
	b := d.rest(changed)
	d.view.N, d.view.Cols, d.view.Sel, d.view.Kinds = b.N, b.Cols, nil, nil
	if !d.firstComes() {
		kinds := d.view.OwnKinds(b.N)[:0]
		for i, row := range rows {
			switch {
			case d.winners[d.place[i]] != row:
			case d.had[d.place[i]]:
				kinds = append(kinds, types.UpdateAfter)
			default:
				kinds = append(kinds, types.Insert)
			}
		}
	}
	if d.rank {
		d.ranked = append(append(d.ranked[:0], b.Cols...), &d.one)
		d.view.Cols = d.ranked
	}
	d.emit(&d.view)
}

// replace puts rows into the places of those that were kept, and tells both.
func (d *dedupInstance) replace(b *column.Batch, rows, changed []int32) {
	matches, found := room(&d.matches, len(changed)), room(&d.found, len(changed))
	var cursor statebackend.RowCursor
	n, _ := d.rows.Probe(d.refs, changed, &cursor, matches, found)
	matches, found = matches[:n], found[:n]
	if !d.f.Final {
		d.from = d.from[:0]
		kinds := d.out.OwnKinds(len(changed) + n)[:0]
		at := 0
		for _, row := range changed {
			if at < n && matches[at] == row {
				d.from = append(d.from, ^int32(at), row)
				kinds = append(kinds, types.UpdateBefore, types.UpdateAfter)
				at++
				continue
			}
			d.from, kinds = append(d.from, row), append(kinds, types.Insert)
		}
		widen(&d.out, len(d.f.Input))
		widen(&d.old, len(d.f.Input))
		for c, v := range d.out.Cols {
			d.stored.Read(d.rows, c, c, found, d.old.Cols[c])
			d.mixer.mix(v, b.Cols[c], d.old.Cols[c], n, d.from)
		}
		d.out.N, d.out.Sel, d.out.Kinds = len(d.from), nil, kinds
		d.send()
	}
	d.keyRefs = d.keyRefs[:0]
	for _, row := range matches {
		d.keyRefs = append(d.keyRefs, d.refs[row])
	}
	d.rows.Delete(d.keyRefs, found)
	var times []int64
	if d.f.TTL > 0 {
		times = room(&d.times, b.N)
		for i := range times {
			times[i] = d.ctx.NowMillis
		}
	}
	d.rows.Append(d.refs, changed, d.stored.Of(b, nil, changed), times, nil)
}

// send emits the rows of the output, with their number if it is asked for.
func (d *dedupInstance) send() {
	if d.rank {
		d.out.Cols = append(d.out.Cols, &d.one)
	}
	d.emit(&d.out)
	d.out.Cols = d.out.Cols[:len(d.f.Input)]
}

// widen gives a batch columns.
func widen(b *column.Batch, n int) {
	for len(b.Cols) < n {
		b.Cols = append(b.Cols, new(column.Vector))
	}
}

// Finish implements [operator.Instance]: in batch mode, the rows come now.
func (d *dedupInstance) Finish() (more bool) {
	if !d.f.Final || d.rows == nil || d.ctx.Failed {
		return false
	}
	d.keyRefs, more = d.scan.next(d.table, d.ctx.KeyGroups.Len(), d.keyRefs[:0])
	matches, found := room(&d.matches, BatchRows), room(&d.found, BatchRows)
	widen(&d.out, len(d.f.Input))
	var cursor statebackend.RowCursor
	for again := true; again; {
		d.out.N, again = d.rows.Probe(d.keyRefs, nil, &cursor, matches, found)
		for c, v := range d.out.Cols {
			d.stored.Read(d.rows, c, c, found[:d.out.N], v)
		}
		d.out.Sel, d.out.Kinds = nil, nil
		d.send()
	}
	return more
}

// tableScan goes through the keys of a table, some at a time.
type tableScan struct {
	group int
	from  uint32
}

// next appends the next keys, and reports whether there may be more. groups is the number of key groups.
func (s *tableScan) next(t *statebackend.GroupTable, groups int, refs []statebackend.Ref) ([]statebackend.Ref, bool) {
	for s.group < groups && len(refs) < finalKeys {
		refs, s.from = t.Groups(s.group, s.from, finalKeys-len(refs), refs)
		if s.from == 0 {
			s.group++
		}
	}
	return refs, s.group < groups
}
