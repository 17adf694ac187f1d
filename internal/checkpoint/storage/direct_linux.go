package storage

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// directUnit is what a piece that is written past the page cache is a multiple of, in length, in its place in the file and in its place in memory: at least the page of every system and the block of every disk.
	directUnit = 64 << 10
	// leastDirect is how long such a piece is at least: for each, the writer waits for the disk.
	leastDirect = 1 << 20
)

// pastCache returns f as a file that is written past the page cache where that is possible.
func pastCache(f *os.File) file { return &directFile{flagFile: osFile{f}} }

// flagFile is a file of which can be said, between any two writes, whether they go past the page cache.
type flagFile interface {
	file
	setDirect(on bool) error
}

// directFile writes large pieces past the page cache, if they lie as that needs: a checkpoint is hardly ever read, so that its copy in the cache costs processor time and memory for nothing. All else is written as ever, also between such pieces.
// A file system that refuses, as the first large piece tells, gets all of the file through the page cache. Nothing is gathered: what Write has returned for is with the file, and its errors are those of the bytes it was given.
type directFile struct {
	flagFile
	at      int64 // where the next byte goes
	direct  bool  // what was last set
	refused bool
}

func (f *directFile) Write(p []byte) (n int, err error) {
	if whole := f.whole(p); whole > 0 {
		n, err = f.writeDirect(p[:whole])
		if n == len(p) || err != nil {
			return n, err
		}
	}
	if err := f.set(false); err != nil {
		return n, err
	}
	more, err := f.flagFile.Write(p[n:])
	f.at += int64(more)
	return n + more, err
}

// whole is how much of p, from its beginning, can go past the page cache.
func (f *directFile) whole(p []byte) int {
	n := len(p) &^ (directUnit - 1)
	if f.refused || n < leastDirect || f.at%directUnit != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%directUnit != 0 {
		return 0
	}
	return n
}

// writeDirect writes p past the page cache. Where that is refused it returns how far it came, and no error.
func (f *directFile) writeDirect(p []byte) (n int, err error) {
	if err := f.set(true); err != nil {
		f.refused = true
		return 0, nil // whatever the reason: what matters is whether the bytes can be written the other way
	}
	n, err = f.flagFile.Write(p)
	f.at += int64(n)
	// A disk that takes a part of p may leave off where the rest cannot go past the page cache, and says the same then.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		f.refused, err = true, nil
	}
	return n, err
}

func (f *directFile) set(direct bool) error {
	if f.direct == direct {
		return nil
	}
	if err := f.setDirect(direct); err != nil {
		return err
	}
	f.direct = direct
	return nil
}

// osFile is a file of the operating system.
type osFile struct{ *os.File }

func (f osFile) setDirect(on bool) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err == nil {
			flags &^= unix.O_DIRECT
			if on {
				flags |= unix.O_DIRECT
			}
			_, err = unix.FcntlInt(fd, unix.F_SETFL, flags)
		}
		failed = err
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("fcntl", failed)
}
