package files

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipData(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdData(t testing.TB, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(content, nil)
}

// sample returns n lines of very different lengths, with both kinds of ends, and the text they are in. The last has no end.
func sample(n int, seed uint64) (text []byte, lines []string) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		size := 0
		switch rnd.IntN(4) {
		case 1:
			size = rnd.IntN(10)
		case 2:
			size = rnd.IntN(100)
		case 3:
			size = rnd.IntN(40)
		}
		line := strings.Repeat(string(rune('a'+i%26)), size)
		if i == n-1 {
			line += "end"
		}
		lines = append(lines, line)
		text = append(text, line...)
		if i < n-1 {
			if rnd.IntN(2) == 0 {
				text = append(text, '\r')
			}
			text = append(text, '\n')
		}
	}
	return text, lines
}

func TestPlain(t *testing.T) {
	text, want := sample(60, 1)
	path := write(t, filepath.Join(t.TempDir(), "lines.txt"), text)
	for _, o := range []Options{
		{},
		{BlockBytes: 1},
		{BlockBytes: 16, SplitBytes: 100},
		{BlockBytes: 1000, SplitBytes: 7},
		{SplitBytes: 1},
	} {
		t.Run(fmt.Sprintf("block=%d,split=%d", o.BlockBytes, o.SplitBytes), func(t *testing.T) {
			o.Path = path
			connectortest.TestSource(t, connectortest.SourceSuite[string]{
				New:          func(*testing.T) connector.Source[string] { return Lines(o) },
				Want:         slices.Clone(want),
				WithinRecord: true,
			})
		})
	}
}

// Blocks end where files do, so that the end comes without a line.
func TestEndOfFileByItself(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 6 {
		var text []byte
		for j := range 4 {
			line := fmt.Sprintf("%d.%d............", i, j)
			want = append(want, line)
			text = append(append(text, line...), '\n')
		}
		name := filepath.Join(dir, fmt.Sprint(i))
		switch i % 3 {
		case 0:
			write(t, name, text)
		case 1:
			write(t, name+".gz", gzipData(t, text))
		case 2:
			write(t, name+".zst", zstdData(t, text))
		}
	}
	for _, watch := range []bool{false, true} {
		t.Run(fmt.Sprint("watch=", watch), func(t *testing.T) {
			connectortest.TestSource(t, connectortest.SourceSuite[string]{
				New: func(*testing.T) connector.Source[string] {
					return Lines(Options{Path: dir, BlockBytes: 16, Watch: watch})
				},
				Want:         want,
				WithinRecord: true,
			})
		})
	}
}

// The directory has several files of each kind, some of which lie about theirs.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i, f := range []struct {
		name   string
		encode func(testing.TB, []byte) []byte
	}{
		{"a.txt", nil},
		{"b.txt.gz", gzipData},
		{"c.zst", zstdData},
		{"deep/er/d", nil},
		{"deep/e.unknown", gzipData},
		{"f.gz", zstdData},
	} {
		text, lines := sample(12, uint64(i))
		want = append(want, lines...)
		if f.encode != nil {
			text = f.encode(t, text)
		}
		write(t, filepath.Join(dir, f.name), text)
	}
	write(t, filepath.Join(dir, "empty.txt"), nil)
	write(t, filepath.Join(dir, ".hidden"), []byte("hidden\n"))
	write(t, filepath.Join(dir, "_SUCCESS"), []byte("hidden\n"))
	write(t, filepath.Join(dir, ".dir/file"), []byte("hidden\n"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(*testing.T) connector.Source[string] {
			return Lines(Options{Path: dir, BlockBytes: 32, SplitBytes: 100})
		},
		Want:         want,
		WithinRecord: true,
	})
}

func TestSeveralMembers(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.gz"), slices.Concat(gzipData(t, []byte("one\ntw")), gzipData(t, nil), gzipData(t, []byte("o\n"))))
	skippable := []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd")
	write(t, filepath.Join(dir, "b.zst"), slices.Concat(skippable, zstdData(t, []byte("three\n")), zstdData(t, []byte("four"))))
	if got := readAll(t, Options{Path: dir}); !slices.Equal(got, []string{"one", "two", "three", "four"}) {
		t.Fatalf("got %q", got)
	}
}

func readAll(t testing.TB, o Options) []string {
	t.Helper()
	src := Lines(o)
	if err := src.(connector.Checker).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := connectortest.NewRun(t, src, connectortest.RunOptions{})
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r.Values()
}

