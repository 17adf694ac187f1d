//go:build invariants || race

package invariants

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Check panics with the formatted message if cond is false and [Enabled] is true. It is safe for concurrent use.
func Check(cond bool, format string, args ...any) {
	if !cond {
		panic("invariant does not hold: " + fmt.Sprintf(format, args...))
	}
}

// CloseChecker finds a value that is closed twice, used after Close, or not closed at all. Embed or hold one by value; the zero
// value is open. In builds without assertions it has no size and its methods do nothing. Its methods may be called
// concurrently, so that it never hides a race behind one of its own.
type CloseChecker struct {
	closedAt atomic.Pointer[string]
}

// Close marks the value closed; a second call panics with the stack of the first.
func (c *CloseChecker) Close() {
	stack := string(debug.Stack())
	if !c.closedAt.CompareAndSwap(nil, &stack) {
		panic("invariant does not hold: closed twice; the first Close was at\n" + *c.closedAt.Load())
	}
}

// AssertOpen panics, with the stack of Close, if the value has been closed.
func (c *CloseChecker) AssertOpen() {
	if at := c.closedAt.Load(); at != nil {
		panic("invariant does not hold: used after Close, which was at\n" + *at)
	}
}

// AssertClosed panics if the value has not been closed.
func (c *CloseChecker) AssertClosed() {
	if c.closedAt.Load() == nil {
		panic("invariant does not hold: not closed")
	}
}
