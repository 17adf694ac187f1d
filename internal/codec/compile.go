package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// MaxDepth is how many pointers, slices and maps may lie around a value within a record.
const MaxDepth = 1000

type (
	// encFunc appends the encoding of the value at p. depth counts the pointers, slices and maps around it.
	encFunc func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error)
	// decFunc reads a value into p, which points to a valid value of the type, and returns the rest of src.
	decFunc func(src []byte, p unsafe.Pointer, depth int) ([]byte, error)
)

// node is the compiled form of a type. Nodes of recursive types refer to each other, so a node is always used through its pointer:
// its functions may be set after a node that uses it was compiled.
type node struct {
	typ  reflect.Type
	op   op
	enc  encFunc
	dec  decFunc
	size uintptr
	// least is the length of the shortest encoding; 0 only for types that are always encoded as nothing.
	least  int
	fields []field // of a struct, nested structs flattened
}

// op names the encodings that struct programs know without a call.
type op uint8

const (
	opCall op = iota
	opBool
	opInt64
	opInt32
	opUint64
	opFloat64
	opString
)

// field is one step of a struct program.
type field struct {
	off  uintptr
	op   op
	n    *node
	name string // with the names of the structs around it
}

// compiler compiles the types of one root.
type compiler struct {
	root  reflect.Type
	key   bool // compile for keys: normalised, and nothing that cannot be a key
	nodes map[reflect.Type]*node
}

// refuse returns the error for a type that cannot be encoded, found at path.
func (c *compiler) refuse(t reflect.Type, path []string) error {
	code, verb := fault.TypeUnsupported, "encoded"
	if c.key {
		code, verb = fault.TypeKey, "a key"
	}
	if len(path) == 0 {
		if c.key {
			verb = "be a key"
		} else {
			verb = "be encoded"
		}
		return fault.New(code, "type %v cannot %s", t, verb)
	}
	return fault.New(code, "type %v: %s (%v)", c.root, place(path), t)
}

// compile returns the node of t. path is the way from the root, for errors.
func (c *compiler) compile(t reflect.Type, path []string) (*node, error) {
	if n := c.nodes[t]; n != nil {
		return n, nil
	}
	n := &node{typ: t, size: t.Size()}
	c.nodes[t] = n
	if t == timeType {
		c.time(n)
		return n, nil
	}
	if refusedPackages[t.PkgPath()] {
		return nil, c.refuse(t, path)
	}
	if m := marshallingOf(t); m != nil {
		if c.key && !t.Comparable() {
			return nil, c.refuse(t, path)
		}
		m.compile(n)
		return n, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		n.op, n.enc, n.dec, n.least = opBool, encBool, decBool, 1
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		c.signed(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		c.unsigned(n)
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		c.float(n)
	case reflect.String:
		n.op, n.enc, n.dec, n.least = opString, encString, decString, 1
	case reflect.Array:
		return n, c.array(n, path)
	case reflect.Struct:
		return n, c.structure(n, path)
	case reflect.Slice, reflect.Map, reflect.Pointer:
		if c.key {
			return nil, c.refuse(t, path)
		}
		n.least = 1
		switch t.Kind() {
		case reflect.Slice:
			return n, c.slice(n, path)
		case reflect.Map:
			return n, c.mapping(n, path)
		default:
			return n, c.pointer(n, path)
		}
	default:
		return nil, c.refuse(t, path)
	}
	return n, nil
}

// refusedPackages have types that must not be copied, or that stand for an identity which decoding would lose. (unique.Handle inside
// of a type that marshals itself is never reached.)
var refusedPackages = map[string]bool{"sync": true, "sync/atomic": true, "unique": true, "weak": true}

// step returns path with one more step, in memory of its own.
func step(path []string, s string) []string { return append(slices.Clone(path), s) }

// structure compiles a struct into a list of fields, those of nested structs among them.
func (c *compiler) structure(n *node, path []string) error {
	stored, left, err := fieldsOf(n.typ)
	if err != nil {
		return c.badTag(n.typ, path, err)
	}
	for _, f := range stored {
		m, err := c.compile(f.Type, step(path, f.Name))
		if err != nil {
			return err
		}
		n.least += m.least
		if m.fields != nil {
			for _, g := range m.fields {
				g.off += f.Offset
				g.name = f.Name + "." + g.name
				n.fields = append(n.fields, g)
			}
			continue
		}
		if m.least > 0 || omits(f.Type) {
			n.fields = append(n.fields, field{off: f.Offset, op: m.op, n: m, name: f.Name})
		}
	}
	for _, f := range left {
		if c.key {
			return fault.New(fault.TypeKey, `type %v: %s is not stored (tag weir:"-")`, c.root, place(step(path, f.Name)))
		}
		n.fields = append(n.fields, field{off: f.Offset, n: zeroed(f.Type), name: f.Name})
	}
	n.program()
	return nil
}

// badTag returns the error for a struct type whose tags are wrong.
func (c *compiler) badTag(t reflect.Type, path []string, err error) error {
	if len(path) == 0 {
		return fault.New(fault.TypeTag, "type %v: %w", c.root, err)
	}
	return fault.New(fault.TypeTag, "type %v: %s (%v): %w", c.root, place(path), t, err)
}

// zeroed returns a node for a field of type t that is not stored: nothing is written, and reading sets zero.
func zeroed(t reflect.Type) *node {
	return &node{typ: t, size: t.Size(), enc: encNothing, dec: zeroFunc(t)}
}

// zeroFunc returns a function that sets a value of t to zero, and reads nothing.
func zeroFunc(t reflect.Type) decFunc {
	size := t.Size()
	if !hasPointers(t) {
		return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			clear(unsafe.Slice((*byte)(p), size))
			return src, nil
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			*(*string)(p) = ""
			return src, nil
		}
	case reflect.Slice:
		return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			*(*sliceHeader)(p) = sliceHeader{}
			return src, nil
		}
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func:
		return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			*(*unsafe.Pointer)(p) = nil
			return src, nil
		}
	}
	return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		reflect.NewAt(t, p).Elem().SetZero()
		return src, nil
	}
}

