package jobmanager

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/wire"
	"github.com/weirstream/weir/internal/xsync"
)

// DefaultStuckAfter is how long the end of a job waits for asynchronous work of an enumerator that goes on after its context has ended.
const DefaultStuckAfter = 500 * time.Millisecond

// Config is what a job manager needs.
type Config struct {
	Job  base.JobID
	Plan *dataflow.Plan
	// GraphHash goes with each Deploy: a worker that built another graph refuses.
	GraphHash string
	Scheduler sched.Scheduler
	// Send sends a message to a task manager. It is called on the job manager's process, must not block, and keeps the order of calls
	// for each task manager. The message is the receiver's. When the job is over, Deliver calls it to release a task manager that registers
	// too late; so Send may be called from within what called Deliver.
	Send func(taskManager string, m *wire.ToTaskManager)
	// Logger may be nil.
	Logger *slog.Logger
	// OnDone, unless nil, is called once with the result on the job manager's process, just before Done is closed. It must not block.
	OnDone func(state dataflow.JobState, err error)
	// StuckAfter is DefaultStuckAfter if zero.
	StuckAfter time.Duration
	// Recovery says how the job takes checkpoints and what it does after a failure, Storage is where checkpoints are kept.
	Recovery Recovery
	Storage  storage.Storage
}

// JobManager runs one job. It is a process of the scheduler; its methods may be called from any goroutine, and none of them blocks.
//
// Everything is carried out on the process, in this order: the effects of the last step, then events that came of effects, then
// mail. The three queues are fields rather than variables, so that the process can be replaced: see run.
type JobManager struct {
	cfg  Config
	log  *slog.Logger
	done chan struct{}

	// The fields below belong to the process.

	effects     []Effect
	events      []Event
	enumerators map[int]*enumeratorHost // by vertex
	barriers    map[base.CheckpointID]func(id int64, err error)
	requests    map[int64]func(id int64, err error) // by token
	lastToken   int64
	timer       sched.Timer // of the machine's next tick, at timerAt
	timerAt     int64
	ended       bool // JobEnded was carried out
	exited      bool // user code is ending the process's goroutine by runtime.Goexit

	// mu guards what others read and write. No user code and no callback runs under it.
	mu struct {
		xsync.Mutex
		waker   sched.Waker
		mail    []func() // run on the process
		over    bool     // no mail is taken any more
		machine *Machine
		// checkpoints counts what has become of them.
		checkpoints CheckpointStats
		// lastBarrier numbers barriers.
		lastBarrier base.CheckpointID
	}
}

// New starts the job manager of a job. The job waits until task managers have registered enough slots.
func New(cfg Config) *JobManager {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.StuckAfter == 0 {
		cfg.StuckAfter = DefaultStuckAfter
	}
	j := &JobManager{
		cfg:         cfg,
		log:         cfg.Logger.With("job", string(cfg.Job)),
		done:        make(chan struct{}),
		events:      []Event{Start{}},
		enumerators: map[int]*enumeratorHost{},
		barriers:    map[base.CheckpointID]func(int64, error){},
		requests:    map[int64]func(int64, error){},
	}
	j.mu.machine = NewMachine(cfg.Job, cfg.Plan, cfg.GraphHash)
	j.mu.machine.Recover(cfg.Recovery)
	j.startProcess()
	return j
}

func (j *JobManager) startProcess() {
	// Under the lock, because the process may ask for its own waker before Go has returned it.
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.waker = j.cfg.Scheduler.Go("jobmanager", j.run)
}

// run is the body of the process. User code can end it by runtime.Goexit, which cannot be recovered; then another process takes over
// what is left in the queues.
func (j *JobManager) run(p sched.Proc) {
	defer func() {
		if j.exited {
			j.exited = false
			j.startProcess()
		}
	}()
	for {
		j.drain()
		work, over := j.nextMail()
		switch {
		case over:
			j.finish()
			return
		case work == nil:
			p.Park()
		default:
			work()
			p.Yield()
		}
	}
}

