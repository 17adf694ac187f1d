package sql

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/table"
)

// TestOpenWindowsOfProcessingTime ends the input while windows of processing time are open. In streaming mode they are given up, as in Flink, which lets no timer strike any more; in batch mode they come.
func TestOpenWindowsOfProcessingTime(t *testing.T) {
	for _, query := range []string{
		"SELECT k, COUNT(*) FROM t GROUP BY k, TUMBLE(p, INTERVAL '9000' DAY(4))",
		"SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(p), INTERVAL '9000' DAY(4))) GROUP BY k, window_start, window_end",
	} {
		for mode, want := range map[string][]string{"streaming": nil, "batch": {"+I[1, 2]", "+I[2, 1]"}} {
			store := values.NewStore()
			env := table.NewEnvironment(table.Options{Parallelism: 1})
			env.AddConnector(store.Table())
			if err := env.Set("execution.runtime-mode", mode); err != nil {
				t.Fatal(err)
			}
			store.Put("t", values.R(1), values.R(2), values.R(1))
			for _, ddl := range []string{
				"CREATE TABLE t (k INT, p AS PROCTIME()) WITH ('connector' = 'values')",
				"CREATE TABLE `out` (k INT, n BIGINT) WITH ('connector' = 'values')",
			} {
				if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
					t.Fatal(err)
				}
			}
			res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` "+query)
			if err != nil {
				t.Errorf("%s: %s: %v", mode, query, err)
				continue
			}
			if _, err := res.Job.Wait(t.Context()); err != nil {
				t.Errorf("%s: %s: %v", mode, query, err)
				continue
			}
			got := store.Texts("out")
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s: %v, want %v", mode, query, got, want)
			}
		}
	}
}
