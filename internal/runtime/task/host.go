package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

// maxOverdraft bounds, in bytes, what one record may emit beyond the credit while mail or an announced barrier waits for it to end.
const maxOverdraft = 64 << 20

// canceledInEmit unwinds user code that emits while its task has been canceled, or has failed.
type canceledInEmit struct{}

var _ operator.Host = (*Task)(nil)

// Fail implements [operator.Host].
func (t *Task) Fail(node int, err error) {
	t.stop.Store(1)
	for _, n := range t.nodes {
		n.ctx.Failed = true
	}
	if t.failure != nil {
		return
	}
	name := t.cfg.Vertex.Name
	if node >= 0 && node < len(t.nodes) {
		name = t.nodes[node].ctx.Name
	}
	e, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok || error(e) != err:
		e = fault.New(codeFor(err), "%w", err).WithOperator(name, t.cfg.Subtask+1)
	default:
		if op, _ := e.Operator(); op == "" {
			e = e.WithOperator(name, t.cfg.Subtask+1)
		}
	}
	t.failure = t.placed(e)
}

func codeFor(err error) fault.Code {
	if c := fault.CodeOf(err); c != "" {
		return c
	}
	return fault.FunctionError
}

// EmitWatermark implements [operator.Host]. What stands behind is told at once, however long it takes: only watermarks that come
// in at the head run in parts.
func (t *Task) EmitWatermark(node int, w int64) {
	n := t.nodes[node]
	if w <= n.emitted || t.batch.on && w != eventtime.MaxWatermark {
		return
	}
	t.times.dirty = true
	n.emitWatermark(w)
	for _, to := range n.children {
		if w, news := t.hear(to, w); news {
			t.tellWatermark(to.at, w)
		}
	}
}

// tellWatermark tells a node of a watermark, and what stands behind it.
func (t *Task) tellWatermark(node int, w int64) {
	n := t.nodes[node]
	if n.replaces && w != eventtime.MaxWatermark {
		return
	}
	if w > n.done { // a restored operator may have seen it
		n.ctx.CurrentWatermark = w
		before := t.enter(node)
		for n.instance.Watermark(w) && !n.ctx.Failed {
		}
		t.calling = before
		n.done = w
	}
	if n.holds == nil || !n.holds.Holds() {
		t.EmitWatermark(node, w)
	}
}

// EmitIdle implements [operator.Host].
func (t *Task) EmitIdle(node int, idle bool) {
	if t.source != nil && node == 0 {
		if t.idleSource == idle {
			return
		}
		t.idleSource = idle
	}
	t.times.dirty = true
	t.nodes[node].idle = idle
	kind := operator.Active
	if idle {
		kind = operator.Idle
	}
	n := t.nodes[node]
	for _, o := range n.outputs {
		o.Signal(operator.Element{Kind: kind})
	}
	for _, to := range n.children {
		j := t.nodes[to.at].joins
		if j == nil {
			t.idleNode(to.at, idle)
			continue
		}
		advanced, changed := j.valve.SetIdle(to.input, idle)
		if changed {
			t.idleNode(to.at, j.valve.Idle())
		}
		if advanced {
			t.tellWatermark(to.at, j.valve.Combined())
		}
	}
}

// idleNode tells a node whether its input is idle. One that makes watermarks by itself does not care.
func (t *Task) idleNode(node int, idle bool) {
	if t.nodes[node].replaces {
		return
	}
	if h := t.nodes[node].holds; h != nil {
		h.Idle(idle)
		return
	}
	t.EmitIdle(node, idle)
}

// Async implements [operator.Host].
func (t *Task) Async(node int, delay time.Duration, work func(context.Context), then func()) {
	if then == nil {
		t.async(node, delay, work, nil)
		return
	}
	t.async(node, delay, work, func() {
		t.unlessStopped(func() {
			before := t.enter(node)
			then()
			t.calling = before
		})
	})
}

// async is Async for the task itself: then is called also when the task has stopped.
func (t *Task) async(node int, delay time.Duration, work func(context.Context), then func()) {
	name := t.nodes[node].ctx.Name
	t.cfg.Scheduler.Async(t.ctx, name, delay, func(ctx context.Context) {
		returned := false
		defer func() {
			r := recover()
			if returned && r == nil {
				if then != nil {
					t.Post(func() {
						before := t.enter(node)
						then()
						t.calling = before
					})
				}
				return
			}
			stack := string(debug.Stack())
			t.Post(func() {
				if r == nil {
					t.Fail(node, fault.New(fault.FunctionExit, "runtime.Goexit was called").WithStack(stack))
				} else {
					t.Fail(node, fault.New(fault.FunctionPanic, "panic: %v", r).WithStack(stack))
				}
			})
		}()
		work(ctx)
		returned = true
	})
}

