package lint

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// checkPackageDocs returns the packages whose non-test files do not hold exactly one package comment of the right form.
func checkPackageDocs(files []*source) []string {
	type entry struct {
		name string
		docs []string // files with a package comment
	}
	entries := map[string]*entry{}
	var complaints []string
	for _, f := range files {
		dir := path.Dir(f.file)
		if entries[dir] == nil {
			entries[dir] = &entry{name: f.ast.Name.Name}
		}
		if f.ast.Doc == nil {
			continue
		}
		entries[dir].docs = append(entries[dir].docs, path.Base(f.file))
		want := "Package " + f.ast.Name.Name
		if f.ast.Name.Name == "main" {
			want = "Command " + path.Base(dir)
		}
		rest, ok := strings.CutPrefix(f.ast.Doc.Text(), want)
		if !ok || !strings.ContainsAny(rest[:min(1, len(rest))], " ,\n:") {
			complaints = append(complaints, f.at(f.ast.Doc.Pos(), "the package comment must begin with %q", want+" "))
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(entries)) {
		switch e := entries[dir]; len(e.docs) {
		case 0:
			complaints = append(complaints, fmt.Sprintf("%s: package %s has no package comment: say in doc.go what it is for", dir, e.name))
		case 1:
		default:
			complaints = append(complaints, fmt.Sprintf("%s: package %s has %d package comments, in %s: keep one", dir, e.name, len(e.docs), strings.Join(e.docs, ", ")))
		}
	}
	return complaints
}

// sources parses the non-test Go files of the repository.
func sources(t *testing.T) []*source {
	t.Helper()
	tr := repository(t)
	var out []*source
	for _, file := range tr.goFiles(false) {
		s, err := parse(file, tr.read(t, file))
		if err != nil {
			t.Error(err)
			continue
		}
		out = append(out, s)
	}
	return out
}

func TestPackageDocs(t *testing.T) { report(t, checkPackageDocs(sources(t))) }

func TestPackageDocsHasTeeth(t *testing.T) {
	var files []*source
	for _, f := range []struct{ file, src string }{
		{"a/a.go", "// Package a is good.\npackage a"},
		{"a/b.go", "//go:build linux\n\npackage a"},
		{"none/a.go", "// Copyright.\n\npackage none"},
		{"two/a.go", "// Package two is here.\npackage two"},
		{"two/b.go", "// Package two is there.\npackage two"},
		{"odd/a.go", "// Odd things.\npackage odd"},
		{"odder/a.go", "// Package oddervation is another.\npackage odder"},
		{"cmd/tool/main.go", "// Command tool is good.\npackage main"},
		{"cmd/bad/main.go", "// Package main is bad.\npackage main"},
	} {
		s, err := parse(f.file, []byte(f.src))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, s)
	}
	expect(t, checkPackageDocs(files),
		"none: package none has no package comment",
		"two: package two has 2 package comments, in a.go, b.go",
		`odd/a.go:1: the package comment must begin with "Package odd "`,
		`odder/a.go:1: the package comment must begin with "Package odder "`,
		`cmd/bad/main.go:1: the package comment must begin with "Command bad "`)
}
