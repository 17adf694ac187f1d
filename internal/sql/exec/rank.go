package exec

import (
	"math"
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

// Rank keeps the rows of each key that are in a range of ROW_NUMBER in an order: a Top-N. Rows that are equal in the order are in that of their arrival.
//
// With the number in the output, or where the range is one row, a row that comes into another's place is -U and +U, and rows of ranks that become empty are -D. Without it, a row that enters is +I and one that leaves -D, the latter
// first. A key's changes by a batch are told together, so that what would be taken back within the batch is not told.
//
// On input of inserts only, no more rows are kept than are in the range; else all are, and the input has -U rows.
type Rank struct {
	Input []types.Field
	// Keys are the partition, none for a single one, with parallelism 1.
	Keys  []int
	Order []logical.SortKey
	// From and To are the first and the last rank, from 1.
	From, To int64
	// WithRank adds the number to the output, as BIGINT.
	WithRank     bool
	Consumes     types.Changelog
	UpdateBefore bool
	// TTL is how long a key is kept after its last row, in processing time; 0 for ever.
	TTL time.Duration
	// Final tells that input is inserts only, and that rows come at the end, as inserts.
	Final bool
	// PerRow has the changes by every row told.
	PerRow bool
}

// rankBudget is how many rows of tops are looked at together.
const rankBudget = 8192

// Words of a key's accumulator: when a row of it came, how many rows it has, and the sort words of the last one, if there are as many as can be.
const (
	rankWritten = iota
	rankCount
	rankBar
)

type rankInstance struct {
	operator.Base
	f       *Rank
	ctx     *operator.Context
	store   *statebackend.Store
	keys    *Keys
	table   *statebackend.GroupTable
	cell    *statebackend.Cell // nil where nothing is counted
	rows    *statebackend.Ordered
	stored  *Stored
	sort    *sortWords
	updates bool
	single  bool // the range is one row
	to      int
	emit    func(*column.Batch)
	port    *Port

	refs     []statebackend.Ref
	fresh    []int32
	bases    []unsafe.Pointer
	tops     []unsafe.Pointer
	run      []int32
	runs     refTable
	accepted []int32
	adds     []int32
	rets     []int32
	missing  []int32
	words    [][]uint64

	group   refTable
	touched []statebackend.Ref // the keys at hand, each once
	matches []int32
	found   []statebackend.RowRef
	last    []statebackend.RowRef
	old     rankLists
	new     rankLists
	member  refTable
	sorted  []int32
	cols    []*column.Vector // of what is sorted

	entryRefs  []statebackend.RowRef // rows to be emitted
	entryFrom  []int32               // with updates: ^i for the i-th former row, else the row of entryRefs
	entryKinds []types.RowKind
	entryRanks []uint64
	kept       column.Batch // contents of former rows
	read       column.Batch
	out        column.Batch
	rankVector column.Vector
	mixer      mixer
	dropKeys   []statebackend.Ref
	dropRows   []statebackend.RowRef
	barWords   [statebackend.MaxSortWords][]uint64
	scan       tableScan
	sweep      tableScan
	expired    []statebackend.Ref
}

// rankLists are the rows of keys, in order: those of key i from at[i] to at[i+1].
type rankLists struct {
	at   []int32
	rows []statebackend.RowRef
}

func (l *rankLists) of(i int) []statebackend.RowRef { return l.rows[l.at[i]:l.at[i+1]] }

// New implements [operator.Factory].
func (f *Rank) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.From < 1 || f.To < f.From {
		return nil, fault.New(fault.InternalInvariant, "rank %q is from %d to %d", ctx.Name, f.From, f.To)
	}
	if f.Consumes.Has(types.UpdateAfter) && !f.Consumes.Has(types.UpdateBefore) {
		return nil, fault.New(fault.InternalInvariant, "rank %q gets updates without their former rows", ctx.Name)
	}
	order, err := newSortWords(f.Input, f.Order, statebackend.MaxSortWords)
	if err != nil {
		return nil, err
	}
	if f.To == 1 && !f.Consumes.Updates() && order.exact { // one row of each key is all
		d := &Deduplicate{Input: f.Input, Keys: f.Keys, Time: -1, UpdateBefore: f.UpdateBefore, TTL: f.TTL, Final: f.Final, PerRow: f.PerRow}
		return newDedup(d, order, false, f.WithRank, ctx, w)
	}
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	m := &rankInstance{
		sort: order,
		f:    f, ctx: ctx, store: store, keys: NewKeys(f.Input, f.Keys), stored: NewStored(f.Input), emit: Output(w), updates: f.Consumes.Updates(), single: f.From == f.To && f.From == 1,
		to: int(min(f.To, math.MaxInt32)), accepted: make([]int32, 0, BatchRows), adds: make([]int32, 0, BatchRows), rets: make([]int32, 0, BatchRows), matches: make([]int32, BatchRows), found: make([]statebackend.RowRef, BatchRows),
	}
	m.table = statebackend.NewGroupTable(store, "rank", m.keys.Specs(), nil)
	if f.Final {
		m.table.Space().Pin() // in the end all keys are looked through, which those on disk are not
	}
	if !m.updates || f.TTL > 0 {
		m.cell = m.table.Accumulators("bar", rankBar+len(m.sort.parts), nil)
	}
	ctx.WantsTime = ctx.WantsTime || f.TTL > 0
	m.rows = statebackend.NewOrdered(m.table.Space(), "rows", statebackend.OrderedSchema{RowSchema: statebackend.RowSchema{Columns: m.stored.Specs(), Retract: m.updates}, Sort: len(m.sort.parts)})
	m.port = Input(m.take)
	return m, nil
}

