package weirtest

import (
	"context"
	"time"

	"github.com/weirstream/weir/internal/runtime/sched"
)

// Sleep waits for d, or until ctx ends, and then returns ctx's error. In a function of [weir.OrderedWait] or [weir.UnorderedWait] that a simulation runs, virtual time
// passes: so a test gives its calls the latencies it wants. Among the ways in which ctx may end, only its deadline ends a simulated sleep early.
func Sleep(ctx context.Context, d time.Duration) error { return sched.Sleep(ctx, d) }
