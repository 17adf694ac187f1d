package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// joinEntries are rows of output on their way: pairs, and rows of one side with nulls for the other.
type joinEntries struct {
	rows  []int32               // rows of the chunk, also where its columns are to be null: keys are taken from it
	refs  []statebackend.RowRef // rows of the other side, 0 for none
	kinds []types.RowKind
	nulls []joinNulls
	some  joinNulls // which nulls there are at all
}

type joinNulls uint8

const (
	nullOwn joinNulls = 1 << iota
	nullOther
)

func (e *joinEntries) add(row int32, ref statebackend.RowRef, kind types.RowKind, nulls joinNulls) {
	e.rows, e.refs, e.kinds, e.nulls = append(e.rows, row), append(e.refs, ref), append(e.kinds, kind), append(e.nulls, nulls)
	e.some |= nulls
}

func (e *joinEntries) reset() {
	e.rows, e.refs, e.kinds, e.nulls, e.some = e.rows[:0], e.refs[:0], e.kinds[:0], e.nulls[:0], 0
}

// outer emits what a chunk does where a side has rows without a partner: row by row, since a row may change what the next one does.
func (j *joinInstance) outer(s int, b *column.Batch, sel []int32, refs []statebackend.Ref) {
	own, other := &j.sides[s], &j.sides[1-s]
	counts := j.clearCounts(b)
	rows := Selected(b)
	waits := j.waits && !(j.f.Final && j.sides[1-s].ended)
	var cursor joinCursor
	at := 0
	alone := func(until int32) { // the rows before that one have all their partners
		for ; at < len(rows) && rows[at] != until; at++ {
			row := rows[at]
			if counts[row] > 0 || waits && refs[row] != statebackend.NoRef && (j.interval == nil || j.interval.times[row] >= own.horizon) {
				continue
			}
			kind := types.Delete
			if b.Kind(int(row)).Adds() {
				kind = types.Insert
			}
			j.put(s, b, row, 0, kind, nullOther)
		}
	}
	for more := true; more && !j.ctx.Failed; {
		var n int
		n, more = j.nextPairs(s, b, sel, refs, &cursor)
		if n == 0 {
			continue
		}
		matches, found := j.matches[:n], j.found[:n]
		var partners []uint64
		var place []int32
		if other.counts {
			place, partners = j.partners.load(other, refs, matches, found)
		}
		for i, row := range matches {
			if own.outer {
				alone(row)
			}
			counts[row]++
			kind := b.Kind(int(row))
			adds := kind.Adds()
			if other.counts {
				p := &partners[place[i]]
				if adds {
					if *p == 0 && !j.waits {
						j.put(s, b, row, found[i], types.Delete, nullOwn)
					}
					*p++
				}
			}
			j.put(s, b, row, found[i], pairKind(own.outer, other.outer, kind), 0)
			if other.counts && !adds {
				if p := &partners[place[i]]; *p > 0 { // a partner that has expired was not counted down
					if *p == 1 {
						j.put(s, b, row, found[i], types.Insert, nullOwn)
					}
					*p--
				}
			}
		}
		if other.counts {
			j.partners.store(other)
		}
	}
	if own.outer {
		alone(-1)
	}
	j.flushEntries(s, b)
}

// pairKind is the kind of a pair made by a row of the given kind.
func pairKind(ownOuter, otherOuter bool, kind types.RowKind) types.RowKind {
	switch {
	case kind.Adds() && (ownOuter || otherOuter):
		return types.Insert
	case !kind.Adds() && ownOuter:
		return types.Delete
	}
	return kind
}

func (j *joinInstance) clearCounts(b *column.Batch) []int32 {
	counts := room(&j.counts, b.N)
	clear(counts)
	return counts
}

func (j *joinInstance) put(s int, b *column.Batch, row int32, ref statebackend.RowRef, kind types.RowKind, nulls joinNulls) {
	if kind == types.UpdateBefore && !j.f.UpdateBefore {
		return
	}
	j.entries.add(row, ref, kind, nulls)
	if len(j.entries.rows) == BatchRows {
		j.flushEntries(s, b)
	}
}

