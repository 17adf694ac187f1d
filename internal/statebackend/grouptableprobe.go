package statebackend

import (
	"math/bits"
	"unsafe"
)

// probe writes the groups of a block's rows as far as they are in memory and easily found, and lists the others as missed.
//
// It goes over the block several times, so that the processor waits for the memory of many rows at once, which it does only where few instructions and no mispredicted branches lie
// between two loads: one pass computes the addresses of slots, the next touches these, a third follows the slots to the addresses of rows, the last
// compares keys. That the last compares words alone, and not hashes, spares the rows that lie across two cache lines the first of them.
func (t *GroupTable) probe(b *groupBlock, refs []Ref) {
	if t.space.keys == 0 {
		for i := range b.n {
			b.missed[i] = int32(i)
		}
		b.misses = b.n
		return
	}
	t.locate(b)
	t.touchSlots(b)
	t.follow(b, refs)
	switch {
	case t.space.layout.Bytes:
		t.touch(b)
		t.compareBytes(b, refs)
	case t.words == 1:
		t.compare1(b, refs)
	case t.words == 2:
		t.compare2(b, refs)
	default:
		t.compareWords(b, refs)
	}
}

// absentRow stands for the row of a key that is not there.
type absentRow [rowKey/8 + MaxKeyWords + 2]uint64

// address returns the address of a slot or row. It lies outside of Go's heap or is that of t.absent, so that it may be kept as a number.
func (b *groupBlock) address(i int) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&b.at[i&(blockRows-1)]))
}

// slotsAhead is how far from its home most keys are found: if that place is in another line of memory, it is touched as well.
const slotsAhead = 3

// locate computes the addresses of the slots where the keys should be.
func (t *GroupTable) locate(b *groupBlock) {
	subs, parallelism, first := t.space.subs, uint64(t.space.store.cfg.MaxParallelism), uint64(t.space.store.cfg.Groups.First)
	hashes := b.hashes
	groups, at, ahead := b.groups[:len(hashes)], b.at[:len(hashes)], b.ahead[:len(hashes)]
	for i, h := range hashes {
		g, _ := bits.Mul64(groups[i], parallelism)
		if s := subs[g-first]; s != nil {
			at[i] = uintptr(unsafe.Pointer(s.slot(h & s.mask)))
			ahead[i] = uintptr(unsafe.Pointer(s.slot((h + slotsAhead) & s.mask)))
		} else {
			at[i] = uintptr(unsafe.Pointer(&t.absent))
			ahead[i] = at[i]
		}
	}
}

// touchSlots loads the slots.
func (t *GroupTable) touchSlots(b *groupBlock) {
	seen := uint64(0)
	for i := range b.at[:b.n] {
		seen ^= *(*uint64)(b.address(i)) ^ *(*uint64)(*(*unsafe.Pointer)(unsafe.Pointer(&b.ahead[i])))
	}
	t.touched = seen
}

// touch loads a word of each row.
func (t *GroupTable) touch(b *groupBlock) {
	seen := uint64(0)
	for i := range b.at[:b.n] {
		seen ^= *(*uint64)(b.address(i))
	}
	t.touched = seen
}

// follow finds the first slot with the tag of each hash, and computes the address of its row. The first two places are looked at without a branch, which would be mispredicted
// for every third row.
func (t *GroupTable) follow(b *groupBlock, refs []Ref) {
	subs, parallelism, first := t.space.subs, uint64(t.space.store.cfg.MaxParallelism), uint64(t.space.store.cfg.Groups.First)
	hashes := b.hashes
	groups, refs, at := b.groups[:len(hashes)], refs[:len(hashes)], b.at[:len(hashes)]
	for i, h := range hashes {
		g, _ := bits.Mul64(groups[i], parallelism)
		g -= first
		slot := *(*uint64)(b.address(i))
		if slot == 0 {
			at[i], refs[i] = uintptr(unsafe.Pointer(&t.absent)), NoRef
			continue
		}
		s := subs[g]
		second := *s.slot((h + 1) & s.mask)
		same := -((uint64(uint32(slot>>32)^uint32(h)) - 1) >> 63) // all ones if the first has the tag
		slot = second ^ (slot^second)&same
		if uint32(slot>>32) != uint32(h) {
			slot = s.follow(h)
		}
		row := uint32(slot) - 1
		if slot == 0 {
			at[i], refs[i] = uintptr(unsafe.Pointer(&t.absent)), NoRef
			continue
		}
		refs[i] = Ref(g<<32 | uint64(row))
		at[i] = uintptr(s.rows.At(row))
	}
}

// follow returns the first slot with the tag of a hash, 0 if there is none, looking from the second place on.
func (s *sub) follow(h uint64) uint64 {
	for i := (h + 1) & s.mask; ; i = (i + 1) & s.mask {
		slot := *s.slot(i)
		if slot == 0 || uint32(slot>>32) == uint32(h) {
			return slot
		}
	}
}

func (t *GroupTable) compare1(b *groupBlock, refs []Ref) {
	k0 := b.key[0]
	refs = refs[:len(k0)]
	misses := 0
	for i, k := range k0 {
		if *(*uint64)(unsafe.Add(b.address(i), rowKey)) != k || refs[i] == NoRef {
			b.missed[misses&(blockRows-1)] = int32(i)
			misses++
		}
	}
	b.misses = misses
}

func (t *GroupTable) compare2(b *groupBlock, refs []Ref) {
	k0 := b.key[0]
	k1, refs := b.key[1][:len(k0)], refs[:len(k0)]
	misses := 0
	for i, k := range k0 {
		p := b.address(i)
		if *(*uint64)(unsafe.Add(p, rowKey)) != k || *(*uint64)(unsafe.Add(p, rowKey+8)) != k1[i] || refs[i] == NoRef {
			b.missed[misses&(blockRows-1)] = int32(i)
			misses++
		}
	}
	b.misses = misses
}

// compareWords compares keys of any number of words, which are all that there is to compare.
func (t *GroupTable) compareWords(b *groupBlock, refs []Ref) {
	misses := 0
	for i := range b.n {
		if refs[i] == NoRef || !t.sameWords(b, i) {
			b.missed[misses] = int32(i)
			misses++
		}
	}
	b.misses = misses
}

func (t *GroupTable) sameWords(b *groupBlock, i int) bool {
	p := unsafe.Add(b.address(i), rowKey)
	for j, col := range b.key[:t.words] {
		if *(*uint64)(unsafe.Add(p, 8*uintptr(j))) != col[i] {
			return false
		}
	}
	return true
}

// compareBytes compares keys with bytes. The hashes come first here: comparing bytes may need a line of memory that nobody has touched.
func (t *GroupTable) compareBytes(b *groupBlock, refs []Ref) {
	misses := 0
	off := rowKey + 8*uintptr(t.words)
	var text *Column
	if !t.packed {
		text = &b.columns[t.strings[0]]
	}
	for i := range b.n {
		p := b.address(i)
		same := refs[i] != NoRef && *(*uint64)(p) == b.hashes[i] && t.sameWords(b, i)
		if same {
			same = text != nil && sameShort(unsafe.Add(p, off), text, b.row(i)) || viewEqual(t.space.heap, unsafe.Add(p, off), t.bytesOf(b, i))
		}
		if !same {
			b.missed[misses] = int32(i)
			misses++
		}
	}
	b.misses = misses
}

// sameShort reports whether a view is that of a row's short string: those of equal short strings are equal.
func sameShort(view unsafe.Pointer, c *Column, row int32) bool {
	v := c.Views[row]
	return v.Inline() && *(*View)(view) == v && !c.null(row)
}
