package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// Unnest gives a row for each element of a collection: the input's columns, then those of the element, which are the fields of a ROW, the key and value of a map's entry, or the element itself. An element of a
// multiset comes as often as it is in it. What a row does to its table, each of its elements does.
type Unnest struct {
	Session *fn.Session
	Input   []types.Field
	// Of is the ARRAY, MAP or MULTISET.
	Of expr.Expr
	// Kind is Inner or LeftOuter: then a row whose collection is null or empty comes once, with nulls.
	Kind logical.JoinKind
	// Ordinality adds a last column, INT, that counts the elements of each row from 1.
	Ordinality bool
	// Residual is a condition over the output's columns, nil for none; only of inner joins.
	Residual expr.Expr
}

type unnestInstance struct {
	operator.Base
	in *Port
}

// New implements [operator.Factory].
func (f *Unnest) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Residual != nil && f.Kind != logical.Inner {
		return nil, fault.New(fault.SQLUnsupported, "a LEFT JOIN with UNNEST takes no condition but TRUE")
	}
	of, err := vec.Compile(f.Of, f.Session)
	if err != nil {
		return nil, err
	}
	var residual *vec.Program
	if f.Residual != nil {
		if residual, err = vec.Compile(f.Residual, f.Session); err != nil {
			return nil, err
		}
	}
	t := f.Of.Type()
	u := &unnest{f: f, ctx: ctx, of: of, residual: residual, call: NewCall(ctx), next: Output(w), isRow: t.Kind() == types.Array && t.Elem().IsComposite(), multiset: t.Kind() == types.Multiset}
	if t.Kind() == types.Multiset {
		u.isRow = t.Elem().IsComposite()
	}
	switch {
	case u.isRow:
		u.parts = t.Elem().Fields()
	case t.Kind() == types.Map:
		u.parts = []types.Field{{Type: t.Key()}, {Type: t.Elem()}}
	default:
		u.parts = []types.Field{{Type: t.Elem()}}
	}
	for range f.Input {
		u.out.Cols = append(u.out.Cols, new(column.Vector))
	}
	return &unnestInstance{in: Input(u.process)}, nil
}

func (i *unnestInstance) Inputs() []any { return []any{i.in} }

// unnest is the working memory of an instance.
type unnest struct {
	f               *Unnest
	ctx             *operator.Context
	of, residual    *vec.Program
	call            *fn.Call
	next            func(*column.Batch)
	isRow, multiset bool
	parts           []types.Field // of an element
	rows, elems     []int32       // of the output: the input's row, the element's place or -1
	numbers         []int64
	kinds           []types.RowKind
	out             column.Batch
	element         []*column.Vector
	number          column.Vector
	sel             []int32
}

func (u *unnest) process(b *column.Batch) {
	if u.ctx.Failed {
		return
	}
	v, err := u.of.Eval(u.call, b, b.Sel)
	if err != nil {
		u.ctx.Fail(err)
		return
	}
	u.begin()
	for _, row := range Selected(b) {
		from, to := 0, 0
		base, at := v.At(int(row))
		if !v.Null(int(row)) {
			from, to = base.Range(at)
		}
		n := 0
		for e := from; e < to; e++ {
			times := 1
			if u.multiset {
				times = int(base.Children[1].Int(e))
			}
			for range times {
				n++
				u.add(row, int32(e), n)
				if len(u.rows) >= BatchRows {
					u.flush(b, base)
				}
			}
		}
		if n == 0 && u.f.Kind == logical.LeftOuter {
			u.add(row, -1, 0)
		}
		if base != v { // another row may lie in another vector
			u.flush(b, base)
		}
	}
	flat, _ := v.At(0)
	u.flush(b, flat)
}

func (u *unnest) begin() { u.rows, u.elems, u.numbers = u.rows[:0], u.elems[:0], u.numbers[:0] }

func (u *unnest) add(row, elem int32, number int) {
	u.rows, u.elems, u.numbers = append(u.rows, row), append(u.elems, elem), append(u.numbers, int64(number))
}

// flush hands on what was gathered, of elements in v.
func (u *unnest) flush(b *column.Batch, v *column.Vector) {
	n := len(u.rows)
	if n == 0 {
		return
	}
	out := &u.out
	out.N, out.Sel, out.Kinds = n, nil, nil
	width := len(u.f.Input)
	out.Cols = out.Cols[:width]
	for i, c := range b.Cols[:width] {
		out.Cols[i].Gather(c, u.rows)
	}
	if b.Kinds != nil {
		u.kinds = u.kinds[:0]
		for _, row := range u.rows {
			u.kinds = append(u.kinds, b.Kinds[row])
		}
		out.Kinds = u.kinds
	}
	parts := v.Children
	var whole *column.Vector
	if u.isRow && len(parts) > 0 {
		whole, parts = parts[0], parts[0].Children
	}
	for i, f := range u.parts {
		if i >= len(u.element) {
			u.element = append(u.element, new(column.Vector))
		}
		to := u.element[i]
		if i < len(parts) {
			u.gather(to, parts[i], whole, n)
		} else { // no collection of the batch has ever had an element
			nullVector(to, column.FormOf(f.Type), column.ShapeOf(f.Type), n)
		}
		out.Cols = append(out.Cols, to)
	}
	if u.f.Ordinality {
		u.number.Reset(column.Word, n)
		for i, x := range u.numbers {
			u.number.Words[i] = uint64(x)
			if u.elems[i] < 0 {
				u.number.SetNull(i, n)
			}
		}
		out.Cols = append(out.Cols, &u.number)
	}
	if u.residual != nil {
		sel, err := u.residual.Select(u.call, out, nil)
		if err != nil {
			u.ctx.Fail(err)
			return
		}
		out.Sel = sel
	}
	u.next(out)
	u.begin()
}

// gather makes to the elements of a part; one that is not there, or lies in a row that is null, is null.
func (u *unnest) gather(to, part, whole *column.Vector, n int) {
	u.sel = u.sel[:0]
	absent := false
	for _, e := range u.elems {
		if e < 0 {
			absent = true
			e = 0
		}
		u.sel = append(u.sel, e)
	}
	if absent && (len(part.Words) == 0 && len(part.Wide) == 0 && len(part.Views) == 0 && len(part.Offsets) == 0 && len(part.Children) == 0) {
		to.Reset(part.Form, n) // no row has an element
		to.NoneValid(n)
		return
	}
	to.Gather(part, u.sel)
	for i, e := range u.elems {
		if e < 0 || whole != nil && whole.Null(int(e)) {
			to.SetNull(i, n)
		}
	}
}
