package sched

import (
	"context"
	"time"
)

// sleeperKey is the key of a context's sleeper.
type sleeperKey struct{}

// sleeper is the process that runs a simulation's asynchronous work.
type sleeper struct {
	sim  *Sim
	proc Proc
	wake Waker
}

// Sleep waits for d, or until ctx ends, and then returns ctx's error. In asynchronous work of a simulation, whose context ctx is or derives from, virtual time passes, and of the
// ways in which ctx may end only its deadline ends the sleep early.
func Sleep(ctx context.Context, d time.Duration) error {
	s, ok := ctx.Value(sleeperKey{}).(*sleeper)
	if !ok {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		return ctx.Err()
	}
	until := s.sim.nanos + int64(max(d, 0))
	if deadline, ok := ctx.Deadline(); ok {
		until = min(until, int64(deadline.Sub(simEpoch)))
	}
	if until > s.sim.nanos {
		s.sim.at(until, "sleep", s.wake.Wake)
	}
	for s.sim.nanos < until {
		s.proc.Park()
	}
	return ctx.Err()
}
