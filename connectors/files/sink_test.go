package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

// names returns the names in dir, without those that begin with "." or only those.
func names(t testing.TB, dir string, hidden bool) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") == hidden {
			all = append(all, e.Name())
		}
	}
	return all
}

func TestSinkSuite(t *testing.T) {
	var records []int
	var want []string
	for i := range 100 {
		records = append(records, i)
		want = append(want, fmt.Sprint(i))
	}
	for name, o := range map[string]SinkOptions[int]{
		"one file":   {},
		"many files": {RollBytes: 20, Prefix: "out", Suffix: ".txt"},
		"one each":   {RollBytes: 1},
		"gzip":       {Compression: Gzip},
		"zstd":       {Compression: Zstd, RollBytes: 10},
	} {
		t.Run(name, func(t *testing.T) {
			var dir string
			connectortest.TestSink(t, connectortest.SinkSuite[int]{
				New: func(t *testing.T) (connector.Sink[int], func() []string) {
					dir = filepath.Join(t.TempDir(), "made", "by", "the sink")
					o.Dir = dir
					s := Sink(o)
					if err := s.(connector.Checker).Check(t.Context()); err != nil {
						t.Fatal(err)
					}
					return s, func() []string {
						if len(names(t, dir, false)) == 0 {
							return nil
						}
						return readAll(t, Options{Path: dir})
					}
				},
				Records:   records,
				Want:      want,
				Leftovers: func() []string { return names(t, dir, true) },
			})
		})
	}
}

