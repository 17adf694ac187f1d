package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// Ways in which a file system takes writes past the page cache, for the suite.
const (
	Takes       = "takes all"
	RefusesFlag = "refuses the flag"
	Refuses     = "refuses the first write"
	RefusesOdd  = "refuses with another error"
	LeavesOff   = "takes a part of a write, and refuses the rest"
	TakesLess   = "takes a part of a write, and then the rest"
)

// OpenDirect returns a storage on a file system that takes writes past the page cache in one of these ways, whatever the one beneath does.
func OpenDirect(dir, way string) (Storage, error) {
	return openLocal(dir, LocalOptions{}, &directDisk{way: way, room: 1 << 40})
}

// directDisk is a disk of so many bytes for each file.
type directDisk struct {
	osDisk
	way  string
	room int64
	log  *[]string // if not nil: what was written, and how
}

func (d *directDisk) syncDir(string) error { return nil }

func (d *directDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &directFile{flagFile: &strictFile{File: f, disk: d, room: d.room}}, nil
}

// strictFile is a file that takes past the page cache only what the strictest disk takes.
type strictFile struct {
	*os.File
	disk   *directDisk
	room   int64
	at     int64
	direct bool
}

func (f *strictFile) setDirect(on bool) error {
	if f.disk.way == RefusesFlag && on {
		return syscall.EINVAL
	}
	f.direct = on
	return nil
}

// Sync waits for no disk.
func (f *strictFile) Sync() error { return nil }

// Write is that of package os: it goes on after the system has taken a part.
func (f *strictFile) Write(p []byte) (n int, err error) {
	for {
		taken, err := f.take(p[n:])
		n += taken
		if n == len(p) || err != nil {
			return n, err
		}
	}
}

func (f *strictFile) take(p []byte) (int, error) {
	const block = 4096
	if f.room -= int64(len(p)); f.room < 0 {
		n := max(f.room+int64(len(p)), 0) &^ (block - 1)
		f.room = 0
		_, _ = f.File.Write(p[:n]) // the error is the other one
		return int(n), syscall.ENOSPC
	}
	how := "plain"
	if f.direct {
		how = "direct"
		switch place := int64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))); {
		case f.disk.way == Refuses, (place|f.at|int64(len(p)))%block != 0:
			return 0, syscall.EINVAL
		case f.disk.way == RefusesOdd:
			return 0, syscall.EOPNOTSUPP
		case f.disk.way == LeavesOff && len(p) > 1<<20:
			p = p[:700_000]
		case f.disk.way == TakesLess && len(p) > 1<<20:
			p = p[:3*block]
		}
	}
	if log := f.disk.log; log != nil {
		*log = append(*log, fmt.Sprintf("%s %d", how, len(p)))
	}
	n, err := f.File.Write(p)
	f.at += int64(n)
	return n, err
}

// even returns n bytes of noise that lie as is needed to go past the page cache.
func even(n int) []byte {
	b := make([]byte, n+directUnit)
	b = b[directUnit-uintptr(unsafe.Pointer(unsafe.SliceData(b)))%directUnit:][:n]
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// TestDirectWays tells which bytes go past the page cache, and that none is lost on any file system.
func TestDirectWays(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		way    string
		pieces []int // negative: from a place in memory that is not even
		want   []string
	}{
		{Takes, []int{mib - 1, 1}, []string{"plain 1048575", "plain 1"}},
		{Takes, []int{mib, mib + 1}, []string{"direct 1048576", "direct 1048576", "plain 1"}},
		{Takes, []int{mib, -mib, mib}, []string{"direct 1048576", "plain 1048576", "direct 1048576"}},
		{Takes, []int{3*mib - 1, mib, 1, mib}, []string{"direct 3080192", "plain 65535", "plain 1048576", "plain 1", "direct 1048576"}},
		{Takes, []int{5, 2 * mib, directUnit - 5, 2 * mib}, []string{"plain 5", "plain 2097152", "plain 65531", "direct 2097152"}},
		{RefusesFlag, []int{mib, 2*mib + 1, mib}, []string{"plain 1048576", "plain 2097153", "plain 1048576"}},
		{Refuses, []int{mib, 2*mib + 1, mib}, []string{"plain 1048576", "plain 2097153", "plain 1048576"}},
		{RefusesOdd, []int{7, mib, mib - 7, mib, mib}, []string{"plain 7", "plain 1048576", "plain 1048569", "plain 1048576", "plain 1048576"}},
		{LeavesOff, []int{2 * mib, mib}, []string{"direct 700000", "plain 1397152", "plain 1048576"}},
		{TakesLess, []int{mib + 2*directUnit, 1}, slices.Concat(slices.Repeat([]string{"direct 12288"}, 11), []string{"direct 1044480", "plain 1"})},
	} {
		var log []string
		s, err := openLocal(t.TempDir(), LocalOptions{}, &directDisk{way: c.way, room: 1 << 40, log: &log})
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Create(background, "a")
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, n := range c.pieces {
			p := even(max(n, 1-n))
			if n < 0 {
				p = p[1:]
			}
			all = append(all, p...)
			if k, err := w.Write(p); k != len(p) || err != nil {
				t.Fatalf("%s: Write returned %d of %d, %v", c.way, k, len(p), err)
			}
			clear(p)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadAll(background, s, "a"); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: %d bytes of %d came back, or others: %v", c.way, len(got), len(all), err)
		}
		if !slices.Equal(log, c.want) {
			t.Errorf("%s, pieces %d: %q, want %q", c.way, c.pieces, log, c.want)
		}
	}
}

