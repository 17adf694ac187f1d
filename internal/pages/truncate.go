package pages

import (
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// Truncate keeps the first n rows. The others have to be zero.
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
}
