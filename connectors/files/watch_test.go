package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/types"
)

// TestWatchedTable: a table that is watched reads what appears, once, in partitions that come later too, and goes on so behind a restore.
func TestWatchedTable(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.Int)), field("dt", types.String())}
	for _, form := range []string{"csv", "json", "parquet"} {
		t.Run(form, func(t *testing.T) {
			dir, elsewhere := t.TempDir(), t.TempDir()
			src := scan(t, tableOf(t, dir, columns, []int{1}, map[string]string{"format": form, "source.monitor-interval": "5 s"})).Scan
			if src.Boundedness() != connector.ContinuousUnbounded {
				t.Fatal("it has an end")
			}
			put := func(n int, day string) {
				t.Helper()
				path := filepath.Join(elsewhere, fmt.Sprint(n))
				switch form {
				case "csv":
					writeText(t, path, fmt.Sprintf("%d\n", n))
				case "json":
					writeText(t, path, fmt.Sprintf("{\"i\":%d}\n", n))
				default:
					writeParquet(t, path, columns[:1], 1, []values.Row{values.R(n)})
				}
				to := filepath.Join(dir, "dt="+day, fmt.Sprint(n))
				if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(path, to); err != nil {
					t.Fatal(err)
				}
			}
			r := connectortest.NewRun(t, connectortest.Rows(src), connectortest.RunOptions{Parallelism: 2})
			seen := 0
			expect := func(want ...string) {
				t.Helper()
				if err := r.Advance(5 * time.Second); err != nil {
					t.Fatal(err)
				}
				got := r.Values()[seen:]
				seen += len(got)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			put(1, "a")
			if err := r.Settle(); err != nil {
				t.Fatal(err)
			}
			expect(`1,"a"`)
			put(2, "a")
			put(3, "b")
			expect(`2,"a"`, `3,"b"`)
			c := r.Snapshot()
			r.Cancel()
			put(4, "c")
			r, seen = connectortest.NewRun(t, connectortest.Rows(src), connectortest.RunOptions{Parallelism: 1, From: c}), 0
			if err := r.Settle(); err != nil {
				t.Fatal(err)
			}
			expect(`4,"c"`)
			r.Cancel()
		})
	}
}

// TestTableCompression writes text compressed, and reads it.
func TestTableCompression(t *testing.T) {
	for name, ends := range map[string]string{"gzip": ".gz", "zstd": ".zst", "none": ""} {
		for _, form := range []string{"csv", "json"} {
			dir := t.TempDir()
			options := map[string]string{"format": form, "sink.compression": name}
			s := sinkOf(t, tableOf(t, dir, bidColumns(), []int{1}, options))
			w := connectortest.NewWriters(t, s, 1)
			var batches []*column.Batch
			var want []string
			for i := range 100 {
				b, err := values.Batch(bidColumns(), values.R(i, fmt.Sprint("day ", i%2), "00:1"))
				if err != nil {
					t.Fatal(err)
				}
				batches = append(batches, b)
				want = append(want, fmt.Sprintf(`%d,"day %d","00:1"`, i, i%2))
			}
			w.Write(batches...)
			c, err := s.NewCommitter(w.Contexts[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Commit(t.Context(), w.Prepare(true)); err != nil {
				t.Fatal(err)
			}
			w.Close()
			paths, err := filepath.Glob(filepath.Join(dir, "dt=*", "part-*"))
			if err != nil || len(paths) != 2 || filepath.Ext(paths[0]) != ends {
				t.Fatalf("%s: %q, %v", name, paths, err)
			}
			slices.Sort(want)
			if got := readRows(t, scan(t, tableOf(t, dir, bidColumns(), []int{1}, options))); !slices.Equal(got, want) {
				t.Errorf("%s %s: %s", name, form, strings.Join(got, "|"))
			}
		}
	}
}
