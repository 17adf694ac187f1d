package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// Migration reads data that was encoded with another form of T, see the package's documentation. It is immutable: any number of goroutines may use one at a time.
type Migration[T any] struct {
	codec   *Codec[T]
	root    *node
	changes []Change
}

// Migrate returns the reader of data that was encoded with the stored schema, or nil if that is how T is encoded: then the codec of T reads it. It is compiled at
// each call. A schema that data of T cannot be made from is refused with [fault.StateSchema], and the message names the fields; a damaged schema with
// [fault.StateSchemaDamaged]; a type that has no codec as by [For].
func Migrate[T any](stored string) (*Migration[T], error) {
	c, err := For[T]()
	if err != nil || stored == c.schema {
		return nil, err
	}
	from, err := ParseSchema(stored)
	if err != nil {
		return nil, err
	}
	changes := differences(from, c.form)
	if err := refusalOf(reflect.TypeFor[T](), changes); err != nil || len(changes) == 0 {
		return nil, err
	}
	m := migrator{plain: compiler{root: reflect.TypeFor[T](), nodes: map[reflect.Type]*node{}}, nodes: map[[2]*Schema]*node{}, skips: map[*Schema]*node{}}
	root, err := m.node(from, c.form)
	if err != nil {
		return nil, err
	}
	return &Migration[T]{c, root, changes}, nil
}

// refusalOf returns the error for changes that data cannot be read across, nil if there are none.
func refusalOf(t reflect.Type, changes []Change) error {
	const most = 5
	var refused []string
	for _, c := range changes {
		if c.Kind == Incompatible {
			refused = append(refused, c.String())
		}
	}
	if len(refused) == 0 {
		return nil
	}
	if n := len(refused) - most; n > 0 {
		refused = append(refused[:most], fmt.Sprintf("and %d more", n))
	}
	return fault.New(fault.StateSchema, "type %v: %s", t, strings.Join(refused, "; "))
}

// Decode reads one value from the start of src into v and returns the bytes behind it, as [Codec.Decode] does: *v is overwritten and does not alias src, and
// damaged input fails with [fault.TypeDecode]. It fails so, too, where pointers that were added make a value deeper than [MaxDepth].
func (m *Migration[T]) Decode(src []byte, v *T) (rest []byte, err error) {
	rest, err = m.root.dec(src, noescape(unsafe.Pointer(v)), 0)
	if err != nil {
		return nil, m.codec.failed(err, len(src))
	}
	return rest, nil
}

// Changes lists how the schema of T differs from the stored one, as [Explain] does. The caller must not change the list.
func (m *Migration[T]) Changes() []Change { return m.changes }

// migrator compiles the nodes that read stored types as wanted ones, of which it is known that they can be. The nodes only decode. The stored type alone says how
// many bytes are read, and so what least is; the wanted one how many bytes of memory are written.
type migrator struct {
	plain compiler // of the types that have not changed
	nodes map[[2]*Schema]*node
	skips map[*Schema]*node
}

// node returns the node that reads a stored type as a wanted one, which was made from a Go type.
func (m *migrator) node(stored, wanted *Schema) (*node, error) {
	if n := m.nodes[[2]*Schema{stored, wanted}]; n != nil {
		return n, nil
	}
	if wanted.text != "byte" && len(differences(stored, wanted)) == 0 {
		return m.plain.compile(wanted.typ, nil)
	}
	n := &node{typ: wanted.typ, size: wanted.typ.Size(), least: stored.least()}
	m.nodes[[2]*Schema{stored, wanted}] = n
	target := wanted.target(stored)
	if target != wanted {
		e, err := m.node(stored, wanted.elem)
		n.dec = decWrapped(wanted.typ.Elem(), e)
		return n, err
	}
	switch stored.kind {
	case schemaPlain:
		n.dec = decNumber(stored.text, wanted.typ)
		return n, nil
	case schemaStruct:
		return n, m.structure(n, stored, wanted)
	case schemaPointer:
		e, err := m.node(stored.elem, wanted.elem)
		n.dec = decPointer(wanted.typ.Elem(), e)
		return n, err
	case schemaArray:
		e, err := m.node(stored.elem, wanted.elem)
		if n.dec = decArray(stored.len, e); n.size == 0 && n.least == 0 {
			n.dec = decNothing // however long it is
		}
		return n, err
	}
	e, err := m.element(stored.elem, wanted.elem)
	if err != nil {
		return nil, err
	}
	if stored.kind == schemaSlice {
		n.dec = decSlice(wanted.typ, e)
		return n, nil
	}
	k, err := m.plain.compile(wanted.key.typ, nil)
	n.dec = decMap(accessOf(wanted.typ), k, e)
	return n, err
}

// element returns the node for the elements of a slice or map. One that is stored as nothing takes a zero byte there, and may be something now.
func (m *migrator) element(stored, wanted *Schema) (*node, error) {
	e, err := m.node(stored, wanted)
	if err != nil || stored.least() > 0 {
		return e, err
	}
	n := *e
	n.least = 1
	n.dec = func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		src, err := decElem(&node{}, src, nil, depth)
		if err != nil {
			return nil, err
		}
		return e.dec(src, p, depth)
	}
	return &n, nil
}

