// Package connector is the contract of sources and sinks. Connectors build on it and on the other vocabulary packages alone.
//
// A source has the shape of Flink's FLIP-27: one [Enumerator] per job finds splits and hands them out; a [Reader] in each
// subtask reads the splits that it was given, and never blocks. Where a reader has got to lies in its splits. A sink
// has the shape of Sink V2: a [Writer] per subtask, and optionally a [Committer] that makes what writers prepared visible.
package connector

import (
	"context"
	"log/slog"
	"time"
)

// Boundedness says whether a source ends by itself.
type Boundedness uint8

const (
	// Bounded sources end.
	Bounded Boundedness = iota
	// ContinuousUnbounded sources go on until the job is canceled.
	ContinuousUnbounded
)

// Split is a part of a source's input: a file, a partition, a range of numbers. It travels between processes and is kept in
// checkpoints, so its State is encoded by the connector. State holds both what the part is and how far it has been read.
type Split struct {
	// ID is unique within the source, and stays the same while the split is read.
	ID string
	// State is owned by the split: nobody changes the bytes after the split was handed over.
	State []byte
}

// Source describes an input. It is a value: the engine calls NewEnumerator once per run of the job and NewReader once per
// subtask, from any goroutine.
type Source[T any] interface {
	Boundedness() Boundedness
	// NewEnumerator makes the enumerator. restored is what Enumerator.Snapshot returned, nil at a fresh start.
	NewEnumerator(ctx EnumeratorContext, restored []byte) (Enumerator, error)
	// NewReader makes the reader of one subtask.
	NewReader(ctx ReaderContext) (Reader[T], error)
}

// Checker is an optional capability of sources and sinks: Check is called before the job starts, on the submitting side, and returns
// what can be known to be wrong by then: a missing file, a malformed pattern, an option out of range.
type Checker interface {
	Check(ctx context.Context) error
}

// Enumerator finds splits and assigns them to readers. Its methods are called one at a time, never at once; none may block for long:
// work that waits goes through [EnumeratorContext.CallAsync]. An error returned by any method fails the job.
type Enumerator interface {
	// Start is called once, before any other method.
	Start() error
	// AddReader tells that the reader of a subtask has started.
	AddReader(subtask int) error
	// HandleSplitRequest tells that a reader asked for another split.
	HandleSplitRequest(subtask int) error
	// HandleSourceEvent brings what a reader sent by ReaderContext.SendEvent.
	HandleSourceEvent(subtask int, event []byte) error
	// AddSplitsBack returns splits that were assigned to a reader that failed, since the last checkpoint.
	AddSplitsBack(splits []Split, subtask int) error
	// Snapshot returns the state to restore from: splits not yet assigned, and what has been discovered.
	Snapshot(checkpoint int64) ([]byte, error)
	// Close is called once, last.
	Close() error
}

// EnumeratorContext is what the engine gives an enumerator. Its methods may be called only from within the enumerator's methods and
// the continuations of CallAsync.
type EnumeratorContext interface {
	// Parallelism is the number of readers.
	Parallelism() int
	// Assign gives splits to the reader of a subtask. Splits arrive in the order of the calls.
	Assign(subtask int, splits ...Split)
	// NoMoreSplits tells a reader that nothing will come after what was assigned.
	NoMoreSplits(subtask int)
	// SendEvent brings an event to a reader's HandleSourceEvent.
	SendEvent(subtask int, event []byte)
	// CallAsync runs work away from the coordinator, after delay, and then calls then with its result, as if it were a method of the enumerator.
	// The context ends when the enumerator closes; then is not called after that. work must not touch the enumerator.
	CallAsync(delay time.Duration, work func(context.Context) (any, error), then func(any, error) error)
	// Fail fails the job.
	Fail(err error)
	Logger() *slog.Logger
}

// Status is what a reader's Poll found.
type Status uint8

const (
	// MoreAvailable means Poll can be called again at once.
	MoreAvailable Status = iota
	// NothingAvailable means that there is nothing now: the reader calls ReaderContext.Wake when there is.
	NothingAvailable
	// EndOfInput means that all splits are read and no more will come. Poll is not called again.
	EndOfInput
)

// Reader reads the splits of one subtask. Its methods are called one at a time, by the task. None may block: what waits for a disk, a
// network or a clock goes through [ReaderContext.Async]. An error returned by any method fails the job.
type Reader[T any] interface {
	// Start is called once, before any other method. A reader that wants splits one by one calls RequestSplit here.
	Start() error
	// Poll emits some records and returns. It should return soon after out.Stop reports true, and must return after a bounded number of
	// records (some thousands): the engine does other work between two calls.
	Poll(out *Output[T]) (Status, error)
	// AddSplits gives the reader splits, fresh from the enumerator or restored.
	AddSplits(splits []Split) error
	// NoMoreSplits tells that AddSplits is not called again.
	NoMoreSplits() error
	// HandleSourceEvent brings what the enumerator sent.
	HandleSourceEvent(event []byte) error
	// Snapshot returns the splits not yet finished, each with its position: reading goes on behind the last record emitted.
	Snapshot(checkpoint int64) ([]Split, error)
	// Close is called once, last, also after a failure. It must not block.
	Close() error
}

// ReaderContext is what the engine gives a reader. Unless a method says otherwise, it may be called only from within the reader's methods and
// the continuations of Async.
type ReaderContext interface {
	// Subtask counts from 0.
	Subtask() int
	Parallelism() int
	// RequestSplit asks the enumerator for a split: its HandleSplitRequest is called.
	RequestSplit()
	// SendEvent brings an event to the enumerator.
	SendEvent(event []byte)
	// Wake says that Poll has something again, after NothingAvailable. It may be called from any goroutine, also after Close.
	Wake()
	// Async runs work away from the task, after delay, and then calls then (unless it is nil) as if it were a method of the reader; Poll is
	// called again after it. The context ends when the job is canceled or the task ends, and then is not called after that. work may block,
	// as long as it ends soon after its context does; it must not touch the reader's fields that methods use.
	Async(delay time.Duration, work func(context.Context), then func())
	// Now is the engine's clock: the wall clock, or the virtual one in simulation.
	Now() time.Time
	Logger() *slog.Logger
}
