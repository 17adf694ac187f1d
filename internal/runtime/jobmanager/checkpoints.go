package jobmanager

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/catalog"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/runtime/restart"
	"github.com/weirstream/weir/internal/wire"
)

// Recovery is how a job takes checkpoints and what it does after a failure. The zero value does neither.
type Recovery struct {
	// Checkpoints is nil where there are none.
	Checkpoints *coordinator.Config
	Restart     restart.Config
	// History is how many failures are kept; 0 stands for DefaultHistory.
	History int
	// Restore is what the job begins with; nil for a fresh start. It has been checked, see [CheckRestore].
	Restore *manifest.Manifest
	// RestoreRoot is the URL of the storage that Restore lies in, "" for that of the job.
	RestoreRoot string
	// Claimed are the files of Restore, in RestoreRoot, if the job owns them: they are removed when so many checkpoints are complete as are retained.
	Claimed []string
	// Retained are the completed checkpoints that the job's storage has, in the order of their ids. LastID is the highest id that was ever used there.
	Retained []*manifest.Manifest
	LastID   int64
	// Keep leaves the checkpoints where they are when the job has finished or was canceled.
	Keep bool
	Rand func() float64
	// JobName and Clock go into manifests; Clock is in milliseconds since the epoch.
	JobName string
	Clock   func() int64
}

// checkpoints is the machine's part in checkpoints. All of it is there only with a coordinator.
type checkpoints struct {
	coordinator *coordinator.Coordinator
	queue       []coordinator.Event
	busy        bool // the queue is being worked off
	running     bool // the coordinator was told that all tasks run
	pending     map[int64]*pendingCheckpoint
	storing     int // manifests that are being written
	voided      map[int64]*voided
	completed   map[int64]*manifest.Manifest
	// lingering are checkpoints that are not kept any more, but whose files a task may refer to still: those from keepFrom on.
	lingering  map[int64]*manifest.Manifest
	keepFrom   int64
	savepoints map[int64]bool     // that are complete: their files are the user's
	latest     *manifest.Manifest // what the job is restored from; nil for a fresh start
	// claimed are the files of what the job was restored from, which it removes when newer checkpoints have come in its place; newer counts them.
	claimed    []string
	newer      int
	finished   [][]bool // what finishedTasks has told of finishedBy
	finishedBy *manifest.Manifest
	stops      stops
	finalAsked bool
	finalAt    int64 // when the final checkpoint is asked for again, 0 for not
}

// finalToken stands for the checkpoint behind the last record, which the machine asks for itself.
const finalToken = -1

// finalPause is how long the machine waits, in nanoseconds, before it asks for a final checkpoint again that failed.
const finalPause = 1e9

// pendingCheckpoint is one under way.
type pendingCheckpoint struct {
	trigger     coordinator.Trigger
	enumerators map[int][]byte // by vertex
	acks        map[coordinator.Task]*manifest.TaskState
	files       []string
	manifest    *manifest.Manifest // since Store
	storing     bool
	aborted     bool
	foreign     bool // another job manager has written a manifest of that number: what lies there is its
}

// Recover gives the machine its recovery, before the first step.
func (m *Machine) Recover(r Recovery) {
	m.recovery = r
	if r.Restart.Kind != restart.None {
		m.strategy = restart.New(r.Restart, r.Rand)
	}
	m.ck = checkpoints{pending: map[int64]*pendingCheckpoint{}, voided: map[int64]*voided{}, completed: map[int64]*manifest.Manifest{}, lingering: map[int64]*manifest.Manifest{}, keepFrom: math.MaxInt64, savepoints: map[int64]bool{}, stops: stops{asked: map[int64]bool{}}, latest: r.Restore, claimed: r.Claimed}
	if r.Checkpoints == nil {
		return
	}
	cfg := *r.Checkpoints
	cfg.Name = func(t coordinator.Task) string { return m.taskNumbered(t).name }
	cfg.Upstream = m.upstream
	m.ck.coordinator = coordinator.New(cfg, r.LastID)
	restored := coordinator.Restored{ID: r.Restore.GetId()}
	for _, c := range r.Retained {
		m.ck.completed[c.Id] = c
		restored.Retained = append(restored.Retained, c.Id)
	}
	if r.Restore.GetKind() == coordinator.Savepoint.String() {
		restored.ID = 0
	}
	m.coordinate(restored)
}

