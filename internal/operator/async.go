package operator

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/statebackend"
)

// Working is an optional capability of instances that have work to do when no record comes in.
type Working interface {
	// Work does a bounded part of what is due, and reports whether there was any. It may emit. The task calls it between two records, while its outputs have room and the
	// instances behind are ready, and again until it reports false. Whoever gives it work from elsewhere raises Stop and wakes the task.
	Work() bool
}

// Holding is an optional capability of instances behind which time may be earlier than in front of them, since records wait inside.
type Holding interface {
	// Holds is asked when Watermark has returned false. If it reports true the task does not pass the watermark on: the instance does, by [Host.EmitWatermark].
	Holds() bool
	// Idle tells whether the input is idle. The task does not pass it on: the instance does, by [Host.EmitIdle].
	Idle(idle bool)
}

// InFlight is an optional capability of instances that hold records until their results are there.
type InFlight[T any] interface {
	Instance
	// InFlight returns the records with their timestamps, in the order in which they came. It waits for nothing, and is read on the task before any other method is called.
	InFlight() iter.Seq2[T, int64]
	// Restore is called before Open: these records come before all others.
	Restore(values []T, timestamps []int64)
}

// AsyncFunctions are the parts of an asynchronous function; all but Invoke are optional.
type AsyncFunctions[T, U any] struct {
	Open func() error
	// Invoke runs away from the task, up to Capacity calls at the same time. ctx ends when the record times out or the task ends.
	Invoke func(ctx context.Context, v T) ([]U, error)
	// OnTimeout runs on the task: it gives the results of a record that has timed out, or the error to fail with.
	OnTimeout func(v T) ([]U, error)
	// Close is called once no call of Invoke is under way, on the task or on the worker of the last one.
	Close func() error
	// User lists the user's own functions, for naming a panic.
	User []any
}

// AsyncRetry says whether and when a call is made again.
type AsyncRetry[U any] struct {
	// Retries is how many calls may follow the first.
	Retries int
	// Delay is the first pause; each further one is Multiplier times the one before (0 for 1), at most MaxDelay (0 for no bound).
	Delay      time.Duration
	Multiplier float64
	MaxDelay   time.Duration
	// IfError and IfResult tell whether a call that returned so is made again. They run where Invoke does. If both are nil, every error is reason enough.
	IfError  func(error) bool
	IfResult func([]U) bool
}

func (r *AsyncRetry[U]) again(results []U, err error) bool {
	if err != nil {
		return r.IfError == nil && r.IfResult == nil || r.IfError != nil && r.IfError(err)
	}
	return r.IfResult != nil && r.IfResult(results)
}

// pause is the time between the n-th call and the next, n from 1.
func (r *AsyncRetry[U]) pause(n int) time.Duration {
	d := float64(r.Delay)
	if r.Multiplier > 0 {
		d *= math.Pow(r.Multiplier, float64(n-1))
	}
	if most := float64(r.MaxDelay); most > 0 {
		d = min(d, most)
	}
	return time.Duration(min(d, math.MaxInt64/2))
}

// Async calls a function for each record away from the task, and emits what the calls return: in the order of the records, or, unordered, as soon as it is there, though never across a
// watermark. Results have the timestamp of their record.
//
// At most Capacity records are in flight: called, and not yet emitted. A call that goes on although its record has timed out counts, too. At that point the operator
// is not ready, so the task takes no more records. If an operator of the same chain emits several for one that it was given, those beyond the capacity park inside the emit;
// while mail or a barrier waits for the record to end they queue up without being called, within the limit that holds for what a record overdraws.
//
// Watermarks and idleness wait behind the records that came before them. At the end of input everything in flight is completed, retries with their pauses included.
type Async[T, U any] struct {
	Ordered  bool
	Capacity int
	// Timeout bounds the time from the first call to the end of the last attempt; 0 for none.
	Timeout time.Duration
	Retry   AsyncRetry[U]
	Make    func(ctx *Context, w Wiring) (AsyncFunctions[T, U], error)
}

