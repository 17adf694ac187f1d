package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/pages"
)

// Kind is what a cell holds.
type Kind uint8

const (
	// ValueKind is one value.
	ValueKind Kind = iota
	// ListKind is values in the order in which they were added.
	ListKind
	// MapKind is values by a key of their own.
	MapKind
	// RowsKind is rows of columns in the order in which they were appended.
	RowsKind
	// OrderedKind is rows of columns in the order of sort words.
	OrderedKind
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case ListKind:
		return "list"
	case MapKind:
		return "map"
	case RowsKind:
		return "rows"
	case OrderedKind:
		return "ordered rows"
	}
	return "value"
}

// KindOf is the inverse of String.
func KindOf(name string) (Kind, bool) {
	for k := ValueKind; k <= OrderedKind; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// TTL says how long an entry lives. Each value, each element of a list and each entry of a map has its own time.
type TTL struct {
	// Millis is the time to live in milliseconds of processing time.
	Millis int64
	// OnRead makes reading an entry begin its time anew, and not only writing.
	OnRead bool
	// ReturnExpired lets an expired entry be read that has not been cleaned up yet.
	ReturnExpired bool
	// NoCleanup leaves expired entries where they are until they are read.
	NoCleanup bool
}

// Cell is one state of a space: a place in every row. It is the same for values of all types; the handles know the type.
type Cell struct {
	space  *Space
	name   string
	kind   Kind
	schema string
	off    uintptr
	bit    uint64
	ttl    *TTL
	// fixed is whether the type has no pointers, so that values are kept as they are; size is that of a value in memory.
	fixed  bool
	size   uintptr
	encode func(dst []byte, v unsafe.Pointer) ([]byte, error)
	decode func(src []byte, v unsafe.Pointer) error
	// migrate returns what turns the encoding of a value, or the content of a row, by a stored schema into today's; nil where nothing can.
	migrate func(stored string) (func(dst, src []byte) ([]byte, error), error)
	// flat is the form of values that lie in the row but for their strings, nil for others.
	flat *flatForm
	// entries is the space of a map's entries, and keySchema that of their keys.
	entries   *Space
	keySchema string
	linksOff  uintptr
	hashEntry func(words []uint64, b []byte) uint64
	// hang is what the cell holds if it is of a kind that no case below knows.
	hang hanging
	// walks are the loops over a map's entries that are under way, idle is one to be used again.
	walks, idle *mapWalk
}

// hanging is what a kind of cell knows about what hangs on it.
type hanging interface {
	// clear frees what hangs on the cell of a row and makes the cell zero.
	clear(row unsafe.Pointer)
	// appendPayload appends what hangs on the cell of a row, in the space or a snapshot of it, and restorePayload reads that for a key whose cell is empty.
	appendPayload(dst []byte, from heapReader, row unsafe.Pointer) []byte
	restorePayload(r Ref, p *payloadReader) error
}

// Name is the name of the state.
func (c *Cell) Name() string { return c.name }

// Kind is what the cell holds.
func (c *Cell) Kind() Kind { return c.kind }

// Schema is the form of the values, KeySchema that of a map's keys.
func (c *Cell) Schema() string    { return c.schema }
func (c *Cell) KeySchema() string { return c.keySchema }

// TTL is the time to live, nil for none.
func (c *Cell) TTL() *TTL { return c.ttl }

// newCell makes a cell for values of V. It panics if V cannot be encoded: the API has checked that.
func newCell[V any](name string, kind Kind, ttl *TTL) *Cell {
	cd, err := codec.For[V]()
	if err != nil {
		panic(err)
	}
	c := &Cell{name: name, kind: kind, schema: cd.Schema(), ttl: ttl, size: max(unsafe.Sizeof(*new(V)), 1)}
	_, c.fixed = cd.FixedSize()
	c.encode = func(dst []byte, v unsafe.Pointer) ([]byte, error) { return cd.Encode(dst, (*V)(v)) }
	c.decode = func(src []byte, v unsafe.Pointer) error {
		_, err := cd.Decode(src, (*V)(v))
		return err
	}
	c.migrate = func(stored string) (func(dst, src []byte) ([]byte, error), error) {
		m, err := codec.Migrate[V](stored)
		if err != nil || m == nil {
			return nil, err
		}
		place := new(V)
		return func(dst, src []byte) ([]byte, error) {
			if _, err := m.Decode(src, place); err != nil {
				return dst, err
			}
			return cd.Encode(dst, place)
		}, nil
	}
	if kind == ValueKind && !c.fixed {
		flatten(c, cd)
	}
	return c
}

// valueOff is where a value begins within its cell: behind its time.
func (c *Cell) valueOff() uintptr {
	if c.ttl != nil {
		return c.off + 8
	}
	return c.off
}

// valueSize is the size of a value cell.
func (c *Cell) valueSize() uintptr {
	n := uintptr(viewSize)
	if c.fixed || c.flat != nil {
		n = (c.size + 7) &^ 7
	}
	if c.ttl != nil {
		n += 8
	}
	return n
}

// expired tells whether an entry of the given time is past its life.
func (c *Cell) expired(stamp int64) bool { return stamp+c.ttl.Millis <= c.space.store.now }

// Clear empties the cell of a key.
func (c *Cell) Clear(r Ref) { c.clear(r) }

// clear empties the cell of a key.
func (c *Cell) clear(r Ref) {
	sp := c.space
	row := sp.Row(r)
	if *flagsOf(row)&c.bit == 0 {
		return
	}
	row = sp.Edit(r)
	switch c.kind {
	case ValueKind:
		if c.flat != nil {
			c.freeFlat(unsafe.Add(row, c.valueOff()))
		} else if !c.fixed {
			viewFree(sp.heap, unsafe.Add(row, c.valueOff()))
		}
		clear(unsafe.Slice((*byte)(unsafe.Add(row, c.off)), c.valueSize()))
	case ListKind:
		c.freeList(row)
	case MapKind:
		c.freeMap(r, row)
		row = sp.Edit(r)
	default:
		c.hang.clear(row)
	}
	f := flagsOf(row)
	*f = *f&^(c.bit|epochBits) | sp.mark
}

// heap is where what hangs on the cell lies.
func (c *Cell) heap() *pages.Heap { return c.space.heap }
