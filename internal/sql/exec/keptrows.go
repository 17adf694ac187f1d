package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// AppendRow appends a row of a batch: what it does, then its values, as [column.AppendEncoded] writes them. The rows of a result that is kept are written so.
func AppendRow(dst []byte, b *column.Batch, row int) []byte {
	dst = append(dst, byte(b.Kind(row)))
	for _, c := range b.Cols {
		dst = column.AppendEncoded(dst, c, row)
	}
	return dst
}

// RowDecoder reads what AppendRow wrote.
type RowDecoder struct {
	shapes []column.Shape
	forms  []column.Form
}

// NewRowDecoder returns a reader of rows with the given columns.
func NewRowDecoder(fields []types.Field) *RowDecoder {
	r := &RowDecoder{forms: column.Forms(fields)}
	for _, f := range fields {
		r.shapes = append(r.shapes, column.ShapeOf(f.Type))
	}
	return r
}

// Rows returns a batch of all rows in data.
func (r *RowDecoder) Rows(data []byte) (*column.Batch, error) {
	b := &column.Batch{}
	b.Reset(r.forms)
	var kinds []types.RowKind
	for len(data) > 0 {
		kinds = append(kinds, types.RowKind(data[0]))
		data = data[1:]
		for c := range r.shapes {
			x, rest, err := column.DecodeValue(data, &r.shapes[c])
			if err != nil {
				return nil, err
			}
			b.Cols[c].AppendValue(x, &r.shapes[c], b.N)
			data = rest
		}
		b.N++
	}
	b.Kinds = kinds
	return b, nil
}

// Next returns the length of the row that data begins with.
func (r *RowDecoder) Next(data []byte) (int, error) {
	rest := data[min(1, len(data)):]
	for c := range r.shapes {
		var err error
		if _, rest, err = column.DecodeValue(rest, &r.shapes[c]); err != nil {
			return 0, err
		}
	}
	return len(data) - len(rest), nil
}