func TestLineEnds(t *testing.T) {
	for text, want := range map[string][]string{
		"":                  nil,
		"\n":                {""},
		"\r\n":              {""},
		"\n\n":              {"", ""},
		"a":                 {"a"},
		"a\n":               {"a"},
		"a\r\nb\n\nc":       {"a", "b", "", "c"},
		"a\rb\n":            {"a\rb"},
		"a\r":               {"a\r"},
		"\r\r\n":            {"\r"},
		"\xff\xfe\n\x00\n ": {"\xff\xfe", "\x00", " "},
	} {
		path := write(t, filepath.Join(t.TempDir(), "f"), []byte(text))
		for _, o := range []Options{{}, {BlockBytes: 1}, {SplitBytes: 1}, {SplitBytes: 2, BlockBytes: 2}} {
			o.Path = path
			if got := readAll(t, o); !slices.Equal(got, want) {
				t.Errorf("%q with %+v: got %q, want %q", text, o, got, want)
			}
		}
	}
}

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a1.txt", "a2.txt", "b1.txt", ".a3.txt", "sub/c.txt", "od[d].txt"} {
		write(t, filepath.Join(dir, name), []byte(name+"\n"))
	}
	for pattern, want := range map[string][]string{
		"a*.txt":    {"a1.txt", "a2.txt"},
		"?1.txt":    {"a1.txt", "b1.txt"},
		"*":         {"a1.txt", "a2.txt", "b1.txt", "od[d].txt", "sub/c.txt"},
		".a*":       {".a3.txt"},
		"od[d].txt": {"od[d].txt"},
		"s*/c.txt":  {"sub/c.txt"},
		"a1.txt":    {"a1.txt"},
		"sub":       {"sub/c.txt"},
	} {
		if got := readAll(t, Options{Path: filepath.Join(dir, pattern)}); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), nil)
	for _, test := range []struct {
		o    Options
		want fault.Code
	}{
		{Options{}, fault.OptionInvalid},
		{Options{Path: file, BlockBytes: -1}, fault.OptionInvalid},
		{Options{Path: file, MaxLineBytes: -1}, fault.OptionInvalid},
		{Options{Path: file, SplitBytes: -1}, fault.OptionInvalid},
		{Options{Path: file, WatchInterval: -1}, fault.OptionInvalid},
		{Options{Path: filepath.Join(dir, "x[")}, fault.SourceGlob},
		{Options{Path: filepath.Join(dir, "x["), Watch: true}, fault.SourceGlob},
		{Options{Path: filepath.Join(dir, "none")}, fault.SourceFileMissing},
		{Options{Path: filepath.Join(dir, "none*")}, fault.SourceFileMissing},
		{Options{Path: filepath.Join(dir, "none"), Watch: true}, ""},
		{Options{Path: filepath.Join(file, "below")}, fault.SourceFileMissing},
		{Options{Path: "/dev/null"}, fault.SourceFileUnreadable},
		{Options{Path: file}, ""},
		{Options{Path: dir}, ""},
	} {
		err := Lines(test.o).(connector.Checker).Check(t.Context())
		if got := fault.CodeOf(err); got != test.want {
			t.Errorf("%+v: got %v, want %q", test.o, err, test.want)
		}
		if err != nil && test.o.Path != "" && test.want != fault.OptionInvalid && !strings.Contains(err.Error(), test.o.Path+": ") {
			t.Errorf("the path is not in %q", err)
		}
	}
}

// unprivileged is set in a process that was started without the rights of root, for which no file is unreadable.
const unprivileged = "WEIR_TEST_UNREADABLE"

func TestUnreadable(t *testing.T) {
	if path := os.Getenv(unprivileged); path != "" {
		checkUnreadable(t, path)
		return
	}
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "secret"), []byte("x\n"))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		checkUnreadable(t, path)
		return
	}
	for d := dir; d != filepath.Clean(os.TempDir()) && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The test binary may lie where nobody else can read it.
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "test")
	if err := os.WriteFile(copied, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-test.run=^TestUnreadable$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), unprivileged+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestUnreadable")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func checkUnreadable(t *testing.T, path string) {
	src := Lines(Options{Path: path})
	if err := src.(connector.Checker).Check(t.Context()); fault.CodeOf(err) != fault.SourceFileUnreadable {
		t.Errorf("check: got %v", err)
	}
	err := connectortest.NewRun(t, src, connectortest.RunOptions{}).Finish()
	if fault.CodeOf(err) != fault.SourceFileUnreadable || !strings.Contains(err.Error(), path) {
		t.Errorf("run: got %v", err)
	}
}

