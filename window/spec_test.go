package window

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
)

func TestCheck(t *testing.T) {
	tumbling := TumblingEventTime[int](time.Second)
	with := func(t Trigger[int]) Spec[int] { return Spec[int]{Assigner: tumbling, Trigger: t} }
	evict := func(e Evictor[int]) Spec[int] { return Spec[int]{Assigner: tumbling, Evictor: e} }
	of := func(a Assigner[int]) Spec[int] { return Spec[int]{Assigner: a} }
	session := func(t Trigger[int]) Spec[int] {
		return Spec[int]{Assigner: EventTimeSession[int](time.Second), Trigger: t}
	}
	zero := func(int, int) float64 { return 0 }
	for _, c := range []struct {
		spec Spec[int]
		want []fault.Code
	}{
		{of(tumbling), nil},
		{of(tumbling.WithOffset(-999 * time.Millisecond)), nil},
		{of(SlidingEventTime[int](time.Second, 3*time.Second).WithOffset(2 * time.Second)), nil},
		{of(SlidingEventTime[int](10_000*time.Second, time.Millisecond)), nil},
		{of(DynamicEventTimeSession(func(int) time.Duration { return 0 })), nil},
		{CountWindow[int](1), nil},
		{SlidingCountWindow[int](1, 1), nil},
		{session(PurgingTrigger(CountTrigger[int](1))), nil},
		{with(ProcessingTimeoutTrigger(DeltaTrigger(0, zero), time.Millisecond, true, true)), nil},

		{Spec[int]{}, []fault.Code{fault.GraphNilFunction}},
		{of(Tumbling[int]{}), []fault.Code{fault.WindowSize}},
		{of(TumblingEventTime[int](-time.Second)), []fault.Code{fault.WindowSize}},
		{of(TumblingProcessingTime[int](999 * time.Microsecond)), []fault.Code{fault.WindowSize}},
		{of(tumbling.WithOffset(time.Second)), []fault.Code{fault.WindowOffset}},
		{of(tumbling.WithOffset(-time.Second)), []fault.Code{fault.WindowOffset}},
		{of(SlidingEventTime[int](0, time.Second)), []fault.Code{fault.WindowSize}},
		{of(SlidingProcessingTime[int](time.Second, 0)), []fault.Code{fault.WindowSlide}},
		{of(SlidingEventTime[int](10_001*time.Second, time.Millisecond)), []fault.Code{fault.WindowSlide}},
		{of(SlidingEventTime[int](5*time.Second, time.Second).WithOffset(time.Second)), []fault.Code{fault.WindowOffset}},
		{of(EventTimeSession[int](0)), []fault.Code{fault.WindowGap}},
		{of(ProcessingTimeSession[int](-1)), []fault.Code{fault.WindowGap}},
		{of(DynamicProcessingTimeSession[int](nil)), []fault.Code{fault.GraphNilFunction}},
		{CountWindow[int](0), []fault.Code{fault.WindowCount}},
		{SlidingCountWindow[int](0, -1), []fault.Code{fault.WindowCount, fault.WindowCount}},
		{with(ContinuousEventTimeTrigger[int](0)), []fault.Code{fault.WindowInterval}},
		{with(ContinuousProcessingTimeTrigger[int](time.Microsecond)), []fault.Code{fault.WindowInterval}},
		{with(DeltaTrigger[int](1, nil)), []fault.Code{fault.GraphNilFunction}},
		{with(PurgingTrigger[int](nil)), []fault.Code{fault.GraphNilFunction}},
		{with(ProcessingTimeoutTrigger[int](nil, 0, false, true)), []fault.Code{fault.GraphNilFunction, fault.WindowInterval}},
		{with(PurgingTrigger(CountTrigger[int](0))), []fault.Code{fault.WindowCount}},
		{session(PurgingTrigger[int](nil)), []fault.Code{fault.GraphNilFunction}},
		{session(DeltaTrigger(0, zero)), []fault.Code{fault.WindowTriggerMerge}},
		{session(NeverTrigger[int]()), []fault.Code{fault.WindowTriggerMerge}},
		{session(PurgingTrigger(ProcessingTimeoutTrigger(CountTrigger[int](1), time.Second, false, true))), []fault.Code{fault.WindowTriggerMerge}},
		{evict(CountEvictor[int](0, Before)), []fault.Code{fault.WindowCount}},
		{evict(TimeEvictor[int](0, After)), []fault.Code{fault.WindowInterval}},
		{evict(DeltaEvictor[int](0, nil, Before)), []fault.Code{fault.GraphNilFunction}},
		{Spec[int]{Assigner: EventTimeSession[int](0), Trigger: CountTrigger[int](0), AllowedLateness: -1}, []fault.Code{fault.WindowGap, fault.WindowCount, fault.WindowLateness}},
	} {
		if got := codes(c.spec.Check()); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.spec, got, c.want)
		}
	}
}

// codes are those of all parts of an error.
func codes(err error) []fault.Code {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []fault.Code
		for _, e := range joined.Unwrap() {
			all = append(all, codes(e)...)
		}
		return all
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return []fault.Code{f.Code()}
	}
	return []fault.Code{""}
}

func TestCleanup(t *testing.T) {
	w := Window{0, 1000}
	for _, c := range []struct {
		assigner Assigner[int]
		lateness time.Duration
		window   Window
		want     int64
	}{
		{TumblingEventTime[int](time.Second), 0, w, 999},
		{TumblingEventTime[int](time.Second), 5 * time.Millisecond, w, 1004},
		{TumblingProcessingTime[int](time.Second), 5 * time.Millisecond, w, 999},
		{TumblingEventTime[int](time.Second), time.Second, Window{max64 - 1000, max64 - 500}, max64},
		{Globals[int](), time.Second, Global, max64},
	} {
		if got := (Spec[int]{Assigner: c.assigner, AllowedLateness: c.lateness}).Cleanup(c.window); got != c.want {
			t.Errorf("%v %v: %d, want %d", c.assigner, c.window, got, c.want)
		}
	}
}
