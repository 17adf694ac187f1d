package format

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// jsonDecoder reads a value at a time from a line, and writes it where it belongs.
type jsonDecoder struct {
	root    *jsonRow
	shapes  []column.Shape // by columns of the batch
	missing bool           // a member that is not there is an error
	lenient bool
	skipped int64

	// line is what is read, and at where; what is the first that is wrong with it.
	line []byte
	at   int
	what error
	// scratch is a string without its escapes.
	scratch []byte
}

// jsonValue reads the value at the cursor, which is neither null nor missing, into a row. It reports false if the value is wrong for the type: then the cursor is behind it, or what is set.
type jsonValue func(v *column.Vector, row int) bool

type jsonMember struct {
	name string
	// begins is the name as members mostly begin, with quotes and colon; "" if it has characters that stand as escapes.
	begins string
	typ    types.Type
	at     int // in the vectors of the row; -1: it is skipped
	shape  column.Shape
	read   jsonValue
}

// jsonRow is an object with known members.
type jsonRow struct {
	members []jsonMember
	byName  map[string]int
	// seen says, by the number of the record, which members were there; depth of recursion is bounded by the type.
	seen  []int64
	count int64
}

func newJSONDecoder(s *Schema) (Decoder, error) {
	d := &jsonDecoder{missing: s.flag("fail-on-missing-field"), lenient: s.flag("ignore-parse-errors")}
	if d.missing && d.lenient {
		return nil, fault.New(fault.OptionInvalid, "the options 'json.fail-on-missing-field' and 'json.ignore-parse-errors' exclude each other")
	}
	separator := byte(' ')
	if s.Options["timestamp-format.standard"] == "ISO-8601" {
		separator = 'T'
	}
	var err error
	if d.root, err = d.rowOf(s, s.Columns, s.at, separator); err != nil {
		return nil, err
	}
	for _, m := range d.root.members {
		for len(d.shapes) <= m.at {
			d.shapes = append(d.shapes, column.Shape{})
		}
		if m.at >= 0 {
			d.shapes[m.at] = m.shape
		}
	}
	return d, nil
}

func (d *jsonDecoder) rowOf(s *Schema, fields []types.Field, at func(int) int, separator byte) (*jsonRow, error) {
	r := &jsonRow{byName: map[string]int{}, seen: make([]int64, len(fields))}
	for i, f := range fields {
		read, err := d.valueOf(s, f, f.Type, separator)
		if err != nil {
			return nil, err
		}
		r.byName[f.Name] = i
		r.members = append(r.members, jsonMember{name: f.Name, begins: memberBegins(f.Name), typ: f.Type, at: at(i), shape: column.ShapeOf(f.Type), read: read})
	}
	return r, nil
}

func memberBegins(name string) string {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == '"' || c == '\\' {
			return ""
		}
	}
	return `"` + name + `":`
}

func (d *jsonDecoder) valueOf(s *Schema, f types.Field, t types.Type, separator byte) (jsonValue, error) {
	switch t.Kind() {
	case types.Boolean:
		return d.readBool, nil
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalDayTime, types.IntervalYearMonth:
		size := bitsOf(t.Kind())
		return func(v *column.Vector, row int) bool { return d.readInt(v, row, size) }, nil
	case types.Float, types.Double, types.Decimal:
		p := putterOf(t, separator)
		return func(v *column.Vector, row int) bool {
			text, _ := d.scalar()
			return d.what == nil && p(v, row, text)
		}, nil
	case types.Char, types.Varchar:
		return d.readText, nil
	case types.Binary, types.Varbinary, types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		p := putterOf(t, separator)
		return func(v *column.Vector, row int) bool {
			text, quoted := d.scalar()
			return d.what == nil && quoted && p(v, row, text)
		}, nil
	case types.Array:
		elem, err := d.valueOf(s, f, t.Elem(), separator)
		shape := column.ShapeOf(t.Elem())
		return func(v *column.Vector, row int) bool { return d.readArray(v, row, elem, &shape) }, err
	case types.Map, types.Multiset:
		key, value := pairTypes(t)
		if !key.IsChar() {
			return nil, fault.New(fault.OptionInvalid, "the format \"json\" has no form for the column %s of table %s: the keys of a map must be texts, not %s", types.Quote(f.Name), s.Table, key.SQL())
		}
		elem, err := d.valueOf(s, f, value, separator)
		shape := column.ShapeOf(value)
		return func(v *column.Vector, row int) bool { return d.readMap(v, row, elem, &shape) }, err
	case types.Row, types.Structured:
		r, err := d.rowOf(s, t.Fields(), func(i int) int { return i }, separator)
		return func(v *column.Vector, row int) bool {
			if d.line[d.at] != '{' {
				d.skipValue(0)
				return false
			}
			ok := d.readObject(r, v.Children, row)
			setValid(v, row)
			return ok
		}, err
	}
	return nil, unsupported(s, f, "json")
}

