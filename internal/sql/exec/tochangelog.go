package exec

import (
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// ToChangelog makes an added row of each change: with a text that says what the change does.
type ToChangelog struct {
	Input []types.Field
	// Columns are the columns of the output: which one of the input each is, -1 for the text.
	Columns []int
	// Names are the texts, by kind of row; changes of a kind with "" are left out.
	Names [4]string
	// Blank are the columns of the input that are null in deleted rows.
	Blank []int
}

type toChangelog struct {
	operator.Base
	f     *ToChangelog
	emit  func(*column.Batch)
	names *column.Vector // a row for each kind
	added *column.Vector // the text of inserts, for every row
	ops   column.Vector
	sel   []int32
	own   []*column.Vector // columns with blanks, by column of the input
	out   column.Batch
}

// New implements [operator.Factory].
func (f *ToChangelog) New(_ *operator.Context, w operator.Wiring) (operator.Instance, error) {
	m := &toChangelog{f: f, emit: Output(w), names: new(column.Vector), sel: make([]int32, 0, BatchRows)} // sel is never nil, which would stand for all
	text := types.String()
	shape := column.ShapeOf(text)
	m.names.Reset(column.Text, 0)
	for i, n := range f.Names {
		m.names.AppendValue(column.TextValue(n), &shape, i)
	}
	m.added = column.ConstOf(column.TextValue(f.Names[types.Insert]), text)
	if len(f.Blank) > 0 {
		for range f.Input {
			m.own = append(m.own, new(column.Vector))
		}
	}
	return m, nil
}

func (m *toChangelog) Inputs() []any { return []any{Input(m.process)} }

func (m *toChangelog) process(b *column.Batch) {
	if b.Kinds == nil {
		if m.f.Names[types.Insert] != "" {
			m.send(b.N, b.Sel, b.Cols, m.added)
		}
		return
	}
	m.sel = m.sel[:0]
	deletes := false
	for _, row := range Selected(b) {
		k := b.Kinds[row]
		if m.f.Names[k] != "" {
			m.sel = append(m.sel, row)
			deletes = deletes || k == types.Delete
		}
	}
	if len(m.sel) == 0 {
		return
	}
	if deletes && len(m.f.Blank) > 0 {
		m.blank(b)
		return
	}
	index := room(&m.ops.Index, b.N)
	for _, row := range m.sel {
		index[row] = int32(b.Kinds[row])
	}
	m.ops.Form, m.ops.Base = column.Text, m.names
	m.send(b.N, m.sel, b.Cols, &m.ops)
}

// blank emits copies of the selected rows, of which those that delete have nulls.
func (m *toChangelog) blank(b *column.Batch) {
	n := len(m.sel)
	for c, v := range m.own {
		v.Gather(b.Cols[c], m.sel)
	}
	index := room(&m.ops.Index, n)
	for i, row := range m.sel {
		k := b.Kinds[row]
		index[i] = int32(k)
		if k != types.Delete {
			continue
		}
		for _, c := range m.f.Blank {
			m.own[c].SetNull(i, n)
		}
	}
	m.ops.Form, m.ops.Base = column.Text, m.names
	m.send(n, nil, m.own, &m.ops)
}

func (m *toChangelog) send(n int, sel []int32, cols []*column.Vector, ops *column.Vector) {
	m.out.Cols = slices.Grow(m.out.Cols[:0], len(m.f.Columns))
	for _, c := range m.f.Columns {
		if c < 0 {
			m.out.Cols = append(m.out.Cols, ops)
		} else {
			m.out.Cols = append(m.out.Cols, cols[c])
		}
	}
	m.out.N, m.out.Sel, m.out.Kinds = n, sel, nil
	m.emit(&m.out)
}