// nextMail takes the first piece of mail. When the job has ended and nothing is left, it closes the mailbox.
func (j *JobManager) nextMail() (work func(), over bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.mu.mail) == 0 {
		j.mu.over = j.ended
		return nil, j.ended
	}
	work = j.mu.mail[0]
	j.mu.mail[0] = nil
	j.mu.mail = j.mu.mail[1:]
	return work, false
}

// finish tells the world. Nothing of the job runs any more.
func (j *JobManager) finish() {
	if j.cfg.OnDone != nil {
		j.cfg.OnDone(j.State(), j.Err())
	}
	close(j.done)
}

// post has work done on the process, and reports whether it will be: not when the job is over.
func (j *JobManager) post(work func()) bool {
	j.mu.Lock()
	if j.mu.over {
		j.mu.Unlock()
		return false
	}
	j.mu.mail = append(j.mu.mail, work)
	waker := j.mu.waker
	j.mu.Unlock()
	waker.Wake()
	return true
}

// handle gives the machine an event. Only on the process.
func (j *JobManager) handle(e Event) { j.events = append(j.events, e) }

// drain carries out effects and steps the machine until there is nothing left but mail. Each effect leaves its queue before it is carried
// out, since it may not return.
func (j *JobManager) drain() {
	for {
		switch {
		case len(j.effects) > 0:
			e := j.effects[0]
			j.effects = j.effects[1:]
			j.apply(e)
		case len(j.events) > 0:
			e := j.events[0]
			j.events = j.events[1:]
			j.effects = j.step(e)
		default:
			j.setTimer()
			return
		}
	}
}

func (j *JobManager) step(e Event) []Effect {
	j.mu.Lock()
	defer j.mu.Unlock()
	effects := j.mu.machine.StepAt(j.cfg.Scheduler.Nanos(), e)
	if invariants.Enabled {
		err := j.mu.machine.Check()
		invariants.Check(err == nil, "behind %v: %v", e, err)
	}
	return effects
}

func (j *JobManager) apply(e Effect) {
	switch e := e.(type) {
	case Send:
		j.cfg.Send(e.TaskManager, e.Message)
	case JobChanged:
		j.log.Debug("job state", "from", e.From.String(), "to", e.To.String())
		j.cfg.Scheduler.Trace("job "+e.To.String(), int64(e.From), int64(e.To))
	case StartEnumerator:
		j.startEnumerator(e.Vertex, e.Restored)
	case CloseEnumerator:
		j.enumerators[e.Vertex].close()
	case AddReader:
		j.enumerators[e.Vertex].call("AddReader", func(h *enumeratorHost) error { return h.enumerator.AddReader(e.Subtask) })
	case RequestSplit:
		j.enumerators[e.Vertex].call("HandleSplitRequest", func(h *enumeratorHost) error { return h.enumerator.HandleSplitRequest(e.Subtask) })
	case DeliverSourceEvent:
		j.enumerators[e.Vertex].call("HandleSourceEvent", func(h *enumeratorHost) error {
			return h.enumerator.HandleSourceEvent(e.Subtask, e.Event)
		})
	case SnapshotEnumerators:
		j.snapshotEnumerators(e.ID)
	case StoreManifest:
		j.storeManifest(e)
	case DeleteFiles:
		j.deleteFiles(e)
	case CheckpointCompleted:
		j.checkpointCompleted(e)
	case CheckpointFailed:
		j.checkpointFailed(e)
	case CheckpointAnswered:
		j.answerCheckpoint(e)
	case RestartScheduled:
		if e.Tasks > 0 {
			j.log.Warn("a part of the job failed and begins anew; the rest goes on", "tasks", e.Tasks, "in", time.Duration(e.Delay).String(), "strategy", e.Strategy, "error", e.Err)
			return
		}
		j.log.Warn("the job failed and begins anew", "in", time.Duration(e.Delay).String(), "strategy", e.Strategy, "error", e.Err)
	case BarrierCompleted:
		j.answer(e.Checkpoint, nil)
	case BarrierAborted:
		j.answer(e.Checkpoint, e.Err)
	case Ignored:
		j.log.Debug("ignored", "event", fmt.Sprint(e.Event), "why", e.Why)
	case JobEnded:
		if e.Err != nil && e.State == dataflow.JobFailed {
			j.log.Debug("job failed", "error", e.Err, "stack", fault.StackOf(e.Err))
		}
		j.ended = true
	}
}

