package nexmark

import (
	"math"
	"math/rand/v2"
	"testing"
)

// slowPrice is a price as it is defined.
func slowPrice(draw int64) int64 {
	return int64(math.Floor(math.Pow(10, float64(draw)/(1<<53)*6)*100 + 0.5))
}

// TestPrice compares prices with the library's power: at random, and where a price becomes the next one.
func TestPrice(t *testing.T) {
	check := func(draw int64) {
		t.Helper()
		if draw = min(max(draw, 0), 1<<53-1); priceOf(draw) != slowPrice(draw) {
			t.Fatalf("draw %d: %d, want %d", draw, priceOf(draw), slowPrice(draw))
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 300_000 {
		check(r.Int64N(1 << 53))
		n := math.Floor(math.Pow(10, 2+6*r.Float64()))
		edge := int64(math.Log10((n+0.5)/100) / 6 * (1 << 53))
		for _, d := range []int64{-1000, -30, -2, -1, 0, 1, 2, 30, 1000} {
			check(edge + d)
		}
	}
	for i := range int64(6*64*4 + 1) { // where the table's next entry is used
		edge := int64(float64(i) / (6 * 64 * math.Ln10 / math.Ln2) * (1 << 53))
		for d := int64(-2); d <= 2; d++ {
			check(edge + d)
		}
	}
	check(0)
	check(1<<53 - 1)
}
