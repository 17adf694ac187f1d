package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/window"
)

// The job never changes: what was taken of it must fit. It reads the numbers below count, each at the time of as many milliseconds, and has state of every kind that a function may declare, timers, windows of every assigner, a source that
// ended long before the savepoint, and a sink in two phases.
const (
	count  = 4000
	keys   = 700
	period = 500 // of timers
	tells  = 20  // one in so many keys gives something out at its timers
)

type number struct {
	I   int64
	Key string
}

func numberOf(i int64) number { return number{i, fmt.Sprintf("key-%03d", i*7919%keys)} }

// digit is the last but one of a key.
func digit(key string) int64 { return int64(key[len(key)-2] - '0') }

func told(key string) bool {
	n, _ := strconv.Atoi(key[len("key-"):])
	return n%tells == 0
}

type total struct{ Count, Sum int64 }

// factor is a record of the broadcast stream: timers give out sums times the factor of the key's digit.
type factor struct {
	Digit int64
	Times int64
}

func factors() iter.Seq[factor] {
	return func(yield func(factor) bool) {
		for i := range int64(10) {
			if !yield(factor{i, i + 2}) {
				return
			}
		}
	}
}

// keeper has keyed state of each kind, and a timer at the end of each period in which its key comes. Numbers wait for it, so that the order between the two streams makes no difference.
type keeper struct {
	waiting *state.Map[int64, []int64] // by the end of the period
	total   *state.Value[total]
	last    *state.List[int64]        // the last three
	parts   *state.Map[string, int64] // how many by remainder
	most    *state.Reducing[int64]    // the greatest
	mean    *state.Aggregating[int64, total, float64]
	factors *state.Broadcast[int64, factor]
}

func newKeeper() weir.KeyedBroadcastProcessFunction[string, number, factor, string] {
	return &keeper{
		waiting: state.NewMap[int64, []int64]("waiting"),
		total:   state.NewValue[total]("total"), last: state.NewList[int64]("last"), parts: state.NewMap[string, int64]("parts"),
		most: state.NewReducing("most", func(kept, v int64) int64 { return max(kept, v) }),
		mean: state.NewAggregating("mean", func() total { return total{} }, func(a total, v int64) total { return total{a.Count + 1, a.Sum + v} },
			func(a total) float64 { return float64(a.Sum) / float64(a.Count) }),
		factors: state.NewBroadcast[int64, factor]("factors"),
	}
}

func (k *keeper) States() []state.State {
	return []state.State{k.waiting, k.total, k.last, k.parts, k.most, k.mean, k.factors}
}

func (k *keeper) ProcessBroadcast(_ *weir.KeyedContext[string], f factor, _ *weir.Collector[string]) error {
	k.factors.Put(f.Digit, f)
	return nil
}

func (k *keeper) Process(ctx *weir.KeyedContext[string], n number, _ *weir.Collector[string]) error {
	end := (n.I/period + 1) * period
	k.waiting.Update(end, func(all *[]int64, _ bool) { *all = append(*all, n.I) })
	ctx.RegisterEventTimeTimer(end)
	return nil
}

func part(i int64) string { return fmt.Sprintf("remainder-%d", i/keys%4) }

func (k *keeper) OnTimer(ctx *weir.KeyedContext[string], t int64, out *weir.Collector[string]) error {
	waited, _ := k.waiting.Get(t)
	k.waiting.Delete(t)
	for _, i := range waited {
		k.total.Update(func(t *total, _ bool) { t.Count, t.Sum = t.Count+1, t.Sum+i })
		if k.last.Len() == 3 {
			k.last.Set(slices.Collect(k.last.All())[1:])
		}
		k.last.Add(i)
		k.parts.Update(part(i), func(c *int64, _ bool) { *c++ })
		k.most.Add(i)
		k.mean.Add(i)
	}
	if !told(ctx.Key()) {
		return nil
	}
	sum, _ := k.total.Get()
	most, _ := k.most.Get()
	mean, _ := k.mean.Get()
	parts := map[string]int64{}
	for p, c := range k.parts.All() {
		parts[p] = c
	}
	f, _ := k.factors.Get(digit(ctx.Key()))
	out.Collect(kept(t, ctx.Key(), sum, slices.Collect(k.last.All()), parts, most, mean, f.Times))
	return nil
}

