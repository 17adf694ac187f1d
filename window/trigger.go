package window

// Trigger decides when a window is evaluated. It is a value without state: one serves all windows of all subtasks, which may call it at the same time. What it must
// remember about a window of a key lies in numbered slots, which States declares and [TriggerContext] reads and writes.
//
// When which method is called is told in the package comment. A trigger may also have the method of [Checker].
type Trigger[T any] interface {
	// OnElement is called for each record of the window, after it has been added to the contents. ts is its timestamp, eventtime.NoTimestamp if it has none.
	OnElement(v T, ts int64, w Window, ctx TriggerContext[T]) Result
	// OnEventTime is called when a timer of the window comes due that was registered for the watermark t: by the trigger, or by the engine for the window's end. The
	// watermark may be past t already. The window may be empty, in which case firing does nothing.
	OnEventTime(t int64, w Window, ctx TriggerContext[T]) Result
	// OnProcessingTime is the same for timers of processing time.
	OnProcessingTime(t int64, w Window, ctx TriggerContext[T]) Result
	// CanMerge reports whether the trigger works with windows that merge.
	CanMerge() bool
	// OnMerge is called for a window that other windows have become. The state is combined already; timers of the new window are to be registered here.
	OnMerge(w Window, ctx TriggerContext[T])
	// Clear is called when the window is removed, or has become part of another one; a trigger around this one may also call it on other occasions. It unsets the
	// slots and deletes the timers that the trigger may have registered. What slots of a removed window it leaves, the engine unsets.
	Clear(w Window, ctx TriggerContext[T])
	// States declares the slots that the trigger uses, in the order of their numbers: the first is slot 0. It returns the same each time.
	States() []StateSpec
	// String describes the trigger in plans and errors.
	String() string
}

// TriggerContext is what a trigger sees of the window it is called for. It is valid during the call alone.
//
// A timer is known by its key, window and time: to register it twice has no effect, and to delete one that does not exist neither. The timer for the end of the
// window is one of them, so a trigger that deletes a timer at [Spec.Cleanup] keeps the window alive; the next record registers it again. A timer for a time
// that has passed comes due with the next watermark that advances, or, in processing time, soon after.
type TriggerContext[T any] interface {
	CurrentWatermark() int64
	CurrentProcessingTime() int64

	RegisterEventTimeTimer(t int64)
	DeleteEventTimeTimer(t int64)
	RegisterProcessingTimeTimer(t int64)
	DeleteProcessingTimeTimer(t int64)

	// Int reads a slot of kind [IntState], and reports whether it is set.
	Int(slot int) (int64, bool)
	// SetInt sets a slot of kind [IntState].
	SetInt(slot int, n int64)
	// Element reads a slot of kind [ElementState], and reports whether it is set.
	Element(slot int) (T, bool)
	// SetElement sets a slot of kind [ElementState].
	SetElement(slot int, v T)
	// Unset makes a slot of either kind unset again.
	Unset(slot int)
}

// StateSpec declares one slot of a trigger's state. Slots start unset.
type StateSpec struct {
	// Name is for people who look at the state.
	Name string
	Kind StateKind
	// Merge says what becomes of the slot when windows merge.
	Merge Merge
}

// StateKind is the type of a slot.
type StateKind uint8

const (
	// IntState is an int64.
	IntState StateKind = iota
	// ElementState is an element of the stream.
	ElementState
)

// Merge says how slots of windows that merge are combined before OnMerge. In the old windows they are unset afterwards. Slots that are unset take no part.
type Merge uint8

const (
	// MergeDrop leaves the slot of the new window unset. It is the only choice for [ElementState].
	MergeDrop Merge = iota
	// MergeSum adds up.
	MergeSum
	// MergeMin takes the least.
	MergeMin
	// MergeMax takes the greatest.
	MergeMax
)

// Ints combines two numbers. It must not be called for [MergeDrop].
func (m Merge) Ints(a, b int64) int64 {
	switch m {
	case MergeMin:
		return min(a, b)
	case MergeMax:
		return max(a, b)
	default:
		return a + b
	}
}

// Result is what a trigger decides.
type Result uint8

const (
	// Continue does nothing.
	Continue Result = 0
	// Fire evaluates the window and keeps its contents.
	Fire Result = 1
	// Purge throws the contents away without evaluating them. The trigger's state, the state per window and the window itself stay.
	Purge Result = 2
	// FireAndPurge evaluates the window, then throws the contents away.
	FireAndPurge Result = Fire | Purge
)

// IsFire reports whether the window is to be evaluated.
func (r Result) IsFire() bool { return r&Fire != 0 }

// IsPurge reports whether the contents are to be thrown away, after they have been evaluated if they are.
func (r Result) IsPurge() bool { return r&Purge != 0 }

// String returns "CONTINUE", "FIRE", "PURGE" or "FIRE_AND_PURGE".
func (r Result) String() string {
	return [...]string{"CONTINUE", "FIRE", "PURGE", "FIRE_AND_PURGE"}[r&FireAndPurge]
}

// passive is the part of a trigger that does nothing, for built-in ones to override.
type passive[T any] struct{}

func (passive[T]) OnElement(T, int64, Window, TriggerContext[T]) Result     { return Continue }
func (passive[T]) OnEventTime(int64, Window, TriggerContext[T]) Result      { return Continue }
func (passive[T]) OnProcessingTime(int64, Window, TriggerContext[T]) Result { return Continue }
func (passive[T]) CanMerge() bool                                           { return false }
func (passive[T]) OnMerge(Window, TriggerContext[T])                        {}
func (passive[T]) Clear(Window, TriggerContext[T])                          {}
func (passive[T]) States() []StateSpec                                      { return nil }
