package jobmanager

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/wire"
)

// region is a part of the job that nothing connects to the others: no record goes from one region to another. A failure takes down its own region alone, which begins anew from the latest checkpoint while the others go on, as they have nothing of it.
// The subtasks of a vertex are in one region, also where no edge joins them, since a source has one enumerator for all.
type region struct {
	vertices []int
	// down is set from a failure until the region is deployed again; the job is RUNNING all the while. When its tasks are terminal, its enumerators closed and restartAt has come, it is starting: its tasks are those of the next attempt, and its enumerators start.
	down, starting bool
	restartAt      int64
}

// regionsOf finds the connected parts of a plan, in the order of their first vertices, and which of them each vertex is in.
func regionsOf(plan *dataflow.Plan) (regions []*region, of []int) {
	of = make([]int, len(plan.Vertices))
	for v := range of {
		of[v] = v
	}
	for v, vertex := range plan.Vertices {
		for _, e := range vertex.Inputs {
			if from, to := of[e.From], of[v]; from != to {
				for i := range of {
					if of[i] == max(from, to) {
						of[i] = min(from, to)
					}
				}
			}
		}
	}
	number := map[int]int{}
	for v, first := range of {
		n, known := number[first]
		if !known {
			n = len(regions)
			number[first] = n
			regions = append(regions, &region{})
		}
		of[v] = n
		regions[n].vertices = append(regions[n].vertices, v)
	}
	return regions, of
}

// eachOf calls yield for the tasks of a region.
func (m *Machine) eachOf(r *region) func(yield func(*task) bool) {
	return func(yield func(*task) bool) {
		for _, v := range r.vertices {
			for _, t := range m.tasks[v] {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// regionOfTask returns the region that a task is in.
func (m *Machine) regionOfTask(t *task) *region { return m.regions[m.regionOf[t.id.Subtask.Vertex]] }

// regionsDown reports whether a part of the job does not run.
func (m *Machine) regionsDown() bool {
	return slices.ContainsFunc(m.regions, func(r *region) bool { return r.down })
}

// regionOfFailure returns the region in which something failed, nil if that is not in one alone.
func (m *Machine) regionOfFailure(e Event) *region {
	v := -1
	switch e := e.(type) {
	case TaskChanged:
		v = e.Attempt.Subtask.Vertex
	case EnumeratorFailed:
		v = e.Vertex
	case EnumeratorClosed:
		v = e.Vertex
	case SplitsAssigned:
		v = e.Vertex
	}
	if v < 0 {
		return nil
	}
	return m.regions[m.regionOf[v]]
}

// alone reports whether a region can begin anew without the others. It cannot while the job ends with a savepoint, in which all have their part.
func (m *Machine) alone(r *region) bool {
	if r == nil || len(m.regions) == 1 || m.state != dataflow.JobRunning || m.ck.stops.complete {
		return false
	}
	for _, p := range m.ck.pending {
		if p.trigger.Kind == coordinator.StopWithSavepoint && !p.aborted {
			return false
		}
	}
	return true
}

// takeDownRegion ends everything that goes on in a region, which begins anew at restartAt. Checkpoints under way are given up.
func (m *Machine) takeDownRegion(r *region, restartAt int64) {
	r.down, r.starting, r.restartAt = true, false, restartAt
	reason := fault.New(fault.JobNotRunning, "a part of the job begins anew")
	m.abortBarriers(reason)
	m.interruptCheckpoints(reason)
	for _, v := range r.vertices {
		m.closeEnumerator(v)
	}
	for t := range m.eachOf(r) {
		if t.ready || t.state == dataflow.TaskFinished {
			m.writing++ // it will write again
		}
		m.cancelTask(t)
	}
}

// advanceRegion does what has become possible for a region that is down.
func (m *Machine) advanceRegion(r *region) {
	if !r.starting {
		for t := range m.eachOf(r) {
			if !t.state.Terminal() {
				return
			}
		}
		if !m.enumeratorsClosed(r.vertices) || m.now < r.restartAt || !m.mayRestore() {
			return
		}
		m.restarts++
		r.starting = true
		for _, v := range r.vertices {
			clear(m.accumulators[m.regionOf[v]])
			m.renewEnumerator(v)
		}
		for t := range m.eachOf(r) {
			m.renew(t)
			m.live++
		}
		m.startNextEnumerator()
	}
	if !m.enumeratorsStarted(r.vertices) {
		return
	}
	for t := range m.eachOf(r) {
		if owner := m.owner[m.slotOf(t)]; !m.registered(owner) {
			m.fail(Tick{}, fault.New(fault.TaskManagerLost, "task manager %s is lost, where task %s was to begin anew", owner, t.name))
			return
		}
	}
	r.down, r.starting = false, false
	m.deployTasks(m.eachOf(r))
}

// renew makes a task that of the next attempt.
func (m *Machine) renew(t *task) {
	id := t.id
	id.Attempt++
	*t = task{id: id, name: t.name, state: dataflow.TaskCreated, slot: -1, source: t.source}
}

// cancelTask has a task end that has not.
func (m *Machine) cancelTask(t *task) {
	switch t.state {
	case dataflow.TaskCreated, dataflow.TaskScheduled:
		m.taskBecomes(t, dataflow.TaskCanceled)
	case dataflow.TaskDeploying, dataflow.TaskInitializing, dataflow.TaskRunning:
		m.taskBecomes(t, dataflow.TaskCanceling)
		t.held = nil
		m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_Cancel_{
			Cancel: &wire.ToTaskManager_Cancel{Attempt: m.wireID(t)}}})
	}
}
