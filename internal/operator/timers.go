package operator

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// TimerService keeps the event-time and processing-time timers of a keyed operator. A timer has a time, a key and a namespace of some words. Timers are part of the operator's state.
type TimerService[K comparable] struct {
	ctx    *Context
	keys   *KeyCursor[K]
	words  *codec.Words[K]
	event  *statebackend.Timers
	proc   *statebackend.Timers
	fire   func(due *statebackend.Due, key []uint64, event bool)
	ns     int
	due    *statebackend.Due
	buf    [codec.MaxWords]uint64
	bytes  []byte
	wakeAt int64 // processing time of the earliest call that is under way
	closed bool
	quiet  bool // keys are ending: no processing-time timer is set any more
}

// The spaces of timers.
const (
	eventTimersSpace = "event-time timers"
	procTimersSpace  = "processing-time timers"
)

// timersAStep bounds how many timers fire before the task looks around.
const timersAStep = 1024

// NewTimerService makes the timers of an operator. namespace is the number of words of a timer's namespace. fire is called for each timer that has come, with keys pointing at its key; due.Words begins
// with the namespace.
func NewTimerService[K comparable](ctx *Context, s *statebackend.Store, keys *KeyCursor[K], namespace int, fire func(due *statebackend.Due, key []uint64, event bool)) (*TimerService[K], error) {
	layout, words, err := KeyLayout[K]()
	if err != nil {
		return nil, err
	}
	t := &TimerService[K]{ctx: ctx, keys: keys, words: words, ns: namespace, fire: fire, due: statebackend.NewDue(), wakeAt: math.MaxInt64}
	ctx.WantsTime = true
	t.event = statebackend.NewTimers(s, eventTimersSpace, namespace, layout)
	t.proc = statebackend.NewTimers(s, procTimersSpace, namespace, layout)
	for _, timers := range []*statebackend.Timers{t.event, t.proc} {
		names := []string{"time"}
		if namespace == 2 {
			names = append(names, "window_start", "window_end")
		} else {
			for i := range namespace {
				names = append(names, fmt.Sprintf("namespace_%d", i))
			}
		}
		timers.Space().DescribeKey(keySchema[K](), names...)
		timers.Space().Rehash(func(w []uint64, b []byte) (uint64, uint64) {
			var k K
			words.Get(w[1+namespace:], b, &k)
			h := keys.hash(k)
			return h, statebackend.Combine(h, w[:1+namespace]...)
		})
	}
	return t, nil
}

// Open schedules restored processing-time timers. It is called when the operator opens.
func (t *TimerService[K]) Open() {
	t.event.Restored()
	t.proc.Restored()
	t.schedule()
}

// key returns the current key in the store's form.
func (t *TimerService[K]) key() ([]uint64, []byte) {
	t.bytes = t.words.Put(&t.keys.key, t.buf[:t.words.N], t.bytes[:0])
	return t.buf[:t.words.N], t.bytes
}

// RegisterEvent sets an event-time timer of the current key. One that is due already fires with the next watermark.
func (t *TimerService[K]) RegisterEvent(at int64, ns ...uint64) {
	w, b := t.key()
	t.event.Add(t.keys.current, at, ns, w, b)
}

// DeleteEvent takes an event-time timer of the current key back.
func (t *TimerService[K]) DeleteEvent(at int64, ns ...uint64) {
	w, b := t.key()
	t.event.Remove(t.keys.current, at, ns, w, b)
}

// RegisterProc sets a processing-time timer of the current key.
func (t *TimerService[K]) RegisterProc(at int64, ns ...uint64) {
	if t.quiet {
		return
	}
	w, b := t.key()
	if t.proc.Add(t.keys.current, at, ns, w, b) {
		t.schedule()
	}
}

// DeleteProc takes a processing-time timer of the current key back.
func (t *TimerService[K]) DeleteProc(at int64, ns ...uint64) {
	w, b := t.key()
	t.proc.Remove(t.keys.current, at, ns, w, b)
}

// Len is the number of timers of both kinds.
func (t *TimerService[K]) Len() int { return t.event.Len() + t.proc.Len() }

// Advance fires event-time timers up to a watermark. It returns true if there are more: the task then calls again.
func (t *TimerService[K]) Advance(watermark int64) (more bool) {
	return t.run(t.event, watermark, true)
}

func (t *TimerService[K]) run(timers *statebackend.Timers, until int64, event bool) (more bool) {
	for range timersAStep {
		if t.ctx.Failed {
			return false
		}
		if !timers.Pop(until, t.due) {
			t.keys.Unset()
			return false
		}
		key := t.due.Words[t.ns:]
		t.keys.SetWords(key, t.due.Bytes)
		t.fire(t.due, key, event)
		if t.ctx.Stop.Load() != 0 {
			break
		}
	}
	t.keys.Unset()
	next, ok := timers.Next()
	return ok && next <= until
}

// schedule asks for a call when the first processing-time timer has come.
func (t *TimerService[K]) schedule() {
	if t.ctx.Batch {
		return // they come when their key ends: see drain
	}
	next, ok := t.proc.Next()
	if !ok || next >= t.wakeAt || t.closed {
		return
	}
	t.wakeAt = next
	now := t.ctx.Host.Now().UnixMilli()
	delay := time.Duration(0)
	if next > now {
		delay = time.Duration(min(next-now, math.MaxInt64/int64(time.Millisecond)-1)) * time.Millisecond
	}
	t.ctx.Host.Async(t.ctx.Node, delay, func(context.Context) {}, func() { t.strike(next) })
}

// strike fires the processing-time timers that have come. Those that have come by the time of a later call are left to it.
func (t *TimerService[K]) strike(at int64) {
	if at != t.wakeAt || t.closed {
		return // an earlier call was asked for meanwhile, and has been
	}
	t.wakeAt = math.MaxInt64
	t.ctx.NowMillis = max(t.ctx.NowMillis, at) // what fires now and what comes next agree on the time
	t.run(t.proc, t.ctx.NowMillis, false)
	t.schedule()
}

// drain fires all timers, at the end of keys in a batch job: those of event time with those that they set, then those of processing time. These may set no further ones of processing time, or a key whose timer
// sets the next one would never end. It returns true if there are more.
func (t *TimerService[K]) drain() (more bool) {
	t.quiet = true
	more = t.run(t.event, math.MaxInt64, true) || t.run(t.proc, math.MaxInt64, false) || t.event.Len() > 0 && !t.ctx.Failed
	t.quiet = false
	return more
}

// Close drops processing-time timers that have not come: at the end of input they fire no more.
func (t *TimerService[K]) Close() { t.closed = true }
