package files

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// outstanding holds the paths of files that were prepared in this process and not committed in it. One of these that is gone is lost; one of a process
// before may have been committed, and taken away by who reads the output.
type outstanding struct {
	mu    sync.Mutex
	paths map[string]bool
}

func (o *outstanding) add(ps []pending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paths == nil {
		o.paths = map[string]bool{}
	}
	for _, p := range ps {
		o.paths[p.path()] = true
	}
}

func (o *outstanding) has(p pending) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.paths[p.path()]
}

func (o *outstanding) remove(p pending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.paths, p.path())
}

// committer gives complete files their final names.
type committer struct {
	log         *slog.Logger
	outstanding *outstanding
	dir         string // of the sink, absolute
}

func (c committer) Commit(ctx context.Context, committables []connector.Committable) error {
	dirs := map[string]bool{}
	for _, b := range committables {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var p pending
		if err := json.Unmarshal(b, &p); err != nil {
			return fault.New(fault.TypeDecode, "a committable of a file sink is damaged: %w", err)
		}
		moved := p.movedFrom(p.Dir, c.dir)
		if err := c.commit(moved); err != nil {
			return err
		}
		c.outstanding.remove(p)
		p = moved
		c.log.Debug("file complete", "file", filepath.Join(p.Dir, p.Final), "bytes", p.Size)
		dirs[p.Dir] = true
	}
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return commitError(dir, err)
		}
	}
	return nil
}

// movedFrom is where the file lies now, if all that was below base was moved to dir: where base is gone, and the file is found there. Whatever else a checkpoint names is taken as it stands: files that wait in a directory that the sink does not
// write to any more are completed there.
func (p pending) movedFrom(base, dir string) pending {
	q := p
	if q.Dir = moved(base, p.Dir, dir); exists(q.path()) || exists(filepath.Join(q.Dir, q.Final)) {
		return q
	}
	return p
}

// moved is path, or where that is now if all that was below base was moved to dir: where base is gone.
func moved(base, path, dir string) string {
	rel, err := filepath.Rel(base, path)
	if err != nil || !filepath.IsLocal(rel) || base == dir || exists(base) || !exists(dir) {
		return path
	}
	return filepath.Join(dir, rel)
}

// commit makes the final name, and then removes the hidden one. A link, unlike a rename, never replaces a file; where the file system has none, renaming has to do, which is safe among
// Weir's writers, since the hidden name reserves the final one.
func (c committer) commit(p pending) error {
	from, to := p.path(), filepath.Join(p.Dir, p.Final)
	src, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return c.committedBefore(p, to)
	}
	if err != nil {
		return commitError(from, err)
	}
	if src.Size() != p.Size {
		return fault.New(fault.SinkFileLost, "it has %d bytes, not the %d that were written", src.Size(), p.Size).WithPlace(from)
	}
	if err := os.Link(from, to); err != nil {
		dst, statErr := os.Lstat(to)
		switch {
		case statErr == nil && !os.SameFile(src, dst):
			return fault.New(fault.SinkFileLost, "a file that is not of this job has taken the name").WithPlace(to)
		case statErr == nil:
			// The run before ended between link and removal.
		default:
			if err := os.Rename(from, to); err != nil {
				return commitError(to, err)
			}
			return nil
		}
	}
	if err := os.Remove(from); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return commitError(from, err)
	}
	return nil
}

// committedBefore decides what it means that the hidden file is not there.
func (c committer) committedBefore(p pending, to string) error {
	dst, err := os.Lstat(to)
	switch {
	case err == nil && dst.Size() == p.Size:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return commitError(to, err)
	case err != nil && !exists(p.Dir):
		return commitError(p.Dir, err)
	case c.outstanding.has(p) && err == nil:
		return fault.New(fault.SinkFileLost, "it has %d bytes, not the %d that were written", dst.Size(), p.Size).WithPlace(to)
	case c.outstanding.has(p):
		return fault.New(fault.SinkFileLost, "it was complete, and was removed before it was committed").WithPlace(p.path())
	case err != nil:
		c.log.Warn("a file is taken to be committed: it is neither in its place nor waiting for it", "file", to)
	}
	return nil
}

func (c committer) Close() error { return nil }

func commitError(path string, err error) error {
	return fault.New(fault.SinkFileCommit, "%w", reason(err)).WithPlace(path)
}
