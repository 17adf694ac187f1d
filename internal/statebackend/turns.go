package statebackend

import "slices"

// turnLen is how many elements are sorted or merged between two turns: some hundred microseconds of work at most.
const turnLen = 2 << 10

// sortInTurns sorts s as [slices.SortFunc] does, and calls turn now and then. It returns the sorted slice, which may be another one than s; s holds nothing of use then.
func sortInTurns[T any](s []T, compare func(a, b T) int, turn func()) []T {
	for run := range slices.Chunk(s, turnLen) {
		slices.SortFunc(run, compare)
		turn()
	}
	if len(s) <= turnLen {
		return s
	}
	to := make([]T, len(s))
	for width := turnLen; width < len(s); width *= 2 {
		for at := 0; at < len(s); at += 2 * width {
			middle, end := min(at+width, len(s)), min(at+2*width, len(s))
			mergeInTurns(to[at:end], s[at:middle], s[middle:end], compare, turn)
		}
		s, to = to, s
	}
	return s
}

// mergeInTurns fills to with what a and b have, both sorted.
func mergeInTurns[T any](to, a, b []T, compare func(a, b T) int, turn func()) {
	for i := range to {
		if len(b) == 0 || len(a) > 0 && compare(a[0], b[0]) <= 0 {
			to[i], a = a[0], a[1:]
		} else {
			to[i], b = b[0], b[1:]
		}
		if i%turnLen == turnLen-1 {
			turn()
		}
	}
}
