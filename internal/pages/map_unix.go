//go:build unix && !race

package pages

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// regionBytes is the size of a region.
const regionBytes = 64 << 20

// mapRegion maps the region with the given number, counted from 0. The first one is not put into huge pages, so that a small job
// stays small: with them the first page of each size would cost 2 MiB.
func mapRegion(number int) uintptr {
	b := mmap(regionBytes)
	if number > 0 {
		hugePages(b)
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// mapPages maps n zero bytes, a multiple of mapUnit.
func mapPages(n int) uintptr {
	b := mmap(n)
	hugePages(b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

func mmap(n int) []byte {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(errMap(n, err))
	}
	return unsafe.Slice((*byte)(p), n)
}

// unmapPages undoes mapPages.
func unmapPages(addr uintptr, n int) {
	if err := unix.MunmapPtr(pointer(&addr), uintptr(n)); err != nil {
		panic(errFree(addr, n))
	}
}
