package operator

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/defect"
)

// SinkOperator writes to a connector.Sink.
type SinkOperator[T any] struct{ Sink connector.Sink[T] }

// Check asks the sink what can be known to be wrong before the job starts.
func (f *SinkOperator[T]) Check(ctx context.Context) error { return check(ctx, f.Sink) }

type sinkInstance[T any] struct {
	Base
	ctx    *Context
	sink   connector.Sink[T]
	in     *Port[T]
	writer connector.Writer[T]
	closed bool
}

// New implements [Factory].
func (f *SinkOperator[T]) New(ctx *Context, _ Wiring) (Instance, error) {
	s := &sinkInstance[T]{ctx: ctx, sink: f.Sink}
	var restored [][]byte
	if ctx.Restored != nil {
		restored = ctx.Restored.Writers
		if restored == nil {
			restored = [][]byte{}
		}
	}
	writer, err := f.Sink.NewWriter(writerContext{ctx, s.scheduled}, restored)
	if err != nil {
		return nil, fault.Wrap(fault.SinkFailed, err)
	}
	s.writer = writer
	s.in = ValuePort(func(v T, ts int64) {
		if ctx.Failed {
			return
		}
		if err := writer.Write(v, ts); err != nil {
			ctx.Fail(fault.Wrap(fault.SinkFailed, err))
		}
	})
	if limited, ok := writer.(connector.ReadyWriter); ok {
		if c, ok := f.Sink.(connector.CommittingSink[T]); ok {
			return &limitedCommittingSink[T]{newCommittingSink(s, c), limited}, nil
		}
		return &limitedSink[T]{s, limited}, nil
	}
	if c, ok := f.Sink.(connector.CommittingSink[T]); ok {
		return newCommittingSink(s, c), nil
	}
	return s, nil
}

func (s *sinkInstance[T]) Inputs() []any    { return []any{s.in} }
func (s *sinkInstance[T]) Functions() []any { return []any{s.sink} }

func (s *sinkInstance[T]) scheduled(f func() error) {
	if s.closed || s.ctx.Failed {
		return
	}
	if err := f(); err != nil {
		s.ctx.Fail(fault.Wrap(fault.SinkFailed, err))
	}
}

func (s *sinkInstance[T]) flush(end bool) {
	if s.ctx.Failed {
		return
	}
	if err := s.writer.Flush(end); err != nil {
		s.ctx.Fail(fault.Wrap(fault.SinkFailed, err))
	}
}

func (s *sinkInstance[T]) Flush() { s.flush(false) }

func (s *sinkInstance[T]) Finish() bool {
	s.flush(true)
	return false
}

func (s *sinkInstance[T]) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return fault.Wrap(fault.SinkFailed, s.writer.Close())
}

type limitedSink[T any] struct {
	*sinkInstance[T]
	limited connector.ReadyWriter
}

var _ Limited = (*limitedSink[int])(nil)

func (s *limitedSink[T]) Ready() bool         { return s.limited.Ready() }
func (s *limitedSink[T]) OnReady(wake func()) { s.limited.OnReady(wake) }

// Checkpoint implements [Checkpointed].
func (s *sinkInstance[T]) Checkpoint(id int64, finished bool) (part Part, err error) {
	if w, ok := s.writer.(connector.StatefulWriter); ok && !finished {
		part.Writers, err = w.SnapshotState(id)
	}
	return part, fault.Wrap(fault.SinkFailed, err)
}

// committingSink is a sink in two phases. What it has prepared waits until the checkpoint that has it is complete.
type committingSink[T any] struct {
	*sinkInstance[T]
	sinkOf connector.CommittingSink[T]
	// prepared is what no checkpoint has yet, waiting what the checkpoint of that number has and is not committed.
	prepared []connector.Committable
	waiting  []waitingCommit
}

type waitingCommit struct {
	checkpoint int64
	prepared   []connector.Committable
}

var (
	_ Commits      = (*committingSink[int])(nil)
	_ Checkpointed = (*committingSink[int])(nil)
)

func newCommittingSink[T any](s *sinkInstance[T], c connector.CommittingSink[T]) *committingSink[T] {
	cs := &committingSink[T]{sinkInstance: s, sinkOf: c}
	if r := s.ctx.Restored; r != nil && len(r.Committables) > 0 { // the checkpoint was complete
		cs.waiting = []waitingCommit{{prepared: r.Committables}}
	}
	return cs
}

