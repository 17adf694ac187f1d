package exec

import (
	"encoding/binary"
	"errors"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// AppendRow appends a row of a batch: what it does, then its values, each a byte for null or not, then words, lengths with bytes, or counts with elements. The rows of a result that is kept are written so.
func AppendRow(dst []byte, b *column.Batch, row int) []byte {
	dst = append(dst, byte(b.Kind(row)))
	for _, c := range b.Cols {
		dst = appendCell(dst, c, row)
	}
	return dst
}

func appendCell(dst []byte, v *column.Vector, row int) []byte {
	if v.Null(row) {
		return append(dst, 0)
	}
	v, row = v.At(row)
	dst = append(dst, 1)
	switch v.Form {
	case column.Word:
		return binary.LittleEndian.AppendUint64(dst, v.Words[row])
	case column.Wide:
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, v.Wide[row][0]), v.Wide[row][1])
	case column.Text:
		b := v.Bytes(row)
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	case column.Tuple:
		for _, c := range v.Children {
			dst = appendCell(dst, c, row)
		}
		return dst
	}
	from, to := v.Range(row)
	dst = binary.AppendUvarint(dst, uint64(to-from))
	for i := from; i < to; i++ {
		for _, c := range v.Children {
			dst = appendCell(dst, c, i)
		}
	}
	return dst
}

var errCut = errors.New("a row is cut short")

func readCell(b []byte, shape *column.Shape) (x column.Value, rest []byte, err error) {
	if len(b) == 0 {
		return x, b, errCut
	}
	null := b[0] == 0
	if b = b[1:]; null {
		return column.NullValue(), b, nil
	}
	length := func() (n int, ok bool) {
		u, w := binary.Uvarint(b)
		if w <= 0 || u > uint64(len(b)-w) {
			return 0, false
		}
		b = b[w:]
		return int(u), true
	}
	count := 1
	switch shape.Form {
	case column.Word:
		if len(b) < 8 {
			return x, b, errCut
		}
		return column.Value{Word: binary.LittleEndian.Uint64(b)}, b[8:], nil
	case column.Wide:
		if len(b) < 16 {
			return x, b, errCut
		}
		return column.Value{Wide: [2]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}}, b[16:], nil
	case column.Text:
		n, ok := length()
		if !ok {
			return x, b, errCut
		}
		return column.TextValue(string(b[:n])), b[n:], nil
	case column.Tuple:
	default:
		var ok bool
		if count, ok = length(); !ok {
			return x, b, errCut
		}
	}
	x.List = make([]column.Value, 0, count*len(shape.Children))
	for range count {
		for i := range shape.Children {
			e, rest, err := readCell(b, &shape.Children[i])
			if err != nil {
				return x, b, err
			}
			x.List, b = append(x.List, e), rest
		}
	}
	return x, b, nil
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
			x, rest, err := readCell(data, &r.shapes[c])
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
		if _, rest, err = readCell(rest, &r.shapes[c]); err != nil {
			return 0, err
		}
	}
	return len(data) - len(rest), nil
}
