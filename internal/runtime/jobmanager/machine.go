package jobmanager

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/runtime/restart"
	"github.com/weirstream/weir/internal/temporal"
	"github.com/weirstream/weir/internal/wire"
)

// Machine is the state of one job. It is a pure state machine: what it does follows from the events it was given. It is not safe for
// concurrent use.
type Machine struct {
	job       base.JobID
	plan      *dataflow.Plan
	graphHash string

	state           dataflow.JobState
	cancelRequested bool
	failure         *Failure // non-nil since the first failure that counted
	result          error    // set with a terminal state

	managers    map[string]int // slots of registered task managers
	tasks       [][]*task      // by vertex and subtask
	enumerators []enumeratorState
	regions     []*region
	regionOf    []int    // by vertex
	owner       []string // by slot: its task manager, since the job was deployed

	// Counted so that a step costs nothing per task of the job.
	live    int // tasks not terminal
	writing int // tasks neither finished nor ready to commit

	barrier        base.CheckpointID // under way, or 0
	owing          int               // tasks that the barrier waits for
	lastCheckpoint base.CheckpointID // highest requested
	queued         []BarrierRequested

	accumulators []map[string]*wire.Accumulator // by region
	alignment    temporal.Alignment[subtaskID]

	now       int64 // of the step, in nanoseconds
	recovery  Recovery
	ck        checkpoints
	strategy  *restart.Strategy // nil: a failure is the end
	restartAt int64             // while RESTARTING
	restarts  int
	history   []Exception // the latest last
	forgotten int         // older than history
	suspect   suspect

	out []Effect // of the current step
}

type subtaskID = base.SubtaskID

// task is the current attempt of a subtask.
type task struct {
	id          base.AttemptID
	name        string
	state       dataflow.TaskState
	taskManager string // "" before it was deployed
	slot        int    // -1 before it was deployed

	source        bool
	readerStarted bool
	splitsEnded   bool                  // NoMoreSplits was called for it
	held          []*wire.ToTaskManager // for the reader, until it has started

	ready     bool // to commit
	committed bool // Commit was sent
	owes      bool // the barrier under way waits for it

	restoredFinished bool // it had come to its end by the checkpoint: its reader is never opened
}

// writes reports whether barriers reach the task: it runs, and its input has not ended.
func (t *task) writes() bool { return t.state == dataflow.TaskRunning && !t.ready }

// enumeratorState is how far the enumerator of a vertex has got.
type enumeratorState uint8

const (
	enumeratorNone     enumeratorState = iota // the vertex is no source
	enumeratorNew                             // not asked to start yet
	enumeratorStarting                        // StartEnumerator was sent
	enumeratorStarted                         // may be called
	enumeratorClosing                         // CloseEnumerator was sent
	enumeratorClosed                          // over, or never asked to start
)

// NewMachine returns the machine of a job that has not started. graphHash goes with each Deploy, so that a worker can refuse another
// graph. The plan is not changed while the machine is in use.
func NewMachine(job base.JobID, plan *dataflow.Plan, graphHash string) *Machine {
	m := &Machine{
		job:         job,
		plan:        plan,
		graphHash:   graphHash,
		state:       dataflow.JobInitializing,
		managers:    map[string]int{},
		enumerators: make([]enumeratorState, len(plan.Vertices)),
	}
	m.regions, m.regionOf = regionsOf(plan)
	for range m.regions {
		m.accumulators = append(m.accumulators, map[string]*wire.Accumulator{})
	}
	for v, vertex := range plan.Vertices {
		source := plan.Graph.Operators[vertex.Head()].Source
		if source {
			m.enumerators[v] = enumeratorNew
		}
		subtasks := make([]*task, vertex.Parallelism)
		for i := range subtasks {
			subtasks[i] = &task{
				id:     base.AttemptID{Subtask: base.SubtaskID{Vertex: v, Index: i}, Attempt: 1},
				name:   fmt.Sprintf("%s (%d/%d)", vertex.Name, i+1, vertex.Parallelism),
				state:  dataflow.TaskCreated,
				slot:   -1,
				source: source,
			}
		}
		m.tasks = append(m.tasks, subtasks)
		m.live += len(subtasks)
	}
	m.writing = m.live
	return m
}

