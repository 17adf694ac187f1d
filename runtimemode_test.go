package weir_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/windoworacle"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/weirtest"
	"github.com/weirstream/weir/window"
)

// batchOptions are the options of a seed in batch mode; in some all input goes through the disk.
func batchOptions(s *weirtest.Sim) weir.Options {
	o := s.Options()
	o.RuntimeMode, o.StateDir = weir.Batch, s.TB().TempDir()
	o.BatchMemory = []int64{0, 1, 1 << 16}[s.Rand().IntN(3)]
	if s.Rand().IntN(2) == 0 {
		o.MaxParallelism = max(o.Parallelism, 1) // with fewer rows an era of windows ends
	}
	return o
}

// TestBatchEras has windows of many times, whose records come in order or not: more than are kept in one table, and more than memory has.
func TestBatchEras(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		type visit struct {
			Page   string
			At     int64
			Number int64 // as they come
		}
		r := s.Rand()
		all := make([]visit, 1+r.IntN(6000))
		pages, disorder, end := 1+r.IntN(300), []int64{0, 20, 1000, 1e6}[r.IntN(4)], int64(1+r.IntN(5000))
		for i := range all {
			at := int64(i)*end/int64(len(all)) - r.Int64N(disorder+1)
			all[i] = visit{fmt.Sprintf("page %d of a book with a long name", r.IntN(pages)), max(at, -end), int64(i)}
		}
		size, slide := int64(1+r.IntN(300)), int64(0)
		var assigner window.Assigner[visit] = window.TumblingEventTime[visit](time.Duration(size) * time.Millisecond)
		kind := "tumbling"
		if slide = size; r.IntN(2) == 0 {
			slide = 1 + r.Int64N(size)
			size = slide * (1 + size/slide%20)
			assigner, kind = window.SlidingEventTime[visit](time.Duration(size)*time.Millisecond, time.Duration(slide)*time.Millisecond), "sliding"
		}
		a := weir.Aggregator[visit, []int64, []int64]{
			Add:    func(a []int64, v visit) []int64 { return append(a, v.Number) },
			Create: func() []int64 { return nil },
			Result: slices.Clone[[]int64],
			Merge:  func(a, b []int64) []int64 { return slices.Concat(a, b) },
		}
		merges := kind == "sliding" || r.IntN(4) > 0
		if !merges {
			a.Merge = nil
		}
		o := batchOptions(s)
		env := weir.NewEnvironment(o)
		in := weir.FromSlice(env, all).Parallelism(1).WithTimestamps(func(v visit) int64 { return v.At }, 0).Parallelism(1)
		keyed := weir.KeyBy(in, func(v visit) string { return v.Page })
		out := weirtest.Capture(s, weir.AggregateWindowWith(keyed.Window(assigner), a, func(ctx *weir.WindowContext[string], numbers []int64, out *weir.Collector[string]) error {
			if kind == "sliding" || !merges {
				slices.Sort(numbers)
			}
			out.Collect(fmt.Sprint(ctx.Key(), ctx.Window(), ctx.Timestamp(), numbers))
			return nil
		}))
		s.Run(env)
		type cell struct {
			page  string
			start int64
		}
		cells := map[cell][]int64{}
		for _, v := range all {
			for start := window.StartOf(v.At, 0, slide); start > v.At-size; start -= slide {
				cells[cell{v.Page, start}] = append(cells[cell{v.Page, start}], v.Number)
			}
		}
		var want []string
		for c, numbers := range cells {
			w := window.Window{Start: c.start, End: c.start + size}
			want = append(want, fmt.Sprint(c.page, w, w.MaxTimestamp(), numbers))
		}
		got := slices.Sorted(slices.Values(out.Values()))
		if slices.Sort(want); !slices.Equal(want, got) {
			i := 0
			for i < min(len(want), len(got)) && want[i] == got[i] {
				i++
			}
			s.Fatalf("%s windows of %d, %d, merge %t, %d records, options %+v: %d results, want %d; the first that differs: %.300q, want %.300q", kind, size, slide, merges, len(all), o, len(got), len(want),
				append(got, "")[i:][:1], append(want, "")[i:][:1])
		}
		if left, err := os.ReadDir(o.StateDir); err != nil || len(left) > 0 {
			s.Fatalf("%d files are left, %v", len(left), err)
		}
	})
}

