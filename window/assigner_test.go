package window

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

const (
	min64 = math.MinInt64
	max64 = math.MaxInt64
)

func TestAssign(t *testing.T) {
	byValue := func(v int) time.Duration { return time.Duration(v) * time.Millisecond }
	for _, c := range []struct {
		assigner Assigner[int]
		ts, now  int64
		want     []Window
	}{
		{TumblingEventTime[int](5 * time.Second), 4999, 1, []Window{{0, 5000}}},
		{TumblingEventTime[int](5 * time.Second), 5000, 1, []Window{{5000, 10000}}},
		{TumblingEventTime[int](5 * time.Second), -1, 1, []Window{{-5000, 0}}},
		{TumblingEventTime[int](5 * time.Second).WithOffset(100 * time.Millisecond), 5099, 1, []Window{{100, 5100}}},
		{TumblingEventTime[int](5 * time.Second).WithOffset(-100 * time.Millisecond), 4900, 1, []Window{{4900, 9900}}},
		{TumblingEventTime[int](5 * time.Second).WithOffset(4 * time.Second).At(3000), 2000, 1, []Window{{2000, 7000}}},
		{TumblingProcessingTime[int](5 * time.Second), 1, 7000, []Window{{5000, 10000}}},
		{SlidingEventTime[int](5*time.Second, time.Second), 4999, 1, []Window{{4000, 9000}, {3000, 8000}, {2000, 7000}, {1000, 6000}, {0, 5000}}},
		{SlidingEventTime[int](5*time.Second, time.Second).WithOffset(50 * time.Millisecond), 49, 1, []Window{{-950, 4050}, {-1950, 3050}, {-2950, 2050}, {-3950, 1050}, {-4950, 50}}},
		{SlidingEventTime[int](3*time.Second, 2*time.Second), 2000, 1, []Window{{2000, 5000}, {0, 3000}}},
		{SlidingEventTime[int](3*time.Second, 2*time.Second), 3000, 1, []Window{{2000, 5000}}},
		{SlidingEventTime[int](time.Second, 3*time.Second), 1000, 1, nil},
		{SlidingProcessingTime[int](2*time.Second, time.Second), 1, 7500, []Window{{7000, 9000}, {6000, 8000}}},
		{EventTimeSession[int](5 * time.Second), 3, 1, []Window{{3, 5003}}},
		{ProcessingTimeSession[int](5 * time.Second), 3, 1, []Window{{1, 5001}}},
		{DynamicEventTimeSession(byValue), 3, 1, []Window{{3, 10}}},
		{DynamicProcessingTimeSession(byValue), 3, 1, []Window{{1, 8}}},
		{Globals[int](), 3, 1, []Window{Global}},
		{GlobalsUntilEnd[int](), min64, 1, []Window{Global}},

		{TumblingEventTime[int](5 * time.Second), min64 + 1, 1, []Window{{min64, min64 + 808}}},
		{TumblingEventTime[int](5 * time.Second), max64, 1, []Window{{max64 - 807, max64}}},
		{SlidingEventTime[int](2*time.Second, time.Second), min64 + 1, 1, []Window{{min64, min64 + 1808}, {min64, min64 + 808}}},
		{EventTimeSession[int](time.Second), max64 - 1, 1, []Window{{max64 - 1, max64}}},
	} {
		got, err := c.assigner.Assign(7, c.ts, c.now, nil)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v of %d: %v, %v, want %v", c.assigner, c.ts, got, err, c.want)
		}
	}
}

