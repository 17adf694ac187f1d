package compat

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
)

var take = flag.String("take", "", "take a savepoint and a checkpoint with each backend into the folder of this name below testdata: the commit that is being tested")

// stop is the number from which on a job goes slowly, for it to be taken: in the middle of a period, so that not all keys change from the first checkpoint to the second.
const stop = count/2 + period/5

var backends = []string{"memory", "lsm"}

// TestTake makes a new folder, if it is asked for.
func TestTake(t *testing.T) {
	if *take == "" {
		t.Skip("nothing is to be taken")
	}
	for _, backend := range backends {
		into, err := filepath.Abs(filepath.Join("testdata", *take, backend))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(into, 0o755); err != nil {
			t.Fatal(err)
		}
		o := options(backend, t.TempDir())
		o.Checkpoints = weir.Checkpoints{Dir: filepath.Join(into, "checkpoints"), Incremental: true, Resume: true, Retain: 1, Compress: backend == "lsm"}
		to := &ledger{committed: map[string][]string{}}
		reached, once := make(chan struct{}), sync.Once{}
		client, err := job(o, true, to, func(i int64) {
			if i >= stop {
				once.Do(func() { close(reached) })
				time.Sleep(5 * time.Millisecond)
			}
		}).ExecuteAsync(t.Context(), "compat")
		if err != nil {
			t.Fatal(err)
		}
		checkpoint := func() {
			for {
				_, err := client.Checkpoint(t.Context())
				if err == nil {
					return
				}
				if fault.CodeOf(err) != fault.JobNotRunning {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
		}
		<-reached
		checkpoint()
		for { // until all of it is committed: nothing is prepared before the next barrier
			to.mu.Lock()
			done := len(to.committed) == to.prepared
			to.mu.Unlock()
			if done {
				break
			}
			time.Sleep(time.Millisecond)
		}
		b, err := json.MarshalIndent(to.committed, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(into, "committed.json"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // some numbers more
		savepoint, err := client.Savepoint(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(into, "savepoint"), os.DirFS(savepoint)); err != nil {
			t.Fatal(err)
		}
		checkpoint()
		client.Cancel()
		<-client.Done()
	}
}

// What earlier builds have taken goes on with this one, with either backend and at another parallelism, and gives out what a job does that was never stopped: nothing is lost, and nothing twice.
func TestRestore(t *testing.T) {
	taken, err := filepath.Glob(filepath.Join("testdata", "*", "*", "committed.json"))
	if err != nil || len(taken) < len(backends) {
		t.Fatal("there is nothing to restore", err)
	}
	for _, file := range taken {
		from := filepath.Dir(file)
		latest, err := filepath.Glob(filepath.Join(from, "checkpoints", "chk-*", "_metadata"))
		if err != nil || len(latest) != 1 {
			t.Fatalf("%s has the checkpoints %v, one is expected", from, latest)
		}
		for _, restored := range []string{filepath.Join(from, "savepoint"), filepath.Dir(latest[0])} {
			for _, backend := range backends {
				for _, parallelism := range []int{2, 3} {
					t.Run(fmt.Sprintf("%s/with=%s/parallelism=%d", restored, backend, parallelism), func(t *testing.T) {
						b, err := os.ReadFile(file)
						if err != nil {
							t.Fatal(err)
						}
						to := &ledger{}
						if err := json.Unmarshal(b, &to.committed); err != nil {
							t.Fatal(err)
						}
						sliced := slices.ContainsFunc(to.lines(true), func(line string) bool { return strings.HasPrefix(line, "sliced ") })
						before := len(to.lines(sliced))
						first := int64(-1)
						dir := t.TempDir()
						o := options(backend, dir)
						o.Parallelism = parallelism
						o.Checkpoints = weir.Checkpoints{Dir: "file://" + filepath.Join(dir, "checkpoints") + "?sync=false", Restore: restored}
						if _, err := job(o, sliced, to, func(i int64) {
							if first < 0 {
								first = i
							}
						}).Execute(t.Context(), "compat"); err != nil {
							t.Fatal(err)
						}
						if first < stop || before == 0 {
							t.Errorf("%d lines had been committed, and the first number is %d: it was not restored", before, first)
						}
						want := oracle(sliced)
						if got := to.lines(sliced); !slices.Equal(got, want) {
							t.Errorf("%d lines, want %d; missing %q, too many %q", len(got), len(want), few(without(want, got)), few(without(got, want)))
						}
					})
				}
			}
		}
	}
}

// without are the lines of a that are not in b.
func without(a, b []string) (rest []string) {
	n := map[string]int{}
	for _, l := range b {
		n[l]++
	}
	for _, l := range a {
		if n[l]--; n[l] < 0 {
			rest = append(rest, l)
		}
	}
	return rest
}

func few(lines []string) []string { return lines[:min(len(lines), 3)] }
