package files

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func field(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }

// tableOf returns a table of the connector with its options checked.
func tableOf(t testing.TB, dir string, columns []types.Field, partitionBy []int, options map[string]string) *tables.Table {
	t.Helper()
	all := map[string]string{"path": "file://" + dir, "format": "csv"}
	maps.Copy(all, options)
	filled, err := Table().Fill(all)
	if err != nil {
		t.Fatal(err)
	}
	return &tables.Table{Name: "t", Columns: columns, PartitionBy: partitionBy, Options: filled, Zone: time.UTC}
}

func scan(t testing.TB, table *tables.Table) *tables.Source {
	t.Helper()
	s, err := Table().Source(table)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// small makes batches and blocks of a source so small that the suites can test it.
func small(s *tables.Source) connector.Source[string] {
	src := s.Scan.(tableSource)
	src.rows, src.o.BlockBytes, src.o.SplitBytes = 7, 64, 300
	return connectortest.Rows(src)
}

func readRows(t testing.TB, s *tables.Source) []string {
	t.Helper()
	run := connectortest.NewRun(t, connectortest.Rows(s.Scan), connectortest.RunOptions{})
	if err := run.Finish(); err != nil {
		t.Fatal(err)
	}
	rows := run.Values()
	slices.Sort(rows)
	return rows
}

func writeText(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTableSourceSuite(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.Int)), field("dt", types.String()), field("s", types.String()), field("h", types.New(types.Int))}
	for _, form := range []string{"csv", "json"} {
		t.Run(form, func(t *testing.T) {
			dir := t.TempDir()
			var want []string
			for k, part := range []string{"dt=a%3Ab/h=1", "dt=c/h=2", "dt=__DEFAULT_PARTITION__/h=3"} {
				var text strings.Builder
				for i := range 20 {
					n := 100*k + i
					value := fmt.Sprintf("text\n\"%d\", of %d", n, i)
					if form == "csv" {
						fmt.Fprintf(&text, "%d,\"%s\"\n", n, strings.ReplaceAll(value, `"`, `""`))
					} else {
						fmt.Fprintf(&text, "{\"s\": %q, \"i\":%d}\n", value, n)
					}
					dt := []string{`"a:b"`, `"c"`, "null"}[k]
					want = append(want, fmt.Sprintf("%d,%s,%q,%d", n, dt, value, k+1))
				}
				writeText(t, filepath.Join(dir, part, "part-0"), text.String())
			}
			writeText(t, filepath.Join(dir, "dt=x", "_SUCCESS"), "")
			writeText(t, filepath.Join(dir, "other"), "this is no partition")
			connectortest.TestSource(t, connectortest.SourceSuite[string]{
				New: func(t *testing.T) connector.Source[string] {
					return small(scan(t, tableOf(t, dir, columns, []int{1, 3}, map[string]string{"format": form})))
				},
				Want: want,
			})
		})
	}
}

func TestTableSource(t *testing.T) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "a.csv"), "1,one\n2,two\n")
	writeText(t, filepath.Join(dir, "b.csv"), "3,three")
	columns := []types.Field{field("i", types.New(types.Int)), field("s", types.String()), field("name", types.String()), field("size", types.New(types.BigInt))}
	table := tableOf(t, dir, columns, nil, nil)
	table.MetadataKeys = []string{"", "", "file.name", "file.size"}
	s := scan(t, table)
	if got := strings.Join(readRows(t, s), "|"); got != `1,"one","a.csv",12|2,"two","a.csv",12|3,"three","b.csv",7` {
		t.Error(got)
	}
	for _, c := range []struct {
		some []int
		want string
	}{{[]int{1}, `"one"|"three"|"two"`}, {[]int{3, 0}, `12,1|12,2|7,3`}, {nil, "||"}} {
		p, err := s.Project(c.some)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(readRows(t, p), "|"); got != c.want {
			t.Errorf("%v: %s", c.some, got)
		}
	}
	one := scan(t, tableOf(t, dir, columns[:2], nil, map[string]string{"source.path.regex-pattern": ".*/b.*"}))
	if got := strings.Join(readRows(t, one), "|"); got != `3,"three"` {
		t.Error(got)
	}
}

