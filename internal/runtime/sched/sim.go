package sched

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
)

// Sim runs all processes on one goroutine, one at a time, in an order drawn from a seed, under a virtual clock that moves only when nothing can
// run. Asynchronous work is a process, too, and must not wait for anything outside.
//
// All methods but Run and TraceHash are for use by what Sim runs.
type Sim struct {
	seed   uint64
	rng    *rand.Rand
	nanos  int64
	procs  []*simProc
	ready  []*simProc // may run; order does not matter, but is deterministic
	timers timerHeap
	order  int64 // breaks ties between timers
	digest hash.Hash64
	log    func(string)
	steps  int64
	live   int // processes that have not ended
	closed bool
}

var _ Scheduler = (*Sim)(nil)

// simEpoch is where virtual time begins: 2020-01-01T00:00:00Z.
var simEpoch = time.Unix(1577836800, 0).UTC()

// NewSim returns a simulation in which everything follows from the seed.
func NewSim(seed uint64) *Sim {
	return &Sim{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15)), digest: fnv.New64a()}
}

// LogTo sends every trace event to f as a line, for debugging a seed.
func (s *Sim) LogTo(f func(line string)) { s.log = f }

// Killed is the value of the panic that ends a process that is parked when its simulation is closed. Processes let it pass.
type Killed struct{}

type simProc struct {
	sim     *Sim
	id      int
	name    string
	woken   bool
	ready   bool
	ended   bool
	running bool
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
}

// Wake implements [Waker].
func (p *simProc) Wake() {
	p.woken = true
	if !p.running {
		p.makeReady()
	}
}

func (p *simProc) makeReady() {
	if !p.ready && !p.ended {
		p.ready = true
		p.sim.ready = append(p.sim.ready, p)
	}
}

func (p *simProc) leave() {
	if !p.yield(struct{}{}) {
		panic(Killed{})
	}
}

// Park implements [Proc].
func (p *simProc) Park() {
	if !p.woken {
		p.leave()
	}
	p.woken = false
}

// Yield implements [Proc].
func (p *simProc) Yield() {
	p.makeReady()
	p.leave()
}

// YieldIdle implements [Proc].
func (p *simProc) YieldIdle() { p.Yield() }

// Go implements [Scheduler].
func (s *Sim) Go(name string, body func(Proc)) Waker {
	p := &simProc{sim: s, id: len(s.procs), name: name}
	s.procs = append(s.procs, p)
	s.live++
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		defer func() {
			if r := recover(); r != nil {
				if _, killed := r.(Killed); !killed {
					panic(r)
				}
			}
		}()
		body(p)
	})
	p.makeReady()
	return p
}

// Now implements [Scheduler].
func (s *Sim) Now() time.Time { return simEpoch.Add(time.Duration(s.nanos)) }

// Nanos implements [Scheduler].
func (s *Sim) Nanos() int64 { return s.nanos }

// AfterFunc implements [Scheduler].
func (s *Sim) AfterFunc(d time.Duration, f func()) Timer {
	return s.at(s.nanos+int64(max(d, 0)), "timer", f)
}

func (s *Sim) at(when int64, name string, f func()) *simTimer {
	s.order++
	t := &simTimer{sim: s, when: when, order: s.order, name: name, f: f}
	heap.Push(&s.timers, t)
	return t
}

// Async implements [Scheduler]. The work runs up to a virtual millisecond late, so that completions come in any order. It is a process of its own, which may [Sleep].
func (s *Sim) Async(ctx context.Context, name string, delay time.Duration, work func(context.Context)) {
	late := s.rng.Int64N(int64(time.Millisecond))
	s.at(s.nanos+int64(max(delay, 0))+late, "async "+name, func() {
		if ctx.Err() != nil {
			return
		}
		z := &sleeper{sim: s}
		z.wake = s.Go("async "+name, func(p Proc) {
			z.proc = p
			work(context.WithValue(ctx, sleeperKey{}, z))
		})
	})
}

// Rand implements [Scheduler].
func (s *Sim) Rand(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(s.seed, h.Sum64()))
}

// RealTime implements [Scheduler].
func (s *Sim) RealTime() bool { return false }

// Trace implements [Scheduler].
func (s *Sim) Trace(kind string, a, b int64) {
	var buf [24]byte
	binary.LittleEndian.PutUint64(buf[:], uint64(s.nanos))
	binary.LittleEndian.PutUint64(buf[8:], uint64(a))
	binary.LittleEndian.PutUint64(buf[16:], uint64(b))
	s.digest.Write([]byte(kind))
	s.digest.Write(buf[:])
	if s.log != nil {
		s.log(fmt.Sprintf("%v %s %d %d", time.Duration(s.nanos), kind, a, b))
	}
}