// TestBatchWindows runs the window oracle's scripts in batch mode. The oracle sees the records of one key after another, in the order of time, and only the last watermark.
func TestBatchWindows(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		sc, _ := jobScript(s.Rand(), s.Now().UnixMilli())
		for name := fmt.Sprint(sc.Spec.Trigger); strings.Contains(name, "Processing") || strings.Contains(name, "Timeout"); name = fmt.Sprint(sc.Spec.Trigger) { // timers of processing time fire at the end
			sc, _ = jobScript(s.Rand(), s.Now().UnixMilli())
		}
		sc.Steps = slices.DeleteFunc(sc.Steps, func(x windoworacle.Step) bool { return x.Kind != windoworacle.Element })
		env := weir.NewEnvironment(batchOptions(s))
		feed, in := weirtest.Input[wrow](s, env)
		late := weir.NewOutputTag[wrow]("late")
		results := windowed(in, sc, late)
		out, lates := weirtest.Capture(s, results), weirtest.Capture(s, weir.SideOutput(results, late))
		s.Start(env)
		byKey := map[int64][]windoworacle.Step{}
		for i, step := range sc.Steps {
			feed.PushAt(step.Row, step.Time)
			if i%5 == 0 { // which nobody sees
				feed.Watermark(step.Time)
			}
			byKey[step.Row.Key] = append(byKey[step.Row.Key], step)
		}
		feed.End()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v\n%v", err, sc)
		}
		var want, got []string
		for _, steps := range byKey {
			slices.SortStableFunc(steps, func(a, b windoworacle.Step) int { return int(min(max(a.Time-b.Time, -1), 1)) })
			one := sc
			one.Steps = append(steps, windoworacle.Step{Kind: windoworacle.Watermark, Time: eventtime.MaxWatermark})
			for _, r := range windoworacle.Evaluate(one).Results {
				want = append(want, oracleResult(r, sc.Function))
			}
		}
		for _, r := range out.Take() {
			got = append(got, resultText(r))
		}
		if n := lates.Len(); n > 0 {
			s.Errorf("%d records are late", n)
		}
		if slices.Sort(want); !slices.Equal(want, slices.Sorted(slices.Values(got))) {
			slices.Sort(got)
			s.Fatalf("%v\nwant\n%s\ngot\n%s", sc, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	})
}

// sale has pointers, and others than those of strings.
type sale struct {
	Shop  string
	Tags  []string
	Cents int64
	At    int64
}

func sales(r *rand.Rand) []sale {
	all := make([]sale, 1+r.IntN(400))
	for i := range all {
		all[i] = sale{fmt.Sprint("shop ", r.IntN(30)), []string{fmt.Sprint(i)}, r.Int64N(100), r.Int64N(1000)}
	}
	return all
}