func kept(t int64, key string, sum total, last []int64, parts map[string]int64, most int64, mean float64, times int64) string {
	return fmt.Sprintf("kept %d %s %v %v %v %d %.3f", t, key, total{sum.Count, sum.Sum * times}, last, parts, most, mean)
}

// batcher sums numbers by tens, without a key.
type batcher struct{ held *state.OperatorList[int64] }

func newBatcher() weir.ProcessFunction[number, string] {
	return &batcher{state.NewOperatorList[int64]("held")}
}

func (b *batcher) States() []state.State { return []state.State{b.held} }

func (b *batcher) Process(_ *weir.Context, n number, out *weir.Collector[string]) error {
	b.held.Add(n.I)
	if b.held.Len() < 64 {
		return nil
	}
	sum := int64(0)
	for v := range b.held.All() {
		sum += v
	}
	b.held.Clear()
	out.Collect(batch(sum))
	return nil
}

func batch(sum int64) string { return fmt.Sprintf("batch %d", sum) }

// windowed is the sum of a key in a window.
func windowed(kind string, start, end, key, sum int64) string {
	return fmt.Sprintf("%s %d to %d of %d: %d", kind, start, end, key, sum)
}

// job builds the program. each is called for every number, by one subtask. With slices it has windows that the memory backend keeps in another way than the lsm backend, which the oldest of what was taken has with the memory backend alone.
func job(o weir.Options, sliced bool, to *ledger, each func(i int64)) *weir.Environment {
	o.MaxParallelism, o.Restart, o.Logger, o.ChunkRows = 8, weir.NoRestart(), slog.New(slog.DiscardHandler), 16
	env := weir.NewEnvironment(o)
	numbers := weir.Generate(env, sequence.Options{Count: count}, numberOf).UID("numbers").Parallelism(1)
	seen := weir.Map(numbers, func(n number) number { each(n.I); return n }).UID("seen").Parallelism(1)
	timed := seen.AssignTimestampsAndWatermarks(eventtime.ForMonotonousTimestamps[number]().WithTimestampAssigner(func(n number, _ int64) int64 { return n.I })).UID("times").Parallelism(1)
	ended := weir.FromSeq(env, factors).UID("factors").AssignTimestampsAndWatermarks(eventtime.ForMonotonousTimestamps[factor]().WithTimestampAssigner(func(factor, int64) int64 { return 0 })).UID("factor-times").Parallelism(1)

	all := weir.ProcessKeyedBroadcast(weir.KeyBy(timed, func(n number) string { return n.Key }), ended, newKeeper).UID("kept")
	all = all.Union(weir.ProcessWith(timed, newBatcher).UID("batches").Parallelism(1))
	sum := func(kind string, key func(n number) int64, a window.Assigner[number], lateness time.Duration) {
		sums := weir.Aggregator[number, int64, int64]{
			Create: func() int64 { return 0 }, Add: func(acc int64, n number) int64 { return acc + n.I }, Result: func(acc int64) int64 { return acc }, Merge: func(a, b int64) int64 { return a + b },
		}
		all = all.Union(weir.AggregateWindowWith(weir.KeyBy(timed, key).Window(a).AllowedLateness(lateness), sums, func(ctx *weir.WindowContext[int64], v int64, out *weir.Collector[string]) error {
			out.Collect(windowed(kind, ctx.Window().Start, ctx.Window().End, ctx.Key(), v))
			return nil
		}).UID(kind))
	}
	if sliced {
		sum("sliced", byThirteen, window.TumblingEventTime[number](700*time.Millisecond), 0)
	}
	sum("tumbling", byThirteen, window.TumblingEventTime[number](800*time.Millisecond), time.Millisecond)
	sum("sliding", byThirteen, window.SlidingEventTime[number](1200*time.Millisecond, 300*time.Millisecond), 0)
	sum("session", byHundred, window.EventTimeSession[number](40*time.Millisecond), 0)
	all.SinkTo("ledger", to).UID("ledger")
	return env
}

func byThirteen(n number) int64 { return n.I % 13 }
func byHundred(n number) int64  { return n.I / 100 % 5 }

// options are those of a backend.
func options(backend, dir string) weir.Options {
	o := weir.Options{Parallelism: 2}
	if backend == "lsm" {
		o.StateBackend, o.StateDir, o.Memory = lsm.Backend(), dir, 64<<20
	}
	return o
}

