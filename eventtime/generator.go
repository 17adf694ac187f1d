package eventtime

import "time"

// WatermarkOutput takes what a [Generator] has to say. It may be used only within the generator's methods.
type WatermarkOutput interface {
	// EmitWatermark says that no record with a timestamp at or below t is expected any more. One that does not advance is ignored, but it ends
	// idleness as any other does. [MaxWatermark] is the engine's: it counts as one less.
	EmitWatermark(t int64)
	// MarkIdle says that the input has nothing to tell about time for now, so that others need not wait for it. A record or a watermark ends it.
	MarkIdle()
	// MarkActive ends idleness.
	MarkActive()
}

// Generator makes watermarks of the records of one split, or of one subtask where it is used behind other operators. Its methods are called one
// at a time, by the task.
//
// A punctuated generator emits in OnEvent, a periodic one in OnPeriodicEmit.
type Generator[T any] interface {
	// OnEvent is called for each record with its timestamp ([NoTimestamp] if it has none), after the record was emitted.
	OnEvent(v T, ts int64, out WatermarkOutput)
	// OnPeriodicEmit is called at the interval of weir.Options.AutoWatermarkInterval, also while no record comes, but not while the input is idle.
	OnPeriodicEmit(out WatermarkOutput)
}

// BoundedOutOfOrderness is the generator of [ForBoundedOutOfOrderness], and with a bound of 0 of [ForMonotonousTimestamps]: its periodic form. The engine makes
// the same watermarks without it, one behind each record that is the latest so far, so that they do not depend on the clock.
type BoundedOutOfOrderness[T any] struct {
	highest int64
	bound   int64
}

// NewBoundedOutOfOrderness returns a generator whose watermark trails the largest timestamp by bound and a millisecond.
func NewBoundedOutOfOrderness[T any](bound time.Duration) *BoundedOutOfOrderness[T] {
	b := bound.Milliseconds()
	return &BoundedOutOfOrderness[T]{highest: MinWatermark + b + 1, bound: b} // so that the watermark cannot overflow
}

// OnEvent implements [Generator].
func (g *BoundedOutOfOrderness[T]) OnEvent(_ T, ts int64, _ WatermarkOutput) {
	g.highest = max(g.highest, ts)
}

// OnPeriodicEmit implements [Generator].
func (g *BoundedOutOfOrderness[T]) OnPeriodicEmit(out WatermarkOutput) {
	out.EmitWatermark(g.highest - g.bound - 1)
}

// silent is the generator of [NoWatermarks].
type silent[T any] struct{}

func (silent[T]) OnEvent(T, int64, WatermarkOutput)  {}
func (silent[T]) OnPeriodicEmit(out WatermarkOutput) {}
