// Package taskmanager runs the tasks of a job in this process. It meets the job manager only over wire messages.
package taskmanager

import (
	"log/slog"
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/exchange"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/runtime/task"
	"github.com/weirstream/weir/internal/wire"
	"github.com/weirstream/weir/internal/xsync"
)

// Config is what a task manager needs. It is not changed.
type Config struct {
	Name      string
	Job       base.JobID
	Plan      *dataflow.Plan
	GraphHash string
	Scheduler sched.Scheduler
	// Send takes a message to the job manager. It is called from any process and does not block.
	Send   func(*wire.ToJobManager)
	Logger *slog.Logger
	Params map[string]string
	// ChunkRows and ChunkBytes bound a chunk, ChannelBytes is the credit of a channel.
	ChunkRows, ChunkBytes, ChannelBytes int
	// FlushTimeout bounds how long a busy task keeps a record in a pending chunk; 0 means for ever.
	FlushTimeout time.Duration
	// State says how operators keep state, Checkpoints where it is written.
	State       operator.StateConfig
	Checkpoints task.CheckpointConfig
	// Pace slows sources down: see task.Config.
	Pace func() time.Duration
}

// TaskManager is a process that starts and ends tasks as it is told. Deliver, Metrics and Failure may be called from any goroutine.
type TaskManager struct {
	cfg     Config
	flusher *task.Flusher
	bounded bool

	mu struct {
		xsync.Mutex
		waker    sched.Waker
		inbox    []*wire.ToTaskManager
		tasks    map[base.AttemptID]*task.Task
		order    []*task.Task
		gates    map[base.AttemptID]*exchange.Gate
		running  int
		released bool
		targets  map[int64]string // of savepoints
		failures map[base.AttemptID]error
		states   map[base.AttemptID]dataflow.TaskState
	}
}

// New starts a task manager and registers it with the slots the plan needs.
func New(cfg Config) *TaskManager {
	m := &TaskManager{cfg: cfg, bounded: true}
	for _, op := range cfg.Plan.Graph.Operators {
		m.bounded = m.bounded && (!op.Source || op.Bounded)
	}
	m.mu.tasks = map[base.AttemptID]*task.Task{}
	m.mu.gates = map[base.AttemptID]*exchange.Gate{}
	m.mu.targets = map[int64]string{}
	m.mu.failures = map[base.AttemptID]error{}
	m.mu.states = map[base.AttemptID]dataflow.TaskState{}
	if cfg.FlushTimeout > 0 {
		m.flusher = task.NewFlusher(cfg.Scheduler, cfg.FlushTimeout)
	}
	m.mu.Lock() // whoever answers the registration finds the waker
	defer m.mu.Unlock()
	m.mu.waker = cfg.Scheduler.Go("taskmanager "+cfg.Name, m.run)
	return m
}

// Deliver takes a message of the job manager. It does not block.
func (m *TaskManager) Deliver(message *wire.ToTaskManager) {
	m.mu.Lock()
	m.mu.inbox = append(m.mu.inbox, message)
	waker := m.mu.waker
	m.mu.Unlock()
	waker.Wake()
}

func (m *TaskManager) run(p sched.Proc) {
	m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_Register_{Register: &wire.ToJobManager_Register{
		TaskManager: m.cfg.Name, Slots: int32(m.cfg.Plan.Slots),
	}}})
	for {
		m.mu.Lock()
		inbox := m.mu.inbox
		m.mu.inbox = nil
		over := m.mu.released && m.mu.running == 0 && len(inbox) == 0
		m.mu.Unlock()
		if over {
			return
		}
		for _, message := range inbox {
			m.handle(message)
			p.Yield()
		}
		if len(inbox) == 0 {
			p.Park()
		}
	}
}

