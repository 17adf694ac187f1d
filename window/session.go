package window

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/fault"
)

// Session is the assigner of session windows: records of a key that follow each other within the gap share a window, which ends when a gap has passed without a record.
// Make one with [EventTimeSession] or [ProcessingTimeSession].
type Session[T any] struct {
	base
	gap int64
}

// EventTimeSession assigns a record with timestamp t to the window [t, t+gap), which merges with those it touches.
func EventTimeSession[T any](gap time.Duration) Session[T] {
	return Session[T]{base{true}, gap.Milliseconds()}
}

// ProcessingTimeSession does as [EventTimeSession] with the processing time in place of the timestamp.
func ProcessingTimeSession[T any](gap time.Duration) Session[T] {
	return Session[T]{base{false}, gap.Milliseconds()}
}

// Assign appends the record's window. A record without a timestamp in event time is an error, where Flink would call it late.
func (a Session[T]) Assign(_ T, ts, now int64, out []Window) ([]Window, error) {
	t, err := a.time(ts, now)
	if err != nil {
		return out, err
	}
	return append(out, Window{t, add(t, a.gap)}), nil
}

// Gap is the gap in milliseconds.
func (a Session[T]) Gap() int64 { return a.gap }

// Merging returns true.
func (a Session[T]) Merging() bool { return true }

// DefaultTrigger is [EventTimeTrigger] or [ProcessingTimeTrigger].
func (a Session[T]) DefaultTrigger() Trigger[T] { return timeTrigger[T](a.base) }

// Check reports a gap that is not positive.
func (a Session[T]) Check() error {
	if a.gap <= 0 {
		return fault.New(fault.WindowGap, "%v: the gap is %d ms", a, a.gap)
	}
	return nil
}

// String returns EventTimeSessionWindows(gap) or ProcessingTimeSessionWindows(gap).
func (a Session[T]) String() string {
	return fmt.Sprintf("%s(%d)", a.name("", "SessionWindows"), a.gap)
}

// DynamicSession is the assigner of session windows whose gap depends on the record. Make one with [DynamicEventTimeSession] or [DynamicProcessingTimeSession].
type DynamicSession[T any] struct {
	base
	gap func(T) time.Duration
}

// DynamicEventTimeSession assigns a record v with timestamp t to the window [t, t+gap(v)), which merges with those it touches. gap is called by all subtasks at the same time;
// a gap of less than a millisecond fails the job.
func DynamicEventTimeSession[T any](gap func(v T) time.Duration) DynamicSession[T] {
	return DynamicSession[T]{base{true}, gap}
}

// DynamicProcessingTimeSession does as [DynamicEventTimeSession] with the processing time in place of the timestamp.
func DynamicProcessingTimeSession[T any](gap func(v T) time.Duration) DynamicSession[T] {
	return DynamicSession[T]{base{false}, gap}
}

// Assign appends the record's window. A gap that is not positive is an error, and so is a record without a timestamp in event time.
func (a DynamicSession[T]) Assign(v T, ts, now int64, out []Window) ([]Window, error) {
	t, err := a.time(ts, now)
	if err != nil {
		return out, err
	}
	gap := a.gap(v)
	if gap < time.Millisecond {
		return out, fault.New(fault.WindowGap, "%v: the gap function returned %v", a, gap)
	}
	return append(out, Window{t, add(t, gap.Milliseconds())}), nil
}

// Merging returns true.
func (a DynamicSession[T]) Merging() bool { return true }

// DefaultTrigger is [EventTimeTrigger] or [ProcessingTimeTrigger].
func (a DynamicSession[T]) DefaultTrigger() Trigger[T] { return timeTrigger[T](a.base) }

// Check reports a nil function.
func (a DynamicSession[T]) Check() error {
	if a.gap == nil {
		return fault.New(fault.GraphNilFunction, "%v: the gap function is nil", a)
	}
	return nil
}

// String returns DynamicEventTimeSessionWindows() or DynamicProcessingTimeSessionWindows().
func (a DynamicSession[T]) String() string { return a.name("Dynamic", "SessionWindows()") }
