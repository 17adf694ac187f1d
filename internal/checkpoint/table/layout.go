package table

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// Version is that of the rules by which types become columns.
const Version = "1"

// layout is how the entries of a state become rows.
type layout struct {
	schema    *parquet.Schema
	space     *manifest.Space
	cell      *manifest.Cell // nil for keys alone
	kind      statebackend.Kind
	leaves    int
	namespace int
	keyForm   *codec.SchemaWords // nil if the keys are not known: they are words and bytes
	key       *column
	mapForm   *codec.SchemaWords
	mapKey    *column
	value     *column
	renewed   int  // leaf, -1 for none
	opaque    bool // a row is a whole payload
	words     []uint64
	buf, pack []byte
}

// opaque reports whether the states of a space cannot be told apart by their schemas, as those of SQL's operators: then each key is one row with its whole payload, which stands in the file of the
// first state that it has.
func opaque(cells []*manifest.Cell) bool {
	for _, c := range cells {
		kind, _ := statebackend.KindOf(c.GetKind())
		if kind == statebackend.RowsKind || kind == statebackend.OrderedKind {
			if len(cells) > 1 {
				return true
			}
			continue
		}
		if _, err := codec.ParseSchema(c.GetSchema()); err != nil {
			return true
		}
		if kind == statebackend.MapKind {
			s, err := codec.ParseSchema(c.GetKeySchema())
			if err != nil {
				return true
			}
			if _, err := codec.WordsOf(s); err != nil {
				return true
			}
		}
	}
	return false
}

// newLayout returns the layout of a cell of a space, or of its keys if cell is nil.
func newLayout(sp *manifest.Space, cell *manifest.Cell, rawText bool) (*layout, error) {
	b := &builder{rawText: rawText}
	l := &layout{space: sp, cell: cell, renewed: -1, words: make([]uint64, statebackend.MaxKeyWords+codec.MaxWords)}
	var names []string
	var nodes []parquet.Node
	add := func(name string, node parquet.Node) {
		names, nodes = append(names, name), append(nodes, node)
	}
	number := func(name string, size int) int {
		c := b.signed(parquet.Int(size), size)
		add(name, c.node)
		return c.first
	}
	number("key_group", 32)
	l.namespace = len(sp.GetNamespace())
	if s, err := codec.ParseSchema(sp.GetKeySchema()); err == nil {
		if l.keyForm, err = codec.WordsOf(s); err != nil || l.keyForm.N+l.namespace != int(sp.GetWords()) || l.keyForm.Bytes != sp.GetBytes() {
			l.keyForm = nil
		} else {
			for _, n := range sp.GetNamespace() {
				number(n, 64)
			}
			l.key = b.of(s)
			add("key", l.key.node)
		}
	}
	if l.keyForm == nil {
		l.namespace = 0
		l.key = b.bytes(false)
		add("key", l.key.node)
	}
	if cell != nil {
		kind, ok := statebackend.KindOf(cell.GetKind())
		if !ok {
			return nil, errors.New("unknown kind of state " + cell.GetKind())
		}
		l.kind = kind
		if l.opaque = opaque(sp.GetCells()); l.opaque {
			l.kind = statebackend.RowsKind
			l.value = b.bytes(false)
			add("value", l.value.node)
			l.leaves = b.leaves
			l.schema = parquet.NewSchema("weir", group(names, nodes))
			return l, nil
		}
		if kind == statebackend.ListKind {
			number("index", 64)
		}
		if kind == statebackend.MapKind {
			s, err := codec.ParseSchema(cell.GetKeySchema())
			if err != nil {
				return nil, err
			}
			if l.mapForm, err = codec.WordsOf(s); err != nil {
				return nil, err
			}
			l.mapKey = b.of(s)
			add("map_key", l.mapKey.node)
		}
		if cell.GetTtl() {
			l.renewed = number("renewed", 64)
		}
		if kind == statebackend.RowsKind || kind == statebackend.OrderedKind {
			l.value = b.bytes(false)
		} else {
			s, err := codec.ParseSchema(cell.GetSchema())
			if err != nil {
				return nil, err
			}
			l.value = b.of(s)
		}
		add("value", l.value.node)
	}
	l.leaves = b.leaves
	l.schema = parquet.NewSchema("weir", group(names, nodes))
	return l, nil
}

func (l *layout) row() *cells {
	return &cells{leaves: make([][]parquet.Value, l.leaves), pos: make([]int, l.leaves)}
}

