//go:build !invariants && !race

package invariants

// Check panics with the formatted message if cond is false and [Enabled] is true. It is safe for concurrent use.
func Check(cond bool, format string, args ...any) {}

// CloseChecker finds a value that is closed twice, used after Close, or not closed at all. Embed or hold one by value; the zero
// value is open. In builds without assertions it has no size and its methods do nothing. Its methods may be called
// concurrently, so that it never hides a race behind one of its own.
type CloseChecker struct{}

// Close marks the value closed; a second call panics with the stack of the first.
func (c *CloseChecker) Close() {}

// AssertOpen panics, with the stack of Close, if the value has been closed.
func (c *CloseChecker) AssertOpen() {}

// AssertClosed panics if the value has not been closed.
func (c *CloseChecker) AssertClosed() {}
