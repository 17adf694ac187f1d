// Package local runs a job in this process: one job manager and one task manager, joined in memory. They speak the same wire messages as on a cluster.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/runtime/jobmanager"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/runtime/task"
	"github.com/weirstream/weir/internal/runtime/taskmanager"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/wire"
	"github.com/weirstream/weir/internal/xsync"
)

// Program is a validated graph with the options it runs under.
type Program struct {
	Plan         *dataflow.Plan
	GraphHash    string
	Logger       *slog.Logger
	Params       map[string]string
	ChunkRows    int
	ChunkBytes   int
	ChannelBytes int
	FlushTimeout time.Duration
	// StateMemory bounds what all state takes, in bytes; 0 for no bound. StateBackend moves what does not fit to disk, into StateDir; nil for none.
	StateMemory  int64
	StateBackend func(statebackend.BackendConfig) statebackend.SpillFactory
	StateDir     string
	// Batch says how the tasks of a batch job keep their input.
	Batch operator.BatchConfig
	// Recovery says how the job takes checkpoints and what it does after a failure. Storage is where checkpoints are kept; what is smaller than Inline goes with the manifest.
	Recovery  jobmanager.Recovery
	Storage   storage.Storage
	Inline    int
	Compress  bool
	DropState bool
	// AtLeastOnce takes checkpoints without alignment.
	AtLeastOnce bool
	// InFlight bounds what an unaligned checkpoint may have on its way to a task.
	InFlight int64
	// Incremental has checkpoints write what has changed since the one before.
	Incremental bool
	// LeaveFrom is how many bytes a state has at least that a store with a spill leaves in the files that it is restored from; 0 for the default.
	LeaveFrom int64
	// AtEnd are called, the last one first, when the job has ended, away from all processes; whoever waits for the scheduler waits for them.
	AtEnd []func()
	// Lose, unless nil, is asked for each message between the two roles whether it is lost: for simulations.
	Lose func(m proto.Message) bool
	// Pace, unless nil, is asked how long a source waits before it reads on: for simulations.
	Pace func() time.Duration
}

// state says how the tasks of the process keep state.
func (p *Program) state(id base.JobID) operator.StateConfig {
	c := operator.StateConfig{Batch: p.Batch, Account: pages.NewAccount("state of job "+string(id), p.StateMemory, nil), Track: p.Incremental && p.Storage != nil}
	if p.StateBackend != nil {
		stores := 0
		for _, v := range p.Plan.Vertices {
			for _, op := range v.Operators {
				if len(p.Plan.Graph.Operators[op].States) > 0 {
					stores += v.Parallelism
				}
			}
		}
		c.Spill = p.StateBackend(statebackend.BackendConfig{Dir: p.StateDir, Memory: c.Account, Stores: stores})
	}
	return c
}

// Job is a running job. Its methods may be called from any goroutine.
type Job struct {
	ID   base.JobID
	jm   *jobmanager.JobManager
	tms  *taskmanager.TaskManager
	plan *dataflow.Plan
}

// taskManagerName is what the only task manager calls itself.
const taskManagerName = "local"

