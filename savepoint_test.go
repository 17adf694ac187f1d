package weir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/window"
)

// keySum is one result of counted: the sum of the numbers of a key in a window.
type keySum struct{ Key, Sum int64 }

// counted is a job over numbers, whose timestamps they are: those of a key are summed in windows of 100 ms, and the sums go to files. each is called for every number.
func counted(dir string, c weir.Checkpoints, count int64, each func(int64)) *weir.Environment {
	return countedWith(dir, weir.Options{Checkpoints: c, Restart: weir.FixedDelayRestart(1, 0)}, count, each)
}

// countedWith is counted with options of its own.
func countedWith(dir string, o weir.Options, count int64, each func(int64)) *weir.Environment {
	return countedIn(dir, o, 100*time.Millisecond, count, each)
}

// countedIn is counted with windows of another size.
func countedIn(dir string, o weir.Options, size time.Duration, count int64, each func(int64)) *weir.Environment {
	if o.Checkpoints.Dir == "" {
		o.Checkpoints.Dir = "file://" + filepath.Join(dir, "checkpoints") + "?sync=false"
	}
	o.Parallelism, o.MaxParallelism, o.Logger, o.ChunkRows = 2, 128, quiet, 16
	env := weir.NewEnvironment(o)
	numbers := weir.Generate(env, sequence.Options{Count: count}, func(i int64) keySum { return keySum{i % 3, i} }).UID("numbers").Parallelism(1)
	seen := weir.Map(numbers, func(v keySum) keySum { each(v.Sum); return v }).UID("seen").Parallelism(1)
	timed := seen.AssignTimestampsAndWatermarks(eventtime.ForMonotonousTimestamps[keySum]().WithTimestampAssigner(func(v keySum, _ int64) int64 { return v.Sum })).UID("times").Parallelism(1)
	keyed := weir.KeyBy(timed, func(v keySum) int64 { return v.Key })
	sums := weir.ReduceWindow(keyed.Window(window.TumblingEventTime[keySum](size)), func(a, b keySum) keySum { return keySum{a.Key, a.Sum + b.Sum} }).UID("sums")
	weir.Map(sums, func(v keySum) string { return fmt.Sprint(v) }).UID("text").ToFiles(files.SinkOptions[string]{Dir: filepath.Join(dir, "out")}).UID("files")
	return env
}

// totals are the results for the numbers below count, each in its window of 100.
func totals(count int64) (want []string) {
	for start := int64(0); start < count; start += 100 {
		for key := range int64(3) {
			sum := int64(0)
			for i := start; i < min(start+100, count); i++ {
				if i%3 == key {
					sum += i
				}
			}
			want = append(want, fmt.Sprint(keySum{key, sum}))
		}
	}
	slices.Sort(want)
	return want
}

// committed are the lines of files with their final names.
func committed(t *testing.T, dir string) (all []string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "out", "part-*"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	slices.Sort(all)
	return all
}

// reach runs a job that stands still at a number, so that it cannot end before it is stopped, and lets it go on slowly.
func reach(t *testing.T, dir string, c weir.Checkpoints, count, at int64) (client *weir.JobClient, last *atomic.Int64) {
	t.Helper()
	last = &atomic.Int64{}
	reached, once := make(chan struct{}), sync.Once{}
	client = started(t, counted(dir, c, count, func(i int64) {
		last.Store(i)
		switch {
		case i == at:
			once.Do(func() { close(reached) })
		case i > at:
			time.Sleep(2 * time.Millisecond)
		}
	}))
	<-reached
	return client, last
}

// stopped stops a job, once all its tasks run.
func stopped(t *testing.T, client *weir.JobClient, dir string, drain bool) (path string, err error) {
	t.Helper()
	until(t, "the stop", func() bool {
		path, err = client.StopWithSavepoint(t.Context(), dir, drain)
		return fault.CodeOf(err) != fault.JobNotRunning || client.Status() == weir.StatusFinished
	})
	return path, err
}

const numbersCounted = 20_000

func TestStopWithSavepoint(t *testing.T) {
	for _, resume := range []bool{false, true} {
		t.Run(fmt.Sprint("resume=", resume), func(t *testing.T) {
			dir := t.TempDir()
			client, last := reach(t, dir, weir.Checkpoints{Resume: resume}, numbersCounted, 1000)
			savepoint, err := stopped(t, client, filepath.Join(dir, "savepoints"), false)
			if err != nil {
				t.Fatal(err)
			}
			r, err := ended(t, client)
			if err != nil || r.Status != weir.StatusFinished {
				t.Fatal(r, err)
			}
			got, whole := committed(t, dir), totals(last.Load()/100*100+100)
			if len(got) == 0 || len(got) >= len(totals(numbersCounted)) {
				t.Fatalf("%d results are committed", len(got))
			}
			for _, g := range got {
				if !slices.Contains(whole, g) {
					t.Errorf("%s is given out, of a window that had not ended", g)
				}
			}
			c := weir.Checkpoints{Resume: resume}
			if !resume {
				c.Restore = savepoint
			}
			if _, err := ended(t, started(t, counted(dir, c, numbersCounted, func(int64) {}))); err != nil {
				t.Fatal(err)
			}
			if got, want := committed(t, dir), totals(numbersCounted); !slices.Equal(got, want) {
				t.Errorf("%d results, want %d", len(got), len(want))
			}
		})
	}
}

