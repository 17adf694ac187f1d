package sqlstorm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/bind"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/oracle"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// Case is a query over tables.
type Case struct {
	Tables []*Table
	Query  string
	// Key are columns of the result of which no two rows have the same values, nil if none are known.
	Key []int
}

// Way is one way of running a query.
type Way struct {
	Name        string
	Parallelism int
	// Second is the parallelism with which the query is restored from a savepoint in the middle; 0 if it is not.
	Second             int
	PerRow, LSM, Batch bool
	// Upsert writes to a sink with a primary key, which takes no old rows. It is for queries with a key.
	Upsert bool
}

// Ways are all of them: each of streaming and batch, parallelism 1 and 3, mini-batch on and off, whole and restored, memory and lsm is in some.
var Ways = []Way{
	{Name: "one-shot", Parallelism: 1},
	{Name: "parallel, a change a row, lsm", Parallelism: 3, PerRow: true, LSM: true},
	{Name: "rescaled from 1 to 3, a change a row", Parallelism: 1, Second: 3, PerRow: true},
	{Name: "rescaled from 3 to 1, lsm", Parallelism: 3, Second: 1, LSM: true},
	{Name: "upserts, parallel", Parallelism: 3, Upsert: true},
	{Name: "upserts, a change a row", Parallelism: 1, Second: 1, PerRow: true, Upsert: true},
	{Name: "batch", Parallelism: 1, Batch: true},
	{Name: "batch, parallel", Parallelism: 3, Batch: true},
}

// bound returns the plan of the query as the oracle takes it.
func (c *Case) bound(batch bool) (logical.Rel, error) {
	b := bind.New(catalog.NewManager(), &fn.Session{Zone: time.UTC, Batch: batch})
	for _, t := range c.Tables {
		src := &ast.Source{Text: "CREATE TABLE " + t.Name + " (" + t.Schema() + ") WITH ('connector' = 'values')"}
		st, err := parse.Statement(src)
		if err != nil {
			return nil, err
		}
		if _, err := b.CreateTable(src, st.(*ast.CreateTable)); err != nil {
			return nil, err
		}
	}
	src := &ast.Source{Text: c.Query}
	st, err := parse.Statement(src)
	if err != nil {
		return nil, err
	}
	q, ok := st.(*ast.Query)
	if !ok {
		return nil, fmt.Errorf("%q is no query", c.Query)
	}
	return b.Query(src, q)
}

// evaluate returns the rows that the query should have, and its columns.
func (c *Case) evaluate(batch bool) ([]oracle.Row, []types.Field, error) {
	rel, err := c.bound(batch)
	if err != nil {
		return nil, nil, err
	}
	o := oracle.Options{Tables: map[string]oracle.Input{}, Batch: batch}
	for _, t := range c.Tables {
		o.Tables[t.Name] = oracle.Input{Changes: t.Changes, Batch: t.Batch, Updates: t.Updates, Upserts: t.Upserts}
	}
	rows, err := oracle.Evaluate(rel, o)
	return rows, rel.Fields(), err
}

// want returns the rows that the query should have, sorted, and those of them that have no null in the key.
func (c *Case) want(batch bool) (list, keyed []string, err error) {
	rows, _, err := c.evaluate(batch)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		list = append(list, r.Text())
		if !slices.ContainsFunc(c.Key, func(i int) bool { return r[i] == nil }) {
			keyed = append(keyed, r.Text())
		}
	}
	slices.Sort(list)
	slices.Sort(keyed)
	return list, keyed, nil
}

// changelog reports whether a table that the query reads has updates.
func (c *Case) changelog() bool {
	return slices.ContainsFunc(c.used(), func(t *Table) bool { return t.Updates })
}

// used are the tables that the query names.
func (c *Case) used() (list []*Table) {
	words := strings.FieldsFunc(c.Query, func(r rune) bool { return strings.ContainsRune(" (),.\n", r) })
	for _, t := range c.Tables {
		if slices.Contains(words, t.Name) {
			list = append(list, t)
		}
	}
	return list
}

// Runner runs cases. It belongs to one goroutine.
type Runner struct {
	// Dir is where checkpoints and state are kept.
	Dir  string
	runs int
}

// fresh returns a new directory.
func (r *Runner) fresh() string {
	r.runs++
	return filepath.Join(r.Dir, fmt.Sprint(r.runs))
}

// Run runs a case in one way, and returns the rows of the table that its changelog makes, sorted.
func (r *Runner) Run(ctx context.Context, c *Case, w Way) ([]string, error) {
	return r.run(ctx, c, w, new([]types.Field))
}

