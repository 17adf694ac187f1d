//go:build !unix || race

package pages

import (
	"sync"
	"unsafe"
)

// regionBytes is the size of a region: less than where untouched memory costs nothing.
const regionBytes = 16 << 20

// owned keeps the memory behind addresses, which are integers to the collector.
var owned struct {
	mu sync.Mutex
	at map[uintptr][]uint64
}

// mapPages allocates n zero bytes, a multiple of mapUnit.
func mapPages(n int) uintptr {
	words := make([]uint64, n/8)
	addr := uintptr(unsafe.Pointer(unsafe.SliceData(words)))
	owned.mu.Lock()
	defer owned.mu.Unlock()
	if owned.at == nil {
		owned.at = map[uintptr][]uint64{}
	}
	owned.at[addr] = words
	return addr
}

// unmapPages undoes mapPages.
func unmapPages(addr uintptr, n int) {
	owned.mu.Lock()
	defer owned.mu.Unlock()
	if 8*len(owned.at[addr]) != n {
		panic(errFree(addr, n))
	}
	delete(owned.at, addr)
}
