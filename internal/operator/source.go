package operator

import (
	"context"
	"log/slog"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// SourceOperator reads a connector.Source.
type SourceOperator[T any] struct {
	Source connector.Source[T]
	// Strategy makes timestamps and watermarks; nil leaves both to the reader.
	Strategy *eventtime.Strategy[T]
	// WatermarkInterval is how often generators are asked; not positive: after every record.
	WatermarkInterval time.Duration
	// AllowUnalignedSplits lets a reader that cannot pause single splits read on where they are ahead of their alignment group.
	AllowUnalignedSplits bool
}

// NewEnumerator makes the enumerator on the job manager.
func (f *SourceOperator[T]) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	return f.Source.NewEnumerator(ctx, restored)
}

// Check asks the source what can be known to be wrong before the job starts.
func (f *SourceOperator[T]) Check(ctx context.Context) error { return check(ctx, f.Source) }

func check(ctx context.Context, v any) error {
	if c, ok := v.(connector.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

type sourceInstance[T any] struct {
	Base
	ctx    *Context
	source connector.Source[T]
	reader connector.Reader[T]
	out    *connector.Output[T]
	time   *sourceTime[T]
	// rows counts those of records that are batches; batches tells that they are.
	rows    int64
	batches bool
}

// batch is a record that stands for several rows, which are what is counted.
type batch interface{ Rows() int }

// counting returns a port that counts the rows of what it passes on.
func (s *sourceInstance[T]) counting(to *Port[T]) *Port[T] {
	value, ref := to.Value, to.Ref
	return &Port[T]{Mutates: to.Mutates, Drops: to.Drops,
		Value: func(v T, ts int64) {
			s.rows += int64(any(v).(batch).Rows())
			value(v, ts)
		},
		Ref: func(v *T, ts int64) {
			s.rows += int64(any(*v).(batch).Rows())
			ref(v, ts)
		}}
}

var (
	_ Source = (*sourceInstance[int])(nil)
	_ Timed  = (*sourceInstance[int])(nil)
)

// New implements [Factory].
func (f *SourceOperator[T]) New(ctx *Context, w Wiring) (Instance, error) {
	s := &sourceInstance[T]{ctx: ctx, source: f.Source}
	port := PortOf[T](w)
	var zero T
	if _, s.batches = any(zero).(batch); s.batches {
		port = s.counting(port)
	}
	s.time = newSourceTime(ctx, f, port)
	value, ref := s.time.main.entries()
	s.out = connector.NewOutput(value, ref, s.time, ctx.Stop)
	s.time.main.out = s.out
	return s, nil
}

func (s *sourceInstance[T]) Functions() []any {
	return append(s.time.strategy.Functions(), s.source)
}

func (s *sourceInstance[T]) Open() error {
	reader, err := s.source.NewReader(readerContext{s.ctx})
	if err != nil {
		return fault.Wrap(fault.SourceFailed, err)
	}
	s.reader = reader
	s.time.open(reader)
	return fault.Wrap(fault.SourceFailed, reader.Start())
}

func (s *sourceInstance[T]) Close() error {
	if s.reader == nil {
		return nil
	}
	reader := s.reader
	s.reader = nil
	return fault.Wrap(fault.SourceFailed, reader.Close())
}

// Poll implements [Source].
func (s *sourceInstance[T]) Poll() (connector.Status, error) {
	if s.time.overrun {
		if err := s.time.pauseSplits(); err != nil {
			return connector.NothingAvailable, err
		}
	}
	status, err := s.reader.Poll(s.out)
	if err == nil {
		s.time.polled(status == connector.EndOfInput)
	}
	return status, fault.Wrap(fault.SourceFailed, err)
}

// AddSplits implements [Source].
func (s *sourceInstance[T]) AddSplits(splits []connector.Split) error {
	s.time.assign(splits)
	return fault.Wrap(fault.SourceFailed, s.reader.AddSplits(splits))
}

// Checkpoint implements [Checkpointed].
func (s *sourceInstance[T]) Checkpoint(id int64, finished bool) (Part, error) {
	if finished {
		return Part{}, nil
	}
	splits, err := s.reader.Snapshot(id)
	return Part{Splits: splits}, fault.Wrap(fault.SourceFailed, err)
}

// NoMoreSplits implements [Source].
func (s *sourceInstance[T]) NoMoreSplits() error {
	return fault.Wrap(fault.SourceFailed, s.reader.NoMoreSplits())
}

// HandleSourceEvent implements [Source].
func (s *sourceInstance[T]) HandleSourceEvent(event []byte) error {
	return fault.Wrap(fault.SourceFailed, s.reader.HandleSourceEvent(event))
}

// Place implements [Placed].
func (s *sourceInstance[T]) Place() string {
	if p, ok := s.reader.(connector.Positioned); ok {
		return p.Position()
	}
	return ""
}

// Emitted implements [Source].
func (s *sourceInstance[T]) Emitted() int64 {
	if s.batches {
		return s.rows
	}
	return s.out.Count()
}

// Splits implements [Timed].
func (s *sourceInstance[T]) Splits(now time.Time, dst []SplitTime) []SplitTime {
	return s.time.describe(now, dst)
}

// Align implements [Timed].
func (s *sourceInstance[T]) Align(limit int64) error { return s.time.align(limit) }

// Paused implements [Timed].
func (s *sourceInstance[T]) Paused() (paused bool, since time.Time) {
	return s.time.waits.Stopped(), s.time.waitSince
}

// readerContext gives a reader its part of the task.
type readerContext struct{ ctx *Context }

var _ connector.ReaderContext = readerContext{}

func (r readerContext) Subtask() int           { return r.ctx.Subtask }
func (r readerContext) Parallelism() int       { return r.ctx.Parallelism }
func (r readerContext) RequestSplit()          { r.ctx.Host.RequestSplit() }
func (r readerContext) SendEvent(event []byte) { r.ctx.Host.SendEvent(event) }
func (r readerContext) Wake()                  { r.ctx.Host.Wake() }
func (r readerContext) Now() time.Time         { return r.ctx.Host.Now() }
func (r readerContext) Logger() *slog.Logger   { return r.ctx.Host.Logger() }

// RealTime reports whether time is the machine's: connectors that pace themselves ask for it.
func (r readerContext) RealTime() bool { return r.ctx.Host.RealTime() }

// Count implements [connector.Counting].
func (r readerContext) Count(name string, n int64) {
	r.ctx.Host.Accumulator(r.ctx.Node, name, AccCounter).AddInt(n)
	r.ctx.Host.Accumulator(r.ctx.Node, r.ctx.Name+"."+name, AccCounter).AddInt(n)
}

var _ connector.Counting = readerContext{}

func (r readerContext) Async(delay time.Duration, work func(context.Context), then func()) {
	r.ctx.Host.Async(r.ctx.Node, delay, work, then)
}
