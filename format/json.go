package format

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// JSON is lines that have an object each, with a member for each column.
func JSON() *Format {
	return &Format{
		Name: "json",
		Doc:  "An object on each line.",
		Options: []tables.Option{
			{Key: "fail-on-missing-field", Kind: tables.Boolean, Default: "false", Doc: "Whether a member that is not there is an error, and not null."},
			{Key: "ignore-parse-errors", Kind: tables.Boolean, Default: "false", Doc: "Whether a value that is wrong becomes null, and a line that is wrong is skipped, in place of failing."},
			{Key: "timestamp-format.standard", Values: []string{"SQL", "ISO-8601"}, Default: "SQL", Doc: "Whether a blank or a T is between the date and the time of a timestamp."},
			{Key: "map-null-key.mode", Values: []string{"FAIL", "DROP", "LITERAL"}, Default: "FAIL", Doc: "What becomes of an entry of a map whose key is null."},
			{Key: "map-null-key.literal", Default: "null", Doc: "The key in place of null if the mode is LITERAL."},
			{Key: "encode.decimal-as-plain-number", Kind: tables.Boolean, Default: "false", Doc: "Whether no DECIMAL is written with an exponent, and zeros at the end are kept."},
			{Key: "encode.ignore-null-fields", Kind: tables.Boolean, Default: "false", Doc: "Whether members that are null are left out."},
		},
		Lines:   func(*Schema) bool { return true },
		Encoder: newJSONEncoder,
		Decoder: newJSONDecoder,
	}
}

// jsonText appends the value of a row, which is not null.
type jsonText func(dst []byte, v *column.Vector, row int) ([]byte, error)

type jsonField struct {
	at   int
	name []byte // in quotes, with the colon
	text jsonText
}

type jsonEncoder struct {
	s           *Schema
	fields      []jsonField
	ignoreNulls bool
	nullKey     string // the mode
	keyLiteral  string
}

func newJSONEncoder(s *Schema) (Encoder, error) {
	e := &jsonEncoder{s: s, ignoreNulls: s.flag("encode.ignore-null-fields"), nullKey: s.Options["map-null-key.mode"], keyLiteral: s.Options["map-null-key.literal"]}
	var err error
	e.fields, err = e.fieldsOf(s.Columns, s.at)
	return e, err
}

func (e *jsonEncoder) fieldsOf(columns []types.Field, at func(int) int) ([]jsonField, error) {
	fields := make([]jsonField, len(columns))
	for i, c := range columns {
		text, err := e.textOf(c, c.Type)
		if err != nil {
			return nil, err
		}
		fields[i] = jsonField{at: at(i), name: append(appendQuoted(nil, []byte(c.Name)), ':'), text: text}
	}
	return fields, nil
}

func plainText(t Text) jsonText {
	return func(dst []byte, v *column.Vector, row int) ([]byte, error) { return t(dst, v, row), nil }
}

// inQuotes puts a text that needs no escapes in quotes.
func inQuotes(t Text) jsonText {
	return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
		return append(t(append(dst, '"'), v, row), '"'), nil
	}
}

func (e *jsonEncoder) textOf(c types.Field, t types.Type) (jsonText, error) {
	separator := byte(' ')
	if e.s.Options["timestamp-format.standard"] == "ISO-8601" {
		separator = 'T'
	}
	switch t.Kind() {
	case types.Null:
		return plainText(printer(t)), nil
	case types.Boolean:
		return plainText(appendBool), nil
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalDayTime, types.IntervalYearMonth:
		return plainText(appendInt), nil
	case types.Float, types.Double:
		return jsonFloat(t), nil
	case types.Decimal:
		plain := e.s.flag("encode.decimal-as-plain-number")
		return plainText(decimalText(t, decimalStyle{strip: !plain, plain: plain})), nil
	case types.Date:
		return inQuotes(printer(t)), nil
	case types.Time:
		return inQuotes(timeText(shortest)), nil
	case types.Timestamp:
		return inQuotes(timestampText(t, separator, shortest, false)), nil
	case types.TimestampLTZ:
		return inQuotes(timestampText(t, separator, shortest, true)), nil
	case types.Char, types.Varchar:
		return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
			return appendQuoted(dst, v.Bytes(row)), nil
		}, nil
	case types.Binary, types.Varbinary:
		return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
			return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes(row)), '"'), nil
		}, nil
	case types.Array:
		return e.arrayText(c, t)
	case types.Map, types.Multiset:
		return e.mapText(c, t)
	case types.Row, types.Structured:
		fields, err := e.fieldsOf(t.Fields(), func(i int) int { return i })
		return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
			f, i := v.At(row)
			return e.object(dst, fields, f.Children, i)
		}, err
	}
	return nil, unsupported(e.s, c, "json")
}

