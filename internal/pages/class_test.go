package pages

import "testing"

func TestPageClasses(t *testing.T) {
	for c := range nPageClasses {
		size := pageSize(c)
		if size%64 != 0 || c > 0 && size <= pageSize(c-1) {
			t.Errorf("class %d has pages of %d bytes", c, size)
		}
		if bytes := bigSlab; size > smallPage && bytes/size > 512 || size <= smallPage && smallSlab/size > 512 {
			t.Errorf("a slab has too many pages of %d bytes", size)
		}
	}
	for size := range bigSlab + 1 {
		c := pageClass(size)
		if pageSize(c) < size || c > 0 && pageSize(c-1) >= size {
			t.Fatalf("%d bytes get pages of %d", size, pageSize(c))
		}
		if got := roundPage(size); size > 512 && size <= finePage && got-size >= max(64, size/8) {
			t.Fatalf("%d bytes get a page of %d", size, got)
		}
	}
	if pageClass(bigSlab) != nPageClasses-1 || roundPage(bigSlab+1) != bigSlab+mapUnit {
		t.Error("the largest sizes are wrong")
	}
}

func TestObjectClasses(t *testing.T) {
	for n := range maxSmall + 1 {
		c := objectClass(n)
		size := int(objectShapes[c].size)
		if size < n || c > 0 && n > 0 && int(objectShapes[c-1].size) >= n || n > 64 && size-n >= n/4 {
			t.Fatalf("%d bytes get room for %d", n, size)
		}
	}
	if c := objectClass(maxSmall); c != nObjectClasses-1 {
		t.Errorf("the last class is %d", c)
	}
	for _, s := range objectShapes {
		if s.full > heapPage || s.first < s.size || s.first >= s.full || heapPage/s.size != s.full/s.size {
			t.Errorf("objects of %d bytes: pages of %d to %d bytes", s.size, s.first, s.full)
		}
		if s.bitmap*8 < s.full/s.size || s.bitmap != uint32(roundPage(int(s.bitmap))) {
			t.Errorf("objects of %d bytes: a bitmap of %d bytes", s.size, s.bitmap)
		}
		for at := uint32(0); at < heapPage; at++ {
			if s.slot(at) != at/s.size {
				t.Fatalf("%d / %d = %d", at, s.size, s.slot(at))
			}
		}
	}
}
