package table

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	ckcatalog "github.com/weirstream/weir/internal/checkpoint/catalog"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/compiled"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/lower"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// CompiledPlan is the plan of an INSERT or a statement set as it is kept in a file: what COMPILE PLAN writes and EXECUTE PLAN runs. A later version of Weir runs it as it is, where it might plan the statement in another way, so that
// the state of a savepoint goes on to fit. It belongs to the environment that made it, and may be used several times.
type CompiledPlan struct {
	env  *Environment
	json []byte
}

// CompilePlan plans an INSERT or a statement set, and does not run it. The tables must be there; as much of them goes into the plan as the option table.plan.compile.catalog-objects says: by default all, options included, secrets among them.
// In batch mode there are no compiled plans, as in Flink: the error has the code sql.unsupported.
func (e *Environment) CompilePlan(ctx context.Context, statement string) (*CompiledPlan, error) {
	src := &ast.Source{Text: statement}
	st, err := parse.Statement(src)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	json, err := e.compile(ctx, src, st)
	if err != nil {
		return nil, located(src, st, err)
	}
	return &CompiledPlan{e, json}, nil
}

// LoadPlan reads a plan that [CompiledPlan.JSON] has given, or COMPILE PLAN has written. What of its tables is taken from the plan, and what from the catalog, is the option table.plan.restore.catalog-objects. Errors have the codes
// sql.plan-damaged, sql.plan-newer-version, and sql.plan-mismatch where a table or a function is gone or is not what it was.
func (e *Environment) LoadPlan(json []byte) (*CompiledPlan, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.loadPlan("the plan", json); err != nil {
		return nil, err
	}
	return &CompiledPlan{e, slices.Clone(json)}, nil
}

// JSON is the plan as text: see the documentation of Weir's SQL for what it has. The same statement gives the same text.
func (p *CompiledPlan) JSON() []byte { return slices.Clone(p.json) }

// Explain is what EXPLAIN shows of the plan.
func (p *CompiledPlan) Explain() (string, error) {
	p.env.mu.Lock()
	defer p.env.mu.Unlock()
	plan, err := p.env.loadPlan("the plan", p.json)
	if err != nil {
		return "", err
	}
	return plan.text(), nil
}

// Execute starts the plan as a job, as EXECUTE PLAN does.
func (p *CompiledPlan) Execute(ctx context.Context) (*Result, error) {
	p.env.mu.Lock()
	defer p.env.mu.Unlock()
	plan, err := p.env.loadPlan("the plan", p.json)
	if err != nil {
		return nil, err
	}
	return p.env.insert(ctx, plan)
}

// uses are the tables, views and declared functions that a statement names, with digests of their definitions.
type uses map[string]string

func (u uses) add(name, definition string) {
	sum := sha256.Sum256([]byte(definition))
	u[name] = hex.EncodeToString(sum[:16])
}

// notPlanned are options of the session that begin like those of the planner, and do not matter to it.
var notPlanned = map[string]bool{
	optionSync: true, optionPhases: true, optionNotNull: true, optionLength: true, optionNested: true, optionDeltaJoin: true, optionPlanObjects: true, optionRestoreObjects: true, optionRecompile: true,
}

// sourceOf is what the plan of a statement is made of.
func (e *Environment) sourceOf(st ast.Node, named uses) compiled.Source {
	within := e.manager.Within()
	s := compiled.Source{Statement: ast.Format(st), Catalog: within.Catalog, Database: within.Database, Options: map[string]string{}, Objects: named}
	for k, v := range e.config {
		if strings.HasPrefix(k, "table.") && !notPlanned[k] && !strings.HasPrefix(k, "table.exec.async-") {
			s.Options[k] = v
		}
	}
	s.Options[optionMode] = "streaming"
	if e.batch() {
		s.Options[optionMode] = "batch"
	}
	return s
}

// encode writes a plan, which is not divided yet.
func (p *plan) encode(o compiled.Options) ([]byte, error) {
	if p.split == nil && slices.ContainsFunc(p.program.Nodes, func(n physical.Node) bool { _, ok := n.(*physical.LocalAggregate); return ok }) {
		return nil, fault.New(fault.InternalInvariant, "a plan that is divided in phases is to be kept")
	}
	return compiled.Encode(&compiled.Plan{Name: p.name, Program: p.program, Rules: p.fired, Source: p.source}, o)
}

// keep adds a plan to the checkpoints of a program, in which it is the given statement, from 1; 0 for a program of its own. The options of tables stay out of it: a plan is only used again with tables that are as they were.
func (p *plan) keep(program *weir.Environment, statement int) error {
	json, err := p.encode(compiled.Options{Detail: compiled.Schema, Statement: statement})
	if err != nil {
		return err
	}
	packed, err := manifest.PackPlan(json)
	if err != nil {
		return err
	}
	program.Graph().Plans = append(program.Graph().Plans, packed)
	return nil
}

