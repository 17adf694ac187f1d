package jobmanager

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/xsync"
)

// enumeratorMaker is what the factory of a source operator is asserted to be.
type enumeratorMaker interface {
	NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error)
}

// enumeratorHost runs the enumerator of one vertex and is its context. All calls of user code are made on the job manager's process, one
// at a time; what the enumerator does becomes events of the machine.
//
// Its end is: the context is canceled, asynchronous work that runs comes to its end (or is given up as stuck), Close is called, and
// EnumeratorClosed is given to the machine.
type enumeratorHost struct {
	j      *JobManager
	vertex int
	name   string // of the operator
	ctx    context.Context
	cancel context.CancelFunc

	// The fields below belong to the process.

	enumerator connector.Enumerator // nil until it was made
	broken     bool                 // it failed: only Close is called
	closing    bool                 // nothing but Close is called
	closed     bool                 // Close was called
	stuck      sched.Timer          // gives up on work that does not end

	// mu guards the count of asynchronous work, which starts and ends on other goroutines.
	mu struct {
		xsync.Mutex
		running int
		closing bool
	}
}

var _ connector.EnumeratorContext = (*enumeratorHost)(nil)

func (j *JobManager) startEnumerator(vertex int, restored []byte) {
	h := &enumeratorHost{j: j, vertex: vertex, name: operatorName(j.cfg.Plan, vertex)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	j.enumerators[vertex] = h
	op := j.cfg.Plan.Graph.Operators[j.cfg.Plan.Vertices[vertex].Head()]
	h.guard("NewEnumerator and Start", func() error {
		maker, ok := op.Factory.(enumeratorMaker)
		if !ok {
			return fault.New(fault.InternalInvariant, "%T makes no enumerator", op.Factory)
		}
		var err error
		if h.enumerator, err = maker.NewEnumerator(h, restored); err != nil {
			return err
		}
		if h.enumerator == nil {
			return fault.New(fault.SourceFailed, "NewEnumerator returned nil")
		}
		return h.enumerator.Start()
	}, func(err error) {
		if err != nil {
			h.fail(err)
		} else {
			j.handle(EnumeratorStarted{vertex})
		}
	})
}

// call calls a method of the enumerator, unless it is broken or closing.
func (h *enumeratorHost) call(method string, f func(*enumeratorHost) error) {
	if h.broken || h.closing {
		return
	}
	h.guard(method, func() error { return f(h) }, func(err error) {
		if err != nil {
			h.fail(err)
		}
	})
}

// guard runs user code on the process and then calls then with its error, also when it panicked or is ending the goroutine.
func (h *enumeratorHost) guard(what string, f func() error, then func(error)) {
	returned := false
	defer func() {
		if returned {
			return
		}
		thrown := recover()
		if killed, ok := thrown.(sched.Killed); ok {
			panic(killed)
		}
		// Without a panic that can be recovered, this is runtime.Goexit: run starts another process.
		h.j.exited = thrown == nil
		then(h.blame(thrownError(what, thrown)))
	}()
	err := f()
	returned = true
	then(h.blame(err))
}

// thrownError describes a panic, or runtime.Goexit if thrown is nil. It is called while the stack still stands.
func thrownError(what string, thrown any) error {
	var e *fault.Error
	switch thrown := thrown.(type) {
	case nil:
		e = fault.New(fault.FunctionExit, "the enumerator's %s called runtime.Goexit", what)
	case error:
		e = fault.New(fault.FunctionPanic, "the enumerator's %s panicked: %w", what, thrown)
	default:
		e = fault.New(fault.FunctionPanic, "the enumerator's %s panicked: %v", what, thrown)
	}
	return e.WithStack(string(debug.Stack()))
}

// blame names the operator in an error that names none, and gives it a code if it has none.
func (h *enumeratorHost) blame(err error) error {
	if err == nil {
		return nil
	}
	if operator, _ := fault.OperatorOf(err); operator != "" {
		return err
	}
	if coded, ok := err.(*fault.Error); ok {
		return coded.WithOperator(h.name, 0)
	}
	code := fault.SourceFailed
	if coded, ok := errors.AsType[*fault.Error](err); ok {
		code = coded.Code()
	}
	return fault.New(code, "%w", err).WithOperator(h.name, 0)
}

// fail tells the machine that the enumerator has failed.
func (h *enumeratorHost) fail(err error) {
	h.broken = true
	h.j.handle(EnumeratorFailed{h.vertex, err})
}

// close begins the end. The machine asks for it once.
func (h *enumeratorHost) close() {
	h.closing = true
	h.cancel()
	h.mu.Lock()
	h.mu.closing = true
	running := h.mu.running
	h.mu.Unlock()
	if running == 0 {
		h.finish()
		return
	}
	h.stuck = h.j.cfg.Scheduler.AfterFunc(h.j.cfg.StuckAfter, func() {
		h.j.post(func() {
			if !h.closed {
				// The job's result does not depend on the work any more: it is reported, and left behind.
				h.j.log.Warn("asynchronous work of an enumerator goes on after its context has ended",
					"operator", h.name, "code", string(fault.FunctionStuck))
				h.finish()
			}
		})
	})
}

// finish closes the enumerator, once.
func (h *enumeratorHost) finish() {
	if h.closed {
		return
	}
	h.closed = true
	if h.stuck != nil {
		h.stuck.Stop()
	}
	closed := func(err error) { h.j.handle(EnumeratorClosed{h.vertex, err}) }
	if h.enumerator == nil {
		closed(nil)
		return
	}
	h.guard("Close", h.enumerator.Close, closed)
}

// enter counts in a piece of asynchronous work, unless the enumerator is closing.
func (h *enumeratorHost) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.closing {
		return false
	}
	h.mu.running++
	return true
}

