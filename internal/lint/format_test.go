package lint

import (
	"bytes"
	"fmt"
	"go/format"
	"regexp"
	"testing"
)

// checkFormat returns a complaint if src is not what gofmt would write.
func checkFormat(file string, src []byte) []string {
	out, err := format.Source(src)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", file, err)}
	}
	if bytes.Equal(out, src) {
		return nil
	}
	line := 1
	for i := range min(len(out), len(src)) {
		if out[i] != src[i] {
			break
		}
		if src[i] == '\n' {
			line++
		}
	}
	return []string{fmt.Sprintf("%s:%d: not formatted: run gofmt -w %s", file, line, file)}
}

// machinePath matches absolute paths of a developer's or a build machine; its pieces are apart so that this file passes its
// own rule.
var machinePath = regexp.MustCompile(`(?:^|[^\w.~$%}/-])(/(?:wo` + `rk|ro` + `ot)/[\w.+-]*)`)

// checkMachinePaths returns the places of a text that name a directory of some machine. Files that are not text pass.
func checkMachinePaths(file string, src []byte) []string {
	if bytes.IndexByte(src[:min(len(src), 8<<10)], 0) >= 0 {
		return nil
	}
	var complaints []string
	for i, line := range bytes.Split(src, []byte("\n")) {
		if m := machinePath.FindSubmatch(line); m != nil {
			complaints = append(complaints, fmt.Sprintf("%s:%d: %s is a path of one machine: make it relative", file, i+1, m[1]))
		}
	}
	return complaints
}

func TestFormat(t *testing.T) {
	tr := repository(t)
	for _, file := range tr.goFiles(true) {
		report(t, checkFormat(file, tr.read(t, file)))
	}
}

func TestMachinePaths(t *testing.T) {
	tr := repository(t)
	for _, file := range tr.files {
		report(t, checkMachinePaths(file, tr.read(t, file)))
	}
}

func TestFormatHasTeeth(t *testing.T) {
	expect(t, checkFormat("a.go", []byte("package a\n\nvar x = 1\n")))
	expect(t, checkFormat("a.go", []byte("package a\n\nvar  x = 1\n")), "a.go:3: not formatted")
	expect(t, checkFormat("a.go", []byte("package a\nvar = 1\n")), "a.go: ")
}

func TestMachinePathsHasTeeth(t *testing.T) {
	work, home := "/wo"+"rk/", "/ro"+"ot/"
	good := "https://example.com" + work + "x and frame" + work[1:] + " and $X" + home + "y and a" + home
	expect(t, checkMachinePaths("a.md", []byte(good)))
	expect(t, checkMachinePaths("a.bin", []byte("\x00 "+work+"main")))
	expect(t, checkMachinePaths("a.md", []byte("see\n`"+work+"main/x.go`\ncd "+home+"go\n"+home)),
		"a.md:2: "+work+"main is a path", "a.md:3: "+home+"go is a path", "a.md:4: "+home+" is a path")
}
