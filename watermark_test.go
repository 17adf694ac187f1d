package weir_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/weirtest"
)

// splitFeeds is a source whose splits the test feeds by hand, each by itself. The value of a record is its timestamp.
type splitFeeds struct {
	ids    []string
	queues map[string]*splitFeed
	wakes  map[int]func()
	// pauses and resumes are what the reader was asked, in order.
	asked []string
	// stamped gives records their timestamps at the reader.
	stamped bool
	read    int
}

type splitFeed struct {
	times []int64
	ended bool
}

func newSplitFeeds(ids ...string) *splitFeeds {
	f := &splitFeeds{ids: ids, queues: map[string]*splitFeed{}, wakes: map[int]func(){}}
	for _, id := range ids {
		f.queues[id] = &splitFeed{}
	}
	return f
}

func (f *splitFeeds) wake() {
	for k := range 8 {
		if wake := f.wakes[k]; wake != nil {
			wake()
		}
	}
}

func (f *splitFeeds) push(id string, times ...int64) {
	f.queues[id].times = append(f.queues[id].times, times...)
	f.wake()
}

func (f *splitFeeds) end(ids ...string) {
	for _, id := range ids {
		f.queues[id].ended = true
	}
	f.wake()
}

func (f *splitFeeds) Boundedness() connector.Boundedness { return connector.Bounded }

func (f *splitFeeds) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	return connector.FixedSplits(ctx, restored, func(int) (splits []connector.Split) {
		for _, id := range f.ids {
			splits = append(splits, connector.Split{ID: id})
		}
		return splits
	})
}

func (f *splitFeeds) NewReader(ctx connector.ReaderContext) (connector.Reader[int64], error) {
	f.wakes[ctx.Subtask()] = ctx.Wake
	return &feedsReader{f: f, ctx: ctx, paused: map[string]bool{}}, nil
}

// feedsReader can pause splits; rigidReader cannot.
type feedsReader struct {
	f      *splitFeeds
	ctx    connector.ReaderContext
	ids    []string
	paused map[string]bool
	noMore bool
}

func (r *feedsReader) Start() error { return nil }

func (r *feedsReader) Poll(out *connector.Output[int64]) (connector.Status, error) {
	for !out.Stop() {
		emitted := false
		for _, id := range r.ids {
			q := r.f.queues[id]
			if r.paused[id] || len(q.times) == 0 {
				continue
			}
			ts := q.times[0]
			q.times = q.times[1:]
			emitted = true
			r.f.read++
			if r.f.stamped {
				out.Split(id).CollectAt(ts, ts)
			} else {
				out.Split(id).Collect(ts)
			}
			if out.Stop() {
				break
			}
		}
		r.ids = slices.DeleteFunc(r.ids, func(id string) bool {
			q := r.f.queues[id]
			over := q.ended && len(q.times) == 0
			if over {
				out.EndSplit(id)
			}
			return over
		})
		switch {
		case emitted:
		case len(r.ids) == 0 && r.noMore:
			return connector.EndOfInput, nil
		default:
			return connector.NothingAvailable, nil
		}
	}
	return connector.MoreAvailable, nil
}

func (r *feedsReader) AddSplits(splits []connector.Split) error {
	for _, s := range splits {
		r.ids = append(r.ids, s.ID)
	}
	r.ctx.Wake()
	return nil
}

func (r *feedsReader) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *feedsReader) PauseOrResumeSplits(pause, resume []string) error {
	for _, id := range pause {
		r.paused[id] = true
		r.f.asked = append(r.f.asked, "pause "+id)
	}
	for _, id := range resume {
		delete(r.paused, id)
		r.f.asked = append(r.f.asked, "resume "+id)
	}
	return nil
}

func (r *feedsReader) HandleSourceEvent([]byte) error            { return nil }
func (r *feedsReader) Snapshot(int64) ([]connector.Split, error) { return nil, nil }
func (r *feedsReader) Close() error                              { return nil }

// rigid is a splitFeeds whose readers cannot pause splits.
type rigid struct{ *splitFeeds }

func (f rigid) NewReader(ctx connector.ReaderContext) (connector.Reader[int64], error) {
	r, err := f.splitFeeds.NewReader(ctx)
	return struct{ connector.Reader[int64] }{r}, err
}

func itself(v, _ int64) int64 { return v }

func monotonous() eventtime.Strategy[int64] {
	return eventtime.ForMonotonousTimestamps[int64]().WithTimestampAssigner(itself)
}

// seen notes what an operator is told: the watermarks, and the records that were late.
type seen struct {
	watermark int64
	records   []int64
	late      []int64
}