// State returns the state of the job.
func (m *Machine) State() dataflow.JobState { return m.state }

// Result returns the error of a job that has ended, and whether it has.
func (m *Machine) Result() (error, bool) { return m.result, m.state.Terminal() }

// TaskStatus says where a task stands.
type TaskStatus struct {
	Attempt base.AttemptID
	// Name is that of the vertex with the subtask counted from 1, as "Source: lines -> words (1/2)".
	Name  string
	State dataflow.TaskState
	// TaskManager is "" before the task was deployed.
	TaskManager string
}

// Tasks returns the current attempts in the order of vertices and subtasks. The slice is the caller's.
func (m *Machine) Tasks() []TaskStatus {
	var all []TaskStatus
	for t := range m.eachTask {
		all = append(all, TaskStatus{Attempt: t.id, Name: t.name, State: t.state, TaskManager: t.taskManager})
	}
	return all
}

// Accumulators returns what the tasks that have ended have gathered, merged by name. The values are the caller's. Where tasks use
// one name for accumulators of different kinds, those of a later kind stand under "name (kind)".
func (m *Machine) Accumulators() map[string]*wire.Accumulator {
	all := map[string]*wire.Accumulator{}
	for _, region := range m.accumulators {
		for _, key := range slices.Sorted(maps.Keys(region)) {
			mergeInto(all, region[key])
		}
	}
	return all
}

func (m *Machine) eachTask(yield func(*task) bool) {
	for _, subtasks := range m.tasks {
		for _, t := range subtasks {
			if !yield(t) {
				return
			}
		}
	}
}

// StepAt is Step at a time of a clock in nanoseconds that never goes back: timeouts and delays go by it.
func (m *Machine) StepAt(now int64, e Event) []Effect {
	m.now = max(m.now, now)
	return m.Step(e)
}

// Step lets the machine take in an event and returns what is to be done. The effects are the caller's.
func (m *Machine) Step(e Event) []Effect {
	m.out = nil
	if m.state.Terminal() {
		m.afterEnd(e)
		return m.out
	}
	switch e := e.(type) {
	case Start:
		m.start(e)
	case TaskManagerRegistered:
		m.register(e)
	case TaskManagerLost:
		m.lose(e)
	case TaskChanged:
		m.taskChanged(e)
	case CancelRequested:
		m.cancel(e)
	case ReadyToCommit:
		m.readyToCommit(e)
	case BarrierRequested:
		m.requestBarrier(e)
	case BarrierAcked:
		if m.ck.coordinator != nil {
			m.ackCheckpoint(e)
		} else {
			m.ackBarrier(e)
		}
	case BarrierDeclined:
		m.declineCheckpoint(e)
	case Tick:
		m.coordinate(coordinator.Tick{})
		m.commit()
	case CheckpointRequested:
		m.requestCheckpoint(e)
	case EnumeratorsSnapshotted:
		m.enumeratorsSnapshotted(e)
	case ManifestStored:
		m.manifestStored(e)
	case ManifestRemoved:
		m.manifestRemoved(e)
	case ReaderStarted:
		m.readerStarted(e)
	case SplitRequested:
		if t := m.reader(e, e.Attempt); t != nil {
			m.emit(RequestSplit{t.id.Subtask.Vertex, t.id.Subtask.Index})
		}
	case WatermarkReported:
		m.align(e)
	case ReaderSent:
		if t := m.reader(e, e.Attempt); t != nil {
			m.emit(DeliverSourceEvent{t.id.Subtask.Vertex, t.id.Subtask.Index, e.Event})
		}
	case EnumeratorStarted:
		m.enumeratorStarted(e)
	case EnumeratorFailed:
		m.enumeratorFailed(e)
	case EnumeratorClosed:
		m.enumeratorClosed(e)
	case SplitsAssigned:
		m.assign(e)
	case SplitsEnded:
		m.endSplits(e)
	case EnumeratorSent:
		m.sendReaderEvent(e)
	}
	m.settle()
	return m.out
}

