package coordinator

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/weirstream/weir/fault"
)

// Coordinator is the state of the checkpoints of one job, over all its restarts. What it does follows from the events and times it was given. It is not safe for
// concurrent use.
type Coordinator struct {
	cfg    Config
	lastID int64 // highest id used or restored from

	running bool
	failing bool          // FailJob is out; only while running
	stopped bool          // a StopWithSavepoint has completed; only while running
	tasks   map[Task]bool // that must acknowledge what is triggered now; only while running

	pending  []*pending  // by increasing id
	queue    []Requested // that wait: savepoints in front of checkpoints
	retained []int64     // completed checkpoints, by increasing id

	nextPeriodic int64 // when the next periodic checkpoint is due, not regarding the pause
	pauseEnds    int64 // end of the last pending one, plus MinPause
	failures     int   // consecutive
	lastComplete int64 // highest id that has completed: failures of lower ones no longer count

	now int64    // of the current step
	out []Effect // of the current step
}

// pending is a checkpoint or savepoint under way.
type pending struct {
	id      int64
	kind    Kind
	started int64
	tasks   int           // that had to acknowledge
	owing   map[Task]bool // that have not
	storing bool
	bytes   int64
	drain   bool
	asked   bool // somebody waits for the answer
	token   int64
}

// New returns the coordinator of a job that does not run yet. Settings out of range are brought into it: see [Config.Validate] for telling the user. lastID is the highest
// id that the job has used, 0 if there is none.
func New(cfg Config, lastID int64) *Coordinator {
	return &Coordinator{cfg: cfg.settled(), lastID: max(lastID, 0), pauseEnds: math.MinInt64}
}

// Pending is where a checkpoint or savepoint under way stands.
type Pending struct {
	ID      int64
	Kind    Kind
	Started int64 // time of its Trigger, in nanoseconds
	Bytes   int64 // acknowledged so far
	Storing bool
	Missing []Task // that have not acknowledged, in increasing order
}

// Pending returns what is under way, by increasing id. The slice is the caller's.
func (c *Coordinator) Pending() []Pending {
	var all []Pending
	for _, p := range c.pending {
		all = append(all, Pending{p.id, p.kind, p.started, p.bytes, p.storing, slices.Sorted(maps.Keys(p.owing))})
	}
	return all
}

// Retained returns the completed checkpoints that are kept, the newest last. The slice is the caller's.
func (c *Coordinator) Retained() []int64 { return slices.Clone(c.retained) }

// Step lets the coordinator take in an event at time now, in nanoseconds, and returns what is to be done. Times do not go back from step to step. The effects are
// the caller's.
func (c *Coordinator) Step(now int64, e Event) []Effect {
	c.now, c.out = now, nil
	switch e := e.(type) {
	case Restored:
		c.restored(e)
	case Running:
		c.start(e)
	case Stopped:
		c.stop(e)
	case Tick:
		c.expire()
	case Requested:
		c.request(e)
	case Acked:
		c.ack(e)
	case Declined:
		c.decline(e)
	case TaskFinished:
		c.taskFinished(e)
	case Stored:
		c.stored(e)
	case StoreFailed:
		c.storeFailed(e)
	}
	c.settle()
	return c.out
}

func (c *Coordinator) emit(e Effect)              { c.out = append(c.out, e) }
func (c *Coordinator) ignore(e Event, why string) { c.emit(Ignored{e, why}) }

func (c *Coordinator) restored(e Restored) {
	if c.running {
		c.ignore(e, "the job runs (K10)")
		return
	}
	c.retained = slices.Compact(slices.Sorted(slices.Values(e.Retained)))
	c.lastID = max(c.lastID, e.ID) // keeps K1
	if n := len(c.retained); n > 0 {
		c.lastID = max(c.lastID, c.retained[n-1])
	}
}

func (c *Coordinator) start(e Running) {
	if c.running {
		c.ignore(e, "the job runs (K10)")
		return
	}
	c.running = true
	c.tasks = make(map[Task]bool, len(e.Tasks))
	for _, t := range e.Tasks {
		c.tasks[t] = true
	}
	c.nextPeriodic = add(c.now, c.cfg.Interval)
}

// stop ends everything. What is under way does not count as failure: keeps K8.
func (c *Coordinator) stop(e Stopped) {
	if !c.running {
		c.ignore(e, "the job does not run (K10)")
		return
	}
	err := fault.New(fault.JobNotRunning, "the job has stopped")
	if e.Reason != nil {
		err = fault.New(fault.JobNotRunning, "the job has stopped: %w", e.Reason)
	}
	for len(c.pending) > 0 {
		c.abort(c.pending[0], err)
	}
	c.refuseQueued(err)
	c.running, c.failing, c.stopped, c.tasks = false, false, false, nil
}

// find returns the pending checkpoint of that id, or nil, having said so in the trace. Keeps K10.
func (c *Coordinator) find(e Event, id int64) *pending {
	for _, p := range c.pending {
		if p.id == id {
			return p
		}
	}
	if id > c.lastID {
		c.ignore(e, "never triggered (K10)")
	} else {
		c.ignore(e, "not under way (K10)")
	}
	return nil
}

