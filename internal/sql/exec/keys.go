package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Keys computes the keys of batches: some columns of the input, in an order on which all who hash the same key agree.
type Keys struct {
	stored *Stored
	cols   []int
	chunk  statebackend.GroupChunk
	hashes []uint64
}

// NewKeys returns the keys of an input with the given columns.
func NewKeys(input []types.Field, cols []int) *Keys {
	fields := make([]types.Field, len(cols))
	for i, c := range cols {
		fields[i] = input[c]
	}
	return &Keys{stored: NewStored(fields), cols: cols}
}

// Specs describes the key columns.
func (k *Keys) Specs() []statebackend.ColumnSpec { return k.stored.Specs() }

// Fields are the key columns.
func (k *Keys) Fields() []types.Field { return k.stored.fields }

// Stored reads and writes the key columns.
func (k *Keys) Stored() *Stored { return k.stored }

// Of returns the keys of the rows of sel, nil for all, with their hashes. It is valid until the next call.
func (k *Keys) Of(b *column.Batch, sel []int32) *statebackend.GroupChunk {
	k.chunk.Keys = k.stored.Of(b, k.cols, sel)
	k.chunk.Sel = sel
	if cap(k.hashes) < b.N {
		k.hashes = make([]uint64, max(b.N, BatchRows))
	}
	k.chunk.Hashes = k.hashes[:b.N]
	statebackend.HashColumns(k.chunk.Keys, sel, k.chunk.Hashes)
	return &k.chunk
}

// Complete appends those rows of sel, nil for all, whose key has no null: in joins others match nothing.
func (k *Keys) Complete(b *column.Batch, sel, dst []int32) []int32 {
	nulls := false
	for _, c := range k.cols {
		nulls = nulls || b.Cols[c].Nulls()
	}
	row := func(r int32) {
		for _, c := range k.cols {
			if b.Cols[c].Null(int(r)) {
				return
			}
		}
		dst = append(dst, r)
	}
	switch {
	case !nulls && sel != nil:
		return append(dst, sel...)
	case sel != nil:
		for _, r := range sel {
			row(r)
		}
	default:
		for r := range int32(b.N) {
			row(r)
		}
	}
	return dst
}

// strictKeys returns those of the key columns that may be null and by which null equals nothing, nil if there are none. nullSafe tells of each key whether null is equal to null; nil for no key.
func strictKeys(input []types.Field, cols []int, nullSafe []bool) *Keys {
	var strict []int
	for i, c := range cols {
		if input[c].Type.Nullable() && (nullSafe == nil || !nullSafe[i]) {
			strict = append(strict, c)
		}
	}
	if strict == nil {
		return nil
	}
	return NewKeys(input, strict)
}

// AllRows returns 0 to n-1. The slice must not be changed.
func AllRows(n int) []int32 {
	if n <= len(allRows) {
		return allRows[:n:n]
	}
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

var allRows = func() []int32 {
	rows := make([]int32, 1<<16)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}()

// Selected returns the rows of a batch that count, as a list in any case.
func Selected(b *column.Batch) []int32 {
	if b.Sel != nil {
		return b.Sel
	}
	return AllRows(b.N)
}
