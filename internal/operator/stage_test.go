package operator

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestStages runs random chains of steps fused, and one by one, over the same records.
func TestStages(t *testing.T) {
	updates := []func(*int){func(v *int) { *v++ }, func(v *int) { *v *= 3 }, func(v *int) { *v ^= 5 }, func(v *int) { *v -= 7 }}
	filters := []func(*int) bool{func(v *int) bool { return *v%2 == 0 }, func(v *int) bool { return *v%3 != 0 }, func(v *int) bool { return *v > 4 }, func(v *int) bool { return *v < 90 }}
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var steps []any
		text := ""
		for range 1 + rng.IntN(7) {
			k := rng.IntN(4)
			if rng.IntN(2) == 0 {
				steps = append(steps, updates[k])
				text += fmt.Sprint("u", k)
			} else {
				steps = append(steps, filters[k])
				text += fmt.Sprint("f", k)
			}
		}
		var got []int
		end := ValuePort(func(v int, _ int64) { got = append(got, v) })
		drops := rng.IntN(4) == 0
		if drops {
			end = PortOf[int](Wiring{})
		}
		port, mutates := end, false
		for i := len(steps) - 1; i >= 0; i-- {
			port = stagePort(steps[i], port)
			_, updates := steps[i].(func(*int))
			mutates = mutates || updates
		}
		if port.Mutates != mutates {
			t.Errorf("seed %d: %s says Mutates=%v", seed, text, port.Mutates)
		}
		var want []int
		for v := range 100 {
			x, kept := v, true
			for _, step := range steps {
				switch f := step.(type) {
				case func(*int):
					f(&x)
				case func(*int) bool:
					kept = kept && f(&x)
				}
				if !kept {
					break
				}
			}
			if kept && !drops {
				want = append(want, x)
			}
			if v%2 == 0 {
				port.Value(v, 0)
			} else {
				place := v
				port.Ref(&place, 0)
				if kept && place != x {
					t.Fatalf("seed %d: %s left %d in place of %d, want %d", seed, text, place, v, x)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: %s gives %v, want %v", seed, text, got, want)
		}
	}
}
