package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// event is a line of go test -json: see go doc test2json, and go help buildjson.
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	Elapsed     float64
	ImportPath  string // of build-output and build-fail
	FailedBuild string
}

// maxShown bounds the failed seeds of a package whose output is printed.
const maxShown = 5

// summary follows the events of go test.
type summary struct {
	out     io.Writer
	seeds   int
	verbose bool
	tests   map[string][]string // those that must run, by package

	running map[string]*running
	builds  map[string][]string // what the compiler said, by import path
	ended   map[string]bool
	failed  map[int]bool // seeds
	breaks  int          // packages that failed otherwise than by a seed
}

// running is a package under test.
type running struct {
	state  map[string]string // of each test that has started: "run", or its last action
	output map[string][]string
}

func newSummary(out io.Writer, seeds int, verbose bool, tests map[string][]string) *summary {
	return &summary{
		out: out, seeds: seeds, verbose: verbose, tests: tests,
		running: map[string]*running{}, builds: map[string][]string{}, ended: map[string]bool{}, failed: map[int]bool{},
	}
}

// read takes events until the stream ends. A line that is no event is printed.
func (s *summary) read(events io.Reader) error {
	r := bufio.NewReader(events)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				fmt.Fprintf(s.out, "%s\n", strings.TrimSuffix(string(line), "\n"))
			} else {
				s.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) take(e event) {
	if e.Package == "" {
		if e.Action == "build-output" {
			s.builds[e.ImportPath] = append(s.builds[e.ImportPath], e.Output)
		}
		return
	}
	p := s.running[e.Package]
	if p == nil {
		p = &running{state: map[string]string{}, output: map[string][]string{}}
		s.running[e.Package] = p
	}
	switch {
	case e.Action == "output":
		p.output[e.Test] = append(p.output[e.Test], e.Output)
		if s.verbose {
			fmt.Fprint(s.out, e.Output)
		}
	case e.Test != "":
		switch e.Action {
		case "run", "pass", "fail", "skip":
			p.state[e.Test] = e.Action
		}
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		s.end(e, p)
	}
}

// end sums up a package that has ended.
func (s *summary) end(e event, p *running) {
	s.ended[e.Package] = true
	delete(s.running, e.Package)
	if e.FailedBuild != "" {
		s.broken(e.Package, "it does not build", s.builds[e.FailedBuild]...)
		return
	}
	tests := slices.Sorted(maps.Keys(p.state))
	ran, failed := map[string]map[int]bool{}, map[int]bool{} // ran by test
	var bad []string
	for _, test := range tests {
		state := p.state[test]
		root, seed, ok := seedOf(test)
		if ok {
			if ran[root] == nil {
				ran[root] = map[int]bool{}
			}
			if state != "skip" {
				ran[root][seed] = true
			}
		}
		if state == "pass" || state == "skip" {
			continue
		}
		// A test that started and never ended, since the process broke off, has failed as well.
		bad = append(bad, test)
		if ok {
			failed[seed] = true
		}
	}
	maps.Copy(s.failed, failed)
	switch {
	case len(failed) > 0:
		fmt.Fprintf(s.out, "FAIL %s: %d of %d seeds failed: %s\n", short(e.Package), len(failed), s.seeds, join(slices.Sorted(maps.Keys(failed))))
		shown := 0
		for _, test := range bad {
			if _, _, ok := seedOf(test); ok {
				if shown++; shown > maxShown {
					fmt.Fprintln(s.out, "    the output of more failures is left out")
					break
				}
			}
			s.print(p.output[test])
		}
		s.print(p.output[""])
		least := slices.Min(slices.Collect(maps.Keys(failed)))
		fmt.Fprintf(s.out, "    again: go test %s -run '%s' -weir.seed=%d\n", short(e.Package), pattern(map[string][]string{"": s.tests[e.Package]}), least)
	case e.Action == "fail":
		var lines []string
		for _, test := range append(bad, "") {
			lines = append(lines, p.output[test]...)
		}
		s.broken(e.Package, "it failed, but for no seed", lines...)
	default:
		for _, test := range s.tests[e.Package] {
			// A test may call Seeds in subtests of its own.
			n := 0
			for root, seeds := range ran {
				if root == test || strings.HasPrefix(root, test+"/") {
					n = max(n, len(seeds))
				}
			}
			if n != s.seeds {
				s.broken(e.Package, fmt.Sprintf("%s ran %d seeds, not %d", test, n, s.seeds), p.output[test]...)
				return
			}
		}
		fmt.Fprintf(s.out, "ok   %s: %s, %d seeds, %.1fs\n", short(e.Package), strings.Join(s.tests[e.Package], ", "), s.seeds, e.Elapsed)
	}
}

func (s *summary) print(lines []string) {
	for _, line := range lines {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(s.out, "    ", strings.TrimSuffix(line, "\n"), "\n")
		}
	}
}

// broken reports a package that failed otherwise than by a seed.
func (s *summary) broken(pkg, why string, lines ...string) {
	s.breaks++
	fmt.Fprintf(s.out, "FAIL %s: %s\n", short(pkg), why)
	s.print(lines)
}

// close prints the last line, and reports whether all is well. testErr is what became of go test itself, which fails also for reasons that its events do not tell.
func (s *summary) close(testErr error) bool {
	for _, p := range slices.Sorted(maps.Keys(s.tests)) {
		if !s.ended[p] {
			s.broken(p, "it did not end")
		}
	}
	if testErr != nil && s.breaks == 0 && len(s.failed) == 0 {
		s.broken("go test", testErr.Error())
	}
	if s.breaks > 0 {
		fmt.Fprintf(s.out, "sim: %d seeds, %d failed, broken packages: %d\n", s.seeds, len(s.failed), s.breaks)
		return false
	}
	fmt.Fprintf(s.out, "sim: %d seeds, %d failed\n", s.seeds, len(s.failed))
	return len(s.failed) == 0
}

// seedOf returns the seed in the name of a subtest such as TestX/seed=12, and the name in front of it.
func seedOf(test string) (root string, seed int, ok bool) {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		if n, found := strings.CutPrefix(part, "seed="); found {
			seed, err := strconv.Atoi(n)
			return strings.Join(parts[:i], "/"), seed, err == nil
		}
	}
	return "", 0, false
}

// join lists numbers, the first twenty of them.
func join(numbers []int) string {
	var b strings.Builder
	for i, n := range numbers {
		if i == 20 {
			b.WriteString(", ...")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}
