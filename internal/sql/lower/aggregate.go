package lower

import (
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// Partial is what [physical.TwoPhases] asks.
func Partial(calls []*logical.AggCall, in *physical.Head, windowed bool) (fields []types.Field, exact, ok bool) {
	list, err := resolve(calls, in)
	if err != nil {
		return nil, false, false
	}
	return agg.Partial(list, in.Fields, exec.LocalOptions(in.Changelog, windowed))
}

func (l *lowering) localAggregate(n *physical.LocalAggregate) (operator.Factory, error) {
	in := n.Inputs[0].Of()
	list, err := resolve(n.Calls, in)
	return &exec.LocalAggregate{Session: l.Session, Input: in.Fields, Keys: n.Group, Calls: list, Consumes: in.Changelog, Windowed: n.Windowed, Window: n.Spec}, err
}

func (l *lowering) groupAggregate(n *physical.GroupAggregate) (operator.Factory, error) {
	in := n.Rows()
	list, err := resolve(n.Calls, in)
	f := &exec.GroupAggregate{
		Session: l.Session, Input: in.Fields, Keys: n.Group, Calls: list, Consumes: in.Changelog, UpdateBefore: n.Before, TTL: n.TTL, PerRow: n.PerRow, Final: l.Batch, Grouped: n.Grouped,
	}
	if n.Local != nil {
		f.Input, f.Keys, f.Partial = n.Local.Fields, firstColumns(len(n.Group)), append([]types.Field{}, in.Fields...) // not nil, also of no columns
	}
	return f, err
}

func (l *lowering) windowAggregate(n *physical.WindowAggregate) (operator.Factory, error) {
	in := n.Rows()
	list, err := resolve(n.Calls, in)
	f := &exec.WindowAggregate{
		Session: l.Session, Input: in.Fields, Keys: n.Group, Calls: list, Window: n.Spec, Properties: n.Properties, Consumes: in.Changelog, Final: l.Batch,
	}
	if n.Attached != nil {
		f.WindowAttached, f.StartCol, f.EndCol = true, n.Attached.Start, n.Attached.End
	}
	if n.Local != nil {
		keys := len(n.Group)
		f.Input, f.Keys, f.Partial = n.Local.Fields, firstColumns(keys), append([]types.Field{}, in.Fields...)
		f.StartCol, f.EndCol = keys, keys+1
	}
	if n.Attached != nil {
		f.Window.Time = f.StartCol
	}
	return f, err
}

// firstColumns are the numbers from 0 to n-1.
func firstColumns(n int) []int {
	cols := make([]int, n)
	for i := range cols {
		cols[i] = i
	}
	return cols
}
