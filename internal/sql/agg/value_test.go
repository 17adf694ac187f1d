package agg

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSpreadsMerge compares moments of parts, put together, with the definition of the variance, for values far from zero.
func TestSpreadsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var whole spreadOf
		var all []float64
		for range rng.IntN(5) {
			var part spreadOf
			for range rng.IntN(20) {
				x := 1e9 + rng.Float64()
				if part.has == 0 {
					part.has, part.shift = 1, x
				}
				d := x - part.shift
				part.n, part.sum, part.squares = part.n+1, part.sum+d, part.squares+d*d
				all = append(all, x)
			}
			if part.has != 0 {
				whole.merge(&part)
			}
		}
		if int(whole.n) != len(all) {
			t.Fatalf("%d values, want %d", whole.n, len(all))
		}
		if len(all) == 0 {
			continue
		}
		mean, want := 0.0, 0.0
		for _, x := range all {
			mean += (x - 1e9) / float64(len(all))
		}
		for _, x := range all {
			want += (x - 1e9 - mean) * (x - 1e9 - mean) / float64(len(all))
		}
		got := (whole.squares - whole.sum*whole.sum/float64(whole.n)) / float64(whole.n)
		if math.Abs(got-want) > 1e-6 {
			t.Fatalf("variance %v, want %v", got, want)
		}
	}
}
