package dataflow

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/invariants"
)

// JobState is where a job stands. The names and the transitions are Flink's; the transitions are listed in jobTransitions
// and nowhere else.
type JobState uint8

// The states of a job.
const (
	// JobInitializing: submitted; the plan is being made and nothing runs.
	JobInitializing JobState = iota
	// JobCreated: planned; no task has been deployed, slots may be missing.
	JobCreated
	// JobRunning: tasks are deployed or running, some may have finished.
	JobRunning
	// JobFailing: a failure that will not be retried; tasks are being canceled.
	JobFailing
	// JobFailed: all tasks have ended after a failure.
	JobFailed
	// JobCancelling: the user asked to cancel; tasks are being canceled.
	JobCancelling
	// JobCanceled: all tasks have ended after a cancel.
	JobCanceled
	// JobFinished: all tasks have come to the end of their input.
	JobFinished
	// JobRestarting: a failure that is retried; the tasks concerned are being canceled or wait to be deployed again.
	JobRestarting
	// JobSuspended: this job manager has given the job up, another may take it on. It ends the job here, not the job itself.
	JobSuspended
	// JobReconciling: a new job manager has taken the job on and waits for running tasks to report.
	JobReconciling
)

var jobStateNames = [...]string{
	JobInitializing: "INITIALIZING",
	JobCreated:      "CREATED",
	JobRunning:      "RUNNING",
	JobFailing:      "FAILING",
	JobFailed:       "FAILED",
	JobCancelling:   "CANCELLING",
	JobCanceled:     "CANCELED",
	JobFinished:     "FINISHED",
	JobRestarting:   "RESTARTING",
	JobSuspended:    "SUSPENDED",
	JobReconciling:  "RECONCILING",
}

// jobTransitions lists what may follow what. A state that is missing is terminal.
//
// Before a task is deployed there is nothing to wait for, so INITIALIZING and CREATED may go straight to FAILED and CANCELED;
// later the way leads through FAILING and CANCELLING, which wait for the tasks. A cancel overtakes a failure that is being
// handled, and a failure overtakes a cancel (a task that does not stop). RESTARTING goes to RUNNING when tasks are
// deployed again, or back to CREATED when slots must be found first.
var jobTransitions = [...][]JobState{
	JobInitializing: {JobCreated, JobReconciling, JobCancelling, JobCanceled, JobFailed, JobSuspended},
	JobCreated:      {JobRunning, JobFailing, JobFailed, JobCancelling, JobCanceled, JobSuspended},
	JobRunning:      {JobFinished, JobRestarting, JobFailing, JobCancelling, JobSuspended},
	JobFailing:      {JobFailed, JobRestarting, JobCancelling, JobSuspended},
	JobCancelling:   {JobCanceled, JobFailing, JobSuspended},
	JobRestarting:   {JobRunning, JobCreated, JobFailing, JobCancelling, JobSuspended},
	JobReconciling:  {JobRunning, JobCreated, JobRestarting, JobFinished, JobFailing, JobCancelling, JobSuspended},
	// JobFailed, JobCanceled, JobFinished and JobSuspended lead nowhere.
}

// JobStates returns all states of a job in the order of their values.
func JobStates() []JobState {
	s := make([]JobState, len(jobStateNames))
	for i := range s {
		s[i] = JobState(i)
	}
	return s
}

// String returns the name as Flink spells it, as "RUNNING".
func (s JobState) String() string {
	if int(s) < len(jobStateNames) {
		return jobStateNames[s]
	}
	return fmt.Sprintf("JobState(%d)", uint8(s))
}