// program sets the functions of a struct whose fields are known.
func (n *node) program() {
	fields := n.fields
	switch {
	case len(fields) == 0:
		n.enc, n.dec = encNothing, decNothing
	case len(fields) == 1 && fields[0].off == 0:
		// As the field itself, with its name in errors.
		f := fields[0]
		n.enc = func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
			dst, err := f.n.enc(dst, p, depth)
			if err != nil {
				return nil, at(err, f.name)
			}
			return dst, nil
		}
		n.dec = func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
			src, err := f.n.dec(src, p, depth)
			if err != nil {
				return nil, at(err, f.name)
			}
			return src, nil
		}
	default:
		n.enc = func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) { return encFields(fields, dst, p, depth) }
		n.dec = func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) { return decFields(fields, src, p, depth) }
	}
}

func encFields(fields []field, dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
	for i := range fields {
		f := &fields[i]
		q := unsafe.Add(p, f.off)
		switch f.op {
		case opBool:
			dst = appendBool(dst, *(*bool)(q))
		case opInt64:
			dst = appendVarint(dst, *(*int64)(q))
		case opInt32:
			dst = appendVarint(dst, int64(*(*int32)(q)))
		case opUint64:
			dst = appendUvarint(dst, *(*uint64)(q))
		case opFloat64:
			dst = appendUint64(dst, *(*uint64)(q))
		case opString:
			s := *(*string)(q)
			dst = append(appendUvarint(dst, uint64(len(s))), s...)
		default:
			var err error
			if dst, err = f.n.enc(dst, q, depth); err != nil {
				return nil, at(err, f.name)
			}
		}
	}
	return dst, nil
}

func decFields(fields []field, src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
	var err error
	for i := range fields {
		f := &fields[i]
		if f.op == opInt64 { // the commonest
			if len(src) > 0 && src[0] < 0x80 {
				u := uint64(src[0])
				*(*int64)(unsafe.Add(p, f.off)) = int64(u>>1) ^ -int64(u&1)
				src = src[1:]
				continue
			}
			if len(src) >= 8 {
				if u, n := wordUvarint(binary.LittleEndian.Uint64(src)); n > 0 && src[n-1] != 0 {
					*(*int64)(unsafe.Add(p, f.off)) = int64(u>>1) ^ -int64(u&1)
					src = src[n:]
					continue
				}
			}
			var v int64
			if v, src, err = varint(src); err != nil {
				return nil, at(err, f.name)
			}
			*(*int64)(unsafe.Add(p, f.off)) = v
			continue
		}
		if src, err = f.n.dec(src, unsafe.Add(p, f.off), depth); err != nil {
			return nil, at(err, f.name)
		}
	}
	return src, nil
}

