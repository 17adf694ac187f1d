package jobmanager

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/runtime/restart"
	"github.com/weirstream/weir/internal/wire"
)

// simSeeds is how many worlds TestSimulation tries.
const simSeeds = 3000

// TestSimulation runs the machine in a world of task managers whose links keep order, delay at will, and deliver again what may come
// twice. The world is drawn from a seed, as are failures, cancels, losses of task managers and barriers. Checked are the machine's own invariants behind
// every step, and what only the world can see: that every job ends, with the right result, that nothing is sent behind Release,
// that no sink is told to commit before all writers have finished, that splits arrive in order, and that each barrier is answered once.
func TestSimulation(t *testing.T) {
	ends := map[dataflow.JobState]int{}
	completed, regions := 0, 0
	for seed := range uint64(simSeeds) {
		w := newWorld(t, seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.trace, "\n"))
		}
		ends[w.m.State()]++
		completed += w.completed
		regions += w.regions
	}
	if regions < simSeeds/20 {
		t.Errorf("%d regions began anew in %d jobs", regions, simSeeds)
	}
	// A simulation that always takes the same way out shows nothing.
	for _, s := range []dataflow.JobState{dataflow.JobFinished, dataflow.JobFailed, dataflow.JobCanceled} {
		if ends[s] < simSeeds/20 {
			t.Errorf("%d of %d jobs ended %v", ends[s], simSeeds, s)
		}
	}
	if completed < simSeeds/20 {
		t.Errorf("%d barriers were completed in %d jobs", completed, simSeeds)
	}
}

// world is all that a machine sees of the outside.
type world struct {
	rng       *rand.Rand
	plan      *dataflow.Plan
	m         *Machine
	managers  []*simManager
	trace     []string
	internal  []Event // answers of enumerators, in order
	enums     map[int]string
	assigned  map[base.SubtaskID]int
	exhausted map[base.SubtaskID]bool // NoMoreSplits was called
	next      base.CheckpointID
	barriers  map[base.CheckpointID]map[base.SubtaskID]bool // asked for: who wrote then
	acked     map[base.CheckpointID]map[base.SubtaskID]bool
	completed int
	canceled  bool
	failed    bool // something went wrong before the job was over
	ended     *JobEnded
	faults    bool
	restarts  bool // the job may begin anew
	regions   int  // restarts of regions
}

// simManager is a task manager: a link in each direction, and tasks.
type simManager struct {
	id       string
	slots    int
	lost     bool
	released bool
	in       []*wire.ToTaskManager
	out      []Event
	sent     []Event // what may be delivered again
	tasks    map[base.SubtaskID]*simTask
}

type simTask struct {
	id        base.AttemptID
	state     dataflow.TaskState
	source    bool
	committer bool
	reader    bool
	ended     bool // NoMoreSplits came
	splits    int
	ready     bool
	commit    bool
}

func newWorld(t *testing.T, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	stages := []stage{{name: "src", parallelism: 1 + rng.IntN(3), source: true}}
	for i := range rng.IntN(3) {
		stages = append(stages, stage{name: fmt.Sprintf("mid%d", i), parallelism: 1 + rng.IntN(3), group: []string{"", "g"}[rng.IntN(2)]})
	}
	stages = append(stages, stage{name: "out", parallelism: 1 + rng.IntN(3)})
	if rng.IntN(3) > 0 {
		stages = append(stages, stage{name: "src2", parallelism: 1, source: true}, stage{name: "out2", parallelism: 2})
	}
	w := &world{
		rng: rng, plan: planOf(t, stages...), enums: map[int]string{}, assigned: map[base.SubtaskID]int{}, exhausted: map[base.SubtaskID]bool{},
		barriers: map[base.CheckpointID]map[base.SubtaskID]bool{}, acked: map[base.CheckpointID]map[base.SubtaskID]bool{},
		faults: seed%3 != 0,
	}
	w.m = NewMachine("job", w.plan, "hash")
	if w.restarts = seed%2 == 0; w.restarts {
		w.m.Recover(Recovery{Restart: restart.Config{Kind: restart.FixedDelay, Attempts: rng.IntN(5)}})
	}
	for left := w.plan.Slots; left > 0; {
		n := 1 + rng.IntN(left)
		m := &simManager{id: fmt.Sprintf("tm-%d", len(w.managers)), slots: n, tasks: map[base.SubtaskID]*simTask{}}
		m.out = []Event{TaskManagerRegistered{m.id, n}}
		w.managers = append(w.managers, m)
		left -= n
	}
	return w
}

