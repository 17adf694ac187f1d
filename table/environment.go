package table

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/blackhole"
	"github.com/weirstream/weir/connectors/datagen"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/nexmark"
	"github.com/weirstream/weir/connectors/print"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/bind"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/compiled"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/lower"
	"github.com/weirstream/weir/internal/sql/opt"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/internal/xsync"
)

// Options are those of weir, for the jobs that statements start. SET statements override them: see [Environment.ExecuteSQL].
type Options = weir.Options

// Environment is a session: catalogs, options and functions, and the jobs that its statements start. Its methods may be called from several goroutines, one statement at a time is executed.
type Environment struct {
	mu         sync.Mutex
	options    Options
	config     map[string]string
	manager    *catalog.Manager
	functions  *fn.Registry
	connectors map[string]*tables.Factory
	program    *weir.Environment // of the streams that are tables
	added      int               // statements in it
	start      time.Time
	// set collects the inserts between BEGIN STATEMENT SET and END.
	set     []*logical.Sink
	setOpen bool
	// setText are the inserts, and setUses what they name.
	setText []*ast.Insert
	setUses uses
	// jobs are those that statements have started, in order; it has a lock of its own, since a statement may wait for one.
	jobs struct {
		xsync.Mutex
		all []*weir.JobClient
	}
	// savepoints has jobs without a directory for checkpoints keep what savepoints need in memory.
	savepoints bool
	// durable is where jobs are kept; nil if they are not.
	durable *durable
}

// NewEnvironment returns a session with an empty catalog and the connectors that come with Weir.
func NewEnvironment(o Options) *Environment {
	e := &Environment{
		options: o, config: map[string]string{}, manager: catalog.NewManager(), functions: &fn.Registry{}, connectors: map[string]*tables.Factory{}, start: time.Now(),
	}
	for _, f := range builtin() {
		e.AddConnector(f)
	}
	return e
}

func builtin() []*tables.Factory {
	return []*tables.Factory{nexmark.Table(), nexmark.SideInput(), blackhole.Table(), print.Table(), files.Table(), datagen.Table()}
}

// AddConnector makes a connector known to CREATE TABLE, in the place of one of the same name.
func (e *Environment) AddConnector(f *tables.Factory) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.connectors[f.Name] = f
}

// Set sets an option as the statement SET 'key' = 'value' does.
func (e *Environment) Set(key, value string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.set1(key, value)
}

// session is what functions may know.
func (e *Environment) session() *fn.Session {
	s := &fn.Session{Zone: time.UTC, Start: e.start, Options: maps.Clone(e.config), Batch: e.batch()}
	if name, ok := e.config[optionZone]; ok {
		if z, err := zoneOf(name); err == nil {
			s.Zone = z
		}
	}
	s.LegacyCast = e.config["table.exec.legacy-cast-behaviour"] == "ENABLED"
	return s
}

func (e *Environment) binder(s *fn.Session) *bind.Binder {
	return bind.New(e.manager, s, e.functions)
}

// ExecuteSQL executes one statement. Queries run when their rows are asked for ([Result.Rows]); an INSERT has started its job when ExecuteSQL returns. Errors about the text say where in it.
func (e *Environment) ExecuteSQL(ctx context.Context, sql string) (*Result, error) {
	src := &ast.Source{Text: sql}
	st, err := parse.Statement(src)
	if err != nil {
		return nil, err
	}
	return e.Execute(ctx, src, st)
}

// Explain returns the plan of a query or INSERT as text.
func (e *Environment) Explain(ctx context.Context, sql string) (string, error) {
	src := &ast.Source{Text: sql}
	st, err := parse.Statement(src)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.planStatement(ctx, src, st)
	if err != nil {
		return "", err
	}
	return p.text(), nil
}

// plan is a plan with what is needed to run it.
type plan struct {
	program  *physical.Program
	resolver *resolver
	session  *fn.Session
	name     string
	fired    []string // the optimizer's rules that have changed something
	claim    string   // the plan as describe gives it, which is the same for any parallelism
	source   compiled.Source
	loaded   bool // it comes from a file
	split    func(*physical.Program)
}

// divide divides aggregations in phases, where the job has several subtasks. It is the last thing that is done to a plan: a compiled one is not divided.
func (p *plan) divide() {
	if p.split != nil {
		p.split(p.program)
		p.split = nil
	}
}