// TraceHash is a digest of everything that happened: equal for two runs of one seed.
func (s *Sim) TraceHash() uint64 { return s.digest.Sum64() }

// Steps is the number of scheduling decisions so far.
func (s *Sim) Steps() int64 { return s.steps }

// Run lets processes run until until reports true, which is asked between any two of them. It returns nil then, and an error naming what waits if
// nothing can run any more. Run may be called again to go on.
//
// A process that calls runtime.Goexit ends; the others go on.
func (s *Sim) Run(until func() bool) error {
	for {
		var err error
		finished := false
		done := make(chan any)
		go func() { // a goroutine of its own, since Goexit in a coroutine ends its caller
			var thrown any
			defer func() {
				if r := recover(); r != nil {
					thrown = r
				}
				done <- thrown
			}()
			err = s.loop(until)
			finished = true
		}()
		if thrown := <-done; thrown != nil {
			panic(thrown)
		}
		if finished {
			return err
		}
		for _, p := range s.procs {
			if p.running {
				p.running, p.ended = false, true
				s.live--
			}
		}
	}
}

func (s *Sim) loop(until func() bool) error {
	for !until() {
		s.steps++
		if len(s.ready) == 0 {
			if len(s.timers) == 0 {
				return fmt.Errorf("simulation stalls at %v: %s", time.Duration(s.nanos), s.waiting())
			}
			t := heap.Pop(&s.timers).(*simTimer)
			s.fire(t)
			continue
		}
		if len(s.timers) > 0 && s.timers[0].when <= s.nanos && s.rng.IntN(len(s.ready)+1) == 0 {
			s.fire(heap.Pop(&s.timers).(*simTimer))
			continue
		}
		i := s.rng.IntN(len(s.ready))
		p := s.ready[i]
		last := len(s.ready) - 1
		s.ready[i] = s.ready[last]
		s.ready = s.ready[:last]
		p.ready = false
		s.Trace("run", int64(p.id), int64(last))
		if s.rng.IntN(8) == 0 {
			s.nanos += s.rng.Int64N(2000) // work takes a little time, so that timers come due among it
		}
		p.running = true
		_, more := p.next()
		p.running = false
		if !more {
			p.ended = true
			s.live--
		} else if p.woken {
			p.makeReady()
		}
	}
	return nil
}

func (s *Sim) fire(t *simTimer) {
	s.nanos = max(s.nanos, t.when)
	s.Trace(t.name, t.order, 0)
	t.fired = true
	t.f()
}

func (s *Sim) waiting() string {
	var names []string
	for _, p := range s.procs {
		if !p.ended {
			names = append(names, p.name)
		}
	}
	return "parked for ever: " + strings.Join(names, ", ")
}

// Advance moves the clock on by d, running everything that can run on the way.
func (s *Sim) Advance(d time.Duration) error {
	target := s.nanos + int64(d)
	s.at(target, "advance", func() {})
	return s.Run(func() bool {
		return s.nanos >= target && len(s.ready) == 0 && (len(s.timers) == 0 || s.timers[0].when > s.nanos)
	})
}

// Settle runs everything that can run without the clock moving by more than asynchronous work takes: until all processes are parked and no
// timer is due within the next two milliseconds.
func (s *Sim) Settle() error {
	horizon := s.nanos + int64(2*time.Millisecond)
	return s.Run(func() bool {
		return len(s.ready) == 0 && (len(s.timers) == 0 || s.timers[0].when > horizon)
	})
}

// Live is the number of processes that have not ended.
func (s *Sim) Live() int { return s.live }

// Alive returns the names of the processes that have not ended, in the order they started.
func (s *Sim) Alive() []string {
	var names []string
	for _, p := range s.procs {
		if !p.ended {
			names = append(names, p.name)
		}
	}
	return names
}

// Close ends every process that is left, wherever it is parked, so that no coroutine stays behind.
func (s *Sim) Close() {
	if s.closed {
		return
	}
	s.closed = true
	for i := 0; i < len(s.procs); i++ { // ending one may start another
		if p := s.procs[i]; !p.ended {
			p.ended = true
			s.live--
			p.stop()
		}
	}
}

type simTimer struct {
	sim     *Sim
	when    int64
	order   int64
	name    string
	f       func()
	fired   bool
	stopped bool
	index   int
}

// Stop implements [Timer].
func (t *simTimer) Stop() bool {
	if t.fired || t.stopped {
		return false
	}
	t.stopped = true
	heap.Remove(&t.sim.timers, t.index)
	return true
}

type timerHeap []*simTimer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].when, h[j].when), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].index = i; h[j].index = j }
func (h *timerHeap) Push(x any) {
	t := x.(*simTimer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