// Prepare implements [Commits].
func (s *committingSink[T]) Prepare() error {
	p, ok := s.writer.(connector.PreparingWriter)
	if !ok {
		return fault.New(fault.SinkFailed, "the sink has a committer, but its writer %T prepares nothing", s.writer)
	}
	prepared, err := p.PrepareCommit()
	if err != nil {
		return fault.Wrap(fault.SinkFailed, err)
	}
	s.prepared = append(s.prepared, prepared...)
	return nil
}

// Checkpoint implements [Checkpointed].
func (s *committingSink[T]) Checkpoint(id int64, finished bool) (Part, error) {
	if !finished {
		if err := s.Prepare(); err != nil {
			return Part{}, err
		}
	}
	part, err := s.sinkInstance.Checkpoint(id, finished)
	if err != nil {
		return part, err
	}
	if len(s.prepared) > 0 {
		s.waiting = append(s.waiting, waitingCommit{id, s.prepared})
		s.prepared = nil
	}
	for _, w := range s.waiting {
		part.Committables = append(part.Committables, w.prepared...)
	}
	return part, nil
}

// Uncommitted implements [Commits].
func (s *committingSink[T]) Uncommitted() bool { return len(s.prepared) > 0 || len(s.waiting) > 0 }

// Due implements [Commits]. What is being committed stays in checkpoints until it is.
func (s *committingSink[T]) Due(id int64) (commit func(ctx context.Context) error, done func()) {
	if id == math.MaxInt64 && len(s.prepared) > 0 {
		s.waiting = append(s.waiting, waitingCommit{id, s.prepared})
		s.prepared = nil
	}
	var due []connector.Committable
	n := 0
	for n < len(s.waiting) && s.waiting[n].checkpoint <= id {
		due = append(due, s.waiting[n].prepared...)
		n++
	}
	if n == 0 {
		return nil, nil
	}
	if defect.Is("commit-dropped-while-running") {
		s.waiting = s.waiting[n:]
		n = 0
	}
	return func(ctx context.Context) error { return s.commit(ctx, due) }, func() { s.waiting = s.waiting[n:] }
}

func (s *committingSink[T]) commit(ctx context.Context, due []connector.Committable) (err error) {
	committer, err := s.sinkOf.NewCommitter(writerContext{s.ctx, nil})
	if err != nil {
		return fault.Wrap(fault.SinkFailed, err)
	}
	defer func() {
		if closeErr := committer.Close(); err == nil {
			err = fault.Wrap(fault.SinkFailed, closeErr)
		}
	}()
	return fault.Wrap(fault.SinkFailed, committer.Commit(ctx, due))
}

type limitedCommittingSink[T any] struct {
	*committingSink[T]
	limited connector.ReadyWriter
}

func (s *limitedCommittingSink[T]) Ready() bool         { return s.limited.Ready() }
func (s *limitedCommittingSink[T]) OnReady(wake func()) { s.limited.OnReady(wake) }

// writerContext gives a writer its part of the task.
type writerContext struct {
	ctx       *Context
	scheduled func(func() error)
}

var _ connector.WriterContext = writerContext{}

func (w writerContext) JobID() string        { return string(w.ctx.Job) }
func (w writerContext) Subtask() int         { return w.ctx.Subtask }
func (w writerContext) Parallelism() int     { return w.ctx.Parallelism }
func (w writerContext) Watermark() int64     { return w.ctx.CurrentWatermark }
func (w writerContext) Bounded() bool        { return w.ctx.Bounded }
func (w writerContext) Now() time.Time       { return w.ctx.Host.Now() }
func (w writerContext) Logger() *slog.Logger { return w.ctx.Host.Logger() }

func (w writerContext) Schedule(d time.Duration, f func() error) {
	if w.scheduled == nil {
		return
	}
	w.ctx.Host.Async(w.ctx.Node, d, func(context.Context) {}, func() { w.scheduled(f) })
}

// Discard drops every record.
type Discard[T any] struct{}

type discardInstance[T any] struct{ Base }

// New implements [Factory].
func (Discard[T]) New(*Context, Wiring) (Instance, error) { return discardInstance[T]{}, nil }

func (discardInstance[T]) Inputs() []any { return []any{PortOf[T](Wiring{})} }
