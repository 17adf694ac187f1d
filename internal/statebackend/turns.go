package statebackend

import "slices"

// turnLen is how many elements are sorted or merged between two turns: some hundred microseconds of work at most.
const turnLen = 2 << 10

// sortInTurns sorts s as [slices.SortFunc] does, and calls turn now and then. spare is where it may write, if it has the capacity. It returns the sorted slice, which is s or spare or a new one, and what may be spare next
// time: what the others hold is of no use then.
func sortInTurns[T any](s, spare []T, compare func(a, b T) int, turn func()) (sorted, other []T) {
	for run := range slices.Chunk(s, turnLen) {
		slices.SortFunc(run, compare)
		turn()
	}
	if len(s) <= turnLen {
		return s, spare
	}
	if cap(spare) < len(s) {
		spare = make([]T, cap(s))
	}
	to := spare[:len(s)]
	for width := turnLen; width < len(s); width *= 2 {
		for at := 0; at < len(s); at += 2 * width {
			middle, end := min(at+width, len(s)), min(at+2*width, len(s))
			mergeInTurns(to[at:end], s[at:middle], s[middle:end], compare, turn)
		}
		s, to = to, s
	}
	return s, to
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
