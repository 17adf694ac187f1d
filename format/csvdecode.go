package format

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// csvColumn decodes a field.
type csvColumn struct {
	name  string
	typ   types.Type
	at    int // -1: it is skipped
	shape column.Shape
	put   put
}

type csvDecoder struct {
	csvOptions
	columns []csvColumn
	width   int // columns of the batch
	skipped int64
	scratch []byte // a field without its quotes and escapes
	// stop are the characters that may end a field without quotes.
	stop [256]bool
	// delimiters is a word of the delimiter.
	delimiters uint64
}

func newCSVDecoder(s *Schema) (Decoder, error) {
	o, err := csvOptionsOf(s)
	if err != nil {
		return nil, err
	}
	d := &csvDecoder{csvOptions: o, delimiters: uint64(o.delimiter) * lows}
	d.stop[o.delimiter], d.stop['\n'] = true, true
	if o.escape != 0 {
		d.stop[o.escape] = true
	}
	for i, c := range s.Columns {
		col := csvColumn{name: c.Name, typ: c.Type, at: s.at(i), shape: column.ShapeOf(c.Type)}
		if col.put = d.putterOf(c.Type, true); col.put == nil {
			return nil, unsupported(s, c, "csv")
		}
		d.width = max(d.width, col.at+1)
		d.columns = append(d.columns, col)
	}
	return d, nil
}

// putterOf is putterOf with arrays and rows, whose elements cannot be composed.
func (d *csvDecoder) putterOf(t types.Type, nested bool) put {
	switch {
	case t.Kind() == types.Array && nested:
		elem, shape := d.putterOf(t.Elem(), false), column.ShapeOf(t.Elem())
		if elem == nil {
			return nil
		}
		return func(v *column.Vector, row int, text []byte) bool {
			at := int(v.Offsets[row])
			ok := true
			for part, more := []byte(nil), len(text) > 0; more; at++ {
				part, text, more = bytes.Cut(text, []byte(d.element))
				ok = d.putPart(elem, v.Children[0], &shape, at, part) && ok
			}
			putRange(v, row, at)
			return ok
		}
	case t.IsComposite() && nested:
		fields := make([]put, len(t.Fields()))
		shape := column.ShapeOf(t)
		for i, f := range t.Fields() {
			if fields[i] = d.putterOf(f.Type, false); fields[i] == nil {
				return nil
			}
		}
		return func(v *column.Vector, row int, text []byte) bool {
			ok, more := true, true
			for i, field := range fields {
				if !more {
					putNull(v.Children[i], &shape.Children[i], row)
					ok = false
					continue
				}
				var part []byte
				part, text, more = bytes.Cut(text, []byte(d.element))
				ok = d.putPart(field, v.Children[i], &shape.Children[i], row, part) && ok
			}
			setValid(v, row)
			return ok && !more
		}
	}
	return putterOf(t, ' ')
}

// putPart writes an element of an array, or a field of a row.
func (d *csvDecoder) putPart(p put, v *column.Vector, shape *column.Shape, row int, part []byte) bool {
	if d.hasNull && string(part) == d.null {
		putNull(v, shape, row)
		return true
	}
	if p(v, row, part) {
		return true
	}
	putNull(v, shape, row)
	return d.lenient
}

func (d *csvDecoder) Skipped() int64 { return d.skipped }

func (d *csvDecoder) Decode(b *column.Batch, data []byte, final bool, limit int) (used int, err error) {
	for len(b.Cols) < d.width {
		b.Cols = append(b.Cols, new(column.Vector))
	}
	b.Cols, b.N, b.Sel, b.Kinds = b.Cols[:d.width], 0, nil, nil
	for i := range d.columns {
		if c := &d.columns[i]; c.at >= 0 {
			begin(b.Cols[c.at], &c.shape, limit)
		}
	}
	for used < len(data) && b.N < limit {
		if d.comments && data[used] == '#' {
			n := bytes.IndexByte(data[used:], '\n')
			if n < 0 && !final {
				break
			} else if n < 0 {
				used = len(data)
				break
			}
			used += n + 1
			continue
		}
		n, what := d.record(b, data[used:], final)
		if n == 0 {
			break
		}
		switch {
		case what == nil:
			b.N++
		case d.lenient:
			if !blank(data[used : used+n]) {
				d.skipped++
			}
		default:
			err = what
		}
		if err != nil {
			break
		}
		used += n
	}
	for i := range d.columns {
		if c := &d.columns[i]; c.at >= 0 {
			finish(b.Cols[c.at], &c.shape, b.N)
		}
	}
	return used, err
}

