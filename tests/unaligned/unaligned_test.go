package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/weirtest"
)

// took is how long a checkpoint takes, in virtual time, where an operator that takes 10 ms for a record holds everything up.
func took(t *testing.T, c weir.Checkpoints) time.Duration {
	t.Helper()
	env := weir.NewEnvironment(weir.Options{Parallelism: 2, ChunkRows: 8, ChannelBytes: 1024, Logger: slog.New(slog.DiscardHandler)})
	slow := weir.OrderedWait(weir.FromSequence(env, 0, 1<<40).Rebalance(), func(ctx context.Context, n int64) ([]int64, error) {
		return []int64{n}, weirtest.Sleep(ctx, 10*time.Millisecond)
	}, weir.AsyncOptions[int64, int64]{Capacity: 1})
	slow.Discard()
	p, err := env.Program(t.Context(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	if err := weir.UseStorage(t.Context(), p, storage.NewMemory(), c); err != nil {
		t.Fatal(err)
	}
	sim := sched.NewSim(1)
	defer sim.Close()
	job := local.Submit(sim, base.JobID("slow"), p)
	if err := sim.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	start, done := sim.Now(), false
	job.Checkpoint(coordinator.Checkpoint, "", false, func(_ int64, e error) { done, err = true, e })
	if e := sim.Run(func() bool { return done }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	return sim.Now().Sub(start)
}

// An aligned checkpoint takes as long as what is queued, an unaligned one no longer than a record, and one with a timeout no longer than that.
func TestBackpressure(t *testing.T) {
	aligned := took(t, weir.Checkpoints{})
	unaligned := took(t, weir.Checkpoints{Unaligned: true})
	timeout := took(t, weir.Checkpoints{Unaligned: true, AlignedTimeout: 200 * time.Millisecond})
	t.Log(aligned, unaligned, timeout)
	if aligned < 500*time.Millisecond {
		t.Errorf("an aligned checkpoint took %v", aligned)
	}
	if unaligned > 20*time.Millisecond {
		t.Errorf("an unaligned checkpoint took %v", unaligned)
	}
	if timeout < 200*time.Millisecond || timeout > 220*time.Millisecond {
		t.Errorf("a checkpoint that aligns for 200 ms at first took %v", timeout)
	}
	if long := took(t, weir.Checkpoints{Unaligned: true, AlignedTimeout: time.Hour}); long < 500*time.Millisecond || long > 2*aligned {
		t.Errorf("a checkpoint with time to align took %v, an aligned one %v", long, aligned)
	}
}
