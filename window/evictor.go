package window

import (
	"fmt"
	"math"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// Evictor throws elements out of a window when it is evaluated: those it takes out before, the function does not see, and those it takes out before or after are gone from
// the window. It is a value without state: one serves all windows of all subtasks, which may call it at the same time.
//
// Elements stand in the order in which they came; those of windows that merged as the package comment says. An evictor may also have the method of [Checker].
type Evictor[T any] interface {
	// EvictBefore returns the elements to keep, in their order. It may overwrite elems and return a part of it, and keeps no reference. There is at least one
	// element; if none is kept, the function is called with none all the same.
	EvictBefore(elems []Element[T], w Window, ctx EvictorContext) []Element[T]
	// EvictAfter does the same after the function has been called, with the elements that EvictBefore kept, which may be none.
	EvictAfter(elems []Element[T], w Window, ctx EvictorContext) []Element[T]
	// String describes the evictor in plans and errors.
	String() string
}

// Element is an element of a window with its timestamp, eventtime.NoTimestamp if it has none.
type Element[T any] struct {
	Value     T
	Timestamp int64
}

// EvictorContext is what an evictor sees of its surroundings. It is valid during the call alone.
type EvictorContext interface {
	CurrentWatermark() int64
	CurrentProcessingTime() int64
}

// When says on which side of the function a built-in evictor works.
type When uint8

const (
	// Before evicts before the function is called. It is Flink's default.
	Before When = iota
	// After evicts after the function has been called.
	After
)

// evictor makes an Evictor of a function that evicts on one side.
type evictor[T any] struct {
	when  When
	keep  func(elems []Element[T]) []Element[T]
	text  string
	check error
}

func (e evictor[T]) EvictBefore(elems []Element[T], _ Window, _ EvictorContext) []Element[T] {
	if e.when == Before {
		return e.keep(elems)
	}
	return elems
}

func (e evictor[T]) EvictAfter(elems []Element[T], _ Window, _ EvictorContext) []Element[T] {
	if e.when == After {
		return e.keep(elems)
	}
	return elems
}

func (e evictor[T]) Check() error   { return e.check }
func (e evictor[T]) String() string { return e.text }

// CountEvictor keeps the last n elements; n is at least 1.
func CountEvictor[T any](n int64, when When) Evictor[T] {
	e := evictor[T]{when: when, text: fmt.Sprintf("CountEvictor(%d)", n)}
	if n <= 0 {
		e.check = fault.New(fault.WindowCount, "%s: the count is %d", e.text, n)
	}
	e.keep = func(elems []Element[T]) []Element[T] { return elems[max(0, int64(len(elems))-n):] }
	return e
}

// TimeEvictor keeps the elements whose timestamp is greater than the greatest one less d, wherever they stand. If the first element has no timestamp, all are kept; any other
// without one is evicted, where Flink fails.
func TimeEvictor[T any](d time.Duration, when When) Evictor[T] {
	ms := d.Milliseconds()
	e := evictor[T]{when: when, text: fmt.Sprintf("TimeEvictor(%d)", ms)}
	if ms <= 0 {
		e.check = fault.New(fault.WindowInterval, "%s: the time is %d ms", e.text, ms)
	}
	e.keep = func(elems []Element[T]) []Element[T] {
		if len(elems) == 0 || elems[0].Timestamp == eventtime.NoTimestamp {
			return elems
		}
		last := int64(math.MinInt64)
		for i := range elems {
			last = max(last, elems[i].Timestamp)
		}
		return filter(elems, func(x *Element[T]) bool { return x.Timestamp > sub(last, ms) })
	}
	return e
}

// DeltaEvictor keeps the elements whose delta to the last element of the window is less than the threshold, wherever they stand. delta is called by all subtasks at the same
// time, also with the last element on both sides: with a threshold of 0 or less that one goes, too.
func DeltaEvictor[T any](threshold float64, delta func(v, last T) float64, when When) Evictor[T] {
	e := evictor[T]{when: when, text: fmt.Sprintf("DeltaEvictor(%v)", threshold)}
	if delta == nil {
		e.check = fault.New(fault.GraphNilFunction, "%s: the delta function is nil", e.text)
	}
	e.keep = func(elems []Element[T]) []Element[T] {
		if len(elems) == 0 {
			return elems
		}
		last := elems[len(elems)-1].Value
		return filter(elems, func(x *Element[T]) bool { return !(delta(x.Value, last) >= threshold) })
	}
	return e
}

// filter keeps what keep reports, in place.
func filter[T any](elems []Element[T], keep func(*Element[T]) bool) []Element[T] {
	kept := elems[:0]
	for i := range elems {
		if keep(&elems[i]) {
			kept = append(kept, elems[i])
		}
	}
	return kept
}
