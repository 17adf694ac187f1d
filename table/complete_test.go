package table

import (
	"context"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// TestComplete has texts with a | where the cursor stands, and what is to be among the completions; those behind a - must not.
func TestComplete(t *testing.T) {
	e := NewEnvironment(Options{})
	for _, st := range []string{
		"CREATE TABLE orders (id BIGINT, customer STRING, `order` INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen')",
		"CREATE TABLE customers (name STRING, city STRING) WITH ('connector' = 'datagen')",
		"CREATE VIEW recent AS SELECT id, customer FROM orders",
		"CREATE DATABASE archive", "CREATE TABLE archive.olds (a INT) WITH ('connector' = 'datagen')",
	} {
		if _, err := e.ExecuteSQL(context.Background(), st); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"|":                            "SELECT CREATE STOP",
		"sel|":                         "select",
		"SELECT cus| FROM orders":      "customer -customers -city",
		"SELECT | FROM orders o":       "id customer `order` ts o FROM -name",
		"SELECT o.| FROM orders AS o":  "id customer `order` -o",
		"SELECT * FROM |":              "orders customers recent archive TABLE -SELECT",
		"SELECT * FROM cu|":            "customers -orders",
		"SELECT * FROM archive.|":      "olds -orders",
		"SELECT * FROM orders JOIN c|": "customers",
		"SELECT coun|":                 "count",
		"SELECT COU|":                  "COUNT",
		"SELECT cust|":                 "customer",
		"SELECT UPP|":                  "UPPER",
		"SELECT 1; INSERT INTO |":      "customers",
		"SELECT win| FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' DAY))": "window_start window_end",
		"SHOW |":                            "TABLES JOBS",
		"DESCRIBE re|":                      "recent",
		"USE |":                             "CATALOG archive default_database",
		"SET '|":                            "parallelism.default' execution.runtime-mode'",
		"SET 'execution.run|'":              "execution.runtime-mode",
		"SET 'execution.runtime-mode' = '|": "batch' streaming'",
		"CREATE TABLE t (a INT) WITH ('|":   "connector'",
		"CREATE TABLE t (a INT) WITH ('connector' = '|":                  "datagen' filesystem' print'",
		"CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows|')": "rows-per-second",
		"CREATE TABLE |":         "-orders -archive",
		"SELECT 'a| FROM orders": "-id -AND",
		"-- SELECT |":            "-SELECT -id",
		"COMPILE |":              "PLAN AND -SELECT",
		"EXECUTE |":              "PLAN STATEMENT INSERT SELECT",
		"EXPLAIN PLAN |":         "FOR -id",
		"EXPLAIN PLAN FOR |":     "SELECT INSERT EXECUTE STATEMENT -id",

		"COMPILE AND EXECUTE |":                "PLAN -INSERT",
		"COMPILE PLAN 'f' FOR |":               "INSERT STATEMENT -id",
		"COMPILE PLAN 'f' IF NOT EXISTS FOR |": "INSERT STATEMENT -id",
		"SELECT \"|":                           "-id",
	} {
		at := strings.Index(text, "|")
		from, all := e.Complete(text[:at]+text[at+1:], at)
		typed := text[from:at]
		found := map[string]bool{}
		for _, c := range all {
			if rank(c.Kind) < 0 || !strings.EqualFold(strings.TrimPrefix(c.Text, "`")[:len(strings.TrimPrefix(typed, "`"))], strings.TrimPrefix(typed, "`")) {
				t.Errorf("%s: %q of kind %q does not begin with %q", text, c.Text, c.Kind, typed)
			}
			found[c.Text] = true
		}
		for _, w := range strings.Fields(want) {
			if not, ok := strings.CutPrefix(w, "-"); ok == found[not] && ok || !ok && !found[w] {
				t.Errorf("%s: %s\ngot %v", text, w, all)
			}
		}
	}
}

// TestCompleteAnything asks at every place of texts that are cut anywhere.
func TestCompleteAnything(t *testing.T) {
	e := NewEnvironment(Options{})
	const text = "CREATE TABLE `a``b` (x INT, /* y */ t AS 'z') WITH ('connector' = 'datagen'); -- c\nSELECT a.`x`, \"q, . .. ( ) ) JOIN a.b.c.d AS SET 'k' = 'v' X'00' STOP JOB '"
	for end := range text {
		for at := range end + 1 {
			if from, _ := e.Complete(text[:end], at); from > at {
				t.Fatalf("%q at %d: from %d", text[:end], at, from)
			}
		}
	}
}

func TestJobs(t *testing.T) {
	ctx := context.Background()
	e := NewEnvironment(Options{})
	e.AllowSavepoints()
	dir := t.TempDir()
	for _, st := range []string{
		"CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '1000000')",
		"CREATE TABLE nowhere (n BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'blackhole')",
		"INSERT INTO nowhere SELECT COUNT(*) FROM numbers",
		"SET 'pipeline.name' = 'second'",
		"INSERT INTO nowhere SELECT id FROM numbers",
	} {
		if _, err := e.ExecuteSQL(ctx, st); err != nil {
			t.Fatal(err)
		}
	}
	jobs := e.Jobs()
	if len(jobs) != 2 {
		t.Fatal(len(jobs))
	}
	one := func(st string) []string {
		t.Helper()
		r, err := e.ExecuteSQL(ctx, st)
		if err != nil {
			t.Fatal(err)
		}
		var cells []string
		for row, err := range r.Rows(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range row.Values {
				cells = append(cells, v.Text)
			}
		}
		return cells
	}
	if got := one("SHOW JOBS"); len(got) != 8 || got[0] != jobs[0].ID() || got[1] != "insert-into_default_catalog.default_database.nowhere" || got[5] != "second" {
		t.Error(got)
	}
	if got := one("DESCRIBE JOB '" + jobs[1].ID() + "'"); len(got) != 4 || got[0] != jobs[1].ID() {
		t.Error(got)
	}
	for st, code := range map[string]fault.Code{
		"STOP JOB 'xyz'": fault.SQLUnknownJob, "STOP JOB ''": fault.SQLUnknownJob, "STOP JOB '" + jobs[0].ID() + "' WITH SAVEPOINT": fault.OptionInvalid,
	} {
		if _, err := e.ExecuteSQL(ctx, st); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", st, err)
		}
	}
	one("STOP JOB '" + jobs[1].ID() + "'")
	if got := one("DESCRIBE JOB '" + jobs[1].ID() + "'"); got[2] != "CANCELED" {
		t.Error(got)
	}
	one("SET 'execution.checkpointing.savepoint-dir' = 'file://" + dir + "?sync=false'") // parameters and all
	path := one("STOP JOB '" + jobs[0].ID() + "' WITH SAVEPOINT")
	if len(path) != 1 || !strings.HasPrefix(path[0], "file://"+dir) || !strings.HasSuffix(path[0], "?sync=false") || one("DESCRIBE JOB '" + jobs[0].ID() + "'")[2] != "FINISHED" {
		t.Error(path)
	}
	// The query goes on from there.
	one("RESET 'pipeline.name'")
	one("SET 'execution.state-recovery.path' = '" + path[0] + "'")
	one("INSERT INTO nowhere SELECT COUNT(*) FROM numbers")
	last := e.Jobs()[2]
	if last.Status() == "FAILED" {
		t.Error(last.Failures())
	}
	last.Cancel()
	_, _ = last.Wait(ctx)
}
