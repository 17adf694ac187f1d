package main

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/testkit/windoworacle"
	"github.com/weirstream/weir/window"
)

// joinKind is how two streams are windowed together.
type joinKind bool

const (
	pairs  joinKind = false // JoinWindows
	groups joinKind = true  // CoGroupWindows
)

// joined is what the function of a join or coGroup emits: for pairs the values of both, for groups all that it was given.
type joined struct {
	Key  int64
	Text string
}

func pairText(a, b row) joined { return joined{a.Key, fmt.Sprintf("%d with %d", a.Value, b.Value)} }

func groupText(key int64, w window.Window, first, second iter.Seq[row]) joined {
	var b strings.Builder
	fmt.Fprintf(&b, "%v:", w)
	for v := range first {
		fmt.Fprintf(&b, " %d", v.Value)
	}
	b.WriteString(" |")
	for v := range second {
		fmt.Fprintf(&b, " %d", v.Value)
	}
	return joined{key, b.String()}
}

// joinOracle joins by nested loops what the windows of both streams' rows hold.
func joinOracle(s script, kind joinKind) string {
	o := windoworacle.Evaluate(s)
	var out []optest.Record[joined]
	for _, r := range o.Results {
		var sides [2][]row
		for _, e := range r.Elements {
			side := e.Value.Value % 2
			sides[side] = append(sides[side], e.Value)
		}
		emit := func(j joined) {
			out = append(out, optest.Record[joined]{Value: j, Timestamp: r.Timestamp, Watermark: r.Watermark})
		}
		if kind == groups {
			emit(groupText(r.Key, r.Window, slices.Values(sides[0]), slices.Values(sides[1])))
			continue
		}
		for _, a := range sides[0] {
			for _, b := range sides[1] {
				emit(pairText(a, b))
			}
		}
	}
	var late []optest.Record[either]
	for _, l := range o.Late {
		late = append(late, optest.Record[either]{Value: toEither(l.Row), Timestamp: l.Timestamp})
	}
	return joinText(out, late, o.Dropped, o.Err)
}

// joinText is an outcome as text. Windows that end at the same time are not told apart.
func joinText(out []optest.Record[joined], late []optest.Record[either], dropped int64, err error) string {
	slices.SortStableFunc(out, func(a, b optest.Record[joined]) int {
		return cmp.Or(cmp.Compare(a.Watermark, b.Watermark), cmp.Compare(a.Value.Key, b.Value.Key), cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Value.Text, b.Value.Text))
	})
	var b strings.Builder
	for _, r := range out {
		fmt.Fprintf(&b, "key=%d at %d, watermark %d: %s\n", r.Value.Key, r.Timestamp, r.Watermark, r.Value.Text)
	}
	for _, l := range late {
		fmt.Fprintf(&b, "late %+v at %d\n", l.Value, l.Timestamp)
	}
	fmt.Fprintf(&b, "dropped %d\n", dropped)
	if err != nil {
		fmt.Fprintf(&b, "failed: %s\n", fault.CodeOf(err))
	}
	return b.String()
}

func joinFactory[K comparable](s script, kind joinKind, key func(row) K) operator.Factory {
	return factoryOf("window", func(env *weir.Environment) {
		j := weir.Join(weir.KeyBy(none[row](env), key), weir.KeyBy(none[row](env), key), eitherAssigner{s.Spec.Assigner}).AllowedLateness(s.Spec.AllowedLateness)
		if s.Spec.Trigger != nil {
			j.Trigger(eitherTrigger{s.Spec.Trigger})
		}
		if s.Spec.Evictor != nil {
			j.Evictor(eitherEvictor{s.Spec.Evictor})
		}
		if s.SideOutput {
			j.SideOutputLateData(weir.NewOutputTag[either]("late"))
		}
		if kind == pairs {
			weir.JoinWindows(j, pairText).Discard()
			return
		}
		weir.CoGroupWindows(j, func(ctx *weir.WindowContext[K], first, second iter.Seq[row], out *weir.Collector[joined]) error {
			out.Collect(groupText(keyNumber(ctx.Key()), ctx.Window(), first, second))
			return nil
		}).Discard()
	})
}

func joinRun[K comparable](s script, kind joinKind, how setting, key func(row) K) string {
	kc, err := codec.KeyFor[K]()
	if err != nil {
		panic(err)
	}
	h := how.harness("window")
	defer how.done(h)
	out, late := optest.Capture[joined](h, ""), optest.Capture[either](h, "late")
	if err := h.Open(joinFactory(s, kind, key)); err != nil {
		panic(err)
	}
	in, err := optest.NewInput(h, func(e either) uint64 { return kc.Hash(key(rowOf(e))) })
	if err != nil {
		panic(err)
	}
	for _, step := range s.Steps {
		switch step.Kind {
		case windoworacle.Element:
			in.Push(toEither(step.Row), step.Time)
		case windoworacle.Watermark:
			in.Watermark(step.Time)
		default:
			h.Clock(step.Time, how.rand.IntN(2) == 0)
		}
	}
	h.Flush()
	return joinText(*out, *late, h.Counter("numLateRecordsDropped"), h.Err()) + leftovers(h, s)
}

func joinDiffer(s script, kind joinKind, how setting) (want, got string, differ bool) {
	defer func() {
		if p := recover(); p != nil {
			got, differ = fmt.Sprint("panic: ", p), true
		}
	}()
	want = joinOracle(s, kind)
	if how.StringKeys {
		got = joinRun(s, kind, how, func(r row) string { return keyNames[r.Key] })
	} else {
		got = joinRun(s, kind, how, func(r row) int64 { return r.Key })
	}
	return want, got, want != got
}

// checkJoins runs the script of a seed and returns what differs, "" if nothing does.
func checkJoins(seed uint64, kind joinKind) string {
	s, r := windowScript(seed), rand.New(rand.NewPCG(seed, 5))
	s.Function = windoworacle.Process
	for _, chunk := range []int{1, 7, 1024} {
		how := drawSetting(r, seed, chunk, false)
		if _, _, differ := joinDiffer(s, kind, how); !differ {
			continue
		}
		s = windoworacle.Shrink(s, func(s script) bool {
			_, _, differ := joinDiffer(s, kind, how)
			return differ
		})
		want, got, _ := joinDiffer(s, kind, how)
		return fmt.Sprintf("%+v\n%v\n%s", how, s, difference(want, got))
	}
	return ""
}
