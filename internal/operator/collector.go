package operator

// Collector takes the records that a user function emits for one input record. It belongs to that function's operator and is used only
// while the function runs.
type Collector[T any] struct {
	next func(T, int64)
	ctx  *Context
	ts   int64
}

// Collect emits a record with the timestamp of the input record.
func (c *Collector[T]) Collect(v T) { c.CollectAt(v, c.ts) }

// CollectAt emits a record with a timestamp of its own, in milliseconds since the epoch.
func (c *Collector[T]) CollectAt(v T, ts int64) {
	c.next(v, ts)
	if c.ctx.Stop.Load() != 0 {
		c.ctx.Host.Interrupt()
	}
}

// Timestamp is that of the input record, eventtime.NoTimestamp if it has none.
func (c *Collector[T]) Timestamp() int64 { return c.ts }

// SetTimestamp sets the timestamp of what Collect emits next.
func (c *Collector[T]) SetTimestamp(ts int64) { c.ts = ts }
