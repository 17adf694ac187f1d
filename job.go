package weir

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/jobmanager"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/wire"
)

// JobStatus is the state of a job, spelled as Flink spells it.
type JobStatus string

// The states of a job.
const (
	StatusInitializing JobStatus = "INITIALIZING"
	StatusCreated      JobStatus = "CREATED"
	StatusRunning      JobStatus = "RUNNING"
	StatusFailing      JobStatus = "FAILING"
	StatusFailed       JobStatus = "FAILED"
	StatusCancelling   JobStatus = "CANCELLING"
	StatusCanceled     JobStatus = "CANCELED"
	StatusFinished     JobStatus = "FINISHED"
	StatusRestarting   JobStatus = "RESTARTING"
)

// TaskMetrics is what has been counted of one task: a chain of operators in one subtask. Busy, Idle and Blocked add up to the time since the task started.
type TaskMetrics struct {
	// Vertex numbers the chain in the plan, Subtask the task within it, both from 0.
	Vertex, Subtask int
	// Name lists the chain's operators.
	Name string
	// State is the task's state, spelled as Flink spells it.
	State string
	// Source and Sink tell whether the chain begins with a source, and whether it sends to no other.
	Source, Sink bool
	// RecordsIn counts records taken from other tasks, or emitted by the source at the head; RecordsOut records sent to other tasks.
	RecordsIn, RecordsOut int64
	// BytesIn and BytesOut count what the chunks held.
	BytesIn, BytesOut int64
	// Busy is time spent working, Idle waiting for input, Blocked waiting for room in an output.
	Busy, Idle, Blocked time.Duration
}

// JobResult is what became of a job.
type JobResult struct {
	ID       string
	Name     string
	Status   JobStatus
	Duration time.Duration
	// Accumulators are the job's counters, measures and histograms, by name.
	Accumulators map[string]AccumulatorValue
	// Tasks are the metrics of all tasks.
	Tasks []TaskMetrics
	// Failures are those of the job so far: see [JobClient.Failures].
	Failures []JobFailure
}

// JobFailure is a failure that took the job down: for good, or until it was begun anew.
type JobFailure struct {
	// Time is when it became known. Attempt counts how often the job, or a part of it, had been begun by then, from 1.
	Time    time.Time
	Attempt int
	// Task is the chain of operators that failed, with its subtask from 1: "parse -> count (2/4)". It is "" where none did, as for an enumerator of splits, or a checkpoint.
	Task string
	// Err is the cause. It has a code, and names operator and stack where these are known: see package fault.
	Err error
	// Concurrent are failures of other tasks while the job was being taken down, in the order in which they came, at most eight; More counts those beyond.
	Concurrent []JobFailure
	More       int
}

// String is the failure in a line, and one for each beside it.
func (f JobFailure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s attempt %d", f.Time.UTC().Format(time.RFC3339), f.Attempt)
	if f.Task != "" {
		fmt.Fprintf(&b, ", %s", f.Task)
	}
	fmt.Fprintf(&b, ": %v", f.Err)
	for _, c := range f.Concurrent {
		fmt.Fprintf(&b, "\n  also %s: %v", c.Task, c.Err)
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", f.More)
	}
	return b.String()
}

// AccumulatorValue is the merged value of an accumulator.
type AccumulatorValue struct {
	// Kind is "counter", "sum", "average", "minimum", "maximum" or "histogram".
	Kind string
	// Count is the value of a counter; for others, how many values were added.
	Count int64
	// Float is the value of a measure.
	Float float64
	// Buckets tells, for a histogram, how often each value was added.
	Buckets map[int64]int64
}

// String returns the value as people would write it.
func (v AccumulatorValue) String() string {
	switch v.Kind {
	case operator.AccCounter:
		return thousands(v.Count)
	case operator.AccHistogram:
		var b strings.Builder
		for i, k := range slices.Sorted(maps.Keys(v.Buckets)) {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%d: %s", k, thousands(v.Buckets[k]))
		}
		return b.String()
	}
	return strconv.FormatFloat(v.Float, 'g', -1, 64)
}

// JobClient follows a running job. Its methods may be called from any goroutine.
type JobClient struct {
	name      string
	program   *local.Program
	scheduler *sched.Real
	job       *local.Job
	started   time.Time
	once      sync.Once
	ended     chan struct{}
	result    *JobResult
	err       error
}

func newJobClient(name string, p *local.Program) *JobClient {
	s := sched.NewReal()
	c := &JobClient{name: name, program: p, scheduler: s, started: s.Now(), ended: make(chan struct{})}
	c.job = local.Submit(s, newJobID(), p)
	return c
}

func newJobID() base.JobID {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base.JobID(hex.EncodeToString(b[:]))
}

// ID is the job's id: 32 hexadecimal digits.
func (c *JobClient) ID() string { return string(c.job.ID) }

