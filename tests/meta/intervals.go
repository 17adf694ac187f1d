package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
)

// item is a record of an interval join.
type item struct{ Key, ID int64 }

// intervalScript is an interval join and what happens to it.
type intervalScript struct {
	Bounds     weir.IntervalBounds
	SideOutput bool
	Steps      []intervalStep
}

// intervalStep is a record of the first or second stream, or a watermark.
type intervalStep struct {
	Input int // 0 and 1; 2 for a watermark
	Item  item
	Time  int64
}

func (s intervalScript) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v, sideOutput=%t\n", s.Bounds, s.SideOutput)
	for i, step := range s.Steps {
		if step.Input == 2 {
			fmt.Fprintf(&b, "%3d watermark %d\n", i, step.Time)
		} else {
			fmt.Fprintf(&b, "%3d input %d key=%d id=%d at %d\n", i, step.Input, step.Item.Key, step.Item.ID, step.Time)
		}
	}
	return b.String()
}

// drawIntervals draws a script: bounds on both sides of zero or on one, timestamps close to each other, some at the ends of time, and watermarks behind, among and ahead of them.
func drawIntervals(seed uint64) intervalScript {
	r := rand.New(rand.NewPCG(seed, 3))
	width := []int64{1, 4, 20, 200}[r.IntN(4)]
	lower := r.Int64N(2*width+1) - width
	upper := lower + r.Int64N(2*width+1)
	s := intervalScript{
		Bounds: weir.IntervalBounds{
			Lower: time.Duration(lower) * time.Millisecond, Upper: time.Duration(upper) * time.Millisecond, LowerExclusive: r.IntN(2) == 0, UpperExclusive: r.IntN(2) == 0,
		},
		SideOutput: r.IntN(2) == 0,
	}
	at := []int64{0, -r.Int64N(1000), 1_700_000_000_000, math.MinInt64 + 1 + r.Int64N(4*width), math.MaxInt64 - r.Int64N(20*width)}[r.IntN(5)]
	keys, disorder, delay, pace := 1+r.Int64N(4), 1+r.Int64N(2*width), r.Int64N(2*width+1), 1+r.Int64N(max(width/2, 1))
	grain := []int64{1, 1, 5}[r.IntN(3)]
	for i := range int64(10 + r.IntN(80)) {
		if r.IntN(6) == 0 {
			s.Steps = append(s.Steps, intervalStep{Input: 2, Time: minus(at, r.Int64N(delay+1))})
			continue
		}
		ts := minus(at, r.Int64N(disorder))
		ts -= ts % grain
		if ts == eventtime.NoTimestamp && r.IntN(50) > 0 {
			ts++
		}
		s.Steps = append(s.Steps, intervalStep{r.IntN(2), item{r.Int64N(keys), i}, ts})
		if r.IntN(3) == 0 && at < math.MaxInt64-pace {
			at += r.Int64N(pace + 1)
		}
	}
	if r.IntN(4) > 0 {
		s.Steps = append(s.Steps, intervalStep{Input: 2, Time: eventtime.MaxWatermark})
	}
	return s
}

func minus(t, d int64) int64 {
	if t < math.MinInt64+d {
		return math.MinInt64
	}
	return t - d
}

func plus(t, d int64) int64 {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}

// intervalOracle is the join by nested loops. As Apache Flink does, it calls a record late if it is behind the watermark, and forgets one when the watermark has come to its timestamp plus
// the bound that looks ahead of it, or to its timestamp; a pair that only then could meet, at an inclusive bound, is lost.
func intervalOracle(s intervalScript) string {
	lower, upper := s.Bounds.Lower.Milliseconds(), s.Bounds.Upper.Milliseconds()
	if s.Bounds.LowerExclusive {
		lower++
	}
	if s.Bounds.UpperExclusive {
		upper--
	}
	ahead := [2]int64{max(upper, 0), max(-lower, 0)}
	var (
		kept      [2][]intervalStep
		watermark = eventtime.MinWatermark
		out       intervalOutcome
	)
	for _, step := range s.Steps {
		switch {
		case step.Input == 2 && step.Time > watermark:
			watermark = step.Time
			for side := range kept {
				kept[side] = slices.DeleteFunc(kept[side], func(k intervalStep) bool { return plus(k.Time, ahead[side]) <= watermark })
			}
		case step.Input == 2:
		case step.Time == eventtime.NoTimestamp:
			return out.text("failed: " + string(fault.TimeNoTimestamp))
		case watermark != eventtime.MinWatermark && step.Time < watermark:
			out.late(s.SideOutput, step.Input, step.Item, step.Time)
		default:
			kept[step.Input] = append(kept[step.Input], step)
			for _, other := range kept[1-step.Input] {
				a, b := step, other
				if step.Input == 1 {
					a, b = other, step
				}
				if a.Item.Key == b.Item.Key && between(b.Time, a.Time, lower, upper) {
					out.pair(a.Item, b.Item, a.Time, b.Time, max(a.Time, b.Time), watermark)
				}
			}
		}
	}
	return out.text("")
}

// between reports whether t lies from at+lower to at+upper, none of which need be times.
func between(t, at, lower, upper int64) bool {
	d := t - at
	if (d > 0) != (t > at) && t != at { // an overflow: they are too far apart
		return false
	}
	return lower <= d && d <= upper
}

// intervalOutcome is what a join gave, in no order.
type intervalOutcome struct {
	lines   []string
	dropped int64
}