func (w *world) manager(id string) *simManager {
	for _, m := range w.managers {
		if m.id == id {
			return m
		}
	}
	return nil
}

// run takes random steps until nothing can happen any more.
func (w *world) run() error {
	if err := w.step(Start{}); err != nil {
		return err
	}
	for range 100000 {
		acted, err := w.act()
		if err != nil {
			return err
		}
		if !acted {
			return w.judge()
		}
	}
	return errors.New("the world does not come to rest")
}

// act does one of the things that can happen now, and reports whether there was one.
func (w *world) act() (bool, error) {
	var can []func() error
	if len(w.internal) > 0 {
		can = append(can, func() error {
			e := w.internal[0]
			w.internal = w.internal[1:]
			return w.step(e)
		})
	}
	for _, m := range w.managers {
		if m.lost {
			continue
		}
		if len(m.out) > 0 {
			can = append(can, func() error {
				e := m.out[0]
				m.out = m.out[1:]
				m.sent = append(m.sent, e)
				return w.step(e)
			})
		}
		if len(m.in) > 0 {
			can = append(can, func() error { return w.receive(m) })
		}
		for _, id := range attemptsOf(w.plan) {
			if t := m.tasks[id.Subtask]; t != nil && w.canMove(m, t) {
				can = append(can, func() error { w.move(m, t); return nil })
			}
		}
	}
	if len(can) == 0 {
		return false, nil
	}
	if w.faults && w.ended == nil {
		switch w.rng.IntN(150) {
		case 0:
			w.canceled = true
			return true, w.step(CancelRequested{})
		case 1:
			if m := w.managers[w.rng.IntN(len(w.managers))]; len(w.managers) > 1 && w.m.State() != dataflow.JobCreated && !m.lost {
				m.lost = true
				if w.restarts { // another comes in its place
					id := fmt.Sprintf("tm-%d", len(w.managers))
					w.managers = append(w.managers, &simManager{id: id, slots: m.slots, tasks: map[base.SubtaskID]*simTask{}, out: []Event{TaskManagerRegistered{id, m.slots}}})
				}
				w.failed = true
				return true, w.step(TaskManagerLost{m.id, nil})
			}
		case 2:
			v := w.rng.IntN(len(w.plan.Vertices))
			if w.enums[v] == "started" {
				w.failed = true
				return true, w.step(EnumeratorFailed{v, errors.New("enumerator")})
			}
		}
	}
	switch {
	case w.ended == nil && w.rng.IntN(12) == 0:
		return true, w.requestBarrier()
	case w.rng.IntN(10) == 0:
		// A message comes once more, or one from an attempt that never was.
		if m := w.managers[w.rng.IntN(len(w.managers))]; len(m.sent) > 0 && !m.lost {
			return true, w.step(again(m.sent[w.rng.IntN(len(m.sent))], 1000*w.rng.IntN(2)))
		}
	}
	return true, can[w.rng.IntN(len(can))]()
}

// again returns an event as it would come from the given number of attempts later. Only what may come twice is sent twice.
func again(e Event, later int) Event {
	switch e := e.(type) {
	case TaskChanged:
		e.Attempt.Attempt += later
		return e
	case ReaderStarted:
		e.Attempt.Attempt += later
		return e
	case ReadyToCommit:
		e.Attempt.Attempt += later
		return e
	case BarrierAcked:
		e.Attempt.Attempt += later
		return e
	case SplitRequested: // each is a wish of its own; only one from another attempt is safe to make up
		e.Attempt.Attempt += 1000
		return e
	default:
		return e
	}
}

func (w *world) requestBarrier() error {
	w.next++
	writers := map[base.SubtaskID]bool{}
	for t := range w.m.eachTask {
		if t.writes() {
			writers[t.id.Subtask] = true
		}
	}
	w.barriers[w.next] = writers
	w.acked[w.next] = map[base.SubtaskID]bool{}
	return w.step(BarrierRequested{w.next, w.rng.IntN(2) == 0})
}

