package pages

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// PoolStats says how much memory the pool has.
type PoolStats struct {
	Mapped int64 // bytes taken from the operating system
	InUse  int64 // bytes of pages that were handed out and not given back
}

// pool is the one pool of the process. Lock order: the class of a small size, the class of smallSlab, system.
var pool struct {
	classes [nPageClasses]pageList
	system  sync.Mutex
	// idle are the blocks that no class has and that were never used; ready those whose memory is there, and nready how many they are.
	idle, ready *block
	nready      atomic.Int64
	// regions are sorted by address; the slice is replaced, never changed.
	regions atomic.Pointer[[]*region]
	mapped  atomic.Int64
	frozen  atomic.Int64 // snapshots that live
	direct  atomic.Int64 // bytes of pages above bigSlab
}

// region is memory of the operating system. Its blocks are aligned to bigSlab.
type region struct {
	base, end uintptr
	start     uintptr // of the first block
	blocks    []block
}

// block is where one big slab fits.
type block struct {
	slab slab
	// small are the small slabs in the pages of the slab, by their place in the block, made when first needed.
	small [bigSlab / smallSlab]*slab
	next  *block // in pool.idle or pool.ready
	used  bool   // some of its bytes may not be zero
	huge  bool   // a huge page was asked for
}

// pageList holds the slabs of one class that have free pages.
type pageList struct {
	mu    sync.Mutex
	head  *slab
	inUse int64 // pages
	slabs int   // with and without free pages
	_     [64]byte
}

// slab is memory that is cut into pages of one size. What is free stands here, beside the pages, so that a page that was never used
// is not touched.
type slab struct {
	base       uintptr
	block      *block
	next, prev *slab
	size       uint32
	pages      uint32
	nfree      uint32
	free       [8]uint64 // pages that are free
	used       [8]uint64 // pages that may not be zero
}

// Alloc returns a page of at least size bytes, zeroed and aligned to at least 64 bytes. It belongs to the caller until Free. Sizes are
// rounded up: from 256 B to 256 KiB to eight steps in each doubling (four below 512 B), then to powers of two up to 2 MiB. Larger pages are rounded to 4 KiB,
// mapped for this call and unmapped by Free. It panics if size is negative or the operating system refuses memory. It
// is safe for concurrent use.
func Alloc(size int) unsafe.Pointer {
	addr, used := allocPage(size)
	p := pointer(&addr)
	if used {
		clear(unsafe.Slice((*byte)(p), roundPage(size)))
	}
	return p
}

// Free gives back a page that Alloc returned for the same size. It is safe for concurrent use.
func Free(p unsafe.Pointer, size int) { freePage(uintptr(p), size) }

// Stats returns what the pool has now. The figures of one call may be of slightly different moments.
func Stats() PoolStats {
	s := PoolStats{Mapped: pool.mapped.Load(), InUse: pool.direct.Load()}
	for c := range pool.classes {
		l := &pool.classes[c]
		l.mu.Lock()
		s.InUse += l.inUse * int64(pageSize(c))
		l.mu.Unlock()
	}
	return s
}

// pointer turns an address in a table into a pointer. The address is not of Go's heap, or of memory that stays, so the collector
// need not know it.
func pointer(addr *uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(addr)) }

// allocPage is Alloc without zeroing; used reports whether the page may be other than zero.
func allocPage(size int) (addr uintptr, used bool) {
	if size > bigSlab {
		n := roundPage(size)
		addr = mapPages(n)
		hugePages(addr, n)
		pool.mapped.Add(int64(n))
		pool.direct.Add(int64(n))
		return addr, false
	}
	if size < 0 {
		panic(errSize(size))
	}
	l := &pool.classes[pageClass(size)]
	l.mu.Lock()
	defer l.mu.Unlock() // take may panic
	addr, used = l.take(size)
	l.inUse++
	return addr, used
}

// freePage is Free.
func freePage(addr uintptr, size int) {
	n := roundPage(size)
	if size > bigSlab {
		unmapPages(addr, n)
		pool.mapped.Add(-int64(n))
		pool.direct.Add(-int64(n))
		return
	}
	s := find(addr, n)
	l := &pool.classes[pageClass(size)]
	l.mu.Lock()
	ok := s.holds(addr)
	if ok {
		if invariants.Enabled {
			poison(addr, n)
		}
		l.inUse--
		l.give(s, addr)
	}
	l.mu.Unlock()
	if !ok {
		panic(errFree(addr, n))
	}
}

// lockAndTake is take with the lock taken and released; the page does not count as in use.
func (l *pageList) lockAndTake(size int) (addr uintptr, used bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(size)
}

// take returns a free page. REQUIRES: l.mu.
func (l *pageList) take(size int) (addr uintptr, used bool) {
	s := l.head
	if s == nil {
		// The first slab of a size is not a huge page, so that a small job stays small: it would cost 2 MiB for each size.
		s = newSlab(roundPage(size), l.slabs > 0)
		l.slabs++
		l.push(s)
	}
	w := 0
	for s.free[w] == 0 {
		w++
	}
	b := bits.TrailingZeros64(s.free[w])
	bit := uint64(1) << b
	used = s.used[w]&bit != 0
	s.free[w] &^= bit
	s.used[w] |= bit
	if s.nfree--; s.nfree == 0 {
		l.remove(s)
	}
	return s.base + uintptr(w<<6|b)*uintptr(s.size), used
}

// holds reports whether a page in use is at the address, which is in the slab. REQUIRES: the lock of its class.
func (s *slab) holds(addr uintptr) bool {
	offset := uint32(addr - s.base)
	i := offset / s.size
	return i < s.pages && i*s.size == offset && s.free[i>>6]>>(i&63)&1 == 0
}

