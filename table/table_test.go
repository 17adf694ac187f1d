package table

import (
	"context"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

func run(t *testing.T, script string) (string, error) {
	t.Helper()
	var b strings.Builder
	env := NewEnvironment(Options{})
	err := env.Script(t.Context(), "test.sql", script, func(_ string, r *Result) error {
		if r.Job != nil {
			if _, err := r.Job.Wait(context.Background()); err != nil {
				return err
			}
		}
		return r.WriteTSV(t.Context(), &b, true)
	})
	return b.String(), err
}

func TestQueries(t *testing.T) {
	for _, c := range [][2]string{
		{"SELECT 1 AS x, 'a' || 'b' AS y, CAST(NULL AS INT) AS z", "op\tx\ty\tz\n+I\t1\tab\tNULL\n"},
		{"SELECT id, name FROM (VALUES (1, 'a'), (2, 'b'), (1, 'c')) AS t(id, name) WHERE id = 1", "op\tid\tname\n+I\t1\ta\n+I\t1\tc\n"},
		{"CREATE VIEW v AS SELECT a * 2 AS b FROM (VALUES (1), (2)) AS t(a); SELECT b FROM v WHERE b > 2", "op\tb\n+I\t4\n"},
		{"SELECT 'a\tb' AS x", "op\tx\n+I\ta\\tb\n"},
	} {
		got, err := run(t, c[0])
		if err != nil || got != c[1] {
			t.Errorf("%s:\n%s%v\nwant\n%s", c[0], got, err, c[1])
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for _, c := range []struct {
		script string
		code   fault.Code
		place  string
	}{
		{"SELECT 1;\nSELEC 2", fault.SQLSyntax, "test.sql:2:1"},
		{"SELECT x FROM nowhere", fault.SQLUnknownTable, "test.sql:1:15"},
		{"CREATE TABLE t (a INT) WITH ('connector' = 'blackhol'); INSERT INTO t VALUES (1)", fault.SQLTable, "did you mean 'blackhole'?"},
		{"CREATE TABLE t (a INT) WITH ('connector' = 'blackhole'); SELECT * FROM t", fault.SQLTable, "for writing only"},
		{"SET 'execution.runtime-mod' = 'batch'", fault.OptionInvalid, "did you mean 'execution.runtime-mode'?"},
		{"SET 'parallelism.default' = 'many'", fault.OptionInvalid, "whole number"},
	} {
		_, err := run(t, c.script)
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.place) {
			t.Errorf("%s: %v, want %s with %q", c.script, err, c.code, c.place)
		}
	}
}

func TestExplain(t *testing.T) {
	env := NewEnvironment(Options{})
	plan, err := env.Explain(t.Context(), "SELECT a + 1 AS b FROM (VALUES (1), (2)) AS t(a) WHERE a > 1")
	if err != nil || !strings.Contains(plan, "Calc(") || !strings.Contains(plan, "changelogMode=[I]") {
		t.Errorf("%s%v", plan, err)
	}
}
