package operator

import (
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/temporal"
)

// Watermarks sets the timestamps of records and makes watermarks. It replaces timestamps, watermarks and idleness from further up.
type Watermarks[T any] struct {
	// Timestamp, unless nil, sets each record's timestamp, in place of the strategy's assigner.
	Timestamp func(T) int64
	Strategy  eventtime.Strategy[T]
	// Interval is how often a generator is asked; not positive: after every record.
	Interval time.Duration
}

type watermarksInstance[T any] struct {
	Base
	in        *Port[T]
	f         *Watermarks[T]
	ctx       *Context
	highest   int64
	generator eventtime.Generator[T]

	count    int64 // records, as far as it matters
	every    time.Duration
	ticking  bool
	ended    bool
	idle     bool
	idleness temporal.Idleness
}

// New implements [Factory].
func (f *Watermarks[T]) New(ctx *Context, w Wiring) (Instance, error) {
	m := &watermarksInstance[T]{f: f, ctx: ctx, every: tickInterval(f.Strategy, f.Interval)}
	m.idleness.Timeout = int64(f.Strategy.Idleness())
	lag, trails := f.Strategy.Lag()
	m.highest = eventtime.MinWatermark + lag // so that the watermark cannot overflow
	timestamp, assign, next := f.Timestamp, f.Strategy.Assigner(), Next[T](w)
	if !trails {
		if m.generator = f.Strategy.NewGenerator(); m.generator == nil {
			return nil, fault.New(fault.GraphNilFunction, "the function that makes watermark generators returned nil")
		}
	}
	switch {
	case ctx.Batch: // there is one watermark, the engine's, at the end
		m.generator, m.every = nil, 0
		m.in = ValuePort(func(v T, ts int64) {
			switch {
			case timestamp != nil:
				ts = timestamp(v)
			case assign != nil:
				ts = assign(v, ts)
			}
			next(v, ts)
		})
	case trails && timestamp != nil && m.every == 0:
		m.in = ValuePort(func(v T, _ int64) {
			ts := timestamp(v)
			next(v, ts)
			if ts > m.highest {
				m.highest = ts
				ctx.Host.EmitWatermark(ctx.Node, ts-lag)
			}
		})
	case trails:
		m.in = ValuePort(func(v T, ts int64) {
			ts = m.stamp(assign, v, ts)
			next(v, ts)
			if ts > m.highest {
				m.highest = ts
				ctx.Host.EmitWatermark(ctx.Node, ts-lag)
			}
		})
	default:
		each := f.Interval <= 0
		m.in = ValuePort(func(v T, ts int64) {
			ts = m.stamp(assign, v, ts)
			next(v, ts)
			m.generator.OnEvent(v, ts, m)
			if each {
				m.generator.OnPeriodicEmit(m)
			}
		})
	}
	return m, nil
}

// stamp counts a record, which ends idleness, and returns its timestamp.
func (m *watermarksInstance[T]) stamp(assign func(T, int64) int64, v T, ts int64) int64 {
	m.count++
	if m.idle {
		m.MarkActive()
	}
	switch {
	case m.f.Timestamp != nil:
		return m.f.Timestamp(v)
	case assign != nil:
		return assign(v, ts)
	}
	return ts
}

func (m *watermarksInstance[T]) Inputs() []any { return []any{m.in} }

func (m *watermarksInstance[T]) Functions() []any {
	fns := m.f.Strategy.Functions()
	if m.f.Timestamp != nil {
		fns = append(fns, m.f.Timestamp)
	}
	return fns
}

func (m *watermarksInstance[T]) Open() error {
	m.arm()
	return nil
}

// Finish ends the asking: nothing comes behind the last watermark.
func (m *watermarksInstance[T]) Finish() bool {
	m.ended = true
	return false
}

// arm has a tick come. While the stream is idle there is one only if a generator has to be asked.
func (m *watermarksInstance[T]) arm() {
	asked := m.generator != nil && !m.f.Strategy.Silent() && m.f.Interval > 0
	if m.every == 0 || m.ticking || m.ended || m.idle && !asked {
		return
	}
	m.ticking = true
	m.ctx.Host.Async(m.ctx.Node, m.every, nowhere, func() {
		m.ticking = false
		if !m.ended {
			m.tick()
			m.arm()
		}
	})
}

func (m *watermarksInstance[T]) tick() {
	silent := m.idleness.Timeout > 0 && m.idleness.Check(m.count, unblockedClock(m.ctx))
	switch {
	case silent:
		m.MarkIdle()
	case m.generator != nil:
		m.generator.OnPeriodicEmit(m)
	}
}

// EmitWatermark implements [eventtime.WatermarkOutput].
func (m *watermarksInstance[T]) EmitWatermark(t int64) {
	if m.ended {
		return
	}
	m.MarkActive()
	m.ctx.Host.EmitWatermark(m.ctx.Node, min(t, eventtime.MaxWatermark-1)) // the last one is the engine's
}

// MarkIdle implements [eventtime.WatermarkOutput].
func (m *watermarksInstance[T]) MarkIdle() { m.setIdle(true) }

// MarkActive implements [eventtime.WatermarkOutput].
func (m *watermarksInstance[T]) MarkActive() { m.setIdle(false) }

func (m *watermarksInstance[T]) setIdle(idle bool) {
	if m.idle == idle || m.ended {
		return
	}
	m.idle = idle
	m.ctx.Host.EmitIdle(m.ctx.Node, idle)
	if !idle {
		m.arm()
	}
}

// Replaces tells the task that only the end of event time is passed on.
func (m *watermarksInstance[T]) Replaces() bool { return true }

// Replacing is an optional capability: watermarks from further up, but for the last, do not pass, nor does idleness.
type Replacing interface{ Replaces() bool }