// savedPlan returns the plan, by its number, of the checkpoint that a job begins with, and the name of that; nil if there is none. What is wrong with the checkpoint is left to who restores it.
func savedPlan(ctx context.Context, c weir.Checkpoints, number int) (name string, json []byte, err error) {
	var m *manifest.Manifest
	switch {
	case c.Restore != "":
		root, folder := ckcatalog.Locate(c.Restore)
		s, err := storage.Open(root)
		if err != nil {
			return "", nil, nil
		}
		if m, err = ckcatalog.Load(ctx, s, folder); err != nil {
			return "", nil, nil
		}
		name = c.Restore
	case c.Resume && c.Dir != "" && c.Dir != weir.InMemory:
		s, err := storage.Open(c.Dir)
		if err != nil {
			return "", nil, nil
		}
		found, err := ckcatalog.List(ctx, s)
		if err != nil {
			return "", nil, nil
		}
		if m, err = ckcatalog.Latest(ctx, s, found); err != nil || m == nil {
			return "", nil, nil
		}
		name = storage.Below(c.Dir, ckcatalog.Folder(m.GetId()))
	}
	if number >= len(m.GetPlans()) {
		return "", nil, nil
	}
	json, err = manifest.UnpackPlan(m.GetPlans()[number])
	return name, json, err
}

// restorePlan puts the plan of the checkpoint that a job begins with into the place of a new one, if both are of the same statement and the tables are the same. statement is the number of the statement in a program of several, from
// 1; 0 for a program of its own.
func (e *Environment) restorePlan(ctx context.Context, p *plan, c weir.Checkpoints, statement int) error {
	if v := e.config[optionRecompile]; p.loaded || strings.EqualFold(v, "true") || e.batch() {
		return nil
	}
	name, json, err := savedPlan(ctx, c, max(statement-1, 0))
	if err != nil || json == nil {
		return err
	}
	name = "the plan of " + name
	source, err := compiled.ReadSource(name, json)
	if err == nil && !source.Equal(p.source) {
		return nil
	}
	var saved *compiled.Plan
	if err == nil {
		if now, err := p.encode(compiled.Options{Detail: compiled.Schema, Statement: statement}); err == nil && bytes.Equal(now, json) {
			return nil // the planner would make the same
		}
		saved, err = compiled.Decode(name, json, compiled.Known{Session: p.session, Functions: e.functions, Table: e.tableNow})
	}
	if err != nil {
		if c.AllowNonRestoredState {
			return nil // what state fits the new plan goes on with it
		}
		return err
	}
	p.program, p.fired = saved.Program, saved.Rules
	p.claim = describe(p.program)
	return nil
}

// tableNow is the table of a path.
func (e *Environment) tableNow(saved *catalog.Table) (*catalog.Table, error) {
	t, err := e.manager.Lookup(saved.Path)
	switch {
	case err != nil:
		return nil, fault.New(fault.SQLCatalog, "looking up %s: %w", saved.Path, err)
	case t == nil:
		return nil, fault.New(fault.SQLPlanMismatch, "the plan uses the table %s, which is not there", saved.Path)
	case t.IsView():
		return nil, fault.New(fault.SQLPlanMismatch, "the plan uses the table %s, which is a view now", saved.Path)
	}
	return t, nil
}

// tableOfPlan is the table of a plan in a file, as table.plan.restore.catalog-objects says.
func (e *Environment) tableOfPlan(saved *catalog.Table) (*catalog.Table, error) {
	how := strings.ToUpper(e.config[optionRestoreObjects])
	switch how {
	case "IDENTIFIER":
		return e.tableNow(saved)
	case "ALL_ENFORCED":
		if saved.Columns == nil || saved.Options == nil {
			return nil, fault.New(fault.SQLPlanMismatch, "the plan has not all of the table %s, and '%s' is ALL_ENFORCED: compile it with '%s' = 'ALL'", saved.Path, optionRestoreObjects, optionPlanObjects)
		}
		return saved, nil
	}
	t, err := e.manager.Lookup(saved.Path)
	if err != nil {
		return nil, fault.New(fault.SQLCatalog, "looking up %s: %w", saved.Path, err)
	}
	if t == nil {
		if saved.Columns == nil || saved.Options == nil {
			return nil, fault.New(fault.SQLPlanMismatch, "the plan uses the table %s, which is not there, and has not all of it", saved.Path)
		}
		return saved, nil
	}
	if t.IsView() {
		return nil, fault.New(fault.SQLPlanMismatch, "the plan uses the table %s, which is a view now", saved.Path)
	}
	if saved.Columns != nil {
		if was, is := schemaText(saved), schemaText(t); was != is {
			return nil, fault.New(fault.SQLPlanMismatch, "the table %s is not that of the plan, where it has\n  %s\nand now\n  %s", saved.Path, was, is)
		}
	}
	if saved.Options == nil {
		return t, nil
	}
	c := *t
	c.Options = saved.Options
	return &c, nil
}

