package format

import (
	"bytes"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
)

// Raw is the value of the only column on each line, as it is: a text or bytes. A null is an empty line.
func Raw() *Format {
	return &Format{
		Name:    "raw",
		Doc:     "The only column as it is.",
		Lines:   func(*Schema) bool { return true },
		Encoder: newRawEncoder,
		Decoder: newRawDecoder,
	}
}

func checkRaw(s *Schema) error {
	if len(s.Columns) != 1 || !s.Columns[0].Type.IsChar() && !s.Columns[0].Type.IsBytes() {
		return fault.New(fault.OptionInvalid, "the format \"raw\" takes a table of one column, a text or bytes; %s has others", s.Table)
	}
	return nil
}

type rawEncoder struct{ at int }

func newRawEncoder(s *Schema) (Encoder, error) {
	err := checkRaw(s)
	return rawEncoder{s.at(0)}, err
}

func (e rawEncoder) Append(dst []byte, b *column.Batch, row int) ([]byte, error) {
	if v := b.Cols[e.at]; !v.Null(row) {
		dst = append(dst, v.Bytes(row)...)
	}
	return append(dst, '\n'), nil
}

type rawDecoder struct{ at int }

func newRawDecoder(s *Schema) (Decoder, error) {
	err := checkRaw(s)
	return rawDecoder{s.at(0)}, err
}

// Extent implements [Decoder].
func (d rawDecoder) Extent(data []byte, final bool) int { return lineExtent(data, final) }

func (d rawDecoder) Skipped() int64 { return 0 }

func (d rawDecoder) Decode(b *column.Batch, data []byte, final bool, limit int) (used int, err error) {
	for len(b.Cols) <= d.at {
		b.Cols = append(b.Cols, new(column.Vector))
	}
	b.Cols, b.N, b.Sel, b.Kinds = b.Cols[:d.at+1], 0, nil, nil
	shape := column.Shape{Form: column.Text}
	if d.at >= 0 {
		begin(b.Cols[d.at], &shape, limit)
	}
	for used < len(data) && b.N < limit {
		n := bytes.IndexByte(data[used:], '\n')
		next := used + n + 1
		if n < 0 {
			if !final {
				break
			}
			n, next = len(data)-used, len(data)
		}
		if d.at >= 0 {
			putText(b.Cols[d.at], b.N, data[used:used+n])
		}
		b.N++
		used = next
	}
	if d.at >= 0 {
		finish(b.Cols[d.at], &shape, b.N)
	}
	return used, nil
}