// TestTableMalformed: the job fails with file and line, or the line is skipped.
func TestTableMalformed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	writeText(t, file, "1,\"a\nb\"\n2,c\nx,d\n4,e\n")
	columns := []types.Field{field("i", types.New(types.Int)), field("s", types.String())}
	for _, block := range []int{16, 1 << 16} {
		src := scan(t, tableOf(t, dir, columns, nil, nil)).Scan.(tableSource)
		src.o.BlockBytes = block
		run := connectortest.NewRun(t, connectortest.Rows(src), connectortest.RunOptions{})
		err := run.Finish()
		if fault.CodeOf(err) != fault.SourceMalformed || !strings.Contains(err.Error(), file+":4: column `i`: \"x\" is not a valid INT") || len(run.Values()) != 2 {
			t.Errorf("%v, %q", err, run.Values())
		}
	}
	got := readRows(t, scan(t, tableOf(t, dir, columns, nil, map[string]string{"csv.ignore-parse-errors": "true"})))
	if strings.Join(got, "|") != `1,"a\nb"|2,"c"|4,"e"|null,"d"` {
		t.Errorf("%q", got)
	}
	writeText(t, file, "1,\""+strings.Repeat("x", 17<<20))
	run := connectortest.NewRun(t, connectortest.Rows(scan(t, tableOf(t, dir, columns, nil, nil)).Scan), connectortest.RunOptions{})
	if err := run.Finish(); fault.CodeOf(err) != fault.SourceLineTooLong {
		t.Errorf("%.200v", err)
	}
}

// TestDeadLetters: records that cannot be read come to lie in files, once, whether the job is run again or goes back.
func TestDeadLetters(t *testing.T) {
	dir, dead := t.TempDir(), filepath.Join(t.TempDir(), "dead")
	columns := []types.Field{field("i", types.New(types.Int)), field("s", types.String())}
	for form, text := range map[string]string{
		"csv":  "1,\"a\nb\"\n2\nx,\"d\ne\"\n4,e\n\"a\"b,c\n5,\"f",
		"json": `{"i":1,"s":"a\nb"}` + "\n{\n" + `{"i":"x"}` + "\n" + `{"i":4,"s":"e"}` + "\nno\n{",
	} {
		file := filepath.Join(dir, form, "f")
		writeText(t, file, text)
		options := map[string]string{"format": form, "source.dead-letter.path": filepath.Join(dead, form)}
		var want []letter
		for _, block := range []int{8, 1 << 16, 1 << 16} {
			src := scan(t, tableOf(t, filepath.Dir(file), columns, nil, options)).Scan.(tableSource)
			src.o.BlockBytes = block
			if got := strings.Join(readRows(t, &tables.Source{Scan: src}), "|"); got != `1,"a\nb"|4,"e"` {
				t.Errorf("%s: %s", form, got)
			}
			var got []letter
			paths, err := filepath.Glob(filepath.Join(dead, form, "f-*.jsonl"))
			if err != nil || len(paths) != 1 {
				t.Fatal(paths, err)
			}
			b, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(b)) {
				var l letter
				if err := json.Unmarshal([]byte(line), &l); err != nil {
					t.Fatal(err)
				}
				got = append(got, l)
				if l.File != file || l.Error == "" || !strings.HasPrefix(text[l.Byte:], l.Record) || l.Record == "" {
					t.Errorf("%+v", l)
				}
			}
			if len(got) != 4 || want != nil && !slices.Equal(got, want) {
				t.Errorf("%s: %+v, before %+v", form, got, want)
			}
			want = got
			if block == 8 {
				continue
			}
			// Going back to the third.
			l, err := openLetters(filepath.Join(dead, form), &split{path: file, end: toEnd}, want[2].Byte)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.add(want[3]); err != nil {
				t.Fatal(err)
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			if b, err = os.ReadFile(paths[0]); err != nil || strings.Count(string(b), "\n") != 3 {
				t.Errorf("%s, %v", b, err)
			}
		}
	}
}

