package windoworacle

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/window"
)

const second = time.Second

func row(key, value, ts int64) Step              { return Step{Element, Row{key, value}, ts} }
func watermark(t int64) Step                     { return Step{Kind: Watermark, Time: t} }
func clock(t int64) Step                         { return Step{Kind: ProcessingTime, Time: t} }
func of(a window.Assigner[Row]) window.Spec[Row] { return window.Spec[Row]{Assigner: a} }

// short is an outcome as "step key [start,end) values" for each result, then the late rows.
func short(o Outcome) string {
	var b strings.Builder
	for _, r := range o.Results {
		var values []string
		for _, e := range r.Elements {
			values = append(values, fmt.Sprint(e.Value.Value))
		}
		span := fmt.Sprintf("[%d,%d)", r.Window.Start, r.Window.End)
		if r.Window.IsGlobal() {
			span = "global"
		}
		fmt.Fprintf(&b, "%d: %d %s %s\n", r.Step, r.Key, span, strings.Join(values, " "))
	}
	for _, l := range o.Late {
		fmt.Fprintf(&b, "%d: late %d %d at %d\n", l.Step, l.Row.Key, l.Row.Value, l.Timestamp)
	}
	if o.Dropped > 0 {
		fmt.Fprintf(&b, "dropped %d\n", o.Dropped)
	}
	return b.String()
}

