package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations of a microsecond and more in buckets of at most 1/64 of their value. Several goroutines may record.
type histogram struct {
	counts [(64 - precision) << precision]atomic.Int64
}

const precision = 6

func (h *histogram) record(d time.Duration) {
	v := uint64(max(d.Microseconds(), 0))
	b := int(v)
	if v >= 1<<precision {
		e := bits.Len64(v) - 1 - precision
		b = (e+1)<<precision | int(v>>e)&(1<<precision-1)
	}
	h.counts[b].Add(1)
}

// quantile returns the largest number of microseconds of the bucket that holds the share q of all that was recorded.
func (h *histogram) quantile(q float64) int64 {
	var all, seen int64
	for i := range h.counts {
		all += h.counts[i].Load()
	}
	rank := int64(q * float64(all))
	for b := range h.counts {
		seen += h.counts[b].Load()
		if seen > rank || seen == all && all > 0 {
			if b < 1<<precision {
				return int64(b)
			}
			return (int64(1<<precision|b&(1<<precision-1))+1)<<(b>>precision-1) - 1
		}
	}
	return 0
}