func encNothing(dst []byte, _ unsafe.Pointer, _ int) ([]byte, error) { return dst, nil }
func decNothing(src []byte, _ unsafe.Pointer, _ int) ([]byte, error) { return src, nil }

// array compiles an array: its elements in order, or its bytes.
func (c *compiler) array(n *node, path []string) error {
	e, err := c.compile(n.typ.Elem(), step(path, "[]"))
	if err != nil {
		return err
	}
	count := n.typ.Len()
	if rawBytes(n.typ.Elem()) {
		n.least = count
		n.enc = func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return append(dst, unsafe.Slice((*byte)(p), count)...), nil
		}
		n.dec = func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			if len(src) < count {
				return nil, short(src)
			}
			copy(unsafe.Slice((*byte)(p), count), src)
			return src[count:], nil
		}
		return nil
	}
	if n.least = count * e.least; n.least == 0 && (n.size == 0 || !omits(n.typ)) {
		n.enc, n.dec = encNothing, decNothing
		return nil
	}
	n.enc = func(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
		for i := range count {
			if dst, err = e.enc(dst, unsafe.Add(p, uintptr(i)*e.size), depth); err != nil {
				return nil, at(err, "[]")
			}
		}
		return dst, nil
	}
	n.dec = decArray(count, e)
	return nil
}

// decArray returns the function that reads count elements.
func decArray(count int, e *node) decFunc {
	return func(src []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
		for i := range count {
			if src, err = e.dec(src, unsafe.Add(p, uintptr(i)*e.size), depth); err != nil {
				return nil, at(err, "[]")
			}
		}
		return src, nil
	}
}

// rawBytes reports whether slices and arrays of t are encoded as plain bytes.
func rawBytes(t reflect.Type) bool { return t.Kind() == reflect.Uint8 && marshallingOf(t) == nil }

// sliceHeader is how the runtime lays out a slice.
type sliceHeader struct {
	data unsafe.Pointer
	len  int
	cap  int
}

// encElem is the encoding of a value of e where it is one of a counted number: a type that is encoded as nothing takes a zero byte
// there, so that the count is bounded by the data.
func encElem(e *node, dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
	if e.least == 0 {
		return append(dst, 0), nil
	}
	return e.enc(dst, p, depth)
}

func decElem(e *node, src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
	if e.least == 0 {
		if len(src) == 0 {
			return nil, short(src)
		}
		if src[0] != 0 {
			return nil, corrupt(src, "an empty element is not a zero byte")
		}
		return src[1:], nil
	}
	return e.dec(src, p, depth)
}

// decCount reads the count of a slice or map: nil is true for a nil one. least is the length of the shortest element.
func decCount(src []byte, least int) (count int, null bool, rest []byte, err error) {
	u, rest, err := uvarint(src)
	if err != nil {
		return 0, false, nil, err
	}
	if u == 0 {
		return 0, true, rest, nil
	}
	if u--; u > uint64(len(rest)/max(least, 1)) {
		return 0, false, nil, corrupt(src, fmt.Sprintf("a count of %d is more than the data can hold", u))
	}
	return int(u), false, rest, nil
}