// taskNumber numbers the tasks in the order of vertices and subtasks.
func (m *Machine) taskNumber(t *task) coordinator.Task {
	n := 0
	for _, v := range m.tasks[:t.id.Subtask.Vertex] {
		n += len(v)
	}
	return coordinator.Task(n + t.id.Subtask.Index)
}

func (m *Machine) taskNumbered(n coordinator.Task) *task {
	i := int(n)
	for _, v := range m.tasks {
		if i < len(v) {
			return v[i]
		}
		i -= len(v)
	}
	return nil
}

// upstream returns the tasks that send to a task.
func (m *Machine) upstream(n coordinator.Task) (all []coordinator.Task) {
	id := m.taskNumbered(n).id.Subtask
	for _, e := range m.plan.Vertices[id.Vertex].Inputs {
		for _, from := range m.plan.Sources(e, id.Index) {
			all = append(all, m.taskNumber(m.tasks[e.From][from]))
		}
	}
	return all
}

// coordinate gives the coordinator an event and carries out what it wants. What comes of that waits its turn.
func (m *Machine) coordinate(e coordinator.Event) {
	ck := &m.ck
	if ck.coordinator == nil {
		return
	}
	ck.queue = append(ck.queue, e)
	if ck.busy {
		return
	}
	ck.busy = true
	for len(ck.queue) > 0 {
		e := ck.queue[0]
		ck.queue = ck.queue[1:]
		for _, x := range ck.coordinator.Step(m.now, e) {
			m.carryOut(x)
		}
	}
	ck.busy = false
}

func (m *Machine) carryOut(x coordinator.Effect) {
	switch x := x.(type) {
	case coordinator.Trigger:
		m.ck.pending[x.ID] = &pendingCheckpoint{trigger: x, acks: map[coordinator.Task]*manifest.TaskState{}}
		m.emit(SnapshotEnumerators{x.ID})
	case coordinator.Store:
		m.store(x.ID)
	case coordinator.Complete:
		m.completeCheckpoint(x)
	case coordinator.Abort:
		m.abortCheckpoint(x)
	case coordinator.Discard:
		m.discard(x.ID)
	case coordinator.FailJob:
		m.fail(Tick{}, x.Err)
	case coordinator.Answer:
		m.answer(x)
	case coordinator.Ignored:
		m.emit(Ignored{CheckpointEvent{x.Event}, x.Why})
	}
}

func (m *Machine) answer(x coordinator.Answer) {
	if m.holdAnswer(x) {
		return
	}
	if x.Token != finalToken {
		m.emit(CheckpointAnswered{x.Token, x.ID, x.Err})
		return
	}
	m.ck.finalAsked = false
	if m.state == dataflow.JobRunning { // also after a success: a task may not have heard of it
		m.ck.finalAt = m.now + finalPause
	}
}

// startCheckpoints tells the coordinator, once, that all tasks run and every reader is open.
func (m *Machine) startCheckpoints() {
	if m.ck.coordinator == nil || m.ck.running {
		return
	}
	var tasks []coordinator.Task
	for t := range m.eachTask {
		switch {
		case t.state.Terminal():
		case t.state != dataflow.TaskRunning || t.source && !t.readerStarted && !t.restoredFinished:
			return
		default:
			tasks = append(tasks, m.taskNumber(t))
		}
	}
	if len(tasks) == 0 {
		return
	}
	m.ck.running = true
	m.coordinate(coordinator.Running{Tasks: tasks})
	m.commit()
}

// interruptCheckpoints gives up what is under way, until all tasks run again.
func (m *Machine) interruptCheckpoints(reason error) {
	if m.ck.coordinator == nil {
		return
	}
	m.ck.running = false
	m.coordinate(coordinator.Stopped{Reason: reason})
	m.ck.finalAsked, m.ck.finalAt = false, 0
}

// stopCheckpoints is interruptCheckpoints where no task goes on.
func (m *Machine) stopCheckpoints(reason error) {
	if m.ck.coordinator == nil {
		return
	}
	m.interruptCheckpoints(reason)
	m.ck.keepFrom = math.MaxInt64 // the tasks of the next attempt write everything first
	m.dropLingering()
}