func (m *rankInstance) Inputs() []any { return []any{m.port} }

func (m *rankInstance) take(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	sel := Selected(b)
	refs := room(&m.refs, b.N)
	m.fresh = m.table.Lookup(m.keys.Of(b, b.Sel), refs, m.fresh[:0])
	m.words = m.sort.of(b, sel)
	if m.cell != nil {
		bases := room(&m.bases, b.N)
		m.table.Edit(m.cell, refs, b.Sel, bases)
		if m.f.TTL > 0 {
			m.renew(sel)
		}
	}
	if m.f.PerRow && !m.f.Final {
		eachRun(&m.runs, refs, sel, &m.run, func(rows []int32) { m.process(b, rows) })
	} else {
		m.process(b, sel)
	}
	if m.updates && m.cell == nil {
		m.table.Release(refs, b.Sel)
	}
	if m.f.TTL > 0 {
		m.forget(2*len(sel) + 16)
	}
	m.store.BreatheRows(len(sel))
}

func (m *rankInstance) acc(row int32) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Add(m.bases[row], m.cell.AccumulatorOffset())), rankBar+len(m.sort.parts))
}

// renew empties keys that have expired, and begins the time of all anew.
func (m *rankInstance) renew(sel []int32) {
	horizon := m.ctx.NowMillis - m.f.TTL.Milliseconds()
	var gone []int32
	for _, row := range sel {
		acc := m.acc(row)
		if acc[rankWritten] != 0 && int64(acc[rankWritten]) <= horizon {
			gone = append(gone, row)
			acc[rankCount] = 0
		}
		acc[rankWritten] = uint64(m.ctx.NowMillis)
	}
	if gone != nil {
		m.rows.DeleteTo(m.refs, gone, math.MaxUint64)
		m.table.Edit(m.cell, m.refs, sel, m.bases)
	}
}

// forget looks through the next keys for those that have expired.
func (m *rankInstance) forget(keys int) {
	horizon := m.ctx.NowMillis - m.f.TTL.Milliseconds()
	for ; keys > 0; keys -= finalKeys {
		refs, more := m.sweep.next(m.table, m.ctx.KeyGroups.Len(), m.expired[:0])
		m.expired = refs
		bases := room(&m.bases, len(refs))
		m.table.View(refs, nil, bases)
		gone := refs[:0]
		for i, ref := range refs {
			if w := *(*uint64)(unsafe.Add(bases[i], m.cell.AccumulatorOffset())); int64(w) <= horizon {
				gone = append(gone, ref)
			}
		}
		m.table.Remove(gone, nil)
		if !more {
			m.sweep = tableScan{}
			return
		}
	}
}