// jsonFloat puts what is no number in quotes.
func jsonFloat(t types.Type) jsonText {
	text := printer(t)
	return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
		start := len(dst)
		dst = text(dst, v, row)
		if c := dst[len(dst)-1]; c >= '0' && c <= '9' {
			return dst, nil
		}
		s := string(dst[start:]) // rare
		return append(append(append(dst[:start], '"'), s...), '"'), nil
	}
}

func (e *jsonEncoder) arrayText(c types.Field, t types.Type) (jsonText, error) {
	elem, err := e.textOf(c, t.Elem())
	return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
		f, i := v.At(row)
		from, to := f.Range(i)
		dst = append(dst, '[')
		for at := from; at < to; at++ {
			if at > from {
				dst = append(dst, ',')
			}
			if f.Children[0].Null(at) {
				dst = append(dst, "null"...)
				continue
			}
			var err error
			if dst, err = elem(dst, f.Children[0], at); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}, err
}

// mapText writes maps whose keys are texts, as Flink does.
func (e *jsonEncoder) mapText(c types.Field, t types.Type) (jsonText, error) {
	key, value := pairTypes(t)
	if !key.IsChar() {
		return nil, fault.New(fault.OptionInvalid, "the format \"json\" has no form for the column %s of table %s: the keys of a map must be texts, not %s", types.Quote(c.Name), e.s.Table, key.SQL())
	}
	text, err := e.textOf(c, value)
	return func(dst []byte, v *column.Vector, row int) ([]byte, error) {
		f, i := v.At(row)
		from, to := f.Range(i)
		dst = append(dst, '{')
		first := true
		for at := from; at < to; at++ {
			name := []byte(e.keyLiteral)
			if !f.Children[0].Null(at) {
				name = f.Children[0].Bytes(at)
			} else if e.nullKey == "DROP" {
				continue
			} else if e.nullKey != "LITERAL" {
				return dst, fault.New(fault.SinkFailed, "a map in the column %s of table %s has a null as its key, which JSON cannot hold: set 'json.map-null-key.mode' to DROP or LITERAL", types.Quote(c.Name), e.s.Table)
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendQuoted(dst, name), ':')
			if f.Children[1].Null(at) {
				dst = append(dst, "null"...)
				continue
			}
			var err error
			if dst, err = text(dst, f.Children[1], at); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}, err
}

func (e *jsonEncoder) object(dst []byte, fields []jsonField, cols []*column.Vector, row int) ([]byte, error) {
	dst = append(dst, '{')
	start := len(dst)
	for i := range fields {
		f := &fields[i]
		v := cols[f.at]
		null := v.Null(row)
		if null && e.ignoreNulls {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, f.name...)
		if null {
			dst = append(dst, "null"...)
			continue
		}
		var err error
		if dst, err = f.text(dst, v, row); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *jsonEncoder) Append(dst []byte, b *column.Batch, row int) ([]byte, error) {
	dst, err := e.object(dst, e.fields, b.Cols, row)
	return append(dst, '\n'), err
}

// escapes has for each character of ASCII that cannot stand in a string of JSON the letter of its escape, u for those that have only their number.
var escapes = func() (t [utf8.RuneSelf]byte) {
	for c := range 0x20 {
		t[c] = 'u'
	}
	t['"'], t['\\'], t['\b'], t['\f'], t['\n'], t['\r'], t['\t'] = '"', '\\', 'b', 'f', 'n', 'r', 't'
	return t
}()

// appendQuoted appends a string of JSON.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= utf8.RuneSelf || escapes[c] == 0 {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		dst = append(dst, '\\', escapes[c])
		if escapes[c] == 'u' {
			dst = append(dst, '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