func (o *seen) Process(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
	if ctx.Timestamp() != v {
		return fmt.Errorf("record %d has timestamp %d", v, ctx.Timestamp())
	}
	o.records = append(o.records, v)
	if v <= ctx.Watermark() {
		o.late = append(o.late, v)
	}
	out.Collect(v)
	return nil
}

func (o *seen) OnWatermark(_ *weir.Context, t int64, _ *weir.Collector[int64]) error {
	o.watermark = t
	return nil
}

// watch ends a stream in one subtask that notes what it sees.
func watch(s *weir.Stream[int64], name string) *seen {
	o := &seen{watermark: eventtime.MinWatermark}
	weir.ProcessWith(s, func() weir.ProcessFunction[int64, int64] { return o }).Parallelism(1).Name(name).Discard()
	return o
}

// expect compares the watermark that has come through.
func (o *seen) expect(s *weirtest.Sim, what string, want int64) {
	s.TB().Helper()
	s.Settle()
	if o.watermark != want {
		s.Fatalf("%s: the watermark is %s, want %s\n%s", what, watermark(o.watermark), watermark(want), text(s))
	}
}

func text(s *weirtest.Sim) string {
	var b strings.Builder
	for _, w := range s.Watermarks() {
		fmt.Fprintln(&b, w)
	}
	return b.String()
}

// ending ends the job and looks whether all has come through.
func (o *seen) ending(s *weirtest.Sim, feeds ...*splitFeeds) {
	s.TB().Helper()
	read := 0
	for _, f := range feeds {
		f.end(f.ids...)
	}
	if err := s.Wait(); err != nil {
		s.Fatalf("%v", err)
	}
	for _, f := range feeds {
		read += f.read
	}
	if o.watermark != eventtime.MaxWatermark || len(o.records) != read {
		s.Errorf("at the end: watermark %s, %d records, want %d", watermark(o.watermark), len(o.records), read)
	}
}

func TestWatermarkIsTheSlowestSplits(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		f := newSplitFeeds("a", "b", "c")
		o := watch(weir.FromSource(env, "feeds", f).WatermarkStrategy(monotonous()), "watch")
		s.Start(env)
		f.push("a", 100)
		f.push("b", 50)
		o.expect(s, "a split that is silent", eventtime.MinWatermark)
		f.push("c", 10)
		o.expect(s, "all have told", 9)
		f.push("c", 70)
		o.expect(s, "another is the slowest", 49)
		f.push("b", 40, 60)
		o.expect(s, "on", 59)
		f.end("b")
		o.expect(s, "the slowest has ended", 69)
		f.push("a", 65)
		o.expect(s, "behind within a split", 69)
		if !slices.Equal(o.late, []int64{40, 65}) && !slices.Equal(o.late, []int64{65}) {
			s.Errorf("late: %d, want those that came late within their split", o.late)
		}
		o.ending(s, f)
	})
}

// Disorder between splits makes no record late, and disorder within them none up to the bound; the watermark is what the slowest split allows.
func TestDisorderWithinAndAcrossSplits(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		rng := s.Rand()
		bound := rng.Int64N(30)
		var ids []string
		for i := range 1 + rng.IntN(6) {
			ids = append(ids, fmt.Sprint("s", i))
		}
		f := newSplitFeeds(ids...)
		o := watch(weir.FromSource(env, "feeds", f).WatermarkStrategy(
			eventtime.ForBoundedOutOfOrderness[int64](time.Duration(bound)*time.Millisecond).WithTimestampAssigner(itself)), "watch")
		s.Start(env)
		highest := map[string]int64{}
		ended := map[string]bool{}
		want := eventtime.MinWatermark
		for range 40 {
			for range rng.IntN(8) {
				id := ids[rng.IntN(len(ids))]
				if ended[id] {
					continue
				}
				h, known := highest[id]
				if !known {
					h = rng.Int64N(1000)
				}
				ts := h - rng.Int64N(bound+1) + rng.Int64N(10)
				if ts < h-bound {
					ts = h - bound
				}
				highest[id] = max(h, ts)
				if !known {
					highest[id] = ts
				}
				f.push(id, ts)
				if rng.IntN(40) == 0 {
					ended[id] = true
					f.end(id)
				}
			}
			s.Settle()
			if len(ended) == len(ids) {
				break
			}
			lowest := eventtime.MaxWatermark
			for _, id := range ids {
				if ended[id] {
					continue
				}
				w := eventtime.MinWatermark
				if h, known := highest[id]; known {
					w = h - bound - 1
				}
				lowest = min(lowest, w)
			}
			// Splits that ended in between may have held the watermark for a while, but not for good.
			want = max(want, lowest)
			if o.watermark != want {
				s.Fatalf("the watermark is %s, want %s\n%s", watermark(o.watermark), watermark(want), text(s))
			}
		}
		if len(o.late) > 0 {
			s.Errorf("late: %d", o.late)
		}
		o.ending(s, f)
	})
}

