package grouping

import (
	"cmp"
	"math/bits"
	"slices"
)

// timeOf is an entry of a group that is sorted by time.
type timeOf struct {
	time int64
	ref  uint64
}

// radix sorts entries that agree in all but the lowest left bits. Each pass takes so many bits that few entries are left for the next one: hashes are spread evenly.
func (s *Sorter) radix(a, scratch []entry, left int) {
	for {
		if len(a) <= 16 {
			s.insertion(a)
			return
		}
		if left == 0 {
			s.sortGroup(a)
			return
		}
		width := min(max(bits.Len(uint(len(a)))-2, 1), 8, left)
		shift := left - width
		mask := uint64(1)<<width - 1
		var ends [256]int
		for i := range a {
			ends[a[i].order>>shift&mask]++
		}
		left = shift
		if ends[a[0].order>>shift&mask] == len(a) {
			continue // all in one
		}
		sum := 0
		for b := range ends[:mask+1] {
			sum, ends[b] = sum+ends[b], sum
		}
		for i := range a {
			b := a[i].order >> shift & mask
			scratch[ends[b]] = a[i]
			ends[b]++
		}
		copy(a, scratch)
		begin := 0
		for _, end := range ends[:mask+1] {
			if end-begin > 1 {
				s.radix(a[begin:end], scratch[begin:end], left)
			}
			begin = end
		}
		return
	}
}

func (s *Sorter) less(a, b *entry) bool {
	if a.order != b.order {
		return a.order < b.order
	}
	if s.cfg.ByTime && s.timed {
		if x, y := s.timeAt(a.ref), s.timeAt(b.ref); x != y {
			return x < y
		}
	}
	return a.ref < b.ref
}

func (s *Sorter) insertion(a []entry) {
	for i := 1; i < len(a); i++ {
		e := a[i]
		j := i
		for ; j > 0 && s.less(&e, &a[j-1]); j-- {
			a[j] = a[j-1]
		}
		a[j] = e
	}
}

// sortGroup sorts entries of one hash. They are sorted already where records came in the order of time from one input.
func (s *Sorter) sortGroup(a []entry) {
	sorted := true
	for i := 1; i < len(a) && sorted; i++ {
		sorted = !s.less(&a[i], &a[i-1])
	}
	if sorted {
		return
	}
	if !s.cfg.ByTime || !s.timed {
		slices.SortFunc(a, func(x, y entry) int { return cmp.Compare(x.ref, y.ref) })
		return
	}
	times := s.times[:0]
	for _, e := range a {
		times = append(times, timeOf{s.timeAt(e.ref), e.ref})
	}
	s.times = times
	slices.SortFunc(times, func(x, y timeOf) int {
		if x.time != y.time {
			return cmp.Compare(x.time, y.time)
		}
		return cmp.Compare(x.ref, y.ref)
	})
	for i := range times {
		a[i].ref = times[i].ref
	}
}
