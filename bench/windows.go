package main

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/window"
)

// Counted is how many records of a key a window had.
type Counted struct {
	Key, Start, End int64
	N               int64
}

func (o outputs) endCounts(s *weir.Stream[Counted]) {
	switch {
	case o.count == nil && o.stop != nil:
		s.ForEach(func(c Counted, _ int64) error {
			if c.End > o.until {
				o.stop()
			}
			return nil
		})
		return
	case o.count == nil:
		s.Discard()
		return
	}
	s.ForEach(func(c Counted, _ int64) error { o.count(c); return nil })
}

// The windows' input: a hundred records a millisecond, with keys at random: a million, or ten thousand.
const recordsPerMilli = 100

var eventTime = func(r Reading) int64 { return r.Time / recordsPerMilli }

const (
	tumblingSize = 100_000
	slidingSize  = 3_600_000
	slidingSlide = 1_000
	sessionGap   = 300 // thrice the mean time between two records of one of ten thousand keys
)

func counts(env *weir.Environment, n int64, key func(Reading) int64, a window.Assigner[Reading], out outputs) {
	keyed := weir.KeyBy(readings(env, 0, n).WithTimestamps(eventTime, 0), key)
	out.endCounts(weir.AggregateWindowWith(keyed.Window(a), weir.Aggregator[Reading, int64, int64]{
		Create: func() int64 { return 0 },
		Add:    func(n int64, _ Reading) int64 { return n + 1 },
		Result: func(n int64) int64 { return n },
		Merge:  func(a, b int64) int64 { return a + b },
	}, func(ctx *weir.WindowContext[int64], n int64, out *weir.Collector[Counted]) error {
		w := ctx.Window()
		out.Collect(Counted{ctx.Key(), w.Start, w.End, n})
		return nil
	}))
}

// tumbling is the count of tumbling windows by a key.
func tumbling(name string, key func(Reading) int64) program {
	return program{
		name: name, records: 30_000_000, noFlink: true,
		loop: func(n int64, _ []string, out outputs) {
			kept := map[int64]int64{}
			start := int64(0)
			end := func() {
				for k, c := range kept {
					if out.count != nil {
						out.count(Counted{k, start, start + tumblingSize, c})
					}
				}
				clear(kept)
			}
			var r Reading
			for i := range n {
				newReading(i, &r)
				if s := window.StartOf(eventTime(r), 0, tumblingSize); s != start {
					end()
					start = s
				}
				kept[key(r)]++
			}
			end()
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			counts(env, n, key, window.TumblingEventTime[Reading](tumblingSize*time.Millisecond), out)
		},
	}
}

var windowPrograms = []program{
	tumbling("tumbling-count", keyMillion),
	tumbling("tumbling-count-10k", keyTen1000s),
	{
		name: "sliding-count", records: 30_000_000, noFlink: true,
		until: func(n int64) int64 { return n / recordsPerMilli },
		loop: func(n int64, _ []string, out outputs) { // counts can be taken back, so a running count of each key is enough
			closed, running := []map[int64]int64{}, map[int64]int64{}
			open := map[int64]int64{}
			tick := int64(slidingSlide)
			fire := func() {
				for k, c := range open {
					running[k] += c
				}
				closed = append(closed, open)
				open = map[int64]int64{}
				for k, c := range running {
					if out.count != nil {
						out.count(Counted{k, tick - slidingSize, tick, c})
					}
				}
				if len(closed) == slidingSize/slidingSlide {
					for k, c := range closed[0] {
						if running[k] -= c; running[k] == 0 {
							delete(running, k)
						}
					}
					closed = closed[1:]
				}
				tick += slidingSlide
			}
			var r Reading
			for i := range n {
				newReading(i, &r)
				for eventTime(r) >= tick {
					fire()
				}
				open[keyTen1000s(r)]++
			}
			for len(running) > 0 || len(open) > 0 {
				fire()
				if out.count == nil && !out.toEnd { // the windows behind the last record are not measured
					return
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			counts(env, n, keyTen1000s, window.SlidingEventTime[Reading](slidingSize*time.Millisecond, slidingSlide*time.Millisecond), out)
		},
	},
	{
		name: "session-count", records: 30_000_000, noFlink: true,
		loop: func(n int64, _ []string, out outputs) {
			type session struct{ start, end, n int64 }
			kept := map[int64]*session{}
			emit := func(k int64, s *session) {
				if out.count != nil {
					out.count(Counted{k, s.start, s.end, s.n})
				}
			}
			var r Reading
			for i := range n {
				newReading(i, &r)
				k, t := keyTen1000s(r), eventTime(r)
				s := kept[k]
				if s == nil {
					s = &session{start: t}
					kept[k] = s
				} else if t > s.end {
					emit(k, s)
					*s = session{start: t}
				}
				s.end = t + sessionGap
				s.n++
			}
			for k, s := range kept {
				emit(k, s)
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			counts(env, n, keyTen1000s, window.EventTimeSession[Reading](sessionGap*time.Millisecond), out)
		},
	},
}
