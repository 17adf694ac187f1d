package sequence

import (
	"context"
	"math"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// BatchOptions says how many rows to make, and how fast. All but Open or OpenAt may be left zero.
type BatchOptions struct {
	// Count is the number of rows; 0 for no end. Empty stands for a count of none.
	Count int64
	Empty bool
	// Stay keeps the source from ending behind the last row: it is unbounded.
	Stay bool
	// Limit holds rows back that have this number or a higher one, as long as the source runs with it; 0 for none. A source that is restored without it goes on with them. It needs Stay.
	Limit int64
	// RatePerSecond is the rate of all readers together; 0 for as fast as possible.
	RatePerSecond float64
	// Rows is how many rows a batch has at most; 1024 if zero.
	Rows int
	// Open returns what makes the rows in one reader, or OpenAt does, which is given the engine's clock.
	Open   func() (Filler, error)
	OpenAt func(now func() time.Time) (Filler, error)
}

// Filler makes b the rows with the given numbers, in that order. It belongs to one reader, which lends it the same batch and the same slice again and again. An error fails the job.
type Filler func(b *column.Batch, numbers []int64) error

// Batches returns a source of rows in batches: those with the numbers 0, 1 and so on. Reader i of n has the numbers i, i+n, i+2n and so on; one that is restored with the shares of several
// makes them in the order of their numbers.
func Batches(o BatchOptions) connector.Source[*column.Batch] {
	if o.Rows == 0 {
		o.Rows = 1024
	}
	return batchSource{o}
}

type batchSource struct{ o BatchOptions }

var _ connector.Checker = batchSource{}

func (s batchSource) Boundedness() connector.Boundedness {
	if (s.o.Count > 0 || s.o.Empty) && !s.o.Stay {
		return connector.Bounded
	}
	return connector.ContinuousUnbounded
}

// Check reports options out of range.
func (s batchSource) Check(context.Context) error {
	switch {
	case s.o.Open == nil && s.o.OpenAt == nil:
		return fault.New(fault.GraphNilFunction, "the generator's function is nil")
	case s.o.Count < 0:
		return fault.New(fault.OptionInvalid, "generator: Count is %d, less than zero", s.o.Count)
	case s.o.Rows < 0:
		return fault.New(fault.OptionInvalid, "generator: Rows is %d, less than zero", s.o.Rows)
	case !(s.o.RatePerSecond >= 0) || math.IsInf(s.o.RatePerSecond, 0):
		return fault.New(fault.OptionInvalid, "generator: RatePerSecond is %v, not a finite number from zero on", s.o.RatePerSecond)
	}
	return nil
}

func (s batchSource) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	if err := s.Check(context.Background()); err != nil {
		return nil, err
	}
	count := s.o.Count
	if count == 0 && !s.o.Empty {
		count = math.MaxInt64
	}
	return connector.FixedSplits(ctx, restored, func(n int) []connector.Split { return dealt(count, n) })
}

func (s batchSource) NewReader(ctx connector.ReaderContext) (connector.Reader[*column.Batch], error) {
	var fill Filler
	var err error
	if s.o.OpenAt != nil {
		fill, err = s.o.OpenAt(ctx.Now)
	} else {
		fill, err = s.o.Open()
	}
	if err != nil {
		return nil, err
	}
	return &batchReader{o: s.o, ctx: ctx, fill: fill, numbers: make([]int64, 0, s.o.Rows)}, nil
}

// batchReader merges its spans, of which there are several only after a restore at a lower parallelism. Watermarks are for the reader as a whole, so it opens no outputs of splits.
type batchReader struct {
	o       BatchOptions
	ctx     connector.ReaderContext
	fill    Filler
	spans   []*span
	noMore  bool
	batch   column.Batch
	numbers []int64

	schedule schedule
	begun    bool
	timer    bool // set while the engine's timer runs
}

const (
	// batchesAPoll bounds the batches that one Poll emits.
	batchesAPoll = 8
	// batchPause is the shortest time between two batches of a source with a rate that could have been one.
	batchPause = 5 * time.Millisecond
)

