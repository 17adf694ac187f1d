package table

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/weirstream/weir/internal/codec"
)

// maxDepth and maxLeaves bound how deep types are taken apart into columns, and into how many.
const (
	maxDepth  = 12
	maxLeaves = 2000
)

var (
	errNotText = errors.New("a string is not text")
	errEncoded = errors.New("an encoding is damaged")
	errRow     = errors.New("the columns of a row do not fit together")
)

// column turns what one schema stands for from its encoding into the leaves of a row and back, by the levels of repetition and definition as Dremel has them.
type column struct {
	node     parquet.Node
	first, n int // its leaves
	nullable bool
	shred    func(w *cells, src []byte, rep, def int) (rest []byte, err error)
	build    func(r *cells, dst []byte, def int) ([]byte, error)
}

// cells are the values of a row, by leaf.
type cells struct {
	leaves [][]parquet.Value
	pos    []int // when it is read
}

func (c *cells) put(leaf int, v parquet.Value, rep, def int) {
	c.leaves[leaf] = append(c.leaves[leaf], v.Level(rep, def, leaf))
}

func (c *cells) null(of *column, rep, def int) {
	for i := of.first; i < of.first+of.n; i++ {
		c.put(i, parquet.Value{}, rep, def)
	}
}

func (c *cells) peek(leaf int) (parquet.Value, bool) {
	if c.pos[leaf] >= len(c.leaves[leaf]) {
		return parquet.Value{}, false
	}
	return c.leaves[leaf][c.pos[leaf]], true
}

func (c *cells) next(leaf int) (parquet.Value, error) {
	v, ok := c.peek(leaf)
	if !ok {
		return v, errRow
	}
	c.pos[leaf]++
	return v, nil
}

func (c *cells) skip(of *column) error {
	for i := of.first; i < of.first+of.n; i++ {
		if _, err := c.next(i); err != nil {
			return err
		}
	}
	return nil
}

// ordered is a group whose fields stay in their order.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func group(names []string, nodes []parquet.Node) parquet.Node {
	g := &ordered{Group: parquet.Group{}}
	for i, n := range nodes {
		g.Group[names[i]] = n
		g.fields = append(g.fields, parquet.Group{names[i]: n}.Fields()[0])
	}
	return g
}

func (g *ordered) Fields() []parquet.Field { return g.fields }

// builder makes columns, one leaf after the other.
type builder struct {
	leaves  int
	depth   int
	repeats int
	rawText bool
	open    []*codec.Schema
}

func (b *builder) leaf(node parquet.Node, shred func(src []byte) (v parquet.Value, rest []byte, err error), build func(dst []byte, v parquet.Value) []byte) *column {
	at := b.leaves
	b.leaves++
	return &column{node: node, first: at, n: 1,
		shred: func(w *cells, src []byte, rep, def int) ([]byte, error) {
			v, rest, err := shred(src)
			if err == nil {
				w.put(at, v, rep, def)
			}
			return rest, err
		},
		build: func(r *cells, dst []byte, _ int) ([]byte, error) {
			v, err := r.next(at)
			if err != nil {
				return dst, err
			}
			return build(dst, v), nil
		}}
}

// of returns the column of a schema.
func (b *builder) of(s *codec.Schema) *column {
	if s.Empty() {
		return b.leaf(parquet.Leaf(parquet.BooleanType), func(src []byte) (parquet.Value, []byte, error) { return parquet.BooleanValue(true), src, nil },
			func(dst []byte, _ parquet.Value) []byte { return dst })
	}
	if b.depth >= maxDepth || b.leaves >= maxLeaves || slices.Contains(b.open, s) || b.within(s, nil) {
		return b.opaque(s)
	}
	b.open = append(b.open, s)
	b.depth++
	defer func() { b.open, b.depth = b.open[:len(b.open)-1], b.depth-1 }()
	switch s.Form() {
	case codec.PlainForm:
		return b.plain(s.Text())
	case codec.SelfForm:
		return b.bytes(len(s.Text()) > 4 && s.Text()[:5] == "text(")
	case codec.ArrayForm:
		if raw(s.Elem()) {
			return b.fixed(s.Len())
		}
		return b.list(s.Elem(), s.Len())
	case codec.SliceForm:
		if raw(s.Elem()) {
			return b.optional(b.bytes(false), countedBytes{})
		}
		return b.optional(b.list(s.Elem(), -1), counted{})
	case codec.MapForm:
		return b.optional(b.mapping(s), counted{})
	case codec.PointerForm:
		e := b.of(s.Elem())
		if e.nullable {
			e = wrap([]string{"value"}, []*column{e})
		}
		return b.optional(e, pointer{})
	}
	names, columns := []string{}, []*column{}
	for i := range s.Fields() {
		name, form := s.Field(i)
		names, columns = append(names, name), append(columns, b.of(form))
	}
	return wrap(names, columns)
}

