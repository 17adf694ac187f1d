package agg

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPercentile compares with the list of all values, written out and sorted.
func TestPercentile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		p := &percentile{}
		var all []float64
		for i := range 1 + r.IntN(6) {
			x := point{float64(i*3) + math.Floor(r.Float64()*3), int64(1 + r.IntN(4))}
			if i > 0 && r.IntN(4) == 0 {
				x.value = p.points[i-1].value
			}
			p.points = append(p.points, x)
			for range x.count {
				all = append(all, x.value)
			}
		}
		slices.SortFunc(p.points, func(a, b point) int { return int(a.value - b.value) })
		slices.Sort(all)
		part := r.Float64()
		if k := r.IntN(5); k < 2 {
			part = float64(k)
		}
		at := part * float64(len(all)-1)
		low, high := math.Floor(at), math.Ceil(at)
		want := all[int(low)] + (at-low)*(all[int(high)]-all[int(low)])
		if got := p.at(part, int64(len(all))); math.Abs(got-want) > 1e-9 {
			t.Fatalf("%v of %v: %v, want %v", part, all, got, want)
		}
	}
}
