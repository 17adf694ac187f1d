// Package windoworacle says, slowly and obviously, what a keyed windowed operator must answer. [Evaluate] takes a [Script] of rows, watermarks and processing times
// one at a time, and does what the window operators of Apache Flink do, with maps and sorted slices. [Random] draws scripts from a seed, [Shrink] makes one that
// fails small.
//
// # Order of results
//
// Timers that one watermark or one step of processing time brings due fire in the order of their time; those of the same time by key, then by window, the earlier start
// first. Nothing else promises that order among keys and among windows, so results are best compared as [Outcome.Canonical] gives them.
//
// # What it was compared with
//
// testdata/flink has random scripts with the answers of Apache Flink itself.
//
// # Departures from Flink
//
// Where Flink leaves the order open in which the contents of merging windows are joined, here it is the order of their start. A row whose window, in a session with
// a gap function, is exactly one that grew by merging joins that window; Flink loses what the window held. Times beyond the range of int64 are cut, not wrapped. The
// comments of package window name those of single triggers and evictors.
package windoworacle