func TestIdleSplitDoesNotHold(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		f := newSplitFeeds("a", "b")
		g := newSplitFeeds("x")
		o := watch(weir.FromSource(env, "feeds", f).WatermarkStrategy(monotonous().WithIdleness(5*time.Second)).Parallelism(1).
			Union(weir.FromSource(env, "others", g).WatermarkStrategy(monotonous())), "watch")
		s.Start(env)
		g.push("x", 1000)
		f.push("a", 10)
		f.push("b", 20)
		o.expect(s, "both", 9)
		step := func(d time.Duration, ts int64) {
			s.Advance(d)
			f.push("b", ts)
			s.Settle()
		}
		step(2*time.Second, 30)
		step(2*time.Second, 40)
		o.expect(s, "not idle yet", 9)
		step(2*time.Second, 50)
		step(2*time.Second, 60)
		o.expect(s, "without the idle split", 59)
		f.push("a", 55)
		f.push("b", 70)
		o.expect(s, "back, behind", 59)
		f.push("a", 80)
		o.expect(s, "caught up", 69)
		s.Advance(20 * time.Second)
		o.expect(s, "the whole source is idle", 999)
		f.push("b", 1500)
		f.push("a", 1400)
		s.Settle()
		g.push("x", 2000)
		o.expect(s, "back", 1399)
		o.ending(s, f, g)
	})
}

// The clock of idleness stands still while the task waits for room.
func TestIdlenessUnderBackpressure(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		opts := s.Options()
		opts.ChannelBytes, opts.ChunkRows = 256, 1
		env := weir.NewEnvironment(opts)
		f := newSplitFeeds("a", "b")
		gate := &gatedSink{}
		weir.FromSource(env, "feeds", f).WatermarkStrategy(monotonous().WithIdleness(5*time.Second)).Parallelism(1).
			Global().SinkTo("gate", gate).Parallelism(1)
		s.Start(env)
		f.push("a", 1)
		f.push("b", 1)
		s.Settle()
		gate.shut = true
		for ts := range int64(200) {
			f.push("b", 10+ts)
		}
		s.Settle()
		s.Advance(time.Hour)
		held := func() weir.WatermarkCause {
			for _, w := range s.Watermarks() {
				if w.Kind == "source" {
					return w.HeldBy[0]
				}
			}
			return weir.WatermarkCause{}
		}
		if len(f.queues["b"].times) == 0 {
			s.Fatalf("the source is not blocked")
		}
		if c := held(); c.Split != "a" {
			s.Fatalf("blocked for an hour, the source is held by %+v, want split a, which had no chance to be read\n%s", c, text(s))
		}
		gate.open()
		s.Settle()
		s.Advance(10 * time.Second)
		f.push("b", 1000)
		s.Settle()
		if c := held(); c.Split != "b" {
			s.Errorf("held by %+v, want split b: a is idle\n%s", c, text(s))
		}
		f.end("a", "b")
		if err := s.Wait(); err != nil {
			s.Errorf("%v", err)
		}
	})
}

// gatedSink takes no record while it is shut.
type gatedSink struct {
	shut bool
	wake func()
}

func (g *gatedSink) open() {
	g.shut = false
	g.wake()
}

func (g *gatedSink) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[int64], error) {
	return gatedWriter{g}, nil
}

type gatedWriter struct{ g *gatedSink }

func (w gatedWriter) Write(int64, int64) error { return nil }
func (w gatedWriter) Flush(bool) error         { return nil }
func (w gatedWriter) Close() error             { return nil }
func (w gatedWriter) Ready() bool              { return !w.g.shut }
func (w gatedWriter) OnReady(wake func())      { w.g.wake = wake }

const second = 1000 // milliseconds

