// Package temporal holds the state machines of event time. They are pure: no clock, no goroutine, no I/O.
//
//   - [Valve] combines the watermarks of the channels of a task, [Splits] those of the splits of a source's reader.
//   - [Idleness] finds silent inputs by comparing counters, on a clock that [Stopwatch] can hold.
//   - [Alignment] keeps the sources of a group together.
package temporal
