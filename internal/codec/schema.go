package codec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// schemaOf returns the text of a type that can be encoded.
func schemaOf(t reflect.Type) string {
	// The first pass finds the types that contain themselves, the second numbers them.
	find := schema{open: map[reflect.Type]bool{}, recursive: map[reflect.Type]bool{}}
	find.write(t)
	write := schema{open: map[reflect.Type]bool{}, recursive: find.recursive, number: map[reflect.Type]int{}}
	write.write(t)
	return write.text.String()
}

type schema struct {
	text      strings.Builder
	open      map[reflect.Type]bool
	recursive map[reflect.Type]bool
	number    map[reflect.Type]int // nil in the first pass
}

func (s *schema) write(t reflect.Type) {
	if s.open[t] {
		s.recursive[t] = true
		fmt.Fprintf(&s.text, "#%d", s.number[t])
		return
	}
	b := &s.text
	if t == timeType {
		b.WriteString("time")
		return
	}
	if m := marshallingOf(t); m != nil {
		kind := "binary"
		if m.text {
			kind = "text"
		}
		fmt.Fprintf(b, "%s(%s.%s)", kind, t.PkgPath(), t.Name())
		return
	}
	if s.recursive[t] && s.number != nil {
		if s.number[t] == 0 {
			s.number[t] = len(s.number) + 1
		}
		fmt.Fprintf(b, "#%d=", s.number[t])
	}
	s.open[t] = true
	defer delete(s.open, t)
	switch t.Kind() {
	case reflect.Slice:
		b.WriteString("[]")
		s.element(t.Elem())
	case reflect.Array:
		b.WriteString("[" + strconv.Itoa(t.Len()) + "]")
		s.element(t.Elem())
	case reflect.Map:
		b.WriteString("map[")
		s.write(t.Key())
		b.WriteString("]")
		s.write(t.Elem())
	case reflect.Pointer:
		b.WriteString("*")
		s.write(t.Elem())
	case reflect.Struct:
		b.WriteString("struct{")
		first := true
		for f := range t.Fields() {
			if f.Name == "_" {
				continue
			}
			if !first {
				b.WriteString("; ")
			}
			first = false
			b.WriteString(f.Name)
			b.WriteString(" ")
			s.write(f.Type)
		}
		b.WriteString("}")
	default:
		b.WriteString(t.Kind().String())
	}
}

func (s *schema) element(t reflect.Type) {
	if rawBytes(t) {
		s.text.WriteString("byte")
		return
	}
	s.write(t)
}
