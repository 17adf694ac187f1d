package storage

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
)

var background = context.Background()

// trial is a disk that asks before each step, and does not take it if it gets an error.
type trial struct {
	osDisk
	ask func(step, path string) error
}

type trialFile struct {
	file
	disk *trial
	path string
}

func (d *trial) create(path string) (file, error) {
	if err := d.ask("create", path); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	return &trialFile{f, d, path}, err
}

func (d *trial) rename(from, to string) error {
	return d.step("rename", to, func() error { return d.osDisk.rename(from, to) })
}

func (d *trial) link(from, to string) error {
	return d.step("link", to, func() error { return d.osDisk.link(from, to) })
}

func (d *trial) remove(path string) error {
	return d.step("remove", path, func() error { return d.osDisk.remove(path) })
}

func (d *trial) mkdir(path string) error {
	return d.step("mkdir", path, func() error { return d.osDisk.mkdir(path) })
}

func (d *trial) syncDir(path string) error {
	return d.step("sync folder", path, func() error { return d.osDisk.syncDir(path) })
}

func (d *trial) step(step, path string, do func() error) error {
	if err := d.ask(step, path); err != nil {
		return err
	}
	return do()
}

// Write writes half of p if the step is refused: a disk that is full takes what fits.
func (f *trialFile) Write(p []byte) (int, error) {
	if err := f.disk.ask("write", f.path); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f *trialFile) Sync() error {
	return f.disk.step("sync", f.path, f.file.Sync)
}

func (f *trialFile) Close() error {
	defer f.file.Close() // a crash closes all files
	return f.disk.ask("close", f.path)
}

func openTrial(t *testing.T, dir string, ask func(step, path string) error) *local {
	t.Helper()
	s, err := openLocal(dir, LocalOptions{}, &trial{osDisk: osDisk{direct: true}, ask: ask})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openPlain(t *testing.T, dir string) Storage {
	t.Helper()
	s, err := OpenLocalWith(dir, LocalOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(t *testing.T, s Storage) []string {
	t.Helper()
	list, err := s.List(background, "")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range list {
		all = append(all, o.Name)
	}
	return all
}

// leftovers returns all files below dir that List hides.
func leftovers(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), TempPrefix) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func code(t *testing.T, err error, want fault.Code, parts ...string) {
	t.Helper()
	if fault.CodeOf(err) != want {
		t.Fatalf("got error %v, want code %s", err, want)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error %v does not name %s", err, p)
		}
	}
}

// TestOrder: what is visible is durable, so each step is made durable before the next builds on it.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	var steps []string
	s := openTrial(t, filepath.Join(dir, "top"), func(step, path string) error {
		path = strings.TrimPrefix(path, dir)
		if i := strings.Index(path, TempPrefix); i >= 0 {
			path = path[:i] + "TEMP"
		}
		steps = append(steps, step+" "+filepath.ToSlash(path))
		return nil
	})
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(steps, want) {
			t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
		}
		steps = nil
	}
	if err := WriteAll(background, s, "chk/1/a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	expect("mkdir /top", "sync folder ", "mkdir /top/chk", "sync folder /top", "mkdir /top/chk/1", "sync folder /top/chk",
		"create /top/chk/1/TEMP", "write /top/chk/1/TEMP", "sync /top/chk/1/TEMP", "close /top/chk/1/TEMP", "rename /top/chk/1/a", "sync folder /top/chk/1")
	if err := WriteNew(background, s.Sub("chk"), "1/b", nil); err != nil {
		t.Fatal(err)
	}
	expect("create /top/chk/1/TEMP", "write /top/chk/1/TEMP", "sync /top/chk/1/TEMP", "close /top/chk/1/TEMP", "link /top/chk/1/b", "remove /top/chk/1/TEMP", "sync folder /top/chk/1")
	if err := s.Remove(background, "chk/1/a", "chk/1/b"); err != nil {
		t.Fatal(err)
	}
	steps = nil
	if err := WriteAll(background, s, "chk/1/a", nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"mkdir /top/chk", "sync folder /top", "mkdir /top/chk/1"}; len(steps) < 3 || !slices.Equal(steps[:3], want) {
		t.Errorf("after the folder was removed: %q", steps)
	}
}