// TestPruning: directories of partitions that conditions rule out are not looked into, and not read.
func TestPruning(t *testing.T) {
	dir := t.TempDir()
	columns := []types.Field{field("i", types.New(types.Int)), field("d", types.New(types.Date)), field("h", types.New(types.Int))}
	for d := 1; d <= 3; d++ {
		for h := range 3 {
			writeText(t, filepath.Join(dir, fmt.Sprintf("d=2024-01-0%d", d), fmt.Sprintf("h=%d", h), "f"), fmt.Sprintf("%d%d\n", d, h))
		}
	}
	writeText(t, filepath.Join(dir, "d=__DEFAULT_PARTITION__", "h=1", "f"), "99\n")
	day := func(n int64) column.Value { return column.IntValue(19722 + n) } // days since the epoch of January 2024
	for _, c := range []struct {
		where []tables.Predicate
		want  string
	}{
		{nil, "10|11|12|20|21|22|30|31|32|99"},
		{[]tables.Predicate{{Column: 1, Op: tables.Equal, Values: []column.Value{day(2)}}}, "20|21|22"},
		{[]tables.Predicate{{Column: 1, Op: tables.Greater, Values: []column.Value{day(1)}}, {Column: 0, Op: tables.Equal, Values: []column.Value{column.IntValue(1), column.IntValue(7)}}}, "21|31"},
		{[]tables.Predicate{{Column: 1, Op: tables.IsNull}}, "99"},
		{[]tables.Predicate{{Column: 2, Op: tables.Equal, Values: []column.Value{column.IntValue(3)}}}, "10|11|12|20|21|22|30|31|32|99"},
	} {
		s, err := scan(t, tableOf(t, dir, columns, []int{1, 2}, nil)).Project([]int{2, 1, 0})
		if err != nil {
			t.Fatal(err)
		}
		if s, err = s.Filter(c.where); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range readRows(t, s) {
			got = append(got, row[strings.LastIndexByte(row, ',')+1:])
		}
		slices.Sort(got)
		if text := strings.Join(got, "|"); text != c.want {
			t.Errorf("%v: %s, want %s", c.where, text, c.want)
		}
		files, err := list(t.Context(), s.Scan.(tableSource).o)
		if err != nil || len(files) != len(got) {
			t.Errorf("%v: %d files, %v", c.where, len(files), err)
		}
	}
}

