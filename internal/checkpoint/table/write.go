package table

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/statebackend"
)

// blockSize is how many bytes of a file have a checksum.
const blockSize = 1 << 20

// groupBytes is how much of a state is gathered in memory before it goes into the file, as a row group.
const groupBytes = 8 << 20

// File is a file that is being written: it is there once Close has returned nil.
type File interface {
	io.Writer
	Close() error
	Abort()
}

// Writer writes the state of an operator in one subtask.
type Writer struct {
	// Operator is the folder's name: the operator's uid.
	Operator string
	Subtask  int
	// Create makes a file.
	Create func(ctx context.Context, name string) (File, error)
	// Files are the names of those that were made, Written their bytes.
	Files   []string
	Written int64
}

// FileName returns a part of a path for a name of any characters: others than letters, digits and a few become a minus, and then a hash follows.
func FileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
	if len(safe) > 60 {
		safe = safe[:60]
	}
	if strings.ReplaceAll(name, " ", "-") != safe || safe == "" {
		safe += fmt.Sprintf("-%08x", uint32(xxh3.HashString(name)))
	}
	return safe
}

// Space writes what a snapshot has of a space. described is what the manifest says of it; the tables are added there.
func (w *Writer) Space(ctx context.Context, snap *statebackend.Snapshot, sp *statebackend.Space, described *manifest.Space) error {
	cells := described.Cells
	if len(cells) == 0 {
		cells = []*manifest.Cell{nil}
	}
	stored := make([]statebackend.StoredCell, len(described.Cells))
	for i, c := range described.Cells {
		kind, _ := statebackend.KindOf(c.GetKind())
		stored[i] = statebackend.StoredCell{Name: c.GetName(), Kind: kind, KeyWords: int(c.GetKeyWords()), KeyBytes: c.GetKeyBytes()}
	}
	rawText := make([]bool, len(cells))
	for {
		tables, err := w.space(ctx, snap, sp, described, cells, stored, rawText)
		if err != nil {
			for _, t := range tables {
				t.abort()
			}
			var again notText
			if errors.As(err, &again) && !rawText[again.cell] {
				rawText[again.cell] = true
				continue
			}
			return err
		}
		for _, t := range tables {
			if t == nil {
				continue
			}
			if err := t.close(); err != nil {
				for _, other := range tables {
					other.abort() // does nothing to those that are closed
				}
				return fault.New(fault.CheckpointDeclined, "%s: %w", t.m.File, err)
			}
			described.Tables = append(described.Tables, t.m)
			w.Files, w.Written = append(w.Files, t.m.File), w.Written+t.m.Size
		}
		return nil
	}
}

// notText tells that the file of a cell must keep strings as bytes.
type notText struct{ cell int }

func (n notText) Error() string { return errNotText.Error() }

