package physical

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
)

// snapshot plans a join with a table as it is, which waits until the table is loaded. In batch mode the table is whole, and the join an ordinary one.
func (p *planner) snapshot(r *logical.SnapshotJoin) (Node, error) {
	if p.Batch {
		return p.join(&logical.Join{Left: r.Left, Right: r.Right, Kind: r.Kind, Cond: r.Cond, Out: r.Out, At: r.At, CondAt: r.CondAt})
	}
	loaded := r.Time
	switch r.Condition {
	case "user_time":
		if loaded == nil {
			return nil, r.CallAt.Of(fault.New(fault.SQLInvalid, "the load_completed_condition 'user_time' of SNAPSHOT needs load_completed_time"))
		}
	case "", "compile_time":
		if r.Condition != "" && loaded != nil {
			return nil, r.CallAt.Of(fault.New(fault.SQLInvalid, "load_completed_time of SNAPSHOT is for the load_completed_condition 'user_time'"))
		}
	default:
		return nil, r.CallAt.Of(fault.New(fault.SQLInvalid, "load_completed_condition of SNAPSHOT is 'compile_time' or 'user_time', not %q", r.Condition))
	}
	for _, o := range []string{"load_completed_idle_timeout", "state_ttl"} {
		if r.Options[o] != "" {
			return nil, r.CallAt.Of(fault.New(fault.SQLUnsupported, "%s of SNAPSHOT is not supported", o))
		}
	}
	left, err := p.convert(r.Left)
	if err != nil {
		return nil, err
	}
	right, err := p.convert(r.Right)
	if err != nil {
		return nil, err
	}
	n := len(r.Left.Fields())
	q := split(r.Cond, n)
	left, lcols := p.columnsOf(left, q.left)
	right, rcols := p.columnsOf(right, q.right)
	if len(left.Of().Fields) != n || len(right.Of().Fields) != len(r.Right.Fields()) {
		return nil, r.CondAt.Of(fault.New(fault.SQLUnsupported, "a join with SNAPSHOT compares columns with columns: compute them in a subquery"))
	}
	if slices.Contains(q.safe, true) {
		return nil, r.CondAt.Of(fault.New(fault.SQLUnsupported, "IS NOT DISTINCT FROM in a join with SNAPSHOT is not supported"))
	}
	return p.add(&SnapshotJoin{
		Head: Head{Inputs: []Node{p.exchange(left, lcols), p.exchange(right, rcols)}, Fields: r.Out, Single: len(lcols) == 0}, Kind: r.Kind, Left: lcols, Right: rcols, Loaded: loaded, Residual: expr.All(q.rest),
	}), nil
}

// Name implements [Node].
func (n *SnapshotJoin) Name() string { return "LateralSnapshotJoin" }

// Attrs implements [Node].
func (n *SnapshotJoin) Attrs() []Attr {
	left, right := n.Inputs[0].Of().Fields, n.Inputs[1].Of().Fields
	a := []Attr{{"joinType", joinType(n.Kind)}, {"leftKey", names(left, n.Left)}, {"rightKey", names(right, n.Right)}}
	if n.Residual != nil {
		a = append(a, Attr{"where", n.Residual.String()})
	}
	if n.AtEnd {
		a = append(a, Attr{"loadCompleted", "end of the table"})
	}
	if n.Loaded != nil {
		a = append(a, Attr{"loadCompletedTime", n.Loaded.String()})
	}
	return append(a, Attr{"select", allNames(n.Fields)})
}

// State is what it keeps.
func (n *SnapshotJoin) State() string {
	return "the right table; the left rows until it is loaded"
}
