package jobmanager

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/wire"
)

// Effect is something that the machine wants done. The set is closed: the types of this file. The effects of a step are carried
// out in order, before the next step.
type Effect interface {
	fmt.Stringer
	effect()
}

type (
	// Send sends a message to a task manager. Messages to one task manager arrive in the order they were sent.
	Send struct {
		TaskManager string
		Message     *wire.ToTaskManager
	}
	// JobChanged tells that the job has changed its state.
	JobChanged struct{ From, To dataflow.JobState }
	// StartEnumerator makes and starts the enumerator of a vertex, with what a checkpoint has of it, nil at a fresh start. It is answered by EnumeratorStarted or EnumeratorFailed.
	StartEnumerator struct {
		Vertex   int
		Restored []byte
	}
	// SnapshotEnumerators takes the state of all enumerators, at once: before any other effect or event. It is answered by EnumeratorsSnapshotted.
	SnapshotEnumerators struct{ ID int64 }
	// StoreManifest writes a manifest durably. It is answered by ManifestStored.
	StoreManifest struct {
		ID       int64
		Manifest *manifest.Manifest
		Target   string // of a savepoint: URL of its storage
		Pointer  bool   // another manifest in the storage of the job leads to it: the job is restored from it until a later checkpoint is complete
	}
	// DeleteFiles removes files from the storage of the job, or that of a savepoint, in their order; what cannot be removed stays. It is not answered, unless Void is set, the number of a checkpoint that was given up, of which a manifest may be
	// there: then ManifestRemoved tells when that is gone for certain.
	DeleteFiles struct {
		Void   int64
		Target string
		Files  []string
	}
	// CheckpointCompleted tells that a checkpoint is durable.
	CheckpointCompleted struct {
		ID              int64
		Kind            coordinator.Kind
		Bytes, Duration int64
	}
	// CheckpointFailed tells that one will not complete.
	CheckpointFailed struct {
		ID  int64
		Err error
	}
	// CheckpointAnswered answers CheckpointRequested.
	CheckpointAnswered struct {
		Token, ID int64
		Err       error
	}
	// RestartScheduled tells that the job will begin anew after a failure, or, if Tasks is above 0, a region of so many tasks. Delay is in nanoseconds.
	RestartScheduled struct {
		Delay    int64
		Err      error
		Strategy string
		Tasks    int
	}
	// CloseEnumerator ends the enumerator of a vertex; no other method is called any more. It is answered by EnumeratorClosed.
	CloseEnumerator struct{ Vertex int }
	// AddReader tells an enumerator that a reader has started.
	AddReader struct{ Vertex, Subtask int }
	// RequestSplit tells an enumerator that a reader wants a split.
	RequestSplit struct{ Vertex, Subtask int }
	// DeliverSourceEvent brings a reader's event to the enumerator.
	DeliverSourceEvent struct {
		Vertex, Subtask int
		Event           []byte
	}
	// BarrierCompleted tells that every task that writes has passed the barrier on, or finished.
	BarrierCompleted struct{ Checkpoint base.CheckpointID }
	// BarrierAborted tells that a barrier will not complete.
	BarrierAborted struct {
		Checkpoint base.CheckpointID
		Err        error
	}
	// Ignored tells that an event changed nothing, and why. It is there for the trace.
	Ignored struct {
		Event Event
		Why   string
	}
	// JobEnded is the last effect of a job, but for answers to what comes too late: its result. Err is nil for FINISHED, a *Failure for FAILED, and a fault.JobCanceled error for
	// CANCELED.
	JobEnded struct {
		State dataflow.JobState
		Err   error
	}
)

func (Send) effect()                {}
func (JobChanged) effect()          {}
func (StartEnumerator) effect()     {}
func (CloseEnumerator) effect()     {}
func (SnapshotEnumerators) effect() {}
func (StoreManifest) effect()       {}
func (DeleteFiles) effect()         {}
func (CheckpointCompleted) effect() {}
func (CheckpointFailed) effect()    {}
func (CheckpointAnswered) effect()  {}
func (RestartScheduled) effect()    {}
func (AddReader) effect()           {}
func (RequestSplit) effect()        {}
func (DeliverSourceEvent) effect()  {}
func (BarrierCompleted) effect()    {}
func (BarrierAborted) effect()      {}
func (Ignored) effect()             {}
func (JobEnded) effect()            {}

