package coordinator

import (
	"fmt"
	"strings"
)

// Task is the number of a task of the job. The caller numbers them as it likes.
type Task int

// Kind tells apart what the package comment describes.
type Kind uint8

const (
	// Checkpoint is what the job is restored from after a failure.
	Checkpoint Kind = iota
	// Savepoint is the user's.
	Savepoint
	// StopWithSavepoint is a savepoint behind which the job ends.
	StopWithSavepoint
)

// String returns "checkpoint", "savepoint" or "stop-with-savepoint".
func (k Kind) String() string {
	switch k {
	case Checkpoint:
		return "checkpoint"
	case Savepoint:
		return "savepoint"
	case StopWithSavepoint:
		return "stop-with-savepoint"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Event is something that happened outside the coordinator. The set is closed: the types of this file. An event given to the coordinator is not
// changed after.
type Event interface {
	fmt.Stringer
	event()
}

type (
	// Restored tells, while the job does not run, that it will be restored from a checkpoint or savepoint, or, with ID 0, start from nothing. Retained are the
	// completed checkpoints that exist and belong to the job; they replace those known. A savepoint is not among them.
	Restored struct {
		ID       int64
		Retained []int64
	}
	// Running tells that all tasks run: from now on checkpoints may be triggered. Tasks are those that must acknowledge; finished ones are not in it.
	Running struct{ Tasks []Task }
	// Stopped tells that the job fails over, is canceled or has ended. Everything pending is aborted, every request answered. Reason may be nil.
	Stopped struct{ Reason error }
	// Tick tells that the time of [Coordinator.Next] has come.
	Tick struct{}
	// Requested asks for a checkpoint or savepoint. It is answered by exactly one Answer with its Token, which is the caller's. Target is where the user wants
	// it, Drain ends all input first, with StopWithSavepoint only; both go to Trigger as they are.
	Requested struct {
		Token  int64
		Kind   Kind
		Target string
		Drain  bool
	}
	// Acked tells that a task has taken and written its part, of so many bytes.
	Acked struct {
		ID    int64
		Task  Task
		Bytes int64
	}
	// Declined tells that a task could not take or write its part.
	Declined struct {
		ID   int64
		Task Task
		Err  error
	}
	// TaskFinished tells that no acknowledgment will come from a task any more: it is at the end of its input, and all its acknowledgments have been given to the
	// coordinator. What waits for it is complete without it.
	TaskFinished struct{ Task Task }
	// Stored answers Store: the manifest is durable.
	Stored struct{ ID int64 }
	// StoreFailed answers Store.
	StoreFailed struct {
		ID  int64
		Err error
	}
)

func (Restored) event()     {}
func (Running) event()      {}
func (Stopped) event()      {}
func (Tick) event()         {}
func (Requested) event()    {}
func (Acked) event()        {}
func (Declined) event()     {}
func (TaskFinished) event() {}
func (Stored) event()       {}
func (StoreFailed) event()  {}

func (e Restored) String() string { return fmt.Sprintf("restored %d retained %d", e.ID, e.Retained) }
func (e Running) String() string  { return fmt.Sprintf("running %d", e.Tasks) }
func (e Stopped) String() string  { return "stopped" + because(e.Reason) }
func (Tick) String() string       { return "tick" }
func (e Requested) String() string {
	return fmt.Sprintf("request #%d %v%s", e.Token, e.Kind, options(false, 0, e.Drain, e.Target))
}
func (e Acked) String() string { return fmt.Sprintf("ack %d task %d bytes %d", e.ID, e.Task, e.Bytes) }
func (e Declined) String() string {
	return fmt.Sprintf("decline %d task %d%s", e.ID, e.Task, because(e.Err))
}
func (e TaskFinished) String() string { return fmt.Sprintf("finished task %d", e.Task) }
func (e Stored) String() string       { return fmt.Sprintf("stored %d", e.ID) }
func (e StoreFailed) String() string  { return fmt.Sprintf("store-failed %d%s", e.ID, because(e.Err)) }

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// options is what a request or a trigger says beyond its kind.
func options(unaligned bool, alignedTimeout int64, drain bool, target string) string {
	var b strings.Builder
	if unaligned {
		b.WriteString(" unaligned")
		if alignedTimeout > 0 {
			fmt.Fprintf(&b, " after %s", text(alignedTimeout))
		}
	}
	if drain {
		b.WriteString(" drain")
	}
	if target != "" {
		fmt.Fprintf(&b, " to %q", target)
	}
	return b.String()
}
