package window

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/fault"
)

// maxWindows is how many windows a record may belong to, as in Flink.
const maxWindows = 10_000_000

// Sliding is the assigner of windows of one size that start at every slide, so that they overlap where the slide is shorter than the size, and leave holes
// where it is longer. Make one with [SlidingEventTime] or [SlidingProcessingTime].
type Sliding[T any] struct {
	base
	size, slide, offset int64
}

// SlidingEventTime assigns a record to all windows of the given size, one starting at every slide from the epoch, that its timestamp falls into.
func SlidingEventTime[T any](size, slide time.Duration) Sliding[T] {
	return Sliding[T]{base{true}, size.Milliseconds(), slide.Milliseconds(), 0}
}

// SlidingProcessingTime does as [SlidingEventTime] with the processing time in place of the timestamp.
func SlidingProcessingTime[T any](size, slide time.Duration) Sliding[T] {
	return Sliding[T]{base{false}, size.Milliseconds(), slide.Milliseconds(), 0}
}

// WithOffset returns a copy whose windows start d behind the epoch, or before it if d is negative. The offset lies between minus the slide and the slide.
func (a Sliding[T]) WithOffset(d time.Duration) Sliding[T] {
	a.offset = d.Milliseconds()
	return a
}

// Assign appends the record's windows, the latest first. A record without a timestamp in event time is an error.
func (a Sliding[T]) Assign(_ T, ts, now int64, out []Window) ([]Window, error) {
	t, err := a.time(ts, now)
	if err != nil {
		return out, err
	}
	for p := phase(t, a.offset, a.slide); p < a.size; p += a.slide {
		out = append(out, Window{sub(t, p), add(t, a.size-p)})
	}
	return out, nil
}

// Merging returns false.
func (a Sliding[T]) Merging() bool { return false }

// DefaultTrigger is [EventTimeTrigger] or [ProcessingTimeTrigger].
func (a Sliding[T]) DefaultTrigger() Trigger[T] { return timeTrigger[T](a.base) }

// Size is the size of the windows in milliseconds.
func (a Sliding[T]) Size() int64 { return a.size }

// Slide is the distance of their starts in milliseconds.
func (a Sliding[T]) Slide() int64 { return a.slide }

// Offset is the offset in milliseconds.
func (a Sliding[T]) Offset() int64 { return a.offset }

// Check reports a size or slide that is not positive, an offset that reaches as far as the slide, and more than 10,000,000 windows a record.
func (a Sliding[T]) Check() error {
	switch {
	case a.size <= 0:
		return fault.New(fault.WindowSize, "%v: the size is %d ms", a, a.size)
	case a.slide <= 0:
		return fault.New(fault.WindowSlide, "%v: the slide is %d ms", a, a.slide)
	case a.size/a.slide > maxWindows:
		return fault.New(fault.WindowSlide, "%v: a record would belong to %d windows", a, a.size/a.slide)
	}
	return checkOffset(a, a.offset, a.slide)
}

// String returns SlidingEventTimeWindows(size, slide) or SlidingProcessingTimeWindows(size, slide).
func (a Sliding[T]) String() string {
	return fmt.Sprintf("%s(%d, %d)", a.name("Sliding", "Windows"), a.size, a.slide)
}
