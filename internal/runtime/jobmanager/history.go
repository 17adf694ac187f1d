package jobmanager

import (
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
)

// DefaultHistory is how many failures of a job are kept unless Recovery.History says otherwise.
const DefaultHistory = 16

// Exception is a failure of a job: what took it down, and what failed while it was being taken down.
type Exception struct {
	// At is when the machine was told, in nanoseconds of the clock of its steps; Time is that of the calendar.
	At   int64
	Time time.Time
	// Attempt counts how often the job was begun, from 1.
	Attempt int
	// Task is that which failed, with its subtask, and TaskManager where it ran; "" where none did.
	Task, TaskManager string
	Err               error
	// Concurrent are failures that came after it and before the job began anew, in the order they came, at most eight. More counts those beyond.
	Concurrent []Exception
	More       int
}

// suspect is the place at which the last failures were.
type suspect struct {
	operator, place string
	times           int
}

// suspected finds out whether the job fails at one record again and again, and then says so.
func (m *Machine) suspected(err error) error {
	s := suspect{place: fault.PlaceOf(err), times: 1}
	s.operator, _ = fault.OperatorOf(err)
	if s.place != "" && s.operator == m.suspect.operator && s.place == m.suspect.place {
		s.times += m.suspect.times
	}
	m.suspect = s
	if s.times == 1 {
		return err
	}
	_, subtask := fault.OperatorOf(err)
	return fault.New(fault.JobPoisoned, "the job has failed here %d times in a row: %w", s.times, err).WithOperator(s.operator, subtask).WithPlace(s.place)
}

// remember adds a failure that takes the job down to the history, of which the oldest go.
func (m *Machine) remember(e Event, err error) {
	most := m.recovery.History
	if most == 0 {
		most = DefaultHistory
	}
	m.history = append(m.history, m.exception(e, err))
	if n := len(m.history) - most; n > 0 {
		m.history = slices.Delete(m.history, 0, n)
		m.forgotten += n
	}
}

// rememberBeside adds a failure to that which is taking the job down.
func (m *Machine) rememberBeside(e Event, err error) {
	if len(m.history) == 0 {
		return
	}
	x := &m.history[len(m.history)-1]
	if len(x.Concurrent) == maxSuppressed {
		x.More++
		return
	}
	x.Concurrent = append(x.Concurrent, m.exception(e, err))
}

func (m *Machine) exception(e Event, err error) Exception {
	x := Exception{At: m.now, Attempt: m.restarts + 1, Err: err}
	switch e := e.(type) {
	case TaskChanged:
		t := m.tasks[e.Attempt.Subtask.Vertex][e.Attempt.Subtask.Index]
		x.Task, x.TaskManager = t.name, t.taskManager
	case TaskManagerLost:
		x.TaskManager = e.ID
	}
	return x
}

// History returns the failures of the job, the latest first. The slices are the caller's.
func (m *Machine) History() []Exception {
	all := slices.Clone(m.history)
	slices.Reverse(all)
	for i := range all {
		all[i].Concurrent = slices.Clone(all[i].Concurrent)
	}
	return all
}