func (j *JobManager) answer(id base.CheckpointID, err error) {
	done := j.barriers[id]
	delete(j.barriers, id)
	if done != nil {
		done(int64(id), err)
	}
}

// Deliver takes a message of a task manager. The message is the job manager's. Messages of one task manager are delivered in the order in
// which it sent them. from is the name under which Send reaches the task manager.
func (j *JobManager) Deliver(m *wire.ToJobManager, from string) {
	accepted := j.post(func() {
		e, err := eventOf(j.cfg.Job, m, from)
		if err != nil {
			j.log.Warn("message refused", "from", from, "error", err)
			return
		}
		j.handle(e)
	})
	if accepted || m.GetRegister() == nil {
		return
	}
	for _, e := range j.step(TaskManagerRegistered{ID: from, Slots: int(m.GetRegister().GetSlots())}) {
		if send, ok := e.(Send); ok {
			j.cfg.Send(send.TaskManager, send.Message)
		}
	}
}

// eventOf translates a message.
func eventOf(job base.JobID, m *wire.ToJobManager, from string) (Event, error) {
	attempt := func(a *wire.Attempt) (base.AttemptID, error) {
		if a.JobID() != job {
			return base.AttemptID{}, fault.New(fault.InternalInvariant, "a message of job %q reached job %q", a.JobID(), job)
		}
		return a.ID(), nil
	}
	switch {
	case m.GetRegister() != nil:
		return TaskManagerRegistered{ID: from, Slots: int(m.GetRegister().GetSlots())}, nil
	case m.GetTaskState() != nil:
		s := m.GetTaskState()
		var state dataflow.TaskState
		if err := state.UnmarshalText([]byte(s.GetState())); err != nil {
			return nil, err
		}
		id, err := attempt(s.GetAttempt())
		return TaskChanged{Attempt: id, State: state, Err: s.GetFailure().Err(), Accumulators: s.GetAccumulators(), Answered: s.GetCheckpoint()}, err
	case m.GetSplitRequest() != nil:
		id, err := attempt(m.GetSplitRequest().GetAttempt())
		return SplitRequested{id}, err
	case m.GetReportWatermark() != nil:
		w := m.GetReportWatermark()
		id, err := attempt(w.GetAttempt())
		return WatermarkReported{id, w.GetGroup(), w.GetMaxDrift(), w.GetWatermark()}, err
	case m.GetReaderEvent() != nil:
		id, err := attempt(m.GetReaderEvent().GetAttempt())
		return ReaderSent{id, m.GetReaderEvent().GetEvent()}, err
	case m.GetBarrierAck() != nil:
		id, err := attempt(m.GetBarrierAck().GetAttempt())
		return BarrierAcked{id, base.CheckpointID(m.GetBarrierAck().GetCheckpoint()), m.GetBarrierAck().GetState()}, err
	case m.GetBarrierDecline() != nil:
		d := m.GetBarrierDecline()
		id, err := attempt(d.GetAttempt())
		return BarrierDeclined{id, base.CheckpointID(d.GetCheckpoint()), d.GetFailure().Err()}, err
	case m.GetReadyToCommit() != nil:
		id, err := attempt(m.GetReadyToCommit().GetAttempt())
		return ReadyToCommit{id}, err
	case m.GetReaderStarted() != nil:
		id, err := attempt(m.GetReaderStarted().GetAttempt())
		return ReaderStarted{id}, err
	default:
		return nil, fault.New(fault.InternalInvariant, "unknown message %T", m.GetMessage())
	}
}

