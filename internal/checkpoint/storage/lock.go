package storage

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/weirstream/weir/fault"
)

// Locker is a storage that can tell that another run has it.
type Locker interface {
	// TryLock makes the caller the only one that has the storage locked, on all processes of the machine, until unlock is called or the process ends, in whatever way. It returns nil if another has it locked; it does not wait. Where the file
	// system knows no locks, everybody gets one. Nothing but TryLock looks at the lock.
	TryLock() (unlock func(), err error)
}

// TryLock locks a storage: see [Locker]. One that knows no locks, as a bucket or one in memory, lets everybody have it.
func TryLock(s Storage) (unlock func(), err error) {
	if l, ok := s.(Locker); ok {
		return l.TryLock()
	}
	return func() {}, nil
}

// lockName is the file in a folder that is locked. It is no object: it is not listed.
const lockName = ".weir-lock"

var _ Locker = (*local)(nil)

// TryLock implements [Locker]. Who unlocks removes the file while it is still locked; so a lock on a file that is not at its path any more is worth nothing.
func (l *local) TryLock() (func(), error) {
	if err := CheckDir(l.dir); err != nil {
		return nil, err
	}
	l.mu.Lock()
	err := l.ensure(l.dir)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	path := l.at(Join(l.dir, lockName))
	for range 100 {
		f := flock.New(path)
		ok, err := f.TryLock()
		switch {
		case err != nil && noLocks(err):
			return func() {}, errors.Join(f.Close())
		case err != nil:
			return nil, l.failed("lock", path, err)
		case !ok:
			return nil, nil
		}
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(diskError("lock", path, err), f.Close())
		}
		there, err := os.Lstat(path)
		switch {
		case err == nil && os.SameFile(mine, there):
			return func() {
				_ = os.Remove(path) // if it stays it does no harm
				_ = f.Close()
			}, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, errors.Join(diskError("lock", path, err), f.Close())
		}
		if err := f.Close(); err != nil {
			return nil, diskError("lock", path, err)
		}
	}
	return nil, fault.New(fault.StorageFailed, "lock %s: the file is made and removed again and again", path)
}

// noLocks is whether an error says that the file system knows no locks.
func noLocks(err error) bool {
	for _, e := range []error{syscall.ENOSYS, syscall.ENOLCK, errors.ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
