package pages

import (
	"cmp"
	"slices"
)

// Evacuate chooses pages of which much was freed, up to about the given number of bytes, and allocates nothing more in them: once their owner has moved their objects to others they
// are given back. There is room for the objects in the pages that are not chosen, so that the heap does not grow meanwhile. It returns the bytes of the chosen
// pages. Nothing is chosen while an evacuation is under way.
func (h *Heap) Evacuate(want int64) (chosen int64) {
	if len(h.evacuated) > 0 {
		return 0
	}
	var candidates []uint32
	for c := range h.classes {
		k, free := &h.classes[c], int64(0)
		candidates = candidates[:0]
		for p := k.first; p != 0; p = h.meta[p].next {
			candidates = append(candidates, p)
			free += int64(h.meta[p].freed)
		}
		slices.SortFunc(candidates, func(a, b uint32) int { return cmp.Compare(h.meta[b].freed, h.meta[a].freed) })
		moved := int64(0)
		for _, p := range candidates {
			m := &h.meta[p]
			free -= int64(m.freed)
			moved += int64(m.live)
			if chosen >= want || moved > free {
				break
			}
			h.delist(p, k)
			m.evacuating = true
			h.evacuated = append(h.evacuated, p)
			chosen += int64(m.size)
		}
	}
	return chosen
}

// Evacuating reports whether an object lies in a page that is to become empty. To move it, its owner calls Alloc, copies it and frees it.
func (h *Heap) Evacuating(o Off) bool { return h.meta[o>>16].evacuating }

// EndEvacuation makes the pages that still have objects ordinary ones again.
func (h *Heap) EndEvacuation() {
	for _, p := range h.evacuated {
		m := &h.meta[p]
		if !m.evacuating {
			continue // given back, and perhaps in use for something else
		}
		m.evacuating = false
		if m.freed > 0 {
			h.enlist(p, &h.classes[m.class])
		}
	}
	h.evacuated = h.evacuated[:0]
}