// process takes rows of a batch whose keys and sort words are at hand.
func (m *rankInstance) process(b *column.Batch, rows []int32) {
	if !m.updates {
		if rows = m.accept(rows); len(rows) == 0 {
			return
		}
		m.insert(b, rows)
		return
	}
	for piece := max(1, rankBudget/m.to); len(rows) > 0; {
		n := min(piece, len(rows))
		m.change(b, rows[:n])
		rows = rows[n:]
	}
}

// accept leaves out the rows that are behind the last of a full key.
func (m *rankInstance) accept(rows []int32) []int32 {
	out := m.accepted[:0]
	if len(m.words) == 1 && m.sort.exact {
		words, off := m.words[0], m.cell.AccumulatorOffset()
		for _, row := range rows {
			acc := (*[rankBar + 1]uint64)(unsafe.Add(m.bases[row], off))
			if acc[rankCount] < uint64(m.to) || words[row] < acc[rankBar] {
				out = append(out, row)
			}
		}
	} else {
		for _, row := range rows {
			if acc := m.acc(row); acc[rankCount] < uint64(m.to) || m.before(row, acc[rankBar:]) {
				out = append(out, row)
			}
		}
	}
	m.accepted = out
	return out
}

// before tells whether a row may come before one with the given sort words.
func (m *rankInstance) before(row int32, bar []uint64) bool {
	for i, w := range bar {
		if w != m.words[i][row] {
			return m.words[i][row] < w
		}
	}
	return !m.sort.exact
}

// distinct lists the keys of rows, each once.
func (m *rankInstance) distinct(rows []int32) {
	m.group.reset(len(rows))
	m.touched = m.touched[:0]
	for _, row := range rows {
		if at := m.group.at(uint64(m.refs[row])); *at < 0 {
			*at = int32(len(m.touched))
			m.touched = append(m.touched, m.refs[row])
		}
	}
}

// list finds the rows of the touched keys, in order: at most limit of each, 0 for all.
func (m *rankInstance) list(l *rankLists, limit int) {
	l.at, l.rows = append(l.at[:0], 0), l.rows[:0]
	var cursor statebackend.OrderedCursor
	scan := statebackend.OrderedScan{Limit: limit}
	if !m.sort.exact {
		scan.Limit = 0
	}
	for more := true; more; {
		var n int
		n, more = m.rows.Scan(m.touched, nil, scan, &cursor, m.matches, m.found)
		for i, key := range m.matches[:n] {
			for len(l.at) <= int(key) {
				l.at = append(l.at, int32(len(l.rows)))
			}
			l.rows = append(l.rows, m.found[i])
		}
	}
	for len(l.at) <= len(m.touched) {
		l.at = append(l.at, int32(len(l.rows)))
	}
	if m.sort.exact {
		return
	}
	for len(m.cols) < len(m.f.Order) {
		m.cols = append(m.cols, new(column.Vector))
	}
	end := int32(0)
	kept := l.rows[:0]
	for i := range m.touched {
		rows := l.rows[l.at[i]:l.at[i+1]]
		sorted := m.sortRows(rows)
		if limit > 0 && len(sorted) > limit {
			sorted = sorted[:limit]
		}
		l.at[i] = end
		kept = append(kept, sorted...)
		end = int32(len(kept))
	}
	l.at[len(m.touched)] = end
	l.rows = kept
}