// text is the plan as EXPLAIN shows it, with the rules that made it.
func (p *plan) text() string {
	p.divide()
	var rules []string
	for _, r := range append(p.fired, p.program.Fired...) {
		if !slices.Contains(rules, r) {
			rules = append(rules, r)
		}
	}
	if rules == nil {
		return p.program.Text()
	}
	return p.program.Text() + "Rules: " + strings.Join(rules, ", ") + "\n"
}

func (e *Environment) planStatement(ctx context.Context, src *ast.Source, st ast.Statement) (*plan, error) {
	s := e.session()
	b := e.binder(s)
	named := uses{}
	b.Watch(named.add)
	switch st := st.(type) {
	case *ast.Query:
		r, err := b.Query(src, st)
		if err != nil {
			return nil, err
		}
		return e.plan(s, []logical.Rel{r}, "select", e.sourceOf(st, named))
	case *ast.Insert:
		sink, err := b.Insert(src, st)
		if err != nil {
			return nil, err
		}
		return e.plan(s, []logical.Rel{sink}, insertName([]*logical.Sink{sink}), e.sourceOf(st, named))
	case *ast.StatementSet:
		var ends []logical.Rel
		var sinks []*logical.Sink
		for _, i := range st.Inserts {
			sink, err := b.Insert(src, i)
			if err != nil {
				return nil, err
			}
			ends, sinks = append(ends, sink), append(sinks, sink)
		}
		return e.plan(s, ends, insertName(sinks), e.sourceOf(&ast.StatementSet{Execute: true, Inserts: st.Inserts}, named))
	case *ast.Execute:
		return e.planStatement(ctx, src, st.Statement)
	case *ast.CompilePlan:
		return e.planStatement(ctx, src, st.Statement)
	case *ast.ExecutePlan:
		return e.planFile(ctx, src, st.Path)
	}
	return nil, fault.New(fault.SQLUnsupported, "only queries and INSERTs have plans")
}

func insertName(sinks []*logical.Sink) string {
	name := "insert-into"
	for i, s := range sinks {
		if i > 0 {
			name += ","
		} else {
			name += "_"
		}
		name += fmt.Sprintf("%s.%s.%s", s.Table.Path.Catalog, s.Table.Path.Database, s.Table.Path.Name)
	}
	return name
}

func (e *Environment) plan(s *fn.Session, ends []logical.Rel, name string, source compiled.Source) (*plan, error) {
	off, err := e.off()
	if err != nil {
		return nil, err
	}
	o := &opt.Optimizer{Session: s, Off: off, Buckets: e.buckets()}
	for i, r := range ends {
		if ends[i], err = o.Optimize(r); err != nil {
			return nil, err
		}
	}
	p := &plan{session: s, resolver: e.resolver(e.batch()), name: name, source: source}
	ttl, err := e.duration(optionTTL)
	if err != nil {
		return nil, err
	}
	p.program, err = physical.Plan(physical.Config{Session: s, Tables: p.resolver, Batch: e.batch(), TTL: ttl, PerRow: e.config[optionMiniBatch] == "false", Off: off,
		Duplicates: !e.batch() && strings.EqualFold(e.config[optionDuplicates], "true"), RequireOnConflict: strings.EqualFold(e.config[optionConflict], "true"),
		ExpireByWatermark: strings.EqualFold(e.config[optionExpire], "true")}, ends)
	if err != nil {
		return nil, err
	}
	p.fired = o.Fired
	p.claim = describe(p.program)
	p.split, err = e.splitting(off)
	return p, err
}

// splitting returns what divides a plan in phases, nil if it is not to be divided.
func (e *Environment) splitting(off map[string]bool) (func(*physical.Program), error) {
	options, err := e.jobOptions()
	phases := strings.ToLower(e.config[optionPhases])
	if err != nil || options.Parallelism <= 1 || phases == "one_phase" || off["two-phase-aggregate"] {
		return nil, err
	}
	return func(p *physical.Program) {
		p.Split(physical.TwoPhases{Auto: phases != "two_phase", Partial: lower.Partial})
	}, nil
}

