package sched

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// relay is a little world: processes pass tokens round, timers and async work interfere. It returns what happened and the trace's hash.
func relay(t *testing.T, seed uint64) (log []string, hash uint64) {
	t.Helper()
	leak.Check(t)
	s := NewSim(seed)
	defer s.Close()
	const n = 5
	inbox := make([]int, n)
	wakers := make([]Waker, n)
	done := 0
	for i := range n {
		wakers[i] = s.Go(fmt.Sprint("p", i), func(p Proc) {
			defer func() { done++ }()
			rng := s.Rand(fmt.Sprint("p", i))
			for got := 0; got < 20; {
				if inbox[i] == 0 {
					p.Park()
					continue
				}
				inbox[i]--
				got++
				log = append(log, fmt.Sprint(i, " ", s.Nanos()))
				to := (i + 1) % n
				switch rng.IntN(3) {
				case 0:
					inbox[to]++
					wakers[to].Wake()
				case 1:
					s.AfterFunc(time.Duration(rng.IntN(3000)), func() { inbox[to]++; wakers[to].Wake() })
				default:
					s.Async(context.Background(), "async", time.Duration(rng.IntN(3000)), func(context.Context) { inbox[to]++; wakers[to].Wake() })
				}
				p.Yield()
			}
		})
		inbox[i] = 1
	}
	if err := s.Run(func() bool { return done == n }); err != nil {
		t.Fatal(err)
	}
	return log, s.TraceHash()
}

func TestSimRepeats(t *testing.T) {
	hashes := map[uint64]bool{}
	for seed := range uint64(40) {
		log, hash := relay(t, seed)
		again, hash2 := relay(t, seed)
		if !slices.Equal(log, again) || hash != hash2 {
			t.Fatalf("seed %d gives another run: %x and %x", seed, hash, hash2)
		}
		hashes[hash] = true
	}
	if len(hashes) != 40 {
		t.Errorf("40 seeds gave %d runs", len(hashes))
	}
}

func TestSimRand(t *testing.T) {
	a, b := NewSim(1), NewSim(2)
	defer a.Close()
	defer b.Close()
	if a.Rand("x").Uint64() != a.Rand("x").Uint64() {
		t.Error("a name does not repeat")
	}
	if a.Rand("x").Uint64() == a.Rand("y").Uint64() || a.Rand("x").Uint64() == b.Rand("x").Uint64() {
		t.Error("another name or seed gives the same")
	}
}

// Goexit ends the process that calls it, or nothing where a timer does; the others go on.
func TestSimGoexit(t *testing.T) {
	for seed := range uint64(20) {
		s := NewSim(seed)
		steps, deferred := 0, 0
		for range 3 {
			s.Go("other", func(p Proc) {
				for range 10 {
					steps++
					p.Yield()
				}
			})
		}
		s.Go("exits", func(p Proc) {
			defer func() { deferred++ }()
			p.Yield()
			runtime.Goexit()
		})
		s.AfterFunc(5, func() { runtime.Goexit() })
		s.AfterFunc(10, func() { deferred++ })
		if err := s.Run(func() bool { return len(s.Alive()) == 0 && deferred == 2 }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if steps != 30 {
			t.Errorf("seed %d: %d steps", seed, steps)
		}
		s.Close()
	}
}

func TestSimPanicComesOut(t *testing.T) {
	leak.Check(t)
	s := NewSim(1)
	defer s.Close()
	s.Go("panics", func(Proc) { panic("boom") })
	defer func() {
		if r := recover(); fmt.Sprint(r) != "boom" {
			t.Errorf("recovered %v", r)
		}
	}()
	err := s.Run(func() bool { return false })
	t.Errorf("Run returned %v", err)
}

func TestSimTimers(t *testing.T) {
	for seed := range uint64(20) {
		s := NewSim(seed)
		var got []int
		note := func(i int) func() { return func() { got = append(got, i) } }
		s.AfterFunc(30, note(3))
		s.AfterFunc(10, note(1))
		stopped := s.AfterFunc(15, note(-1))
		s.AfterFunc(20, note(2))
		same := s.AfterFunc(30, note(4)) // behind the first of the same time
		s.AfterFunc(-5, note(0))
		if !stopped.Stop() || stopped.Stop() {
			t.Error("Stop does not tell whether it did anything")
		}
		before := s.Now()
		if err := s.Advance(29); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, []int{0, 1, 2}) || s.Nanos() != 29 || s.Now().Sub(before) != 29 {
			t.Fatalf("seed %d: %v at %d", seed, got, s.Nanos())
		}
		if err := s.Advance(1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Fatalf("seed %d: %v", seed, got)
		}
		if same.Stop() {
			t.Error("a timer that has fired was stopped")
		}
		s.Close()
	}
}

