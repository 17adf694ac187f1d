package restart

import (
	"math"

	"github.com/weirstream/weir/fault"
)

// Kind names a strategy.
type Kind uint8

const (
	// None: the first failure fails the job.
	None Kind = iota
	// FixedDelay: a number of restarts over the life of the job, the same delay before each.
	FixedDelay
	// FailureRate: as many restarts as needed, unless too many failures come within an interval.
	FailureRate
	// ExponentialDelay: the delay grows with each restart, and is small again when the job has run well for long.
	ExponentialDelay
)

// String returns the name that Flink's option restart-strategy.type has for the kind.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case FixedDelay:
		return "fixed-delay"
	case FailureRate:
		return "failure-rate"
	case ExponentialDelay:
		return "exponential-delay"
	default:
		return "unknown"
	}
}

const (
	second = int64(1e9)
	minute = 60 * second
	hour   = 60 * minute
)

// Config is a strategy with its settings. A zero field means zero, not its default: begin with [Default]. Times are in nanoseconds. Fields of other
// kinds than Kind are not looked at.
type Config struct {
	Kind Kind

	// Attempts is how many restarts FixedDelay allows in all. Default 1.
	Attempts int
	// Delay is what FixedDelay and FailureRate wait before each restart. Default 1 s.
	Delay int64

	// MaxFailuresPerInterval is how many failures within FailureRateInterval FailureRate answers with a restart; one more fails the job. Default 1.
	MaxFailuresPerInterval int
	// FailureRateInterval is how long a failure counts. Default 1 min.
	FailureRateInterval int64

	// InitialBackoff is the first delay of ExponentialDelay, and the least. Default 1 s.
	InitialBackoff int64
	// MaxBackoff is the longest delay of ExponentialDelay, jitter included. Default 1 min.
	MaxBackoff int64
	// BackoffMultiplier is by what the delay grows with each restart. Default 1.5.
	BackoffMultiplier float64
	// ResetBackoffThreshold is how long the job must run without failure, counted from the end of the last delay, for the delay and the attempts to
	// start over. Default 1 h.
	ResetBackoffThreshold int64
	// JitterFactor is by what part of itself a delay may be longer or shorter, by chance, so that many jobs do not restart at once. Default 0.1.
	JitterFactor float64
	// AttemptsBeforeResetBackoff is how many restarts ExponentialDelay allows without a reset between them. Default 0: any number.
	AttemptsBeforeResetBackoff int
}

// Default returns the strategy of a kind with Flink's defaults. Flink's default kind is ExponentialDelay for jobs with checkpoints, None for others.
func Default(kind Kind) Config {
	return Config{
		Kind:                   kind,
		Attempts:               1,
		Delay:                  second,
		MaxFailuresPerInterval: 1,
		FailureRateInterval:    minute,
		InitialBackoff:         second,
		MaxBackoff:             minute,
		BackoffMultiplier:      1.5,
		ResetBackoffThreshold:  hour,
		JitterFactor:           0.1,
	}
}

// Validate returns an error with code option.invalid that names the first setting that cannot be, or nil.
func (c Config) Validate() error {
	invalid := func(setting string, value any, want string) error {
		return fault.New(fault.OptionInvalid, "restart strategy %v: %s is %v, and must be %s", c.Kind, setting, value, want)
	}
	switch c.Kind {
	case None:
	case FixedDelay:
		switch {
		case c.Attempts < 0:
			return invalid("Attempts", c.Attempts, "at least 0")
		case c.Delay < 0:
			return invalid("Delay", text(c.Delay), "at least 0")
		}
	case FailureRate:
		switch {
		case c.MaxFailuresPerInterval < 1:
			return invalid("MaxFailuresPerInterval", c.MaxFailuresPerInterval, "at least 1")
		case c.FailureRateInterval < 1:
			return invalid("FailureRateInterval", text(c.FailureRateInterval), "positive")
		case c.Delay < 0:
			return invalid("Delay", text(c.Delay), "at least 0")
		}
	case ExponentialDelay:
		switch {
		case c.InitialBackoff < 1:
			return invalid("InitialBackoff", text(c.InitialBackoff), "positive")
		case c.MaxBackoff < c.InitialBackoff:
			return invalid("MaxBackoff", text(c.MaxBackoff), "at least InitialBackoff, "+text(c.InitialBackoff))
		case !(c.BackoffMultiplier > 1) || math.IsInf(c.BackoffMultiplier, 1):
			return invalid("BackoffMultiplier", c.BackoffMultiplier, "greater than 1")
		case c.ResetBackoffThreshold < 1:
			return invalid("ResetBackoffThreshold", text(c.ResetBackoffThreshold), "positive")
		case !(c.JitterFactor >= 0 && c.JitterFactor <= 1):
			return invalid("JitterFactor", c.JitterFactor, "from 0 to 1")
		case c.AttemptsBeforeResetBackoff < 0:
			return invalid("AttemptsBeforeResetBackoff", c.AttemptsBeforeResetBackoff, "at least 1, or 0 for any number")
		}
	default:
		return fault.New(fault.OptionInvalid, "restart strategy %d is not known", c.Kind)
	}
	return nil
}
