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

// tryRestart lets the job run again after a failure, if the strategy allows: it waits, RESTARTING, until nothing of it runs any more and the delay has passed. If a region is given, it alone does, and the job stays RUNNING.
// named is err, with what is known of it from earlier failures.
func (m *Machine) tryRestart(err, named error, r *region) bool {
	if m.strategy == nil || slices.Contains(hopeless, fault.CodeOf(err)) {
		return false
	}
	delay, again := m.strategy.Failed(m.now)
	if !again {
		return false
	}
	if r != nil {
		tasks := 0
		for range m.eachOf(r) {
			tasks++
		}
		m.emit(RestartScheduled{Delay: delay, Err: named, Strategy: m.strategy.String(), Tasks: tasks})
		m.takeDownRegion(r, m.now+delay)
		return true
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
	for _, all := range m.accumulators {
		clear(all)
	}
	for t := range m.eachTask {
		m.renew(t)
		m.live++
		m.writing++
	}
	for v := range m.enumerators {
		m.renewEnumerator(v)
	}
	m.become(dataflow.JobCreated)
	m.startNextEnumerator()
	m.settle()
}

// Restarts is how often the job, or a region of it, was begun anew.
func (m *Machine) Restarts() int { return m.restarts }

// Next tells when the machine wants a Tick, in nanoseconds of the clock of its steps.
func (m *Machine) Next() (at int64, ok bool) {
	earliest := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	later := func(t int64) { // what has come waits for something else
		if t > m.now {
			earliest(t)
		}
	}
	if m.state == dataflow.JobRestarting {
		later(m.restartAt)
	}
	for _, r := range m.regions {
		if r.down && !r.starting {
			later(r.restartAt)
		}
	}
	if m.ck.coordinator != nil {
		if t, wants := m.ck.coordinator.Next(); wants {
			earliest(t)
		}
		later(m.ck.finalAt)
	}
	return at, ok
}