// TestBatchRolling wants one value of each key from each rolling operator: the last one that the stream has.
func TestBatchRolling(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		all := sales(s.Rand())
		env := weir.NewEnvironment(batchOptions(s))
		in := weir.FromSlice(env, all).Parallelism(1).WithTimestamps(func(v sale) int64 { return v.At }, 0).Parallelism(1)
		shop := func(v sale) string { return v.Shop }
		keyed := weir.KeyBy(in, shop)
		reduced := weirtest.Capture(s, keyed.Reduce(func(a, b sale) sale {
			return sale{a.Shop, slices.Concat(a.Tags, b.Tags), a.Cents + b.Cents, max(a.At, b.At)}
		}))
		sums := weirtest.Capture(s, weir.Sum(keyed, func(v *sale) *int64 { return &v.Cents }).Filter(func(sale) bool { return true }))
		most := weirtest.Capture(s, weir.MaxBy(keyed, func(v sale) int64 { return v.Cents }))
		counts := weirtest.Capture(s, weir.CountBy(in, shop))
		means := weirtest.Capture(s, weir.Aggregate(keyed, weir.Aggregator[sale, []int64, string]{
			Create: func() []int64 { return nil }, Add: func(a []int64, v sale) []int64 { return append(a, v.Cents) }, Result: func(a []int64) string { return fmt.Sprint(a) },
		}))
		s.Run(env)
		type kept struct {
			sum, best sale
			list      []int64
			at        int64
		}
		want := map[string]*kept{}
		for _, v := range all {
			k := want[v.Shop]
			if k == nil {
				k = &kept{best: v}
				k.sum = sale{Shop: v.Shop}
				want[v.Shop] = k
			} else if v.Cents > k.best.Cents {
				k.best = v
			}
			k.sum.Cents += v.Cents
			k.sum.At = max(k.sum.At, v.At)
			k.sum.Tags = append(k.sum.Tags, v.Tags...)
			k.list = append(k.list, v.Cents)
			k.at = v.At
		}
		var reduceText, bestText, countText, meanText, sumText []string
		for shop, k := range want {
			reduceText = append(reduceText, fmt.Sprint(k.sum, k.at))
			bestText = append(bestText, fmt.Sprint(k.best, k.at))
			countText = append(countText, fmt.Sprint(shop, len(k.list), k.at))
			meanText = append(meanText, fmt.Sprint(k.list, k.at))
			sumText = append(sumText, fmt.Sprint(shop, k.sum.Cents))
		}
		s.Same(recordTexts(reduced, func(v sale) string { return fmt.Sprint(v) }), reduceText)
		s.Same(recordTexts(most, func(v sale) string { return fmt.Sprint(v) }), bestText)
		s.Same(recordTexts(counts, func(c weir.Count[string]) string { return fmt.Sprint(c.Key, c.N) }), countText)
		s.Same(recordTexts(means, func(v string) string { return v }), meanText)
		var got []string
		for _, v := range sums.Values() {
			got = append(got, fmt.Sprint(v.Shop, v.Cents))
		}
		s.Same(got, sumText)
	})
}

func recordTexts[T any](c *weirtest.Captured[T], text func(T) string) (all []string) {
	for _, r := range c.Take() {
		all = append(all, text(r.Value)+" "+fmt.Sprint(r.Timestamp))
	}
	return all
}

// diary writes down what a keyed function is told.
type diary struct {
	seen  *state.List[int64]
	other *state.Map[string, int64]
}

func newDiary() *diary {
	return &diary{seen: state.NewList[int64]("seen"), other: state.NewMap[string, int64]("other")}
}

func (d *diary) States() []state.State { return []state.State{d.seen, d.other} }

func (d *diary) note(ctx *weir.KeyedContext[string], what string, out *weir.Collector[string]) {
	n := 0
	for range d.seen.All() {
		n++
	}
	watermark := map[int64]string{eventtime.MinWatermark: "min", eventtime.MaxWatermark: "max"}[ctx.Watermark()]
	out.Collect(fmt.Sprintf("%s %s, %d seen, watermark %s", ctx.Key(), what, n, watermark))
}

func (d *diary) Process1(ctx *weir.KeyedContext[string], v sale, out *weir.Collector[string]) error {
	d.seen.Add(v.At)
	d.other.Put("last", v.At)
	d.note(ctx, fmt.Sprintf("first %d at %d", v.Cents, ctx.Timestamp()), out)
	ctx.RegisterEventTimeTimer(v.At + 10)
	ctx.RegisterProcessingTimeTimer(ctx.ProcessingTime().UnixMilli() + 1_000_000 + v.Cents)
	ctx.DeleteProcessingTimeTimer(ctx.ProcessingTime().UnixMilli() + 1_000_000 + v.Cents)
	ctx.RegisterProcessingTimeTimer(math.MaxInt64 - v.Cents)
	return nil
}

func (d *diary) Process2(ctx *weir.KeyedContext[string], v sale, out *weir.Collector[string]) error {
	d.seen.Add(-v.At)
	d.note(ctx, fmt.Sprintf("second %d at %d", v.Cents, ctx.Timestamp()), out)
	return nil
}

