package windoworacle

import (
	"math"
	"slices"

	"github.com/weirstream/weir/window"
)

// Evaluate runs a script.
func Evaluate(s Script) Outcome {
	o := &operator{
		Script: s, trigger: s.Spec.TriggerOrDefault(),
		watermark: math.MinInt64, now: s.Start,
		contents: map[pane][]window.Element[Row]{}, slots: map[pane]slots{}, inFlight: map[int64][]window.Window{},
		inWindow: map[pane]int64{}, inKey: map[int64]int64{},
	}
	for i, step := range s.Steps {
		o.step = i
		switch step.Kind {
		case Element:
			if o.outcome.Err = o.element(step.Row, step.Time); o.outcome.Err != nil {
				return o.outcome
			}
		case Watermark:
			if step.Time > o.watermark {
				o.watermark = step.Time
				o.fire(&o.eventTimers, step.Time, o.onEventTime)
			}
		case ProcessingTime:
			if step.Time > o.now {
				o.now = step.Time
				o.fire(&o.processingTimers, step.Time, o.onProcessingTime)
			}
		}
	}
	return o.outcome
}

// pane is a window of a key.
type pane struct {
	key    int64
	window window.Window
}

type operator struct {
	Script
	trigger window.Trigger[Row]
	outcome Outcome

	step           int
	watermark, now int64

	contents                      map[pane][]window.Element[Row]
	slots                         map[pane]slots
	eventTimers, processingTimers timers
	inFlight                      map[int64][]window.Window // by key, of assigners that merge
	inWindow                      map[pane]int64
	inKey                         map[int64]int64
}

func (o *operator) element(row Row, ts int64) error {
	windows, err := o.Spec.Assigner.Assign(row, ts, o.now, nil)
	if err != nil {
		return err
	}
	skipped := true
	for _, w := range windows {
		p := pane{row.Key, w}
		if o.Spec.Assigner.Merging() {
			p.window = o.merge(p)
		}
		if o.windowLate(p.window) {
			o.retire(p)
			continue
		}
		skipped = false
		o.contents[p] = append(o.contents[p], window.Element[Row]{Value: row, Timestamp: ts})
		o.apply(p, o.trigger.OnElement(row, ts, p.window, context{o, p}))
		if end := o.endTimer(p); end.time != math.MaxInt64 {
			o.timers().register(end)
		}
	}
	if skipped && o.rowLate(ts) {
		if o.SideOutput {
			o.outcome.Late = append(o.outcome.Late, LateRow{o.step, row, ts})
		} else {
			o.outcome.Dropped++
		}
	}
	return nil
}

// merge adds a window to those of its key, and returns the one that it has become a part of.
func (o *operator) merge(p pane) window.Window {
	merged := p
	var old, others []window.Window
	for _, w := range o.inFlight[p.key] {
		if w.Touches(p.window) {
			old = append(old, w)
			merged.window = merged.window.Cover(w)
		} else {
			others = append(others, w)
		}
	}
	o.inFlight[p.key] = append(others, merged.window)
	slices.SortFunc(o.inFlight[p.key], window.Window.Compare)
	if len(old) == 0 || len(old) == 1 && old[0] == merged.window {
		return merged.window
	}
	for _, w := range old {
		o.mergeSlots(merged, pane{p.key, w})
	}
	o.trigger.OnMerge(merged.window, context{o, merged})
	for _, w := range old {
		from := pane{p.key, w}
		o.trigger.Clear(w, context{o, from})
		delete(o.slots, from)
		o.timers().remove(o.endTimer(from))
	}
	var contents []window.Element[Row]
	for _, w := range old {
		contents = append(contents, o.contents[pane{p.key, w}]...)
		delete(o.contents, pane{p.key, w})
	}
	o.contents[merged] = contents
	return merged.window
}

// apply does what the trigger has decided.
func (o *operator) apply(p pane, r window.Result) {
	if r.IsFire() && len(o.contents[p]) > 0 {
		o.evaluate(p)
	}
	if r.IsPurge() {
		delete(o.contents, p)
	}
}

func (o *operator) evaluate(p pane) {
	elems := slices.Clone(o.contents[p])
	if o.Spec.Evictor != nil {
		elems = o.Spec.Evictor.EvictBefore(elems, p.window, context{o, p})
	}
	o.inKey[p.key]++
	if !o.Spec.Assigner.Merging() {
		o.inWindow[p]++
	}
	o.outcome.Results = append(o.outcome.Results, Result{
		Step: o.step, Key: p.key, Window: p.window, Elements: slices.Clone(elems),
		Timestamp: p.window.MaxTimestamp(), Watermark: o.watermark, InWindow: o.inWindow[p], InKey: o.inKey[p.key],
	})
	if o.Spec.Evictor != nil {
		o.contents[p] = o.Spec.Evictor.EvictAfter(elems, p.window, context{o, p})
	}
}

// fire fires all timers up to a time, also those that are registered meanwhile.
func (o *operator) fire(t *timers, until int64, on func(timer)) {
	for len(*t) > 0 && (*t)[0].time <= until {
		first := (*t)[0]
		t.remove(first)
		if o.Spec.Assigner.Merging() && !slices.Contains(o.inFlight[first.key], first.window) {
			continue
		}
		on(first)
	}
}

func (o *operator) onEventTime(t timer) {
	o.apply(t.pane, o.trigger.OnEventTime(t.time, t.window, context{o, t.pane}))
	if o.Spec.Assigner.EventTime() && t.time == o.Spec.Cleanup(t.window) {
		o.clear(t.pane)
	}
}

func (o *operator) onProcessingTime(t timer) {
	o.apply(t.pane, o.trigger.OnProcessingTime(t.time, t.window, context{o, t.pane}))
	if !o.Spec.Assigner.EventTime() && t.time == o.Spec.Cleanup(t.window) {
		o.clear(t.pane)
	}
}

// clear removes a window that has ended.
func (o *operator) clear(p pane) {
	delete(o.contents, p)
	o.trigger.Clear(p.window, context{o, p})
	delete(o.slots, p)
	delete(o.inWindow, p)
	o.retire(p)
}

// retire takes a window out of those that others may merge with.
func (o *operator) retire(p pane) {
	o.inFlight[p.key] = slices.DeleteFunc(o.inFlight[p.key], func(w window.Window) bool { return w == p.window })
}

func (o *operator) windowLate(w window.Window) bool {
	return o.Spec.Assigner.EventTime() && o.Spec.Cleanup(w) <= o.watermark
}

// rowLate decides about a row that no window took. A sum beyond the end of time is the end of time.
func (o *operator) rowLate(ts int64) bool {
	due := ts + o.Spec.Lateness()
	if due < ts {
		due = math.MaxInt64
	}
	return o.Spec.Assigner.EventTime() && due <= o.watermark
}

// timers are those for the ends of windows.
func (o *operator) timers() *timers {
	if o.Spec.Assigner.EventTime() {
		return &o.eventTimers
	}
	return &o.processingTimers
}

// endTimer is the timer for the end of a window. That of a window that never ends is not registered.
func (o *operator) endTimer(p pane) timer { return timer{o.Spec.Cleanup(p.window), p} }