// TaskManagerLost tells that a task manager is gone for good: its tasks have failed. cause may be nil.
func (j *JobManager) TaskManagerLost(id string, cause error) {
	j.post(func() { j.handle(TaskManagerLost{id, cause}) })
}

// Cancel asks to end the job. It does nothing if the job is already ending.
func (j *JobManager) Cancel() {
	j.post(func() { j.handle(CancelRequested{}) })
}

// TriggerBarrier lets a barrier into the streams of all sources. done, unless nil, is called once, on the job manager's process: with nil when every
// task has passed it on, and with an error if that will not happen. It must not block. If the job is over, done is called before
// TriggerBarrier returns, with id 0.
func (j *JobManager) TriggerBarrier(unaligned bool, done func(id int64, err error)) {
	if j.cfg.Recovery.Checkpoints != nil {
		j.Checkpoint(coordinator.Checkpoint, "", false, done)
		return
	}
	accepted := j.post(func() {
		j.mu.Lock()
		j.mu.lastBarrier++
		id := j.mu.lastBarrier
		j.mu.Unlock()
		j.barriers[id] = done
		j.handle(BarrierRequested{id, unaligned})
	})
	if !accepted && done != nil {
		done(0, fault.New(fault.JobNotRunning, "the job is %v", j.State()))
	}
}

// State returns the state of the job.
func (j *JobManager) State() dataflow.JobState {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.machine.State()
}

// Restarts is how often the job, or a region of it, was begun anew.
func (j *JobManager) Restarts() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.machine.Restarts()
}

// CheckpointStats counts the checkpoints and savepoints of a job since it was submitted.
type CheckpointStats struct {
	Completed, Failed int
	// Last is the number of the latest complete one, 0 if there is none. Bytes is what it wrote, Took how long it was under way, and At when it was complete.
	Last  int64
	Bytes int64
	Took  time.Duration
	At    time.Time
	// Recent are how long the latest complete ones were under way, up to 1,024 of them, the latest last. The slice is the caller's.
	Recent []time.Duration
}

// recentCheckpoints is how many durations are kept.
const recentCheckpoints = 1024

// CheckpointStats returns what has become of checkpoints so far.
func (j *JobManager) CheckpointStats() CheckpointStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := j.mu.checkpoints
	c.Recent = slices.Clone(c.Recent)
	return c
}

// History returns the failures of the job, the latest first. The slices are the caller's.
func (j *JobManager) History() []Exception {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.mu.machine.History()
	now, nanos := j.cfg.Scheduler.Now(), j.cfg.Scheduler.Nanos()
	date := func(x *Exception) { x.Time = now.Add(time.Duration(x.At - nanos)) }
	for i := range all {
		date(&all[i])
		for k := range all[i].Concurrent {
			date(&all[i].Concurrent[k])
		}
	}
	return all
}

// Tasks returns the tasks in the order of vertices and subtasks. The slice is the caller's.
func (j *JobManager) Tasks() []TaskStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.machine.Tasks()
}

// Accumulators returns the accumulators of the tasks that have ended, merged by name. The values are the caller's.
func (j *JobManager) Accumulators() map[string]*wire.Accumulator {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.machine.Accumulators()
}

// Done is closed when the job is over and all of it has ended: the last thing that the process does.
func (j *JobManager) Done() <-chan struct{} { return j.done }

// Err returns nil while the job goes on and when it has finished, a *Failure when it failed, whose cause names operator, subtask and
// stack where known, and an error of code fault.JobCanceled when it was canceled.
func (j *JobManager) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err, _ := j.mu.machine.Result()
	return err
}
