package lsm

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// filesystem keeps tables on disk and all else in memory: the manifest and the small files around it, without which Pebble ends the process. Nothing is synced, since nothing
// has to outlive the process.
//
// After a failure, making another table waits until the tree closes, for Pebble would try again at once and for ever.
type filesystem struct {
	vfs.FS          // the disk
	mem             *vfs.MemFS
	broken, closing <-chan struct{}
}

func onDisk(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

func (f *filesystem) of(name string) vfs.FS {
	if onDisk(name) {
		return f.FS
	}
	return f.mem
}

var errClosing = errors.New("the state is being closed")

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (f *filesystem) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !onDisk(name) {
		return f.mem.Create(name, category)
	}
	if closed(f.broken) {
		<-f.closing
	}
	if closed(f.closing) {
		return nil, errClosing
	}
	file, err := f.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return table{file, f.closing}, nil
}

// table is a table being written.
type table struct {
	vfs.File
	closing <-chan struct{}
}

func (t table) Write(p []byte) (int, error) {
	if closed(t.closing) { // ends a compaction that nobody needs
		return 0, errClosing
	}
	return t.File.Write(p)
}

func (t table) Sync() error                { return nil }
func (t table) SyncData() error            { return nil }
func (t table) SyncTo(int64) (bool, error) { return false, nil }

func (f *filesystem) Link(oldname, newname string) error { return f.of(oldname).Link(oldname, newname) }

func (f *filesystem) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.of(name).Open(name, opts...)
}

func (f *filesystem) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.of(name).OpenReadWrite(name, category, opts...)
}

func (f *filesystem) OpenDir(name string) (vfs.File, error) { return f.mem.OpenDir(name) }

func (f *filesystem) Remove(name string) error { return f.of(name).Remove(name) }

func (f *filesystem) RemoveAll(name string) error {
	return errors.Join(f.FS.RemoveAll(name), f.mem.RemoveAll(name))
}

func (f *filesystem) Rename(oldname, newname string) error {
	return f.of(oldname).Rename(oldname, newname)
}

func (f *filesystem) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.of(oldname).ReuseForWrite(oldname, newname, category)
}

func (f *filesystem) MkdirAll(dir string, perm os.FileMode) error {
	return errors.Join(f.FS.MkdirAll(dir, perm), f.mem.MkdirAll(dir, perm))
}

func (f *filesystem) Lock(name string) (io.Closer, error) { return f.mem.Lock(name) }

func (f *filesystem) List(dir string) ([]string, error) {
	a, err := f.FS.List(dir)
	if err != nil {
		return nil, err
	}
	b, err := f.mem.List(dir)
	return slices.Concat(a, b), err
}

func (f *filesystem) Stat(name string) (vfs.FileInfo, error) { return f.of(name).Stat(name) }

func (f *filesystem) Unwrap() vfs.FS { return f.FS }
