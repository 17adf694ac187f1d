package window

import (
	"fmt"
	"math"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// ContinuousEventTimeTrigger fires whenever the watermark passes a multiple of the interval, from the first record of the window on, and at the window's end; after
// that, for each record that comes late. A watermark that passes several multiples fires for each.
//
// In the global window it departs from Flink, which would count without end: when bounded input ends, it fires for the next multiple and then for the end of time
// alone; and a record without a timestamp does not start it.
func ContinuousEventTimeTrigger[T any](interval time.Duration) Trigger[T] {
	return continuousEventTime[T]{continuous[T]{interval: interval.Milliseconds()}}
}

// ContinuousProcessingTimeTrigger fires whenever the processing time passes a multiple of the interval, from the first record of the window on, and at the window's end.
func ContinuousProcessingTimeTrigger[T any](interval time.Duration) Trigger[T] {
	return continuousProcessingTime[T]{continuous[T]{interval: interval.Milliseconds()}}
}

// continuous has what both triggers share: slot 0 is the time of the next timer.
type continuous[T any] struct {
	passive[T]
	interval int64
}

func (continuous[T]) CanMerge() bool { return true }

func (continuous[T]) States() []StateSpec { return []StateSpec{{"fire-time", IntState, MergeMin}} }

// first is the time to fire at first after a time t. As in Flink it counts from t cut towards the epoch, so that before the epoch it may be up to two intervals away.
func (c continuous[T]) first(t int64, w Window) int64 { return c.next(t-t%c.interval, w) }

func (c continuous[T]) next(t int64, w Window) int64 {
	return min(add(t, c.interval), w.MaxTimestamp())
}

func (c continuous[T]) check(t fmt.Stringer) error {
	if c.interval <= 0 {
		return fault.New(fault.WindowInterval, "%v: the interval is %d ms", t, c.interval)
	}
	return nil
}

type continuousEventTime[T any] struct{ continuous[T] }

func (c continuousEventTime[T]) OnElement(_ T, ts int64, w Window, ctx TriggerContext[T]) Result {
	end := w.MaxTimestamp()
	if end <= ctx.CurrentWatermark() {
		return Fire
	}
	ctx.RegisterEventTimeTimer(end)
	if _, ok := ctx.Int(0); !ok && ts != eventtime.NoTimestamp {
		c.wait(c.first(ts, w), ctx)
	}
	return Continue
}

func (c continuousEventTime[T]) wait(t int64, ctx TriggerContext[T]) {
	ctx.SetInt(0, t)
	ctx.RegisterEventTimeTimer(t)
}

func (c continuousEventTime[T]) OnEventTime(t int64, w Window, ctx TriggerContext[T]) Result {
	if t == w.MaxTimestamp() {
		return Fire
	}
	if fire, ok := ctx.Int(0); !ok || fire != t {
		return Continue
	}
	next := c.next(t, w)
	if w.IsGlobal() && ctx.CurrentWatermark() == math.MaxInt64 {
		next = math.MaxInt64
	}
	c.wait(next, ctx)
	return Fire
}

func (continuousEventTime[T]) OnMerge(_ Window, ctx TriggerContext[T]) {
	if t, ok := ctx.Int(0); ok {
		ctx.RegisterEventTimeTimer(t)
	}
}

func (continuousEventTime[T]) Clear(_ Window, ctx TriggerContext[T]) {
	if t, ok := ctx.Int(0); ok {
		ctx.DeleteEventTimeTimer(t)
		ctx.Unset(0)
	}
}

func (c continuousEventTime[T]) Check() error { return c.check(c) }

func (c continuousEventTime[T]) String() string {
	return fmt.Sprintf("ContinuousEventTimeTrigger(%d)", c.interval)
}

type continuousProcessingTime[T any] struct{ continuous[T] }

func (c continuousProcessingTime[T]) OnElement(_ T, _ int64, w Window, ctx TriggerContext[T]) Result {
	if _, ok := ctx.Int(0); !ok {
		c.wait(c.first(ctx.CurrentProcessingTime(), w), ctx)
	}
	return Continue
}

func (c continuousProcessingTime[T]) wait(t int64, ctx TriggerContext[T]) {
	ctx.SetInt(0, t)
	ctx.RegisterProcessingTimeTimer(t)
}

func (c continuousProcessingTime[T]) OnProcessingTime(t int64, w Window, ctx TriggerContext[T]) Result {
	if t == w.MaxTimestamp() {
		return Fire
	}
	if fire, ok := ctx.Int(0); !ok || fire != t {
		return Continue
	}
	c.wait(c.next(t, w), ctx)
	return Fire
}

func (continuousProcessingTime[T]) OnMerge(_ Window, ctx TriggerContext[T]) {
	if t, ok := ctx.Int(0); ok {
		ctx.RegisterProcessingTimeTimer(t)
	}
}

func (continuousProcessingTime[T]) Clear(_ Window, ctx TriggerContext[T]) {
	if t, ok := ctx.Int(0); ok {
		ctx.DeleteProcessingTimeTimer(t)
		ctx.Unset(0)
	}
}

func (c continuousProcessingTime[T]) Check() error { return c.check(c) }

func (c continuousProcessingTime[T]) String() string {
	return fmt.Sprintf("ContinuousProcessingTimeTrigger(%d)", c.interval)
}
