package compiled

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// object is a JSON object whose members keep their order. Other values are nil, bool, string, json.Number and []any.
type object []member

type member struct {
	key   string
	value any
}

func (o *object) add(key string, value any) { *o = append(*o, member{key, value}) }

// width is how long a line may be that holds all of a value.
const width = 160

// write prints a value: on one line if that is not too long, else with a line for each of its parts.
func write(b *bytes.Buffer, v any, depth int) {
	line := inline(nil, v)
	if len(line)+2*depth <= width {
		b.Write(line)
		return
	}
	indent := func(n int) {
		b.WriteByte('\n')
		for range n {
			b.WriteString("  ")
		}
	}
	switch v := v.(type) {
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			indent(depth + 1)
			b.Write(text(nil, m.key))
			b.WriteString(": ")
			write(b, m.value, depth+1)
		}
		indent(depth)
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			indent(depth + 1)
			write(b, x, depth+1)
		}
		indent(depth)
		b.WriteByte(']')
	default:
		b.Write(line)
	}
}

// inline appends a value on one line.
func inline(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(text(b, m.key), ": "...)
			b = inline(b, m.value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = inline(b, x)
		}
		return append(b, ']')
	case string:
		return text(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	}
	return append(b, "null"...)
}

// text appends a string as JSON. What is no UTF-8 has been taken care of by textOf.
func text(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return append(b, `""`...) // strings have no errors
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// textOf is a string, or an object with its bytes if these are no UTF-8.
func textOf(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return object{{"hex", hex.EncodeToString([]byte(s))}}
}

// textFrom is the inverse of textOf.
func textFrom(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case object:
		if len(v) == 1 && v[0].key == "hex" {
			if s, ok := v[0].value.(string); ok {
				b, err := hex.DecodeString(s)
				return string(b), err == nil
			}
		}
	}
	return "", false
}

var (
	errTwice  = errors.New("an object has two members of the same name")
	errBehind = errors.New("something stands behind the end")
	errDeep   = errors.New("values nest too deep")
)

// mostDepth is how deep values may nest.
const mostDepth = 2000

// read parses JSON.
func read(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errBehind
	}
	return v, nil
}

func readValue(d *json.Decoder, depth int) (any, error) {
	if depth > mostDepth {
		return nil, errDeep
	}
	t, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	o := object{}
	seen := map[string]bool{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := k.(string)
		if seen[key] {
			return nil, errTwice
		}
		seen[key] = true
		v, err := readValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		o.add(key, v)
	}
	_, err = d.Token()
	return o, err
}

// member returns a member of an object.
func (o object) get(key string) (any, bool) {
	for _, m := range o {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

// camel is the name of a field of Go as that of a member.
func camel(name string) string {
	n := 1
	for n < len(name) && name[n] >= 'A' && name[n] <= 'Z' && (n+1 == len(name) || name[n+1] >= 'A' && name[n+1] <= 'Z') {
		n++
	}
	return strings.ToLower(name[:n]) + name[n:]
}
