package fn

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// node is a JSON value.
type node struct {
	kind jsonKind
	// text is a string's content, or a number as written.
	text string
	list []*node  // elements, or values of members
	keys []string // of members
}

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonFalse
	jsonTrue
	jsonNumber
	jsonText
	jsonArray
	jsonObject
)

func (n *node) scalar() bool { return n.kind < jsonArray }

// maxJSON is how deep JSON values may nest.
const maxJSON = 500

// parseJSON reads one JSON value, with nothing but spaces around it.
func parseJSON(s string) (*node, bool) {
	p := &jsonReader{s: s}
	n, ok := p.value(0)
	p.blanks()
	return n, ok && p.at == len(s)
}

type jsonReader struct {
	s  string
	at int
	// raw leaves numbers as they are written. twice tells that an object has a key twice.
	raw, twice bool
}

func (p *jsonReader) blanks() {
	for p.at < len(p.s) && (p.s[p.at] == ' ' || p.s[p.at] == '\t' || p.s[p.at] == '\n' || p.s[p.at] == '\r') {
		p.at++
	}
}

func (p *jsonReader) word(w string) bool {
	if strings.HasPrefix(p.s[p.at:], w) {
		p.at += len(w)
		return true
	}
	return false
}

func (p *jsonReader) value(depth int) (*node, bool) {
	p.blanks()
	if p.at >= len(p.s) || depth > maxJSON {
		return nil, false
	}
	switch c := p.s[p.at]; c {
	case 'n':
		return &node{kind: jsonNull}, p.word("null")
	case 't':
		return &node{kind: jsonTrue}, p.word("true")
	case 'f':
		return &node{kind: jsonFalse}, p.word("false")
	case '"':
		text, ok := p.text()
		return &node{kind: jsonText, text: text}, ok
	case '[', '{':
		return p.nested(c, depth)
	}
	return p.number()
}

func (p *jsonReader) nested(open byte, depth int) (*node, bool) {
	n := &node{kind: jsonArray}
	end := byte(']')
	if open == '{' {
		n.kind, end = jsonObject, '}'
	}
	p.at++
	p.blanks()
	if p.at < len(p.s) && p.s[p.at] == end {
		p.at++
		return n, true
	}
	for {
		key := ""
		if n.kind == jsonObject {
			p.blanks()
			var ok bool
			if p.at >= len(p.s) || p.s[p.at] != '"' {
				return nil, false
			}
			if key, ok = p.text(); !ok {
				return nil, false
			}
			p.blanks()
			if !p.word(":") {
				return nil, false
			}
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		p.twice = p.twice || n.kind == jsonObject && slices.Contains(n.keys, key)
		n.put(key, v)
		p.blanks()
		switch {
		case p.word(","):
		case p.at < len(p.s) && p.s[p.at] == end:
			p.at++
			return n, true
		default:
			return nil, false
		}
	}
}

// put adds an element or a member; of equal keys the last counts.
func (n *node) put(key string, v *node) {
	if n.kind == jsonObject {
		if i := slices.Index(n.keys, key); i >= 0 {
			n.list[i] = v
			return
		}
		n.keys = append(n.keys, key)
	}
	n.list = append(n.list, v)
}

func (p *jsonReader) number() (*node, bool) {
	from := p.at
	digits := func() bool {
		n := p.at
		for p.at < len(p.s) && p.s[p.at] >= '0' && p.s[p.at] <= '9' {
			p.at++
		}
		return p.at > n
	}
	p.word("-")
	zero := p.at < len(p.s) && p.s[p.at] == '0'
	first := p.at
	if !digits() || zero && p.at > first+1 {
		return nil, false
	}
	if p.word(".") && !digits() {
		return nil, false
	}
	if p.word("e") || p.word("E") {
		if !p.word("-") {
			p.word("+")
		}
		if !digits() {
			return nil, false
		}
	}
	if p.raw {
		return &node{kind: jsonNumber, text: p.s[from:p.at]}, true
	}
	return &node{kind: jsonNumber, text: javaNumber(p.s[from:p.at])}, true
}

// javaNumber writes a number as Java's BigDecimal does, if it has an exponent: 1e3 is 1E+3.
func javaNumber(s string) string {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(s), "E")
	if !ok {
		return s
	}
	e, err := strconv.Atoi(exponent)
	if err != nil || e > 1_000_000 || e < -1_000_000 {
		return s
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, scale := strings.TrimLeft(whole+fraction, "0"), len(fraction)-e
	if digits == "" {
		digits = "0"
	}
	out := ""
	switch adjusted := len(digits) - 1 - scale; {
	case scale >= 0 && adjusted >= -6:
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		out = digits[:len(digits)-scale]
		if scale > 0 {
			out += "." + digits[len(digits)-scale:]
		}
	default:
		out = digits[:1]
		if len(digits) > 1 {
			out += "." + digits[1:]
		}
		if adjusted != 0 {
			out += "E"
			if adjusted > 0 {
				out += "+"
			}
			out += strconv.Itoa(adjusted)
		}
	}
	if negative {
		return "-" + out
	}
	return out
}

func (p *jsonReader) text() (string, bool) {
	p.at++
	from := p.at
	for p.at < len(p.s) && p.s[p.at] != '"' && p.s[p.at] != '\\' && p.s[p.at] >= ' ' {
		p.at++
	}
	if p.at < len(p.s) && p.s[p.at] == '"' {
		p.at++
		return p.s[from : p.at-1], true
	}
	b := []byte(p.s[from:p.at])
	for p.at < len(p.s) {
		c := p.s[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b), true
		case c < ' ':
			return "", false
		case c != '\\':
			b = append(b, c)
			p.at++
			continue
		}
		var ok bool
		var n int
		if b, n, ok = appendEscape(b, p.s[p.at:]); !ok {
			return "", false
		}
		p.at += n
	}
	return "", false
}

