//go:build !linux || race

package pages

// hugePages does nothing: the system decides alone.
func hugePages(uintptr, int) {}

// populate does nothing: the system finds memory when it is written.
func populate(uintptr, int) {}
