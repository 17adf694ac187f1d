package statebackend

import "encoding/binary"

// StoredPart is one entry of a payload: a value, an element of a list, an entry of a map, or, of rows, all there is. The slices are good as long as the payload.
type StoredPart struct {
	// Cell is the number of the state.
	Cell int
	// MapKey is the key of a map's entry, as [Space.AppendKey] writes it.
	MapKey []byte
	// Time is when the entry was last renewed, in milliseconds since the epoch, if Timed is set.
	Time  int64
	Timed bool
	// Value is its encoding by package codec; of rows, their part of the payload.
	Value []byte
}

// EachPart calls yield for each entry of a payload, by what a snapshot says of the cells alone. Rows are only understood if they are the payload's only state.
func EachPart(cells []StoredCell, payload []byte, yield func(StoredPart) error) error {
	p := &payloadReader{src: payload}
	for len(p.src) > 0 {
		i, stamped := p.uvarint(), p.byte()
		if p.err != nil || i >= uint64(len(cells)) {
			return errPayload
		}
		part := StoredPart{Cell: int(i), Timed: stamped == 1}
		p.stamped = part.Timed
		c := &cells[i]
		n := uint64(1)
		switch c.Kind {
		case ListKind, MapKind:
			n = p.uvarint()
		case RowsKind, OrderedKind:
			if len(cells) > 1 {
				return errPayload
			}
			part.Value = p.src
			return yield(part)
		}
		for ; n > 0 && p.err == nil; n-- {
			if c.Kind == MapKind {
				from := p.src
				if len(p.src) < 8*c.KeyWords {
					return errPayload
				}
				p.src = p.src[8*c.KeyWords:]
				if c.KeyBytes {
					_, rest, err := cutBytes(p.src)
					if err != nil {
						return err
					}
					p.src = rest
				}
				part.MapKey = from[:len(from)-len(p.src)]
			}
			if part.Time, part.Value = p.entry(0); p.err != nil {
				break
			}
			if err := yield(part); err != nil {
				return err
			}
		}
		if p.err != nil {
			return p.err
		}
	}
	return p.err
}

// AppendPart appends an entry as a payload of its own, for [Restorer.Add].
func AppendPart(dst []byte, kind Kind, p StoredPart) []byte {
	dst = binary.AppendUvarint(dst, uint64(p.Cell))
	if p.Timed {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	switch kind {
	case RowsKind, OrderedKind:
		return append(dst, p.Value...)
	case ListKind, MapKind:
		dst = append(append(dst, 1), p.MapKey...)
	}
	if p.Timed {
		dst = binary.AppendVarint(dst, p.Time)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Value)))
	return append(dst, p.Value...)
}
