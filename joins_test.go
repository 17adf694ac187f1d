package weir_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/weirtest"
	"github.com/weirstream/weir/window"
)

// offer is a record of a stream that is joined with another.
type offer struct{ Key, ID, TS int64 }

func (o offer) String() string { return fmt.Sprint(o.Key, "/", o.ID) }

// offers are records in the order in which they come, with watermarks that none is behind. The feed may become idle instead of telling its last watermark.
type offers struct {
	all  []offer
	mark []int64 // in front of a record; the lowest for none
	idle bool
}

func drawOffers(r *rand.Rand) offers {
	const disorder = 20
	o, high := offers{idle: r.IntN(3) == 0}, int64(disorder)
	for i := range r.Int64N(80) {
		high += r.Int64N(10)
		mark := eventtime.MinWatermark
		if r.IntN(4) == 0 {
			mark = high - disorder - 1
		}
		o.mark = append(o.mark, mark)
		o.all = append(o.all, offer{r.Int64N(4), i, high - r.Int64N(disorder)})
	}
	return o
}

// feedOffers feeds both inputs, one after the other or by turns.
func feedOffers(s *weirtest.Sim, feeds [2]*weirtest.Feed[offer], os [2]offers) {
	at := [2]int{}
	for at[0] < len(os[0].all) || at[1] < len(os[1].all) {
		i := s.Rand().IntN(2)
		if at[i] == len(os[i].all) {
			i = 1 - i
		}
		if m := os[i].mark[at[i]]; m != eventtime.MinWatermark {
			feeds[i].Watermark(m)
		}
		o := os[i].all[at[i]]
		feeds[i].PushAt(o, o.TS)
		if at[i]++; at[i] == len(os[i].all) && os[i].idle {
			feeds[i].Idle()
		}
		if s.Rand().IntN(10) == 0 {
			s.Settle()
		}
	}
	s.Settle()
	feeds[0].End()
	feeds[1].End()
}

// TestJoinsSimulated joins two streams by interval and by window, one of which may become idle, and compares with nested loops.
func TestJoinsSimulated(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		r := s.Rand()
		size := 1 + r.Int64N(40)
		lower := r.Int64N(41) - 20
		upper := lower + r.Int64N(30)
		os := [2]offers{drawOffers(r), drawOffers(r)}
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

		env := s.Environment()
		var feeds [2]*weirtest.Feed[offer]
		var keyed [2]*weir.KeyedStream[int64, offer]
		for i := range feeds {
			feed, in := weirtest.Input[offer](s, env)
			feeds[i], keyed[i] = feed, weir.KeyBy(in, func(o offer) int64 { return o.Key })
		}
		byInterval := weirtest.Capture(s, weir.ProcessJoin(weir.IntervalJoin(keyed[0], keyed[1], weir.IntervalBounds{Lower: ms(lower), Upper: ms(upper)}),
			func(ctx *weir.JoinContext[int64], a, b offer, out *weir.Collector[string]) error {
				if ctx.Key() != a.Key || ctx.FirstTimestamp() != a.TS || ctx.SecondTimestamp() != b.TS {
					return fmt.Errorf("%v and %v are told to be of key %d at %d and %d", a, b, ctx.Key(), ctx.FirstTimestamp(), ctx.SecondTimestamp())
				}
				out.Collect(fmt.Sprint(a, "-", b, "@", max(a.TS, b.TS)))
				return nil
			}))
		tumbling := window.TumblingEventTime[weir.Either[offer, offer]](ms(size))
		byWindow := weirtest.Capture(s, weir.JoinWindows(weir.Join(keyed[0], keyed[1], tumbling), func(a, b offer) string { return fmt.Sprint(a, "-", b) }))
		grouped := weirtest.Capture(s, weir.CoGroupWindows(weir.Join(keyed[0], keyed[1], tumbling),
			func(ctx *weir.WindowContext[int64], first, second iter.Seq[offer], out *weir.Collector[string]) error {
				out.Collect(groupLine(ctx.Key(), ctx.Window().Start, slices.Collect(first), slices.Collect(second)))
				return nil
			}))
		s.Start(env)
		feedOffers(s, feeds, os)
		if err := s.Wait(); err != nil {
			s.Fatalf("%v", err)
		}

		var intervals, pairs, groups []string
		sides := map[[2]int64]*[2][]offer{}
		for i := range os {
			for _, o := range os[i].all {
				at := [2]int64{o.Key, window.StartOf(o.TS, 0, size)}
				if sides[at] == nil {
					sides[at] = new([2][]offer)
				}
				sides[at][i] = append(sides[at][i], o)
			}
		}
		for at, g := range sides {
			groups = append(groups, groupLine(at[0], at[1], g[0], g[1]))
		}
		for _, a := range os[0].all {
			for _, b := range os[1].all {
				if a.Key != b.Key {
					continue
				}
				if d := b.TS - a.TS; lower <= d && d <= upper {
					intervals = append(intervals, fmt.Sprint(a, "-", b, "@", max(a.TS, b.TS)))
				}
				if window.StartOf(a.TS, 0, size) == window.StartOf(b.TS, 0, size) {
					pairs = append(pairs, fmt.Sprint(a, "-", b))
				}
			}
		}
		var stamped []string
		for _, x := range byInterval.Take() {
			stamped = append(stamped, x.Value)
			if want := fmt.Sprint("@", x.Timestamp); len(x.Value) < len(want) || x.Value[len(x.Value)-len(want):] != want {
				s.Errorf("%s has the timestamp %d", x.Value, x.Timestamp)
			}
		}
		sameLines(s, "interval join", intervals, stamped)
		sameLines(s, "window join", pairs, byWindow.Values())
		sameLines(s, "coGroup", groups, grouped.Values())
	})
}

func groupLine(key, start int64, first, second []offer) string {
	byID := func(a, b offer) int { return int(a.ID - b.ID) }
	slices.SortFunc(first, byID)
	slices.SortFunc(second, byID)
	return fmt.Sprint(key, " ", start, " ", first, " ", second)
}

func sameLines(s *weirtest.Sim, what string, want, got []string) {
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		s.Errorf("%s: want %d\n%v\ngot %d\n%v", what, len(want), want, len(got), got)
	}
}
