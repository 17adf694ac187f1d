package lint

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "bring deps/weir.txt up to date")

const module = "github.com/weirstream/weir"

// root is the root of the repository, relative to this package, where go test runs it.
var root = filepath.Join("..", "..")

// tree is a set of files; paths have slashes and are relative to the root of the repository.
type tree struct {
	fsys  fs.FS
	files []string
}

// repository returns the files of this repository: those that git would commit, or, outside a git checkout, all.
func repository(t *testing.T) tree {
	t.Helper()
	fsys := os.DirFS(root)
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		tr := tree{fsys: fsys}
		for f := range strings.SplitSeq(string(out), "\x00") {
			// Deleted files are still listed until the deletion is staged.
			if info, err := fs.Stat(fsys, f); f != "" && err == nil && info.Mode().IsRegular() {
				tr.files = append(tr.files, f)
			}
		}
		slices.Sort(tr.files)
		if len(tr.files) > 0 {
			return tr
		}
	}
	return walk(t, fsys)
}

// walk returns all regular files of fsys but those of the folder .git.
func walk(t *testing.T, fsys fs.FS) tree {
	t.Helper()
	tr := tree{fsys: fsys}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.Type().IsRegular():
			tr.files = append(tr.files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// goFiles returns the Go files that the go command would look at, in order. Tests are left out unless asked for.
func (tr tree) goFiles(tests bool) []string {
	var out []string
	for _, f := range tr.files {
		if path.Ext(f) == ".go" && (tests || !strings.HasSuffix(f, "_test.go")) && !hidden(f) {
			out = append(out, f)
		}
	}
	return out
}

// hidden reports whether the go command ignores the file: testdata, vendor, and names that begin with a dot or an underscore.
func hidden(file string) bool {
	for part := range strings.SplitSeq(file, "/") {
		if part == "testdata" || part == "vendor" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_") {
			return true
		}
	}
	return false
}

func (tr tree) read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := fs.ReadFile(tr.fsys, file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// source is a parsed Go file.
type source struct {
	file string
	src  []byte
	fset *token.FileSet
	ast  *ast.File
}

func parse(file string, src []byte) (*source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &source{file: file, src: src, fset: fset, ast: f}, nil
}

// at formats a complaint about the place pos.
func (s *source) at(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", s.file, s.fset.Position(pos).Line) + fmt.Sprintf(format, args...)
}

// under reports whether a slash-separated path is dir or lies in it.
func under(file, dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }

func underAny(file string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return under(file, d) })
}

// match reports whether the package name is the pattern, which may end in /* for all packages below a folder.
func match(pattern, name string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(name, dir+"/")
	}
	return pattern == name
}

// report makes each complaint a test error.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}

// expect compares complaints with the fragments they must hold, one each, in any order.
func expect(t *testing.T, complaints []string, fragments ...string) {
	t.Helper()
	left := slices.Clone(complaints)
	for _, want := range fragments {
		i := slices.IndexFunc(left, func(c string) bool { return strings.Contains(c, want) })
		if i < 0 {
			t.Errorf("no complaint with %q", want)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, c := range left {
		t.Errorf("unexpected complaint: %s", c)
	}
}

// goList runs go list in the root of the repository. The platform is fixed, so that the answer is the same on every machine.
func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// listed parses a list of lines "name: reason"; empty lines and comments are left out. A line without a reason is a complaint.
func listed(file, text string) (reasons map[string]string, complaints []string) {
	reasons = map[string]string{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, ":")
		if reason = strings.TrimSpace(reason); reason == "" {
			complaints = append(complaints, fmt.Sprintf("%s:%d: %s has no reason: write \"%s: why\"", file, n, name, name))
		}
		reasons[strings.TrimSpace(name)] = reason
	}
	return reasons, complaints
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"connectors/*", "connectors/file", true},
		{"connectors/*", "connectors/file/internal/x", true},
		{"connectors/*", "connectors", false},
		{"connector", "connectors/file", false},
		{".", ".", true},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
