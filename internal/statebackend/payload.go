package statebackend

import (
	"encoding/binary"
	"errors"
	"slices"
	"unsafe"
)

// A payload is the state of one key as bytes, independent of memory layout, and the same in snapshots and in spills: for each cell that is present
//
//	its number in the space, as uvarint
//	a byte: 1 if times follow, 0 if the cell has no time to live
//	a value:   [time] value
//	a list:    the number of elements as uvarint, then [time] value for each
//	a map:     the number of entries as uvarint, then the key as AppendKey writes it, [time] and value for each
//	rows:      as rowLayout.appendRow writes them
//
// A time is the milliseconds since the epoch of the last renewal, as varint. A value is the length of its encoding as uvarint and the encoding (package codec).

var errPayload = errors.New("the payload of a key is damaged")

// AppendKey appends the key: its words, 8 bytes each, high ones first, and the length as uvarint and content of its bytes.
func (sp *Space) AppendKey(dst []byte, r Ref) []byte {
	return appendKey(dst, sp.Words(r), sp.layout.Bytes, sp.Bytes(r))
}

func appendKey(dst []byte, words []uint64, hasBytes bool, b []byte) []byte {
	for _, w := range words {
		dst = binary.BigEndian.AppendUint64(dst, w)
	}
	if hasBytes {
		dst = binary.AppendUvarint(dst, uint64(len(b)))
		dst = append(dst, b...)
	}
	return dst
}

// CutKey reads a key that AppendKey wrote. words has the length of the layout's.
func (sp *Space) CutKey(src []byte, words []uint64) (b, rest []byte, err error) {
	return sp.layout.cutKey(src, words)
}

func (l KeyLayout) cutKey(src []byte, words []uint64) (b, rest []byte, err error) {
	if len(src) < 8*len(words) {
		return nil, nil, errPayload
	}
	for i := range words {
		words[i] = binary.BigEndian.Uint64(src)
		src = src[8:]
	}
	if l.Bytes {
		return cutBytes(src)
	}
	return nil, src, nil
}

func cutBytes(src []byte) (b, rest []byte, err error) {
	if len(src) > 0 && src[0] < 0x80 && int(src[0]) < len(src) { // short, as mostly
		n := int(src[0]) + 1
		return src[1:n], src[n:], nil
	}
	n, w := binary.Uvarint(src)
	if w <= 0 || n > uint64(len(src)-w) {
		return nil, nil, errPayload
	}
	return src[w : w+int(n)], src[w+int(n):], nil
}

// rowReader gives what a row and what hangs on it look like: in the space itself, or in a snapshot of it.
type rowReader interface {
	heapReader
	entryRow(c *Cell, group int, row uint32) unsafe.Pointer
	entryHeap(c *Cell) heapReader
}

type liveReader struct{ sp *Space }

func (l liveReader) At(o off) unsafe.Pointer { return l.sp.heap.At(o) }
func (l liveReader) entryRow(c *Cell, group int, row uint32) unsafe.Pointer {
	return c.entries.Row(makeRef(group, row))
}
func (l liveReader) entryHeap(c *Cell) heapReader { return c.entries.heap }

// AppendPayload appends the state of a key.
func (sp *Space) AppendPayload(dst []byte, r Ref) ([]byte, error) {
	return sp.appendPayload(dst, liveReader{sp}, r.Group(), sp.Row(r))
}

