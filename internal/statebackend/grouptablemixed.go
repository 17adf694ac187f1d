package statebackend

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// MixedAccumulators declares a cell of some words and strings for each group, which are zero and empty at first. The words come first; strings are read and written by
// [Cell.AccumulatorString] and [Cell.SetAccumulatorString]. The time to live is as in [GroupTable.Accumulators].
func (t *GroupTable) MixedAccumulators(name string, words, strings int, ttl *TTL) *Cell {
	if strings == 0 {
		return t.Accumulators(name, words, ttl)
	}
	c := &Cell{name: name, kind: ValueKind, schema: fmt.Sprintf("words(%d),strings(%d)", words, strings), ttl: ttl, size: 8*uintptr(words) + viewSize*uintptr(strings)}
	f := &flatForm{spans: []span{{0, 8 * uintptr(words)}}}
	for i := range strings {
		f.strings = append(f.strings, 8*uintptr(words)+viewSize*uintptr(i))
	}
	f.encode = func(dst []byte, h heapReader, row unsafe.Pointer) ([]byte, error) {
		for _, w := range unsafe.Slice((*uint64)(row), words) {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
		for _, at := range f.strings {
			b := readView(h, unsafe.Add(row, at))
			dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
		}
		return dst, nil
	}
	f.decode = func(src []byte, row unsafe.Pointer) error {
		if len(src) < 8*words {
			return errPayload
		}
		for i := range words {
			*(*uint64)(unsafe.Add(row, 8*i)) = binary.LittleEndian.Uint64(src[8*i:])
		}
		src = src[8*words:]
		for _, at := range f.strings {
			s, rest, err := cutBytes(src)
			if err != nil {
				return err
			}
			viewReplace(t.space.heap, unsafe.Add(row, at), s)
			src = rest
		}
		if len(src) != 0 {
			return errPayload
		}
		return nil
	}
	c.flat = f
	t.space.reserve(c, c.valueSize())
	if ttl != nil {
		t.renews(c)
	}
	return c
}

// AccumulatorString returns a string of the group whose address Edit or View has given: in the memory of the state, until the next change of the table.
func (c *Cell) AccumulatorString(base unsafe.Pointer, i int) []byte {
	return viewBytes(c.space.heap, unsafe.Add(base, c.valueOff()+c.flat.strings[i]))
}

// SetAccumulatorString sets a string of the group whose address Edit has given; b is copied.
func (c *Cell) SetAccumulatorString(base unsafe.Pointer, i int, b []byte) {
	viewReplace(c.space.heap, unsafe.Add(base, c.valueOff()+c.flat.strings[i]), b)
}

// ResetAccumulators makes the words zero and the strings empty of the group whose address Edit has given.
func (c *Cell) ResetAccumulators(base unsafe.Pointer) {
	p := unsafe.Add(base, c.valueOff())
	if c.flat != nil {
		c.freeFlat(p)
	}
	clear(unsafe.Slice((*byte)(p), c.size))
}
