package connectortest

import (
	"fmt"
	"testing"

	"github.com/weirstream/weir/connector"
)

// TwoPhaseSuite says what [TestTwoPhase] is to test.
type TwoPhaseSuite[T any] struct {
	// New makes a place for output that is still empty. It is called for each model run; Cleanup goes to t.
	New func(t testing.TB) TwoPhase[T]
	// Record makes a record. Two of them must differ, as fmt's %v prints them.
	Record func(i int) T
	// Runs is the number of model runs; 200 if zero. FirstSeed is the seed of the first; the next has the next seed.
	Runs      int
	FirstSeed uint64
	// Retains says that writers keep in their state what PrepareCommit does not return, so that output may become visible at a later checkpoint than
	// the one that covers it, or at the end.
	Retains bool
}

// TwoPhase is a sink and its output. Only Sink and Read are needed.
type TwoPhase[T any] struct {
	// Sink opens a sink on the output, as each process does for itself: two sinks may share nothing but what is stored.
	Sink func() connector.CommittingSink[T]
	// Read returns what others see of the output, in any order.
	Read func() ([]T, error)
	// Kill releases what the death of its process takes from a writer: locks, connections, open files. It must not change what is stored. Close is not called after it.
	Kill func(w connector.Writer[T]) error
	// Leftovers returns what is stored and nobody sees. It is asked at the end of a run; a sink that cleans up has nothing then, unless a writer that had been given no
	// state died before its first checkpoint was complete, of which nobody can know.
	Leftovers func() []string
}

// TestTwoPhase checks a sink in two phases against the contract, in model runs of a job with checkpoints. A run writes some records at changing parallelism. At moments that its seed chooses it lets
// time pass, takes checkpoints, loses them, completes them, commits late, twice or in parts, and crashes: between any two calls of a checkpoint, between completion and commit, within a
// commit, between a commit and the note of it, within a restore, and at the end. A crash is the death of the process or a failure of which the writers are told by Close; in both cases the
// job goes on from its last complete checkpoint, or anew. After each step, exactly what was committed must be visible; and all records, each once, at the end.
func TestTwoPhase[T any](t *testing.T, s TwoPhaseSuite[T]) {
	runs := s.Runs
	if runs == 0 {
		runs = 200
	}
	for i := range runs {
		seed := s.FirstSeed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { s.run(t, seed) })
	}
}
