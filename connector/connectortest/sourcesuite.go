package connectortest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
)

// SourceSuite says what [TestSource] is to test.
type SourceSuite[T any] struct {
	// New makes the source. It is called for each run, and must give the same input each time. Cleanup goes to t.
	New func(t *testing.T) connector.Source[T]
	// Want are the records of the input, in any order, as fmt's %v prints them. A source that is unbounded is canceled when it has emitted as many.
	Want []string
	// Goroutines is for sources that read from something that does not know virtual time: a socket.
	Goroutines bool
	// AtMostOnce is for sources that cannot read anything again: restores are not tested.
	AtMostOnce bool
	// WithinRecord also tests restores from checkpoints that were taken while a record was being emitted. The contract does not ask for it.
	WithinRecord bool
}

// TestSource checks a source against the contract: that every record comes exactly once at any parallelism, also when readers are asked to stop after each record, when
// they fail and when the source is restored, at another parallelism, from a checkpoint at any record or between any two calls, again and again; that Poll is bounded and nothing comes after the end; and that
// cancellation leaves no work and no goroutine behind. The tests of the package must not run in parallel.
func TestSource[T any](t *testing.T, s SourceSuite[T]) {
	slices.Sort(s.Want)
	seeds := uint64(5)
	if s.Goroutines {
		seeds = 1
	}
	for p := 1; p <= 4; p++ {
		t.Run(fmt.Sprintf("parallelism=%d", p), func(t *testing.T) {
			for seed := range seeds {
				s.complete(t, RunOptions{Parallelism: p, Seed: seed})
				s.complete(t, RunOptions{Parallelism: p, Seed: seed, StopAfter: 1})
				s.complete(t, RunOptions{Parallelism: p, Seed: seed, StopAfter: 7})
			}
		})
	}
	t.Run("goroutines", func(t *testing.T) {
		s.complete(t, RunOptions{Parallelism: 2, Goroutines: true})
	})
	t.Run("cancel", s.testCancel)
	if s.AtMostOnce {
		return
	}
	t.Run("restore", s.testRestore)
	t.Run("any moment", s.testAnyMoment)
	t.Run("failover", s.testFailover)
	if s.WithinRecord {
		t.Run("within a record", s.testWithinRecord)
	}
}

func (s SourceSuite[T]) start(t *testing.T, src connector.Source[T], o RunOptions) *Run[T] {
	t.Helper()
	o.Goroutines = o.Goroutines || s.Goroutines
	return NewRun(t, src, o)
}

// finish runs to the end of the input, or until all that is wanted has come.
func (s SourceSuite[T]) finish(t *testing.T, r *Run[T], before int) {
	t.Helper()
	var err error
	if r.src.Boundedness() == connector.Bounded {
		err = r.Finish()
	} else {
		_, err = r.Until(len(s.Want) - before)
	}
	if err != nil {
		t.Fatalf("the source failed after %d records: %v", len(r.Records()), err)
	}
}

func (s SourceSuite[T]) complete(t *testing.T, o RunOptions) {
	t.Helper()
	r := s.start(t, s.New(t), o)
	s.finish(t, r, 0)
	s.compare(t, r.Values())
	r.Cancel()
}

// compare fails the test if the values are not those wanted, each as often.
func (s SourceSuite[T]) compare(t *testing.T, values []T) {
	t.Helper()
	got := make([]string, len(values))
	for i, v := range values {
		got[i] = fmt.Sprint(v)
	}
	compare(t, got, s.Want)
}

// compare compares multisets; want is sorted.
func compare(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	if slices.Equal(got, want) {
		return
	}
	count := map[string]int{}
	for _, v := range got {
		count[v]++
	}
	for _, v := range want {
		count[v]--
	}
	var b strings.Builder
	for v, n := range count {
		if n != 0 && b.Len() < 1000 {
			fmt.Fprintf(&b, "\n%+d %.100q", n, v)
		}
	}
	t.Fatalf("got %d records, want %d; too many (+) or too few (-):%s", len(got), len(want), b.String())
}