func (d *diary) OnTimer(ctx *weir.KeyedContext[string], at int64, out *weir.Collector[string]) error {
	d.note(ctx, fmt.Sprintf("%v timer %d", ctx.TimeDomain(), at), out)
	if ctx.TimeDomain() == weir.ProcessingTime {
		ctx.RegisterProcessingTimeTimer(at - 1) // which never comes
	} else if at < 2000 && at%3 == 0 {
		ctx.RegisterEventTimeTimer(at + 3000)
	}
	return nil
}

// TestBatchKeyed reads a diary of a function of two keyed streams: key by key, by time over both inputs, then the timers.
func TestBatchKeyed(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		a, b := sales(s.Rand()), sales(s.Rand())
		env := weir.NewEnvironment(batchOptions(s))
		shop := func(v sale) string { return v.Shop }
		from := func(all []sale) *weir.KeyedStream[string, sale] {
			return weir.KeyBy(weir.FromSlice(env, all).Parallelism(1).WithTimestamps(func(v sale) int64 { return v.At }, 0).Parallelism(1), shop)
		}
		out := weirtest.Capture(s, weir.CoProcessKeyed(from(a), from(b), func() weir.KeyedCoProcessFunction[string, sale, sale, string] { return newDiary() }))
		s.Run(env)
		got := map[string][]string{}
		for _, line := range out.Values() {
			shop, _, _ := strings.Cut(strings.TrimPrefix(line, "shop "), " ")
			got[shop] = append(got[shop], line)
		}
		want := map[string][]string{}
		type event struct {
			sale
			second bool
		}
		events := map[string][]event{}
		for _, v := range a {
			events[v.Shop] = append(events[v.Shop], event{v, false})
		}
		for _, v := range b {
			events[v.Shop] = append(events[v.Shop], event{v, true})
		}
		for shop, all := range events {
			slices.SortStableFunc(all, func(a, b event) int { return int(a.At - b.At) })
			var lines []string
			timers, proc := map[int64]bool{}, map[int64]bool{}
			for i, e := range all {
				which := "first"
				if e.second {
					which = "second"
				} else {
					timers[e.At+10], proc[math.MaxInt64-e.Cents] = true, true
					if (e.At+10)%3 == 0 {
						timers[e.At+3010] = true
					}
				}
				lines = append(lines, fmt.Sprintf("%s %s %d at %d, %d seen, watermark min", shop, which, e.Cents, e.At, i+1))
			}
			for domain, times := range []map[int64]bool{timers, proc} {
				var sorted []int64
				for at := range times {
					sorted = append(sorted, at)
				}
				slices.Sort(sorted)
				for _, at := range sorted {
					lines = append(lines, fmt.Sprintf("%s %v timer %d, %d seen, watermark max", shop, weir.TimeDomain(domain), at, len(all)))
				}
			}
			want[strings.TrimPrefix(shop, "shop ")] = lines
		}
		for shop, lines := range want {
			if !slices.Equal(got[shop], lines) {
				s.Fatalf("shop %s:\n%s\nwant\n%s", shop, strings.Join(got[shop], "\n"), strings.Join(lines, "\n"))
			}
		}
		if len(got) != len(want) {
			s.Errorf("%d keys, want %d", len(got), len(want))
		}
	})
}

// TestBatchKeyByKey wants no record of a key between those of another, within a subtask.
func TestBatchKeyByKey(t *testing.T) {
	for _, memory := range []int64{0, 1} {
		env := weir.NewEnvironment(weir.Options{RuntimeMode: weir.Batch, Parallelism: 2, BatchMemory: memory, StateDir: t.TempDir(), Logger: quiet})
		in := weir.Map(weir.FromSequence(env, 0, 99_999), func(i int64) int64 { return i * 7919 % 1000 })
		type seen struct{ subtask, key int64 }
		out := weir.ProcessKeyed(weir.KeyBy(in, func(v int64) int64 { return v }), func(ctx *weir.Context, key, v int64, out *weir.Collector[seen]) error {
			out.Collect(seen{int64(ctx.Subtask()), key})
			return nil
		})
		last, over, n := map[int64]int64{}, map[int64]bool{}, 0
		out.ForEach(func(v seen, _ int64) error {
			n++
			if was, ok := last[v.subtask]; ok && was != v.key {
				over[was] = true
			}
			last[v.subtask] = v.key
			if over[v.key] {
				return fmt.Errorf("key %d comes again", v.key)
			}
			return nil
		}).Parallelism(1)
		execute(t, env)
		if n != 100_000 {
			t.Errorf("%d records", n)
		}
	}
}