// Name is what Execute was given.
func (c *JobClient) Name() string { return c.name }

// Started is when the job was submitted.
func (c *JobClient) Started() time.Time { return c.started }

// Status is the job's state.
func (c *JobClient) Status() JobStatus { return JobStatus(c.job.State().String()) }

// Cancel asks the job to end. Tasks end between two records; user code that waits is waited for. Cancelling a job that has ended does nothing.
func (c *JobClient) Cancel() { c.job.Cancel() }

// Failures returns the failures of the job so far, the latest first: each with its cause, and below that what failed beside it. At most [Options.FailureHistory] are kept, 16 unless set.
// Failures that a restart mends are among them; the error of a job that ends with one tells those before it as well.
func (c *JobClient) Failures() []JobFailure { return jobFailures(c.job.History()) }

func jobFailures(history []jobmanager.Exception) (all []JobFailure) {
	for _, x := range history {
		all = append(all, JobFailure{Time: x.Time, Attempt: x.Attempt, Task: x.Task, Err: x.Err, Concurrent: jobFailures(x.Concurrent), More: x.More})
	}
	return all
}

// Done is closed when the job has ended.
func (c *JobClient) Done() <-chan struct{} { return c.job.Done() }

// Wait returns when the job has ended and nothing of it runs any more, or when ctx ends; the job goes on then. The result is there also beside an error.
func (c *JobClient) Wait(ctx context.Context) (*JobResult, error) {
	select {
	case <-ctx.Done():
		return c.Progress(), ctx.Err()
	case <-c.job.Done():
	}
	c.once.Do(func() {
		c.scheduler.Wait()
		c.result, c.err = c.Progress(), c.job.Err()
		close(c.ended)
	})
	<-c.ended
	return c.result, c.err
}

// Metrics returns what has been counted of every task so far, in the order of the plan.
func (c *JobClient) Metrics() []TaskMetrics {
	var all []TaskMetrics
	for _, m := range c.job.Metrics() {
		v := c.program.Plan.Vertices[m.Vertex]
		all = append(all, TaskMetrics{
			Vertex: m.Vertex, Subtask: m.Subtask, Name: m.Name, State: m.State.String(),
			Source: len(v.Inputs) == 0, Sink: len(v.Outputs) == 0,
			RecordsIn: m.RecordsIn, RecordsOut: m.RecordsOut, BytesIn: m.BytesIn, BytesOut: m.BytesOut,
			Busy: m.Busy, Idle: m.Idle, Blocked: m.Blocked,
		})
	}
	return all
}

// Progress returns what there is to say of the job so far. Accumulators cover tasks that have ended.
func (c *JobClient) Progress() *JobResult {
	r := &JobResult{
		ID: c.ID(), Name: c.name, Status: c.Status(), Duration: c.scheduler.Now().Sub(c.started),
		Accumulators: map[string]AccumulatorValue{}, Tasks: c.Metrics(), Failures: c.Failures(),
	}
	for name, a := range c.job.Accumulators() {
		r.Accumulators[name] = accumulatorValue(a)
	}
	return r
}

func accumulatorValue(a *wire.Accumulator) AccumulatorValue {
	v := AccumulatorValue{Kind: a.Kind, Count: a.Count, Buckets: a.Buckets}
	switch MeasureKind(a.Kind) {
	case MeasureSum:
		v.Float = a.Sum
	case MeasureAverage:
		v.Float = math.NaN()
		if a.Count > 0 {
			v.Float = a.Sum / float64(a.Count)
		}
	case MeasureMinimum:
		v.Float = a.Min
	case MeasureMaximum:
		v.Float = a.Max
	}
	return v
}

// RecordsRead is how many records the sources have emitted.
func (r *JobResult) RecordsRead() (n int64) {
	for _, t := range r.Tasks {
		if t.Source {
			n += t.RecordsIn
		}
	}
	return n
}

// String says in a line what became of the job.
func (r *JobResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s after %v: %s read", r.Name, r.Status, r.Duration.Round(time.Millisecond), records(r.RecordsRead()))
	var sent, reached int64
	for _, t := range r.Tasks {
		sent += t.RecordsOut
		if t.Sink && !t.Source {
			reached += t.RecordsIn
		}
	}
	if sent > 0 {
		fmt.Fprintf(&b, ", %s sent between tasks, %s came to the last ones", thousands(sent), thousands(reached))
	}
	if a := r.Accumulators[connector.ErrorsCounter]; a.Count > 0 {
		fmt.Fprintf(&b, ", %s malformed and left out", records(a.Count))
	}
	return b.String()
}

func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return thousands(n) + " records"
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// errStatus maps an error of Execute to a status, for exit codes.
func errStatus(err error) JobStatus {
	switch {
	case err == nil:
		return StatusFinished
	case errors.Is(err, errCanceled):
		return StatusCanceled
	}
	return StatusFailed
}
