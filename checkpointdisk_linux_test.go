package weir_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
)

// checkpointDisk names the folder for a process that may mount a disk.
const checkpointDisk = "WEIR_TEST_CHECKPOINT_DISK"

// TestCheckpointsOnAFullDisk runs itself again in a name space of its own, where a job has its checkpoints on a real disk of 256 KiB that is filled up, emptied, and made read-only.
func TestCheckpointsOnAFullDisk(t *testing.T) {
	if dir := os.Getenv(checkpointDisk); dir != "" {
		onFullDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCheckpointsOnAFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), checkpointDisk+"="+t.TempDir())
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

func onFullDisk(t *testing.T, parent string) {
	disk, dir := filepath.Join(parent, "disk"), t.TempDir()
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	c := weir.Checkpoints{Dir: filepath.Join(disk, "kept"), TolerableFailures: -1, Resume: true}
	env, letGo := held(dir, c, weir.NoRestart())
	client := started(t, env)
	refused := func(what string, err error, code fault.Code) {
		t.Helper()
		if !hasCode(err, code) || !strings.Contains(err.Error(), disk) || client.Status() != weir.StatusRunning {
			t.Errorf("%s: the job is %v: %v", what, client.Status(), err)
		}
		env, _ := held(dir, c, weir.NoRestart())
		if _, err := env.ExecuteAsync(t.Context(), t.Name()); fault.CodeOf(err) != fault.CheckpointNotStored || !hasCode(err, code) || !strings.Contains(err.Error(), disk) {
			t.Errorf("%s: another job begins: %v", what, err)
		}
	}
	good := func() {
		t.Helper()
		if err := checkpointed(t, client); err != nil {
			t.Fatal(err)
		}
	}
	good()

	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is larger than it should be")
	}
	refused("full", checkpointed(t, client), fault.StorageFull)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	good()

	remount := func() error { return syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") }
	err := remount()
	for range 500 { // while something that was given up is still being removed, the disk is busy
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = remount()
	}
	if err != nil {
		t.Fatal(err)
	}
	refused("read-only", checkpointed(t, client), fault.StorageDenied)
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	good()

	letGo()
	if _, err := ended(t, client); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, dir); !slices.Equal(got, totals(3000)) {
		t.Errorf("%d results: %q", len(got), got)
	}
}
