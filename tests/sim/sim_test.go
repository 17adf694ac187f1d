package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// stream writes the events of go test -json in a short form: "package test action [output]", where "-" stands for no test.
func stream(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		if strings.HasPrefix(line, "{") || strings.HasPrefix(line, "!") {
			fmt.Fprintln(&b, strings.TrimPrefix(line, "!"))
			continue
		}
		f := strings.SplitN(line, " ", 4)
		if f[1] == "-" {
			f[1] = ""
		}
		if f[2] == "output" {
			fmt.Fprintf(&b, "{\"Action\":\"output\",\"Package\":%q,\"Test\":%q,\"Output\":%q}\n", f[0], f[1], f[3]+"\n")
			continue
		}
		fmt.Fprintf(&b, "{\"Time\":\"2025-01-01T00:00:00Z\",\"Action\":%q,\"Package\":%q,\"Test\":%q,\"Elapsed\":0.1}\n", f[2], f[0], f[1])
	}
	return b.String()
}

// ran is the stream of a package whose test ran the given seeds; those with a minus failed.
func ran(pkg, test string, seeds ...int) (lines []string) {
	lines = append(lines, pkg+" - start", pkg+" "+test+" run")
	state := "pass"
	for _, seed := range seeds {
		name, outcome := fmt.Sprintf("%s %s/seed=%d", pkg, test, max(seed, -seed)), "pass"
		if seed < 0 {
			outcome, state = "fail", "fail"
		}
		lines = append(lines, name+" run", fmt.Sprintf("%s output saying %d", name, seed), name+" "+outcome)
	}
	return append(lines, pkg+" "+test+" "+state, pkg+" - "+state)
}