func TestAlignedSources(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		fast, slow := newSplitFeeds("fast"), newSplitFeeds("slow")
		aligned := monotonous().WithIdleness(30*time.Second).WithWatermarkAlignment("g", 10*time.Second)
		o := watch(weir.FromSource(env, "fast", fast).WatermarkStrategy(aligned).Parallelism(1).Name("fast").
			Union(weir.FromSource(env, "slow", slow).WatermarkStrategy(aligned).Parallelism(1).Name("slow")), "watch")
		s.Start(env)
		fast.push("fast", 1*second)
		slow.push("slow", 1*second)
		s.Advance(3 * time.Second)
		for ts := int64(2); ts < 100; ts++ {
			fast.push("fast", ts*second)
		}
		s.Advance(3 * time.Second)
		// Up to 10 s ahead of the slow one's 999, and the record that passed it.
		if fast.read != 12 {
			s.Fatalf("%d records of the fast source were read, want 12\n%s", fast.read, text(s))
		}
		if c := cause(s, "fast"); !c.Paused || c.Split != "fast" || len(fast.asked) > 0 {
			s.Fatalf("held by %+v, want to be paused as a whole; asked: %q", c, fast.asked)
		}
		slow.push("slow", 21*second)
		s.Advance(3 * time.Second)
		if fast.read != 32 {
			s.Fatalf("%d records of the fast source were read behind the slow one's advance, want 32\n%s", fast.read, text(s))
		}
		// The paused one is not idle, however long it waits.
		for range 6 {
			s.Advance(10 * time.Second)
			slow.push("slow", 21*second)
		}
		s.Settle()
		if fast.read != 32 || idle(s, "fast") {
			s.Fatalf("%d records were read, want 32, and the source not idle\n%s", fast.read, text(s))
		}
		// Idle sources do not hold the group back.
		s.Advance(20 * time.Second)
		if fast.read != 32 {
			s.Fatalf("%d records were read, want 32\n%s", fast.read, text(s))
		}
		s.Advance(20 * time.Second)
		if fast.read != 99 {
			s.Fatalf("%d records were read while the slow source is idle, want all\n%s", fast.read, text(s))
		}
		o.ending(s, fast, slow)
	})
}

// A source that has told nothing yet does not hold its group back: it may never have anything to tell.
func TestSilentSourceDoesNotHoldItsGroup(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		fast, silent := newSplitFeeds("fast"), newSplitFeeds("silent")
		aligned := monotonous().WithWatermarkAlignment("g", time.Second)
		o := watch(weir.FromSource(env, "fast", fast).WatermarkStrategy(aligned).Parallelism(1).
			Union(weir.FromSource(env, "silent", silent).WatermarkStrategy(aligned).Parallelism(1)), "watch")
		s.Start(env)
		for ts := range int64(20) {
			fast.push("fast", ts*10*second)
			s.Advance(3 * time.Second)
		}
		if fast.read != 20 {
			s.Fatalf("%d records were read, want 20\n%s", fast.read, text(s))
		}
		o.ending(s, fast, silent)
	})
}

// A source that has ended does not hold its group back.
func TestEndedSourceLeavesItsGroup(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		fast, slow := newSplitFeeds("fast"), newSplitFeeds("slow")
		aligned := monotonous().WithWatermarkAlignment("g", time.Second, 100*time.Millisecond)
		o := watch(weir.FromSource(env, "fast", fast).WatermarkStrategy(aligned).Parallelism(1).
			Union(weir.FromSource(env, "slow", slow).WatermarkStrategy(aligned).Parallelism(1)), "watch")
		s.Start(env)
		slow.push("slow", 1)
		fast.push("fast", 1)
		s.Advance(time.Second)
		fast.push("fast", 100*second, 200*second)
		s.Advance(time.Minute)
		if fast.read != 2 {
			s.Fatalf("%d records were read, want 2", fast.read)
		}
		slow.end("slow")
		s.Advance(time.Second)
		if fast.read != 3 {
			s.Fatalf("%d records were read behind the end of the slow source, want 3", fast.read)
		}
		o.ending(s, fast, slow)
	})
}

func idle(s *weirtest.Sim, operator string) bool {
	return slices.ContainsFunc(s.Watermarks(), func(w weir.OperatorWatermark) bool { return w.Name == operator && w.Idle })
}

func cause(s *weirtest.Sim, operator string) weir.WatermarkCause {
	for _, w := range s.Watermarks() {
		if w.Name == operator && len(w.HeldBy) > 0 {
			return w.HeldBy[0]
		}
	}
	return weir.WatermarkCause{}
}

func TestAlignedSplits(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		f := newSplitFeeds("a", "b")
		o := watch(weir.FromSource(env, "feeds", f).Parallelism(1).WatermarkStrategy(monotonous().WithWatermarkAlignment("g", 10*time.Second)), "watch")
		s.Start(env)
		f.push("a", 1*second)
		f.push("b", 1*second)
		s.Advance(3 * time.Second)
		for ts := int64(2); ts < 50; ts++ {
			f.push("a", ts*second)
		}
		s.Advance(2500 * time.Millisecond)
		if f.read != 13 || !slices.Equal(f.asked, []string{"pause a"}) {
			s.Fatalf("%d records were read, want 13; asked: %q", f.read, f.asked)
		}
		f.push("b", 15*second)
		// The source as a whole is ahead of what it was allowed, and asks again at once; then the split goes on.
		o.expect(s, "the other split has come closer", 15*second-1)
		if len(f.queues["a"].times) > 30 || !slices.Equal(f.asked[:2], []string{"pause a", "resume a"}) {
			s.Fatalf("%d records wait, asked: %q\n%s", len(f.queues["a"].times), f.asked, text(s))
		}
		f.end("b") // with one split alone the source is paused as a whole, and alone in its group never for good
		s.Advance(time.Minute)
		if len(f.queues["a"].times) > 0 {
			s.Fatalf("%d records wait\n%s", len(f.queues["a"].times), text(s))
		}
		o.ending(s, f)
	})
}