// MarshalText returns the name.
func (s JobState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText; an unknown name is a type.decode error.
func (s *JobState) UnmarshalText(text []byte) error {
	i := slices.Index(jobStateNames[:], string(text))
	if i < 0 {
		return fault.New(fault.TypeDecode, "unknown job state %q", text)
	}
	*s = JobState(i)
	return nil
}

// CanBecome reports whether next may follow s. No state follows itself.
func (s JobState) CanBecome(next JobState) bool {
	return int(s) < len(jobTransitions) && slices.Contains(jobTransitions[s], next)
}

// Terminal reports whether nothing follows s in this job manager.
func (s JobState) Terminal() bool { return s == JobSuspended || s.GloballyTerminal() }

// GloballyTerminal reports whether the job is over for good: terminal, and not merely given up by this job manager.
func (s JobState) GloballyTerminal() bool {
	return s == JobFailed || s == JobCanceled || s == JobFinished
}

// Become returns next if it may follow s. If not, it panics where package invariants is enabled, and elsewhere returns s with an
// internal.invariant error.
func (s JobState) Become(next JobState) (JobState, error) {
	if s.CanBecome(next) {
		return next, nil
	}
	invariants.Check(false, "a job cannot become %v when it is %v", next, s)
	return s, fault.New(fault.InternalInvariant, "a job cannot become %v when it is %v", next, s)
}

// TaskState is where one execution of a subtask stands. The names and the transitions are Flink's; the transitions are listed
// in taskTransitions and nowhere else.
type TaskState uint8

// The states of a task.
const (
	// TaskCreated: the attempt exists, nothing has been done for it.
	TaskCreated TaskState = iota
	// TaskScheduled: it waits for a slot.
	TaskScheduled
	// TaskDeploying: it has a slot, and the task manager has been or is being told.
	TaskDeploying
	// TaskInitializing: the task manager opens its operators and restores their state.
	TaskInitializing
	// TaskRunning: it processes records.
	TaskRunning
	// TaskFinished: it has come to the end of its input.
	TaskFinished
	// TaskCanceling: it has been told to stop and has not stopped yet.
	TaskCanceling
	// TaskCanceled: it has stopped because it was told to.
	TaskCanceled
	// TaskFailed: it has stopped because of an error, or its task manager is lost.
	TaskFailed
)

var taskStateNames = [...]string{
	TaskCreated:      "CREATED",
	TaskScheduled:    "SCHEDULED",
	TaskDeploying:    "DEPLOYING",
	TaskInitializing: "INITIALIZING",
	TaskRunning:      "RUNNING",
	TaskFinished:     "FINISHED",
	TaskCanceling:    "CANCELING",
	TaskCanceled:     "CANCELED",
	TaskFailed:       "FAILED",
}

// taskTransitions lists what may follow what. A state that is missing is terminal.
//
// A job manager schedules before it deploys; a task manager knows nothing of slots to come, so there CREATED is followed by
// DEPLOYING. A task without a task manager is canceled at once. A task whose operators had all finished before a restore
// finishes without running. A task that does not stop when canceled fails.
var taskTransitions = [...][]TaskState{
	TaskCreated:      {TaskScheduled, TaskDeploying, TaskCanceled, TaskFailed},
	TaskScheduled:    {TaskDeploying, TaskCanceled, TaskFailed},
	TaskDeploying:    {TaskInitializing, TaskCanceling, TaskFailed},
	TaskInitializing: {TaskRunning, TaskFinished, TaskCanceling, TaskFailed},
	TaskRunning:      {TaskFinished, TaskCanceling, TaskFailed},
	TaskCanceling:    {TaskCanceled, TaskFailed},
	// TaskFinished, TaskCanceled and TaskFailed lead nowhere.
}

// TaskStates returns all states of a task in the order of their values.
func TaskStates() []TaskState {
	s := make([]TaskState, len(taskStateNames))
	for i := range s {
		s[i] = TaskState(i)
	}
	return s
}

// String returns the name as Flink spells it, as "RUNNING".
func (s TaskState) String() string {
	if int(s) < len(taskStateNames) {
		return taskStateNames[s]
	}
	return fmt.Sprintf("TaskState(%d)", uint8(s))
}

// MarshalText returns the name.
func (s TaskState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText; an unknown name is a type.decode error.
func (s *TaskState) UnmarshalText(text []byte) error {
	i := slices.Index(taskStateNames[:], string(text))
	if i < 0 {
		return fault.New(fault.TypeDecode, "unknown task state %q", text)
	}
	*s = TaskState(i)
	return nil
}

// CanBecome reports whether next may follow s. No state follows itself.
func (s TaskState) CanBecome(next TaskState) bool {
	return int(s) < len(taskTransitions) && slices.Contains(taskTransitions[s], next)
}

// Terminal reports whether nothing follows s: the attempt is over.
func (s TaskState) Terminal() bool {
	return s == TaskFinished || s == TaskCanceled || s == TaskFailed
}

// Become returns next if it may follow s. If not, it panics where package invariants is enabled, and elsewhere returns s with an
// internal.invariant error.
func (s TaskState) Become(next TaskState) (TaskState, error) {
	if s.CanBecome(next) {
		return next, nil
	}
	invariants.Check(false, "a task cannot become %v when it is %v", next, s)
	return s, fault.New(fault.InternalInvariant, "a task cannot become %v when it is %v", next, s)
}