func (s SourceSuite[T]) testRestore(t *testing.T) {
	src := s.New(t)
	step := max(1, len(s.Want)/16)
	for k := 0; k <= len(s.Want); k += step {
		before, after := 1+k/step%3, 1+(k/step+1)%4
		r := s.start(t, src, RunOptions{Parallelism: before, Seed: uint64(k)})
		if more, err := r.Until(k); err != nil {
			t.Fatalf("before record %d: %v", k, err)
		} else if !more && src.Boundedness() == connector.ContinuousUnbounded {
			t.Fatalf("the source ended after %d records", len(r.Records()))
		}
		c := r.Snapshot()
		// A snapshot must not disturb what goes on.
		values := slices.Clone(r.Values())
		s.finish(t, r, 0)
		s.compare(t, r.Values())
		r.Cancel()

		// Restored, and after some more records, restored once more.
		r = s.start(t, src, RunOptions{Parallelism: after, Seed: uint64(k), From: c})
		if _, err := r.Until(min(step, len(s.Want)-len(values))); err != nil {
			t.Fatalf("restored behind record %d: %v", k, err)
		}
		c = r.Snapshot()
		values = append(values, r.Values()...)
		r.Cancel()
		r = s.start(t, src, RunOptions{Parallelism: before, Seed: uint64(k), From: c})
		s.finish(t, r, len(values))
		s.compare(t, append(values, r.Values()...))
		r.Cancel()
	}
}

// testAnyMoment restores the source again and again, from checkpoints between any two calls: also when no record has come since the last, while work is under way, and when all is read. Every other
// checkpoint is spread: the readers snapshot one after the other, and the others emit in between.
func (s SourceSuite[T]) testAnyMoment(t *testing.T) {
	src := s.New(t)
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var c *Checkpoint
		var values []T
		for {
			r := s.start(t, src, RunOptions{Parallelism: 1 + rnd.IntN(4), Seed: seed, StopAfter: rnd.IntN(8), From: c})
			more := s.steps(r, rnd.IntN(20+4*len(s.Want)), len(s.Want)-len(values))
			if r.err != nil {
				t.Fatalf("seed %d: restored behind record %d: %v", seed, len(values), r.err)
			}
			var counted []T
			if rnd.IntN(2) == 0 {
				c, counted = r.snapshotSpread()
			} else {
				c = r.Snapshot()
				counted = r.Values()
			}
			values = append(values, counted...)
			r.Cancel()
			if !more || len(values) > len(s.Want) {
				break
			}
		}
		// What is left after the end is nothing.
		r := s.start(t, src, RunOptions{Parallelism: 1 + rnd.IntN(4), Seed: seed, From: c})
		if s.finish(t, r, len(values)); src.Boundedness() == connector.ContinuousUnbounded {
			s.steps(r, 100, 1)
		}
		s.compare(t, append(values, r.Values()...))
		r.Cancel()
	}
}

// steps makes at most n steps, and reports false at the end of the input or, of an unbounded source, when there were as many records as are left.
func (s SourceSuite[T]) steps(r *Run[T], n, left int) bool {
	for range n {
		if r.src.Boundedness() == connector.ContinuousUnbounded && len(r.records) >= left || !r.Step() {
			return false
		}
	}
	return true
}

func (s SourceSuite[T]) testWithinRecord(t *testing.T) {
	src := s.New(t)
	for k := 1; k <= len(s.Want); k += max(1, len(s.Want)/16) {
		r := s.start(t, src, RunOptions{Parallelism: 2, Seed: uint64(k), SnapshotWithin: k})
		s.finish(t, r, 0)
		c, values := r.Within(), slices.Clone(r.Values()[:k])
		r.Cancel()
		r = s.start(t, src, RunOptions{Parallelism: 3, Seed: uint64(k), From: c})
		s.finish(t, r, k)
		s.compare(t, append(values, r.Values()...))
		r.Cancel()
	}
}

func (s SourceSuite[T]) testFailover(t *testing.T) {
	src := s.New(t)
	for k := 0; k <= len(s.Want); k += max(1, len(s.Want)/8) {
		for victim := range 2 {
			r := s.start(t, src, RunOptions{Parallelism: 2, Seed: uint64(k)})
			if _, err := r.Until(k); err != nil {
				t.Fatal(err)
			}
			r.Fail(victim)
			s.finish(t, r, 0)
			s.compare(t, r.Values())
			r.Cancel()
		}
	}
}

func (s SourceSuite[T]) testCancel(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	for _, k := range []int{0, 1, len(s.Want) / 2} {
		r := s.start(t, s.New(t), RunOptions{Parallelism: 2, Goroutines: true})
		if _, err := r.Until(k); err != nil {
			t.Fatal(err)
		}
		r.Cancel()
	}
	if s.AtMostOnce {
		return // what serves it has goroutines of its own
	}
	waitGoroutines(t, goroutines)
}

// waitGoroutines fails the test if there are more goroutines than there were. One that is about to end is given time.
func waitGoroutines(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines were left:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}
