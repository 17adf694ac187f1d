package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// ValuesSource is a bounded source of rows of expressions, which read no column. It has one split.
type ValuesSource struct {
	Session *fn.Session
	Rows    [][]expr.Expr
	Fields  []types.Field
}

var _ connector.Source[*column.Batch] = (*ValuesSource)(nil)

// Boundedness implements [connector.Source].
func (s *ValuesSource) Boundedness() connector.Boundedness { return connector.Bounded }

// NonParallel implements [connector.NonParallel].
func (s *ValuesSource) NonParallel() bool { return true }

// NewEnumerator implements [connector.Source].
func (s *ValuesSource) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	return connector.FixedSplits(ctx, restored, func(int) []connector.Split { return []connector.Split{{ID: "values"}} })
}

// NewReader implements [connector.Source].
func (s *ValuesSource) NewReader(ctx connector.ReaderContext) (connector.Reader[*column.Batch], error) {
	return &valuesReader{source: s, ctx: ctx}, nil
}

type valuesReader struct {
	source *ValuesSource
	ctx    connector.ReaderContext
	splits []connector.Split
	last   bool
}

func (r *valuesReader) Start() error                              { return nil }
func (r *valuesReader) HandleSourceEvent([]byte) error            { return nil }
func (r *valuesReader) Close() error                              { return nil }
func (r *valuesReader) NoMoreSplits() error                       { r.last = true; return nil }
func (r *valuesReader) Snapshot(int64) ([]connector.Split, error) { return r.splits, nil }

func (r *valuesReader) AddSplits(splits []connector.Split) error {
	r.splits = append(r.splits, splits...)
	return nil
}

// Poll implements [connector.Reader].
func (r *valuesReader) Poll(out *connector.Output[*column.Batch]) (connector.Status, error) {
	if len(r.splits) > 0 {
		b, err := r.source.batch(r.ctx.Now().UnixMilli())
		if err != nil {
			return 0, err
		}
		if b.N > 0 {
			out.Collect(b)
		}
		out.EndSplit(r.splits[0].ID)
		r.splits = nil
	}
	if r.last {
		return connector.EndOfInput, nil
	}
	return connector.NothingAvailable, nil
}

func (s *ValuesSource) batch(now int64) (*column.Batch, error) {
	b := &column.Batch{}
	b.Reset(column.Forms(s.Fields))
	one := &column.Batch{N: 1}
	call := &fn.Call{Now: now, Random: func() float64 { return 0.5 }}
	for _, row := range s.Rows {
		p, err := vec.CompileAll(row, s.Session)
		if err != nil {
			return nil, err
		}
		cols, err := p.Eval(call, one, nil)
		if err != nil {
			return nil, err
		}
		b.Append(&column.Batch{N: 1, Cols: cols}, AllRows(1))
	}
	b.N = len(s.Rows)
	return b, nil
}
