package lsm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gofrs/flock"
)

// home is the directory of a process, in which every tree has one of its own. It is locked while the process lives, so that another one can tell that it is not left over.
type home struct {
	fs   vfs.FS
	dir  string
	lock io.Closer
	next int
}

const (
	homePrefix = "weir-state-"
	lockName   = "lock"
)

func newHome(parent string, fs vfs.FS) (*home, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	clean(parent)
	dir, err := os.MkdirTemp(parent, homePrefix+"*")
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &home{fs: fs, dir: dir, lock: lock}, nil
}

// tree returns the directory of the next tree. It need not exist.
func (h *home) tree(operator string) string {
	h.next++
	return filepath.Join(h.dir, fmt.Sprintf("%04d-%s", h.next, plain(operator)))
}

// plain makes a name fit for a file.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 40)]
}

func (h *home) close() error {
	err := os.RemoveAll(h.dir)
	h.lock.Close()
	return err
}

// clean removes the directories of processes that are gone: those whose lock is free. What cannot be removed is left.
func clean(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, homePrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
			continue // being made, or being removed
		}
		if lock, err := lockFile(filepath.Join(dir, lockName)); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

// lockFile takes the lock of a file, which is made if it is not there. It fails if anybody has it, in this process or in another one on this machine.
func lockFile(path string) (io.Closer, error) {
	f := flock.New(path)
	ok, err := f.TryLock()
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case !ok:
		return nil, fmt.Errorf("lock %s: another has it", path)
	}
	return f, nil
}
