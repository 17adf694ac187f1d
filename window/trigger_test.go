package window

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
)

// context is a trigger's context for one window: slots, and timers as a set. What triggers do over the life of a window is tested by internal/testkit/windoworacle.
type context struct {
	watermark, now    int64
	ints              map[int]int64
	elements          map[int]int
	event, processing map[int64]bool
}

func newContext() *context {
	return &context{math.MinInt64, 0, map[int]int64{}, map[int]int{}, map[int64]bool{}, map[int64]bool{}}
}

func (c *context) CurrentWatermark() int64             { return c.watermark }
func (c *context) CurrentProcessingTime() int64        { return c.now }
func (c *context) RegisterEventTimeTimer(t int64)      { c.event[t] = true }
func (c *context) DeleteEventTimeTimer(t int64)        { delete(c.event, t) }
func (c *context) RegisterProcessingTimeTimer(t int64) { c.processing[t] = true }
func (c *context) DeleteProcessingTimeTimer(t int64)   { delete(c.processing, t) }
func (c *context) SetInt(slot int, n int64)            { c.ints[slot] = n }
func (c *context) SetElement(slot int, v int)          { c.elements[slot] = v }

func (c *context) Int(slot int) (int64, bool) {
	n, ok := c.ints[slot]
	return n, ok
}

func (c *context) Element(slot int) (int, bool) {
	v, ok := c.elements[slot]
	return v, ok
}

func (c *context) Unset(slot int) {
	delete(c.ints, slot)
	delete(c.elements, slot)
}

// TestClear: whatever a trigger has set and registered, Clear takes back, and it uses only slots that it declares, by their kind.
func TestClear(t *testing.T) {
	distance := func(a, b int) float64 { return math.Abs(float64(a - b)) }
	w := Window{0, 10_000}
	for _, trigger := range []Trigger[int]{
		EventTimeTrigger[int](), ProcessingTimeTrigger[int](), CountTrigger[int](5), DeltaTrigger(2, distance), ContinuousEventTimeTrigger[int](time.Second),
		PurgingTrigger(ContinuousProcessingTimeTrigger[int](time.Second)), ProcessingTimeoutTrigger(CountTrigger[int](5), time.Second, true, false),
		ProcessingTimeoutTrigger(ProcessingTimeoutTrigger(DeltaTrigger(2, distance), time.Second, false, true), 2*time.Second, true, true),
	} {
		ctx := newContext()
		for i := range 3 {
			ctx.now += 10
			trigger.OnElement(i, 100, w, ctx)
		}
		specs := trigger.States()
		for slot := range ctx.ints {
			if slot >= len(specs) || specs[slot].Kind != IntState {
				t.Errorf("%v: slot %d is not declared in %v", trigger, slot, specs)
			}
		}
		for slot := range ctx.elements {
			if slot >= len(specs) || specs[slot].Kind != ElementState {
				t.Errorf("%v: slot %d is not declared in %v", trigger, slot, specs)
			}
		}
		if len(ctx.ints)+len(ctx.elements)+len(ctx.event)+len(ctx.processing) == 0 {
			t.Errorf("%v did nothing", trigger)
		}
		trigger.Clear(w, ctx)
		delete(ctx.event, w.MaxTimestamp()) // the continuous one leaves it to the end of the window, as Flink's does
		if len(ctx.ints)+len(ctx.elements)+len(ctx.event)+len(ctx.processing) != 0 {
			t.Errorf("%v leaves %+v", trigger, ctx)
		}
	}
}

// TestContinuousWithoutEnd: where Flink would count up to the end of time.
func TestContinuousWithoutEnd(t *testing.T) {
	trigger, ctx := ContinuousEventTimeTrigger[int](time.Second), newContext()
	trigger.OnElement(1, eventtime.NoTimestamp, Global, ctx)
	if len(ctx.event) != 1 || !ctx.event[math.MaxInt64] {
		t.Errorf("a record without a timestamp registers %v", ctx.event)
	}
	trigger.OnElement(1, 500, Global, ctx)
	ctx.watermark = eventtime.MaxWatermark
	if r := trigger.OnEventTime(1000, Global, ctx); r != Fire || ctx.event[2000] {
		t.Errorf("%v, timers %v", r, ctx.event)
	}
}

