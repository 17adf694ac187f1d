package optest

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/operator"
)

// Options say how the operator is driven. The zero value is usable.
type Options struct {
	// Name is the operator's; "operator" if it is empty.
	Name string
	// ChunkRows is how many records come in one chunk; 1 if it is 0.
	ChunkRows int
	// MaxParallelism is the number of key groups, which are all the instance's; 16 if it is 0.
	MaxParallelism int
	// Start is what the clock says at first, in milliseconds since the epoch.
	Start int64
	// State is how the operator keeps state. The zero value is the memory backend without a bound.
	State operator.StateConfig
	// Stops raises Stop once in about so many chances, which are records and emitted records; 0 for never. Restores takes a snapshot and goes on with a new instance once in so
	// many chances, which are chunks, watermarks, and wherever Stop made the operator return. Both draw from Rand.
	Stops, Restores int
	Rand            *rand.Rand
	// Again has a restored instance see the current watermark again. It fires timers that were set for times that had passed. Without it, the instance is told in its context alone.
	Again bool
}

// Harness is a task of one operator.
type Harness struct {
	o       Options
	factory operator.Factory
	ctx     *operator.Context
	wiring  operator.Wiring
	inst    operator.Instance
	inputs  []feeder
	host    *host
	stop    atomic.Uint32
	// Steps is how often the operator was called to go on with a watermark or with its end, Longest the most records that it emitted in one such call, Restored how often it was
	// restored, and Spilled the most keys that were on disk.
	Steps, Longest, Restored, Spilled int
	emitted                           int
}

// feeder is an Input of any type.
type feeder interface {
	flush()
	rebind()
}

// New returns a harness without an operator.
func New(o Options) *Harness {
	if o.Name == "" {
		o.Name = "operator"
	}
	o.ChunkRows = max(o.ChunkRows, 1)
	if o.MaxParallelism == 0 {
		o.MaxParallelism = 16
	}
	h := &Harness{o: o, wiring: operator.Wiring{Side: map[string]any{}}}
	h.host = &host{h: h, now: o.Start, accumulators: map[string]*operator.Accumulator{}}
	h.host.base, h.host.cancel = context.WithCancel(context.Background())
	return h
}

// Open makes and opens an instance of the operator.
func (h *Harness) Open(f operator.Factory) error {
	h.factory = f
	if err := h.instance(); err != nil {
		return err
	}
	return h.inst.Open()
}

func (h *Harness) instance() (err error) {
	c := operator.NewContext()
	c.Name, c.UID = h.o.Name, base.OperatorUID("optest")
	c.Parallelism, c.MaxParallelism = 1, h.o.MaxParallelism
	c.KeyGroups = base.KeyGroupRange{First: 0, Last: h.o.MaxParallelism - 1}
	c.Bounded, c.Stop, c.Host, c.State = true, &h.stop, h.host, h.o.State
	h.ctx = c
	if h.inst, err = h.factory.New(c, h.wiring); err != nil {
		return err
	}
	h.tick()
	return nil
}

// tick tells the operator the time, as a task does once a step.
func (h *Harness) tick() {
	h.ctx.NowMillis = max(h.ctx.NowMillis, h.host.now)
	if h.ctx.Store != nil {
		h.ctx.Store.Tick(h.host.now)
	}
}

// Context is that of the instance at hand.
func (h *Harness) Context() *operator.Context { return h.ctx }

// Err is the failure of the operator, if it has failed: then it is called no more.
func (h *Harness) Err() error { return h.host.err }

// Counter is the value of an accumulator, 0 if there is none of the name.
func (h *Harness) Counter(name string) int64 {
	if a := h.host.accumulators[name]; a != nil {
		return a.Count
	}
	return 0
}

// chance is true once in about n times, never if n is 0.
func (h *Harness) chance(n int) bool { return n > 0 && h.o.Rand.IntN(n) == 0 }

// mayStop raises Stop now and then.
func (h *Harness) mayStop() {
	if h.chance(h.o.Stops) {
		h.stop.Store(1)
	}
}

// pause is where a real task looks around: Stop is lowered, and the instance may be another one afterwards.
func (h *Harness) pause() {
	h.stop.Store(0)
	h.tick()
	h.spill()
	if h.host.err == nil && h.chance(h.o.Restores) {
		h.Restore()
	}
}

// spillAfter is more often than a store must be given the time to make room until it looks whether it has to.
const spillAfter = 300

// spill has keys go to disk, if that is where the state is to be, as far as the account's limit wants it.
func (h *Harness) spill() {
	if h.o.State.Spill == nil || h.ctx.Store == nil {
		return
	}
	for range spillAfter {
		h.ctx.Store.Breathe()
	}
	h.Spilled = max(h.Spilled, h.ctx.Store.Stored())
}

