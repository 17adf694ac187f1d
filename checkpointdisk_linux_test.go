package weir_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/smalldisk"
)

// TestCheckpointsOnAFullDisk has the checkpoints of a job on a real disk that is filled up, emptied, and made read-only.
func TestCheckpointsOnAFullDisk(t *testing.T) { smalldisk.Run(t, onFullDisk) }

func onFullDisk(t *testing.T, disk string) {
	dir := t.TempDir()
	c := weir.Checkpoints{Dir: filepath.Join(disk, "kept"), TolerableFailures: -1, Resume: true}
	env, letGo := held(dir, c, weir.NoRestart())
	client := started(t, env)
	refused := func(what string, err error, code fault.Code) {
		t.Helper()
		if !hasCode(err, code) || !strings.Contains(err.Error(), disk) || client.Status() != weir.StatusRunning {
			t.Errorf("%s: the job is %v: %v", what, client.Status(), err)
		}
		another := c
		another.Dir = filepath.Join(disk, "another")
		env, _ := held(dir, another, weir.NoRestart())
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
