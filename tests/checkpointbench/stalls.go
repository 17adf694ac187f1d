package main

// span is a stretch of time, by clock.
type span struct{ from, to int64 }

// stalls are the times in which the machine stood still: no processor did anything, as where a virtual machine has used up what its host gives it.
type stalls struct{ spans []span }

// both is what two lists of spans have in common. Both are in order of time.
func both(a, b []span) (common []span) {
	for len(a) > 0 && len(b) > 0 {
		if from, to := max(a[0].from, b[0].from), min(a[0].to, b[0].to); from < to {
			common = append(common, span{from, to})
		}
		if a[0].to < b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return common
}

// within is how long the machine stood still in a span, in nanoseconds.
func (s *stalls) within(t span) (sum int64) {
	if s == nil {
		return 0
	}
	for _, x := range both(s.spans, []span{t}) {
		sum += x.to - x.from
	}
	return sum
}