func (o *intervalOutcome) pair(a, b item, ta, tb, ts, watermark int64) {
	o.lines = append(o.lines, fmt.Sprintf("key=%d %d with %d, at %d and %d: at %d, watermark %d", a.Key, a.ID, b.ID, ta, tb, ts, watermark))
}

func (o *intervalOutcome) late(side bool, input int, v item, ts int64) {
	if !side {
		o.dropped++
		return
	}
	o.lines = append(o.lines, fmt.Sprintf("late on input %d: key=%d %d at %d", input, v.Key, v.ID, ts))
}

func (o *intervalOutcome) text(end string) string {
	slices.Sort(o.lines)
	return fmt.Sprintf("%s\ndropped %d\n%s", strings.Join(o.lines, "\n"), o.dropped, end)
}

// pairing is what the join's function emits.
type pairing struct {
	A, B           item
	First, Second  int64
	Key, Timestamp int64
}

func intervalFactory[K comparable](s intervalScript, key func(item) K, number func(K) int64) operator.Factory {
	return factoryOf("intervalJoin", func(env *weir.Environment) {
		j := weir.IntervalJoin(weir.KeyBy(none[item](env), key), weir.KeyBy(none[item](env), key), s.Bounds)
		if s.SideOutput {
			j.SideOutputLate(weir.NewOutputTag[item]("late 0"), weir.NewOutputTag[item]("late 1"))
		}
		weir.ProcessJoin(j, func(ctx *weir.JoinContext[K], a, b item, out *weir.Collector[pairing]) error {
			ts := ctx.Timestamp()
			out.Collect(pairing{a, b, ctx.FirstTimestamp(), ctx.SecondTimestamp(), number(ctx.Key()), ts})
			return nil
		}).Discard()
	})
}

func intervalRun[K comparable](s intervalScript, how setting, key func(item) K, number func(K) int64) string {
	kc, err := codec.KeyFor[K]()
	if err != nil {
		panic(err)
	}
	h := how.harness("intervalJoin")
	defer how.done(h)
	pairs := optest.Capture[pairing](h, "")
	late := [2]*[]optest.Record[item]{optest.Capture[item](h, "late 0"), optest.Capture[item](h, "late 1")}
	if err := h.Open(intervalFactory(s, key, number)); err != nil {
		panic(err)
	}
	var in [2]*optest.Input[item]
	for i := range in {
		if in[i], err = optest.NewInput(h, func(v item) uint64 { return kc.Hash(key(v)) }); err != nil {
			panic(err)
		}
	}
	for _, step := range s.Steps {
		if step.Input == 2 {
			h.Watermark(step.Time)
		} else {
			in[step.Input].Push(step.Item, step.Time)
		}
	}
	h.Flush()
	var out intervalOutcome
	for _, r := range *pairs {
		p := r.Value
		out.pair(p.A, p.B, p.First, p.Second, r.Timestamp, r.Watermark)
		if p.Key != p.A.Key || p.Timestamp != r.Timestamp {
			out.lines = append(out.lines, fmt.Sprintf("the function was told key %d and timestamp %d", p.Key, p.Timestamp))
		}
	}
	for i := range late {
		for _, r := range *late[i] {
			out.late(true, i, r.Value, r.Timestamp)
		}
	}
	out.dropped = h.Counter("numLateRecordsDropped")
	if err := h.Err(); err != nil {
		return out.text("failed: " + string(fault.CodeOf(err)))
	}
	if n := h.Context().Store.Keys(); n > 0 && h.Context().CurrentWatermark == eventtime.MaxWatermark && !endsLate(s) {
		return out.text(fmt.Sprintf("%d keys are left", n))
	}
	return out.text("")
}

// endsLate reports whether something comes behind the last watermark that is not late, which is at the end of time: then it stays.
func endsLate(s intervalScript) bool {
	for _, step := range s.Steps {
		if step.Input < 2 && step.Time == math.MaxInt64 {
			return true
		}
	}
	return false
}

func intervalDiffer(s intervalScript, how setting) (want, got string, differ bool) {
	defer func() {
		if p := recover(); p != nil {
			got, differ = fmt.Sprint("panic: ", p), true
		}
	}()
	want = intervalOracle(s)
	if how.StringKeys {
		got = intervalRun(s, how, func(v item) string { return keyNames[v.Key] }, func(k string) int64 { return int64(slices.Index(keyNames, k)) })
	} else {
		got = intervalRun(s, how, func(v item) int64 { return v.Key }, func(k int64) int64 { return k })
	}
	return want, got, want != got
}

// checkIntervals runs the script of a seed and returns what differs, "" if nothing does.
func checkIntervals(seed uint64) string {
	s, r := drawIntervals(seed), rand.New(rand.NewPCG(seed, 4))
	for _, chunk := range []int{1, 7, 1024} {
		how := drawSetting(r, seed, chunk, false)
		if _, _, differ := intervalDiffer(s, how); !differ {
			continue
		}
		s.Steps = shrink(s.Steps, func(steps []intervalStep) bool {
			shorter := s
			shorter.Steps = steps
			_, _, differ := intervalDiffer(shorter, how)
			return differ
		})
		want, got, _ := intervalDiffer(s, how)
		return fmt.Sprintf("%+v\n%v\n%s", how, s, difference(want, got))
	}
	return ""
}

// shrink leaves out steps as long as fails reports true for the rest.
func shrink[S any](steps []S, fails func([]S) bool) []S {
	for n := len(steps); n > 0; n /= 2 {
		for i := 0; i+n <= len(steps); {
			shorter := slices.Delete(slices.Clone(steps), i, i+n)
			if fails(shorter) {
				steps = shorter
			} else {
				i += n
			}
		}
	}
	return steps
}
