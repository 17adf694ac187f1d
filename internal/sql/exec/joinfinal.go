package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// finalKeys is how many keys are looked through in a step at the end.
const finalKeys = 256

// Finish implements [operator.Instance]: in batch mode, rows that have found no partner come now.
func (j *joinInstance) Finish() (more bool) {
	if j.interval != nil {
		return !j.ctx.Failed && j.expireUntil(math.MaxInt64)
	}
	if !j.f.Final || j.ctx.Failed || j.f.Kind == logical.Inner || j.f.Kind == logical.Semi {
		return false
	}
	j.keyRefs, more = j.scan.next(j.table, j.ctx.KeyGroups.Len(), j.keyRefs[:0])
	for s := range j.sides {
		if j.sides[s].counts {
			j.lonely(s, j.keyRefs)
		}
	}
	return more
}

// lonely emits the rows of some keys that have no partner.
func (j *joinInstance) lonely(s int, refs []statebackend.Ref) {
	var cursor statebackend.RowCursor
	for more := true; more && !j.ctx.Failed; {
		var n int
		n, more = j.sides[s].rows.Probe(refs, nil, &cursor, j.matches, j.found)
		j.padded(s, j.found[:n])
	}
}

// padded emits those rows of a side that have no partner, with nulls. It uses up the list.
func (j *joinInstance) padded(s int, found []statebackend.RowRef) {
	side, out := &j.sides[s], &j.out[s]
	values := room(&j.values, len(found))
	side.store.ReadCounters(0, found, values)
	kept := found[:0]
	for i, v := range values {
		if v == 0 {
			kept = append(kept, found[i])
		}
	}
	if len(kept) == 0 {
		return
	}
	width := len(j.f.Left) + len(j.f.Right)
	if j.f.semi() {
		width = len(j.f.Left)
	}
	widen(out, width)
	for c := range side.fields {
		side.stored.Read(side.store, side.at[c], side.at[c], kept, out.Cols[side.base+c])
	}
	if other := &j.sides[1-s]; !j.f.semi() {
		for c, f := range other.fields {
			nullVector(out.Cols[other.base+c], column.FormOf(f.Type), column.ShapeOf(f.Type), len(kept))
		}
	}
	j.view.N, j.view.Cols, j.view.Sel, j.view.Kinds = len(kept), out.Cols[:width], nil, nil
	j.emit(&j.view)
}

// formerRows makes a changelog with -U rows of one without.
type formerRows struct {
	table    refTable
	refs     []statebackend.Ref
	matches  []int32
	found    []statebackend.RowRef
	at       []int32 // of the former row of each row of the chunk, -1 for none
	rows     []int32
	kinds    []types.RowKind
	combined column.Vector
	out      column.Batch
}

// withFormer puts a row's former one in front of it, as -U, which is the one that its key has. Deletions get the content of the row that they delete; those of nothing are left out.
func (j *joinInstance) withFormer(side *joinSide, b *column.Batch) *column.Batch {
	m := &j.former
	refs := room(&m.refs, b.N)
	complete := j.lookup(side, b, b.Sel, refs, true)
	matches, found := room(&m.matches, b.N), room(&m.found, b.N)
	var cursor statebackend.RowCursor
	n, _ := side.rows.Probe(refs, complete, &cursor, matches, found)
	matches, found = matches[:n], found[:n]
	at := room(&m.at, b.N)
	for i := range at {
		at[i] = -1
	}
	for i, row := range matches {
		at[row] = int32(i)
	}
	m.table.reset(b.N)
	m.rows, m.kinds = m.rows[:0], m.kinds[:0]
	add := func(at int32, kind types.RowKind) { m.rows, m.kinds = append(m.rows, at), append(m.kinds, kind) }
	for _, row := range Selected(b) {
		kind := b.Kind(int(row))
		if refs[row] == statebackend.NoRef { // its key has a null, so it is not kept
			add(int32(n)+row, kind)
			continue
		}
		last := m.table.at(uint64(refs[row]))
		if *last == -1 {
			*last = at[row]
		}
		switch had := *last >= 0; {
		case kind.Adds() && had:
			add(*last, types.UpdateBefore)
			add(int32(n)+row, types.UpdateAfter)
			*last = int32(n) + row
		case kind.Adds():
			add(int32(n)+row, types.Insert)
			*last = int32(n) + row
		case had:
			add(*last, types.Delete)
			*last = -2
		}
	}
	for len(m.out.Cols) < len(side.fields) {
		m.out.Cols = append(m.out.Cols, new(column.Vector))
	}
	m.out.N, m.out.Sel, m.out.Kinds = len(m.rows), nil, m.kinds
	for c := range side.fields {
		v := &m.combined
		if side.held[c] >= 0 {
			v.Gather(b.Cols[c], matches)
		} else {
			side.stored.Read(side.rows, side.at[c], side.at[c], found, v)
		}
		v.Append(b.Cols[c], AllRows(b.N), n)
		m.out.Cols[c].Gather(v, m.rows)
	}
	return &m.out
}
