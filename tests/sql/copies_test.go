package sql

import (
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/table"
)

// TestCopies counts the changes that INTERSECT ALL and EXCEPT ALL make of many equal rows, with a change for each row: an update of how often a row comes is as large as the difference.
func TestCopies(t *testing.T) {
	const n = 3000
	for query, want := range map[string]int{
		"SELECT k FROM a EXCEPT ALL SELECT k FROM b":    n - 3,
		"SELECT k FROM a INTERSECT ALL SELECT k FROM b": 3,
	} {
		store := values.NewStore()
		env := table.NewEnvironment(table.Options{Parallelism: 1})
		env.AddConnector(store.Table())
		if err := env.Set("table.exec.mini-batch.enabled", "false"); err != nil {
			t.Fatal(err)
		}
		store.Put("a", slices.Repeat([]values.Row{values.R(7)}, n)...)
		store.Put("b", slices.Repeat([]values.Row{values.R(7)}, 3)...)
		for _, ddl := range []string{
			"CREATE TABLE a (k INT) WITH ('connector' = 'values', 'batch-size' = '7')",
			"CREATE TABLE b (k INT) WITH ('connector' = 'values')",
			"CREATE TABLE `out` (k INT) WITH ('connector' = 'values')",
		} {
			if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
				t.Fatal(err)
			}
		}
		res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` "+query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := res.Job.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := materialize(store)
		if err != nil || len(rows) != want || strings.Trim(rows[0], "[]") != "7" {
			t.Errorf("%s: %d rows, want %d: %v", query, len(rows), want, err)
		}
		if changes := len(store.Written("out")); changes > 2*n {
			t.Errorf("%s: %d changes of %d rows", query, changes, n)
		}
	}
}
