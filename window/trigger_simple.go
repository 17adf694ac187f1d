package window

import (
	"fmt"

	"github.com/weirstream/weir/fault"
)

// NeverTrigger never fires. It is the default of [Globals].
func NeverTrigger[T any]() Trigger[T] { return neverTrigger[T]{} }

type neverTrigger[T any] struct{ passive[T] }

func (neverTrigger[T]) String() string { return "NeverTrigger" }

// EndOfStreamTrigger fires when the watermark reaches the end of the window, and never on a record: in the global window that is when bounded input ends. It is the default
// of [GlobalsUntilEnd].
func EndOfStreamTrigger[T any]() Trigger[T] { return endOfStreamTrigger[T]{} }

type endOfStreamTrigger[T any] struct{ passive[T] }

func (endOfStreamTrigger[T]) OnElement(_ T, _ int64, w Window, ctx TriggerContext[T]) Result {
	ctx.RegisterEventTimeTimer(w.MaxTimestamp())
	return Continue
}

func (endOfStreamTrigger[T]) OnEventTime(t int64, w Window, _ TriggerContext[T]) Result {
	if t == w.MaxTimestamp() {
		return Fire
	}
	return Continue
}

func (endOfStreamTrigger[T]) String() string { return "EndOfStreamTrigger" }

// CountTrigger fires at every n-th record of the window; n is at least 1. When windows merge, their counts add up.
func CountTrigger[T any](n int64) Trigger[T] { return countTrigger[T]{n: n} }

type countTrigger[T any] struct {
	passive[T]
	n int64
}

func (c countTrigger[T]) OnElement(_ T, _ int64, _ Window, ctx TriggerContext[T]) Result {
	count, _ := ctx.Int(0)
	if count++; count >= c.n {
		ctx.Unset(0)
		return Fire
	}
	ctx.SetInt(0, count)
	return Continue
}

func (countTrigger[T]) CanMerge() bool { return true }

func (countTrigger[T]) Clear(_ Window, ctx TriggerContext[T]) { ctx.Unset(0) }

func (countTrigger[T]) States() []StateSpec { return []StateSpec{{"count", IntState, MergeSum}} }

func (c countTrigger[T]) Check() error {
	if c.n <= 0 {
		return fault.New(fault.WindowCount, "%v: the count is %d", c, c.n)
	}
	return nil
}

func (c countTrigger[T]) String() string { return fmt.Sprintf("CountTrigger(%d)", c.n) }

// DeltaTrigger fires when the delta between the record at which it last fired, at first the first record of the window, and the new one is greater than the threshold. delta is
// called by all subtasks at the same time. It cannot merge.
func DeltaTrigger[T any](threshold float64, delta func(old, v T) float64) Trigger[T] {
	return deltaTrigger[T]{threshold: threshold, delta: delta}
}

type deltaTrigger[T any] struct {
	passive[T]
	threshold float64
	delta     func(old, v T) float64
}

func (d deltaTrigger[T]) OnElement(v T, _ int64, _ Window, ctx TriggerContext[T]) Result {
	old, ok := ctx.Element(0)
	if !ok {
		ctx.SetElement(0, v)
		return Continue
	}
	if d.delta(old, v) > d.threshold {
		ctx.SetElement(0, v)
		return Fire
	}
	return Continue
}

func (deltaTrigger[T]) Clear(_ Window, ctx TriggerContext[T]) { ctx.Unset(0) }

func (deltaTrigger[T]) States() []StateSpec {
	return []StateSpec{{"last-element", ElementState, MergeDrop}}
}

func (d deltaTrigger[T]) Check() error {
	if d.delta == nil {
		return fault.New(fault.GraphNilFunction, "%v: the delta function is nil", d)
	}
	return nil
}

func (d deltaTrigger[T]) String() string { return fmt.Sprintf("DeltaTrigger(%v)", d.threshold) }
