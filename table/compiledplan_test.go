package table

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/compiled"
	"github.com/weirstream/weir/internal/sql/parse"
)

// planOf plans a statement.
func planOf(t *testing.T, e *Environment, sql string) (*plan, error) {
	t.Helper()
	src := &ast.Source{Text: sql}
	st, err := parse.Statement(src)
	if err != nil {
		return nil, err
	}
	return e.planStatement(t.Context(), src, st)
}

// graphOf lowers a plan, and returns the graph as text.
func graphOf(t *testing.T, e *Environment, p *plan) (string, error) {
	t.Helper()
	at, err := e.placed(t.Context(), p)
	if err != nil {
		return "", err
	}
	env, err := e.build(t.Context(), p, at, newRowQueue(p.program.Ends[0].Of().Fields))
	if err != nil {
		return "", err
	}
	text, err := env.Graph().JSON()
	return string(text), err
}

// reread writes a plan and reads it again.
func reread(t *testing.T, e *Environment, p *plan, o compiled.Options) (*plan, []byte) {
	t.Helper()
	text, err := p.encode(o)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := compiled.Decode("plan", text, compiled.Known{Session: p.session, Functions: e.functions, Table: e.tableOfPlan})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !saved.Source.Equal(p.source) || saved.Name != p.name {
		t.Errorf("%+v, %s", saved.Source, saved.Name)
	}
	return &plan{program: saved.Program, resolver: e.resolver(e.batch()), session: p.session, name: saved.Name, fired: saved.Rules, source: saved.Source, split: p.split}, text
}

// TestCompiledPlans writes and reads each plan of the golden file: it must be the same, and become the same operators with the same uids and state, also where these are divided in phases.
func TestCompiledPlans(t *testing.T) {
	b, err := os.ReadFile("testdata/plans.txt")
	if err != nil {
		t.Fatal(err)
	}
	env := NewEnvironment(Options{})
	env.AddConnector(values.NewStore().Table())
	checked := 0
	for _, part := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		sql, _, _ := strings.Cut(part, "\n----\n")
		if strings.HasPrefix(sql, "CREATE") || strings.HasPrefix(sql, "SET") || strings.HasPrefix(sql, "RESET") {
			if _, err := env.ExecuteSQL(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
			continue
		}
		p, err := planOf(t, env, sql)
		if err != nil {
			continue // it is refused, as the golden file has it
		}
		same(t, env, sql, p, []compiled.Detail{compiled.All, compiled.Schema, compiled.Identifier}[checked%3])
		checked++
	}
	if checked < 20 {
		t.Errorf("%d plans", checked)
	}
}

func same(t *testing.T, env *Environment, sql string, p *plan, detail compiled.Detail) {
	t.Helper()
	again, text := reread(t, env, p, compiled.Options{Detail: detail})
	if a, b := p.program.Text(), again.program.Text(); a != b {
		t.Errorf("%s\n%s\nand was\n%s", sql, b, a)
	}
	if b, err := again.encode(compiled.Options{Detail: detail}); err != nil || !bytes.Equal(b, text) {
		t.Errorf("%s: another text: %v\n%s\nand was\n%s", sql, err, b, text)
	}
	a, errA := graphOf(t, env, p)
	b, errB := graphOf(t, env, again)
	if (errA == nil) != (errB == nil) || a != b {
		t.Errorf("%s\n%s%v\nand was\n%s%v", sql, b, errB, a, errA)
	}
	if a, b := p.text(), again.text(); a != b {
		t.Errorf("%s: in phases\n%s\nand was\n%s", sql, b, a)
	}
}

// formEnvironment is what the statements of testdata/compiled.txt need.
func formEnvironment(t *testing.T) *Environment {
	t.Helper()
	store := values.NewStore()
	for _, name := range []string{"a", "b", "u", "ops"} {
		store.Put(name)
	}
	env := NewEnvironment(Options{})
	env.AddConnector(store.Table())
	if err := env.AddFunction("later", AsyncFunc1(func(_ context.Context, v int64) (int64, error) { return v, nil })); err != nil {
		t.Fatal(err)
	}
	return env
}