// TestDirectFull fills the disk at each place: the error is that of a full disk, sticks, and nothing is left.
func TestDirectFull(t *testing.T) {
	for _, way := range []string{Takes, RefusesFlag, Refuses, LeavesOff, TakesLess} {
		for _, room := range []int64{0, 1 << 20, 2 << 20, 2<<20 + 3*directUnit, 3<<20 + 10} {
			dir := t.TempDir()
			s, err := openLocal(dir, LocalOptions{}, &directDisk{way: way, room: room})
			if err != nil {
				t.Fatal(err)
			}
			w, err := s.Create(background, "chk-1/data")
			if err != nil {
				t.Fatal(err)
			}
			p, written := even(2<<20), int64(0)
			for err == nil && written < 6<<20 {
				var n int
				n, err = w.Write(p)
				written += int64(n)
			}
			code(t, err, fault.StorageFull, "chk-1/data")
			if written > room {
				t.Errorf("%s: %d bytes were written where %d have room", way, written, room)
			}
			code(t, w.Close(), fault.StorageFull)
			if all, n := names(t, s), leftovers(t, dir); len(all) != 0 || n != 0 {
				t.Errorf("%s: %q is there, and %d temporary files", way, all, n)
			}
		}
	}
}

// TestDirectCodes gives each error that a disk has for a write past the page cache its code.
func TestDirectCodes(t *testing.T) {
	for errno, want := range map[syscall.Errno]fault.Code{
		syscall.ENOSPC: fault.StorageFull, syscall.EDQUOT: fault.StorageFull, syscall.EFBIG: fault.StorageFull, syscall.EROFS: fault.StorageDenied, syscall.EIO: fault.StorageFailed,
	} {
		s := openTrial(t, t.TempDir(), func(step, path string) error {
			if step == "write" {
				return &os.PathError{Op: step, Path: path, Err: errno}
			}
			return nil
		})
		code(t, WriteAll(background, s, "a", even(4<<20)), want)
	}
}

// TestDirectFlag sets and clears the flag of a file where the file system has one, and asks the system.
func TestDirectFlag(t *testing.T) {
	f, err := osDisk{direct: true}.create(t.TempDir() + "/a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := f.(*directFile)
	flag := func() bool {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, d.flagFile.(osFile).Fd(), syscall.F_GETFL, 0)
		if errno != 0 {
			t.Fatal(errno)
		}
		return flags&syscall.O_DIRECT != 0
	}
	for i, p := range [][]byte{even(1), even(2 << 20), even(directUnit - 1), even(3 << 20), nil} {
		if _, err := f.Write(p); err != nil {
			t.Fatal(err)
		}
		if want := i == 3 && !d.refused; flag() != want {
			t.Errorf("after write %d the flag is %v, the file at %d", i, !want, d.at)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if d.setDirect(true) == nil {
		t.Error("a closed file has flags")
	}
}