type asyncInstance[T, U any] struct {
	Base
	f         *Async[T, U]
	ctx       *Context
	in        *Port[T]
	next      *Port[U]
	queue     asyncQueue[T, U]
	calls     asyncCalls[T, U]
	used      int  // slots: records in flight, and calls whose record has timed out
	abandoned int  // of these, calls whose record has timed out and that have not returned
	returns   int  // how many abandoned calls have returned
	armed     bool // a timer for the first deadline runs
	held      bool
	idleMark  *asyncEntry[T, U] // the mark at which idleness begins; nil if there is none
	finishing bool
	parked    asyncParked[T, U]
}

var (
	_ Working       = (*asyncInstance[int, int])(nil)
	_ Holding       = (*asyncInstance[int, int])(nil)
	_ Limited       = (*asyncInstance[int, int])(nil)
	_ InFlight[int] = (*asyncInstance[int, int])(nil)
)

// workBatch is how many records Work emits at a time.
const workBatch = 256

// stuckAfter is how long all slots may be taken by calls that do not return although their records have timed out.
const stuckAfter = 30 * time.Second

// New implements [Factory].
func (f *Async[T, U]) New(ctx *Context, w Wiring) (Instance, error) {
	fns, err := f.Make(ctx, w)
	if err != nil {
		return nil, err
	}
	a := &asyncInstance[T, U]{f: f, ctx: ctx, next: PortOf[U](w)}
	a.queue.ordered = f.Ordered
	a.calls.ctx, a.calls.fns, a.calls.retry, a.calls.real = ctx, fns, f.Retry, ctx.Host.RealTime()
	if a.calls.real {
		a.calls.todo = make(chan *asyncEntry[T, U], f.Capacity)
	}
	a.parked.a = a
	a.in = ValuePort(func(v T, ts int64) { a.take(v, ts) }) // a method value would not stand on the stack
	return a, a.declare()
}

// asyncRecord is a record in flight, as checkpoints have it.
type asyncRecord[T any] struct {
	Value     T
	Timestamp int64
}

// declare makes the records in flight state of the operator. Where they cannot be encoded, only jobs without checkpoints can have the operator.
func (a *asyncInstance[T, U]) declare() error {
	if _, err := codec.For[asyncRecord[T]](); err != nil {
		if a.ctx.Durable {
			return err
		}
		return nil
	}
	store, err := a.ctx.openListStore()
	if err != nil {
		return err
	}
	statebackend.AddList(store, "in flight", statebackend.Split, func() iter.Seq[asyncRecord[T]] {
		return func(yield func(asyncRecord[T]) bool) {
			for v, ts := range a.InFlight() {
				if defect.Is("requests-forgotten") || !yield(asyncRecord[T]{v, ts}) {
					return
				}
			}
		}
	}, func(all []asyncRecord[T]) error {
		for _, r := range all {
			a.queue.push(r.Value, r.Timestamp)
		}
		return nil
	})
	return nil
}

func (a *asyncInstance[T, U]) Inputs() []any    { return []any{a.in} }
func (a *asyncInstance[T, U]) Functions() []any { return a.calls.fns.User }

// InFlight implements [InFlight].
func (a *asyncInstance[T, U]) InFlight() iter.Seq2[T, int64] { return a.queue.all() }

// Restore implements [InFlight].
func (a *asyncInstance[T, U]) Restore(values []T, timestamps []int64) {
	for i, v := range values {
		a.queue.push(v, timestamps[i])
	}
}

func (a *asyncInstance[T, U]) Open() error {
	if a.calls.fns.Open != nil {
		if err := a.calls.fns.Open(); err != nil {
			return fault.Wrap(fault.FunctionError, err)
		}
	}
	a.fill()
	return nil
}

func (a *asyncInstance[T, U]) Close() error { return fault.Wrap(fault.FunctionError, a.calls.close()) }

