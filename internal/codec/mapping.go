package codec

import (
	"bytes"
	"reflect"
	"slices"
	"sync"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// A map is its length plus 1, or 0 for nil, and its entries in the order of their bytes, so that equal maps have equal encodings.

// entries collects the encoded entries of a map before they are ordered.
type entries struct {
	buf   []byte
	spans []span
}

type span struct{ from, to int }

var entriesPool = sync.Pool{New: func() any { return new(entries) }}

// maxPooled bounds the buffers that are kept for the next map.
const maxPooled = 1 << 20

// appendTo appends the entries to dst in the order of their bytes.
func (e *entries) appendTo(dst []byte) []byte {
	slices.SortFunc(e.spans, func(a, b span) int { return bytes.Compare(e.buf[a.from:a.to], e.buf[b.from:b.to]) })
	for _, s := range e.spans {
		dst = append(dst, e.buf[s.from:s.to]...)
	}
	return dst
}

// mapAccess reads and makes maps of one type. k and v are for the keys and the elements.
type mapAccess struct {
	// collect appends every entry of the map at p to e.
	collect func(e *entries, p unsafe.Pointer, k, v *node, depth int) error
	// fill sets p to a new map of count entries read from src.
	fill func(src []byte, p unsafe.Pointer, k, v *node, count, depth int) ([]byte, error)
	// sizes adds up the sizes behind the entries of the map at p.
	sizes func(p unsafe.Pointer, k, v sizeFunc, depth int) (int, bool)
}

// accessOf returns the access to maps of a type.
func accessOf(t reflect.Type) *mapAccess {
	if a := typedMap(t.Key(), t.Elem()); a != nil {
		return a
	}
	return reflectedMap(t)
}

// mapping compiles a map.
func (c *compiler) mapping(n *node, path []string) error {
	k, err := c.compile(n.typ.Key(), step(path, "[key]"))
	if err != nil {
		return err
	}
	if omits(n.typ.Key()) {
		return fault.New(fault.TypeUnsupported, `type %v: %s is the key of a map with a field that is not stored (tag weir:"-")`, c.root, place(step(path, "[key]")))
	}
	v, err := c.compile(n.typ.Elem(), step(path, "[]"))
	if err != nil {
		return err
	}
	access := accessOf(n.typ)
	n.enc = func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		if *(*unsafe.Pointer)(p) == nil {
			return append(dst, 0), nil
		}
		if depth >= MaxDepth {
			return nil, tooDeep()
		}
		e := entriesPool.Get().(*entries)
		e.buf, e.spans = e.buf[:0], e.spans[:0]
		err := access.collect(e, p, k, v, depth+1)
		if err == nil {
			dst = e.appendTo(appendUvarint(dst, uint64(len(e.spans))+1))
		}
		if cap(e.buf) <= maxPooled && cap(e.spans) <= maxPooled/16 {
			entriesPool.Put(e)
		}
		if err != nil {
			return nil, at(err, "[]")
		}
		return dst, nil
	}
	n.dec = decMap(access, k, v)
	return nil
}

// decMap returns the function that reads a map whose keys and elements k and v read.
func decMap(access *mapAccess, k, v *node) decFunc {
	return func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		// k.least may still be 0 while a recursive type is compiled, never when data is decoded.
		count, null, src, err := decCount(src, max(k.least, 1)+max(v.least, 1))
		if err != nil {
			return nil, err
		}
		if null {
			*(*unsafe.Pointer)(p) = nil
			return src, nil
		}
		if depth >= MaxDepth {
			return nil, corrupt(src, "the value is nested too deep")
		}
		src, err = access.fill(src, p, k, v, count, depth+1)
		if err != nil {
			return nil, at(err, "[]")
		}
		return src, nil
	}
}

// ordered checks that an entry is not before the one it follows. prev starts at the entry before, entry at this one, rest behind it.
func ordered(prev, entry, rest []byte) error {
	if prev == nil {
		return nil
	}
	a, b := prev[:len(prev)-len(entry)], entry[:len(entry)-len(rest)]
	if bytes.Compare(a, b) > 0 {
		return corrupt(entry, "the entries of a map are out of order")
	}
	return nil
}

// typedMap returns the access to maps of plain keys without reflection, or nil for others. The runtime lays out maps by the size, the
// pointers and the hash of their keys and elements alone, so that one map type stands for all that agree in these: any map of an
// 8-byte integer to an 8-byte number, say, is used as a map[uint64]uint64.
func typedMap(k, v reflect.Type) *mapAccess {
	switch k.Kind() {
	case reflect.String:
		return typedKey[string](v)
	case reflect.Int, reflect.Uint, reflect.Int64, reflect.Uint64, reflect.Int32, reflect.Uint32:
		if k.Size() == 8 {
			return typedKey[uint64](v)
		}
		return typedKey[uint32](v)
	default:
		return nil
	}
}

