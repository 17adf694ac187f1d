package window

import (
	"fmt"
	"math"
	"time"
)

// Window is a span of time, in milliseconds since the Unix epoch: Start belongs to it, End does not. Windows are compared and hashed by their fields.
type Window struct {
	Start, End int64
}

// Global is the one window of [GlobalWindows], which spans all time and never ends.
var Global = Window{math.MinInt64, math.MaxInt64}

// IsGlobal reports whether w is [Global].
func (w Window) IsGlobal() bool { return w.Start == math.MinInt64 && w.End == math.MaxInt64 }

// MaxTimestamp is the last timestamp that belongs to the window: End-1, or the end of time for [Global]. It is the timestamp of the window's results.
func (w Window) MaxTimestamp() int64 {
	if w.IsGlobal() {
		return math.MaxInt64
	}
	return w.End - 1
}

// Touches reports whether the two windows overlap, or one begins where the other ends. Windows that merge do so when they touch.
func (w Window) Touches(o Window) bool { return w.Start <= o.End && w.End >= o.Start }

// Cover is the smallest window that spans both.
func (w Window) Cover(o Window) Window { return Window{min(w.Start, o.Start), max(w.End, o.End)} }

// Compare orders windows by start, then by end.
func (w Window) Compare(o Window) int {
	switch {
	case w.Start != o.Start && w.Start < o.Start, w.Start == o.Start && w.End < o.End:
		return -1
	case w == o:
		return 0
	default:
		return 1
	}
}

// String returns the window as Flink prints it: TimeWindow{start=0, end=5000}, or GlobalWindow.
func (w Window) String() string {
	if w.IsGlobal() {
		return "GlobalWindow"
	}
	return fmt.Sprintf("TimeWindow{start=%d, end=%d}", w.Start, w.End)
}

// Duration is the length of the window. The longest time.Duration stands for all longer ones.
func (w Window) Duration() time.Duration {
	const limit = math.MaxInt64 / int64(time.Millisecond)
	if d := w.End - w.Start; w.End < w.Start || d >= 0 && d <= limit {
		return time.Duration(d) * time.Millisecond
	}
	return math.MaxInt64
}

// StartOf returns the start of the window of the given size that t falls into, where windows start at offset and at every size from there, in both directions. The
// size is positive. A start before the first timestamp is the first timestamp.
func StartOf(t, offset, size int64) int64 { return sub(t, phase(t, offset, size)) }

// phase is how far t is behind the last start at or before it: 0 to slide-1.
func phase(t, offset, slide int64) int64 {
	r := (t%slide - offset%slide) % slide
	if r < 0 {
		r += slide
	}
	return r
}

// add is a+b for b >= 0, at most the end of time.
func add(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxInt64
}

// sub is a-b for b >= 0, at least the beginning of time.
func sub(a, b int64) int64 {
	if s := a - b; s <= a {
		return s
	}
	return math.MinInt64
}
