package catalog

import "strings"

// Closest returns the name that another is a misspelling of, or "": one that differs in case alone, or in a letter or two.
func Closest(name string, among []string) string {
	if len(name) > 60 {
		return ""
	}
	best, at := "", 3
	lower := strings.ToLower(name)
	allowed := 1
	if len(name) > 5 {
		allowed = 2
	}
	for _, c := range among {
		if c == name || len(c) > 60 || len(c) < 2 {
			continue
		}
		l := strings.ToLower(c)
		if l == lower {
			return c
		}
		if d := distance(lower, l); d <= allowed && d < at && d < len(l) {
			best, at = c, d
		}
	}
	return best
}

// distance is the number of bytes to add, drop or change, or to swap with their neighbour, to get from a to b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
