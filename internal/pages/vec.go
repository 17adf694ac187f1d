package pages

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// vecPage is the most bytes in a page of a Vec, unless a single row is larger.
const vecPage = 32 << 10

// Vec is a growing sequence of rows of a fixed width, in pages, with copy-on-write snapshots. It belongs to one goroutine at a
// time; its snapshots may be read by others meanwhile. It has at most 2^32 - 1 rows.
//
// A Vec without rows has no page. The first page starts at 256 bytes and doubles until it has full size, about 32 KiB.
type Vec struct {
	// What At and Edit need comes first, so that it is in one line of the cache.
	width uintptr
	mask  uint32 // 1 << shift - 1
	shift uint8  // 1 << shift rows in a page
	table
	n     uint32
	room  uint32   // rows that the pages have room for
	size0 uint32   // bytes of the first page
	size  uint32   // bytes of the others
	_     [40]byte // to fill three lines
}

// NewVec returns a Vec without rows. The width is in bytes, positive and a multiple of 8. Its pages are counted by the account, which
// may be nil.
func NewVec(width int, a *Account) *Vec {
	if width <= 0 || width%8 != 0 || width > maxObject {
		panic(errSize(width))
	}
	v := &Vec{width: uintptr(width)}
	if width <= vecPage {
		v.shift = uint8(bits.Len(uint(vecPage/width)) - 1)
	}
	v.mask = 1<<v.shift - 1
	v.size = uint32(roundPage(width << v.shift))
	v.init(a)
	return v
}

// Len returns the number of rows.
func (v *Vec) Len() uint32 { return v.n }

// Width returns the bytes of a row.
func (v *Vec) Width() int { return int(v.width) }

// Append adds a zeroed row and returns its index, which is the Len before.
func (v *Vec) Append() uint32 {
	i := v.n
	if i == v.room {
		v.grow()
	}
	v.n = i + 1
	return i
}

// grow makes room for at least one more row.
func (v *Vec) grow() {
	switch pages := len(v.pages); {
	case pages == 0:
		v.size0 = uint32(roundPage(int(v.width)))
		v.set(0, v.take(int(v.size0), true))
	case pages == 1 && v.size0 < v.size:
		size := min(uint32(roundPage(int(2*v.size0))), v.size)
		used := v.room * uint32(v.width)
		v.move(0, int(v.size0), int(size))
		clear(unsafe.Slice((*byte)(unsafe.Add(pointer(&v.pages[0]), used)), size-used))
		v.size0 = size
	default:
		if uint64(pages+1)<<v.shift > math.MaxUint32 {
			panic(errRows())
		}
		v.set(pages, v.take(int(v.size), true))
		v.room += 1 << v.shift
		return
	}
	v.room = min(v.size0/uint32(v.width), v.mask+1)
}

// At returns the address of a row for reading. It is good until the next Edit, Append, Reset or Close of v.
func (v *Vec) At(i uint32) unsafe.Pointer {
	if invariants.Enabled {
		invariants.Check(i < v.n, "pages: row %d of %d", i, v.n)
	}
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&v.pages[i>>(v.shift&31)])), uintptr(i&v.mask)*v.width)
}

// Peek is At, and tells whether the address is good for writing as well, as that of Edit is.
func (v *Vec) Peek(i uint32) (p unsafe.Pointer, mine bool) {
	return v.At(i), v.check.Load() == 0 || v.gens[i>>(v.shift&31)] == v.gen
}

// Edit returns the address of a row for reading and writing, after copying its page if a snapshot still needs it. It is good until the next
// Append, Freeze, Reset or Close of v; in particular it stays good while other rows are edited.
func (v *Vec) Edit(i uint32) unsafe.Pointer {
	if invariants.Enabled {
		invariants.Check(i < v.n, "pages: row %d of %d", i, v.n)
	}
	p := i >> (v.shift & 31)
	if v.check.Load() != 0 && v.gens[p] != v.gen {
		v.own(int(p), v.pageBytes(int(p)))
	}
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&v.pages[p])), uintptr(i&v.mask)*v.width)
}

func (v *Vec) pageBytes(p int) int {
	if p == 0 {
		return int(v.size0)
	}
	return int(v.size)
}

// Reset drops all rows. Pages that snapshots hold stay until these are released.
func (v *Vec) Reset() {
	for p := range v.pages {
		v.drop(p, v.pageBytes(p))
	}
	v.pages, v.gens, v.shared = v.pages[:0], v.gens[:0], nil
	v.n, v.room, v.size0 = 0, 0, 0
}

// Close gives all pages back, those that live snapshots hold when these are released. After it v must not be used; a second Close
// does nothing.
func (v *Vec) Close() {
	v.Reset()
	v.closed, v.pages, v.gens = true, nil, nil
}

// Freeze returns a snapshot of all rows, to be released. It costs a copy of the page table at most: 8 bytes for each page.
func (v *Vec) Freeze() *VecSnapshot {
	s := &VecSnapshot{width: v.width, shift: v.shift, mask: v.mask, n: v.n}
	v.freeze(&s.frozen)
	return s
}

// Track has snapshots know which pages were written since the ones before, see [VecSnapshot.Unchanged]. The first write to a page after a Freeze then costs a call, also when the snapshot has been
// released. It is called before the first Freeze.
func (v *Vec) Track() { v.tracked = true }

// VecSnapshot is the rows of a Vec at the time of Freeze. It belongs to one goroutine at a time, which need not be the one of the Vec,
// and stays valid when the Vec is closed.
type VecSnapshot struct {
	frozen
	width uintptr
	shift uint8
	mask  uint32
	n     uint32
}

// Len returns the number of rows.
func (s *VecSnapshot) Len() uint32 { return s.n }

// At returns the address of a row for reading. It is good until Release.
func (s *VecSnapshot) At(i uint32) unsafe.Pointer {
	if invariants.Enabled {
		invariants.Check(i < s.n, "pages: row %d of %d", i, s.n)
	}
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&s.pages[i>>(s.shift&31)])), uintptr(i&s.mask)*s.width)
}

// Unchanged reports whether none of the rows in the page of row i was written since an earlier snapshot, the given number of Freezes before this one: that is, whether the rows up to next, exclusively, are
// as they were. It is for a Vec that is tracked.
func (s *VecSnapshot) Unchanged(i uint32, freezes uint64) (next uint32, unchanged bool) {
	p := i >> (s.shift & 31)
	next = min((p+1)<<(s.shift&31), s.n)
	if uint64(s.gen) <= freezes {
		return next, false
	}
	return next, s.gens[p] <= s.gen-uint32(freezes)
}

// Release gives back the pages that only this snapshot needs. Any goroutine may call it, when no other uses the snapshot any more; a second
// Release does nothing.
func (s *VecSnapshot) Release() { s.release() }
