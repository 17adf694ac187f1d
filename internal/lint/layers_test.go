package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pkg is what go list says about a package, with paths relative to the module: "." for its root.
type pkg struct {
	Path    string
	Imports []string // of non-test files, packages of this module only
}

// room is a line of layers.txt.
type room struct {
	line    int
	pattern string
	floor   float64
	rests   float64 // the highest floor it may import; the floor below its own unless "rests on" says less
	allowed []edge
	never   []edge
}

// edge is a line "may import" or "never imports".
type edge struct {
	line   int
	to     string
	reason string
}

// parseLayers reads the format that the head of layers.txt explains.
func parseLayers(text string) (rooms []*room, complaints []string) {
	n := 0
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf("layers.txt:%d: ", n)+fmt.Sprintf(format, args...))
	}
	for line := range strings.Lines(text) {
		n++
		body := strings.TrimSpace(line)
		if body == "" || strings.HasPrefix(body, "#") {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			f := strings.Fields(body)
			floor, err := strconv.ParseFloat(f[0], 64)
			if len(f) != 2 || err != nil {
				complain("want \"floor package\", got %q", body)
				continue
			}
			if slices.ContainsFunc(rooms, func(r *room) bool { return r.pattern == f[1] }) {
				complain("%s is listed twice", f[1])
				continue
			}
			rooms = append(rooms, &room{line: n, pattern: f[1], floor: floor, rests: floor})
			continue
		}
		if len(rooms) == 0 {
			complain("%q belongs to no package", body)
			continue
		}
		r := rooms[len(rooms)-1]
		statement, reason, _ := strings.Cut(body, ":")
		if reason = strings.TrimSpace(reason); reason == "" {
			complain("%q has no reason: write \"%s: why\"", body, strings.TrimSuffix(body, ":"))
			continue
		}
		switch {
		case strings.HasPrefix(statement, "may import "):
			r.allowed = append(r.allowed, edge{n, strings.TrimPrefix(statement, "may import "), reason})
		case strings.HasPrefix(statement, "never imports "):
			r.never = append(r.never, edge{n, strings.TrimPrefix(statement, "never imports "), reason})
		case strings.HasPrefix(statement, "rests on "):
			floor, err := strconv.ParseFloat(strings.TrimPrefix(statement, "rests on "), 64)
			if err != nil || floor > r.floor {
				complain("want \"rests on\" and a floor up to %v, got %q", r.floor, statement)
				continue
			}
			r.rests = floor
		default:
			complain("want \"may import\", \"never imports\" or \"rests on\", got %q", statement)
		}
	}
	return rooms, complaints
}

// find returns the room of a package: the line with its own name, else the longest pattern that matches.
func find(rooms []*room, name string) *room {
	var best *room
	for _, r := range rooms {
		if r.pattern == name {
			return r
		}
		if match(r.pattern, name) && (best == nil || len(r.pattern) > len(best.pattern)) {
			best = r
		}
	}
	return best
}

// checkLayers returns what is wrong with the imports of pkgs by the rules of text, which is layers.txt.
func checkLayers(text string, pkgs []pkg) []string {
	rooms, complaints := parseLayers(text)
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }

	used := map[int]bool{} // lines of exceptions that an import needs
	for _, p := range pkgs {
		from := find(rooms, p.Path)
		if from == nil {
			complain("%s has no floor: add it to internal/lint/layers.txt", p.Path)
			continue
		}
		for _, imp := range p.Imports {
			to := find(rooms, imp)
			if to == nil {
				continue // complained about where imp is the subject
			}
			if i := slices.IndexFunc(from.never, func(e edge) bool { return match(e.to, imp) }); i >= 0 {
				complain("%s must never import %s: %s (layers.txt:%d)", p.Path, imp, from.never[i].reason, from.never[i].line)
				continue
			}
			i := slices.IndexFunc(from.allowed, func(e edge) bool { return match(e.to, imp) })
			if i >= 0 {
				used[from.allowed[i].line] = true
			}
			switch {
			case to.floor > from.floor:
				complain("%s (floor %v) imports %s (floor %v): imports point downward, and no exception can allow this one", p.Path, from.floor, imp, to.floor)
			case i >= 0:
			case to.floor == from.floor:
				complain("%s imports %s sideways, both are on floor %v: move what they share down, or add \"may import %s: reason\" to layers.txt", p.Path, imp, from.floor, imp)
			case to.floor > from.rests:
				complain("%s rests on floor %v and below, but imports %s of floor %v", p.Path, from.rests, imp, to.floor)
			}
		}
	}

	exists := func(pattern string) bool {
		return slices.ContainsFunc(pkgs, func(p pkg) bool { return match(pattern, p.Path) })
	}
	for _, r := range rooms {
		for _, e := range r.allowed {
			if !used[e.line] && exists(r.pattern) && exists(e.to) {
				complain("layers.txt:%d: %s no longer imports %s: remove the exception", e.line, r.pattern, e.to)
			}
		}
		for _, e := range slices.Concat(r.allowed, r.never) {
			if !exists(e.to) && !slices.ContainsFunc(rooms, func(o *room) bool { return o.pattern == e.to || match(e.to, o.pattern) }) {
				complain("layers.txt:%d: %s is neither a package nor listed", e.line, e.to)
			}
		}
	}
	return complaints
}

