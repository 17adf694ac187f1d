// Package window describes windows: which windows a record belongs to ([Assigner]), when a window is evaluated ([Trigger]), which of its elements are thrown out on that
// occasion ([Evictor]), and how long it waits for late records. There is no machinery here: the descriptions are plain values, which the engine reads and acts on.
//
// All built-in descriptions behave as those of Apache Flink with the same names, and print as these do. Where they depart, their comments say so.
//
// # Time
//
// Timestamps, watermarks and processing times are milliseconds since the Unix epoch. A duration is cut to whole milliseconds. Windows are half-open: [Start, End).
//
// A window at the edge of time, which would begin before the first timestamp or end behind the last, is cut there.
//
// # Life of a window
//
// The engine keeps windows per key. For each record it asks the assigner for the windows of the record, and for each of these that is not late it adds the record to the
// contents and calls [Trigger.OnElement]. Later, timers that the trigger registered call [Trigger.OnEventTime] or [Trigger.OnProcessingTime]. Where the trigger answers
// [Fire], the contents are evaluated, unless they are empty; where it answers [Purge], they are thrown away, while the state of the trigger stays.
//
// A window ends at its [Window.MaxTimestamp], event-time windows the allowed lateness later. A timer of the engine at that time, which calls the trigger as any other timer
// does, removes contents, the trigger's state and the state per window, after a call of [Trigger.Clear]. Windows that end at the end of time are never removed.
//
// An event-time window is late when the watermark has reached its end and the allowed lateness. A record all of whose windows are late goes to the output of late records, or
// is dropped and counted. A record that the assigner gave no window is dropped, and counted as late only if its timestamp is.
//
// # Merging
//
// Windows of an assigner whose Merging returns true grow together where they overlap or touch. When a record arrives, the window it was assigned merges with those of its key
// that are there already. If that gives a window that was not there, then, in this order: the trigger's state of the old windows is combined into the new one as [StateSpec]
// says; [Trigger.OnMerge] is called for the new window; [Trigger.Clear] is called for each of the old ones, and their end timers are deleted; their contents are joined, in
// the order of the old windows' start. Then the record is added. Timers of old windows that nobody deleted do nothing when their time comes.
package window
