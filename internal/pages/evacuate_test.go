package pages

import (
	"fmt"
	"testing"
	"unsafe"
)

// TestEvacuate empties pages while objects come and go and snapshots are taken.
func TestEvacuate(t *testing.T) {
	emptied := 0
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			returned(t)
			m := &heapModel{t: t, r: newRand(seed), objects: map[Off]thing{}, base: Stats().InUse, account: NewAccount("test", 0, nil)}
			m.h = NewHeap(m.account)
			for range 3000 {
				m.alloc(m.r.IntN(300))
			}
			for round := range 10 {
				for range 1000 {
					m.free(m.r.IntN(len(m.order)))
					m.alloc(m.r.IntN(300))
				}
				for range 300 {
					m.free(m.r.IntN(len(m.order)))
				}
				held := m.h.Held()
				chosen := m.h.Evacuate(held / 4)
				if m.h.Evacuate(held) != 0 {
					t.Fatal("an evacuation begins while another is under way")
				}
				for i := 0; i < len(m.order); i++ {
					if m.r.IntN(20) == 0 {
						m.alloc(m.r.IntN(300))
					}
					if off := m.order[i]; m.h.Evacuating(off) && (round%3 > 0 || m.r.IntN(10) > 0) {
						m.alloc(m.objects[off].n)
						if m.h.Evacuating(m.order[len(m.order)-1]) {
							t.Fatal("an object is allocated in a page that is to become empty")
						}
						m.free(i)
					}
				}
				if round%3 > 0 {
					for p := range m.h.meta {
						if m.h.meta[p].evacuating {
							t.Fatalf("page %d is there though all its objects were moved", p)
						}
					}
					emptied += int(chosen)
				}
				m.h.EndEvacuation()
				m.check()
				switch {
				case len(m.snaps) > 2:
					m.release(m.r.IntN(len(m.snaps)))
				case round%2 == 0:
					s := heapFrozen{s: m.h.Freeze(), objects: map[Off]thing{}}
					for off, o := range m.objects {
						s.objects[off] = o
					}
					m.snaps = append(m.snaps, s)
				}
			}
			for len(m.snaps) > 0 {
				m.release(0)
			}
			m.h.Close()
		})
	}
	if emptied == 0 {
		t.Error("no page was ever chosen")
	}
}

func TestTruncate(t *testing.T) {
	returned(t)
	rnd := newRand(1)
	for _, width := range []int{8, 24, 1000, 40 << 10} {
		a := NewAccount("test", 0, nil)
		v := NewVec(width, a)
		var want []uint64
		var snaps []*VecSnapshot
		var held [][]uint64
		for range 400 {
			for range rnd.IntN(3 * (64<<10/width + 2)) {
				n := rnd.Uint64() | 1
				i := v.Append()
				for w := 0; w < width; w += 8 {
					p := (*uint64)(unsafe.Add(v.Edit(i), w))
					if *p != 0 {
						t.Fatalf("a new row of %d bytes is not zero", width)
					}
					*p = n
				}
				want = append(want, n)
			}
			n := rnd.IntN(len(want) + 1)
			if rnd.IntN(5) == 0 {
				n = 0
			}
			for i := n; i < len(want); i++ {
				clear(bytesAt(v.Edit(uint32(i)), width))
			}
			v.Truncate(uint32(n))
			want = want[:n]
			if int(v.Len()) != n {
				t.Fatalf("%d rows, want %d", v.Len(), n)
			}
			for i, x := range want {
				if got := *(*uint64)(v.At(uint32(i))); got != x {
					t.Fatalf("row %d of %d bytes is %d, want %d", i, width, got, x)
				}
			}
			if len(snaps) == 0 && a.Used() > int64(roundPage(n*width)+roundPage(64<<10)) {
				t.Fatalf("%d rows of %d bytes take %d", n, width, a.Used())
			}
			switch {
			case len(snaps) < 2 && rnd.IntN(4) == 0:
				snaps, held = append(snaps, v.Freeze()), append(held, append([]uint64(nil), want...))
			case len(snaps) > 0 && rnd.IntN(3) == 0:
				for i, x := range held[0] {
					if got := *(*uint64)(snaps[0].At(uint32(i))); got != x {
						t.Fatalf("row %d of the snapshot is %d, want %d", i, got, x)
					}
				}
				snaps[0].Release()
				snaps, held = snaps[1:], held[1:]
			}
		}
		v.Close()
		for _, s := range snaps {
			s.Release()
		}
		if a.Used() != 0 {
			t.Errorf("%d bytes are counted at the end", a.Used())
		}
	}
}
