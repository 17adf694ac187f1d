//go:build linux && !race

package pages

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks for huge pages. That a kernel has none is no failure.
func hugePages(addr uintptr, n int) {
	_ = unix.Madvise(unsafe.Slice((*byte)(pointer(&addr)), n), unix.MADV_HUGEPAGE)
}

// populate has the system find memory for pages now, and not when each is written first. That it cannot is no failure.
func populate(addr uintptr, n int) {
	_ = unix.Madvise(unsafe.Slice((*byte)(pointer(&addr)), n), unix.MADV_POPULATE_WRITE)
}
