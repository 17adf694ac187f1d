package lint

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// topFolders are the folders of the repository, those to come included: a word in backticks that begins with one of them, or with a
// folder that exists, is taken for a path.
var topFolders = []string{
	"api", "bench", "client", "cmd", "column", "connector", "connectors", "deploy", "docs", "eventtime", "examples", "fault", "format",
	"formats", "internal", "local", "state", "table", "tests", "tools", "types", "udf", "web", "weirtest", "window", ".ci",
}

var (
	inBackticks = regexp.MustCompile("`([^`]+)`")
	fence       = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	pathLike    = regexp.MustCompile(`^(?:\./)?[\w.-]+(?:/[\w.*{},<>-]*)+$`)
	symbol      = regexp.MustCompile(`\.[A-Z]\w*(?:\.[A-Z]\w*)*$`)
	lineNumber  = regexp.MustCompile(`:\d+$`)
	// bare matches a path outside backticks, as Go comments write them; only folders whose name is no everyday word count.
	bare = regexp.MustCompile(`(?:^|[\s("])((?:internal|docs|tests|cmd|examples|bench|tools|connectors|formats)/[\w./*-]+)`)
)

// guides returns the files whose paths must exist: guides at the root, in docs and in the rooms, and package comments in doc.go.
func guides(tr tree) []string {
	var out []string
	for _, f := range tr.files {
		if hidden(f) {
			continue
		}
		dir, base := path.Split(f)
		switch {
		case base == "doc.go", base == "DESIGN.md", path.Ext(base) == ".md" && under(f, "docs"),
			path.Ext(base) == ".md" && under(f, "examples"),
			dir == "" && slices.Contains([]string{"ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"}, base):
			out = append(out, f)
		}
	}
	return out
}

// expand replaces {a,b} by each of its choices.
func expand(p string) []string {
	before, rest, ok := strings.Cut(p, "{")
	if !ok {
		return []string{p}
	}
	choices, after, _ := strings.Cut(rest, "}")
	var out []string
	for choice := range strings.SplitSeq(choices, ",") {
		out = append(out, expand(before+strings.TrimSpace(choice)+after)...)
	}
	return out
}

// checkPaths returns the paths named in text, the content of file, that exist neither at the root nor beside the file.
func checkPaths(fsys fs.FS, file, text string) []string {
	top := func(name string) bool {
		if slices.Contains(topFolders, name) {
			return true
		}
		info, err := fs.Stat(fsys, name)
		return err == nil && info.IsDir()
	}
	exists := func(p string) bool {
		for _, base := range []string{p, path.Join(path.Dir(file), p)} {
			if found, err := fs.Glob(fsys, path.Clean(base)); err == nil && len(found) > 0 {
				return true
			}
		}
		return false
	}

	type candidate struct {
		offset int
		word   string
	}
	var candidates []candidate
	if path.Ext(file) == ".md" {
		// Blank fenced blocks, keeping line numbers: they hold commands and output, not claims about the tree.
		text = fence.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	} else {
		for _, m := range bare.FindAllStringSubmatchIndex(text, -1) {
			candidates = append(candidates, candidate{m[2], strings.TrimRight(text[m[2]:m[3]], ".-")})
		}
	}
	for _, m := range inBackticks.FindAllStringSubmatchIndex(text, -1) {
		candidates = append(candidates, candidate{m[2], text[m[2]:m[3]]})
	}

	var complaints []string
	for _, c := range candidates {
		// "internal/..." is a pattern of the go command for a folder; "file.go:12" and "pkg.Name" point into a file.
		p := lineNumber.ReplaceAllString(strings.TrimSuffix(c.word, "..."), "")
		if !pathLike.MatchString(p) || strings.ContainsAny(p, "<>") {
			continue
		}
		p = strings.TrimPrefix(p, "./")
		if first, _, _ := strings.Cut(p, "/"); !top(first) {
			continue
		}
		for _, choice := range expand(p) {
			if !exists(choice) && !exists(symbol.ReplaceAllString(choice, "")) {
				line := 1 + strings.Count(text[:c.offset], "\n")
				complaints = append(complaints, fmt.Sprintf("%s:%d: there is no %s: correct the path, or do not write it as one yet", file, line, choice))
			}
		}
	}
	return complaints
}

func TestPaths(t *testing.T) {
	tr := repository(t)
	for _, file := range guides(tr) {
		report(t, checkPaths(tr.fsys, file, string(tr.read(t, file))))
	}
}

func TestPathsHasTeeth(t *testing.T) {
	fsys := fstest.MapFS{
		"internal/a/a.go": {}, "internal/a/testdata/x.txt": {}, "internal/b/b.go": {}, "odd/x.txt": {}, "docs/x.md": {},
		"README.md": {}, "internal/a/doc.go": {}, "DESIGN.md": {}, "internal/a/testdata/doc.go": {}, "NOTES.md": {}, "examples/w/README.md": {},
	}
	const good = "`internal/a`, `./internal/b/`, `internal/{a,b}`, `internal/*`, `internal/...`, `odd/x.txt`, `internal/a.Thing`, `internal/a/a.go:12`, " +
		"`records/s`, `text/plain`, `github.com/x/y`, `go test ./...`, `tests/<name>`, docs/gone.md\n```\n`docs/fenced.md`\n```\n"
	expect(t, checkPaths(fsys, "README.md", good))
	expect(t, checkPaths(fsys, "docs/x.md", "`docs/x.md`, `./x.md`"))
	expect(t, checkPaths(fsys, "README.md", "a\n```\n```\n`internal/c`, `internal/{a,d}/a.go`\n`odd/y.txt` `table/` `docs/*.txt` `internal/c.Thing` `internal/a/c.go:7`"),
		"README.md:4: there is no internal/c:", "README.md:4: there is no internal/d/a.go", "README.md:5: there is no odd/y.txt", "no table/", "no docs/*.txt",
		"no internal/c.Thing", "no internal/a/c.go:")
	expect(t, checkPaths(fsys, "internal/a/doc.go", "// Package a. See internal/b and\n// internal/gone. The testdata is in `testdata/x.txt`; import state/machine.\npackage a"),
		"internal/a/doc.go:2: there is no internal/gone:")

	got := guides(walk(t, fsys))
	if want := []string{"DESIGN.md", "README.md", "docs/x.md", "examples/w/README.md", "internal/a/doc.go"}; !slices.Equal(got, want) {
		t.Errorf("guides are %v, want %v", got, want)
	}
}
