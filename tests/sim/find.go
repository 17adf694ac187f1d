package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// seeded returns the packages that match the patterns and have tests that run under seeds, with the names of these tests.
func seeded(patterns []string) (tests map[string][]string, err error) {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	const format = `{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}}{{"\t"}}{{$p.Dir}}{{"\t"}}{{.}}{{"\n"}}{{end}}` +
		`{{range .XTestGoFiles}}{{$p.ImportPath}}{{"\t"}}{{$p.Dir}}{{"\t"}}{{.}}{{"\n"}}{{end}}`
	list, err := exec.Command("go", append([]string{"list", "-e", "-f", format}, patterns...)...).Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(strings.TrimSpace(string(e.Stderr)))
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	parsed := map[string][]*ast.File{}
	for line := range strings.Lines(string(list)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			continue
		}
		// A file with a syntax error is the compiler's to complain about; what could be read of it is enough here.
		file, _ := parser.ParseFile(token.NewFileSet(), filepath.Join(f[1], f[2]), nil, parser.SkipObjectResolution)
		if file != nil {
			parsed[f[0]] = append(parsed[f[0]], file)
		}
	}
	tests = map[string][]string{}
	for p, fs := range parsed {
		if names := seededTests(fs); len(names) > 0 {
			tests[p] = names
		}
	}
	return tests, nil
}

// seededTests returns the tests in the files of a package that call weirtest.Seeds, or a function of the files that does.
func seededTests(files []*ast.File) []string {
	calls := map[string]map[string]bool{} // by function, the names it mentions
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Body == nil {
				continue
			}
			names := map[string]bool{}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "weirtest" && n.Sel.Name == "Seeds" {
						names[seeds] = true
					}
				case *ast.Ident:
					names[n.Name] = true
				}
				return true
			})
			calls[fn.Name.Name] = names
		}
	}
	reach := map[string]bool{seeds: true}
	for before := 0; before < len(reach); {
		before = len(reach)
		for fn, names := range calls {
			for name := range names {
				if reach[name] {
					reach[fn] = true
				}
			}
		}
	}
	var tests []string
	for fn := range reach {
		if strings.HasPrefix(fn, "Test") && fn != "TestMain" && calls[fn] != nil {
			tests = append(tests, fn)
		}
	}
	slices.Sort(tests)
	return tests
}

// seeds stands for weirtest.Seeds among names of functions.
const seeds = "weirtest.Seeds"

// pattern is a regular expression for go test -run that matches the given tests and no others.
func pattern(tests map[string][]string) string {
	all := map[string]bool{}
	for _, names := range tests {
		for _, name := range names {
			all[name] = true
		}
	}
	return "^(" + strings.Join(slices.Sorted(maps.Keys(all)), "|") + ")$"
}