// Extent implements [Decoder].
func (d *jsonDecoder) Extent(data []byte, final bool) int { return lineExtent(data, final) }

func (d *jsonDecoder) Skipped() int64 { return d.skipped }

func (d *jsonDecoder) Decode(b *column.Batch, data []byte, final bool, limit int) (used int, err error) {
	for len(b.Cols) < len(d.shapes) {
		b.Cols = append(b.Cols, new(column.Vector))
	}
	b.Cols, b.N, b.Sel, b.Kinds = b.Cols[:len(d.shapes)], 0, nil, nil
	for i := range d.shapes {
		begin(b.Cols[i], &d.shapes[i], limit)
	}
	for used < len(data) && b.N < limit {
		n := bytes.IndexByte(data[used:], '\n')
		next := used + n + 1
		if n < 0 {
			if !final {
				break
			}
			next = len(data)
		}
		line := trim(data[used:next])
		if len(line) > 0 {
			if e := d.record(b, line); e == nil {
				b.N++
			} else if d.lenient {
				d.skipped++
			} else {
				err = e
				break
			}
		}
		used = next
	}
	for i := range d.shapes {
		finish(b.Cols[i], &d.shapes[i], b.N)
	}
	return used, err
}

func (d *jsonDecoder) record(b *column.Batch, line []byte) error {
	d.line, d.at, d.what = line, 0, nil
	if line[0] != '{' {
		return fault.New(fault.SourceMalformed, "the line does not begin an object")
	}
	d.readObject(d.root, b.Cols, b.N)
	if d.what == nil && d.at < len(d.line) {
		d.fail("something follows the object")
	}
	return d.what
}

// fail notes what is wrong, unless something was before.
func (d *jsonDecoder) fail(format string, args ...any) {
	if d.what == nil {
		d.what = fault.New(fault.SourceMalformed, "position %d of the line: "+format, append([]any{d.at + 1}, args...)...)
	}
}

// blanks goes to the next character that is not one.
func (d *jsonDecoder) blanks() {
	for d.at < len(d.line) && d.line[d.at] <= ' ' {
		d.at++
	}
}

// take goes behind a character that must be there.
func (d *jsonDecoder) take(c byte) bool {
	d.blanks()
	if d.at < len(d.line) && d.line[d.at] == c {
		d.at++
		return true
	}
	d.fail("%q is missing", c)
	return false
}

// more reads what is between elements, and reports whether there is another. first says that none was read.
func (d *jsonDecoder) more(end byte, first bool) bool {
	d.blanks()
	switch {
	case d.at >= len(d.line):
		d.fail("%q is missing", end)
		return false
	case d.line[d.at] == end:
		d.at++
		return false
	case first:
		return true
	case d.line[d.at] == ',':
		d.at++
		if d.blanks(); d.at < len(d.line) {
			return true
		}
		d.fail("an element is missing behind a comma")
		return false
	}
	d.fail("a comma is missing")
	return false
}

// readObject reads an object into a row of vectors. It reports false if a member is wrong, and errors are not ignored: then what says why.
func (d *jsonDecoder) readObject(r *jsonRow, cols []*column.Vector, row int) bool {
	d.at++
	r.count++
	guess := 0
	for first := true; d.more('}', first); first = false {
		if d.line[d.at] != '"' {
			d.fail("the name of a member must be a text")
			return false
		}
		at := guess
		if at < len(r.members) && r.members[at].begins != "" && strings.HasPrefix(stringOf(d.line[d.at:]), r.members[at].begins) {
			d.at += len(r.members[at].begins)
			d.blanks()
		} else {
			name, _ := d.text()
			if d.what != nil || !d.take(':') {
				return false
			}
			d.blanks()
			if at >= len(r.members) || r.members[at].name != string(name) {
				known := false
				if at, known = r.byName[string(name)]; !known {
					d.skipValue(0)
					if d.what != nil {
						return false
					}
					continue
				}
			}
		}
		guess = at + 1
		m := &r.members[at]
		if m.at < 0 {
			d.skipValue(0)
		} else {
			r.seen[at] = r.count
			d.member(m, cols[m.at], row)
		}
		if d.what != nil {
			return false
		}
	}
	for i := range r.members {
		if m := &r.members[i]; r.seen[i] != r.count && m.at >= 0 {
			if d.missing {
				d.fail("the member %q is missing", m.name)
				return false
			}
			putNull(cols[m.at], &m.shape, row)
		}
	}
	return d.what == nil
}