// TestCrash dies before each step in turn, and after the last. The object is then the old or the new one, nothing else is listed, and Clean leaves nothing behind.
func TestCrash(t *testing.T) {
	died := errors.New("died")
	for _, fresh := range []bool{false, true} {
		for last := 0; ; last++ {
			dir := t.TempDir()
			if !fresh {
				if err := WriteAll(background, openPlain(t, dir), "chk/a", []byte("old")); err != nil {
					t.Fatal(err)
				}
			}
			n, at := 0, ""
			s := openTrial(t, dir, func(step, _ string) error {
				if n++; n > last {
					if at == "" {
						at = step
					}
					return died
				}
				return nil
			})
			write := WriteAll
			if fresh {
				write = WriteNew
			}
			err := write(background, s, "chk/a", []byte("new and longer"))
			after := openPlain(t, dir)
			b, errRead := ReadAll(background, after, "chk/a")
			got := string(b)
			switch {
			case err == nil && got != "new and longer":
				t.Fatalf("before %s: Close returned nil, and the object is %q", at, got)
			case errRead != nil && (!fresh || fault.CodeOf(errRead) != fault.StorageNotFound):
				t.Fatalf("before %s: %v", at, errRead)
			case errRead == nil && got != "old" && got != "new and longer":
				t.Fatalf("before %s: the object is %q", at, got)
			}
			if all := names(t, after); errRead == nil && !slices.Equal(all, []string{"chk/a"}) || errRead != nil && len(all) != 0 {
				t.Fatalf("before %s: List = %q", at, all)
			}
			left := leftovers(t, dir)
			if k, err := Clean(background, after, time.Now().Add(-time.Hour)); k != 0 || err != nil {
				t.Fatalf("Clean of what is young = %d, %v", k, err)
			}
			if k, err := Clean(background, after, time.Now().Add(time.Hour)); k != left || err != nil {
				t.Fatalf("before %s: Clean = %d, %v; want %d", at, k, err, left)
			}
			if leftovers(t, dir) != 0 {
				t.Fatalf("before %s: Clean left something", at)
			}
			if err := WriteAll(background, after, "chk/a", []byte("again")); err != nil {
				t.Fatal(err)
			}
			if at == "" {
				if err != nil || last < 6 {
					t.Fatalf("a write of %d steps: %v", last, err)
				}
				break
			}
		}
	}
}

// TestCodes refuses each step with each error that disks give.
func TestCodes(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		want  fault.Code
	}{
		{syscall.ENOSPC, fault.StorageFull}, {syscall.EDQUOT, fault.StorageFull}, {syscall.EROFS, fault.StorageDenied}, {syscall.EACCES, fault.StorageDenied}, {syscall.EPERM, fault.StorageDenied},
		{syscall.EIO, fault.StorageFailed}, {syscall.ENAMETOOLONG, fault.StorageName}, {syscall.ENOTDIR, fault.StorageNotDirectory},
	} {
		for _, bad := range []string{"mkdir", "create", "write", "sync", "close", "rename", "link", "sync folder"} {
			dir := t.TempDir()
			broken := true
			s := openTrial(t, dir, func(step, path string) error {
				if broken && step == bad {
					return &os.PathError{Op: step, Path: path, Err: c.errno}
				}
				return nil
			})
			write := WriteAll
			if bad == "link" {
				write = WriteNew
			}
			err := write(background, s, "chk-1/data", []byte("some bytes"))
			code(t, err, c.want, "chk-1")
			if n := leftovers(t, dir); n != 0 {
				t.Errorf("%s refused with %v: %d temporary files left", bad, c.errno, n)
			}
			if all := names(t, s); len(all) != 0 && bad != "sync folder" {
				t.Errorf("%s refused with %v: %q is there", bad, c.errno, all)
			}
			broken = false
			if err := s.Remove(background, "chk-1/data"); err != nil {
				t.Fatal(err)
			}
			if err := write(background, s, "chk-1/data", nil); err != nil {
				t.Errorf("after %s works again: %v", bad, err)
			}
		}
	}
}