// TestScenarios has outcomes worked out by hand from the documented semantics.
func TestScenarios(t *testing.T) {
	late := of(window.TumblingEventTime[Row](2 * second))
	late.AllowedLateness = second
	session := of(window.EventTimeSession[Row](3 * second))
	lateSession := session
	lateSession.AllowedLateness = 5 * second
	countSession := session
	countSession.Trigger = window.CountTrigger[Row](4)
	purgedCount := of(window.TumblingEventTime[Row](10 * second))
	purgedCount.Trigger = spread{3, math.MaxInt64}
	delta2 := of(window.Globals[Row]())
	delta2.Trigger = window.DeltaTrigger(2, delta)
	continuous := of(window.TumblingEventTime[Row](5 * second))
	continuous.Trigger = window.ContinuousEventTimeTrigger[Row](2 * second)
	continuousSession := session
	continuousSession.Trigger = window.ContinuousEventTimeTrigger[Row](2 * second)
	timeout := of(window.Globals[Row]())
	timeout.Trigger = window.PurgingTrigger(window.ProcessingTimeoutTrigger(window.CountTrigger[Row](3), 2*second, false, true))
	timeEvictor := of(window.Globals[Row]())
	timeEvictor.Trigger, timeEvictor.Evictor = window.CountTrigger[Row](3), window.TimeEvictor[Row](2*second, window.Before)
	after := timeEvictor
	after.Evictor = window.CountEvictor[Row](1, window.After)

	for _, c := range []struct {
		name  string
		spec  window.Spec[Row]
		steps []Step
		want  string
	}{
		{"a late row fires again, with all that is there, until the lateness is over", late, []Step{
			row(1, 1, 500), row(2, 2, 1999), row(1, 3, 2000), watermark(1998), watermark(1999), row(1, 4, 1000), watermark(2998), row(1, 5, 1999), watermark(2999), row(1, 6, 1999), row(1, 7, 2000),
			watermark(eventtime.MaxWatermark), row(1, 8, 9000),
		}, "4: 1 [0,2000) 1\n4: 2 [0,2000) 2\n5: 1 [0,2000) 1 4\n7: 1 [0,2000) 1 4 5\n11: 1 [2000,4000) 3 7\n9: late 1 6 at 1999\n12: late 1 8 at 9000\n"},

		{"windows before the epoch", of(window.TumblingEventTime[Row](2 * second).WithOffset(-500 * time.Millisecond)), []Step{
			row(1, 1, -501), row(1, 2, -500), row(1, 3, 1499), row(1, 4, 1500), watermark(1499),
		}, "4: 1 [-2500,-500) 1\n4: 1 [-500,1500) 2 3\n"},

		{"sliding windows, with a hole where the slide is longer", of(window.SlidingEventTime[Row](second, 3*second)), []Step{
			row(1, 1, 999), row(1, 2, 1000), row(1, 3, 3000), watermark(2000), row(1, 4, 1500), row(1, 5, 2500), watermark(eventtime.MaxWatermark),
		}, "3: 1 [0,1000) 1\n6: 1 [3000,4000) 3\n4: late 1 4 at 1500\n"},

		{"three sessions become one", session, []Step{
			row(1, 1, 0), row(1, 2, 6000), row(2, 9, 3000), row(1, 3, 12000), watermark(2000), row(1, 4, 3000), row(1, 5, 9000), watermark(8998), watermark(14999), watermark(eventtime.MaxWatermark),
		}, "7: 2 [3000,6000) 9\n" + "8: 1 [0,15000) 1 2 4 3 5\n"},
		{"sessions that touch are one", session, []Step{row(1, 1, 0), row(1, 2, 3000), row(1, 3, 6001), watermark(eventtime.MaxWatermark)},
			"3: 1 [0,6000) 1 2\n3: 1 [6001,9001) 3\n"},
		{"a late row opens a fired session again and joins it with the next", lateSession, []Step{
			row(1, 1, 0), row(1, 2, 5000), watermark(2999), row(1, 3, 2500), watermark(7999), row(1, 4, 8000), watermark(eventtime.MaxWatermark),
		}, "2: 1 [0,3000) 1\n" + "4: 1 [0,8000) 1 2 3\n" + "6: 1 [0,11000) 1 2 3 4\n"},
		{"a row that would be late is not if it joins a session that is not", session, []Step{
			row(1, 1, 2000), watermark(3500), row(1, 2, 0), row(2, 3, 0), watermark(eventtime.MaxWatermark),
		}, "4: 1 [0,5000) 1 2\n3: late 2 3 at 0\n"},
		{"counts of sessions add up", countSession, []Step{
			row(1, 1, 0), row(1, 2, 1000), row(1, 3, 6000), row(1, 4, 3500), row(1, 5, 3600),
		}, "3: 1 [0,9000) 1 2 3 4\n"},

		{"purge keeps the trigger's state", purgedCount, []Step{
			row(1, 1, 0), row(1, 9, 0), row(1, 2, 0), row(1, 3, 0), watermark(9999), watermark(eventtime.MaxWatermark),
		}, "2: 1 [0,10000) 2\n4: 1 [0,10000) 2 3\n"},

		{"count windows", window.CountWindow[Row](2), []Step{row(1, 1, 0), row(2, 2, 0), row(1, 3, 0), row(1, 4, 0), row(2, 5, 0), watermark(eventtime.MaxWatermark)},
			"2: 1 global 1 3\n4: 2 global 2 5\n"},
		{"sliding count windows start short", window.SlidingCountWindow[Row](4, 2), []Step{row(1, 1, 0), row(1, 2, 0), row(1, 3, 0), row(1, 4, 0), row(1, 5, 0), row(1, 6, 0)},
			"1: 1 global 1 2\n3: 1 global 1 2 3 4\n5: 1 global 3 4 5 6\n"},
		{"the end of the stream", of(window.GlobalsUntilEnd[Row]()), []Step{row(1, 1, eventtime.NoTimestamp), watermark(math.MaxInt64 - 1), row(1, 2, 0), watermark(eventtime.MaxWatermark)},
			"3: 1 global 1 2\n"},
		{"the delta is to the last that fired", delta2, []Step{row(1, 1, 0), row(1, 3, 0), row(1, 4, 0), row(1, 2, 0), row(1, 1, 0)},
			"2: 1 global 1 3 4\n4: 1 global 1 3 4 2 1\n"},
		{"continuous results and the end", continuous, []Step{row(1, 1, 1000), watermark(1999), watermark(2000), row(1, 2, 2500), watermark(4999)},
			"2: 1 [0,5000) 1\n4: 1 [0,5000) 1 2\n4: 1 [0,5000) 1 2\n"},
		{"continuous sessions that merge keep the earlier time", continuousSession, []Step{row(1, 1, 4000), row(1, 2, 500), row(1, 3, 2000), watermark(2000), watermark(5999)},
			"3: 1 [500,7000) 2 1 3\n4: 1 [500,7000) 2 1 3\n"},
		{"a timeout from the first row on", timeout, []Step{
			clock(10_000), row(1, 1, 0), clock(11_999), row(1, 2, 0), clock(12_001), row(1, 3, 0), row(1, 4, 0), row(1, 5, 0), clock(20_000),
		}, "4: 1 global 1 2\n7: 1 global 3 4 5\n"},

		{"processing time counts, not the timestamp", of(window.TumblingProcessingTime[Row](second)), []Step{
			clock(100), row(1, 1, 99_999), clock(998), row(1, 2, eventtime.NoTimestamp), clock(1000), row(1, 3, 0), clock(5000),
		}, "4: 1 [0,1000) 1 2\n6: 1 [1000,2000) 3\n"},
		{"sessions of processing time", of(window.ProcessingTimeSession[Row](second)), []Step{
			clock(100), row(1, 1, 0), clock(1000), row(1, 2, 0), clock(1998), clock(2000), row(1, 3, 0), clock(9000),
		}, "5: 1 [100,2000) 1 2\n7: 1 [2000,3000) 3\n"},

		{"the time evictor looks at all elements", timeEvictor, []Step{row(1, 1, 1000), row(1, 2, 5000), row(1, 3, 3001), row(1, 4, 3000), row(1, 5, 5000), row(1, 6, 7000)},
			"2: 1 global 2 3\n5: 1 global 6\n"},
		{"what is evicted after the function is gone the next time", after, []Step{row(1, 1, 0), row(1, 2, 0), row(1, 3, 0), row(1, 4, 0), row(1, 5, 0), row(1, 6, 0)},
			"2: 1 global 1 2 3\n5: 1 global 3 4 5 6\n"},
		{"the edges of time", of(window.TumblingEventTime[Row](second)), []Step{
			row(1, 1, math.MinInt64+1), row(1, 2, math.MaxInt64), watermark(math.MaxInt64 - 2), watermark(eventtime.MaxWatermark),
		}, fmt.Sprintf("2: 1 [%d,%d) 1\n3: 1 [%d,%d) 2\n", math.MinInt64, math.MinInt64+808, math.MaxInt64-807, math.MaxInt64)},
	} {
		s := Script{Spec: c.spec, SideOutput: true, Steps: c.steps}
		if err := c.spec.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := short(Evaluate(s)); got != c.want {
			t.Errorf("%s\n%vwant\n%sgot\n%s", c.name, s, c.want, got)
		}
	}
}

