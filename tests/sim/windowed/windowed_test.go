package windowed

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestSimulated(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		rng := s.Rand()
		d := &driver{sim: s, rng: rng, setting: draw(rng), clock: 10_000 + rng.Int64N(1000), got: map[string][]result{}}
		env := s.Environment()
		var streams [2][]*weir.Stream[event]
		for stream := range streams {
			for range 1 + rng.IntN(3) {
				feed, in := weirtest.Input[event](s, env)
				d.channels = append(d.channels, &channel{feed: feed, stream: stream})
				streams[stream] = append(streams[stream], in)
			}
		}
		d.out = build(s, d.setting, streams[0], streams[1])
		s.Start(env)
		d.rush()
		for range rng.IntN(4) {
			if !d.setting.cascade && rng.IntN(2) == 0 {
				s.Advance(ms(rng.Int64N(4000))) // so that all may be idle
			}
			d.idle()
			d.inTime()
			d.wake()
			d.rush()
		}
		d.end()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v", err)
		}
		d.take()
		want := d.want()
		for op := range d.out {
			compare(s, op, d.got[op], want[op])
		}
	})
}

// channel is an input of the program that the test feeds.
type channel struct {
	feed   *weirtest.Feed[event]
	stream int
	newest int64 // timestamp
	silent bool
	ended  bool
}

// driver makes up events, none of which is late. A channel's own watermark sees to that while the channel is not idle; what an idle channel brings is late if others have passed it.
// So an event is older than the clock by less than the bound, and where channels are idle the clock stands still until all is processed.
type driver struct {
	sim      *weirtest.Sim
	rng      *rand.Rand
	setting  setting
	channels []*channel
	clock    int64
	events   [2][]event
	n        int64

	out outputs
	got map[string][]result
}

// push sends an event that is older than the clock by age.
func (d *driver) push(c *channel, age int64) {
	d.n++
	e := event{ID: 2*d.n + int64(c.stream), Key: d.rng.Int64N(d.setting.keys), At: d.clock - age, Value: d.rng.Int64N(100)}
	d.events[c.stream] = append(d.events[c.stream], e)
	c.newest = max(c.newest, e.At)
	c.feed.Push(e)
}

// age draws how old an event is: a millisecond less than what would do, since sessions that touch are one, and the first of them must not be told before the second begins.
func (d *driver) age() int64 { return d.rng.Int64N(d.setting.bound - 1) }

// rush sends events on all channels, which are not idle, and lets the scheduler choose when they are processed.
func (d *driver) rush() {
	for range d.rng.IntN(60) {
		d.clock += d.rng.Int64N(12)
		if c := d.channels[d.rng.IntN(len(d.channels))]; !c.ended {
			d.push(c, d.age())
		}
		if d.rng.IntN(20) == 0 {
			d.sim.Settle()
		}
	}
}

// idle lets some channels be silent for so long that they are idle, while the others go on.
func (d *driver) idle() {
	d.sim.Settle()
	for _, c := range d.channels {
		c.silent = d.rng.IntN(3) == 0
	}
	d.channels[d.rng.IntN(len(d.channels))].silent = false
	if d.setting.cascade {
		d.channels[0].silent = false // of the first stream
	}
	const steps, pause = 9, 400 // 3.6 s, more than it takes to notice that a channel is idle; a pause is less
	for range steps {
		d.clock += d.rng.Int64N(30)
		for _, c := range d.channels {
			if c.silent {
				continue
			}
			for range 1 + d.rng.IntN(3) {
				d.push(c, d.age())
			}
		}
		d.sim.Advance(ms(pause))
	}
}

// wake sends an event on every channel, so that none is idle, or behind the others, when it is processed.
func (d *driver) wake() {
	d.clock += d.rng.Int64N(2 * d.setting.bound)
	for _, c := range d.channels {
		d.push(c, 0)
	}
	d.sim.Settle()
}

// end ends one channel after the other.
func (d *driver) end() {
	for _, i := range d.rng.Perm(len(d.channels)) {
		d.channels[i].feed.End()
		d.channels[i].ended = true
		if d.rng.IntN(2) == 0 {
			d.rush()
		}
	}
}

// inTime checks what has been told while channels are idle: all windows that the others have passed, none that no channel has passed, and all pairs of the interval join, which waits for nothing.
func (d *driver) inTime() {
	d.take()
	least, greatest := d.watermarks()
	ahead := func(r result) bool { return r.Timestamp > least }
	want := d.want()
	for op := range d.out {
		if op == "interval join" {
			compare(d.sim, op+" so far", d.got[op], want[op])
			continue
		}
		compare(d.sim, op+" so far", slices.DeleteFunc(slices.Clone(d.got[op]), ahead), slices.DeleteFunc(want[op], ahead))
		for _, r := range d.got[op] {
			if r.Timestamp > greatest {
				d.sim.Errorf("%s: %q at %d is told, and no channel has come further than %d", op, r.Value, r.Timestamp, greatest)
			}
		}
	}
}

// watermarks returns the least watermark of the channels that are not silent, and the greatest of all. A stream all of whose channels are silent stays where it is: then the least is that of none.
func (d *driver) watermarks() (least, greatest int64) {
	of := [2]int64{math.MaxInt64, math.MaxInt64} // the least of each stream
	for _, c := range d.channels {
		w := c.newest - d.setting.bound - 1
		greatest = max(greatest, w)
		if !c.silent {
			of[c.stream] = min(of[c.stream], w)
		}
	}
	if max(of[0], of[1]) == math.MaxInt64 {
		return math.MinInt64, greatest
	}
	return min(of[0], of[1]), greatest
}

func (d *driver) want() map[string][]result { return expected(d.setting, d.events[0], d.events[1]) }

func (d *driver) take() {
	for op, c := range d.out {
		d.got[op] = append(d.got[op], c.Take()...)
	}
}

// compare reports the first difference between two sets of results.
func compare(s *weirtest.Sim, op string, got, want []result) {
	order := func(a, b result) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Value, b.Value))
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i < len(want) && order(got[i], want[i]) > 0:
			s.Errorf("%s: %d results, want %d; %q at %d is missing", op, len(got), len(want), want[i].Value, want[i].Timestamp)
			return
		case i >= len(want) || order(got[i], want[i]) < 0:
			s.Errorf("%s: %d results, want %d; %q at %d should not be there", op, len(got), len(want), got[i].Value, got[i].Timestamp)
			return
		}
	}
}
