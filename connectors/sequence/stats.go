package sequence

import (
	"math/bits"
	"sync"
	"time"
)

// PacerStats is what pacers measured: how late they woke after the time they had meant to, which is the generator's share of a measured latency, and the CPU time of
// their threads. It may be read at any time, from any goroutine.
type PacerStats struct {
	mu struct {
		sync.Mutex
		lateness [64 << subBits]int64 // counts by bucket
		wakes    int64
		max      time.Duration
		cpu      time.Duration
	}
}

// subBits is the precision of a bucket: below 1/16 of the value.
const subBits = 4

func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<subBits {
		return int(v)
	}
	e := bits.Len64(v) - 1 - subBits
	return (e+1)<<subBits | int(v>>e)&(1<<subBits-1)
}

// upper returns the largest duration of a bucket.
func upper(b int) time.Duration {
	if b < 1<<subBits {
		return time.Duration(b)
	}
	e := b>>subBits - 1
	return time.Duration((uint64(1<<subBits|b&(1<<subBits-1))+1)<<e - 1)
}

func (s *PacerStats) add(late time.Duration) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.lateness[bucket(late)]++
	s.mu.wakes++
	s.mu.max = max(s.mu.max, late)
}

func (s *PacerStats) addCPU(d time.Duration) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.cpu += d
}

// Wakes is how often pacers woke.
func (s *PacerStats) Wakes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.wakes
}

// Lateness returns the lateness that the share q (0 to 1) of all wake-ups did not exceed, with a precision of 1/16; 0 if there was none.
func (s *PacerStats) Lateness(q float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	rank := int64(q * float64(s.mu.wakes))
	if rank >= s.mu.wakes {
		return s.mu.max
	}
	for b, n := range s.mu.lateness {
		if rank -= n; rank < 0 {
			return min(upper(b), s.mu.max)
		}
	}
	return s.mu.max
}

// CPU is the CPU time of the pacer threads that have ended, where the system tells it.
func (s *PacerStats) CPU() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.cpu
}
