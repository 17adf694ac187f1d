package restart

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// fall is a failure at a time in seconds, with what is expected: the delay in seconds, -1 for none.
type fall struct {
	at, delay float64
	text      string // of the strategy after it; "" is not looked at
}

func with(kind Kind, change func(*Config)) Config {
	c := Default(kind)
	c.JitterFactor = 0
	if change != nil {
		change(&c)
	}
	return c
}

func TestStrategies(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		before string // the text before the first failure
		falls  []fall
	}{
		{"none", with(None, nil), "no restart", []fall{{1, -1, "no restart"}, {1000, -1, ""}}},
		{"fixed delay", with(FixedDelay, func(c *Config) { c.Attempts, c.Delay = 2, 10*second }), "fixed delay: attempt 0 of 2", []fall{
			{1, 10, "fixed delay: attempt 1 of 2, next in 10 s"},
			{100000, 10, "fixed delay: attempt 2 of 2, next in 10 s"},
			{200000, -1, "fixed delay: all 2 attempts used"},
			{900000, -1, ""},
		}},
		{"fixed delay, failures of one restart", with(FixedDelay, func(c *Config) { c.Attempts, c.Delay = 2, 10*second }), "", []fall{
			{1, 10, ""}, {1, 10, ""}, {4, 7, ""},
			{10.9, 0.1, "fixed delay: attempt 1 of 2, next in 10 s"},
			{11, 10, "fixed delay: attempt 2 of 2, next in 10 s"},
			{12, 9, ""}, {21, -1, ""}, {21, -1, ""},
		}},
		{"fixed delay, default", with(FixedDelay, nil), "", []fall{{0, 1, ""}, {1, -1, ""}}},
		{"fixed delay of nothing counts every failure", with(FixedDelay, func(c *Config) { c.Attempts, c.Delay = 3, 0 }), "", []fall{
			{5, 0, ""}, {5, 0, ""}, {5, 0, ""}, {5, -1, ""},
		}},
		{"fixed delay, no attempts", with(FixedDelay, func(c *Config) { c.Attempts = 0 }), "", []fall{{5, -1, "fixed delay: all 0 attempts used"}}},
		{"failure rate, default", with(FailureRate, nil), "failure rate: 0 of 1 failures in 60 s", []fall{
			{0, 1, "failure rate: 1 of 1 failures in 60 s, next in 1 s"}, {61, 1, ""}, {122, 1, ""},
			{182, -1, "failure rate: more than 1 failures in 60 s"},
			{9999, -1, ""},
		}},
		{"failure rate", with(FailureRate, func(c *Config) { c.MaxFailuresPerInterval = 3 }), "", []fall{
			{0, 1, ""}, {10, 1, ""}, {20, 1, "failure rate: 3 of 3 failures in 60 s, next in 1 s"},
			{60.5, 1, "failure rate: 3 of 3 failures in 60 s, next in 1 s"}, // the first has left the interval
			{70, -1, ""}, // the second is exactly as old as the interval: it counts
		}},
		{"failure rate, failures of one restart", with(FailureRate, func(c *Config) { c.MaxFailuresPerInterval = 2 }), "", []fall{
			{0, 1, ""}, {0.25, 0.75, ""}, {0.5, 0.5, "failure rate: 1 of 2 failures in 60 s, next in 1 s"}, {2, 1, ""}, {4, -1, ""},
		}},
		{"exponential delay", with(ExponentialDelay, nil), "exponential delay: attempt 0", []fall{
			{0, 1, "exponential delay: attempt 1, next in 1 s"}, {10, 1.5, ""}, {20, 2.25, "exponential delay: attempt 3, next in 2.25 s"},
			{30, 3.375, ""}, {100, 5.0625, ""},
			{100 + 5.0625 + 3599, 7.59375, ""},                            // ran for less than an hour
			{5000 + 3600, 1, "exponential delay: attempt 1, next in 1 s"}, // ran for more
		}},
		{"exponential delay, exactly the threshold", with(ExponentialDelay, nil), "", []fall{{0, 1, ""}, {2, 1.5, ""}, {3.5 + 3600, 1, ""}}},
		{"exponential delay, longest", with(ExponentialDelay, func(c *Config) { c.BackoffMultiplier = 10 }), "", []fall{
			{0, 1, ""}, {10, 10, ""}, {30, 60, ""}, {100, 60, ""}, {161, 60, ""},
		}},
		{"exponential delay, failures of one restart", with(ExponentialDelay, func(c *Config) { c.InitialBackoff = 4 * second }), "", []fall{
			{0, 4, ""}, {1, 3, ""}, {3.5, 0.5, "exponential delay: attempt 1, next in 4 s"}, {4, 6, ""},
		}},
		{"exponential delay, attempts", with(ExponentialDelay, func(c *Config) { c.AttemptsBeforeResetBackoff = 2 }), "", []fall{
			{0, 1, "exponential delay: attempt 1 of 2, next in 1 s"}, {2, 1.5, ""},
			{2000 + 3600, 1, ""}, {6000, 1.5, ""}, {6010, -1, "exponential delay: all 2 attempts used"}, {99999, -1, ""},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.config.Validate(); err != nil {
				t.Fatal(err)
			}
			s := New(test.config, nil)
			if got := s.String(); test.before != "" && got != test.before {
				t.Errorf("before: %q, want %q", got, test.before)
			}
			for i, f := range test.falls {
				delay, again := s.Failed(int64(f.at * 1e9))
				want := int64(f.delay * 1e9)
				if f.delay < 0 {
					want = 0
				}
				if again != (f.delay >= 0) || max(delay-want, want-delay) > 1 { // the times of the table are rounded
					t.Errorf("failure %d at %v s: delay %v s, again %v, want %v s", i+1, f.at, float64(delay)/1e9, again, f.delay)
				}
				if got := s.String(); f.text != "" && got != f.text {
					t.Errorf("failure %d at %v s: %q, want %q", i+1, f.at, got, f.text)
				}
			}
		})
	}
}

