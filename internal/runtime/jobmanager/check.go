package jobmanager

import (
	"fmt"

	"github.com/weirstream/weir/internal/dataflow"
)

// Check reports the first invariant that does not hold between two steps, or nil. It looks at every task: it is for tests and invariant
// builds.
func (m *Machine) Check() error {
	live, writing, owing := 0, 0, 0
	writes := map[*region]int{}
	for t := range m.eachTask {
		if r := m.regionOfTask(t); r.down || t.state != dataflow.TaskFinished && !t.ready {
			writing++
			writes[r]++
		}
	}
	places := map[int]string{} // slot: what it is used for
	used := map[string]int{}   // task manager: slots
	for t := range m.eachTask {
		if !t.state.Terminal() {
			live++
		}
		if t.owes {
			owing++
			if !t.writes() {
				return fmt.Errorf("J7: the barrier waits for %v, which is %v, ready=%v", t.id, t.state, t.ready)
			}
		}
		if err := m.checkTask(t); err != nil {
			return err
		}
		if n := writes[m.regionOfTask(t)]; t.committed && n > 0 && m.state == dataflow.JobRunning && !m.regionOfTask(t).down {
			return fmt.Errorf("J6: %v was told to commit while %d tasks of its region write", t.id, n)
		}
		if t.slot < 0 {
			continue
		}
		vertex := m.plan.Vertices[t.id.Subtask.Vertex]
		place := fmt.Sprintf("%s/%d on %s", vertex.SlotSharingGroup, t.id.Subtask.Index, t.taskManager)
		switch other, taken := places[t.slot]; {
		case !taken:
			places[t.slot] = place
			used[t.taskManager]++
		case other != place:
			return fmt.Errorf("J4: slot %d holds %s and %s", t.slot, other, place)
		}
	}
	for id, n := range used {
		if slots, registered := m.managers[id]; registered && n > slots {
			return fmt.Errorf("J4: %d slots of %s are used, it has %d", n, id, slots)
		}
	}
	if live != m.live || owing != m.owing {
		return fmt.Errorf("counts: live %d, counted %d; owing %d, counted %d", live, m.live, owing, m.owing)
	}
	if m.state == dataflow.JobRunning && writing != m.writing {
		return fmt.Errorf("counts: writing %d, counted %d", writing, m.writing)
	}
	return m.checkJob()
}

func (m *Machine) checkTask(t *task) error {
	early := m.state == dataflow.JobInitializing || m.state == dataflow.JobCreated || m.regionOfTask(t).starting
	down := m.regionOfTask(t).down
	switch {
	case early != (t.state == dataflow.TaskCreated):
		return fmt.Errorf("J3: %v is %v in a job that is %v", t.id, t.state, m.state)
	case m.state == dataflow.JobFinished && t.state != dataflow.TaskFinished:
		return fmt.Errorf("J2: the job is FINISHED, %v is %v", t.id, t.state)
	case !early && m.state != dataflow.JobRunning && !t.state.Terminal() && t.state != dataflow.TaskCanceling:
		return fmt.Errorf("J5: %v is %v in a job that is %v", t.id, t.state, m.state)
	case down && m.state != dataflow.JobRunning:
		return fmt.Errorf("J10: the region of %v is down in a job that is %v", t.id, m.state)
	case down && !early && !t.state.Terminal() && t.state != dataflow.TaskCanceling:
		return fmt.Errorf("J10: %v is %v in a region that is down", t.id, t.state)
	case t.state == dataflow.TaskCanceling && m.state == dataflow.JobRunning && !down:
		return fmt.Errorf("J5: %v is %v in a job that is %v", t.id, t.state, m.state)
	case t.committed && !t.ready:
		return fmt.Errorf("J6: %v was told to commit, and is not ready", t.id)
	case m.state == dataflow.JobRunning && m.writing == 0 && t.ready && !t.committed && m.ck.coordinator == nil:
		return fmt.Errorf("J6: %v waits for a commit that nothing hinders", t.id)
	case len(t.held) > 0 && (t.readerStarted || t.state.Terminal()):
		return fmt.Errorf("J8: %d messages are held for the reader of %v: started=%v, %v", len(t.held), t.id, t.readerStarted, t.state)
	}
	return nil
}

func (m *Machine) checkJob() error {
	down := m.state != dataflow.JobInitializing && m.state != dataflow.JobCreated && m.state != dataflow.JobRunning
	for v, state := range m.enumerators {
		open := state == enumeratorNew || state == enumeratorStarting || state == enumeratorStarted
		switch {
		case down && open:
			return fmt.Errorf("J5: enumerator of vertex %d is open in a job that is %v", v, m.state)
		case open && m.regions[m.regionOf[v]].down && !m.regions[m.regionOf[v]].starting:
			return fmt.Errorf("J10: enumerator of vertex %d is open in a region that is down", v)
		case m.state.Terminal() && state == enumeratorClosing:
			return fmt.Errorf("J1: the job is %v, the enumerator of vertex %d is not closed", m.state, v)
		case m.state == dataflow.JobRunning && !m.regions[m.regionOf[v]].starting && (state == enumeratorNew || state == enumeratorStarting):
			return fmt.Errorf("J3: the job is RUNNING, the enumerator of vertex %d has not started", v)
		}
	}
	switch {
	case m.state.Terminal() && m.live > 0:
		return fmt.Errorf("J1: the job is %v, %d tasks are not terminal", m.state, m.live)
	case (m.state == dataflow.JobFailing || m.state == dataflow.JobFailed) != (m.failure != nil):
		return fmt.Errorf("J2: the job is %v, its failure is %v", m.state, m.failure)
	case (m.state == dataflow.JobCancelling || m.state == dataflow.JobCanceled) != m.cancelRequested:
		return fmt.Errorf("J2: the job is %v, cancel requested: %v", m.state, m.cancelRequested)
	case (m.barrier != 0) != (m.owing > 0):
		return fmt.Errorf("J7: barrier %d waits for %d tasks", m.barrier, m.owing)
	case m.regionsDown() && (m.barrier != 0 || m.ck.running):
		return fmt.Errorf("J10: barrier %d, checkpoints %v, while a region is down", m.barrier, m.ck.running)
	case m.barrier != 0 && m.state != dataflow.JobRunning:
		return fmt.Errorf("J7: barrier %d in a job that is %v", m.barrier, m.state)
	case m.barrier == 0 && len(m.queued) > 0:
		return fmt.Errorf("J7: %d barriers wait for nothing", len(m.queued))
	}
	return nil
}
