package temporal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/eventtime"
)

// naiveSplits looks at every split after every event.
type naiveSplits struct {
	watermark []int64
	idle      []bool
	gone      []bool
	combined  int64
}

func (s *naiveSplits) take(what string, i int, t int64) {
	switch what {
	case "add":
		s.watermark, s.idle, s.gone = append(s.watermark, eventtime.MinWatermark), append(s.idle, false), append(s.gone, false)
	case "remove":
		s.gone[i] = true
	case "watermark":
		s.watermark[i], s.idle[i] = max(s.watermark[i], t), false
	case "idle", "active":
		s.idle[i] = what == "idle"
	}
	lowest, any := eventtime.MaxWatermark, false
	for i, w := range s.watermark {
		if !s.gone[i] && !s.idle[i] {
			any, lowest = true, min(lowest, w)
		}
	}
	if any {
		s.combined = max(s.combined, lowest)
	}
}

func (s *naiveSplits) isIdle() bool {
	idle, any := true, false
	for i := range s.watermark {
		if !s.gone[i] {
			any, idle = true, idle && s.idle[i]
		}
	}
	return any && idle
}

func TestSplitsAreTheNaiveOnes(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s, naive := NewSplits(), &naiveSplits{combined: eventtime.MinWatermark}
		var parts []*Split
		var script []string
		at := int64(0)
		for range 200 {
			what := []string{"watermark", "watermark", "watermark", "watermark", "idle", "active", "add", "remove"}[rng.IntN(8)]
			if len(parts) == 0 {
				what = "add"
			}
			i := 0
			if what == "add" {
				if len(parts) == 12 {
					continue
				}
			} else {
				i = rng.IntN(len(parts))
			}
			if what != "add" && naive.gone[i] {
				continue // nothing comes from a split that has ended
			}
			at += rng.Int64N(3)
			w := at + rng.Int64N(20)
			script = append(script, fmt.Sprintf("%s %d %d", what, i, w))
			before := s.Combined()
			var advanced bool
			switch what {
			case "add":
				parts = append(parts, s.Add(fmt.Sprint(len(parts))))
			case "remove":
				advanced = s.Remove(parts[i])
			case "watermark":
				advanced = s.Advance(parts[i], w)
			default:
				advanced = s.SetIdle(parts[i], what == "idle")
			}
			naive.take(what, i, w)
			if s.Combined() != naive.combined || s.Idle() != naive.isIdle() || advanced != (s.Combined() > before) {
				t.Fatalf("seed %d: %d, idle %v, advanced %v; the naive splits have %d, idle %v, from %d; after %q",
					seed, s.Combined(), s.Idle(), advanced, naive.combined, naive.isIdle(), before, script)
			}
			if s.Combined() < before {
				t.Fatalf("seed %d, P1: from %d back to %d after %q", seed, before, s.Combined(), script)
			}
			for k, p := range parts {
				if !naive.gone[k] && (p.Watermark() != naive.watermark[k] || p.Idle() != naive.idle[k]) {
					t.Fatalf("seed %d: split %d has %d, idle %v, want %d, %v", seed, k, p.Watermark(), p.Idle(), naive.watermark[k], naive.idle[k])
				}
			}
		}
	}
}

// What an idle split missed does not count against it: it holds the others from where it comes back.
func TestSplitComesBackBehind(t *testing.T) {
	s := NewSplits()
	a, b := s.Add("a"), s.Add("b")
	s.Advance(a, 10)
	s.Advance(b, 5)
	s.SetIdle(b, true)
	s.Advance(a, 20)
	if s.Combined() != 20 {
		t.Fatalf("%d without the idle split, want 20", s.Combined())
	}
	s.SetIdle(b, false)
	s.Advance(a, 30)
	if s.Combined() != 20 {
		t.Errorf("%d while the split that came back is at 5, want 20", s.Combined())
	}
	s.Advance(b, 25)
	if s.Combined() != 25 {
		t.Errorf("%d, want 25", s.Combined())
	}
	if s.Remove(b); s.Combined() != 30 {
		t.Errorf("%d behind the end of the slow split, want 30", s.Combined())
	}
	if s.Remove(b) || s.Remove(a) || s.Combined() != 30 || s.Idle() {
		t.Errorf("without splits: %d, idle %v, want 30 and not idle", s.Combined(), s.Idle())
	}
}
