package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// setup is a step before a program's statements.
type setup struct {
	Kind, Name, Key, Value, Class, SQL string
	Schema                             []string
	Options                            map[string]string
	PartitionKeys                      []string
	Before, After                      []tableRow
	ExpectBefore, ExpectAfter          []string
	Materialized                       []string
	// Table, TimeAttribute and PrimaryKey are those of a temporal table function.
	Table, TimeAttribute, PrimaryKey string
	// DedupFields are columns: of the rows that agree in them, the last one counts.
	DedupFields []int
}

// action is a statement of a program.
type action struct {
	Kind, SQL, Error string
	SQLs             []string
}

// skipped is why a program cannot be run.
type skipped struct{ why string }

func (s skipped) Error() string { return s.why }

// program runs a program one-shot and, if its sources have rows for a second phase, restored.
func (s *set) program() []result {
	r := result{Case: s.ID, Status: ok, Chance: s.sources() > 1}
	var err error
	if !s.changesTables() {
		err = s.oneShot()
	}
	if err == nil && s.twoPhases() {
		if err = s.restored(); err != nil {
			err = fmt.Errorf("restored: %w", err)
		}
	}
	if err != nil {
		r.Status, r.Why = fail, strings.SplitN(err.Error(), "\n", 2)[0]
		var skippedBy skipped
		if errors.As(err, &skippedBy) {
			r.Status = skip
		}
	}
	return []result{r}
}

func (s *set) twoPhases() bool {
	for _, st := range s.Setup {
		if st.Kind == "source" && len(st.After) > 0 {
			return true
		}
	}
	return false
}

// changesTables tells whether a table that is looked up has other rows in the second phase: then both phases cannot be one.
func (s *set) changesTables() bool {
	return slices.ContainsFunc(s.Setup, func(st setup) bool { return st.Kind == "source" && st.lookedUp() && len(st.After) > 0 })
}

// phase is how a program is run.
type phase struct {
	store   *values.Store
	limited bool // only the rows of before are given, and sources do not end
	restore string
	dir     string
}

// start prepares a session and starts the program's jobs.
func (s *set) start(ctx context.Context, p phase) (jobs []*weir.JobClient, err error) {
	o := table.Options{Parallelism: 1}
	o.Checkpoints.Dir, o.Checkpoints.Restore = p.dir, p.restore
	env := table.NewEnvironment(o)
	env.AddConnector(p.store.Table())
	if err := env.Set("table.exec.mini-batch.enabled", "false"); err != nil {
		return nil, err
	}
	if batchOnly[s.Class] {
		if err := env.Set("execution.runtime-mode", "batch"); err != nil {
			return nil, err
		}
	}
	if conflicts[s.Class] {
		if err := env.Set("table.exec.sink.require-on-conflict", "true"); err != nil {
			return nil, err
		}
	}
	for _, st := range s.Setup {
		switch st.Kind {
		case "config":
			err = env.Set(st.Key, st.Value)
		case "source":
			err = s.source(ctx, env, st, p)
		case "sink":
			err = sink(ctx, env, st)
		case "sql":
			_, err = env.ExecuteSQL(ctx, st.SQL)
		case "function":
			twin := javaFunction[st.Class]
			if twin == nil {
				twin = javaAggregate[strings.TrimPrefix(st.Class, javaAggregates)]
			}
			if twin == nil {
				return nil, skipped{"there is no twin of " + st.Class}
			}
			err = twin(env, st.Name)
		case "temporal_function":
			err = env.AddTemporalFunction(st.Name, st.Table, st.TimeAttribute, st.PrimaryKey)
		default:
			return nil, skipped{"a " + st.Kind + " cannot be set up here"}
		}
		if err != nil {
			return nil, err
		}
	}
	for _, a := range s.Run {
		switch a.Kind {
		case "sql":
			r, err := env.ExecuteSQL(ctx, a.SQL)
			if err != nil {
				return jobs, err
			}
			if r.Job != nil {
				jobs = append(jobs, r.Job)
			}
		case "statement_set":
			r, err := env.ExecuteSQL(ctx, "EXECUTE STATEMENT SET BEGIN "+strings.Join(a.SQLs, "; ")+"; END")
			if err != nil {
				return jobs, err
			}
			jobs = append(jobs, r.Job)
		case "failing_sql":
			r, err := env.ExecuteSQL(ctx, a.SQL)
			if err == nil && r.Job != nil {
				_, err = r.Job.Wait(ctx)
			}
			if err == nil {
				return jobs, fmt.Errorf("it ran, but Flink says: %s", a.Error)
			}
			if code := fault.CodeOf(err); code == fault.InternalInvariant || code == "" {
				return jobs, fmt.Errorf("it failed for the wrong reason: %w", err)
			}
		default:
			return jobs, skipped{"a statement of the kind " + a.Kind}
		}
	}
	return jobs, nil
}

