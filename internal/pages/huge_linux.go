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