// oracle is all that the job gives out, in order.
func oracle(sliced bool) (lines []string) {
	type held struct {
		sum   total
		last  []int64
		parts map[string]int64
		most  int64
		came  map[int64]bool // periods
	}
	state := map[string]*held{}
	fire := func(t int64) {
		for key, h := range state {
			if h.came[t] && told(key) {
				lines = append(lines, kept(t, key, h.sum, h.last, h.parts, h.most, float64(h.sum.Sum)/float64(h.sum.Count), digit(key)+2))
			}
		}
	}
	batched := int64(0)
	sums := map[string]map[[3]int64]int64{"sliced": {}, "tumbling": {}, "sliding": {}, "session": {}}
	for i := range int64(count) {
		n := numberOf(i)
		if i%period == 0 {
			fire(i)
		}
		h := state[n.Key]
		if h == nil {
			h = &held{parts: map[string]int64{}, came: map[int64]bool{}}
			state[n.Key] = h
		}
		h.sum.Count, h.sum.Sum, h.most = h.sum.Count+1, h.sum.Sum+i, i
		h.last = append(h.last, i)
		h.last = h.last[max(0, len(h.last)-3):]
		h.parts[part(i)]++
		h.came[(i/period+1)*period] = true
		if batched += i; (i+1)%64 == 0 {
			lines, batched = append(lines, batch(batched)), 0
		}
		if sliced {
			sums["sliced"][[3]int64{i / 700 * 700, i/700*700 + 700, byThirteen(n)}] += i
		}
		sums["tumbling"][[3]int64{i / 800 * 800, i/800*800 + 800, byThirteen(n)}] += i
		for start := i / 300 * 300; start > i-1200; start -= 300 {
			sums["sliding"][[3]int64{start, start + 1200, byThirteen(n)}] += i
		}
		sums["session"][[3]int64{i / 100 * 100, i/100*100 + 99 + 40, byHundred(n)}] += i
	}
	fire(count)
	for kind, all := range sums {
		for w, sum := range all {
			lines = append(lines, windowed(kind, w[0], w[1], w[2], sum))
		}
	}
	slices.Sort(lines)
	return lines
}

// ledger is a sink in two phases. What is committed stands in it by the name of its committable, so that committing twice is committing once.
type ledger struct {
	mu        sync.Mutex
	prepared  int
	committed map[string][]string
}

type entry struct {
	Name  string
	Lines []string
}

// lines are all that is committed, in order, without those of the sliced windows if the job has none.
func (l *ledger) lines(sliced bool) (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lines := range l.committed {
		all = append(all, lines...)
	}
	if !sliced {
		all = slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "sliced ") })
	}
	slices.Sort(all)
	return all
}

func (l *ledger) NewWriter(ctx connector.WriterContext, _ [][]byte) (connector.Writer[string], error) {
	return &ledgerWriter{l: l, name: fmt.Sprintf("%s-%d", ctx.JobID(), ctx.Subtask())}, nil
}

func (l *ledger) NewCommitter(connector.WriterContext) (connector.Committer, error) { return l, nil }

func (l *ledger) Commit(_ context.Context, committables []connector.Committable) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range committables {
		var e entry
		if err := json.Unmarshal(c, &e); err != nil {
			return err
		}
		l.committed[e.Name] = e.Lines
	}
	return nil
}

func (l *ledger) Close() error { return nil }

type ledgerWriter struct {
	l     *ledger
	name  string
	n     int
	lines []string
}

func (w *ledgerWriter) Write(v string, _ int64) error {
	w.lines = append(w.lines, strings.Clone(v))
	return nil
}

func (w *ledgerWriter) Flush(bool) error { return nil }
func (w *ledgerWriter) Close() error     { return nil }

func (w *ledgerWriter) PrepareCommit() ([]connector.Committable, error) {
	if len(w.lines) == 0 {
		return nil, nil
	}
	w.n++
	b, err := json.Marshal(entry{fmt.Sprintf("%s-%d", w.name, w.n), w.lines})
	w.lines = nil
	w.l.mu.Lock()
	w.l.prepared++
	w.l.mu.Unlock()
	return []connector.Committable{b}, err
}