// take takes a record.
func (a *asyncInstance[T, U]) take(v T, ts int64) {
	for a.used >= a.f.Capacity && !a.ctx.Failed {
		if a.Work() {
			continue
		}
		if !a.ctx.Host.ParkOutput(&a.parked) {
			return
		}
		if !a.parked.Room() {
			break // the record must end: a barrier or mail waits
		}
	}
	if a.ctx.Failed {
		return
	}
	a.queue.push(v, ts)
	if a.used >= a.f.Capacity {
		a.parked.records++
	}
	a.fill()
}

// fill calls the function for records that have not had their turn, as long as there are slots.
func (a *asyncInstance[T, U]) fill() {
	for a.used < a.f.Capacity {
		e := a.queue.issue()
		if e == nil {
			return
		}
		a.used++
		if a.f.Timeout > 0 {
			e.deadline = a.ctx.Host.Now().Add(a.f.Timeout)
			if !a.armed {
				a.arm(a.f.Timeout)
			}
		}
		a.call(e)
	}
	a.ctx.Stop.Store(1) // full: the task looks whether it may go on
}

func (a *asyncInstance[T, U]) call(e *asyncEntry[T, U]) {
	e.state, e.running = asyncCalling, true
	e.attempts++
	a.calls.start(e)
}

// Ready implements [Limited].
func (a *asyncInstance[T, U]) Ready() bool {
	switch {
	case a.calls.arrived.Load() || a.queue.due() != nil:
		return true
	case a.finishing:
		return a.queue.empty()
	}
	return a.used < a.f.Capacity
}

// OnReady implements [Limited]. A call that returns wakes the task by itself.
func (a *asyncInstance[T, U]) OnReady(func()) {}

// Work implements [Working].
func (a *asyncInstance[T, U]) Work() (did bool) {
	for _, n := range a.calls.news() {
		did = true
		switch n.kind {
		case callReturned:
			a.settle(n.entry)
		case pauseOver:
			if n.entry.life == n.life && n.entry.state == asyncPausing {
				a.call(n.entry)
			}
		case deadlineReached:
			a.strike()
		}
	}
	for range workBatch {
		e := a.queue.due()
		if e == nil || a.ctx.Failed {
			break
		}
		did = true
		a.emit(e)
		if a.ctx.Stop.Load() != 0 {
			break
		}
	}
	if did && a.queue.unissued != nil {
		a.fill()
	}
	return did
}

// settle looks at a call that has returned.
func (a *asyncInstance[T, U]) settle(e *asyncEntry[T, U]) {
	e.running = false
	switch {
	case e.state != asyncCalling: // it had timed out
		a.abandoned--
		a.returns++
		if e.gone {
			a.release(e)
		}
	case e.call.err != nil && a.late(e):
		a.expire(e) // an error that comes of the deadline comes before the timer
	case e.call.again:
		a.pause(e)
	case e.call.err != nil:
		a.ctx.Fail(fault.Wrap(fault.FunctionError, e.call.err))
	default:
		e.results = e.call.results
		a.queue.done(e)
	}
}

// pause waits for the next attempt. One that would come too late is not waited for: the record times out.
func (a *asyncInstance[T, U]) pause(e *asyncEntry[T, U]) {
	e.state = asyncPausing
	delay := a.f.Retry.pause(e.attempts)
	if a.f.Timeout > 0 && !a.ctx.Host.Now().Add(delay).Before(e.deadline) {
		return
	}
	if delay == 0 {
		a.call(e)
		return
	}
	a.calls.later(delay, asyncNews[T, U]{pauseOver, e, e.life})
}

func (a *asyncInstance[T, U]) late(e *asyncEntry[T, U]) bool {
	return a.f.Timeout > 0 && !a.ctx.Host.Now().Before(e.deadline)
}

// arm sets the timer for the first deadline.
func (a *asyncInstance[T, U]) arm(delay time.Duration) {
	a.armed = true
	a.calls.later(delay, asyncNews[T, U]{kind: deadlineReached})
}