// TestBatchJoins compares joins in both modes.
func TestBatchJoins(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		a, b := sales(s.Rand()), sales(s.Rand())
		lower, upper := s.Rand().Int64N(200)-100, s.Rand().Int64N(200)-100
		bounds := weir.IntervalBounds{Lower: time.Duration(min(lower, upper)) * time.Millisecond, Upper: time.Duration(max(lower, upper)) * time.Millisecond}
		size := time.Duration(1+s.Rand().Int64N(100)) * time.Millisecond
		run := func(o weir.Options) []string {
			env := weir.NewEnvironment(o)
			shop := func(v sale) string { return v.Shop }
			from := func(all []sale) *weir.KeyedStream[string, sale] {
				return weir.KeyBy(weir.FromSlice(env, all).Parallelism(1).WithTimestamps(func(v sale) int64 { return v.At }, time.Hour).Parallelism(1), shop)
			}
			interval := weir.ProcessJoin(weir.IntervalJoin(from(a), from(b), bounds), func(ctx *weir.JoinContext[string], a, b sale, out *weir.Collector[string]) error {
				out.Collect(fmt.Sprint("interval ", a, b, ctx.FirstTimestamp(), ctx.SecondTimestamp(), ctx.Timestamp()))
				return nil
			})
			joined := weir.JoinWindows(weir.Join(from(a), from(b), window.TumblingEventTime[weir.Either[sale, sale]](size)), func(a, b sale) string {
				return fmt.Sprint("joined ", a, b)
			})
			groups := weir.CoGroupWindows(weir.Join(from(a), from(b), window.EventTimeSession[weir.Either[sale, sale]](size)), func(ctx *weir.WindowContext[string], first, second iter.Seq[sale], out *weir.Collector[string]) error {
				count := func(all iter.Seq[sale]) (n, sum int64) {
					for v := range all {
						n++
						sum += v.Cents
					}
					return n, sum
				}
				n, sum := count(first)
				m, other := count(second)
				out.Collect(fmt.Sprint("group ", ctx.Key(), ctx.Window(), n, sum, m, other))
				return nil
			})
			out := weirtest.Capture(s, interval.Union(joined, groups))
			s.Run(env)
			return out.Values()
		}
		stream := s.Options()
		batch := batchOptions(s)
		s.Same(run(batch), run(stream))
	})
}

// tariff is filled from a broadcast stream.
type tariff struct {
	rates *state.Broadcast[string, int64]
}

func newTariff() *tariff { return &tariff{state.NewBroadcast[string, int64]("rates")} }

func (f *tariff) States() []state.State { return []state.State{f.rates} }

func (f *tariff) rate(shop string) string {
	n, ok := f.rates.Get(shop)
	return fmt.Sprint(shop, n, ok)
}

func (f *tariff) add(v sale) error {
	n, _ := f.rates.Get(v.Shop)
	f.rates.Put(v.Shop, n+v.Cents)
	return nil
}

type plainTariff struct{ *tariff }

func (f plainTariff) Process(_ *weir.Context, v sale, out *weir.Collector[string]) error {
	out.Collect(f.rate(v.Shop))
	return nil
}

func (f plainTariff) ProcessBroadcast(_ *weir.Context, v sale, _ *weir.Collector[string]) error {
	return f.add(v)
}

type keyedTariff struct{ *tariff }