// TestAligned holds the aligned assigners to the promise of Aligned.
func TestAligned(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		size, slide := 1+r.Int64N(50), 1+r.Int64N(20)
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		var a Assigner[int] = SlidingEventTime[int](ms(size), ms(slide)).WithOffset(ms(r.Int64N(2*slide-1) - slide + 1))
		if r.IntN(2) == 0 {
			a = TumblingEventTime[int](ms(slide)).WithOffset(ms(r.Int64N(2*slide-1) - slide + 1))
		}
		al, ts := a.(Aligned), r.Int64N(400)-200
		var want []Window
		for start := ts + 100; start >= ts-100; start-- {
			if (start-al.Offset())%al.Slide() == 0 && start <= ts && ts < start+al.Size() {
				want = append(want, Window{start, start + al.Size()})
			}
		}
		if got, err := a.Assign(0, ts, 0, nil); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v offset %d of %d: %v, want %v", a, al.Offset(), ts, got, want)
		}
		if start := StartOf(ts, al.Offset(), al.Slide()); len(want) > 0 && start != want[0].Start {
			t.Fatalf("start of %d is %d, want %v", ts, start, want)
		}
	}
}

// TestEdges assigns times all over the range: a window contains its time, if need be cut at the edge.
func TestEdges(t *testing.T) {
	for _, ts := range []int64{min64 + 1, min64 + 2, min64 + 1e6, -1, 0, 1, max64 - 1e6, max64 - 1, max64} {
		for _, a := range []Assigner[int]{
			TumblingEventTime[int](time.Hour).WithOffset(-time.Minute), SlidingEventTime[int](time.Hour, 7*time.Minute).WithOffset(6 * time.Minute), EventTimeSession[int](time.Hour), TumblingEventTime[int](max64),
		} {
			got, err := a.Assign(0, ts, 0, nil)
			if err != nil || len(got) == 0 {
				t.Errorf("%v of %d: %v, %v", a, ts, got, err)
			}
			for _, w := range got {
				if w.Start > ts || w.End < ts || w.End == ts && ts != max64 {
					t.Errorf("%v of %d: %v", a, ts, w)
				}
			}
		}
	}
}

func TestAssignErrors(t *testing.T) {
	gap := func(v int) time.Duration { return time.Duration(v) * time.Microsecond }
	for _, c := range []struct {
		assigner Assigner[int]
		ts       int64
		want     fault.Code
	}{
		{TumblingEventTime[int](time.Second), eventtime.NoTimestamp, fault.WindowNoTimestamp},
		{SlidingEventTime[int](time.Second, time.Second), eventtime.NoTimestamp, fault.WindowNoTimestamp},
		{EventTimeSession[int](time.Second), eventtime.NoTimestamp, fault.WindowNoTimestamp},
		{DynamicEventTimeSession(gap), eventtime.NoTimestamp, fault.WindowNoTimestamp},
		{DynamicEventTimeSession(gap), 0, fault.WindowGap},
		{DynamicProcessingTimeSession(gap), 0, fault.WindowGap},
		{TumblingProcessingTime[int](time.Second), eventtime.NoTimestamp, ""},
	} {
		if _, err := c.assigner.Assign(999, c.ts, 0, nil); fault.CodeOf(err) != c.want {
			t.Errorf("%v: %v, want %q", c.assigner, err, c.want)
		}
	}
}

func TestStagger(t *testing.T) {
	for _, c := range []struct {
		stagger Stagger
		want    int64
	}{{StaggerAligned, 0}, {StaggerRandom, 250}, {StaggerNatural, 100}} {
		a := TumblingProcessingTime[int](time.Second).WithStagger(c.stagger)
		if a.Stagger() != c.stagger || a.Stagger().Offset(5100, 1000, 0.25) != c.want {
			t.Errorf("%v: %d, want %d", c.stagger, a.Stagger().Offset(5100, 1000, 0.25), c.want)
		}
		fixed := a.At(c.want)
		if s := fixed.(Staggered[int]).Stagger(); s != StaggerAligned {
			t.Errorf("%v is still there", s)
		}
		got, _ := fixed.Assign(0, 0, 5100, nil)
		if start := StartOf(5100, c.want, 1000); got[0] != (Window{start, start + 1000}) {
			t.Errorf("%v: %v", c.stagger, got)
		}
	}
}