// strike looks which records have timed out. Deadlines are in the order of the queue.
func (a *asyncInstance[T, U]) strike() {
	a.armed = false
	now := a.ctx.Host.Now()
	for e := a.queue.head; e != nil && e.state != asyncQueued && !a.ctx.Failed; e = e.next {
		if e.state != asyncCalling && e.state != asyncPausing {
			continue
		}
		if left := e.deadline.Sub(now); left > 0 {
			a.arm(left)
			return
		}
		a.expire(e)
	}
}

// expire ends a record that has timed out.
func (a *asyncInstance[T, U]) expire(e *asyncEntry[T, U]) {
	var err error
	if e.results = nil; a.calls.fns.OnTimeout != nil {
		e.results, err = a.calls.fns.OnTimeout(e.value)
		err = fault.Wrap(fault.FunctionError, err)
	} else {
		err = fault.New(fault.FunctionTimeout, "a call did not complete within %v, in %d attempts", a.f.Timeout, e.attempts)
	}
	if err != nil {
		a.ctx.Fail(err)
		return
	}
	a.queue.done(e)
	if !e.running {
		return
	}
	if a.abandoned++; a.abandoned == a.f.Capacity {
		returns := a.returns
		a.ctx.Host.Async(a.ctx.Node, stuckAfter, func(context.Context) {}, func() {
			if a.returns == returns {
				a.ctx.Fail(fault.New(fault.FunctionStuck, "all %d calls in flight have timed out and do not return", a.abandoned))
			}
		})
	}
}

// emit sends out what is due.
func (a *asyncInstance[T, U]) emit(e *asyncEntry[T, U]) {
	if e.state == asyncMark {
		a.queue.remove(e)
		a.emitMark(e)
		a.queue.recycle(e)
		return
	}
	for i := range e.results {
		a.next.Value(e.results[i], e.ts)
		if a.ctx.Stop.Load() != 0 {
			a.ctx.Host.Interrupt()
		}
	}
	a.queue.remove(e)
	if !e.running {
		a.release(e)
	}
}

// release gives back the slot of a record that has been emitted and of which no call is under way.
func (a *asyncInstance[T, U]) release(e *asyncEntry[T, U]) {
	a.used--
	a.queue.recycle(e)
}

func (a *asyncInstance[T, U]) emitMark(e *asyncEntry[T, U]) {
	if e.watermark != eventtime.MinWatermark {
		a.ctx.Host.EmitWatermark(a.ctx.Node, e.watermark)
	}
	if e.idle {
		a.idleMark = nil
		a.ctx.Host.EmitIdle(a.ctx.Node, true)
	}
}

func (a *asyncInstance[T, U]) Watermark(t int64) bool {
	if a.held = !a.queue.empty(); a.held {
		m := a.queue.mark()
		m.watermark = max(m.watermark, t)
	}
	return false
}

// Holds implements [Holding].
func (a *asyncInstance[T, U]) Holds() bool { return a.held }

// Idle implements [Holding]. That idleness begins waits behind the records that came before, which count until they are out; that it ends is told at once, since the records that
// come now count already.
func (a *asyncInstance[T, U]) Idle(idle bool) {
	switch {
	case !idle && a.idleMark != nil:
		a.idleMark.idle, a.idleMark = false, nil
	case !idle || a.queue.empty():
		a.ctx.Host.EmitIdle(a.ctx.Node, idle)
	default:
		a.idleMark = a.queue.mark()
		a.idleMark.idle = true
	}
}

// Finish waits, without holding the task, until nothing is in flight.
func (a *asyncInstance[T, U]) Finish() bool {
	a.finishing = true
	if a.ctx.Failed {
		return false
	}
	a.Work()
	if a.queue.empty() {
		return false
	}
	if !a.Ready() {
		a.ctx.Stop.Store(1) // so that the task parks
	}
	return true
}
