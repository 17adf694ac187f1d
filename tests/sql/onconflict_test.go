package sql

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/table"
)

// TestOnConflict writes rows with the same primary key, as an INSERT says what becomes of them.
func TestOnConflict(t *testing.T) {
	const (
		timed   = "CREATE TABLE t (id INT, k INT, v STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values', 'batch-size' = '1')"
		plain   = "CREATE TABLE t (id INT, k INT, v STRING, ts TIMESTAMP(3)) WITH ('connector' = 'values', 'batch-size' = '1')"
		upserts = "CREATE TABLE `out` (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UA,D')"
		inserts = "CREATE TABLE `out` (k INT, v STRING) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I')"
		all     = "CREATE TABLE `out` (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UB,UA,D')"
		rows    = "SELECT k, v FROM t"
		// Of each id the last row counts, so that what has a key may go to another one.
		moves = "SELECT MAX(k) AS k, MAX(v) AS v FROM t GROUP BY id"
	)
	for i, c := range []struct {
		source, sink, query, conflict, require string
		rows                                   string // id, k and v, each with a watermark behind it
		want                                   string
		code                                   fault.Code
	}{
		{timed, upserts, rows, "ON CONFLICT DO NOTHING", "", "1 1 a, 2 1 b, 3 2 c", "+I[1, a] +I[2, c]", ""},
		{timed, upserts, rows, "ON CONFLICT DO ERROR", "true", "1 1 a, 2 2 b", "+I[1, a] +I[2, b]", ""},
		{timed, upserts, rows, "ON CONFLICT DO ERROR", "", "1 1 a, 2 2 b, 3 1 c", "", fault.SQLConflict},
		{plain, upserts, rows, "ON CONFLICT DO DEDUPLICATE", "true", "1 1 a, 2 1 b", "+I[1, a] +I[1, b]", ""},
		{timed, upserts, moves, "ON CONFLICT DO NOTHING", "", "1 1 a, 2 1 b, 1 3 c", "+I[1, a] +U[1, b] +I[3, c]", ""},
		{timed, upserts, moves, "ON CONFLICT DO DEDUPLICATE", "true", "1 1 a, 2 1 b, 1 3 c", "+I[1, a] +U[1, b] +I[3, c]", ""},
		{timed, upserts, moves, "ON CONFLICT DO ERROR", "", "1 1 a, 1 2 b, 2 1 c", "+I[1, a] -D[1, a] +I[2, b] +I[1, c]", ""},
		{timed, upserts, moves, "ON CONFLICT DO ERROR", "", "1 1 a, 2 1 b, 1 3 c", "", fault.SQLConflict},
		{plain, upserts, rows, "", "", "1 1 a, 2 1 b", "+I[1, a] +I[1, b]", ""},
		{plain, upserts, rows, "", "true", "1 1 a", "", fault.SQLSink},
		{plain, upserts, moves, "", "true", "1 1 a", "", fault.SQLSink},
		{plain, upserts, "SELECT k, MAX(v) FROM t GROUP BY k", "", "true", "1 1 a", "+I[1, a]", ""},
		{plain, all, rows, "", "true", "1 1 a", "+I[1, a]", ""},
		{plain, upserts, rows, "ON CONFLICT DO NOTHING", "", "1 1 a", "", fault.SQLTable},
		{plain, upserts, rows, "ON CONFLICT DO ERROR", "", "1 1 a", "", fault.SQLTable},
		{timed, inserts, rows, "ON CONFLICT DO NOTHING", "", "1 1 a", "", fault.SQLInvalid},
		{timed, all, moves, "ON CONFLICT DO DEDUPLICATE", "", "1 1 a", "", fault.SQLInvalid},
	} {
		store := values.NewStore()
		env := table.NewEnvironment(table.Options{Parallelism: 1})
		env.AddConnector(store.Table())
		options := map[string]string{"table.exec.mini-batch.enabled": "false"}
		if c.require != "" {
			options["table.exec.sink.require-on-conflict"] = c.require
		}
		for k, v := range options {
			if err := env.Set(k, v); err != nil {
				t.Fatal(err)
			}
		}
		var list []values.Row
		for n, row := range strings.Split(c.rows, ", ") {
			var id, k int32
			var v string
			if _, err := fmt.Sscan(row, &id, &k, &v); err != nil {
				t.Fatal(err)
			}
			list = append(list, values.R(id, k, v, time.UnixMilli(int64(1000*n)).UTC()))
		}
		store.Put("t", list...)
		for _, ddl := range []string{c.source, c.sink} {
			if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
				t.Fatal(err)
			}
		}
		res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` "+c.query+" "+c.conflict)
		if err == nil {
			_, err = res.Job.Wait(t.Context())
		}
		if fault.CodeOf(err) != c.code {
			t.Errorf("case %d: %v, want the code %q", i, err, c.code)
			continue
		}
		if err != nil {
			continue
		}
		got, want := store.Texts("out"), strings.SplitAfter(c.want, "]")
		want = want[:len(want)-1]
		for i := range want {
			want[i] = strings.TrimSpace(want[i])
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("case %d: %v, want %v", i, got, want)
		}
	}
}
