// Package sched is the scheduler seam: processes that are parked and woken, and a clock.
//
// Everything in the runtime that runs on its own (tasks, task managers, job managers) is a process. In production ([Real]) a process is
// a goroutine and the clock is the machine's. In simulation ([Sim]) all processes are coroutines of one seeded scheduler under
// a virtual clock, so that a run depends on nothing but its seed.
package sched

import (
	"context"
	"math/rand/v2"
	"time"
)

// Proc is a process seen from inside. Only its own body may use it.
type Proc interface {
	// Park waits until the process is woken. A Wake since the last Park makes it return at once; so a body first looks for
	// work, then parks, and loses no wake-up. It may return without a reason.
	Park()
	// Yield lets others run: at step boundaries. In production it does nothing.
	Yield()
	// YieldIdle lets others run before the process would go idle, also in production.
	YieldIdle()
}

// Waker wakes a process. Wake may be called from any goroutine, any number of times, also after the process has ended.
type Waker interface {
	Wake()
}

// Timer is a pending call of Scheduler.AfterFunc.
type Timer interface {
	// Stop prevents the call and reports whether it did.
	Stop() bool
}

// Scheduler starts processes. All methods may be called from any goroutine in production, and from processes, timers and async work in
// simulation.
type Scheduler interface {
	// Go starts a process. The name appears in traces and must be the same in every run of a seed.
	Go(name string, body func(p Proc)) Waker
	// Now is the wall clock, or the virtual one.
	Now() time.Time
	// Nanos is a monotonic clock in nanoseconds.
	Nanos() int64
	// AfterFunc calls f, which must not block, after d, on no process.
	AfterFunc(d time.Duration, f func()) Timer
	// Async runs work, which may block, after delay, on no process. It is not run at all if ctx ends before the delay has passed.
	Async(ctx context.Context, name string, delay time.Duration, work func(context.Context))
	// Rand returns a new source of random numbers for the named use: the same one for the same name and seed.
	Rand(name string) *rand.Rand
	// RealTime reports whether time is the machine's.
	RealTime() bool
	// Trace adds an event to the simulation's trace; in production it does nothing.
	Trace(kind string, a, b int64)
}
