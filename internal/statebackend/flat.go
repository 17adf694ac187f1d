package statebackend

import (
	"encoding"
	"reflect"
	"sync"
	"unsafe"

	"github.com/weirstream/weir/internal/codec"
)

// A value whose type holds strings, and no other pointers, is flat: it lies in the row as it does in Go's memory, but that in the place of each string, which takes 16 bytes as well, is a view. So a change
// to one field costs no encoding of the others, and reading one compares its strings with those of a record at hand instead of copying them.

// flatForm is where strings lie within a flat type, and what lies between.
type flatForm struct {
	strings []uintptr
	spans   []span
	// encode and decode are those of the type for a value within a row.
	encode func(dst []byte, h heapReader, row unsafe.Pointer) ([]byte, error)
	decode func(src []byte, row unsafe.Pointer) error
}

type span struct{ off, len uintptr }

// flatten makes values of V in the cell flat if V is of that kind.
func flatten[V any](c *Cell, cd *codec.Codec[V]) {
	at, only := cd.StringOffsets()
	if !only || len(at) == 0 || len(at) > 64 || marshals(reflect.TypeFor[V]()) {
		return
	}
	f := &flatForm{strings: at}
	end := uintptr(0)
	for _, off := range append(at, c.size) {
		if off > end {
			f.spans = append(f.spans, span{end, off - end})
		}
		end = off + viewSize
	}
	places := sync.Pool{New: func() any { return new(V) }} // snapshots are read on other goroutines
	f.encode = func(dst []byte, h heapReader, row unsafe.Pointer) ([]byte, error) {
		v := places.Get().(*V)
		f.lend(h, row, unsafe.Pointer(v))
		dst, err := cd.Encode(dst, v)
		*v = *new(V)
		places.Put(v)
		return dst, err
	}
	f.decode = func(src []byte, row unsafe.Pointer) error {
		v := places.Get().(*V)
		_, err := cd.Decode(src, v)
		if err == nil {
			c.shareFlat(row, unsafe.Pointer(v))
		}
		*v = *new(V)
		places.Put(v)
		return err
	}
	c.flat = f
}

// marshals reports whether the type or a part of it may have an encoding of its own.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, i := range []reflect.Type{
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryAppender](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextAppender](),
	} {
		if p.Implements(i) {
			return true
		}
	}
	if t.Kind() == reflect.Array {
		return marshals(t.Elem())
	}
	if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			if marshals(f.Type) {
				return true
			}
		}
	}
	return false
}

func (f *flatForm) copySpans(to, from unsafe.Pointer) {
	for _, s := range f.spans {
		if s.len == 8 {
			*(*uint64)(unsafe.Add(to, s.off)) = *(*uint64)(unsafe.Add(from, s.off))
			continue
		}
		copy(unsafe.Slice((*byte)(unsafe.Add(to, s.off)), s.len), unsafe.Slice((*byte)(unsafe.Add(from, s.off)), s.len))
	}
}

// storeFlat puts the value at v in a row's place.
func (c *Cell) storeFlat(to, v unsafe.Pointer) {
	c.flat.copySpans(to, v)
	for _, at := range c.flat.strings {
		c.storeString(unsafe.Add(to, at), *(*string)(unsafe.Add(v, at)))
	}
}

// shareFlat is storeFlat while key groups are restored on several goroutines.
func (c *Cell) shareFlat(to, v unsafe.Pointer) {
	if mu := c.space.sharing; mu != nil {
		mu.Lock()
		defer mu.Unlock()
	}
	c.storeFlat(to, v)
}

// storeString makes a view one of the string, if it is not.
func (c *Cell) storeString(view unsafe.Pointer, s string) {
	h, b := c.space.heap, unsafe.Slice(unsafe.StringData(s), len(s))
	if !viewEqual(h, view, b) {
		viewReplace(h, view, b)
	}
}

// loadFlat sets the value at v to that of a row's place. Strings are those of the value at like, where these are equal, unless like is nil, and else copies.
func (c *Cell) loadFlat(v, from, like unsafe.Pointer) {
	c.flat.copySpans(v, from)
	for _, at := range c.flat.strings {
		b := viewBytes(c.space.heap, unsafe.Add(from, at))
		to := (*string)(unsafe.Add(v, at))
		s := *to
		if like != nil {
			s = *(*string)(unsafe.Add(like, at))
		}
		if s != string(b) {
			s = string(b)
		}
		*to = s
	}
}

// untimedFlat is the flat form, if the cell has one and no time to live.
func (c *Cell) untimedFlat() *flatForm {
	if c.ttl != nil {
		return nil
	}
	return c.flat
}

// lend sets the value at v to that of a row's place, with strings that lie in the state's memory.
func (f *flatForm) lend(h heapReader, from, v unsafe.Pointer) {
	f.copySpans(v, from)
	for _, at := range f.strings {
		b := readView(h, unsafe.Add(from, at))
		*(*string)(unsafe.Add(v, at)) = unsafe.String(unsafe.SliceData(b), len(b))
	}
}

// freeFlat frees the strings of a row's place.
func (c *Cell) freeFlat(p unsafe.Pointer) {
	for _, at := range c.flat.strings {
		viewFree(c.space.heap, unsafe.Add(p, at))
	}
}

// readView returns the content of a view in the space or a snapshot of it.
func readView(h heapReader, v unsafe.Pointer) []byte {
	if n := viewLen(v); n > viewInline {
		return unsafe.Slice((*byte)(h.At(viewOff(v))), n)
	}
	return viewBytes(nil, v)
}