func (m *TaskManager) handle(message *wire.ToTaskManager) {
	switch x := message.Message.(type) {
	case *wire.ToTaskManager_Deploy_:
		m.deploy(x.Deploy)
	case *wire.ToTaskManager_Cancel_:
		if t := m.task(x.Cancel.Attempt); t != nil {
			t.Cancel()
		}
	case *wire.ToTaskManager_AssignSplits_:
		if t := m.task(x.AssignSplits.Attempt); t != nil {
			t.AddSplits(wire.ToSplits(x.AssignSplits.Splits))
		}
	case *wire.ToTaskManager_NoMoreSplits_:
		if t := m.task(x.NoMoreSplits.Attempt); t != nil {
			t.NoMoreSplits()
		}
	case *wire.ToTaskManager_SourceEvent_:
		if t := m.task(x.SourceEvent.Attempt); t != nil {
			t.HandleSourceEvent(x.SourceEvent.Event)
		}
	case *wire.ToTaskManager_TriggerBarrier_:
		if target := x.TriggerBarrier.Target; target != "" {
			m.mu.Lock()
			m.mu.targets[x.TriggerBarrier.Checkpoint] = target
			m.mu.Unlock()
		}
		if t := m.task(x.TriggerBarrier.Attempt); t != nil {
			t.Barrier(x.TriggerBarrier.Checkpoint, x.TriggerBarrier.Unaligned, time.Duration(x.TriggerBarrier.AlignedTimeout), operator.StopMode(x.TriggerBarrier.Stop))
		}
	case *wire.ToTaskManager_CheckpointComplete_:
		if t := m.task(x.CheckpointComplete.Attempt); t != nil {
			t.Completed(x.CheckpointComplete.Checkpoint, x.CheckpointComplete.Stop)
		}
	case *wire.ToTaskManager_CheckpointAborted_:
		if t := m.task(x.CheckpointAborted.Attempt); t != nil {
			t.Aborted(x.CheckpointAborted.Checkpoint)
		}
	case *wire.ToTaskManager_Commit_:
		if t := m.task(x.Commit.Attempt); t != nil {
			t.Commit()
		}
	case *wire.ToTaskManager_AlignWatermark_:
		if t := m.task(x.AlignWatermark.Attempt); t != nil {
			t.AlignWatermark(x.AlignWatermark.Limit)
		}
	case *wire.ToTaskManager_Release_:
		m.mu.Lock()
		m.mu.released = true
		m.mu.Unlock()
	}
}

// target returns the URL of the storage of a savepoint, "" for a checkpoint. It was told before any barrier of it was let in.
func (m *TaskManager) target(id int64) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.targets[id]
}

func (m *TaskManager) task(a *wire.Attempt) *task.Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.tasks[a.ID()]
}

func (m *TaskManager) deploy(d *wire.ToTaskManager_Deploy) {
	id := d.Attempt.ID()
	l := &listener{m: m, id: id}
	if d.GraphHash != m.cfg.GraphHash {
		l.State(dataflow.TaskFailed, fault.New(fault.JobMismatch, "the job manager's graph is %s, this worker's is %s", d.GraphHash, m.cfg.GraphHash), nil)
		return
	}
	v := m.cfg.Plan.Vertices[id.Subtask.Vertex]
	var restore *manifest.TaskState
	if d.Restore != nil {
		var err error
		if restore, err = manifest.DecodeTask(d.Restore); err != nil {
			l.State(dataflow.TaskFailed, err, nil)
			return
		}
	}
	cfg := task.Config{
		Job: m.cfg.Job, Attempt: id, Plan: m.cfg.Plan, Vertex: v, Subtask: id.Subtask.Index,
		Scheduler: m.cfg.Scheduler, Listener: l, Logger: m.cfg.Logger, Params: m.cfg.Params,
		ChunkRows: m.cfg.ChunkRows, ChunkBytes: m.cfg.ChunkBytes, Flusher: m.flusher, Bounded: m.bounded, State: m.cfg.State,
		Checkpoints: m.cfg.Checkpoints, Restore: restore, Pace: m.cfg.Pace, Target: m.target,
	}
	var t *task.Task
	cfg.Writers = func(e *dataflow.PlanEdge, targets []int) []operator.ChannelWriter {
		return m.writers(t, e, id, targets)
	}
	if len(v.Inputs) > 0 {
		m.mu.Lock()
		cfg.Gate = m.gateLocked(id)
		m.mu.Unlock()
		for i, e := range v.Inputs {
			for range m.cfg.Plan.Sources(e, id.Subtask.Index) {
				cfg.ChannelInput = append(cfg.ChannelInput, i)
			}
		}
	}
	t = task.New(cfg)
	m.mu.Lock()
	m.mu.tasks[id] = t
	m.enlistLocked(t)
	m.mu.running++
	m.mu.Unlock()
	if m.flusher != nil {
		m.flusher.Add(t)
	}
	t.Start()
}