// finalCheckpoint asks for the checkpoint behind the last record: what sinks have prepared is committed when it is complete, so that a job that is restored behind that point does not do it again.
func (m *Machine) finalCheckpoint() {
	if !m.ck.running || m.ck.stops.complete || m.ck.finalAsked || m.ck.finalAt > m.now {
		return
	}
	for t := range m.eachTask {
		if t.ready && t.state == dataflow.TaskRunning {
			m.ck.finalAsked, m.ck.finalAt = true, 0
			m.coordinate(coordinator.Requested{Token: finalToken, Kind: coordinator.Checkpoint})
			return
		}
	}
}

func (m *Machine) requestCheckpoint(e CheckpointRequested) {
	switch {
	case m.ck.coordinator == nil:
		m.emit(CheckpointAnswered{e.Token, 0, fault.New(fault.OptionInvalid, "the job has no storage for checkpoints: set Checkpoints.Dir in its options")})
	case m.state != dataflow.JobRunning:
		m.emit(CheckpointAnswered{e.Token, 0, m.notRunning()})
	default:
		if e.Kind == coordinator.StopWithSavepoint {
			m.ck.stops.asked[e.Token] = true
		}
		m.coordinate(coordinator.Requested{Token: e.Token, Kind: e.Kind, Target: e.Target, Drain: e.Drain})
	}
}

// enumeratorsSnapshotted goes on with a checkpoint once the enumerators' state is there: what they assign from now on reaches the readers behind the barrier.
func (m *Machine) enumeratorsSnapshotted(e EnumeratorsSnapshotted) {
	p := m.ck.pending[e.ID]
	if p == nil || p.aborted {
		m.ignore(e, "the checkpoint is not under way")
		return
	}
	if e.Err != nil {
		for t := range m.eachTask {
			if !t.state.Terminal() {
				m.coordinate(coordinator.Declined{ID: e.ID, Task: m.taskNumber(t), Err: e.Err})
				return
			}
		}
	}
	p.enumerators = e.States
	for t := range m.eachTask {
		if t.state == dataflow.TaskRunning && (t.source || t.ready) {
			m.triggerTask(t, p)
		}
	}
}

func (m *Machine) triggerTask(t *task, p *pendingCheckpoint) {
	m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_TriggerBarrier_{
		TriggerBarrier: &wire.ToTaskManager_TriggerBarrier{Attempt: m.wireID(t), Checkpoint: p.trigger.ID, Unaligned: p.trigger.Unaligned, AlignedTimeout: p.trigger.AlignedTimeout, Target: p.trigger.Target, Stop: stopMode(p.trigger)}}})
}

// joinPending has a task that has just become ready to commit take part in the checkpoints under way: no barrier reaches it any more.
func (m *Machine) joinPending(t *task) {
	for _, id := range slices.Sorted(maps.Keys(m.ck.pending)) {
		p := m.ck.pending[id]
		if _, acked := p.acks[m.taskNumber(t)]; !acked && p.enumerators != nil && !p.aborted {
			m.triggerTask(t, p)
		}
	}
}

func (m *Machine) ackCheckpoint(e BarrierAcked) {
	state, err := manifest.DecodeTask(e.State)
	if err != nil {
		m.ignore(e, err.Error())
		return
	}
	p := m.ck.pending[int64(e.Checkpoint)]
	t := m.running(e, e.Attempt)
	if p == nil || p.aborted || t == nil {
		used := m.usedFiles() // it may be the same acknowledgment once more
		late := slices.DeleteFunc(state.Files, func(file string) bool { return m.ck.savepoints[int64(e.Checkpoint)] || state.Root == "" && used[file] })
		if len(late) > 0 { // nobody will ever read them
			m.emit(DeleteFiles{Target: state.Root, Files: late})
		}
		if t != nil {
			m.ignore(e, "the checkpoint is not under way")
		}
		return
	}
	n := m.taskNumber(t)
	if _, known := p.acks[n]; known {
		m.ignore(e, "acknowledged before")
		return
	}
	p.acks[n] = state
	p.files = append(p.files, state.Files...)
	m.coordinate(coordinator.Acked{ID: int64(e.Checkpoint), Task: n, Bytes: state.Written})
	if defect.Is("complete-on-first-ack") {
		for t := range m.eachTask {
			m.coordinate(coordinator.Acked{ID: int64(e.Checkpoint), Task: m.taskNumber(t)})
		}
	}
}