// owing is find for what a task says: the checkpoint waits for it.
func (c *Coordinator) owing(e Event, id int64, t Task) *pending {
	p := c.find(e, id)
	if p != nil && !p.owing[t] {
		c.ignore(e, "the task is not waited for (K10)")
		return nil
	}
	return p
}

func (c *Coordinator) ack(e Acked) {
	if p := c.owing(e, e.ID, e.Task); p != nil {
		p.bytes = add(p.bytes, max(e.Bytes, 0))
		c.discharge(p, e.Task)
	}
}

func (c *Coordinator) taskFinished(e TaskFinished) {
	if !c.tasks[e.Task] {
		c.ignore(e, "no such task runs (K10)")
		return
	}
	delete(c.tasks, e.Task)
	for _, p := range c.pending {
		if p.owing[e.Task] {
			c.discharge(p, e.Task)
		}
	}
}

// discharge ends the wait for a task. Keeps K2.
func (c *Coordinator) discharge(p *pending, t Task) {
	delete(p.owing, t)
	if len(p.owing) == 0 {
		p.storing = true
		c.emit(Store{p.id})
	}
}

func (c *Coordinator) stored(e Stored) {
	p := c.find(e, e.ID)
	if p == nil {
		return
	}
	if !p.storing {
		c.ignore(e, "not asked to be stored (K10)")
		return
	}
	c.complete(p)
}

// complete ends p well. Checkpoints in front of it are subsumed first: keeps K3.
func (c *Coordinator) complete(p *pending) {
	commit := p.kind != Savepoint
	if commit {
		for _, earlier := range slices.Clone(c.pending) {
			if earlier.id < p.id && earlier.kind == Checkpoint {
				c.abort(earlier, fault.New(fault.CheckpointSubsumed, "%v %d was complete before %v %d", p.kind, p.id, earlier.kind, earlier.id))
			}
		}
	}
	c.remove(p)
	c.failures = 0
	c.lastComplete = max(c.lastComplete, p.id)
	c.emit(Complete{ID: p.id, Kind: p.kind, Commit: commit, Bytes: p.bytes, Duration: c.now - p.started})
	if p.asked {
		c.emit(Answer{Token: p.token, ID: p.id})
	}
	switch p.kind {
	case Checkpoint:
		c.retained = append(c.retained, p.id)
		for len(c.retained) > c.cfg.Retain { // keeps K9
			c.emit(Discard{c.retained[0]})
			c.retained = c.retained[1:]
		}
	case StopWithSavepoint:
		c.stopped = true
	}
}

func (c *Coordinator) decline(e Declined) {
	p := c.owing(e, e.ID, e.Task)
	if p == nil {
		return
	}
	cause := e.Err
	if cause == nil {
		cause = fmt.Errorf("the task did not say why")
	}
	c.fail(p, fault.New(fault.CheckpointDeclined, "%v %d was declined by %s: %w", p.kind, p.id, c.cfg.Name(e.Task), cause))
}

func (c *Coordinator) storeFailed(e StoreFailed) {
	p := c.find(e, e.ID)
	if p == nil {
		return
	}
	if !p.storing {
		c.ignore(e, "not asked to be stored (K10)")
		return
	}
	cause := e.Err
	if cause == nil {
		cause = fmt.Errorf("the storage did not say why")
	}
	c.fail(p, fault.New(fault.CheckpointNotStored, "%v %d cannot be stored: %w", p.kind, p.id, cause))
}

// expire fails what has taken too long.
func (c *Coordinator) expire() {
	for _, p := range slices.Clone(c.pending) {
		if c.now < add(p.started, c.cfg.Timeout) {
			continue
		}
		within := text(c.cfg.Timeout)
		if p.storing {
			c.fail(p, fault.New(fault.CheckpointNotStored, "%v %d was not stored within %s, though all tasks have acknowledged", p.kind, p.id, within))
		} else {
			c.fail(p, fault.New(fault.CheckpointTimeout, "%v %d was not complete within %s: %w", p.kind, p.id, within, c.missing(p)))
		}
	}
}

// fail ends p badly, by what counts as failure. Keeps K8.
func (c *Coordinator) fail(p *pending, err error) {
	c.abort(p, err)
	switch {
	case c.failing:
	case p.kind == StopWithSavepoint && p.drain:
		c.failJob(err)
	case p.kind == Checkpoint && p.id > c.lastComplete && c.cfg.Tolerable >= 0:
		c.failures++
		if c.failures > c.cfg.Tolerable {
			c.failJob(fault.New(fault.CheckpointFailures, "%d failed one after another, and the job tolerates %d; the last: %w",
				c.failures, c.cfg.Tolerable, err))
		}
	}
}

func (c *Coordinator) failJob(err error) {
	c.failing, c.failures = true, 0
	c.emit(FailJob{err})
}

func (c *Coordinator) abort(p *pending, err error) {
	c.remove(p)
	c.emit(Abort{p.id, err})
	if p.asked {
		c.emit(Answer{p.token, p.id, err})
	}
}

// remove ends what is pending; the pause begins.
func (c *Coordinator) remove(p *pending) {
	c.pending = slices.DeleteFunc(c.pending, func(other *pending) bool { return other == p })
	c.pauseEnds = add(c.now, c.cfg.MinPause)
}

// add returns a + b for b >= 0, without overflow.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
