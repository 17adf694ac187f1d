package window

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// Assigner says which windows a record belongs to. It is a value without state: one serves all subtasks of an operator, which may call it at the same time.
//
// An assigner may also have the methods of [Checker], [Aligned] and [Staggered].
type Assigner[T any] interface {
	// Assign appends the windows of a record to out and returns that. ts is the record's timestamp, eventtime.NoTimestamp if it has none, and now the processing
	// time. It does not allocate but to grow out, and keeps neither out nor what v points to. An error fails the job.
	Assign(v T, ts, now int64, out []Window) ([]Window, error)
	// EventTime reports whether the windows end by the watermark; if not, they end by processing time.
	EventTime() bool
	// Merging reports whether windows of one key that touch become one, as the package comment says. The windows that such an assigner gives one record must not
	// touch each other.
	Merging() bool
	// DefaultTrigger is the trigger used where none is set.
	DefaultTrigger() Trigger[T]
	// String describes the assigner in plans and errors.
	String() string
}

// Checker is what a description implements that can be wrong, as a custom assigner with parameters. The error has a code of package fault; it is reported, with the
// operator's name, before the job starts.
type Checker interface {
	Check() error
}

// Aligned is implemented by assigners whose windows start at fixed distances. It allows the engine to keep one aggregate per slice of Slide milliseconds instead of
// one per window, and never to call Assign. So the assigner promises that a record with time t, its timestamp if EventTime and else the processing time, belongs to
// exactly the windows [s, s+Size) with s = Offset modulo Slide that contain t, and that Assign gives them latest first.
//
// All are milliseconds, for tumbling windows the slide is the size, and the offset lies between -Slide and Slide, both excluded. If [Staggered] gives anything but
// [StaggerAligned], the methods are of use only on what At returned.
type Aligned interface {
	Size() int64
	Slide() int64
	Offset() int64
}

// Staggered is implemented by assigners that shift their windows by a distance which each subtask draws once, when its first record comes, so that not all
// subtasks fire at the same time. The engine calls Stagger().Offset then and from there on uses what At returns; the drawn distance belongs to its state.
type Staggered[T any] interface {
	Stagger() Stagger
	// At returns the assigner with its windows shifted by a fixed number of milliseconds, and no stagger.
	At(stagger int64) Assigner[T]
}

// Stagger says how the windows of different subtasks lie to each other.
type Stagger uint8

const (
	// StaggerAligned is the default: no subtask shifts its windows.
	StaggerAligned Stagger = iota
	// StaggerRandom shifts the windows of a subtask by a random part of their size.
	StaggerRandom
	// StaggerNatural shifts the windows of a subtask by how far the processing time was into a window when the first record came.
	StaggerNatural
)

// Offset draws the distance for windows of the given size. now is the processing time, random a number from [0, 1), which only [StaggerRandom] uses.
func (s Stagger) Offset(now, size int64, random float64) int64 {
	switch s {
	case StaggerRandom:
		return int64(random * float64(size))
	case StaggerNatural:
		return phase(now, 0, size)
	default:
		return 0
	}
}

// String returns "ALIGNED", "RANDOM" or "NATURAL".
func (s Stagger) String() string {
	switch s {
	case StaggerRandom:
		return "RANDOM"
	case StaggerNatural:
		return "NATURAL"
	default:
		return "ALIGNED"
	}
}

// base is what the built-in time windows have in common: by which time they go.
type base struct{ eventTime bool }

// EventTime reports whether the windows end by the watermark.
func (b base) EventTime() bool { return b.eventTime }

// time picks the time that decides about a record's windows.
func (b base) time(ts, now int64) (int64, error) {
	if !b.eventTime {
		return now, nil
	}
	if ts == eventtime.NoTimestamp {
		return 0, errNoTimestamp()
	}
	return ts, nil
}

// name prefixes the name of an assigner of event time or processing time as Flink does.
func (b base) name(before, after string) string {
	if b.eventTime {
		return before + "EventTime" + after
	}
	return before + "ProcessingTime" + after
}

func errNoTimestamp() error {
	return fault.New(fault.WindowNoTimestamp, "a record in an event-time window has no timestamp")
}

// timeTrigger is the default trigger of the built-in time windows.
func timeTrigger[T any](b base) Trigger[T] {
	if b.eventTime {
		return EventTimeTrigger[T]()
	}
	return ProcessingTimeTrigger[T]()
}
