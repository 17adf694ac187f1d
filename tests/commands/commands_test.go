package commands

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const module = "../.."

// built is the folder of the commands, "" before bin makes it.
var built string

// bin returns the folder of the commands, which are built once for all tests.
var bin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weir-commands-")
	if err != nil {
		return "", err
	}
	built = dir
	cmd := exec.Command("go", "build", "-o", dir, "./examples/...", "./tests/commands/busy")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// process is a command that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start runs a command at the root of the module. What is left of it when the test ends is killed.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	dir, err := bin()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(filepath.Join(dir, name), args...)}
	p.cmd.Dir = module
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

// expect reads a line of output.
func (p *process) expect(want string) {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil || line != want+"\n" {
		p.t.Fatalf("got %q, %v, want %q; stderr:\n%s", line, err, want, p.errors())
	}
}

// errors ends the process and returns what it has written to standard error.
func (p *process) errors() string {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	return p.stderr.String()
}

// wait returns the rest of the output and the exit code.
func (p *process) wait() (stdout, stderr string, code int) {
	p.t.Helper()
	rest, err := io.ReadAll(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	err = p.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	return string(rest), p.stderr.String(), p.cmd.ProcessState.ExitCode()
}

func run(t *testing.T, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return start(t, name, args...).wait()
}

// opticks counts the words of the carried text in the plainest way.
func opticks(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(module + "/examples/wordcount/testdata/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, word := range regexp.MustCompile(`[\pL\p{Nd}]+`).FindAllString(string(text), -1) {
		counts[strings.ToLower(word)]++
	}
	return counts
}

// top is what -top n prints.
func top(counts map[string]int, n int) string {
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var b strings.Builder
	for _, word := range words[:min(n, len(words))] {
		fmt.Fprintf(&b, "%d\t%s\n", counts[word], word)
	}
	return b.String()
}

func TestWordCountTop(t *testing.T) {
	counts := opticks(t)
	for _, n := range []int{1, 5, 1_000_000} {
		for _, parallelism := range []string{"1", "2", "7"} {
			stdout, stderr, code := run(t, "wordcount", "-top", fmt.Sprint(n), "-parallelism", parallelism)
			if want := top(counts, n); code != 0 || stdout != want {
				t.Errorf("-top %d -parallelism %s: exit code %d, want 0; got %d bytes, want %d:\n%.200s\nstderr:\n%s", n, parallelism, code, len(stdout), len(want), stdout, stderr)
			}
			if !strings.Contains(stderr, "FINISHED") {
				t.Errorf("stderr does not say that the job has finished:\n%s", stderr)
			}
		}
	}
}

// TestWordCountTies has words of one count come in the order of the alphabet.
func TestWordCountTies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, []byte("b a c\nB, A! über2 c_d\nd"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, code := run(t, "wordcount", "-top", "10", "-file", path)
	if want := "2\ta\n2\tb\n2\tc\n2\td\n1\tüber2\n"; code != 0 || stdout != want {
		t.Errorf("got code %d and %q, want 0 and %q", code, stdout, want)
	}
}

func TestWordCountRunning(t *testing.T) {
	counts := opticks(t)
	total := 0
	for _, n := range counts {
		total += n
	}
	stdout, stderr, code := run(t, "wordcount")
	if code != 0 {
		t.Fatalf("exit code %d, want 0; stderr:\n%s", code, stderr)
	}
	running, table, ok := strings.Cut(stdout, "\n\nThe 20 most frequent words:\n")
	if n := 1 + strings.Count(running, "\n"); !ok || n != total {
		t.Errorf("%d running counts and a table: %v, want %d", n, ok, total)
	}
	if want := top(counts, 20); table != want {
		t.Errorf("the table is\n%s\nwant\n%s", table, want)
	}
}

// TestExamplesAgree runs each example at several parallelisms: what it prints is the same.
func TestExamplesAgree(t *testing.T) {
	for _, name := range []string{"accesslog", "sensors", "anagrams"} {
		first, stderr, code := run(t, name)
		if code != 0 || strings.Count(first, "\n") < 5 {
			t.Errorf("%s: exit code %d, output\n%s\nstderr:\n%s", name, code, first, stderr)
		}
		for _, parallelism := range []string{"2", "7"} {
			if again, _, code := run(t, name, "-parallelism", parallelism); code != 0 || again != first {
				t.Errorf("%s: exit code %d; at parallelism %s it prints\n%s\nat 1\n%s", name, code, parallelism, again, first)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	missing := filepath.Join(t.TempDir(), "missing.txt")
	notDir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notDir, []byte("2025-01-01T00:00:00Z,attic,warm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command string
		args    []string
		want    string
	}{
		{"wordcount", []string{"-file", missing}, "error: source.file-missing: operator \"lines\": " + missing + ": "},
		{"wordcount", []string{"-file", missing + "*"}, "error: source.file-missing: "},
		{"wordcount", []string{"-file", "[a-"}, "error: source.bad-glob: operator \"lines\": [a-: "},
		{"wordcount", []string{"-parallelism", "-1"}, "error: option.invalid: "},
		{"wordcount", []string{"-socket", "nowhere"}, "error: option.invalid: "},
		{"wordcount", []string{"-socket", nobody}, "error: source.socket-refused: "},
		{"accesslog", []string{"-file", missing}, "error: source.file-missing: "},
		{"accesslog", []string{"-out", filepath.Join(notDir, "out")}, "error: sink.file-write: "},
		{"sensors", []string{"-file", notDir}, "error: function.error: operator \"parse\" (subtask 1): "},
		{"anagrams", []string{"-file", missing}, "error: source.file-missing: "},
	} {
		stdout, stderr, code := run(t, c.command, c.args...)
		if code != 1 || stdout != "" || !strings.Contains("\n"+stderr, "\n"+c.want) {
			t.Errorf("%s %q: exit code %d, want 1; stdout %q, want nothing; stderr should have %q:\n%s", c.command, c.args, code, stdout, c.want, stderr)
		}
	}
}

// patience is how long a process may take to end after a signal on a loaded machine. A test that a job ends at all must not wait for ever; how fast it does is logged.
const patience = 20 * time.Second

// interrupt sends a signal and returns what the process printed, how it ended, and how long that took.
func (p *process) interrupt(s syscall.Signal) (stdout, stderr string, code int, took time.Duration) {
	p.t.Helper()
	sent := time.Now()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	stdout, stderr, code = p.wait()
	return stdout, stderr, code, time.Since(sent)
}

func TestSignals(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(strings.Repeat("to be or not to be\n", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"generator", "files", "slow"} {
		for _, parallelism := range []string{"1", "4"} {
			for _, s := range []struct {
				signal syscall.Signal
				code   int
			}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
				t.Run(fmt.Sprintf("%s/parallelism=%s/%v", kind, parallelism, s.signal), func(t *testing.T) {
					p := start(t, "busy", "-job", kind, "-dir", dir, "-parallelism", parallelism)
					p.expect("ready")
					_, stderr, code, took := p.interrupt(s.signal)
					t.Logf("ended %v after the signal: %s", took.Round(time.Millisecond), strings.TrimSpace(stderr))
					if code != s.code {
						t.Errorf("exit code %d, want %d", code, s.code)
					}
					if !regexp.MustCompile(`^busy: CANCELED after \S+: [1-9][0-9,]* records read`).MatchString(stderr) {
						t.Errorf("stderr does not say what was processed: %q", stderr)
					}
					if strings.Contains(stderr, "error:") {
						t.Errorf("a job that was canceled is no error: %q", stderr)
					}
				})
			}
		}
	}
}

// TestSignalWhileStuck interrupts a job whose function never returns: it is left behind, and named.
func TestSignalWhileStuck(t *testing.T) {
	p := start(t, "busy", "-job", "stuck")
	p.expect("ready")
	_, stderr, code, took := p.interrupt(syscall.SIGINT)
	t.Logf("ended %v after the signal", took.Round(time.Millisecond))
	if code != 130 || !strings.Contains(stderr, "error: function.stuck: ") || !strings.Contains(stderr, "waits") {
		t.Errorf("exit code %d, want 130; stderr does not name the task:\n%s", code, stderr)
	}
}

// TestSignalOfSocketJob interrupts the word count while it waits for a server that says nothing more.
func TestSignalOfSocketJob(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := start(t, "wordcount", "-socket", server.Addr().String())
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "to be or\n"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := p.out.ReadString('\n'); err != nil {
			t.Fatalf("%v; stderr:\n%s", err, p.errors())
		}
	}
	_, stderr, code, took := p.interrupt(syscall.SIGINT)
	t.Logf("ended %v after the signal: %s", took.Round(time.Millisecond), strings.TrimSpace(stderr))
	if code != 130 || !strings.Contains(stderr, "wordcount: CANCELED after") || !strings.Contains(stderr, ": 1 record read") {
		t.Errorf("exit code %d, want 130; stderr:\n%s", code, stderr)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		kind string
		code int
		says []string
	}{
		{"finish", 0, []string{"busy: FINISHED after", "100,000 records read"}},
		{"fail", 1, []string{"busy: FAILED after", `error: function.error: operator "counting" (subtask `, "no more"}},
		{"panic", 1, []string{"busy: FAILED after", `error: function.panic: operator "counting" (subtask `, "index out of range", "busy/main.go:"}},
	} {
		for _, parallelism := range []string{"1", "2"} {
			_, stderr, code := run(t, "busy", "-job", c.kind, "-parallelism", parallelism)
			if code != c.code {
				t.Errorf("%s: exit code %d, want %d", c.kind, code, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(stderr, text) {
					t.Errorf("%s: stderr does not say %q:\n%s", c.kind, text, stderr)
				}
			}
		}
	}
}

// TestReadmes runs the commands that the guides of the examples show, and compares what they print with the block below. A block that leaves something out, with "...", is
// only shown.
func TestReadmes(t *testing.T) {
	guides, err := filepath.Glob(module + "/examples/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	shows := regexp.MustCompile("(?s)```\ngo run \\./examples/(\\w+)([^\n|]*)(?: \\| head -(\\d+))?\n```\n[^`]*```\n(.*?\n)```\n")
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, m := range shows.FindAllStringSubmatch(string(text), -1) {
			name, args, head, want := m[1], strings.Fields(m[2]), m[3], m[4]
			if slices.Contains(args, "-socket") || strings.Contains(want, "...\n") {
				continue
			}
			compared++
			got, stderr, code := run(t, name, args...)
			if head != "" {
				lines := strings.SplitAfter(got, "\n")
				got = strings.Join(lines[:min(strings.Count(want, "\n"), len(lines))], "")
			}
			if code != 0 || got != want {
				t.Errorf("%s: %s %q prints, with code %d,\n%s\nthe guide says\n%s\nstderr:\n%s", guide, name, args, code, got, want, stderr)
			}
		}
		if compared == 0 {
			t.Errorf("%s shows no command with its output", guide)
		}
	}
}