func (m *Machine) emit(e Effect)              { m.out = append(m.out, e) }
func (m *Machine) ignore(e Event, why string) { m.emit(Ignored{e, why}) }

// send sends a message about a task to where it runs.
func (m *Machine) send(t *task, message *wire.ToTaskManager) {
	m.emit(Send{t.taskManager, message})
}

func (m *Machine) wireID(t *task) *wire.Attempt { return wire.FromAttempt(m.job, t.id) }

// become changes the job's state. A transition that is not legal is a defect of this file: Become panics in invariant builds, elsewhere the
// state stays as it is.
func (m *Machine) become(next dataflow.JobState) {
	from := m.state
	state, err := from.Become(next)
	if err != nil {
		return
	}
	m.state = state
	m.emit(JobChanged{from, next})
}

// taskBecomes changes a task's state and keeps the counts.
func (m *Machine) taskBecomes(t *task, next dataflow.TaskState) {
	state, err := t.state.Become(next)
	if err != nil {
		return
	}
	t.state = state
	if !next.Terminal() {
		return
	}
	m.live--
	t.held = nil
	if t.source {
		m.alignment.Leave(t.id.Subtask)
	}
	if next == dataflow.TaskFinished && !t.ready {
		m.writing--
	}
}

// afterEnd answers what comes when the job is over.
func (m *Machine) afterEnd(e Event) {
	switch e := e.(type) {
	case BarrierRequested:
		m.emit(BarrierAborted{e.Checkpoint, m.notRunning()})
	case CheckpointRequested:
		m.emit(CheckpointAnswered{e.Token, 0, m.notRunning()})
	case ManifestStored:
		m.manifestStored(e)
	case ManifestRemoved:
		m.manifestRemoved(e)
	case TaskManagerRegistered:
		// It was on its way when the job ended, and would keep the job for ever.
		if _, known := m.managers[e.ID]; known {
			m.ignore(e, "already registered (J9)")
			return
		}
		m.register(e)
		m.release(e.ID)
	default:
		m.ignore(e, "the job is over")
	}
}

func (m *Machine) notRunning() error {
	return fault.New(fault.JobNotRunning, "the job is %v", m.state)
}

// start begins the job: the first enumerator is started.
func (m *Machine) start(e Start) {
	if m.state != dataflow.JobInitializing {
		m.ignore(e, "already started")
		return
	}
	m.become(dataflow.JobCreated)
	m.startNextEnumerator()
}

func (m *Machine) register(e TaskManagerRegistered) {
	if _, known := m.managers[e.ID]; known {
		m.ignore(e, "already registered (J9)")
		return
	}
	m.managers[e.ID] = max(e.Slots, 0)
}

// lose forgets a task manager. Its tasks have failed; together they are one failure.
func (m *Machine) lose(e TaskManagerLost) {
	if _, known := m.managers[e.ID]; !known {
		m.ignore(e, "not registered (J9)")
		return
	}
	delete(m.managers, e.ID)
	lost := 0
	for t := range m.eachTask {
		if t.taskManager == e.ID && !t.state.Terminal() {
			lost++
			m.taskBecomes(t, dataflow.TaskFailed)
		}
	}
	if lost == 0 {
		return
	}
	err := fault.New(fault.TaskManagerLost, "task manager %s is lost with %d tasks", e.ID, lost)
	if e.Cause != nil {
		err = fault.New(fault.TaskManagerLost, "task manager %s is lost with %d tasks: %w", e.ID, lost, e.Cause)
	}
	m.fail(e, err)
}

