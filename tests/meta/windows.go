package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/testkit/windoworacle"
	"github.com/weirstream/weir/window"
)

type (
	row    = windoworacle.Row
	script = windoworacle.Script
	stats  = windoworacle.Stats
)

// start is what the clock says when a script begins.
const start = 1_000_000

// windowScript draws the script of a seed.
func windowScript(seed uint64) script {
	return windoworacle.Random(rand.New(rand.NewPCG(seed, 0)), start)
}

// quick is a script with the same steps for windows that an operator of their own evaluates, if the script's assigner allows it: they share slices, or are sessions.
func quick(s script) (script, bool) {
	s.Spec.Trigger, s.Spec.Evictor, s.Spec.AllowedLateness = nil, nil, 0
	if s.Function == windoworacle.Process {
		s.Function = windoworacle.Aggregate
	}
	_, ok := operator.Sliceable(s.Spec)
	return s, ok || operator.Sessions(s.Spec)
}

// checkWindows runs a script at several chunk sizes and in several ways, and returns what differs from the oracle, "" if nothing does.
func checkWindows(seed uint64, s script) string {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, chunk := range []int{1, 7, 1024} {
		if diff := windowRun(s, drawSetting(r, seed, chunk, false)); diff != "" {
			return diff
		}
	}
	s, ok := quick(s)
	for _, chunk := range []int{1, 7, 1024} {
		if !ok {
			break
		}
		if diff := windowRun(s, drawSetting(r, seed, chunk, true)); diff != "" {
			return diff
		}
	}
	return ""
}

// windowRun compares a run with the oracle, and makes a script that differs small.
func windowRun(s script, how setting) string {
	if _, _, differ := windowDiffer(s, how); !differ {
		return ""
	}
	s = windoworacle.Shrink(s, func(s script) bool {
		_, _, differ := windowDiffer(s, how)
		return differ
	})
	want, got, _ := windowDiffer(s, how)
	return fmt.Sprintf("%+v\n%v\n%s", how, s, difference(want, got))
}

func windowDiffer(s script, how setting) (want, got string, differ bool) {
	defer func() {
		if p := recover(); p != nil {
			got, differ = fmt.Sprint("panic: ", p), true
		}
	}()
	want = oracleText(s, how)
	if how.StringKeys {
		got = evaluate(s, how, func(r row) string { return keyNames[r.Key] })
	} else {
		got = evaluate(s, how, func(r row) int64 { return r.Key })
	}
	return want, got, want != got
}

// keyNames are keys that fit into a row and others that do not.
var keyNames = []string{"", "one", "the second key", "a key that is longer than the others, so that it must lie elsewhere"}

// result is what the function of a window emits.
type result struct {
	Key    int64
	Window window.Window
	Text   string
	InKey  int64
}

// line is a result with what the harness knows of it.
type line struct {
	result
	timestamp, watermark int64
}

// canonical is an outcome as text: as windoworacle.Outcome.Canonical, with the text of each result being given.
func canonical(lines []line, late []optest.Record[row], dropped int64, err error) string {
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.watermark, b.watermark), cmp.Compare(a.Key, b.Key), a.Window.Compare(b.Window))
	})
	var b strings.Builder
	inKey := map[int64]int64{}
	for _, l := range lines {
		fmt.Fprintf(&b, "key=%d %v at %d, watermark %d: %s\n", l.Key, l.Window, l.timestamp, l.watermark, l.Text)
		inKey[l.Key] = max(inKey[l.Key], l.InKey)
	}
	for key := range int64(len(keyNames)) {
		if inKey[key] > 0 {
			fmt.Fprintf(&b, "key=%d evaluated %d times\n", key, inKey[key])
		}
	}
	for _, l := range late {
		fmt.Fprintf(&b, "late key=%d value=%d at %d\n", l.Value.Key, l.Value.Value, l.Timestamp)
	}
	fmt.Fprintf(&b, "dropped %d\n", dropped)
	if err != nil {
		fmt.Fprintf(&b, "failed: %s\n", fault.CodeOf(err))
	}
	return b.String()
}

