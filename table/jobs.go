package table

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// AllowSavepoints lets STOP JOB .. WITH SAVEPOINT work for jobs without a directory for checkpoints, too: they keep in memory what that needs, and no checkpoints besides but one at their end. Jobs that have started before are
// as they were.
func (e *Environment) AllowSavepoints() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.savepoints = true
}

// Jobs returns the jobs that statements have started, in order, with those that have ended.
func (e *Environment) Jobs() []*weir.JobClient {
	e.jobs.Lock()
	defer e.jobs.Unlock()
	return slices.Clone(e.jobs.all)
}

func (e *Environment) started(job *weir.JobClient) {
	if job == nil {
		return
	}
	e.jobs.Lock()
	defer e.jobs.Unlock()
	e.jobs.all = append(e.jobs.all, job)
}

// job finds the job that a statement names by its id, or by what the id begins with.
func (e *Environment) job(src *ast.Source, id *ast.StringLit) (*weir.JobClient, error) {
	var found []*weir.JobClient
	for _, j := range e.Jobs() {
		if id.Value != "" && strings.HasPrefix(j.ID(), id.Value) {
			found = append(found, j)
		}
	}
	switch len(found) {
	case 0:
		return nil, sqlerr.New(fault.SQLUnknownJob, src, id.Span, "there is no job with this id")
	case 1:
		return found[0], nil
	}
	return nil, sqlerr.New(fault.SQLUnknownJob, src, id.Span, "%d jobs have ids that begin so", len(found))
}

// showJobs returns the rows of SHOW JOBS and DESCRIBE JOB.
func (e *Environment) showJobs(jobs []*weir.JobClient) *Result {
	r := &Result{Changelog: types.AppendOnly}
	for _, name := range []string{"job id", "job name", "status", "start time"} {
		r.Columns = append(r.Columns, types.Field{Name: name, Type: types.String()})
	}
	e.mu.Lock()
	zone := e.session().Zone
	e.mu.Unlock()
	for _, j := range jobs {
		r.rows = append(r.rows, Row{Values: []column.Value{
			column.TextValue(j.ID()), column.TextValue(j.Name()), column.TextValue(string(j.Status())), column.TextValue(j.Started().In(zone).Format("2006-01-02T15:04:05.000")),
		}})
	}
	return r
}

// stopJob executes STOP JOB, and returns when the job has ended.
func (e *Environment) stopJob(ctx context.Context, src *ast.Source, st *ast.StopJob) (*Result, error) {
	job, err := e.job(src, st.Job)
	if err != nil {
		return nil, err
	}
	if !st.Savepoint {
		job.Cancel()
		if _, err := job.Wait(ctx); err != nil && ctx.Err() != nil {
			return nil, err
		}
		return &Result{}, nil
	}
	e.mu.Lock()
	dir, ok := e.option(optionSaves, optionOldSaves)
	e.mu.Unlock()
	if !ok {
		return nil, sqlerr.New(fault.OptionInvalid, src, st.Span, "there is no directory for the savepoint").WithHint("SET '%s' = 'savepoints';", optionSaves)
	}
	path, err := job.StopWithSavepoint(ctx, dir, st.Drain)
	// A job that has just been started, or begins anew, has tasks that do not run yet.
	for tries := 0; fault.CodeOf(err) == fault.JobNotRunning && tries < 200; tries++ {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-job.Done():
			return nil, located(src, st, err)
		case <-time.After(50 * time.Millisecond):
		}
		path, err = job.StopWithSavepoint(ctx, dir, st.Drain)
	}
	if err != nil {
		return nil, located(src, st, err)
	}
	return &Result{
		Columns: []types.Field{{Name: "savepoint path", Type: types.String()}}, Changelog: types.AppendOnly,
		rows: []Row{{Values: []column.Value{column.TextValue(path)}}},
	}, nil
}
