package temporal

import (
	"math"

	"github.com/weirstream/weir/eventtime"
)

// Alignment keeps what the members of alignment groups have reported. It is a pure state machine.
//
//   - A1. A member may go as far as the lowest watermark reported in its group and its own drift. A group without members lets everybody go.
//   - A2. A member that has reported nothing does not count: it may never have anything to report. Nor does one that has left, or is idle and says so by
//     reporting eventtime.MaxWatermark.
//   - A3. Reports count as they come: a member's watermark may go back, as it does after a restart.
type Alignment[M comparable] struct {
	groups map[string]map[M]int64
}

// Report notes the watermark of a member and returns how far it may go, with a drift in milliseconds.
func (a *Alignment[M]) Report(group string, member M, watermark, maxDrift int64) (allowed int64) {
	if a.groups == nil {
		a.groups = map[string]map[M]int64{}
	}
	members := a.groups[group]
	if members == nil {
		members = map[M]int64{}
		a.groups[group] = members
	}
	members[member] = watermark
	lowest := eventtime.MaxWatermark
	for _, w := range members {
		lowest = min(lowest, w)
	}
	if lowest > math.MaxInt64-maxDrift {
		return eventtime.MaxWatermark
	}
	return lowest + maxDrift
}

// Leave forgets a member, in whatever group it is.
func (a *Alignment[M]) Leave(member M) {
	for name, members := range a.groups {
		delete(members, member)
		if len(members) == 0 {
			delete(a.groups, name)
		}
	}
}
