package pages

import (
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// These are panics: a caller can only have them from a defect, but for a system without memory, where Go itself would give up.

func errSize(size int) error {
	return fault.New(fault.InternalInvariant, "pages: no page or object can have %d bytes", size)
}

func errFree(addr uintptr, size int) error {
	return fault.New(fault.InternalInvariant, "pages: %#x is not a page of %d bytes in use", addr, size)
}

func errRows() error {
	return fault.New(fault.InternalInvariant, "pages: more than %d rows", uint32(1<<32-1))
}

func errMap(size int, err error) error {
	return fault.New(fault.StateRefused, "the operating system refuses %d bytes of memory: %w", size, err)
}

// poison overwrites memory that nobody may read any more.
func poison(addr uintptr, n int) {
	b := unsafe.Slice((*byte)(pointer(&addr)), n)
	b[0] = 0xdb
	for done := 1; done < n; done *= 2 { // the race detector is slow with single bytes
		copy(b[done:], b[:done])
	}
}