// within reports whether a schema contains itself.
func (b *builder) within(s *codec.Schema, path []*codec.Schema) bool {
	if s == nil || s.Form() == codec.PlainForm || s.Form() == codec.SelfForm {
		return false
	}
	if slices.Contains(path, s) {
		return s == path[0]
	}
	path = append(path, s)
	if b.within(s.Key(), path) || b.within(s.Elem(), path) {
		return true
	}
	for i := range s.Fields() {
		if _, f := s.Field(i); b.within(f, path) {
			return true
		}
	}
	return false
}

func raw(s *codec.Schema) bool { return s.Form() == codec.PlainForm && s.Text() == "byte" }

// wrap is a group of columns.
func wrap(names []string, columns []*column) *column {
	nodes := make([]parquet.Node, len(columns))
	c := &column{first: columns[0].first}
	for i, e := range columns {
		nodes[i] = e.node
		c.n += e.n
	}
	c.node = group(names, nodes)
	c.shred = func(w *cells, src []byte, rep, def int) (_ []byte, err error) {
		for _, e := range columns {
			if src, err = e.shred(w, src, rep, def); err != nil {
				return nil, err
			}
		}
		return src, nil
	}
	c.build = func(r *cells, dst []byte, def int) (_ []byte, err error) {
		for _, e := range columns {
			if dst, err = e.build(r, dst, def); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}
	return c
}

// nilForm is how a value that may be nil is encoded: what begins one that is not.
type nilForm interface {
	// cut reads over what tells that a value is not nil, as far as the column does not read it.
	cut(src []byte) (null bool, rest []byte, err error)
	put(dst []byte, null bool) []byte
}

type pointer struct{}

func (pointer) cut(src []byte) (bool, []byte, error) {
	if len(src) == 0 {
		return false, nil, errEncoded
	}
	return src[0] == 0, src[1:], nil
}
func (pointer) put(dst []byte, null bool) []byte {
	if null {
		return append(dst, 0)
	}
	return append(dst, 1)
}

// counted has the number of elements plus one, which the list reads.
type counted struct{}

func (counted) cut(src []byte) (bool, []byte, error) {
	if len(src) == 0 {
		return false, nil, errEncoded
	}
	if src[0] == 0 {
		return true, src[1:], nil
	}
	return false, src, nil
}
func (counted) put(dst []byte, null bool) []byte {
	if null {
		return append(dst, 0)
	}
	return dst
}

// countedBytes has the number of bytes plus one, where the column has the number.
type countedBytes struct{ counted }

// optional is a column of a value that may be nil.
func (b *builder) optional(e *column, form nilForm) *column {
	_, plus := form.(countedBytes)
	return &column{node: parquet.Optional(e.node), first: e.first, n: e.n, nullable: true,
		shred: func(w *cells, src []byte, rep, def int) ([]byte, error) {
			null, rest, err := form.cut(src)
			if err != nil {
				return nil, err
			}
			if null {
				w.null(e, rep, def)
				return rest, nil
			}
			if plus {
				n, used := binary.Uvarint(rest)
				if used <= 0 || n-1 > uint64(len(rest)-used) {
					return nil, errEncoded
				}
				end := used + int(n-1)
				w.put(e.first, parquet.ByteArrayValue(rest[used:end]), rep, def+1)
				return rest[end:], nil
			}
			return e.shred(w, rest, rep, def+1)
		},
		build: func(r *cells, dst []byte, def int) ([]byte, error) {
			v, ok := r.peek(e.first)
			if !ok {
				return dst, errRow
			}
			if v.DefinitionLevel() <= def {
				return form.put(dst, true), r.skip(e)
			}
			dst = form.put(dst, false)
			if plus {
				r.pos[e.first]++
				dst = binary.AppendUvarint(dst, uint64(len(v.ByteArray()))+1)
				return append(dst, v.ByteArray()...), nil
			}
			return e.build(r, dst, def+1)
		}}
}

// list is a column of elements: so many, or as many as are told in front.
func (b *builder) list(elem *codec.Schema, fixed int) *column {
	b.repeats++
	e := b.of(elem)
	b.repeats--
	return b.repeated(e, parquet.List(e.node), fixed, elem.Empty(), false)
}

func (b *builder) mapping(s *codec.Schema) *column {
	b.repeats++
	k, v := b.of(s.Key()), b.of(s.Elem())
	b.repeats--
	pad := func(c *column, empty bool) *column {
		if !empty {
			return c
		}
		return padded(c)
	}
	return b.repeated(wrap([]string{"key", "value"}, []*column{pad(k, s.Key().Empty()), pad(v, s.Elem().Empty())}), parquet.Map(k.node, v.node), -1, false, true)
}

// padded is a column of what is encoded as nothing, which takes a zero byte among elements.
func padded(c *column) *column {
	d := *c
	d.shred = func(w *cells, src []byte, rep, def int) ([]byte, error) {
		if len(src) == 0 {
			return nil, errEncoded
		}
		return c.shred(w, src[1:], rep, def)
	}
	d.build = func(r *cells, dst []byte, def int) ([]byte, error) {
		dst, err := c.build(r, dst, def)
		return append(dst, 0), err
	}
	return &d
}

func (b *builder) repeated(e *column, node parquet.Node, fixed int, empty, _ bool) *column {
	level := b.repeats + 1
	if empty && fixed < 0 {
		e = padded(e)
	}
	return &column{node: node, first: e.first, n: e.n,
		shred: func(w *cells, src []byte, rep, def int) ([]byte, error) {
			n := uint64(fixed)
			if fixed < 0 {
				count, used := binary.Uvarint(src)
				if used <= 0 || count == 0 {
					return nil, errEncoded
				}
				n, src = count-1, src[used:]
			}
			if n == 0 {
				w.null(e, rep, def)
				return src, nil
			}
			var err error
			for ; n > 0; n-- {
				if src, err = e.shred(w, src, rep, def+1); err != nil {
					return nil, err
				}
				rep = level
			}
			return src, nil
		},
		build: func(r *cells, dst []byte, def int) (_ []byte, err error) {
			at, n := len(dst), 0
			v, ok := r.peek(e.first)
			if !ok {
				return dst, errRow
			}
			if v.DefinitionLevel() <= def {
				err = r.skip(e)
			} else {
				for more := true; more; {
					if dst, err = e.build(r, dst, def+1); err != nil {
						return dst, err
					}
					n++
					v, ok := r.peek(e.first)
					more = ok && v.RepetitionLevel() == level
				}
			}
			if fixed >= 0 {
				if n != fixed && err == nil {
					err = errRow
				}
				return dst, err
			}
			var count [binary.MaxVarintLen64]byte
			return slices.Insert(dst, at, count[:binary.PutUvarint(count[:], uint64(n)+1)]...), err
		}}
}

// opaque is a column of encodings.
func (b *builder) opaque(s *codec.Schema) *column {
	skip := s.Skipper()
	return b.leaf(parquet.Leaf(parquet.ByteArrayType), func(src []byte) (parquet.Value, []byte, error) {
		rest, err := skip(src)
		if err != nil {
			return parquet.Value{}, nil, errEncoded
		}
		return parquet.ByteArrayValue(src[:len(src)-len(rest)]), rest, nil
	}, func(dst []byte, v parquet.Value) []byte { return append(dst, v.ByteArray()...) })
}

// bytes is a column of bytes behind their number.
func (b *builder) bytes(text bool) *column {
	node, text := parquet.Leaf(parquet.ByteArrayType), text && !b.rawText
	if text {
		node = parquet.String()
	}
	return b.leaf(node, func(src []byte) (parquet.Value, []byte, error) {
		n, used := binary.Uvarint(src)
		if used <= 0 || n > uint64(len(src)-used) {
			return parquet.Value{}, nil, errEncoded
		}
		p := src[used : used+int(n)]
		if text && !utf8.Valid(p) {
			return parquet.Value{}, nil, errNotText
		}
		return parquet.ByteArrayValue(p), src[used+int(n):], nil
	}, func(dst []byte, v parquet.Value) []byte {
		dst = binary.AppendUvarint(dst, uint64(len(v.ByteArray())))
		return append(dst, v.ByteArray()...)
	})
}

func (b *builder) fixed(n int) *column {
	return b.leaf(parquet.Leaf(parquet.FixedLenByteArrayType(n)), func(src []byte) (parquet.Value, []byte, error) {
		if len(src) < n {
			return parquet.Value{}, nil, errEncoded
		}
		return parquet.FixedLenByteArrayValue(src[:n]), src[n:], nil
	}, func(dst []byte, v parquet.Value) []byte { return append(dst, v.ByteArray()...) })
}

// bits returns how many bits an integer of a plain schema has.
var bits = map[string]int{"int": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint": 64, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}

func (b *builder) plain(text string) *column {
	switch text {
	case "bool":
		return b.leaf(parquet.Leaf(parquet.BooleanType), func(src []byte) (parquet.Value, []byte, error) {
			if len(src) == 0 {
				return parquet.Value{}, nil, errEncoded
			}
			return parquet.BooleanValue(src[0] != 0), src[1:], nil
		}, func(dst []byte, v parquet.Value) []byte {
			if v.Boolean() {
				return append(dst, 1)
			}
			return append(dst, 0)
		})
	case "float32":
		return b.leaf(parquet.Leaf(parquet.FloatType), func(src []byte) (parquet.Value, []byte, error) {
			if len(src) < 4 {
				return parquet.Value{}, nil, errEncoded
			}
			return parquet.FloatValue(math.Float32frombits(binary.LittleEndian.Uint32(src))), src[4:], nil
		}, func(dst []byte, v parquet.Value) []byte {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.Float()))
		})
	case "float64":
		return b.leaf(parquet.Leaf(parquet.DoubleType), func(src []byte) (parquet.Value, []byte, error) {
			if len(src) < 8 {
				return parquet.Value{}, nil, errEncoded
			}
			return parquet.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(src))), src[8:], nil
		}, func(dst []byte, v parquet.Value) []byte {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Double()))
		})
	case "complex64":
		return wrap([]string{"re", "im"}, []*column{b.plain("float32"), b.plain("float32")})
	case "complex128":
		return wrap([]string{"re", "im"}, []*column{b.plain("float64"), b.plain("float64")})
	case "string":
		return b.bytes(true)
	case "time":
		return b.time()
	case "uint", "uint8", "uint16", "uint32", "uint64", "byte":
		size := max(bits[text], 8)
		return b.leaf(parquet.Uint(size), func(src []byte) (parquet.Value, []byte, error) {
			n, used := binary.Uvarint(src)
			if used <= 0 {
				return parquet.Value{}, nil, errEncoded
			}
			return integer(int64(n), size), src[used:], nil
		}, func(dst []byte, v parquet.Value) []byte {
			if size < 64 {
				return binary.AppendUvarint(dst, uint64(uint32(v.Int32())))
			}
			return binary.AppendUvarint(dst, uint64(v.Int64()))
		})
	}
	return b.signed(parquet.Int(bits[text]), bits[text])
}

