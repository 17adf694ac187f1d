// Package sql runs files of SQL in many ways, each of which must give the same tables.
package sql

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

var rewrite = flag.Bool("rewrite", false, "write what the first way gives into the files")

// way is one way of running a query.
type way struct {
	name                string
	parallelism, second int // second: stopped with a savepoint and restored at that parallelism
	perRow, lsm, batch  bool
	phases              bool // aggregations have two phases wherever they can
	compiled            bool // the plan is written and read again before it runs
}

// ways are all; the first gives what is written with -rewrite.
var ways = []way{
	{name: "one-shot", parallelism: 1},
	{name: "a change a row", parallelism: 1, perRow: true},
	{name: "parallel on lsm, in two phases", parallelism: 3, lsm: true, phases: true},
	{name: "restored, from compiled plans", parallelism: 1, second: 1, compiled: true},
	{name: "rescaled", parallelism: 2, second: 3},
	{name: "rescaled, a change a row, lsm", parallelism: 3, second: 2, perRow: true, lsm: true},
	{name: "rescaled from two phases to one", parallelism: 2, second: 1, phases: true},
	{name: "batch, in two phases", parallelism: 2, batch: true, phases: true},
}

// A file has parts: "table NAME (SCHEMA)" with a line a row behind it, cells separated by " | ", a row of a changelog beginning with its kind; and "query", SQL, "----", and the rows of the
// result, sorted. Options of a table may stand behind its schema: "table NAME (SCHEMA) batch-size=1 changelog-mode=I,UA,D". "query nobatch" is not run in batch mode, as for tables with updates. Lines that begin with # are comments.
type file struct {
	path   string
	tables []*source
	parts  []*part
}

type source struct {
	name, schema string
	options      map[string]string
	rows         [][]string
}

type part struct {
	text  string // as in the file, with comments, up to the result
	query *query
}

type query struct {
	sql   string
	batch bool
	rows  []string
}

func read(t *testing.T, path string) *file {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &file{path: path}
	var p *part
	var src *source
	results := false
	var sql strings.Builder
	lines := bufio.NewScanner(strings.NewReader(string(b)))
	for lines.Scan() {
		line := lines.Text()
		head, rest, _ := strings.Cut(line, " ")
		if p != nil && p.query != nil && results {
			if line != "" {
				p.query.rows = append(p.query.rows, line)
				continue
			}
			p, results = nil, false
			continue
		}
		if p == nil {
			p = &part{}
			f.parts = append(f.parts, p)
			src = nil
			sql.Reset()
		}
		p.text += line + "\n"
		switch {
		case strings.HasPrefix(line, "#"):
		case p.query != nil && line == "----":
			p.query.sql, results = sql.String(), true
		case p.query != nil:
			sql.WriteString(line + "\n")
		case line == "":
			if src != nil {
				p = nil
			}
		case src != nil:
			src.rows = append(src.rows, strings.Split(line, " | "))
		case head == "table":
			name, schema, _ := strings.Cut(rest, " ")
			src = &source{name: name, schema: schema, options: map[string]string{}}
			if at := strings.LastIndexByte(schema, ')'); at >= 0 {
				for _, o := range strings.Fields(schema[at+1:]) {
					k, v, _ := strings.Cut(o, "=")
					src.options[k] = v
				}
				src.schema = schema[:at+1]
			}
			f.tables = append(f.tables, src)
		case head == "query":
			p.query = &query{batch: !strings.Contains(rest, "nobatch")}
		default:
			t.Fatalf("%s: what is %q?", path, line)
		}
	}
	if p != nil && p.query != nil && !results {
		p.query.sql = sql.String()
	}
	return f
}

func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			f := read(t, path)
			for _, p := range f.parts {
				if p.query != nil {
					f.check(t, p.query)
				}
			}
			if *rewrite {
				f.write(t)
			}
		})
	}
}

