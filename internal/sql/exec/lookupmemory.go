package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// lookupMemory keeps what was found for the rows of an input that changes, by their key: what takes a row back is joined with what the row was joined with, whatever the table has by then.
type lookupMemory struct {
	store   *statebackend.Store
	table   *statebackend.GroupTable
	keys    *Keys
	rows    *statebackend.Rows
	stored  *Stored
	refs    []statebackend.Ref
	fresh   []int32
	seen    refTable
	run     []int32
	removes bool
	matches []int32
	found   []statebackend.RowRef
	marks   []int32
	chunk   []statebackend.RowRef
	owners  []statebackend.Ref
}

func newLookupMemory(ctx *operator.Context, input []types.Field, keys []int, table []types.Field) (*lookupMemory, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	k := &lookupMemory{store: store, keys: NewKeys(input, keys), stored: NewStored(table), marks: make([]int32, BatchRows), chunk: make([]statebackend.RowRef, BatchRows)}
	k.table = statebackend.NewGroupTable(store, "lookup", k.keys.Specs(), nil)
	k.rows = statebackend.NewRows(k.table.Space(), "found", statebackend.RowSchema{Columns: k.stored.Specs()})
	return k, nil
}

// each calls lookup for rows of a batch, in order: those that are added and those that are taken back apart, and each key once in a call.
func (k *lookupMemory) each(b *column.Batch, lookup func(rows []int32)) {
	all := Selected(b)
	refs := room(&k.refs, b.N)
	k.fresh = k.table.Lookup(k.keys.Of(b, all), refs, k.fresh[:0])
	for sel := all; len(sel) > 0; {
		n := 1
		k.removes = !b.Kind(int(sel[0])).Adds()
		for n < len(sel) && n < lookupRows && b.Kind(int(sel[n])).Adds() != k.removes {
			n++
		}
		eachRun(&k.seen, refs, sel[:n], &k.run, lookup)
		sel = sel[n:]
	}
	k.table.Release(refs, all)
	k.store.BreatheRows(len(all))
}

// kept finds what is kept for some rows.
func (k *lookupMemory) kept(rows []int32) {
	k.matches, k.found, k.owners = k.matches[:0], k.found[:0], k.owners[:0]
	var cursor statebackend.RowCursor
	for more := true; more; {
		var n int
		n, more = k.rows.Probe(k.refs, rows, &cursor, k.marks, k.chunk)
		k.matches, k.found = append(k.matches, k.marks[:n]...), append(k.found, k.chunk[:n]...)
	}
	for _, row := range k.matches {
		k.owners = append(k.owners, k.refs[row])
	}
}

// recall makes out what was found for some rows, and forgets it.
func (k *lookupMemory) recall(rows []int32, out *column.Batch) (matches []int32) {
	k.kept(rows)
	if len(k.found) == 0 {
		return nil
	}
	for c := range k.stored.fields {
		k.stored.Read(k.rows, c, c, k.found, out.Cols[c])
	}
	out.N = len(k.found)
	k.rows.Delete(k.owners, k.found)
	return k.matches
}

// keep takes what was found for some rows in the place of what was before.
func (k *lookupMemory) keep(rows, matches []int32, found *column.Batch) {
	if k.kept(rows); len(k.found) > 0 {
		k.rows.Delete(k.owners, k.found)
	}
	k.owners = k.owners[:0]
	for _, row := range matches {
		k.owners = append(k.owners, k.refs[row])
	}
	if len(matches) > 0 {
		k.rows.Append(k.owners, nil, k.stored.Of(found, nil, nil), nil, nil)
	}
}
