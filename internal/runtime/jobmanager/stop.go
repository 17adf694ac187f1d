package jobmanager

import (
	"maps"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/wire"
)

// stops is the machine's part in the end of a job with a savepoint. Whoever asked for it is answered when the job has ended, and not when the savepoint is complete.
type stops struct {
	asked    map[int64]bool // tokens of requests that are not answered
	complete bool           // the savepoint is, and the job comes to its end
	token    int64
	id       int64
}

// stopMode is what sources are told with the barrier of a checkpoint.
func stopMode(x coordinator.Trigger) int32 {
	switch {
	case x.Kind != coordinator.StopWithSavepoint:
		return wire.GoOn
	case x.Drain:
		return wire.Drain
	default:
		return wire.Stop
	}
}

// stopped notes that the savepoint behind which the job ends is complete. Until a later checkpoint is, the job is restored from it, since sinks commit for it: the pointer to it, which lies among the checkpoints, is the latest of them.
func (m *Machine) stopped(id int64, p *pendingCheckpoint) {
	m.ck.completed[id] = pointerTo(p.manifest, p.trigger.Target)
	m.ck.latest = m.ck.completed[id]
	m.overtake(id)
	m.ck.stops.complete, m.ck.stops.id = true, id
	m.closeEnumerators() // tasks end now, and can take no more splits
}

// pointerTo is a manifest for the storage of the job, of a savepoint in another.
func pointerTo(c *manifest.Manifest, target string) *manifest.Manifest {
	return &manifest.Manifest{
		Id: c.Id, Kind: c.Kind, Job: c.Job, JobName: c.JobName, Created: c.Created, Operators: c.Operators, GraphHash: c.GraphHash, WeirVersion: c.WeirVersion, Plans: c.Plans, Root: target,
	}
}

// dropPointers discards pointers to savepoints that a later checkpoint has overtaken.
func (m *Machine) dropPointers(before int64) {
	kept := m.ck.coordinator.Retained()
	for _, id := range slices.Sorted(maps.Keys(m.ck.completed)) {
		if id < before && m.ck.completed[id].Root != "" && !slices.Contains(kept, id) {
			m.discard(id)
		}
	}
}

// goOn tells the tasks that have stopped behind the barrier of a savepoint that it is given up. A job that drains cannot go on: the coordinator fails it.
func (m *Machine) goOn(id int64, p *pendingCheckpoint) {
	if m.state != dataflow.JobRunning || stopMode(p.trigger) != wire.Stop {
		return
	}
	for t := range m.eachTask {
		if t.state == dataflow.TaskRunning {
			m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_CheckpointAborted_{
				CheckpointAborted: &wire.ToTaskManager_CheckpointAborted{Attempt: m.wireID(t), Checkpoint: id}}})
		}
	}
}

// holdAnswer keeps back the good news of a savepoint behind which the job ends.
func (m *Machine) holdAnswer(x coordinator.Answer) bool {
	asked := m.ck.stops.asked[x.Token]
	delete(m.ck.stops.asked, x.Token)
	if !asked || x.Err != nil {
		return false
	}
	m.ck.stops.token = x.Token
	return true
}

// answerStop tells whoever asked the job to end with a savepoint what came of it: err is nil if the job has finished.
func (m *Machine) answerStop(err error) {
	s := &m.ck.stops
	if !s.complete {
		return
	}
	s.complete = false
	if err != nil {
		err = fault.New(fault.CheckpointStopFailed, "savepoint %d is complete, but the job failed before it had ended: %w", s.id, err)
	}
	m.emit(CheckpointAnswered{s.token, s.id, err})
}
