package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// WindowTableFunction adds the windows of a row's time to it: its columns are those of the input, window_start, window_end and window_time. A row comes once for each of its windows, the latest windows of a batch's rows first;
// rows that are late come, too. What each row does to the table stays the same. A row of event time without a time fails the job.
//
// The rows of a session, which depends on other rows, come when it has ended, in the order of their times; those that are late are dropped and counted.
type WindowTableFunction struct {
	Session *fn.Session
	Input   []types.Field
	// Window says how a row's time makes its windows. Its Keys are the partition of sessions.
	Window logical.WindowSpec
	// Final tells that the input is bounded: nothing is late.
	Final bool
}

var _ operator.Factory = (*WindowTableFunction)(nil)

type windowTable struct {
	operator.Base
	f     *WindowTableFunction
	ctx   *operator.Context
	emit  func(*column.Batch)
	grid  *windowGrid
	clock *wallClock
	times *timeColumn
	slice []int64
	rows  []int32
	more  [3]column.Vector
	out   column.Batch
}

// New implements [operator.Factory].
func (f *WindowTableFunction) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Window.Kind == logical.Session {
		return newSessionTable(f, ctx, w)
	}
	t := f.Input[f.Window.Time].Type
	m := &windowTable{f: f, ctx: ctx, emit: Output(w), clock: newWallClock(t, f.Session.Zone), times: newTimeColumn(f.Window.Time, t)}
	ctx.WantsTime = ctx.WantsTime || f.Window.Proctime
	var err error
	m.grid, err = newWindowGrid(&f.Window)
	return m, err
}

func (m *windowTable) Inputs() []any { return []any{Input(m.process)} }

func (m *windowTable) process(b *column.Batch) {
	rows := Selected(b)
	if !m.slices(b, rows) {
		return
	}
	g := m.grid
	if cap(m.rows) < b.N {
		m.rows = make([]int32, 0, max(b.N, BatchRows))
	}
	for j := int64(0); ; j++ {
		m.rows = m.rows[:0]
		for i := range m.more {
			m.more[i].Reset(column.Word, b.N)
		}
		starts, ends, times := m.more[0].Ints(), m.more[1].Ints(), m.more[2].Ints()
		for _, r := range rows {
			n := m.slice[r]
			k := g.lastWindow(n) - j
			if k < g.firstWindow(n) {
				continue
			}
			start, end := g.bounds(k)
			starts[r], ends[r], times[r] = start, end, m.clock.instant(end-1)
			m.rows = append(m.rows, r)
		}
		if len(m.rows) == 0 {
			return
		}
		m.out.N, m.out.Sel, m.out.Kinds = b.N, m.rows, b.Kinds
		m.out.Cols = append(m.out.Cols[:0], b.Cols...)
		for i := range m.more {
			m.out.Cols = append(m.out.Cols, &m.more[i])
		}
		m.emit(&m.out)
	}
}

// slices finds the slice of each row.
func (m *windowTable) slices(b *column.Batch, rows []int32) bool {
	if cap(m.slice) < b.N {
		m.slice = make([]int64, max(b.N, BatchRows))
	}
	m.slice = m.slice[:b.N]
	if m.f.Window.Proctime {
		n := m.grid.sliceOf(m.clock.local(m.ctx.NowMillis))
		for _, r := range rows {
			m.slice[r] = n
		}
		return true
	}
	times, valid := m.times.read(b)
	for _, r := range rows {
		switch t := times[r]; {
		case valid != nil && valid[r>>6]>>(r&63)&1 == 0:
			m.ctx.Fail(fault.New(fault.WindowNoTimestamp, "the time column %q of a window is null", m.f.Input[m.f.Window.Time].Name))
			return false
		case t < -1<<58 || t > 1<<58:
			m.ctx.Fail(fault.New(fault.WindowTime, "a row has the time %d, too far from the epoch for a window", t))
			return false
		default:
			m.slice[r] = m.grid.sliceOf(m.clock.local(t))
		}
	}
	return true
}
