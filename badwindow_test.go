package weir_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/window"
)

// lifted is a keyed function that does one thing wrong.
type lifted struct {
	states  []state.State
	element func(ctx *weir.KeyedContext[int64])
	rule    func(ctx *weir.KeyedContext[int64])
}

func (f lifted) States() []state.State { return f.states }

func (f lifted) Process(ctx *weir.KeyedContext[int64], v int64, _ *weir.Collector[int64]) error {
	if f.element != nil {
		f.element(ctx)
	}
	return nil
}

func (f lifted) ProcessBroadcast(ctx *weir.KeyedContext[int64], _ int64, _ *weir.Collector[int64]) error {
	if f.rule != nil {
		f.rule(ctx)
	}
	return nil
}

// unkeyed is a function of a stream without a key that declares keyed state.
type unkeyed struct{ states []state.State }

func (f unkeyed) States() []state.State { return f.states }
func (f unkeyed) Process(*weir.Context, int64, *weir.Collector[int64]) error {
	return nil
}
func (f unkeyed) ProcessBroadcast(*weir.Context, int64, *weir.Collector[int64]) error { return nil }

// perWindow is a function with state for each window.
type perWindow struct{ n *state.Value[int64] }

func (f perWindow) WindowStates() []state.State { return []state.State{f.n} }
func (f perWindow) Process(*weir.WindowContext[int64], iter.Seq[int64], *weir.Collector[int64]) error {
	return nil
}

type badWindow struct {
	name  string
	build func(env *weir.Environment)
	code  fault.Code
	// names are what the text must hold; running is whether it can be known only when the job runs.
	names   []string
	running bool
}

// stamped has event time: the value of a record is its timestamp.
func stamped(env *weir.Environment) *weir.KeyedStream[int64, int64] {
	return weir.KeyBy(ints(env).WithTimestamps(func(v int64) int64 { return v }, 0), func(v int64) int64 { return v })
}

// total is an aggregator without Merge.
var total = weir.Aggregator[int64, int64, int64]{
	Create: func() int64 { return 0 }, Add: func(a, v int64) int64 { return a + v }, Result: func(a int64) int64 { return a },
}

// summed has the records of windows added up.
func summed(of func(*weir.KeyedStream[int64, int64]) *weir.WindowedStream[int64, int64]) func(*weir.Environment) {
	return func(env *weir.Environment) { weir.AggregateWindow(of(stamped(env)), total).Discard() }
}

// assigned is summed for windows of an assigner.
func assigned(a window.Assigner[int64]) func(*weir.Environment) {
	return summed(func(k *weir.KeyedStream[int64, int64]) *weir.WindowedStream[int64, int64] { return k.Window(a) })
}

// ruled has a keyed function beside a broadcast stream.
func ruled(f lifted) func(*weir.Environment) {
	return func(env *weir.Environment) {
		weir.ProcessKeyedBroadcast(keyedInts(env), ints(env), func() weir.KeyedBroadcastProcessFunction[int64, int64, int64, int64] { return f }).Discard()
	}
}