// sortRows orders the rows of a key, which are in the order of their words, by their columns.
func (m *rankInstance) sortRows(rows []statebackend.RowRef) []statebackend.RowRef {
	for i, k := range m.f.Order {
		m.stored.Read(m.rows, k.Column, k.Column, rows, m.cols[i])
	}
	at := room(&m.sorted, len(rows))
	copy(at, AllRows(len(rows)))
	slices.SortStableFunc(at, func(a, b int32) int { return m.sort.compare(m.cols, int(a), int(b)) })
	m.last = m.last[:0]
	for _, i := range at {
		m.last = append(m.last, rows[i])
	}
	copy(rows, m.last)
	return rows
}

// insert takes rows that may be among the tops, of an input of inserts.
func (m *rankInstance) insert(b *column.Batch, rows []int32) {
	m.distinct(rows)
	if !m.f.Final {
		m.list(&m.old, 0)
	}
	m.rows.Insert(m.refs, rows, m.words, m.stored.Of(b, nil, rows), nil, nil)
	m.list(&m.new, 0)
	m.dropKeys, m.dropRows = m.dropKeys[:0], m.dropRows[:0]
	for i, key := range m.touched {
		list := m.new.of(i)
		if len(list) > m.to {
			for _, row := range list[m.to:] {
				m.dropKeys, m.dropRows = append(m.dropKeys, key), append(m.dropRows, row)
			}
			list = list[:m.to]
		}
		if !m.f.Final {
			m.compare(m.old.of(i), list, 0)
		}
	}
	m.flush()
	m.raise()
	m.rows.Delete(m.dropKeys, m.dropRows)
}

// raise writes down how many rows the touched keys have, and which is the last.
func (m *rankInstance) raise() {
	last := m.last[:0]
	for i := range m.touched {
		list := m.new.of(i)
		last = append(last, list[min(len(list), m.to)-1])
	}
	for i := range m.sort.parts {
		m.rows.ReadSort(i, last, room(&m.barWords[i], len(last)))
	}
	m.last = last
	touched := room(&m.tops, len(m.touched))
	m.table.Edit(m.cell, m.touched, nil, touched)
	for i, p := range touched {
		acc := unsafe.Slice((*uint64)(unsafe.Add(p, m.cell.AccumulatorOffset())), rankBar+len(m.sort.parts))
		acc[rankCount] = uint64(min(len(m.new.of(i)), m.to))
		for k := range m.sort.parts {
			acc[rankBar+k] = m.barWords[k][i]
		}
	}
}

// change takes rows of an input with updates.
func (m *rankInstance) change(b *column.Batch, rows []int32) {
	m.distinct(rows)
	m.list(&m.old, m.to)
	widen(&m.kept, len(m.f.Input))
	for c, v := range m.kept.Cols[:len(m.f.Input)] {
		m.stored.Read(m.rows, c, c, m.old.rows, v)
	}
	m.adds, m.rets = m.adds[:0], m.rets[:0]
	for _, row := range rows {
		if b.Kind(int(row)).Adds() {
			m.adds = append(m.adds, row)
		} else {
			m.rets = append(m.rets, row)
		}
	}
	cols := m.stored.Of(b, nil, rows)
	m.rows.Insert(m.refs, m.adds, m.words, cols, nil, nil) // before any row goes, so that no new one has the place of an old one
	m.missing = m.rows.Retract(m.refs, m.rets, m.words, cols, m.missing[:0])
	m.list(&m.new, m.to)
	for i := range m.touched {
		m.compare(m.old.of(i), m.new.of(i), int(m.old.at[i]))
	}
	m.flush()
}