// structure compiles a struct: what is not stored becomes zero, then the stored fields are read in their order.
func (m *migrator) structure(n *node, stored, wanted *Schema) error {
	from, _ := match(stored, wanted)
	to := make([]int, len(stored.fields)) // index of the wanted field plus 1
	_, left, err := fieldsOf(wanted.typ)
	if err != nil {
		return err
	}
	for _, f := range left {
		n.fields = append(n.fields, field{off: f.Offset, n: zeroed(f.Type), name: f.Name})
	}
	for i, f := range wanted.fields {
		if from[i] < 0 {
			n.fields = append(n.fields, field{off: f.at, n: zeroed(f.form.typ), name: f.name})
			continue
		}
		to[from[i]] = i + 1
	}
	for j, g := range stored.fields {
		if to[j] == 0 {
			n.fields = append(n.fields, field{n: m.skip(g.form), name: g.name})
			continue
		}
		f := wanted.fields[to[j]-1]
		e, err := m.node(g.form, f.form)
		if err != nil {
			return err
		}
		n.fields = append(n.fields, field{off: f.at, n: e, name: f.name})
	}
	fields := n.fields
	n.dec = func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) { return decFields(fields, src, p, depth) }
	return nil
}

// least returns the length of the shortest encoding of a stored type, or less if that is very long; 0 only if there is always nothing.
func (s *Schema) least() int {
	const most = 1 << 29
	switch s.kind {
	case schemaArray:
		e := s.elem.least()
		if e > 0 && s.len > most/e {
			return most
		}
		return s.len * e
	case schemaStruct:
		sum := 0
		for _, f := range s.fields {
			sum = min(sum+f.form.least(), most)
		}
		return sum
	case schemaPlain:
		if n := fixedLength(s.text); n > 0 {
			return n
		}
		if s.text == "time" {
			return 3
		}
	}
	return 1
}

// fixedLength returns the length of all encodings of a plain type, 0 if they vary.
func fixedLength(plain string) int {
	switch plain {
	case "bool", "byte":
		return 1
	case "float32":
		return 4
	case "float64", "complex64":
		return 8
	case "complex128":
		return 16
	}
	return 0
}

// decWrapped returns the function that reads a value which e reads, and sets a pointer to it.
func decWrapped(target reflect.Type, e *node) decFunc {
	return func(src []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		if depth >= MaxDepth {
			return nil, corrupt(src, "the value is nested too deep")
		}
		q := reflect.New(target).UnsafePointer()
		*(*unsafe.Pointer)(p) = q
		return e.dec(src, q, depth+1)
	}
}

// decNumber returns the function that reads a number of a stored plain type as one of a type that is as wide or wider.
func decNumber(stored string, wanted reflect.Type) decFunc {
	letter, bits := numberOf(stored)
	float := wanted.Kind() == reflect.Float64
	outOfRange := func(src []byte) error { return corrupt(src, "a number is out of the range of its type") }
	switch {
	case letter == 'f':
		return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			if len(src) < 4 {
				return nil, short(src)
			}
			*(*float64)(p) = float64(math.Float32frombits(binary.LittleEndian.Uint32(src)))
			return src[4:], nil
		}
	case letter == 'i':
		store, most := storeInt(wanted.Size()), min(bits, wanted.Bits())
		return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			v, rest, err := varint(src)
			if err != nil {
				return nil, err
			}
			if v<<(64-most)>>(64-most) != v {
				return nil, outOfRange(src)
			}
			if float {
				*(*float64)(p) = float64(v)
			} else {
				store(p, uint64(v))
			}
			return rest, nil
		}
	}
	store, most, raw := storeInt(wanted.Size()), min(bits, wanted.Bits()), stored == "byte"
	if wanted.Kind() <= reflect.Int64 {
		most = min(bits, wanted.Bits()-1)
	}
	return func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		v, rest, err := uint64(0), src, error(nil)
		switch {
		case !raw:
			v, rest, err = uvarint(src)
		case len(src) == 0:
			err = short(src)
		default:
			v, rest = uint64(src[0]), src[1:]
		}
		if err != nil {
			return nil, err
		}
		if v<<(64-most)>>(64-most) != v {
			return nil, outOfRange(src)
		}
		if float {
			*(*float64)(p) = float64(v)
		} else {
			store(p, v)
		}
		return rest, nil
	}
}

// storeInt returns a function that stores an integer of so many bytes.
func storeInt(size uintptr) func(p unsafe.Pointer, v uint64) {
	switch size {
	case 1:
		return func(p unsafe.Pointer, v uint64) { *(*uint8)(p) = uint8(v) }
	case 2:
		return func(p unsafe.Pointer, v uint64) { *(*uint16)(p) = uint16(v) }
	case 4:
		return func(p unsafe.Pointer, v uint64) { *(*uint32)(p) = uint32(v) }
	default:
		return func(p unsafe.Pointer, v uint64) { *(*uint64)(p) = v }
	}
}