func TestCorrupt(t *testing.T) {
	text, _ := sample(5000, 3)
	gz, zs := gzipData(t, text), zstdData(t, text)
	flipped := slices.Clone(gz)
	flipped[len(flipped)-5] ^= 1 // the checksum
	for name, content := range map[string][]byte{
		"cut.gz":      gz[:len(gz)/2],
		"head.gz":     gz[:5],
		"tail.gz":     gz[:len(gz)-4],
		"sum.gz":      flipped,
		"garbage.gz":  slices.Concat(gz, []byte("garbage")),
		"plain.gz":    []byte("plain text\n"),
		"empty.gz":    nil,
		"cut.zst":     zs[:len(zs)/2],
		"plain.zst":   []byte("plain text\n"),
		"garbage.zst": slices.Concat(zs, []byte("garbage")),
	} {
		path := write(t, filepath.Join(t.TempDir(), name), content)
		err := connectortest.NewRun(t, Lines(Options{Path: path}), connectortest.RunOptions{}).Finish()
		if fault.CodeOf(err) != fault.SourceFileCorrupt || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The lines before the damage come, and only whole ones.
func TestLinesBeforeTheDamage(t *testing.T) {
	var text []byte
	for i := range 100_000 {
		text = fmt.Appendf(text, "line %d\n", i)
	}
	gz := gzipData(t, text)
	path := write(t, filepath.Join(t.TempDir(), "f.gz"), gz[:len(gz)*3/4])
	r := connectortest.NewRun(t, Lines(Options{Path: path}), connectortest.RunOptions{})
	if err := r.Finish(); fault.CodeOf(err) != fault.SourceFileCorrupt {
		t.Fatalf("got %v", err)
	}
	got := r.Values()
	if len(got) < 50_000 {
		t.Errorf("only %d lines", len(got))
	}
	for i, line := range got {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestLineTooLong(t *testing.T) {
	text := []byte("one\ntwo\r\n0123456789\r\n01234567890\nfive\n")
	for name, encode := range map[string]func(testing.TB, []byte) []byte{"f": nil, "f.gz": gzipData, "f.zst": zstdData} {
		content := text
		if encode != nil {
			content = encode(t, text)
		}
		path := write(t, filepath.Join(t.TempDir(), name), content)
		for _, o := range []Options{{}, {BlockBytes: 1}, {BlockBytes: 13}, {SplitBytes: 9}, {SplitBytes: 21}, {SplitBytes: 1}} {
			o.Path, o.MaxLineBytes = path, 10
			r := connectortest.NewRun(t, Lines(o), connectortest.RunOptions{})
			err := r.Finish()
			if fault.CodeOf(err) != fault.SourceLineTooLong || !strings.Contains(err.Error(), path+":4: ") {
				t.Errorf("%s with %+v: got %v", name, o, err)
			}
			if got := r.Values(); !slices.Equal(got, []string{"one", "two", "0123456789"}) {
				t.Errorf("%s with %+v: got %q", name, o, got)
			}
		}
	}
}

// A line that never ends must not be read into memory.
func TestEndlessLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zeros")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 40); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := connectortest.NewRun(t, Lines(Options{Path: path, SplitBytes: 1 << 41}), connectortest.RunOptions{})
	if err := r.Finish(); fault.CodeOf(err) != fault.SourceLineTooLong {
		t.Fatalf("got %v", err)
	}
}

// A restore needs the file to have at least what was read.
func TestFileShrinks(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), []byte("one\ntwo\nthree\n"))
	r := connectortest.NewRun(t, Lines(Options{Path: path}), connectortest.RunOptions{})
	if _, err := r.Until(2); err != nil {
		t.Fatal(err)
	}
	c := r.Snapshot()
	write(t, path, []byte("one\n"))
	err := connectortest.NewRun(t, Lines(Options{Path: path}), connectortest.RunOptions{From: c}).Finish()
	if fault.CodeOf(err) != fault.SourceFileUnreadable {
		t.Fatalf("got %v", err)
	}
}

func TestFileVanishes(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), []byte("a\n"))
	gone := write(t, filepath.Join(dir, "b"), []byte("b\n"))
	r := connectortest.NewRun(t, Lines(Options{Path: dir}), connectortest.RunOptions{})
	if _, err := r.Until(1); err != nil {
		t.Fatal(err)
	}
	c := r.Snapshot()
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	err := connectortest.NewRun(t, Lines(Options{Path: dir}), connectortest.RunOptions{From: c}).Finish()
	if fault.CodeOf(err) != fault.SourceFileMissing || !strings.Contains(err.Error(), gone) {
		t.Fatalf("got %v", err)
	}
}

func TestEmptyDirectory(t *testing.T) {
	if got := readAll(t, Options{Path: t.TempDir()}); len(got) > 0 {
		t.Fatalf("got %q", got)
	}
}

func TestWatchSuite(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 5 {
		text, lines := sample(8, uint64(i))
		want = append(want, lines...)
		write(t, filepath.Join(dir, fmt.Sprint(i)), text)
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(*testing.T) connector.Source[string] {
			return Lines(Options{Path: dir, Watch: true, BlockBytes: 16, SplitBytes: 50})
		},
		Want:         want,
		WithinRecord: true,
	})
}

