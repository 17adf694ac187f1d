package main

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/window"
)

// either is a record of one of two streams that are windowed together: a row of the first if its value is even, else of the second. The types in this file make descriptions of windows of rows ones of either.
type either = weir.Either[row, row]

func toEither(r row) either {
	if r.Value%2 == 0 {
		return either{First: r}
	}
	return either{IsSecond: true, Second: r}
}

func rowOf(e either) row {
	if e.IsSecond {
		return e.Second
	}
	return e.First
}

type eitherAssigner struct{ window.Assigner[row] }

func (a eitherAssigner) Assign(v either, ts, now int64, out []window.Window) ([]window.Window, error) {
	return a.Assigner.Assign(rowOf(v), ts, now, out)
}

func (a eitherAssigner) DefaultTrigger() window.Trigger[either] {
	return eitherTrigger{a.Assigner.DefaultTrigger()}
}

type eitherTrigger struct{ window.Trigger[row] }

func (t eitherTrigger) OnElement(v either, ts int64, w window.Window, ctx window.TriggerContext[either]) window.Result {
	return t.Trigger.OnElement(rowOf(v), ts, w, eitherContext{ctx})
}

func (t eitherTrigger) OnEventTime(at int64, w window.Window, ctx window.TriggerContext[either]) window.Result {
	return t.Trigger.OnEventTime(at, w, eitherContext{ctx})
}

func (t eitherTrigger) OnProcessingTime(at int64, w window.Window, ctx window.TriggerContext[either]) window.Result {
	return t.Trigger.OnProcessingTime(at, w, eitherContext{ctx})
}

func (t eitherTrigger) OnMerge(w window.Window, ctx window.TriggerContext[either]) {
	t.Trigger.OnMerge(w, eitherContext{ctx})
}

func (t eitherTrigger) Clear(w window.Window, ctx window.TriggerContext[either]) {
	t.Trigger.Clear(w, eitherContext{ctx})
}

type eitherContext struct{ window.TriggerContext[either] }

func (c eitherContext) Element(slot int) (row, bool) {
	v, ok := c.TriggerContext.Element(slot)
	return rowOf(v), ok
}

func (c eitherContext) SetElement(slot int, v row) { c.TriggerContext.SetElement(slot, toEither(v)) }

type eitherEvictor struct{ window.Evictor[row] }

func (e eitherEvictor) EvictBefore(elems []window.Element[either], w window.Window, ctx window.EvictorContext) []window.Element[either] {
	return evict(elems, func(rows []window.Element[row]) []window.Element[row] { return e.Evictor.EvictBefore(rows, w, ctx) })
}

func (e eitherEvictor) EvictAfter(elems []window.Element[either], w window.Window, ctx window.EvictorContext) []window.Element[either] {
	return evict(elems, func(rows []window.Element[row]) []window.Element[row] { return e.Evictor.EvictAfter(rows, w, ctx) })
}

func evict(elems []window.Element[either], keep func([]window.Element[row]) []window.Element[row]) []window.Element[either] {
	var rows []window.Element[row]
	for _, x := range elems {
		rows = append(rows, window.Element[row]{Value: rowOf(x.Value), Timestamp: x.Timestamp})
	}
	kept := elems[:0]
	for _, x := range keep(rows) {
		kept = append(kept, window.Element[either]{Value: toEither(x.Value), Timestamp: x.Timestamp})
	}
	return kept
}
