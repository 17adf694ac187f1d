package connectortest

import (
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
)

// WriterContext is a context to run a writer or a committer in. Its time is virtual. It belongs to the goroutine of the test.
type WriterContext struct {
	Job              string
	Task, Tasks      int
	CurrentWatermark int64
	Unbounded        bool
	Log              *slog.Logger
	now              time.Time
	timers           []timer
}

type timer struct {
	at time.Time
	f  func() error
}

var _ connector.WriterContext = (*WriterContext)(nil)

// NewWriterContext returns the context of one of several writers.
func NewWriterContext(task, tasks int) *WriterContext {
	return &WriterContext{
		Job: "test", Task: task, Tasks: tasks, CurrentWatermark: eventtime.MinWatermark,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func (c *WriterContext) JobID() string { return c.Job }

func (c *WriterContext) Subtask() int { return c.Task }

func (c *WriterContext) Parallelism() int { return c.Tasks }

func (c *WriterContext) Watermark() int64 { return c.CurrentWatermark }

func (c *WriterContext) Bounded() bool { return !c.Unbounded }

func (c *WriterContext) Now() time.Time { return c.now }

func (c *WriterContext) Logger() *slog.Logger { return c.Log }

func (c *WriterContext) Schedule(d time.Duration, f func() error) {
	w := timer{c.now.Add(max(d, 0)), f}
	i := len(c.timers)
	for i > 0 && c.timers[i-1].at.After(w.at) {
		i--
	}
	c.timers = slices.Insert(c.timers, i, w)
}

// Advance lets time pass, and calls what was scheduled within it. It returns the first error.
func (c *WriterContext) Advance(d time.Duration) error {
	end := c.now.Add(d)
	for len(c.timers) > 0 && !c.timers[0].at.After(end) {
		w := c.timers[0]
		c.timers = c.timers[1:]
		c.now = w.at
		if err := w.f(); err != nil {
			return err
		}
	}
	c.now = end
	return nil
}

// Writers are all writers of a sink, which take records in turn.
type Writers[T any] struct {
	t        testing.TB
	Contexts []*WriterContext
	Writers  []connector.Writer[T]
	n        int
	closed   bool
}

// NewWriters makes the writers of a sink. They are closed when the test ends.
func NewWriters[T any](t testing.TB, s connector.Sink[T], parallelism int) *Writers[T] {
	t.Helper()
	w := &Writers[T]{t: t}
	t.Cleanup(w.Close)
	for k := range parallelism {
		ctx := NewWriterContext(k, parallelism)
		writer, err := s.NewWriter(ctx, nil)
		if err != nil {
			t.Fatalf("writer %d: %v", k, err)
		}
		w.Contexts, w.Writers = append(w.Contexts, ctx), append(w.Writers, writer)
	}
	return w
}

// Write gives records to the writers in turn.
func (w *Writers[T]) Write(vs ...T) {
	w.t.Helper()
	for _, v := range vs {
		if err := w.Writers[w.n%len(w.Writers)].Write(v, eventtime.NoTimestamp); err != nil {
			w.t.Fatalf("write: %v", err)
		}
		w.n++
	}
}

// Flush flushes all writers.
func (w *Writers[T]) Flush(endOfInput bool) {
	w.t.Helper()
	for k, writer := range w.Writers {
		if err := writer.Flush(endOfInput); err != nil {
			w.t.Fatalf("flush of writer %d: %v", k, err)
		}
	}
}

// Prepare flushes, and returns what all writers prepare.
func (w *Writers[T]) Prepare(endOfInput bool) []connector.Committable {
	w.t.Helper()
	w.Flush(endOfInput)
	var all []connector.Committable
	for k, writer := range w.Writers {
		p, ok := writer.(connector.PreparingWriter)
		if !ok {
			w.t.Fatalf("writer %d of a committing sink is not a PreparingWriter", k)
		}
		cs, err := p.PrepareCommit()
		if err != nil {
			w.t.Fatalf("prepare of writer %d: %v", k, err)
		}
		for _, c := range cs {
			all = append(all, slices.Clone(c))
		}
	}
	return all
}

// Close closes all writers, unless they are.
func (w *Writers[T]) Close() {
	w.t.Helper()
	if w.closed {
		return
	}
	w.closed = true
	for k, writer := range w.Writers {
		if err := writer.Close(); err != nil {
			w.t.Errorf("close of writer %d: %v", k, err)
		}
	}
}