// Watermark brings a watermark on all inputs, behind what was pushed. One that does not advance has no effect.
func (h *Harness) Watermark(t int64) {
	h.Flush()
	h.watermark(t)
}

func (h *Harness) watermark(t int64) {
	if h.host.err != nil || t <= h.ctx.CurrentWatermark {
		return
	}
	h.ctx.CurrentWatermark = t
	h.pause()
	for h.call(func() bool { return h.inst.Watermark(t) }) {
		h.pause()
	}
	h.pause()
}

// call calls the operator for one step of something that may take many.
func (h *Harness) call(f func() bool) (more bool) {
	h.emitted = 0
	more = f() && h.host.err == nil
	h.Steps++
	h.Longest = max(h.Longest, h.emitted)
	return more
}

// Flush hands over what was pushed.
func (h *Harness) Flush() {
	for _, in := range h.inputs {
		in.flush()
	}
}

// Clock advances the clock. What comes due runs when its time has come, or, if late is set, when all the time has passed, as if the task had been busy meanwhile.
func (h *Harness) Clock(t int64, late bool) {
	h.Flush()
	if late {
		h.host.now = max(h.host.now, t)
	}
	h.host.run(t)
	h.host.now = max(h.host.now, t)
	h.pause()
}

// EndInput ends an input.
func (h *Harness) EndInput(input int) {
	h.Flush()
	if h.host.err == nil {
		h.inst.EndInput(input)
	}
}

// Finish ends the operator as the end of all input does: with the last watermark, then EndInput of each input and Finish.
func (h *Harness) Finish() {
	h.Watermark(eventtime.MaxWatermark)
	for i := range h.inputs {
		h.EndInput(i)
	}
	for h.host.err == nil && h.call(h.inst.Finish) {
		h.stop.Store(0)
	}
}

// Close closes the instance and its store. Work that is still to be done away from the task is dropped.
func (h *Harness) Close() error {
	h.host.cancel()
	h.host.works = nil
	return h.close()
}

func (h *Harness) close() error {
	err := h.inst.Close()
	if h.ctx.Store != nil {
		if e := h.ctx.Store.Close(); err == nil {
			err = e
		}
	}
	return err
}

// host is the operator's task.
type host struct {
	operator.Host
	h            *Harness
	base         context.Context
	cancel       context.CancelFunc
	now          int64
	works        []work
	err          error
	accumulators map[string]*operator.Accumulator
}

type work struct {
	at   int64
	ctx  *operator.Context // the instance that asked for it
	run  func(context.Context)
	then func()
}

func (h *host) Fail(_ int, err error) {
	if h.err == nil {
		h.err = err
	}
	h.h.ctx.Failed = true
	h.h.stop.Store(1)
}

func (h *host) Async(_ int, delay time.Duration, run func(context.Context), then func()) {
	h.works = append(h.works, work{h.now + delay.Milliseconds(), h.h.ctx, run, then})
}

// run does what is to be done by a time, the earliest first.
func (h *host) run(until int64) {
	for {
		first := -1
		for i, w := range h.works {
			if w.at <= until && (first < 0 || w.at < h.works[first].at) {
				first = i
			}
		}
		if first < 0 || h.err != nil {
			return
		}
		w := h.works[first]
		h.works = append(h.works[:first], h.works[first+1:]...)
		if w.ctx != h.h.ctx {
			continue
		}
		h.now = max(h.now, w.at)
		h.h.tick()
		w.run(h.base)
		if w.then != nil {
			w.then()
		}
		h.h.pause()
	}
}

func (h *host) EmitWatermark(int, int64)        {}
func (h *host) EmitIdle(int, bool)              {}
func (h *host) Wake()                           {}
func (h *host) Done() <-chan struct{}           { return h.base.Done() }
func (h *host) Now() time.Time                  { return time.UnixMilli(h.now) }
func (h *host) RealTime() bool                  { return false }
func (h *host) Logger() *slog.Logger            { return slog.New(slog.DiscardHandler) }
func (h *host) Interrupt()                      {}
func (h *host) OutputFull()                     { h.h.stop.Store(1) }
func (h *host) ParkOutput(operator.Output) bool { return true }
func (h *host) Random() float64 {
	if h.h.o.Rand == nil {
		return 0
	}
	return h.h.o.Rand.Float64()
}

func (h *host) Accumulator(_ int, name, kind string) *operator.Accumulator {
	a := h.accumulators[name]
	if a == nil {
		a = operator.NewAccumulator(name, kind)
		h.accumulators[name] = a
	}
	return a
}

// Instance makes and opens an instance behind which stands what the wiring says, to be called directly: for benchmarks, which want no harness between. Close closes it.
func (h *Harness) Instance(f operator.Factory, w operator.Wiring) (operator.Instance, error) {
	h.wiring = w
	if err := h.Open(f); err != nil {
		return nil, err
	}
	return h.inst, nil
}