// compare tells what has changed for a key. base is the number of its first former row among those whose contents are kept.
func (m *rankInstance) compare(old, now []statebackend.RowRef, base int) {
	from := int(m.f.From) - 1
	if m.f.WithRank || m.single {
		for r := from; r < max(len(old), len(now)); r++ {
			rank := uint64(r + 1)
			switch {
			case r < len(old) && r < len(now):
				if old[r] != now[r] {
					if m.f.UpdateBefore {
						m.former(old[r], base+r, types.UpdateBefore, rank)
					}
					m.current(now[r], types.UpdateAfter, rank)
				}
			case r < len(now):
				m.current(now[r], types.Insert, rank)
			default:
				m.former(old[r], base+r, types.Delete, rank)
			}
		}
		return
	}
	cut := func(l []statebackend.RowRef) []statebackend.RowRef {
		if len(l) <= from {
			return nil
		}
		return l[from:]
	}
	m.member.reset(len(old) + len(now))
	for _, row := range cut(now) {
		*m.member.at(uint64(row)) = 1
	}
	for i, row := range cut(old) {
		if at := m.member.at(uint64(row)); *at < 0 {
			m.former(row, base+from+i, types.Delete, 0)
		} else {
			*at = 2
		}
	}
	for _, row := range cut(now) {
		if *m.member.at(uint64(row)) == 1 {
			m.current(row, types.Insert, 0)
		}
	}
}

// former puts out a row that was there before, which is the i-th whose content is kept, if it may be gone.
func (m *rankInstance) former(row statebackend.RowRef, i int, kind types.RowKind, rank uint64) {
	if m.updates {
		m.entryFrom = append(m.entryFrom, ^int32(i))
		m.entryKinds, m.entryRanks = append(m.entryKinds, kind), append(m.entryRanks, rank)
		return
	}
	m.current(row, kind, rank)
}

// current puts out a row that is there.
func (m *rankInstance) current(row statebackend.RowRef, kind types.RowKind, rank uint64) {
	if m.updates {
		m.entryFrom = append(m.entryFrom, int32(len(m.entryRefs)))
	}
	m.entryRefs, m.entryKinds, m.entryRanks = append(m.entryRefs, row), append(m.entryKinds, kind), append(m.entryRanks, rank)
}

// flush emits what was put out, in batches.
func (m *rankInstance) flush() {
	width := len(m.f.Input)
	widen(&m.out, width)
	refs, from, kinds, ranks := m.entryRefs, m.entryFrom, m.entryKinds, m.entryRanks
	if m.updates {
		widen(&m.read, width)
		for c, v := range m.read.Cols[:width] {
			m.stored.Read(m.rows, c, c, refs, v)
		}
	}
	for lo := 0; lo < len(kinds); {
		hi := min(lo+BatchRows, len(kinds))
		if hi < len(kinds) && kinds[hi-1] == types.UpdateBefore {
			hi++
		}
		for c, v := range m.out.Cols[:width] {
			if m.updates {
				m.mixer.mix(v, m.read.Cols[c], m.kept.Cols[c], len(m.old.rows), from[lo:hi])
			} else {
				m.stored.Read(m.rows, c, c, refs[lo:hi], v)
			}
		}
		m.send(kinds[lo:hi], ranks[lo:hi])
		lo = hi
	}
	m.entryRefs, m.entryFrom, m.entryKinds, m.entryRanks = refs[:0], from[:0], kinds[:0], ranks[:0]
}

// send emits the rows of the output with their kinds and ranks.
func (m *rankInstance) send(kinds []types.RowKind, ranks []uint64) {
	width := len(m.f.Input)
	m.out.Cols = m.out.Cols[:width]
	m.out.N, m.out.Sel, m.out.Kinds = len(kinds), nil, kinds
	if m.f.WithRank {
		m.rankVector.Form, m.rankVector.Words = column.Word, ranks
		m.out.Cols = append(m.out.Cols, &m.rankVector)
	}
	m.emit(&m.out)
	m.out.Cols = m.out.Cols[:width]
}

// Finish implements [operator.Instance]: in batch mode, the rows come now.
func (m *rankInstance) Finish() (more bool) {
	if !m.f.Final || m.ctx.Failed {
		return false
	}
	m.touched, more = m.scan.next(m.table, m.ctx.KeyGroups.Len(), m.touched[:0])
	m.list(&m.new, 0)
	for i := range m.touched {
		for r, row := range m.new.of(i) {
			if r+1 >= int(m.f.From) && r < m.to {
				m.current(row, types.Insert, uint64(r+1))
			}
		}
	}
	m.flush()
	return more
}
