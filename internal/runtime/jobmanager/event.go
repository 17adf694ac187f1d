package jobmanager

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/wire"
)

// Event is something that happened outside the machine. The set is closed: the types of this file. An event given to the machine is not
// changed after.
type Event interface {
	fmt.Stringer
	event()
}

type (
	// Start begins the job. It comes once, first or behind a cancel.
	Start struct{}
	// TaskManagerRegistered offers slots.
	TaskManagerRegistered struct {
		ID    string
		Slots int
	}
	// TaskManagerLost tells that a task manager is gone, with all that ran on it. Cause may be nil.
	TaskManagerLost struct {
		ID    string
		Cause error
	}
	// TaskChanged tells the state a task has entered. Err goes with FAILED, Accumulators with terminal states.
	TaskChanged struct {
		Attempt      base.AttemptID
		State        dataflow.TaskState
		Err          error
		Accumulators []*wire.Accumulator
		// Answered is the last checkpoint that the task has acknowledged or declined.
		Answered int64
	}
	// CancelRequested asks to end the job.
	CancelRequested struct{}
	// ReadyToCommit tells that the writers of a task have finished and that it waits for Commit.
	ReadyToCommit struct{ Attempt base.AttemptID }
	// BarrierRequested asks for a barrier. Each has a higher number than those before it; it is answered by exactly one BarrierCompleted or
	// BarrierAborted.
	BarrierRequested struct {
		Checkpoint base.CheckpointID
		Unaligned  bool
	}
	// BarrierAcked tells that a task has passed a barrier on. State is an encoded manifest.TaskState, where there are checkpoints.
	BarrierAcked struct {
		Attempt    base.AttemptID
		Checkpoint base.CheckpointID
		State      []byte
	}
	// BarrierDeclined tells that a task could not take part in a checkpoint.
	BarrierDeclined struct {
		Attempt    base.AttemptID
		Checkpoint base.CheckpointID
		Err        error
	}
	// Tick tells that the time of Machine.Next has come.
	Tick struct{}
	// CheckpointRequested asks for a checkpoint or savepoint; it is answered by one CheckpointAnswered with its token, which is not negative.
	CheckpointRequested struct {
		Token  int64
		Kind   coordinator.Kind
		Target string
		Drain  bool
	}
	// EnumeratorsSnapshotted answers SnapshotEnumerators: the states by vertex.
	EnumeratorsSnapshotted struct {
		ID     int64
		States map[int][]byte
		Err    error
	}
	// ManifestStored answers StoreManifest.
	ManifestStored struct {
		ID  int64
		Err error
	}
	// ManifestRemoved answers DeleteFiles with Void: Err is nil if the manifest is not there any more.
	ManifestRemoved struct {
		ID  int64
		Err error
	}
	// CheckpointEvent is what the coordinator was told, in traces.
	CheckpointEvent struct{ coordinator.Event }
	// ReaderStarted tells that the reader of a source task is open.
	ReaderStarted struct{ Attempt base.AttemptID }
	// SplitRequested brings a reader's wish for a split.
	SplitRequested struct{ Attempt base.AttemptID }
	// WatermarkReported tells how far the source of a watermark alignment group has come, eventtime.MaxWatermark where it has nothing to tell. MaxDrift is in milliseconds.
	WatermarkReported struct {
		Attempt   base.AttemptID
		Group     string
		MaxDrift  int64
		Watermark int64
	}
	// ReaderSent brings an event from a reader to the enumerator.
	ReaderSent struct {
		Attempt base.AttemptID
		Event   []byte
	}
	// EnumeratorStarted answers StartEnumerator.
	EnumeratorStarted struct{ Vertex int }
	// EnumeratorFailed tells that an enumerator has failed, in StartEnumerator or later. It is told to close all the same.
	EnumeratorFailed struct {
		Vertex int
		Err    error
	}
	// EnumeratorClosed answers CloseEnumerator. Err is what Close returned.
	EnumeratorClosed struct {
		Vertex int
		Err    error
	}
	// SplitsAssigned brings splits from an enumerator to a reader.
	SplitsAssigned struct {
		Vertex, Subtask int
		Splits          []connector.Split
	}
	// SplitsEnded tells a reader that no more splits will come.
	SplitsEnded struct{ Vertex, Subtask int }
	// EnumeratorSent brings an event from an enumerator to a reader.
	EnumeratorSent struct {
		Vertex, Subtask int
		Event           []byte
	}
)

