package exec

import (
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// Expand gives each row once for each grouping set: with null in the keys that are not in the set. Its columns are those of the input, whose keys are nullable then, and a BIGINT NOT NULL that tells the sets apart. The rows of a
// batch come for the first set, then for the second and so on; what each does to the table stays the same.
//
// Calls read what has not been made null: where they read a key, the planner has that column twice in the input.
type Expand struct {
	Input []types.Field
	// Keys are the columns of GROUP BY, Sets the indexes into Keys of each grouping set.
	Keys []int
	Sets [][]int
	// IDs are what the last column has for each set.
	IDs []int64
}

var _ operator.Factory = (*Expand)(nil)

type expand struct {
	operator.Base
	f     *Expand
	emit  func(*column.Batch)
	nulls []*column.Vector // by key
	ids   []*column.Vector // by set
	out   column.Batch
	sel   []int32
}

// New implements [operator.Factory].
func (f *Expand) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	m := &expand{f: f, emit: Output(w)}
	for _, k := range f.Keys {
		m.nulls = append(m.nulls, column.ConstOf(column.NullValue(), f.Input[k].Type.Null()))
	}
	for _, id := range f.IDs {
		m.ids = append(m.ids, column.ConstOf(column.IntValue(id), types.New(types.BigInt).NotNull()))
	}
	return m, nil
}

func (m *expand) Inputs() []any { return []any{Input(m.process)} }

func (m *expand) process(b *column.Batch) {
	for i, set := range m.f.Sets {
		m.out.N, m.out.Kinds, m.out.Sel = b.N, b.Kinds, nil
		if b.Sel != nil { // who reads a batch may change its selection
			m.sel = append(m.sel[:0], b.Sel...)
			m.out.Sel = m.sel
		}
		m.out.Cols = append(m.out.Cols[:0], b.Cols...)
		for k, c := range m.f.Keys {
			if !slices.Contains(set, k) {
				m.out.Cols[c] = m.nulls[k]
			}
		}
		m.out.Cols = append(m.out.Cols, m.ids[i])
		m.emit(&m.out)
	}
}
