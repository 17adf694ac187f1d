package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
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

// bench is a running job.
type bench struct {
	settings
	seen atomic.Int64 // records worked on
	last atomic.Int64 // when the latest was, in nanoseconds since start
	base time.Time
	// gaps are the times of leastGap and more between two, since they were last taken.
	mu   sync.Mutex
	gaps []span
	lag  int64 // of base behind clock
	// recorder has what the scheduler has done lately; nil without -trace.
	recorder *trace.FlightRecorder
}

// environment builds the job: keys written once at full speed, then changed at a rate.
func (b *bench) environment(restore string) (*weir.Environment, error) {
	o := weir.Options{
		MaxParallelism: 128, Restart: weir.NoRestart(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Checkpoints: weir.Checkpoints{Dir: b.at("checkpoints"), Incremental: true, Restore: restore},
	}
	switch b.backend {
	case "memory":
	case "lsm":
		o.StateBackend, o.Memory, o.StateDir = lsm.Backend(), b.memory<<20, b.at("state")
	default:
		return nil, fmt.Errorf("there is no backend %q: use memory or lsm", b.backend)
	}
	if restore != "" {
		o.Checkpoints.Dir = b.at("restored")
	}
	env := weir.NewEnvironment(o)
	load := weir.Map(weir.FromSource(env, "load", sequence.From(0, b.keys-1)).UID("load"), func(i int64) record {
		x := int64(mix(uint64(i)) >> 10) // a key takes 65 bytes then, about
		return record{Key: i, Sum: x, Low: x - 1, High: x + 1, First: x - 2, Spare: x + 2, Sum2: x + 3}
	}).UID("first")
	rate := float64(b.keys) / 100 / b.interval.Seconds()
	change := weir.FromSource(env, "change", sequence.Generate(sequence.Options{RatePerSecond: rate}, func(i int64) record {
		return record{Key: int64(mix(uint64(i)) % uint64(b.keys)), Last: i}
	})).UID("change")
	keyed := weir.KeyBy(load.Union(change), func(r record) int64 { return r.Key })
	reduced := keyed.ReduceInto(func(kept, v *record) {
		kept.Count++
		kept.Last = v.Last
	}).UID("state")
	reduced.FilterRef(func(*record) bool {
		b.seen.Add(1)
		now := int64(time.Since(b.base))
		if last := b.last.Swap(now); now-last >= leastGap {
			b.mu.Lock()
			b.gaps = append(b.gaps, span{last + b.lag, now + b.lag})
			b.mu.Unlock()
		}
		return false
	}).UID("watch").Discard()
	return env, nil
}

// leastGap is the shortest time between two records that is kept, in nanoseconds.
const leastGap = 50_000

// taken returns the times between two records since the last call.
func (b *bench) taken() []span {
	b.mu.Lock()
	defer b.mu.Unlock()
	gaps := b.gaps
	b.gaps = nil
	return gaps
}

// longest is the longest of some times, each without that in which the machine stood still.
func longest(gaps []span, still *stalls) (d time.Duration) {
	for _, g := range gaps {
		d = max(d, time.Duration(g.to-g.from-still.within(g)))
	}
	return d
}

func mix(i uint64) uint64 {
	x := (i + 1) * 0x9E3779B97F4A7C15
	x = (x ^ x>>31) * 0xBF58476D1CE4E5B9
	return x ^ x>>29
}

// start starts the job.
func (b *bench) start(restore string) (*weir.JobClient, error) {
	env, err := b.environment(restore)
	if err != nil {
		return nil, err
	}
	// The generator's thread keeps a processor of Go's while it sleeps in the system, and with it the reader that it has woken, until another processor with nothing to do takes that over: without these two, there would be pauses of up
	// to 10 ms that say something of the generator.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	b.base = time.Now()
	b.lag = clock()
	return env.ExecuteAsync(context.Background(), "checkpointbench")
}

// await waits until so many records are worked on.
func (b *bench) await(client *weir.JobClient, records int64) error {
	for b.seen.Load() < records {
		select {
		case <-client.Done():
			_, err := client.Wait(context.Background())
			return fmt.Errorf("the job has ended: %w", err)
		default:
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// cpuProfile begins a profile, if there is to be one, and returns what ends it.
func (s settings) cpuProfile(name string) (end func() error, err error) {
	if s.profile == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(filepath.Join(s.profile, fmt.Sprintf("%s-%d-%s.prof", s.backend, s.keys, name)))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// write runs the job with its checkpoints, and keeps the latest.
func (s settings) write() error {
	b := &bench{settings: s}
	client, err := b.start("")
	if err != nil {
		return err
	}
	if err := b.await(client, b.keys); err != nil {
		return err
	}
	if b.trace != "" {
		b.recorder = trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 2 * time.Second, MaxBytes: 64 << 20})
		if err := b.recorder.Start(); err != nil {
			return err
		}
	}
	var r result
	var inside, between [][]span // the times without a record that count, in each checkpoint and behind it
	stopWatch := startWatch()
	known := map[string]bool{}
	end, err := b.cpuProfile("full")
	if err != nil {
		return err
	}
	for n := range b.checkpoints + 1 {
		start, seen := time.Now(), b.seen.Load()
		b.taken()
		if _, err := client.Checkpoint(context.Background()); err != nil {
			return err
		}
		took, pauses := time.Since(start), b.taken()
		if err := b.dump(n, longest(pauses, nil)); err != nil {
			return err
		}
		size, err := b.fresh(known)
		if err != nil {
			return err
		}
		if n == 0 {
			r.Full, r.FullBytes = took, size
			if err := end(); err != nil {
				return err
			}
			if end, err = b.cpuProfile("incremental"); err != nil {
				return err
			}
		}
		if n == b.checkpoints {
			if err := errors.Join(end(), b.keep()); err != nil {
				return err
			}
		}
		b.taken()
		if err := b.await(client, seen+b.keys/100); err != nil { // by which time it is time for the next one
			return err
		}
		if n > settling {
			inside, between, r.Took = append(inside, pauses), append(between, b.taken()), append(r.Took, took)
		}
		if n > b.checkpoints-reported {
			r.Sizes = append(r.Sizes, size)
		}
		if n >= b.checkpoints-reported && n < b.checkpoints {
			r.Changed = append(r.Changed, float64(b.seen.Load()-seen)/float64(b.keys))
		}
	}
	client.Cancel()
	<-client.Done()
	still := stopWatch()
	r.Watched = still != nil
	for i := range inside {
		r.Pauses, r.OwnPauses = append(r.Pauses, longest(inside[i], nil)), append(r.OwnPauses, longest(inside[i], still))
		r.Quiet, r.OwnQuiet = append(r.Quiet, longest(between[i], nil)), append(r.OwnQuiet, longest(between[i], still))
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// dump writes what has happened before a pause was over, if it was a long one.
func (b *bench) dump(n int, pause time.Duration) (err error) {
	if b.recorder == nil || n <= settling || pause.Seconds()*1e3 < mostPause {
		return nil
	}
	f, err := os.Create(filepath.Join(b.trace, fmt.Sprintf("%s-%d-%03d-%dms.trace", b.backend, b.keys, n, pause.Milliseconds())))
	if err != nil {
		return err
	}
	_, err = b.recorder.WriteTo(f)
	return errors.Join(err, f.Close())
}

// restore runs the job from the latest checkpoint until it works on a record.
func (s settings) restore() error {
	b := &bench{settings: s}
	latest, err := latest(b.at("latest"))
	if err != nil {
		return err
	}
	end, err := b.cpuProfile("restore")
	if err != nil {
		return err
	}
	client, err := b.start(latest)
	if err != nil {
		return err
	}
	if err := b.await(client, 1); err != nil {
		return err
	}
	r := result{Restored: time.Since(b.base)}
	if err := end(); err != nil {
		return err
	}
	client.Cancel()
	<-client.Done()
	return json.NewEncoder(os.Stdout).Encode(map[string]time.Duration{"Restored": r.Restored})
}

// fresh returns the bytes of the checkpoints' files that were not there before.
func (b *bench) fresh(known map[string]bool) (size int64, err error) {
	err = filepath.WalkDir(b.at("checkpoints"), func(path string, d fs.DirEntry, err error) error {
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

// keep links the files of the checkpoints to others, since a job that is canceled removes its own.
func (b *bench) keep() error {
	from := b.at("checkpoints")
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // removed meanwhile: the latest does not need it
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(b.at("latest"), rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o777)
		}
		if err := os.Link(path, to); !os.IsNotExist(err) {
			return err
		}
		return nil
	})
}

// latest is the folder of the latest complete checkpoint below dir.
func latest(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "chk-*", "_metadata"))
	if err != nil || len(names) == 0 {
		return "", fmt.Errorf("there is no complete checkpoint in %s: %w", dir, err)
	}
	slices.SortFunc(names, func(a, c string) int {
		if len(a) != len(c) {
			return len(a) - len(c)
		}
		return strings.Compare(a, c)
	})
	return filepath.Dir(names[len(names)-1]), nil
}
