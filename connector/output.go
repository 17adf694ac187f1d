package connector

import (
	"sync/atomic"

	"github.com/weirstream/weir/eventtime"
)

// Output takes the records of a reader. It belongs to the reader's task and may be used only within Poll.
type Output[T any] struct {
	emit  func(v T, ts int64)
	ref   func(v *T, ts int64)
	hooks OutputHooks
	stop  *atomic.Uint32
	count int64
}

// OutputHooks is the engine's side of an [Output].
type OutputHooks interface {
	Watermark(t int64)
	Idle(idle bool)
}

// NewOutput is called by the engine, and by tests of connectors. ref takes a record by reference; nil means that it is copied and given to emit. stop is raised when
// Poll should return.
func NewOutput[T any](emit func(v T, ts int64), ref func(v *T, ts int64), hooks OutputHooks, stop *atomic.Uint32) *Output[T] {
	if ref == nil {
		ref = func(v *T, ts int64) { emit(*v, ts) }
	}
	return &Output[T]{emit: emit, ref: ref, hooks: hooks, stop: stop}
}

// Collect emits a record that has no timestamp.
func (o *Output[T]) Collect(v T) {
	o.count++
	o.emit(v, eventtime.NoTimestamp)
}

// CollectAt emits a record with a timestamp in milliseconds since the epoch.
func (o *Output[T]) CollectAt(v T, ts int64) {
	o.count++
	o.emit(v, ts)
}

// CollectRef emits the record that v points to. The engine may change it, and is done with it when CollectRef returns: a reader that makes records in one place
// over and over saves copying them.
func (o *Output[T]) CollectRef(v *T, ts int64) {
	o.count++
	o.ref(v, ts)
}

// Watermark says that no record with a timestamp at or below t is expected any more. One that does not advance is ignored.
func (o *Output[T]) Watermark(t int64) { o.hooks.Watermark(t) }

// Idle says that this reader has nothing to tell about time for now, so that others need not wait for its watermark; a record or
// Idle(false) ends it. Calling it twice is the same as once.
func (o *Output[T]) Idle(idle bool) { o.hooks.Idle(idle) }

// Stop reports whether Poll should return: there is other work, or no room for more records. It costs nothing that can be measured.
func (o *Output[T]) Stop() bool { return o.stop.Load() != 0 }

// Count is the number of records emitted so far.
func (o *Output[T]) Count() int64 { return o.count }
