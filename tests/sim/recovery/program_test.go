package recovery

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/weirtest"
	"github.com/weirstream/weir/window"
)

// event is one of a stream. All of it follows from its number.
type event struct {
	N, Key, At, Value int64
}

func mix(x int64) int64 {
	z := uint64(x) * 0x9E3779B97F4A7C15
	z ^= z >> 31
	z *= 0xBF58476D1CE4E5B9
	return int64((z ^ z>>29) >> 1)
}

const (
	disorder = 20 // milliseconds
	keys     = 11
	size     = 50
	slide    = 20
	gap      = 12
	reach    = 7
	later    = 30
)

func eventOf(n int64) event {
	r := mix(n)
	return event{N: n, Key: r % keys, At: 1000 + n/2*3 + r/keys%disorder, Value: r / 1000 % 100}
}

// The streams' numbers: the first has even ones, the second odd ones.
func first(count int64) (es []event) {
	for n := range count {
		es = append(es, eventOf(2*n))
	}
	return es
}

func second(count int64) (es []event) {
	for n := range count {
		es = append(es, eventOf(2*n+1))
	}
	return es
}

// source reads the events of a stream by their numbers, in time with watermarks for each split.
func source(env *weir.Environment, name string, count, odd int64) *weir.Stream[event] {
	numbers := weir.FromSequence(env, 0, count-1).Name(name).UID(name).WatermarkStrategy(
		eventtime.ForBoundedOutOfOrderness[int64]((disorder + 3) * time.Millisecond).WithTimestampAssigner(func(n int64, _ int64) int64 { return eventOf(2*n + odd).At }))
	return weir.Map(numbers, func(n int64) event { return eventOf(2*n + odd) }).Name(name + " events").UID(name + "-events")
}

var sums = weir.Aggregator[event, [2]int64, [2]int64]{
	Create: func() [2]int64 { return [2]int64{} },
	Add:    func(s [2]int64, e event) [2]int64 { return [2]int64{s[0] + 1, s[1] + e.Value} },
	Result: func(s [2]int64) [2]int64 { return s },
	Merge:  func(a, b [2]int64) [2]int64 { return [2]int64{a[0] + b[0], a[1] + b[1]} },
}

// windowed sums the events of a window and key.
func windowed(name string, w *weir.WindowedStream[int64, event]) *weir.Stream[string] {
	return weir.AggregateWindowWith(w, sums, func(ctx *weir.WindowContext[int64], s [2]int64, out *weir.Collector[string]) error {
		out.Collect(fmt.Sprint(name, " ", ctx.Key(), " ", ctx.Window().Start, " ", ctx.Window().End, " ", s))
		return nil
	}).Name(name).UID(name)
}

func byKey(s *weir.Stream[event]) *weir.KeyedStream[int64, event] {
	return weir.KeyBy(s, func(e event) int64 { return e.Key })
}

func sessionsOf(s *weir.Stream[event]) *weir.Stream[string] {
	return windowed("session", byKey(s).Window(window.EventTimeSession[event](gap*time.Millisecond)))
}

func slidingOf(s *weir.Stream[event]) *weir.Stream[string] {
	return windowed("sliding", byKey(s).Window(window.SlidingEventTime[event](size*time.Millisecond, slide*time.Millisecond)))
}

// buildApart is a program of two parts that nothing connects.
func buildApart(env *weir.Environment, count int64) (a, b *weir.Stream[string]) {
	return slidingOf(source(env, "first", count, 0)), sessionsOf(source(env, "second", count, 1))
}

// build is the program. Each result is a text that begins with the name of the operator.
func build(env *weir.Environment, count int64) *weir.Stream[string] {
	a, b := source(env, "first", count, 0), source(env, "second", count, 1)
	both := a.Union(b)
	tumbling := windowed("tumbling", byKey(both).Window(window.TumblingEventTime[event](size*time.Millisecond)))
	sliding, sessions := slidingOf(a), sessionsOf(b)
	elements := weir.ApplyWindow(byKey(b).Window(window.TumblingEventTime[event](size*time.Millisecond)),
		func(ctx *weir.WindowContext[int64], all iter.Seq[event], out *weir.Collector[string]) error {
			var ns []int64
			for e := range all {
				ns = append(ns, e.N)
			}
			slices.Sort(ns)
			out.Collect(fmt.Sprint("elements ", ctx.Key(), " ", ctx.Window().Start, " ", ns))
			return nil
		}).Name("elements").UID("elements")
	joined := weir.ProcessJoin(weir.IntervalJoin(byKey(a), byKey(b), weir.IntervalBounds{Lower: -reach * time.Millisecond, Upper: reach * time.Millisecond}),
		func(_ *weir.JoinContext[int64], x, y event, out *weir.Collector[string]) error {
			out.Collect(fmt.Sprint("join ", x.N, " ", y.N))
			return nil
		}).Name("join").UID("join")
	kept := weir.ProcessKeyedWith(byKey(both), func() weir.KeyedProcessFunction[int64, event, string] { return newKeeper() }).Name("keeper").UID("keeper")
	called := weir.UnorderedWait(b, func(ctx context.Context, e event) ([]event, error) {
		return []event{e}, weirtest.Sleep(ctx, time.Duration(e.Value)*100*time.Microsecond)
	}, weir.AsyncOptions[event, event]{Capacity: 5}).Name("called").UID("called")
	looked := windowed("looked", byKey(called).Window(window.TumblingEventTime[event](size*time.Millisecond)))
	all := tumbling.Union(sliding, sessions, elements, joined, kept, looked)
	return weir.Map(all, func(s string) string { return s }).Name("all").UID("all")
}

// keeper has state of several kinds, and timers: each event is told once its time has passed by, with what was kept with it.
type keeper struct {
	seen *state.Map[int64, event]
	list *state.List[int64]
	sum  *state.Value[int64]
}

func newKeeper() *keeper {
	return &keeper{seen: state.NewMap[int64, event]("seen"), list: state.NewList[int64]("list"), sum: state.NewValue[int64]("sum")}
}

func (k *keeper) States() []state.State { return []state.State{k.seen, k.list, k.sum} }

func (k *keeper) Process(ctx *weir.KeyedContext[int64], e event, _ *weir.Collector[string]) error {
	k.seen.Put(e.N, e)
	k.list.Add(e.N)
	sum, _ := k.sum.Get()
	k.sum.Set(sum + e.Value)
	ctx.RegisterEventTimeTimer(e.At + later)
	return nil
}

func (k *keeper) OnTimer(_ *weir.KeyedContext[int64], t int64, out *weir.Collector[string]) error {
	var due []event
	for _, e := range k.seen.All() {
		if e.At+later == t {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, b event) int { return int(a.N - b.N) })
	for _, e := range due {
		k.seen.Delete(e.N)
		out.Collect(fmt.Sprint("timer ", e.N, " ", e.Value))
	}
	return nil
}