func (f *file) write(t *testing.T) {
	var b strings.Builder
	for i, p := range f.parts {
		if p.query == nil {
			b.WriteString(p.text)
			if !strings.HasSuffix(p.text, "\n\n") && i < len(f.parts)-1 {
				b.WriteString("\n")
			}
			continue
		}
		text, _, _ := strings.Cut(p.text, "----\n")
		b.WriteString(text + "----\n")
		for _, r := range p.query.rows {
			b.WriteString(r + "\n")
		}
		if i < len(f.parts)-1 {
			b.WriteString("\n")
		}
	}
	if err := os.WriteFile(f.path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (f *file) check(t *testing.T, q *query) {
	for i, w := range ways {
		if w.batch && !q.batch {
			continue
		}
		got, err := f.run(t, q, w)
		if err != nil {
			t.Errorf("%s\n%s: %v", q.sql, w.name, err)
			return
		}
		if i == 0 && *rewrite {
			q.rows = got
		}
		if !slices.Equal(got, q.rows) {
			t.Errorf("%s\n%s:\n%s\nwant\n%s", q.sql, w.name, strings.Join(got, "\n"), strings.Join(q.rows, "\n"))
			return
		}
	}
}

// run runs the query and returns the rows of the table that its changelog makes, sorted.
func (f *file) run(t *testing.T, q *query, w way) ([]string, error) {
	store := values.NewStore()
	if w.second == 0 {
		client, err := f.start(t, q, w, store, w.parallelism, false, "")
		if err != nil {
			return nil, err
		}
		if _, err := client.Wait(t.Context()); err != nil {
			return nil, err
		}
		return materialize(store)
	}
	client, err := f.start(t, q, w, store, w.parallelism, true, "")
	if err != nil {
		return nil, err
	}
	for range 200 { // until the job has read what it is given, or some of it
		if client.Status() == weir.StatusRunning && client.Progress().RecordsRead() > 0 || client.Status() == weir.StatusFailed {
			break
		}
		time.Sleep(time.Millisecond)
	}
	path, err := client.StopWithSavepoint(t.Context(), t.TempDir(), false)
	for range 1000 { // some task may not run yet
		if fault.CodeOf(err) != fault.JobNotRunning || client.Status() == weir.StatusFailed {
			break
		}
		time.Sleep(time.Millisecond)
		path, err = client.StopWithSavepoint(t.Context(), t.TempDir(), false)
	}
	if err != nil {
		if client.Status() == weir.StatusFailed {
			_, err = client.Wait(t.Context())
		}
		client.Cancel()
		return nil, fmt.Errorf("stopping: %w", err)
	}
	if client, err = f.start(t, q, w, store, w.second, false, path); err != nil {
		return nil, err
	}
	if _, err := client.Wait(t.Context()); err != nil {
		return nil, fmt.Errorf("restored: %w", err)
	}
	return materialize(store)
}

// start starts the query. If it is to be slow, rows come a few at a time, and the tables have no end.
func (f *file) start(t *testing.T, q *query, w way, store *values.Store, parallelism int, slow bool, restore string) (*weir.JobClient, error) {
	o := table.Options{Parallelism: parallelism, MaxParallelism: 16}
	o.Checkpoints.Dir, o.Checkpoints.Restore = t.TempDir(), restore
	if w.lsm {
		o.StateBackend, o.StateDir, o.Memory = lsm.Backend(), t.TempDir(), 256<<20
	}
	env := table.NewEnvironment(o)
	env.AddConnector(store.Table())
	if err := addFunctions(env); err != nil {
		t.Fatal(err)
	}
	set := func(k, v string) {
		if err := env.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	if w.perRow {
		set("table.exec.mini-batch.enabled", "false")
	}
	if w.phases {
		set("table.optimizer.agg-phase-strategy", "TWO_PHASE")
		set("table.optimizer.distinct-agg.split.enabled", "true")
		set("table.optimizer.distinct-agg.split.bucket-num", "3")
	}
	if w.batch {
		set("execution.runtime-mode", "batch")
	}
	rate := 0
	if slow {
		rate = 400
	}
	for _, s := range f.tables {
		rows, changelog := s.typed(t)
		store.Put(s.name, rows...)
		options := map[string]string{"connector": "values", "batch-size": "3", "bounded": fmt.Sprint(!slow), "changelog-mode": changelog, "rows-per-second": fmt.Sprint(rate)}
		maps.Copy(options, s.options)
		var list []string
		for k, v := range options {
			list = append(list, fmt.Sprintf("'%s' = '%s'", k, v))
		}
		ddl := fmt.Sprintf("CREATE TABLE %s %s WITH (%s)", s.name, s.schema, strings.Join(list, ", "))
		if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
			return nil, err
		}
	}
	columns, err := columnsOf(t, env, q.sql)
	if err != nil {
		return nil, err
	}
	if _, err := env.ExecuteSQL(t.Context(), "CREATE TABLE `out` ("+columns+") WITH ('connector' = 'values')"); err != nil {
		return nil, err
	}
	insert := "INSERT INTO `out` " + q.sql
	var r *table.Result
	if w.compiled {
		r, err = executeCompiled(t, env, insert)
	} else {
		r, err = env.ExecuteSQL(t.Context(), insert)
	}
	if err != nil {
		return nil, err
	}
	return r.Job, nil
}

// executeCompiled runs a statement by the text of its plan.
func executeCompiled(t *testing.T, env *table.Environment, statement string) (*table.Result, error) {
	made, err := env.CompilePlan(t.Context(), statement)
	if err != nil {
		return nil, err
	}
	read, err := env.LoadPlan(made.JSON())
	if err != nil {
		return nil, err
	}
	return read.Execute(t.Context())
}

func columnsOf(t *testing.T, env *table.Environment, sql string) (string, error) {
	r, err := env.ExecuteSQL(t.Context(), sql)
	if err != nil {
		return "", err
	}
	var list []string
	for _, c := range r.Columns {
		list = append(list, types.Quote(c.Name)+" "+c.Type.String())
	}
	return strings.Join(list, ", "), nil
}

// typed turns the cells into values, by CAST.
func (s *source) typed(t *testing.T) ([]values.Row, string) {
	t.Helper()
	schema, err := parse.Schema(&ast.Source{Text: strings.TrimSuffix(strings.TrimPrefix(s.schema, "("), ")")})
	if err != nil {
		t.Fatal(err)
	}
	var fields []types.Type
	src := &ast.Source{Text: strings.TrimSuffix(strings.TrimPrefix(s.schema, "("), ")")}
	for _, c := range schema.Columns {
		if c.Type == nil {
			continue
		}
		f, err := catalog.TypeOf(src, c.Type)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, f)
	}
	kinds := map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}
	changelog := "I"
	var rows []values.Row
	for _, cells := range s.rows {
		row := values.Row{}
		if head, rest, ok := strings.Cut(cells[0], " "); ok {
			if k, isKind := kinds[head]; isKind {
				row.Kind = k
				cells = append([]string{rest}, cells[1:]...)
				changelog = "I,UB,UA,D"
			}
		}
		if len(cells) != len(fields) {
			t.Fatalf("table %s: row %q has not %d cells", s.name, cells, len(fields))
		}
		for i, cell := range cells {
			row.Values = append(row.Values, cast(t, strings.TrimSpace(cell), fields[i]))
		}
		rows = append(rows, row)
	}
	return rows, changelog
}

func cast(t *testing.T, cell string, to types.Type) any {
	t.Helper()
	if cell == "NULL" {
		return nil
	}
	p, err := vec.Compile(&expr.Call{Fn: fn.Cast, Args: []expr.Expr{&expr.Const{Value: column.TextValue(cell), T: types.String().NotNull()}}, T: to}, &fn.Session{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Eval(&fn.Call{}, &column.Batch{N: 1}, nil)
	if err != nil {
		t.Fatalf("%q as %s: %v", cell, to, err)
	}
	return v.Value(0)
}

func materialize(store *values.Store) ([]string, error) {
	count := map[string]int{}
	for _, r := range store.Written("out") {
		text := r.Text[2:]
		if r.Kind.Adds() {
			count[text]++
		} else {
			count[text]--
		}
	}
	var rows []string
	for text, n := range count {
		if n < 0 {
			return nil, fmt.Errorf("the row %s was taken back %d times more often than it came", text, -n)
		}
		for range n {
			rows = append(rows, strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		}
	}
	slices.Sort(rows)
	return rows, nil
}
