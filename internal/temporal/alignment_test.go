package temporal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/eventtime"
)

// The answer to a report is the lowest of the last reports of those in the group, and the drift.
func TestAlignmentIsTheNaiveOne(t *testing.T) {
	type report struct {
		group  string
		member int
		w      int64
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var a Alignment[int]
		var reports []report // all of them, in order; leaving removes a member's
		for range 100 {
			member := rng.IntN(6)
			if rng.IntN(8) == 0 {
				a.Leave(member)
				kept := reports[:0]
				for _, r := range reports {
					if r.member != member {
						kept = append(kept, r)
					}
				}
				reports = kept
				continue
			}
			r := report{fmt.Sprint("g", member%2), member, rng.Int64N(1000) - 500}
			switch rng.IntN(12) {
			case 0:
				r.w = eventtime.MaxWatermark
			case 1:
				r.w = eventtime.MaxWatermark - 3
			case 2:
				r.w = eventtime.MinWatermark + 1
			}
			drift := 1 + rng.Int64N(10)
			reports = append(reports, r)
			last := map[int]int64{}
			for _, x := range reports {
				if x.group == r.group {
					last[x.member] = x.w
				}
			}
			lowest := int64(math.MaxInt64)
			for _, w := range last {
				lowest = min(lowest, w)
			}
			want := lowest + drift
			if want < lowest {
				want = math.MaxInt64
			}
			if got := a.Report(r.group, r.member, r.w, drift); got != want {
				t.Fatalf("seed %d: %+v with drift %d may go to %d, want %d, after %+v", seed, r, drift, got, want, reports)
			}
		}
	}
}