// canMove reports whether a task can do something by itself.
func (w *world) canMove(m *simManager, t *simTask) bool {
	switch {
	case t.state.Terminal():
		return false
	case t.state == dataflow.TaskRunning && t.source:
		return !t.reader || t.ended
	case t.state == dataflow.TaskRunning && t.ready:
		return t.commit
	case t.state == dataflow.TaskRunning:
		return w.upstreamEnded(t)
	default:
		return true
	}
}

// upstreamEnded reports whether all input of a task has ended.
func (w *world) upstreamEnded(t *simTask) bool {
	for _, in := range w.plan.Vertices[t.id.Subtask.Vertex].Inputs {
		for i := range w.plan.Vertices[in.From].Parallelism {
			up := w.find(base.SubtaskID{Vertex: in.From, Index: i})
			if up == nil || up.state != dataflow.TaskFinished || up.id.Attempt != t.id.Attempt {
				return false
			}
		}
	}
	return true
}

// find returns the latest attempt of a subtask.
func (w *world) find(id base.SubtaskID) (latest *simTask) {
	for _, m := range w.managers {
		if t := m.tasks[id]; t != nil && (latest == nil || t.id.Attempt > latest.id.Attempt) {
			latest = t
		}
	}
	return latest
}

// move lets a task do something by itself.
func (w *world) move(m *simManager, t *simTask) {
	if w.faults && w.rng.IntN(120) == 0 {
		w.failed = true
		t.state = dataflow.TaskFailed
		m.out = append(m.out, TaskChanged{Attempt: t.id, State: t.state, Err: errors.New("task")})
		return
	}
	switch {
	case t.state == dataflow.TaskDeploying:
		t.state = dataflow.TaskInitializing
	case t.state == dataflow.TaskInitializing:
		t.state = dataflow.TaskRunning
	case t.source && !t.reader:
		t.reader = true
		m.out = append(m.out, ReaderStarted{t.id}, SplitRequested{t.id})
		return
	case t.committer && !t.ready:
		t.ready = true
		m.out = append(m.out, ReadyToCommit{t.id})
		return
	default:
		t.state = dataflow.TaskFinished
	}
	m.out = append(m.out, TaskChanged{Attempt: t.id, State: t.state})
}

// receive lets a task manager take its next message.
func (w *world) receive(m *simManager) error {
	msg := m.in[0]
	m.in = m.in[1:]
	w.trace = append(w.trace, m.id+" takes "+describe(msg))
	if m.released {
		return fmt.Errorf("J1: %s got %q behind release", m.id, describe(msg))
	}
	if d := msg.GetDeploy(); d != nil {
		id := d.Attempt.ID()
		if former := w.find(id.Subtask); former != nil && (former.id.Attempt >= id.Attempt || !former.state.Terminal() && !w.onLost(former)) {
			return fmt.Errorf("%v was deployed while %v is %v", id, former.id, former.state)
		}
		op := w.plan.Graph.Operators[w.plan.Vertices[id.Subtask.Vertex].Head()]
		m.tasks[id.Subtask] = &simTask{id: id, state: dataflow.TaskDeploying, source: op.Source, committer: op.Sink && w.rng.IntN(2) == 0}
		return nil
	}
	if msg.GetRelease() != nil {
		for _, t := range m.tasks {
			if !t.state.Terminal() {
				return fmt.Errorf("J1: %s was released while %v is %v", m.id, t.id, t.state)
			}
		}
		m.released = true
		return nil
	}
	var attempt *wire.Attempt
	for _, a := range []*wire.Attempt{
		msg.GetCancel().GetAttempt(), msg.GetAssignSplits().GetAttempt(), msg.GetNoMoreSplits().GetAttempt(),
		msg.GetSourceEvent().GetAttempt(), msg.GetTriggerBarrier().GetAttempt(), msg.GetCommit().GetAttempt(),
	} {
		if a != nil {
			attempt = a
		}
	}
	t := m.tasks[attempt.ID().Subtask]
	switch {
	case t == nil || t.id.Attempt < attempt.ID().Attempt:
		return fmt.Errorf("%s got %q before deploy", m.id, describe(msg))
	case t.id != attempt.ID():
		return nil
	case t.state.Terminal():
		return nil
	case msg.GetCancel() != nil:
		t.state = dataflow.TaskCanceled
		m.out = append(m.out, TaskChanged{Attempt: t.id, State: t.state})
	case msg.GetAssignSplits() != nil:
		if !t.reader || t.ended {
			return fmt.Errorf("J8: %q reached a reader that is started=%v ended=%v", describe(msg), t.reader, t.ended)
		}
		for _, s := range msg.GetAssignSplits().Splits {
			if want := fmt.Sprint(t.splits); s.Id != want {
				return fmt.Errorf("J8: %v got split %s, want %s", t.id, s.Id, want)
			}
			t.splits++
		}
		m.out = append(m.out, SplitRequested{t.id})
	case msg.GetNoMoreSplits() != nil:
		if !t.reader || t.ended || t.splits != w.assigned[t.id.Subtask] {
			return fmt.Errorf("J8: %v got %d splits of %d before the end", t.id, t.splits, w.assigned[t.id.Subtask])
		}
		t.ended = true
	case msg.GetTriggerBarrier() != nil:
		w.flow(base.CheckpointID(msg.GetTriggerBarrier().Checkpoint))
	case msg.GetCommit() != nil:
		if !t.ready || t.commit {
			return fmt.Errorf("J6: %v was told to commit: ready=%v, already=%v", t.id, t.ready, t.commit)
		}
		t.commit = true
		for _, id := range attemptsOf(w.plan) {
			if w.m.regionOf[id.Subtask.Vertex] != w.m.regionOf[t.id.Subtask.Vertex] && w.m.Restarts() > 0 {
				continue // it may have begun anew meanwhile
			}
			if o := w.find(id.Subtask); o == nil || o.state != dataflow.TaskFinished && !o.ready && !o.state.Terminal() {
				return fmt.Errorf("J6: %v was told to commit while %v still writes", t.id, id)
			}
		}
	}
	return nil
}