// packages returns the packages of the root module.
func packages(t *testing.T) []pkg {
	t.Helper()
	rel := func(p string) (string, bool) {
		if p == module {
			return ".", true
		}
		return strings.CutPrefix(p, module+"/")
	}
	var out []pkg
	// -e: a package that does not compile is the business of go vet, and its imports are known all the same.
	dec := json.NewDecoder(strings.NewReader(string(goList(t, "-e", "-json=ImportPath,Imports", "./..."))))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		path, _ := rel(p.ImportPath)
		q := pkg{Path: path}
		for _, imp := range p.Imports {
			if r, ok := rel(imp); ok {
				q.Imports = append(q.Imports, r)
			}
		}
		out = append(out, q)
	}
}

func TestLayers(t *testing.T) {
	text, err := os.ReadFile("layers.txt")
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkLayers(string(text), packages(t)))
}

func TestLayersHasTeeth(t *testing.T) {
	const text = `
# a comment
0   fault
0.1 types
2   internal/dataflow
2   internal/temporal
    may import internal/dataflow: for this test
5   connectors/*
    rests on 0.1: vocabulary alone
3   internal/checkpoint
    never imports internal/dataflow: for this test
3   internal/operator
    may import internal/checkpoint: it did once
6   .
9   internal/planned
    may import internal/dataflow: not written yet
`
	good := []pkg{
		{Path: "fault"}, {Path: "types", Imports: []string{"fault"}}, {Path: "internal/dataflow", Imports: []string{"types"}},
		{Path: "internal/temporal", Imports: []string{"internal/dataflow"}}, {Path: "connectors/file", Imports: []string{"types"}},
		{Path: "internal/checkpoint"}, {Path: ".", Imports: []string{"connectors/file"}},
	}
	expect(t, checkLayers(text, good))

	with := func(p pkg) []pkg {
		return append(slices.DeleteFunc(slices.Clone(good), func(q pkg) bool { return q.Path == p.Path }), p)
	}
	for _, c := range []struct {
		bad  pkg
		want []string
	}{
		{pkg{"fault", []string{"types"}}, []string{"fault (floor 0) imports types (floor 0.1)"}},
		{pkg{"internal/dataflow", []string{"internal/temporal"}}, []string{"internal/dataflow imports internal/temporal sideways"}},
		{pkg{"internal/temporal", nil}, []string{"layers.txt:7: internal/temporal no longer imports internal/dataflow"}},
		{pkg{"internal/util", nil}, []string{"internal/util has no floor: add it to internal/lint/layers.txt"}},
		{pkg{"connectors/file", []string{"internal/dataflow"}}, []string{"connectors/file rests on floor 0.1"}},
		{pkg{"internal/checkpoint", []string{"internal/dataflow"}}, []string{"internal/checkpoint must never import internal/dataflow: for this test"}},
		{pkg{"internal/operator", nil}, []string{"internal/operator no longer imports internal/checkpoint"}},
	} {
		t.Run(c.bad.Path, func(t *testing.T) { expect(t, checkLayers(text, with(c.bad)), c.want...) })
	}

	_, complaints := parseLayers("  may import x: y\nfloor\n1 a\n1 a\n  may import b\n  should import b: why\n  rests on 2: why\n  rests on air: why\n")
	expect(t, complaints, "belongs to no package", "want \"floor package\"", "a is listed twice", "has no reason", "want \"may import\"", "a floor up to 1", "a floor up to 1")
	expect(t, checkLayers("1 a\n  never imports b: why\n", nil), "b is neither a package nor listed")
}