func (w *Writer) space(ctx context.Context, snap *statebackend.Snapshot, sp *statebackend.Space, described *manifest.Space, cells []*manifest.Cell, stored []statebackend.StoredCell, rawText []bool) ([]*tableWriter, error) {
	tables := make([]*tableWriter, len(cells))
	groups := snap.Groups()
	whole := opaque(described.Cells)
	for g := range groups.Len() {
		var failed error
		err := snap.Entries(sp, g, func(key, payload []byte) bool {
			index := int64(0)
			last := -1
			one := func(part statebackend.StoredPart) (err error) {
				if index++; part.Cell != last {
					index, last = 0, part.Cell
				}
				t := tables[part.Cell]
				if t == nil {
					if t, err = w.table(ctx, described, cells[part.Cell], rawText[part.Cell]); err != nil {
						return err
					}
					tables[part.Cell] = t
				}
				err = t.add(groups.First+g, key, index, part)
				if errors.Is(err, errNotText) {
					err = notText{part.Cell}
				}
				return err
			}
			switch {
			case len(stored) == 0:
				failed = one(statebackend.StoredPart{})
			case whole:
				if len(payload) == 0 {
					return true
				}
				cell, used := binary.Uvarint(payload)
				if used <= 0 || cell >= uint64(len(stored)) {
					failed = errEncoded
					return false
				}
				failed = one(statebackend.StoredPart{Cell: int(cell), Value: payload[used:]})
			default:
				failed = statebackend.EachPart(stored, payload, one)
			}
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return tables, err
		}
	}
	return tables, nil
}

// tableWriter writes one file.
type tableWriter struct {
	m       *manifest.Table
	layout  *layout
	file    File
	out     *hashedFile
	columns []*parquet.ColumnWriter
	parquet *parquet.GenericWriter[any]
	row     *cells
	bytes   int
}

func (w *Writer) table(ctx context.Context, sp *manifest.Space, cell *manifest.Cell, rawText bool) (*tableWriter, error) {
	l, err := newLayout(sp, cell, rawText)
	if err != nil {
		return nil, err
	}
	m := &manifest.Table{Kind: "keys", RawText: rawText}
	name := FileName(w.Operator) + "/" + FileName(sp.GetName())
	if cell != nil {
		m.Kind, m.State = cell.GetKind(), cell.GetName()
		name += "/" + FileName(cell.GetName())
	}
	m.File = fmt.Sprintf("%s-%d.parquet", name, w.Subtask)
	f, err := w.Create(ctx, m.File)
	if err != nil {
		return nil, err
	}
	t := &tableWriter{m: m, layout: l, file: f, row: l.row()}
	t.out = &hashedFile{to: f, m: m}
	t.parquet = parquet.NewGenericWriter[any](t.out, l.schema, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.CreatedBy("weir", Version, ""),
		parquet.KeyValueMetadata("weir.codec", Version), parquet.KeyValueMetadata("weir.kind", m.Kind), parquet.KeyValueMetadata("weir.key", sp.GetKeySchema()),
		parquet.KeyValueMetadata("weir.value", cell.GetSchema()), parquet.KeyValueMetadata("weir.map_key", cell.GetKeySchema()))
	t.columns = t.parquet.ColumnWriters()
	return t, nil
}

func (t *tableWriter) add(keyGroup int, key []byte, index int64, part statebackend.StoredPart) error {
	if err := t.layout.shred(t.row, keyGroup, key, index, part); err != nil {
		return err
	}
	for i, c := range t.columns {
		if _, err := c.WriteRowValues(t.row.leaves[i]); err != nil {
			return err
		}
	}
	m := t.m
	if n := len(m.Groups); n == 0 || m.Groups[n-1] != int32(keyGroup) {
		m.Groups, m.GroupRows = append(m.Groups, int32(keyGroup)), append(m.GroupRows, 0)
	}
	m.GroupRows[len(m.GroupRows)-1]++
	m.Rows++
	if t.bytes += len(key) + len(part.MapKey) + len(part.Value) + 16; t.bytes >= groupBytes {
		t.bytes = 0
		return t.parquet.Flush()
	}
	return nil
}

func (t *tableWriter) close() error {
	err := t.parquet.Close()
	if err == nil {
		err = t.out.close()
	}
	if err != nil {
		t.file.Abort()
		return err
	}
	return t.file.Close()
}

func (t *tableWriter) abort() {
	if t != nil {
		t.file.Abort()
	}
}

// hashedFile notes the checksums of what goes to a file.
type hashedFile struct {
	to    io.Writer
	m     *manifest.Table
	block bytes.Buffer
}

func (h *hashedFile) Write(p []byte) (int, error) {
	all := len(p)
	for len(p) > 0 {
		n := min(len(p), blockSize-h.block.Len())
		h.block.Write(p[:n])
		if p = p[n:]; h.block.Len() == blockSize {
			if err := h.close(); err != nil {
				return 0, err
			}
		}
	}
	return all, nil
}

// close writes the block at hand.
func (h *hashedFile) close() error {
	if h.block.Len() == 0 {
		return nil
	}
	h.m.Blocks = append(h.m.Blocks, xxh3.Hash(h.block.Bytes()))
	h.m.Size += int64(h.block.Len())
	_, err := h.to.Write(h.block.Bytes())
	h.block.Reset()
	return err
}
