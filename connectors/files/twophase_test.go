package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

// kill ends a writer as the end of its process does: open files are closed, and locks with them.
func kill[T any](w connector.Writer[T]) error {
	f := w.(*writer[T])
	if f.part != nil && f.part.file != nil {
		if err := f.part.file.Close(); err != nil {
			return err
		}
	}
	return f.lock.Close()
}

func TestTwoPhase(t *testing.T) {
	for name, o := range map[string]SinkOptions[int]{
		"one file":   {},
		"many files": {RollBytes: 8, Prefix: "out", Suffix: ".txt"},
		"by time":    {RollInterval: 20 * time.Second, Inactivity: 10 * time.Second},
		"gzip":       {Compression: Gzip},
		"zstd":       {Compression: Zstd, RollBytes: 10},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.TestTwoPhase(t, connectortest.TwoPhaseSuite[int]{
				New: func(t testing.TB) connectortest.TwoPhase[int] {
					dir := t.TempDir()
					o := o
					o.Dir = dir
					return connectortest.TwoPhase[int]{
						Sink:      func() connector.CommittingSink[int] { return Sink(o) },
						Read:      func() ([]int, error) { return readInts(t, dir) },
						Kill:      kill[int],
						Leftovers: func() []string { return names(t, dir, true) },
					}
				},
				Record: func(i int) int { return i },
				Runs:   20,
			})
		})
	}
}

