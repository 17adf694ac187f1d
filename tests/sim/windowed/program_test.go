package windowed

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/weirtest"
	"github.com/weirstream/weir/window"
)

// event is a record of either stream. Times are milliseconds.
type event struct{ ID, Key, At, Value int64 }

// setting is what a seed makes of the program. All but the key count is milliseconds.
type setting struct {
	keys                int64
	bound               int64 // of disorder
	idle                int64
	size, slide, offset int64
	gap                 int64
	lower, upper        int64
	openLower           bool
	openUpper           bool
	atSource            bool // event time begins in the sources, not behind them
	// cascade has windows behind windows, and no time at which all of the first stream is idle: when it goes on, the subtasks of the first windows are not idle any more one after the other, and what
	// the last of them tells may be late for the second ones.
	cascade bool
}

func draw(rng *rand.Rand) setting {
	s := setting{
		keys: 1 + rng.Int64N(6), bound: 3 + rng.Int64N(120), idle: 500 + rng.Int64N(1000), size: 2 + rng.Int64N(300), gap: 1 + rng.Int64N(60),
		lower: rng.Int64N(200) - 120, openLower: rng.IntN(2) == 0, openUpper: rng.IntN(2) == 0, atSource: rng.IntN(2) == 0, cascade: rng.IntN(2) == 0,
	}
	s.slide = 1 + s.size/10 + rng.Int64N(s.size-s.size/10)
	s.offset = rng.Int64N(2*s.slide-1) - s.slide + 1
	s.upper = s.lower + 2 + rng.Int64N(150)
	return s
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// stat is the accumulator of windows.
type stat struct{ N, Sum int64 }

var stats = weir.Aggregator[event, stat, stat]{
	Create: func() stat { return stat{} },
	Add:    func(a stat, e event) stat { return stat{a.N + 1, a.Sum + e.Value} },
	Result: func(a stat) stat { return a },
	Merge:  func(a, b stat) stat { return stat{a.N + b.N, a.Sum + b.Sum} },
}

// tumble is a result of the tumbling windows, which others are made of.
type tumble struct {
	Key, Start int64
	stat
}

// outputs are the results of the operators by name, as text with timestamps.
type outputs map[string]*weirtest.Captured[string]

// build makes the program on the channels of two streams.
func build(sim *weirtest.Sim, s setting, first, second []*weir.Stream[event]) outputs {
	a := weir.KeyBy(timed(s, first), func(e event) int64 { return e.Key })
	b := weir.KeyBy(timed(s, second), func(e event) int64 { return e.Key })
	out := outputs{}
	sliding := window.SlidingEventTime[event](ms(s.size), ms(s.slide)).WithOffset(ms(s.offset))

	tumbles := weir.AggregateWindowWith(a.Window(window.TumblingEventTime[event](ms(s.size))), stats,
		func(ctx *weir.WindowContext[int64], r stat, out *weir.Collector[tumble]) error {
			out.Collect(tumble{ctx.Key(), ctx.Window().Start, r})
			return nil
		}).Name("tumbling")
	out["tumbling"] = weirtest.Capture(sim, weir.Map(tumbles, func(t tumble) string { return told(t.Key, t.Start, t.stat) }))

	if s.cascade {
		out["all keys"] = weirtest.Capture(sim, weir.ApplyWindow(tumbles.WindowAll(window.TumblingEventTime[tumble](ms(s.size))),
			func(ctx *weir.WindowContext[struct{}], ts iter.Seq[tumble], out *weir.Collector[string]) error {
				var sum stat
				for t := range ts {
					sum = stat{sum.N + t.N, sum.Sum + t.Sum}
				}
				out.Collect(told(-1, ctx.Window().Start, sum))
				return nil
			}).Name("all keys"))
	}

	out["sliding"] = weirtest.Capture(sim, weir.AggregateWindowWith(a.Window(sliding), stats, tell).Name("sliding"))
	out["sliding elements"] = weirtest.Capture(sim, weir.ApplyWindow(b.Window(sliding),
		func(ctx *weir.WindowContext[int64], es iter.Seq[event], out *weir.Collector[string]) error {
			out.Collect(told(ctx.Key(), ctx.Window().Start, ids(es)))
			return nil
		}).Name("sliding elements"))
	out["session"] = weirtest.Capture(sim, weir.AggregateWindowWith(a.Window(window.EventTimeSession[event](ms(s.gap))), stats,
		func(ctx *weir.WindowContext[int64], r stat, out *weir.Collector[string]) error {
			out.Collect(told(ctx.Key(), ctx.Window().Start, ctx.Window().End, r))
			return nil
		}).Name("session"))

	joined := weir.Join(a, b, window.TumblingEventTime[weir.Either[event, event]](ms(s.size)))
	out["window join"] = weirtest.Capture(sim, weir.JoinWindows(joined, func(x, y event) string { return told(x.ID, y.ID) }).Name("window join"))
	grouped := weir.Join(a, b, window.EventTimeSession[weir.Either[event, event]](ms(s.gap)))
	out["session coGroup"] = weirtest.Capture(sim, weir.CoGroupWindows(grouped,
		func(ctx *weir.WindowContext[int64], xs, ys iter.Seq[event], out *weir.Collector[string]) error {
			out.Collect(told(ctx.Key(), ctx.Window().Start, ctx.Window().End, ids(xs), ids(ys)))
			return nil
		}).Name("session coGroup"))

	near := weir.IntervalJoin(a, b, weir.IntervalBounds{Lower: ms(s.lower), Upper: ms(s.upper), LowerExclusive: s.openLower, UpperExclusive: s.openUpper})
	out["interval join"] = weirtest.Capture(sim, weir.ProcessJoin(near, func(ctx *weir.JoinContext[int64], x, y event, out *weir.Collector[string]) error {
		out.Collect(told(x.ID, y.ID, ctx.FirstTimestamp(), ctx.SecondTimestamp()))
		return nil
	}).Name("interval join"))
	return out
}

// timed unites the channels of a stream, each of which has event time, and idleness, of its own.
func timed(s setting, channels []*weir.Stream[event]) *weir.Stream[event] {
	strategy := eventtime.ForBoundedOutOfOrderness[event](ms(s.bound)).
		WithTimestampAssigner(func(e event, _ int64) int64 { return e.At }).
		WithIdleness(ms(s.idle))
	var all []*weir.Stream[event]
	for _, c := range channels {
		if s.atSource {
			all = append(all, c.WatermarkStrategy(strategy))
		} else {
			all = append(all, c.AssignTimestampsAndWatermarks(strategy).Parallelism(1))
		}
	}
	return all[0].Union(all[1:]...)
}

func tell(ctx *weir.WindowContext[int64], r stat, out *weir.Collector[string]) error {
	out.Collect(told(ctx.Key(), ctx.Window().Start, r))
	return nil
}

func told(args ...any) string { return fmt.Sprintln(args...) }

// ids returns the ids of events in order: the order in which they are in a window is that of arrival.
func ids(es iter.Seq[event]) (all []int64) {
	for e := range es {
		all = append(all, e.ID)
	}
	slices.Sort(all)
	return all
}
