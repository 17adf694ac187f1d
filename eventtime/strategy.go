package eventtime

import (
	"errors"
	"time"

	"github.com/weirstream/weir/fault"
)

// DefaultUpdateInterval is how often the sources of an alignment group report their watermarks, unless they say otherwise.
const DefaultUpdateInterval = time.Second

// Strategy says how records get their timestamps and what is made of them: a timestamp assigner, a generator of watermarks, a timeout after which a
// silent input is idle, and the group of sources that a source is aligned with. It is a value: its With methods return copies, and it may be used in
// several places. What is wrong with it is reported before the job starts: see [Strategy.Check].
//
// The zero Strategy is [NoWatermarks].
type Strategy[T any] struct {
	kind      kind
	bound     time.Duration
	generator func() Generator[T]
	assigner  func(v T, recordTimestamp int64) int64
	assigned  bool
	idleness  time.Duration
	idles     bool
	alignment Alignment
	aligned   bool
}

type kind uint8

const (
	none kind = iota
	bounded
	custom
)

// Alignment says which sources keep together: a source, and each split of it, that is ahead of the lowest watermark in its group by more than MaxDrift is not
// read until the others have come closer.
type Alignment struct {
	// Group is a name that the sources of a group share.
	Group string
	// MaxDrift is at least a millisecond.
	MaxDrift time.Duration
	// UpdateInterval is how often the source reports its watermark and learns how far it may go; it may get ahead by what it reads meanwhile.
	UpdateInterval time.Duration
}

// ForMonotonousTimestamps is for records whose timestamps never go back: the watermark is the largest timestamp less a millisecond, so that another record with the
// same timestamp is not late.
func ForMonotonousTimestamps[T any]() Strategy[T] { return ForBoundedOutOfOrderness[T](0) }

// ForBoundedOutOfOrderness is for records that come up to d late: the watermark is the largest timestamp less d and a millisecond. What d has below a
// millisecond is cut off. It must not be negative.
func ForBoundedOutOfOrderness[T any](d time.Duration) Strategy[T] {
	return Strategy[T]{kind: bounded, bound: d}
}

// NoWatermarks makes no watermarks but the last, at the end of bounded input. At a source, those that its reader makes stay.
func NoWatermarks[T any]() Strategy[T] { return Strategy[T]{} }

// ForGenerator is for watermarks of one's own: create is called for each split, or for each subtask, on its task.
func ForGenerator[T any](create func() Generator[T]) Strategy[T] {
	return Strategy[T]{kind: custom, generator: create}
}

// WithTimestampAssigner sets the timestamp of each record to what assign returns, in milliseconds since the epoch. It is given the timestamp that the record had,
// [NoTimestamp] if none. Without an assigner records keep theirs: those that the source gave them.
func (s Strategy[T]) WithTimestampAssigner(assign func(v T, recordTimestamp int64) int64) Strategy[T] {
	s.assigner, s.assigned = assign, true
	return s
}

// WithIdleness marks a split, or a stream, as idle that has had no record for d: it does not hold back the watermark of what reads it, until its next record. It
// takes up to three intervals of weir.Options.AutoWatermarkInterval longer to notice. The clock stands still while the task is blocked by backpressure
// or the split is paused by alignment: then it is not the input that is silent. d must be positive.
func (s Strategy[T]) WithIdleness(d time.Duration) Strategy[T] {
	s.idleness, s.idles = d, true
	return s
}

// WithWatermarkAlignment puts a source into a group: see [Alignment]. maxDrift must be at least a millisecond. updateInterval is [DefaultUpdateInterval] if it is left out.
func (s Strategy[T]) WithWatermarkAlignment(group string, maxDrift time.Duration, updateInterval ...time.Duration) Strategy[T] {
	s.alignment, s.aligned = Alignment{Group: group, MaxDrift: maxDrift, UpdateInterval: DefaultUpdateInterval}, true
	if len(updateInterval) > 0 {
		s.alignment.UpdateInterval = updateInterval[0]
	}
	return s
}

// Check returns all that is wrong with the strategy, joined, or nil: a nil function has the code graph.nil-function, a value out of range option.invalid.
func (s Strategy[T]) Check() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fault.New(fault.OptionInvalid, format, args...))
	}
	if s.bound < 0 {
		wrong("the out-of-orderness of a watermark strategy is %v, it must not be negative", s.bound)
	}
	if s.kind == custom && s.generator == nil {
		errs = append(errs, fault.New(fault.GraphNilFunction, "the function that makes watermark generators is nil"))
	}
	if s.assigned && s.assigner == nil {
		errs = append(errs, fault.New(fault.GraphNilFunction, "the timestamp assigner of a watermark strategy is nil"))
	}
	if s.idles && s.idleness <= 0 {
		wrong("the idleness timeout of a watermark strategy is %v, it must be positive", s.idleness)
	}
	if a := s.alignment; s.aligned {
		if a.Group == "" {
			wrong("the name of a watermark alignment group is empty")
		}
		if a.MaxDrift < time.Millisecond {
			wrong("the largest drift of watermark alignment group %q is %v, it must be at least 1ms", a.Group, a.MaxDrift)
		}
		if a.UpdateInterval <= 0 {
			wrong("the update interval of watermark alignment group %q is %v, it must be positive", a.Group, a.UpdateInterval)
		}
	}
	return errors.Join(errs...)
}

// What follows is for the engine.

// Assigner returns the timestamp assigner, nil if records keep their timestamps.
func (s Strategy[T]) Assigner() func(v T, recordTimestamp int64) int64 { return s.assigner }

// Lag returns by how many milliseconds the watermark trails the largest timestamp. ok is false if the strategy is not one of those that trail it.
func (s Strategy[T]) Lag() (ms int64, ok bool) { return s.bound.Milliseconds() + 1, s.kind == bounded }

// Silent reports whether the strategy makes no watermarks.
func (s Strategy[T]) Silent() bool { return s.kind == none }

// NewGenerator returns a new generator. It is nil only if the user's function returns nil.
func (s Strategy[T]) NewGenerator() Generator[T] {
	switch s.kind {
	case bounded:
		return NewBoundedOutOfOrderness[T](s.bound)
	case custom:
		return s.generator()
	}
	return silent[T]{}
}

// Functions lists the user's functions.
func (s Strategy[T]) Functions() []any {
	var fns []any
	if s.assigner != nil {
		fns = append(fns, s.assigner)
	}
	if s.generator != nil {
		fns = append(fns, s.generator)
	}
	return fns
}

// Idleness returns the idleness timeout, 0 for none.
func (s Strategy[T]) Idleness() time.Duration { return s.idleness }

// Alignment returns the group of the source; ok is false if it has none.
func (s Strategy[T]) Alignment() (a Alignment, ok bool) { return s.alignment, s.aligned }