func (f keyedTariff) Process(_ *weir.KeyedContext[string], v sale, out *weir.Collector[string]) error {
	out.Collect(f.rate(v.Shop))
	return nil
}

func (f keyedTariff) ProcessBroadcast(_ *weir.KeyedContext[string], v sale, _ *weir.Collector[string]) error {
	return f.add(v)
}

// TestBatchBroadcastFirst wants all of a broadcast stream to be known to the first record beside it.
func TestBatchBroadcastFirst(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		a, b := sales(s.Rand()), sales(s.Rand())
		env := weir.NewEnvironment(batchOptions(s))
		in := weir.FromSlice(env, a)
		rates := in
		if s.Rand().IntN(2) == 0 {
			rates = weir.FromSlice(env, b)
		} else { // the same source on both sides
			b = a
		}
		plain := weirtest.Capture(s, weir.ProcessBroadcast(in.Rebalance(), rates, func() weir.BroadcastProcessFunction[sale, sale, string] { return plainTariff{newTariff()} }))
		keyed := weirtest.Capture(s, weir.ProcessKeyedBroadcast(weir.KeyBy(in, func(v sale) string { return v.Shop }), rates,
			func() weir.KeyedBroadcastProcessFunction[string, sale, sale, string] { return keyedTariff{newTariff()} }))
		s.Run(env)
		sums := map[string]int64{}
		for _, v := range b {
			sums[v.Shop] += v.Cents
		}
		var want []string
		for _, v := range a {
			n, ok := sums[v.Shop]
			want = append(want, fmt.Sprint(v.Shop, n, ok))
		}
		s.Same(plain.Values(), want)
		s.Same(keyed.Values(), want)
	})
}

// TestRuntimeMode is about when a job runs in batch mode, and what may not.
func TestRuntimeMode(t *testing.T) {
	build := func(o weir.Options, endless bool) *weir.Environment {
		o.Logger = cmpLogger(o.Logger)
		env := weir.NewEnvironment(o)
		in := weir.Map(weir.FromSequence(env, 1, 3), func(i int64) int { return int(i) })
		if endless {
			in = in.Union(weir.Generate(env, sequence.Options{}, func(i int64) int { return int(i) }).Name("the ticker"))
		}
		weir.KeyBy(in, func(v int) int { return v }).Reduce(func(a, b int) int { return a + b }).Discard()
		return env
	}
	for _, c := range []struct {
		mode    weir.RuntimeMode
		endless bool
		want    bool
	}{{weir.Streaming, false, false}, {weir.Batch, false, true}, {weir.Automatic, false, true}, {weir.Automatic, true, false}, {weir.Streaming, true, false}} {
		text, err := build(weir.Options{RuntimeMode: c.mode}, c.endless).Explain()
		if err != nil || strings.Contains(text, "batch mode") != c.want {
			t.Errorf("%v, endless %v: %v\n%s", c.mode, c.endless, err, text)
		}
	}
	_, err := build(weir.Options{RuntimeMode: weir.Batch}, true).Execute(t.Context(), "unbounded")
	if fault.CodeOf(err) != fault.GraphUnbounded || !strings.Contains(err.Error(), `"the ticker"`) || strings.Contains(err.Error(), `"sequence"`) {
		t.Errorf("an unbounded source in batch mode: %v", err)
	}
	_, err = build(weir.Options{RuntimeMode: 7, BatchMemory: -1}, false).Execute(t.Context(), "options")
	if fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), "RuntimeMode") || !strings.Contains(err.Error(), "BatchMemory") {
		t.Errorf("invalid options: %v", err)
	}
	_, err = build(weir.Options{RuntimeMode: weir.Batch, Checkpoints: weir.Checkpoints{Restore: t.TempDir()}}, false).Execute(t.Context(), "restore")
	if fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), "Restore") {
		t.Errorf("restore in batch mode: %v", err)
	}
	var log bytes.Buffer
	dir := t.TempDir()
	o := weir.Options{RuntimeMode: weir.Automatic, Checkpoints: weir.Checkpoints{Dir: dir, Interval: time.Millisecond}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := build(o, false).Execute(t.Context(), "checkpoints"); err != nil || !strings.Contains(log.String(), "checkpoints are off") {
		t.Errorf("checkpoints in batch mode: %v\n%s", err, log.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("checkpoints in batch mode left %v, %v", left, err)
	}
	for m, want := range []string{"STREAMING", "BATCH", "AUTOMATIC", "RuntimeMode(3)"} {
		if got := weir.RuntimeMode(m).String(); got != want {
			t.Errorf("mode %d is %s", m, got)
		}
	}
}

func cmpLogger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return quiet
	}
	return l
}