// flow lets a barrier through all tasks that can pass it on: how it is aligned is not this room's matter.
func (w *world) flow(checkpoint base.CheckpointID) {
	for _, m := range w.managers {
		for _, id := range attemptsOf(w.plan) {
			t := m.tasks[id.Subtask]
			if t != nil && t.state == dataflow.TaskRunning && !t.ready && !w.acked[checkpoint][id.Subtask] {
				w.acked[checkpoint][id.Subtask] = true
				m.out = append(m.out, BarrierAcked{Attempt: t.id, Checkpoint: checkpoint})
			}
		}
	}
}

// step gives the machine an event and carries its effects out.
func (w *world) step(e Event) error {
	w.trace = append(w.trace, "> "+e.String())
	effects := w.m.Step(e)
	for _, f := range effects {
		w.trace = append(w.trace, "  "+f.String())
	}
	if err := w.m.Check(); err != nil {
		return err
	}
	for _, f := range effects {
		if err := w.apply(f); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) apply(f Effect) error {
	if w.ended != nil {
		if _, quiet := f.(Ignored); !quiet {
			_, barrier := f.(BarrierAborted)
			if send, ok := f.(Send); !barrier && (!ok || send.Message.GetRelease() == nil) {
				return fmt.Errorf("J1: %v behind the end of the job", f)
			}
		}
	}
	switch f := f.(type) {
	case Send:
		m := w.manager(f.TaskManager)
		if m == nil {
			return fmt.Errorf("a message to %q", f.TaskManager)
		}
		m.in = append(m.in, f.Message)
	case StartEnumerator:
		if s := w.enums[f.Vertex]; s != "" && (s != "closed" || !w.restarts) {
			return fmt.Errorf("enumerator %d is %s and was started", f.Vertex, s)
		}
		for i := range w.plan.Vertices[f.Vertex].Parallelism {
			id := base.SubtaskID{Vertex: f.Vertex, Index: i}
			delete(w.assigned, id)
			delete(w.exhausted, id)
		}
		// Some enumerators assign within Start.
		w.assign(f.Vertex, w.rng.IntN(w.plan.Vertices[f.Vertex].Parallelism), w.rng.IntN(3))
		if w.faults && w.rng.IntN(20) == 0 {
			w.failed = true
			w.enums[f.Vertex] = "failed"
			w.internal = append(w.internal, EnumeratorFailed{f.Vertex, errors.New("start")})
			return nil
		}
		w.enums[f.Vertex] = "started"
		w.internal = append(w.internal, EnumeratorStarted{f.Vertex})
	case CloseEnumerator:
		if s := w.enums[f.Vertex]; s == "" || s == "closed" {
			return fmt.Errorf("enumerator %d is %q and was closed", f.Vertex, s)
		}
		w.enums[f.Vertex] = "closed"
		w.internal = append(w.internal, EnumeratorClosed{f.Vertex, nil})
	case RequestSplit:
		id := base.SubtaskID{Vertex: f.Vertex, Index: f.Subtask}
		if w.exhausted[id] {
			return nil // a reader that was given two pieces at once asks twice
		}
		if w.rng.IntN(4) > 0 {
			w.assign(f.Vertex, f.Subtask, 1+w.rng.IntN(2))
		} else {
			w.exhausted[id] = true
			w.internal = append(w.internal, SplitsEnded(f))
		}
	case RestartScheduled:
		if f.Tasks > 0 {
			w.regions++
		}
	case BarrierCompleted:
		for id := range w.barriers[f.Checkpoint] {
			t := w.find(id)
			if !w.acked[f.Checkpoint][id] && t.state != dataflow.TaskFinished && !t.ready {
				return fmt.Errorf("J7: barrier %d is complete without %v", f.Checkpoint, id)
			}
		}
		w.completed++
		return w.answered(f.Checkpoint)
	case BarrierAborted:
		return w.answered(f.Checkpoint)
	case JobEnded:
		w.ended = &f
	}
	return nil
}

func (w *world) answered(id base.CheckpointID) error {
	if w.barriers[id] == nil {
		return fmt.Errorf("barrier %d is answered twice", id)
	}
	delete(w.barriers, id)
	return nil
}

func (w *world) assign(vertex, subtask, n int) {
	id := base.SubtaskID{Vertex: vertex, Index: subtask}
	var splits []connector.Split
	for range n {
		splits = append(splits, connector.Split{ID: fmt.Sprint(w.assigned[id])})
		w.assigned[id]++
	}
	w.internal = append(w.internal, SplitsAssigned{vertex, subtask, splits})
}

// judge looks at a world that has come to rest.
func (w *world) judge() error {
	if w.ended == nil {
		return fmt.Errorf("J1: nothing can happen any more, and the job is %v", w.m.State())
	}
	if len(w.barriers) > 0 {
		return fmt.Errorf("J7: barriers %v were not answered", w.barriers)
	}
	for _, m := range w.managers {
		if !m.lost && !m.released {
			return fmt.Errorf("J1: %s was not released", m.id)
		}
	}
	switch w.ended.State {
	case dataflow.JobFinished:
		for _, id := range attemptsOf(w.plan) {
			if t := w.find(id.Subtask); t == nil || t.state != dataflow.TaskFinished {
				return fmt.Errorf("J2: the job is FINISHED, %v is not", id)
			}
		}
		if w.ended.Err != nil {
			return fmt.Errorf("J2: FINISHED with %v", w.ended.Err)
		}
	case dataflow.JobFailed:
		if _, ok := errors.AsType[*Failure](w.ended.Err); !ok {
			return fmt.Errorf("J2: FAILED without a failure: %v", w.ended.Err)
		}
	case dataflow.JobCanceled:
		if !w.canceled || fault.CodeOf(w.ended.Err) != fault.JobCanceled {
			return fmt.Errorf("J2: CANCELED, asked for: %v, with %v", w.canceled, w.ended.Err)
		}
	}
	if !w.canceled && !w.failed && w.ended.State != dataflow.JobFinished && !w.anyLost() {
		return fmt.Errorf("nothing went wrong, and the job is %v: %v", w.ended.State, w.ended.Err)
	}
	return nil
}

// onLost reports whether a task ran on a task manager that is lost.
func (w *world) onLost(t *simTask) bool {
	for _, m := range w.managers {
		if m.tasks[t.id.Subtask] == t {
			return m.lost
		}
	}
	return false
}

func (w *world) anyLost() bool {
	for _, m := range w.managers {
		if m.lost {
			return true
		}
	}
	return false
}
