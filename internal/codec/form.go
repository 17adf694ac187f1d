package codec

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/weirstream/weir/fault"
)

// Form is what a schema stands for, for those who read data without having its Go type.
type Form uint8

// The forms of schemas.
const (
	// PlainForm is a boolean, number, string or time: see [Schema.Text]. The element "byte" of a slice or array makes it one of raw bytes.
	PlainForm Form = iota
	// SelfForm marshals itself: Text is binary(...) or text(...).
	SelfForm
	ArrayForm
	SliceForm
	MapForm
	PointerForm
	StructForm
)

// Form returns what the schema stands for.
func (s *Schema) Form() Form { return Form(s.kind) }

// Text names a plain form, or one that marshals itself.
func (s *Schema) Text() string { return s.text }

// Len is the length of an array.
func (s *Schema) Len() int { return s.len }

// Key and Elem are the parts of a map; Elem also that of an array, slice or pointer. What contains itself is its own part.
func (s *Schema) Key() *Schema  { return s.key }
func (s *Schema) Elem() *Schema { return s.elem }

// Fields is the number of fields of a struct, Field one of them.
func (s *Schema) Fields() int                          { return len(s.fields) }
func (s *Schema) Field(i int) (name string, _ *Schema) { return s.fields[i].name, s.fields[i].form }

// Empty reports whether values are encoded as nothing.
func (s *Schema) Empty() bool { return s.least() == 0 }

// Skipper returns what reads over a value of the schema, and returns the bytes behind it.
func (s *Schema) Skipper() func(src []byte) (rest []byte, err error) {
	m := &migrator{skips: map[*Schema]*node{}}
	n := m.skip(s)
	return func(src []byte) ([]byte, error) { return n.dec(src, nil, 0) }
}

// SchemaWords turns the words and bytes of keys, see [Words], into their encoding and back, by the schema of the key alone.
type SchemaWords struct {
	// N is the number of words, Bytes whether there are bytes.
	N     int
	Bytes bool
	lanes []wordLane
	parts int
	whole bool // the bytes are the encoding
}

type wordLane struct {
	text string
	size int // of raw bytes
}

// WordsOf returns how keys of a schema are kept.
func WordsOf(s *Schema) (*SchemaWords, error) {
	w := &SchemaWords{}
	if err := w.collect(s); err != nil {
		return nil, err
	}
	for _, l := range w.lanes {
		switch l.text {
		case "string", "self":
			w.parts++
		case "time":
			w.N += 2
		case "raw":
			w.N += (l.size + 7) / 8
		default:
			w.N++
		}
	}
	w.Bytes = w.parts > 0
	if w.N > MaxWords {
		w.N, w.Bytes, w.whole = 0, true, true
	}
	return w, nil
}

func (w *SchemaWords) collect(s *Schema) error {
	switch s.kind {
	case schemaPlain:
		switch s.text {
		case "complex64":
			w.lanes = append(w.lanes, wordLane{text: "float32"}, wordLane{text: "float32"})
		case "complex128":
			w.lanes = append(w.lanes, wordLane{text: "float64"}, wordLane{text: "float64"})
		default:
			w.lanes = append(w.lanes, wordLane{text: s.text})
		}
	case schemaMarshal:
		w.lanes = append(w.lanes, wordLane{text: "self"})
	case schemaArray:
		if s.elem.kind == schemaPlain && s.elem.text == "byte" {
			w.lanes = append(w.lanes, wordLane{"raw", s.len})
			return nil
		}
		if s.elem.Empty() {
			return nil
		}
		for range s.len {
			if len(w.lanes) > 1<<16 {
				return fault.New(fault.StateSchemaDamaged, "a key has more than %d values", 1<<16)
			}
			if err := w.collect(s.elem); err != nil {
				return err
			}
		}
	case schemaStruct:
		for _, f := range s.fields {
			if err := w.collect(f.form); err != nil {
				return err
			}
		}
	default:
		return fault.New(fault.StateSchemaDamaged, "the schema %s cannot be that of a key", s)
	}
	return nil
}

// Encode appends the encoding of the key that has these words and bytes.
func (w *SchemaWords) Encode(dst []byte, words []uint64, b []byte) ([]byte, error) {
	if w.whole {
		return append(dst, b...), nil
	}
	if len(words) != w.N {
		return dst, fault.New(fault.TypeDecode, "a key has %d words instead of %d", len(words), w.N)
	}
	for _, l := range w.lanes {
		switch l.text {
		case "string", "self":
			n := uint64(len(b))
			if w.parts > 1 {
				var used int
				if n, used = binary.Uvarint(b); used <= 0 || n > uint64(len(b)-used) {
					return dst, fault.New(fault.TypeDecode, "the bytes of a key are cut short")
				}
				b = b[used:]
			}
			dst = append(appendUvarint(dst, n), b[:n]...)
			b = b[n:]
			continue
		case "raw":
			at := len(dst)
			dst = slices.Grow(dst, l.size)[:at+l.size]
			words = words[unpack(words, dst[at:]):]
			continue
		case "time":
			dst = appendVarint(dst, int64(words[0]))
			dst = appendUvarint(dst, words[1])
			dst = append(dst, 0)
			words = words[2:]
			continue
		}
		v := words[0]
		words = words[1:]
		switch l.text {
		case "bool":
			dst = append(dst, byte(v&1))
		case "float64":
			dst = binary.LittleEndian.AppendUint64(dst, v)
		case "float32":
			dst = binary.LittleEndian.AppendUint32(dst, normal32(math.Float32bits(float32(math.Float64frombits(v)))))
		case "uint", "uint8", "uint16", "uint32", "uint64":
			dst = appendUvarint(dst, v)
		default:
			dst = appendVarint(dst, int64(v))
		}
	}
	return dst, nil
}

// Split is the inverse of Encode: it sets words, which has N places, appends to b, and returns what is behind the key.
func (w *SchemaWords) Split(src []byte, words []uint64, b []byte) (_, rest []byte, err error) {
	if w.whole {
		return append(b, src...), nil, nil
	}
	cut := func(n int) []byte {
		if err != nil || n < 0 || n > len(src) {
			if err == nil {
				err = fault.New(fault.TypeDecode, "a key is cut short")
			}
			return make([]byte, 8)
		}
		p := src[:n]
		src = src[n:]
		return p
	}
	number := func() uint64 {
		v, n := binary.Uvarint(src)
		if n <= 0 {
			cut(-1)
			return 0
		}
		src = src[n:]
		return v
	}
	signed := func() uint64 {
		v := number()
		return v>>1 ^ -(v & 1)
	}
	for _, l := range w.lanes {
		switch l.text {
		case "string", "self":
			n := number()
			p := cut(int(min(n, math.MaxInt32)))
			if w.parts > 1 {
				b = appendUvarint(b, n)
			}
			b = append(b, p...)
		case "raw":
			if p := cut(l.size); len(p) == l.size {
				words = words[pack(words, p):]
			}
		case "time":
			words[0], words[1] = signed(), number()
			signed()
			words = words[2:]
		default:
			switch l.text {
			case "bool":
				words[0] = uint64(cut(1)[0])
			case "float64":
				words[0] = normal64(binary.LittleEndian.Uint64(cut(8)))
			case "float32":
				words[0] = normal64(math.Float64bits(float64(math.Float32frombits(binary.LittleEndian.Uint32(cut(4))))))
			case "uint", "uint8", "uint16", "uint32", "uint64":
				words[0] = number()
			default:
				words[0] = signed()
			}
			words = words[1:]
		}
		if err != nil {
			return b, nil, err
		}
	}
	return b, src, nil
}
