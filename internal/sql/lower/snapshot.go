package lower

import (
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/physical"
)

// snapshot makes the operator of a join with a snapshot.
func (l *lowering) snapshot(n *physical.SnapshotJoin) operator.Factory {
	return &exec.SnapshotJoin{
		Session: l.Session, Left: n.Inputs[0].Of().Fields, Right: n.Inputs[1].Of().Fields, Kind: n.Kind, LeftKeys: n.Left, RightKeys: n.Right, Loaded: n.Loaded, AtEnd: n.AtEnd, Residual: n.Residual,
	}
}
