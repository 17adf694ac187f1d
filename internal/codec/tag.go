package codec

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// storedField is a field of a struct with its stored names.
type storedField struct {
	reflect.StructField
	stored string
	was    []string // what it was called before
}

// fieldsOf returns the fields of a struct that are stored, in order, and those that are not, by their weir tags. Blank fields are neither. The error says
// which field's tag is wrong, and how.
func fieldsOf(t reflect.Type) (stored []storedField, left []reflect.StructField, err error) {
	for f := range t.Fields() {
		if f.Name == "_" {
			continue
		}
		s, ok, err := readTag(f)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			left = append(left, f)
			continue
		}
		stored = append(stored, s)
	}
	names := map[string]string{} // stored to Go name
	for _, f := range stored {
		if other, ok := names[f.stored]; ok {
			return nil, nil, fmt.Errorf("field %s is stored as %s, and so is field %s", f.Name, f.stored, other)
		}
		names[f.stored] = f.Name
	}
	for _, f := range stored {
		for _, was := range f.was {
			if other, ok := names[was]; ok {
				return nil, nil, fmt.Errorf("field %s was %s, but field %s is stored or was stored by this name: give that one another by name=", f.Name, was, other)
			}
			names[was] = f.Name
		}
	}
	return stored, left, nil
}

// readTag returns a field with its stored names, false if it is not stored.
func readTag(f reflect.StructField) (s storedField, ok bool, err error) {
	s = storedField{StructField: f, stored: f.Name}
	tag := f.Tag.Get("weir")
	switch tag {
	case "":
		return s, true, nil
	case "-":
		return s, false, nil
	}
	named := false
	for option := range strings.SplitSeq(tag, ",") {
		key, name, _ := strings.Cut(option, "=")
		if key != "name" && key != "was" {
			return s, false, fmt.Errorf("the tag weir:%q of field %s has the unknown option %q", tag, f.Name, option)
		}
		if !isName(name) {
			return s, false, fmt.Errorf("the tag weir:%q of field %s has the name %q, which is not a Go identifier", tag, f.Name, name)
		}
		if key == "was" {
			s.was = append(s.was, name)
			continue
		}
		if named {
			return s, false, fmt.Errorf("the tag weir:%q of field %s gives two names", tag, f.Name)
		}
		s.stored, named = name, true
	}
	return s, true, nil
}

// isName reports whether a text can be the stored name of a field: it is a Go identifier, and not blank.
func isName(s string) bool {
	return s != "_" && s != "" && nameLength(s) == len(s)
}

// nameLength returns the length of the identifier that s starts with.
func nameLength(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return i
		}
	}
	return len(s)
}

// omits reports whether a value of t itself, not behind pointers, has a field that is not stored.
func omits(t reflect.Type) bool {
	if t == timeType || marshallingOf(t) != nil {
		return false
	}
	switch t.Kind() {
	case reflect.Array:
		return omits(t.Elem())
	case reflect.Struct:
		stored, left, _ := fieldsOf(t)
		for _, f := range stored {
			if omits(f.Type) {
				return true
			}
		}
		return len(left) > 0
	}
	return false
}