// TestVanishing: what another process removes between two steps is made again, up to a limit.
func TestVanishing(t *testing.T) {
	for _, step := range []string{"mkdir", "sync folder", "create"} {
		for _, times := range []int{5, 100} {
			n := 0
			s := openTrial(t, t.TempDir(), func(at, _ string) error {
				if at == step && n < times {
					n++
					return syscall.ENOENT
				}
				return nil
			})
			if err := WriteAll(background, s, "a/b", nil); times == 5 && err != nil {
				t.Errorf("%s: %v", step, err)
			} else if times == 100 {
				code(t, err, fault.StorageGone)
			}
		}
	}
}

// TestFailedWriteSticks: a writer that lost bytes cannot be closed into an object with a hole.
func TestFailedWriteSticks(t *testing.T) {
	full := true
	s := openTrial(t, t.TempDir(), func(step, path string) error {
		if step == "write" && full {
			return syscall.ENOSPC
		}
		return nil
	})
	w, err := s.Create(background, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("first"))
	code(t, err, fault.StorageFull)
	full = false
	_, err = w.Write([]byte("second"))
	code(t, err, fault.StorageFull)
	code(t, w.Close(), fault.StorageFull)
	code(t, w.Close(), fault.StorageFull)
	if all := names(t, s); len(all) != 0 {
		t.Errorf("List = %q", all)
	}
}

func TestDirectoryRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoints")
	s := openPlain(t, dir)
	if all := names(t, s); len(all) != 0 {
		t.Fatalf("List of what was never there = %q", all)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("List made the directory")
	}
	if err := WriteAll(background, s, "chk-1/a", nil); err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(background, "chk-1/b")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := s.CreateNew(background, "chk-1/c")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	code(t, w.Close(), fault.StorageGone, dir)
	code(t, fresh.Close(), fault.StorageGone, dir)
	_, err = s.Create(background, "chk-1/b")
	code(t, err, fault.StorageGone, dir)
	_, err = s.Sub("x").CreateNew(background, "b")
	code(t, err, fault.StorageGone, dir)
	_, err = s.Open(background, "chk-1/a")
	code(t, err, fault.StorageGone, dir)
	_, err = s.List(background, "chk-1")
	code(t, err, fault.StorageGone, dir)
	code(t, s.Remove(background, "chk-1/a"), fault.StorageGone, dir)

	// A directory that is made again is used again; a folder in it that is removed is made again.
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := WriteAll(background, s, "chk-1/a", nil); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "chk-1")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolderRemovedUnderWriter(t *testing.T) {
	dir := t.TempDir()
	s := openPlain(t, dir)
	w, err := s.Create(background, "chk-1/b")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "chk-1")); err != nil {
		t.Fatal(err)
	}
	code(t, w.Close(), fault.StorageGone, "chk-1")
}

