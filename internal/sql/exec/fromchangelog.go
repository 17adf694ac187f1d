package exec

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// FromChangelog makes rows the changes that a text in them says.
type FromChangelog struct {
	// Columns are the columns of the output: which one of the input each is.
	Columns []int
	// Op is the column of the text, and Kinds what texts mean.
	Op    int
	Kinds map[string]types.RowKind
	// UpdateBefore is whether -U rows are emitted.
	UpdateBefore bool
	// Skip leaves rows with another text, or none, out; with Log, the log says so, once for a batch. Else they fail the task.
	Skip, Log bool
}

type fromChangelog struct {
	operator.Base
	f    *FromChangelog
	ctx  *operator.Context
	emit func(*column.Batch)
	sel  []int32
	out  column.Batch
}

// New implements [operator.Factory].
func (f *FromChangelog) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	return &fromChangelog{f: f, ctx: ctx, emit: Output(w), sel: make([]int32, 0, BatchRows)}, nil // sel is never nil, which would stand for all
}

func (m *fromChangelog) Inputs() []any { return []any{Input(m.process)} }

func (m *fromChangelog) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	op := b.Cols[m.f.Op]
	kinds := m.out.OwnKinds(b.N)
	m.sel = m.sel[:0]
	invalid, first := 0, int32(0)
	for _, row := range Selected(b) {
		kind, ok := types.Insert, false
		if !op.Null(int(row)) {
			kind, ok = m.f.Kinds[string(op.Bytes(int(row)))]
		}
		if !ok {
			if invalid == 0 {
				first = row
			}
			invalid++
			continue
		}
		if kind == types.UpdateBefore && !m.f.UpdateBefore {
			continue
		}
		kinds[row] = kind
		m.sel = append(m.sel, row)
	}
	if invalid > 0 && (m.f.Log || !m.f.Skip) {
		text := "NULL"
		if !op.Null(int(first)) {
			text = column.Literal(op.Value(int(first)), types.String())
		}
		if !m.f.Skip {
			known := strings.Join(slices.Sorted(maps.Keys(m.f.Kinds)), ", ")
			m.ctx.Fail(fault.New(fault.ExpressionValue, "FROM_CHANGELOG: %s does not say what a row does: op_mapping has %s; add it, or leave such rows out by invalid_op_handling => 'SKIP'", text, known))
			return
		}
		m.ctx.Host.Logger().Warn("FROM_CHANGELOG left out rows whose text does not say what they do", "rows", invalid, "first", text)
	}
	m.out.Cols = m.out.Cols[:0]
	for _, c := range m.f.Columns {
		m.out.Cols = append(m.out.Cols, b.Cols[c])
	}
	m.out.N, m.out.Sel = b.N, m.sel
	m.emit(&m.out)
}
