package weir

import (
	"log/slog"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

// Context is what the engine gives to a function with context. It belongs to one subtask of one operator, and is used only while the function runs.
type Context struct {
	c    *operator.Context
	side map[string]any
	ts   int64
}

func newContext(c *operator.Context, w operator.Wiring) *Context {
	return &Context{c: c, side: w.Side}
}

// Subtask counts from 0.
func (x *Context) Subtask() int { return x.c.Subtask }

// Parallelism is the number of subtasks of the operator.
func (x *Context) Parallelism() int { return x.c.Parallelism }

// OperatorName is the name of the operator.
func (x *Context) OperatorName() string { return x.c.Name }

// Timestamp is that of the current record in milliseconds since the epoch, eventtime.NoTimestamp if it has none.
func (x *Context) Timestamp() int64 { return x.ts }

// Watermark is the current one, eventtime.MinWatermark if there has been none. A record whose timestamp is at or below it is late.
func (x *Context) Watermark() int64 { return x.c.CurrentWatermark }

// ProcessingTime is the engine's clock.
func (x *Context) ProcessingTime() time.Time { return x.c.Host.Now() }

// Parameter returns a job parameter, "" if it is not set.
func (x *Context) Parameter(name string) string { return x.c.Params[name] }

// Done is closed when the job is canceled or the task ends for another reason: a function that waits for something must give up then.
func (x *Context) Done() <-chan struct{} { return x.c.Host.Done() }

// Logger is the job's logger.
func (x *Context) Logger() *slog.Logger {
	return x.c.Host.Logger().With("operator", x.c.Name, "subtask", x.c.Subtask)
}

// OutputTag names a side output that carries T. Make it with [NewOutputTag]; two tags of one name are the same.
type OutputTag[T any] struct{ name string }

// NewOutputTag returns the tag of the given name.
func NewOutputTag[T any](name string) OutputTag[T] { return OutputTag[T]{name} }

// Emit sends a record to the side output, with the timestamp of the current record. Where nobody reads the output it is dropped.
func (t OutputTag[T]) Emit(ctx *Context, v T) { t.EmitAt(ctx, v, ctx.ts) }

// EmitAt is Emit with a timestamp.
func (t OutputTag[T]) EmitAt(ctx *Context, v T, ts int64) {
	out, ok := ctx.side[t.name]
	if !ok {
		return
	}
	port, ok := out.(*operator.Port[T])
	if !ok {
		ctx.c.Fail(fault.New(fault.GraphInvalid, "side output %q is read with another type than %T", t.name, v))
		return
	}
	port.Value(v, ts)
	if ctx.c.Stop.Load() != 0 {
		ctx.c.Host.Interrupt()
	}
}

// SideOutput is the stream of what the operator that made s emits under the tag.
func SideOutput[T, X any](s *Stream[T], tag OutputTag[X]) *Stream[X] {
	out := &Stream[X]{env: s.env}
	if s.op == nil {
		s.env.fail(fault.New(fault.GraphInvalid, "side output %q was asked of a stream that is not an operator's own", tag.name))
		return out
	}
	if tag.name == "" {
		s.env.fail(fault.New(fault.GraphInvalid, "a side output of operator %q has no name", s.op.Name))
	}
	for _, e := range s.env.graph.Edges {
		if e.From == s.op.ID && e.Output == tag.name && e.Type != typeText[X]() {
			s.env.fail(fault.New(fault.GraphInvalid, "side output %q of operator %q is read as %s and as %s", tag.name, s.op.Name, e.Type, typeText[X]()))
		}
	}
	out.feeds = []feed[X]{{from: s.op.ID, output: tag.name}}
	return out
}

// Counter returns the named counter of this job. Functions of all subtasks add to it; the total is in the job's result. Where it is called for every record it costs a search by
// name: a function with a life keeps what Open got.
func (x *Context) Counter(name string) *Counter {
	return &Counter{x.c.Host.Accumulator(x.c.Node, name, operator.AccCounter)}
}

// Counter counts. It belongs to one subtask.
type Counter struct{ a *operator.Accumulator }

// Add adds n, which may be negative.
func (c *Counter) Add(n int64) { c.a.AddInt(n) }

// Measure returns the named measure of this job, of one of the kinds below.
func (x *Context) Measure(name string, kind MeasureKind) *Measure {
	return &Measure{x.c.Host.Accumulator(x.c.Node, name, string(kind))}
}

// MeasureKind is how the values of a measure are combined.
type MeasureKind string

const (
	MeasureSum     MeasureKind = operator.AccSum
	MeasureAverage MeasureKind = operator.AccAverage
	MeasureMinimum MeasureKind = operator.AccMinimum
	MeasureMaximum MeasureKind = operator.AccMaximum
)

// Measure combines floating-point values. It belongs to one subtask.
type Measure struct{ a *operator.Accumulator }

// Add adds a value.
func (m *Measure) Add(v float64) { m.a.AddFloat(v) }

// Histogram returns the named histogram of this job: how often each value was added.
func (x *Context) Histogram(name string) *Histogram {
	return &Histogram{x.c.Host.Accumulator(x.c.Node, name, operator.AccHistogram)}
}

// Histogram counts values. It belongs to one subtask.
type Histogram struct{ a *operator.Accumulator }

// Add adds a value.
func (h *Histogram) Add(v int64) { h.a.AddInt(v) }
