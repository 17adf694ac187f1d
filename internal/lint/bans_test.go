package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ban is a rule on selectors of a package, such as time.Now, whether called or used as a value.
type ban struct {
	pkg     string
	names   []string // all exported names of the package if nil
	except  []string // names that are fine although names is nil
	applies func(file string) bool
	instead string
}

func everywhere(string) bool { return true }

// program reports whether the file belongs to a program that talks to its user, not to the library.
func program(file string) bool {
	return underAny(file, "cmd", "examples", "bench", "tests", "tools")
}

// stepped reports whether the code of the file runs in virtual time: inside the steps of tasks or the pure machines beside them.
func stepped(file string) bool {
	return underAny(file, "internal/checkpoint", "internal/operator", "internal/runtime") && !under(file, "internal/runtime/sched")
}

var bans = []ban{
	{
		pkg: "sync", names: []string{"Mutex", "RWMutex"},
		applies: func(file string) bool { return under(file, "internal/runtime") },
		instead: "use internal/xsync, which does not stall virtual time in tests",
	},
	{
		pkg: "time", names: []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"},
		applies: stepped,
		instead: "use the clock of the scheduler seam, internal/runtime/sched, or take the time as an argument",
	},
	{
		pkg: "fmt", names: []string{"Print", "Printf", "Println"},
		applies: func(file string) bool { return !program(file) },
		instead: "write to an io.Writer that the caller chose, or return the text",
	},
	{
		pkg: "sort", names: []string{"Slice", "SliceStable"},
		applies: everywhere,
		instead: "use slices.SortFunc or slices.SortStableFunc",
	},
	{
		pkg: "math/rand", except: []string{"New", "NewSource", "NewZipf", "Rand", "Source", "Source64", "Zipf"},
		applies: everywhere,
		instead: "draw from a rand.Rand with an explicit source, so that a seed repeats the run",
	},
	{
		pkg: "math/rand/v2", except: []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"},
		applies: everywhere,
		instead: "draw from a rand.Rand with an explicit source, so that a seed repeats the run",
	},
}