// task returns the task whose current attempt is id, or nil, having said so in the trace. Keeps J9.
func (m *Machine) task(e Event, id base.AttemptID) *task {
	v, i := id.Subtask.Vertex, id.Subtask.Index
	if v < 0 || v >= len(m.tasks) || i < 0 || i >= len(m.tasks[v]) {
		m.ignore(e, "no such task (J9)")
		return nil
	}
	t := m.tasks[v][i]
	switch {
	case t.id != id:
		m.ignore(e, fmt.Sprintf("the current attempt is #%d (J9)", t.id.Attempt))
		return nil
	case t.taskManager == "":
		m.ignore(e, "not deployed (J9)")
		return nil
	}
	return t
}

// running is task for events that only a task that goes on running may bring.
func (m *Machine) running(e Event, id base.AttemptID) *task {
	t := m.task(e, id)
	if t != nil && (t.state.Terminal() || t.state == dataflow.TaskCanceling) {
		m.ignore(e, fmt.Sprintf("the task is %v (J9)", t.state))
		return nil
	}
	return t
}

// reader is running for events from a reader to its enumerator.
func (m *Machine) reader(e Event, id base.AttemptID) *task {
	t := m.running(e, id)
	switch {
	case t == nil:
	case !t.source:
		m.ignore(e, "not a source (J9)")
		return nil
	case m.enumerators[id.Subtask.Vertex] != enumeratorStarted:
		m.ignore(e, "the enumerator is closed (J9)")
		return nil
	}
	return t
}

func (m *Machine) taskChanged(e TaskChanged) {
	t := m.task(e, e.Attempt)
	if t == nil {
		return
	}
	if t.state.Terminal() {
		m.ignore(e, fmt.Sprintf("the task is %v (J9)", t.state))
		return
	}
	switch e.State {
	case dataflow.TaskInitializing, dataflow.TaskRunning:
		if t.state == dataflow.TaskCanceling || t.state >= e.State {
			m.ignore(e, fmt.Sprintf("the task is %v (J9)", t.state))
			return
		}
		m.reach(t, e.State)
		return
	case dataflow.TaskFinished:
		m.merge(t, e.Accumulators)
		if t.state == dataflow.TaskCanceling {
			// The cancel crossed the end of the task: nobody waits for its result any more.
			m.taskBecomes(t, dataflow.TaskCanceled)
			return
		}
		m.reach(t, dataflow.TaskInitializing)
		m.taskBecomes(t, dataflow.TaskFinished)
		m.discharge(t)
		m.declineLost(t, e.Answered)
		m.coordinate(coordinator.TaskFinished{Task: m.taskNumber(t)})
		m.commit()
	case dataflow.TaskCanceled:
		m.merge(t, e.Accumulators)
		if t.state == dataflow.TaskCanceling {
			m.taskBecomes(t, dataflow.TaskCanceled)
			return
		}
		// Nobody asked it to stop, so the job lacks its work.
		m.taskBecomes(t, dataflow.TaskFailed)
		m.fail(e, fault.New(fault.TaskManagerLost, "task manager %s stopped task %s", t.taskManager, t.name))
	case dataflow.TaskFailed:
		m.merge(t, e.Accumulators)
		m.taskBecomes(t, dataflow.TaskFailed)
		err := e.Err
		if err == nil {
			err = fault.New(fault.InternalInvariant, "task %s failed and did not say why", t.name)
		}
		m.fail(e, err)
	default:
		m.ignore(e, "not a state that a task manager reports")
	}
}

// reach brings a task to INITIALIZING or RUNNING through what lies between, as a task manager that skips a report would have it.
func (m *Machine) reach(t *task, state dataflow.TaskState) {
	for _, next := range []dataflow.TaskState{dataflow.TaskInitializing, dataflow.TaskRunning} {
		if t.state < next && next <= state {
			m.taskBecomes(t, next)
		}
	}
}