// Extent implements [Decoder].
func (d *csvDecoder) Extent(data []byte, final bool) int {
	for at := 0; ; {
		_, next, state := d.field(data, at, final)
		switch state {
		case fieldCut:
			return 0
		case fieldLast:
			return next
		case fieldBad:
			return next + lineExtent(data[next:], final)
		}
		at = next
	}
}

// lineExtent is the length of a line with its end, 0 if that is not there.
func lineExtent(data []byte, final bool) int {
	n := bytes.IndexByte(data, '\n') + 1
	if n == 0 && final {
		return len(data)
	}
	return n
}

func blank(line []byte) bool { return len(trim(line)) == 0 }

// record reads one record into row b.N, and returns its length with its end, 0 if its end is not there, and what is wrong with it.
func (d *csvDecoder) record(b *column.Batch, data []byte, final bool) (n int, what error) {
	at := 0
	for k := 0; ; k++ {
		text, next, state := d.field(data, at, final)
		if state == fieldCut {
			return 0, nil
		}
		if state == fieldBad {
			if what == nil {
				what = fault.New(fault.SourceMalformed, "something else than a delimiter follows the quote that ends field %d", k+1)
			}
			// The line ends where it does as if there were no quotes.
			end := bytes.IndexByte(data[next:], '\n')
			if end < 0 && !final {
				return 0, nil
			} else if end < 0 {
				return len(data), what
			}
			return next + end + 1, what
		}
		at = next
		last := state == fieldLast
		if k < len(d.columns) {
			if c := &d.columns[k]; c.at >= 0 && what == nil {
				what = d.putField(b, c, text)
			}
		}
		if last {
			if k+1 != len(d.columns) && what == nil {
				what = d.fill(b, k+1, len(text) == 0)
			}
			return at, what
		}
	}
}

func (d *csvDecoder) putField(b *column.Batch, c *csvColumn, text []byte) error {
	v := b.Cols[c.at]
	if d.hasNull && string(text) == d.null {
		putNull(v, &c.shape, b.N)
		return nil
	}
	if c.put(v, b.N, text) {
		return nil
	}
	if d.lenient {
		putNull(v, &c.shape, b.N)
		return nil
	}
	return fault.New(fault.SourceMalformed, "column %s: %q is not a valid %s", types.Quote(c.name), shortened(text), c.typ.WithNullable(true).SQL())
}

// fill makes null what is missing of a record that is too short, where errors are ignored.
func (d *csvDecoder) fill(b *column.Batch, fields int, empty bool) error {
	if fields > len(d.columns) || !d.lenient || fields == 1 && empty {
		return fault.New(fault.SourceMalformed, "the line has %d fields, and the table %d", fields, len(d.columns))
	}
	for i := fields; i < len(d.columns); i++ {
		if c := &d.columns[i]; c.at >= 0 {
			putNull(b.Cols[c.at], &c.shape, b.N)
		}
	}
	return nil
}

// shortened is a text for messages.
func shortened(b []byte) string {
	const most = 60
	if len(b) <= most {
		return string(b)
	}
	n := most
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return string(b[:n]) + "…"
}

// Words of eight equal bytes.
const (
	lows     = 0x0101010101010101
	highs    = 0x80 * lows
	newlines = '\n' * lows
)

// fieldState is what comes behind a field.
type fieldState uint8

const (
	fieldMore fieldState = iota // another field
	fieldLast                   // the end of the record
	fieldCut                    // the end of the data: the record may go on
	fieldBad                    // what must not be there
)