// shred fills a row.
func (l *layout) shred(w *cells, keyGroup int, key []byte, index int64, part statebackend.StoredPart) (err error) {
	for i := range w.leaves {
		w.leaves[i] = w.leaves[i][:0]
	}
	w.put(0, parquet.Int32Value(int32(keyGroup)), 0, 0)
	l.buf = l.buf[:0]
	if l.keyForm == nil {
		l.buf = append(binary.AppendUvarint(l.buf, uint64(len(key))), key...)
	} else if l.buf, err = l.encodeKey(l.buf, l.keyForm, key, func(i int, word uint64) { w.put(1+i, parquet.Int64Value(int64(word)), 0, 0) }, l.namespace); err != nil {
		return err
	}
	if err = l.whole(l.key, w, l.buf); err != nil || l.cell == nil {
		return err
	}
	at := l.key.first + l.key.n
	if l.kind == statebackend.ListKind {
		w.put(at, parquet.Int64Value(index), 0, 0)
	}
	if l.mapKey != nil {
		if l.pack, err = l.encodeKey(l.pack[:0], l.mapForm, part.MapKey, nil, 0); err != nil {
			return err
		}
		if err = l.whole(l.mapKey, w, l.pack); err != nil {
			return err
		}
	}
	if l.renewed >= 0 {
		if !part.Timed {
			return errEncoded
		}
		w.put(l.renewed, parquet.Int64Value(part.Time), 0, 0)
	}
	if l.kind == statebackend.RowsKind || l.kind == statebackend.OrderedKind {
		w.put(l.value.first, parquet.ByteArrayValue(part.Value), 0, 0)
		return nil
	}
	return l.whole(l.value, w, part.Value)
}

func (l *layout) whole(c *column, w *cells, src []byte) error {
	rest, err := c.shred(w, src, 0, 0)
	if err == nil && len(rest) > 0 {
		err = errEncoded
	}
	return err
}

// encodeKey turns a key in the form of a store into its encoding. The words of the namespace go to ns.
func (l *layout) encodeKey(dst []byte, form *codec.SchemaWords, key []byte, ns func(i int, word uint64), namespace int) ([]byte, error) {
	n := namespace + form.N
	if len(key) < 8*n || n > len(l.words) {
		return dst, errEncoded
	}
	for i := range n {
		l.words[i] = binary.BigEndian.Uint64(key[8*i:])
		if i < namespace {
			ns(i, l.words[i])
		}
	}
	key = key[8*n:]
	if form.Bytes {
		size, used := binary.Uvarint(key)
		if used <= 0 || size != uint64(len(key)-used) {
			return dst, errEncoded
		}
		key = key[used:]
	} else if len(key) > 0 {
		return dst, errEncoded
	}
	return form.Encode(dst, l.words[namespace:n], key)
}

// build reads a row back: the key group, the key and a payload of the one entry.
func (l *layout) build(r *cells, cell int, key, payload []byte) (keyGroup int, _, _ []byte, err error) {
	clear(r.pos)
	v, err := r.next(0)
	if err != nil {
		return 0, key, payload, err
	}
	keyGroup = int(v.Int32())
	for i := range l.namespace {
		v, err := r.next(1 + i)
		if err != nil {
			return 0, key, payload, err
		}
		key = binary.BigEndian.AppendUint64(key, uint64(v.Int64()))
	}
	if l.buf, err = l.key.build(r, l.buf[:0], 0); err != nil {
		return 0, key, payload, err
	}
	if l.keyForm == nil {
		_, used := binary.Uvarint(l.buf)
		key = append(key, l.buf[used:]...)
	} else if key, err = l.splitKey(key, l.keyForm, l.buf); err != nil {
		return 0, key, payload, err
	}
	if l.cell == nil {
		return keyGroup, key, payload, nil
	}
	part := statebackend.StoredPart{Cell: cell}
	if l.mapKey != nil {
		if l.buf, err = l.mapKey.build(r, l.buf[:0], 0); err != nil {
			return 0, key, payload, err
		}
		if part.MapKey, err = l.splitKey(nil, l.mapForm, l.buf); err != nil {
			return 0, key, payload, err
		}
	}
	if l.renewed >= 0 {
		if v, err = r.next(l.renewed); err != nil {
			return 0, key, payload, err
		}
		part.Time, part.Timed = v.Int64(), true
	}
	if l.buf, err = l.value.build(r, l.buf[:0], 0); err != nil {
		return 0, key, payload, err
	}
	part.Value = l.buf
	if l.kind == statebackend.RowsKind || l.kind == statebackend.OrderedKind {
		_, used := binary.Uvarint(l.buf)
		part.Value = l.buf[used:]
	}
	if l.opaque {
		return keyGroup, key, append(binary.AppendUvarint(payload, uint64(cell)), part.Value...), nil
	}
	return keyGroup, key, statebackend.AppendPart(payload, l.kind, part), nil
}

func (l *layout) splitKey(dst []byte, form *codec.SchemaWords, enc []byte) ([]byte, error) {
	b, rest, err := form.Split(enc, l.words[:form.N], l.pack[:0])
	l.pack = b
	if err != nil || len(rest) > 0 {
		return dst, errRow
	}
	dst = slices.Grow(dst, 8*form.N+len(b)+2)
	for _, w := range l.words[:form.N] {
		dst = binary.BigEndian.AppendUint64(dst, w)
	}
	if form.Bytes {
		dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	return dst, nil
}