func (m *Machine) merge(t *task, accumulators []*wire.Accumulator) {
	for _, a := range accumulators {
		mergeInto(m.accumulators[m.regionOf[t.id.Subtask.Vertex]], a)
	}
}

func mergeInto(all map[string]*wire.Accumulator, a *wire.Accumulator) {
	key := a.GetName()
	if known := all[key]; known != nil && known.GetKind() != a.GetKind() {
		key = fmt.Sprintf("%s (%s)", a.GetName(), a.GetKind())
	}
	if known := all[key]; known != nil {
		known.Merge(a)
	} else {
		all[key] = a.Clone()
	}
}

func (m *Machine) cancel(e CancelRequested) {
	switch m.state {
	case dataflow.JobInitializing, dataflow.JobCreated, dataflow.JobRunning, dataflow.JobRestarting:
		m.cancelRequested = true
		m.answerStop(fault.New(fault.JobCanceled, "job %s was canceled", m.job))
		m.become(dataflow.JobCancelling)
		m.takeDown()
	default:
		m.ignore(e, fmt.Sprintf("the job is %v", m.state))
	}
}

// fail takes in a failure. The first one fails the job, or its region, unless it is being canceled; the others are kept beside it. Keeps J2.
func (m *Machine) fail(e Event, err error) {
	switch m.state {
	case dataflow.JobCreated, dataflow.JobRunning:
		r := m.regionOfFailure(e)
		if r != nil && r.down && !r.starting {
			m.rememberBeside(e, err)
			return
		}
		if !m.alone(r) {
			r = nil
		}
		m.answerStop(err)
		m.remember(e, err)
		named := m.suspected(err)
		if m.tryRestart(err, named, r) {
			return
		}
		m.failure = &Failure{Cause: named, Before: slices.Clone(m.history[:len(m.history)-1]), Forgotten: m.forgotten}
		m.become(dataflow.JobFailing)
		m.takeDown()
	case dataflow.JobFailing:
		m.failure.add(err)
		m.rememberBeside(e, err)
	case dataflow.JobRestarting:
		m.rememberBeside(e, err)
	default:
		m.ignore(e, fmt.Sprintf("a failure changes nothing: the job is %v", m.state))
	}
}

// takeDown ends everything that goes on. Keeps J5.
func (m *Machine) takeDown() {
	m.abortBarriers(m.notRunning())
	m.stopCheckpoints(m.notRunning())
	m.closeEnumerators()
	for _, r := range m.regions {
		r.down, r.starting = false, false
	}
	for t := range m.eachTask {
		m.cancelTask(t)
	}
}

// settle does what has become possible: deploy the job, close it down, end it.
func (m *Machine) settle() {
	switch m.state {
	case dataflow.JobCreated:
		if m.enumeratorsStarted(m.allVertices()) && m.slots() >= m.plan.Slots { // keeps J3
			m.deploy()
		}
	case dataflow.JobRunning:
		for _, r := range m.regions {
			if r.down {
				m.advanceRegion(r)
			}
		}
		switch {
		case m.state != dataflow.JobRunning: // a region could not begin anew
			m.settle()
			return
		case m.regionsDown():
			return
		case m.live > 0:
			m.startCheckpoints()
			return
		}
		m.stopCheckpoints(nil)
		m.closeEnumerators()
		if m.allClosed() && m.ck.storing == 0 {
			m.discardAll()
			m.answerStop(nil)
			m.end(dataflow.JobFinished, nil)
		}
	case dataflow.JobRestarting:
		if m.live == 0 && m.allClosed() && m.now >= m.restartAt && m.mayRestore() {
			m.restart()
		}
	case dataflow.JobFailing:
		if m.live == 0 && m.allClosed() && m.ck.storing == 0 {
			m.end(dataflow.JobFailed, m.failure)
		}
	case dataflow.JobCancelling:
		if m.live == 0 && m.allClosed() && m.ck.storing == 0 {
			m.discardAll()
			m.end(dataflow.JobCanceled, fault.New(fault.JobCanceled, "job %s was canceled", m.job))
		}
	}
}