// buckets is by how many buckets distinct aggregations are split, 0 for not at all. In batch mode, and where there is a change for each row, they are not.
func (e *Environment) buckets() int {
	if !strings.EqualFold(e.config[optionSplit], "true") || e.batch() || strings.EqualFold(e.config[optionMiniBatch], "false") {
		return 0
	}
	n, err := strconv.Atoi(e.config[optionBuckets])
	if err != nil {
		n = 1024 // not set, as other values have been refused
	}
	return n
}

// place is where the job of a plan is to run: with which options, and in which folder if it is durable.
type place struct {
	options weir.Options
	folder  string
}

// placed decides where the job of a plan runs. If it goes on from a checkpoint, the plan becomes the one of that, unless the statement is another one.
func (e *Environment) placed(ctx context.Context, p *plan) (at place, err error) {
	if at.options, err = e.jobOptions(); err != nil {
		return at, err
	}
	d := e.durable
	if d != nil {
		at.folder = d.folder(e.jobName(p))
		at.options.Checkpoints.Dir = storage.Below(d.Dir, at.folder+"/checkpoints")
		at.options.Checkpoints.Resume, at.options.Checkpoints.AllowNonRestoredState = true, d.KeepState
		if at.options.Checkpoints.Interval == 0 {
			at.options.Checkpoints.Interval = time.Second
		}
	}
	if err := e.restorePlan(ctx, p, at.options.Checkpoints, 0); err != nil {
		return at, err
	}
	if d != nil {
		return at, d.claim(ctx, at.folder, p.claim)
	}
	return at, nil
}

// build makes the job of a plan. q takes the rows of a query; it has those of before already if the job is durable.
func (e *Environment) build(ctx context.Context, p *plan, at place, q *rowQueue) (_ *weir.Environment, err error) {
	options := at.options
	var result connector.Sink[*column.Batch] = q
	if d := e.durable; d != nil && q != nil {
		if result, err = keepResult(ctx, d.root.Sub(at.folder+"/result"), q); err != nil {
			return nil, err
		}
	}
	env := weir.NewEnvironment(options)
	if options.Checkpoints.Dir != "" {
		if err := p.keep(env, 0); err != nil {
			return nil, err
		}
	}
	p.divide()
	err = e.lower(env, p, e.lowering(p, env, func(c *lower.Config) {
		c.Parallelism, c.SingleResult = max(options.Parallelism, 1), e.durable != nil
		c.Result = func(*physical.Result) connector.Sink[*column.Batch] { return result }
	}))
	return env, err
}

// lowering is what a plan needs to become operators of a program, beside what set says.
func (e *Environment) lowering(p *plan, env *weir.Environment, set func(c *lower.Config)) lower.Config {
	c := lower.Config{
		Session: p.session, Batch: e.batch(), Constraints: e.constraints(),
		Source: func(n *physical.Scan) (*tables.Source, error) {
			return p.resolver.source(n.Table, n.Columns, n.Options, n.Where)
		},
		Sink: func(n *physical.Sink) (*tables.Sink, error) {
			return p.resolver.sink(n.Table, n.Columns, n.Options, n.Overwrite)
		},
		Check: func(op *dataflow.Operator, factory any) {
			if c, ok := factory.(interface{ Check(context.Context) error }); ok {
				env.AddCheck(op, c.Check)
			}
		},
	}
	set(&c)
	return c
}

// constraints are what SET says about rows that a table must not have. Each value has been checked.
func (e *Environment) constraints() (rules exec.ConstraintRules) {
	is := func(option, value string) bool {
		v, _ := e.option(option)
		return strings.EqualFold(v, value)
	}
	rules.DropNulls = is(optionNotNull, "drop")
	switch {
	case is(optionLength, "trim_pad"):
		rules.Length = exec.LengthFit
	case is(optionLength, "error"):
		rules.Length = exec.LengthError
	}
	switch {
	case is(optionNested, "rows"):
		rules.Nested = exec.NestedRows
	case is(optionNested, "rows_and_collections"):
		rules.Nested = exec.NestedAll
	}
	return rules
}

// jobName is pipeline.name, or what the statement is.
func (e *Environment) jobName(p *plan) string {
	if name := e.config["pipeline.name"]; name != "" {
		return name
	}
	return p.name
}

// Connectors returns the names of the connectors, sorted.
func (e *Environment) Connectors() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.connectors))
}