// batchOnly are the classes whose programs Flink runs in batch mode alone.
var batchOnly = map[string]bool{"SortAggregateTestPrograms": true, "CorrelatedScalarSubqueryTestPrograms": true}

// conflicts are the classes whose programs Flink runs with its default, that an INSERT says what becomes of rows with the same key; elsewhere its tests leave that.
var conflicts = map[string]bool{"SinkTestPrograms": true}

// source makes a table of a source.
func (s *set) source(ctx context.Context, env *table.Environment, st setup, p phase) error {
	physical, err := physicalColumns(st.Schema, st.Options["readable-metadata"])
	if err != nil {
		return err
	}
	kinds := map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}
	given := append(slices.Clone(st.Before), st.After...)
	lookup := st.lookedUp()
	if lookup {
		given = present(given, keyOf(st.Schema), len(st.Before), p)
	}
	var rows []values.Row
	for _, r := range given {
		row := values.Row{Kind: kinds[r.K]}
		for i, t := range physical {
			v := column.NullValue()
			if i < len(r.V) {
				if v, err = readValue(r.V[i], loose(t), time.UTC); err != nil {
					return fmt.Errorf("source %s: %w", st.Name, err)
				}
			}
			row.Values = append(row.Values, v)
		}
		rows = append(rows, row)
	}
	p.store.Put(st.Name, rows...)
	size := 1 // a watermark behind each row
	for _, c := range s.Setup {
		if n, err := strconv.Atoi(c.Value); err == nil && c.Kind == "config" && c.Key == "table.exec.mini-batch.size" {
			size = n
		}
	}
	options := fmt.Sprintf("'connector' = 'values', 'batch-size' = '%d'", size)
	mode := st.Options["changelog-mode"]
	if list := strings.Split(mode, ","); mode != "" && !slices.ContainsFunc(list, func(k string) bool { return strings.TrimSpace(k) == "I" }) {
		mode += ",I" // it says so, and holds some
	}
	if mode == "" && slices.ContainsFunc(rows, func(r values.Row) bool { return r.Kind != types.Insert }) {
		mode = "I,UB,UA,D"
	}
	if mode != "" {
		options += ", 'changelog-mode' = '" + mode + "'"
	}
	if st.Options["source.produces-delete-by-key"] == "true" {
		options += ", 'produces-delete-by-key' = 'true'"
	}
	if m := st.Options["readable-metadata"]; m != "" {
		options += ", 'readable-metadata' = '" + m + "'"
	}
	if strings.Contains(strings.ToUpper(strings.Join(st.Schema, ",")), "SOURCE_WATERMARK") {
		options += ", 'source-watermarks' = 'true'"
	}
	if s.timed() > 1 { // sources go on at the same pace, so that none is ahead of the other's watermarks
		options += ", 'rows-per-second' = '100'"
	}
	if p.limited && !lookup {
		options += fmt.Sprintf(", 'bounded' = 'false', 'limit' = '%d'", len(st.Before))
	}
	return create(ctx, env, st, options)
}

// loose is a type whose strings have any length: those of a table's rows are not made to fit, so that who writes them can mind.
func loose(t types.Type) types.Type {
	switch t.Kind() {
	case types.Char, types.Varchar:
		return types.String()
	case types.Array:
		return types.ArrayOf(loose(t.Elem()))
	case types.Map:
		return types.MapOf(loose(t.Key()), loose(t.Elem()))
	case types.Row:
		fields := slices.Clone(t.Fields())
		for i := range fields {
			fields[i].Type = loose(fields[i].Type)
		}
		return types.RowOf(fields...)
	}
	return t
}

// lookedUp tells whether a source is a table that is looked up: then it holds the rows of a phase from its beginning.
func (st setup) lookedUp() bool { return st.Options["disable-lookup"] == "false" }

