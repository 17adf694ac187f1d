package snapshot

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/table"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/statebackend"
)

// Source is where data files are read.
type Source interface {
	io.ReaderAt
	Size() int64
	Close() error
}

// Reader reads segments. It keeps some files open, as the segments of a key group lie in several. It belongs to one goroutine.
type Reader struct {
	open  func(ctx context.Context, name string) (Source, error)
	ctx   context.Context
	files map[string]Source
	file  Source // the one at hand
	data  []byte
	waves waves
	// leaveFrom is how many bytes a space has at least whose keys are left where they lie.
	leaveFrom int64
	unpacker
}

// NewReader returns a reader of files that open opens.
func NewReader(ctx context.Context, open func(ctx context.Context, name string) (Source, error)) *Reader {
	return &Reader{ctx: ctx, open: open, files: map[string]Source{}, waves: defaultWaves(), leaveFrom: leastLeft}
}

// LeaveFrom sets how many bytes a space has at least whose keys are left in the files, where the store and the files allow that; without, it is 1 MiB. It is called before Restore.
func (r *Reader) LeaveFrom(bytes int64) { r.leaveFrom = bytes }

// Close closes what is open.
func (r *Reader) Close() error {
	r.unpacker.close()
	return r.closeFiles()
}

func (r *Reader) closeFiles() (err error) {
	for _, f := range r.files {
		err = errors.Join(err, f.Close())
	}
	clear(r.files)
	r.file = nil
	return err
}

// openFiles is how many files are open at a time, at most.
const openFiles = 64

// maxSegment bounds what a damaged manifest can ask for.
const maxSegment = 1 << 40

func damaged(seg *manifest.Segment, format string, args ...any) error {
	file := seg.GetFile()
	if file == "" {
		file = "the manifest"
	}
	return fault.New(fault.CheckpointDamaged, "%s, bytes %d to %d: "+format, append([]any{file, seg.GetOffset(), seg.GetOffset() + seg.GetLength()}, args...)...)
}

// Segment returns the entries of a segment, whose checksum is right. They are good until the next call.
func (r *Reader) Segment(seg *manifest.Segment) ([]byte, error) {
	data, err := r.read(seg, r.data)
	if err != nil {
		return nil, err
	}
	if seg.GetFile() != "" {
		r.data = data
	}
	return r.unpacker.unpack(seg, data)
}

// read returns a segment as it was written, in buf if there is room.
func (r *Reader) read(seg *manifest.Segment, buf []byte) ([]byte, error) {
	if seg.GetFile() == "" {
		return seg.GetData(), nil
	}
	if err := r.openFile(seg.GetFile()); err != nil {
		return nil, err
	}
	return readFrom(r.file, seg, buf)
}

// readFrom is read for a segment of the given file.
func readFrom(file Source, seg *manifest.Segment, buf []byte) ([]byte, error) {
	n, size := seg.GetLength(), file.Size()
	if n < 0 || n > maxSegment || seg.GetOffset() < 0 || seg.GetOffset() > size-n {
		return nil, damaged(seg, "the file has only %d bytes", size)
	}
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := file.ReadAt(buf, seg.GetOffset()); err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.CheckpointDamaged, "%s: %w", seg.GetFile(), err)
	}
	return buf, nil
}

// unpacker makes entries of what was read. It belongs to one goroutine.
type unpacker struct {
	raw     []byte
	decoder *zstd.Decoder
}

func (u *unpacker) close() {
	if u.decoder != nil {
		u.decoder.Close()
		u.decoder = nil
	}
}

// unpack checks what was read of a segment, and returns its entries, which are good until the next call.
func (u *unpacker) unpack(seg *manifest.Segment, data []byte) ([]byte, error) {
	if int64(len(data)) != seg.GetLength() {
		return nil, damaged(seg, "%d bytes are there, %d were written", len(data), seg.GetLength())
	}
	if sum := xxh3.Hash(data); sum != seg.GetChecksum() {
		return nil, damaged(seg, "the checksum is %016x, and was %016x when it was written", sum, seg.GetChecksum())
	}
	switch seg.GetCompression() {
	case "":
		return data, nil
	case "zstd":
	default:
		return nil, damaged(seg, "unknown compression %q", seg.GetCompression())
	}
	var err error
	if u.decoder == nil {
		if u.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
			return nil, err
		}
	}
	if u.raw, err = u.decoder.DecodeAll(data, u.raw[:0]); err != nil {
		return nil, damaged(seg, "%v", err)
	}
	return u.raw, nil
}

// openFile makes a file the one at hand.
func (r *Reader) openFile(name string) error {
	if f := r.files[name]; f != nil {
		r.file = f
		return nil
	}
	if len(r.files) >= openFiles {
		if err := r.closeFiles(); err != nil {
			return err
		}
	}
	return r.openOne(name)
}

