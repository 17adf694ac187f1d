package jobmanager

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/wire"
)

// requestBarrier starts a barrier, or lets it wait for the one under way. Keeps J7.
func (m *Machine) requestBarrier(e BarrierRequested) {
	switch {
	case e.Checkpoint <= m.lastCheckpoint:
		m.ignore(e, "the number was used before (J9)")
		return
	case m.state != dataflow.JobRunning:
		m.lastCheckpoint = e.Checkpoint
		m.emit(BarrierAborted{e.Checkpoint, m.notRunning()})
		return
	}
	m.lastCheckpoint = e.Checkpoint
	m.queued = append(m.queued, e)
	m.nextBarrier()
}

// nextBarrier starts the first waiting barrier that can be, unless one is under way.
func (m *Machine) nextBarrier() {
	for m.barrier == 0 && len(m.queued) > 0 {
		e := m.queued[0]
		m.queued = m.queued[1:]
		if err := m.barrierRefused(); err != nil {
			m.emit(BarrierAborted{e.Checkpoint, err})
			continue
		}
		m.barrier = e.Checkpoint
		for t := range m.eachTask {
			if t.writes() {
				t.owes = true
				m.owing++
			}
		}
		for t := range m.eachTask {
			if t.owes && t.source {
				m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_TriggerBarrier_{
					TriggerBarrier: &wire.ToTaskManager_TriggerBarrier{
						Attempt: m.wireID(t), Checkpoint: int64(e.Checkpoint), Unaligned: e.Unaligned}}})
			}
		}
	}
}

// barrierRefused says why no barrier can start now, or nil. A task that does not run yet could not pass one on.
func (m *Machine) barrierRefused() error {
	if m.regionsDown() {
		return fault.New(fault.JobNotRunning, "a part of the job begins anew")
	}
	writes := false
	for t := range m.eachTask {
		if !t.state.Terminal() && t.state != dataflow.TaskRunning {
			return fault.New(fault.JobNotRunning, "task %s is %v", t.name, t.state)
		}
		writes = writes || t.writes()
	}
	if !writes {
		return fault.New(fault.JobNotRunning, "every task has come to the end of its input")
	}
	return nil
}

func (m *Machine) ackBarrier(e BarrierAcked) {
	t := m.running(e, e.Attempt)
	switch {
	case t == nil:
	case e.Checkpoint != m.barrier:
		m.ignore(e, "not under way (J9)")
	case !t.owes:
		m.ignore(e, "not waited for (J9)")
	default:
		m.discharge(t)
	}
}

// discharge ends the barrier's wait for a task: it has acknowledged, finished, or come to the end of its input.
func (m *Machine) discharge(t *task) {
	if !t.owes {
		return
	}
	t.owes = false
	m.owing--
	if m.owing == 0 {
		m.emit(BarrierCompleted{m.barrier})
		m.barrier = 0
		m.nextBarrier()
	}
}

// abortBarriers ends the barrier under way and those that wait, because not all of the job runs any more.
func (m *Machine) abortBarriers(reason error) {
	if m.barrier != 0 {
		for t := range m.eachTask {
			t.owes = false
		}
		m.owing = 0
		m.emit(BarrierAborted{m.barrier, reason})
		m.barrier = 0
	}
	for _, e := range m.queued {
		m.emit(BarrierAborted{e.Checkpoint, reason})
	}
	m.queued = nil
}