// slice compiles a slice: its length plus 1, or 0 for nil, and its elements.
func (c *compiler) slice(n *node, path []string) error {
	typ := n.typ
	if rawBytes(typ.Elem()) {
		n.enc = func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			b := *(*[]byte)(p)
			if b == nil {
				return append(dst, 0), nil
			}
			return append(appendUvarint(dst, uint64(len(b))+1), b...), nil
		}
		n.dec = func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			count, null, src, err := decCount(src, 1)
			if err != nil {
				return nil, err
			}
			if null {
				*(*[]byte)(p) = nil
				return src, nil
			}
			b := make([]byte, count)
			copy(b, src)
			*(*[]byte)(p) = b
			return src[count:], nil
		}
		return nil
	}
	e, err := c.compile(typ.Elem(), step(path, "[]"))
	if err != nil {
		return err
	}
	n.enc = func(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
		s := (*sliceHeader)(p)
		if s.data == nil {
			return append(dst, 0), nil
		}
		if depth >= MaxDepth {
			return nil, tooDeep()
		}
		dst = appendUvarint(dst, uint64(s.len)+1)
		for i := range s.len {
			if dst, err = encElem(e, dst, unsafe.Add(s.data, uintptr(i)*e.size), depth+1); err != nil {
				return nil, at(err, "[]")
			}
		}
		return dst, nil
	}
	n.dec = decSlice(typ, e)
	return nil
}

// decSlice returns the function that reads a slice of a type whose elements e reads.
func decSlice(typ reflect.Type, e *node) decFunc {
	allocate := allocator(typ)
	return func(src []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
		count, null, src, err := decCount(src, e.least)
		if err != nil {
			return nil, err
		}
		if null {
			*(*sliceHeader)(p) = sliceHeader{}
			return src, nil
		}
		if depth >= MaxDepth {
			return nil, corrupt(src, "the value is nested too deep")
		}
		if e.size > 0 && uintptr(count) > math.MaxInt/e.size {
			return nil, corrupt(src, "the slice is larger than the address space")
		}
		allocate(p, count)
		data := (*sliceHeader)(p).data
		for i := range count {
			if src, err = decElem(e, src, unsafe.Add(data, uintptr(i)*e.size), depth+1); err != nil {
				return nil, at(err, "[]")
			}
		}
		return src, nil
	}
}

// allocator returns a function that sets the slice at p to count zero elements in new memory.
func allocator(slice reflect.Type) func(p unsafe.Pointer, count int) {
	e := slice.Elem()
	switch size := e.Size(); {
	case size > 0 && !hasPointers(e):
		// Memory that the collector does not scan has no type; words of 8 bytes are aligned for all.
		return func(p unsafe.Pointer, count int) {
			words := make([]uint64, (uintptr(count)*size+7)/8)
			*(*sliceHeader)(p) = sliceHeader{unsafe.Pointer(unsafe.SliceData(words)), count, count}
		}
	case e.Kind() == reflect.String:
		return func(p unsafe.Pointer, count int) { *(*[]string)(p) = make([]string, count) }
	case e.Kind() == reflect.Pointer:
		return func(p unsafe.Pointer, count int) { *(*[]unsafe.Pointer)(p) = make([]unsafe.Pointer, count) }
	default:
		return func(p unsafe.Pointer, count int) {
			v := reflect.NewAt(slice, p).Elem()
			if count == 0 || size == 0 {
				v.Set(reflect.MakeSlice(slice, count, count))
				return
			}
			v.SetZero()
			v.Grow(count) // allocates no header, as MakeSlice does
			v.SetLen(count)
		}
	}
}

// pointer compiles a pointer: 0 for nil, or 1 and the value.
func (c *compiler) pointer(n *node, path []string) error {
	e, err := c.compile(n.typ.Elem(), path)
	if err != nil {
		return err
	}
	n.enc = func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return append(dst, 0), nil
		}
		if depth >= MaxDepth {
			return nil, tooDeep()
		}
		return e.enc(append(dst, 1), q, depth+1)
	}
	n.dec = decPointer(n.typ.Elem(), e)
	return nil
}

// decPointer returns the function that reads a pointer to a value of type target, which e reads.
func decPointer(target reflect.Type, e *node) decFunc {
	return func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		if len(src) == 0 {
			return nil, short(src)
		}
		switch src[0] {
		case 0:
			*(*unsafe.Pointer)(p) = nil
			return src[1:], nil
		case 1:
			if depth >= MaxDepth {
				return nil, corrupt(src, "the value is nested too deep")
			}
			q := reflect.New(target).UnsafePointer()
			*(*unsafe.Pointer)(p) = q
			return e.dec(src[1:], q, depth+1)
		default:
			return nil, corrupt(src, "a pointer is neither 0 nor 1")
		}
	}
}
