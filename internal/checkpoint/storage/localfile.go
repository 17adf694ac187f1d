package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/weirstream/weir/fault"
)

// localWriter writes a temporary file and gives it its name at the end.
type localWriter struct {
	ctx         context.Context
	tree        *tree
	file        file
	temp, final string
	fresh       bool
	done        bool
	err         error // of the first call that failed; after done, what Close returns
}

func (w *localWriter) Write(p []byte) (int, error) {
	switch {
	case w.done:
		return 0, Closed(w.final)
	case w.err != nil:
		return 0, w.err
	}
	if w.err = Ended(w.ctx, "write", w.final); w.err != nil {
		return 0, w.err
	}
	n, err := w.file.Write(p)
	if err != nil {
		w.err = diskError("write", w.final, err)
	}
	return n, w.err
}

func (w *localWriter) Close() error {
	if w.done {
		return w.err
	}
	if w.err == nil {
		w.err = Ended(w.ctx, "write", w.final)
	}
	err := w.err
	if err != nil {
		w.Abort()
	} else {
		err = w.commit()
	}
	w.done, w.err = true, err
	return err
}

// commit keeps S1: the bytes are durable before the name is, and the name before Close returns.
func (w *localWriter) commit() error {
	if w.tree.sync {
		if err := w.file.Sync(); err != nil {
			w.Abort()
			return diskError("sync", w.final, err)
		}
	}
	if err := w.file.Close(); err != nil {
		w.tree.disk.remove(w.temp)
		return diskError("close", w.final, err)
	}
	if err := w.publish(); err != nil {
		w.tree.disk.remove(w.temp)
		return err
	}
	if err := w.tree.syncDir(filepath.Dir(w.final)); err != nil {
		return w.tree.failed("make durable", w.final, err)
	}
	return nil
}

func (w *localWriter) publish() error {
	if !w.fresh {
		err := w.tree.disk.rename(w.temp, w.final)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.EISDIR) {
			return fault.New(fault.StorageName, "%s is a folder, so no object can have this name", w.final)
		}
		return w.named(err)
	}
	err := w.tree.disk.link(w.temp, w.final)
	switch {
	case err == nil:
		w.tree.disk.remove(w.temp) // if not, Clean does it
		return nil
	case errors.Is(err, fs.ErrExist):
		return Exists(w.final)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
		return fault.New(fault.StorageDenied, "create %s: %w; the file system may have no hard links, which are needed here", w.final, err)
	}
	return w.named(err)
}

// named gives the error of a rename or link its code.
func (w *localWriter) named(err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return diskError("create", w.final, err)
	}
	if err := w.tree.gone(); err != nil {
		return err
	}
	return fault.New(fault.StorageGone, "create %s: its folder or its temporary file was removed meanwhile: %w", w.final, err)
}

func (w *localWriter) Abort() {
	if w.done {
		return
	}
	w.done, w.err = true, Closed(w.final)
	w.file.Close()
	w.tree.disk.remove(w.temp)
}

// localReader reads an open file, which stays what it is when another one gets its name.
type localReader struct {
	ctx  context.Context
	file *os.File
	path string
	size int64
}

func (r *localReader) Size() int64 { return r.size }

// Local tells that small pieces are read as well as large ones.
func (r *localReader) Local() bool { return true }

func (r *localReader) ReadAt(p []byte, off int64) (int, error) {
	if err := Ended(r.ctx, "read", r.path); err != nil {
		return 0, err
	}
	q, end, err := Clip(r.path, p, off, r.size)
	if err != nil {
		return 0, err
	}
	if len(q) == 0 {
		return 0, end
	}
	n, err := r.file.ReadAt(q, off)
	switch {
	case n == len(q):
		return n, end
	case errors.Is(err, io.EOF):
		return n, fault.New(fault.StorageFailed, "read %s: it had %d bytes when it was opened and ends after %d", r.path, r.size, off+int64(n))
	}
	return n, diskError("read", r.path, err)
}

func (r *localReader) Close() error {
	if err := r.file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return diskError("close", r.path, err)
	}
	return nil
}

// Clip cuts the buffer of a ReadAt to what an object of the given size has at off. end is what ReadAt returns when all of q has been read: io.EOF if p is longer than q, else nil.
func Clip(name string, p []byte, off, size int64) (q []byte, end, err error) {
	if off < 0 {
		return nil, nil, fault.New(fault.StorageFailed, "read %s: negative offset %d", name, off)
	}
	if left := max(size-off, 0); int64(len(p)) > left {
		return p[:left], io.EOF, nil
	}
	return p, nil, nil
}