func TestTableErrors(t *testing.T) {
	dir := t.TempDir()
	columns := []types.Field{field("i", types.New(types.Int)), field("s", types.String()), field("a", types.ArrayOf(types.String()))}
	for text, options := range map[string]map[string]string{
		"not a path of this machine":        {"path": "hdfs://x/y"},
		"is empty":                          {"path": ""},
		"no format \"xml\"":                 {"format": "xml"},
		"the format is \"csv\"":             {"json.fail-on-missing-field": "true"},
		"regex-pattern":                     {"source.path.regex-pattern": "("},
		"within the directory":              {"source.dead-letter.path": filepath.Join(dir, "x")},
		"no records that could":             {"source.dead-letter.path": "/x", "format": "parquet"},
		"exclude each other":                {"source.dead-letter.path": "/x", "csv.ignore-parse-errors": "true"},
		"are not compressed as a whole":     {"format": "parquet", "sink.compression": "gzip"},
		"is not positive":                   {"sink.rolling-policy.file-size": "0"},
		"check-interval' is not positive":   {"sink.rolling-policy.check-interval": "0 s"},
		"neither success-file nor":          {"sink.partition-commit.policy.kind": "custom"},
		"not the name of a file":            {"sink.partition-commit.policy.kind": "success-file", "sink.partition-commit.success-file.name": "a/b"},
		"watermark-time-zone":               {"sink.partition-commit.watermark-time-zone": "Nowhere"},
		"none of yyyy":                      {"partition.time-extractor.timestamp-formatter": "yyyyQQ"},
		"'csv.field-delimiter': \"ab\" is ": {"csv.field-delimiter": "ab"},
	} {
		table := tableOf(t, dir, columns, nil, options)
		_, err := Table().Source(table)
		if err == nil {
			_, err = Table().Sink(table)
		}
		if fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	if _, err := Table().Sink(tableOf(t, dir, columns, []int{2}, nil)); fault.CodeOf(err) != fault.OptionInvalid {
		t.Error(err)
	}
	overwrite := tableOf(t, dir, columns, nil, nil)
	overwrite.Overwrite = true
	if _, err := Table().Sink(overwrite); fault.CodeOf(err) != fault.OptionInvalid {
		t.Error(err)
	}
	if _, err := Table().Fill(map[string]string{"path": dir, "format": "csv", "auto-compaction": "true"}); fault.CodeOf(err) != fault.OptionInvalid {
		t.Error(err)
	}
}

// bidColumns are those of Nexmark's query 10, in short.
func bidColumns() []types.Field {
	return []types.Field{field("price", types.New(types.BigInt)), field("dt", types.String()), field("hm", types.String())}
}

func sinkOf(t testing.TB, table *tables.Table) connector.CommittingSink[*column.Batch] {
	t.Helper()
	s, err := Table().Sink(table)
	if err != nil {
		t.Fatal(err)
	}
	return s.Sink.(connector.CommittingSink[*column.Batch])
}

// visibleRows are the lines of all files of a table, each with the path of its directory.
func visibleRows(t testing.TB, dir string) (rows []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || hidden(d.Name()) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, filepath.Dir(path))
		for _, line := range strings.SplitAfter(string(text), "\n") {
			if line != "" {
				rows = append(rows, rel+": "+strings.TrimSuffix(line, "\n"))
			}
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return rows
}

func hiddenBelow(t testing.TB, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".") {
			all = append(all, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all
}

func TestTableSinkSuite(t *testing.T) {
	for name, partitionBy := range map[string][]int{"plain": nil, "partitioned": {1, 2}} {
		t.Run(name, func(t *testing.T) {
			var batches []*column.Batch
			var want []string
			for i := range 12 {
				b, err := values.Batch(bidColumns(), values.R(i, fmt.Sprint("day ", i%3), "00:1"), values.R(100+i, nil, fmt.Sprint(i%2)))
				if err != nil {
					t.Fatal(err)
				}
				batches = append(batches, b)
				if partitionBy == nil {
					want = append(want, fmt.Sprintf(".: %d,\"day %d\",00:1", i, i%3), fmt.Sprintf(".: %d,,%d", 100+i, i%2))
				} else {
					want = append(want, fmt.Sprintf("dt=day %d/hm=00%%3A1: %d", i%3, i), fmt.Sprintf("dt=__DEFAULT_PARTITION__/hm=%d: %d", i%2, 100+i))
				}
			}
			var dir string
			connectortest.TestSink(t, connectortest.SinkSuite[*column.Batch]{
				New: func(t *testing.T) (connector.Sink[*column.Batch], func() []string) {
					dir = filepath.Join(t.TempDir(), "made")
					s := sinkOf(t, tableOf(t, dir, bidColumns(), partitionBy, map[string]string{"sink.rolling-policy.file-size": "50"}))
					if err := s.(connector.Checker).Check(t.Context()); err != nil {
						t.Fatal(err)
					}
					return s, func() []string { return visibleRows(t, dir) }
				},
				Records:   batches,
				Want:      want,
				Leftovers: func() []string { return hiddenBelow(t, dir) },
			})
		})
	}
}

// intSink writes numbers as rows of a table.
type intSink struct {
	connector.CommittingSink[*column.Batch]
	t testing.TB
}

func (s intSink) NewWriter(ctx connector.WriterContext, restored [][]byte) (connector.Writer[int], error) {
	w, err := s.CommittingSink.NewWriter(ctx, restored)
	if err != nil {
		return nil, err
	}
	return &intWriter{tableWriter: w.(*tableWriter), t: s.t}, nil
}

type intWriter struct {
	*tableWriter
	t testing.TB
}

func (w *intWriter) Write(v int, ts int64) error {
	b, err := values.Batch(bidColumns(), values.R(v, fmt.Sprint(v/50), fmt.Sprint(v%3)))
	if err != nil {
		return err
	}
	return w.tableWriter.Write(b, ts)
}

func TestTableTwoPhase(t *testing.T) {
	for name, form := range map[string]string{"plain": "csv", "partitioned": "csv", "parquet": "parquet"} {
		partitionBy := []int{1, 2}
		if name == "plain" {
			partitionBy = nil
		}
		t.Run(name, func(t *testing.T) {
			connectortest.TestTwoPhase(t, connectortest.TwoPhaseSuite[int]{
				New: func(t testing.TB) connectortest.TwoPhase[int] {
					dir := t.TempDir()
					options := map[string]string{"sink.rolling-policy.file-size": "30", "sink.partition-commit.policy.kind": "success-file", "format": form}
					rows := func() []string { return visibleRows(t, dir) }
					if form == "parquet" {
						rows = func() (all []string) {
							if len(visibleRows(t, dir)) == 0 {
								return nil
							}
							for _, row := range readRows(t, scan(t, tableOf(t, dir, bidColumns(), partitionBy, options))) {
								all = append(all, ": "+row)
							}
							return all
						}
					}
					return connectortest.TwoPhase[int]{
						Sink: func() connector.CommittingSink[int] {
							return intSink{sinkOf(t, tableOf(t, dir, bidColumns(), partitionBy, options)), t}
						},
						Read: func() (all []int, err error) {
							for _, row := range rows() {
								_, line, _ := strings.Cut(row, ": ")
								var n int
								if _, err := fmt.Sscan(strings.Split(line, ",")[0], &n); err != nil {
									return nil, err
								}
								all = append(all, n)
							}
							return all, nil
						},
						Kill: func(w connector.Writer[int]) error {
							f := w.(*intWriter)
							for _, o := range f.open {
								if o.part != nil {
									if err := o.part.file.Close(); err != nil {
										return err
									}
								}
							}
							return f.lock.Close()
						},
						Leftovers: func() []string { return hiddenBelow(t, dir) },
					}
				},
				Record: func(i int) int { return i },
				Runs:   6,
			})
		})
	}
}

// TestPartitionCommit: partitions are announced when the watermarks of all writers have passed them, and all their files are there.
func TestPartitionCommit(t *testing.T) {
	dir := t.TempDir()
	s := sinkOf(t, tableOf(t, dir, bidColumns(), []int{1, 2}, map[string]string{
		"sink.partition-commit.trigger": "partition-time", "sink.partition-commit.delay": "1 min", "sink.partition-commit.policy.kind": "success-file",
		"partition.time-extractor.timestamp-pattern": "$dt $hm:00",
	}))
	w := connectortest.NewWriters(t, s, 2)
	row := func(price int, hm string) *column.Batch {
		b, err := values.Batch(bidColumns(), values.R(price, "2015-07-15", hm))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	success := func() (all []string) {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(dir, "*", "*", "_SUCCESS"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			all = append(all, filepath.Base(filepath.Dir(p)))
		}
		return all
	}
	expect := func(when string, want ...string) {
		t.Helper()
		if got := success(); !slices.Equal(got, want) {
			t.Fatalf("%s: %q, want %q", when, got, want)
		}
	}
	at := func(hm string) int64 {
		v, err := time.Parse("2006-01-02 15:04", "2015-07-15 "+hm)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMilli()
	}
	committers := make([]connector.Committer, 2)
	for k := range committers {
		var err error
		if committers[k], err = s.NewCommitter(w.Contexts[k]); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(k int, cs ...connector.Committable) {
		t.Helper()
		if err := committers[k].Commit(t.Context(), cs); err != nil {
			t.Fatal(err)
		}
	}
	w.Write(row(1, "00:00"), row(2, "00:00"), row(3, "00:01"), row(4, "00:01"))
	w.Contexts[0].CurrentWatermark, w.Contexts[1].CurrentWatermark = at("00:01"), at("00:01")
	cs := w.Prepare(false)
	commit(0, cs[0])
	commit(1, cs[1])
	expect("the delay has not passed") // the watermark must be above

	w.Contexts[0].CurrentWatermark, w.Contexts[1].CurrentWatermark = at("00:01")+1, at("00:01")
	cs = w.Prepare(false)
	commit(0, cs[0])
	commit(1, cs[1])
	expect("one writer is behind")

	// The second writer has a file more for the partition, which is committed late.
	w.Write(row(5, "00:00"), row(6, "00:00"))
	w.Contexts[1].CurrentWatermark = at("00:01") + 1
	cs = w.Prepare(false)
	commit(0, cs[0])
	expect("a file is not committed")
	commit(1, cs[1])
	expect("all is there", "hm=00%3A00")

	// A late row makes the partition wait again; the end of input completes all.
	w.Write(row(7, "00:00"))
	cs = w.Prepare(false)
	commit(0, cs[0])
	commit(1, cs[1])
	expect("late", "hm=00%3A00")
	cs = w.Prepare(true)
	commit(0, cs[0])
	commit(1, cs[1])
	expect("the end", "hm=00%3A00", "hm=00%3A01")
	if got := len(visibleRows(t, dir)); got != 7 {
		t.Errorf("%d rows", got)
	}
	w.Close()
	if left := hiddenBelow(t, dir); len(left) > 0 {
		t.Errorf("%q is left", left)
	}

	// A partition whose name is no time fails.
	bad, err := values.Batch(bidColumns(), values.R(1, "x", "y"))
	if err != nil {
		t.Fatal(err)
	}
	w = connectortest.NewWriters(t, s, 1)
	if err := w.Writers[0].Write(bad, 0); fault.CodeOf(err) != fault.SinkFailed || !strings.Contains(err.Error(), `"x y:00"`) {
		t.Error(err)
	}
}

// TestPartitionCommitByTime: with process-time, a partition is announced when the delay has passed since its first row, and with every checkpoint if there is none.
func TestPartitionCommitByTime(t *testing.T) {
	dir := t.TempDir()
	s := sinkOf(t, tableOf(t, dir, bidColumns(), []int{1, 2}, map[string]string{"sink.partition-commit.delay": "1 min", "sink.partition-commit.policy.kind": "metastore,success-file", "sink.partition-commit.success-file.name": "done"}))
	w := connectortest.NewWriters(t, s, 1)
	b, err := values.Batch(bidColumns(), values.R(1, "x", "y"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.NewCommitter(w.Contexts[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, false, true} {
		w.Write(b)
		if err := c.Commit(t.Context(), w.Prepare(false)); err != nil {
			t.Fatal(err)
		}
		if got := exists(filepath.Join(dir, "dt=x", "hm=y", "done")); got != want {
			t.Errorf("checkpoint %d: %v", i, got)
		}
		if err := w.Contexts[0].Advance(40 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOverwrite(t *testing.T) {
	for name, partitionBy := range map[string][]int{"plain": nil, "partitioned": {1, 2}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := func(overwrite bool, rows ...values.Row) {
				table := tableOf(t, dir, bidColumns(), partitionBy, nil)
				table.Overwrite, table.Batch = overwrite, true
				s := sinkOf(t, table)
				w := connectortest.NewWriters(t, s, 2)
				for k := range w.Contexts {
					w.Contexts[k].Job = fmt.Sprint("job-", overwrite, len(rows))
				}
				// Contexts are read when writers are made, so they are made anew.
				for k, ctx := range w.Contexts {
					if err := w.Writers[k].Close(); err != nil {
						t.Fatal(err)
					}
					var err error
					if w.Writers[k], err = s.NewWriter(ctx, nil); err != nil {
						t.Fatal(err)
					}
				}
				for _, r := range rows {
					b, err := values.Batch(bidColumns(), r)
					if err != nil {
						t.Fatal(err)
					}
					w.Write(b)
				}
				c, err := s.NewCommitter(w.Contexts[0])
				if err != nil {
					t.Fatal(err)
				}
				cs := w.Prepare(true)
				for range 2 {
					if err := c.Commit(t.Context(), cs); err != nil {
						t.Fatal(err)
					}
				}
				w.Close()
			}
			prices := func() (all []string) {
				for _, row := range visibleRows(t, dir) {
					_, line, _ := strings.Cut(row, ": ")
					all = append(all, strings.Split(line, ",")[0])
				}
				slices.Sort(all)
				return all
			}
			run(false, values.R(1, "a", "x"), values.R(2, "b", "x"))
			run(false, values.R(3, "a", "x"))
			if got := fmt.Sprint(prices()); got != "[1 2 3]" {
				t.Fatal(got)
			}
			run(true, values.R(4, "a", "x"), values.R(5, "a", "x"), values.R(6, "a", "x"))
			want := "[4 5 6]"
			if partitionBy != nil {
				want = "[2 4 5 6]" // the other partition stays
			}
			if got := fmt.Sprint(prices()); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			run(true)
			if partitionBy == nil {
				want = "[]"
			}
			if got := fmt.Sprint(prices()); got != want {
				t.Errorf("overwritten with nothing: %s, want %s", got, want)
			}
		})
	}
}

// TestTableMoves: files that wait in the partitions of a directory that was moved are completed where they are now.
func TestTableMoves(t *testing.T) {
	top := t.TempDir()
	old, dir := filepath.Join(top, "old"), filepath.Join(top, "new")
	w := connectortest.NewWriters(t, sinkOf(t, tableOf(t, old, bidColumns(), []int{1, 2}, nil)), 1)
	b, err := values.Batch(bidColumns(), values.R(1, "a", "x"), values.R(2, "b", "y"))
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	cs := w.Prepare(false)
	w.Close()
	if err := os.Rename(old, dir); err != nil {
		t.Fatal(err)
	}
	c, err := sinkOf(t, tableOf(t, dir, bidColumns(), []int{1, 2}, nil)).NewCommitter(w.Contexts[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Commit(t.Context(), cs); err != nil {
			t.Fatal(err)
		}
	}
	if rows := visibleRows(t, dir); len(rows) != 2 || exists(old) {
		t.Errorf("%q; the old directory is there: %v", rows, exists(old))
	}
}

// TestManyPartitions has more partitions than files may be open.
func TestManyPartitions(t *testing.T) {
	dir := t.TempDir()
	s := sinkOf(t, tableOf(t, dir, bidColumns(), []int{1}, nil))
	w := connectortest.NewWriters(t, s, 1)
	for i := range maxOpen + 20 {
		b, err := values.Batch(bidColumns(), values.R(i, fmt.Sprint(i), "x"), values.R(-i, fmt.Sprint(i/2), "y"))
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b)
		if n := len(w.Writers[0].(*tableWriter).open); n > maxOpen+1 {
			t.Fatalf("%d files are open", n)
		}
	}
	c, err := s.NewCommitter(w.Contexts[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(t.Context(), w.Prepare(true)); err != nil {
		t.Fatal(err)
	}
	if n := len(visibleRows(t, dir)); n != 2*(maxOpen+20) {
		t.Errorf("%d rows", n)
	}
}

func TestPartitionPath(t *testing.T) {
	keys := []string{"dt", "a=b", "h/m"}
	for _, values := range [][]string{{"2015-07-15", "00:00", "x"}, {"", "%", "ä/ö\\\"'*?{}[]^#\n\x7f"}, {"=", "a b", "%zz"}} {
		path := partitionPath(keys, values)
		got, ok := partitionValues(path, keys)
		if !ok || !slices.Equal(got, values) || strings.Count(path, "/") != 2 {
			t.Errorf("%q: %s, %q", values, path, got)
		}
	}
	for _, path := range []string{"dt=1", "x=1/a%3Db=2/h%2Fm=3", "dt/a/b"} {
		if _, ok := partitionValues(path, keys); ok {
			t.Errorf("%s is taken", path)
		}
	}
}

func TestExtractor(t *testing.T) {
	for _, c := range []struct {
		pattern, formatter string
		want               string // "" for an error
	}{
		{"$dt $hm:00", "", "2015-07-15 12:34:00"}, {"", "", "2015-07-15 00:00:00"}, {"$dt", "yyyy-MM-dd", "2015-07-15 00:00:00"}, {"$dtx", "", ""}, {"$dt at $hm", "yyyy-MM-dd 'at' HH:mm", "2015-07-15 12:34:00"},
		{"$hm", "", ""},
	} {
		e := extractor{keys: []string{"dt", "hm", "d"}, pattern: c.pattern, zone: time.UTC}
		if c.formatter != "" {
			var err error
			if e.layout, err = javaLayout(c.formatter); err != nil {
				t.Fatal(err)
			}
		}
		at, err := e.time([]string{"2015-07-15", "12:34", "wrong"})
		if got := at.Format("2006-01-02 15:04:05"); err == nil && got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}

func BenchmarkTableWrite(b *testing.B) {
	s := sinkOf(b, tableOf(b, b.TempDir(), bidColumns(), []int{1, 2}, nil))
	w := connectortest.NewWriters(b, s, 1)
	var rows []values.Row
	for i := range 1000 {
		rows = append(rows, values.R(i, "2015-07-15", fmt.Sprint("00:", i/500)))
	}
	batch, err := values.Batch(bidColumns(), rows...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Write(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