func TestSimAsyncAfterItsContext(t *testing.T) {
	s := NewSim(3)
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ran := 0
	s.Async(ctx, "a", time.Second, func(context.Context) { ran++ })
	s.Async(context.Background(), "b", time.Second, func(context.Context) { ran += 10 })
	cancel()
	if err := s.Advance(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	if ran != 10 {
		t.Errorf("ran %d", ran)
	}
}

// Settle runs what can run now, and leaves timers alone that are further off.
func TestSimSettle(t *testing.T) {
	s := NewSim(4)
	defer s.Close()
	var got []string
	s.Go("p", func(p Proc) {
		for i := range 5 {
			got = append(got, fmt.Sprint("step ", i))
			p.Yield()
		}
		s.Async(context.Background(), "soon", 0, func(context.Context) { got = append(got, "soon") })
		s.AfterFunc(time.Second, func() { got = append(got, "late") })
		p.Park()
	})
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"step 0", "step 1", "step 2", "step 3", "step 4", "soon"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if s.Nanos() > int64(3*time.Millisecond) {
		t.Errorf("time is %d", s.Nanos())
	}
}

func TestSimStalls(t *testing.T) {
	s := NewSim(5)
	defer s.Close()
	s.Go("first", func(p Proc) { p.Park() })
	s.Go("second", func(p Proc) {})
	s.Go("third", func(p Proc) { p.Park() })
	err := s.Run(func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "first, third") {
		t.Errorf("got %v", err)
	}
	if got := s.Alive(); !slices.Equal(got, []string{"first", "third"}) {
		t.Errorf("alive %q", got)
	}
}

// Close unwinds whoever is parked, and those that unwinding starts; processes that never ran do not run.
func TestSimClose(t *testing.T) {
	leak.Check(t)
	s := NewSim(6)
	unwound := 0
	for range 5 {
		s.Go("parked", func(p Proc) {
			defer func() {
				unwound++
				s.Go("late", func(Proc) { t.Error("it ran") })
			}()
			for {
				p.Park()
			}
		})
	}
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	s.Go("never ran", func(Proc) { t.Error("it ran") })
	s.Close()
	s.Close()
	if unwound != 5 || len(s.Alive()) != 0 {
		t.Errorf("%d unwound, alive %q", unwound, s.Alive())
	}
}

// A wake-up before Park makes it return at once, in both schedulers.
func TestWakeBeforePark(t *testing.T) {
	leak.Check(t)
	r := NewReal()
	var w Waker
	started := make(chan struct{})
	w = r.Go("p", func(p Proc) {
		<-started
		w.Wake()
		w.Wake()
		p.Park()
	})
	close(started)
	r.Wait()
	w.Wake() // after the end
	w.Wake()

	s := NewSim(7)
	defer s.Close()
	ended := false
	var sw Waker
	sw = s.Go("p", func(p Proc) {
		sw.Wake()
		p.Park()
		ended = true
	})
	if err := s.Run(func() bool { return ended }); err != nil {
		t.Error(err)
	}
	sw.Wake()
}

// Tokens go round among parked goroutines, each woken by several others at once: a lost wake-up would stop the world.
func TestRealLosesNoWakeUp(t *testing.T) {
	leak.Check(t)
	const procs, rounds = 6, 4000
	s := NewReal()
	var inbox [procs]atomic.Int64
	var wakers [procs]Waker
	ready := make(chan struct{})
	for i := range procs {
		wakers[i] = s.Go("p", func(p Proc) {
			<-ready
			for got := int64(0); got < rounds; {
				n := inbox[i].Swap(0)
				if n == 0 {
					p.Park()
					continue
				}
				for ; n > 0; n-- {
					got++
					to := (i + 1) % procs
					inbox[to].Add(1)
					wakers[to].Wake()
					wakers[(i+2)%procs].Wake() // without a reason
				}
				p.YieldIdle()
			}
		})
	}
	inbox[0].Store(1)
	inbox[procs/2].Store(1)
	close(ready)
	s.Wait()
}

// One parks after every single message, many send to it.
func TestRealManyWakers(t *testing.T) {
	leak.Check(t)
	const senders, each = 8, 2000
	s := NewReal()
	var pending atomic.Int64
	w := s.Go("receiver", func(p Proc) {
		for got := 0; got < senders*each; {
			if pending.Load() == 0 {
				p.Park()
				continue
			}
			pending.Add(-1)
			got++
		}
	})
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				pending.Add(1)
				w.Wake()
			}
		})
	}
	all.Wait()
	s.Wait()
}

func TestRealAsync(t *testing.T) {
	leak.Check(t)
	s := NewReal()
	ctx, cancel := context.WithCancel(context.Background())
	var ran atomic.Int64
	s.Async(ctx, "never", time.Hour, func(context.Context) { ran.Add(1) })
	s.Async(ctx, "now", 0, func(context.Context) { ran.Add(10); cancel() })
	s.Wait()
	s.Async(ctx, "too late", 0, func(context.Context) { ran.Add(100) })
	s.Wait()
	if ran.Load() != 10 {
		t.Errorf("ran %d", ran.Load())
	}
	timer := s.AfterFunc(time.Hour, func() { t.Error("it fired") })
	if !timer.Stop() {
		t.Error("the timer was not stopped")
	}
	if s.Rand("x").Uint64() == s.Rand("x").Uint64() {
		t.Error("two processes draw the same numbers")
	}
}

func TestRealGoexit(t *testing.T) {
	leak.Check(t)
	s := NewReal()
	ended := 0
	s.Go("exits", func(Proc) {
		defer func() { ended++ }()
		runtime.Goexit()
	})
	s.Wait()
	if ended != 1 {
		t.Error("the process did not end")
	}
}

// A process that parks all the time meets one that wakes it all the time, at every point of both.
func TestRealParkMeetsWake(t *testing.T) {
	leak.Check(t)
	s := NewReal()
	var over atomic.Bool
	var spins atomic.Int64
	w := s.Go("parks", func(p Proc) {
		defer over.Store(true)
		for i := range 20_000 {
			for range i % 61 {
				spins.Add(1)
			}
			p.Park()
		}
	})
	for i := 0; !over.Load(); i++ {
		for range i % 53 {
			spins.Add(1)
		}
		w.Wake()
	}
	s.Wait()
}