// TestBatchRestarts fails a job in the middle of what it gives, more than once: it begins anew, and a sink in two phases has the results of the last run alone.
func TestBatchRestarts(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		o := batchOptions(s)
		o.Restart = weir.FixedDelayRestart(5, time.Millisecond)
		env := weir.NewEnvironment(o)
		in := weir.FromSequence(env, 0, 999)
		failures := 3
		counts := weir.CountBy(in, func(i int64) int64 { return i % 50 })
		ledger := weirtest.NewLedger[weir.Count[int64]](s)
		at := s.Rand().IntN(30)
		ledger.End(weir.MapFunc(counts, func(_ *weir.Context, c weir.Count[int64]) (weir.Count[int64], error) {
			if at--; at == 0 && failures > 0 {
				failures--
				at = 1 + s.Rand().IntN(60)
				return c, errors.New("for a change")
			}
			return c, nil
		}))
		s.Run(env)
		var want, got []string
		for i := range int64(50) {
			want = append(want, weir.Count[int64]{Key: i, N: 20}.String())
		}
		for _, c := range ledger.Committed() {
			got = append(got, c.String())
		}
		s.Same(got, want)
	})
}

// TestBatchCanceled cancels a job whose timers never end, and one in the middle of its replay; no file is left.
func TestBatchCanceled(t *testing.T) {
	dir := t.TempDir()
	env := weir.NewEnvironment(weir.Options{RuntimeMode: weir.Batch, BatchMemory: 1, StateDir: dir, Logger: quiet})
	started := make(chan struct{}, 1)
	weir.ProcessKeyed(weir.KeyBy(weir.FromSequence(env, 0, 200_000), func(v int64) int64 { return v }), func(ctx *weir.Context, _, v int64, out *weir.Collector[int64]) error {
		select {
		case started <- struct{}{}:
		default:
		}
		for i := int64(0); ; i++ {
			out.Collect(i)
		}
	}).Discard()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-started
		cancel()
	}()
	if _, err := env.Execute(ctx, "canceled"); fault.CodeOf(err) != fault.JobCanceled {
		t.Errorf("canceled: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left on disk: %v", left)
	}
	env = weir.NewEnvironment(weir.Options{RuntimeMode: weir.Batch, BatchMemory: 1, StateDir: dir + "/missing", Logger: quiet})
	weir.ProcessKeyed(weir.KeyBy(weir.FromSequence(env, 0, 9), func(v int64) int64 { return v }), func(*weir.Context, int64, int64, *weir.Collector[int64]) error { return nil }).Discard()
	if _, err := env.Execute(t.Context(), "no directory"); fault.CodeOf(err) != fault.StateDisk {
		t.Errorf("a directory that is missing: %v", err)
	}
	env = weir.NewEnvironment(weir.Options{RuntimeMode: weir.Batch, BatchMemory: 1, StateDir: dir + "/missing", Logger: quiet})
	timed := weir.FromSequence(env, 0, 9).WithTimestamps(func(v int64) int64 { return v }, 0)
	weir.ReduceWindow(weir.KeyBy(timed, func(v int64) int64 { return v % 2 }).Window(window.TumblingEventTime[int64](time.Millisecond)), func(a, b int64) int64 { return a + b }).Discard()
	if _, err := env.Execute(t.Context(), "no directory for windows"); fault.CodeOf(err) != fault.StateDisk || !strings.Contains(err.Error(), "windows of operator") {
		t.Errorf("a directory that is missing, for windows: %v", err)
	}
}
