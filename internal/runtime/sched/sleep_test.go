package sched

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weirstream/weir/internal/testkit/leak"
)

// until is a context with a deadline of virtual time.
type until struct {
	context.Context
	s  *Sim
	at time.Time
}

func (u until) Deadline() (time.Time, bool) { return u.at, true }
func (u until) Err() error {
	if !u.s.Now().Before(u.at) {
		return context.DeadlineExceeded
	}
	return u.Context.Err()
}

// Work that sleeps lets the others run, wakes on time or at its deadline, and is unwound when the simulation is closed.
func TestSimSleep(t *testing.T) {
	leak.Check(t)
	s := NewSim(1)
	defer s.Close()
	var log []string
	note := func(what string) { log = append(log, what+" "+s.Now().Sub(simEpoch).Truncate(time.Second).String()) }
	work := func(name string, d, deadline time.Duration) {
		s.Async(context.Background(), name, 0, func(ctx context.Context) {
			if deadline > 0 {
				ctx = until{ctx, s, s.Now().Add(deadline)}
			}
			err := Sleep(ctx, d)
			if (err != nil) != (deadline > 0) {
				t.Errorf("%s: %v", name, err)
			}
			note(name)
		})
	}
	work("long", 5*time.Second, 0)
	work("short", time.Second, 0)
	work("cut", time.Minute, 3*time.Second)
	work("none", -1, 0)
	s.Async(context.Background(), "for ever", 0, func(ctx context.Context) {
		_ = Sleep(ctx, 1000*time.Hour)
		t.Error("it woke")
	})
	if err := s.Advance(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if len(log) != 4 || log[0] != "none 0s" || log[1] != "short 1s" || log[2] != "cut 3s" || log[3] != "long 5s" {
		t.Errorf("%q", log)
	}
}

func TestRealSleep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := Sleep(ctx, time.Microsecond); err != nil {
		t.Error(err)
	}
	cancel()
	if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