// enlistLocked puts a task in the place of the former attempt, of which nothing is kept.
func (m *TaskManager) enlistLocked(t *task.Task) {
	id := t.Attempt()
	i := slices.IndexFunc(m.mu.order, func(o *task.Task) bool { return o.Attempt().Subtask == id.Subtask })
	if i < 0 {
		m.mu.order = append(m.mu.order, t)
		return
	}
	former := m.mu.order[i].Attempt()
	m.mu.order = slices.Clone(m.mu.order) // readers have the other
	m.mu.order[i] = t
	delete(m.mu.tasks, former)
	delete(m.mu.gates, former)
	delete(m.mu.states, former)
	delete(m.mu.failures, former)
}

// gateLocked returns the gate of a consumer, made by whoever asks first. Its channels are ordered by input edge, then by producer. The attempts of tasks that are joined have the same number.
func (m *TaskManager) gateLocked(id base.AttemptID) *exchange.Gate {
	if g := m.mu.gates[id]; g != nil {
		return g
	}
	n := 0
	for _, e := range m.cfg.Plan.Vertices[id.Subtask.Vertex].Inputs {
		n += len(m.cfg.Plan.Sources(e, id.Subtask.Index))
	}
	g := exchange.NewGate(n, m.cfg.ChannelBytes)
	m.mu.gates[id] = g
	return g
}

func (m *TaskManager) writers(t *task.Task, e *dataflow.PlanEdge, id base.AttemptID, targets []int) []operator.ChannelWriter {
	m.mu.Lock()
	defer m.mu.Unlock()
	writers := make([]operator.ChannelWriter, len(targets))
	for i, target := range targets {
		g := m.gateLocked(base.AttemptID{Subtask: base.SubtaskID{Vertex: e.To, Index: target}, Attempt: id.Attempt})
		channel := 0
		for _, in := range m.cfg.Plan.Vertices[e.To].Inputs {
			sources := m.cfg.Plan.Sources(in, target)
			if in == e {
				for _, s := range sources {
					if s == id.Subtask.Index {
						break
					}
					channel++
				}
				break
			}
			channel += len(sources)
		}
		c := g.Channel(channel)
		c.SetWriter(t)
		writers[i] = c
	}
	return writers
}

// Metrics returns what has been counted of every task so far, in the order of deployment.
func (m *TaskManager) Metrics() []task.Metrics {
	m.mu.Lock()
	tasks := m.mu.order[:len(m.mu.order):len(m.mu.order)]
	states := make([]dataflow.TaskState, len(tasks))
	for i, t := range tasks {
		states[i] = m.mu.states[t.Attempt()]
	}
	m.mu.Unlock()
	all := make([]task.Metrics, len(tasks))
	for i, t := range tasks {
		all[i] = t.Metrics()
		all[i].State = states[i]
	}
	return all
}

// Times returns where every task stands in event time, in the order of deployment; tasks that have not begun are left out.
func (m *TaskManager) Times() []task.Times {
	m.mu.Lock()
	tasks := m.mu.order[:len(m.mu.order):len(m.mu.order)]
	m.mu.Unlock()
	var all []task.Times
	for _, t := range tasks {
		if times, ok := t.Times(); ok {
			all = append(all, times)
		}
	}
	return all
}

// Inspect calls f for an operator, given by its number in the graph, in every subtask that runs here (subtask -1) or in one of them: on the task's process, between two records. It returns how
// many tasks were asked; of those that end before they get to it nothing is heard.
func (m *TaskManager) Inspect(op, subtask int, f func(*operator.Context)) (asked int) {
	m.mu.Lock()
	var tasks []*task.Task
	for _, t := range m.mu.order {
		if t.Runs(op) && (subtask < 0 || t.Subtask() == subtask) {
			tasks = append(tasks, t)
		}
	}
	m.mu.Unlock()
	for _, t := range tasks {
		t.Inspect(op, f)
	}
	return len(tasks)
}

