package operator

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// TestSliceGrid compares the windows that it numbers with those of the assigner, all over the range of time.
func TestSliceGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	for range 20_000 {
		unit := 1 + r.Int64N(5)
		slide := unit * (1 + r.Int64N(20))
		size := slide + unit*r.Int64N(60)
		a := window.SlidingEventTime[int](ms(size), ms(slide)).WithOffset(ms(r.Int64N(2*slide-1) - slide + 1))
		g := newSliceGrid(a)
		ts := []int64{r.Int64N(400) - 200, r.Int64() - math.MaxInt64/2, math.MinInt64 + 1 + r.Int64N(300), math.MaxInt64 - r.Int64N(300)}[r.IntN(4)]
		if !g.covers(ts) {
			continue
		}
		slice := g.sliceOf(ts)
		if from, until := g.bounds(slice); ts < from || ts > until || ts == until && ts != math.MaxInt64 {
			t.Fatalf("%v, offset %d: %d is not in its slice from %d to %d", a, a.Offset(), ts, from, until)
		}
		want, _ := a.Assign(0, ts, 0, nil)
		slices.Reverse(want)
		var got []window.Window
		for k := g.firstWindow(slice); k <= g.lastWindow(slice); k++ {
			if slice < g.firstSlice(k) || slice > g.lastSlice(k) {
				t.Fatalf("%v: slice %d is not in window %d", a, slice, k)
			}
			got = append(got, g.window(k))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, offset %d of %d: %v, want %v", a, a.Offset(), ts, got, want)
		}
		if ts == eventtime.MaxWatermark {
			continue
		}
		ended := func(k int64) bool { // a window that is cut to nothing at the beginning of time has ended before it
			end := g.window(k).End
			return end == math.MinInt64 || end-1 <= ts
		}
		if k := g.closed(ts); !ended(k) || ended(k+1) && g.window(k+1).End != math.MaxInt64 {
			t.Fatalf("%v, offset %d: at %d window %d, %v, is the last that has ended", a, a.Offset(), ts, k, g.window(k))
		}
	}
}
