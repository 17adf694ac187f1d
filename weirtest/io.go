package weirtest

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
)

// Record is a value with its timestamp, eventtime.NoTimestamp if it has none.
type Record[T any] struct {
	Value     T
	Timestamp int64
}

// Captured holds what came to the end of a stream, in the order of arrival.
type Captured[T any] struct{ records []Record[T] }

// Capture ends a stream in the test.
func Capture[T any](_ *Sim, s *weir.Stream[T]) *Captured[T] {
	c := &Captured[T]{}
	s.ForEach(func(v T, ts int64) error {
		c.records = append(c.records, Record[T]{v, ts})
		return nil
	}).Name("captured")
	return c
}

// Len is the number of records so far.
func (c *Captured[T]) Len() int { return len(c.records) }

// Values returns the values so far.
func (c *Captured[T]) Values() []T {
	values := make([]T, len(c.records))
	for i, r := range c.records {
		values[i] = r.Value
	}
	return values
}

// Take returns the records that have come since the last Take.
func (c *Captured[T]) Take() []Record[T] {
	r := c.records
	c.records = nil
	return r
}

// Feed is the test's end of a source that it feeds by hand.
type Feed[T any] struct {
	queue []fed[T]
	ended bool
	wake  func()
}

type fed[T any] struct {
	value     T
	timestamp int64
	kind      fedKind
}

type fedKind uint8

const (
	fedRecord fedKind = iota
	fedWatermark
	fedIdle
)

// Input adds a source that the test feeds. It counts as bounded, and ends when the test says so.
func Input[T any](_ *Sim, env *weir.Environment) (*Feed[T], *weir.Stream[T]) {
	f := &Feed[T]{wake: func() {}}
	return f, weir.FromSource(env, "input", feedSource[T]{f}).Parallelism(1)
}

func (f *Feed[T]) add(x fed[T]) {
	f.queue = append(f.queue, x)
	f.wake()
}

// Push adds records without timestamps.
func (f *Feed[T]) Push(values ...T) {
	for _, v := range values {
		f.add(fed[T]{value: v, timestamp: eventtime.NoTimestamp})
	}
}

// PushAt adds a record with a timestamp.
func (f *Feed[T]) PushAt(v T, ts int64) { f.add(fed[T]{value: v, timestamp: ts}) }

// Watermark adds a watermark.
func (f *Feed[T]) Watermark(t int64) { f.add(fed[T]{timestamp: t, kind: fedWatermark}) }

// Idle says that the source has nothing to tell about time until the next record.
func (f *Feed[T]) Idle() { f.add(fed[T]{kind: fedIdle}) }

// End ends the source behind what was pushed.
func (f *Feed[T]) End() {
	f.ended = true
	f.wake()
}

type feedSource[T any] struct{ feed *Feed[T] }

func (s feedSource[T]) Boundedness() connector.Boundedness { return connector.Bounded }

func (s feedSource[T]) NewEnumerator(connector.EnumeratorContext, []byte) (connector.Enumerator, error) {
	return noSplits{}, nil
}

func (s feedSource[T]) NewReader(ctx connector.ReaderContext) (connector.Reader[T], error) {
	s.feed.wake = ctx.Wake
	return &feedReader[T]{feed: s.feed}, nil
}

// noSplits is the enumerator of a source without splits.
type noSplits struct{}

func (noSplits) Start() error                               { return nil }
func (noSplits) AddReader(int) error                        { return nil }
func (noSplits) HandleSplitRequest(int) error               { return nil }
func (noSplits) HandleSourceEvent(int, []byte) error        { return nil }
func (noSplits) AddSplitsBack([]connector.Split, int) error { return nil }
func (noSplits) Snapshot(int64) ([]byte, error)             { return nil, nil }
func (noSplits) Close() error                               { return nil }

type feedReader[T any] struct{ feed *Feed[T] }

func (r *feedReader[T]) Start() error { return nil }

func (r *feedReader[T]) Poll(out *connector.Output[T]) (connector.Status, error) {
	f := r.feed
	for len(f.queue) > 0 {
		x := f.queue[0]
		f.queue = f.queue[1:]
		switch x.kind {
		case fedRecord:
			out.CollectAt(x.value, x.timestamp)
		case fedWatermark:
			out.Watermark(x.timestamp)
		case fedIdle:
			out.Idle(true)
		}
		if out.Stop() {
			return connector.MoreAvailable, nil
		}
	}
	if f.ended {
		return connector.EndOfInput, nil
	}
	return connector.NothingAvailable, nil
}

func (r *feedReader[T]) AddSplits([]connector.Split) error         { return nil }
func (r *feedReader[T]) NoMoreSplits() error                       { return nil }
func (r *feedReader[T]) HandleSourceEvent([]byte) error            { return nil }
func (r *feedReader[T]) Snapshot(int64) ([]connector.Split, error) { return nil, nil }
func (r *feedReader[T]) Close() error                              { return nil }
