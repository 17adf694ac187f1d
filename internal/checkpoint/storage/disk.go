package storage

import (
	"io"
	"os"
	"runtime"
	"syscall"
)

// disk is what a local storage asks of the operating system to write. Tests put another in its place that fills up, or dies half-way.
type disk interface {
	create(path string) (file, error)
	rename(from, to string) error
	link(from, to string) error
	remove(path string) error
	mkdir(path string) error
	// rmdir removes an empty directory, and nothing that is none: os.Remove would take a file, too.
	rmdir(path string) error
	// syncDir makes the names in a directory durable.
	syncDir(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

type osDisk struct {
	// direct has large pieces written past the page cache, where the system and the file system can.
	direct bool
}

func (d osDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	if d.direct {
		return pastCache(f), nil
	}
	return f, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) link(from, to string) error   { return os.Link(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) mkdir(path string) error      { return os.Mkdir(path, 0o777) }

func (osDisk) rmdir(path string) error { return syscall.Rmdir(path) }

func (osDisk) syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // it cannot, and its journal keeps names in order
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
