package operator

import (
	"context"
	"slices"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/temporal"
)

// DefaultWatermarkInterval is how often generators are asked for watermarks, and how often idleness is looked for, unless the job says otherwise.
const DefaultWatermarkInterval = 200 * time.Millisecond

// sourceTime makes the timestamps and watermarks of a source: for each split by itself, and of these the source's. It decides when the source or a split has to wait for others.
type sourceTime[T any] struct {
	ctx      *Context
	next     *Port[T]
	strategy eventtime.Strategy[T]
	given    bool          // a strategy was given
	interval time.Duration // of generators; not positive: after every record
	every    time.Duration // of ticks; 0 if there is no use for them
	lag      int64
	trails   bool

	reader  any
	splits  *temporal.Splits
	main    *splitTime[T]
	live    []*splitTime[T] // those that count, or will when they are active again
	byID    map[string]*splitTime[T]
	inTurn  bool
	aware   bool     // the reader tells splits apart
	pending []string // assigned before it has done so
	idle    int      // live ones that are idle

	ticking   bool
	ended     bool
	empty     temporal.Idleness // while there are no splits
	emptyIdle bool
	counted   int64 // at the end of the last Poll

	limit     int64
	waits     temporal.Stopwatch // runs while the source is paused
	waitSince time.Time
	overrun   bool // a split has to be paused
	unaligned bool // splits that cannot be paused go on
	loose     bool // they do
	opened    time.Time
}

func newSourceTime[T any](ctx *Context, f *SourceOperator[T], next *Port[T]) *sourceTime[T] {
	t := &sourceTime[T]{
		ctx: ctx, next: next, splits: temporal.NewSplits(), limit: eventtime.MaxWatermark,
		interval: f.WatermarkInterval, unaligned: f.AllowUnalignedSplits, byID: map[string]*splitTime[T]{},
	}
	if f.Strategy != nil {
		t.strategy, t.given = *f.Strategy, true
	}
	t.lag, t.trails = t.strategy.Lag()
	if !ctx.Batch {
		t.every = tickInterval(t.strategy, t.interval)
	}
	t.empty.Timeout = int64(t.strategy.Idleness())
	t.main = &splitTime[T]{time: t}
	return t
}

// tickInterval returns how often a strategy has to be asked, 0 for never.
func tickInterval[T any](s eventtime.Strategy[T], interval time.Duration) time.Duration {
	_, trails := s.Lag()
	asked := !trails && !s.Silent() && interval > 0
	switch {
	case asked:
		return interval
	case s.Idleness() == 0:
		return 0
	case interval <= 0:
		interval = DefaultWatermarkInterval
	}
	return max(min(interval, s.Idleness()), time.Millisecond)
}

// open begins with the reader's start.
func (t *sourceTime[T]) open(reader any) {
	t.reader = reader
	if r, ok := reader.(connector.SplitsInTurn); ok {
		t.inTurn = r.SplitsInTurn()
	}
	_, can := reader.(connector.SplitPauser)
	t.loose = !can && t.unaligned
	t.opened = t.ctx.Host.Now()
	t.arm()
	if a, ok := t.strategy.Alignment(); ok && !t.ctx.Batch { // there are no watermarks to align
		t.reportLater(a.UpdateInterval)
	}
}

// nowhere is work that only waits.
func nowhere(context.Context) {}

// assign tells of splits that the reader is about to be given.
func (t *sourceTime[T]) assign(splits []connector.Split) {
	if t.inTurn {
		return
	}
	for _, s := range splits {
		if t.aware {
			t.enter(s.ID)
		} else {
			t.pending = append(t.pending, s.ID)
		}
	}
	t.arm()
}

// enter lets a split count, and returns it.
func (t *sourceTime[T]) enter(id string) *splitTime[T] {
	s := t.byID[id]
	if s == nil {
		s = &splitTime[T]{time: t}
		t.byID[id] = s
		t.add(s, id)
	}
	return s
}

func (t *sourceTime[T]) add(s *splitTime[T], id string) {
	s.part = t.splits.Add(id)
	s.shown, s.since = eventtime.MinWatermark, t.ctx.Host.Now()
	s.idleness.Timeout = int64(t.strategy.Idleness())
	t.live = append(t.live, s)
	t.emptyIdle = false
	t.tellIdle()
}

// OpenSplit implements [connector.SplitHooks].
func (t *sourceTime[T]) OpenSplit(id string) *connector.Output[T] {
	if !t.aware {
		t.aware = true
		for _, p := range t.pending {
			t.enter(p)
		}
		t.pending = nil
		if t.main.part != nil && t.main.count() == 0 { // asked without a record: it is no input
			t.leave(t.main)
		}
	}
	s := t.enter(id)
	value, ref := s.entries()
	s.out = connector.NewOutput(value, ref, s, t.ctx.Stop)
	return s.out
}

