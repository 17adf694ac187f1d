package column

import "github.com/weirstream/weir/types"

// Batch is some rows of a stream.
type Batch struct {
	// N is the number of rows in the vectors, Cols the columns.
	N    int
	Cols []*Vector
	// Sel are the numbers of the rows that count, ascending; nil for all. It belongs to who reads the batch.
	Sel []int32
	// Kinds is what each row does; nil if all are inserts. It is indexed as the vectors are.
	Kinds []types.RowKind

	kinds []types.RowKind // memory for Kinds
}

// OwnKinds gives the batch kinds of its own for n rows, of any content, and returns them.
func (b *Batch) OwnKinds(n int) []types.RowKind {
	b.kinds = grow(b.kinds, n)
	b.Kinds = b.kinds
	return b.Kinds
}

// Rows is the number of rows that count.
func (b *Batch) Rows() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// Row returns the number, in the vectors, of the i-th row that counts.
func (b *Batch) Row(i int) int {
	if b.Sel != nil {
		return int(b.Sel[i])
	}
	return i
}

// Kind is what a row, by its number in the vectors, does.
func (b *Batch) Kind(row int) types.RowKind {
	if b.Kinds == nil {
		return types.Insert
	}
	return b.Kinds[row]
}

// Reset makes the batch empty with columns of the given forms, in its own memory.
func (b *Batch) Reset(forms []Form) {
	for len(b.Cols) < len(forms) {
		b.Cols = append(b.Cols, new(Vector))
	}
	b.Cols = b.Cols[:len(forms)]
	for i, f := range forms {
		b.Cols[i].Reset(f, 0)
	}
	b.N, b.Sel, b.Kinds = 0, nil, nil
}

// Append adds rows of o, by their numbers in its vectors, behind those of b, which it owns, with the same columns.
func (b *Batch) Append(o *Batch, rows []int32) {
	if len(rows) == 0 {
		return
	}
	for i, c := range o.Cols {
		b.Cols[i].Append(c, rows, b.N)
	}
	n := b.N + len(rows)
	if o.Kinds != nil || b.Kinds != nil {
		had := b.Kinds != nil
		b.kinds = extend(b.kinds, min(b.N, len(b.kinds)), n)
		b.Kinds = b.kinds
		if !had {
			clear(b.Kinds[:b.N])
		}
		for i, row := range rows {
			b.Kinds[b.N+i] = o.Kind(int(row))
		}
	}
	b.N = n
}

// Forms returns the forms of types.
func Forms(fields []types.Field) []Form {
	forms := make([]Form, len(fields))
	for i, f := range fields {
		forms[i] = FormOf(f.Type)
	}
	return forms
}
