package statebackend

import (
	"encoding/binary"
	"fmt"
)

// formerRows turns the content of stored rows from the layout of earlier builds, whose schemas do not end with "packed", into that of rowLayout. It was
//
//	if a column may be null, a bit for each column, set if it is, in words, the low bit of the first word first
//	the columns in their order: 8 bytes for a word, 16 for a wide one, and 16 for a string: a view as of [View], whose tail is an offset from the start of the content if it is long
//	the long strings, each rounded up to 8 bytes
type formerRows struct {
	schema RowSchema
	nulls  int // words
	fixed  int
	ends   []byte
	bits   []byte
	text   []byte
}

// former is the schema as earlier builds stored it.
func (s RowSchema) former() string { return s.stored("") }

// fromFormer is the migrate of a cell with rows of the schema: now is its schema as it is stored, former that of earlier builds.
func (s RowSchema) fromFormer(now, former string) func(stored string) (func(dst, src []byte) ([]byte, error), error) {
	return func(stored string) (func(dst, src []byte) ([]byte, error), error) {
		if stored != former {
			return nil, fmt.Errorf("it is %s, and was %s in the checkpoint", now, stored)
		}
		return newFormerRows(s).convert, nil
	}
}

func newFormerRows(schema RowSchema) *formerRows {
	f := &formerRows{schema: schema}
	for _, c := range schema.Columns {
		if c.Nullable {
			f.nulls = (len(schema.Columns) + 63) / 64
		}
		if f.fixed += 16; c.Type == WordColumn {
			f.fixed -= 8
		}
	}
	f.fixed += 8 * f.nulls
	return f
}

// convert appends the content of a row to dst, which is empty.
func (f *formerRows) convert(dst, src []byte) ([]byte, error) {
	if len(src) < f.fixed {
		return dst, errPayload
	}
	f.ends, f.bits, f.text = f.ends[:0], f.bits[:0], f.text[:0]
	at, nullable := 8*f.nulls, 0
	for i, c := range f.schema.Columns {
		null := f.nulls > 0 && src[i/8]>>(i%8)&1 != 0
		if c.Nullable {
			if nullable%8 == 0 {
				f.bits = append(f.bits, 0)
			}
			if null {
				f.bits[nullable/8] |= 1 << (nullable % 8)
			}
			nullable++
		}
		size := 16
		if c.Type == WordColumn {
			size = 8
		}
		value := src[at : at+size]
		at += size
		if c.Type != BytesColumn {
			dst = append(dst, value...)
			continue
		}
		n := uint64(binary.LittleEndian.Uint32(value))
		if n <= viewInline {
			f.text = append(f.text, value[4:4+n]...)
		} else {
			from := binary.LittleEndian.Uint64(value[8:])
			if from < uint64(f.fixed) || from > uint64(len(src)) || n > uint64(len(src))-from || n+uint64(len(f.text)) > maxRow {
				return dst, errPayload
			}
			f.text = append(f.text, src[from:from+n]...)
		}
		f.ends = binary.LittleEndian.AppendUint32(f.ends, uint32(len(f.text)))
	}
	dst = append(append(append(dst, f.ends...), f.bits...), f.text...)
	for len(dst)%8 != 0 {
		dst = append(dst, 0)
	}
	return dst, nil
}