func TestNotDirectory(t *testing.T) {
	dir := t.TempDir()
	s := openPlain(t, dir)
	if err := WriteAll(background, s, "file", []byte("x")); err != nil {
		t.Fatal(err)
	}
	_, err := OpenLocal(filepath.Join(dir, "file"))
	code(t, err, fault.StorageNotDirectory, "file")
	_, err = OpenLocal(filepath.Join(dir, "file", "below"))
	code(t, err, fault.StorageNotDirectory, "file")
	code(t, WriteAll(background, s, "file/a", nil), fault.StorageNotDirectory, "file")
	code(t, WriteAll(background, s, "file/a/b", nil), fault.StorageNotDirectory, "file")
	if err := WriteAll(background, s, "folder/a", nil); err != nil {
		t.Fatal(err)
	}
	code(t, WriteAll(background, s, "folder", nil), fault.StorageName, "folder")
	code(t, WriteNew(background, s, "folder", nil), fault.StorageExists, "folder")
	if n := leftovers(t, dir); n != 0 {
		t.Errorf("%d temporary files left", n)
	}
	m := NewMemory() // is as strict, so that a simulation finds it
	for _, name := range []string{"file", "folder/a"} {
		if err := WriteAll(background, m, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	code(t, WriteAll(background, m, "file/a/b", nil), fault.StorageNotDirectory, "file")
	code(t, WriteAll(background, m, "folder", nil), fault.StorageName, "folder")
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not stop this user; TestRealDisk has a read-only file system")
	}
	dir := t.TempDir()
	s := openPlain(t, dir)
	if err := WriteAll(background, s, "a", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	code(t, WriteAll(background, s, "b", nil), fault.StorageDenied, dir)
	code(t, s.Remove(background, "a"), fault.StorageDenied, dir)
}

// TestCutFile: a file that another program shortens is not read as if it were whole.
func TestCutFile(t *testing.T) {
	dir := t.TempDir()
	s := openPlain(t, dir)
	if err := WriteAll(background, s, "a", make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(background, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(filepath.Join(dir, "a"), 600); err != nil {
		t.Fatal(err)
	}
	n, err := r.ReadAt(make([]byte, 1000), 0)
	code(t, err, fault.StorageFailed, "600")
	if n != 600 {
		t.Errorf("read %d bytes", n)
	}
}

func TestLinkedDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "real", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	s := openPlain(t, filepath.Join(dir, "link"))
	if err := WriteAll(background, s, "chk/a", nil); err != nil {
		t.Fatal(err)
	}
	if all := names(t, s); !slices.Equal(all, []string{"chk/a"}) {
		t.Errorf("List = %q", all)
	}
	code(t, WriteAll(background, openPlain(t, filepath.Join(dir, "dangling")), "a", nil), fault.StorageGone, "dangling")
}

func TestOpen(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = filepath.ToSlash(real)
	}
	for _, location := range []string{dir + "/a b", "file://" + dir + "/a%20b", "file:" + dir + "/a%20b", "file://localhost" + dir + "/a%20b?sync=false", "FILE://" + dir + "/a%20b?sync=true",
		"file://" + dir + "/a%20b?direct=false", "file://" + dir + "/a%20b?direct=true&sync=true", "file://" + dir + "/a%20b?direct=true&sync=false"} {
		s, err := Open(location)
		if err != nil || s.String() != "file://"+dir+"/a%20b" {
			t.Fatalf("%s: %v, %v", location, s, err)
		}
		l, noSync, noDirect := s.(*local), strings.Contains(location, "sync=false"), strings.Contains(location, "direct=false")
		if direct := l.disk.(osDisk).direct; l.sync == noSync || direct == (noSync || noDirect) {
			t.Errorf("%s: sync is %v, direct %v", location, l.sync, direct)
		}
	}
	for location, part := range map[string]string{
		"":                             "empty",
		"s3://bucket/x":                `"github.com/weirstream/weir/backends/s3"`,
		"gs://bucket/x":                "gs://",
		"://x":                         "",
		"file://":                      "no path",
		"file://tmp/x":                 "file:///tmp/x",
		"file:///tmp/x?sync=maybe":     "sync",
		"file:///tmp/x?fsync=false":    "fsync",
		"file:///tmp/x?direct=perhaps": "direct=perhaps",
		"file:///tmp/x?direct=1&sync=": "sync= ",
		"file:///tmp/%zz":              "URL",
		"file:///tmp/a\x00b":           "",
		"/tmp/a\x00b":                  "no path",
		"file:///tmp/x#y":              "%23",
		"hdfs://user:secret@host/path": "hdfs",
	} {
		_, err := Open(location)
		code(t, err, fault.StorageURL, part)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the message shows a password: %v", err)
		}
	}
	m := NewMemory()
	Register("test", func(*url.URL) (Storage, error) { return m, nil })
	if s, err := Open("test://x"); s != m || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestBelow(t *testing.T) {
	for location, want := range map[string]string{
		"/a/b":                         "/a/b/c/d",
		"/a/b?x=1":                     "/a/b?x=1/c/d", // a path
		"a/":                           "a/c/d",
		"file:/a":                      "file:/a/c/d",
		"file:///a/?sync=false":        "file:///a/c/d?sync=false",
		"s3://bucket?endpoint=h:1":     "s3://bucket/c/d?endpoint=h:1",
		"s3://bucket/x?endpoint=h&b=/": "s3://bucket/x/c/d?endpoint=h&b=/",
	} {
		if got := Below(location, "c/d"); got != want {
			t.Errorf("%s: %s, want %s", location, got, want)
		}
	}
}
