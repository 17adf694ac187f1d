package temporal

import (
	"math/rand/v2"
	"testing"
)

// An input is called idle only when it has been silent for longer than the timeout on a clock that stands still at times, and at the latest three checks after that.
func TestIdleness(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		const tick = 10
		timeout := rng.Int64N(60) + 1
		x := Idleness{Timeout: timeout}
		var count, clock, lastRecord int64
		quiet := rng.IntN(3) + 1
		for now := int64(1); now < 3000; now++ {
			if stopped := now%200 > 150; !stopped {
				clock++
			}
			if now%400 < 200 && rng.IntN(10*quiet) == 0 {
				count++
				lastRecord = clock
			}
			if now%tick != 0 {
				continue
			}
			silent := clock - lastRecord
			got := x.Check(count, clock)
			if got && silent <= timeout {
				t.Fatalf("seed %d, at %d: idle after %d, the timeout is %d", seed, now, silent, timeout)
			}
			if !got && silent > timeout+3*tick {
				t.Fatalf("seed %d, at %d: not idle after %d, the timeout is %d", seed, now, silent, timeout)
			}
		}
	}
}

func TestStopwatch(t *testing.T) {
	var w Stopwatch
	w.Stop(10)
	w.Stop(15) // the same as once
	if w.Total(30) != 20 || !w.Stopped() {
		t.Errorf("%d at 30, want 20", w.Total(30))
	}
	w.Go(40)
	w.Go(50)
	if w.Total(60) != 30 || w.Stopped() {
		t.Errorf("%d at 60, want 30", w.Total(60))
	}
	w.Stop(100)
	if w.Total(101) != 31 {
		t.Errorf("%d at 101, want 31", w.Total(101))
	}
}
