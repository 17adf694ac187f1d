//go:build !linux || race

package pages

// hugePages does nothing: the system decides alone.
func hugePages(uintptr, int) {}
