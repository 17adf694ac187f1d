package parse

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// read parses a text of a kind.
func read(kind, text string) (ast.Node, error) {
	src := ast.NewSource("", text)
	var n ast.Node
	var err error
	switch kind {
	case "statement":
		n, err = Statement(src)
	case "expr":
		n, err = Expr(src)
	case "type":
		n, err = Type(src)
	case "schema":
		n, err = Schema(src)
	default:
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// again is the tree of a tree's text: it must be the same but for spans.
func again(t testing.TB, kind string, n ast.Node) {
	t.Helper()
	text := ast.Format(n)
	if kind == "schema" {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "("), ")")
	}
	m, err := read(kind, text)
	if err != nil {
		t.Errorf("formatted as %s, which fails: %v", text, err)
		return
	}
	if d := cmp.Diff(n, m, cmp.Comparer(func(a, b ast.Span) bool { return true })); d != "" {
		t.Errorf("formatted as %s, which is another tree: %s", text, d)
	}
}

var spanType = reflect.TypeFor[ast.Span]()

// spans checks that each node lies within its parent, from start to end.
func spans(t testing.TB, v reflect.Value, within ast.Span) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			spans(t, v.Elem(), within)
		}
	case reflect.Slice:
		for i := range v.Len() {
			spans(t, v.Index(i), within)
		}
	case reflect.Struct:
		if f := v.FieldByName("Span"); f.IsValid() && f.Type() == spanType {
			at := f.Interface().(ast.Span)
			if at.Start < within.Start || at.End > within.End || at.Start > at.End {
				t.Errorf("%s at %v lies outside of %v", v.Type(), at, within)
			}
			within = at
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Type != spanType && v.Type().Field(i).IsExported() {
				spans(t, v.Field(i), within)
			}
		}
	}
}

// TestScripts parses what the files in testdata/script have, and prints it again, or the error.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "script" {
				s, err := Script("q.sql", d.Input)
				var b strings.Builder
				for _, st := range s.Statements {
					line, column := s.Source.Position(st.Pos().Start)
					fmt.Fprintf(&b, "%d:%d %s %s\n", line, column, strings.TrimPrefix(fmt.Sprintf("%T", st), "*ast."), ast.Format(st))
				}
				if err != nil {
					fmt.Fprintln(&b, err)
				}
				return b.String()
			}
			n, err := read(d.Cmd, d.Input)
			if err != nil {
				return err.Error() + "\n"
			}
			again(t, d.Cmd, n)
			spans(t, reflect.ValueOf(n), ast.Span{End: len(d.Input)})
			return ast.Format(n) + "\n"
		})
	})
}

// TestNexmark reads the queries of the Nexmark benchmark.
func TestNexmark(t *testing.T) {
	files, err := filepath.Glob("../../cli/nexmarkbench/queries/*.sql")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Script(filepath.Base(f), strings.ReplaceAll(string(text), "${SINK}", "'connector' = 'blackhole'"))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(text), ";\n"); len(s.Statements) != n {
			t.Errorf("%s: %d statements, want %d", f, len(s.Statements), n)
		}
		for _, st := range s.Statements {
			again(t, "statement", st)
		}
	}
}

// TestConformance reads SQL of Flink's own tests.
func TestConformance(t *testing.T) {
	f, err := os.Open("testdata/conformance.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var c struct{ Kind, SQL string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		node, err := read(c.Kind, c.SQL)
		if err != nil {
			t.Errorf("%s\n%v", c.SQL, err)
			continue
		}
		again(t, c.Kind, node)
		spans(t, reflect.ValueOf(node), ast.Span{End: len(c.SQL)})
	}
	if n < 500 {
		t.Errorf("only %d texts", n)
	}
}

