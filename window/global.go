package window

// GlobalWindows is the assigner that gives all records of a key the one window [Global]. Its windows count as processing-time windows, so that no record is late, and they are
// never removed. Make one with [Globals] or [GlobalsUntilEnd].
type GlobalWindows[T any] struct{ endOfStream bool }

// Globals returns the assigner of the global window with [NeverTrigger]: results come only if another trigger is set.
func Globals[T any]() GlobalWindows[T] { return GlobalWindows[T]{} }

// GlobalsUntilEnd returns the assigner of the global window with [EndOfStreamTrigger]: one result per key, when the bounded input ends.
func GlobalsUntilEnd[T any]() GlobalWindows[T] { return GlobalWindows[T]{true} }

// Assign appends [Global].
func (a GlobalWindows[T]) Assign(_ T, _, _ int64, out []Window) ([]Window, error) {
	return append(out, Global), nil
}

// EventTime returns false.
func (a GlobalWindows[T]) EventTime() bool { return false }

// Merging returns false.
func (a GlobalWindows[T]) Merging() bool { return false }

// DefaultTrigger is [NeverTrigger] or [EndOfStreamTrigger].
func (a GlobalWindows[T]) DefaultTrigger() Trigger[T] {
	if a.endOfStream {
		return EndOfStreamTrigger[T]()
	}
	return NeverTrigger[T]()
}

// String returns GlobalWindows(trigger=NeverTrigger) or GlobalWindows(trigger=EndOfStreamTrigger).
func (a GlobalWindows[T]) String() string {
	return "GlobalWindows(trigger=" + a.DefaultTrigger().String() + ")"
}
