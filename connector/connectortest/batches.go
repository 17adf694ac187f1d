package connectortest

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/types"
)

// Rows makes of a source of batches one of the texts of their rows, so that [TestSource] can test it. Batches must be small: no more than 32 rows, as the suite counts the records that come after a
// reader was asked to stop. See [RowText] for the texts.
func Rows(src connector.Source[*column.Batch]) connector.Source[string] { return rowSource{src} }

// RowText is the values of a row in the vectors of a batch, as the suites print them: by their forms, separated by commas, with the kind in front unless it is an insert.
func RowText(b *column.Batch, row int) string {
	var dst []byte
	if k := b.Kind(row); k != types.Insert {
		dst = append(dst, k.String()...)
	}
	for i, c := range b.Cols {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, c.Value(row), c)
	}
	return string(dst)
}

func appendValue(dst []byte, v column.Value, like *column.Vector) []byte {
	if v.Null {
		return append(dst, "null"...)
	}
	if like.Index != nil {
		like = like.Base
	}
	switch like.Form {
	case column.Word:
		return strconv.AppendInt(dst, v.Int(), 10)
	case column.Wide:
		return column.Big(v.Wide).Append(dst, 10)
	case column.Text:
		return strconv.AppendQuote(dst, v.Text)
	}
	dst = append(dst, '(')
	for i, x := range v.List {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = appendValue(dst, x, like.Children[i%len(like.Children)])
	}
	return append(dst, ')')
}

type rowSource struct {
	connector.Source[*column.Batch]
}

func (s rowSource) Check(ctx context.Context) error {
	if c, ok := s.Source.(connector.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

func (s rowSource) NewReader(ctx connector.ReaderContext) (connector.Reader[string], error) {
	r, err := s.Source.NewReader(ctx)
	if err != nil {
		return nil, err
	}
	rows := &rowReader{Reader: r}
	rows.inner = connector.NewOutput(func(b *column.Batch, ts int64) { rows.emit(rows.out, b, ts) }, nil, rowHooks{rows}, &rows.stop)
	return rows, nil
}

type rowReader struct {
	connector.Reader[*column.Batch]
	inner *connector.Output[*column.Batch]
	stop  atomic.Uint32
	out   *connector.Output[string] // of the current Poll
}

func (r *rowReader) SplitsInTurn() bool {
	s, ok := r.Reader.(connector.SplitsInTurn)
	return ok && s.SplitsInTurn()
}

func (r *rowReader) Poll(out *connector.Output[string]) (connector.Status, error) {
	r.out = out
	r.stop.Store(0)
	return r.Reader.Poll(r.inner)
}

func (r *rowReader) emit(out *connector.Output[string], b *column.Batch, ts int64) {
	for i := range b.Rows() {
		out.CollectAt(RowText(b, b.Row(i)), ts)
	}
	if out.Stop() {
		r.stop.Store(1)
	}
}

// rowHooks passes on what a reader says beside records.
type rowHooks struct{ r *rowReader }

var _ connector.SplitHooks[*column.Batch] = rowHooks{}

func (h rowHooks) Watermark(t int64) { h.r.out.Watermark(t) }

func (h rowHooks) Idle(idle bool) { h.r.out.Idle(idle) }

func (h rowHooks) OpenSplit(id string) *connector.Output[*column.Batch] {
	return connector.NewOutput(func(b *column.Batch, ts int64) { h.r.emit(h.r.out.Split(id), b, ts) }, nil, h, &h.r.stop)
}

func (h rowHooks) EndSplit(id string) { h.r.out.EndSplit(id) }
