package sql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// TestFilterOfUpdates filters groups that change, before a sink that takes no old rows: a group that the filter does not let through any more is deleted there.
func TestFilterOfUpdates(t *testing.T) {
	for _, perRow := range []string{"false", "true"} {
		store := values.NewStore()
		env := table.NewEnvironment(table.Options{})
		env.AddConnector(store.Table())
		if err := env.Set("table.exec.mini-batch.enabled", perRow); err != nil {
			t.Fatal(err)
		}
		store.Put("t", values.R(1, "a"), values.R(2, "a"), values.R(1, "b"), values.R(1, "c"), values.R(2, "c"), values.R(2, "d"))
		for _, ddl := range []string{
			"CREATE TABLE t (k INT, s STRING) WITH ('connector' = 'values', 'batch-size' = '1')",
			"CREATE TABLE `out` (k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UA,D')",
		} {
			if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
				t.Fatal(err)
			}
		}
		res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` SELECT k, COUNT(*) FROM t GROUP BY k HAVING COUNT(*) <> 2")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := res.Job.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, want := store.Texts("out"), []string{"+I[1, 1]", "+I[2, 1]", "-D[1, 1]", "+U[1, 3]", "-D[2, 1]", "+U[2, 3]"}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("mini-batch %s: %v, want %v", perRow, got, want)
		}
	}
}

// TestExceptAllByKey writes what EXCEPT ALL gives into a sink that takes no old rows: a row of which no copy is left is deleted there.
func TestExceptAllByKey(t *testing.T) {
	store := values.NewStore()
	env := table.NewEnvironment(table.Options{Parallelism: 1})
	env.AddConnector(store.Table())
	store.Put("t", values.R(1), values.R(1), values.R(2), values.R(3), values.R(3))
	store.Put("u", values.R(1), values.R(1), values.R(3), values.R(4))
	for _, ddl := range []string{
		"CREATE TABLE t (k INT) WITH ('connector' = 'values', 'batch-size' = '1')",
		"CREATE TABLE u (k INT) WITH ('connector' = 'values', 'batch-size' = '1')",
		"CREATE TABLE `out` (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UA,D')",
	} {
		if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
			t.Fatal(err)
		}
	}
	res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` SELECT k FROM t EXCEPT ALL SELECT k FROM u")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, row := range store.Texts("out") {
		if row[:2] == "-D" {
			delete(left, row[2:])
		} else {
			left[row[2:]] = true
		}
	}
	if len(left) != 2 || !left["[2]"] || !left["[3]"] {
		t.Errorf("%v: left are %v", store.Texts("out"), left)
	}
}

// TestDuplicateChanges reads a table that tells its changes several times: with its primary key they count once.
func TestDuplicateChanges(t *testing.T) {
	store := values.NewStore()
	env := table.NewEnvironment(table.Options{Parallelism: 1})
	env.AddConnector(store.Table())
	for _, option := range []string{"table.exec.source.cdc-events-duplicate", "table.exec.mini-batch.enabled"} {
		if err := env.Set(option, map[bool]string{true: "true", false: "false"}[strings.Contains(option, "cdc")]); err != nil {
			t.Fatal(err)
		}
	}
	row := func(kind types.RowKind, list ...any) values.Row { return values.Row{Kind: kind, Values: list} }
	store.Put("t", row(types.Insert, 1, "a"), row(types.Insert, 1, "a"), row(types.UpdateBefore, 1, "a"), row(types.UpdateAfter, 1, "b"), row(types.UpdateBefore, 1, "a"), row(types.UpdateAfter, 1, "b"),
		row(types.Insert, 2, "c"), row(types.Delete, 2, "x"), row(types.Delete, 2, "c"))
	for _, ddl := range []string{
		"CREATE TABLE t (k INT, s STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values', 'batch-size' = '1', 'changelog-mode' = 'I,UB,UA,D')",
		"CREATE TABLE `out` (k INT, s STRING) WITH ('connector' = 'values')",
	} {
		if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
			t.Fatal(err)
		}
	}
	res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` SELECT * FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := store.Texts("out"), []string{"+I[1, a]", "-U[1, a]", "+U[1, b]", "+I[2, c]", "-D[2, c]"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSourceWatermark reads a table that leaves watermarks to its source.
func TestSourceWatermark(t *testing.T) {
	store := values.NewStore()
	env := table.NewEnvironment(table.Options{Parallelism: 1})
	env.AddConnector(store.Table())
	store.Put("t", values.R(1, time.UnixMilli(1000).UTC()), values.R(2, time.UnixMilli(11_000).UTC()))
	for _, ddl := range []string{
		"CREATE TABLE t (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS SOURCE_WATERMARK()) WITH ('connector' = 'values', 'source-watermarks' = 'true')",
		"CREATE TABLE `out` (n BIGINT, s TIMESTAMP(3)) WITH ('connector' = 'values')",
	} {
		if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
			t.Fatal(err)
		}
	}
	res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` SELECT COUNT(*), window_start FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := store.Texts("out"), []string{"+I[1, 1970-01-01T00:00]", "+I[1, 1970-01-01T00:00:10]"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