// Submit starts a program under a scheduler.
func Submit(s sched.Scheduler, id base.JobID, p *Program) *Job {
	j := &Job{ID: id, plan: p.Plan}
	var wired struct { // the two are told of each other before either is heard
		xsync.Mutex
	}
	wired.Lock()
	defer wired.Unlock()
	toTask := func(_ string, m *wire.ToTaskManager) {
		if p.Lose != nil && p.Lose(m) {
			return
		}
		wired.Lock()
		tm := j.tms
		wired.Unlock()
		tm.Deliver(m)
	}
	p.Recovery.Rand = s.Rand("restarts").Float64
	j.jm = jobmanager.New(jobmanager.Config{
		Job: id, Plan: p.Plan, GraphHash: p.GraphHash, Scheduler: s, Send: toTask, Logger: p.Logger,
		Recovery: p.Recovery, Storage: p.Storage,
		OnDone: func(dataflow.JobState, error) {
			if len(p.AtEnd) > 0 {
				s.Async(context.Background(), "end of the job", 0, func(context.Context) {
					for _, end := range slices.Backward(p.AtEnd) {
						end()
					}
				})
			}
		},
	})
	j.tms = taskmanager.New(taskmanager.Config{
		Name: taskManagerName, Job: id, Plan: p.Plan, GraphHash: p.GraphHash, Scheduler: s,
		Send: func(m *wire.ToJobManager) {
			if p.Lose == nil || !p.Lose(m) {
				j.jm.Deliver(m, taskManagerName)
			}
		},
		Logger: p.Logger.With("job", string(id)), Params: p.Params,
		ChunkRows: p.ChunkRows, ChunkBytes: p.ChunkBytes, ChannelBytes: p.ChannelBytes, FlushTimeout: p.FlushTimeout, State: p.state(id),
		Checkpoints: task.CheckpointConfig{Storage: p.Storage, Inline: p.Inline, Compress: p.Compress, Drop: p.DropState, AtLeastOnce: p.AtLeastOnce, InFlight: p.InFlight, Incremental: p.Incremental && p.Storage != nil, LeaveFrom: p.LeaveFrom}, Pace: p.Pace,
	})
	return j
}

// Cancel asks the job to end.
func (j *Job) Cancel() { j.jm.Cancel() }

// Done is closed when the job has ended.
func (j *Job) Done() <-chan struct{} { return j.jm.Done() }

// State is the job's state.
func (j *Job) State() dataflow.JobState { return j.jm.State() }

// Metrics returns what has been counted of every task.
func (j *Job) Metrics() []task.Metrics { return j.tms.Metrics() }

// Inspect calls f for an operator in one subtask, or in all (-1), between two records. It returns how many tasks were asked.
func (j *Job) Inspect(op, subtask int, f func(*operator.Context)) (asked int) {
	return j.tms.Inspect(op, subtask, f)
}

// Accumulators returns the values of the tasks that have ended, merged.
func (j *Job) Accumulators() map[string]*wire.Accumulator { return j.jm.Accumulators() }

// TriggerBarrier lets a barrier into all sources; done is called when it has passed every task, or with the reason why it has not.
func (j *Job) TriggerBarrier(unaligned bool, done func(id int64, err error)) {
	j.jm.TriggerBarrier(unaligned, done)
}

// Checkpoint asks for a checkpoint or savepoint: see [jobmanager.JobManager.Checkpoint].
func (j *Job) Checkpoint(kind coordinator.Kind, target string, drain bool, done func(id int64, err error)) {
	j.jm.Checkpoint(kind, target, drain, done)
}

// CheckpointStats returns what has become of checkpoints so far.
func (j *Job) CheckpointStats() jobmanager.CheckpointStats { return j.jm.CheckpointStats() }

// Restarts is how often the job, or a region of it, was begun anew.
func (j *Job) Restarts() int { return j.jm.Restarts() }

// History returns the failures of the job, the latest first.
func (j *Job) History() []jobmanager.Exception { return j.jm.History() }

// Err returns why the job did not finish, once Done is closed. In one process the error of user code is still the value that it returned, so errors.Is finds it.
func (j *Job) Err() error {
	err := j.jm.Err()
	if err == nil || fault.CodeOf(err) == fault.JobCanceled {
		return err
	}
	op, subtask := fault.OperatorOf(err)
	code := fault.CodeOf(err)
	if e, ok := errors.AsType[*fault.Error](err); ok && code == fault.JobPoisoned {
		code = fault.CodeOf(e.Unwrap())
	}
	match := func(e error) bool {
		o, n := fault.OperatorOf(e)
		return o == op && n == subtask && fault.CodeOf(e) == code
	}
	if original := j.tms.FirstFailure(match); original != nil && original.Error() != err.Error() {
		return fmt.Errorf("%w", joined{err, original})
	} else if original != nil {
		return original
	}
	return err
}

// joined prints one error and unwraps to two.
type joined struct{ shown, original error }

func (j joined) Error() string   { return j.shown.Error() }
func (j joined) Unwrap() []error { return []error{j.shown, j.original} }
