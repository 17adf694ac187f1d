package table

import (
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// TestDeletesByKey tells where deleted rows that have the key alone are made whole again, which takes state, and where they go on as they are.
func TestDeletesByKey(t *testing.T) {
	rows := []values.Row{values.R(int32(1), "a", int32(10)), values.R(int32(2), "b", int32(20)), {Kind: types.Delete, Values: []any{int32(1), nil, nil}}, {Kind: types.UpdateAfter, Values: []any{int32(2), "b", int32(30)}}}
	for _, c := range []struct {
		name, column, sink, query string
		state                     bool
		want                      string
	}{
		{"the sink takes keys", "name STRING", "true", "SELECT * FROM t", false, "+I[1, a, 10] +I[2, b, 20] +U[2, b, 30] -D[1, null, null]"},
		{"computed columns", "name STRING", "true", "SELECT id, UPPER(name), v + 1 FROM t", false, "+I[1, A, 11] +I[2, B, 21] +U[2, B, 31] -D[1, null, null]"},
		{"the sink takes whole rows", "name STRING", "false", "SELECT * FROM t", true, "+I[1, a, 10] +I[2, b, 20] +U[2, b, 30] -D[1, a, 10]"},
		{"a filter", "name STRING", "true", "SELECT * FROM t WHERE v < 30", true, "+I[1, a, 10] +I[2, b, 20] -D[1, a, 10] -D[2, b, 20]"},
		{"an aggregate", "name STRING", "true", "SELECT id, MAX(name), SUM(v) FROM t GROUP BY id", true, "+I[1, a, 10] +I[2, b, 20] +I[2, b, 30] -D[1, a, 10] -D[2, b, 20]"},
		{"a column that is never null", "name STRING NOT NULL", "true", "SELECT * FROM t", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := values.NewStore()
			env := NewEnvironment(Options{Parallelism: 1})
			env.AddConnector(store.Table())
			store.Put("t", rows...)
			exec := func(sql string) *Result {
				t.Helper()
				r, err := env.ExecuteSQL(t.Context(), sql)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			exec("SET 'table.exec.mini-batch.enabled' = 'false'")
			exec("CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED, " + c.column + ", v INT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D', 'produces-delete-by-key' = 'true', 'batch-size' = '1')")
			exec("CREATE TABLE s (id INT PRIMARY KEY NOT ENFORCED, name STRING, v INT) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UA,D', 'sink.supports-delete-by-key' = '" + c.sink + "')")
			plan, err := env.Explain(t.Context(), "INSERT INTO s "+c.query)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(plan, "ChangelogNormalize") != c.state {
				t.Errorf("%s", plan)
			}
			if c.want == "" {
				return
			}
			if _, err := exec("INSERT INTO s " + c.query).Job.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := store.Texts("s")
			slices.Sort(got)
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("%s, want %s", text, c.want)
			}
		})
	}
	store := values.NewStore()
	env := NewEnvironment(Options{})
	env.AddConnector(store.Table())
	store.Put("t", rows...)
	if _, err := env.ExecuteSQL(t.Context(), "CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED, name STRING, v INT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D', 'produces-delete-by-key' = 'true')"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.ExecuteSQL(t.Context(), "SELECT * FROM t"); fault.CodeOf(err) != fault.SQLChangelog {
		t.Error(err)
	}
}

func TestReadableMetadata(t *testing.T) {
	store := values.NewStore()
	env := NewEnvironment(Options{})
	env.AddConnector(store.Table())
	store.Put("t", values.R(int64(1), "x", int32(7), "m"), values.R(int64(2), "y", int32(8), nil))
	for _, option := range []string{"b:STRING, a:DECIMAL(10, 2)", "b"} {
		ddl := "CREATE TABLE t (text STRING METADATA FROM 'b' VIRTUAL, id BIGINT, a INT METADATA, name STRING) WITH ('connector' = 'values', 'readable-metadata' = '" + option + "')"
		if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
			t.Fatal(err)
		}
		if option == "b" {
			if _, err := env.ExecuteSQL(t.Context(), "SELECT * FROM t"); fault.CodeOf(err) != fault.SQLTable {
				t.Error(err)
			}
			continue
		}
		for query, want := range map[string]string{"SELECT * FROM t": "NULL\t2\t8\ty; m\t1\t7\tx", "SELECT a, id FROM t": "7\t1; 8\t2"} {
			if got := lastLines(t, env, query); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		if _, err := env.ExecuteSQL(t.Context(), "DROP TABLE t"); err != nil {
			t.Fatal(err)
		}
	}
}