func TestWindow(t *testing.T) {
	w := Window{1000, 3000}
	if w.MaxTimestamp() != 2999 || Global.MaxTimestamp() != max64 || (Window{5, max64}).MaxTimestamp() != max64-1 {
		t.Error("the last timestamp is wrong")
	}
	for o, want := range map[Window]bool{{0, 999}: false, {0, 1000}: true, {3000, 3001}: true, {3001, 4000}: false, {1500, 1600}: true, {0, 9000}: true} {
		if w.Touches(o) != want || o.Touches(w) != want {
			t.Errorf("%v touches %v: %t", w, o, !want)
		}
	}
	if w.Cover(Window{2000, 5000}) != (Window{1000, 5000}) || (Window{0, 9}).Cover(Window{3, 4}) != (Window{0, 9}) {
		t.Error("the cover is wrong")
	}
	sorted := []Window{Global, {0, 1}, {0, 2}, {1, 1}}
	if !slices.IsSortedFunc(sorted, Window.Compare) || w.Compare(w) != 0 || (Window{1, 5}).Compare(Window{0, 9}) != 1 {
		t.Error("the order is wrong")
	}
	if w.Duration() != 2*time.Second || Global.Duration() != max64 || (Window{min64, 0}).Duration() != max64 {
		t.Error("the duration is wrong")
	}
}

// TestStrings compares with what Flink prints.
func TestStrings(t *testing.T) {
	any1 := func(int, int) float64 { return 0 }
	for _, c := range []struct {
		of   fmt.Stringer
		want string
	}{
		{Window{-1, 5}, "TimeWindow{start=-1, end=5}"},
		{Global, "GlobalWindow"},
		{TumblingEventTime[int](5 * time.Second), "TumblingEventTimeWindows(5000)"},
		{TumblingProcessingTime[int](5 * time.Second), "TumblingProcessingTimeWindows(5000)"},
		{SlidingEventTime[int](5*time.Second, time.Second), "SlidingEventTimeWindows(5000, 1000)"},
		{SlidingProcessingTime[int](5*time.Second, time.Second), "SlidingProcessingTimeWindows(5000, 1000)"},
		{EventTimeSession[int](time.Second), "EventTimeSessionWindows(1000)"},
		{ProcessingTimeSession[int](time.Second), "ProcessingTimeSessionWindows(1000)"},
		{DynamicEventTimeSession[int](nil), "DynamicEventTimeSessionWindows()"},
		{DynamicProcessingTimeSession[int](nil), "DynamicProcessingTimeSessionWindows()"},
		{Globals[int](), "GlobalWindows(trigger=NeverTrigger)"},
		{GlobalsUntilEnd[int](), "GlobalWindows(trigger=EndOfStreamTrigger)"},
		{EventTimeTrigger[int](), "EventTimeTrigger()"},
		{ProcessingTimeTrigger[int](), "ProcessingTimeTrigger()"},
		{PurgingTrigger(CountTrigger[int](3)), "PurgingTrigger(CountTrigger(3))"},
		{ContinuousEventTimeTrigger[int](time.Second), "ContinuousEventTimeTrigger(1000)"},
		{ContinuousProcessingTimeTrigger[int](time.Second), "ContinuousProcessingTimeTrigger(1000)"},
		{DeltaTrigger(1.5, any1), "DeltaTrigger(1.5)"},
		{ProcessingTimeoutTrigger(CountTrigger[int](3), time.Second, false, true), "TimeoutTrigger(CountTrigger(3))"},
		{CountEvictor[int](3, After), "CountEvictor(3)"},
		{TimeEvictor[int](time.Second, Before), "TimeEvictor(1000)"},
		{DeltaEvictor(1.5, any1, Before), "DeltaEvictor(1.5)"},
		{FireAndPurge, "FIRE_AND_PURGE"},
		{StaggerNatural, "NATURAL"},
		{SlidingCountWindow[int](4, 2), "GlobalWindows(trigger=NeverTrigger), CountTrigger(2), CountEvictor(4)"},
	} {
		if c.of.String() != c.want {
			t.Errorf("%s, want %s", c.of, c.want)
		}
	}
}
