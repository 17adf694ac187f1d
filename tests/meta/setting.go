package main

import (
	"math/rand/v2"
	"os"

	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend/lsm"
)

// setting is one way to run a script. The outcome is the same for all.
type setting struct {
	Seed uint64
	// Quick is whether the operator is the one for windows of the kind, not the one for all. Overlap has windows that do not overlap evaluated as if they did.
	Quick, Overlap bool
	ChunkRows      int
	// StringKeys has keys of any length, and Pointers accumulators of any size.
	StringKeys, Pointers bool
	// Spill keeps state on disk as far as possible.
	Spill bool
	// Stops and Restores are those of the harness.
	Stops, Restores int

	rand *rand.Rand
}

// spillEvery is how many runs there are to one that keeps its state on disk: such a run takes some milliseconds.
const spillEvery = 30

func drawSetting(r *rand.Rand, seed uint64, chunk int, quick bool) setting {
	return setting{
		Seed: seed, Quick: quick, Overlap: r.IntN(2) == 0, ChunkRows: chunk, StringKeys: r.IntN(2) == 0, Pointers: r.IntN(3) == 0,
		Spill: r.IntN(spillEvery) == 0, Stops: []int{0, 3, 20}[r.IntN(3)], Restores: []int{0, 0, 5, 50}[r.IntN(4)],
	}
}

// harness makes what runs an operator. All that is random in the run begins anew.
func (s *setting) harness(name string) *optest.Harness {
	s.rand = rand.New(rand.NewPCG(s.Seed, 2))
	o := optest.Options{Name: name, ChunkRows: s.ChunkRows, Start: start, Stops: s.Stops, Restores: s.Restores, Rand: s.rand, Again: s.Quick}
	if s.Spill {
		o.State.Account = pages.NewAccount("state", 64<<10, nil)
		o.State.Spill = lsm.New(lsm.Options{Dir: spillDir, Memory: o.State.Account, Stores: 1})
	}
	return optest.New(o)
}

// done ends a run.
func (s *setting) done(h *optest.Harness) {
	restored += h.Restored
	if s.Spill {
		spilled = max(spilled, h.Spilled)
	}
	h.Close()
}

// restored is how often an operator was restored in all runs, spilled the most keys that one had on disk.
var restored, spilled int

// spillDir is where state on disk goes.
var spillDir = os.TempDir()