// A job that drains gives out the windows that have begun.
func TestStopAndDrain(t *testing.T) {
	dir := t.TempDir()
	client, last := reach(t, dir, weir.Checkpoints{}, numbersCounted, 1050)
	if _, err := stopped(t, client, filepath.Join(dir, "savepoints"), true); err != nil {
		t.Fatal(err)
	}
	if r, err := ended(t, client); err != nil || r.Status != weir.StatusFinished {
		t.Fatal(r, err)
	}
	if got, want := committed(t, dir), totals(last.Load()+1); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A savepoint that cannot be written leaves the job as it was, or, where it was to drain, takes it back to its last checkpoint: its result is the same.
func TestStopFails(t *testing.T) {
	for _, drain := range []bool{false, true} {
		t.Run(fmt.Sprint("drain=", drain), func(t *testing.T) {
			dir := t.TempDir()
			client, _ := reach(t, dir, weir.Checkpoints{TolerableFailures: -1}, 1500, 1000)
			blocked := filepath.Join(dir, "file")
			if err := os.WriteFile(blocked, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := stopped(t, client, blocked, drain)
			if code := fault.CodeOf(err); code != fault.CheckpointDeclined && code != fault.CheckpointNotStored || !strings.Contains(err.Error(), string(fault.StorageNotDirectory)) {
				t.Errorf("the stop says %v", err)
			}
			if _, err := ended(t, client); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 1}[drain]; client.Restarts() != want {
				t.Errorf("%d restarts, want %d", client.Restarts(), want)
			}
			if got, want := committed(t, dir), totals(1500); !slices.Equal(got, want) {
				t.Errorf("%d results, want %d", len(got), len(want))
			}
		})
	}
	client := started(t, counted(t.TempDir(), weir.Checkpoints{}, 10, func(int64) {}))
	if _, err := client.StopWithSavepoint(t.Context(), "", false); fault.CodeOf(err) != fault.OptionInvalid {
		t.Errorf("no directory: %v", err)
	}
	_, _ = ended(t, client)
}

// Windows that one backend has kept are restored on the other, which keeps them in another way, and are refused there if they are none of the windows that there are now.
func TestOtherBackendsWindows(t *testing.T) {
	onDisk := func(dir string, o weir.Options) weir.Options {
		o.StateBackend, o.StateDir, o.Memory = lsm.Backend(), filepath.Join(dir, "state"), 64<<20
		return o
	}
	inMemory := func(_ string, o weir.Options) weir.Options { return o }
	for name, on := range map[string][2]func(string, weir.Options) weir.Options{"memory to lsm": {inMemory, onDisk}, "lsm to memory": {onDisk, inMemory}} {
		t.Run(name, func(t *testing.T) {
			const count, stop = 1000, 450
			dir := t.TempDir()
			reached, once := make(chan struct{}), sync.Once{}
			client, err := countedWith(dir, on[0](dir, weir.Options{Restart: weir.NoRestart()}), count, func(i int64) {
				if i >= stop {
					once.Do(func() { close(reached) })
					time.Sleep(5 * time.Millisecond)
				}
			}).ExecuteAsync(t.Context(), "before")
			if err != nil {
				t.Fatal(err)
			}
			<-reached
			path, err := stopped(t, client, dir, false)
			if err != nil {
				t.Fatal(err)
			}
			o := on[1](dir, weir.Options{Checkpoints: weir.Checkpoints{Restore: path}, Restart: weir.NoRestart()})
			if _, err := countedIn(t.TempDir(), o, 130*time.Millisecond, count, func(int64) {}).Execute(t.Context(), "other windows"); fault.CodeOf(err) != fault.StateSchema {
				t.Errorf("with windows of another size: %v", err)
			}
			if _, err := countedWith(dir, o, count, func(int64) {}).Execute(t.Context(), "after"); err != nil {
				t.Fatal(err)
			}
			if got, want := committed(t, dir), totals(count); !slices.Equal(got, want) {
				t.Errorf("the results are %v, want %v", got, want)
			}
		})
	}
}
