package codec

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// Codec encodes and decodes values of T. It is immutable: any number of goroutines may use one at a time. There is one Codec per
// type in a process, see [For].
type Codec[T any] struct {
	// Own replaces every string that v holds itself, in fields and arrays at any depth, by a copy of its own, so that v does not
	// pin a larger buffer that its strings were cut from. Strings behind pointers, slices and maps stay: they may be shared. Own is
	// nil where T holds no such string. The caller must be the only user of v meanwhile.
	Own func(v *T)

	root     *node
	form     *Schema
	schema   string
	pointers bool
	size     sizeFunc // nil if values of T hold no memory beyond themselves
}

// codecs maps reflect.Type to *Codec[T], or to the error of a type that is refused.
var codecs sync.Map

// For returns the codec of T, compiled at the first call and the same afterwards. A type that cannot be encoded is refused with
// [fault.TypeUnsupported], and the message names the field at fault.
func For[T any]() (*Codec[T], error) {
	t := reflect.TypeFor[T]()
	if c, ok := codecs.Load(t); ok {
		return compiled[T](c)
	}
	c, _ := codecs.LoadOrStore(t, compile[T](t, false))
	return compiled[T](c)
}

// compiled splits what a cache holds.
func compiled[T any](v any) (*Codec[T], error) {
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v.(*Codec[T]), nil
}

// compile returns a *Codec[T] or an error.
func compile[T any](t reflect.Type, key bool) any {
	p := compiler{root: t, key: key, nodes: map[reflect.Type]*node{}}
	root, err := p.compile(t, nil)
	if err != nil {
		return err
	}
	form := schemaOf(t)
	c := &Codec[T]{root: root, form: form, schema: form.String(), pointers: hasPointers(t), size: sizeOf(t)}
	if own := ownerOf(t); own != nil {
		c.Own = func(v *T) { own(noescape(unsafe.Pointer(v))) }
	}
	return c
}

// Encode appends the encoding of v to dst and returns the longer slice, like append. It fails with [fault.TypeUnsupported] if v is
// nested more than [MaxDepth] deep, as one that contains itself is, and with [fault.FunctionError] if a value's own marshalling method
// fails; dst is then returned as it was, though bytes behind its length may have changed. v is only read, and not kept.
func (c *Codec[T]) Encode(dst []byte, v *T) ([]byte, error) {
	leakContent(v)
	out, err := c.root.enc(dst, noescape(unsafe.Pointer(v)), 0)
	if err != nil {
		return dst, c.failed(err, -1)
	}
	return out, nil
}

// Decode reads one value from the start of src into v and returns the bytes behind it. What v held before is overwritten, never
// reused; v does not alias src afterwards. Damaged input fails with [fault.TypeDecode], whatever the bytes are, and memory use is
// bounded by a multiple of len(src) that depends on T alone; v is then partly written.
func (c *Codec[T]) Decode(src []byte, v *T) (rest []byte, err error) {
	rest, err = c.root.dec(src, noescape(unsafe.Pointer(v)), 0)
	if err != nil {
		return nil, c.failed(err, len(src))
	}
	return rest, nil
}

// failed turns an error from a node into one for people. length is that of the input, or -1 when encoding.
func (c *Codec[T]) failed(err error, length int) error {
	e, ok := err.(*nodeError)
	if !ok {
		return fault.Wrap(fault.InternalInvariant, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "type %v: ", reflect.TypeFor[T]())
	if p := e.where(); p != "" {
		fmt.Fprintf(&b, "%s: ", p)
	}
	b.WriteString(e.text)
	if length >= 0 {
		fmt.Fprintf(&b, " at byte %d of %d", length-e.left, length)
	}
	if e.cause != nil {
		return fault.New(e.code, "%s: %w", b.String(), e.cause)
	}
	return fault.New(e.code, "%s", b.String())
}

// Schema returns the form of T as text. It depends on field names and on what the types consist of, not on the names of types, and is
// equal in every process; types of equal schema encode alike. See the package's documentation.
func (c *Codec[T]) Schema() string { return c.schema }

// SchemaWithNames returns the schema with the former names of fields, which their tags give: struct{Total int64 "was=Sum"}. [Explain] needs these to see what was
// renamed; data is stored with Schema.
func (c *Codec[T]) SchemaWithNames() string { return c.form.write(true) }

// Size estimates the bytes of memory that v takes: its own and those behind its strings, slices, maps and pointers. Memory that two
// values share counts for both. What lies inside a type that marshals itself or behind a field that is not stored does not count, nor does the name of a time
// zone.
func (c *Codec[T]) Size(v *T) int {
	leakContent(v)
	n := int(unsafe.Sizeof(*v))
	if c.size != nil {
		more, _ := c.size(noescape(unsafe.Pointer(v)), 0)
		n += more
	}
	return n
}

// FixedSize returns the size of a T in memory and true if T holds no pointers: then it is the size of every value.
func (c *Codec[T]) FixedSize() (int, bool) {
	var v T
	if c.pointers {
		return 0, false
	}
	return int(unsafe.Sizeof(v)), true
}

// HasPointers reports whether a T holds pointers, so that the garbage collector must look at it: strings, slices, maps and
// time.Time are pointers too.
func (c *Codec[T]) HasPointers() bool { return c.pointers }

// noescape hides from the compiler that p flows on, so that what it points to can stay on the stack. All functions of this package
// that are given such a pointer use it only until they return, keep it nowhere but on the stack, and give user code copies instead.
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}

// leakContent tells the compiler what noescape hides too much: while *v may be on the stack, all that it points to must be on the heap.
// Copies of parts of it are made on the heap, where pointers to the stack would not follow when the stack moves.
func leakContent[T any](v *T) {
	if leaked.never {
		leaked.value = *v
	}
}

var leaked struct {
	never bool // false, but the compiler does not know
	value any
}

// StringOffsets returns where strings lie within a T, in bytes from its start, and true if a T holds no pointers but those of strings: then what a value pins
// beyond itself is the sum of their lengths.
func (c *Codec[T]) StringOffsets() ([]uintptr, bool) {
	return stringOffsets(reflect.TypeFor[T](), 0)
}
