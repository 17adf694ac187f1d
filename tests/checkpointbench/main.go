// Command checkpointbench reports what checkpoints cost: how long a task takes no input while one is taken, how much an incremental one writes when one in a hundred keys has changed, and how long it takes
// from the start of a job that restores until it works on its first record.
//
//	go run ./tests/checkpointbench                              # 1,000,000 keys, some 70 MB of state in memory
//	go run ./tests/checkpointbench -keys 16000000 -backend lsm  # 1.1 GB
//
// All keys are written once. Then records of random keys come at an even rate, a hundredth of the keys in each interval, and a checkpoint is taken after each. The pause of a checkpoint is the longest time between two
// records from its trigger until it is complete; beside it stands the same measure of times without a checkpoint, which is what the machine and the rate make of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connectors/sequence"
)

type record struct {
	Key                      int64
	Count, Sum, Low, High    int64
	First, Last, Spare, Sum2 int64
}

type bench struct {
	keys        int64
	interval    time.Duration
	checkpoints int
	backend     string
	incremental bool
	dir         string
	profile     string

	seen atomic.Int64 // records worked on
	last atomic.Int64 // when the latest was, in nanoseconds since start
	gap  atomic.Int64 // the longest time between two, since it was set to 0
	base time.Time
}

func main() {
	var b bench
	flag.Int64Var(&b.keys, "keys", 1_000_000, "keys of state")
	flag.DurationVar(&b.interval, "interval", time.Second, "from one checkpoint to the next")
	flag.IntVar(&b.checkpoints, "checkpoints", 45, "checkpoints to take; the last 30 are reported")
	flag.StringVar(&b.backend, "backend", "memory", "memory or lsm")
	flag.BoolVar(&b.incremental, "incremental", true, "incremental checkpoints")
	flag.StringVar(&b.dir, "dir", "", "directory for checkpoints; a temporary one if empty")
	flag.StringVar(&b.profile, "profile", "", "file for a CPU profile of the restore")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// environment builds the job: keys written once at full speed, then changed at a rate.
func (b *bench) environment(restore string) (*weir.Environment, error) {
	o := weir.Options{
		MaxParallelism: 128, Restart: weir.NoRestart(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Checkpoints: weir.Checkpoints{Dir: filepath.Join(b.dir, "checkpoints"), Incremental: b.incremental, Restore: restore},
	}
	switch b.backend {
	case "memory":
	case "lsm":
		o.StateBackend, o.Memory, o.StateDir = lsm.Backend(), 4<<30, filepath.Join(b.dir, "state")
	default:
		return nil, fmt.Errorf("there is no backend %q: use memory or lsm", b.backend)
	}
	if restore != "" {
		o.Checkpoints.Dir = filepath.Join(b.dir, "restored")
	}
	env := weir.NewEnvironment(o)
	load := weir.Map(weir.FromSource(env, "load", sequence.From(0, b.keys-1)).UID("load"), func(i int64) record { return record{Key: i} }).UID("first")
	rate := float64(b.keys) / 100 / b.interval.Seconds()
	change := weir.FromSource(env, "change", sequence.Generate(sequence.Options{RatePerSecond: rate}, func(i int64) record {
		x := uint64(i+1) * 0x9E3779B97F4A7C15
		x = (x ^ x>>31) * 0xBF58476D1CE4E5B9
		return record{Key: int64((x ^ x>>29) % uint64(b.keys)), Last: i}
	})).UID("change")
	keyed := weir.KeyBy(load.Union(change), func(r record) int64 { return r.Key })
	reduced := keyed.ReduceInto(func(kept, v *record) {
		kept.Count++
		kept.Last = v.Last
	}).UID("state")
	reduced.FilterRef(func(*record) bool {
		b.seen.Add(1)
		now := int64(time.Since(b.base))
		if d := now - b.last.Swap(now); d > b.gap.Load() {
			b.gap.Store(d)
		}
		return false
	}).UID("watch").Discard()
	return env, nil
}

func (b *bench) run() error {
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "checkpointbench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.dir = dir
	}
	ctx := context.Background()
	env, err := b.environment("")
	if err != nil {
		return err
	}
	b.base = time.Now()
	client, err := env.ExecuteAsync(ctx, "checkpointbench")
	if err != nil {
		return err
	}
	for b.seen.Load() < b.keys {
		if err := alive(client); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Printf("backend %s, incremental %v: %d keys written in %.1f s\n", b.backend, b.incremental, b.keys, time.Since(b.base).Seconds())

	known := map[string]bool{}
	var pauses, quiet, took []time.Duration
	var sizes []int64
	var full int64
	for n := range b.checkpoints + 1 {
		b.gap.Store(0)
		time.Sleep(b.interval)
		before := time.Duration(b.gap.Swap(0))
		start := time.Now()
		id, err := client.Checkpoint(ctx)
		if err != nil {
			return err
		}
		d := time.Since(start)
		pause := time.Duration(b.gap.Load())
		size, err := b.fresh(known)
		if err != nil {
			return err
		}
		if n == 0 {
			full = size
			fmt.Printf("checkpoint %d: full, %.1f MB in %v\n", id, float64(size)/1e6, d.Round(time.Millisecond))
			continue
		}
		if n > b.checkpoints-30 {
			pauses, quiet, took, sizes = append(pauses, pause), append(quiet, before), append(took, d), append(sizes, size)
		}
	}
	var sum int64
	for _, s := range sizes {
		sum += s
	}
	fmt.Printf("then %d checkpoints: %.2f MB each in the mean, %.1f %% of the full one; took %s\n", len(sizes), float64(sum)/float64(len(sizes))/1e6, 100*float64(sum)/float64(len(sizes))/float64(full), spread(took))
	fmt.Printf("longest time without a record: %s; in the intervals between: %s\n", spread(pauses), spread(quiet))

	target := filepath.Join(b.dir, "latest")
	latest, err := b.latest()
	if err != nil {
		return err
	}
	if err := os.CopyFS(target, os.DirFS(filepath.Join(b.dir, "checkpoints"))); err != nil { // canceling the job removes its own
		return err
	}
	client.Cancel()
	<-client.Done()

	env, err = b.environment(filepath.Join(target, latest))
	if err != nil {
		return err
	}
	b.seen.Store(0)
	if b.profile != "" {
		f, err := os.Create(b.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	start := time.Now()
	client, err = env.ExecuteAsync(ctx, "checkpointbench")
	if err != nil {
		return err
	}
	for b.seen.Load() == 0 {
		if err := alive(client); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	pprof.StopCPUProfile()
	fmt.Printf("restored, first record worked on after %v\n", time.Since(start).Round(time.Millisecond))
	client.Cancel()
	<-client.Done()
	return nil
}

func alive(client *weir.JobClient) error {
	select {
	case <-client.Done():
		_, err := client.Wait(context.Background())
		return fmt.Errorf("the job has ended: %w", err)
	default:
		return nil
	}
}

// fresh returns the bytes of the checkpoints' files that were not there before.
func (b *bench) fresh(known map[string]bool) (size int64, err error) {
	err = filepath.WalkDir(filepath.Join(b.dir, "checkpoints"), func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // removed meanwhile
			return nil
		}
		if err != nil || d.IsDir() || known[path] {
			return err
		}
		known[path] = true
		info, err := d.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// latest is the folder of the latest complete checkpoint.
func (b *bench) latest() (string, error) {
	names, err := filepath.Glob(filepath.Join(b.dir, "checkpoints", "chk-*", "_metadata"))
	if err != nil || len(names) == 0 {
		return "", fmt.Errorf("there is no complete checkpoint in %s: %v", b.dir, err)
	}
	slices.SortFunc(names, func(a, c string) int {
		if len(a) != len(c) {
			return len(a) - len(c)
		}
		return strings.Compare(a, c)
	})
	return filepath.Base(filepath.Dir(names[len(names)-1])), nil
}

func spread(d []time.Duration) string {
	d = slices.Sorted(slices.Values(d))
	at := func(p float64) time.Duration { return d[int(p*float64(len(d)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, longest %v", at(0.5), at(0.99), at(1))
}
