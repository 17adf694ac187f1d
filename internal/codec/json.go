package codec

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/weirstream/weir/fault"
)

// AppendJSON appends the value at the start of src, which was written with the schema, as JSON for people to read: structs as objects, maps as lists of pairs unless their keys are strings, bytes as base64, what marshals itself as text or
// base64, times as RFC 3339, and floats that JSON has no number for as strings. It returns the bytes behind the value.
func AppendJSON(dst []byte, s *Schema, src []byte) (_, rest []byte, err error) {
	j := jsonWriter{skip: s.Skipper()}
	if _, err := j.skip(src); err != nil { // it is in order then, and the rest need not check
		return dst, nil, fault.New(fault.TypeDecode, "a value is not of the schema %s", brief(s.String()))
	}
	dst, rest = j.value(dst, s, src)
	return dst, rest, nil
}

type jsonWriter struct {
	skip func([]byte) ([]byte, error)
}

func (j *jsonWriter) value(dst []byte, s *Schema, src []byte) ([]byte, []byte) {
	switch s.kind {
	case schemaMarshal:
		b, rest := cutCounted(src)
		if s.text[:4] == "text" {
			return appendText(dst, string(b)), rest
		}
		return appendBase64(dst, b), rest
	case schemaPointer:
		if src[0] == 0 {
			return append(dst, "null"...), src[1:]
		}
		return j.value(dst, s.elem, src[1:])
	case schemaStruct:
		dst = append(dst, '{')
		for i, f := range s.fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(dst, f.name), ':')
			dst, src = j.value(dst, f.form, src)
		}
		return append(dst, '}'), src
	case schemaArray:
		if s.elem.kind == schemaPlain && s.elem.text == "byte" {
			return appendBase64(dst, src[:s.len]), src[s.len:]
		}
		if s.elem.Empty() { // of which there may be any number
			return strconv.AppendInt(dst, int64(s.len), 10), src
		}
		return j.elements(dst, s, src, uint64(s.len), 0)
	case schemaSlice, schemaMap:
		n, used := binary.Uvarint(src)
		src = src[used:]
		switch {
		case n == 0:
			return append(dst, "null"...), src
		case s.kind == schemaSlice && s.elem.kind == schemaPlain && s.elem.text == "byte":
			return appendBase64(dst, src[:n-1]), src[n-1:]
		case s.kind == schemaMap:
			return j.entries(dst, s, src, n-1)
		}
		pad := 0
		if s.elem.Empty() {
			pad = 1
		}
		return j.elements(dst, s, src, n-1, pad)
	}
	return plainJSON(dst, s.text, src)
}

func (j *jsonWriter) elements(dst []byte, s *Schema, src []byte, n uint64, pad int) ([]byte, []byte) {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, src = j.value(dst, s.elem, src[pad:])
	}
	return append(dst, ']'), src
}

func (j *jsonWriter) entries(dst []byte, s *Schema, src []byte, n uint64) ([]byte, []byte) {
	object := s.key.kind == schemaPlain && s.key.text == "string"
	pads := [2]int{}
	for i, e := range []*Schema{s.key, s.elem} {
		if e.Empty() {
			pads[i] = 1
		}
	}
	open, mid, end := "[", ",", "]"
	if object {
		dst, open, mid, end = append(dst, '{'), "", ":", ""
	} else {
		dst = append(dst, '[')
	}
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, src = j.value(append(dst, open...), s.key, src[pads[0]:])
		dst, src = j.value(append(dst, mid...), s.elem, src[pads[1]:])
		dst = append(dst, end...)
	}
	if object {
		return append(dst, '}'), src
	}
	return append(dst, ']'), src
}

func plainJSON(dst []byte, text string, src []byte) ([]byte, []byte) {
	switch text {
	case "bool":
		return strconv.AppendBool(dst, src[0] != 0), src[1:]
	case "string":
		b, rest := cutCounted(src)
		return appendText(dst, string(b)), rest
	case "float32":
		return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(src))), 32), src[4:]
	case "float64":
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(src)), 64), src[8:]
	case "complex64", "complex128":
		part := "float" + map[string]string{"complex64": "32", "complex128": "64"}[text]
		dst, src = plainJSON(append(dst, '['), part, src)
		dst, src = plainJSON(append(dst, ','), part, src)
		return append(dst, ']'), src
	case "time":
		sec, a := binary.Varint(src)
		nano, b := binary.Uvarint(src[a:])
		offset, c := binary.Varint(src[a+b:])
		return appendText(dst, time.Unix(sec, int64(nano)).In(zone(int(offset))).Format(time.RFC3339Nano)), src[a+b+c:]
	case "uint", "uint8", "uint16", "uint32", "uint64", "byte":
		n, used := binary.Uvarint(src)
		return strconv.AppendUint(dst, n, 10), src[used:]
	}
	n, used := binary.Varint(src)
	return strconv.AppendInt(dst, n, 10), src[used:]
}

func cutCounted(src []byte) (b, rest []byte) {
	n, used := binary.Uvarint(src)
	return src[used : used+int(n)], src[used+int(n):]
}

func appendText(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // never for a string
		return append(dst, `""`...)
	}
	return append(dst, b...)
}

func appendBase64(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendText(dst, strconv.FormatFloat(f, 'g', -1, bits))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