func TestSummary(t *testing.T) {
	one := map[string][]string{"a": {"TestX"}}
	two := map[string][]string{"a": {"TestX"}, "b": {"TestY"}}
	for _, c := range []struct {
		name   string
		tests  map[string][]string
		events []string
		err    error
		ok     bool
		last   string
		says   []string
		not    []string
	}{
		{name: "all pass", tests: two, events: slices.Concat(ran("a", "TestX", 1, 2, 3), ran("b", "TestY", 1, 2, 3)), ok: true, last: "sim: 3 seeds, 0 failed",
			says: []string{"ok   a: TestX, 3 seeds, 0.1s\n", "ok   b: TestY"}, not: []string{"saying", "FAIL"}},
		{name: "one fails", tests: one, events: ran("a", "TestX", 1, -2, 3), last: "sim: 3 seeds, 1 failed",
			says: []string{"FAIL a: 1 of 3 seeds failed: 2\n", "saying -2", "again: go test a -run '^(TestX)$' -weir.seed=2"}, not: []string{"saying 1"}},
		{name: "one seed in two packages", tests: two, events: slices.Concat(ran("a", "TestX", 1, -2, 3), ran("b", "TestY", -1, -2, 3)), last: "sim: 3 seeds, 2 failed"},
		{name: "interleaved", tests: two, ok: true, last: "sim: 3 seeds, 0 failed", events: func() (mixed []string) {
			a, b := ran("a", "TestX", 1, 2, 3), ran("b", "TestY", 1, 2, 3)
			for i := range a {
				mixed = append(mixed, a[i], b[i])
			}
			return mixed
		}()},
		{name: "breaks off within a seed", tests: one, events: []string{"a TestX run", "a TestX/seed=1 run", "a TestX/seed=1 pass", "a TestX/seed=2 run",
			"a TestX/seed=2 output panic: boom", "a - fail"}, err: errors.New("exit status 1"), last: "sim: 3 seeds, 1 failed", says: []string{"panic: boom"}},
		{name: "fails outside of seeds", tests: one, events: func() []string {
			e := ran("a", "TestX", 1, 2, 3)
			return append(e[:len(e)-1], "a - output goroutines left", "a - fail")
		}(), last: "sim: 3 seeds, 0 failed, broken packages: 1", says: []string{"FAIL a: it failed, but for no seed", "goroutines left"}},
		{name: "too few seeds", tests: one, events: ran("a", "TestX", 1, 2), last: "sim: 3 seeds, 0 failed, broken packages: 1", says: []string{"FAIL a: TestX ran 2 seeds, not 3"}},
		{name: "skipped", tests: one, events: []string{"a TestX run", "a TestX skip", "a - pass"}, last: "sim: 3 seeds, 0 failed, broken packages: 1",
			says: []string{"TestX ran 0 seeds, not 3"}},
		{name: "a package is missing", tests: two, events: ran("a", "TestX", 1, 2, 3), last: "sim: 3 seeds, 0 failed, broken packages: 1", says: []string{"FAIL b: it did not end"}},
		{name: "go test fails without a word", tests: one, events: ran("a", "TestX", 1, 2, 3), err: errors.New("exit status 2"), last: "sim: 3 seeds, 0 failed, broken packages: 1",
			says: []string{"exit status 2"}},
		{name: "does not build", tests: one, events: []string{
			`{"ImportPath":"a [a.test]","Action":"build-output","Output":"a_test.go:3:78: undefined: x\n"}`, `{"ImportPath":"a [a.test]","Action":"build-fail"}`,
			`{"Action":"fail","Package":"a","FailedBuild":"a [a.test]"}`,
		}, err: errors.New("exit status 1"), last: "sim: 3 seeds, 0 failed, broken packages: 1", says: []string{"FAIL a: it does not build", "undefined: x"}},
		{name: "no events", tests: one, events: []string{"!go: cannot find main module"}, err: errors.New("exit status 1"), last: "sim: 3 seeds, 0 failed, broken packages: 1",
			says: []string{"cannot find main module"}},
		{name: "seeds in a subtest", tests: one, events: ran("a", "TestX/deep", 1, 2, 3), ok: true, last: "sim: 3 seeds, 0 failed"},
		{name: "not json", tests: one, events: append([]string{"!warning: something"}, ran("a", "TestX", 1, 2, 3)...), ok: true, last: "sim: 3 seeds, 0 failed",
			says: []string{"warning: something\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out, 3, false, c.tests)
			if err := s.read(strings.NewReader(stream(c.events...))); err != nil {
				t.Fatal(err)
			}
			if ok := s.close(c.err); ok != c.ok {
				t.Errorf("ok is %v, want %v", ok, c.ok)
			}
			if got := out.String(); !strings.HasSuffix("\n"+got, "\n"+c.last+"\n") {
				t.Errorf("the last line is not %q:\n%s", c.last, got)
			}
			for _, text := range c.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("%q is missing:\n%s", text, out.String())
				}
			}
			for _, text := range c.not {
				if strings.Contains(out.String(), text) {
					t.Errorf("%q should not be there:\n%s", text, out.String())
				}
			}
		})
	}
}

func TestSeedOf(t *testing.T) {
	for test, want := range map[string]int{"TestX/seed=12": 12, "TestX/a/seed=7/b": 7, "TestX": -1, "TestX/seed=x": -1, "TestX/noseed=3": -1} {
		if _, seed, ok := seedOf(test); ok != (want >= 0) || ok && seed != want {
			t.Errorf("%s: got %d, %v, want %d", test, seed, ok, want)
		}
	}
}

func TestSeededTests(t *testing.T) {
	var files []*ast.File
	for _, src := range []string{
		`package a; func TestDirect(t *testing.T) { weirtest.Seeds(t, nil) }; func TestOther(t *testing.T) { other.Seeds(t) }; func TestMain() { help() }`,
		`package a; func TestThrough(t *testing.T) { t.Run("x", func(t *testing.T) { help(t) }) }; func TestNamed(t *testing.T) { each(deeper) }`,
		`package a; func help(t *testing.T) { deeper(t) }; func deeper(t *testing.T) { weirtest.Seeds(t, nil) }; func (x T) TestMethod() { weirtest.Seeds(t, nil) }`,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "a_test.go", src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	got := seededTests(files)
	if want := []string{"TestDirect", "TestNamed", "TestThrough"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := pattern(map[string][]string{"a": got, "b": {"TestDirect"}}), "^(TestDirect|TestNamed|TestThrough)$"; got != want {
		t.Errorf("the pattern is %s, want %s", got, want)
	}
}