func (d *jsonDecoder) member(m *jsonMember, v *column.Vector, row int) {
	from := d.at
	if d.value(m.read, v, &m.shape, row) || d.what != nil {
		return
	}
	d.fail("column %s: %s is not a valid %s", types.Quote(m.name), shortened(trim(d.line[from:d.at])), m.typ.WithNullable(true).SQL())
}

// value reads a value or null. A wrong one is null if errors are ignored.
func (d *jsonDecoder) value(read jsonValue, v *column.Vector, shape *column.Shape, row int) bool {
	if d.at >= len(d.line) {
		d.fail("a value is missing")
		return false
	}
	if d.line[d.at] == 'n' {
		if !d.literal("null") {
			return false
		}
		putNull(v, shape, row)
		return true
	}
	if read(v, row) {
		return true
	}
	if d.what != nil || !d.lenient {
		return false
	}
	putNull(v, shape, row)
	return true
}

func (d *jsonDecoder) literal(word string) bool {
	if len(d.line)-d.at >= len(word) && string(d.line[d.at:d.at+len(word)]) == word {
		d.at += len(word)
		return true
	}
	d.fail("a value is malformed")
	return false
}

// scalar reads a value and returns its text: of a string without quotes and escapes, of others as it is written. The text is valid until the next call.
func (d *jsonDecoder) scalar() (text []byte, quoted bool) {
	switch c := d.line[d.at]; {
	case c == '"':
		return d.text()
	case c == '{' || c == '[':
		from := d.at
		d.skipValue(0)
		return d.line[from:d.at], false
	}
	from := d.at
	for d.at < len(d.line) {
		if c := d.line[d.at]; c == ',' || c == '}' || c == ']' || c <= ' ' {
			break
		}
		d.at++
	}
	if text = d.line[from:d.at]; !wellFormed(text) {
		d.at = from
		d.fail("a value is malformed")
	}
	return text, false
}

