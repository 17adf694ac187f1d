package table

import (
	"context"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// statements executes statements and returns the rows of the last, with tabs between columns.
func statements(t *testing.T, e *Environment, text string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := e.Script(context.Background(), "", text, func(_ string, r *Result) error {
		out.Reset()
		if r.IsQuery() {
			return nil
		}
		return r.WriteTSV(context.Background(), &out, false)
	})
	return out.String(), err
}

func TestCatalogStatements(t *testing.T) {
	e := NewEnvironment(Options{})
	got, err := statements(t, e, "CREATE DATABASE d; USE d; CREATE TABLE t (a INT NOT NULL, b AS a + 1) WITH ('connector' = 'blackhole'); CREATE VIEW v AS SELECT b FROM t; SHOW TABLES")
	if err != nil || got != "table name\nt\nv\n" {
		t.Errorf("%q %v", got, err)
	}
	got, err = statements(t, e, "DESCRIBE t")
	if err != nil || got != "name\ttype\tnull\tkey\textras\twatermark\na\tINT\tFALSE\tNULL\tNULL\tNULL\nb\tINT\tFALSE\tNULL\tAS a + 1\tNULL\n" {
		t.Errorf("%q %v", got, err)
	}
	if _, err = statements(t, e, "DROP TABLE v"); fault.CodeOf(err) != fault.SQLUnknownObject {
		t.Error(err)
	}
}

func TestPlansOfGrouping(t *testing.T) {
	e := NewEnvironment(Options{})
	if _, err := statements(t, e, "CREATE TABLE t (event_type INT, a AS event_type + 1, b AS event_type + 2) WITH ('connector' = 'nexmark', 'events.num' = '10')"); err != nil {
		t.Fatal(err)
	}
	plan, err := e.Explain(context.Background(), "SELECT a, GROUPING(b), GROUPING_ID(a, b) FROM t GROUP BY ROLLUP (a, b)")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sets=[{a, b}, {a}, {}]", "CASE(($e = 0), 0, ($e = 1), 1, ($e = 2), 1, 0)", "CASE(($e = 0), 0, ($e = 1), 1, ($e = 2), 3, 0)"} {
		if !strings.Contains(plan, want) {
			t.Errorf("no %s in\n%s", want, plan)
		}
	}
	for _, text := range []string{
		"SELECT * FROM FROM_CHANGELOG(input => TABLE t, op => DESCRIPTOR(b))",
	} {
		if _, err := e.Explain(context.Background(), text); err == nil || fault.CodeOf(err) == fault.InternalInvariant {
			t.Errorf("%s: %v", text, err)
		}
	}
}
