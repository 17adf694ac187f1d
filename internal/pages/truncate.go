package pages

import (
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// Truncate keeps the first n rows and gives the pages behind them back. The other rows have to be zero.
func (v *Vec) Truncate(n uint32) {
	if invariants.Enabled {
		for i := n; i < v.n; i++ {
			for w := uintptr(0); w < v.width; w += 8 {
				invariants.Check(*(*uint64)(unsafe.Add(v.At(i), w)) == 0, "pages: row %d is cut off and is not zero", i)
			}
		}
	}
	keep := int((uint64(n) + uint64(v.mask)) >> v.shift)
	if keep == 0 {
		keep = 1 // the first page has a size of its own
	}
	for p := len(v.pages) - 1; p >= keep; p-- {
		v.drop(p, v.pageBytes(p))
		v.room -= 1 << v.shift
	}
	if keep < len(v.pages) {
		v.pages, v.gens, v.shared = v.pages[:keep], v.gens[:keep], nil
	}
	v.n = min(v.n, n)
	if len(v.pages) == 1 {
		v.shrinkFirst()
	}
}

// shrinkFirst makes the first page, which is the only one, smaller if half of it is not needed.
func (v *Vec) shrinkFirst() {
	used := v.n * uint32(v.width)
	size := uint32(roundPage(int(max(used, uint32(v.width)))))
	if size > v.size0/2 {
		return
	}
	addr := v.take(int(size), true)
	copy(unsafe.Slice((*byte)(pointer(&addr)), used), unsafe.Slice((*byte)(pointer(&v.pages[0])), used))
	v.drop(0, int(v.size0))
	v.set(0, addr)
	v.size0 = size
	v.room = min(size/uint32(v.width), v.mask+1)
}