// TestCompiledForm has a golden file with the plan of statements that need each type of node. A text that was written once must be read as long as the version of the form is the same.
func TestCompiledForm(t *testing.T) {
	const file = "testdata/compiled.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := formEnvironment(t)
	var out []string
	types := map[string]bool{}
	for _, part := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		sql, want, _ := strings.Cut(part, "\n----\n")
		sql = strings.TrimSuffix(sql, "\n----")
		if strings.HasPrefix(sql, "CREATE") {
			if _, err := env.ExecuteSQL(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
			out = append(out, sql)
			continue
		}
		p, err := planOf(t, env, sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		text, err := p.encode(compiled.Options{})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		same(t, env, sql, p, compiled.All)
		got := strings.TrimSpace(string(text))
		out = append(out, sql+"\n----\n"+got)
		if got != want && !*rewrite {
			t.Errorf("%s: the form has changed. A plan that was written before must still be read: see package compiled on versions.\n%s\nwant\n%s", sql, got, want)
		}
		for _, m := range regexp.MustCompile(`"type": "([a-z-]+)"`).FindAllStringSubmatch(got, -1) {
			types[m[1]] = true
		}
		if *rewrite {
			continue
		}
		if _, err := compiled.Decode("golden", []byte(want), compiled.Known{Session: env.session(), Functions: env.functions, Table: env.tableOfPlan}); err != nil {
			t.Errorf("%s: the golden text: %v", sql, err)
		}
	}
	for _, k := range compiled.Kinds() {
		if !types[k] {
			t.Errorf("no plan has a node of type %s", k)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedPlans changes plans in places that are drawn at random. What becomes of them is a plan or an error with a code, and never a panic; a plan that is read can be lowered, or is refused.
func TestDamagedPlans(t *testing.T) {
	b, err := os.ReadFile("testdata/compiled.txt")
	if err != nil {
		t.Fatal(err)
	}
	env := formEnvironment(t)
	r := rand.New(rand.NewPCG(7, 7))
	tokens := regexp.MustCompile(`-?[0-9]+|"[^"]*"|true|null|[\[\]{}]`)
	read, refused := 0, 0
	for _, part := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		_, text, ok := strings.Cut(part, "\n----\n")
		if !ok {
			if _, err := env.ExecuteSQL(t.Context(), part); err != nil {
				t.Fatal(err)
			}
			continue
		}
		at := tokens.FindAllStringIndex(text, -1)
		for range 25 {
			to := at[r.IntN(len(at))]
			from := at[r.IntN(len(at))]
			with := text[from[0]:from[1]]
			if text[to[0]] >= '0' && text[to[0]] <= '9' {
				with = fmt.Sprint(r.IntN(7) - 1)
			}
			changed := text[:to[0]] + with + text[to[1]:]
			p, err := env.loadPlan("plan", []byte(changed))
			if err == nil {
				_, err = graphOf(t, env, p)
			}
			if err == nil {
				read++
				continue
			}
			if refused++; fault.CodeOf(err) == "" || fault.CodeOf(err) == fault.InternalInvariant {
				t.Errorf("%s in the place of %s: %v", with, text[to[0]:to[1]], err)
			}
		}
		for range 3 {
			cut := text[:r.IntN(len(text))]
			if _, err := env.LoadPlan([]byte(cut)); fault.CodeOf(err) != fault.SQLPlanDamaged {
				t.Errorf("cut short: %v", err)
			}
		}
	}
	if read == 0 || refused == 0 {
		t.Errorf("%d are read, %d refused", read, refused)
	}
}

const compiledTables = `CREATE TABLE orders (id BIGINT, customer STRING, amount BIGINT) WITH ('connector' = 'values');
CREATE TABLE customers (name STRING, city STRING, PRIMARY KEY (name) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE totals (city STRING, total BIGINT) WITH ('connector' = 'values');
`

const compiledInsert = `INSERT INTO totals SELECT c.city, SUM(o.amount) FROM orders AS o JOIN customers AS c ON o.customer = c.name GROUP BY c.city`

// compiledEnvironment has tables with rows.
func compiledEnvironment(t *testing.T, o Options) (*Environment, *values.Store) {
	t.Helper()
	store := values.NewStore()
	store.Put("orders", values.R(int64(1), "ann", int64(10)), values.R(int64(2), "bob", int64(20)), values.R(int64(3), "ann", int64(5)))
	store.Put("customers", values.R("ann", "Rome"), values.R("bob", "Oslo"))
	e := NewEnvironment(o)
	e.AddConnector(store.Table())
	if _, err := statements(t, e, compiledTables); err != nil {
		t.Fatal(err)
	}
	return e, store
}

// total is what the changes of the table come to.
func total(store *values.Store) string {
	sums := map[string]bool{}
	for _, s := range store.Texts("totals") {
		sums[s] = true
	}
	var all []string
	for _, want := range []string{"[Rome, 15]", "[Oslo, 20]"} {
		if sums["+I"+want] || sums["+U"+want] {
			all = append(all, want)
		}
	}
	return strings.Join(all, " ")
}

func TestCompilePlanStatements(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sub", "plan.json")
	e, store := compiledEnvironment(t, Options{Parallelism: 2})
	run := func(code fault.Code, format string, args ...any) string {
		t.Helper()
		text := fmt.Sprintf(format, args...)
		out, err := statements(t, e, text)
		if fault.CodeOf(err) != code {
			t.Errorf("%s: %v", text, err)
		}
		if code != "" && err != nil && !strings.Contains(err.Error(), "^^^") {
			t.Errorf("%s: no place: %v", text, err)
		}
		return out
	}
	run(fault.SQLPlanNotFound, "EXECUTE PLAN '%s'", file)
	run("", "COMPILE PLAN '%s' FOR %s", file, compiledInsert)
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	run(fault.SQLPlanExists, "COMPILE PLAN '%s' FOR %s", file, compiledInsert)
	run("", "COMPILE PLAN '%s' IF NOT EXISTS FOR INSERT INTO totals SELECT customer, amount FROM orders", file)
	if b, _ := os.ReadFile(file); !bytes.Equal(b, first) {
		t.Error("IF NOT EXISTS has written the file")
	}
	if again := run("", "COMPILE PLAN FOR %s", compiledInsert); !strings.Contains(again, `"group-aggregate"`) {
		t.Error(again)
	}
	explained := run("", "EXPLAIN EXECUTE PLAN '%s'", file)
	if want := run("", "EXPLAIN %s", compiledInsert); explained != want || !strings.Contains(want, "Join(") {
		t.Errorf("%s\nwant\n%s", explained, want)
	}
	run("", "SET 'table.dml-sync' = 'true'; EXECUTE PLAN 'file://%s'", file)
	if got := total(store); got != "[Rome, 15] [Oslo, 20]" {
		t.Error(got)
	}
	// A plan is what it was, whatever the session would make of the statement now.
	run("", "SET 'table.exec.state.ttl' = '1 h'; SET 'table.plan.force-recompile' = 'true'; COMPILE PLAN '%s' FOR %s", file, compiledInsert)
	second, _ := os.ReadFile(file)
	if bytes.Equal(first, second) || !bytes.Contains(second, []byte(`"leftTTL": "1h0m0s"`)) {
		t.Errorf("%s", second)
	}
	run("", "RESET 'table.exec.state.ttl'; RESET 'table.plan.force-recompile'")
	if text := run("", "EXPLAIN PLAN FOR EXECUTE PLAN '%s'", file); !strings.Contains(text, "for 1h0m0s") {
		t.Error(text)
	}
	edited := bytes.Replace(second, []byte(`"leftTTL": "1h0m0s"`), []byte(`"leftTTL": "3000 ms"`), 1)
	if err := os.WriteFile(file, edited, 0o666); err != nil {
		t.Fatal(err)
	}
	run("", "EXECUTE PLAN '%s'", file)
	// COMPILE AND EXECUTE takes the file that is there.
	other := filepath.Join(dir, "other.json")
	run("", "COMPILE AND EXECUTE PLAN '%s' FOR STATEMENT SET BEGIN %s; INSERT INTO totals SELECT customer, amount FROM orders; END", other, compiledInsert)
	run("", "COMPILE AND EXECUTE PLAN '%s' FOR INSERT INTO totals SELECT nothing FROM nowhere", other)
	// What is wrong.
	for name, text := range map[string]string{
		"newer": strings.Replace(string(first), `"version": 1`, `"version": 99`, 1), "node": strings.Replace(string(first), `"type": "join", "version": 1`, `"type": "join", "version": 99`, 1),
	} {
		if name == "node" && text == string(first) {
			text = regexp.MustCompile(`("type": "join",\s*"version": )1`).ReplaceAllString(text, "${1}99")
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		run(fault.SQLPlanNewer, "EXECUTE PLAN '%s'", filepath.Join(dir, name))
	}
	for i, text := range []string{"", "{}", "[]", "{\"flinkVersion\": \"2.3\", \"nodes\": []}", string(first[:len(first)/2]), string(first) + "{}", strings.Replace(string(first), `"column": 1`, `"column": 9`, 1), strings.Replace(string(first), `"inner"`, `"outer"`, 1)} {
		bad := filepath.Join(dir, fmt.Sprint("bad", i))
		if err := os.WriteFile(bad, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		run(fault.SQLPlanDamaged, "EXECUTE PLAN '%s'", bad)
	}
	// A table that is gone is made from the plan, unless that is not wanted; one that is another is refused.
	run("", "DROP TABLE orders; EXECUTE PLAN '%s'", file)
	run(fault.SQLPlanMismatch, "SET 'table.plan.restore.catalog-objects' = 'IDENTIFIER'; EXECUTE PLAN '%s'", file)
	run("", "SET 'table.plan.restore.catalog-objects' = 'ALL_ENFORCED'; EXECUTE PLAN '%s'", file)
	run("", "RESET 'table.plan.restore.catalog-objects'")
	run(fault.SQLPlanMismatch, "CREATE TABLE orders (id BIGINT, customer STRING, amount INT) WITH ('connector' = 'values'); EXECUTE PLAN '%s'", file)
	run(fault.SQLPlanMismatch, "DROP TABLE orders; CREATE TABLE orders (id BIGINT, customer STRING, amount BIGINT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D'); SET 'table.plan.restore.catalog-objects' = 'IDENTIFIER'; EXECUTE PLAN '%s'", file)
	run("", "RESET 'table.plan.restore.catalog-objects'")
	run(fault.SQLUnsupported, "SET 'execution.runtime-mode' = 'batch'; EXECUTE PLAN '%s'", file)
	run(fault.SQLUnsupported, "COMPILE PLAN '%s' FOR %s", filepath.Join(dir, "batch"), compiledInsert)
}

func TestCompiledPlanOfFunctions(t *testing.T) {
	e, store := compiledEnvironment(t, Options{})
	if err := e.AddFunction("twice", Func1(func(v int64) int64 { return 2 * v })); err != nil {
		t.Fatal(err)
	}
	const sql = "INSERT INTO totals SELECT customer, TWICE(amount) FROM orders"
	p, err := e.CompilePlan(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.CompilePlan(t.Context(), "SELECT 1"); fault.CodeOf(err) != fault.SQLUnsupported {
		t.Error(err)
	}
	r, err := p.Execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(store.Texts("totals"), " "); got != "+I[ann, 20] +I[bob, 40] +I[ann, 10]" {
		t.Error(got)
	}
	if text, err := p.Explain(); err != nil || !strings.Contains(text, "TWICE(amount)") {
		t.Error(text, err)
	}
	// What a declared function stands for is part of what a plan is made of.
	const declared = "INSERT INTO totals SELECT customer, mine(amount) FROM orders"
	var sources []compiled.Source
	for _, class := range []string{"twice", "ABS"} {
		if _, err := statements(t, e, "DROP FUNCTION IF EXISTS mine; CREATE FUNCTION mine AS '"+class+"'"); err != nil {
			t.Fatal(err)
		}
		p, err := planOf(t, e, declared)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, p.source)
	}
	if len(sources[0].Objects) != 3 || sources[0].Equal(sources[1]) {
		t.Errorf("%+v", sources)
	}
	without, _ := compiledEnvironment(t, Options{})
	if _, err := without.LoadPlan(p.JSON()); fault.CodeOf(err) != fault.SQLPlanMismatch {
		t.Error(err)
	}
	if err := without.AddFunction("twice", Func1(func(v string) int64 { return 2 })); err != nil {
		t.Fatal(err)
	}
	if _, err := without.LoadPlan(p.JSON()); fault.CodeOf(err) != fault.SQLPlanMismatch {
		t.Error(err)
	}
}

// TestPlanOfCheckpoint goes on from a savepoint whose plan is not the one that the planner makes of the statement now: one that was made with a rule switched off stands for one of another version. The job runs the plan of the
// savepoint, to which the state belongs. A plan that is made anew does not fit.
func TestPlanOfCheckpoint(t *testing.T) {
	const query = `INSERT INTO totals SELECT city, SUM(amount + id - id) FROM (SELECT c.city, o.amount, o.id FROM orders AS o JOIN customers AS c ON o.customer = c.name) WHERE amount > 1 GROUP BY city`
	endless := strings.ReplaceAll(compiledTables, "'values'", "'values', 'bounded' = 'false'")
	start := func(restore, set, query string) (*weir.JobClient, error) {
		store := values.NewStore()
		store.Put("orders", values.R(int64(1), "ann", int64(10)), values.R(int64(2), "bob", int64(20)), values.R(int64(3), "ann", int64(5)))
		store.Put("customers", values.R("ann", "Rome"), values.R("bob", "Oslo"))
		e := NewEnvironment(Options{Parallelism: 2, Checkpoints: weir.Checkpoints{Dir: t.TempDir(), Restore: restore}})
		e.AddConnector(store.Table())
		if _, err := statements(t, e, endless+set); err != nil {
			t.Fatal(err)
		}
		r, err := e.ExecuteSQL(t.Context(), query)
		if err != nil {
			return nil, err
		}
		return r.Job, nil
	}
	stop := func(job *weir.JobClient) string {
		t.Helper()
		for range 1000 {
			path, err := job.StopWithSavepoint(t.Context(), t.TempDir(), false)
			if err == nil {
				return path
			}
			if fault.CodeOf(err) != fault.JobNotRunning || job.Status() == weir.StatusFailed {
				_, failed := job.Wait(t.Context())
				t.Fatal(err, failed)
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatal("the job does not run")
		return ""
	}
	job, err := start("", "SET 'table.optimizer.disabled-rules' = 'push-filters'", query)
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if job.Progress().RecordsRead() >= 5 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	path := stop(job)
	plan := older(t, path)
	// The same statement, written in another way.
	job, err = start(path, "", strings.ReplaceAll(query, " FROM", "\n  FROM"))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := planIn(t, stop(job)); again != plan {
		t.Errorf("another plan:\n%s\nwant\n%s", again, plan)
	}
	// Another statement, or one that is to be planned anew, has operators that the state does not belong to.
	for _, other := range [][2]string{{"", strings.Replace(query, "> 1", "> 2", 1)}, {"SET 'table.plan.force-recompile' = 'true'", query}, {"SET 'table.exec.state.ttl' = '1 d'", query}} {
		if job, err := start(path, other[0], other[1]); err == nil {
			job.Cancel()
			t.Errorf("%s: it goes on", other)
		} else if !strings.HasPrefix(string(fault.CodeOf(err)), "checkpoint.") {
			t.Errorf("%s: %v", other, err)
		}
	}
}

// older makes the plan in a checkpoint, which was made without the rule push-filters, one of a planner that did not have it.
func older(t *testing.T, dir string) string {
	t.Helper()
	plan, m := planIn(t, dir)
	const off = `"table.optimizer.disabled-rules": "push-filters"`
	if !strings.Contains(plan, off) {
		t.Fatal(plan)
	}
	plan = strings.Replace(strings.Replace(plan, ", "+off, "", 1), off+", ", "", 1)
	var err error
	if m.Plans[0], err = manifest.PackPlan([]byte(plan)); err != nil {
		t.Fatal(err)
	}
	b, err := manifest.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), b, 0o666); err != nil {
		t.Fatal(err)
	}
	return plan
}

// planIn returns the plan in a savepoint.
func planIn(t *testing.T, dir string) (string, *manifest.Manifest) {
	t.Helper()
	name := filepath.Join(dir, manifest.FileName)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Decode(name, b)
	if err != nil || len(m.Plans) != 1 {
		t.Fatal(err, len(m.GetPlans()))
	}
	plan, err := manifest.UnpackPlan(m.Plans[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(plan), m
}

// TestPlanOfKeptJob goes on with a job of KeepJobs whose plan is not the one that the planner makes of the statement now.
func TestPlanOfKeptJob(t *testing.T) {
	const query = `INSERT INTO totals SELECT city, SUM(amount + id - id) FROM (SELECT c.city, o.amount, o.id FROM orders AS o JOIN customers AS c ON o.customer = c.name) WHERE amount > 1 GROUP BY city`
	dir := t.TempDir()
	start := func(set string) (*weir.JobClient, error) {
		store := values.NewStore()
		store.Put("orders", values.R(int64(1), "ann", int64(10)))
		store.Put("customers", values.R("ann", "Rome"))
		e := NewEnvironment(Options{})
		e.AddConnector(store.Table())
		if err := e.KeepJobs(Durable{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		if _, err := statements(t, e, strings.ReplaceAll(compiledTables, "'values'", "'values', 'bounded' = 'false'")+set); err != nil {
			t.Fatal(err)
		}
		r, err := e.ExecuteSQL(t.Context(), query)
		if err != nil {
			return nil, err
		}
		return r.Job, nil
	}
	end := func(job *weir.JobClient) {
		t.Helper()
		for range 2000 {
			if _, err := job.Checkpoint(t.Context()); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		job.Cancel()
		if _, err := job.Wait(t.Context()); fault.CodeOf(err) != fault.JobCanceled {
			t.Fatal(err)
		}
	}
	latest := func() string {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(dir, "*", "checkpoints", "chk-*"))
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		return all[len(all)-1]
	}
	job, err := start("SET 'table.optimizer.disabled-rules' = 'push-filters'")
	if err != nil {
		t.Fatal(err)
	}
	end(job)
	plan := older(t, latest())
	if job, err = start(""); err != nil {
		t.Fatal(err)
	}
	end(job)
	if again, _ := planIn(t, latest()); again != plan {
		t.Errorf("another plan:\n%s\nwant\n%s", again, plan)
	}
	if _, err = start("SET 'table.plan.force-recompile' = 'true'"); fault.CodeOf(err) != fault.SQLJobChanged {
		t.Error(err)
	}
}

// TestPlansOfProgram has several statements in one program: each has a plan of its own in its checkpoints.
func TestPlansOfProgram(t *testing.T) {
	add := func(restore string) (*weir.Environment, *Environment) {
		e, _ := compiledEnvironment(t, Options{})
		program := weir.NewEnvironment(weir.Options{Checkpoints: weir.Checkpoints{Dir: t.TempDir(), Restore: restore}})
		if err := FromStream(e, "clicks", clicks(program), StreamOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{compiledInsert, "INSERT INTO totals SELECT `User`, SUM(N) FROM clicks GROUP BY `User`"} {
			if err := Insert(e, program, sql); err != nil {
				t.Fatal(err)
			}
		}
		return program, e
	}
	program, e := add("")
	plans := program.Graph().Plans
	if len(plans) != 2 {
		t.Fatal(len(plans))
	}
	b, err := manifest.Encode(&manifest.Manifest{Id: 1, Plans: plans})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), b, 0o666); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`"sql-1-[0-9]+-Join"`, `"sql-2-[0-9]+-GroupAggregate"`} {
		_, text, err := savedPlan(t.Context(), weir.Checkpoints{Restore: dir}, i)
		if err != nil || !regexp.MustCompile(want).Match(text) {
			t.Errorf("%v: no %s in\n%s", err, want, text)
		}
	}
	again, _ := add(dir)
	if !slices.EqualFunc(again.Graph().Plans, plans, bytes.Equal) {
		t.Error("other plans")
	}
	a, _ := program.Graph().JSON()
	if b, _ := again.Graph().JSON(); !bytes.Equal(a, b) {
		t.Errorf("%s\nwant\n%s", b, a)
	}
	if _, err := e.CompilePlan(t.Context(), "INSERT INTO totals SELECT `User`, SUM(N) FROM clicks GROUP BY `User`"); fault.CodeOf(err) != fault.SQLUnsupported {
		t.Error(err)
	}
}