// present are the rows that a table has that is looked up: those of the first phase, and in the second one those of both, of which a later one takes the place of that with the same key.
func present(given []tableRow, key []int, before int, p phase) []tableRow {
	if p.limited {
		return given[:before]
	}
	var list []tableRow
	at := map[string]int{}
	for _, r := range given {
		k := ""
		for _, c := range key {
			k += fmt.Sprint(r.V[c], "|")
		}
		if i, ok := at[k]; ok && key != nil {
			list[i] = r
			continue
		}
		at[k] = len(list)
		list = append(list, r)
	}
	return list
}

func create(ctx context.Context, env *table.Environment, st setup, options string) error {
	ddl := "CREATE TABLE " + types.Quote(st.Name) + " (" + strings.Join(st.Schema, ", ") + ")"
	if len(st.PartitionKeys) > 0 {
		ddl += " PARTITIONED BY (" + strings.Join(st.PartitionKeys, ", ") + ")"
	}
	_, err := env.ExecuteSQL(ctx, ddl+" WITH ("+options+")")
	return err
}

// sink makes a table of a sink, which takes what Flink's takes: inserts, or updates, by key if it has one.
func sink(ctx context.Context, env *table.Environment, st setup) error {
	mode := "I,UB,UA,D"
	if strings.Contains(strings.ToUpper(strings.Join(st.Schema, ", ")), "PRIMARY KEY") {
		mode = "I,UA,D"
	}
	if m := st.Options["changelog-mode"]; m != "" {
		mode = m
	}
	if st.Options["sink-insert-only"] == "true" {
		mode = "I"
	}
	if m := st.Options["sink-changelog-mode-enforced"]; m != "" {
		mode = m
	}
	options := "'connector' = 'values', 'sink.direct' = 'true', 'sink.changelog-mode' = '" + mode + "'"
	if m := st.Options["writable-metadata"]; m != "" {
		options += ", 'writable-metadata' = '" + m + "'"
	}
	if st.Options["sink.supports-delete-by-key"] == "true" {
		options += ", 'sink.supports-delete-by-key' = 'true'"
	}
	return create(ctx, env, st, options)
}

// physicalColumns are the types of the columns that rows have values for: the physical ones, and behind them those of metadata, sorted by name.
func physicalColumns(schema []string, metadata string) ([]types.Type, error) {
	src := &ast.Source{Text: strings.Join(schema, ", ")}
	parsed, err := parse.Schema(src)
	if err != nil {
		return nil, err
	}
	var list []types.Type
	declared := map[string]types.Type{}
	for _, c := range parsed.Columns {
		if c.Type == nil {
			continue
		}
		t, err := catalog.TypeOf(src, c.Type)
		if err != nil {
			return nil, err
		}
		switch {
		case !c.Metadata:
			list = append(list, t)
		case c.MetadataKey != nil:
			declared[c.MetadataKey.Value] = t
		default:
			declared[c.Name.Parts[0].Name] = t
		}
	}
	keys := map[string]types.Type{}
	for part := range strings.SplitSeq(metadata, ",") {
		name, text, ok := strings.Cut(part, ":")
		if !ok {
			continue
		}
		name = strings.TrimSpace(name)
		t, ok := declared[name]
		if !ok {
			if t, err = readType(strings.TrimSpace(text)); err != nil {
				return nil, err
			}
		}
		keys[name] = t
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, keys[name])
	}
	return list, nil
}

func (s *set) oneShot() error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	store := values.NewStore()
	jobs, err := s.start(ctx, phase{store: store})
	defer cancelAll(jobs)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if _, err := j.Wait(ctx); err != nil {
			return err
		}
	}
	return s.compare(store, true)
}

// quiet is how long nothing has to be written for a first phase to be given up.
const quiet = 6 * time.Second

func (s *set) restored() error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store := values.NewStore()
	jobs, err := s.start(ctx, phase{store: store, limited: true, dir: dir + "/first"})
	defer cancelAll(jobs)
	if err != nil {
		return err
	}
	if len(jobs) != 1 {
		return nil // one savepoint is one job's
	}
	for rows, since := 0, time.Now(); ; {
		err = s.compare(store, false)
		if err == nil || ctx.Err() != nil || jobs[0].Status() == weir.StatusFailed {
			break
		}
		n := 0
		for _, st := range s.Setup {
			if st.Kind == "sink" {
				n += len(store.Written(st.Name))
			}
		}
		if n != rows {
			rows, since = n, time.Now()
		} else if n > 0 && time.Since(since) > quiet {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err != nil {
		if jobs[0].Status() == weir.StatusFailed {
			_, err = jobs[0].Wait(ctx)
		}
		return fmt.Errorf("the first phase: %w", err)
	}
	path, err := jobs[0].StopWithSavepoint(ctx, dir, false)
	for fault.CodeOf(err) == fault.JobNotRunning && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		path, err = jobs[0].StopWithSavepoint(ctx, dir, false)
	}
	if err != nil {
		return err
	}
	again, err := s.start(ctx, phase{store: store, dir: dir + "/second", restore: path})
	defer cancelAll(again)
	if err != nil {
		return err
	}
	for _, j := range again {
		if _, err := j.Wait(ctx); err != nil {
			return err
		}
	}
	return s.compare(store, true)
}