// EndSplit implements [connector.SplitHooks].
func (t *sourceTime[T]) EndSplit(id string) {
	t.pending = slices.DeleteFunc(t.pending, func(p string) bool { return p == id })
	if s := t.byID[id]; s != nil {
		delete(t.byID, id)
		t.leave(s)
		s.ended = true
	}
}

// leave takes out what no longer counts.
func (t *sourceTime[T]) leave(s *splitTime[T]) {
	if s.part.Idle() {
		t.idle--
	}
	t.live = slices.DeleteFunc(t.live, func(x *splitTime[T]) bool { return x == s })
	advanced := t.splits.Remove(s.part)
	s.part = nil
	if len(t.live) == 0 {
		t.empty = temporal.Idleness{Timeout: t.empty.Timeout}
		t.emptyIdle = false
	} else {
		t.tellIdle()
	}
	if advanced {
		t.emit()
	}
}

// Watermark and Idle implement [connector.OutputHooks] for what the reader emits outside of splits.
func (t *sourceTime[T]) Watermark(w int64) { t.main.EmitWatermark(w) }

func (t *sourceTime[T]) Idle(idle bool) { t.main.Idle(idle) }

// advance takes a watermark of a split.
func (t *sourceTime[T]) advance(s *splitTime[T], w int64) {
	if s.ended {
		return
	}
	w = min(w, eventtime.MaxWatermark-1) // the last one is the engine's
	if s.part == nil {
		t.add(s, "")
	}
	if s.part.Idle() {
		t.wake(s)
	}
	if t.splits.Advance(s.part, w) {
		t.emit()
	}
	if w > t.limit && len(t.live) > 1 && !s.paused && !t.overrun && !t.loose {
		t.overrun = true
		t.ctx.Stop.Store(1)
	}
}

// emit sends the source's watermark.
func (t *sourceTime[T]) emit() {
	w := t.splits.Combined()
	t.ctx.Host.EmitWatermark(t.ctx.Node, w)
	if w > t.limit && !t.waits.Stopped() {
		t.pause()
		t.ctx.Stop.Store(1)
	}
}

func (t *sourceTime[T]) pause() {
	t.waitSince = t.ctx.Host.Now()
	t.waits.Stop(t.unblocked())
	t.report(t.splits.Combined()) // at once, so that a source that leads its group, or is alone in it, does not wait for its own next report
}

func (t *sourceTime[T]) setIdle(s *splitTime[T], idle bool) {
	if s.ended {
		return
	}
	if s.part == nil {
		t.add(s, "")
	}
	s.idleAt = s.count()
	if s.part.Idle() != idle {
		if idle {
			t.idle++
			s.idleSince = t.ctx.Host.Now()
			s.gate = eventtime.MinWatermark
		} else {
			t.idle--
			s.gate = s.highest
		}
		if t.splits.SetIdle(s.part, idle) {
			t.emit()
		}
	}
	t.tellIdle()
}

func (t *sourceTime[T]) wake(s *splitTime[T]) { t.setIdle(s, false) }

func (t *sourceTime[T]) isIdle() bool { return t.splits.Idle() || len(t.live) == 0 && t.emptyIdle }

func (t *sourceTime[T]) tellIdle() { t.ctx.Host.EmitIdle(t.ctx.Node, t.isIdle()) }

// polled is called after each Poll.
func (t *sourceTime[T]) polled(ended bool) {
	t.ended = t.ended || ended
	if ended {
		t.report(eventtime.MaxWatermark)
		return
	}
	if t.idle > 0 {
		for _, s := range t.live {
			if s.part.Idle() && s.count() != s.idleAt {
				t.wake(s)
			}
		}
	}
	if t.every == 0 || t.ticking {
		return
	}
	if n := t.main.count(); n != t.counted {
		t.counted, t.emptyIdle = n, false
	}
	t.arm()
}

// arm has a tick come, unless there is nothing that it could change.
func (t *sourceTime[T]) arm() {
	if t.every == 0 || t.ticking || t.ended {
		return
	}
	asked := !t.trails && !t.strategy.Silent() && t.interval > 0
	if !asked && t.isIdle() {
		return
	}
	t.ticking = true
	t.ctx.Host.Async(t.ctx.Node, t.every, nowhere, func() {
		t.ticking = false
		if !t.ended {
			t.tick()
			t.arm()
		}
	})
}

