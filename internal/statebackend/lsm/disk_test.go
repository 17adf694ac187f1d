package lsm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/weirstream/weir/fault"
)

// failingDisk fails operations on tables once it is told to.
type failingDisk struct {
	broken atomic.Bool
	kind   errorfs.OpKind
}

func (f *failingDisk) String() string { return "failing disk" }

func (f *failingDisk) MaybeError(op errorfs.Op) error {
	if f.broken.Load() && op.Kind == f.kind && onDisk(op.Path) {
		return &os.PathError{Op: "test", Path: op.Path, Err: syscall.ENOSPC}
	}
	return nil
}

// failure runs f and returns the error with which the store gave up, if it did.
func failure(f func()) (err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	f()
	return nil
}

// TestDiskErrors lets the disk fail at everything that is done with tables, while the store is at work: it gives up with an error that names operator and directory, does not hang, and
// can be closed.
func TestDiskErrors(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{"create": errorfs.OpCreate, "write": errorfs.OpFileWrite, "open": errorfs.OpOpen, "read": errorfs.OpFileReadAt} {
		t.Run(name, func(t *testing.T) {
			disk := &failingDisk{kind: kind}
			dir := t.TempDir()
			r := newRig(t, 1, 1<<20, Options{Dir: dir, fs: errorfs.Wrap(vfs.Default, disk)})
			for range 30000 {
				r.step(6000)
			}
			disk.broken.Store(true)
			err := failure(func() {
				for range 2000000 {
					r.step(20000)
				}
			})
			if fault.CodeOf(err) != fault.StateDisk || !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("error %v, want one with the code %s", err, fault.StateDisk)
			}
			for _, part := range []string{`"op"`, dir} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not tell %s", err, part)
				}
			}
			if err := r.store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDamagedTables changes bytes in the tables on disk.
func TestDamagedTables(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, 1, 1<<20, Options{Dir: dir})
	for range 100000 {
		r.step(20000)
	}
	tables, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*.sst"))
	if len(tables) == 0 {
		t.Fatal("there are no tables")
	}
	for _, table := range tables {
		b, err := os.ReadFile(table)
		if err != nil {
			continue // a compaction has removed it
		}
		for i := range b[:len(b)*9/10] {
			b[i] ^= 0x55
		}
		f, err := os.OpenFile(table, os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		f.Write(b)
		f.Close()
	}
	err := failure(func() {
		for k := range r.oracle {
			r.set(k)
			r.count.Get()
		}
	})
	if fault.CodeOf(err) != fault.StateDamaged || !strings.Contains(err.Error(), `"op"`) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error %v, want one with the code %s", err, fault.StateDamaged)
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 1, 300<<10, Options{Dir: file})
	err := failure(func() {
		for range 100000 {
			r.step(10000)
		}
	})
	if fault.CodeOf(err) != fault.StateDisk || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v, want one with the code %s that names %s", err, fault.StateDisk, file)
	}
}

// TestDirectories checks that nothing is made while all fits in memory, that Close removes what was made, and that what a dead process left is removed, but not what a living one has.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	entries := func() (names []string) {
		es, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			names = append(names, e.Name())
		}
		return names
	}
	small := newRig(t, 1, 64<<20, Options{Dir: dir})
	small.step(10)
	if got := entries(); len(got) != 0 {
		t.Errorf("%v was made though all fits in memory", got)
	}
	dead, living, foreign := filepath.Join(dir, homePrefix+"1"), filepath.Join(dir, homePrefix+"2"), filepath.Join(dir, "other")
	for _, d := range []string{dead, living, foreign} {
		if err := os.MkdirAll(filepath.Join(d, "tree"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, lockName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := lockFile(filepath.Join(living, lockName))
	if err != nil {
		t.Skip("there are no locks here")
	}
	defer lock.Close()
	large := newRig(t, 1, 300<<10, Options{Dir: dir})
	for range 20000 {
		large.step(5000)
	}
	got := fmt.Sprint(entries())
	if strings.Contains(got, homePrefix+"1 ") || !strings.Contains(got, homePrefix+"2") || !strings.Contains(got, "other") || len(entries()) != 3 {
		t.Errorf("%s: want what lives, what is foreign, and one more", got)
	}
	large.store.Close()
	if got := fmt.Sprint(entries()); got != fmt.Sprintf("[other %s2]", homePrefix) {
		t.Errorf("after Close there is %s", got)
	}
}
