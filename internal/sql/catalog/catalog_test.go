package catalog

import (
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/parse"
)

const ddl = "CREATE TABLE `c`.`d`.`t/1` (\n  `a` INT NOT NULL COMMENT 'it''s',\n  `b` AS `a` + 1,\n  `m` TIMESTAMP_LTZ(3) METADATA FROM 'k' VIRTUAL,\n  `r` ROW<`x` INT, `y` ARRAY<STRING NOT NULL>>,\n" +
	"  WATERMARK FOR `m` AS `m` - INTERVAL '5' SECOND,\n  PRIMARY KEY (`a`) NOT ENFORCED\n)\nCOMMENT 'text'\nDISTRIBUTED BY HASH(`a`) INTO 3 BUCKETS\nPARTITIONED BY (`a`)\nWITH (\n  'connector' = 'x',\n  'k' = 'v'\n)"

// TestCatalogs puts objects into each kind of catalog and finds them again.
func TestCatalogs(t *testing.T) {
	for _, kind := range []string{"memory", "directory"} {
		t.Run(kind, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "cat")
			open := func() Catalog {
				d, err := OpenDirectory(root, "c", "first")
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			var c Catalog = NewMemory("first")
			if kind == "directory" {
				c = open()
			}
			table, err := Read("", ddl, Path{"c", "d", "t/1"})
			if err != nil {
				t.Fatal(err)
			}
			if got := table.DDL(); got != ddl {
				t.Errorf("written as\n%s", got)
			}
			view, err := Read("", "CREATE VIEW `c`.`d`.`v` (`q`)\nAS SELECT 1", Path{"c", "d", "v"})
			if err != nil {
				t.Fatal(err)
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(c.PutDatabase(&Database{Name: "d", Comment: "a 'comment'", Options: map[string]string{"k": "v"}}))
			must(c.PutTable(table))
			must(c.PutTable(view))
			must(c.PutFunction(&Function{Path: Path{"c", "d", "f"}, Class: "x.Y", Language: "JAVA"}))
			if kind == "directory" {
				c = open()
			}
			databases, err := c.Databases()
			must(err)
			if !slices.Equal(databases, []string{"d", "first"}) {
				t.Error(databases)
			}
			d, err := c.Database("d")
			must(err)
			if d == nil || d.Comment != "a 'comment'" || d.Options["k"] != "v" {
				t.Error(d)
			}
			tables, err := c.Tables("d")
			must(err)
			if !slices.Equal(tables, []string{"t/1", "v"}) {
				t.Error(tables)
			}
			got, err := c.Table("d", "t/1")
			must(err)
			if got == nil || got.DDL() != ddl {
				t.Errorf("read as %v", got)
			}
			if v, err := c.Table("d", "v"); err != nil || v == nil || !v.IsView() || v.QueryText != "SELECT 1" {
				t.Error(v, err)
			}
			f, err := c.Function("d", "f")
			must(err)
			if f == nil || f.Class != "x.Y" || f.Language != "JAVA" {
				t.Error(f)
			}
			for _, missing := range []string{"", "..", "x"} {
				if g, err := c.Table("d", missing); g != nil || err != nil {
					t.Error(missing, g, err)
				}
				if g, err := c.Table(missing, "v"); g != nil || err != nil {
					t.Error(missing, g, err)
				}
			}
			must(c.DropTable("d", "v"))
			must(c.DropTable("d", "v"))
			must(c.DropFunction("d", "f"))
			if v, err := c.Table("d", "v"); v != nil || err != nil {
				t.Error("dropped, but there:", v, err)
			}
			must(c.DropDatabase("d"))
			if d, err := c.Database("d"); d != nil || err != nil {
				t.Error("dropped, but there:", d, err)
			}
		})
	}
}

func TestManagerFunctions(t *testing.T) {
	m := NewManager()
	run := func(text string) error {
		src := ast.NewSource("", text)
		st, err := parse.Statement(src)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Execute(src, st)
		return err
	}
	for text, want := range map[string]fault.Code{
		"CREATE FUNCTION f AS 'one'": "", "CREATE TEMPORARY SYSTEM FUNCTION g AS 'two'": "",
	} {
		if err := run(text); fault.CodeOf(err) != want {
			t.Error(text, err)
		}
	}
	for name, want := range map[string]string{"F": "one", "G": "two"} {
		f, err := m.Function(Path{}, []string{name})
		if err != nil || f == nil || f.Class != want {
			t.Error(name, f, err)
		}
	}
	if err := run("CREATE FUNCTION F AS 'three'"); fault.CodeOf(err) != fault.SQLExists {
		t.Error(err)
	}
	if err := run("ALTER FUNCTION f AS 'four'"); err != nil {
		t.Error(err)
	}
	if f, _ := m.Function(Path{}, []string{"f"}); f.Class != "four" {
		t.Error(f)
	}
}

// TestMatches compares LIKE with a regular expression.
func TestMatches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(of string, n int) string {
		var b strings.Builder
		for range random.IntN(n) {
			b.WriteByte(of[random.IntN(len(of))])
		}
		return b.String()
	}
	yes := 0
	for range 20000 {
		pattern, text := word("ab%_", 6), word("ab%_", 7)
		expression := "^"
		for _, r := range pattern {
			switch r {
			case '%':
				expression += ".*"
			case '_':
				expression += "."
			default:
				expression += string(r)
			}
		}
		want := regexp.MustCompile(expression + "$").MatchString(text)
		if got := matches(text, pattern); got != want {
			t.Fatalf("%q LIKE %q: %v", text, pattern, got)
		}
		if want {
			yes++
		}
	}
	if yes < 1000 {
		t.Error("only", yes, "match")
	}
	if !matches("a%b", `a\%b`) || matches("axb", `a\%b`) {
		t.Error("escapes")
	}
}

func TestClosest(t *testing.T) {
	names := []string{"orders", "Users", "bid", "auction"}
	for name, want := range map[string]string{"order": "orders", "users": "Users", "bdi": "bid", "auctoin": "auction", "x": "", "nothing": "", "ordesr": "orders"} {
		if got := Closest(name, names); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
}