// New files are found, at the interval and not before; changed ones are not read again, also after a restore.
func TestWatch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	src := Lines(Options{Path: dir, Watch: true, WatchInterval: 10 * time.Second})
	if err := src.(connector.Checker).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := connectortest.NewRun(t, src, connectortest.RunOptions{Parallelism: 2})
	step := func(want ...string) {
		t.Helper()
		before := len(r.Values())
		if err := r.Advance(9 * time.Second); err != nil {
			t.Fatal(err)
		}
		if got := r.Values()[before:]; len(got) > 0 {
			t.Fatalf("got %q before the interval", got)
		}
		if err := r.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
		got := r.Values()[before:]
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if err := r.Settle(); err != nil {
		t.Fatal(err)
	}
	step()
	write(t, filepath.Join(dir, "a"), []byte("a1\na2\n"))
	write(t, filepath.Join(dir, "sub/b"), []byte("b1\n"))
	step("a1", "a2", "b1")
	write(t, filepath.Join(dir, "a"), []byte("a1\na2\na3\n"))
	write(t, filepath.Join(dir, "_c"), []byte("c1\n"))
	step()
	if err := os.Rename(filepath.Join(dir, "_c"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	step("c1")
	if err := os.Remove(filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	step()

	c := r.Snapshot()
	r.Cancel()
	write(t, filepath.Join(dir, "d"), []byte("d1\n"))
	r = connectortest.NewRun(t, src, connectortest.RunOptions{Parallelism: 3, From: c})
	if err := r.Settle(); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []string{"d1"}) {
		t.Fatalf("after the restore: %q", got)
	}
	step()
}

func TestDamagedState(t *testing.T) {
	text, _ := sample(10, 1)
	path := write(t, filepath.Join(t.TempDir(), "f"), text)
	src := Lines(Options{Path: path, Watch: true, SplitBytes: 10})
	r := connectortest.NewRun(t, src, connectortest.RunOptions{})
	if _, err := r.Until(3); err != nil {
		t.Fatal(err)
	}
	good := r.Snapshot()
	r.Cancel()
	for n := range good.Enumerator {
		r := connectortest.NewRun(t, src, connectortest.RunOptions{From: &connectortest.Checkpoint{Enumerator: good.Enumerator[:n]}})
		if err := r.Settle(); fault.CodeOf(err) != fault.TypeDecode {
			t.Fatalf("enumerator's state cut to %d bytes: got %v", n, err)
		}
		r.Cancel()
	}
	s := good.Splits[0]
	for n := range len(s.State) - len(path) + 1 {
		c := &connectortest.Checkpoint{Enumerator: good.Enumerator, Splits: []connector.Split{{ID: s.ID, State: s.State[:n]}}}
		r := connectortest.NewRun(t, src, connectortest.RunOptions{From: c})
		if err := r.Settle(); fault.CodeOf(err) != fault.TypeDecode {
			t.Fatalf("split's state cut to %d bytes: got %v", n, err)
		}
		r.Cancel()
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\n\nbc"), 2, int64(3))
	f.Fuzz(func(t *testing.T, text []byte, block int, size int64) {
		if block < 1 || size < 1 || block > 1<<20 {
			t.Skip()
		}
		if bytes.HasPrefix(text, []byte("\x1f\x8b")) || bytes.HasPrefix(text, []byte("\x28\xb5\x2f\xfd")) {
			t.Skip()
		}
		path := write(t, filepath.Join(t.TempDir(), "f"), text)
		var want []string
		for line := range strings.Lines(string(text)) {
			if l, ok := strings.CutSuffix(line, "\n"); ok {
				line = strings.TrimSuffix(l, "\r")
			}
			want = append(want, line)
		}
		if got := readAll(t, Options{Path: path, BlockBytes: block, SplitBytes: max(size, int64(len(text)/50))}); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func benchmarkLines(b *testing.B, encode func(testing.TB, []byte) []byte) {
	var text []byte
	lines := 0
	for len(text) < 500<<10 {
		text = append(text, "When in the course of a line of usual length, some words\n"...)
		lines++
	}
	size := len(text)
	if encode != nil {
		text = encode(b, text)
	}
	path := write(b, filepath.Join(b.TempDir(), "f"), text)
	src := Lines(Options{Path: path})
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		r := newLoop(src)
		if n := r.run(b); n != lines {
			b.Fatalf("%d lines", n)
		}
	}
	b.ReportMetric(float64(b.N)*float64(lines)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkPlain(b *testing.B) { benchmarkLines(b, nil) }
func BenchmarkGzip(b *testing.B)  { benchmarkLines(b, gzipData) }
func BenchmarkZstd(b *testing.B)  { benchmarkLines(b, zstdData) }
