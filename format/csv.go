package format

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// CSV is lines of fields that a character separates, after RFC 4180. Texts, times and bytes (in base64) are put in quotes as Flink does: if they are longer than 24 characters, or have a backslash or a character that is not
// above the delimiter and the quote in ASCII.
func CSV() *Format {
	return &Format{
		Name: "csv",
		Doc:  "Fields separated by a character.",
		Options: []tables.Option{
			{Key: "field-delimiter", Default: ",", Doc: `The character between fields; \t and \u0001 may be written so.`},
			{Key: "disable-quote-character", Kind: tables.Boolean, Default: "false", Doc: "Whether no character has the meaning of a quote."},
			{Key: "quote-character", Doc: `The character around fields that need it; " if it is not given.`},
			{Key: "allow-comments", Kind: tables.Boolean, Default: "false", Doc: "Whether lines that begin with # are skipped."},
			{Key: "ignore-parse-errors", Kind: tables.Boolean, Default: "false", Doc: "Whether a field that is wrong becomes null, and a line that is wrong is skipped, in place of failing."},
			{Key: "array-element-delimiter", Default: ";", Doc: "What separates the elements of an array or the fields of a row."},
			{Key: "escape-character", Doc: "The character that takes its meaning from the next one; none if it is not given."},
			{Key: "null-literal", Doc: "What stands for null. If it is not given nulls are written as nothing, and an empty field that is not a text is null."},
			{Key: "write-bigdecimal-in-scientific-notation", Kind: tables.Boolean, Default: "true", Doc: "Whether a DECIMAL that is a multiple of ten is written as 1E+2."},
		},
		Lines:   func(s *Schema) bool { return s.flag("disable-quote-character") },
		Cutter:  newCSVCutter,
		Encoder: newCSVEncoder,
		Decoder: newCSVDecoder,
	}
}

// csvOptions are the options of the format.
type csvOptions struct {
	delimiter, quote, escape byte // quote and escape are 0 if there is none
	comments, lenient, sci   bool
	element                  string
	null                     string
	hasNull                  bool
}

func csvOptionsOf(s *Schema) (o csvOptions, err error) {
	o.comments, o.lenient, o.sci = s.flag("allow-comments"), s.flag("ignore-parse-errors"), s.flag("write-bigdecimal-in-scientific-notation")
	if o.delimiter, err = character(s, "field-delimiter", ','); err != nil {
		return o, err
	}
	_, quoted := s.Options["quote-character"]
	if s.flag("disable-quote-character") {
		if quoted {
			return o, fault.New(fault.OptionInvalid, "the options 'csv.quote-character' and 'csv.disable-quote-character' exclude each other")
		}
	} else if o.quote, err = character(s, "quote-character", '"'); err != nil {
		return o, err
	}
	if o.escape, err = character(s, "escape-character", 0); err != nil {
		return o, err
	}
	o.element = unescaped(s.Options["array-element-delimiter"])
	if o.element == "" {
		o.element = ";"
	}
	o.null, o.hasNull = s.Options["null-literal"]
	if o.delimiter == o.quote || o.delimiter == o.escape || o.delimiter == '\n' || o.quote == '\n' || o.quote != 0 && o.quote == o.escape {
		return o, fault.New(fault.OptionInvalid, "the options 'csv.field-delimiter', 'csv.quote-character' and 'csv.escape-character' must be different characters")
	}
	return o, nil
}

// unescaped replaces escapes such as \t, as they are written in options.
func unescaped(s string) string {
	if t, err := strconv.Unquote(`"` + s + `"`); err == nil {
		return t
	}
	return s
}

func character(s *Schema, key string, otherwise byte) (byte, error) {
	text, ok := s.Options[key]
	if !ok {
		return otherwise, nil
	}
	if text = unescaped(text); len(text) != 1 || text[0] >= utf8.RuneSelf {
		return 0, fault.New(fault.OptionInvalid, "option 'csv.%s': %q is not a single character of ASCII", key, text)
	}
	return text[0], nil
}

// csvField encodes a column.
type csvField struct {
	at     int
	text   Text
	quoted bool // whether the text may have to be quoted
}

type csvEncoder struct {
	csvOptions
	fields []csvField
	// unsafe are the characters that make a field quoted.
	unsafe [utf8.RuneSelf]bool
}

// csvUnquoted is the longest text, in UTF-16 characters, that is looked at before it is quoted.
const csvUnquoted = 24

