package temporal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/eventtime"
)

// naiveValve is the valve without shortcuts: after every event everything is computed anew.
type naiveValve struct {
	watermark           []int64
	idle, ended, behind []bool
	combined            int64
}

func newNaive(n int) *naiveValve {
	v := &naiveValve{watermark: make([]int64, n), idle: make([]bool, n), ended: make([]bool, n), behind: make([]bool, n), combined: eventtime.MinWatermark}
	for i := range v.watermark {
		v.watermark[i] = eventtime.MinWatermark
	}
	return v
}

func (v *naiveValve) take(what string, i int, t int64) {
	switch what {
	case "watermark":
		v.watermark[i] = max(v.watermark[i], t)
	case "idle":
		v.idle[i] = v.idle[i] || !v.ended[i]
	case "active":
		if !v.ended[i] && v.idle[i] {
			v.idle[i], v.behind[i] = false, true
		}
	case "end":
		v.ended[i] = true
	}
	if v.behind[i] && !v.idle[i] && v.watermark[i] >= v.combined {
		v.behind[i] = false
	}
	lowest, any, open := eventtime.MaxWatermark, false, false
	for i, w := range v.watermark {
		open = open || !v.ended[i]
		if !v.idle[i] && !v.ended[i] && !v.behind[i] {
			any, lowest = true, min(lowest, w)
		}
	}
	if any || !open {
		v.combined = max(v.combined, lowest)
	}
}

func (v *naiveValve) isIdle() bool {
	idle, open := true, false
	for i := range v.idle {
		if !v.ended[i] {
			open, idle = true, idle && v.idle[i]
		}
	}
	return idle && open
}

func TestValveIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 1 + rng.IntN(5)
		v, naive := NewValve(n), newNaive(n)
		var script []string
		for range 120 {
			i, w := rng.IntN(n), int64(rng.IntN(40))
			what := []string{"watermark", "watermark", "watermark", "watermark", "idle", "active", "active", "end"}[rng.IntN(8)]
			if what == "end" && rng.IntN(6) > 0 {
				what = "watermark"
			}
			if what == "watermark" && rng.IntN(30) == 0 {
				w = eventtime.MaxWatermark
			}
			if what == "watermark" && naive.ended[i] {
				continue // nothing comes after the end
			}
			script = append(script, fmt.Sprintf("%s %d %d", what, i, w))
			before, wasIdle := v.Combined(), v.Idle()
			var advanced, changed bool
			switch what {
			case "watermark":
				advanced = v.Watermark(i, w)
			case "idle", "active":
				advanced, changed = v.SetIdle(i, what == "idle")
			case "end":
				advanced, changed = v.End(i)
			}
			naive.take(what, i, w)
			if v.Combined() != naive.combined || v.Idle() != naive.isIdle() {
				t.Fatalf("seed %d: %v, but the naive valve has %s, idle %v, after %q", seed, v, watermarkText(naive.combined), naive.isIdle(), script)
			}
			if v.Combined() < before {
				t.Fatalf("seed %d, V1: from %d back to %d after %q", seed, before, v.Combined(), script)
			}
			if advanced != (v.Combined() > before) || changed != (v.Idle() != wasIdle) {
				t.Fatalf("seed %d: advanced %v, changed %v, but %d -> %d, idle %v -> %v after %q", seed, advanced, changed, before, v.Combined(), wasIdle, v.Idle(), script)
			}
			for i := range n {
				if !naive.idle[i] && !naive.ended[i] && !naive.behind[i] && v.Combined() > naive.watermark[i] {
					t.Fatalf("seed %d, V2: %v passes channel %d after %q", seed, v, i, script)
				}
			}
		}
	}
}

func TestValve(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		do   func(v *Valve)
		want string
	}{
		{"nothing told", 2, func(v *Valve) {}, "none [none none]"},
		{"the lowest counts", 2, func(v *Valve) { v.Watermark(0, 5); v.Watermark(1, 3) }, "3 [5 3]"},
		{"one silent channel holds all", 3, func(v *Valve) { v.Watermark(0, 5); v.Watermark(1, 3) }, "none [5 3 none]"},
		{"going back is ignored", 1, func(v *Valve) { v.Watermark(0, 5); v.Watermark(0, 4) }, "5 [5]"},
		{"idle is not waited for", 2, func(v *Valve) { v.Watermark(0, 5); v.SetIdle(1, true) }, "5 [5 none(idle)]"},
		{"back from idle and behind", 2, func(v *Valve) { v.Watermark(0, 5); v.SetIdle(1, true); v.SetIdle(1, false); v.Watermark(1, 3) }, "5 [5 3(behind)]"},
		{"caught up", 2, func(v *Valve) {
			v.Watermark(0, 5)
			v.SetIdle(1, true)
			v.SetIdle(1, false)
			v.Watermark(1, 5)
			v.Watermark(0, 9)
			v.Watermark(1, 7)
		}, "7 [9 7]"},
		{"all idle", 2, func(v *Valve) { v.Watermark(0, 5); v.SetIdle(0, true); v.SetIdle(1, true) }, "none idle [5(idle) none(idle)]"},
		{"ended is not waited for", 2, func(v *Valve) { v.Watermark(0, 5); v.End(1) }, "5 [5 none(ended)]"},
		{"the rest is idle", 2, func(v *Valve) { v.SetIdle(0, true); v.End(1) }, "none idle [none(idle) none(ended)]"},
		{"all ended while idle", 2, func(v *Valve) {
			v.SetIdle(0, true)
			v.Watermark(0, eventtime.MaxWatermark)
			v.End(0)
			v.End(1)
		}, "end [end(ended) none(ended)]"},
	} {
		v := NewValve(c.n)
		c.do(v)
		if got := v.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