func readInts(t testing.TB, dir string) (all []int, err error) {
	if len(names(t, dir, false)) == 0 {
		return nil, nil
	}
	for _, line := range readAll(t, Options{Path: dir}) {
		n, err := strconv.Atoi(line)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// snapshot returns the state of a writer.
func snapshot(t testing.TB, w connector.Writer[string]) [][]byte {
	t.Helper()
	states, err := w.(connector.StatefulWriter).SnapshotState(1)
	if err != nil {
		t.Fatal(err)
	}
	return states
}

func restored(t testing.TB, s connector.Sink[string], states ...[]byte) connector.Writer[string] {
	t.Helper()
	w, err := s.NewWriter(connectortest.NewWriterContext(0, 1), states)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func writeString(t testing.TB, w connector.Writer[string], v string) {
	t.Helper()
	if err := w.Write(v, 0); err != nil {
		t.Fatal(err)
	}
}

func prepare(t testing.TB, w connector.Writer[string]) []connector.Committable {
	t.Helper()
	cs, err := w.(connector.PreparingWriter).PrepareCommit()
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// Two jobs that begin at one checkpoint and write in one directory do not touch each other's files, and neither do jobs with nothing in common.
func TestLiveWritersAreLetAlone(t *testing.T) {
	dir := t.TempDir()
	open := func() connector.CommittingSink[string] { return Sink(SinkOptions[string]{Dir: dir}) }
	s := open()
	a := restored(t, s)
	writeString(t, a, "a0")
	commitAll(t, s, prepare(t, a))
	state := snapshot(t, a)
	writeString(t, a, "a1")
	waiting := prepare(t, a)
	writeString(t, a, "a2")

	other, fork := open(), open()
	b, c := restored(t, other), restored(t, fork, state...)
	writeString(t, b, "b")
	writeString(t, c, "c")
	commitAll(t, other, prepare(t, b))
	commitAll(t, fork, prepare(t, c))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// The fork fails, and is restored again.
	c = restored(t, fork, state...)

	commitAll(t, s, waiting)
	commitAll(t, s, prepare(t, a))
	for _, w := range []connector.Writer[string]{a, b, c} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got := readAll(t, Options{Path: dir})
	slices.Sort(got)
	if want := []string{"a0", "a1", "a2", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if left := names(t, dir, true); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// A job that goes back beyond what is visible takes no name twice, removes what waits, and keeps to its own files.
func TestGoingBack(t *testing.T) {
	dir := t.TempDir()
	o := SinkOptions[string]{Dir: dir, Suffix: ".txt"}
	s := Sink(o)
	w := restored(t, s)
	start := snapshot(t, w)
	for i := range 12 {
		writeString(t, w, fmt.Sprint(i))
		commitAll(t, s, prepare(t, w))
	}
	writeString(t, w, "prepared")
	prepare(t, w)
	writeString(t, w, "begun")
	prefix := w.(*writer[string]).series.Prefix
	foreign := []string{"." + prefix + "x" + inProgress, ".part-0-other-99.txt" + inProgress, "." + prefix + "99.txt"}
	for _, name := range foreign {
		write(t, filepath.Join(dir, name), nil)
	}
	if err := kill(w); err != nil {
		t.Fatal(err)
	}
	o.Suffix = ".log"
	s = Sink(o)
	w = restored(t, s, start...)
	slices.Sort(foreign)
	lock := filepath.Base(w.(*writer[string]).series.lockPath())
	if got := slices.DeleteFunc(names(t, dir, true), func(n string) bool { return n == lock }); !slices.Equal(got, foreign) {
		t.Errorf("hidden files: %q, want %q", got, foreign)
	}
	writeString(t, w, "again")
	commitAll(t, s, prepare(t, w))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir, false); len(got) != 13 || !slices.Contains(got, prefix+"12.log") {
		t.Errorf("files: %q", got)
	}
}

// When the directory was moved with all that is in it, files that wait in it are completed where they are now, what came behind the checkpoint is removed there, and the writer goes on with its series. If nothing was moved, files that wait in
// the old directory are completed there, and one that is gone with its directory is an error.
func TestDirectoryMoves(t *testing.T) {
	top := t.TempDir()
	old, dir := filepath.Join(top, "old"), filepath.Join(top, "new")
	w := restored(t, Sink(SinkOptions[string]{Dir: old}))
	writeString(t, w, "waits")
	cs := prepare(t, w)
	state := snapshot(t, w)
	writeString(t, w, "came later")
	if err := kill(w); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(old, dir); err != nil {
		t.Fatal(err)
	}
	s := Sink(SinkOptions[string]{Dir: dir})
	w = restored(t, s, state...)
	for range 2 {
		commitAll(t, s, cs)
	}
	writeString(t, w, "goes on")
	next := prepare(t, w)
	commitAll(t, s, next)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, Options{Path: dir})
	slices.Sort(got)
	if want := []string{"goes on", "waits"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if left := names(t, dir, true); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if first, _, _ := preparedFile(t, cs); first.Dir != old {
		t.Errorf("prepared in %s", first.Dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s = Sink(SinkOptions[string]{Dir: t.TempDir()})
	c, err := s.NewCommitter(connectortest.NewWriterContext(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(t.Context(), cs); fault.CodeOf(err) != fault.SinkFileCommit {
		t.Errorf("files that are gone: %v", err)
	}
}

// When the directory or the prefix is another than before, what was left in the old one is removed, and a new series begins.
func TestSinkMoves(t *testing.T) {
	old, dir := t.TempDir(), t.TempDir()
	w := restored(t, Sink(SinkOptions[string]{Dir: old}))
	state := snapshot(t, w)
	writeString(t, w, "x")
	if err := kill(w); err != nil {
		t.Fatal(err)
	}
	w = restored(t, Sink(SinkOptions[string]{Dir: dir, Prefix: "new"}), state...)
	if left := names(t, old, true); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if got := w.(*writer[string]).series; got.Dir != dir || !strings.HasPrefix(got.Prefix, "new-0-") {
		t.Errorf("got %+v", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(old); err != nil {
		t.Fatal(err)
	}
	w = restored(t, Sink(SinkOptions[string]{Dir: dir}), state...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir, true); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestDamagedWriterState(t *testing.T) {
	dir := t.TempDir()
	s := Sink(SinkOptions[string]{Dir: dir})
	w := restored(t, s)
	good := string(snapshot(t, w)[0])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "{}", good[:len(good)-1], strings.Replace(good, `"version":1`, `"version":2`, 1), strings.Replace(good, `"next":0`, `"next":-1`, 1),
		strings.Replace(good, `"prefix":"part`, `"prefix":"../part`, 1),
	} {
		// The first state is good: its lock is given back.
		_, err := s.NewWriter(connectortest.NewWriterContext(0, 1), [][]byte{[]byte(good), []byte(bad)})
		if fault.CodeOf(err) != fault.TypeDecode {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	if left := names(t, dir, true); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}