func (sp *Space) appendPayload(dst []byte, from rowReader, group int, row unsafe.Pointer) (_ []byte, err error) {
	flags := *flagsOf(row)
	for i, c := range sp.cells {
		if flags&c.bit == 0 {
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(i))
		if c.ttl != nil {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
		switch c.kind {
		case ValueKind:
			dst, err = c.appendValue(dst, from, row)
		case ListKind:
			dst, err = c.appendList(dst, from, *(*listCell)(unsafe.Add(row, c.off)))
		case MapKind:
			dst, err = c.appendMap(dst, from, group, *(*mapCell)(unsafe.Add(row, c.off)))
		default:
			dst = c.hang.appendPayload(dst, from, row)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (c *Cell) appendValue(dst []byte, heap heapReader, row unsafe.Pointer) ([]byte, error) {
	stamp := int64(0)
	if c.ttl != nil {
		stamp = *(*int64)(unsafe.Add(row, c.off))
	}
	p := unsafe.Add(row, c.valueOff())
	if c.fixed || c.flat != nil {
		return c.appendEncoded(dst, heap, stamp, p)
	}
	return c.appendBytes(dst, stamp, readView(heap, p)), nil
}

// appendEncoded appends a value that is kept as it is in memory.
func (c *Cell) appendEncoded(dst []byte, heap heapReader, stamp int64, p unsafe.Pointer) (_ []byte, err error) {
	if c.ttl != nil {
		dst = binary.AppendVarint(dst, stamp)
	}
	dst = append(dst, 0) // the length, if it is short, as mostly
	at := len(dst)
	if c.flat != nil {
		dst, err = c.flat.encode(dst, heap, p)
	} else {
		dst, err = c.encode(dst, p)
	}
	if n := len(dst) - at; n < 0x80 {
		dst[at-1] = byte(n)
	} else {
		var long [binary.MaxVarintLen64]byte
		dst = slices.Replace(dst, at-1, at, long[:binary.PutUvarint(long[:], uint64(n))]...)
	}
	return dst, err
}

func (c *Cell) appendBytes(dst []byte, stamp int64, b []byte) []byte {
	if c.ttl != nil {
		dst = binary.AppendVarint(dst, stamp)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func (c *Cell) appendList(dst []byte, from heapReader, cell listCell) (_ []byte, err error) {
	dst = binary.AppendUvarint(dst, uint64(cell.count))
	c.elements(from, cell, func(stamp int64, p unsafe.Pointer, n uintptr) bool {
		if c.fixed {
			dst, err = c.appendEncoded(dst, from, stamp, p)
		} else {
			dst = c.appendBytes(dst, stamp, unsafe.Slice((*byte)(p), n))
		}
		return err == nil
	})
	return dst, err
}

func (c *Cell) appendMap(dst []byte, from rowReader, group int, cell mapCell) (_ []byte, err error) {
	dst = binary.AppendUvarint(dst, uint64(cell.count))
	heap := from.entryHeap(c)
	value := c.entries.cells[0]
	for at := cell.head; at != 0; {
		row := from.entryRow(c, group, at-1)
		words := unsafe.Slice((*uint64)(unsafe.Add(row, rowKey)), c.entries.layout.Words)[1:]
		var b []byte
		if c.entries.layout.Bytes {
			v := unsafe.Add(row, rowKey+8*uintptr(c.entries.layout.Words))
			if n := viewLen(v); n > viewInline {
				b = unsafe.Slice((*byte)(heap.At(viewOff(v))), n)
			} else {
				b = viewBytes(nil, v)
			}
		}
		dst = appendKey(dst, words, c.entries.layout.Bytes, b)
		if dst, err = value.appendValue(dst, heap, row); err != nil {
			return dst, err
		}
		at = (*entryLinks)(unsafe.Add(row, value.linksOff)).next
	}
	return dst, nil
}

// SetPayload gives a key without state the state of a payload. cells says which cell of this space a number in the payload stands for; nil means the same.
func (sp *Space) SetPayload(r Ref, payload []byte, cells []*Cell) error {
	if cells == nil {
		cells = sp.cells
	}
	return sp.setPayload(&payloadReader{}, r, payload, cells)
}

func (sp *Space) setPayload(p *payloadReader, r Ref, payload []byte, cells []*Cell) error {
	*p = payloadReader{src: payload}
	for len(p.src) > 0 && p.err == nil {
		i, stamped := p.uvarint(), p.byte()
		if p.err != nil || i >= uint64(len(cells)) || cells[i] == nil {
			return errPayload
		}
		p.stamped = stamped == 1
		if err := cells[i].restore(r, p); err != nil {
			return err
		}
	}
	return p.err
}

// payloadReader cuts a payload into its parts. The first error stays.
type payloadReader struct {
	src     []byte
	err     error
	stamped bool
	// convert turns values and the content of rows into the form that they have now; nil for none.
	convert *restoredCell
}

func (p *payloadReader) uvarint() uint64 {
	n, w := binary.Uvarint(p.src)
	if w <= 0 {
		p.err = errPayload
		return 0
	}
	p.src = p.src[w:]
	return n
}

func (p *payloadReader) byte() byte {
	if len(p.src) == 0 {
		p.err = errPayload
		return 0
	}
	b := p.src[0]
	p.src = p.src[1:]
	return b
}

// entry cuts a time, if there is one, and a value. Where no time was kept, that of an entry is now.
func (p *payloadReader) entry(now int64) (stamp int64, b []byte) {
	stamp = now
	if p.stamped {
		n, w := binary.Varint(p.src)
		if w <= 0 {
			p.err = errPayload
			return 0, nil
		}
		stamp, p.src = n, p.src[w:]
	}
	b, rest, err := cutBytes(p.src)
	if err != nil {
		p.err = err
		return 0, nil
	}
	p.src = rest
	if c := p.convert; c != nil {
		if c.dst, p.err = c.convert(c.dst[:0], b); p.err != nil {
			return 0, nil
		}
		b = c.dst
	}
	return stamp, b
}

// restore reads what a payload has for the cell.
func (c *Cell) restore(r Ref, p *payloadReader) error {
	now := c.space.store.now
	switch c.kind {
	case ValueKind:
		stamp, b := p.entry(now)
		if p.err == nil {
			return c.restoreValue(r, stamp, b)
		}
	case ListKind:
		for n := p.uvarint(); n > 0 && p.err == nil; n-- {
			stamp, b := p.entry(now)
			if p.err != nil {
				break
			}
			if !c.fixed {
				c.extendBytes(c.space.Edit(r), b, stamp)
				continue
			}
			if err := c.decode(b, c.extend(c.space.Edit(r), c.size, stamp)); err != nil {
				return err
			}
		}
	case MapKind:
		var words [MaxKeyWords]uint64
		at := &Scope{space: c.entries}
		for n := p.uvarint(); n > 0 && p.err == nil; n-- {
			keyLen := c.entries.layout.Words
			words[0] = uint64(r.Row())
			b, rest, err := c.entries.cutEntryKey(p.src, words[1:keyLen])
			if err != nil {
				return err
			}
			p.src = rest
			stamp, v := p.entry(now)
			if p.err != nil {
				break
			}
			copy(at.words[:], words[:keyLen])
			at.SetGroup(r.Group(), Combine(c.hashEntry(words[1:keyLen], b), uint64(r.Row())), b)
			e := at.Ref()
			at.dirty = false
			row := c.space.Edit(r)
			c.space.change(row, c.bit)
			c.link(r, e)
			if err := c.entries.cells[0].restoreValue(e, stamp, v); err != nil {
				return err
			}
		}
	default:
		return c.hang.restorePayload(r, p)
	}
	return p.err
}

func (sp *Space) cutEntryKey(src []byte, words []uint64) (b, rest []byte, err error) {
	return sp.CutKey(src, words)
}

func (c *Cell) restoreValue(r Ref, stamp int64, b []byte) error {
	row := c.space.Edit(r)
	c.space.change(row, c.bit)
	if c.ttl != nil {
		*(*int64)(unsafe.Add(row, c.off)) = stamp
	}
	if c.flat != nil {
		return c.flat.decode(b, unsafe.Add(row, c.valueOff()))
	}
	if c.fixed {
		return c.decode(b, unsafe.Add(row, c.valueOff()))
	}
	if mu := c.space.sharing; mu != nil && len(b) > viewInline {
		mu.Lock()
		defer mu.Unlock()
	}
	viewReplace(c.space.heap, unsafe.Add(row, c.valueOff()), b)
	return nil
}
