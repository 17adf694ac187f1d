// Package state has the states that a function can declare and the handles by which it reads and writes them.
//
// A state is made with its name, is returned by the function's States method, and so is known before the job runs. In each subtask the engine binds the states of that subtask's
// function; from then on they are handles:
//
//	type dedup struct{ seen *state.Value[bool] }
//
//	func newDedup() weir.KeyedProcessFunction[string, Event, Event] {
//		return &dedup{seen: state.NewValue[bool]("seen", state.WithTTL(state.TTL{Time: time.Hour}))}
//	}
//
//	func (d *dedup) States() []state.State { return []state.State{d.seen} }
//
//	func (d *dedup) Process(ctx *weir.KeyedContext[string], e Event, out *weir.Collector[Event]) error {
//		if _, ok := d.seen.Get(); !ok {
//			d.seen.Set(true)
//			out.Collect(e)
//		}
//		return nil
//	}
//
// [Value], [List], [Map], [Reducing] and [Aggregating] are keyed: they stand for the state of the key that is being processed, and can be used only while a record or timer of a key is processed.
// [OperatorList] and [Broadcast] belong to the subtask as a whole.
//
// Handles belong to the subtask's goroutine. None of their methods returns an error: what fails below (a disk, a value that cannot be encoded) fails the job, and the method does not
// return. Values that hold slices, maps or pointers are encoded when they are set and decoded when they are read, so that a change to a value that was read counts only once it is
// set again; types without pointers are kept as they are.
package state
