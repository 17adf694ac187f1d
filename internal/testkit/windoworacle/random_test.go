package windoworacle

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func random(seed uint64) Script { return Random(rand.New(rand.NewPCG(seed, 0)), 1000) }

// TestRandom evaluates 10,000 scripts: all are valid, most have results, and what should come up does.
func TestRandom(t *testing.T) {
	count := map[string]int{}
	for seed := range uint64(10_000) {
		s := random(seed)
		if err := s.Spec.Check(); err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, s)
		}
		o := Evaluate(s)
		for _, w := range []string{
			"TumblingEventTime", "TumblingProcessingTime", "SlidingEventTime", "SlidingProcessingTime", "EventTimeSession", "ProcessingTimeSession", "DynamicEventTime", "DynamicProcessingTime",
			"GlobalWindows", "ByValue", "CountTrigger", "PurgingTrigger", "EventTimeTrigger", "ProcessingTimeTrigger", "ContinuousEventTime", "ContinuousProcessingTime", "DeltaTrigger",
			"NeverTrigger", "EndOfStreamTrigger", "TimeoutTrigger", "SpreadTrigger", "CountEvictor", "TimeEvictor", "DeltaEvictor", "OddOut", "allowedLateness",
		} {
			if strings.Contains(s.Spec.String(), w) {
				count[w]++
			}
		}
		for name, is := range map[string]bool{
			"results": len(o.Results) > 0, "late": len(o.Late) > 0, "dropped": o.Dropped > 0, "failed": o.Err != nil, "many windows": len(o.Results) > 500,
			"none left": len(o.Results) > 0 && len(o.Results[0].Elements) == 0,
		} {
			if is {
				count[name]++
			}
		}
	}
	for what, least := range map[string]int{"results": 8000, "late": 1500, "dropped": 1500, "failed": 20, "many windows": 50, "none left": 20} {
		if count[what] < least {
			t.Errorf("%s: %d of 10,000 scripts, want %d", what, count[what], least)
		}
		delete(count, what)
	}
	for what, n := range count {
		if n < 100 {
			t.Errorf("%s comes up in %d of 10,000 scripts", what, n)
		}
	}
	if len(count) != 26 {
		t.Errorf("only these come up: %v", count)
	}
}

// TestSeed draws the same script and outcome from the same seed.
func TestSeed(t *testing.T) {
	for seed := range uint64(100) {
		a, b := random(seed), random(seed)
		if a.String() != b.String() || Evaluate(a).Canonical(Process) != Evaluate(b).Canonical(Process) {
			t.Errorf("seed %d differs", seed)
		}
	}
}

// TestShrink makes a script small that has a late row of value 3.
func TestShrink(t *testing.T) {
	fails := func(s Script) bool {
		s.SideOutput = true
		for _, l := range Evaluate(s).Late {
			if l.Row.Value == 3 {
				return true
			}
		}
		return false
	}
	for seed := uint64(0); ; seed++ {
		s := random(seed)
		if !fails(s) {
			continue
		}
		small := Shrink(s, fails)
		if !fails(small) || len(small.Steps) != 2 {
			t.Errorf("shrunk to\n%v", small)
		}
		return
	}
}
