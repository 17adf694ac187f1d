package operator

import "github.com/weirstream/weir/eventtime"

// Rows is the typed chunk: values with their timestamps, on keyed edges the hash of each key, and marks among them.
//
// The slices have room beyond n; only the first n entries mean something.
type Rows[T any] struct {
	Values  []T
	Times   []int64
	Hashes  []uint64 // nil unless the edge is keyed
	marks   []eventtime.Mark
	n       int
	bytes   int // pinned beyond the fixed size, by the first weighed values
	weighed int
	scrub   bool // whether T holds pointers
}

var _ Chunk = (*Rows[int])(nil)

// Rows implements [Chunk].
func (r *Rows[T]) Rows() int { return r.n }

// MarkCount implements [Chunk].
func (r *Rows[T]) MarkCount() int { return len(r.marks) }

// Mark implements [Chunk].
func (r *Rows[T]) Mark(i int) (int, int64) { return r.marks[i].Row, r.marks[i].Watermark }

// Reset implements [Chunk].
func (r *Rows[T]) Reset() {
	if r.scrub {
		clear(r.Values[:r.n])
	}
	r.n, r.bytes, r.weighed, r.marks = 0, 0, 0, r.marks[:0]
}

// grow makes room for at least one more row, up to limit. hint is how many rows chunks have had of late.
func (r *Rows[T]) grow(limit, hint int, keyed bool) {
	size := min(max(2*len(r.Values), 8, hint), limit)
	values, times := make([]T, size), make([]int64, size)
	copy(values, r.Values[:r.n])
	copy(times, r.Times[:r.n])
	r.Values, r.Times = values, times
	if keyed {
		hashes := make([]uint64, size)
		copy(hashes, r.Hashes[:r.n])
		r.Hashes = hashes
	}
}

// mark places a watermark behind the last row. Of several at one place the last says all.
func (r *Rows[T]) mark(t int64) {
	if last := len(r.marks) - 1; last >= 0 && r.marks[last].Row == r.n {
		r.marks[last].Watermark = t
		return
	}
	r.marks = append(r.marks, eventtime.Mark{Row: r.n, Watermark: t})
}
