//go:build unix && !race

package pages

import "golang.org/x/sys/unix"

// regionBytes is the size of a region.
const regionBytes = 64 << 20

// mapPages maps n zero bytes, a multiple of mapUnit.
func mapPages(n int) uintptr {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(errMap(n, err))
	}
	return uintptr(p)
}

// unmapPages undoes mapPages.
func unmapPages(addr uintptr, n int) {
	if err := unix.MunmapPtr(pointer(&addr), uintptr(n)); err != nil {
		panic(errFree(addr, n))
	}
}