func oracleText(s script, how setting) string {
	o := windoworacle.Evaluate(s)
	var lines []line
	for _, r := range o.Results {
		l := line{result{Key: r.Key, Window: r.Window}, r.Timestamp, r.Watermark}
		switch {
		case s.Function == windoworacle.Process:
			l.Text, l.InKey = elementsText(r.InWindow, func(yield func(window.Element[row]) bool) {
				for _, e := range r.Elements {
					if !yield(e) {
						return
					}
				}
			}), r.InKey
		case how.Pointers:
			var all []int64
			for _, e := range r.Elements {
				all = append(all, e.Value.Value)
			}
			l.Text = listText(all, s, how)
		case s.Function == windoworacle.Reduce:
			l.Text = fmt.Sprint(r.Reduced().Value)
		default:
			l.Text = fmt.Sprintf("%+v", r.Aggregated())
		}
		lines = append(lines, l)
	}
	var late []optest.Record[row]
	for _, l := range o.Late {
		late = append(late, optest.Record[row]{Value: l.Row, Timestamp: l.Timestamp})
	}
	return canonical(lines, late, o.Dropped, o.Err)
}

func elementsText(inWindow int64, elements func(func(window.Element[row]) bool)) string {
	var b strings.Builder
	fmt.Fprintf(&b, "evaluation %d:", inWindow)
	for e := range elements {
		fmt.Fprintf(&b, " %d", e.Value.Value)
	}
	return b.String()
}

// listText is what is said of the values of a window. Slices put them in the order of the slices.
func listText(all []int64, s script, how setting) string {
	if how.Quick && !s.Spec.Assigner.Merging() {
		slices.Sort(all)
	}
	return fmt.Sprint(all)
}

// evaluate runs a script through an operator.
func evaluate[K comparable](s script, how setting, key func(row) K) string {
	kc, err := codec.KeyFor[K]()
	if err != nil {
		panic(err)
	}
	h := how.harness("window")
	defer how.done(h)
	out, late := optest.Capture[result](h, ""), optest.Capture[row](h, "late")
	if err := h.Open(windowFactory(s, how, key)); err != nil {
		panic(err)
	}
	in, err := optest.NewInput(h, func(r row) uint64 { return kc.Hash(key(r)) })
	if err != nil {
		panic(err)
	}
	for _, step := range s.Steps {
		switch step.Kind {
		case windoworacle.Element:
			in.Push(step.Row, step.Time)
		case windoworacle.Watermark:
			in.Watermark(step.Time)
		default:
			h.Clock(step.Time, how.rand.IntN(2) == 0)
		}
	}
	h.Flush()
	var lines []line
	for _, r := range *out {
		lines = append(lines, line{r.Value, r.Timestamp, r.Watermark})
	}
	text := canonical(lines, *late, h.Counter("numLateRecordsDropped"), h.Err())
	if a, b := h.Counter("numLateRecordsDropped"), h.Counter("window.numLateRecordsDropped"); a != b {
		text += fmt.Sprintf("the operator's own counter says %d\n", b)
	}
	return text + leftovers(h, s)
}

// leftovers tells what should have gone at the end of time: event-time windows whose lateness does not reach it.
func leftovers(h *optest.Harness, s script) string {
	if h.Err() != nil || h.Context().CurrentWatermark != eventtime.MaxWatermark || !s.Spec.Assigner.EventTime() || s.Spec.AllowedLateness > 1000*time.Hour ||
		strings.Contains(s.Spec.String(), "TimeoutTrigger") { // it deletes the timers at the ends of its windows
		return ""
	}
	for _, step := range s.Steps {
		if step.Kind == windoworacle.Element && step.Time > 1<<62 {
			return ""
		}
	}
	text := ""
	for _, sp := range h.Context().Store.Spaces() {
		if n := sp.Len(); n > 0 && sp.Name() != "global state" && sp.Name() != "processing-time timers" {
			text += fmt.Sprintf("%d keys are left in %q\n", n, sp.Name())
		}
	}
	return text
}

// sum is an accumulator of fixed size that starts unset.
type sum struct {
	Set bool
	V   row
}

func add(a sum, v row) sum {
	if !a.Set {
		return sum{true, v}
	}
	return sum{true, row{Key: a.V.Key, Value: a.V.Value + v.Value}}
}

// values is an accumulator with pointers, of which Add and Merge change what is there.
type values struct{ All []int64 }