func TestSplitsThatCannotPause(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		weirtest.Seeds(t, func(s *weirtest.Sim) {
			opts := s.Options()
			opts.AllowUnalignedSourceSplits = allowed
			env := weir.NewEnvironment(opts)
			f := newSplitFeeds("a", "b")
			o := watch(weir.FromSource(env, "feeds", rigid{f}).Name("rigid").Parallelism(1).WatermarkStrategy(monotonous().WithWatermarkAlignment("g", time.Second)), "watch")
			s.Start(env)
			f.push("a", 1)
			f.push("b", 1)
			s.Advance(3 * time.Second)
			f.push("a", 10*second, 20*second)
			if allowed {
				s.Settle()
				if f.read != 4 {
					s.Errorf("%d records were read, want 4", f.read)
				}
				o.ending(s, f)
				return
			}
			err := s.Wait()
			if op, _ := fault.OperatorOf(err); fault.CodeOf(err) != fault.SourceUnaligned || op != "rigid" {
				s.Errorf("%v, want code %s of operator rigid", err, fault.SourceUnaligned)
			}
		})
	}
}

// marker is a punctuated generator: a record that can be divided by ten says that all before it have come.
type marker struct{}

func (marker) OnEvent(v, ts int64, out eventtime.WatermarkOutput) {
	if v%10 == 0 {
		out.EmitWatermark(ts)
	}
}
func (marker) OnPeriodicEmit(eventtime.WatermarkOutput) {}

func TestPunctuatedWatermarks(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		f := newSplitFeeds("a", "b")
		strategy := eventtime.ForGenerator(func() eventtime.Generator[int64] { return marker{} }).WithTimestampAssigner(itself)
		all := weir.FromSource(env, "feeds", f).WatermarkStrategy(strategy)
		o := watch(all, "watch")
		s.Start(env)
		f.push("a", 10, 15)
		f.push("b", 5)
		o.expect(s, "b has told nothing", eventtime.MinWatermark)
		f.push("b", 20, 25, 30)
		o.expect(s, "both", 10)
		f.push("a", 17, 40)
		o.expect(s, "on", 30)
		o.ending(s, f)
	})
}

// A periodic generator is asked at the interval, and after every record where that is negative.
func TestPeriodicWatermarks(t *testing.T) {
	for _, where := range []string{"source", "behind"} {
		for _, interval := range []time.Duration{0, time.Second, -1} {
			t.Run(fmt.Sprint(where, interval), func(t *testing.T) {
				weirtest.Seeds(t, func(s *weirtest.Sim) {
					opts := s.Options()
					opts.AutoWatermarkInterval = interval
					env := weir.NewEnvironment(opts)
					f := newSplitFeeds("a")
					strategy := eventtime.ForGenerator(func() eventtime.Generator[int64] {
						return eventtime.NewBoundedOutOfOrderness[int64](5 * time.Millisecond)
					}).WithTimestampAssigner(itself)
					in := weir.FromSource(env, "feeds", f).Parallelism(1)
					if where == "source" {
						in.WatermarkStrategy(strategy)
					} else {
						in = in.AssignTimestampsAndWatermarks(strategy).Parallelism(1)
					}
					o := watch(in, "watch")
					s.Start(env)
					s.Settle()
					f.push("a", 100)
					if interval < 0 {
						o.expect(s, "after the record", 94)
					} else {
						o.expect(s, "not asked yet", eventtime.MinWatermark)
						if interval == 0 {
							interval = 200 * time.Millisecond
						}
						s.Advance(interval + 5*time.Millisecond)
						o.expect(s, "asked", 94)
					}
					o.ending(s, f)
				})
			})
		}
	}
}

