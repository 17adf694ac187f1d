package codec

import (
	"reflect"
	"strings"
	"unsafe"
)

// hasPointers reports whether a value of t holds pointers.
func hasPointers(t reflect.Type) bool {
	switch k := t.Kind(); {
	case k <= reflect.Complex128 && k != reflect.Array:
		return false
	case k == reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case k == reflect.Struct:
		for f := range t.Fields() {
			if hasPointers(f.Type) {
				return true
			}
		}
		return false
	default:
		return true
	}
}

// ownFunc replaces the strings of the value at p by copies.
type ownFunc func(p unsafe.Pointer)

// ownerOf returns the function for t, or nil if its values hold no strings.
func ownerOf(t reflect.Type) ownFunc {
	var at []uintptr // the strings of a value
	const most = 4096
	var walk func(t reflect.Type, off uintptr)
	walk = func(t reflect.Type, off uintptr) {
		switch t.Kind() {
		case reflect.String:
			at = append(at, off)
		case reflect.Struct:
			for f := range t.Fields() {
				walk(f.Type, off+f.Offset)
			}
		case reflect.Array:
			if !hasPointers(t.Elem()) {
				return
			}
			before := len(at)
			for i := range t.Len() {
				walk(t.Elem(), off+uintptr(i)*t.Elem().Size())
				if len(at) == before || len(at) > most {
					return
				}
			}
		}
	}
	walk(t, 0)
	switch {
	case len(at) == 0:
		return nil
	case len(at) > most:
		return ownDeep(t)
	case len(at) == 1:
		off := at[0]
		return func(p unsafe.Pointer) { ownString(unsafe.Add(p, off)) }
	}
	return func(p unsafe.Pointer) {
		for _, off := range at {
			ownString(unsafe.Add(p, off))
		}
	}
}

// ownDeep is for types of so many strings that a list of them would be long.
func ownDeep(t reflect.Type) ownFunc {
	switch t.Kind() {
	case reflect.String:
		return ownString
	case reflect.Struct:
		var own []ownFunc
		for f := range t.Fields() {
			if g := ownDeep(f.Type); g != nil {
				own = append(own, func(p unsafe.Pointer) { g(unsafe.Add(p, f.Offset)) })
			}
		}
		if own == nil {
			return nil
		}
		return func(p unsafe.Pointer) {
			for _, f := range own {
				f(p)
			}
		}
	case reflect.Array:
		g, count, size := ownDeep(t.Elem()), t.Len(), t.Elem().Size()
		if g == nil {
			return nil
		}
		return func(p unsafe.Pointer) {
			for i := range count {
				g(unsafe.Add(p, uintptr(i)*size))
			}
		}
	default:
		return nil
	}
}

func ownString(p unsafe.Pointer) {
	s := (*string)(p)
	*s = strings.Clone(*s)
}

// sizeFunc estimates the bytes behind the value at p, without its own; false if it gave up on a value nested too deep.
type sizeFunc func(p unsafe.Pointer, depth int) (int, bool)

// sizeOf returns the function for t, or nil if its values hold no memory beyond themselves.
func sizeOf(t reflect.Type) sizeFunc { return sizer{}.of(t) }

// sizer holds what was compiled, and what is being compiled: a recursive type calls itself.
type sizer map[reflect.Type]*recursion

type recursion struct {
	f    sizeFunc
	done bool
}

func (z sizer) of(t reflect.Type) sizeFunc {
	if t == timeType || !hasPointers(t) {
		return nil
	}
	if e := z[t]; e != nil {
		if e.done {
			return e.f
		}
		return func(p unsafe.Pointer, depth int) (int, bool) { return e.f(p, depth) }
	}
	e := &recursion{}
	z[t] = e
	e.f, e.done = z.compile(t), true
	return e.f
}

// mapEntry is what a map takes for an entry besides the key and the value: a control byte, at a load of 7/8 at most.
const mapEntry, mapFixed = 2, 48

func (z sizer) compile(t reflect.Type) sizeFunc {
	switch t.Kind() {
	case reflect.String:
		return func(p unsafe.Pointer, _ int) (int, bool) { return len(*(*string)(p)), true }
	case reflect.Slice:
		size := int(t.Elem().Size())
		e := z.of(t.Elem())
		return func(p unsafe.Pointer, depth int) (int, bool) {
			s := (*sliceHeader)(p)
			n := s.cap * size
			if e == nil {
				return n, true
			}
			if depth >= MaxDepth {
				return n, false
			}
			for i := range s.len {
				more, ok := e(unsafe.Add(s.data, i*size), depth+1)
				if n += more; !ok {
					return n, false
				}
			}
			return n, true
		}
	case reflect.Pointer:
		size := int(t.Elem().Size())
		e := z.of(t.Elem())
		return func(p unsafe.Pointer, depth int) (int, bool) {
			q := *(*unsafe.Pointer)(p)
			if q == nil {
				return 0, true
			}
			if e == nil {
				return size, true
			}
			if depth >= MaxDepth {
				return size, false
			}
			n, ok := e(q, depth+1)
			return n + size, ok
		}
	case reflect.Array:
		e, count, size := z.of(t.Elem()), t.Len(), t.Elem().Size()
		if e == nil {
			return nil
		}
		return func(p unsafe.Pointer, depth int) (n int, ok bool) {
			for i := range count {
				more, ok := e(unsafe.Add(p, uintptr(i)*size), depth)
				if n += more; !ok {
					return n, false
				}
			}
			return n, true
		}
	case reflect.Struct:
		if marshallingOf(t) != nil {
			return nil
		}
		type part struct {
			off uintptr
			f   sizeFunc
		}
		var parts []part
		stored, _, _ := fieldsOf(t)
		for _, f := range stored {
			if g := z.of(f.Type); g != nil {
				parts = append(parts, part{f.Offset, g})
			}
		}
		if parts == nil {
			return nil
		}
		return func(p unsafe.Pointer, depth int) (n int, ok bool) {
			for _, g := range parts {
				more, ok := g.f(unsafe.Add(p, g.off), depth)
				if n += more; !ok {
					return n, false
				}
			}
			return n, true
		}
	case reflect.Map:
		entry := int(t.Key().Size()+t.Elem().Size()) + mapEntry
		k, v, access := z.of(t.Key()), z.of(t.Elem()), accessOf(t)
		return func(p unsafe.Pointer, depth int) (int, bool) {
			if *(*unsafe.Pointer)(p) == nil {
				return 0, true
			}
			m := reflect.NewAt(t, p).Elem()
			n := mapFixed + m.Len()*entry
			if k == nil && v == nil {
				return n, true
			}
			if depth >= MaxDepth {
				return n, false
			}
			more, ok := access.sizes(p, k, v, depth+1)
			return n + more, ok
		}
	default:
		return nil
	}
}

// stringOffsets returns where the strings of a type lie within it, and whether it holds no other pointers.
func stringOffsets(t reflect.Type, at uintptr) (offsets []uintptr, only bool) {
	switch t.Kind() {
	case reflect.String:
		return []uintptr{at}, true
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			inner, ok := stringOffsets(f.Type, at+f.Offset)
			if !ok {
				return nil, false
			}
			offsets = append(offsets, inner...)
		}
		return offsets, true
	}
	return nil, !hasPointers(t)
}
