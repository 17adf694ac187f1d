package operator

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// Factory makes the instances of an operator, one per subtask. It is shared by all of them and is not changed.
type Factory interface {
	New(ctx *Context, w Wiring) (Instance, error)
}

// Port is one input of an operator: two emit functions that do the same. Value takes a record by value, Ref takes it by reference: the record is the callee's
// until it returns, who may change it in place if Mutates is set. A chain of operators that work in place hands one record through without copying it.
//
// Both are always set: see [ValuePort] and [RefPort].
type Port[T any] struct {
	Value func(v T, ts int64)
	Ref   func(v *T, ts int64)
	// Mutates tells that Ref may change the record.
	Mutates bool
	// Drops tells that nothing is done with records.
	Drops bool
	// Taker is what the operator of the port can do besides for one right in front of it in its chain, as agreed between operators of a package; nil for nothing.
	Taker any
	// stage is what Ref begins with, if operators before it may join.
	stage *stage[T]
	// core is the function that Value and Ref both end in; nil if there is none.
	core any
	// branch is kept by a tee.
	branch *int
}

// Entries returns the functions that stand on the stack, once each, when the port was given a record, for naming a panic.
func (p *Port[T]) Entries() []any {
	if p.core != nil {
		return []any{p.core}
	}
	return []any{p.Value, p.Ref}
}

// Fused is how many operators behind this one run in the same emit function.
func (p *Port[T]) Fused() int {
	if p.stage == nil {
		return 0
	}
	return len(p.stage.steps) - 1
}

// Branch is which of several ports a record was last handed to, for naming a panic; -1 if there is but one.
func (p *Port[T]) Branch() int {
	if p.branch == nil {
		return -1
	}
	return *p.branch
}

// ValuePort makes a port of a function that takes records by value.
func ValuePort[T any](value func(T, int64)) *Port[T] {
	return &Port[T]{core: value, Value: value, Ref: func(v *T, ts int64) { value(*v, ts) }}
}

// RefPort makes a port of a function that takes records by reference.
func RefPort[T any](mutates bool, ref func(*T, int64)) *Port[T] {
	place := new(T)
	return &Port[T]{core: ref, Mutates: mutates, Ref: ref, Value: func(v T, ts int64) {
		*place = v
		ref(place, ts)
	}}
}

// Wiring is what stands behind an operator: ports of type *Port[T]. A missing one means that nobody reads that output.
type Wiring struct {
	Main any
	Side map[string]any
}

// PortOf returns the port of the main output, or one that drops records when nobody reads them.
func PortOf[T any](w Wiring) *Port[T] {
	if p, ok := w.Main.(*Port[T]); ok {
		return p
	}
	return &Port[T]{Value: func(T, int64) {}, Ref: func(*T, int64) {}, Drops: true}
}

// Next returns the main emit function by value.
func Next[T any](w Wiring) func(T, int64) { return PortOf[T](w).Value }

// Instance is an operator in one subtask. Embed [Base] for the methods that do nothing.
type Instance interface {
	// Inputs returns the inputs, each a *Port[T], or a *Keyed[T].
	Inputs() []any
	// Functions returns the user's functions, any func values, so that a panic can be traced to this operator.
	Functions() []any
	// Open is called once, before any record.
	Open() error
	// Watermark tells that event time has come to t, which is greater than any before. The task passes it on when more is false.
	Watermark(t int64) (more bool)
	// EndInput tells that an input is complete.
	EndInput(input int)
	// Finish is called when all inputs are complete, until it returns false; it may emit.
	Finish() (more bool)
	// Flush is called when the input pauses: what waits in buffers of the operator's own should become visible.
	Flush()
	// Close is called once, last, also after a failure or cancellation.
	Close() error
}

// Base is an instance that does nothing.
type Base struct{}

func (Base) Inputs() []any        { return nil }
func (Base) Functions() []any     { return nil }
func (Base) Open() error          { return nil }
func (Base) Watermark(int64) bool { return false }
func (Base) EndInput(int)         {}
func (Base) Finish() bool         { return false }
func (Base) Flush()               {}
func (Base) Close() error         { return nil }

// Source is the instance at the head of a chain that reads splits.
type Source interface {
	Instance
	// Poll lets the reader emit some records.
	Poll() (connector.Status, error)
	AddSplits(splits []connector.Split) error
	NoMoreSplits() error
	HandleSourceEvent(event []byte) error
	// Emitted is the number of records emitted so far; of records that are batches, of their rows.
	Emitted() int64
}

// Limited is an optional capability of instances that can be full: see connector.ReadyWriter.
type Limited interface {
	// Ready reports whether the instance takes records.
	Ready() bool
	// OnReady sets what to call, from any goroutine, when Ready may have become true.
	OnReady(wake func())
}

