package wire

import "maps"

// Merge adds what other has gathered to a. Both have the same kind; other is not changed. A part with count 0 has gathered nothing, so its
// minimum and maximum do not count.
//
// Counts and buckets add up to the same whatever the order; the sum is a float, so that its last digits depend on it.
func (a *Accumulator) Merge(other *Accumulator) {
	if other.GetCount() == 0 && len(other.GetBuckets()) == 0 && other.GetSum() == 0 {
		return
	}
	if a.Count == 0 {
		a.Min, a.Max = other.Min, other.Max
	} else if other.Count != 0 {
		a.Min, a.Max = min(a.Min, other.Min), max(a.Max, other.Max)
	}
	a.Count += other.Count
	a.Sum += other.Sum
	if len(other.Buckets) > 0 && a.Buckets == nil {
		a.Buckets = make(map[int64]int64, len(other.Buckets))
	}
	for k, n := range other.Buckets {
		a.Buckets[k] += n
	}
}

// Clone returns a copy that shares nothing with a.
func (a *Accumulator) Clone() *Accumulator {
	return &Accumulator{
		Name: a.GetName(), Kind: a.GetKind(), Count: a.GetCount(), Sum: a.GetSum(), Min: a.GetMin(), Max: a.GetMax(),
		Buckets: maps.Clone(a.GetBuckets()),
	}
}