func (j *joinInstance) flushEntries(s int, b *column.Batch) {
	e := &j.entries
	n := len(e.rows)
	if n == 0 {
		return
	}
	out := &j.out[s]
	own, other := &j.sides[s], &j.sides[1-s]
	semi := j.f.semi() // the output is the other side's rows then
	width := len(j.f.Left) + len(j.f.Right)
	for len(out.Cols) < width {
		out.Cols = append(out.Cols, new(column.Vector))
	}
	if !semi {
		for c := range own.fields {
			v := out.Cols[own.base+c]
			v.Pick(b.Cols[c], e.rows)
			e.setNull(v, nullOwn)
		}
	}
	some := e.fillRefs()
	for c, f := range other.fields {
		v := out.Cols[other.base+c]
		switch {
		case some:
			j.gatherOther(own, other, c, b, e.rows, e.refs, v)
			e.setNull(v, nullOther)
		default:
			nullVector(v, column.FormOf(f.Type), column.ShapeOf(f.Type), n)
		}
	}
	j.view.N, j.view.Sel, j.view.Cols = n, nil, out.Cols[:width]
	if semi {
		j.view.Cols = out.Cols[:len(other.fields)]
	}
	j.view.Kinds = nil
	for _, k := range e.kinds {
		if k != types.Insert {
			j.view.Kinds = e.kinds
			break
		}
	}
	j.emit(&j.view)
	e.reset()
}

// fillRefs puts another row in the place of none, and reports whether there is one.
func (e *joinEntries) fillRefs() bool {
	var one statebackend.RowRef
	for _, r := range e.refs {
		if r != 0 {
			one = r
			break
		}
	}
	if one == 0 {
		return false
	}
	for i, r := range e.refs {
		if r == 0 {
			e.refs[i] = one
		}
	}
	return true
}

func (e *joinEntries) setNull(v *column.Vector, which joinNulls) {
	if e.some&which == 0 {
		return
	}
	for i, null := range e.nulls {
		if null&which != 0 {
			v.SetNull(i, len(e.nulls))
		}
	}
}

// nullVector makes v n nulls.
func nullVector(v *column.Vector, form column.Form, shape column.Shape, n int) {
	v.Reset(form, n)
	switch form {
	case column.Word:
		clear(v.Words)
	case column.Wide:
		clear(v.Wide)
	case column.Text:
		clear(v.Views)
	default:
		v.Reset(form, 0)
		for i := range n {
			v.AppendValue(column.NullValue(), &shape, i)
		}
		return
	}
	v.NoneValid(n)
}

// partnerCounts has the numbers of partners of the rows that a batch of pairs has met, each once.
type partnerCounts struct {
	table  refTable
	place  []int32
	refs   []statebackend.RowRef
	keys   []statebackend.Ref
	values []uint64
}

// load reads the numbers. place says where in them that of each pair is.
func (p *partnerCounts) load(side *joinSide, refs []statebackend.Ref, matches []int32, found []statebackend.RowRef) (place []int32, values []uint64) {
	p.table.reset(len(found))
	place = room(&p.place, len(found))
	p.refs, p.keys = p.refs[:0], p.keys[:0]
	for i, r := range found {
		at := p.table.at(uint64(r))
		if *at < 0 {
			*at = int32(len(p.refs))
			p.refs, p.keys = append(p.refs, r), append(p.keys, refs[matches[i]])
		}
		place[i] = *at
	}
	values = room(&p.values, len(p.refs))
	side.store.ReadCounters(0, p.refs, values)
	return place, values
}

func (p *partnerCounts) store(side *joinSide) { side.store.SetCounters(p.keys, p.refs, 0, p.values) }

// refTable is a small table of numbers by row or key, emptied for each chunk.
type refTable struct {
	slots []refSlot
	epoch uint32
	shift uint
}