// Checkpointed is an optional capability of instances that keep something of their own beside what is in their store.
type Checkpointed interface {
	// Checkpoint is called between two records, behind Flush, where the checkpoint cuts the stream. It must not block, and what it returns is not changed any more. finished is set when the
	// instance has finished and waits for its output to be committed.
	Checkpoint(id int64, finished bool) (Part, error)
}

// Part is what a checkpoint has of an instance beside its store. It is given back in [Context.Restored].
type Part struct {
	// Splits are those that a source reads, with their positions.
	Splits []connector.Split
	// Writers are the states of writers, Committables what they have prepared and is not committed yet.
	Writers      [][]byte
	Committables []connector.Committable
}

// Commits is an optional capability of sinks in two phases.
type Commits interface {
	// Prepare is called after the last record: it collects what has to be committed.
	Prepare() error
	// Due returns what to commit once checkpoint id is complete: what that checkpoint and those before it have and was not committed; with math.MaxInt64, all there is. commit runs away from
	// the task, may block and may be called again if it failed; done is called on the task when it has succeeded, before Due is called again. commit is nil if there is nothing.
	Due(id int64) (commit func(ctx context.Context) error, done func())
	// Uncommitted reports whether anything is prepared and not committed.
	Uncommitted() bool
}

// Context is what a task gives to one operator instance.
type Context struct {
	Job            base.JobID
	Name           string
	UID            base.OperatorUID
	Node           int // position in the chain
	Subtask        int // from 0
	Parallelism    int
	MaxParallelism int
	KeyGroups      base.KeyGroupRange
	// Bounded is whether all sources of the job end by themselves.
	Bounded bool
	// Batch is whether the job runs in batch mode: the only watermark is the last one, and keyed operators emit final results: see [Grouping].
	Batch bool
	// Params are the job's parameters.
	Params map[string]string
	// Stop is raised when the chain should return to the task at the next record boundary.
	Stop *atomic.Uint32
	Host Host
	// CurrentWatermark is maintained by the task before it calls Watermark.
	CurrentWatermark int64
	// NowMillis is the engine's clock in milliseconds since the epoch at the beginning of the task's step, where WantsTime is set when the instance is made. It never goes back.
	NowMillis int64
	WantsTime bool
	// State says how the operator's state is kept, Store is where, once OpenStore was called.
	State StateConfig
	Store *statebackend.Store
	// Restored is what a checkpoint has for this instance beside its store, nil at a fresh start. Another parallelism deals it out anew.
	Restored *Part
	// Durable is whether the job takes checkpoints.
	Durable bool
	// Paced has a source stop reading after each record, in simulations.
	Paced bool
	// Failed is set once any operator of the chain has failed: operators that run user code drop records then.
	Failed bool
}

// NewContext returns a context with no watermark yet.
func NewContext() *Context { return &Context{CurrentWatermark: eventtime.MinWatermark} }

// Fail fails the task with err, naming this operator. The first failure counts.
func (c *Context) Fail(err error) { c.Host.Fail(c.Node, err) }

// Host is the task, as its operators see it. All methods but Wake are called on the task.
type Host interface {
	// Fail records a failure of the operator at node, raises Stop and sets Failed in every context of the chain.
	Fail(node int, err error)
	// EmitWatermark sends a watermark to what stands behind node, at once.
	EmitWatermark(node int, t int64)
	// EmitIdle tells what stands behind node whether it is idle, at once.
	EmitIdle(node int, idle bool)
	// Async runs work away from the task after delay, then calls then (if not nil) on the task between two records.
	Async(node int, delay time.Duration, work func(context.Context), then func())
	// Wake makes the task look for work. It may be called from any goroutine.
	Wake()
	// Done is closed when the task is canceled or ends. It may be called from any goroutine.
	Done() <-chan struct{}
	// Now is the engine's clock.
	Now() time.Time
	RealTime() bool
	// Random returns a number from [0, 1).
	Random() float64
	Logger() *slog.Logger
	// RequestSplit and SendEvent reach the enumerator of the chain's source.
	RequestSplit()
	SendEvent(event []byte)
	// Accumulator returns the named accumulator of this task, made at its first use.
	Accumulator(node int, name, kind string) *Accumulator
	// ParkOutput waits, inside an emit, until o has room. It returns false if the record may be dropped because the task is ending.
	ParkOutput(o Output) bool
	// Interrupt is called within a record when Stop is raised. It does not return if the task is ending: user code that emits without end is left.
	Interrupt()
	// OutputFull tells that a channel of an output has become full: it raises Stop.
	OutputFull()
}
