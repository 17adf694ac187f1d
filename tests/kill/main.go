// Command kill runs examples/durable many times, kills it with SIGKILL at random moments, starts it again each time until it has finished, and compares what it has written with what a run
// that nobody disturbed writes: line by line, none missing, none twice.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/testkit/killed"
)

func main() {
	runs := flag.Int("runs", 50, "runs, each killed at least once")
	lines := flag.Int("lines", 300_000, "lines of the log")
	seed := flag.Uint64("seed", 0, "seed of the moments; 0 draws one")
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	differ, err := run(*runs, *lines, *seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		os.Exit(1)
	}
	fmt.Printf("kill: %d runs, %d differ\n", *runs, differ)
	if differ > 0 {
		os.Exit(1)
	}
}

type program struct {
	dir, binary, in string
	rng             *rand.Rand
}

func run(runs, lines int, seed uint64) (differ int, err error) {
	dir, err := os.MkdirTemp("", "weir-kill")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	p := program{dir: dir, binary: filepath.Join(dir, "durable"), in: filepath.Join(dir, "logs"), rng: rand.New(rand.NewPCG(seed, 1))}
	build := exec.Command("go", "build", "-o", p.binary, "./examples/durable")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("building examples/durable: %w", err)
	}
	if err := p.makeLogs(lines); err != nil {
		return 0, err
	}
	start := time.Now()
	want, _, err := p.once("undisturbed", 0)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	fmt.Printf("seed %d: the undisturbed run takes %v and writes %d lines\n", seed, took.Round(time.Millisecond), bytes.Count(want, []byte("\n")))
	kills := 0
	for i := range runs {
		got, killed, err := p.once(fmt.Sprint("run-", i), took)
		if err != nil {
			return differ, fmt.Errorf("run %d: %w", i, err)
		}
		kills += killed
		if !bytes.Equal(got, want) {
			differ++
			fmt.Printf("run %d, killed %d times, differs: %s\n", i, killed, difference(want, got))
		}
	}
	fmt.Printf("killed %d times\n", kills)
	return differ, nil
}

// makeLogs writes logs in the order of time, each line a little out of it.
func (p *program) makeLogs(lines int) error {
	if err := os.Mkdir(p.in, 0o777); err != nil {
		return err
	}
	const files = 8
	at := time.Date(2025, 3, 3, 0, 0, 0, 0, time.UTC)
	sections := []string{"/blog/a", "/about", "/static/app.js", "/", "/images/x.png", "/feed.xml"}
	for f := range files {
		var b bytes.Buffer
		for range lines / files {
			at = at.Add(time.Duration(p.rng.IntN(2000)) * time.Millisecond)
			t := at.Add(-time.Duration(p.rng.IntN(30)) * time.Second)
			status := []int{200, 200, 200, 304, 404, 500}[p.rng.IntN(6)]
			fmt.Fprintf(&b, "192.0.2.%d - - [%s] \"GET %s HTTP/1.1\" %d %d\n", p.rng.IntN(256), t.Format("02/Jan/2006:15:04:05 -0700"), sections[p.rng.IntN(len(sections))], status, p.rng.IntN(10_000))
		}
		if err := os.WriteFile(filepath.Join(p.in, fmt.Sprintf("access-%02d.log", f)), b.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// once runs the program until it has finished, killing it at moments within a time, at least once unless the time is 0. It returns what it wrote, sorted.
func (p *program) once(name string, within time.Duration) (output []byte, kills int, err error) {
	out := filepath.Join(p.dir, name)
	defer os.RemoveAll(out)
	kills, err = killed.Run(p.rng, within, 20, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, p.binary, "-in", p.in, "-dir", out, "-interval", "15ms", "-parallelism", fmt.Sprint(1+p.rng.IntN(3)))
	})
	if err != nil {
		return nil, kills, err
	}
	for _, sub := range []string{"hours", "failures"} {
		lines, err := read(filepath.Join(out, sub))
		if err != nil {
			return nil, kills, err
		}
		output = append(output, lines...)
	}
	return output, kills, nil
}

// read returns all visible lines, sorted.
func read(dir string) ([]byte, error) {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		b, err := os.ReadFile(path)
		lines = append(lines, strings.SplitAfter(string(b), "\n")...)
		return err
	})
	slices.Sort(lines)
	return []byte(strings.Join(lines, "")), err
}

// difference tells the first line that one has more often than the other.
func difference(want, got []byte) string {
	count := map[string]int{}
	for _, l := range strings.Split(string(want), "\n") {
		count[l]++
	}
	for _, l := range strings.Split(string(got), "\n") {
		count[l]--
	}
	for _, l := range slices.Sorted(maps.Keys(count)) {
		switch n := count[l]; {
		case n > 0:
			return fmt.Sprintf("%d times too few: %s", n, l)
		case n < 0:
			return fmt.Sprintf("%d times too often: %s", -n, l)
		}
	}
	return "nothing"
}
