package storage

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/smalldisk"
)

// TestRealDisk fills up a real disk, and makes it read-only.
func TestRealDisk(t *testing.T) { smalldisk.Run(t, onRealDisk) }

func onRealDisk(t *testing.T, dir string) {
	s, err := OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Repeat([]byte("old"), 50_000/3)
	if err := WriteAll(background, s, "chk-1/data", old); err != nil {
		t.Fatal(err)
	}
	for range 3 { // what a failed write took is given back
		code(t, WriteAll(background, s, "chk-2/data", make([]byte, 400_000)), fault.StorageFull, "chk-2/data", "free space")
		code(t, WriteAll(background, s, "chk-1/data", make([]byte, 400_000)), fault.StorageFull, "chk-1/data")
		code(t, WriteAll(background, s, "chk-1/data", even(2<<20)), fault.StorageFull, "chk-1/data")
		if n := leftovers(t, dir); n != 0 {
			t.Fatalf("%d temporary files left", n)
		}
		if err := WriteAll(background, s, "chk-3/data", make([]byte, 80_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	code(t, WriteAll(background, s, "chk-1/data", nil), fault.StorageDenied, "chk-1", "read-only")
	code(t, WriteNew(background, s, "chk-4/data", nil), fault.StorageDenied, "chk-4")
	code(t, s.Remove(background, "chk-1/data"), fault.StorageDenied, "chk-1/data")
	got, err := ReadAll(background, s, "chk-1/data")
	if err != nil || !bytes.Equal(got, old) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
}