// schemaText is what counts of a table's columns and keys.
func schemaText(t *catalog.Table) string {
	var b strings.Builder
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(types.Quote(c.Name) + " " + c.Type.SQL())
		switch c.Kind {
		case catalog.Computed:
			b.WriteString(" computed")
		case catalog.Metadata:
			b.WriteString(" METADATA FROM '" + c.MetadataKey + "'")
			if c.Virtual {
				b.WriteString(" VIRTUAL")
			}
		}
	}
	if t.PrimaryKey != nil {
		b.WriteString(", PRIMARY KEY (" + strings.Join(t.PrimaryKey, ", ") + ")")
	}
	if t.PartitionBy != nil {
		b.WriteString(", PARTITIONED BY (" + strings.Join(t.PartitionBy, ", ") + ")")
	}
	return b.String()
}

// compile plans an INSERT or a statement set, and writes the plan.
func (e *Environment) compile(ctx context.Context, src *ast.Source, st ast.Statement) ([]byte, error) {
	if x, ok := st.(*ast.Execute); ok {
		st = x.Statement
	}
	switch st.(type) {
	case *ast.Insert, *ast.StatementSet:
	default:
		return nil, fault.New(fault.SQLUnsupported, "only an INSERT or a statement set can be compiled")
	}
	if e.batch() {
		return nil, fault.New(fault.SQLUnsupported, "compiled plans are for streaming mode: in batch mode a job has no state that goes on")
	}
	p, err := e.planStatement(ctx, src, st)
	if err != nil {
		return nil, err
	}
	for _, n := range p.program.Nodes {
		for _, t := range tablesOf(n) {
			if strings.HasPrefix(t.Options["connector"], "stream ") {
				return nil, fault.New(fault.SQLUnsupported, "the table %s is a stream of this program, so that no other could execute the plan", t.Path)
			}
		}
	}
	o := compiled.Options{}
	switch strings.ToUpper(e.config[optionPlanObjects]) {
	case "SCHEMA":
		o.Detail = compiled.Schema
	case "IDENTIFIER":
		o.Detail = compiled.Identifier
	}
	return p.encode(o)
}

func tablesOf(n physical.Node) []*catalog.Table {
	switch n := n.(type) {
	case *physical.Scan:
		return []*catalog.Table{n.Table}
	case *physical.LookupJoin:
		return []*catalog.Table{n.Table.Table}
	case *physical.Sink:
		return []*catalog.Table{n.Table}
	}
	return nil
}

// loadPlan makes a plan of its text, and looks whether the connectors still give and take what it expects.
func (e *Environment) loadPlan(name string, json []byte) (*plan, error) {
	if e.batch() {
		return nil, fault.New(fault.SQLUnsupported, "compiled plans are for streaming mode: SET '%s' = 'streaming'", optionMode)
	}
	session := e.session()
	saved, err := compiled.Decode(name, json, compiled.Known{Session: session, Functions: e.functions, Table: e.tableOfPlan})
	if err != nil {
		return nil, err
	}
	p := &plan{program: saved.Program, resolver: e.resolver(false), session: session, name: saved.Name, fired: saved.Rules, source: saved.Source, loaded: true}
	for _, n := range p.program.Nodes {
		if err := p.fits(name, n); err != nil {
			return nil, err
		}
	}
	off, err := e.off()
	if err != nil {
		return nil, err
	}
	if p.split, err = e.splitting(off); err != nil {
		return nil, err
	}
	return p, guarded(name, func() error { p.claim = describe(p.program); return nil })
}

// fits looks at what a node expects of the connector of its table.
func (p *plan) fits(name string, n physical.Node) error {
	switch n := n.(type) {
	case *physical.Scan:
		info, err := p.resolver.Scan(&logical.Scan{Table: n.Table, Columns: n.Columns, Options: n.Options})
		if err != nil {
			return err
		}
		if info.Changelog == 0 {
			info.Changelog = types.AppendOnly
		}
		if !info.Scan || info.Changelog != n.Changelog || info.KeyDeletes != n.KeyDeletes {
			return fault.New(fault.SQLPlanMismatch, "%s: the table %s gives rows of the kinds %s, and in the plan %s", name, n.Table.Path, info.Changelog, n.Changelog)
		}
	case *physical.Sink:
		info, err := p.resolver.Sink(&logical.Sink{Table: n.Table, Columns: n.Columns, Options: n.Options, Overwrite: n.Overwrite})
		if err != nil {
			return err
		}
		given := n.Inputs[0].Of().Changelog
		if !given.Updates() {
			return nil
		}
		if n.Materialize != nil {
			given = types.Upserts
		}
		takes := types.AppendOnly
		if info.Accepts != nil {
			takes = info.Accepts(given)
		}
		if given.Without(types.UpdateBefore)&^takes != 0 {
			return fault.New(fault.SQLPlanMismatch, "%s: the table %s takes rows of the kinds %s, and in the plan it is given %s", name, n.Table.Path, takes, given)
		}
	case *physical.Result:
		return fault.New(fault.SQLUnsupported, "%s is of a query, whose rows go nowhere: only the plans of INSERTs can be executed", name)
	}
	return nil
}

