package operator

import "math"

// Accumulator is a value that user functions of one task add to. The job's value is the merge over all tasks.
type Accumulator struct {
	Name, Kind string
	Count      int64
	Sum        float64
	Min, Max   float64
	Buckets    map[int64]int64
}

// The kinds of accumulators.
const (
	AccCounter   = "counter"
	AccSum       = "sum"
	AccAverage   = "average"
	AccMinimum   = "minimum"
	AccMaximum   = "maximum"
	AccHistogram = "histogram"
)

// NewAccumulator returns an empty accumulator.
func NewAccumulator(name, kind string) *Accumulator {
	a := &Accumulator{Name: name, Kind: kind, Min: math.Inf(1), Max: math.Inf(-1)}
	if kind == AccHistogram {
		a.Buckets = map[int64]int64{}
	}
	return a
}

// AddInt adds to a counter, or an entry to a histogram.
func (a *Accumulator) AddInt(v int64) {
	if a.Buckets != nil {
		a.Buckets[v]++
		a.Count++
		return
	}
	a.Count += v
}

// AddFloat adds an observation to a sum, average, minimum or maximum.
func (a *Accumulator) AddFloat(v float64) {
	a.Count++
	a.Sum += v
	a.Min = min(a.Min, v)
	a.Max = max(a.Max, v)
}

// Clone returns a copy that shares nothing.
func (a *Accumulator) Clone() *Accumulator {
	c := *a
	if a.Buckets != nil {
		c.Buckets = make(map[int64]int64, len(a.Buckets))
		for k, v := range a.Buckets {
			c.Buckets[k] = v
		}
	}
	return &c
}
