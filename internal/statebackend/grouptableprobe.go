package statebackend

import (
	"math/bits"
	"unsafe"
)

// probe writes the groups of a block's rows as far as they are in memory and easily found, and lists the others as missed.
//
// It goes over the block three times, so that the processor waits for the memory of many rows at once: the first pass touches the slots, the second follows
// their tags to a row and touches that, the third compares.
func (t *GroupTable) probe(b *groupBlock, refs []Ref) {
	sp := t.space
	if sp.keys == 0 {
		t.missAll(b)
		return
	}
	if sp.keys >= touchKeys {
		t.touchSlots(b)
	}
	switch {
	case sp.layout.Bytes || t.words > 2 || t.words == 0:
		t.touchRows(b)
		t.missAll(b)
	case t.words == 1:
		t.probe1(b, refs)
	default:
		t.probe2(b, refs)
	}
}

func (t *GroupTable) missAll(b *groupBlock) {
	for i := range b.n {
		b.missed[i] = int32(i)
	}
	b.misses = b.n
}

func (t *GroupTable) touchSlots(b *groupBlock) {
	subs, parallelism, first := t.space.subs, uint64(t.space.store.cfg.MaxParallelism), t.space.store.cfg.Groups.First
	groups := b.groups[:len(b.hashes)]
	seen := uint64(0)
	for i, h := range b.hashes {
		g, _ := bits.Mul64(groups[i], parallelism)
		if s := subs[int(g)-first]; s != nil {
			seen ^= *s.slot(h & s.mask)
		}
	}
	t.touched = seen
}

// follow returns the row of the first slot with the hash's tag, as a slot has it: plus one, 0 if there is none.
func (s *sub) follow(h uint64) uint32 {
	for i := h & s.mask; ; i = (i + 1) & s.mask {
		slot := *s.slot(i)
		if slot == 0 || uint32(slot>>32) == uint32(h) {
			return uint32(slot)
		}
	}
}

func (t *GroupTable) touchRows(b *groupBlock) {
	subs, parallelism, first := t.space.subs, uint64(t.space.store.cfg.MaxParallelism), t.space.store.cfg.Groups.First
	groups := b.groups[:len(b.hashes)]
	seen := uint64(0)
	for i, h := range b.hashes {
		g, _ := bits.Mul64(groups[i], parallelism)
		s := subs[int(g)-first]
		if s == nil {
			continue
		}
		if row := s.follow(h); row != 0 {
			seen ^= *(*uint64)(s.rows.At(row - 1))
		}
	}
	t.touched = seen
}

func (t *GroupTable) probe1(b *groupBlock, refs []Ref) {
	subs, parallelism, first := t.space.subs, uint64(t.space.store.cfg.MaxParallelism), t.space.store.cfg.Groups.First
	hashes := b.hashes
	groups, k0, refs := b.groups[:len(hashes)], b.key[0][:len(hashes)], refs[:len(hashes)]
	misses := 0
	for i, h := range hashes {
		g, _ := bits.Mul64(groups[i], parallelism)
		g -= uint64(first)
		s := subs[g]
		if s != nil {
			if row := s.follow(h); row != 0 {
				p := s.rows.At(row - 1)
				if *(*uint64)(p) == h && *(*uint64)(unsafe.Add(p, rowKey)) == k0[i] {
					refs[i] = Ref(g<<32 | uint64(row-1))
					continue
				}
			}
		}
		b.missed[misses] = int32(i)
		misses++
	}
	b.misses = misses
}

func (t *GroupTable) probe2(b *groupBlock, refs []Ref) {
	subs, parallelism, first := t.space.subs, uint64(t.space.store.cfg.MaxParallelism), t.space.store.cfg.Groups.First
	hashes := b.hashes
	groups, k0, k1, refs := b.groups[:len(hashes)], b.key[0][:len(hashes)], b.key[1][:len(hashes)], refs[:len(hashes)]
	misses := 0
	for i, h := range hashes {
		g, _ := bits.Mul64(groups[i], parallelism)
		g -= uint64(first)
		s := subs[g]
		if s != nil {
			if row := s.follow(h); row != 0 {
				p := s.rows.At(row - 1)
				if *(*uint64)(p) == h && *(*uint64)(unsafe.Add(p, rowKey)) == k0[i] && *(*uint64)(unsafe.Add(p, rowKey+8)) == k1[i] {
					refs[i] = Ref(g<<32 | uint64(row-1))
					continue
				}
			}
		}
		b.missed[misses] = int32(i)
		misses++
	}
	b.misses = misses
}
