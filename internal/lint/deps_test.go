package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const depsFile = "deps/weir.txt"

const depsHead = `# The modules that Weir's own code depends on, directly or through another module, and why. Each is code that runs in a user's
# process: a new line is a decision. Test code, internal/testkit and the modules bench and tools do not count.
# After a change: go test ./internal/lint -rewrite, then write the reasons.
`

// dependency is a package as go list -deps reports it.
type dependency struct {
	ImportPath string
	Module     *struct{ Path string }
	Imports    []string
}

// thirdParty returns the modules that the packages of the root module need, but for its test kit. deps lists packages before those
// that import them, as go list -deps does.
func thirdParty(deps []dependency) []string {
	byPath := map[string]dependency{}
	for _, d := range deps {
		byPath[d.ImportPath] = d
	}
	mods, seen := map[string]bool{}, map[string]bool{}
	var visit func(p string)
	visit = func(p string) {
		if seen[p] {
			return
		}
		seen[p] = true
		d := byPath[p]
		if d.Module != nil && d.Module.Path != module {
			mods[d.Module.Path] = true
		}
		for _, imp := range d.Imports {
			visit(imp)
		}
	}
	for _, d := range deps {
		if under(d.ImportPath, module) && !underAny(d.ImportPath, module+"/internal/testkit", module+"/tests") {
			visit(d.ImportPath)
		}
	}
	return slices.Sorted(maps.Keys(mods))
}

// checkDeps compares the modules with the reviewed list.
func checkDeps(mods []string, text string) []string {
	reasons, complaints := listed(depsFile, text)
	for _, m := range mods {
		if _, ok := reasons[m]; !ok {
			complaints = append(complaints, fmt.Sprintf("%s: %s is a new dependency: run go test ./internal/lint -rewrite and write the reason", depsFile, m))
		}
	}
	for _, m := range slices.Sorted(maps.Keys(reasons)) {
		if !slices.Contains(mods, m) {
			complaints = append(complaints, fmt.Sprintf("%s: %s is no longer a dependency: run go test ./internal/lint -rewrite", depsFile, m))
		}
	}
	return complaints
}

// rewriteDeps returns the list for mods with the reasons that text gives.
func rewriteDeps(mods []string, text string) string {
	reasons, _ := listed(depsFile, text)
	var b strings.Builder
	b.WriteString(depsHead)
	for _, m := range mods {
		b.WriteString(strings.TrimRight(m+": "+reasons[m], " ") + "\n")
	}
	return b.String()
}

func TestDeps(t *testing.T) {
	var deps []dependency
	dec := json.NewDecoder(strings.NewReader(string(goList(t, "-e", "-deps", "-json=ImportPath,Module,Imports", "./..."))))
	for {
		var d dependency
		if err := dec.Decode(&d); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		deps = append(deps, d)
	}
	mods := thirdParty(deps)
	file := filepath.FromSlash(depsFile)
	text, err := os.ReadFile(file)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	if *rewrite {
		text = []byte(rewriteDeps(mods, string(text)))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	report(t, checkDeps(mods, string(text)))
}

func TestDepsHasTeeth(t *testing.T) {
	mod := func(p string) *struct{ Path string } { return &struct{ Path string }{p} }
	mods := thirdParty([]dependency{
		{ImportPath: "fmt"},
		{ImportPath: "x.org/far", Module: mod("x.org/far")},
		{ImportPath: "x.org/near/pkg", Module: mod("x.org/near"), Imports: []string{"x.org/far", "fmt"}},
		{ImportPath: "x.org/leak", Module: mod("x.org/leak")},
		{ImportPath: module, Module: mod(module), Imports: []string{"x.org/near/pkg"}},
		{ImportPath: module + "/internal/testkit/leak", Module: mod(module), Imports: []string{"x.org/leak"}},
	})
	if want := []string{"x.org/far", "x.org/near"}; !slices.Equal(mods, want) {
		t.Fatalf("modules %v, want %v", mods, want)
	}
	const text = "x.org/far: near needs it\nx.org/old: was needed\n"
	expect(t, checkDeps(mods, text), "x.org/near is a new dependency", "x.org/old is no longer a dependency")
	rewritten := rewriteDeps(mods, text)
	expect(t, checkDeps(mods, rewritten), "x.org/near has no reason")
	if want := depsHead + "x.org/far: near needs it\nx.org/near:\n"; rewritten != want {
		t.Errorf("rewritten:\n%s\nwant:\n%s", rewritten, want)
	}
}
