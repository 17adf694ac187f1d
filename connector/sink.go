package connector

import (
	"context"
	"log/slog"
	"time"
)

// Sink describes an output. It is a value, used from any goroutine.
type Sink[T any] interface {
	// NewWriter makes the writer of one subtask. restored is what the writers of earlier subtasks returned from SnapshotState, nil at a fresh start. All states of one
	// earlier subtask go to the same new one; at another parallelism a subtask may get those of several, or none. What the earlier writers prepared after that checkpoint
	// must never become visible, and is best removed here.
	NewWriter(ctx WriterContext, restored [][]byte) (Writer[T], error)
}

// CommittingSink is a sink in two phases: its writers are [PreparingWriter]s, and what they prepare becomes visible when the committer
// commits it.
type CommittingSink[T any] interface {
	Sink[T]
	// NewCommitter makes the committer that runs beside the writer of one subtask.
	NewCommitter(ctx WriterContext) (Committer, error)
}

// Writer writes the records of one subtask. Its methods are called one at a time. An error fails the job.
type Writer[T any] interface {
	// Write takes one record. ts is its timestamp, or eventtime.NoTimestamp. The writer may keep v, but must not change what v points to.
	Write(v T, ts int64) error
	// Flush writes out what is buffered: before each checkpoint, when the input pauses, and, with endOfInput true, once at the end.
	Flush(endOfInput bool) error
	// Close is called once, last, also after a failure. What was neither prepared nor flushed may be lost.
	Close() error
}

// StatefulWriter is an optional capability of writers.
type StatefulWriter interface {
	// SnapshotState returns what a writer needs to go on from this point. At a checkpoint it is called after Flush and PrepareCommit; what these returned is kept with it.
	SnapshotState(checkpoint int64) ([][]byte, error)
}

// PreparingWriter is the writer of a [CommittingSink].
type PreparingWriter interface {
	// PrepareCommit returns what has to be committed to make all that was written so far, or all that is finished, visible. It is called after Flush.
	PrepareCommit() ([]Committable, error)
}

// Committable is what a committer needs to make prepared output visible; it is kept in checkpoints.
type Committable []byte

// Committer commits what belongs to a checkpoint once that is complete, and to those before it that were not committed. After a restore it is given what the checkpoint
// holds, perhaps of other subtasks, before NewWriter is called with their states. A committable may be given again, to the same committer or after a crash to another, and in other company:
// committing twice must be the same as once, whoever has changed or removed the output since.
type Committer interface {
	// Commit may block; it runs away from the task's step. An error is retried if fault.Retryable says so, else fails the job.
	Commit(ctx context.Context, committables []Committable) error
	Close() error
}

// WriterContext is what the engine gives a writer. Its methods may be called only from within the writer's methods, Wake from anywhere.
type WriterContext interface {
	// JobID names the run of the job.
	JobID() string
	// Subtask counts from 0.
	Subtask() int
	Parallelism() int
	// Watermark is the current watermark, eventtime.MinWatermark if there is none.
	Watermark() int64
	// Bounded reports whether all sources of the job end by themselves.
	Bounded() bool
	Now() time.Time
	// Schedule calls f once, as if it were a method of the writer, when d has passed; not after Close.
	Schedule(d time.Duration, f func() error)
	Logger() *slog.Logger
}

// ReadyWriter is an optional capability of writers that can be full: while Ready reports false, the task takes no input, and the block spreads
// upstream. The writer calls wake, from any goroutine, when Ready may have become true.
type ReadyWriter interface {
	Ready() bool
	OnReady(wake func())
}
