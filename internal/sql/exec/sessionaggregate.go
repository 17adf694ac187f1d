package exec

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

func newSessionAggregate(f *WindowAggregate, ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	return nil, fault.New(fault.SQLUnsupported, "session windows are not supported yet")
}