// declineLost gives up the checkpoints that a task which has finished had answered up to one, where the answer was lost: what it sent behind their barriers is not in them, so it has not finished as far as they go.
func (m *Machine) declineLost(t *task, answered int64) {
	for _, id := range slices.Sorted(maps.Keys(m.ck.pending)) {
		p, n := m.ck.pending[id], m.taskNumber(t)
		if _, acked := p.acks[n]; id <= answered && !acked && !p.aborted {
			m.coordinate(coordinator.Declined{ID: id, Task: n, Err: fault.New(fault.CheckpointDeclined, "the acknowledgment of task %s was lost", t.name)})
		}
	}
}

func (m *Machine) declineCheckpoint(e BarrierDeclined) {
	if t := m.running(e, e.Attempt); t != nil {
		m.coordinate(coordinator.Declined{ID: int64(e.Checkpoint), Task: m.taskNumber(t), Err: e.Err})
	}
}

// store makes the manifest of what was acknowledged. A task that has not was at its end.
func (m *Machine) store(id int64) {
	p := m.ck.pending[id]
	c := &manifest.Manifest{
		Id: id, Kind: p.trigger.Kind.String(), Job: string(m.job), JobName: m.recovery.JobName, GraphHash: m.graphHash, Plans: m.plan.Graph.Plans,
	}
	if m.recovery.Clock != nil {
		c.Created = m.recovery.Clock()
	}
	for v, vertex := range m.plan.Vertices {
		for i, op := range vertex.Operators {
			o := &manifest.Operator{
				Uid: string(m.plan.UIDs[op]), Name: m.plan.Graph.Operators[op].Name, Parallelism: int32(vertex.Parallelism), MaxParallelism: int32(m.plan.Resolved[op].MaxParallelism),
			}
			if i == 0 {
				o.Enumerator, o.HasEnumerator = p.enumerators[v]
			}
			for _, t := range m.tasks[v] {
				o.Subtasks = append(o.Subtasks, m.subtaskState(t, p, i))
			}
			c.Operators = append(c.Operators, o)
		}
	}
	p.manifest, p.storing = c, true
	m.ck.storing++
	m.emit(StoreManifest{ID: id, Manifest: c, Target: p.trigger.Target, Pointer: p.trigger.Kind == coordinator.StopWithSavepoint})
}

func (m *Machine) subtaskState(t *task, p *pendingCheckpoint, operator int) *manifest.Subtask {
	if state := p.acks[m.taskNumber(t)]; state != nil && operator < len(state.Operators) && len(state.Operators[operator].Parts) > 0 {
		return state.Operators[operator].Parts[0]
	}
	return &manifest.Subtask{Index: int32(t.id.Subtask.Index), Finished: true}
}

func (m *Machine) manifestStored(e ManifestStored) {
	p := m.ck.pending[e.ID]
	if p == nil || !p.storing {
		m.ignore(e, "not waited for")
		return
	}
	p.storing = false
	p.foreign = fault.CodeOf(e.Err) == fault.StorageExists
	m.ck.storing--
	if p.aborted {
		m.forget(e.ID, p)
		return
	}
	if e.Err != nil {
		m.coordinate(coordinator.StoreFailed{ID: e.ID, Err: e.Err})
	} else {
		m.coordinate(coordinator.Stored{ID: e.ID})
	}
}

func (m *Machine) completeCheckpoint(x coordinator.Complete) {
	p := m.ck.pending[x.ID]
	delete(m.ck.pending, x.ID)
	if x.Kind == coordinator.Checkpoint {
		m.ck.completed[x.ID] = p.manifest
		m.ck.latest = p.manifest
		m.overtake(x.ID)
		m.ck.keepFrom = math.MaxInt64
		for _, state := range p.acks {
			if state.Keeps > 0 {
				m.ck.keepFrom = min(m.ck.keepFrom, state.Keeps)
			}
		}
		m.dropLingering()
		m.dropPointers(x.ID)
		m.dropClaimed()
	} else {
		m.ck.savepoints[x.ID] = true
	}
	stop := x.Kind == coordinator.StopWithSavepoint
	if stop {
		m.stopped(x.ID, p)
	}
	m.emit(CheckpointCompleted{x.ID, x.Kind, x.Bytes, x.Duration})
	if !x.Commit {
		return
	}
	for t := range m.eachTask {
		if t.state == dataflow.TaskRunning {
			m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_CheckpointComplete_{
				CheckpointComplete: &wire.ToTaskManager_CheckpointComplete{Attempt: m.wireID(t), Checkpoint: x.ID, Stop: stop}}})
		}
	}
}

