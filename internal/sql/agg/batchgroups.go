package agg

import (
	"bytes"
	"math/bits"

	"github.com/weirstream/weir/internal/statebackend"
)

// BatchGroups tells which rows of a batch have the same key. It knows nothing from one batch to the next.
type BatchGroups struct {
	slots []batchSlot
	turn  uint32 // slots of other turns are empty
	first []int32
}

type batchSlot struct {
	turn  uint32
	group int32
	hash  uint64
}

// Assign writes the number of each row's group to groups[row], counted from 0 as groups come, and returns the first row of each. keys and hashes are indexed by row; equal keys have equal hashes. What it returns is
// valid until the next call.
func (g *BatchGroups) Assign(keys []statebackend.Column, hashes []uint64, rows, groups []int32) (first []int32) {
	if need := 1 << bits.Len(uint(2*len(rows)+14)); need > len(g.slots) {
		g.slots, g.turn = make([]batchSlot, need), 0
	}
	if g.turn++; g.turn == 0 {
		clear(g.slots)
		g.turn = 1
	}
	mask := uint64(len(g.slots) - 1)
	g.first = g.first[:0]
	for _, r := range rows {
		h := hashes[r]
		for at := h & mask; ; at = (at + 1) & mask {
			s := &g.slots[at]
			if s.turn != g.turn {
				*s = batchSlot{g.turn, int32(len(g.first)), h}
				groups[r] = s.group
				g.first = append(g.first, r)
				break
			}
			if s.hash == h && sameKeys(keys, g.first[s.group], r) {
				groups[r] = s.group
				break
			}
		}
	}
	return g.first
}

func sameKeys(keys []statebackend.Column, a, b int32) bool {
	for i := range keys {
		c := &keys[i]
		if c.Valid != nil {
			x, y := c.Valid[a>>6]>>(a&63)&1, c.Valid[b>>6]>>(b&63)&1
			if x != y {
				return false
			}
			if x == 0 {
				continue
			}
		}
		switch {
		case c.Words != nil:
			if c.Words[a] != c.Words[b] {
				return false
			}
		case c.Wide != nil:
			if c.Wide[a] != c.Wide[b] {
				return false
			}
		case c.Views[a] != c.Views[b]:
			var p, q [16]byte
			if c.Views[a].Len() != c.Views[b].Len() || !bytes.Equal(c.Bytes(int(a), &p), c.Bytes(int(b), &q)) {
				return false
			}
		}
	}
	return true
}
