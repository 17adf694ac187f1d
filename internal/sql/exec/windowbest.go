package exec

import (
	"cmp"
	"math"
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// WindowBest lets through the rows whose value is not behind that of an earlier row of the same tumbling window, and some that are: those that lie on the start of a window, have no value or time, or whose window has
// ended by the watermark. What it remembers is not state: after a restart it lets more rows through.
type WindowBest struct {
	// Fields are those of the input.
	Fields []types.Field
	// Value is a column of whole numbers, Time one of TIMESTAMP.
	Value, Time int
	// Max tells that higher values are better, else lower ones are.
	Max bool
	// Size and Offset are of the windows, in milliseconds.
	Size, Offset int64
	// Attached tells that the rows are results of windows of any kind, which are never late, and that Time is the start of their window.
	Attached bool
}

// bestWindows is how many windows are remembered; rows of further ones pass.
const bestWindows = 16

type bestInstance struct {
	operator.Base
	f       *WindowBest
	ctx     *operator.Context
	next    func(*column.Batch)
	in      *Port
	windows []bestWindow
	times   []int64
	sel     []int32
	out     column.Batch
}

// bestWindow is a window that has not ended, with the best value of its rows. Where lower values are better they are turned round.
type bestWindow struct{ start, best int64 }

// New implements [operator.Factory].
func (f *WindowBest) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Size <= 0 || column.FormOf(f.Fields[f.Value].Type) != column.Word {
		return nil, fault.New(fault.InternalInvariant, "a filter of windows of %d ms compares %s", f.Size, f.Fields[f.Value].Type)
	}
	i := &bestInstance{f: f, ctx: ctx, next: Output(w), sel: make([]int32, 0, 16)}
	i.in = Input(i.take)
	return i, nil
}

func (i *bestInstance) Inputs() []any { return []any{i.in} }

func (i *bestInstance) take(b *column.Batch) {
	value, times := b.Cols[i.f.Value], room(&i.times, b.N)
	millis(b.Cols[i.f.Time], i.f.Fields[i.f.Time].Type, b.Sel, times)
	i.sel = i.sel[:0]
	at := bestWindow{start: math.MaxInt64}
	held := -1 // which of windows that is
	for _, row := range Selected(b) {
		t := times[row]
		if t == math.MinInt64 || value.Null(int(row)) {
			i.sel = append(i.sel, row)
			continue
		}
		if held < 0 || t != at.start && (i.f.Attached || t < at.start || t-at.start >= i.f.Size) {
			if held >= 0 {
				i.windows[held].best = at.best
			}
			if held = i.window(t); held < 0 {
				i.sel = append(i.sel, row)
				continue
			}
			at = i.windows[held]
		}
		v := value.Int(int(row))
		if !i.f.Max {
			v = ^v
		}
		if v >= at.best {
			at.best = v
			i.sel = append(i.sel, row)
		} else if t == at.start && !i.f.Attached {
			i.sel = append(i.sel, row)
		}
	}
	if held >= 0 {
		i.windows[held].best = at.best
	}
	if len(i.sel) == 0 {
		return
	}
	i.out.N, i.out.Cols, i.out.Kinds, i.out.Sel = b.N, b.Cols, b.Kinds, i.sel
	i.next(&i.out)
}

// window finds the window of a time among those that are remembered, or adds it; -1 if it has ended, or there are too many.
func (i *bestInstance) window(t int64) int {
	start := t
	if !i.f.Attached {
		start = floorDiv(t-i.f.Offset, i.f.Size)*i.f.Size + i.f.Offset
		if start+i.f.Size-1 <= i.ctx.CurrentWatermark {
			return -1
		}
	}
	for k := range i.windows {
		if i.windows[k].start == start {
			return k
		}
	}
	if len(i.windows) == bestWindows {
		if !i.f.Attached {
			return -1
		}
		slices.SortFunc(i.windows, func(a, b bestWindow) int { return cmp.Compare(b.start, a.start) })
		i.windows = i.windows[:bestWindows/2]
	}
	i.windows = append(i.windows, bestWindow{start, math.MinInt64})
	return len(i.windows) - 1
}

// Watermark forgets the windows that have ended.
func (i *bestInstance) Watermark(t int64) bool {
	kept := i.windows[:0]
	for _, w := range i.windows {
		if w.start+i.f.Size-1 > t {
			kept = append(kept, w)
		}
	}
	i.windows = kept
	return false
}
