package sequence

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// From returns a bounded source of the numbers from first to last, both included; of none if last is less than first.
func From(first, last int64) connector.Source[int64] {
	return source[int64]{
		divide:  func(n int) []connector.Split { return contiguous(first, last, n) },
		bounded: true,
		fn:      func(i int64) int64 { return i },
	}
}

// Options says how many records to make, and how fast.
type Options struct {
	// Count is the number of records; 0 for no end.
	Count int64
	// RatePerSecond is the rate of all readers together; 0 for as fast as possible.
	RatePerSecond float64
	// Resolution is the shortest time between two wake-ups of a reader by its own pacer thread; 100 µs if zero. Records due within it are emitted together.
	// A wake-up costs some microseconds of CPU.
	Resolution time.Duration
	// Stats, unless nil, takes what the pacers of all readers measured.
	Stats *PacerStats
}

// Generate returns a source of fn(0), fn(1) and so on. With several readers fn is called by all of them, each number once.
func Generate[T any](o Options, fn func(i int64) T) connector.Source[T] {
	s := generator[T](o)
	s.fn, s.isNil = fn, fn == nil
	return s
}

// GenerateAt is [Generate] for a function that is told when the record was due. Without a rate, that is when the reader began the current run of records.
func GenerateAt[T any](o Options, fn func(i int64, due time.Time) T) connector.Source[T] {
	s := generator[T](o)
	s.fnAt, s.isNil = fn, fn == nil
	return s
}

// GenerateInto is [Generate] for a function that makes the record in place, which saves copying large ones. It must set every field: it sees what an earlier record left there.
func GenerateInto[T any](o Options, fn func(i int64, v *T)) connector.Source[T] {
	s := generator[T](o)
	s.into, s.isNil = fn, fn == nil
	return s
}

func generator[T any](o Options) source[T] {
	count := o.Count
	if count == 0 {
		count = math.MaxInt64
	}
	if o.Resolution == 0 {
		o.Resolution = 100 * time.Microsecond
	}
	return source[T]{
		divide:  func(n int) []connector.Split { return dealt(count, n) },
		bounded: o.Count != 0,
		o:       o,
		thread:  &pacing{},
	}
}

type source[T any] struct {
	divide  func(parallelism int) []connector.Split
	bounded bool
	o       Options
	// One of fn, fnAt and into is set, unless isNil.
	fn    func(int64) T
	fnAt  func(int64, time.Time) T
	into  func(int64, *T)
	isNil bool
	// thread paces all readers in this process.
	thread *pacing
}

var _ connector.Checker = source[int]{}

func (s source[T]) Boundedness() connector.Boundedness {
	if s.bounded {
		return connector.Bounded
	}
	return connector.ContinuousUnbounded
}

// Check reports options out of range.
func (s source[T]) Check(context.Context) error {
	switch {
	case s.isNil:
		return fault.New(fault.GraphNilFunction, "the generator's function is nil")
	case s.o.Count < 0:
		return fault.New(fault.OptionInvalid, "generator: Count is %d, less than zero", s.o.Count)
	case !(s.o.RatePerSecond >= 0) || math.IsInf(s.o.RatePerSecond, 0):
		return fault.New(fault.OptionInvalid, "generator: RatePerSecond is %v, not a finite number from zero on", s.o.RatePerSecond)
	case s.o.Resolution < 0:
		return fault.New(fault.OptionInvalid, "generator: Resolution is %v, less than zero", s.o.Resolution)
	}
	return nil
}

func (s source[T]) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	if err := s.Check(context.Background()); err != nil {
		return nil, err
	}
	return connector.FixedSplits(ctx, restored, s.divide)
}

func (s source[T]) NewReader(ctx connector.ReaderContext) (connector.Reader[T], error) {
	base := reader{ctx: ctx}
	switch {
	case s.o.RatePerSecond > 0:
		fn := s.fnAt
		switch {
		case s.fn != nil:
			fn = func(i int64, _ time.Time) T { return s.fn(i) }
		case s.into != nil:
			place := new(T)
			fn = func(i int64, _ time.Time) T {
				s.into(i, place)
				return *place
			}
		}
		return &ratedReader[T]{reader: base, o: s.o, fn: fn, thread: s.thread}, nil
	case s.fnAt != nil:
		return &fastReader[T]{reader: base, fnAt: s.fnAt}, nil
	case s.into != nil:
		return &fastReader[T]{reader: base, into: s.into, place: new(T)}, nil
	default:
		return &fastReader[T]{reader: base, fn: s.fn}, nil
	}
}