// Done implements [operator.Host].
func (t *Task) Done() <-chan struct{} { return t.ctx.Done() }

// Now implements [operator.Host].
func (t *Task) Now() time.Time { return t.cfg.Scheduler.Now() }

// RealTime implements [operator.Host].
func (t *Task) RealTime() bool { return t.cfg.Scheduler.RealTime() }

// Random implements [operator.Host].
func (t *Task) Random() float64 {
	if t.random == nil {
		t.random = t.cfg.Scheduler.Rand(fmt.Sprintf("task %v", t.cfg.Attempt))
	}
	return t.random.Float64()
}

// Logger implements [operator.Host].
func (t *Task) Logger() *slog.Logger { return t.cfg.Logger }

// RequestSplit implements [operator.Host].
func (t *Task) RequestSplit() { t.cfg.Listener.SplitRequest() }

// SendEvent implements [operator.Host].
func (t *Task) SendEvent(event []byte) { t.cfg.Listener.ReaderEvent(event) }

// Accumulator implements [operator.Host].
func (t *Task) Accumulator(node int, name, kind string) *operator.Accumulator {
	i := slices.IndexFunc(t.accs, func(a *operator.Accumulator) bool { return a.Name == name })
	if i < 0 {
		t.accs = append(t.accs, operator.NewAccumulator(name, kind))
		i = len(t.accs) - 1
	}
	if a := t.accs[i]; a.Kind != kind {
		t.Fail(node, fault.New(fault.OptionInvalid, "accumulator %q is a %s and cannot be used as a %s", name, a.Kind, kind))
	}
	return t.accs[i]
}

// Interrupt implements [operator.Host].
func (t *Task) Interrupt() {
	if t.canceled.Load() || t.failure != nil {
		panic(canceledInEmit{})
	}
}

// ParkOutput implements [operator.Host]. Keeps T3.
func (t *Task) ParkOutput(o operator.Output) bool {
	for !o.Room() {
		if t.canceled.Load() {
			panic(canceledInEmit{})
		}
		if t.failure != nil {
			return false
		}
		if t.urgent.Load() && t.overdrawn() < maxOverdraft {
			return true // something waits for the record to end: a barrier, mail
		}
		t.publishTimes()
		t.active.Store(false)
		t.metrics.pause(t.cfg.Scheduler.Nanos(), blocked)
		t.proc.Park()
		t.metrics.resume(t.cfg.Scheduler.Nanos())
		t.active.Store(true)
		if t.cfg.Flusher != nil {
			t.cfg.Flusher.Touch()
		}
	}
	return true
}

// overdrawn returns how many bytes have been sent since the record first met a full channel while something waited for its end.
func (t *Task) overdrawn() int64 {
	var sent int64
	for _, o := range t.outputs {
		_, bytes := o.Counts()
		sent += bytes
	}
	for _, l := range t.limited {
		if o, ok := l.limit.(interface{ Overdrawn() int64 }); ok {
			sent += o.Overdrawn()
		}
	}
	if t.overdraft < 0 {
		t.overdraft = sent
	}
	return sent - t.overdraft
}

// AddSplits, NoMoreSplits and HandleSourceEvent reach the reader. They may be called from any goroutine.
func (t *Task) AddSplits(splits []connector.Split) {
	t.toReader(func() error { return t.source.AddSplits(splits) })
}

// NoMoreSplits tells the reader that no splits will come after those given.
func (t *Task) NoMoreSplits() { t.toReader(t.sourceNoMoreSplits) }

func (t *Task) sourceNoMoreSplits() error { return t.source.NoMoreSplits() }

// HandleSourceEvent brings an event of the enumerator.
func (t *Task) HandleSourceEvent(event []byte) {
	t.toReader(func() error { return t.source.HandleSourceEvent(event) })
}

func (t *Task) toReader(f func() error) {
	t.Post(func() {
		if t.source == nil || t.sourceEnded {
			return
		}
		if err := f(); err != nil {
			t.Fail(0, err)
		}
	})
}
