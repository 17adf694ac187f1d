// Package weirtest is the test kit for users of Weir: it runs a whole job, the real tasks, operators and exchange of it, under one seeded scheduler and a virtual
// clock, in the test's own goroutine.
//
// A [Sim] runs one job. Everything follows from its seed: the order in which tasks run, when asynchronous work completes, and, unless the test says otherwise, the
// job's parallelism and chunk sizes. So a seed that fails fails again.
//
//	func TestWords(t *testing.T) {
//		weirtest.Seeds(t, func(s *weirtest.Sim) {
//			env := s.Environment()
//			out := weirtest.Capture(s, pipeline(weir.FromValues(env, "to be", "or not to be")))
//			s.Run(env)
//			if got := out.Len(); got != 6 {
//				s.Errorf("%d counts, want 6", got)
//			}
//		})
//	}
//
// To feed elements and time by hand, see [Input], [Sim.Start], [Sim.Settle] and [Sim.Advance].
//
// What a simulated job does must not depend on the machine: no sockets, no wall clock, no goroutines of its own; reading local files is fine.
package weirtest

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
)

// Sim is one simulated run of one job. It belongs to the test's goroutine.
type Sim struct {
	t        testing.TB
	seed     uint64
	sim      *sched.Sim
	rng      *rand.Rand
	job      *local.Job
	failed   bool
	logTo    func(line string)
	slowSink time.Duration // the longest that a ledger takes for a record; 0 for no time
	// What follows is for jobs that crash: what came of earlier lives, and whether anything may still befall the job.
	pastTrace uint64
	pastSteps int64
	troubled  bool
	stops     int
	spilling  weir.StateBackend
}

var quiet = slog.New(slog.DiscardHandler)

// New returns a simulation with the given seed. It is closed when the test ends.
func New(t testing.TB, seed uint64) *Sim {
	s := &Sim{t: t, seed: seed, sim: sched.NewSim(seed), rng: rand.New(rand.NewPCG(seed, 0x57E1))}
	t.Cleanup(s.Close)
	return s
}

// Close ends what is left of the job. A second Close does nothing.
func (s *Sim) Close() { s.sim.Close() }

// Seed is the seed of the run.
func (s *Sim) Seed() uint64 { return s.seed }

// Rand draws from the seed, for input that the test makes up.
func (s *Sim) Rand() *rand.Rand { return s.rng }

// TB is the subtest of this seed: helpers that take a test should be given it, so that a failure names the seed.
func (s *Sim) TB() testing.TB { return s.t }

// Errorf reports a failure of this seed.
func (s *Sim) Errorf(format string, args ...any) {
	s.t.Helper()
	s.failed = true
	s.t.Errorf("seed %d: %s", s.seed, fmt.Sprintf(format, args...))
}

// Fatalf reports a failure of this seed and ends the test.
func (s *Sim) Fatalf(format string, args ...any) {
	s.t.Helper()
	s.failed = true
	s.t.Fatalf("seed %d: %s", s.seed, fmt.Sprintf(format, args...))
}

// Options draws a job's options from the seed: parallelism 1, 2, 4 or 7, chunks of 1, 7 or 1024 rows, chaining on or off, large or tiny credits.
func (s *Sim) Options() weir.Options {
	o := weir.Options{
		Parallelism: []int{1, 2, 4, 7}[s.rng.IntN(4)],
		ChunkRows:   []int{1, 7, 1024}[s.rng.IntN(3)],
		Logger:      quiet,
	}
	o.DisableChaining = s.rng.IntN(4) == 0
	if s.rng.IntN(3) == 0 {
		o.ChannelBytes = 256
	}
	return o
}

// Environment returns an environment with [Sim.Options].
func (s *Sim) Environment() *weir.Environment { return weir.NewEnvironment(s.Options()) }

// Start submits the job; nothing runs before Settle, Advance or Run. An error of the program ends the test.
func (s *Sim) Start(env *weir.Environment) {
	s.t.Helper()
	p, err := env.Program(context.Background(), s.t.Name())
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.job = local.Submit(s.sim, base.JobID("simulated"), p)
}

