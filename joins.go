package weir

import (
	"iter"
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/window"
)

// Either is a record of one of two streams that are windowed together. Assigners, triggers and evictors of such windows are those of this type.
type Either[A, B any] struct {
	// IsSecond tells that the record is one of the second stream.
	IsSecond bool
	First    A
	Second   B
}

// JoinedWindows are two streams, keyed by the same type, whose records are grouped in the same windows. They become an operator by [JoinWindows], [JoinWindowsTo] or [CoGroupWindows].
type JoinedWindows[K comparable, A, B any] struct {
	w *WindowedStream[K, Either[A, B]]
}

// Join groups the records of two keyed streams in windows together. The assigner sees records of both streams:
//
//	weir.Join(orders, payments, window.TumblingEventTime[weir.Either[Order, Payment]](time.Hour))
func Join[K comparable, A, B any](a *KeyedStream[K, A], b *KeyedStream[K, B], assigner window.Assigner[Either[A, B]]) *JoinedWindows[K, A, B] {
	first := Map(a.stream, func(v A) Either[A, B] { return Either[A, B]{First: v} }).Name("first")
	second := Map(b.stream, func(v B) Either[A, B] { return Either[A, B]{IsSecond: true, Second: v} }).Name("second")
	keyA, keyB := a.key, b.key
	keyed := KeyBy(first.Union(second), func(e Either[A, B]) K {
		if e.IsSecond {
			return keyB(e.Second)
		}
		return keyA(e.First)
	})
	return &JoinedWindows[K, A, B]{keyed.Window(assigner)}
}

// Trigger replaces the assigner's trigger.
func (j *JoinedWindows[K, A, B]) Trigger(t window.Trigger[Either[A, B]]) *JoinedWindows[K, A, B] {
	j.w.Trigger(t)
	return j
}

// Evictor throws elements out of a window when it is evaluated.
func (j *JoinedWindows[K, A, B]) Evictor(e window.Evictor[Either[A, B]]) *JoinedWindows[K, A, B] {
	j.w.Evictor(e)
	return j
}

// AllowedLateness is [WindowedStream.AllowedLateness].
func (j *JoinedWindows[K, A, B]) AllowedLateness(d time.Duration) *JoinedWindows[K, A, B] {
	j.w.AllowedLateness(d)
	return j
}

// SideOutputLateData is [WindowedStream.SideOutputLateData].
func (j *JoinedWindows[K, A, B]) SideOutputLateData(tag OutputTag[Either[A, B]]) *JoinedWindows[K, A, B] {
	j.w.SideOutputLateData(tag)
	return j
}

// JoinWindows emits join of every pair of a record of the first stream and one of the second that have the same key and share a window. A record without a partner gives nothing.
func JoinWindows[K comparable, A, B, U any](j *JoinedWindows[K, A, B], join func(a A, b B) U) *Stream[U] {
	need(j.w.keyed.stream.env, "join", join)
	return JoinWindowsTo(j, func(a A, b B, out *Collector[U]) { out.Collect(join(a, b)) })
}

// JoinWindowsTo is [JoinWindows] with a function that emits any number of records for a pair.
func JoinWindowsTo[K comparable, A, B, U any](j *JoinedWindows[K, A, B], join func(a A, b B, out *Collector[U])) *Stream[U] {
	need(j.w.keyed.stream.env, "join", join)
	return CoGroupWindows(j, func(_ *WindowContext[K], first iter.Seq[A], second iter.Seq[B], out *Collector[U]) error {
		seconds := slices.Collect(second)
		for a := range first {
			for _, b := range seconds {
				join(a, b, out)
			}
		}
		return nil
	})
}

// CoGroupWindows calls fn once for each key and window that has a record of either stream, with those of both: one may be empty, as outer joins need it. The sequences can be read more than once.
func CoGroupWindows[K comparable, A, B, U any](j *JoinedWindows[K, A, B], fn func(ctx *WindowContext[K], first iter.Seq[A], second iter.Seq[B], out *Collector[U]) error) *Stream[U] {
	need(j.w.keyed.stream.env, "coGroup", fn)
	return ApplyWindow(j.w, func(ctx *WindowContext[K], elements iter.Seq[Either[A, B]], out *Collector[U]) error {
		return fn(ctx, func(yield func(A) bool) {
			for e := range elements {
				if !e.IsSecond && !yield(e.First) {
					return
				}
			}
		}, func(yield func(B) bool) {
			for e := range elements {
				if e.IsSecond && !yield(e.Second) {
					return
				}
			}
		}, out)
	})
}

// IntervalBounds say how far apart in time two records may lie to be joined: the timestamp of the second one lies between that of the first plus Lower and that of the first plus Upper. Either may be negative.
type IntervalBounds struct {
	Lower, Upper time.Duration
	// LowerExclusive and UpperExclusive leave out a pair that lies just at the bound.
	LowerExclusive, UpperExclusive bool
}

// limits returns the bounds in milliseconds, both inclusive.
func (b IntervalBounds) limits() (lower, upper int64, err error) {
	lower, upper = b.Lower.Milliseconds(), b.Upper.Milliseconds()
	if b.Lower > b.Upper {
		return 0, 0, fault.New(fault.OptionInvalid, "the lower bound of an interval join, %v, is above the upper one, %v", b.Lower, b.Upper)
	}
	if b.LowerExclusive {
		lower++
	}
	if b.UpperExclusive {
		upper--
	}
	return lower, upper, nil
}
