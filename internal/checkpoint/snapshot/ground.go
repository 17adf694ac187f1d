package snapshot

import (
	"errors"
	"sync"

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
	var all, local []*laid
	defer func() {
		for _, l := range local {
			if l.left {
				delete(files, l.group.Segments[0].GetFile()) // it is the store's
			}
		}
		for _, f := range files {
			if f != nil {
				err = errors.Join(err, f.Close())
			}
		}
	}()
	for _, g := range groups {
		l := &laid{group: g}
		if s := g.GetSegments(); len(s) > 0 && s[0].GetFile() != "" && s[0].GetCompression() == "" && !s[0].GetChanges() {
			if l.file, err = r.localFile(s[0].GetFile(), files); err != nil {
				return nil, err
			}
		}
		if all = append(all, l); l.file != nil {
			local = append(local, l)
		}
	}
	if len(local) == 0 {
		return groups, nil
	}
	if err := r.layAll(to, first, local); err != nil {
		return nil, err
	}
	for _, l := range all {
		if !l.left {
			rest = append(rest, l.group)
		}
	}
	return rest, nil
}

// layAll restores all key groups whose keys can be left. Several goroutines look at them; these also restore what has changed in them since, if that is possible and little enough that the store need not make room meanwhile. Otherwise the task's own
// goroutine does, while the others look at further ones.
func (r *Reader) layAll(to *statebackend.Restorer, first int, local []*laid) error {
	changes := int64(0)
	for _, l := range local {
		l.looked = make(chan struct{})
		changes += bytesOf(l.group) - bytesOf(&manifest.Group{Segments: l.group.Segments[:1]})
	}
	n := max(min(r.waves.workers, len(local)), 1)
	readers, forks := make([]*Reader, n), []*statebackend.Restorer(nil)
	if n > 1 && to.Apart() && changes <= to.Room()/roomShare {
		apart, err := r.openChanges(local)
		if err != nil {
			return err
		}
		if apart {
			forks = to.Fork(n)
			defer to.Joined()
		}
	}
	keys := to.Indexer()
	work := make(chan *laid, len(local))
	for _, l := range local {
		work <- l
	}
	close(work)
	var wg sync.WaitGroup
	for i := range readers {
		readers[i] = &Reader{ctx: r.ctx, files: r.files}
		defer readers[i].unpacker.close()
		wg.Go(func() {
			for l := range work {
				readers[i].look(l, keys, first)
				if forks != nil && l.index != nil && l.err == nil {
					readers[i].lay(l, forks[i], first)
				}
				close(l.looked)
			}
		})
	}
	defer func() {
		for range work { // which is left, after an error
		}
		wg.Wait()
	}()
	for _, l := range local {
		<-l.looked
		if forks == nil && l.index != nil && l.err == nil {
			r.lay(l, to, first)
		}
		switch {
		case l.panicked != nil:
			panic(l.panicked)
		case l.err != nil:
			return l.err
		}
	}
	if forks != nil {
		to.Join(forks)
	}
	return nil
}

// openChanges opens the files of what has changed in some key groups, for several goroutines. It reports false if they are too many.
func (r *Reader) openChanges(local []*laid) (bool, error) {
	for _, l := range local {
		for _, seg := range l.group.Segments[1:] {
			if name := seg.GetFile(); name != "" && r.files[name] == nil {
				if len(r.files) >= waveFiles {
					return false, nil
				}
				if err := r.openOne(name); err != nil {
					return false, err
				}
			}
		}
	}
	return true, nil
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
	left     bool // the store has the file, and reads keys there
	err      error
	panicked any
	looked   chan struct{} // closed when a goroutine has done with it
}

// look reads the base of a key group and sees where its keys are.
func (r *Reader) look(l *laid, keys *statebackend.Indexer, first int) {
	defer l.caught()
	seg := l.group.Segments[0]
	if r.data, l.err = readFrom(l.file, seg, r.data); l.err != nil {
		return
	}
	data, err := r.unpack(seg, r.data)
	if err != nil {
		l.err = err
		return
	}
	if l.index, l.err = keys.Index(int(l.group.GetGroup())-first, data, seg.GetEntries()); l.index != nil && int64(l.index.Keys()) != seg.GetEntries() {
		l.err = damaged(seg, "%d entries are there, %d were written", l.index.Keys(), seg.GetEntries())
	}
}

// lay restores a key group that was looked at, and what has changed in it since.
func (r *Reader) lay(l *laid, to *statebackend.Restorer, first int) {
	defer l.caught()
	base := l.group.Segments[0]
	to.Leave(int(l.group.GetGroup())-first, l.index, l.file, base.GetFile(), base.GetOffset())
	l.left = true
	for _, seg := range l.group.Segments[1:] {
		if l.err = r.change(to, first, l.group, seg); l.err != nil {
			return
		}
	}
}

func (l *laid) caught() {
	if p := recover(); p != nil {
		l.panicked = p
	}
}

// change applies a segment of changes to a key group that was left where it lies.
func (r *Reader) change(to *statebackend.Restorer, first int, g *manifest.Group, seg *manifest.Segment) error {
	data, err := r.Segment(seg)
	if err != nil {
		return err
	}
	return change(to, first, g, seg, data, to.Change)
}
