package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// terminal is a terminal with the program weir on it.
type terminal struct {
	t      *testing.T
	file   *os.File
	screen vt10x.Terminal
	cancel func()
	exited chan struct{}

	mu      sync.Mutex
	written time.Time // when the program last wrote
}

// open starts weir on a terminal of its own.
func open(t *testing.T, dir string, columns, rows int, args ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := program(ctx, t, args...)
	home := t.TempDir()
	c.Dir = dir
	c.Env = append(c.Env, "TERM=xterm-256color", "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home, "INPUTRC="+filepath.Join(home, "none"), "LC_ALL=C.UTF-8", "NO_COLOR=", "COLORTERM=")
	f, err := pty.StartWithSize(c, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, file: f, cancel: cancel, exited: make(chan struct{})}
	x.screen = vt10x.New(vt10x.WithSize(columns, rows), vt10x.WithWriter(f))
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 32<<10)
		kept := 0 // the first bytes of a character whose others have not come
		for {
			n, err := f.Read(b[kept:])
			if err != nil {
				return
			}
			n += kept
			done, _ := x.screen.Write(b[:n])
			kept = copy(b, b[done:n])
			x.mu.Lock()
			x.written = time.Now()
			x.mu.Unlock()
		}
	})
	go func() {
		_ = c.Wait()
		close(x.exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-x.exited
		f.Close()
		reading.Wait()
	})
	return x
}

// send types something, and waits until the program has answered and has nothing more to write, and the screen shows want.
func (x *terminal) send(text, want string) {
	x.mu.Lock()
	x.written = time.Time{}
	x.mu.Unlock()
	fmt.Fprint(x.file, text)
	x.wait(want)
}

// patience is how long a text may take to come.
const patience = 20 * time.Second

// keys are what terminals send for keys with names.
var keys = map[string]string{
	"Enter": "\r", "Tab": "\t", "Up": "\x1b[A", "Down": "\x1b[B", "PgDn": "\x1b[6~", "Ctrl-C": "\x03", "Ctrl-D": "\x04", "Ctrl-U": "\x15", "Esc": "\x1b", "Space": " ",
}

// text is what the screen shows, without blanks at the ends of lines and empty lines at its end.
func (x *terminal) text() string {
	lines := strings.Split(x.screen.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \x00")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// wait waits until the screen shows a text and the program has nothing more to write, and returns the screen.
func (x *terminal) wait(want string) string {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		x.mu.Lock()
		quiet := !x.written.IsZero() && time.Since(x.written) > 200*time.Millisecond
		x.mu.Unlock()
		text := x.text()
		if quiet && strings.Contains(text, want) {
			return text
		}
		if time.Now().After(deadline) {
			return "NOT SEEN: " + want + "\n" + text
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestScreens drives a terminal as the files in testdata/screens say:
//
//	weir columns=C rows=R   starts the program; its arguments follow
//	type                    types lines, with Enter between them
//	key NAME                presses keys
//	screen [for="text"]     waits until the screen shows the text, and prints it
//	end                     waits until the program has ended
func TestScreens(t *testing.T) {
	files, err := filepath.Glob("testdata/screens/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	data, err := filepath.Abs("../../examples/sql/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Symlink(data, filepath.Join(dir, "data")); err != nil {
				t.Fatal(err)
			}
			var x *terminal
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				switch d.Cmd {
				case "file":
					var name string
					d.ScanArgs(t, "name", &name)
					if err := os.WriteFile(filepath.Join(dir, name), []byte(d.Input+"\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				case "weir":
					columns, rows := 80, 24
					d.MaybeScanArgs(t, "columns", &columns)
					d.MaybeScanArgs(t, "rows", &rows)
					x = open(t, dir, columns, rows, strings.Fields(d.Input)...)
				case "type":
					lines := strings.Split(d.Input, "\n")
					for i, l := range lines {
						if i > 0 {
							x.send("\r", "")
						}
						x.send(l, l)
					}
				case "key":
					for _, a := range d.CmdArgs {
						k, ok := keys[a.Key]
						if !ok {
							t.Fatalf("%s: there is no key %s", d.Pos, a.Key)
						}
						x.send(k, "")
					}
				case "screen":
					want := ""
					for _, a := range d.CmdArgs {
						if a.Key == "for" {
							want = strings.ReplaceAll(strings.Join(a.Vals, ", "), "_", " ")
						}
					}
					text := x.wait(want) + "\n"
					// On a machine that is busy the program may have paused within what it writes.
					for deadline := time.Now().Add(patience); text != d.Expected && !d.Rewrite && time.Now().Before(deadline); text = x.text() + "\n" {
						time.Sleep(50 * time.Millisecond)
					}
					return text
				case "end":
					select {
					case <-x.exited:
					case <-time.After(patience):
						return "it goes on:\n" + x.text()
					}
				default:
					t.Fatalf("%s: there is no command %s", d.Pos, d.Cmd)
				}
				return ""
			})
		})
	}
}