// TestDropped counts instead of handing on.
func TestDropped(t *testing.T) {
	s := Script{Spec: of(window.TumblingEventTime[Row](second)), Steps: []Step{watermark(2000), row(1, 1, 999), row(1, 1, 0), row(1, 1, 1999), row(1, 1, 2000)}}
	if o := Evaluate(s); o.Dropped != 3 || len(o.Late) != 0 {
		t.Errorf("dropped %d, handed on %v", o.Dropped, o.Late)
	}
}

// TestStatePerWindow follows the counts of evaluations: those of a window begin again when the window has been removed.
func TestStatePerWindow(t *testing.T) {
	spec := of(window.TumblingProcessingTime[Row](second))
	spec.Trigger = window.PurgingTrigger(window.CountTrigger[Row](1))
	s := Script{Spec: spec, Steps: []Step{row(1, 1, 0), row(1, 2, 0), row(2, 3, 0), clock(999), row(1, 4, 0)}}
	var got []string
	for _, r := range Evaluate(s).Results {
		got = append(got, fmt.Sprint(r.Key, ":", r.InWindow, r.InKey))
	}
	if want := "[1:1 1 1:2 2 2:1 1 1:1 3]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// calls is a trigger that writes down how it is called. Its timer for a second after the start nobody deletes.
type calls struct {
	window.Trigger[Row]
	log *[]string
}

func (c calls) note(what string, w window.Window) {
	*c.log = append(*c.log, fmt.Sprintf("%s[%d,%d)", what, w.Start, w.End))
}

func (c calls) OnElement(v Row, ts int64, w window.Window, ctx window.TriggerContext[Row]) window.Result {
	c.note("element", w)
	ctx.RegisterEventTimeTimer(w.Start + 1000)
	return c.Trigger.OnElement(v, ts, w, ctx)
}

func (c calls) OnEventTime(t int64, w window.Window, ctx window.TriggerContext[Row]) window.Result {
	c.note(fmt.Sprint(t), w)
	return c.Trigger.OnEventTime(t, w, ctx)
}

func (c calls) OnMerge(w window.Window, ctx window.TriggerContext[Row]) {
	c.note("merge", w)
	c.Trigger.OnMerge(w, ctx)
}

func (c calls) Clear(w window.Window, ctx window.TriggerContext[Row]) {
	c.note("clear", w)
	c.Trigger.Clear(w, ctx)
}

// TestCalls follows the calls of a trigger through a merge, a timer of a window that is gone, and the end.
func TestCalls(t *testing.T) {
	var log []string
	spec := of(window.EventTimeSession[Row](3 * second))
	spec.Trigger = calls{window.EventTimeTrigger[Row](), &log}
	spec.AllowedLateness = second
	Evaluate(Script{Spec: spec, Steps: []Step{row(1, 1, 0), row(1, 1, 5000), row(1, 1, 2500), row(1, 1, 3000), watermark(5999), watermark(eventtime.MaxWatermark)}})
	want := "element[0,3000) element[5000,8000) merge[0,8000) clear[0,3000) clear[5000,8000) element[0,8000) element[0,8000) " +
		"1000[0,8000) 7999[0,8000) 8999[0,8000) clear[0,8000)"
	if got := strings.Join(log, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestErrors has rows that fail the job.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		assigner window.Assigner[Row]
		step     Step
		want     fault.Code
	}{
		{window.TumblingEventTime[Row](second), row(1, 1, eventtime.NoTimestamp), fault.WindowNoTimestamp},
		{window.SlidingEventTime[Row](second, second), row(1, 1, eventtime.NoTimestamp), fault.WindowNoTimestamp},
		{window.EventTimeSession[Row](second), row(1, 1, eventtime.NoTimestamp), fault.WindowNoTimestamp},
		{window.DynamicProcessingTimeSession(gapOf(10, true)), row(1, 9, 0), fault.WindowGap},
	} {
		o := Evaluate(Script{Spec: of(c.assigner), Steps: []Step{row(1, 1, 0), c.step, row(1, 2, 0)}})
		if fault.CodeOf(o.Err) != c.want {
			t.Errorf("%v: %v, want %s", c.assigner, o.Err, c.want)
		}
	}
}
