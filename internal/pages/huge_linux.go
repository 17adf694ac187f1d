//go:build linux && !race

package pages

import "golang.org/x/sys/unix"

// hugePages asks for huge pages. That a kernel has none is no failure.
func hugePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