// appendEscape undoes the escape at the begin of s and returns how long it is.
func appendEscape(b []byte, s string) ([]byte, int, bool) {
	if len(s) < 2 {
		return b, 0, false
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return append(b, "\"\\/\b\f\n\r\t"[i]), 2, true
	}
	unit := func(s string) (rune, bool) {
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		x, err := strconv.ParseUint(s[2:6], 16, 32)
		return rune(x), err == nil
	}
	r, ok := unit(s)
	if !ok {
		return b, 0, false
	}
	if utf16.IsSurrogate(r) {
		if low, ok := unit(s[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			return utf8.AppendRune(b, utf16.DecodeRune(r, low)), 12, true
		}
	}
	return utf8.AppendRune(b, r), 6, true
}

// append prints a value without spaces; sorted orders the members of objects by their keys.
func (n *node) append(b []byte, sorted bool) []byte {
	switch n.kind {
	case jsonNull:
		return append(b, "null"...)
	case jsonTrue:
		return append(b, "true"...)
	case jsonFalse:
		return append(b, "false"...)
	case jsonNumber:
		return append(b, n.text...)
	case jsonText:
		return AppendJSONText(b, n.text)
	case jsonArray:
		b = append(b, '[')
		for i, e := range n.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.append(b, sorted)
		}
		return append(b, ']')
	}
	order := make([]int, len(n.keys))
	for i := range order {
		order[i] = i
	}
	if sorted {
		slices.SortFunc(order, func(i, j int) int { return strings.Compare(n.keys[i], n.keys[j]) })
	}
	b = append(b, '{')
	for i, k := range order {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendJSONText(b, n.keys[k]), ':')
		b = n.list[k].append(b, sorted)
	}
	return append(b, '}')
}

// AppendJSONText appends a text as JSON.
func AppendJSONText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ':
			b = append(b, c)
		case strings.IndexByte("\b\f\n\r\t", c) >= 0:
			b = append(b, '\\', "bfnrt"[strings.IndexByte("\b\f\n\r\t", c)])
		default:
			b = append(b, '\\', 'u', '0', '0', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return append(b, '"')
}

// JSONWriter returns what appends a value of a type as JSON, times in UTC; nil if values of the type cannot be written.
func JSONWriter(t types.Type) func(dst []byte, v column.Value) []byte {
	of := jsonOf(time.UTC, t)
	if of == nil {
		return nil
	}
	return func(dst []byte, v column.Value) []byte { return of(v).append(dst, false) }
}

// jsonOf returns how a value of a type becomes JSON; nil if it cannot.
func jsonOf(zone *time.Location, t types.Type) func(v column.Value) *node {
	some := func(f func(v column.Value) *node) func(v column.Value) *node {
		return func(v column.Value) *node {
			if v.Null {
				return &node{kind: jsonNull}
			}
			return f(v)
		}
	}
	switch k := t.Kind(); {
	case k == types.Null:
		return func(column.Value) *node { return &node{kind: jsonNull} }
	case k == types.Boolean:
		return some(func(v column.Value) *node { return &node{kind: jsonFalse + jsonKind(v.Word&1)} })
	case t.IsBytes():
		return some(func(v column.Value) *node {
			return &node{kind: jsonText, text: base64.StdEncoding.EncodeToString([]byte(v.Text))}
		})
	case t.IsChar():
		return some(func(v column.Value) *node { return &node{kind: jsonText, text: v.Text} })
	case k == types.Variant:
		return some(func(v column.Value) *node { return readVariant(v.Text) })
	case t.IsApprox():
		write := writer(zone, t)
		return some(func(v column.Value) *node {
			kind := jsonNumber
			if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
				kind = jsonText
			}
			return &node{kind: kind, text: string(write(nil, column.ConstOf(v, t), 0))}
		})
	case t.IsNumeric():
		write := writer(zone, t)
		return some(func(v column.Value) *node {
			return &node{kind: jsonNumber, text: string(write(nil, column.ConstOf(v, t), 0))}
		})
	case k == types.Array:
		elem := jsonOf(zone, t.Elem())
		if elem == nil {
			return nil
		}
		return some(func(v column.Value) *node {
			n := &node{kind: jsonArray}
			for _, e := range v.List {
				n.put("", elem(e))
			}
			return n
		})
	case k == types.Map || k == types.Multiset:
		key, value := entryTypes(t)
		of := jsonOf(zone, value)
		if of == nil || !key.IsChar() {
			return nil
		}
		return some(func(v column.Value) *node {
			n := &node{kind: jsonObject}
			for i := 0; i+1 < len(v.List); i += 2 {
				n.put(v.List[i].Text, of(v.List[i+1]))
			}
			return n
		})
	case t.IsComposite():
		var of []func(column.Value) *node
		for _, f := range t.Fields() {
			of = append(of, jsonOf(zone, f.Type))
			if of[len(of)-1] == nil {
				return nil
			}
		}
		return some(func(v column.Value) *node {
			n := &node{kind: jsonObject}
			for i, f := range t.Fields() {
				n.put(f.Name, of[i](v.List[i]))
			}
			return n
		})
	}
	write := writer(zone, t)
	if write == nil {
		return nil
	}
	return some(func(v column.Value) *node {
		text := string(write(nil, column.ConstOf(v, t), 0))
		if t.IsTimestamp() {
			text = isoTime(text, t)
		}
		return &node{kind: jsonText, text: text}
	})
}

// isoTime turns a timestamp as it is printed into its form in JSON.
func isoTime(text string, t types.Type) string {
	text = strings.Replace(text, " ", "T", 1)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if t.Kind() == types.TimestampLTZ {
		text += "Z"
	}
	return text
}
