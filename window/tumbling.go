package window

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/fault"
)

// Tumbling is the assigner of windows of one size that follow each other without overlap or hole. Make one with [TumblingEventTime] or [TumblingProcessingTime].
type Tumbling[T any] struct {
	base
	size, offset int64
	stagger      Stagger
}

// TumblingEventTime assigns a record to the one window of the given size that its timestamp falls into. Windows start at the epoch and at every size from there.
func TumblingEventTime[T any](size time.Duration) Tumbling[T] {
	return Tumbling[T]{base{true}, size.Milliseconds(), 0, StaggerAligned}
}

// TumblingProcessingTime assigns a record to the one window of the given size that the processing time falls into.
func TumblingProcessingTime[T any](size time.Duration) Tumbling[T] {
	return Tumbling[T]{base{false}, size.Milliseconds(), 0, StaggerAligned}
}

// WithOffset returns a copy whose windows start d behind the epoch, or before it if d is negative. Days of China Standard Time, UTC+8, have an offset of -8 hours.
// The offset lies between minus the size and the size.
func (a Tumbling[T]) WithOffset(d time.Duration) Tumbling[T] {
	a.offset = d.Milliseconds()
	return a
}

// WithStagger returns a copy whose windows each subtask shifts as s says. The default is [StaggerAligned].
func (a Tumbling[T]) WithStagger(s Stagger) Tumbling[T] {
	a.stagger = s
	return a
}

// Assign appends the record's window. A record without a timestamp in event time is an error.
func (a Tumbling[T]) Assign(_ T, ts, now int64, out []Window) ([]Window, error) {
	t, err := a.time(ts, now)
	if err != nil {
		return out, err
	}
	p := phase(t, a.offset, a.size)
	return append(out, Window{sub(t, p), add(t, a.size-p)}), nil
}

// Merging returns false.
func (a Tumbling[T]) Merging() bool { return false }

// DefaultTrigger is [EventTimeTrigger] or [ProcessingTimeTrigger].
func (a Tumbling[T]) DefaultTrigger() Trigger[T] { return timeTrigger[T](a.base) }

// Size is the size of the windows in milliseconds.
func (a Tumbling[T]) Size() int64 { return a.size }

// Slide is the size, too.
func (a Tumbling[T]) Slide() int64 { return a.size }

// Offset is the offset in milliseconds.
func (a Tumbling[T]) Offset() int64 { return a.offset }

// Stagger says how the subtasks shift their windows.
func (a Tumbling[T]) Stagger() Stagger { return a.stagger }

// At returns the assigner with its windows shifted by a fixed distance.
func (a Tumbling[T]) At(stagger int64) Assigner[T] {
	a.offset, a.stagger = (a.offset+stagger)%a.size, StaggerAligned
	return a
}

// Check reports a size that is not positive, and an offset that reaches as far as the size.
func (a Tumbling[T]) Check() error {
	if a.size <= 0 {
		return fault.New(fault.WindowSize, "%v: the size is %d ms", a, a.size)
	}
	return checkOffset(a, a.offset, a.size)
}

// String returns TumblingEventTimeWindows(size) or TumblingProcessingTimeWindows(size).
func (a Tumbling[T]) String() string {
	return fmt.Sprintf("%s(%d)", a.name("Tumbling", "Windows"), a.size)
}

func checkOffset(a fmt.Stringer, offset, slide int64) error {
	if offset <= -slide || offset >= slide {
		return fault.New(fault.WindowOffset, "%v: the offset is %d ms, the windows start every %d ms", a, offset, slide)
	}
	return nil
}
