package files

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

// limited names the directory for a process whose files may not grow beyond a limit.
const limited = "WEIR_TEST_FULL_DISK"

// A full disk fails the write, and leaves neither a half file nor the one being written. The disk is a small tmpfs where one can be mounted, and else a limit on the
// size of files, in a process of its own.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(limited); dir != "" {
		limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
		// The runtime ignores SIGXFSZ, so that a write beyond the limit fails with EFBIG.
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		fillDisk(t, dir, syscall.EFBIG)
		return
	}
	t.Run("limit", func(t *testing.T) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), limited+"="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestFullDisk")) {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	t.Run("tmpfs", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mount("weir-test", dir, "tmpfs", 0, "size=1m"); err != nil {
			t.Skipf("no file system can be mounted, so that the limit has to do: %v", err)
		}
		defer func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		}()
		fillDisk(t, dir, syscall.ENOSPC)
	})
}

func fillDisk(t *testing.T, dir string, cause error) {
	for _, c := range []Compression{NoCompression, Gzip, Zstd} {
		s := Sink(SinkOptions[string]{Dir: dir, Compression: c})
		w := connectortest.NewWriters(t, s, 1)
		w.Write("complete before the disk is full")
		commitAll(t, s, w.Prepare(false))
		before := names(t, dir, false)

		line, state := make([]byte, 1000), uint32(1)
		var err error
		for range 20_000 {
			for i := range line { // that no compressor shortens much
				state ^= state << 13
				state ^= state >> 17
				state ^= state << 5
				line[i] = 'a' + byte(state>>24)%16
			}
			if err = w.Writers[0].Write(string(line), 0); err != nil {
				break
			}
		}
		if fault.CodeOf(err) != fault.SinkFileWrite || !errors.Is(err, cause) || !strings.Contains(err.Error(), dir) {
			t.Errorf("compression %d: got %v", c, err)
		}
		w.Close()
		if after := names(t, dir, false); !slices.Equal(after, before) {
			t.Errorf("compression %d: files before %q, after %q", c, before, after)
		}
		if left := names(t, dir, true); len(left) > 0 {
			t.Errorf("compression %d: left %q", c, left)
		}
	}
	if got := readAll(t, Options{Path: dir}); len(got) != 3 {
		t.Errorf("the complete files have %q", got)
	}
}

// The disk can be full at the last moment, when the rest of a buffer is written.
func TestFullDiskAtPrepare(t *testing.T) {
	dir := t.TempDir()
	w := connectortest.NewWriters(t, Sink(SinkOptions[string]{Dir: dir}), 1)
	w.Write("x")
	p := w.Writers[0].(*writer[string]).part
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.file.Close(); err != nil {
		t.Fatal(err)
	}
	p.file = full
	if _, err := w.Writers[0].(connector.PreparingWriter).PrepareCommit(); fault.CodeOf(err) != fault.SinkFileWrite || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	w.Close()
	if left := append(names(t, dir, false), names(t, dir, true)...); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// No file stays open, whether all is read or the run is canceled at some point.
func TestFilesAreClosed(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		text, _ := sample(200, uint64(i))
		write(t, filepath.Join(dir, fmt.Sprint(i)), text)
		write(t, filepath.Join(dir, fmt.Sprint(i, ".zst")), zstdData(t, text))
	}
	for _, goroutines := range []bool{false, true} {
		for n := 0; n <= 2000; n += 100 {
			r := connectortest.NewRun(t, Lines(Options{Path: dir, BlockBytes: 128}), connectortest.RunOptions{Parallelism: 2, Goroutines: goroutines})
			if _, err := r.Until(n); err != nil {
				t.Fatal(err)
			}
			r.Cancel()
			if left := openBelow(t, dir); len(left) > 0 {
				t.Fatalf("canceled after %d lines: %q are open", n, left)
			}
		}
	}
}

func openBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if path, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && strings.HasPrefix(path, dir) {
			paths = append(paths, path)
		}
	}
	return paths
}