// end is the last step. Keeps J1.
func (m *Machine) end(state dataflow.JobState, result error) {
	m.abortBarriers(m.notRunning())
	m.become(state)
	m.result = result
	for _, id := range m.managerIDs() {
		m.release(id)
	}
	m.emit(JobEnded{state, result})
}

func (m *Machine) release(taskManager string) {
	m.emit(Send{taskManager, &wire.ToTaskManager{Message: &wire.ToTaskManager_Release_{
		Release: &wire.ToTaskManager_Release{Job: string(m.job)}}}})
}

func (m *Machine) managerIDs() []string { return slices.Sorted(maps.Keys(m.managers)) }

func (m *Machine) slots() int {
	n := 0
	for _, slots := range m.managers {
		n += slots
	}
	return n
}

// deploy places every task and sends it to its task manager, producers first. Slots are filled one task manager after another in
// the order of their names, so that the placement depends on who has registered and not on when. Keeps J4.
func (m *Machine) deploy() {
	m.owner = nil
	for _, id := range m.managerIDs() {
		for range m.managers[id] {
			m.owner = append(m.owner, id)
		}
	}
	m.become(dataflow.JobRunning)
	m.deployTasks(m.eachTask)
}

// deployTasks sends tasks to where their slots are.
func (m *Machine) deployTasks(tasks func(yield func(*task) bool)) {
	for t := range tasks {
		m.taskBecomes(t, dataflow.TaskScheduled)
		t.slot = m.slotOf(t)
		t.taskManager = m.owner[t.slot]
	}
	for t := range tasks {
		state, finished, err := m.taskRestore(t)
		if err != nil {
			m.fail(Start{}, err)
			return
		}
		t.restoredFinished = finished
		m.taskBecomes(t, dataflow.TaskDeploying)
		m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_Deploy_{
			Deploy: &wire.ToTaskManager_Deploy{Attempt: m.wireID(t), GraphHash: m.graphHash, Restore: state}}})
	}
}

func (m *Machine) registered(taskManager string) bool {
	_, known := m.managers[taskManager]
	return known
}

// slotOf returns the slot of a task.
func (m *Machine) slotOf(t *task) int {
	return m.groupSlots()[m.plan.Vertices[t.id.Subtask.Vertex].SlotSharingGroup] + t.id.Subtask.Index
}

// groupSlots returns the first slot of each slot sharing group; groups follow one another in the order of their first vertices.
func (m *Machine) groupSlots() map[string]int {
	width := map[string]int{}
	for _, v := range m.plan.Vertices {
		width[v.SlotSharingGroup] = max(width[v.SlotSharingGroup], v.Parallelism)
	}
	first := make(map[string]int, len(width))
	next := 0
	for _, v := range m.plan.Vertices {
		if _, placed := first[v.SlotSharingGroup]; !placed {
			first[v.SlotSharingGroup] = next
			next += width[v.SlotSharingGroup]
		}
	}
	return first
}

func (m *Machine) readyToCommit(e ReadyToCommit) {
	t := m.running(e, e.Attempt)
	if t == nil {
		return
	}
	if t.ready {
		m.ignore(e, "already ready (J9)")
		return
	}
	m.reach(t, dataflow.TaskRunning)
	t.ready = true
	m.writing--
	m.discharge(t)
	m.joinPending(t)
	m.commit()
}

// commit sends Commit to the tasks that wait for it once no task of the job can write any more. Keeps J6.
func (m *Machine) commit() {
	if m.state != dataflow.JobRunning || m.writing > 0 {
		return
	}
	if m.ck.coordinator != nil {
		m.finalCheckpoint()
		return
	}
	for t := range m.eachTask {
		if t.ready && !t.committed && t.state == dataflow.TaskRunning {
			t.committed = true
			m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_Commit_{
				Commit: &wire.ToTaskManager_Commit{Attempt: m.wireID(t)}}})
		}
	}
}
