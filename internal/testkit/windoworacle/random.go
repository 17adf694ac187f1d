package windoworacle

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// Random draws a script. start is the processing time at which the operator's clock begins; it is not negative. The script has valid descriptions of all kinds; one
// in some hundred fails for a row without a timestamp or a bad gap.
//
// All times of the script are such that no timer is due exactly when the clock says its time, so that it does not matter whether the millisecond must be over for a
// timer to fire; and no timer of processing time is registered for a time that has passed.
func Random(r *rand.Rand, start int64) Script {
	g := &generator{Rand: r, now: start - start%4 + 6}
	s := Script{Start: start, SideOutput: g.one(2), Function: Function(g.IntN(3))}
	s.Spec = g.spec()
	if s.Spec.Evictor != nil {
		s.Function = Process
	}
	g.pickBase(s.Spec)
	s.Steps = g.steps(s.Spec)
	return s
}

// generator draws the parts. Sizes and gaps are multiples of 4, timeouts are 1 modulo 4 and clock times 2 modulo 4: that keeps timers and clock apart.
type generator struct {
	*rand.Rand
	now    int64
	unit   int64 // a size of windows, to which the rest is measured
	base   int64 // where event time begins
	custom bool  // the assigner does not cut at the edge of time

	clocks, watermarks bool // a timer of processing time, or of event time, may count up to the end of a window
}

// one is true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

// upTo draws from 1 to n.
func (g *generator) upTo(n int64) int64 { return 1 + g.Int64N(n) }

// fours draws a multiple of 4 from 4 to n.
func (g *generator) fours(n int64) int64 { return 4 * g.upTo(max(1, n/4)) }

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (g *generator) spec() window.Spec[Row] {
	g.unit = g.fours([]int64{8, 40, 200, 1000}[g.IntN(4)])
	s := g.windows()
	if g.one(2) && s.Trigger == nil {
		for s.Trigger == nil || s.Assigner.Merging() && !s.Trigger.CanMerge() {
			s.Trigger = g.trigger(2)
		}
	}
	if s.Evictor == nil && g.one(4) {
		s.Evictor = g.evictor()
	}
	if g.one(2) {
		s.AllowedLateness = ms([]int64{1, g.upTo(g.unit), g.upTo(10 * g.unit), math.MaxInt64 / 1_000_000}[g.IntN(4)])
	}
	return s
}

func (g *generator) windows() window.Spec[Row] {
	of := func(a window.Assigner[Row]) window.Spec[Row] { return window.Spec[Row]{Assigner: a} }
	switch g.IntN(13) {
	case 0, 1:
		return of(g.tumbling(window.TumblingEventTime[Row](ms(g.unit))))
	case 2:
		return of(g.tumbling(window.TumblingProcessingTime[Row](ms(g.unit))))
	case 3, 4:
		size, slide := g.slide()
		return of(window.SlidingEventTime[Row](ms(size), ms(slide)).WithOffset(g.offset(slide)))
	case 5:
		size, slide := g.slide()
		return of(window.SlidingProcessingTime[Row](ms(size), ms(slide)).WithOffset(g.offset(slide)))
	case 6, 7:
		return of(window.EventTimeSession[Row](ms(g.unit)))
	case 8:
		return of(window.ProcessingTimeSession[Row](ms(g.unit)))
	case 9:
		if g.one(2) {
			return of(window.DynamicEventTimeSession(gapOf(g.unit, g.one(20))))
		}
		return of(window.DynamicProcessingTimeSession(gapOf(g.unit, g.one(20))))
	case 10:
		if g.one(3) {
			return of(window.GlobalsUntilEnd[Row]())
		}
		return of(window.Globals[Row]())
	case 11:
		if g.one(2) {
			return window.CountWindow[Row](g.upTo(5))
		}
		return window.SlidingCountWindow[Row](g.upTo(6), g.upTo(4))
	default:
		g.custom = true
		return of(byValue{g.unit})
	}
}

func (g *generator) tumbling(a window.Tumbling[Row]) window.Assigner[Row] {
	a = a.WithOffset(g.offset(g.unit))
	if g.one(3) {
		return a.At(4 * g.Int64N(g.unit/4))
	}
	return a
}

// slide draws a size and a slide: many windows a row, some, or holes between the windows.
func (g *generator) slide() (size, slide int64) {
	switch g.IntN(3) {
	case 0:
		return 4 * g.upTo(60) * max(1, g.unit/100), 4 * max(1, g.unit/100)
	case 1:
		return g.unit, g.fours(g.unit)
	default:
		return g.unit, g.fours(3 * g.unit)
	}
}

func (g *generator) offset(slide int64) time.Duration {
	if g.one(2) {
		return 0
	}
	return ms(4 * (g.Int64N(slide/2-1) - slide/4 + 1))
}

// gapOf is a gap function for values up to 9: from 4 milliseconds to about the unit, and none for 9 if bad.
func gapOf(unit int64, bad bool) func(Row) time.Duration {
	return func(v Row) time.Duration {
		if bad && v.Value == 9 {
			return 0
		}
		return ms(4 * (1 + unit*v.Value/40))
	}
}

func delta(a, b Row) float64 { return math.Abs(float64(a.Value - b.Value)) }