func TestResult(t *testing.T) {
	for _, c := range []struct {
		result      Result
		fire, purge bool
	}{{Continue, false, false}, {Fire, true, false}, {Purge, false, true}, {FireAndPurge, true, true}} {
		if c.result.IsFire() != c.fire || c.result.IsPurge() != c.purge {
			t.Errorf("%v: fire %t, purge %t", c.result, c.result.IsFire(), c.result.IsPurge())
		}
	}
	if MergeSum.Ints(2, 3) != 5 || MergeMin.Ints(2, 3) != 2 || MergeMax.Ints(2, 3) != 3 {
		t.Error("numbers combine wrongly")
	}
}

func TestEvictors(t *testing.T) {
	minus := func(v, last int) float64 { return float64(last - v) }
	none := eventtime.NoTimestamp
	elems := func(values ...int) []Element[int] {
		var all []Element[int]
		for _, v := range values {
			all = append(all, Element[int]{v, int64(v)})
		}
		return all
	}
	for _, c := range []struct {
		evictor     Evictor[int]
		elems, want []Element[int]
	}{
		{CountEvictor[int](3, Before), elems(1, 2, 3, 4), elems(2, 3, 4)},
		{CountEvictor[int](4, Before), elems(1, 2, 3, 4), elems(1, 2, 3, 4)},
		{CountEvictor[int](9, Before), elems(1, 2), elems(1, 2)},
		{TimeEvictor[int](3*time.Millisecond, Before), elems(7, 9, 1, 6, 8), elems(7, 9, 8)},
		{TimeEvictor[int](3*time.Millisecond, Before), []Element[int]{{1, none}, {2, 9}}, []Element[int]{{1, none}, {2, 9}}},
		{TimeEvictor[int](3*time.Millisecond, Before), []Element[int]{{2, 9}, {1, none}}, []Element[int]{{2, 9}}},
		{TimeEvictor[int](3*time.Millisecond, Before), nil, nil},
		{DeltaEvictor(3, minus, Before), elems(7, 1, 9, 5, 6, 8), elems(7, 9, 6, 8)},
		{DeltaEvictor(0, minus, Before), elems(7, 9, 8), elems(9)},
		{DeltaEvictor(0, func(int, int) float64 { return math.NaN() }, Before), elems(7, 8), elems(7, 8)},
		{DeltaEvictor(3, minus, Before), nil, nil},
	} {
		if got := c.evictor.EvictBefore(slices.Clone(c.elems), Global, nil); !slices.Equal(got, c.want) {
			t.Errorf("%v of %v: %v, want %v", c.evictor, c.elems, got, c.want)
		}
		if got := c.evictor.EvictAfter(slices.Clone(c.elems), Global, nil); !slices.Equal(got, c.elems) {
			t.Errorf("%v evicts after: %v", c.evictor, got)
		}
	}
	after := CountEvictor[int](1, After)
	if got := after.EvictBefore(elems(1, 2), Global, nil); len(got) != 2 {
		t.Errorf("an evictor for after evicts before: %v", got)
	}
	if got := after.EvictAfter(elems(1, 2), Global, nil); !slices.Equal(got, elems(2)) {
		t.Errorf("after: %v", got)
	}
}

// TestAllocations: nothing on the way of a record allocates.
func TestAllocations(t *testing.T) {
	out := make([]Window, 0, 64)
	ctx := newContext()
	elems := make([]Element[int], 100)
	for i := range elems {
		elems[i] = Element[int]{i, int64(i)}
	}
	var assigners []Assigner[int]
	assigners = append(assigners, TumblingEventTime[int](time.Second), SlidingEventTime[int](time.Minute, time.Second), EventTimeSession[int](time.Second), Globals[int]())
	triggers := []Trigger[int]{EventTimeTrigger[int](), PurgingTrigger(CountTrigger[int](3)), ProcessingTimeoutTrigger(ContinuousEventTimeTrigger[int](time.Second), time.Second, true, true)}
	evictors := []Evictor[int]{CountEvictor[int](3, Before), TimeEvictor[int](time.Second, Before), DeltaEvictor(1, func(a, b int) float64 { return float64(b - a) }, Before)}
	work := func() {
		for _, a := range assigners {
			out, _ = a.Assign(1, 12345, 0, out[:0])
		}
		for _, tr := range triggers {
			tr.OnElement(1, 12345, Window{12000, 13000}, ctx)
		}
		for _, e := range evictors {
			e.EvictBefore(elems, Global, nil)
		}
	}
	work()
	if n := testing.AllocsPerRun(100, work); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
