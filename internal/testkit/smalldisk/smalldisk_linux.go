package smalldisk

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// variable names the folder in which a process may mount a disk.
const variable = "WEIR_TEST_SMALL_DISK"

// Run runs the test that calls it again, in a process with a name space of its own, and there calls f with a real disk of 256 KiB, which f may fill up and mount anew. Where no name space or no disk can be had,
// as without the right to, the test is skipped.
func Run(t *testing.T, f func(t *testing.T, disk string)) {
	if parent := os.Getenv(variable); parent != "" {
		mounted(t, parent, f)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
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

func mounted(t *testing.T, parent string, f func(t *testing.T, disk string)) {
	disk := filepath.Join(parent, "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	f(t, disk)
}