func (Start) event()                  {}
func (TaskManagerRegistered) event()  {}
func (TaskManagerLost) event()        {}
func (TaskChanged) event()            {}
func (CancelRequested) event()        {}
func (ReadyToCommit) event()          {}
func (BarrierRequested) event()       {}
func (BarrierAcked) event()           {}
func (BarrierDeclined) event()        {}
func (Tick) event()                   {}
func (CheckpointRequested) event()    {}
func (EnumeratorsSnapshotted) event() {}
func (ManifestStored) event()         {}
func (ManifestRemoved) event()        {}
func (CheckpointEvent) event()        {}
func (ReaderStarted) event()          {}
func (SplitRequested) event()         {}
func (WatermarkReported) event()      {}
func (ReaderSent) event()             {}
func (EnumeratorStarted) event()      {}
func (EnumeratorFailed) event()       {}
func (EnumeratorClosed) event()       {}
func (SplitsAssigned) event()         {}
func (SplitsEnded) event()            {}
func (EnumeratorSent) event()         {}

func (Start) String() string { return "start" }
func (e TaskManagerRegistered) String() string {
	return fmt.Sprintf("register %s slots=%d", e.ID, e.Slots)
}
func (e TaskManagerLost) String() string { return "lost " + e.ID }
func (e TaskChanged) String() string     { return fmt.Sprintf("%v %v", e.Attempt, e.State) }
func (CancelRequested) String() string   { return "cancel" }
func (e ReadyToCommit) String() string   { return fmt.Sprintf("%v ready-to-commit", e.Attempt) }
func (e BarrierRequested) String() string {
	return fmt.Sprintf("barrier %d%s", e.Checkpoint, unaligned(e.Unaligned))
}
func (e BarrierAcked) String() string { return fmt.Sprintf("%v ack %d", e.Attempt, e.Checkpoint) }
func (e BarrierDeclined) String() string {
	return fmt.Sprintf("%v decline %d: %v", e.Attempt, e.Checkpoint, e.Err)
}
func (Tick) String() string { return "tick" }
func (e CheckpointRequested) String() string {
	return fmt.Sprintf("request #%d %v", e.Token, e.Kind)
}
func (e EnumeratorsSnapshotted) String() string {
	return fmt.Sprintf("enumerators snapshotted for %d: %d, %v", e.ID, len(e.States), e.Err)
}
func (e ManifestStored) String() string { return fmt.Sprintf("manifest %d stored: %v", e.ID, e.Err) }
func (e ManifestRemoved) String() string {
	return fmt.Sprintf("manifest %d removed: %v", e.ID, e.Err)
}
func (e ReaderStarted) String() string  { return fmt.Sprintf("%v reader-started", e.Attempt) }
func (e SplitRequested) String() string { return fmt.Sprintf("%v split-request", e.Attempt) }
func (e WatermarkReported) String() string {
	return fmt.Sprintf("%v watermark %s of group %q drift %d", e.Attempt, watermarkText(e.Watermark), e.Group, e.MaxDrift)
}
func (e ReaderSent) String() string        { return fmt.Sprintf("%v reader-event %q", e.Attempt, e.Event) }
func (e EnumeratorStarted) String() string { return fmt.Sprintf("enumerator v%d started", e.Vertex) }
func (e EnumeratorFailed) String() string {
	return fmt.Sprintf("enumerator v%d failed: %v", e.Vertex, e.Err)
}
func (e EnumeratorClosed) String() string { return fmt.Sprintf("enumerator v%d closed", e.Vertex) }
func (e SplitsAssigned) String() string {
	ids := make([]string, len(e.Splits))
	for i, s := range e.Splits {
		ids[i] = s.ID
	}
	return fmt.Sprintf("assign v%d/%d [%s]", e.Vertex, e.Subtask, strings.Join(ids, " "))
}
func (e SplitsEnded) String() string {
	return fmt.Sprintf("no-more-splits v%d/%d", e.Vertex, e.Subtask)
}
func (e EnumeratorSent) String() string {
	return fmt.Sprintf("enumerator-event v%d/%d %q", e.Vertex, e.Subtask, e.Event)
}

// watermarkText is a watermark in traces.
func watermarkText(w int64) string {
	if w == eventtime.MaxWatermark {
		return "end"
	}
	return fmt.Sprint(w)
}

func unaligned(u bool) string {
	if u {
		return " unaligned"
	}
	return ""
}