// give takes a page back, and gives up the slab if all its pages are free and another slab has free ones: one is kept, so that a
// page that comes and goes does not take the slab with it. REQUIRES: l.mu.
func (l *pageList) give(s *slab, addr uintptr) {
	i := uint32(addr-s.base) / s.size
	s.free[i>>6] |= 1 << (i & 63)
	if s.nfree++; s.nfree == 1 {
		l.push(s)
	}
	if s.nfree == s.pages && (s.next != nil || s.prev != nil) {
		l.remove(s)
		l.slabs--
		dropSlab(s)
	}
}

func (l *pageList) push(s *slab) {
	s.next, s.prev = l.head, nil
	if l.head != nil {
		l.head.prev = s
	}
	l.head = s
}

func (l *pageList) remove(s *slab) {
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.head = s.next
	}
	s.next, s.prev = nil, nil
}

// newSlab returns a slab with free pages of the size, in a huge page if huge is true and it is a big one.
func newSlab(size int, huge bool) *slab {
	if size > smallPage {
		b := takeBlock(huge)
		b.slab.init(b, b.slab.base, bigSlab, size, b.used)
		b.used = true
		return &b.slab
	}
	addr, used := pool.classes[pageClass(smallSlab)].lockAndTake(smallSlab)
	b := findBlock(addr)
	s := &b.small[(addr-b.slab.base)/smallSlab]
	if *s == nil {
		*s = new(slab)
	}
	(*s).init(b, addr, smallSlab, size, used)
	return *s
}

func (s *slab) init(b *block, base uintptr, bytes, size int, used bool) {
	n := bytes / size
	*s = slab{base: base, block: b, size: uint32(size), pages: uint32(n), nfree: uint32(n)}
	for i := range n {
		s.free[i>>6] |= 1 << (i & 63)
	}
	if used {
		s.used = s.free
	}
}

// dropSlab gives up a slab without pages in use.
func dropSlab(s *slab) {
	if s != &s.block.slab {
		l := &pool.classes[pageClass(smallSlab)]
		l.mu.Lock()
		l.give(&s.block.slab, s.base)
		l.mu.Unlock()
		return
	}
	pool.system.Lock()
	makeReady(s.block)
	pool.system.Unlock()
}

// makeReady puts a block among those that are ready. REQUIRES: pool.system.
func makeReady(b *block) {
	b.next, pool.ready = pool.ready, b
	pool.nready.Add(1)
}

// takeBlock returns a block that no class has. It maps a region if there is none.
func takeBlock(huge bool) *block {
	pool.system.Lock()
	defer pool.system.Unlock()
	b := pool.ready
	if b != nil {
		pool.ready = b.next
		pool.nready.Add(-1)
	} else {
		b = takeIdle()
		huge = huge && pool.frozen.Load() == 0 // to wait for a huge page, while pages are copied, is a pause of milliseconds
	}
	b.next = nil
	b.wantHuge(huge)
	return b
}

// takeIdle returns a block that was never used. REQUIRES: pool.system.
func takeIdle() *block {
	if pool.idle == nil {
		addRegion()
	}
	b := pool.idle
	pool.idle, b.next = b.next, nil
	return b
}

func (b *block) wantHuge(huge bool) {
	if huge && !b.huge {
		hugePages(b.slab.base, bigSlab)
		b.huge = true
	}
}

// Warm makes sure that so many bytes are at hand that Alloc, and writing to what it returns, need not wait for the operating system, which can take many milliseconds to find a huge page. It is for goroutines that have the time,
// while others copy pages. They belong to the process, and count as mapped.
func Warm(bytes int) {
	for pool.nready.Load() < int64(bytes/bigSlab) {
		pool.system.Lock()
		b := takeIdle()
		pool.system.Unlock()
		b.wantHuge(true)
		populate(b.slab.base, bigSlab)
		pool.system.Lock()
		makeReady(b)
		pool.system.Unlock()
	}
}

// addRegion maps a region. REQUIRES: pool.system.
func addRegion() {
	var old []*region
	if p := pool.regions.Load(); p != nil {
		old = *p
	}
	base := mapPages(regionBytes)
	r := &region{base: base, end: base + regionBytes, start: (base + bigSlab - 1) &^ (bigSlab - 1)}
	r.blocks = make([]block, (r.end-r.start)/bigSlab)
	for i := len(r.blocks) - 1; i >= 0; i-- { // the first block is to be the first of the list
		b := &r.blocks[i]
		b.slab.base = r.start + uintptr(i)*bigSlab
		b.next, pool.idle = pool.idle, b
	}
	at, _ := slices.BinarySearchFunc(old, base, func(r *region, base uintptr) int {
		if r.base < base {
			return -1
		}
		return 1
	})
	regions := slices.Insert(slices.Clone(old), at, r)
	pool.regions.Store(&regions)
	pool.mapped.Add(regionBytes)
}

// findBlock returns the block of an address. It takes no lock: who has a page sees its region.
func findBlock(addr uintptr) *block {
	regions := *pool.regions.Load()
	lo, hi := 0, len(regions)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); addr < regions[mid].end {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo < len(regions) {
		if r := regions[lo]; addr >= r.start && (addr-r.start)/bigSlab < uintptr(len(r.blocks)) {
			return &r.blocks[(addr-r.start)/bigSlab]
		}
	}
	panic(errFree(addr, 0))
}

// find returns the slab of a page in use.
func find(addr uintptr, size int) *slab {
	b := findBlock(addr)
	s := &b.slab
	if size <= smallPage {
		s = b.small[(addr-b.slab.base)/smallSlab]
	}
	if s == nil || s.size != uint32(size) {
		panic(errFree(addr, size))
	}
	return s
}