func (r *Reader) openOne(name string) error {
	f, err := r.open(r.ctx, name)
	if err != nil {
		return fault.New(fault.CheckpointDamaged, "%s: %w", name, err)
	}
	r.file, r.files[name] = f, f
	return nil
}

// EachEntry calls yield for each entry of a segment. payload is nil, and deleted set, for a key that is deleted.
func EachEntry(seg *manifest.Segment, data []byte, yield func(key, payload []byte, deleted bool) error) error {
	cut := func() (b []byte, ok bool) {
		if len(data) > 0 && data[0] < 0x80 && int(data[0]) < len(data) { // short, as mostly
			n := int(data[0]) + 1
			b, data = data[1:n], data[n:]
			return b, true
		}
		n, w := binary.Uvarint(data)
		if w <= 0 || n > uint64(len(data)-w) {
			return nil, false
		}
		b, data = data[w:w+int(n)], data[w+int(n):]
		return b, true
	}
	for entries := int64(0); ; entries++ {
		if len(data) == 0 {
			if entries != seg.GetEntries() {
				return damaged(seg, "%d entries are there, %d were written", entries, seg.GetEntries())
			}
			return nil
		}
		deleted := false
		if seg.GetChanges() {
			deleted, data = data[0] == 1, data[1:]
		}
		key, ok := cut()
		if !ok {
			return damaged(seg, "entry %d is cut short", entries)
		}
		var payload []byte
		if !deleted {
			if payload, ok = cut(); !ok {
				return damaged(seg, "entry %d is cut short", entries)
			}
		}
		if err := yield(key, payload, deleted); err != nil {
			return err
		}
	}
}

// Restore fills an empty store with what part has of it. What has no place is an error, unless drop is set.
func (r *Reader) Restore(s *statebackend.Store, part *manifest.Subtask, drop bool) error {
	for _, m := range part.GetSpaces() {
		if len(m.GetGroups())+len(m.GetTables()) == 0 || defect.Is("timer-lost") && strings.Contains(m.GetName(), "timer") {
			continue
		}
		sp, unneeded := s.Restored(m.GetName())
		if sp == nil {
			if drop || unneeded {
				continue
			}
			return fault.New(fault.CheckpointLeftOver, "operator %q has no state %q any more, and the checkpoint has something in it", s.Config().Operator, m.GetName())
		}
		if err := r.space(sp, m, drop); err != nil {
			return err
		}
	}
	return r.lists(s, part, drop)
}

func (r *Reader) space(sp *statebackend.Space, m *manifest.Space, drop bool) error {
	var stored []statebackend.StoredCell
	for _, c := range m.GetCells() {
		kind, ok := statebackend.KindOf(c.GetKind())
		if !ok {
			return fault.New(fault.CheckpointNewer, "state %q is of the unknown kind %q", c.GetName(), c.GetKind())
		}
		stored = append(stored, statebackend.StoredCell{
			Name: c.GetName(), Kind: kind, Schema: c.GetSchema(), KeySchema: c.GetKeySchema(), KeyWords: int(c.GetKeyWords()), KeyBytes: c.GetKeyBytes(),
		})
	}
	to, err := sp.Restorer(statebackend.KeyLayout{Words: int(m.GetWords()), Bytes: m.GetBytes()}, stored, drop)
	if err != nil {
		return err
	}
	first := sp.Store().Config().Groups.First
	groups, err := r.ground(to, first, m.GetGroups())
	if err != nil {
		return err
	}
	if err := r.groups(to, first, groups); err != nil {
		return err
	}
	for _, t := range m.GetTables() {
		if err := r.openFile(t.GetFile()); err != nil {
			return err
		}
		if err := table.Each(r.file, t, m, sp.Store().Config().Groups, func(_ int, key, payload []byte) error { return to.Add(key, payload) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) lists(s *statebackend.Store, part *manifest.Subtask, drop bool) error {
	lists := map[string]*statebackend.OperatorList{}
	for _, l := range s.Lists() {
		lists[l.Name] = l
	}
	for _, m := range part.GetLists() {
		if len(m.GetElements()) == 0 {
			continue
		}
		l := lists[m.GetName()]
		switch {
		case l == nil && drop:
			continue
		case l == nil:
			return fault.New(fault.CheckpointLeftOver, "operator %q has no state %q any more, and the checkpoint has something in it", s.Config().Operator, m.GetName())
		case l.Schema != m.GetSchema():
			return fault.New(fault.StateSchema, "state %q of operator %q is %s, and was %s in the checkpoint", m.GetName(), s.Config().Operator, l.Schema, m.GetSchema())
		}
		if err := l.Restore(m.GetElements()); err != nil {
			return fault.New(fault.StateDamaged, "state %q of operator %q: %w", m.GetName(), s.Config().Operator, err)
		}
	}
	return nil
}
