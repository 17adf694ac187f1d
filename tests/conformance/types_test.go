package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/bind"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/types"
)

// differ are the expressions whose type differs from Flink's, and why.
var differ = map[string]string{}

// TestValues compares values with those that Flink gave; ERROR where it refuses the expression.
func TestValues(t *testing.T) {
	b, err := os.ReadFile("testdata/values.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(string(b), "\n") {
		sql, want, found := strings.Cut(line, " => ")
		if !found {
			continue
		}
		seen++
		if want == "ERROR" {
			if env, err := (&set{}).environment(item{}); err != nil {
				t.Fatal(err)
			} else if _, err := env.bind(sql); err == nil {
				t.Errorf("%s is not refused", sql)
			}
			continue
		}
		expected, _ := json.Marshal(want)
		if err := (&set{}).text(sql, item{Expected: expected}); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if seen < 100 {
		t.Errorf("only %d values", seen)
	}
}

// TestCasts compares casts between all types with those of Flink, and which of them are refused.
func TestCasts(t *testing.T) {
	b, err := os.ReadFile("testdata/casts.txt")
	if err != nil {
		t.Fatal(err)
	}
	env, err := (&set{}).environment(item{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(string(b), "\n") {
		sql, want, found := strings.Cut(line, " => ")
		if !found {
			continue
		}
		seen++
		if want == "ERROR" {
			if _, err := env.bind(sql); err == nil {
				t.Errorf("%s is not refused", sql)
			}
			continue
		}
		expected, _ := json.Marshal(want)
		if err := (&set{}).text(sql, item{Expected: expected}); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if seen < 300 {
		t.Errorf("only %d casts", seen)
	}
}

// TestTypes compares the types of expressions, nullability included, with those that Flink gave.
func TestTypes(t *testing.T) {
	b, err := os.ReadFile("testdata/types.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	src := ast.NewSource("", lines[1])
	schema, err := parse.Schema(src)
	if err != nil {
		t.Fatal(err)
	}
	env := &environment{session: &fn.Session{}, row: &column.Batch{N: 1}}
	env.binder = bind.New(catalog.NewManager(), env.session)
	for _, c := range schema.Columns {
		typ, err := catalog.TypeOf(src, c.Type)
		if err != nil {
			t.Fatal(err)
		}
		env.fields = append(env.fields, types.Field{Name: c.Name.Last().Name, Type: typ})
	}
	seen := 0
	for _, line := range lines[2:] {
		sql, want, found := strings.Cut(line, " | ")
		if !found {
			t.Fatalf("no type: %q", line)
		}
		got := ""
		if e, err := env.bind(sql); err != nil {
			got = err.Error()
		} else {
			got = e.Type().WithAttribute(types.NoAttribute).String()
		}
		if why, is := differ[sql]; is {
			if got == want {
				t.Errorf("%s is %s now, take it off the list: %s", sql, got, why)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
		seen++
	}
	if seen < 300 {
		t.Errorf("only %d types", seen)
	}
}
