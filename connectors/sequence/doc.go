// Package sequence makes records from numbers: a range of them, or a function of a counter, at full speed or at a rate.
//
// Both sources are replayable: the position is a count, so that with checkpoints each number counts exactly once. fn is called again, after a restore, for
// the numbers behind the checkpoint; a function of its argument alone gives the same records again.
//
// [From] gives each reader a contiguous part of the range. [Generate] deals the numbers out in turn: with n readers the k-th makes k, k+n, k+2n and so on. A restore at
// another parallelism keeps the shares as they are and moves whole shares.
//
// # Rates
//
// With a rate r, number i is due at start + i/r, whatever the parallelism. A reader that is late makes up for it: it emits all that is due at once and sleeps for none of it. So the rate
// holds on average, and the time a record was due, which [GenerateAt] passes on, is the time from which to measure latency. After a restore the clock
// starts anew at the position restored.
//
// From 500 records a second and reader on, the pacer is a worker on a thread of its own that sleeps by the operating system's clock: Go's timers are about a millisecond
// late. It wakes the reader once per Resolution at most; [PacerStats] tells how late it was itself, and what it cost. It needs a context with
// connector.RealTime; in simulation, delays are asked from the engine.
package sequence
