// Command unaligned shows how long a checkpoint takes in a job whose slow sink holds everything up: aligned, aligned with a timeout, and unaligned.
//
//	go run ./tests/unaligned
//
// It ends with "unaligned: 0.02 s, aligned: 6.71 s" or so. The exit code is 1 if the unaligned checkpoint took a second or more, or the aligned one did not take longer.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/weirstream/weir"
)

// record is 1 KiB.
type record struct{ Values [128]int64 }

func main() {
	slow := flag.Duration("slow", 2*time.Millisecond, "what the sink takes for each record")
	flag.Parse()
	ok, err := run(*slow)
	if err != nil {
		fmt.Fprintln(os.Stderr, "unaligned:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(slow time.Duration) (ok bool, err error) {
	var took [3]time.Duration
	for i, c := range []struct {
		name string
		set  weir.Checkpoints
	}{
		{"aligned", weir.Checkpoints{}},
		{"aligned, unaligned after 500 ms", weir.Checkpoints{Unaligned: true, AlignedTimeout: 500 * time.Millisecond}},
		{"unaligned", weir.Checkpoints{Unaligned: true}},
	} {
		if took[i], err = measure(slow, c.set); err != nil {
			return false, err
		}
		fmt.Printf("%-32s %6.2f s\n", c.name, took[i].Seconds())
	}
	fmt.Printf("unaligned: %.2f s, aligned: %.2f s\n", took[2].Seconds(), took[0].Seconds())
	return took[2] < time.Second && took[0] > took[2], nil
}

// measure runs the job until all channels are full, and takes a checkpoint. Channels are smaller than usual, or the aligned one would take minutes: a channel of small records in front of the sums holds some thousands.
func measure(slow time.Duration, c weir.Checkpoints) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "weir-unaligned")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	c.Dir = dir
	env := weir.NewEnvironment(weir.Options{Parallelism: 2, ChannelBytes: 32 << 10, ChunkBytes: 8 << 10, Checkpoints: c, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	keyed := weir.KeyBy(weir.FromSequence(env, 0, 1<<40), func(n int64) int64 { return n % 100 })
	sums := weir.Map(keyed.Reduce(func(a, b int64) int64 { return a + b }), func(n int64) record { return record{[128]int64{n}} })
	sums.Rebalance().ForEach(func(record, int64) error {
		time.Sleep(slow)
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	job, err := env.ExecuteAsync(ctx, "slow")
	if err != nil {
		return 0, err
	}
	defer func() {
		job.Cancel()
		<-job.Done()
	}()
	select {
	case <-time.After(2 * time.Second):
	case <-job.Done():
		_, err := job.Wait(ctx)
		return 0, fmt.Errorf("the job has ended: %w", err)
	}
	start := time.Now()
	_, err = job.Checkpoint(ctx)
	return time.Since(start), err
}
