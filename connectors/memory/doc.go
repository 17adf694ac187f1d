// Package memory has sources that read values of the program, and sinks that hand records to it.
//
// [Values], [Slice] and [Seq] are bounded and replayable: with checkpoints each value counts exactly once. Slices are shared with the program, which must not change them
// while the job runs, and are not part of a checkpoint: the program that restores must build the same slice again, and likewise the same sequence.
//
// [SinkFunc] is at least once: after a restore, records behind the checkpoint are given again. [Discard] throws records away.
package memory
