package operator

import (
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/temporal"
)

// splitTime makes the timestamps and watermarks of one split, or of what a reader emits outside of splits.
type splitTime[T any] struct {
	time  *sourceTime[T]
	part  *temporal.Split // nil as long as nothing is known of it
	out   *connector.Output[T]
	ended bool

	generator eventtime.Generator[T] // nil if the watermark trails the largest timestamp
	highest   int64
	// gate is highest, or below every timestamp while the split is idle: so one comparison tells both a record that advances the watermark and one that ends idleness.
	gate int64

	idleness  temporal.Idleness
	idleAt    int64 // records when it was called idle
	idleSince time.Time

	paused      bool
	pausedSince time.Time
	waits       temporal.Stopwatch

	shown int64
	since time.Time
}

var (
	_ eventtime.WatermarkOutput = (*splitTime[int])(nil)
	_ connector.OutputHooks     = (*splitTime[int])(nil)
)

// entries returns the functions that take the split's records, by value and by reference. A record is emitted before it advances the watermark.
func (s *splitTime[T]) entries() (func(T, int64), func(*T, int64)) {
	value, ref := s.timedEntries()
	ctx := s.time.ctx
	if !ctx.Paced {
		return value, ref
	}
	return func(v T, ts int64) {
			value(v, ts)
			ctx.Stop.Store(1)
		}, func(v *T, ts int64) {
			ref(v, ts)
			ctx.Stop.Store(1)
		}
}

// timedEntries are the entries that set timestamps and make watermarks.
func (s *splitTime[T]) timedEntries() (func(T, int64), func(*T, int64)) {
	t, next := s.time, s.time.next
	if !t.given {
		return next.Value, next.Ref
	}
	assign := t.strategy.Assigner()
	switch {
	case t.trails && !t.ctx.Batch:
		s.highest = eventtime.MinWatermark + t.lag // so that the watermark cannot overflow
		s.gate = s.highest
		if assign == nil {
			return func(v T, ts int64) {
					next.Value(v, ts)
					if ts > s.gate {
						s.rise(ts)
					}
				}, func(v *T, ts int64) {
					next.Ref(v, ts)
					if ts > s.gate {
						s.rise(ts)
					}
				}
		}
		return func(v T, ts int64) {
				ts = assign(v, ts)
				next.Value(v, ts)
				if ts > s.gate {
					s.rise(ts)
				}
			}, func(v *T, ts int64) {
				ts = assign(*v, ts)
				next.Ref(v, ts)
				if ts > s.gate {
					s.rise(ts)
				}
			}
	case t.strategy.Silent() || t.ctx.Batch: // there is one watermark, the engine's, at the end
		if assign == nil {
			return next.Value, next.Ref
		}
		return func(v T, ts int64) { next.Value(v, assign(v, ts)) },
			func(v *T, ts int64) { next.Ref(v, assign(*v, ts)) }
	}
	if s.generator = t.strategy.NewGenerator(); s.generator == nil {
		t.ctx.Fail(fault.New(fault.GraphNilFunction, "the function that makes watermark generators returned nil"))
		return next.Value, next.Ref
	}
	each := t.interval <= 0
	value := func(v T, ts int64) {
		if assign != nil {
			ts = assign(v, ts)
		}
		next.Value(v, ts)
		s.event(v, ts, each)
	}
	return value, func(v *T, ts int64) { value(*v, ts) } // the generator sees the record as it was
}

// rise takes a timestamp above the gate.
func (s *splitTime[T]) rise(ts int64) {
	if s.part != nil && s.part.Idle() {
		s.time.wake(s)
		if ts <= s.highest {
			return
		}
	}
	s.highest, s.gate = ts, ts
	s.time.advance(s, ts-s.time.lag)
}

func (s *splitTime[T]) event(v T, ts int64, each bool) {
	if s.part != nil && s.part.Idle() {
		s.time.wake(s)
	}
	s.generator.OnEvent(v, ts, s)
	if each {
		s.generator.OnPeriodicEmit(s)
	}
}

// count is how many records the split has had.
func (s *splitTime[T]) count() int64 {
	if s.out == nil {
		return 0
	}
	return s.out.Count()
}

// EmitWatermark implements [eventtime.WatermarkOutput].
func (s *splitTime[T]) EmitWatermark(w int64) {
	if w > eventtime.MinWatermark {
		s.time.advance(s, w)
	}
}

// MarkIdle implements [eventtime.WatermarkOutput].
func (s *splitTime[T]) MarkIdle() { s.time.setIdle(s, true) }

// MarkActive implements [eventtime.WatermarkOutput].
func (s *splitTime[T]) MarkActive() { s.time.setIdle(s, false) }

// Watermark implements [connector.OutputHooks].
func (s *splitTime[T]) Watermark(w int64) { s.EmitWatermark(w) }

// Idle implements [connector.OutputHooks].
func (s *splitTime[T]) Idle(idle bool) { s.time.setIdle(s, idle) }
