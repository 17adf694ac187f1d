package operator

import (
	"math"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// sliceGrid numbers the windows of an aligned assigner, and the slices that they are made of: the longest stretches of time of which every window has all or nothing. Window k consists of the slices
// from k*perSlide on, perWindow of them. Numbers do not overflow where times do: a window may begin before the first time, or end behind the last.
//
// The exception is slices of one millisecond near the ends of time, see covers.
type sliceGrid struct {
	size, slide, slice  int64 // milliseconds
	perWindow, perSlide int64 // slices
	// offset is that of windows, from 0 to slide-1; it is shift slices and the rest of a slice.
	offset, shift, rest int64
}

func newSliceGrid(a window.Aligned) sliceGrid {
	g := sliceGrid{size: a.Size(), slide: a.Slide(), slice: gcd(a.Size(), a.Slide())}
	g.perWindow, g.perSlide = g.size/g.slice, g.slide/g.slice
	g.offset = (a.Offset()%g.slide + g.slide) % g.slide
	g.shift, g.rest = g.offset/g.slice, g.offset%g.slice
	return g
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// covers reports whether the numbers of a time's slice and windows can be told.
func (g *sliceGrid) covers(t int64) bool {
	const far = 1 << 62
	return g.slice > 1 || -far < t && t < far
}

// sliceOf is the slice of a time.
func (g *sliceGrid) sliceOf(t int64) int64 {
	n := floorDiv(t, g.slice)
	if t-n*g.slice < g.rest {
		n--
	}
	return n - g.shift
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// firstWindow and lastWindow are the windows that have a slice.
func (g *sliceGrid) firstWindow(slice int64) int64 {
	return floorDiv(slice-g.perWindow, g.perSlide) + 1
}
func (g *sliceGrid) lastWindow(slice int64) int64 { return floorDiv(slice, g.perSlide) }

// firstSlice and lastSlice are those of a window.
func (g *sliceGrid) firstSlice(k int64) int64 { return k * g.perSlide }
func (g *sliceGrid) lastSlice(k int64) int64  { return k*g.perSlide + g.perWindow - 1 }

// window is the window of a number, cut at the ends of time.
func (g *sliceGrid) window(k int64) window.Window {
	return window.Window{Start: at(k, g.slide, g.offset), End: at(k+g.size/g.slide, g.slide, g.offset+g.size%g.slide)}
}

// tumbling is the window of a time, where each slice is one.
func (g *sliceGrid) tumbling(ts int64) window.Window {
	if g.size > 1 {
		return g.window(g.sliceOf(ts))
	}
	return window.Window{Start: ts, End: addSat(ts, 1)}
}

// bounds are the times of a slice, from the first to the one behind the last, cut at the ends of time.
func (g *sliceGrid) bounds(slice int64) (from, until int64) {
	return max(at(slice+g.shift, g.slice, g.rest), eventtime.NoTimestamp+1), at(slice+g.shift+1, g.slice, g.rest)
}

// closed is the last window that has ended when the watermark has come to t, which is not the end of time.
func (g *sliceGrid) closed(t int64) int64 {
	n, rest := (g.offset+g.size)/g.slide, (g.offset+g.size)%g.slide
	k := floorDiv(t+1, g.slide)
	if t+1-k*g.slide < rest {
		k--
	}
	return k - n
}

// at is n*unit+rest, cut at the ends of time, for a rest from 0 to 2*unit.
func at(n, unit, rest int64) int64 {
	for rest >= unit {
		n, rest = n+1, rest-unit
	}
	if n < 0 { // counted down from the next one, so that what is cut is below the first time
		n, rest = n+1, rest-unit
	}
	t := n * unit
	if n != 0 && t/n != unit {
		if n < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	switch s := t + rest; {
	case rest > 0 && s < t:
		return math.MaxInt64
	case rest < 0 && s > t:
		return math.MinInt64
	default:
		return s
	}
}
