package pages

import (
	"slices"
	"testing"
)

// checkRetired compares the retired pages of live snapshots, given in any order, with those that they really hold.
func checkRetired(t *testing.T, tab *table, live []*frozen) {
	t.Helper()
	want := map[uintptr]bool{}
	for _, s := range live {
		for _, addr := range s.pages {
			if addr != 0 && !slices.Contains(tab.pages, addr) {
				want[addr] = true
			}
		}
	}
	n := 0
	for _, s := range live {
		for _, r := range s.retired {
			n++
			if !want[r.addr] {
				t.Errorf("a page of generation %d is kept though no snapshot holds it", r.from)
			}
			if !slices.Contains(s.pages, r.addr) {
				t.Errorf("a page of generation %d is with a snapshot of generation %d that does not hold it", r.from, s.gen)
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d pages are retired, want %d", n, len(want))
	}
}

// TestRenumber checks that new numbers leave it as it was which snapshot holds which page.
func TestRenumber(t *testing.T) {
	r := newRand(1)
	for range 200 {
		var tab table
		tab.init(nil)
		var live []*frozen // from old to new
		gen := uint32(1)
		for range r.IntN(5) {
			gen += uint32(r.IntN(5)) + 1
			s := &frozen{table: &tab, gen: gen, older: tab.last}
			for range r.IntN(4) {
				s.retired = append(s.retired, retired{from: uint32(r.IntN(int(gen))) + 1})
			}
			tab.last, live = s, append(live, s)
		}
		tab.gen = gen + uint32(r.IntN(5)) + 1
		for range 10 {
			tab.gens = append(tab.gens, uint32(r.IntN(int(tab.gen)))+1)
		}
		holds := func() (holds []bool) {
			for _, s := range live {
				for _, gen := range tab.gens {
					holds = append(holds, s.gen >= gen)
				}
				for _, of := range live {
					for _, p := range of.retired {
						holds = append(holds, s.gen >= p.from)
					}
				}
			}
			return holds
		}
		before := holds()
		tab.renumber()
		if !slices.Equal(holds(), before) {
			t.Fatal("a snapshot holds other pages than before")
		}
		newest := uint32(0)
		if tab.last != nil {
			newest = tab.last.gen
		}
		if tab.newest.Load() != newest || tab.gen <= newest || tab.gen > 10 {
			t.Fatalf("the generation is %d, of the newest snapshot %d, noted %d", tab.gen, newest, tab.newest.Load())
		}
		for _, gen := range tab.gens {
			if gen == 0 || gen > tab.gen {
				t.Fatalf("a page has generation %d, now is %d", gen, tab.gen)
			}
		}
	}
}
