package weir_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/fault"
)

// limited names the folder for a process whose files may not grow beyond a limit.
const limited = "WEIR_TEST_FILE_LIMIT"

// A disk that is full while a job writes files fails the job, and leaves no file under a final name, not even those that were complete: they are not
// committed. The limit on the size of files stands for the disk, in a process of its own.
func TestFullDiskFailsTheJob(t *testing.T) {
	dir := os.Getenv(limited)
	if dir == "" {
		dir = t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDiskFailsTheJob$", "-test.v")
		cmd.Env = append(os.Environ(), limited+"="+dir)
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestFullDiskFailsTheJob")) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	// The runtime ignores SIGXFSZ, so that a write beyond the limit fails with EFBIG.
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100 << 10, Max: 100 << 10}); err != nil {
		t.Fatal(err)
	}
	env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: quiet})
	line := strings.Repeat("x", 99)
	weir.Map(weir.FromSequence(env, 1, 10_000), func(int64) string { return line }).
		ToFiles(files.SinkOptions[string]{Dir: dir}).Name("full")
	_, err := fail(t, env)
	if op, _ := fault.OperatorOf(err); op != "full" || fault.CodeOf(err) != fault.SinkFileWrite || !errors.Is(err, syscall.EFBIG) {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left %q: %v", left, err)
	}
}