func cancelAll(jobs []*weir.JobClient) {
	for _, j := range jobs {
		j.Cancel()
		_, _ = j.Wait(context.Background())
	}
}

// compare compares the sinks with what is expected, of the first phase or of both.
func (s *set) compare(store *values.Store, whole bool) error {
	for _, st := range s.Setup {
		if st.Kind != "sink" {
			continue
		}
		written := store.Written(st.Name)
		var got []string
		for _, r := range written {
			got = append(got, r.Text)
		}
		want := slices.Clone(st.ExpectBefore)
		if whole {
			want = append(want, st.ExpectAfter...)
		}
		if st.Materialized != nil {
			if !whole {
				continue
			}
			want, got = slices.Clone(st.Materialized), content(written, keyOf(st.Schema))
			for i := range want {
				want[i] = want[i][2:]
			}
		}
		inOrder := slices.Clone(want)
		slices.Sort(got)
		slices.Sort(want)
		key := keyOf(st.Schema)
		if st.DedupFields != nil {
			key = st.DedupFields
		}
		if !slices.Equal(got, want) && st.Materialized == nil && (s.sources() > 1 || st.DedupFields != nil) {
			// Which of several sources is read first is by chance, and so is what comes and goes meanwhile: the tables that the changelogs make are compared.
			var expected []values.Written
			for _, text := range inOrder {
				k := map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}[text[:2]]
				expected = append(expected, values.Written{Kind: k, Text: text})
			}
			got, want = content(written, key), content(expected, key)
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s has %s, want %s", st.Name, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
	return nil
}

// sources is how many sources there are, or may be: a view, too, may have rows of its own.
func (s *set) sources() (n int) {
	for _, st := range s.Setup {
		if st.Kind == "source" || st.Kind == "sql" {
			n++
		}
	}
	return n
}

// timed counts the sources with watermarks.
func (s *set) timed() (n int) {
	for _, st := range s.Setup {
		if st.Kind == "source" && strings.Contains(strings.ToUpper(strings.Join(st.Schema, ",")), "WATERMARK") {
			n++
		}
	}
	return n
}

// content is the table that a changelog makes, without the kinds. key are the columns of the sink's key: then a row takes the place of the one with the same.
func content(written []values.Written, key []int) []string {
	count := map[string]int{}
	last := map[string]string{}
	for _, r := range written {
		text := r.Text[2:]
		if key != nil {
			k, cells := "", cellsOf(text)
			for _, c := range key {
				if c < len(cells) {
					k += cells[c] + "|"
				}
			}
			if old, ok := last[k]; ok {
				count[old]--
			}
			delete(last, k)
			if r.Kind.Adds() {
				last[k] = text
				count[text]++
			}
			continue
		}
		if r.Kind.Adds() {
			count[text]++
		} else {
			count[text]--
		}
	}
	var rows []string
	for text, n := range count {
		for range n {
			rows = append(rows, text)
		}
	}
	return rows
}

// cellsOf are the values of a row's text, without those within them.
func cellsOf(text string) (cells []string) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '[' || c == '{' || c == '(':
			depth++
		case c == ']' || c == '}' || c == ')':
			depth--
		case c == ',' && depth == 0:
			cells = append(cells, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(cells, strings.TrimSpace(text[from:]))
}

// keyOf are the columns of the primary key, nil if there is none.
func keyOf(schema []string) (key []int) {
	src := &ast.Source{Text: strings.Join(schema, ", ")}
	parsed, err := parse.Schema(src)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, c := range parsed.Constraints {
		for _, n := range c.Columns {
			names[n.Name] = true
		}
	}
	for i, c := range parsed.Columns {
		if c.Constraint != nil || names[c.Name.Parts[0].Name] {
			key = append(key, i)
		}
	}
	return key
}