func windowFactory[K comparable](s script, how setting, key func(row) K) operator.Factory {
	switch {
	case s.Function == windoworacle.Process:
		return elementsFactory(s, key)
	case how.Pointers:
		return accumulatorFactory(s, how, key, func() values { return values{} },
			func(a values, v row) values { return values{append(a.All, v.Value)} },
			func(a, b values) values { return values{append(a.All, b.All...)} },
			func(a values) string { return listText(slices.Clone(a.All), s, how) })
	case s.Function == windoworacle.Reduce:
		return accumulatorFactory(s, how, key, func() sum { return sum{} }, add, func(a, b sum) sum { return add(a, b.V) },
			func(a sum) string { return fmt.Sprint(a.V.Value) })
	default:
		return accumulatorFactory(s, how, key, func() stats { return stats{} }, func(a stats, v row) stats { return a.Add(v.Value) }, stats.Merge,
			func(a stats) string { return fmt.Sprintf("%+v", a) })
	}
}

func lateOutput(s script) string {
	if s.SideOutput {
		return "late"
	}
	return ""
}

func accumulatorFactory[K comparable, A any](s script, how setting, key func(row) K, create func() A, add func(A, row) A, merge func(A, A) A, text func(A) string) operator.Factory {
	w := operator.Window[K, row, A, result]{
		Spec: s.Spec, Key: key, LateOutput: lateOutput(s), Create: create, Add: add, Merge: merge,
		Make: func(_ *operator.Context, _ operator.Wiring, rt *operator.WindowRuntime[K]) (fns operator.WindowFunctions[row, A, result], err error) {
			fns.Accumulator = func(w window.Window, acc *A, out *operator.Collector[result]) error {
				out.Collect(result{Key: keyOf(rt), Window: w, Text: text(*acc)})
				return nil
			}
			return fns, nil
		},
	}
	switch {
	case !how.Quick:
		return &w
	case operator.Sessions(s.Spec):
		return &operator.SessionWindow[K, row, A, result]{Window: w}
	}
	if a, _ := operator.Sliceable(s.Spec); a.Size() == a.Slide() && !how.Overlap {
		return &operator.TumbleWindow[K, row, A, result]{Window: w}
	}
	return &operator.SlideWindow[K, row, A, result]{Window: w}
}

// keyOf is the number of the current key.
func keyOf[K comparable](rt *operator.WindowRuntime[K]) int64 {
	k, ok := rt.Keys.Key()
	if !ok {
		return -1
	}
	return keyNumber(k)
}

func keyNumber[K comparable](k K) int64 {
	switch k := any(k).(type) {
	case int64:
		return k
	case string:
		return int64(slices.Index(keyNames, k))
	}
	return -2
}

// elementsFactory makes an operator whose function counts its evaluations in state of the key and, where windows do not merge, in that of the window.
func elementsFactory[K comparable](s script, key func(row) K) operator.Factory {
	return &operator.Window[K, row, struct{}, result]{
		Spec: s.Spec, Key: key, LateOutput: lateOutput(s),
		Make: func(_ *operator.Context, _ operator.Wiring, rt *operator.WindowRuntime[K]) (fns operator.WindowFunctions[row, struct{}, result], err error) {
			inKey := statebackend.NewValue[int64](rt.Keys.Scope, "evaluations", nil)
			var inWindow *statebackend.Value[int64]
			if !s.Spec.Assigner.Merging() {
				inWindow = statebackend.NewValue[int64](rt.Windows, "evaluations", nil)
			}
			fns.Elements = func(w window.Window, elems *operator.WindowElements[row], out *operator.Collector[result]) error {
				n := count(inKey)
				evaluation := int64(0)
				if inWindow != nil {
					evaluation = count(inWindow)
				}
				size := 0
				text := elementsText(evaluation, func(yield func(window.Element[row]) bool) {
					for v := range elems.All {
						size++
						if !yield(window.Element[row]{Value: v}) {
							return
						}
					}
				})
				if size != elems.Len() {
					text += fmt.Sprintf(" but there are %d", elems.Len())
				}
				out.Collect(result{Key: keyOf(rt), Window: w, Text: text, InKey: n})
				return nil
			}
			return fns, nil
		},
	}
}

func count(v *statebackend.Value[int64]) int64 {
	n, _ := v.Get()
	v.Set(n + 1)
	return n + 1
}
