package weir_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/testkit/windoworacle"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/weirtest"
	"github.com/weirstream/weir/window"
)

type (
	wrow   = windoworacle.Row
	wstats = windoworacle.Stats
)

// evaluated is what a function of windows says of one.
type evaluated struct {
	Key    int64
	Window window.Window
	Text   string
}

func evaluation(ctx *weir.WindowContext[int64], text string) evaluated {
	return evaluated{ctx.Key(), ctx.Window(), text}
}

// counting sees all elements, and counts how often a key and a window were evaluated.
type counting struct {
	inKey, inWindow *state.Value[int64]
}

func newCounting() *counting {
	return &counting{inKey: state.NewValue[int64]("in key"), inWindow: state.NewValue[int64]("in window")}
}

func (c *counting) States() []state.State { return []state.State{c.inKey} }

func (c *counting) Process(ctx *weir.WindowContext[int64], elements iter.Seq[wrow], out *weir.Collector[evaluated]) error {
	c.inKey.Update(func(n *int64, _ bool) { *n++ })
	return c.emit(ctx, 0, elements, out)
}

func (c *counting) emit(ctx *weir.WindowContext[int64], inWindow int64, elements iter.Seq[wrow], out *weir.Collector[evaluated]) error {
	var b strings.Builder
	fmt.Fprintf(&b, "evaluation %d:", inWindow)
	for v := range elements {
		fmt.Fprintf(&b, " %d", v.Value)
	}
	out.Collect(evaluation(ctx, b.String()))
	return nil
}

// countingWindows is counting for windows that do not merge.
type countingWindows struct{ *counting }

func (c countingWindows) WindowStates() []state.State { return []state.State{c.inWindow} }

func (c countingWindows) Process(ctx *weir.WindowContext[int64], elements iter.Seq[wrow], out *weir.Collector[evaluated]) error {
	n := int64(0)
	c.inWindow.Update(func(p *int64, _ bool) { *p++; n = *p })
	return c.emit(ctx, n, elements, out)
}

// windowed applies a script's windows and function to a stream.
func windowed(s *weir.Stream[wrow], sc windoworacle.Script, late weir.OutputTag[wrow]) *weir.Stream[evaluated] {
	w := weir.KeyBy(s, func(r wrow) int64 { return r.Key }).Window(sc.Spec.Assigner).AllowedLateness(sc.Spec.AllowedLateness).SideOutputLateData(late)
	if sc.Spec.Trigger != nil {
		w.Trigger(sc.Spec.Trigger)
	}
	if sc.Spec.Evictor != nil {
		w.Evictor(sc.Spec.Evictor)
	}
	switch {
	case sc.Function == windoworacle.Reduce:
		return weir.ReduceWindowWith(w, func(a, b wrow) wrow { return wrow{Key: a.Key, Value: a.Value + b.Value} },
			func(ctx *weir.WindowContext[int64], v wrow, out *weir.Collector[evaluated]) error {
				out.Collect(evaluation(ctx, fmt.Sprint(v.Value)))
				return nil
			})
	case sc.Function == windoworacle.Aggregate:
		return weir.AggregateWindowWith(w, weir.Aggregator[wrow, wstats, string]{
			Create: func() wstats { return wstats{} }, Add: func(a wstats, v wrow) wstats { return a.Add(v.Value) }, Merge: wstats.Merge,
			Result: func(a wstats) string { return fmt.Sprintf("%+v", a) },
		}, func(ctx *weir.WindowContext[int64], text string, out *weir.Collector[evaluated]) error {
			out.Collect(evaluation(ctx, text))
			return nil
		})
	case sc.Spec.Assigner.Merging():
		return weir.ProcessWindowWith(w, func() weir.ProcessWindowFunction[int64, wrow, evaluated] { return newCounting() })
	default:
		return weir.ProcessWindowWith(w, func() weir.ProcessWindowFunction[int64, wrow, evaluated] { return countingWindows{newCounting()} })
	}
}

// resultText is a result as text, oracleResult the oracle's. At what watermark it came is left out: of those between which a channel has no record, only the last arrives.
func resultText(r weirtest.Record[evaluated]) string {
	return fmt.Sprintf("key=%d %v at %d: %s", r.Value.Key, r.Value.Window, r.Timestamp, r.Value.Text)
}

func oracleResult(r windoworacle.Result, f windoworacle.Function) string {
	text := fmt.Sprintf("evaluation %d:", r.InWindow)
	switch f {
	case windoworacle.Reduce:
		text = fmt.Sprint(r.Reduced().Value)
	case windoworacle.Aggregate:
		text = fmt.Sprintf("%+v", r.Aggregated())
	default:
		for _, e := range r.Elements {
			text += fmt.Sprintf(" %d", e.Value.Value)
		}
	}
	return fmt.Sprintf("key=%d %v at %d: %s", r.Key, r.Window, r.Timestamp, text)
}

