package files

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// committer gives complete files their final names.
type committer struct{ log *slog.Logger }

func (c committer) Commit(ctx context.Context, committables []connector.Committable) error {
	dirs := map[string]bool{}
	for _, b := range committables {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var p pending
		if err := json.Unmarshal(b, &p); err != nil {
			return fault.New(fault.SinkFileCommit, "a committable cannot be read: %w", err)
		}
		if err := commit(p); err != nil {
			return err
		}
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

// commit makes the final name, and then removes the hidden one. A link, unlike a rename, never replaces a file; where the file system has none, renaming has to do, which is safe among
// Weir's writers, since the hidden name reserves the final one.
func commit(p pending) error {
	from, to := p.path(), filepath.Join(p.Dir, p.Final)
	src, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		dst, err := os.Lstat(to)
		switch {
		case err != nil:
			return commitError(to, err)
		case dst.Size() != p.Size:
			return fault.New(fault.SinkFileCommit, "it has %d bytes, not the %d that were written", dst.Size(), p.Size).WithPlace(to)
		}
		return nil // committed before
	}
	if err != nil {
		return commitError(from, err)
	}
	if src.Size() != p.Size {
		return fault.New(fault.SinkFileCommit, "it has %d bytes, not the %d that were written", src.Size(), p.Size).WithPlace(from)
	}
	if err := os.Link(from, to); err != nil {
		dst, statErr := os.Lstat(to)
		switch {
		case statErr == nil && !os.SameFile(src, dst):
			return fault.New(fault.SinkFileCommit, "a file that is not of this job has taken the name").WithPlace(to)
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

func (c committer) Close() error { return nil }

func commitError(path string, err error) error {
	return fault.New(fault.SinkFileCommit, "%w", reason(err)).WithPlace(path)
}
