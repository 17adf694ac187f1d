package pages

import (
	"math/rand/v2"
	"testing"
)

// TestUnchanged compares what snapshots of a tracked Vec tell with a list of all writes.
func TestUnchanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, width := range []int{24, 512, vecPage + 8} {
		v := NewVec(width, nil)
		v.Track()
		var written []map[uint32]bool // by the Freezes before, the rows that were written
		written = append(written, map[uint32]bool{})
		write := func(i uint32) {
			*(*byte)(v.Edit(i))++
			written[len(written)-1][i] = true
		}
		var held []*VecSnapshot
		for range 30 {
			for range rng.IntN(20) {
				write(v.Append())
			}
			for range rng.IntN(5) {
				if v.Len() > 0 {
					write(rng.Uint32N(v.Len()))
				}
			}
			s := v.Freeze()
			held = append(held, s)
			for back := 1; back < len(written); back++ {
				for i := uint32(0); i < s.Len(); {
					next, unchanged := s.Unchanged(i, uint64(back))
					if next <= i || next > s.Len() {
						t.Fatalf("the page of row %d of %d ends before %d", i, s.Len(), next)
					}
					for ; i < next; i++ {
						for _, rows := range written[len(written)-back:] {
							if rows[i] && unchanged {
								t.Fatalf("width %d: row %d was written in the last %d generations", width, i, back)
							}
						}
					}
				}
			}
			if n, unchanged := s.Unchanged(0, uint64(len(written))); s.Len() > 0 && (unchanged || n == 0) {
				t.Fatal("nothing is known of what was before the first snapshot")
			}
			written = append(written, map[uint32]bool{})
			for len(held) > 0 && rng.IntN(2) == 0 {
				held[0].Release()
				held = held[1:]
			}
		}
		if s := v.Freeze(); width > 1000 {
			if _, unchanged := s.Unchanged(s.Len()-1, 1); !unchanged {
				t.Error("a page that nobody wrote counts as changed")
			}
			s.Release()
		} else {
			s.Release()
		}
		for _, s := range held {
			s.Release()
		}
		v.Close()
	}
}
