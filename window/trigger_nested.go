package window

import (
	"errors"
	"time"

	"github.com/weirstream/weir/fault"
)

// PurgingTrigger does what t does, and throws the contents of the window away whenever t fires.
func PurgingTrigger[T any](t Trigger[T]) Trigger[T] { return purgingTrigger[T]{t} }

type purgingTrigger[T any] struct{ Trigger[T] }

func purged(r Result) Result {
	if r.IsFire() {
		return FireAndPurge
	}
	return r
}

func (p purgingTrigger[T]) OnElement(v T, ts int64, w Window, ctx TriggerContext[T]) Result {
	return purged(p.Trigger.OnElement(v, ts, w, ctx))
}

func (p purgingTrigger[T]) OnEventTime(t int64, w Window, ctx TriggerContext[T]) Result {
	return purged(p.Trigger.OnEventTime(t, w, ctx))
}

func (p purgingTrigger[T]) OnProcessingTime(t int64, w Window, ctx TriggerContext[T]) Result {
	return purged(p.Trigger.OnProcessingTime(t, w, ctx))
}

func (p purgingTrigger[T]) Check() error { return checkNested(p.Trigger, "PurgingTrigger") }

func (p purgingTrigger[T]) String() string { return "PurgingTrigger(" + nestedName(p.Trigger) + ")" }

// ProcessingTimeoutTrigger does what t does, and fires besides when the timeout has passed in processing time since the first record after the last time it fired.
// If resetOnNew, each record starts the timeout again. If clearOnTimeout, which is what Flink does unless told otherwise, t forgets its state when a timer fires,
// not only when a record does.
//
// As in Flink it cannot merge, and any timer makes it fire: those of t at which t itself would not, and that of the window's end. Nested in another one it keeps its
// own timeout, where the two would share one in Flink.
func ProcessingTimeoutTrigger[T any](t Trigger[T], timeout time.Duration, resetOnNew, clearOnTimeout bool) Trigger[T] {
	p := timeoutTrigger[T]{nested: t, timeout: timeout.Milliseconds(), reset: resetOnNew, clear: clearOnTimeout}
	if t != nil {
		p.slot = len(t.States())
	}
	return p
}

// timeoutTrigger gives the nested trigger the first slots, and has the one behind them: the time of its timer.
type timeoutTrigger[T any] struct {
	passive[T]
	nested       Trigger[T]
	slot         int
	timeout      int64
	reset, clear bool
}

func (p timeoutTrigger[T]) OnElement(v T, ts int64, w Window, ctx TriggerContext[T]) Result {
	r := p.nested.OnElement(v, ts, w, ctx)
	if r.IsFire() {
		p.Clear(w, ctx)
		return r
	}
	due, waiting := ctx.Int(p.slot)
	if waiting && p.reset {
		ctx.DeleteProcessingTimeTimer(due)
		waiting = false
	}
	if !waiting {
		due = add(ctx.CurrentProcessingTime(), p.timeout)
		ctx.SetInt(p.slot, due)
		ctx.RegisterProcessingTimeTimer(due)
	}
	return r
}

func (p timeoutTrigger[T]) OnEventTime(t int64, w Window, ctx TriggerContext[T]) Result {
	return p.fired(p.nested.OnEventTime(t, w, ctx), w, ctx)
}

func (p timeoutTrigger[T]) OnProcessingTime(t int64, w Window, ctx TriggerContext[T]) Result {
	return p.fired(p.nested.OnProcessingTime(t, w, ctx), w, ctx)
}

func (p timeoutTrigger[T]) fired(r Result, w Window, ctx TriggerContext[T]) Result {
	if p.clear {
		p.Clear(w, ctx)
	}
	return r | Fire
}

func (p timeoutTrigger[T]) Clear(w Window, ctx TriggerContext[T]) {
	if due, ok := ctx.Int(p.slot); ok {
		ctx.DeleteProcessingTimeTimer(due)
		ctx.Unset(p.slot)
	}
	p.nested.Clear(w, ctx)
}

func (p timeoutTrigger[T]) States() []StateSpec {
	return append(p.nested.States()[:p.slot:p.slot], StateSpec{"timeout", IntState, MergeDrop})
}

func (p timeoutTrigger[T]) Check() error {
	err := checkNested(p.nested, "TimeoutTrigger")
	if p.timeout <= 0 {
		err = errors.Join(err, fault.New(fault.WindowInterval, "%v: the timeout is %d ms", p, p.timeout))
	}
	return err
}

func (p timeoutTrigger[T]) String() string { return "TimeoutTrigger(" + nestedName(p.nested) + ")" }

func checkNested[T any](t Trigger[T], around string) error {
	if t == nil {
		return fault.New(fault.GraphNilFunction, "the trigger in a %s is nil", around)
	}
	return check(t)
}

func nestedName[T any](t Trigger[T]) string {
	if t == nil {
		return "nil"
	}
	return t.String()
}