// leave counts it out. The last one lets the enumerator close.
func (h *enumeratorHost) leave() {
	h.mu.Lock()
	h.mu.running--
	last := h.mu.closing && h.mu.running == 0
	h.mu.Unlock()
	if last {
		h.j.post(h.finish)
	}
}

// Parallelism implements connector.EnumeratorContext.
func (h *enumeratorHost) Parallelism() int { return h.j.cfg.Plan.Vertices[h.vertex].Parallelism }

// Logger implements connector.EnumeratorContext.
func (h *enumeratorHost) Logger() *slog.Logger { return h.j.log.With("operator", h.name) }

// Assign implements connector.EnumeratorContext.
func (h *enumeratorHost) Assign(subtask int, splits ...connector.Split) {
	// The list may be the caller's to use again; the states are ours by contract.
	h.j.handle(SplitsAssigned{h.vertex, subtask, slices.Clone(splits)})
}

// NoMoreSplits implements connector.EnumeratorContext.
func (h *enumeratorHost) NoMoreSplits(subtask int) { h.j.handle(SplitsEnded{h.vertex, subtask}) }

// SendEvent implements connector.EnumeratorContext.
func (h *enumeratorHost) SendEvent(subtask int, event []byte) {
	h.j.handle(EnumeratorSent{h.vertex, subtask, slices.Clone(event)})
}

// Fail implements connector.EnumeratorContext.
func (h *enumeratorHost) Fail(err error) {
	if err == nil {
		err = fault.New(fault.SourceFailed, "the enumerator gave up without an error")
	}
	h.fail(h.blame(err))
}

// CallAsync implements connector.EnumeratorContext.
func (h *enumeratorHost) CallAsync(delay time.Duration, work func(context.Context) (any, error), then func(any, error) error) {
	if h.closing {
		return
	}
	h.j.cfg.Scheduler.Async(h.ctx, "enumerator "+h.name, delay, func(ctx context.Context) {
		if !h.enter() {
			return
		}
		defer h.leave()
		returned := false
		defer func() {
			if returned {
				return
			}
			thrown := recover()
			if killed, ok := thrown.(sched.Killed); ok {
				panic(killed)
			}
			err := h.blame(thrownError("asynchronous work", thrown))
			h.j.post(func() { h.call("", func(*enumeratorHost) error { return err }) })
		}()
		result, err := work(ctx)
		returned = true
		h.j.post(func() {
			h.call("continuation", func(*enumeratorHost) error {
				if then == nil {
					return err // nobody else would hear of it
				}
				return then(result, err)
			})
		})
	})
}
