package snapshot

import (
	"errors"
	"io"
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/statebackend"
)

// A store with a spill is not filled where the files lie on a local disk: it is told where its keys lie there, and reads them when they are looked up. The files are read once, to compare checksums and to see where the keys are, and stay open as long as the
// store: so nobody can take them away, and nothing is written to them.

// leastLeft is how many bytes a space has at least whose keys are left: what is less is read in a moment, and then needs no more reading.
const leastLeft = 1 << 20

// ground restores those key groups of a space whose keys can be left where they lie, and returns the others.
func (r *Reader) ground(to *statebackend.Restorer, first int, groups []*manifest.Group) (rest []*manifest.Group, err error) {
	total := int64(0)
	for _, g := range groups {
		total += bytesOf(g)
	}
	if total < r.leaveFrom || !to.Grounded() {
		return groups, nil
	}
	files := map[string]Source{} // nil for one that is not local
	left := map[string]bool{}
	defer func() {
		for name, f := range files {
			if f != nil && !left[name] {
				err = errors.Join(err, f.Close())
			}
		}
	}()
	var all []*laid
	for _, g := range groups {
		l := &laid{group: g}
		if s := g.GetSegments(); len(s) > 0 && s[0].GetFile() != "" && s[0].GetCompression() == "" && !s[0].GetChanges() {
			if l.file, err = r.localFile(s[0].GetFile(), files); err != nil {
				return nil, err
			}
		}
		all = append(all, l)
	}
	work := make(chan *laid, len(all))
	for _, l := range all {
		if l.file != nil {
			work <- l
		}
	}
	close(work)
	var wg sync.WaitGroup
	for range max(r.waves.workers, 1) {
		wg.Go(func() {
			var buf []byte
			for l := range work {
				buf = l.look(to, first, buf)
			}
		})
	}
	wg.Wait()
	for _, l := range all {
		switch {
		case l.panicked != nil:
			panic(l.panicked)
		case l.err != nil:
			return nil, l.err
		case l.index == nil:
			rest = append(rest, l.group)
			continue
		}
		base, changes := l.group.Segments[0], l.group.Segments[1:]
		left[base.GetFile()] = true
		to.Leave(int(l.group.GetGroup())-first, l.index, l.file, base.GetFile(), base.GetOffset())
		for _, seg := range changes {
			if err := r.change(to, first, l.group, seg); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

// localFile opens a file to be left open, unless it is not local.
func (r *Reader) localFile(name string, files map[string]Source) (Source, error) {
	if f, known := files[name]; known {
		return f, nil
	}
	f, err := r.open(r.ctx, name)
	if err != nil {
		return nil, fault.New(fault.CheckpointDamaged, "%s: %w", name, err)
	}
	if !storage.IsLocal(f) {
		files[name] = nil
		return nil, f.Close()
	}
	files[name] = f
	return f, nil
}

// laid is a key group on its way to be left where it lies.
type laid struct {
	group *manifest.Group
	file  Source
	// index is nil if its keys cannot be left.
	index    *statebackend.GroundIndex
	err      error
	panicked any
}

// look reads the base of the key group and sees where its keys are.
func (l *laid) look(to *statebackend.Restorer, first int, buf []byte) []byte {
	defer func() { l.panicked = recover() }()
	seg := l.group.Segments[0]
	n, size := seg.GetLength(), l.file.Size()
	if n < 0 || n > maxSegment || seg.GetOffset() < 0 || seg.GetOffset() > size-n {
		l.err = damaged(seg, "the file has only %d bytes", size)
		return buf
	}
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := l.file.ReadAt(buf, seg.GetOffset()); err != nil && !errors.Is(err, io.EOF) {
		l.err = fault.New(fault.CheckpointDamaged, "%s: %w", seg.GetFile(), err)
		return buf
	}
	if sum := xxh3.Hash(buf); sum != seg.GetChecksum() {
		l.err = damaged(seg, "the checksum is %016x, and was %016x when it was written", sum, seg.GetChecksum())
		return buf
	}
	group := int(l.group.GetGroup()) - first
	if err := to.Holds(group); err != nil {
		l.err = err
		return buf
	}
	if l.index, l.err = to.Index(group, buf, seg.GetEntries()); l.index != nil && int64(l.index.Keys()) != seg.GetEntries() {
		l.err = damaged(seg, "%d entries are there, %d were written", l.index.Keys(), seg.GetEntries())
	}
	return buf
}

// change applies a segment of changes to a key group that was left where it lies.
func (r *Reader) change(to *statebackend.Restorer, first int, g *manifest.Group, seg *manifest.Segment) error {
	data, err := r.Segment(seg)
	if err != nil {
		return err
	}
	if !seg.GetChanges() {
		return damaged(seg, "a base and changes are out of order")
	}
	if err := to.In(int(g.GetGroup())-first, 0); err != nil {
		return err
	}
	return EachEntry(seg, data, func(key, payload []byte, deleted bool) error {
		if deleted {
			return to.Delete(key)
		}
		return to.Change(key, payload)
	})
}