func (e Send) String() string                { return "-> " + e.TaskManager + " " + describe(e.Message) }
func (e JobChanged) String() string          { return fmt.Sprintf("job: %v -> %v", e.From, e.To) }
func (e StartEnumerator) String() string     { return fmt.Sprintf("enumerator v%d: start", e.Vertex) }
func (e CloseEnumerator) String() string     { return fmt.Sprintf("enumerator v%d: close", e.Vertex) }
func (e SnapshotEnumerators) String() string { return fmt.Sprintf("snapshot enumerators for %d", e.ID) }
func (e StoreManifest) String() string {
	if e.Pointer {
		return fmt.Sprintf("store manifest %d, and a pointer to it", e.ID)
	}
	return fmt.Sprintf("store manifest %d", e.ID)
}
func (e DeleteFiles) String() string {
	if e.Void > 0 {
		return "delete for certain " + strings.Join(e.Files, " ")
	}
	return "delete " + strings.Join(e.Files, " ")
}
func (e CheckpointCompleted) String() string { return fmt.Sprintf("%v %d complete", e.Kind, e.ID) }
func (e CheckpointFailed) String() string {
	return fmt.Sprintf("checkpoint %d failed: %v", e.ID, e.Err)
}
func (e CheckpointAnswered) String() string {
	return fmt.Sprintf("answer #%d: %d, %v", e.Token, e.ID, e.Err)
}
func (e RestartScheduled) String() string {
	if e.Tasks > 0 {
		return fmt.Sprintf("restart %d tasks in %v: %v", e.Tasks, time.Duration(e.Delay), e.Err)
	}
	return fmt.Sprintf("restart in %v: %v", time.Duration(e.Delay), e.Err)
}
func (e AddReader) String() string {
	return fmt.Sprintf("enumerator v%d: add reader %d", e.Vertex, e.Subtask)
}
func (e RequestSplit) String() string {
	return fmt.Sprintf("enumerator v%d: split request from %d", e.Vertex, e.Subtask)
}
func (e DeliverSourceEvent) String() string {
	return fmt.Sprintf("enumerator v%d: event %q from %d", e.Vertex, e.Event, e.Subtask)
}
func (e BarrierCompleted) String() string { return fmt.Sprintf("barrier %d complete", e.Checkpoint) }
func (e BarrierAborted) String() string {
	return fmt.Sprintf("barrier %d aborted: %v", e.Checkpoint, e.Err)
}
func (e Ignored) String() string { return fmt.Sprintf("ignored: %v (%s)", e.Event, e.Why) }
func (e JobEnded) String() string {
	if e.Err == nil {
		return fmt.Sprintf("end: %v", e.State)
	}
	return fmt.Sprintf("end: %v: %v", e.State, e.Err)
}

// describe is the text of a message in traces: short, and the same in every run.
func describe(m *wire.ToTaskManager) string {
	switch {
	case m.GetDeploy() != nil:
		return fmt.Sprintf("deploy %v", m.GetDeploy().GetAttempt().ID())
	case m.GetCancel() != nil:
		return fmt.Sprintf("cancel %v", m.GetCancel().GetAttempt().ID())
	case m.GetAssignSplits() != nil:
		a := m.GetAssignSplits()
		ids := make([]string, len(a.GetSplits()))
		for i, s := range a.GetSplits() {
			ids[i] = s.GetId()
		}
		return fmt.Sprintf("assign %v [%s]", a.GetAttempt().ID(), strings.Join(ids, " "))
	case m.GetNoMoreSplits() != nil:
		return fmt.Sprintf("no-more-splits %v", m.GetNoMoreSplits().GetAttempt().ID())
	case m.GetSourceEvent() != nil:
		return fmt.Sprintf("event %v %q", m.GetSourceEvent().GetAttempt().ID(), m.GetSourceEvent().GetEvent())
	case m.GetTriggerBarrier() != nil:
		t := m.GetTriggerBarrier()
		return fmt.Sprintf("barrier %v %d%s%s", t.GetAttempt().ID(), t.GetCheckpoint(), unaligned(t.GetUnaligned()), [...]string{"", " stop", " drain"}[t.GetStop()])
	case m.GetCheckpointComplete() != nil:
		c := m.GetCheckpointComplete()
		if c.GetStop() {
			return fmt.Sprintf("complete %v %d, end", c.GetAttempt().ID(), c.GetCheckpoint())
		}
		return fmt.Sprintf("complete %v %d", c.GetAttempt().ID(), c.GetCheckpoint())
	case m.GetCheckpointAborted() != nil:
		c := m.GetCheckpointAborted()
		return fmt.Sprintf("go on %v %d", c.GetAttempt().ID(), c.GetCheckpoint())
	case m.GetCommit() != nil:
		return fmt.Sprintf("commit %v", m.GetCommit().GetAttempt().ID())
	case m.GetAlignWatermark() != nil:
		return fmt.Sprintf("align %v up to %s", m.GetAlignWatermark().GetAttempt().ID(), watermarkText(m.GetAlignWatermark().GetLimit()))
	case m.GetRelease() != nil:
		return "release"
	default:
		return "unknown message"
	}
}