// TestDeep gives the parser what nests and chains too deep: it must say so, and not run out of stack.
func TestDeep(t *testing.T) {
	const n = 100_000
	for name, text := range map[string]string{
		"parentheses": strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"open":        strings.Repeat("(", n),
		"not":         strings.Repeat("NOT ", n) + "a",
		"minus":       strings.Repeat("- ", n) + "a",
		"calls":       strings.Repeat("f(", n),
		"case":        strings.Repeat("CASE WHEN ", n),
		"array":       strings.Repeat("ARRAY[", n),
		"row":         strings.Repeat("ROW(", n),
		"cast":        strings.Repeat("CAST(", n),
		"braces":      strings.Repeat("{fn ", n),
		"queries":     strings.Repeat("(SELECT ", n),
		"tables":      "(SELECT 1 FROM " + strings.Repeat("(", n),
		"with":        strings.Repeat("(WITH a AS ", n),
		"interval":    strings.Repeat("INTERVAL (", n),
		"plus":        "1" + strings.Repeat(" + 1", n),
		"or":          "a" + strings.Repeat(" OR a", n),
		"is":          "a" + strings.Repeat(" IS NULL", n),
		"index":       "a" + strings.Repeat("[1]", n),
		"field":       "f()" + strings.Repeat(".a", n),
		"union":       "(SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", n) + ")",
		"join":        "(SELECT 1 FROM t" + strings.Repeat(" JOIN t", n) + ")",
		"comma":       "(SELECT 1 FROM t" + strings.Repeat(", t", n) + ")",
		"between":     strings.Repeat("a BETWEEN ", n),
		"in":          strings.Repeat("a IN (", n),
		"like":        strings.Repeat("a LIKE ", n),
		"type":        "CAST(a AS " + strings.Repeat("ARRAY<", n),
		"type array":  "CAST(a AS INT" + strings.Repeat(" ARRAY", n) + ")",
		"grouping":    "(SELECT a FROM t GROUP BY " + strings.Repeat("CUBE (", n),
		"pattern":     "(SELECT a FROM t MATCH_RECOGNIZE (PATTERN (" + strings.Repeat("(", n),
		"windows":     strings.Repeat("f() OVER (ORDER BY ", n),
		"final":       strings.Repeat("RUNNING ", n),
		"json":        strings.Repeat("JSON_ARRAY(", n),
		"position":    strings.Repeat("POSITION(", n),
	} {
		_, err := read("expr", text)
		if fault.CodeOf(err) != fault.SQLTooDeep {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	// What is long but not deep is read.
	if _, err := read("expr", "a IN (1"+strings.Repeat(", 1", n)+")"); err != nil {
		t.Error(err)
	}
}

// TestError has the parts of an error.
func TestError(t *testing.T) {
	_, err := Script("q.sql", "SELECT 1;\nSELECT a,\n  FROM t")
	var e *sqlerr.Error
	if !errors.As(err, &e) || e.Place() != "q.sql:3:3" || fault.CodeOf(err) != fault.SQLSyntax || fault.BlameOf(err) != fault.User {
		t.Errorf("%v", err)
	}
}

// FuzzParse gives the parser any text: it must not panic, the spans must lie within the text, and what it reads must survive formatting.
func FuzzParse(f *testing.F) {
	corpus := func(file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n\n") {
			if _, rest, ok := strings.Cut(part, "\n"); ok {
				sql, _, _ := strings.Cut(rest, "\n----")
				f.Add(sql)
			}
		}
	}
	for _, file := range []string{"expr", "query", "statement", "errors"} {
		corpus("testdata/script/" + file)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []string{"statement", "expr", "type"} {
			n, err := read(kind, text)
			if err != nil {
				var e *sqlerr.Error
				if !errors.As(err, &e) || e.Pos().Start < 0 || e.Pos().End > len(text) || e.Pos().Start > e.Pos().End || err.Error() == "" {
					t.Errorf("%q: %v", text, err)
				}
				continue
			}
			spans(t, reflect.ValueOf(n), ast.Span{End: len(text)})
			again(t, kind, n)
		}
	})
}
