package table

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
)

// Source is a file that is read.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Each calls yield for each entry that a table has in some key groups: with the key and a payload of this entry alone, as the Restorer of a space takes them. The slices are good during the call. cell is the number that the payload
// gives the state. What is wrong with the file has the code checkpoint.damaged, and names it.
func Each(from Source, m *manifest.Table, sp *manifest.Space, groups base.KeyGroupRange, yield func(group int, key, payload []byte) error) (err error) {
	damaged := func(format string, args ...any) error {
		return fault.New(fault.CheckpointDamaged, "%s: "+format, append([]any{m.GetFile()}, args...)...)
	}
	defer func() { // a library reads what the checksums have found to be as it was written; should it stumble all the same, the file is at fault
		if p := recover(); p != nil {
			err = damaged("%v", p)
		}
	}()
	if size := from.Size(); size != m.GetSize() || int64(len(m.GetBlocks())) != (size+blockSize-1)/blockSize {
		return damaged("%d bytes are there, %d were written", size, m.GetSize())
	}
	var cell *manifest.Cell
	at := 0
	for i, c := range sp.GetCells() {
		if c.GetName() == m.GetState() {
			cell, at = c, i
		}
	}
	if cell == nil && len(sp.GetCells()) > 0 {
		return damaged("the manifest has no state %q", m.GetState())
	}
	l, err := newLayout(sp, cell, m.GetRawText())
	if err != nil {
		return damaged("%w", err)
	}
	checked := &checkedFile{from: from, m: m, blocks: map[int64][]byte{}}
	f, err := parquet.OpenFile(checked, m.GetSize(), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return damaged("%w", err)
	}
	if f.NumRows() != m.GetRows() || len(f.Schema().Columns()) != l.leaves {
		return damaged("%d rows of %d columns are there, not %d of %d", f.NumRows(), len(f.Schema().Columns()), m.GetRows(), l.leaves)
	}
	r := &tableReader{layout: l, cell: at, row: l.row(), groups: groups, yield: yield}
	first := int64(0)
	for _, g := range f.RowGroups() {
		last := first + g.NumRows()
		start := int64(0)
		for i, n := range m.GetGroupRows() {
			from, to := max(start, first), min(start+n, last)
			start += n
			if i < len(m.GetGroups()) && groups.Contains(int(m.GetGroups()[i])) && from < to {
				if err := r.rows(g, from-first, to-from); err != nil {
					if r.failed != nil {
						return r.failed
					}
					return damaged("%w", err)
				}
			}
		}
		first = last
		if err := r.closeRows(); err != nil {
			return damaged("%w", err)
		}
	}
	return nil
}

type tableReader struct {
	layout       *layout
	cell         int
	row          *cells
	groups       base.KeyGroupRange
	yield        func(group int, key, payload []byte) error
	failed       error // by yield
	open         parquet.Rows
	at           int64
	buf          [64]parquet.Row
	key, payload []byte
}

func (r *tableReader) closeRows() error {
	if r.open == nil {
		return nil
	}
	rows := r.open
	r.open, r.at = nil, 0
	return rows.Close()
}

// rows reads some rows of a row group, behind those that were read of it before.
func (r *tableReader) rows(g parquet.RowGroup, first, n int64) error {
	if r.open == nil {
		r.open = g.Rows()
	}
	if r.at != first {
		if err := r.open.SeekToRow(first); err != nil {
			return err
		}
		r.at = first
	}
	for n > 0 {
		got, err := r.open.ReadRows(r.buf[:min(n, int64(len(r.buf)))])
		for _, row := range r.buf[:got] {
			if err := r.one(row); err != nil {
				return err
			}
		}
		r.at, n = r.at+int64(got), n-int64(got)
		if n > 0 && got == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

func (r *tableReader) one(row parquet.Row) error {
	for i := range r.row.leaves {
		r.row.leaves[i] = nil
	}
	row.Range(func(i int, values []parquet.Value) bool {
		if i < len(r.row.leaves) {
			r.row.leaves[i] = values
		}
		return true
	})
	group, key, payload, err := r.layout.build(r.row, r.cell, r.key[:0], r.payload[:0])
	if err != nil {
		return err
	}
	r.key, r.payload = key, payload
	if !r.groups.Contains(group) {
		return fmt.Errorf("a row of key group %d stands among those of others", group)
	}
	r.failed = r.yield(group, key, payload)
	return r.failed
}

// checkedFile compares the checksum of each block that is read.
type checkedFile struct {
	from   Source
	m      *manifest.Table
	blocks map[int64][]byte
	order  []int64
}

// keptBlocks is how many blocks stay in memory: columns are read in turn.
const keptBlocks = 16

func (c *checkedFile) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at >= c.m.GetSize() {
			return n, io.EOF
		}
		b, err := c.block(at / blockSize)
		if err != nil {
			return n, err
		}
		k := copy(p[n:], b[at%blockSize:])
		n, at = n+k, at+int64(k)
	}
	return n, nil
}

func (c *checkedFile) block(i int64) ([]byte, error) {
	if b := c.blocks[i]; b != nil {
		return b, nil
	}
	b := make([]byte, min(blockSize, c.m.GetSize()-i*blockSize))
	if n, err := c.from.ReadAt(b, i*blockSize); n < len(b) {
		return nil, err
	}
	if sum := xxh3.Hash(b); sum != c.m.GetBlocks()[i] {
		return nil, fmt.Errorf("bytes %d to %d: the checksum is %016x, and was %016x when it was written", i*blockSize, i*blockSize+int64(len(b)), sum, c.m.GetBlocks()[i])
	}
	if len(c.order) == keptBlocks {
		delete(c.blocks, c.order[0])
		c.order = c.order[1:]
	}
	c.blocks[i], c.order = b, append(c.order, i)
	return b, nil
}
