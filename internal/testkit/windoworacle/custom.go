package windoworacle

import (
	"fmt"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// byValue is a custom assigner: a row with value v belongs to v%4 windows, which have different sizes and the same end.
type byValue struct{ size int64 }

func (a byValue) Assign(v Row, ts, _ int64, out []window.Window) ([]window.Window, error) {
	end := window.StartOf(ts, 0, a.size) + a.size
	for i := range v.Value % 4 {
		out = append(out, window.Window{Start: end - (i+1)*a.size, End: end})
	}
	return out, nil
}

func (a byValue) EventTime() bool                     { return true }
func (a byValue) Merging() bool                       { return false }
func (a byValue) DefaultTrigger() window.Trigger[Row] { return window.EventTimeTrigger[Row]() }
func (a byValue) String() string                      { return fmt.Sprintf("ByValueWindows(%d)", a.size) }

// spread is a custom trigger. It fires at every n-th row, at a row whose timestamp is the greatest so far by more than the limit, and at the window's end by the
// watermark; it throws the contents away at a row with value 9.
type spread struct{ n, limit int64 }

func (s spread) OnElement(v Row, ts int64, w window.Window, ctx window.TriggerContext[Row]) window.Result {
	ctx.RegisterEventTimeTimer(w.MaxTimestamp())
	count, _ := ctx.Int(0)
	ctx.SetInt(0, count+1)
	var r window.Result
	if (count+1)%s.n == 0 {
		r |= window.Fire
	}
	if last, ok := ctx.Int(1); ts != eventtime.NoTimestamp && (!ok || ts > last) {
		ctx.SetInt(1, ts)
		if ok && ts-last > s.limit {
			r |= window.Fire
		}
	}
	if v.Value == 9 {
		r |= window.Purge
	}
	return r
}

func (s spread) OnEventTime(t int64, w window.Window, _ window.TriggerContext[Row]) window.Result {
	if t == w.MaxTimestamp() {
		return window.FireAndPurge
	}
	return window.Continue
}

func (s spread) OnProcessingTime(int64, window.Window, window.TriggerContext[Row]) window.Result {
	return window.Continue
}

func (s spread) CanMerge() bool { return true }

func (s spread) OnMerge(w window.Window, ctx window.TriggerContext[Row]) {
	ctx.RegisterEventTimeTimer(w.MaxTimestamp())
}

func (s spread) Clear(w window.Window, ctx window.TriggerContext[Row]) {
	ctx.DeleteEventTimeTimer(w.MaxTimestamp())
	ctx.Unset(0)
	ctx.Unset(1)
}

func (s spread) States() []window.StateSpec {
	return []window.StateSpec{{Name: "count", Merge: window.MergeSum}, {Name: "last", Merge: window.MergeMax}}
}

func (s spread) String() string { return fmt.Sprintf("SpreadTrigger(%d, %d)", s.n, s.limit) }

// oddOut is a custom evictor: the function does not see odd values, and the least value that it saw does not stay.
type oddOut struct{}

func (oddOut) EvictBefore(elems []window.Element[Row], _ window.Window, _ window.EvictorContext) []window.Element[Row] {
	kept := elems[:0]
	for _, e := range elems {
		if e.Value.Value%2 == 0 {
			kept = append(kept, e)
		}
	}
	return kept
}

func (oddOut) EvictAfter(elems []window.Element[Row], _ window.Window, _ window.EvictorContext) []window.Element[Row] {
	least := 0
	for i, e := range elems {
		if e.Value.Value < elems[least].Value.Value {
			least = i
		}
	}
	if len(elems) == 0 {
		return elems
	}
	return append(elems[:least], elems[least+1:]...)
}

func (oddOut) String() string { return "OddOutEvictor()" }
