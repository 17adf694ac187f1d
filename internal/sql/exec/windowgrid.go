package exec

import (
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// windowGrid numbers the windows of a specification that is not of sessions, and the slices that they are made of: the longest stretches of time of which every window has all or nothing. Times are in milliseconds, of the
// clock on the wall where the time has a zone.
type windowGrid struct {
	kind                logical.WindowKind
	size, slide, slice  int64
	perWindow, perSlide int64 // slices; of cumulating windows those of the largest
	offset              int64
	number, from, until int64 // the slice that was found last
}

// newWindowGrid checks a specification, as SQL's validation has done before.
func newWindowGrid(w *logical.WindowSpec) (*windowGrid, error) {
	g := &windowGrid{kind: w.Kind, size: w.Size, slide: w.Slide, offset: w.Offset, until: -1}
	if w.Kind == logical.Tumble {
		g.slide = g.size
	}
	const far = 1 << 50
	if g.size <= 0 || g.slide <= 0 || g.size > far || g.slide > far {
		return nil, fault.New(fault.WindowSize, "a window has the size %d ms and the slide or step %d ms", g.size, g.slide)
	}
	if w.Kind == logical.Cumulate {
		if g.size%g.slide != 0 {
			return nil, fault.New(fault.WindowSize, "the largest size of cumulating windows, %d ms, is not a multiple of the step of %d ms", g.size, g.slide)
		}
		g.slice, g.perWindow = g.slide, g.size/g.slide
		g.offset = mod(w.Offset, g.size)
		return g, nil
	}
	g.slice = gcd(g.size, g.slide)
	g.perWindow, g.perSlide = g.size/g.slice, g.slide/g.slice
	g.offset = mod(w.Offset, g.slide)
	return g, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func mod(a, b int64) int64 { return (a%b + b) % b }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// sliceOf is the slice of a time.
func (g *windowGrid) sliceOf(t int64) int64 {
	if t < g.from || t >= g.until {
		g.number = floorDiv(t-g.offset, g.slice)
		g.from = g.number*g.slice + g.offset
		g.until = g.from + g.slice
	}
	return g.number
}

// firstWindow and lastWindow are the windows that have a slice; there is none if the first is behind the last.
func (g *windowGrid) firstWindow(slice int64) int64 {
	if g.kind == logical.Cumulate {
		return slice
	}
	return floorDiv(slice-g.perWindow, g.perSlide) + 1
}

func (g *windowGrid) lastWindow(slice int64) int64 {
	if g.kind == logical.Cumulate {
		return floorDiv(slice, g.perWindow)*g.perWindow + g.perWindow - 1
	}
	return floorDiv(slice, g.perSlide)
}

// firstSlice and lastSlice are those of a window.
func (g *windowGrid) firstSlice(k int64) int64 {
	if g.kind == logical.Cumulate {
		return floorDiv(k, g.perWindow) * g.perWindow
	}
	return k * g.perSlide
}

func (g *windowGrid) lastSlice(k int64) int64 {
	if g.kind == logical.Cumulate {
		return k
	}
	return k*g.perSlide + g.perWindow - 1
}

// bounds are the start and the end of a window.
func (g *windowGrid) bounds(k int64) (start, end int64) {
	start = g.firstSlice(k)*g.slice + g.offset
	if g.kind == logical.Cumulate {
		return start, (k+1)*g.slice + g.offset
	}
	return start, start + g.size
}

// closed is the last window that has ended before a time.
func (g *windowGrid) closed(t int64) int64 {
	if g.kind == logical.Cumulate {
		return floorDiv(t-g.offset, g.slice) - 1
	}
	return floorDiv(t-g.offset-g.size, g.slide)
}

// wallClock turns instants into times of a zone's clock, and back, in milliseconds. Without a zone they are the same.
type wallClock struct {
	zone              *time.Location
	from, until, diff int64
}

// newWallClock returns that of windows over a column of the given type.
func newWallClock(t types.Type, zone *time.Location) *wallClock {
	c := &wallClock{until: -1}
	if t.Kind() == types.TimestampLTZ && zone != nil && zone != time.UTC {
		c.zone = zone
	}
	return c
}

// local is the time on the clock at an instant.
func (c *wallClock) local(t int64) int64 {
	if c.zone == nil {
		return t
	}
	if t < c.from || t >= c.until {
		at := time.UnixMilli(t).In(c.zone)
		_, diff := at.Zone()
		start, end := at.ZoneBounds()
		c.diff, c.from, c.until = int64(diff)*1000, t, t+1
		if !start.IsZero() {
			c.from = start.UnixMilli()
		}
		if !end.IsZero() {
			c.until = end.UnixMilli()
		}
	}
	return t + c.diff
}

// instant is when the clock shows a time: the second time if it does twice, and the time that it would be without the change if it never does.
func (c *wallClock) instant(local int64) int64 {
	if c.zone == nil {
		return local
	}
	u := time.UnixMilli(local).UTC()
	t := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), c.zone).UnixMilli()
	if later := t + 3_600_000; c.local(later) == local {
		return later
	}
	return t
}

// timeColumn reads times as milliseconds.
type timeColumn struct {
	col  int
	unit int64
	flat column.Vector
	ms   []int64
}

func newTimeColumn(col int, t types.Type) *timeColumn {
	return &timeColumn{col: col, unit: column.TimeUnit(t.Precision())}
}

// read returns the times of a batch and where there are none.
func (c *timeColumn) read(b *column.Batch) (ms []int64, valid []uint64) {
	v := b.Cols[c.col].Flatten(b.N, &c.flat)
	if c.unit == 1_000 {
		return v.Ints(), v.Valid
	}
	if cap(c.ms) < b.N {
		c.ms = make([]int64, max(b.N, BatchRows))
	}
	ms = c.ms[:b.N]
	for i := range ms {
		if v.Form == column.Wide {
			ms[i] = column.TimeOf(column.Value{Wide: v.Wide[i]}, 9).UnixMilli()
		} else {
			ms[i] = floorDiv(v.Ints()[i], c.unit/1_000)
		}
	}
	return ms, v.Valid
}