// unfinished are the marks of work left undone; its pieces are apart so that this file could pass its own rule.
var unfinished = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|X` + `XX)\b`)

const (
	insteadPanic = "return an error of package fault, or use invariants.Check; if it cannot happen, panic(fault.New(fault.InternalInvariant, ...))"
	insteadGo    = "run it in a step of a task, or add the package to internal/lint/goroutines.txt with a reason"
)

// checkBans returns the banned constructs of a non-test file, each with its replacement. Packages in goroutines may start
// goroutines; started notes which of those lines were needed.
func checkBans(s *source, goroutines map[string]string, started map[string]bool) []string {
	if ast.IsGenerated(s.ast) {
		return nil
	}
	var complaints []string
	complain := func(pos token.Pos, format string, args ...any) {
		complaints = append(complaints, s.at(pos, format, args...))
	}

	imports := map[string]string{} // name in this file -> path
	for _, spec := range s.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(p, "/v2")
		name = path.Base(name)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			complain(spec.Pos(), "dot import of %s: name the package, so that a reader and this test see what is used", p)
		}
		imports[name] = p
	}
	// selected returns the package and the name if e is a selector on an import.
	selected := func(e ast.Expr) (pkg, name string) {
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return "", ""
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || id.Obj != nil { // a local name that hides the import
			return "", ""
		}
		return imports[id.Name], sel.Sel.Name
	}
	start := func(pos token.Pos, what string) {
		dir := path.Dir(s.file)
		for pattern := range goroutines {
			if match(pattern, dir) {
				started[pattern] = true
				return
			}
		}
		complain(pos, "%s in %s: %s", what, dir, insteadGo)
	}

	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			pkg, name := selected(n)
			for _, b := range bans {
				hit := slices.Contains(b.names, name) || b.names == nil && ast.IsExported(name) && !slices.Contains(b.except, name)
				if pkg == b.pkg && hit && b.applies(s.file) {
					complain(n.Pos(), "%s.%s: %s", pkg, name, b.instead)
				}
			}
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				complain(n.Pos(), "func init: register explicitly, from a list or from main, so that nothing happens by import")
			}
		case *ast.GoStmt:
			start(n.Pos(), "go statement")
		case *ast.CallExpr:
			pkg, name := selected(n.Fun)
			if name == "AfterFunc" && (pkg == "time" || pkg == "context") {
				start(n.Pos(), pkg+".AfterFunc")
			}
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && pkg == "" && sel.Sel.Name == "Go" && len(n.Args) == 1 && spawner(imports) {
				start(n.Pos(), "call of a Go method")
			}
			fun, ok := n.Fun.(*ast.Ident)
			if !ok || fun.Obj != nil {
				break
			}
			switch fun.Name {
			case "print", "println":
				complain(n.Pos(), "%s: write to an io.Writer that the caller chose, or return the text", fun.Name)
			case "panic":
				if len(n.Args) == 1 && isText(n.Args[0], selected) && !under(s.file, "internal/invariants") {
					complain(n.Pos(), "panic with a text: %s", insteadPanic)
				}
			}
		}
		return true
	})
	for _, group := range s.ast.Comments {
		for _, c := range group.List {
			if m := unfinished.FindString(c.Text); m != "" {
				complain(c.Pos(), "%s: finish it, or open an issue and say here what the limit is", m)
			}
		}
	}
	return complaints
}

// spawner reports whether a file imports a package with a type whose method Go starts a goroutine.
func spawner(imports map[string]string) bool {
	for _, p := range imports {
		if p == "sync" || p == "golang.org/x/sync/errgroup" {
			return true
		}
	}
	return false
}

// isText reports whether the expression is a string literal, a sum with one, or a call of fmt.Sprint and its like.
func isText(e ast.Expr, selected func(ast.Expr) (pkg, name string)) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.ParenExpr:
		return isText(e.X, selected)
	case *ast.BinaryExpr:
		return isText(e.X, selected) || isText(e.Y, selected)
	case *ast.CallExpr:
		pkg, name := selected(e.Fun)
		return pkg == "fmt" && strings.HasPrefix(name, "Sprint")
	}
	return false
}

func TestBans(t *testing.T) {
	text, err := os.ReadFile("goroutines.txt")
	if err != nil {
		t.Fatal(err)
	}
	goroutines, complaints := listed("goroutines.txt", string(text))
	started, exists := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		complaints = append(complaints, checkBans(s, goroutines, started)...)
		for pattern := range goroutines {
			if match(pattern, path.Dir(s.file)) {
				exists[pattern] = true
			}
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(goroutines)) {
		if exists[pattern] && !started[pattern] {
			complaints = append(complaints, fmt.Sprintf("goroutines.txt: %s starts no goroutine: remove the line", pattern))
		}
	}
	report(t, complaints)
}

func TestBansHasTeeth(t *testing.T) {
	goroutines := map[string]string{"internal/runtime/sched": "the seam"}
	for _, c := range []struct {
		name, file, src string
		want            []string
	}{
		{"mutex", "internal/runtime/task/a.go", `import "sync"; type t struct { sync.Mutex; rw *sync.RWMutex; wg sync.WaitGroup }`,
			[]string{"sync.Mutex: use internal/xsync", "sync.RWMutex: use internal/xsync"}},
		{"mutex elsewhere", "internal/base/a.go", `import "sync"; var m sync.Mutex`, nil},
		{"clock", "internal/operator/a.go", `import t "time"; var now = t.Now; func f() { t.Sleep(t.Second); <-t.After(1); t.NewTimer(1) }`,
			[]string{"a.go:1: time.Now: use the clock", "time.Sleep: use the clock", "time.After: use the clock", "time.NewTimer: use the clock"}},
		{"clock in the machines", "internal/checkpoint/a.go", `import "time"; var start = time.Since(time.Now())`,
			[]string{"time.Since: use the clock", "time.Now: use the clock"}},
		{"clock of the seam", "internal/runtime/sched/a.go", `import "time"; var now = time.Now()`, nil},
		{"clock elsewhere", "connectors/file/a.go", `import "time"; var now = time.Now()`, nil},
		{"local name", "internal/operator/a.go", `import "time"; var d time.Duration; func f(time clock) { time.Now() }`, nil},
		{"print", "local.go", `import "fmt"; func f() { fmt.Println(); fmt.Fprintln(w); println() }`,
			[]string{"fmt.Println: write to an io.Writer", "println: write to"}},
		{"print of a program", "examples/wordcount/main.go", `import "fmt"; func f() { fmt.Println() }`, nil},
		{"panic", "a.go", `import "fmt"; func f() { panic("x"); panic("x: " + y); panic(fmt.Sprintf("%d", 1)); panic(err) }`,
			[]string{"panic with a text: return an error", "panic with a text", "panic with a text"}},
		{"panic of invariants", "internal/invariants/a.go", `func f() { panic("x") }`, nil},
		{"sort", "a.go", `import "sort"; func f() { sort.Slice(a, b); sort.Search(1, f) }`, []string{"sort.Slice: use slices.SortFunc"}},
		{"rand", "a.go", `import "math/rand/v2"; var x = rand.IntN(3); var r *rand.Rand = rand.New(rand.NewPCG(1, 2)); var y = r.IntN(3)`,
			[]string{"math/rand/v2.IntN: draw from a rand.Rand"}},
		{"old rand", "a.go", `import "math/rand"; func f() { rand.Shuffle(1, nil) }`, []string{"math/rand.Shuffle: draw"}},
		{"init", "a.go", `func init() {}; type t int; func (t) init() {}`, []string{"func init: register explicitly"}},
		{"goroutines", "internal/operator/a.go", `import ("sync"; "context"); func f() { go f(); new(sync.WaitGroup).Go(f); context.AfterFunc(c, f) }`,
			[]string{"go statement in internal/operator: run it in a step", "call of a Go method", "context.AfterFunc"}},
		{"goroutines of the seam", "internal/runtime/sched/a.go", `func f() { go f() }`, nil},
		{"own Go method", "internal/operator/a.go", `func f() { s.Go(f) }`, nil},
		{"dot import", "a.go", `import . "time"; var now = Now()`, []string{"dot import of time"}},
		{"unfinished", "a.go", "// TO" + "DO: more\n/* FIX" + "ME */\nvar x = 1", []string{"a.go:1: TO" + "DO: finish it", "FIX" + "ME: finish it"}},
		{"generated", "a.go", "// Code generated by hand. DO NOT EDIT.\n\nfunc init() {}", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := "package a; " + c.src
			if strings.HasPrefix(c.src, "//") {
				src = c.src[:strings.LastIndex(c.src, "\n")+1] + "package a; " + c.src[strings.LastIndex(c.src, "\n")+1:]
			}
			s, err := parse(c.file, []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			started := map[string]bool{}
			expect(t, checkBans(s, goroutines, started), c.want...)
			if c.name == "goroutines of the seam" && !started["internal/runtime/sched"] {
				t.Error("the line of goroutines.txt is not noted as needed")
			}
		})
	}
	_, complaints := listed("goroutines.txt", "# c\na: why\nb:\nc\n")
	expect(t, complaints, "goroutines.txt:3: b has no reason", "goroutines.txt:4: c has no reason")
}
