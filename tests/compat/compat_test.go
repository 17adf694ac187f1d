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

// program builds a job: each is called for every number, by one subtask.
type program func(o weir.Options, to *ledger, each func(i int64)) (*weir.Environment, error)

// TestTake makes a new folder, if it is asked for.
func TestTake(t *testing.T) {
	if *take == "" {
		t.Skip("nothing is to be taken")
	}
	for _, backend := range backends {
		takeInto(t, filepath.Join("testdata", *take, backend), backend, func(o weir.Options, to *ledger, each func(i int64)) (*weir.Environment, error) {
			return job(o, true, to, each), nil
		})
		takeInto(t, filepath.Join("testdata", *take, "rows", backend), backend, rowsJob)
	}
}

func takeInto(t *testing.T, into, backend string, of program) {
	into, err := filepath.Abs(into)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		t.Fatal(err)
	}
	o := options(backend, t.TempDir())
	o.Checkpoints = weir.Checkpoints{Dir: filepath.Join(into, "checkpoints"), Incremental: true, Resume: true, Retain: 1, Compress: backend == "lsm"}
	to := &ledger{committed: map[string][]string{}}
	client := upTo(t, stop, o, to, of)
	checkpoint(t, client)
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
	checkpoint(t, client)
	client.Cancel()
	<-client.Done()
}

// upTo starts a job and waits until it has come to the number n, from which on it is slow.
func upTo(t *testing.T, n int64, o weir.Options, to *ledger, of program) *weir.JobClient {
	t.Helper()
	reached, once := make(chan struct{}), sync.Once{}
	env, err := of(o, to, func(i int64) {
		if i >= n {
			once.Do(func() { close(reached) })
			time.Sleep(5 * time.Millisecond)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := env.ExecuteAsync(t.Context(), "compat")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	return client
}

// checkpoint takes a checkpoint of a job, once all of its tasks run.
func checkpoint(t *testing.T, client *weir.JobClient) {
	t.Helper()
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

// What earlier builds have taken goes on with this one, with either backend and at another parallelism, and gives out what a job does that was never stopped: nothing is lost, and nothing twice.
func TestRestore(t *testing.T) {
	eachTaken(t, filepath.Join("testdata", "*", "*"), func(t *testing.T, o weir.Options, to *ledger) {
		sliced := slices.ContainsFunc(to.lines(true), func(line string) bool { return strings.HasPrefix(line, "sliced ") })
		goesOn(t, o, to, func(o weir.Options, to *ledger, each func(i int64)) (*weir.Environment, error) {
			return job(o, sliced, to, each), nil
		})
		same(t, to.lines(sliced), oracle(sliced))
	})
}

// The same for what is kept as rows.
func TestRestoreRows(t *testing.T) {
	eachTaken(t, filepath.Join("testdata", "*", "rows", "*"), func(t *testing.T, o weir.Options, to *ledger) {
		goesOn(t, o, to, rowsJob)
		same(t, left(to.lines(true)), rowsOracle())
	})
}

// What is restored of rows is written by later checkpoints as this build keeps it, the first one and those that only have what has changed since.
func TestIncrementsOfRows(t *testing.T) {
	eachTaken(t, filepath.Join("testdata", "*", "rows", "*"), func(t *testing.T, o weir.Options, to *ledger) {
		if o.Parallelism != 2 {
			t.Skip("one parallelism will do")
		}
		dir := t.TempDir()
		o.Checkpoints.Dir, o.Checkpoints.Incremental = "file://"+filepath.Join(dir, "checkpoints")+"?sync=false", true
		client := upTo(t, stop+600, o, to, rowsJob)
		for range 3 {
			checkpoint(t, client)
			time.Sleep(20 * time.Millisecond) // some numbers more
		}
		kept := t.TempDir() // since a job that is canceled removes its checkpoints
		if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		client.Cancel()
		<-client.Done()
		latest, err := filepath.Glob(filepath.Join(kept, "checkpoints", "chk-*", "_metadata"))
		if err != nil || len(latest) != 1 {
			t.Fatal(latest, err)
		}
		o.Checkpoints.Restore = filepath.Dir(latest[0])
		o.Checkpoints.Dir = "file://" + filepath.Join(dir, "more") + "?sync=false"
		goesOn(t, o, to, rowsJob)
		same(t, left(to.lines(true)), rowsOracle())
	})
}

// eachTaken runs a test for each savepoint and checkpoint in some folders, either backend and two parallelisms: with the options that restore it, and what had been committed.
func eachTaken(t *testing.T, folders string, test func(t *testing.T, o weir.Options, to *ledger)) {
	taken, err := filepath.Glob(filepath.Join(folders, "committed.json"))
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
						dir := t.TempDir()
						o := options(backend, dir)
						o.Parallelism = parallelism
						o.Checkpoints = weir.Checkpoints{Dir: "file://" + filepath.Join(dir, "checkpoints") + "?sync=false", Restore: restored}
						test(t, o, to)
					})
				}
			}
		}
	}
}

// goesOn runs a restored job to its end.
func goesOn(t *testing.T, o weir.Options, to *ledger, of program) {
	t.Helper()
	before, first := len(to.lines(true)), int64(-1)
	env, err := of(o, to, func(i int64) {
		if first < 0 {
			first = i
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := env.Execute(t.Context(), "compat"); err != nil {
		t.Fatal(err)
	}
	if first < stop || before == 0 {
		t.Errorf("%d lines had been committed, and the first number is %d: it was not restored", before, first)
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d; missing %q, too many %q", len(got), len(want), few(without(want, got)), few(without(got, want)))
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