// Failure returns the error that an attempt failed with, as the user's code returned it, or nil.
func (m *TaskManager) Failure(a base.AttemptID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.failures[a]
}

// FirstFailure returns the failure of the attempt that failed first, or nil.
func (m *TaskManager) FirstFailure(match func(error) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.mu.order {
		if err := m.mu.failures[t.Attempt()]; err != nil && match(err) {
			return err
		}
	}
	return nil
}

// listener sends what a task tells to the job manager.
type listener struct {
	m  *TaskManager
	id base.AttemptID
	// answered is the last checkpoint that the task has acknowledged or declined. It belongs to the task's process.
	answered int64
}

var _ task.Listener = (*listener)(nil)

func (l *listener) attempt() *wire.Attempt { return wire.FromAttempt(l.m.cfg.Job, l.id) }

// State implements [task.Listener].
func (l *listener) State(s dataflow.TaskState, err error, accumulators []*operator.Accumulator) {
	message := &wire.ToJobManager_TaskState{Attempt: l.attempt(), State: s.String(), Checkpoint: l.answered}
	if s == dataflow.TaskFailed {
		message.Failure = wire.FromError(err)
	}
	for _, a := range accumulators {
		message.Accumulators = append(message.Accumulators, &wire.Accumulator{
			Name: a.Name, Kind: a.Kind, Count: a.Count, Sum: a.Sum, Min: a.Min, Max: a.Max, Buckets: a.Buckets,
		})
	}
	l.m.mu.Lock()
	l.m.mu.states[l.id] = s
	if s == dataflow.TaskFailed {
		l.m.mu.failures[l.id] = err
	}
	if s.Terminal() && l.m.mu.tasks[l.id] != nil {
		l.m.mu.running--
	}
	waker := l.m.mu.waker
	l.m.mu.Unlock()
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_TaskState_{TaskState: message}})
	if s.Terminal() {
		waker.Wake()
	}
}

// ReaderStarted implements [task.Listener].
func (l *listener) ReaderStarted() {
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_ReaderStarted_{ReaderStarted: &wire.ToJobManager_ReaderStarted{Attempt: l.attempt()}}})
}

// SplitRequest implements [task.Listener].
func (l *listener) SplitRequest() {
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_SplitRequest_{SplitRequest: &wire.ToJobManager_SplitRequest{Attempt: l.attempt()}}})
}

// ReaderEvent implements [task.Listener].
func (l *listener) ReaderEvent(event []byte) {
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_ReaderEvent_{ReaderEvent: &wire.ToJobManager_ReaderEvent{Attempt: l.attempt(), Event: event}}})
}

// WatermarkReport implements [task.Listener].
func (l *listener) WatermarkReport(group string, maxDrift, watermark int64) {
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_ReportWatermark_{ReportWatermark: &wire.ToJobManager_ReportWatermark{
		Attempt: l.attempt(), Group: group, MaxDrift: maxDrift, Watermark: watermark,
	}}})
}

// BarrierAck implements [task.Listener].
func (l *listener) BarrierAck(id int64, state []byte) {
	l.answered = max(l.answered, id)
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_BarrierAck_{BarrierAck: &wire.ToJobManager_BarrierAck{Attempt: l.attempt(), Checkpoint: id, State: state}}})
}

// BarrierDecline implements [task.Listener].
func (l *listener) BarrierDecline(id int64, err error) {
	l.answered = max(l.answered, id)
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_BarrierDecline_{BarrierDecline: &wire.ToJobManager_BarrierDecline{
		Attempt: l.attempt(), Checkpoint: id, Failure: wire.FromError(err),
	}}})
}

// ReadyToCommit implements [task.Listener].
func (l *listener) ReadyToCommit() {
	l.m.cfg.Send(&wire.ToJobManager{Message: &wire.ToJobManager_ReadyToCommit_{ReadyToCommit: &wire.ToJobManager_ReadyToCommit{Attempt: l.attempt()}}})
}
