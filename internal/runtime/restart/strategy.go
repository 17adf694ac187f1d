package restart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Strategy is a [Config] with what it has seen of one job. It lives as long as the job, over all restarts. It is not safe for concurrent use.
type Strategy struct {
	config Config
	rand   func() float64

	attempt   int     // restarts so far; with ExponentialDelay since the last reset
	delay     int64   // of the last restart
	restartAt int64   // when it ends
	failures  []int64 // that count, the oldest first; FailureRate only
	over      bool    // the job has failed for good
}

// New returns the strategy of a job that has not failed yet. c is valid; of one that is not, the strategy makes something of its own, but does not
// panic. rand returns numbers from 0 to 1, 1 excluded, and serves for jitter alone; nil means no jitter.
func New(c Config, rand func() float64) *Strategy {
	return &Strategy{config: c, rand: rand}
}

// Failed tells that the job has failed at time now, and returns after which delay it is started again, both in nanoseconds. again is false if it is not: then it
// has failed for good, and every later call says the same. A failure of the restart under way (see the package comment) returns what is left of
// its delay.
func (s *Strategy) Failed(now int64) (delay int64, again bool) {
	if s.over {
		return 0, false
	}
	if s.attempt > 0 && now < s.restartAt {
		return s.restartAt - now, true
	}
	s.delay, again = s.next(now)
	if !again {
		s.over = true
		return 0, false
	}
	s.attempt++
	s.restartAt = add(now, s.delay)
	return s.delay, true
}

// next decides about a new failure.
func (s *Strategy) next(now int64) (delay int64, again bool) {
	c := s.config
	switch c.Kind {
	case FixedDelay:
		return max(c.Delay, 0), s.attempt < c.Attempts
	case FailureRate:
		s.failures = slices.DeleteFunc(s.failures, func(at int64) bool { return now-at > c.FailureRateInterval })
		s.failures = append(s.failures, now)
		return max(c.Delay, 0), len(s.failures) <= c.MaxFailuresPerInterval
	case ExponentialDelay:
		if s.attempt > 0 && now-s.restartAt >= c.ResetBackoffThreshold {
			s.attempt = 0
		}
		return s.backoff(), c.AttemptsBeforeResetBackoff <= 0 || s.attempt < c.AttemptsBeforeResetBackoff
	default:
		return 0, false
	}
}

// backoff is the delay before the next attempt of ExponentialDelay. The bounds are applied after the jitter, so that both hold.
func (s *Strategy) backoff() int64 {
	c := s.config
	backoff := min(float64(c.InitialBackoff)*math.Pow(c.BackoffMultiplier, float64(s.attempt)), float64(c.MaxBackoff))
	if s.rand != nil {
		backoff += (2*s.rand() - 1) * c.JitterFactor * backoff
	}
	switch {
	case backoff >= float64(c.MaxBackoff):
		return max(c.MaxBackoff, 0)
	case backoff > float64(c.InitialBackoff):
		return max(int64(backoff), 0)
	default: // also if it is no number
		return max(c.InitialBackoff, 0)
	}
}

// String says where the strategy stands, for logs, as "exponential delay: attempt 3, next in 2.25 s".
func (s *Strategy) String() string {
	c := s.config
	switch {
	case c.Kind == None:
		return "no restart"
	case c.Kind == FixedDelay && s.over:
		return fmt.Sprintf("fixed delay: all %d attempts used", c.Attempts)
	case c.Kind == FixedDelay:
		return fmt.Sprintf("fixed delay: attempt %d of %d%s", s.attempt, c.Attempts, s.nextIn())
	case c.Kind == FailureRate && s.over:
		return fmt.Sprintf("failure rate: more than %d failures in %s", c.MaxFailuresPerInterval, text(c.FailureRateInterval))
	case c.Kind == FailureRate:
		return fmt.Sprintf("failure rate: %d of %d failures in %s%s",
			len(s.failures), c.MaxFailuresPerInterval, text(c.FailureRateInterval), s.nextIn())
	case c.Kind == ExponentialDelay && s.over:
		return fmt.Sprintf("exponential delay: all %d attempts used", c.AttemptsBeforeResetBackoff)
	case c.Kind == ExponentialDelay && c.AttemptsBeforeResetBackoff > 0:
		return fmt.Sprintf("exponential delay: attempt %d of %d%s", s.attempt, c.AttemptsBeforeResetBackoff, s.nextIn())
	case c.Kind == ExponentialDelay:
		return fmt.Sprintf("exponential delay: attempt %d%s", s.attempt, s.nextIn())
	default:
		return "unknown restart strategy"
	}
}

func (s *Strategy) nextIn() string {
	if s.attempt == 0 {
		return ""
	}
	return ", next in " + text(s.delay)
}

// text is a time in seconds, rounded to milliseconds.
func text(nanos int64) string {
	return strconv.FormatFloat(math.Round(float64(nanos)/1e6)/1e3, 'f', -1, 64) + " s"
}

// add returns a + b for b >= 0, without overflow.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
