package windoworacle

import (
	"cmp"
	"maps"
	"slices"

	"github.com/weirstream/weir/window"
)

// timer is a time for a window of a key.
type timer struct {
	time int64
	pane
}

// timers are in the order in which they fire, each once.
type timers []timer

func (t timers) find(x timer) (int, bool) {
	return slices.BinarySearchFunc(t, x, func(a, b timer) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.key, b.key), a.window.Compare(b.window))
	})
}

func (t *timers) register(x timer) {
	if i, found := t.find(x); !found {
		*t = slices.Insert(*t, i, x)
	}
}

func (t *timers) remove(x timer) {
	if i, found := t.find(x); found {
		*t = slices.Delete(*t, i, i+1)
	}
}

// slots are those that a trigger has set for a window.
type slots struct {
	ints     map[int]int64
	elements map[int]Row
}

func (o *operator) slotsOf(p pane) slots {
	s, ok := o.slots[p]
	if !ok {
		s = slots{map[int]int64{}, map[int]Row{}}
		o.slots[p] = s
	}
	return s
}

// mergeSlots combines the slots of one window into those of another, and unsets them.
func (o *operator) mergeSlots(into, from pane) {
	target, source := o.slotsOf(into), o.slotsOf(from)
	if into == from {
		return
	}
	specs := o.trigger.States()
	for _, slot := range slices.Sorted(maps.Keys(source.ints)) {
		n := source.ints[slot]
		if specs[slot].Merge == window.MergeDrop {
			continue
		}
		if old, ok := target.ints[slot]; ok {
			n = specs[slot].Merge.Ints(old, n)
		}
		target.ints[slot] = n
	}
	delete(o.slots, from)
}

// context is what triggers and evictors see.
type context struct {
	o *operator
	pane
}

var _ window.TriggerContext[Row] = context{}

func (c context) CurrentWatermark() int64      { return c.o.watermark }
func (c context) CurrentProcessingTime() int64 { return c.o.now }

func (c context) RegisterEventTimeTimer(t int64) { c.o.eventTimers.register(timer{t, c.pane}) }
func (c context) DeleteEventTimeTimer(t int64)   { c.o.eventTimers.remove(timer{t, c.pane}) }
func (c context) RegisterProcessingTimeTimer(t int64) {
	c.o.processingTimers.register(timer{t, c.pane})
}
func (c context) DeleteProcessingTimeTimer(t int64) { c.o.processingTimers.remove(timer{t, c.pane}) }

func (c context) Int(slot int) (int64, bool) {
	n, ok := c.o.slotsOf(c.pane).ints[slot]
	return n, ok
}

func (c context) SetInt(slot int, n int64) { c.o.slotsOf(c.pane).ints[slot] = n }

func (c context) Element(slot int) (Row, bool) {
	v, ok := c.o.slotsOf(c.pane).elements[slot]
	return v, ok
}

func (c context) SetElement(slot int, v Row) { c.o.slotsOf(c.pane).elements[slot] = v }

func (c context) Unset(slot int) {
	delete(c.o.slotsOf(c.pane).ints, slot)
	delete(c.o.slotsOf(c.pane).elements, slot)
}