// Settle runs until every task waits for input or time.
func (s *Sim) Settle() {
	s.t.Helper()
	if err := s.sim.Settle(); err != nil {
		s.Fatalf("%v", err)
	}
}

// Advance moves the clock on by d, running what comes due on the way.
func (s *Sim) Advance(d time.Duration) {
	s.t.Helper()
	if err := s.sim.Advance(d); err != nil {
		s.Fatalf("%v", err)
	}
}

// Now is the virtual time.
func (s *Sim) Now() time.Time { return s.sim.Now() }

// Wait runs a started job to its end and returns its error.
func (s *Sim) Wait() error {
	s.t.Helper()
	err := s.sim.Run(func() bool {
		if s.sim.Live() > 0 {
			return false
		}
		select {
		case <-s.job.Done():
			return true
		default:
			return false
		}
	})
	if err != nil {
		s.Fatalf("the job does not end: %v", err)
	}
	return s.job.Err()
}

// Run starts a job and runs it to its end. An error of the job fails the test.
func (s *Sim) Run(env *weir.Environment) {
	s.t.Helper()
	s.Start(env)
	if err := s.Wait(); err != nil {
		s.Fatalf("%v", err)
	}
}

// Cancel asks the job to end.
func (s *Sim) Cancel() { s.job.Cancel() }

// Barrier lets a barrier through the job, ahead of what is queued if it is unaligned, and returns a function that reports whether it has passed every task.
func (s *Sim) Barrier(unaligned bool) (passed func() bool) {
	done := false
	s.job.TriggerBarrier(unaligned, func(_ int64, err error) { done = err == nil })
	return func() bool { return done }
}

// Watermarks tells how far event time has come in every subtask, and what holds it back: see [weir.JobClient.Watermarks].
func (s *Sim) Watermarks() []weir.OperatorWatermark { return s.job.Watermarks(s.sim.Now()) }

// Trace is a digest of everything that has happened: two runs of one seed have the same.
func (s *Sim) Trace() uint64 { return s.sim.TraceHash() ^ s.pastTrace*31 }

// Steps is the number of scheduling decisions so far.
func (s *Sim) Steps() int64 { return s.sim.Steps() + s.pastSteps }

var (
	seedsFlag = flag.Int("weir.seeds", 0, "how many seeds weirtest.Seeds runs (default 10, or $WEIR_SEEDS)")
	seedFlag  = flag.Uint64("weir.seed", 0, "run only this seed, and print its trace")
)

// seedCount is how many seeds to run.
func seedCount(t testing.TB) int {
	if *seedsFlag > 0 {
		return *seedsFlag
	}
	if v := os.Getenv("WEIR_SEEDS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("WEIR_SEEDS is %q, it must be a number from 1", v)
		}
		return n
	}
	return 10
}

// Seeds runs f under many seeds, each as a subtest named by it, and each twice: f builds and runs a job both times, and the two traces must be the same. How many is
// set by the test flag -weir.seeds or the variable WEIR_SEEDS; -weir.seed runs one and logs what happens in it.
func Seeds(t *testing.T, f func(s *Sim)) {
	first, n := uint64(1), seedCount(t)
	if *seedFlag > 0 {
		first, n = *seedFlag, 1
	}
	for i := range n {
		seed := first + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			var traces [2]uint64
			var steps [2]int64
			for k := range traces {
				s := New(t, seed)
				if *seedFlag > 0 && k == 0 {
					s.logTo = func(line string) { t.Log(line) }
					s.sim.LogTo(s.logTo)
				}
				f(s)
				traces[k], steps[k] = s.Trace(), s.Steps()
				s.Close()
				if s.failed {
					return
				}
			}
			if traces != [2]uint64{traces[0], traces[0]} {
				t.Errorf("seed %d is not the same twice: traces %x after %d steps and %x after %d", seed, traces[0], steps[0], traces[1], steps[1])
			}
		})
	}
}