func (r *batchReader) Start() error { return nil }

func (r *batchReader) AddSplits(splits []connector.Split) error {
	for _, c := range splits {
		s, err := decodeSpan(c)
		if err != nil {
			return err
		}
		if s.done < s.total {
			r.spans = append(r.spans, s)
		}
	}
	r.ctx.Wake()
	return nil
}

func (r *batchReader) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *batchReader) HandleSourceEvent([]byte) error { return nil }

func (r *batchReader) Snapshot(int64) ([]connector.Split, error) {
	splits := make([]connector.Split, len(r.spans))
	for i, s := range r.spans {
		splits[i] = s.encode()
	}
	return splits, nil
}

func (r *batchReader) Close() error { return nil }

func (r *batchReader) Poll(out *connector.Output[*column.Batch]) (connector.Status, error) {
	for range batchesAPoll {
		if len(r.spans) == 0 {
			if r.noMore && !r.o.Stay {
				return connector.EndOfInput, nil
			}
			return connector.NothingAvailable, nil
		}
		if out.Stop() {
			break
		}
		limit := int64(math.MaxInt64)
		if r.o.RatePerSecond > 0 {
			if limit = r.due(); limit == 0 {
				return connector.NothingAvailable, nil
			}
		}
		if r.o.Limit > 0 {
			limit = min(limit, r.o.Limit)
			if s := r.spans[r.earliest()]; s.at(s.done) >= limit {
				return connector.NothingAvailable, nil
			}
		}
		// The positions are moved before the batch is emitted: a snapshot taken while it is on its way counts it.
		r.take(limit)
		if err := r.fill(&r.batch, r.numbers); err != nil {
			return connector.EndOfInput, err
		}
		out.Collect(&r.batch)
	}
	return connector.MoreAvailable, nil
}

// take takes the next numbers, as many as a batch has, and below limit.
func (r *batchReader) take(limit int64) {
	r.numbers = r.numbers[:0]
	if len(r.spans) == 1 {
		s := r.spans[0]
		n := min(uint64(r.o.Rows), s.total-s.done)
		first := s.at(s.done)
		if limit < math.MaxInt64 {
			n = min(n, uint64((limit-first+s.step-1)/s.step))
		}
		for i := range int64(n) {
			r.numbers = append(r.numbers, first+i*s.step)
		}
		if s.done += n; s.done == s.total {
			r.spans = nil
		}
		return
	}
	for len(r.numbers) < r.o.Rows && len(r.spans) > 0 {
		at := r.earliest()
		s := r.spans[at]
		next := s.at(s.done)
		if next >= limit {
			return
		}
		r.numbers = append(r.numbers, next)
		if s.done++; s.done == s.total {
			r.spans = append(r.spans[:at], r.spans[at+1:]...)
		}
	}
}

// earliest returns the index of the span with the lowest number.
func (r *batchReader) earliest() int {
	best := 0
	for i, s := range r.spans {
		if b := r.spans[best]; s.at(s.done) < b.at(b.done) {
			best = i
		}
	}
	return best
}

// due returns the number up to which rows are due, the one itself excluded; 0 if none is, and then Poll is called when some are.
func (r *batchReader) due() int64 {
	now := r.ctx.Now()
	s := r.spans[r.earliest()]
	next := s.at(s.done)
	if !r.begun {
		// What was to come first at a fresh start, or comes first behind the restored positions, is due now.
		r.begun = true
		r.schedule = schedule{start: now, first: float64(s.done) * float64(s.step), rate: r.o.RatePerSecond}
	}
	if wait := r.schedule.due(next).Sub(now); wait > 0 {
		if !r.timer {
			r.timer = true
			r.ctx.Async(max(wait, batchPause), func(context.Context) {}, func() { r.timer = false })
		}
		return 0
	}
	elapsed := float64(now.Sub(r.schedule.start))/1e9*r.schedule.rate + r.schedule.first
	if elapsed >= math.MaxInt64/2 {
		return math.MaxInt64
	}
	return max(int64(elapsed), next) + 1
}
