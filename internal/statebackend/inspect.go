package statebackend

// PayloadPart is what a payload has of one cell: a value, the elements of a list, or the entries of a map.
type PayloadPart struct {
	Cell *Cell
	// Values are the encodings of the value, the elements, or the entries' values; expired ones are left out.
	Values [][]byte
	// Words and Bytes are the keys of a map's entries.
	Words [][]uint64
	Bytes [][]byte
}

// Parts takes a payload of the space apart. now is the time by which entries are past their life. The parts point into payload.
func (sp *Space) Parts(payload []byte, now int64) ([]PayloadPart, error) {
	var parts []PayloadPart
	p := &payloadReader{src: payload}
	for len(p.src) > 0 && p.err == nil {
		i, stamped := p.uvarint(), p.byte()
		if p.err != nil || i >= uint64(len(sp.cells)) {
			return nil, errPayload
		}
		p.stamped = stamped == 1
		part := PayloadPart{Cell: sp.cells[i]}
		if err := part.read(p, now); err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, p.err
}

func (part *PayloadPart) read(p *payloadReader, now int64) error {
	c := part.Cell
	n := uint64(1)
	switch c.kind {
	case ListKind, MapKind:
		n = p.uvarint()
	case ValueKind:
	default:
		return errPayload
	}
	for ; n > 0 && p.err == nil; n-- {
		var words []uint64
		var b []byte
		if c.kind == MapKind {
			words = make([]uint64, c.entries.layout.Words-1)
			var err error
			if b, p.src, err = c.entries.CutKey(p.src, words); err != nil {
				return err
			}
		}
		stamp, v := p.entry(now)
		if p.err != nil || c.ttl != nil && !c.ttl.ReturnExpired && stamp+c.ttl.Millis <= now {
			continue
		}
		part.Values = append(part.Values, v)
		if c.kind == MapKind {
			part.Words, part.Bytes = append(part.Words, words), append(part.Bytes, b)
		}
	}
	return p.err
}
