package statebackend

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortInTurns sorts slices of many lengths beside the library, and sees that turns come often enough.
func TestSortInTurns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var spare []uint64
	for _, n := range []int{0, 1, 2, turnLen - 1, turnLen, turnLen + 1, 2 * turnLen, 3*turnLen + 7, 8*turnLen + 1, 50_000, 3 * turnLen} {
		s := make([]uint64, n)
		for i := range s {
			s[i] = rng.Uint64N(uint64(n/2 + 1))
		}
		want, turns, since := slices.Sorted(slices.Values(s)), 0, 0
		var got []uint64
		got, spare = sortInTurns(s, spare, func(a, b uint64) int { since++; return cmp.Compare(a, b) }, func() {
			if turns++; since > 40*turnLen {
				t.Errorf("%d elements: %d comparisons without a turn", n, since)
			}
			since = 0
		})
		if !slices.Equal(got, want) {
			t.Errorf("%d elements are not sorted", n)
		}
		if least := n / turnLen; turns < least {
			t.Errorf("%d elements: %d turns, not %d", n, turns, least)
		}
	}
}