func typedKey[K comparable](v reflect.Type) *mapAccess {
	switch v.Kind() {
	case reflect.Int, reflect.Uint, reflect.Int64, reflect.Uint64, reflect.Float64, reflect.Int32, reflect.Uint32, reflect.Float32:
		if v.Size() == 8 {
			return typed[K, uint64]()
		}
		return typed[K, uint32]()
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		return typed[K, uint8]()
	case reflect.String:
		return typed[K, string]()
	case reflect.Slice:
		return typed[K, []byte]()
	case reflect.Pointer, reflect.Map:
		return typed[K, unsafe.Pointer]()
	case reflect.Struct:
		if v == reflect.TypeFor[struct{}]() {
			return typed[K, struct{}]()
		}
	}
	return nil
}

func typed[K comparable, V any]() *mapAccess {
	return &mapAccess{
		collect: func(e *entries, p unsafe.Pointer, kn, vn *node, depth int) (err error) {
			for k, v := range *(*map[K]V)(p) {
				from := len(e.buf)
				if e.buf, err = encElem(kn, e.buf, noescape(unsafe.Pointer(&k)), depth); err != nil {
					return err
				}
				if e.buf, err = encElem(vn, e.buf, noescape(unsafe.Pointer(&v)), depth); err != nil {
					return err
				}
				e.spans = append(e.spans, span{from, len(e.buf)})
			}
			return nil
		},
		fill: func(src []byte, p unsafe.Pointer, kn, vn *node, count, depth int) (_ []byte, err error) {
			m := make(map[K]V, count)
			var prev []byte
			for range count {
				var k K
				var v V
				entry := src
				if src, err = decElem(kn, src, noescape(unsafe.Pointer(&k)), depth); err != nil {
					return nil, err
				}
				if src, err = decElem(vn, src, noescape(unsafe.Pointer(&v)), depth); err != nil {
					return nil, err
				}
				if err := ordered(prev, entry, src); err != nil {
					return nil, err
				}
				m[k], prev = v, entry
			}
			*(*map[K]V)(p) = m
			return src, nil
		},
		sizes: func(p unsafe.Pointer, kf, vf sizeFunc, depth int) (n int, ok bool) {
			for k, v := range *(*map[K]V)(p) {
				more, ok := sizeEntryOf(noescape(unsafe.Pointer(&k)), noescape(unsafe.Pointer(&v)), kf, vf, depth)
				if n += more; !ok {
					return n, false
				}
			}
			return n, true
		},
	}
}

// mapAt returns the map at p. An iterator may live on the heap and p point to the stack, so that it is not given p but a copy.
func mapAt(typ reflect.Type, p unsafe.Pointer) reflect.Value {
	m := new(unsafe.Pointer)
	*m = *(*unsafe.Pointer)(p)
	return reflect.NewAt(typ, unsafe.Pointer(m)).Elem()
}

// reflectedMap returns the access to maps of any type.
func reflectedMap(typ reflect.Type) *mapAccess {
	return &mapAccess{
		collect: func(e *entries, p unsafe.Pointer, kn, vn *node, depth int) (err error) {
			k, v := reflect.New(typ.Key()), reflect.New(typ.Elem())
			kp, vp := k.UnsafePointer(), v.UnsafePointer()
			for it := mapAt(typ, p).MapRange(); it.Next(); {
				k.Elem().SetIterKey(it)
				v.Elem().SetIterValue(it)
				from := len(e.buf)
				if e.buf, err = encElem(kn, e.buf, kp, depth); err != nil {
					return err
				}
				if e.buf, err = encElem(vn, e.buf, vp, depth); err != nil {
					return err
				}
				e.spans = append(e.spans, span{from, len(e.buf)})
			}
			return nil
		},
		fill: func(src []byte, p unsafe.Pointer, kn, vn *node, count, depth int) (_ []byte, err error) {
			m := reflect.MakeMapWithSize(typ, count)
			k, v := reflect.New(typ.Key()), reflect.New(typ.Elem())
			kp, vp := k.UnsafePointer(), v.UnsafePointer()
			var prev []byte
			for range count {
				k.Elem().SetZero()
				v.Elem().SetZero()
				entry := src
				if src, err = decElem(kn, src, kp, depth); err != nil {
					return nil, err
				}
				if src, err = decElem(vn, src, vp, depth); err != nil {
					return nil, err
				}
				if err := ordered(prev, entry, src); err != nil {
					return nil, err
				}
				m.SetMapIndex(k.Elem(), v.Elem())
				prev = entry
			}
			reflect.NewAt(typ, p).Elem().Set(m)
			return src, nil
		},
		sizes: func(p unsafe.Pointer, kf, vf sizeFunc, depth int) (n int, ok bool) {
			k, v := reflect.New(typ.Key()), reflect.New(typ.Elem())
			kp, vp := k.UnsafePointer(), v.UnsafePointer()
			for it := mapAt(typ, p).MapRange(); it.Next(); {
				k.Elem().SetIterKey(it)
				v.Elem().SetIterValue(it)
				more, ok := sizeEntryOf(kp, vp, kf, vf, depth)
				if n += more; !ok {
					return n, false
				}
			}
			return n, true
		},
	}
}

// sizeEntryOf adds up the sizes behind a key and an element; a nil function stands for nothing.
func sizeEntryOf(k, v unsafe.Pointer, kf, vf sizeFunc, depth int) (n int, ok bool) {
	if kf != nil {
		if n, ok = kf(k, depth); !ok {
			return n, false
		}
	}
	if vf != nil {
		more, ok := vf(v, depth)
		return n + more, ok
	}
	return n, true
}