// run is Run, and sets the columns as soon as they are known.
func (r *Runner) run(ctx context.Context, c *Case, w Way, columns *[]types.Field) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	dir := r.fresh()
	defer os.RemoveAll(dir)
	store := values.NewStore()
	for _, t := range c.Tables {
		var rows []values.Row
		for _, ch := range t.Changes {
			row := values.Row{Kind: ch.Kind}
			for i, v := range ch.Row {
				row.Values = append(row.Values, oracle.GoValue(v, t.Columns[i].Type))
			}
			rows = append(rows, row)
		}
		store.Put(t.Name, rows...)
	}
	fields, client, err := c.start(ctx, w, store, dir, w.Parallelism, w.Second > 0, "")
	if err != nil {
		return nil, err
	}
	*columns = fields
	if w.Second > 0 {
		path, err := stop(ctx, client, filepath.Join(dir, "savepoints"), c.firstBatches())
		if err != nil && client.Status() == weir.StatusFinished {
			return c.materialize(store, fields, w) // it reads no table
		}
		if err != nil {
			client.Cancel()
			return nil, fmt.Errorf("stopping: %w", err)
		}
		if _, client, err = c.start(ctx, w, store, dir, w.Second, false, path); err != nil {
			return nil, err
		}
	}
	if _, err := client.Wait(ctx); err != nil {
		if stack := fault.StackOf(err); stack != "" {
			err = fmt.Errorf("%w\n%s", err, stack)
		}
		client.Cancel()
		return nil, err
	}
	return c.materialize(store, fields, w)
}

// limit is how many rows of a table come before the query is stopped: whole batches.
func (t *Table) limit() int { return (len(t.Changes)/2/t.Batch + 1) * t.Batch }

// firstBatches is how many batches come before the query is stopped, if each table is read once.
func (c *Case) firstBatches() int64 {
	n := 0
	for _, t := range c.used() {
		n += (min(len(t.Changes), t.limit()) + t.Batch - 1) / t.Batch
	}
	return int64(n)
}

// start starts the query. Its columns are fields.
func (c *Case) start(ctx context.Context, w Way, store *values.Store, dir string, parallelism int, first bool, restore string) (fields []types.Field, client *weir.JobClient, err error) {
	o := table.Options{Parallelism: parallelism, MaxParallelism: 8, Logger: slog.New(slog.DiscardHandler), Restart: weir.NoRestart()}
	o.Checkpoints.Dir, o.Checkpoints.Restore = filepath.Join(dir, "checkpoints"), restore
	if w.LSM {
		o.StateBackend, o.StateDir, o.Memory = lsm.Backend(), filepath.Join(dir, "state"), 256<<20
	}
	env := table.NewEnvironment(o)
	env.AddConnector(store.Table())
	set := map[string]string{}
	if w.PerRow {
		set["table.exec.mini-batch.enabled"] = "false"
	}
	if !w.PerRow {
		set["table.optimizer.agg-phase-strategy"] = "TWO_PHASE" // where it is parallel
	}
	if w.Batch {
		set["execution.runtime-mode"] = "batch"
	}
	if w.Upsert {
		set["table.exec.sink.not-null-enforcer"] = "DROP"
	}
	for k, v := range set {
		if err := env.Set(k, v); err != nil {
			return nil, nil, err
		}
	}
	for _, t := range c.Tables {
		mode, limit := "I", ""
		if t.Updates {
			mode = "I,UB,UA,D"
		}
		if t.Upserts {
			mode = "I,UA,D"
		}
		if first {
			limit = fmt.Sprintf(", 'limit' = '%d'", t.limit())
		}
		ddl := fmt.Sprintf("CREATE TABLE %s (%s) WITH ('connector' = 'values', 'batch-size' = '%d', 'bounded' = '%v', 'changelog-mode' = '%s'%s)", t.Name, t.Schema(), t.Batch, !first, mode, limit)
		if _, err := env.ExecuteSQL(ctx, ddl); err != nil {
			return nil, nil, err
		}
	}
	r, err := env.ExecuteSQL(ctx, c.Query)
	if err != nil {
		return nil, nil, err
	}
	fields = r.Columns
	var list []string
	for i, f := range fields {
		t := f.Type.WithAttribute(types.NoAttribute)
		if t.IsChar() && t.Length() == 0 { // the type of '', which cannot be written
			t = types.String().WithNullable(t.Nullable())
		}
		if w.Upsert && slices.Contains(c.Key, i) {
			t = t.NotNull()
		}
		list = append(list, fmt.Sprintf("c%d %s", i, t.SQL()))
	}
	sink := ""
	if w.Upsert {
		var names []string
		for _, i := range c.Key {
			names = append(names, fmt.Sprintf("c%d", i))
		}
		list = append(list, "PRIMARY KEY ("+strings.Join(names, ", ")+") NOT ENFORCED")
		sink = ", 'sink.changelog-mode' = 'I,UA,D'"
	}
	if _, err := env.ExecuteSQL(ctx, "CREATE TABLE `out` ("+strings.Join(list, ", ")+") WITH ('connector' = 'values'"+sink+")"); err != nil {
		return nil, nil, err
	}
	if r, err = env.ExecuteSQL(ctx, "INSERT INTO `out` "+c.Query); err != nil {
		return nil, nil, err
	}
	return fields, r.Job, nil
}

