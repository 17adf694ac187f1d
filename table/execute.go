package table

import (
	"context"
	"maps"
	"slices"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// Script executes the statements of a text in order, and calls each with the result of every one; name is what errors call the text. The first error ends it.
func (e *Environment) Script(ctx context.Context, name, text string, each func(text string, r *Result) error) error {
	script, syntax := parse.Script(name, text)
	if script != nil {
		for _, st := range script.Statements {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, err := e.Execute(ctx, script.Source, st)
			if err != nil {
				return err
			}
			if err := each(script.Source.Slice(st.Pos()), r); err != nil {
				return err
			}
		}
	}
	return syntax
}

// Execute executes a statement that was parsed.
func (e *Environment) Execute(ctx context.Context, src *ast.Source, st ast.Statement) (*Result, error) {
	switch st := st.(type) {
	case *ast.StopJob:
		return e.stopJob(ctx, src, st)
	case *ast.Show:
		if st.Kind == ast.ShowJobs {
			return e.showJobs(e.Jobs()), nil
		}
	case *ast.Describe:
		if st.Kind == ast.KindJob {
			job, err := e.job(src, st.Job)
			if err != nil {
				return nil, err
			}
			return e.showJobs([]*weir.JobClient{job}), nil
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch st := st.(type) {
	case *ast.Set:
		if st.Key == "" {
			return e.showOptions(), nil
		}
		if err := e.set1(st.Key, st.Value); err != nil {
			return nil, sqlerr.New(fault.OptionInvalid, src, st.Span, "%w", plain(err))
		}
		return &Result{}, nil
	case *ast.Reset:
		if st.Key == "" {
			clear(e.config)
		} else {
			delete(e.config, st.Key)
		}
		return &Result{}, nil
	case *ast.Execute:
		switch inner := st.Statement.(type) {
		case *ast.Insert, *ast.Query, *ast.StatementSet:
			return e.run(ctx, src, inner)
		}
	case *ast.Query, *ast.Insert, *ast.StatementSet:
		if i, ok := st.(*ast.Insert); ok && e.setOpen {
			b := e.binder(e.session())
			b.Watch(e.setUses.add)
			sink, err := b.Insert(src, i)
			if err != nil {
				return nil, err
			}
			e.set, e.setText = append(e.set, sink), append(e.setText, i)
			return &Result{}, nil
		}
		return e.run(ctx, src, st)
	case *ast.BeginStatementSet:
		e.set, e.setOpen, e.setText, e.setUses = nil, true, nil, uses{}
		return &Result{}, nil
	case *ast.EndStatementSet:
		if !e.setOpen {
			return nil, sqlerr.New(fault.SQLUnsupported, src, st.Span, "END without BEGIN STATEMENT SET")
		}
		sinks := e.set
		e.set, e.setOpen = nil, false
		if len(sinks) == 0 {
			return &Result{}, nil
		}
		ends := make([]logical.Rel, len(sinks))
		for i, s := range sinks {
			ends[i] = s
		}
		p, err := e.plan(e.session(), ends, insertName(sinks), e.sourceOf(&ast.StatementSet{Execute: true, Inserts: e.setText}, e.setUses))
		if err != nil {
			return nil, located(src, st, err)
		}
		r, err := e.insert(ctx, p)
		return r, located(src, st, err)
	case *ast.CompilePlan:
		r, err := e.compilePlan(ctx, src, st)
		return r, located(src, st, err)
	case *ast.ExecutePlan:
		p, err := e.planFile(ctx, src, st.Path)
		if err != nil {
			return nil, err
		}
		r, err := e.insert(ctx, p)
		return r, located(src, st, err)
	case *ast.Explain:
		p, err := e.planStatement(ctx, src, st.Statement)
		if err != nil {
			return nil, located(src, st, err)
		}
		return &Result{Columns: []types.Field{{Name: "result", Type: types.String()}}, rows: []Row{{Values: []column.Value{column.TextValue(p.text())}}}}, nil
	}
	return e.command(ctx, src, st)
}

// located gives an error without a place that of the statement.
func located(src *ast.Source, st ast.Node, err error) error {
	return sqlerr.Place{Source: src, Span: st.Pos()}.Of(err)
}

// run plans a statement; an INSERT starts, a query waits to be read.
func (e *Environment) run(ctx context.Context, src *ast.Source, st ast.Statement) (*Result, error) {
	p, err := e.planStatement(ctx, src, st)
	if err != nil {
		return nil, located(src, st, err)
	}
	if _, ok := st.(*ast.Query); !ok {
		r, err := e.insert(ctx, p)
		return r, located(src, st, err)
	}
	at, err := e.placed(ctx, p)
	if err != nil {
		return nil, located(src, st, err)
	}
	end := p.program.Ends[0].Of()
	fields := end.Fields
	q := newRowQueue(fields)
	env, err := e.build(ctx, p, at, q)
	if err != nil {
		return nil, located(src, st, err)
	}
	name := e.jobName(p)
	return &Result{Columns: fields, Changelog: end.Changelog, Order: orderOf(p.program.Ends[0]), Name: name, session: p.session, durable: e.durable != nil, start: func(ctx context.Context) (*weir.JobClient, *rowQueue, error) {
		client, err := env.ExecuteAsync(ctx, name)
		e.started(client)
		return client, q, err
	}}, nil
}

func (e *Environment) insert(ctx context.Context, p *plan) (*Result, error) {
	at, err := e.placed(ctx, p)
	if err != nil {
		return nil, err
	}
	env, err := e.build(ctx, p, at, nil)
	if err != nil {
		return nil, err
	}
	name := e.jobName(p)
	client, err := env.ExecuteAsync(context.WithoutCancel(ctx), name)
	if err != nil {
		return nil, err
	}
	e.started(client)
	r := &Result{Job: client, Name: name}
	if v, ok := e.config[optionSync]; ok && (v == "true" || v == "TRUE") {
		if _, err := client.Wait(ctx); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (e *Environment) showOptions() *Result {
	r := &Result{Columns: []types.Field{{Name: "key", Type: types.String()}, {Name: "value", Type: types.String()}}}
	for _, k := range slices.Sorted(maps.Keys(e.config)) {
		r.rows = append(r.rows, Row{Values: []column.Value{column.TextValue(k), column.TextValue(e.config[k])}})
	}
	return r
}

// command executes what concerns the catalog.
func (e *Environment) command(ctx context.Context, src *ast.Source, st ast.Statement) (*Result, error) {
	b := e.binder(e.session())
	if c, ok := st.(*ast.CreateTable); ok && c.As != nil {
		named := uses{}
		b.Watch(named.add)
		sink, err := b.CreateTableAs(src, c)
		if err != nil || sink == nil {
			return &Result{}, err
		}
		p, err := e.plan(e.session(), []logical.Rel{sink}, insertName([]*logical.Sink{sink}), e.sourceOf(c, named))
		if err != nil {
			return nil, located(src, st, err)
		}
		r, err := e.insert(ctx, p)
		return r, located(src, st, err)
	}
	rows, done, err := b.Execute(src, st)
	if err != nil {
		return nil, err
	}
	if !done {
		return nil, sqlerr.New(fault.SQLUnsupported, src, st.Pos(), "this statement is not supported")
	}
	r := &Result{Columns: rows.Columns, Changelog: types.AppendOnly}
	for _, values := range rows.Rows {
		r.rows = append(r.rows, Row{Values: values})
	}
	return r, nil
}

// ExplainScript goes through a script as [Environment.Script] does, but calls each with the plan of every query and INSERT instead of running it.
func (e *Environment) ExplainScript(ctx context.Context, name, text string, each func(statement, plan string) error) error {
	script, syntax := parse.Script(name, text)
	if script == nil {
		return syntax
	}
	if ctx == nil {
		ctx = context.Background()
	}
	for _, st := range script.Statements {
		switch st.(type) {
		case *ast.Query, *ast.Insert, *ast.StatementSet, *ast.Execute, *ast.CompilePlan, *ast.ExecutePlan:
			e.mu.Lock()
			p, err := e.planStatement(ctx, script.Source, st)
			e.mu.Unlock()
			if err != nil {
				return located(script.Source, st, err)
			}
			if err := each(script.Source.Slice(st.Pos()), p.text()); err != nil {
				return err
			}
		default:
			if _, err := e.Execute(ctx, script.Source, st); err != nil {
				return err
			}
		}
	}
	return syntax
}
