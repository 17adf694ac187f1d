package statebackend

import (
	"encoding/binary"
	"unsafe"
)

// In a payload, ordered rows are the time at which their key is due: a byte that tells whether there is one, and the sort word in 8 bytes if so. Then come their number and the rows in order, as
// for rows.

func (o *Ordered) clear(row unsafe.Pointer) {
	c := o.cellOf(row)
	if c.levels > 0 {
		o.freeTree(c.root, int(c.levels))
	}
	*c = orderedCell{}
}

func (o *Ordered) appendPayload(dst []byte, from heapReader, row unsafe.Pointer) []byte {
	c := o.cellOf(row)
	dst = append(dst, byte(c.armed))
	if c.armed != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, c.due)
	}
	dst = binary.AppendUvarint(dst, uint64(c.count))
	if c.levels > 0 {
		o.eachRow(from, c.root, int(c.levels), func(row RowRef) { dst = o.appendRow(dst, from.At(row)) })
	}
	return dst
}

func (o *Ordered) restorePayload(ref Ref, p *payloadReader) error {
	armed, due := p.byte() != 0, uint64(0)
	if armed {
		if len(p.src) < 8 {
			return errPayload
		}
		due = binary.LittleEndian.Uint64(p.src)
		p.src = p.src[8:]
	}
	h := o.space.heap
	var key [MaxSortWords]uint64
	for n := p.uvarint(); n > 0; n-- {
		row, err := o.cutRow(p)
		if err != nil {
			return err
		}
		if row.dead {
			continue
		}
		size := int(o.sizeOfStored(row))
		at := h.AllocRaw(size)
		to := h.Edit(at, size)
		o.fill(to, row)
		copy(key[:], unsafe.Slice((*uint64)(unsafe.Add(to, o.sort)), o.words))
		o.insert(o.edit(ref), key[:o.words], at)
	}
	if c := o.present(ref); c != nil && armed && o.due != nil {
		o.due.arm(ref, o.edit(ref), due)
	}
	return p.err
}