func commitAll(t testing.TB, s connector.CommittingSink[string], cs []connector.Committable) {
	t.Helper()
	c, err := s.NewCommitter(connectortest.NewWriterContext(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(t.Context(), cs); err != nil {
		t.Fatal(err)
	}
}

// Roll by size: each file has at least RollBytes and is not much longer.
func TestRollBySize(t *testing.T) {
	dir := t.TempDir()
	s := Sink(SinkOptions[string]{Dir: dir, RollBytes: 100_000})
	w := connectortest.NewWriters(t, s, 1)
	for range 100_000 {
		w.Write("0123456")
	}
	commitAll(t, s, w.Prepare(true))
	files := names(t, dir, false)
	if len(files) != 8 {
		t.Errorf("%d files", len(files))
	}
	for _, name := range files[:len(files)-1] {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() != 100_000 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
}

func TestRollByTime(t *testing.T) {
	s := func(o SinkOptions[string]) (*connectortest.Writers[string], func() int) {
		o.Dir = t.TempDir()
		w := connectortest.NewWriters(t, Sink(o), 1)
		return w, func() int { return len(w.Writers[0].(*writer[string]).rolled) }
	}
	advance := func(w *connectortest.Writers[string], d time.Duration) {
		t.Helper()
		if err := w.Contexts[0].Advance(d); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("age", func(t *testing.T) {
		w, rolled := s(SinkOptions[string]{RollInterval: 10 * time.Second, Inactivity: time.Hour})
		for range 9 {
			w.Write("x")
			advance(w, time.Second)
		}
		if n := rolled(); n != 0 {
			t.Fatalf("%d files after 9 s", n)
		}
		advance(w, 2*time.Second)
		if n := rolled(); n != 1 {
			t.Fatalf("%d files after 11 s", n)
		}
		advance(w, time.Hour)
		if n := rolled(); n != 1 {
			t.Fatalf("%d files after an hour without records", n)
		}
	})
	t.Run("inactivity", func(t *testing.T) {
		w, rolled := s(SinkOptions[string]{RollInterval: time.Hour, Inactivity: 10 * time.Second})
		for range 20 {
			w.Write("x")
			advance(w, 8*time.Second)
		}
		if n := rolled(); n != 0 {
			t.Fatalf("%d files while records came", n)
		}
		advance(w, 4*time.Second)
		if n := rolled(); n != 1 {
			t.Fatalf("%d files after 12 s without records", n)
		}
	})
}

// preparedFile returns the file of the only committable, with its hidden and its final path.
func preparedFile(t testing.TB, cs []connector.Committable) (p pending, hidden, final string) {
	t.Helper()
	if len(cs) != 1 {
		t.Fatalf("%d files were prepared", len(cs))
	}
	if err := json.Unmarshal(cs[0], &p); err != nil {
		t.Fatal(err)
	}
	return p, p.path(), filepath.Join(p.Dir, p.Final)
}

// A crash can come between the two steps of a commit.
func TestCommitAfterCrash(t *testing.T) {
	dir := t.TempDir()
	s := Sink(SinkOptions[string]{Dir: dir})
	w := connectortest.NewWriters(t, s, 1)
	w.Write("x")
	cs := w.Prepare(true)
	p, hidden, final := preparedFile(t, cs)
	if err := os.Link(hidden, final); err != nil {
		t.Fatal(err)
	}
	commitAll(t, s, cs)
	w.Close()
	if got := append(names(t, dir, false), names(t, dir, true)...); !slices.Equal(got, []string{p.Final}) {
		t.Fatalf("got %q", got)
	}
}

func TestCommitErrors(t *testing.T) {
	mine := []byte("mine")
	for name, spoil := range map[string]func(hidden, final string) error{
		"pending file is gone": func(hidden, _ string) error { return os.Remove(hidden) },
		"pending file is cut":  func(hidden, _ string) error { return os.Truncate(hidden, 1) },
		"name is taken":        func(_, final string) error { return os.WriteFile(final, mine, 0o644) },
		"another is there": func(hidden, final string) error {
			return errors.Join(os.Remove(hidden), os.WriteFile(final, mine, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := Sink(SinkOptions[string]{Dir: dir})
			w := connectortest.NewWriters(t, s, 1)
			w.Write("text")
			cs := w.Prepare(true)
			_, hidden, final := preparedFile(t, cs)
			if err := spoil(hidden, final); err != nil {
				t.Fatal(err)
			}
			before := fmt.Sprint(names(t, dir, false), names(t, dir, true))
			c, err := s.NewCommitter(connectortest.NewWriterContext(0, 1))
			if err != nil {
				t.Fatal(err)
			}
			err = c.Commit(t.Context(), cs)
			if fault.CodeOf(err) != fault.SinkFileLost || fault.Retryable(err) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v", err)
			}
			if after := fmt.Sprint(names(t, dir, false), names(t, dir, true)); after != before {
				t.Errorf("files before %s, after %s", before, after)
			}
			if content, err := os.ReadFile(final); err == nil && !bytes.Equal(content, mine) {
				t.Errorf("the file of another has %q", content)
			}
		})
	}
	c, err := Sink(SinkOptions[string]{Dir: t.TempDir()}).NewCommitter(connectortest.NewWriterContext(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(t.Context(), []connector.Committable{[]byte("{")}); fault.CodeOf(err) != fault.TypeDecode {
		t.Errorf("got %v", err)
	}
}

// Who reads the output may change a file, or take it away: committing again lets it be, also in another process. A directory that is gone is an error all the same.
func TestCommitAgainAfterTheFileWasTaken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := Sink(SinkOptions[string]{Dir: dir})
	w := connectortest.NewWriters(t, s, 1)
	w.Write("x")
	cs := w.Prepare(false)
	commitAll(t, s, cs)
	_, _, final := preparedFile(t, cs)
	write(t, final, []byte("changed"))
	again := Sink(SinkOptions[string]{Dir: dir})
	commitAll(t, s, cs)
	commitAll(t, again, cs)
	if content, err := os.ReadFile(final); err != nil || string(content) != "changed" {
		t.Errorf("got %q, %v", content, err)
	}
	if err := os.Remove(final); err != nil {
		t.Fatal(err)
	}
	commitAll(t, s, cs)
	commitAll(t, again, cs)
	if got := names(t, dir, false); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c, err := again.NewCommitter(connectortest.NewWriterContext(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(t.Context(), cs); fault.CodeOf(err) != fault.SinkFileCommit {
		t.Errorf("without the directory: got %v", err)
	}
}

func TestSinkCheck(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), nil)
	for _, test := range []struct {
		o    SinkOptions[int]
		want fault.Code
	}{
		{SinkOptions[int]{}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", Prefix: "a/b"}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", Suffix: "/b"}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", Prefix: ".a"}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", RollBytes: -1}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", RollInterval: -1}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", Inactivity: -1}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: "x", Compression: 9}, fault.OptionInvalid},
		{SinkOptions[int]{Dir: filepath.Join(file, "below")}, fault.SinkFileWrite},
		{SinkOptions[int]{Dir: "/proc/nothing"}, fault.SinkFileWrite},
	} {
		if err := Sink(test.o).(connector.Checker).Check(t.Context()); fault.CodeOf(err) != test.want {
			t.Errorf("%+v: got %v, want %q", test.o, err, test.want)
		}
	}
}

// The directory may be removed while the job runs.
func TestDirectoryVanishes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	w := connectortest.NewWriters(t, Sink(SinkOptions[string]{Dir: dir}), 1)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := w.Writers[0].Write("x", 0); fault.CodeOf(err) != fault.SinkFileWrite {
		t.Errorf("got %v", err)
	}
}

// Nothing is allocated per record.
func BenchmarkSink(b *testing.B) {
	s := Sink(SinkOptions[string]{Dir: b.TempDir()})
	w, err := s.NewWriter(connectortest.NewWriterContext(0, 1), nil)
	if err != nil {
		b.Fatal(err)
	}
	line := "When in the course of a line of usual length, some words"
	b.SetBytes(int64(len(line) + 1))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(line, 0); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
