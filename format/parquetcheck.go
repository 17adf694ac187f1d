package format

import (
	"encoding/binary"
	"io"

	thrift "github.com/parquet-go/parquet-go/format"
)

// The library allocates what files say that they hold. A damaged file may say anything, and a process that has no memory left is gone: so sizes are compared with each other before it reads.

const (
	// maxPageValues and maxPageBytes bound a page, or a dictionary. Writers make pages of some MiB.
	maxPageValues = 1 << 24
	maxPageBytes  = 1 << 30
)

var errSizes = damaged("the file is damaged: its sizes are impossible")

// compact walks through a value in Thrift's compact protocol.
type compact struct {
	b   []byte
	bad bool
}

func (c *compact) byte() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *compact) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *compact) drop(n uint64) {
	if n > uint64(len(c.b)) {
		c.b, c.bad = nil, true
		return
	}
	c.b = c.b[n:]
}

// The types of values in the compact protocol.
const (
	compactTrue   = 1
	compactFalse  = 2
	compactI32    = 5
	compactI64    = 6
	compactBinary = 8
	compactStruct = 12
)

// fields walks through a struct. take is given each field, and returns false if it has not read the value.
func (c *compact) fields(depth int, take func(id int, kind byte) bool) {
	for id := 0; !c.bad; {
		head := c.byte()
		kind := head & 15
		if kind == 0 {
			return
		}
		if head>>4 == 0 {
			v := c.uvarint()
			id = int(int16(v>>1) ^ -int16(v&1))
		} else {
			id += int(head >> 4)
		}
		if take == nil || !take(id, kind) {
			c.skip(kind, false, depth)
		}
	}
}

// integer reads a whole number.
func (c *compact) integer() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// skip goes behind a value. A boolean within a list has a byte.
func (c *compact) skip(kind byte, element bool, depth int) {
	if depth > 64 {
		c.bad = true
	}
	if c.bad {
		return
	}
	switch kind {
	case compactTrue, compactFalse:
		if element {
			c.byte()
		}
	case 3:
		c.byte()
	case 4, compactI32, compactI64:
		c.uvarint()
	case 7:
		c.drop(8)
	case compactBinary:
		c.drop(c.uvarint())
	case 9, 10:
		head := c.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = c.uvarint()
		}
		if n > uint64(len(c.b)) {
			c.bad = true
		}
		for ; n > 0 && !c.bad; n-- {
			c.skip(head&15, true, depth+1)
		}
	case 11:
		n := c.uvarint()
		if n > uint64(len(c.b)) {
			c.bad = true
			return
		}
		if n == 0 {
			return
		}
		kinds := c.byte()
		for ; n > 0 && !c.bad; n-- {
			c.skip(kinds>>4, true, depth+1)
			c.skip(kinds&15, true, depth+1)
		}
	case compactStruct:
		c.fields(depth+1, nil)
	case 13:
		c.drop(16)
	default:
		c.bad = true
	}
}

// checkFooter looks whether the lists in the index of a file can be as long as they say.
func checkFooter(f io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return damaged("it is not a file of Parquet: it has %d bytes", size)
	}
	if _, err := f.ReadAt(tail[:], size-8); err != nil && err != io.EOF {
		return err
	}
	if string(tail[4:]) != "PAR1" {
		return damaged("it is not a file of Parquet, or it is encrypted: it does not end with PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-8 {
		return errSizes
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, size-8-n); err != nil {
		return err
	}
	c := compact{b: b}
	c.skip(compactStruct, false, 0)
	if c.bad {
		return errSizes
	}
	return nil
}

// pageSizes are what the header of a page says.
type pageSizes struct {
	packed, plain int64 // bytes of the page, compressed and not
	values        int64
	levels        int64 // bytes in front of what is compressed
	header        int64 // bytes of the header itself
	nothing       bool  // the header is not whole
	dictionary    bool
	compressed    bool
}

func readPageSizes(b []byte) (p pageSizes) {
	c := compact{b: b}
	p.compressed = true
	seen := 0
	c.fields(0, func(id int, kind byte) bool {
		switch {
		case kind == compactI32 && id == 2:
			p.plain = c.integer()
			seen++
			return true
		case kind == compactI32 && id == 3:
			p.packed = c.integer()
			seen++
			return true
		case kind == compactStruct && (id == 5 || id == 7 || id == 8):
			p.dictionary = id == 7
			c.fields(1, func(inner int, kind byte) bool {
				switch {
				case inner == 7 && id == 8 && kind == compactFalse:
					p.compressed = false
				case kind == compactI32 && inner == 1:
					p.values = c.integer()
					return true
				case kind == compactI32 && id == 8 && inner == 3:
					// More rows than values cannot be.
					if rows := c.integer(); rows < 0 || rows > maxPageValues {
						c.bad = true
					}
					return true
				case kind == compactI32 && id == 8 && (inner == 5 || inner == 6):
					n := c.integer()
					if n < 0 {
						c.bad = true
					}
					p.levels += n
					return true
				}
				return false
			})
			return true
		}
		return false
	})
	p.header = int64(len(b) - len(c.b))
	p.nothing = c.bad || seen != 2
	return p
}

// checkPages looks whether the pages of a column chunk can hold what they say.
func checkPages(f io.ReaderAt, size int64, m *thrift.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		at = min(at, m.DictionaryPageOffset)
	}
	end := at + m.TotalCompressedSize
	if at < 4 || m.TotalCompressedSize < 0 || end > size || end < at {
		return errSizes
	}
	buf := make([]byte, 512)
	for at < end {
		b := buf[:min(int64(len(buf)), end-at)]
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		p := readPageSizes(b)
		if p.nothing && len(b) < 1<<20 && int64(len(b)) < end-at {
			buf = make([]byte, 4*len(buf)) // statistics of long values
			continue
		}
		rest := end - at - p.header
		switch {
		case p.nothing, p.packed < 0, p.packed > rest, p.plain < 0, p.plain > maxPageBytes, p.values < 0, p.values > maxPageValues, p.dictionary && p.values > p.plain, p.levels > p.packed, p.levels > p.plain:
			return errSizes
		}
		if thrift.CompressionCodec(m.Codec) == thrift.Snappy && p.compressed && p.packed > p.levels {
			// The data says, once more, how long it is.
			var head [binary.MaxVarintLen64]byte
			h := head[:min(int64(len(head)), p.packed-p.levels)]
			if _, err := f.ReadAt(h, at+p.header+p.levels); err != nil {
				return err
			}
			if n, used := binary.Uvarint(h); used <= 0 || n > uint64(p.plain-p.levels) {
				return errSizes
			}
		}
		at += p.header + p.packed
	}
	return nil
}
