package grouping

import (
	"cmp"
	"math/bits"
	"slices"
)

// sort orders a part.
func (s *Sorter) sort(p *part) {
	n := len(p.entries)
	if cap(s.scratch) < n {
		s.scratch = make([]entry, n, cap(p.entries))
	}
	radix(p.entries, s.scratch[:n], 64-partBits, s.cfg.ByTime)
}

// radix sorts entries whose hashes agree in all but the lowest left bits. Each pass takes so many bits that few entries are left for the next one: hashes are spread evenly.
func radix(a, scratch []entry, left int, byTime bool) {
	for {
		if len(a) <= 16 {
			insertion(a, byTime)
			return
		}
		if left == 0 {
			sortGroup(a, byTime)
			return
		}
		width := min(max(bits.Len(uint(len(a)))-2, 1), 8, left)
		shift := left - width
		mask := uint64(1)<<width - 1
		var ends [256]int
		for i := range a {
			ends[a[i].hash>>shift&mask]++
		}
		left = shift
		if ends[a[0].hash>>shift&mask] == len(a) {
			continue // all in one
		}
		sum := 0
		for b := range ends[:mask+1] {
			sum, ends[b] = sum+ends[b], sum
		}
		for i := range a {
			b := a[i].hash >> shift & mask
			scratch[ends[b]] = a[i]
			ends[b]++
		}
		copy(a, scratch)
		begin := 0
		for _, end := range ends[:mask+1] {
			if end-begin > 1 {
				radix(a[begin:end], scratch[begin:end], left, byTime)
			}
			begin = end
		}
		return
	}
}

func less(a, b *entry, byTime bool) bool {
	if a.hash != b.hash {
		return a.hash < b.hash
	}
	if byTime && a.time != b.time {
		return a.time < b.time
	}
	return a.ref < b.ref
}

func insertion(a []entry, byTime bool) {
	for i := 1; i < len(a); i++ {
		e := a[i]
		j := i
		for ; j > 0 && less(&e, &a[j-1], byTime); j-- {
			a[j] = a[j-1]
		}
		a[j] = e
	}
}

// sortGroup sorts entries of one hash. They are sorted already where records came in the order of time from one input.
func sortGroup(a []entry, byTime bool) {
	for i := 1; ; i++ {
		if i == len(a) {
			return
		}
		if less(&a[i], &a[i-1], byTime) {
			break
		}
	}
	slices.SortFunc(a, func(x, y entry) int {
		if byTime && x.time != y.time {
			return cmp.Compare(x.time, y.time)
		}
		return cmp.Compare(x.ref, y.ref)
	})
}
