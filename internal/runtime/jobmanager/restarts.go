package jobmanager

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/temporal"
)

// hopeless are the codes of failures that would come again each time.
var hopeless = []fault.Code{
	fault.CheckpointDamaged, fault.CheckpointLeftOver, fault.CheckpointNewer, fault.CheckpointOtherJob, fault.CheckpointParallelism, fault.CheckpointNotFound,
	fault.StateSchema, fault.StateSchemaDamaged, fault.StateDamaged, fault.JobMismatch, fault.InternalInvariant, fault.OptionInvalid,
}

// tryRestart lets the job run again after a failure, if the strategy allows: it waits, RESTARTING, until nothing of it runs any more and the delay has passed.
// named is err, with what is known of it from earlier failures.
func (m *Machine) tryRestart(err, named error) bool {
	if m.strategy == nil || slices.Contains(hopeless, fault.CodeOf(err)) {
		return false
	}
	delay, again := m.strategy.Failed(m.now)
	if !again {
		return false
	}
	if m.state == dataflow.JobCreated {
		m.become(dataflow.JobFailing)
	}
	m.become(dataflow.JobRestarting)
	m.restartAt = m.now + delay
	m.emit(RestartScheduled{Delay: delay, Err: named, Strategy: m.strategy.String()})
	m.takeDown()
	return true
}

// restart begins the job anew, from the latest checkpoint if there is one.
func (m *Machine) restart() {
	m.restarts++
	m.live, m.writing = 0, 0
	m.alignment = temporal.Alignment[subtaskID]{}
	clear(m.accumulators)
	for t := range m.eachTask {
		id := t.id
		id.Attempt++
		*t = task{id: id, name: t.name, state: dataflow.TaskCreated, slot: -1, source: t.source}
		m.live++
		m.writing++
	}
	for v, state := range m.enumerators {
		if state != enumeratorNone {
			m.enumerators[v] = enumeratorNew
		}
	}
	m.become(dataflow.JobCreated)
	m.startNextEnumerator()
	m.settle()
}

// Restarts is how often the job was begun anew.
func (m *Machine) Restarts() int { return m.restarts }

// Next tells when the machine wants a Tick, in nanoseconds of the clock of its steps.
func (m *Machine) Next() (at int64, ok bool) {
	earliest := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if m.state == dataflow.JobRestarting {
		earliest(m.restartAt)
	}
	if m.ck.coordinator != nil {
		if t, wants := m.ck.coordinator.Next(); wants {
			earliest(t)
		}
		if m.ck.finalAt > 0 {
			earliest(m.ck.finalAt)
		}
	}
	return at, ok
}