// stop stops a job with a savepoint, when it has read as many batches or, as some source may not be read, a while has passed.
func stop(ctx context.Context, client *weir.JobClient, dir string, batches int64) (string, error) {
	for range 30 {
		if client.Status() == weir.StatusFailed || client.Status() == weir.StatusRunning && client.Progress().RecordsRead() >= batches {
			break
		}
		time.Sleep(time.Millisecond)
	}
	var path string
	var err error
	for range 2000 { // some task may not run yet, or is just coming to its end
		path, err = client.StopWithSavepoint(ctx, dir, false)
		code := fault.CodeOf(err)
		if code != fault.JobNotRunning && code != fault.CheckpointDeclined || client.Status() == weir.StatusFailed || client.Status() == weir.StatusFinished {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil && client.Status() == weir.StatusFailed {
		_, err = client.Wait(ctx)
	}
	return path, err
}

// materialize is the table that a changelog makes, sorted.
func (c *Case) materialize(store *values.Store, fields []types.Field, w Way) ([]string, error) {
	count := map[string]int{}
	last := map[string]string{} // of upserts
	for _, r := range store.Written("out") {
		var row, key oracle.Row
		for i, v := range r.Values {
			row = append(row, oracle.ValueOf(v, fields[i].Type))
		}
		text := row.Text()
		if w.Upsert {
			for _, i := range c.Key {
				key = append(key, row[i])
			}
			if r.Kind == types.UpdateBefore {
				return nil, fmt.Errorf("the sink takes no -U, but gets (%s)", text)
			}
			id := key.Text()
			if old, ok := last[id]; ok {
				count[old]--
			} else if !r.Kind.Adds() {
				return nil, fmt.Errorf("the row (%s) is deleted, but not there", text)
			}
			delete(last, id)
			if r.Kind.Adds() {
				last[id] = text
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
		if n < 0 {
			return nil, fmt.Errorf("the row (%s) is taken back %d times more often than it came", text, -n)
		}
		for range n {
			rows = append(rows, text)
		}
	}
	slices.Sort(rows)
	return rows, nil
}

// Verdict is what came out of a case.
type Verdict struct {
	// Skip says why the case says nothing: its result is not determined, or the oracle or the planner does not know it.
	Skip error
	// Way is where it differs, "" where nothing does, and Got, Want and Err are what came.
	Way       string
	Got, Want []string
	Err       error
	// Ran is in how many ways the query ran.
	Ran int
}

// Check runs a case in some ways and compares the results.
func (r *Runner) Check(ctx context.Context, c *Case, ways []Way) (v Verdict) {
	want := map[bool][]string{}
	var keyed []string
	for _, batch := range []bool{false, true} {
		if batch && c.changelog() {
			continue
		}
		rows, withKey, err := c.want(batch)
		if err != nil {
			if batch {
				continue // as of what is late in streaming alone
			}
			v.Skip = err
			return v
		}
		want[batch] = rows
		if !batch {
			keyed = withKey
		}
	}
	for _, w := range ways {
		if w.Batch && (c.changelog() || want[true] == nil && len(want) < 2) {
			continue
		}
		should := want[w.Batch]
		if w.Upsert {
			if c.Key == nil {
				continue
			}
			should = keyed
		}
		got, err := r.Run(ctx, c, w)
		if refused(err) {
			if v.Skip == nil {
				v.Skip = err
			}
			continue
		}
		v.Ran++
		if err != nil || !slices.Equal(got, should) {
			v.Way, v.Got, v.Want, v.Err = w.Name, got, should, err
			return v
		}
	}
	if v.Ran > 0 {
		v.Skip = nil
	}
	return v
}

// refused reports whether the planner says that it cannot run a query, and why.
func refused(err error) bool {
	switch fault.CodeOf(err) {
	case fault.SQLUnsupported, fault.SQLUnbounded, fault.SQLChangelog:
		return true
	}
	return errors.Is(err, oracle.ErrUnsupported)
}