// maxRecords bounds the records that one Poll emits.
const maxRecords = 4096

// reader is what readers with and without a rate share: spans, of which none is finished.
type reader struct {
	ctx    connector.ReaderContext
	spans  []*span
	noMore bool
	paused map[string]bool // by id
}

var (
	_ connector.SplitPauser = (*reader)(nil)
	_ connector.Positioned  = (*reader)(nil)
)

// Position names the number that the record emitted last was made of.
func (r *reader) Position() string {
	if s := r.first(); s != nil && s.done > 0 {
		return fmt.Sprintf("number %d of the sequence", s.at(s.done-1))
	}
	return ""
}

func (r *reader) Start() error { return nil }

func (r *reader) AddSplits(splits []connector.Split) error {
	for _, c := range splits {
		s, err := decodeSpan(c)
		if err != nil {
			return err
		}
		r.spans = append(r.spans, s) // also a finished one: it ends at the next Poll
	}
	r.ctx.Wake()
	return nil
}

func (r *reader) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *reader) HandleSourceEvent([]byte) error { return nil }

func (r *reader) Snapshot(int64) ([]connector.Split, error) {
	var splits []connector.Split
	for _, s := range r.spans {
		if s.done < s.total {
			splits = append(splits, s.encode())
		}
	}
	return splits, nil
}

func (r *reader) Close() error { return nil }

// PauseOrResumeSplits implements [connector.SplitPauser].
func (r *reader) PauseOrResumeSplits(pause, resume []string) error {
	if r.paused == nil {
		r.paused = map[string]bool{}
	}
	for _, id := range pause {
		r.paused[id] = true
	}
	for _, id := range resume {
		delete(r.paused, id)
	}
	return nil
}

// first returns the first span that may be read, nil if there is none.
func (r *reader) first() *span {
	for _, s := range r.spans {
		if len(r.paused) == 0 || !r.paused[s.id] {
			return s
		}
	}
	return nil
}

// splitEnder is the part of an output that does not depend on its type.
type splitEnder interface{ EndSplit(id string) }

// drop removes finished spans, and returns what Poll returns if nothing is left to emit now.
func (r *reader) drop(out splitEnder) connector.Status {
	r.spans = slices.DeleteFunc(r.spans, func(s *span) bool {
		if s.done == s.total {
			out.EndSplit(s.id)
		}
		return s.done == s.total
	})
	if len(r.spans) == 0 && r.noMore {
		return connector.EndOfInput
	}
	return connector.NothingAvailable
}

// fastReader emits as fast as it can.
type fastReader[T any] struct {
	reader
	fn    func(int64) T
	fnAt  func(int64, time.Time) T
	into  func(int64, *T)
	place *T
}

func (r *fastReader[T]) Poll(out *connector.Output[T]) (connector.Status, error) {
	s := r.first()
	if s == nil {
		return r.drop(out), nil
	}
	split := out.Split(s.id)
	if r.into != nil {
		r.fill(s, split)
		return r.after(s, out), nil
	}
	fn := r.fn
	if fn == nil {
		now := r.ctx.Now()
		fn = func(i int64) T { return r.fnAt(i, now) }
	}
	n, end := s.done, s.done+min(s.total-s.done, maxRecords)
	// The position is moved before a record is emitted: a snapshot taken while the record is on its way counts it.
	for i := s.at(n); n < end && !split.Stop(); i += s.step {
		n++
		s.done = n
		split.Collect(fn(i))
	}
	return r.after(s, out), nil
}

// fill is Poll for records made in place.
func (r *fastReader[T]) fill(s *span, out *connector.Output[T]) {
	into, place := r.into, r.place
	n, end := s.done, s.done+min(s.total-s.done, maxRecords)
	for i := s.at(n); n < end && !out.Stop(); i += s.step {
		n++
		s.done = n
		into(i, place)
		out.CollectRef(place, eventtime.NoTimestamp)
	}
}

// after returns what Poll returns after some records of a span.
func (r *fastReader[T]) after(s *span, out *connector.Output[T]) connector.Status {
	if s.done < s.total {
		return connector.MoreAvailable
	}
	if r.drop(out) == connector.EndOfInput {
		return connector.EndOfInput
	}
	if len(r.spans) > 0 {
		return connector.MoreAvailable
	}
	return connector.NothingAvailable
}
