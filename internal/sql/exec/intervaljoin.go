package exec

import (
	"context"
	"math"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// IntervalJoin joins the rows of two inputs of inserts with equal keys where the left row's time is between the right row's time plus Lower and plus Upper, both inclusive. A row is kept until the
// watermark says that no partner can come any more; one of an outer side that has found none then comes with nulls. The output has inserts only.
//
// A row behind the watermark finds the partners that are kept still.
type IntervalJoin struct {
	Session             *fn.Session
	Left, Right         []types.Field
	Kind                logical.JoinKind // but Semi and Anti
	LeftKeys, RightKeys []int
	// NullSafe tells of each key whether null is equal to null; nil for no key.
	NullSafe []bool
	// LeftTime and RightTime are the columns of time, TIMESTAMP(3) or TIMESTAMP_LTZ(3).
	LeftTime, RightTime int
	Lower, Upper        time.Duration
	// Proctime tells that a row's time is when it came; the columns do not count. Rows without a partner come when they have expired, by a clock that strikes twice in that time, and at the end of input.
	Proctime bool
	// Residual is the rest of the condition, over the left columns and then the right ones; nil for none.
	Residual expr.Expr
}

// joinInterval is what makes a join one of an interval.
type joinInterval struct {
	lower, upper int64 // milliseconds
	time         [2]int
	proctime     bool
	ticking      bool
	tick         time.Duration

	times    []int64     // of the rows of the chunk
	sort     [1][]uint64 // the same as sort words
	from, to []uint64    // where their partners are
	due      [windowKeys]statebackend.Ref
	until    []uint64
}

// New implements [operator.Factory].
func (f *IntervalJoin) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Kind == logical.Semi || f.Kind == logical.Anti {
		return nil, fault.New(fault.InternalInvariant, "interval join %q is of kind %d", ctx.Name, f.Kind)
	}
	i := &joinInterval{lower: f.Lower.Milliseconds(), upper: f.Upper.Milliseconds(), time: [2]int{f.LeftTime, f.RightTime}, proctime: f.Proctime}
	i.tick = max(time.Millisecond, time.Duration(max(i.upper, -i.lower))*time.Millisecond/2)
	for s, fields := range [][]types.Field{f.Left, f.Right} {
		if !f.Proctime && column.FormOf(fields[i.time[s]].Type) != column.Word {
			return nil, fault.New(fault.InternalInvariant, "interval join %q has times of %s", ctx.Name, fields[i.time[s]].Type)
		}
	}
	ctx.WantsTime = ctx.WantsTime || f.Proctime
	j, err := newJoin(&Join{
		Session: f.Session, Left: f.Left, Right: f.Right, Kind: f.Kind, LeftKeys: f.LeftKeys, RightKeys: f.RightKeys, NullSafe: f.NullSafe, Residual: f.Residual,
		ConsumesLeft: types.AppendOnly, ConsumesRight: types.AppendOnly,
	}, i, ctx, w)
	if err != nil {
		return nil, err
	}
	return j, nil
}

// bound computes the times of a chunk's rows and where their partners are.
func (j *joinInstance) bound(s int, b *column.Batch, sel []int32) {
	i, n := j.interval, b.N
	times, words, from, to := room(&i.times, n), room(&i.sort[0], n), room(&i.from, n), room(&i.to, n)
	low, high := -i.upper, -i.lower // of the right side, seen from the left
	if s == 1 {
		low, high = i.lower, i.upper
	}
	if i.proctime {
		for row := range times {
			times[row] = j.ctx.NowMillis
		}
	} else {
		millis(b.Cols[i.time[s]], j.sides[s].fields[i.time[s]].Type, sel, times)
	}
	if sel == nil {
		sel = AllRows(n)
	}
	for _, row := range sel {
		t := times[row]
		words[row], from[row], to[row] = statebackend.SortInt(t), statebackend.SortInt(addTime(t, low)), statebackend.SortInt(addTime(t, high))
		if t == math.MinInt64 { // null: near nothing
			from[row], to[row] = 1, 0
		}
	}
}

// addTime adds without overflow.
func addTime(t, d int64) int64 {
	switch sum := t + d; {
	case d > 0 && sum < t:
		return math.MaxInt64
	case d < 0 && sum > t:
		return math.MinInt64
	default:
		return sum
	}
}

// expireUntil takes away the rows that find no partner any more when time has come to t, of some keys, and reports whether there are more. Those of outer sides without a partner are emitted.
func (j *joinInstance) expireUntil(t int64) (more bool) {
	i := j.interval
	for s := range j.sides {
		side := &j.sides[s]
		limit := int64(math.MaxInt64)
		if t < math.MaxInt64 {
			limit = addTime(t, i.lower)
			if s == 1 {
				limit = addTime(t, -i.upper)
			}
			side.horizon = addTime(limit, 1)
		} else {
			side.horizon = t
		}
		until := statebackend.SortInt(limit)
		if !side.outer {
			for side.ordered.Expire(until, windowKeys) {
				if !i.proctime {
					return true
				}
			}
			continue
		}
		for {
			keys := i.due[:side.ordered.Due(until, i.due[:])]
			if len(keys) == 0 {
				break
			}
			bounds := room(&i.until, len(keys))
			for k := range bounds {
				bounds[k] = until
			}
			var cursor statebackend.OrderedCursor
			for again := true; again; {
				var n int
				n, again = side.ordered.Scan(keys, nil, statebackend.OrderedScan{To: bounds}, &cursor, j.matches, j.found)
				j.padded(s, j.found[:n])
			}
			side.ordered.DeleteTo(keys, nil, until)
			j.table.Release(keys, nil)
			if len(keys) == len(i.due) && !i.proctime {
				return true
			}
		}
	}
	return false
}

// startTicking has rows expire when nothing comes, in processing time.
func (j *joinInstance) startTicking() {
	i := j.interval
	if i.ticking {
		return
	}
	i.ticking = true
	j.ctx.Host.Async(j.ctx.Node, i.tick, func(context.Context) {}, func() {
		i.ticking = false
		if j.ctx.Failed {
			return
		}
		j.expireUntil(j.ctx.NowMillis - 1)
		if j.table.Len() > 0 {
			j.startTicking()
		}
	})
}

// Open implements [operator.Instance].
func (j *joinInstance) Open() error {
	if j.interval != nil && j.interval.proctime {
		j.startTicking()
	}
	return nil
}