func (g *generator) trigger(depth int) window.Trigger[Row] {
	kinds := 11
	if depth == 0 {
		kinds = 9
	}
	switch g.IntN(kinds) {
	case 0, 1:
		return window.CountTrigger[Row](g.upTo(5))
	case 2:
		return window.EventTimeTrigger[Row]()
	case 3:
		g.clocks = true
		return window.ProcessingTimeTrigger[Row]()
	case 4:
		g.watermarks = true
		return window.ContinuousEventTimeTrigger[Row](ms(g.upTo(2 * g.unit)))
	case 5:
		g.clocks = true
		return window.ContinuousProcessingTimeTrigger[Row](ms(4 * (g.unit/40 + g.upTo(g.unit))))
	case 6:
		return window.DeltaTrigger(float64(g.IntN(6)), delta)
	case 7:
		if g.one(3) {
			return window.NeverTrigger[Row]()
		}
		return window.EndOfStreamTrigger[Row]()
	case 8:
		return spread{g.upTo(5), g.upTo(2 * g.unit)}
	case 9:
		return window.PurgingTrigger(g.trigger(depth - 1))
	default:
		return window.ProcessingTimeoutTrigger(g.trigger(depth-1), ms(1+g.fours(3*g.unit)), g.one(2), !g.one(3))
	}
}

func (g *generator) evictor() window.Evictor[Row] {
	when := window.When(g.IntN(2))
	switch g.IntN(4) {
	case 0:
		return window.CountEvictor[Row](g.upTo(4), when)
	case 1:
		return window.TimeEvictor[Row](ms(g.upTo(g.unit)), when)
	case 2:
		return window.DeltaEvictor(float64(g.IntN(7)), delta, when)
	default:
		return oddOut{}
	}
}

// pickBase draws where event time begins: around the epoch, before it, today, or at an edge of time. Where a trigger mixes
// the two times, event time is far ahead of the clock: then the clock never reaches the end of an event-time window, nor does the watermark count up to the end of one
// of processing time.
func (g *generator) pickBase(s window.Spec[Row]) {
	switch k := g.IntN(10); {
	case g.clocks, g.watermarks && !s.Assigner.EventTime():
		g.base = g.now + 1e12
	case k < 3:
		g.base = 0
	case k < 5:
		g.base = -g.Int64N(1e9)
	case k < 8 || g.custom:
		g.base = 1_700_000_000_000 + g.Int64N(1e6)
	case k == 8:
		g.base = math.MinInt64 + g.Int64N(4*g.unit)
	default:
		g.base = math.MaxInt64 - g.Int64N(40*g.unit)
	}
}

// steps draws rows whose event time runs ahead with disorder, watermarks behind them, and a clock.
func (g *generator) steps(s window.Spec[Row]) []Step {
	var (
		steps    = []Step{{Kind: ProcessingTime, Time: g.now}}
		keys     = g.upTo(4)
		disorder = g.Int64N(3 * g.unit)
		pace     = g.upTo(g.unit)
		delay    = g.Int64N(3 * g.unit)
		grain    = []int64{1, 1, 4, g.unit}[g.IntN(4)]
		stamped  = g.stamps(s)
		at       = g.base
	)
	for range 10 + g.IntN(60) {
		switch k := g.IntN(20); {
		case k < 13:
			ts := shift(at, -g.Int64N(disorder+1))
			if g.one(30) {
				ts = shift(at, -g.Int64N(20*g.unit))
			}
			ts -= ts % grain
			if !stamped() || ts == math.MinInt64 && s.Assigner.EventTime() {
				ts = eventtime.NoTimestamp
				if s.Assigner.EventTime() && !g.one(100) {
					ts++
				}
			}
			steps = append(steps, Step{Element, Row{g.Int64N(keys), g.Int64N(10)}, ts})
			at = shift(at, g.Int64N(pace+1))
		case k < 16:
			steps = append(steps, Step{Kind: Watermark, Time: shift(at, -g.Int64N(delay+1))})
			if g.one(6) {
				at = shift(at, g.Int64N(5*g.unit)) // a hole
			}
		default:
			g.now += g.fours(2 * g.unit)
			steps = append(steps, Step{Kind: ProcessingTime, Time: g.now})
		}
		if g.one(200) {
			steps = append(steps, Step{Kind: Watermark, Time: eventtime.MaxWatermark})
		}
	}
	if !g.one(4) {
		steps = append(steps, Step{Kind: Watermark, Time: eventtime.MaxWatermark})
	}
	if !g.one(4) {
		steps = append(steps, Step{Kind: ProcessingTime, Time: g.now + 100*g.unit})
	}
	return steps
}

// stamps draws how often rows have a timestamp: seldom not, where windows need it.
func (g *generator) stamps(s window.Spec[Row]) func() bool {
	switch {
	case s.Assigner.EventTime():
		bad := g.one(200)
		return func() bool { return !bad || !g.one(20) }
	case g.one(4):
		return func() bool { return false }
	case g.one(4):
		return func() bool { return g.one(2) }
	default:
		return func() bool { return true }
	}
}

// shift is t+d, cut at the edges of time.
func shift(t, d int64) int64 {
	switch s := t + d; {
	case d > 0 && s < t:
		return math.MaxInt64
	case d < 0 && s > t:
		return math.MinInt64
	default:
		return s
	}
}
