package nexmarkbench

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/types"
)

// Verifier is a table that sums up what its rows come to: how many there are, and the sum of their hashes, so that the order does not matter. A row that is taken back is taken off. A row's hash
// covers its columns of words, in order, and then its strings.
type Verifier struct {
	mu       sync.Mutex
	Rows     int64
	Checksum uint64
	Changes  int64
	// Columns are the names of those that are summed up, nil for all. Set it before.
	Columns []string
	// Each, if not nil, is called with the hash of each row, and whether it is added or taken back; one call at a time. Set it before.
	Each func(hash uint64, adds bool)
	// Sum is the sum of the values of the column Total, without nulls; "" for none.
	Total string
	Sum   int64
}

// Table is the connector 'verify'.
func (v *Verifier) Table() *tables.Factory {
	return &tables.Factory{
		Name: "verify", Doc: "Sums up the rows that it is given.",
		Sink: func(t *tables.Table) (*tables.Sink, error) {
			s := verifySink{v: v, total: -1}
			for i, c := range t.Columns {
				if v.Columns == nil || slices.Contains(v.Columns, c.Name) {
					s.columns = append(s.columns, i)
				}
				if v.Total != "" && c.Name == v.Total {
					s.total = i
				}
			}
			return &tables.Sink{Sink: s, Changelog: func(requested types.Changelog) types.Changelog {
				if requested.Updates() {
					return requested.With(types.UpdateBefore)
				}
				return requested
			}}, nil
		},
	}
}

type verifySink struct {
	v *Verifier
	// columns are those that are summed up, total is the one whose values are, or -1.
	columns []int
	total   int
}

func (s verifySink) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[*column.Batch], error) {
	return verifyWriter(s), nil
}

type verifyWriter verifySink

func (w verifyWriter) Write(b *column.Batch, _ int64) error {
	var rows, changes, total int64
	var sum uint64
	if w.v.Each != nil {
		w.v.mu.Lock()
		defer w.v.mu.Unlock()
	}
	for i := range b.Rows() {
		row := b.Row(i)
		h := uint64(0)
		for _, at := range w.columns {
			c := b.Cols[at]
			if c.Form == column.Text {
				continue
			}
			x := uint64(0)
			if !c.Null(row) {
				if c.Form == column.Wide {
					x = c.WideAt(row)[0]
				} else {
					x = c.Word(row)
				}
			}
			h = mix(h, x)
		}
		for _, at := range w.columns {
			c := b.Cols[at]
			if c.Form != column.Text {
				continue
			}
			var s []byte
			if !c.Null(row) {
				v, at := c.At(row)
				s = v.Bytes(at)
			}
			h = mix(h, hashBytes(s))
		}
		adds, value := b.Kind(row).Adds(), int64(0)
		if w.total >= 0 && !b.Cols[w.total].Null(row) {
			value = int64(b.Cols[w.total].Word(row))
		}
		if w.v.Each != nil {
			w.v.Each(h, adds)
		}
		if adds {
			total += value
			rows, sum, changes = rows+1, sum+h, changes+1
		} else {
			total -= value
			rows, sum = rows-1, sum-h
			if b.Kind(row) == types.Delete {
				changes++
			}
		}
	}
	if w.v.Each == nil {
		w.v.mu.Lock()
		defer w.v.mu.Unlock()
	}
	w.v.Rows, w.v.Checksum, w.v.Changes, w.v.Sum = w.v.Rows+rows, w.v.Checksum+sum, w.v.Changes+changes, w.v.Sum+total
	return nil
}

func (verifyWriter) Flush(bool) error { return nil }
func (verifyWriter) Close() error     { return nil }

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9E3779B97F4A7C15, b^0xE7037ED1A0B428DB)
	return high ^ low
}

func hashBytes(s []byte) uint64 {
	h := uint64(len(s))
	for len(s) >= 8 {
		h = mix(h, binary.LittleEndian.Uint64(s))
		s = s[8:]
	}
	var tail uint64
	for i := len(s) - 1; i >= 0; i-- {
		tail = tail<<8 | uint64(s[i])
	}
	return mix(h, tail)
}