func (m *Machine) abortCheckpoint(x coordinator.Abort) {
	p := m.ck.pending[x.ID]
	if p == nil {
		return
	}
	p.aborted = true
	m.emit(CheckpointFailed{x.ID, x.Err})
	m.goOn(x.ID, p)
	if !p.storing {
		m.forget(x.ID, p)
	}
}

// forget deletes what an aborted checkpoint has left.
func (m *Machine) forget(id int64, p *pendingCheckpoint) {
	delete(m.ck.pending, id)
	if p.foreign {
		return
	}
	files := slices.Clone(p.files)
	if p.manifest != nil {
		files = append([]string{manifestName(id, p.trigger.Target)}, files...)
	}
	switch {
	case len(files) == 0:
		return
	case p.manifest != nil && p.trigger.Target == "":
		m.void(id, files)
		return
	case p.manifest != nil && p.trigger.Kind == coordinator.StopWithSavepoint:
		m.void(id, []string{manifestName(id, "")}, DeleteFiles{Target: p.trigger.Target, Files: files})
		return
	}
	m.emit(DeleteFiles{Target: p.trigger.Target, Files: files})
}

// discard deletes a checkpoint that is not kept any more, but for what others refer to.
func (m *Machine) discard(id int64) {
	c := m.ck.completed[id]
	delete(m.ck.completed, id)
	if c == nil {
		return
	}
	files := []string{path.Join(catalog.Folder(id), manifest.FileName)}
	if id >= m.ck.keepFrom {
		m.ck.lingering[id] = c
		m.emit(DeleteFiles{Files: files})
		return
	}
	m.emit(DeleteFiles{Files: append(files, m.unused(c)...)})
}

// dropLingering deletes the files that no task will refer to any more.
func (m *Machine) dropLingering() {
	for _, id := range slices.Sorted(maps.Keys(m.ck.lingering)) {
		if id >= m.ck.keepFrom {
			return
		}
		c := m.ck.lingering[id]
		delete(m.ck.lingering, id)
		if files := m.unused(c); len(files) > 0 {
			m.emit(DeleteFiles{Files: files})
		}
	}
}

// dropClaimed deletes what the job was restored from, if that is its own and is not needed any more.
func (m *Machine) dropClaimed() {
	if m.ck.newer++; len(m.ck.claimed) > 0 && m.ck.newer >= max(m.recovery.Checkpoints.Retain, 1) {
		m.emit(DeleteFiles{Target: m.recovery.RestoreRoot, Files: m.ck.claimed})
		m.ck.claimed = nil
	}
}

// unused are the files of a checkpoint that no other one refers to.
func (m *Machine) unused(c *manifest.Manifest) (files []string) {
	used := m.usedFiles()
	seen := map[string]bool{}
	c.EachFile(func(file string) {
		if !used[file] && !seen[file] {
			seen[file] = true
			files = append(files, file)
		}
	})
	return files
}

// manifestName is where the manifest of a checkpoint lies in the storage of the job, or that of a savepoint in its own.
func manifestName(id int64, target string) string {
	if target != "" {
		return manifest.FileName
	}
	return path.Join(catalog.Folder(id), manifest.FileName)
}

// usedFiles are those that the checkpoints which are kept refer to.
func (m *Machine) usedFiles() map[string]bool {
	used := map[string]bool{}
	for _, all := range []map[int64]*manifest.Manifest{m.ck.completed, m.ck.lingering} {
		for _, c := range all {
			c.EachFile(func(file string) { used[file] = true })
		}
	}
	return used
}

// discardAll deletes all checkpoints of a job that needs none any more.
func (m *Machine) discardAll() {
	if m.recovery.Keep {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(m.ck.completed)) {
		m.discard(id)
	}
}