func newCSVEncoder(s *Schema) (Encoder, error) {
	o, err := csvOptionsOf(s)
	if err != nil {
		return nil, err
	}
	e := &csvEncoder{csvOptions: o}
	for c := range max(o.delimiter, o.quote, '\n') + 1 {
		e.unsafe[c] = true
	}
	e.unsafe['\\'] = true
	if o.escape != 0 {
		e.unsafe[o.escape] = true
	}
	for i, c := range s.Columns {
		f := csvField{at: s.at(i), quoted: !c.Type.IsNumeric() && c.Type.Kind() != types.Boolean}
		if f.text = e.textOf(c.Type, true); f.text == nil {
			return nil, unsupported(s, c, "csv")
		}
		e.fields = append(e.fields, f)
	}
	return e, nil
}

// textOf returns what prints values that are not null, nil if there is no form.
func (e *csvEncoder) textOf(t types.Type, nested bool) Text {
	switch t.Kind() {
	case types.Boolean:
		return appendBool
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalDayTime, types.IntervalYearMonth:
		return appendInt
	case types.Float, types.Double, types.Date:
		return printer(t)
	case types.Decimal:
		return decimalText(t, decimalStyle{strip: true, plain: !e.sci})
	case types.Time:
		return timeText(shortest)
	case types.Timestamp:
		return timestampText(t, ' ', shortest, false)
	case types.TimestampLTZ:
		return timestampText(t, ' ', shortest, true)
	case types.Char, types.Varchar:
		return appendText
	case types.Binary, types.Varbinary:
		return appendBase64
	case types.Array:
		elem := e.textOf(t.Elem(), false)
		if elem == nil || !nested {
			return nil
		}
		return func(dst []byte, v *column.Vector, row int) []byte {
			f, i := v.At(row)
			from, to := f.Range(i)
			for at := from; at < to; at++ {
				if at > from {
					dst = append(dst, e.element...)
				}
				dst = e.orNull(dst, elem, f.Children[0], at)
			}
			return dst
		}
	case types.Row, types.Structured:
		if !nested {
			return nil
		}
		return e.rowText(t)
	}
	return nil
}

func (e *csvEncoder) rowText(t types.Type) Text {
	fields := make([]Text, len(t.Fields()))
	for i, f := range t.Fields() {
		if fields[i] = e.textOf(f.Type, false); fields[i] == nil {
			return nil
		}
	}
	return func(dst []byte, v *column.Vector, row int) []byte {
		f, i := v.At(row)
		for k, text := range fields {
			if k > 0 {
				dst = append(dst, e.element...)
			}
			dst = e.orNull(dst, text, f.Children[k], i)
		}
		return dst
	}
}

func (e *csvEncoder) orNull(dst []byte, text Text, v *column.Vector, row int) []byte {
	if v.Null(row) {
		return append(dst, e.null...)
	}
	return text(dst, v, row)
}

func appendBase64(dst []byte, v *column.Vector, row int) []byte {
	return base64.StdEncoding.AppendEncode(dst, v.Bytes(row))
}

func (e *csvEncoder) Append(dst []byte, b *column.Batch, row int) ([]byte, error) {
	for i := range e.fields {
		f := &e.fields[i]
		if i > 0 {
			dst = append(dst, e.delimiter)
		}
		v := b.Cols[f.at]
		if v.Null(row) {
			dst = append(dst, e.null...)
			continue
		}
		start := len(dst)
		dst = f.text(dst, v, row)
		if f.quoted && e.quote != 0 && e.needsQuotes(dst[start:]) {
			dst = e.quoteFrom(dst, start)
		}
	}
	return append(dst, '\n'), nil
}

func (e *csvEncoder) needsQuotes(s []byte) bool {
	if len(s) > csvUnquoted {
		long := len(s)
		for _, c := range s {
			// A character of two or three bytes is one of UTF-16, and one of four bytes two.
			if c&0xc0 == 0x80 {
				long--
			} else if c >= 0xf0 {
				long++
			}
		}
		if long > csvUnquoted {
			return true
		}
	}
	for _, c := range s {
		if c < utf8.RuneSelf && e.unsafe[c] {
			return true
		}
	}
	return false
}

// quoteFrom puts what is behind start in quotes. Quotes within it are doubled, and so are escapes.
func (e *csvEncoder) quoteFrom(dst []byte, start int) []byte {
	extra := bytes.Count(dst[start:], []byte{e.quote})
	if e.escape != 0 {
		extra += bytes.Count(dst[start:], []byte{e.escape})
	}
	n := len(dst)
	for range extra + 2 {
		dst = append(dst, e.quote)
	}
	if extra == 0 {
		copy(dst[start+1:], dst[start:n])
		dst[start] = e.quote
		return dst
	}
	to := len(dst) - 2
	for from := n - 1; from >= start; from-- {
		c := dst[from]
		dst[to] = c
		to--
		if c == e.quote || e.escape != 0 && c == e.escape {
			dst[to] = c
			to--
		}
	}
	dst[start] = e.quote
	return dst
}
