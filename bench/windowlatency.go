package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/window"
)

// latencyWindow is the size of the windows whose latency is measured, in milliseconds; they have a thousand keys.
const latencyWindow = 100

// runWindowLatency measures the time from when the record was made whose watermark closes a window to when each result of the window came to the sink. The records' event time is when they were due.
func runWindowLatency(j job) (float64, *Latencies, error) {
	h, stats := new(histogram), new(sequence.PacerStats)
	var closed [1 << 20]atomic.Int64 // by window
	last := int64(0)                 // the window of the latest record
	start := time.Now()
	env := weir.NewEnvironment(weir.Options{Parallelism: j.Parallelism})
	source := sequence.GenerateAt(sequence.Options{Count: j.Records, RatePerSecond: j.Rate, Stats: stats}, func(i int64, due time.Time) Reading {
		var r Reading
		newReading(i, &r)
		r.Time = due.Sub(start).Milliseconds()
		for w := r.Time / latencyWindow; last < w; last++ {
			closed[last%int64(len(closed))].Store(int64(time.Since(start)))
		}
		return r
	})
	readings := weir.FromSource(env, "scheduled", source).Parallelism(1).WithTimestamps(func(r Reading) int64 { return r.Time }, 0).Parallelism(1)
	counts := weir.AggregateWindowWith(weir.KeyBy(readings, keyThousand).Window(window.TumblingEventTime[Reading](latencyWindow*time.Millisecond)), weir.Aggregator[Reading, int64, int64]{
		Create: func() int64 { return 0 }, Add: func(n int64, _ Reading) int64 { return n + 1 }, Result: func(n int64) int64 { return n },
	}, func(ctx *weir.WindowContext[int64], n int64, out *weir.Collector[Counted]) error {
		out.Collect(Counted{ctx.Key(), ctx.Window().Start, ctx.Window().End, n})
		return nil
	})
	counts.ForEach(func(c Counted, _ int64) error {
		if at := closed[c.Start/latencyWindow%int64(len(closed))].Load(); at > 0 { // the last windows are closed by the end of input
			h.record(time.Since(start) - time.Duration(at))
		}
		return nil
	})
	_, err := env.Execute(context.Background(), "window latency")
	seconds := time.Since(start).Seconds()
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return seconds, &Latencies{
		P50: h.quantile(0.5), P99: h.quantile(0.99), P999: h.quantile(0.999),
		PacerP50: us(stats.Lateness(0.5)), PacerP99: us(stats.Lateness(0.99)), PacerBusy: stats.CPU().Seconds() / seconds,
	}, err
}