// taskRestore returns what a task begins with, nil at a fresh start, and whether it had come to its end.
func (m *Machine) taskRestore(t *task) (state []byte, finished bool, err error) {
	if m.ck.latest == nil {
		return nil, false, nil
	}
	s := &manifest.TaskState{Finished: m.finishedTasks()[t.id.Subtask.Vertex][t.id.Subtask.Index]}
	vertex := m.plan.Vertices[t.id.Subtask.Vertex]
	if s.Root = m.ck.latest.Root; s.Root == "" && m.ck.latest == m.recovery.Restore {
		s.Root = m.recovery.RestoreRoot
	}
	for _, op := range vertex.Operators {
		stored := operatorOf(m.ck.latest, string(m.plan.UIDs[op]))
		if stored == nil {
			continue
		}
		part, _ := stored.Deal(t.id.Subtask.Index, vertex.Parallelism)
		s.Operators = append(s.Operators, &manifest.TaskOperator{Uid: stored.Uid, Parts: []*manifest.Subtask{part}})
	}
	b, err := manifest.EncodeTask(s)
	return b, s.Finished, err
}

// finishedTasks returns, by vertex and subtask, which tasks had come to their end by the checkpoint that the job is restored from: all operators of the chain had, and all tasks that send to it. The latter can be others than those that
// sent to it then, where operators have another parallelism.
func (m *Machine) finishedTasks() [][]bool {
	if m.ck.finishedBy == m.ck.latest {
		return m.ck.finished
	}
	all := make([][]bool, len(m.plan.Vertices))
	for v, vertex := range m.plan.Vertices { // in topological order
		all[v] = make([]bool, vertex.Parallelism)
		for i := range all[v] {
			finished := true
			for _, op := range vertex.Operators {
				finished = finished && operatorOf(m.ck.latest, string(m.plan.UIDs[op])).Finished(i, vertex.Parallelism)
			}
			for _, e := range vertex.Inputs {
				for _, from := range m.plan.Sources(e, i) {
					finished = finished && all[e.From][from]
				}
			}
			all[v][i] = finished
		}
	}
	m.ck.finishedBy, m.ck.finished = m.ck.latest, all
	return all
}

func operatorOf(c *manifest.Manifest, uid string) *manifest.Operator {
	for _, o := range c.GetOperators() {
		if o.Uid == uid {
			return o
		}
	}
	return nil
}

// restoredEnumerator returns what an enumerator begins with, nil at a fresh start.
func (m *Machine) restoredEnumerator(vertex int) []byte {
	o := operatorOf(m.ck.latest, string(m.plan.UIDs[m.plan.Vertices[vertex].Head()]))
	if !o.GetHasEnumerator() || defect.Is("enumerator-forgotten") {
		return nil
	}
	if o.Enumerator == nil {
		return []byte{}
	}
	return o.Enumerator
}

// CheckRestore reports why a plan cannot begin with a checkpoint, or nil. name is what people call the checkpoint. With drop, state of operators that the plan does not have is left behind.
func CheckRestore(plan *dataflow.Plan, c *manifest.Manifest, name string, drop bool) error {
	known := map[string]int{}
	for op, uid := range plan.UIDs {
		known[string(uid)] = op
	}
	found := 0
	var lost []*manifest.Operator
	for _, o := range c.Operators {
		op, ok := known[o.Uid]
		if !ok {
			if !o.Empty() {
				lost = append(lost, o)
			}
			continue
		}
		found++
		if most := plan.Resolved[op].MaxParallelism; int(o.MaxParallelism) != most && !o.Empty() {
			return fault.New(fault.CheckpointParallelism, "%s: operator %q had the maximum parallelism %d, and now has %d", name, o.Name, o.MaxParallelism, most)
		}
	}
	switch {
	case found == 0 && len(c.Operators) > 0:
		return fault.New(fault.CheckpointOtherJob, "%s is of job %q, none of whose %d operators is in this program", name, c.JobName, len(c.Operators))
	case len(lost) > 0 && !drop:
		return fault.New(fault.CheckpointLeftOver, "%s has state of operator %q (uid %s), which this program does not have%s", name, lost[0].Name, lost[0].Uid, andMore(len(lost)-1))
	}
	return nil
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and of %d more", n)
}