func badWindows() []badWindow {
	const ms = time.Millisecond
	n := state.NewValue[int64]("n")
	seen := state.NewValue[int64]("seen")
	return []badWindow{
		{"size zero", assigned(window.TumblingEventTime[int64](0)), fault.WindowSize, []string{"TumblingEventTimeWindows(0)"}, false},
		{"size below a millisecond", assigned(window.TumblingProcessingTime[int64](ms - 1)), fault.WindowSize, []string{"TumblingProcessingTimeWindows(0)"}, false},
		{"negative sliding size", assigned(window.SlidingEventTime[int64](-ms, ms)), fault.WindowSize, []string{"SlidingEventTimeWindows(-1, 1)"}, false},
		{"slide zero", assigned(window.SlidingEventTime[int64](ms, 0)), fault.WindowSlide, []string{"SlidingEventTimeWindows(1, 0)"}, false},
		{"offset as far as the slide", assigned(window.TumblingEventTime[int64](ms).WithOffset(ms)), fault.WindowOffset, []string{"TumblingEventTimeWindows(1)"}, false},
		{"gap zero", func(env *weir.Environment) {
			weir.ApplyWindow(stamped(env).Window(window.EventTimeSession[int64](0)), func(*weir.WindowContext[int64], iter.Seq[int64], *weir.Collector[int64]) error { return nil }).Discard()
		}, fault.WindowGap, []string{"EventTimeSessionWindows(0)"}, false},
		{"count zero", summed(func(k *weir.KeyedStream[int64, int64]) *weir.WindowedStream[int64, int64] { return k.CountWindow(0) }), fault.WindowCount, []string{"CountTrigger(0)"}, false},
		{"nil assigner", assigned(nil), fault.GraphNilFunction, []string{"assigner"}, false},
		{"negative lateness", summed(func(k *weir.KeyedStream[int64, int64]) *weir.WindowedStream[int64, int64] {
			return k.Window(window.TumblingEventTime[int64](ms)).AllowedLateness(-ms)
		}), fault.WindowLateness, []string{"TumblingEventTimeWindows(1)", "-1ms"}, false},
		{"merging assigner with a trigger that cannot merge", func(env *weir.Environment) {
			w := stamped(env).Window(window.EventTimeSession[int64](ms)).Trigger(window.NeverTrigger[int64]())
			weir.ApplyWindow(w, func(*weir.WindowContext[int64], iter.Seq[int64], *weir.Collector[int64]) error { return nil }).Discard()
		}, fault.WindowTriggerMerge, []string{"EventTimeSessionWindows(1)", "NeverTrigger"}, false},
		{"merging assigner with an aggregator that cannot merge", assigned(window.EventTimeSession[int64](ms)), fault.WindowMerge, []string{"EventTimeSessionWindows(1)", "Merge"}, false},
		{"evictor with an incremental aggregate", summed(func(k *weir.KeyedStream[int64, int64]) *weir.WindowedStream[int64, int64] {
			return k.Window(window.TumblingEventTime[int64](ms)).Evictor(window.CountEvictor[int64](1, window.Before))
		}), fault.WindowEvictor, []string{"TumblingEventTimeWindows(1)", "CountEvictor(1)"}, false},
		{"sliding count window with an incremental aggregate", summed(func(k *weir.KeyedStream[int64, int64]) *weir.WindowedStream[int64, int64] {
			return k.SlidingCountWindow(2, 1)
		}), fault.WindowEvictor, []string{"CountEvictor(2)"}, false},
		{"state of windows that merge", func(env *weir.Environment) {
			weir.ProcessWindowWith(stamped(env).Window(window.EventTimeSession[int64](ms)), func() weir.ProcessWindowFunction[int64, int64, int64] { return perWindow{n} }).Discard()
		}, fault.WindowState, []string{"EventTimeSessionWindows(1)"}, false},
		{"a gap function that returns no gap", func(env *weir.Environment) {
			w := stamped(env).Window(window.DynamicEventTimeSession(func(v int64) time.Duration { return time.Duration(5-v) * ms }))
			weir.ApplyWindow(w, func(*weir.WindowContext[int64], iter.Seq[int64], *weir.Collector[int64]) error { return nil }).Name("gaps").Discard()
		}, fault.WindowGap, []string{`"gaps"`, "0s"}, true},
		{"no timestamp in a tumbling window", func(env *weir.Environment) {
			weir.AggregateWindow(keyedInts(env).Window(window.TumblingEventTime[int64](ms)), total).Name("timeless").Discard()
		}, fault.WindowNoTimestamp, []string{`"timeless"`, "WithTimestamps"}, true},
		{"no timestamp in a window with elements", func(env *weir.Environment) {
			weir.ApplyWindow(keyedInts(env).Window(window.TumblingEventTime[int64](ms)), func(*weir.WindowContext[int64], iter.Seq[int64], *weir.Collector[int64]) error { return nil }).Name("timeless").Discard()
		}, fault.WindowNoTimestamp, []string{`"timeless"`, "WithTimestamps"}, true},
		{"no timestamp in an interval join", func(env *weir.Environment) {
			joinNumbers(weir.IntervalJoin(keyedInts(env), keyedInts(env), weir.IntervalBounds{})).Name("timeless").Discard()
		}, fault.TimeNoTimestamp, []string{`"timeless"`}, true},
		{"bounds the wrong way round", func(env *weir.Environment) {
			joinNumbers(weir.IntervalJoin(stamped(env), stamped(env), weir.IntervalBounds{Lower: ms})).Discard()
		}, fault.OptionInvalid, []string{`"intervalJoin"`, "1ms", "0s"}, false},
		{"state declared twice", ruled(lifted{states: []state.State{n, state.NewValue[string]("n")}}), fault.StateDeclared, []string{`"keyedBroadcastProcess"`, `"n"`, "int64", "string"}, false},
		{"keyed state without a key", func(env *weir.Environment) {
			weir.ProcessBroadcast(ints(env), ints(env), func() weir.BroadcastProcessFunction[int64, int64, int64] { return unkeyed{[]state.State{n}} }).Discard()
		}, fault.StateDeclared, []string{`"broadcastProcess"`, `"n"`}, false},
		{"state used outside a key", ruled(lifted{states: []state.State{seen}, rule: func(*weir.KeyedContext[int64]) { seen.Set(1) }}), fault.StateNoKey, []string{`"keyedBroadcastProcess"`}, true},
		{"timer outside a key", ruled(lifted{rule: func(ctx *weir.KeyedContext[int64]) { ctx.RegisterEventTimeTimer(1) }}), fault.StateTimerNoKey, []string{`"keyedBroadcastProcess"`}, true},
		{"key asked for where there is none", ruled(lifted{rule: func(ctx *weir.KeyedContext[int64]) { ctx.Key() }}), fault.StateNoKey, []string{`"keyedBroadcastProcess"`}, true},
	}
}

func joinNumbers(j *weir.IntervalJoined[int64, int64, int64]) *weir.Stream[int64] {
	return weir.ProcessJoin(j, func(_ *weir.JoinContext[int64], a, b int64, out *weir.Collector[int64]) error {
		out.Collect(a + b)
		return nil
	})
}

// TestBadWindows does wrong what can be done wrong with windows, timers and state.
func TestBadWindows(t *testing.T) {
	for _, c := range badWindows() {
		t.Run(c.name, func(t *testing.T) {
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			c.build(env)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			result, err := env.Execute(ctx, "bad")
			if fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if (result != nil) != c.running {
				t.Errorf("the job ran: %v", result)
			}
			for _, name := range c.names {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%q is not in %q", name, err)
				}
			}
		})
	}
}
