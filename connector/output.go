package connector

import (
	"sync/atomic"

	"github.com/weirstream/weir/eventtime"
)

// Output takes the records of a reader, or of one of its splits: see [Output.Split]. It belongs to the reader's task and may be used only within Poll.
type Output[T any] struct {
	emit  func(v T, ts int64)
	ref   func(v *T, ts int64)
	hooks OutputHooks
	stop  *atomic.Uint32
	count int64
	// What follows is for the reader's own output. ended counts the records of splits that have ended, last is the split asked for last.
	main   *Output[T] // of a split's output: the reader's
	splits map[string]*Output[T]
	ended  int64
	last   *Output[T]
	lastID string
}

// OutputHooks is the engine's side of an [Output].
type OutputHooks interface {
	Watermark(t int64)
	Idle(idle bool)
}

// SplitHooks is an optional capability of the [OutputHooks] of a reader's output: the engine makes the outputs of splits.
type SplitHooks[T any] interface {
	// OpenSplit returns a new output for a split, made by NewOutput.
	OpenSplit(id string) *Output[T]
	// EndSplit tells that a split has ended, whether or not it had an output.
	EndSplit(id string)
}

// NewOutput is called by the engine, and by tests of connectors. ref takes a record by reference; nil means that it is copied and given to emit. stop is raised when
// Poll should return.
func NewOutput[T any](emit func(v T, ts int64), ref func(v *T, ts int64), hooks OutputHooks, stop *atomic.Uint32) *Output[T] {
	if ref == nil {
		ref = func(v *T, ts int64) { emit(*v, ts) }
	}
	return &Output[T]{emit: emit, ref: ref, hooks: hooks, stop: stop}
}

// Split returns the output for the records of one split, so that the engine makes watermarks for each split by itself: the source's watermark is the lowest of them, and
// the order of records matters only within a split. It is the same one each time until [Output.EndSplit]. Asking costs a comparison for the split asked for last, and
// a look into a map for another: a reader asks once a Poll, or keeps what it got until the split ends.
//
// A split holds back the watermark from the time it was assigned, or, with a reader that is [SplitsInTurn], from the first call of Split. A reader that never calls Split has
// no splits in this respect.
func (o *Output[T]) Split(id string) *Output[T] {
	if o.last != nil && o.lastID == id {
		return o.last
	}
	if o.main != nil {
		return o.main.Split(id)
	}
	s := o.splits[id]
	if s == nil {
		s = o.open(id)
	}
	o.last, o.lastID = s, id
	return s
}

func (o *Output[T]) open(id string) *Output[T] {
	var s *Output[T]
	if h, ok := o.hooks.(SplitHooks[T]); ok {
		s = h.OpenSplit(id)
	} else {
		s = NewOutput(o.emit, o.ref, o.hooks, o.stop)
	}
	s.main = o
	if o.splits == nil {
		o.splits = map[string]*Output[T]{}
	}
	o.splits[id] = s
	return s
}

// EndSplit says that all records of a split were emitted: it no longer holds back the watermark. A reader calls it for each split that it was assigned, also for one without
// records. A second call does nothing.
func (o *Output[T]) EndSplit(id string) {
	if o.main != nil {
		o.main.EndSplit(id)
		return
	}
	if s := o.splits[id]; s != nil {
		o.ended += s.count
		delete(o.splits, id)
	}
	if o.lastID == id {
		o.last = nil
	}
	if h, ok := o.hooks.(SplitHooks[T]); ok {
		h.EndSplit(id)
	}
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

// Watermark says that no record with a timestamp at or below t is expected any more, of this reader or this split. One that does not advance is ignored. It ends idleness.
func (o *Output[T]) Watermark(t int64) { o.hooks.Watermark(t) }

// Idle says that this reader, or this split, has nothing to tell about time for now, so that others need not wait for its watermark; a record, a watermark or
// Idle(false) ends it. Calling it twice is the same as once.
func (o *Output[T]) Idle(idle bool) { o.hooks.Idle(idle) }

// Stop reports whether Poll should return: there is other work, or no room for more records. It costs nothing that can be measured.
func (o *Output[T]) Stop() bool { return o.stop.Load() != 0 }

// Count is the number of records emitted so far; of a reader's output, with those of its splits.
func (o *Output[T]) Count() int64 {
	n := o.count + o.ended
	for _, s := range o.splits {
		n += s.count
	}
	return n
}
