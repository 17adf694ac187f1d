package sequence

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/connector"
)

// threadRate is the rate of one reader from which on it is paced by a thread of its own.
const threadRate = 500

// schedule says when numbers are due. It does not change once a reader has begun.
type schedule struct {
	start time.Time
	// first is the number due at start.
	first float64
	rate  float64
}

func (s schedule) due(i int64) time.Time {
	return s.start.Add(time.Duration((float64(i) - s.first) / s.rate * 1e9))
}

// ratedReader emits what is due.
type ratedReader[T any] struct {
	reader
	o      Options
	fn     func(int64, time.Time) T
	thread *pacing

	schedule schedule
	begun    bool
	// timer is set while the engine's timer runs; pacer is nil unless the reader has a thread.
	timer bool
	pacer *pacer
}

func (r *ratedReader[T]) Poll(out *connector.Output[T]) (connector.Status, error) {
	if len(r.spans) == 0 {
		return r.finish(out), nil
	}
	if !r.begun {
		r.begin()
	}
	if r.pacer != nil && r.pacer.orphan.Swap(false) {
		r.pace()
	}
	now := r.ctx.Now()
	for budget := maxRecords; budget > 0 && !out.Stop(); budget-- {
		s := r.earliest()
		if s == nil {
			return r.finish(out), nil
		}
		i := s.at(s.done)
		due := r.schedule.due(i)
		if due.After(now) {
			if again := r.wait(due, now); again.Before(due) {
				return connector.NothingAvailable, nil
			} else {
				now = again
			}
		}
		s.done++
		out.Split(s.id).Collect(r.fn(i, due))
	}
	return connector.MoreAvailable, nil
}

// begin sets the clock: what was to come first at a fresh start, or comes first behind the restored positions, is due now.
func (r *ratedReader[T]) begin() {
	r.begun = true
	first := math.Inf(1)
	for _, s := range r.spans {
		first = min(first, float64(s.done)*float64(s.step))
	}
	r.schedule = schedule{start: r.ctx.Now(), first: first, rate: r.o.RatePerSecond}

	var perReader float64
	for _, s := range r.spans {
		perReader += r.o.RatePerSecond / float64(s.step)
	}
	if real, ok := r.ctx.(connector.RealTime); ok && real.RealTime() && perReader >= threadRate {
		r.pacer = &pacer{schedule: r.schedule, wake: r.ctx.Wake}
		for _, s := range r.spans {
			r.pacer.spans = append(r.pacer.spans, *s)
		}
		r.pace()
	}
}

// pace has the source's thread look after the reader's pacer, and starts it if there is none.
func (r *ratedReader[T]) pace() {
	if r.thread.add(r.pacer) {
		resolution, stats := r.o.Resolution, r.o.Stats
		r.ctx.Async(0, func(ctx context.Context) { r.thread.run(ctx, resolution, stats) }, nil)
	}
}

// earliest returns the span whose next number is the smallest, nil if all are finished. There are several only after a restore at a lower parallelism.
func (r *ratedReader[T]) earliest() *span {
	var best *span
	for _, s := range r.spans {
		if s.done < s.total && !r.paused[s.id] && (best == nil || s.at(s.done) < best.at(best.done)) {
			best = s
		}
	}
	return best
}

// wait arranges that Poll is called when due has come, and returns the time: at or behind due if it came meanwhile.
func (r *ratedReader[T]) wait(due, now time.Time) time.Time {
	if r.pacer != nil {
		r.pacer.waiting.Store(true)
		// The pacer may have passed due just before it could see that the reader waits; then the clock is there, too.
		if now = r.ctx.Now(); !now.Before(due) {
			r.pacer.waiting.Store(false)
		}
		return now
	}
	if !r.timer {
		r.timer = true
		r.ctx.Async(due.Sub(now), func(context.Context) {}, func() {
			r.timer = false
			r.o.Stats.add(r.ctx.Now().Sub(due))
		})
	}
	return now
}

func (r *ratedReader[T]) finish(out *connector.Output[T]) connector.Status {
	status := r.drop(out)
	if status == connector.EndOfInput && r.pacer != nil {
		r.pacer.done.Store(true)
	}
	return status
}

func (r *ratedReader[T]) Close() error {
	if r.pacer != nil {
		r.pacer.done.Store(true)
	}
	return nil
}

// pacer knows when records of a reader are due.
type pacer struct {
	schedule schedule
	spans    []span // their positions are not kept up to date
	wake     func()
	next     time.Time // the thread's

	// waiting is set by the reader when it has emitted all that was due. done ends the pacer. orphan is set when the thread has ended before the reader.
	waiting, done, orphan atomic.Bool
}

// pacing is the thread that wakes all readers of a source in this process. It is one thread for all, since a thread that sleeps in the operating system keeps one of the
// scheduler's processors until that is taken back, which can take 10 ms: two sleeping threads would hold up everything on two cores.
type pacing struct {
	mu      sync.Mutex
	pacers  []*pacer
	running bool
}

// add has the thread look after p, and reports whether the thread must be started.
func (t *pacing) add(p *pacer) (start bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.next = p.after(time.Now())
	t.pacers = append(t.pacers, p)
	start = !t.running
	t.running = true
	return start
}

// run ticks at the due times of the readers' records, whether or not they keep up, so that nothing has to be told to the thread while it sleeps. It ends at the first
// tick after the context has, or all readers: rates are such that this is within two milliseconds. Readers that are left then start another thread.
func (t *pacing) run(ctx context.Context, resolution time.Duration, stats *PacerStats) {
	thread := lockThread()
	defer func() { stats.addCPU(thread.unlock()) }()
	for now := time.Now(); ; {
		target, more := t.tick(now, ctx.Err() != nil)
		if !more {
			return
		}
		if earliest := now.Add(resolution); target.Before(earliest) {
			target = earliest
		}
		thread.sleepUntil(target)
		now = time.Now()
		stats.add(now.Sub(target))
	}
}

// tick wakes the readers that have something due, and returns when the next has.
func (t *pacing) tick(now time.Time, last bool) (next time.Time, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pacers = slices.DeleteFunc(t.pacers, func(p *pacer) bool { return p.done.Load() })
	if last || len(t.pacers) == 0 {
		for _, p := range t.pacers {
			p.orphan.Store(true)
			p.wake()
		}
		t.pacers, t.running = nil, false
		return time.Time{}, false
	}
	for i, p := range t.pacers {
		if !p.next.After(now) {
			if p.waiting.Swap(false) {
				p.wake()
			}
			p.next = p.after(now)
		}
		if i == 0 || p.next.Before(next) {
			next = p.next
		}
	}
	return next, true
}

// after returns the first due time behind t.
func (p *pacer) after(t time.Time) time.Time {
	var best time.Time
	elapsed := float64(t.Sub(p.schedule.start))/1e9*p.schedule.rate + p.schedule.first
	for _, s := range p.spans {
		k := math.Floor((elapsed-float64(s.base))/float64(s.step)) + 1
		due := p.schedule.due(s.base + int64(k)*s.step)
		if !due.After(t) {
			due = p.schedule.due(s.base + int64(k+1)*s.step)
		}
		if best.IsZero() || due.Before(best) {
			best = due
		}
	}
	return best
}
