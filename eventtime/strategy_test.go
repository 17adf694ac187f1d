package eventtime_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

type collected struct{ watermark int64 }

func (c *collected) EmitWatermark(t int64) { c.watermark = max(c.watermark, t) }
func (c *collected) MarkIdle()             {}
func (c *collected) MarkActive()           {}

// The watermark is the largest timestamp less the bound and a millisecond, at the edges of the number range too.
func TestBoundedOutOfOrderness(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		bound := rng.Int64N(1000)
		s := eventtime.ForBoundedOutOfOrderness[int](time.Duration(bound) * time.Millisecond)
		if seed%5 == 0 {
			bound, s = 0, eventtime.ForMonotonousTimestamps[int]()
		}
		if lag, ok := s.Lag(); !ok || lag != bound+1 {
			t.Fatalf("lag %d, %v, want %d", lag, ok, bound+1)
		}
		g, out := s.NewGenerator(), &collected{eventtime.MinWatermark}
		g.OnPeriodicEmit(out)
		want, highest := eventtime.MinWatermark, eventtime.NoTimestamp
		for range 100 {
			ts := rng.Int64N(5000) - 2500
			switch rng.IntN(20) {
			case 0:
				ts = eventtime.NoTimestamp
			case 1:
				ts = eventtime.NoTimestamp + rng.Int64N(2000)
			}
			g.OnEvent(0, ts, out)
			g.OnPeriodicEmit(out)
			if highest = max(highest, ts); highest > math.MinInt64+bound+1 {
				want = highest - bound - 1
			}
			if out.watermark != want {
				t.Fatalf("seed %d: watermark %d behind %d with bound %d, want %d", seed, out.watermark, highest, bound, want)
			}
		}
	}
}

func TestStrategyIsAValue(t *testing.T) {
	plain := eventtime.ForMonotonousTimestamps[int]()
	idle := plain.WithIdleness(time.Second)
	if _, aligned := idle.WithWatermarkAlignment("g", time.Second).Alignment(); plain.Idleness() != 0 || idle.Idleness() != time.Second || !aligned {
		t.Errorf("a With method changed its receiver, or did nothing")
	}
	if _, aligned := idle.Alignment(); aligned {
		t.Errorf("WithWatermarkAlignment changed its receiver")
	}
	a, _ := idle.WithWatermarkAlignment("g", time.Minute).Alignment()
	if want := (eventtime.Alignment{Group: "g", MaxDrift: time.Minute, UpdateInterval: time.Second}); a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
}

func TestStrategyCheck(t *testing.T) {
	base := eventtime.ForMonotonousTimestamps[int]()
	for _, c := range []struct {
		name string
		s    eventtime.Strategy[int]
		code fault.Code
		says string
	}{
		{"zero", eventtime.Strategy[int]{}, "", ""},
		{"none", eventtime.NoWatermarks[int](), "", ""},
		{"all", base.WithIdleness(1).WithWatermarkAlignment("g", time.Millisecond, 1).WithTimestampAssigner(func(int, int64) int64 { return 0 }), "", ""},
		{"bound", eventtime.ForBoundedOutOfOrderness[int](-time.Second), fault.OptionInvalid, "-1s"},
		{"generator", eventtime.ForGenerator[int](nil), fault.GraphNilFunction, "generators is nil"},
		{"assigner", base.WithTimestampAssigner(nil), fault.GraphNilFunction, "assigner"},
		{"no idleness", base.WithIdleness(0), fault.OptionInvalid, "must be positive"},
		{"negative idleness", base.WithIdleness(-time.Second), fault.OptionInvalid, "-1s"},
		{"group", base.WithWatermarkAlignment("", time.Second), fault.OptionInvalid, "empty"},
		{"drift", base.WithWatermarkAlignment("g", 0), fault.OptionInvalid, `"g" is 0s`},
		{"small drift", base.WithWatermarkAlignment("g", time.Microsecond), fault.OptionInvalid, "1µs"},
		{"interval", base.WithWatermarkAlignment("g", time.Second, 0), fault.OptionInvalid, "update interval"},
	} {
		err := c.s.Check()
		if fault.CodeOf(err) != c.code || c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q with %q", c.name, err, c.code, c.says)
		}
	}
	all := eventtime.ForBoundedOutOfOrderness[int](-1).WithIdleness(-1).WithWatermarkAlignment("", 0, -1).Check()
	if n := len(all.(interface{ Unwrap() []error }).Unwrap()); n != 5 {
		t.Errorf("%d errors, want 5: %v", n, all)
	}
}