// field reads the field that begins at, and returns its text and where the next begins.
func (d *csvDecoder) field(data []byte, at int, final bool) (text []byte, next int, state fieldState) {
	if at < len(data) && data[at] == d.quote && d.quote != 0 {
		return d.quotedField(data, at+1, final)
	}
	i := at
	if d.escape == 0 {
		// Eight bytes at a time: a byte of ends has its high bit where a field ends.
		for i+8 <= len(data) {
			x := binary.LittleEndian.Uint64(data[i:])
			a, b := x^d.delimiters, x^newlines
			if ends := ((a-lows)&^a | (b-lows)&^b) & highs; ends != 0 {
				i += bits.TrailingZeros64(ends) >> 3
				return ended(data, data[at:i], i, final)
			}
			i += 8
		}
	}
	for i < len(data) && !d.stop[data[i]] {
		i++
	}
	if i < len(data) && data[i] == d.escape && d.escape != 0 {
		return d.escapedField(data, at, final)
	}
	return ended(data, data[at:min(i, len(data))], i, final)
}

// ended returns a field whose text ends in front of i.
func ended(data, text []byte, i int, final bool) ([]byte, int, fieldState) {
	switch {
	case i >= len(data) && !final:
		return nil, 0, fieldCut
	case i >= len(data):
		if n := len(text); n > 0 && text[n-1] == '\r' {
			text = text[:n-1]
		}
		return text, len(data), fieldLast
	case data[i] == '\n':
		if n := len(text); n > 0 && text[n-1] == '\r' {
			text = text[:n-1]
		}
		return text, i + 1, fieldLast
	}
	return text, i + 1, fieldMore
}

func (d *csvDecoder) escapedField(data []byte, at int, final bool) ([]byte, int, fieldState) {
	d.scratch = d.scratch[:0]
	i := at
	for ; i < len(data) && data[i] != d.delimiter && data[i] != '\n'; i++ {
		if data[i] == d.escape && i+1 < len(data) {
			i++
		}
		d.scratch = append(d.scratch, data[i])
	}
	return ended(data, d.scratch, i, final)
}

// quotedField reads a field behind its first quote.
func (d *csvDecoder) quotedField(data []byte, at int, final bool) ([]byte, int, fieldState) {
	text := data[at:]
	if d.escape == 0 {
		end := bytes.IndexByte(text, d.quote)
		if end < 0 {
			return d.unclosed(data, final)
		}
		if at+end+1 >= len(data) || data[at+end+1] != d.quote {
			return d.afterQuote(data, text[:end], at+end+1, final)
		}
	}
	d.scratch = d.scratch[:0]
	for i := at; i < len(data); i++ {
		c := data[i]
		switch {
		case c == d.escape && d.escape != 0 && i+1 < len(data):
			i++
			c = data[i]
		case c == d.quote && i+1 < len(data) && data[i+1] == d.quote:
			i++
		case c == d.quote:
			return d.afterQuote(data, d.scratch, i+1, final)
		}
		d.scratch = append(d.scratch, c)
	}
	return d.unclosed(data, final)
}

// unclosed is a field whose second quote is not there.
func (d *csvDecoder) unclosed(data []byte, final bool) ([]byte, int, fieldState) {
	if !final {
		return nil, 0, fieldCut
	}
	return nil, len(data), fieldBad
}

// afterQuote looks at what follows a field in quotes: blanks may be in front of the delimiter.
func (d *csvDecoder) afterQuote(data, text []byte, i int, final bool) ([]byte, int, fieldState) {
	for i < len(data) && (data[i] == ' ' || data[i] == '\r' || data[i] == '\t' && d.delimiter != '\t') {
		i++
	}
	switch {
	case i >= len(data) && !final:
		return nil, 0, fieldCut
	case i >= len(data):
		return text, len(data), fieldLast
	case data[i] == '\n':
		return text, i + 1, fieldLast
	case data[i] == d.delimiter:
		return text, i + 1, fieldMore
	}
	return nil, i, fieldBad
}