// What is assigned behind a source replaces timestamps, watermarks and idleness from further up.
func TestReassignedWatermarks(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		f, g := newSplitFeeds("a"), newSplitFeeds("x")
		f.stamped = true
		again := weir.FromSource(env, "feeds", f).Parallelism(1).
			WatermarkStrategy(eventtime.ForMonotonousTimestamps[int64]().WithTimestampAssigner(func(v, ts int64) int64 { return ts + 1000 }).WithIdleness(time.Second)).
			AssignTimestampsAndWatermarks(eventtime.ForBoundedOutOfOrderness[int64](10 * time.Millisecond).
				WithTimestampAssigner(func(v, ts int64) int64 {
					if ts != v+1000 {
						return -1
					}
					return v
				}).WithIdleness(10 * time.Second)).Parallelism(1)
		o := watch(again.Union(weir.FromSource(env, "others", g).WatermarkStrategy(monotonous()).Parallelism(1)), "watch")
		s.Start(env)
		g.push("x", 500)
		f.push("a", 100)
		o.expect(s, "its own", 89)
		f.push("a", 95)
		s.Advance(5 * time.Second)
		o.expect(s, "idleness from further up does not count", 89)
		s.Advance(6 * time.Second)
		o.expect(s, "its own does", 499)
		f.push("a", 700)
		s.Settle()
		g.push("x", 800)
		o.expect(s, "active again", 689)
		s.Advance(11 * time.Second)
		o.expect(s, "idle again", 799)
		o.ending(s, f, g)
	})
}

// The timestamp of the reader stays without an assigner.
func TestTimestampsOfTheReader(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		f := newSplitFeeds("a")
		f.stamped = true
		o := watch(weir.FromSource(env, "feeds", f).WatermarkStrategy(eventtime.ForBoundedOutOfOrderness[int64](4*time.Millisecond)), "watch")
		s.Start(env)
		f.push("a", eventtime.MinWatermark+3)
		o.expect(s, "below what can be said", eventtime.MinWatermark)
		f.push("a", eventtime.MinWatermark+7)
		o.expect(s, "at the edge", eventtime.MinWatermark+2)
		f.push("a", 7)
		o.expect(s, "on", 2)
		o.ending(s, f)
	})
}

func TestBadWatermarkStrategies(t *testing.T) {
	good := monotonous()
	source := func(strategy eventtime.Strategy[int64]) func(env *weir.Environment) {
		return func(env *weir.Environment) {
			weir.FromSequence(env, 0, 9).WatermarkStrategy(strategy).Name("numbers").Discard()
		}
	}
	behind := func(strategy eventtime.Strategy[int64]) func(env *weir.Environment) {
		return func(env *weir.Environment) {
			weir.FromSequence(env, 0, 9).AssignTimestampsAndWatermarks(strategy).Name("numbers").Discard()
		}
	}
	for _, c := range []struct {
		name  string
		build func(env *weir.Environment)
		code  fault.Code
		says  []string
	}{
		{"negative bound", source(eventtime.ForBoundedOutOfOrderness[int64](-time.Second)), fault.OptionInvalid, []string{`"numbers"`, "-1s"}},
		{"negative bound behind", behind(eventtime.ForBoundedOutOfOrderness[int64](-time.Second)), fault.OptionInvalid, []string{`"numbers"`, "-1s"}},
		{"nil assigner", source(good.WithTimestampAssigner(nil)), fault.GraphNilFunction, []string{`"numbers"`, "assigner"}},
		{"nil generator", behind(eventtime.ForGenerator[int64](nil)), fault.GraphNilFunction, []string{`"numbers"`, "generator"}},
		{"several", source(good.WithIdleness(0).WithWatermarkAlignment("", 0)), fault.OptionInvalid, []string{`"numbers"`, "idleness", "empty", "drift"}},
		{"alignment behind a source", behind(good.WithWatermarkAlignment("g", time.Second)), fault.OptionInvalid, []string{`"numbers"`, `"g"`, "WatermarkStrategy"}},
		{"not a source", func(env *weir.Environment) {
			weir.FromSequence(env, 0, 9).Filter(func(int64) bool { return true }).WatermarkStrategy(good).Discard()
		}, fault.GraphInvalid, []string{`"filter"`, "AssignTimestampsAndWatermarks"}},
		{"union", func(env *weir.Environment) {
			ones := weir.FromSequence(env, 0, 9)
			ones.Union(ones).WatermarkStrategy(good).Discard()
		}, fault.GraphInvalid, []string{"WatermarkStrategy", "union"}},
	} {
		env := weir.NewEnvironment(weir.Options{Logger: quiet})
		c.build(env)
		_, err := env.Program(context.Background(), t.Name())
		if fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want code %s", c.name, err, c.code)
			continue
		}
		for _, say := range c.says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: %q is not in: %v", c.name, say, err)
			}
		}
	}
}

