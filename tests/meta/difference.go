package main

import (
	"fmt"
	"strings"
)

// difference shows where two texts begin to differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-3)
	return fmt.Sprintf("from line %d on, the oracle says:\n%s\nand the operator:\n%s\n", from+1, lines(a, from), lines(b, from))
}

func lines(all []string, from int) string {
	return strings.Join(all[min(from, len(all)):min(from+8, len(all))], "\n")
}
