package codec

import "unsafe"

// skip returns a node that reads a stored type and throws it away. It is compiled from the schema alone, and its function is given no memory.
func (m *migrator) skip(s *Schema) *node {
	if n := m.skips[s]; n != nil {
		return n
	}
	n := &node{least: s.least()}
	m.skips[s] = n
	switch s.kind {
	case schemaPlain:
		n.dec = skipPlain(s.text)
	case schemaMarshal:
		n.dec = skipBytes
	case schemaPointer:
		n.dec = skipPointer(m.skip(s.elem))
	case schemaArray:
		n.dec = skipArray(s.len, m.skip(s.elem))
	case schemaSlice:
		n.dec = skipCounted(m.skip(s.elem))
	case schemaMap:
		n.dec = skipCounted(m.skip(s.key), m.skip(s.elem))
	case schemaStruct:
		for _, f := range s.fields {
			n.fields = append(n.fields, field{n: m.skip(f.form), name: f.name})
		}
		fields := n.fields
		n.dec = func(src []byte, _ unsafe.Pointer, depth int) ([]byte, error) {
			return decFields(fields, src, nil, depth)
		}
	}
	return n
}

func skipPlain(plain string) decFunc {
	switch plain {
	case "string":
		return skipBytes
	case "bool":
		return func(src []byte, _ unsafe.Pointer, _ int) ([]byte, error) {
			var v bool
			return decBool(src, noescape(unsafe.Pointer(&v)), 0)
		}
	}
	if n := fixedLength(plain); n > 0 {
		return func(src []byte, _ unsafe.Pointer, _ int) ([]byte, error) { return skipLength(src, src, uint64(n)) }
	}
	numbers := 1
	if plain == "time" {
		numbers = 3
	}
	return func(src []byte, _ unsafe.Pointer, _ int) (_ []byte, err error) {
		for range numbers {
			if _, src, err = uvarint(src); err != nil {
				return nil, err
			}
		}
		return src, nil
	}
}

// skipLength skips n bytes of rest, which src ends with.
func skipLength(src, rest []byte, n uint64) ([]byte, error) {
	if n > uint64(len(rest)) {
		return nil, short(src)
	}
	return rest[n:], nil
}

// skipBytes skips bytes behind their number.
func skipBytes(src []byte, _ unsafe.Pointer, _ int) ([]byte, error) {
	n, rest, err := uvarint(src)
	if err != nil {
		return nil, err
	}
	return skipLength(src, rest, n)
}

func skipPointer(e *node) decFunc {
	return func(src []byte, _ unsafe.Pointer, depth int) ([]byte, error) {
		switch {
		case len(src) == 0:
			return nil, short(src)
		case src[0] == 0:
			return src[1:], nil
		case src[0] != 1:
			return nil, corrupt(src, "a pointer is neither 0 nor 1")
		case depth >= MaxDepth:
			return nil, corrupt(src, "the value is nested too deep")
		}
		return e.dec(src[1:], nil, depth+1)
	}
}

func skipArray(count int, e *node) decFunc {
	if e.least == 0 {
		return decNothing
	}
	return func(src []byte, _ unsafe.Pointer, depth int) (_ []byte, err error) {
		for range count {
			if src, err = e.dec(src, nil, depth); err != nil {
				return nil, at(err, "[]")
			}
		}
		return src, nil
	}
}

// skipCounted skips a slice or a map, of which each entry has these parts.
func skipCounted(parts ...*node) decFunc {
	return func(src []byte, _ unsafe.Pointer, depth int) ([]byte, error) {
		least := 0
		for _, e := range parts {
			least += max(e.least, 1)
		}
		count, null, src, err := decCount(src, least)
		if err != nil || null {
			return src, err
		}
		if depth >= MaxDepth {
			return nil, corrupt(src, "the value is nested too deep")
		}
		for range count {
			for _, e := range parts {
				if src, err = decElem(e, src, nil, depth+1); err != nil {
					return nil, at(err, "[]")
				}
			}
		}
		return src, nil
	}
}
