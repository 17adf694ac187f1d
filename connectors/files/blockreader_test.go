package files

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/types"
)

// writeParquet writes rows as a file with blocks of so many rows.
func writeParquet(t testing.TB, path string, columns []types.Field, block int, rows []values.Row) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, options, err := formatOf(tableOf(t, "/", columns, nil, map[string]string{"format": "parquet"}))
	if err != nil {
		t.Fatal(err)
	}
	w, err := format.Parquet().Blocks.Create(&format.Schema{Columns: columns, Options: options}, f)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		b, err := values.Batch(columns, row)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(b, []int32{0}); err != nil {
			t.Fatal(err)
		}
		if i%block == block-1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestParquetSourceSuite(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.Int)), field("dt", types.String()), field("s", types.String()), field("name", types.String().NotNull())}
	inFile := []types.Field{columns[2], columns[0]}
	dir := t.TempDir()
	var want []string
	for k, part := range []string{"dt=a%3Ab", "dt=c", "dt=__DEFAULT_PARTITION__"} {
		var rows []values.Row
		for i := range 40 {
			s := fmt.Sprintf("text %d, of some length", i%7)
			rows = append(rows, values.R(s, 100*k+i))
			want = append(want, fmt.Sprintf("%d,%s,%q,%q", 100*k+i, []string{`"a:b"`, `"c"`, "null"}[k], s, "f"))
		}
		writeParquet(t, filepath.Join(dir, part, "f"), inFile, 9, rows)
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(t *testing.T) connector.Source[string] {
			table := tableOf(t, dir, columns, []int{1}, map[string]string{"format": "parquet"})
			table.MetadataKeys = []string{"", "", "", "file.name"}
			src := scan(t, table).Scan.(tableSource)
			src.rows, src.o.SplitBytes = 4, 700
			return connectortest.Rows(src)
		},
		Want: want,
	})
}

func TestParquetDamaged(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.Int))}
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	writeText(t, path, "this is none")
	run := connectortest.NewRun(t, connectortest.Rows(scan(t, tableOf(t, dir, columns, nil, map[string]string{"format": "parquet"})).Scan), connectortest.RunOptions{})
	err := run.Finish()
	if e, ok := err.(*fault.Error); !ok || e.Code() != fault.SourceFileCorrupt || e.Place() != path {
		t.Error(err)
	}
}
