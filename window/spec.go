package window

import (
	"errors"
	"time"

	"github.com/weirstream/weir/fault"
)

// Spec is the whole description of the windows of one operator. Only the assigner is needed.
type Spec[T any] struct {
	Assigner Assigner[T]
	// Trigger replaces the assigner's default trigger where it is not nil; it is not added to it.
	Trigger Trigger[T]
	// Evictor is nil for none. With one, a window keeps all its elements, whatever the function does with them.
	Evictor Evictor[T]
	// AllowedLateness is how far the watermark may have passed the end of an event-time window before its records are late. The default is 0. Other windows ignore it.
	AllowedLateness time.Duration
}

// CountWindow describes windows of n records of a key: after every n-th the result of these n comes, and they are thrown away. These are [Globals] with a purging
// [CountTrigger]; n is at least 1.
func CountWindow[T any](n int64) Spec[T] {
	return Spec[T]{Assigner: Globals[T](), Trigger: PurgingTrigger(CountTrigger[T](n))}
}

// SlidingCountWindow describes windows of the last size records of a key, with a result after every slide records, from the first slide on. These are [Globals] with
// a [CountTrigger] of slide and a [CountEvictor] of size; both are at least 1.
func SlidingCountWindow[T any](size, slide int64) Spec[T] {
	return Spec[T]{Assigner: Globals[T](), Trigger: CountTrigger[T](slide), Evictor: CountEvictor[T](size, Before)}
}

// TriggerOrDefault is the trigger, or the assigner's default.
func (s Spec[T]) TriggerOrDefault() Trigger[T] {
	if s.Trigger != nil {
		return s.Trigger
	}
	return s.Assigner.DefaultTrigger()
}

// Lateness is the allowed lateness in milliseconds.
func (s Spec[T]) Lateness() int64 { return s.AllowedLateness.Milliseconds() }

// Cleanup is the time at which a window ends and is removed: a watermark for event-time windows, else a processing time. The end of time means never. An event-time window is
// late when the watermark has reached it.
func (s Spec[T]) Cleanup(w Window) int64 {
	if s.Assigner.EventTime() {
		return add(w.MaxTimestamp(), s.Lateness())
	}
	return w.MaxTimestamp()
}

// Check reports all that is wrong with the description, joined into one error, whose parts have codes of package fault.
func (s Spec[T]) Check() error {
	if s.Assigner == nil {
		return fault.New(fault.GraphNilFunction, "the window assigner is nil")
	}
	errs := []error{check(s.Assigner), check(s.Trigger), check(s.Evictor)}
	if s.AllowedLateness < 0 {
		errs = append(errs, fault.New(fault.WindowLateness, "%v: the allowed lateness is %v", s.Assigner, s.AllowedLateness))
	}
	if t := s.TriggerOrDefault(); t == nil {
		errs = append(errs, fault.New(fault.GraphNilFunction, "%v: there is no trigger, and no default one", s.Assigner))
	} else if s.Assigner.Merging() && valid(t) && !t.CanMerge() {
		errs = append(errs, fault.New(fault.WindowTriggerMerge, "%v merges windows, and %v cannot", s.Assigner, t))
	}
	return errors.Join(errs...)
}

func valid(v any) bool { return check(v) == nil }

// check asks a part of a description whether it is right. A part that has no Check is.
func check(v any) error {
	if c, ok := v.(Checker); ok {
		return c.Check()
	}
	return nil
}

// String describes the windows in plans: the assigner, and what was set besides.
func (s Spec[T]) String() string {
	text := s.Assigner.String()
	if s.Trigger != nil {
		text += ", " + s.Trigger.String()
	}
	if s.Evictor != nil {
		text += ", " + s.Evictor.String()
	}
	if s.AllowedLateness != 0 {
		text += ", allowedLateness=" + s.AllowedLateness.String()
	}
	return text
}
