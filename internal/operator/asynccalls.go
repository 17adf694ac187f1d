package operator

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/xsync"
)

// asyncCall is what a call of the user's function leaves for the task. Its worker alone touches it until the entry is handed back.
type asyncCall[U any] struct {
	ctx     context.Context // of all attempts
	results []U
	err     error
	again   bool // the predicates ask for another attempt
}

// asyncCalls runs calls of the user's function away from the task. In production workers are goroutines that wait for the next call: about as many as calls were ever
// under way at once. In simulation, where nothing may wait outside, each call is work of its own.
type asyncCalls[T, U any] struct {
	ctx   *Context
	fns   AsyncFunctions[T, U]
	retry AsyncRetry[U]
	real  bool
	// todo has room for all calls that may be under way. Each entry in it has a worker of its own that is about to take it: one that was idle, or a new one.
	todo chan *asyncEntry[T, U]
	idle atomic.Int64 // workers that will take an entry for which nobody has been sent; the task alone lowers it

	arrived atomic.Bool // news is not empty
	mu      struct {
		xsync.Mutex
		news    []asyncNews[T, U]
		running int
		closed  bool
	}
	spare []asyncNews[T, U]
}

// asyncNews is what the task is told from elsewhere. It does not come as mail, so that it arrives while an emit is parked, too.
type asyncNews[T, U any] struct {
	kind  newsKind
	entry *asyncEntry[T, U]
	life  uint64 // of the entry
}

type newsKind uint8

const (
	callReturned newsKind = iota
	pauseOver
	deadlineReached
)

// start begins a call; it never blocks. No more calls than the capacity may be under way.
func (c *asyncCalls[T, U]) start(e *asyncEntry[T, U]) {
	switch {
	case !c.real:
		c.ctx.Host.Async(c.ctx.Node, 0, func(ctx context.Context) { c.run(ctx, e) }, nil)
		return
	case c.idle.Load() > 0:
		c.idle.Add(-1)
	default:
		c.ctx.Host.Async(c.ctx.Node, 0, c.work, nil)
	}
	c.todo <- e
}

func (c *asyncCalls[T, U]) work(ctx context.Context) {
	for e := range c.todo {
		c.run(ctx, e)
		c.idle.Add(1)
	}
}

// run makes one call, on a worker. A panic or runtime.Goexit goes on to the host, which fails the task.
func (c *asyncCalls[T, U]) run(ctx context.Context, e *asyncEntry[T, U]) {
	c.mu.Lock()
	closed := c.mu.closed
	if !closed {
		c.mu.running++
	}
	c.mu.Unlock()
	if closed {
		return
	}
	returned := false
	defer func() {
		if !returned {
			c.leave(nil)
		}
	}()
	call := &e.call
	if call.ctx == nil || !c.real { // in simulation a context belongs to one piece of work
		call.ctx = c.contextFor(ctx, e.deadline)
	}
	call.results, call.err = c.fns.Invoke(call.ctx, e.value)
	call.again = e.attempts <= c.retry.Retries && c.retry.again(call.results, call.err)
	if lazy, _ := call.ctx.(*lazyDeadline); lazy != nil && !call.again {
		lazy.release()
	}
	returned = true
	c.leave(e)
}

// leave ends a call. e is nil if it has not returned.
func (c *asyncCalls[T, U]) leave(e *asyncEntry[T, U]) {
	c.mu.Lock()
	c.mu.running--
	last := c.mu.closed && c.mu.running == 0
	first := e != nil && c.addLocked(asyncNews[T, U]{callReturned, e, 0})
	c.mu.Unlock()
	if first {
		c.rouse()
	}
	if last {
		if err := c.closeFunction(); err != nil {
			c.ctx.Host.Logger().Warn("closing an operator failed", "operator", c.ctx.Name, "err", err)
		}
	}
}

// tell hands news to the task. It may be called from any goroutine.
func (c *asyncCalls[T, U]) tell(n asyncNews[T, U]) {
	c.mu.Lock()
	first := c.addLocked(n)
	c.mu.Unlock()
	if first {
		c.rouse()
	}
}

// addLocked adds news, and reports whether they are the first to wait for the task.
func (c *asyncCalls[T, U]) addLocked(n asyncNews[T, U]) bool {
	c.mu.news = append(c.mu.news, n)
	if len(c.mu.news) > 1 {
		return false
	}
	c.arrived.Store(true)
	return true
}

func (c *asyncCalls[T, U]) rouse() {
	c.ctx.Stop.Store(1)
	c.ctx.Host.Wake()
}

// later tells n after a delay.
func (c *asyncCalls[T, U]) later(delay time.Duration, n asyncNews[T, U]) {
	c.ctx.Host.Async(c.ctx.Node, delay, func(context.Context) { c.tell(n) }, nil)
}

// news returns what has been told, in that order. It is valid until the next call.
func (c *asyncCalls[T, U]) news() []asyncNews[T, U] {
	if !c.arrived.Load() {
		return nil
	}
	clear(c.spare)
	c.mu.Lock()
	list := c.mu.news
	c.mu.news = c.spare[:0]
	c.arrived.Store(false)
	c.mu.Unlock()
	c.spare = list
	return list
}

// close ends the workers and closes the user's function: at once if no call is under way, else behind the last one, on its worker.
func (c *asyncCalls[T, U]) close() error {
	c.mu.Lock()
	again, idle := c.mu.closed, c.mu.running == 0
	c.mu.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	if c.todo != nil {
		close(c.todo)
	}
	if !idle {
		return nil
	}
	return c.closeFunction()
}

func (c *asyncCalls[T, U]) closeFunction() error {
	if c.fns.Close == nil {
		return nil
	}
	return c.fns.Close()
}