// guarded calls f with a plan that may have been changed by hand: what is wrong with it beyond what is looked at is an error, and does not end the process.
func guarded(name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.SQLPlanDamaged, "%s cannot be run: %v", name, p)
		}
	}()
	return f()
}

// lower adds the operators of a plan to a program.
func (e *Environment) lower(env *weir.Environment, p *plan, c lower.Config) error {
	run := func() error { return lower.Lower(env.Graph(), p.program, c) }
	if p.loaded {
		return guarded("the plan", run)
	}
	return run()
}

// planPath splits the path or URL of a file.
func planPath(file string) (storage.Storage, string, error) {
	dir, base := path.Split(file)
	switch {
	case base == "":
		return nil, "", fault.New(fault.OptionInvalid, "%q names no file", file)
	case dir == "":
		dir = "."
	case strings.HasSuffix(dir, "//"): // file:///plan.json
	case dir != "/":
		dir = strings.TrimSuffix(dir, "/")
	}
	s, err := storage.Open(dir)
	return s, base, err
}

// readPlan returns the text of a plan in a file, nil if there is none.
func readPlan(ctx context.Context, file string) ([]byte, error) {
	s, name, err := planPath(file)
	if err != nil {
		return nil, err
	}
	b, err := storage.ReadAll(ctx, s, name)
	if fault.CodeOf(err) == fault.StorageNotFound {
		return nil, nil
	}
	return b, err
}

// planFile reads the plan of EXECUTE PLAN.
func (e *Environment) planFile(ctx context.Context, src *ast.Source, file *ast.StringLit) (*plan, error) {
	json, err := readPlan(ctx, file.Value)
	if err == nil && json == nil {
		err = fault.New(fault.SQLPlanNotFound, "there is no file %s", file.Value)
	}
	var p *plan
	if err == nil {
		p, err = e.loadPlan(file.Value, json)
	}
	return p, atPath(src, file, err)
}

// atPath gives an error the place of a file's name in a statement.
func atPath(src *ast.Source, file *ast.StringLit, err error) error {
	if code := fault.CodeOf(err); code != "" {
		return sqlerr.New(code, src, file.Span, "%w", plain(err))
	}
	return err
}

// compilePlan executes COMPILE [AND EXECUTE] PLAN.
func (e *Environment) compilePlan(ctx context.Context, src *ast.Source, st *ast.CompilePlan) (*Result, error) {
	if st.Path == nil {
		json, err := e.compile(ctx, src, st.Statement)
		if err != nil {
			return nil, err
		}
		return &Result{Columns: []types.Field{{Name: "result", Type: types.String()}}, Changelog: types.AppendOnly, rows: []Row{{Values: []column.Value{column.TextValue(string(json))}}}}, nil
	}
	anew := strings.EqualFold(e.config[optionRecompile], "true")
	before, err := readPlan(ctx, st.Path.Value)
	if err != nil {
		return nil, atPath(src, st.Path, err)
	}
	exists := fault.New(fault.SQLPlanExists, "the file %s is there already", st.Path.Value)
	switch {
	case before != nil && (st.IfNotExists || st.Execute):
	case before != nil && !anew:
		return nil, atPath(src, st.Path, exists)
	default:
		json, err := e.compile(ctx, src, st.Statement)
		if err != nil {
			return nil, err
		}
		if err := writePlan(ctx, st.Path.Value, json, anew); err != nil {
			if fault.CodeOf(err) == fault.StorageExists { // it has come meanwhile
				err = exists
			}
			return nil, atPath(src, st.Path, err)
		}
	}
	if !st.Execute {
		return &Result{}, nil
	}
	p, err := e.planFile(ctx, src, st.Path)
	if err != nil {
		return nil, err
	}
	return e.insert(ctx, p)
}

// writePlan writes a plan to a file, which others see when it is complete. replace says whether there may be one.
func writePlan(ctx context.Context, file string, json []byte, replace bool) error {
	s, name, err := planPath(file)
	if err != nil {
		return err
	}
	create := s.CreateNew
	if replace {
		create = s.Create
	}
	w, err := create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(json); err != nil {
		return err
	}
	return w.Close()
}
