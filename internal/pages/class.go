package pages

import "math/bits"

const (
	minPage   = 256       // the smallest page
	finePage  = 256 << 10 // up to here there are eight sizes in each doubling, above only powers of two
	smallPage = 4 << 10   // pages up to here come from small slabs
	smallSlab = 64 << 10
	bigSlab   = 2 << 20 // a huge page of most systems; the largest page of a slab
	mapUnit   = 4 << 10 // sizes above bigSlab are multiples of it

	nPageClasses = 80
)

// pageClass returns the class of pages with at least size bytes. REQUIRES: size <= bigSlab.
func pageClass(size int) int {
	if size <= minPage {
		return 0
	}
	e := bits.Len(uint(size-1)) - 1 // 2^e < size <= 2^(e+1)
	over := uint(size-1) - 1<<e
	switch {
	case e == 8:
		return 1 + int(over>>6)
	case e <= 17:
		return 5 + (e-9)*8 + int(over>>(e-3))
	default:
		return 77 + e - 18
	}
}

// pageSize returns the size of the pages of a class.
func pageSize(class int) int {
	switch {
	case class == 0:
		return minPage
	case class < 5:
		return minPage + class*64
	case class < 77:
		e, k := 9+(class-5)/8, (class-5)%8
		return 1<<e + (k+1)<<(e-3)
	default:
		return finePage << (class - 76)
	}
}

// roundPage returns the size of the page that Alloc gives for size bytes.
func roundPage(size int) int {
	if size > bigSlab {
		return (size + mapUnit - 1) &^ (mapUnit - 1)
	}
	return pageSize(pageClass(size))
}

// Sizes of objects in a heap: multiples of 16 up to 64 bytes, then four in each doubling.
const (
	maxSmall       = 32 << 10 // larger objects have a page of their own
	heapPage       = 64 << 10 // the most bytes in a page of small objects
	nObjectClasses = 40
)

// objectClass returns the class of objects with at least n bytes. REQUIRES: 0 <= n <= maxSmall.
func objectClass(n int) int {
	if n <= 64 {
		return max(n-1, 0) >> 4
	}
	e := bits.Len(uint(n-1)) - 1 // 2^e < n <= 2^(e+1)
	return 4 + (e-6)*4 + int((uint(n-1)-1<<e)>>(e-2))
}

// objectShape is what the heap knows about a class of objects.
type objectShape struct {
	size    uint32 // bytes of an object
	inverse uint32 // ceil(2^32 / size), for dividing offsets in a page
	first   uint32 // bytes of the first page of a small heap
	full    uint32 // bytes of all other pages
	bitmap  uint32 // bytes of the bitmap of free objects of a page
}

// slot returns the number of the object that starts at the offset. It is exact: the offset is below 2^16, so the error of the
// inverse adds less than 2^16 / 2^32, and less than 1 / size.
func (s *objectShape) slot(offset uint32) uint32 {
	return uint32(uint64(offset) * uint64(s.inverse) >> 32)
}

var objectShapes = func() (shapes [nObjectClasses]objectShape) {
	for c := range shapes {
		size := 16 * (c + 1)
		if c >= 4 {
			e, k := 6+(c-4)/4, (c-4)%4
			size = 1<<e + (k+1)<<(e-2)
		}
		full := roundPage(heapPage / size * size)
		shapes[c] = objectShape{
			size:    uint32(size),
			inverse: uint32((1<<32 + uint64(size) - 1) / uint64(size)),
			first:   uint32(roundPage(size)),
			full:    uint32(full),
			bitmap:  uint32(roundPage((full/size + 63) / 64 * 8)),
		}
	}
	return shapes
}()