// TestJitter shows that a delay stays within its part of itself and within the bounds, and that all of that range is used.
func TestJitter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	lowest, highest := map[int]int64{}, map[int]int64{}
	for range 2000 {
		s := New(Default(ExponentialDelay), r.Float64)
		now := int64(0)
		for attempt := range 14 {
			delay, again := s.Failed(now)
			if !again {
				t.Fatal("no restart")
			}
			now += delay + second
			if l, ok := lowest[attempt]; !ok || delay < l {
				lowest[attempt] = delay
			}
			highest[attempt] = max(highest[attempt], delay)
		}
	}
	for attempt := range 14 {
		plain := min(math.Pow(1.5, float64(attempt)), 60)
		low, high := max(plain*0.9, 1), min(plain*1.1, 60)
		gotLow, gotHigh := float64(lowest[attempt])/1e9, float64(highest[attempt])/1e9
		slack := (high - low) / 50
		if gotLow < low-1e-9 || gotHigh > high+1e-9 || gotLow > low+slack || gotHigh < high-slack {
			t.Errorf("attempt %d: delays from %v to %v s, want %v to %v s", attempt+1, gotLow, gotHigh, low, high)
		}
	}
}

// TestExtremes runs settings at their limits, and ones that Validate refuses: nothing panics, no delay is negative.
func TestExtremes(t *testing.T) {
	values := []int64{math.MinInt64, -1, 0, 1, second, math.MaxInt64}
	factors := []float64{math.NaN(), math.Inf(-1), -1, 0, 1, 1.5, 1e300, math.Inf(1)}
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		value := func() int64 { return values[r.IntN(len(values))] }
		c := Config{
			Kind: Kind(r.IntN(6)), Attempts: int(value()), Delay: value(), MaxFailuresPerInterval: int(value()), FailureRateInterval: value(),
			InitialBackoff: value(), MaxBackoff: value(), BackoffMultiplier: factors[r.IntN(len(factors))], ResetBackoffThreshold: value(),
			JitterFactor: factors[r.IntN(len(factors))], AttemptsBeforeResetBackoff: int(value()),
		}
		valid := c.Validate() == nil
		s := New(c, r.Float64)
		now := int64(0)
		for range 8 {
			delay, again := s.Failed(now)
			if delay < 0 || !again && delay != 0 || valid && c.Kind == ExponentialDelay && again && delay > c.MaxBackoff {
				t.Fatalf("%+v: delay %d, again %v", c, delay, again)
			}
			_ = s.String()
			now = add(now, delay)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, kind := range []Kind{None, FixedDelay, FailureRate, ExponentialDelay} {
		if err := Default(kind).Validate(); err != nil {
			t.Errorf("default of %v: %v", kind, err)
		}
	}
	for _, test := range []struct {
		kind    Kind
		setting string
		change  func(*Config)
	}{
		{FixedDelay, "Attempts is -1", func(c *Config) { c.Attempts = -1 }},
		{FixedDelay, "Delay is -1 s", func(c *Config) { c.Delay = -second }},
		{FailureRate, "MaxFailuresPerInterval is 0", func(c *Config) { c.MaxFailuresPerInterval = 0 }},
		{FailureRate, "FailureRateInterval is 0 s", func(c *Config) { c.FailureRateInterval = 0 }},
		{FailureRate, "Delay is -1 s", func(c *Config) { c.Delay = -second }},
		{ExponentialDelay, "InitialBackoff is 0 s", func(c *Config) { c.InitialBackoff = 0 }},
		{ExponentialDelay, "MaxBackoff is 0.5 s, and must be at least InitialBackoff, 1 s", func(c *Config) { c.MaxBackoff = second / 2 }},
		{ExponentialDelay, "BackoffMultiplier is 1", func(c *Config) { c.BackoffMultiplier = 1 }},
		{ExponentialDelay, "BackoffMultiplier is NaN", func(c *Config) { c.BackoffMultiplier = math.NaN() }},
		{ExponentialDelay, "BackoffMultiplier is +Inf", func(c *Config) { c.BackoffMultiplier = math.Inf(1) }},
		{ExponentialDelay, "ResetBackoffThreshold is 0 s", func(c *Config) { c.ResetBackoffThreshold = 0 }},
		{ExponentialDelay, "JitterFactor is 1.1", func(c *Config) { c.JitterFactor = 1.1 }},
		{ExponentialDelay, "JitterFactor is NaN", func(c *Config) { c.JitterFactor = math.NaN() }},
		{ExponentialDelay, "AttemptsBeforeResetBackoff is -1", func(c *Config) { c.AttemptsBeforeResetBackoff = -1 }},
		{Kind(9), "restart strategy 9 is not known", func(*Config) {}},
	} {
		c := Default(test.kind)
		test.change(&c)
		err := c.Validate()
		if fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(fmt.Sprint(err), test.setting) {
			t.Errorf("%v: %v, want an error with %q", test.kind, err, test.setting)
		}
	}
}
