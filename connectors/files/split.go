package files

import (
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// split is a file, or a range of one: the lines that start at or behind start and before end.
type split struct {
	path  string
	start int64
	// end is toEnd for all there is.
	end int64
	// pos is the offset of the first line not yet emitted, or fresh. It counts decompressed bytes.
	pos int64
}

const (
	toEnd int64 = -1
	fresh int64 = -1
)

const splitVersion = 1

func (s *split) encode() connector.Split {
	b := []byte{splitVersion}
	b = binary.AppendVarint(b, s.start)
	b = binary.AppendVarint(b, s.end)
	b = binary.AppendVarint(b, s.pos)
	b = append(b, s.path...)
	return connector.Split{ID: s.id(), State: b}
}

// id is the path, with the start of a range.
func (s *split) id() string {
	if s.start == 0 && s.end == toEnd {
		return s.path
	}
	return fmt.Sprintf("%s@%d", s.path, s.start)
}

func decodeSplit(c connector.Split) (*split, error) {
	d := decoder{b: c.State}
	if v := d.byte(); v != splitVersion && !d.bad {
		return nil, fault.New(fault.TypeDecode, "file split %q has the unknown version %d", c.ID, v)
	}
	s := &split{start: d.varint(), end: d.varint(), pos: d.varint()}
	s.path = string(d.b)
	if d.bad || s.path == "" || s.start < 0 || s.end < toEnd || s.pos < fresh {
		return nil, fault.New(fault.TypeDecode, "the state of file split %q is damaged", c.ID)
	}
	return s, nil
}

// decoder takes values from the front of b. After the first that is missing, bad is set and all are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string {
	n := d.varint()
	if n < 0 || n > int64(len(d.b)) {
		d.b, d.bad = nil, true
		return ""
	}
	v := string(d.b[:n])
	d.b = d.b[n:]
	return v
}