// tick looks for silent splits, and asks generators.
func (t *sourceTime[T]) tick() {
	clock := t.clock()
	for _, s := range slices.Clone(t.live) {
		silent := s.idleness.Timeout > 0 && s.idleness.Check(s.count(), clock-s.waits.Total(clock))
		switch {
		case silent && !s.part.Idle():
			t.setIdle(s, true)
		case !silent && s.generator != nil:
			s.generator.OnPeriodicEmit(s)
		}
	}
	if !t.aware && t.main.part == nil && t.main.generator != nil {
		t.main.generator.OnPeriodicEmit(t.main)
	}
	if t.empty.Timeout > 0 {
		silent := t.empty.Check(t.main.count(), clock)
		if t.emptyIdle = silent && len(t.live) == 0; t.emptyIdle {
			t.tellIdle()
		}
	}
}

// unblocked is a clock in nanoseconds that stands still while the task waits for room.
func (t *sourceTime[T]) unblocked() int64 { return unblockedClock(t.ctx) }

func unblockedClock(ctx *Context) int64 {
	now := ctx.Host.Now().UnixNano()
	if h, ok := ctx.Host.(BlockedClock); ok {
		now -= int64(h.Blocked())
	}
	return now
}

// clock is unblocked, and stands still also while the source is paused.
func (t *sourceTime[T]) clock() int64 {
	now := t.unblocked()
	return now - t.waits.Total(now)
}

func (t *sourceTime[T]) reportLater(interval time.Duration) {
	t.ctx.Host.Async(t.ctx.Node, interval, nowhere, func() {
		if t.ended {
			return
		}
		if t.isIdle() {
			t.report(eventtime.MaxWatermark)
		} else {
			t.report(t.splits.Combined())
		}
		t.reportLater(interval)
	})
}

// report tells the alignment group how far the source has come. Who has nothing to tell yet holds nobody.
func (t *sourceTime[T]) report(w int64) {
	a, aligned := t.strategy.Alignment()
	host, ok := t.ctx.Host.(WatermarkReporter)
	if aligned && ok && w != eventtime.MinWatermark {
		host.ReportWatermark(a.Group, a.MaxDrift.Milliseconds(), w)
	}
}

// align says how far the source may go.
func (t *sourceTime[T]) align(limit int64) error {
	t.limit = limit
	switch paused := t.splits.Combined() > limit; {
	case paused && !t.waits.Stopped():
		t.pause()
	case !paused && t.waits.Stopped():
		t.waits.Go(t.unblocked())
	}
	return t.pauseSplits()
}

// pauseSplits has the reader leave aside the splits that are too far ahead. With one split alone, the source waits as a whole.
func (t *sourceTime[T]) pauseSplits() error {
	t.overrun = false
	var pause, resume []string
	pauser, can := t.reader.(connector.SplitPauser)
	clock := t.clock()
	for _, s := range t.live {
		ahead := s.part.Watermark() > t.limit && len(t.live) > 1
		switch {
		case s == t.main || ahead == s.paused:
		case t.loose:
		case !can:
			return fault.New(fault.SourceUnaligned, "split %q is ahead of its watermark alignment group, but the reader cannot pause one of its %d splits", s.part.ID, len(t.live))
		case ahead:
			pause = append(pause, s.part.ID)
			s.paused, s.pausedSince = true, t.ctx.Host.Now()
			s.waits.Stop(clock)
		default:
			resume = append(resume, s.part.ID)
			s.paused = false
			s.waits.Go(clock)
		}
	}
	if len(pause)+len(resume) == 0 {
		return nil
	}
	return fault.Wrap(fault.SourceFailed, pauser.PauseOrResumeSplits(pause, resume))
}

// describe appends where the splits stand.
func (t *sourceTime[T]) describe(now time.Time, dst []SplitTime) []SplitTime {
	for _, s := range t.live {
		w := s.part.Watermark()
		if w != s.shown {
			s.shown, s.since = w, now
		}
		x := SplitTime{ID: s.part.ID, Watermark: w, Since: s.since, Idle: s.part.Idle(), Paused: s.paused}
		switch {
		case x.Idle:
			x.StateSince = s.idleSince
		case x.Paused:
			x.StateSince = s.pausedSince
		}
		dst = append(dst, x)
	}
	if t.main.count() > 0 {
		return dst // its reader does not tell splits apart
	}
	for _, id := range t.pending {
		dst = append(dst, SplitTime{ID: id, Watermark: eventtime.MinWatermark, Since: t.opened})
	}
	return dst
}