// A source's own strategy and the same one behind it make the same watermarks, at any chunk size.
func TestSourceWatermarksDoNotDependOnChunks(t *testing.T) {
	times := make([]int64, 500)
	for i := range times {
		times[i] = int64(i*3 - i%7*5) // jumps back at times
	}
	strategy := eventtime.ForBoundedOutOfOrderness[int64](4 * time.Millisecond).WithTimestampAssigner(itself)
	var want []string
	for _, rows := range []int{1, 7, 1024} {
		for _, where := range []string{"behind", "source", "sequence"} {
			env := weir.NewEnvironment(weir.Options{ChunkRows: rows, Logger: quiet})
			var in *weir.Stream[int64]
			switch where {
			case "behind":
				in = weir.FromValues(env, times...).AssignTimestampsAndWatermarks(strategy)
			case "source":
				in = weir.FromValues(env, times...).WatermarkStrategy(strategy)
			case "sequence":
				in = weir.FromSeq(env, func() iter.Seq[int64] { return slices.Values(times) }).WatermarkStrategy(strategy)
			}
			var log []string
			weir.ProcessWith(in.Rebalance(), func() weir.ProcessFunction[int64, int64] { return &stamps{&sync.Mutex{}, &log, true} }).Discard()
			execute(t, env)
			if want == nil {
				want = log
			}
			if len(log) < len(times) || !slices.Equal(log, want) {
				t.Errorf("%s, rows %d: %d entries, want %d, and the same", where, rows, len(log), len(want))
			}
		}
	}
}

// Files are read in turn: the watermark goes on while there is one split after another, and each file's records have their own order.
func TestWatermarksOfFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		var b strings.Builder
		for k := range 100 {
			fmt.Fprintln(&b, i*1000+k)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("part-", i)), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	lines := weir.FromFiles(env, files.Options{Path: dir}).WatermarkStrategy(eventtime.ForMonotonousTimestamps[string]().
		WithTimestampAssigner(func(line string, _ int64) int64 {
			ts, _ := strconv.ParseInt(line, 10, 64)
			return ts
		})).Parallelism(1)
	o := watch(weir.Map(lines, func(line string) int64 {
		ts, _ := strconv.ParseInt(line, 10, 64)
		return ts
	}), "watch")
	behind := 0
	last := eventtime.MinWatermark
	weir.ProcessWith(lines, func() weir.ProcessFunction[string, int64] {
		return processed(func(ctx *weir.Context) {
			if w := ctx.Watermark(); w > last {
				last = w
				behind++
			}
		})
	}).Discard()
	execute(t, env)
	if len(o.late) > 0 || len(o.records) != 500 || behind < 400 {
		t.Errorf("%d records, %d late, the watermark advanced %d times", len(o.records), len(o.late), behind)
	}
}

type processed func(ctx *weir.Context)

func (f processed) Process(ctx *weir.Context, _ string, _ *weir.Collector[int64]) error {
	f(ctx)
	return nil
}

// What a running job says of its watermarks may be asked for at any time, from anywhere.
func TestWatermarksOfARunningJob(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Logger: quiet, Parallelism: 2})
	numbers := weir.FromSequence(env, 0, 1<<40).WatermarkStrategy(monotonous()).Name("numbers")
	weir.KeyBy(numbers, func(v int64) int64 { return v % 10 }).Reduce(func(_, v int64) int64 { return v }).Name("kept").Discard()
	client, err := env.ExecuteAsync(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	for rising := 0; rising < 3; {
		all := client.Watermarks()
		for _, w := range all {
			if len(w.String()) == 0 || w.Watermark == eventtime.MaxWatermark {
				t.Errorf("%v", w)
			}
			if w.Name == "kept" && w.Watermark > eventtime.MinWatermark {
				rising++
			}
		}
		select {
		case <-client.Done():
			rising = 3
			t.Errorf("the job has ended: %s", client.Status())
		default:
			runtime.Gosched()
		}
	}
	client.Cancel()
	if _, err := client.Wait(t.Context()); fault.CodeOf(err) != fault.JobCanceled {
		t.Errorf("%v", err)
	}
}

// A generator that is nil at run time, and one that panics, fail the job under the operator's name.
func TestFailingGenerators(t *testing.T) {
	for name, create := range map[string]func() eventtime.Generator[int64]{
		"nil": func() eventtime.Generator[int64] { return nil }, "panics": func() eventtime.Generator[int64] { return broken{} },
	} {
		for _, where := range []string{"source", "behind"} {
			s := weirtest.New(t, 1)
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			in := weir.FromSequence(env, 0, 9)
			strategy := eventtime.ForGenerator(create).WithTimestampAssigner(itself)
			if where == "source" {
				in = in.WatermarkStrategy(strategy)
			} else {
				in = in.AssignTimestampsAndWatermarks(strategy)
			}
			in.Name("numbers").Discard()
			s.Start(env)
			err := s.Wait()
			if op, _ := fault.OperatorOf(err); err == nil || op != "numbers" {
				t.Errorf("%s, %s: %v, want a failure of operator numbers", name, where, err)
			}
			s.Close()
		}
	}
}