// wellFormed reports whether a text is true, false or a number of JSON.
func wellFormed(s []byte) bool {
	if string(s) == "true" || string(s) == "false" {
		return true
	}
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if len(s) > 0 && s[0] == '.' {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if len(s) > 0 && s[0]|0x20 == 'e' {
		s = s[1:]
		if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return len(s) == 0
}

func digits(s []byte) int {
	n := 0
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	return n
}

// text reads a string, the cursor being at its first quote.
func (d *jsonDecoder) text() ([]byte, bool) {
	from := d.at + 1
	i := from
	for i+8 <= len(d.line) {
		// Eight bytes at a time: the lowest bit that is set is that of a quote, a backslash or a control character.
		x := binary.LittleEndian.Uint64(d.line[i:])
		a, b := x^('"'*lows), x^('\\'*lows)
		if ends := ((a-lows)&^a | (b-lows)&^b | (x-' '*lows)&^x) & highs; ends != 0 {
			i += bits.TrailingZeros64(ends) >> 3
			break
		}
		i += 8
	}
	for i < len(d.line) && d.line[i] != '"' && d.line[i] != '\\' && d.line[i] >= ' ' {
		i++
	}
	if i < len(d.line) && d.line[i] == '"' {
		d.at = i + 1
		return d.line[from:i], true
	}
	d.scratch = append(d.scratch[:0], d.line[from:i]...)
	for i < len(d.line) && d.what == nil {
		c := d.line[i]
		switch {
		case c == '"':
			d.at = i + 1
			return d.scratch, true
		case c < ' ':
			d.at = i
			d.fail("a string has a control character, which must be written with an escape")
		case c == '\\':
			i = d.unescape(i)
		default:
			d.scratch = append(d.scratch, c)
			i++
		}
	}
	d.fail("a string has no end")
	return nil, true
}

// unescape reads the escape at i, and returns where it ends.
func (d *jsonDecoder) unescape(i int) int {
	if i+1 >= len(d.line) {
		return i + 1
	}
	switch c := d.line[i+1]; c {
	case '"', '\\', '/':
		d.scratch = append(d.scratch, c)
	case 'b':
		d.scratch = append(d.scratch, '\b')
	case 'f':
		d.scratch = append(d.scratch, '\f')
	case 'n':
		d.scratch = append(d.scratch, '\n')
	case 'r':
		d.scratch = append(d.scratch, '\r')
	case 't':
		d.scratch = append(d.scratch, '\t')
	case 'u':
		r, ok := hex4(d.line, i+2)
		if !ok {
			d.at = i
			d.fail("an escape is malformed")
			return i
		}
		i += 4
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if i+3 < len(d.line) && d.line[i+2] == '\\' && d.line[i+3] == 'u' {
				low, ok = hex4(d.line, i+4)
			}
			if both := utf16.DecodeRune(r, low); ok && both != utf8.RuneError {
				r = both
				i += 6
			} else {
				r = utf8.RuneError
			}
		}
		d.scratch = utf8.AppendRune(d.scratch, r)
	default:
		d.at = i
		d.fail("an escape is malformed")
	}
	return i + 2
}

func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[at : at+4] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// maxDepth bounds the nesting of values that nobody reads.
const maxDepth = 1000

// skipValue goes behind a value.
func (d *jsonDecoder) skipValue(depth int) {
	if d.at >= len(d.line) || depth > maxDepth {
		d.fail("a value is missing or nested too deep")
		return
	}
	switch d.line[d.at] {
	case '"':
		d.text()
	case '{':
		d.at++
		for first := true; d.more('}', first) && d.what == nil; first = false {
			if d.line[d.at] != '"' {
				d.fail("the name of a member must be a text")
				return
			}
			d.text()
			if d.what != nil || !d.take(':') {
				return
			}
			d.blanks()
			d.skipValue(depth + 1)
		}
	case '[':
		d.at++
		for first := true; d.more(']', first) && d.what == nil; first = false {
			d.skipValue(depth + 1)
		}
	case 'n':
		d.literal("null")
	default:
		d.scalar()
	}
}

func (d *jsonDecoder) readBool(v *column.Vector, row int) bool {
	text, quoted := d.scalar()
	if d.what != nil {
		return false
	}
	var x uint64
	switch {
	case string(text) == "true", quoted && bytes.EqualFold(trim(text), []byte("true")):
		x = 1
	case string(text) != "false" && !quoted:
		// A number is not true, as in Flink.
		if text[0] == '{' || text[0] == '[' {
			return false
		}
	}
	putWord(v, row, x)
	return true
}

func (d *jsonDecoder) readInt(v *column.Vector, row, size int) bool {
	text, quoted := d.scalar()
	if d.what != nil {
		return false
	}
	n, ok := parseInt(trim(text), size)
	if !ok && !quoted {
		// A number with a fraction or exponent loses the fraction.
		f, err := strconv.ParseFloat(stringOf(text), 64)
		limit := math.Ldexp(1, size-1)
		if ok = err == nil && f > -limit-1 && f < limit && text[0] != '{' && text[0] != '['; ok {
			n = int64(f)
		}
	}
	if ok {
		putWord(v, row, uint64(n))
	}
	return ok
}

func (d *jsonDecoder) readText(v *column.Vector, row int) bool {
	text, _ := d.scalar()
	if d.what != nil {
		return false
	}
	putText(v, row, text)
	return true
}

func (d *jsonDecoder) readArray(v *column.Vector, row int, elem jsonValue, shape *column.Shape) bool {
	if d.line[d.at] != '[' {
		d.skipValue(0)
		return false
	}
	d.at++
	at, ok := int(v.Offsets[row]), true
	for first := true; d.more(']', first); first = false {
		ok = d.value(elem, v.Children[0], shape, at) && ok
		if d.what != nil {
			return false
		}
		at++
	}
	putRange(v, row, at)
	return ok && d.what == nil
}

func (d *jsonDecoder) readMap(v *column.Vector, row int, value jsonValue, shape *column.Shape) bool {
	if d.line[d.at] != '{' {
		d.skipValue(0)
		return false
	}
	d.at++
	at, ok := int(v.Offsets[row]), true
	for first := true; d.more('}', first); first = false {
		if d.line[d.at] != '"' {
			d.fail("the name of a member must be a text")
			return false
		}
		name, _ := d.text()
		if d.what != nil {
			return false
		}
		putText(v.Children[0], at, name)
		if !d.take(':') {
			return false
		}
		d.blanks()
		ok = d.value(value, v.Children[1], shape, at) && ok
		if d.what != nil {
			return false
		}
		at++
	}
	putRange(v, row, at)
	return ok && d.what == nil
}