// jobScript draws a script that a whole job can run: it ends with the end of input, and fails nowhere.
func jobScript(r *rand.Rand, now int64) (windoworacle.Script, windoworacle.Outcome) {
	for {
		sc := windoworacle.Random(r, now)
		sc.SideOutput = true
		sc.Steps = slices.DeleteFunc(sc.Steps, func(s windoworacle.Step) bool {
			return s.Kind == windoworacle.Watermark && s.Time == eventtime.MaxWatermark
		})
		sc.Steps = append(sc.Steps, windoworacle.Step{Kind: windoworacle.Watermark, Time: eventtime.MaxWatermark})
		// Of watermarks without a record between them only the last may arrive.
		for i := 0; i < len(sc.Steps); i++ {
			switch {
			case sc.Steps[i].Kind != windoworacle.Watermark:
			case i+1 < len(sc.Steps) && sc.Steps[i+1].Kind == windoworacle.Watermark:
				sc.Steps[i+1].Time = max(sc.Steps[i+1].Time, sc.Steps[i].Time)
				sc.Steps = slices.Delete(sc.Steps, i, i+1)
				i--
			}
		}
		if o := windoworacle.Evaluate(sc); o.Err == nil && sc.Spec.Assigner.EventTime() {
			return sc, o // in processing time a job's records race with its timers
		}
	}
}

// TestWindowsSimulated runs the oracle's scripts as whole jobs, at any parallelism and chunking.
func TestWindowsSimulated(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		sc, want := jobScript(s.Rand(), s.Now().UnixMilli())
		env := s.Environment()
		feed, in := weirtest.Input[wrow](s, env)
		late := weir.NewOutputTag[wrow]("late")
		results := windowed(in, sc, late)
		out, lates := weirtest.Capture(s, results), weirtest.Capture(s, weir.SideOutput(results, late))
		s.Start(env)
		for _, step := range sc.Steps {
			switch {
			case step.Kind == windoworacle.Element:
				feed.PushAt(step.Row, step.Time)
			case step.Kind == windoworacle.Watermark && step.Time != eventtime.MaxWatermark:
				feed.Watermark(step.Time)
			case step.Kind == windoworacle.ProcessingTime:
				s.Settle()
				s.Advance(time.UnixMilli(step.Time).Sub(s.Now()))
			}
		}
		feed.End()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v\n%v", err, sc)
		}
		var a, b []string
		for _, r := range want.Results {
			a = append(a, oracleResult(r, sc.Function))
		}
		for _, l := range want.Late {
			a = append(a, fmt.Sprintf("late %+v at %d", l.Row, l.Timestamp))
		}
		for _, r := range out.Take() {
			b = append(b, resultText(r))
		}
		for _, l := range lates.Take() {
			b = append(b, fmt.Sprintf("late %+v at %d", l.Value, l.Timestamp))
		}
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			s.Fatalf("%v\nwant\n%s\ngot\n%s", sc, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	})
}

// TestLateRecordsCounted reads the counters of late records.
func TestLateRecordsCounted(t *testing.T) {
	for _, parallelism := range []int{1, 3} {
		env := weir.NewEnvironment(weir.Options{Parallelism: parallelism, Logger: quiet})
		in := weir.FromSlice(env, []wrow{{Value: 10}, {Value: 30}, {Value: 9}, {Value: 31}, {Value: 19}, {Value: 25}}).Parallelism(1).WithTimestamps(func(r wrow) int64 { return r.Value }, 0).Parallelism(1)
		keyed := weir.KeyBy(in, func(r wrow) int64 { return r.Key })
		sum := func(a, b wrow) wrow { return wrow{Value: a.Value + b.Value} }
		weir.ReduceWindow(keyed.Window(window.TumblingEventTime[wrow](10*time.Millisecond)), sum).Name("tumbling").Discard()
		weir.ReduceWindow(keyed.Window(window.SlidingEventTime[wrow](10*time.Millisecond, 5*time.Millisecond)), sum).Name("sliding").Discard()
		weir.ReduceWindow(keyed.Window(window.EventTimeSession[wrow](2*time.Millisecond)).AllowedLateness(10*time.Millisecond), sum).Name("session").Discard()
		r := execute(t, env)
		for name, want := range map[string]int64{"numLateRecordsDropped": 7, "tumbling.numLateRecordsDropped": 3, "sliding.numLateRecordsDropped": 2, "session.numLateRecordsDropped": 2} {
			if got := r.Accumulators[name].Count; got != want {
				t.Errorf("%s is %d, want %d", name, got, want)
			}
		}
	}
}

// TestWindowAll has windows without a key, which one subtask evaluates.
func TestWindowAll(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		in := weir.FromSequence(env, 0, 99).WithTimestamps(func(v int64) int64 { return v }, 100*time.Millisecond)
		sum := func(a, b int64) int64 { return a + b }
		byTime := weirtest.Capture(s, weir.ReduceWindow(in.WindowAll(window.TumblingEventTime[int64](25*time.Millisecond)), sum))
		byCount := weirtest.Capture(s, weir.ApplyWindow(in.CountWindowAll(30), func(_ *weir.WindowContext[struct{}], elements iter.Seq[int64], out *weir.Collector[int]) error {
			out.Collect(len(slices.Collect(elements)))
			return nil
		}))
		s.Run(env)
		if got := slices.Sorted(slices.Values(byTime.Values())); !slices.Equal(got, []int64{300, 925, 1550, 2175}) {
			s.Errorf("sums of windows: %v", got)
		}
		if got := byCount.Values(); !slices.Equal(got, []int{30, 30, 30}) {
			s.Errorf("windows of 30: %v", got)
		}
	})
}
