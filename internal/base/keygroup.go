package base

import "fmt"

// KeyGroupRange is the key groups from First to Last, both included. It is empty if First is above Last.
type KeyGroupRange struct{ First, Last int }

// Contains reports whether group lies in the range.
func (r KeyGroupRange) Contains(group int) bool { return r.First <= group && group <= r.Last }

// Len returns the number of key groups in the range.
func (r KeyGroupRange) Len() int { return max(0, r.Last-r.First+1) }

// String returns "0-63".
func (r KeyGroupRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// RangeOf returns the key groups of a subtask, as Flink deals them out: contiguous ranges in the order of the subtasks, whose
// lengths differ by one at most. It needs 0 <= subtask < parallelism <= maxParallelism.
func RangeOf(subtask, parallelism, maxParallelism int) KeyGroupRange {
	s, p, m := int64(subtask), int64(parallelism), int64(maxParallelism)
	return KeyGroupRange{First: int((s*m + p - 1) / p), Last: int(((s+1)*m - 1) / p)}
}

// SubtaskOf returns the subtask whose range holds the key group: the inverse of [RangeOf]. It needs 0 <= group < maxParallelism.
func SubtaskOf(group, parallelism, maxParallelism int) int {
	return int(int64(group) * int64(parallelism) / int64(maxParallelism))
}