func integer(n int64, size int) parquet.Value {
	if size < 64 {
		return parquet.Int32Value(int32(n))
	}
	return parquet.Int64Value(n)
}

func (b *builder) signed(node parquet.Node, size int) *column {
	return b.leaf(node, func(src []byte) (parquet.Value, []byte, error) {
		n, used := binary.Varint(src)
		if used <= 0 {
			return parquet.Value{}, nil, errEncoded
		}
		return integer(n, size), src[used:], nil
	}, func(dst []byte, v parquet.Value) []byte {
		if size < 64 {
			return binary.AppendVarint(dst, int64(v.Int32()))
		}
		return binary.AppendVarint(dst, v.Int64())
	})
}

// time has, in front of the numbers from which it is restored, a timestamp for those who read it.
func (b *builder) time() *column {
	at := b.leaf(parquet.Timestamp(parquet.Microsecond), func(src []byte) (parquet.Value, []byte, error) {
		sec, used := binary.Varint(src)
		if used <= 0 {
			return parquet.Value{}, nil, errEncoded
		}
		nano, more := binary.Uvarint(src[used:])
		if more <= 0 {
			return parquet.Value{}, nil, errEncoded
		}
		const most = math.MaxInt64/1_000_000 - 1
		return parquet.Int64Value(min(max(sec, -most), most)*1_000_000 + int64(nano/1000)), src, nil
	}, func(dst []byte, _ parquet.Value) []byte { return dst })
	seconds := b.signed(parquet.Int(64), 64)
	nanos := b.plain("uint32")
	return wrap([]string{"at", "seconds", "nanos", "zone"}, []*column{at, seconds, nanos, b.signed(parquet.Int(32), 32)})
}
