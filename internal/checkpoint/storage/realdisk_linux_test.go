package storage

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/weirstream/weir/fault"
)

const realDisk = "WEIR_TEST_REAL_DISK"

// TestRealDisk runs itself again in a name space of its own, where it may mount a file system of 256 KiB, fills that up, and makes it read-only.
func TestRealDisk(t *testing.T) {
	if dir := os.Getenv(realDisk); dir != "" {
		onRealDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRealDisk$", "-test.v")
	cmd.Env = append(os.Environ(), realDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("no name space: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if bytes.Contains(out.Bytes(), []byte("--- SKIP")) {
		t.Skipf("%s", &out)
	}
}

func onRealDisk(t *testing.T, parent string) {
	dir := filepath.Join(parent, "disk")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
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
