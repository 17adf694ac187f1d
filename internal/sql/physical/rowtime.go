package physical

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// attribute is the time attribute that a column of a node is. An event time is none behind a regular join, as in Flink: the join keeps rows for as long as it likes, so that one comes out long after the watermark has passed
// its time, and whoever went by that would take it for a late one and drop it. A binder cannot know it, since what makes a join an interval join may be a condition that stands far from it.
func (p *planner) attribute(n Node, col int) types.Attribute {
	a := n.Of().Fields[col].Type.Attribute()
	if a == types.Rowtime && !p.Batch && behindJoin(n, col) {
		return types.NoAttribute
	}
	return a
}

// behindJoin reports whether the values of a column come from a regular join.
func behindJoin(n Node, col int) bool {
	switch m := n.(type) {
	case *Join, *MultiJoin:
		return true
	case *WatermarkAssigner:
		if col == m.Column {
			return false
		}
	case *Calc:
		if m.Exprs == nil {
			break
		}
		ref, ok := m.Exprs[col].(*expr.Ref)
		return ok && behindJoin(m.Inputs[0], ref.Index)
	case *WindowAggregate, *GroupAggregate, *LocalAggregate, *Expand, *Match, *ToChangelog, *FromChangelog:
		return false // their columns are others
	case *Union:
		return slices.ContainsFunc(m.Inputs, func(in Node) bool { return behindJoin(in, col) })
	}
	// The columns of the inputs come first, those of one after those of another.
	for _, in := range n.Of().Inputs {
		if width := len(in.Of().Fields); col >= width {
			col -= width
			continue
		}
		return behindJoin(in, col)
	}
	return false
}

// untimed is the error of a use, at a place, of a time attribute that is none behind a join; nil if it is one.
func (p *planner) untimed(what string, at sqlerr.Place, n Node, col int) error {
	f := n.Of().Fields[col]
	if f.Type.Attribute() == types.NoAttribute || p.attribute(n, col) != types.NoAttribute {
		return nil
	}
	return at.Of(fault.New(fault.SQLInvalid, "%s needs a time attribute, and %s is none behind a regular join, whose rows come long after the watermark has passed their times: "+
		"bound the times of both sides by each other in the join's condition (an interval join), join within windows, or put it in front of the join", what, types.Quote(f.Name)))
}