type refSlot struct {
	key   uint64
	epoch uint32
	value int32
}

// reset empties the table, with room for n keys.
func (t *refTable) reset(n int) {
	size := max(64, len(t.slots))
	for size < 2*n {
		size *= 2
	}
	if size > len(t.slots) {
		t.slots, t.epoch, t.shift = make([]refSlot, size), 0, 64
		for s := size; s > 1; s /= 2 {
			t.shift--
		}
	}
	if t.epoch++; t.epoch == 0 {
		clear(t.slots)
		t.epoch = 1
	}
}

// at returns the number of a key, -1 at first.
func (t *refTable) at(key uint64) *int32 {
	mask := uint64(len(t.slots) - 1)
	for i := key * 0x9E3779B97F4A7C15 >> t.shift; ; i++ {
		s := &t.slots[i&mask]
		switch {
		case s.epoch != t.epoch:
			*s = refSlot{key, t.epoch, -1}
			return &s.value
		case s.key == key:
			return &s.value
		}
	}
}

// semiLeft passes on those left rows of a chunk that have a partner, or those that have none.
func (j *joinInstance) semiLeft(b *column.Batch, sel []int32, refs []statebackend.Ref) {
	counts := j.clearCounts(b)
	right := &j.sides[1]
	if j.residual == nil && !right.timed {
		tally := room(&j.tally, b.N)
		right.rows.Count(refs, sel, tally)
		for _, row := range Selected(b) {
			counts[row] = int32(min(tally[row], math.MaxInt32))
		}
	} else {
		var cursor joinCursor
		for more := true; more && !j.ctx.Failed; {
			var n int
			n, more = j.nextPairs(0, b, sel, refs, &cursor)
			for _, row := range j.matches[:n] {
				counts[row]++
			}
		}
	}
	anti := j.f.Kind == logical.Anti
	waits := anti && j.f.Final && !right.ended
	j.sel = j.sel[:0]
	for _, row := range Selected(b) {
		if counts[row] > 0 == anti || waits && refs[row] != statebackend.NoRef || !j.f.UpdateBefore && b.Kind(int(row)) == types.UpdateBefore {
			continue
		}
		j.sel = append(j.sel, row)
	}
	j.view.N, j.view.Cols, j.view.Sel, j.view.Kinds = b.N, b.Cols, j.sel, b.Kinds
	j.emit(&j.view)
}

// semiRight emits the left rows that get their first partner by a chunk of right rows, or lose their last.
func (j *joinInstance) semiRight(b *column.Batch, sel []int32, refs []statebackend.Ref) {
	left, anti := &j.sides[0], j.f.Kind == logical.Anti
	var cursor joinCursor
	j.rowRefs, j.keyRefs = j.rowRefs[:0], j.keyRefs[:0]
	for more := true; more && !j.ctx.Failed; {
		var n int
		n, more = j.nextPairs(1, b, sel, refs, &cursor)
		if n == 0 {
			continue
		}
		matches, found := j.matches[:n], j.found[:n]
		place, partners := j.partners.load(left, refs, matches, found)
		for i, row := range matches {
			p, kind := &partners[place[i]], b.Kind(int(row))
			switch {
			case kind.Adds():
				if *p++; *p > 1 {
					continue
				}
				if anti {
					kind = types.Delete
				}
				if left.skipMatched {
					j.rowRefs, j.keyRefs = append(j.rowRefs, found[i]), append(j.keyRefs, refs[row])
				}
			case *p == 0:
				continue
			default:
				if *p--; *p > 0 {
					continue
				}
				if anti {
					kind = types.Insert
				}
			}
			if !(anti && j.f.Final) {
				j.put(1, b, row, found[i], kind, 0)
			}
		}
		j.partners.store(left)
	}
	j.flushEntries(1, b)
	if len(j.rowRefs) > 0 {
		left.rows.Delete(j.keyRefs, j.rowRefs)
	}
}
