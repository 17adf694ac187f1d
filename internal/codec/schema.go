package codec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Schema is a type's form, as [Codec.Schema] writes it and [ParseSchema] reads it: a tree, but for types that contain themselves. It is immutable: any number
// of goroutines may use one at a time.
type Schema struct {
	kind   schemaKind
	text   string // of a plain type or one that marshals itself
	len    int    // of an array
	key    *Schema
	elem   *Schema // of an array, slice, map or pointer
	fields []schemaField
	number int          // that a type which contains itself had in the text that it was read from
	typ    reflect.Type // nil if it was read
}

type schemaKind uint8

const (
	schemaPlain   schemaKind = iota // bool, a number, string, time, and byte, which stands for an uint8 in a slice or an array
	schemaMarshal                   // marshals itself
	schemaArray
	schemaSlice
	schemaMap
	schemaPointer
	schemaStruct
)

type schemaField struct {
	name string
	was  []string
	at   uintptr // offset in the struct, if that was not read
	form *Schema
}

// schemaOf returns the schema of a type that can be encoded.
func schemaOf(t reflect.Type) *Schema { return schemas{}.of(t) }

// schemas holds the schemas of types that are done or being made.
type schemas map[reflect.Type]*Schema

func (m schemas) of(t reflect.Type) *Schema {
	if s := m[t]; s != nil {
		return s
	}
	s := &Schema{typ: t}
	m[t] = s
	if t == timeType {
		s.text = "time"
		return s
	}
	if r := marshallingOf(t); r != nil {
		kind := "binary"
		if r.text {
			kind = "text"
		}
		s.kind, s.text = schemaMarshal, fmt.Sprintf("%s(%s.%s)", kind, t.PkgPath(), t.Name())
		return s
	}
	switch t.Kind() {
	case reflect.Slice:
		s.kind, s.elem = schemaSlice, m.element(t.Elem())
	case reflect.Array:
		s.kind, s.len, s.elem = schemaArray, t.Len(), m.element(t.Elem())
	case reflect.Map:
		s.kind, s.key, s.elem = schemaMap, m.of(t.Key()), m.of(t.Elem())
	case reflect.Pointer:
		s.kind, s.elem = schemaPointer, m.of(t.Elem())
	case reflect.Struct:
		s.kind = schemaStruct
		stored, _, _ := fieldsOf(t)
		for _, f := range stored {
			s.fields = append(s.fields, schemaField{f.stored, f.was, f.Offset, m.of(f.Type)})
		}
	default:
		s.text = t.Kind().String()
	}
	return s
}

func (m schemas) element(t reflect.Type) *Schema {
	if rawBytes(t) {
		return &Schema{text: "byte", typ: t}
	}
	return m.of(t)
}

// String returns the schema as text. Former names of fields are left out: types that differ in these alone have one schema.
func (s *Schema) String() string { return s.write(false) }

func (s *Schema) write(names bool) string {
	// The first pass finds the types that contain themselves, the second numbers them.
	find := schemaText{open: map[*Schema]bool{}, recursive: map[*Schema]bool{}}
	find.write(s)
	write := schemaText{names: names, open: map[*Schema]bool{}, recursive: find.recursive, number: map[*Schema]int{}, last: find.last}
	write.write(s)
	return write.text.String()
}

type schemaText struct {
	text      strings.Builder
	names     bool // write former names, too
	open      map[*Schema]bool
	recursive map[*Schema]bool
	number    map[*Schema]int // nil in the first pass
	last      int             // the highest number so far, of those that were read to begin with
}

func (w *schemaText) write(s *Schema) {
	b := &w.text
	if w.open[s] {
		w.recursive[s] = true
		fmt.Fprintf(b, "#%d", w.number[s])
		return
	}
	if (w.recursive[s] || s.number != 0) && w.number != nil {
		if w.number[s] == 0 {
			if w.number[s] = s.number; s.number == 0 {
				w.last++
				w.number[s] = w.last
			}
		}
		fmt.Fprintf(b, "#%d=", w.number[s])
	}
	w.last = max(w.last, s.number)
	w.open[s] = true
	defer delete(w.open, s)
	switch s.kind {
	case schemaSlice:
		b.WriteString("[]")
		w.write(s.elem)
	case schemaArray:
		b.WriteString("[" + strconv.Itoa(s.len) + "]")
		w.write(s.elem)
	case schemaMap:
		b.WriteString("map[")
		w.write(s.key)
		b.WriteString("]")
		w.write(s.elem)
	case schemaPointer:
		b.WriteString("*")
		w.write(s.elem)
	case schemaStruct:
		b.WriteString("struct{")
		for i, f := range s.fields {
			if i > 0 {
				b.WriteString("; ")
			}
			b.WriteString(f.name + " ")
			w.write(f.form)
			if w.names && len(f.was) > 0 {
				b.WriteString(` "was=` + strings.Join(f.was, ",was=") + `"`)
			}
		}
		b.WriteString("}")
	default:
		b.WriteString(s.text)
	}
}