type broken struct{}

func (broken) OnEvent(int64, int64, eventtime.WatermarkOutput) { panic("broken") }
func (broken) OnPeriodicEmit(eventtime.WatermarkOutput)        {}

// The text that explains watermarks, at stations of a job.
func TestExplainWatermarks(t *testing.T) {
	s := weirtest.New(t, 1)
	env := weir.NewEnvironment(weir.Options{Logger: quiet, FlushTimeout: -1})
	clicks, orders := newSplitFeeds("clicks-1", "clicks-2", "clicks-3"), newSplitFeeds("orders-1")
	aligned := monotonous().WithIdleness(time.Minute).WithWatermarkAlignment("shop", time.Hour)
	a := weir.FromSource(env, "feeds", clicks).WatermarkStrategy(aligned).Name("clicks").Parallelism(2)
	b := weir.FromSource(env, "feeds", orders).WatermarkStrategy(aligned).Name("orders").Parallelism(1)
	keyed := weir.KeyBy(weir.Map(a, func(v int64) int64 { return v }).Name("parse").Parallelism(2).Union(b), func(v int64) int64 { return v % 2 })
	counts := keyed.Reduce(func(_, v int64) int64 { return v }).Name("per region").Parallelism(1)
	own := counts.AssignTimestampsAndWatermarks(monotonous()).Name("again").Parallelism(1)
	weir.Map(own, func(v int64) int64 { return v }).Name("out").Discard()
	s.Start(env)
	var stations strings.Builder
	station := func(what string) {
		s.Settle()
		fmt.Fprintf(&stations, "-- %s\n%s\n", what, text(s))
	}
	const day = int64(1704103200000) // 2024-01-01T10:00:00Z
	station("nothing has come")
	for i, id := range clicks.ids {
		clicks.push(id, day+int64(i)*60*second)
	}
	station("the other source has told nothing")
	orders.push("orders-1", day+90*second+1)
	s.Advance(3200 * time.Millisecond)
	station("a split holds")
	clicks.push("clicks-2", day+10*60*second)
	for range 70 {
		s.Advance(time.Second)
		clicks.push("clicks-2", day+10*60*second)
		orders.push("orders-1", day+90*second+1)
	}
	station("without the idle splits")
	clicks.push("clicks-1", day+5*60*second)
	clicks.push("clicks-3", day+20*60*second, day+3*3600*second, day+4*3600*second)
	s.Advance(2 * time.Second)
	station("one is ahead of its group")
	clicks.end("clicks-2")
	s.Advance(3 * time.Minute)
	station("all are idle")
	clicks.end(clicks.ids...)
	orders.end(orders.ids...)
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	station("the end")

	// Two jobs more: a source that is paused as a whole, and one that waits for room.
	s = weirtest.New(t, 2)
	env = weir.NewEnvironment(weir.Options{Logger: quiet})
	fast, slow := newSplitFeeds("fast-1"), newSplitFeeds("slow-1")
	aligned = monotonous().WithWatermarkAlignment("g", time.Second)
	weir.FromSource(env, "feeds", fast).WatermarkStrategy(aligned).Name("fast").Discard()
	weir.FromSource(env, "feeds", slow).WatermarkStrategy(aligned).Name("slow").Discard()
	s.Start(env)
	fast.push("fast-1", day)
	slow.push("slow-1", day)
	s.Advance(3 * time.Second)
	fast.push("fast-1", day+5*second)
	s.Advance(2500 * time.Millisecond)
	station("a source is paused")
	s.Close()

	s = weirtest.New(t, 3)
	env = weir.NewEnvironment(weir.Options{Logger: quiet, ChannelBytes: 256, ChunkRows: 1})
	f, gate := newSplitFeeds("a"), &gatedSink{}
	weir.FromSource(env, "feeds", f).WatermarkStrategy(monotonous()).Global().SinkTo("gate", gate)
	s.Start(env)
	f.push("a", day)
	s.Settle()
	gate.shut = true
	for i := range int64(100) {
		f.push("a", day+i*second)
	}
	s.Advance(time.Second)
	station("records wait")
	s.Close()
	path := filepath.Join("testdata", "watermarks.txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(stations.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if stations.String() != string(want) {
		t.Errorf("%s has another text; if that is meant, run go test . -rewrite\n got %s", path, stations.String())
	}
}
