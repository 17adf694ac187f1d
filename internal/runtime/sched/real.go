package sched

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Real runs processes as goroutines under the machine's clock.
type Real struct {
	start   time.Time
	running sync.WaitGroup
}

var _ Scheduler = (*Real)(nil)

// NewReal returns a scheduler for production.
func NewReal() *Real { return &Real{start: time.Now()} }

// Wait returns when every process and all async work has ended.
func (s *Real) Wait() { s.running.Wait() }

const (
	procRunning int32 = iota
	procParked
	procNotified
)

// realProc is a goroutine that can be parked. The state makes a wake-up of a running process one atomic operation.
type realProc struct {
	state atomic.Int32
	wake  chan struct{}
}

// Wake implements [Waker].
func (p *realProc) Wake() {
	for {
		switch p.state.Load() {
		case procNotified:
			return
		case procRunning:
			if p.state.CompareAndSwap(procRunning, procNotified) {
				return
			}
		case procParked:
			if p.state.CompareAndSwap(procParked, procRunning) {
				p.wake <- struct{}{} // never blocks: one token for each time the process parked
				return
			}
		}
	}
}

// Park implements [Proc].
func (p *realProc) Park() {
	if p.state.CompareAndSwap(procNotified, procRunning) {
		return
	}
	if p.state.CompareAndSwap(procRunning, procParked) {
		<-p.wake
		return
	}
	p.state.Store(procRunning) // notified in between
}

// Yield implements [Proc].
func (p *realProc) Yield() {}

// YieldIdle implements [Proc].
func (p *realProc) YieldIdle() { runtime.Gosched() }

// Go implements [Scheduler].
func (s *Real) Go(_ string, body func(Proc)) Waker {
	p := &realProc{wake: make(chan struct{}, 1)}
	s.running.Go(func() { body(p) })
	return p
}

// Now implements [Scheduler].
func (s *Real) Now() time.Time { return time.Now() }

// Nanos implements [Scheduler].
func (s *Real) Nanos() int64 { return int64(time.Since(s.start)) }

// AfterFunc implements [Scheduler].
func (s *Real) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// Async implements [Scheduler].
func (s *Real) Async(ctx context.Context, _ string, delay time.Duration, work func(context.Context)) {
	s.running.Go(func() {
		if delay > 0 {
			t := time.NewTimer(delay)
			defer t.Stop()
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
		if ctx.Err() == nil {
			work(ctx)
		}
	})
}

// Rand implements [Scheduler]. In production the seed is drawn anew for each process.
func (s *Real) Rand(string) *rand.Rand {
	seed := maphash.MakeSeed()
	return rand.New(rand.NewPCG(maphash.String(seed, "weir"), maphash.String(seed, "rand")))
}

// RealTime implements [Scheduler].
func (s *Real) RealTime() bool { return true }

// Trace implements [Scheduler].
func (s *Real) Trace(string, int64, int64) {}
