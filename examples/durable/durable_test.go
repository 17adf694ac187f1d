package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/weirtest"
)

const carried = "../accesslog/testdata/access.log"

// runIn runs the job over the carried log in a directory and returns its visible output, sorted. broken is called for each line and may fail the job.
func runIn(t *testing.T, dir string, parallelism int, restart weir.RestartStrategy, broken func() error) ([]string, error) {
	t.Helper()
	env := program(dir, weir.Options{
		Parallelism: parallelism, MaxParallelism: 128, Restart: restart, ChunkRows: 16,
		Checkpoints: weir.Checkpoints{Dir: "file://" + filepath.Join(dir, "checkpoints") + "?sync=false", Interval: time.Millisecond, Resume: true},
	}, broken)
	_, err := env.Execute(t.Context(), "durable")
	return visible(t, dir), err
}

func program(dir string, o weir.Options, broken func() error) *weir.Environment {
	env := weir.NewEnvironment(o)
	lines := weir.FromFiles(env, files.Options{Path: carried, BlockBytes: 512}).UID("log").Parallelism(1)
	checked := weir.MapFunc(lines, func(_ *weir.Context, line string) (string, error) {
		time.Sleep(20 * time.Microsecond) // long enough for some checkpoints
		return line, broken()
	}).UID("checked").Parallelism(1)
	hours, failures := build(checked)
	hours.ToFiles(files.SinkOptions[figures]{Dir: filepath.Join(dir, "hours")}).UID("hours")
	failures.ToFiles(files.SinkOptions[request]{Dir: filepath.Join(dir, "failures")}).UID("failures")
	return env
}

// visible returns the lines that are in files with their final names, sorted.
func visible(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, sub := range []string{"hours", "failures"} {
		names, _ := filepath.Glob(filepath.Join(dir, sub, "part-*"))
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.SplitAfter(string(b), "\n")...)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(all, func(l string) bool { return l == "" })
}

var errBroken = errors.New("broken")

// TestBatch wants the output of a batch job, which takes no checkpoints, to be that of a stream.
func TestBatch(t *testing.T) {
	fine := func() error { return nil }
	want, err := runIn(t, t.TempDir(), 2, weir.NoRestart(), fine)
	if err != nil {
		t.Fatal(err)
	}
	for _, parallelism := range []int{1, 3} {
		dir := t.TempDir()
		env := program(dir, weir.Options{RuntimeMode: weir.Batch, Parallelism: parallelism}, fine)
		if _, err := env.Execute(t.Context(), "durable"); err != nil {
			t.Fatal(err)
		}
		if got := visible(t, dir); !slices.Equal(got, want) {
			t.Errorf("%d lines in batch mode, %d of the stream; or others", len(got), len(want))
		}
	}
}

// TestFailures fails the job again and again, within a run and from run to run at another parallelism: the output is that of an undisturbed run.
func TestFailures(t *testing.T) {
	fine := func() error { return nil }
	want, err := runIn(t, t.TempDir(), 1, weir.NoRestart(), fine)
	if err != nil || len(want) != 274 {
		t.Fatalf("%d lines, %v", len(want), err)
	}
	t.Run("within a run", func(t *testing.T) {
		var n atomic.Int64
		got, err := runIn(t, t.TempDir(), 2, weir.FixedDelayRestart(10, 0), func() error {
			if n.Add(1)%700 == 0 {
				return errBroken
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d lines, want %d; %v", len(got), len(want), err)
		}
		if n.Load() <= 2000 {
			t.Errorf("%d lines were read: nothing failed", n.Load())
		}
	})
	t.Run("from run to run", func(t *testing.T) {
		dir := t.TempDir()
		for parallelism := 1; ; parallelism++ {
			var n atomic.Int64
			got, err := runIn(t, dir, parallelism, weir.NoRestart(), func() error {
				if n.Add(1) == 600 {
					return errBroken
				}
				return nil
			})
			if errors.Is(err, errBroken) && parallelism < 20 {
				continue
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d lines, want %d; %v", len(got), len(want), err)
			}
			return
		}
	})
}

// TestSavepoint takes a savepoint of a run that has committed nothing, ends the run, and goes on from the savepoint at another parallelism.
func TestSavepoint(t *testing.T) {
	want, err := runIn(t, t.TempDir(), 1, weir.NoRestart(), func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := weir.Options{Parallelism: 2, MaxParallelism: 128, Checkpoints: weir.Checkpoints{Dir: filepath.Join(dir, "checkpoints")}}
	var n atomic.Int64
	reached, goOn := make(chan struct{}), make(chan struct{})
	client, err := program(dir, o, func() error {
		if n.Add(1) == 1000 {
			close(reached)
			<-goOn
		}
		if n.Load() > 1000 {
			time.Sleep(20 * time.Millisecond) // the savepoint has twenty seconds before the log ends
		}
		return nil
	}).ExecuteAsync(t.Context(), "durable")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	var savepoint string
	taken := make(chan error, 1)
	go func() {
		var err error
		savepoint, err = client.Savepoint(t.Context(), filepath.Join(dir, "savepoints"))
		client.Cancel()
		taken <- err
	}()
	time.AfterFunc(time.Millisecond, func() { close(goOn) })
	_, _ = client.Wait(t.Context())
	err = <-taken
	if err != nil {
		t.Fatal(err)
	}
	if got := visible(t, dir); len(got) > 0 {
		t.Fatalf("the job had ended, with %d lines, before it was canceled", len(got))
	}
	o.Parallelism, o.Checkpoints.Restore = 3, savepoint
	if _, err := program(dir, o, func() error { return nil }).Execute(t.Context(), "durable"); err != nil {
		t.Fatal(err)
	}
	if got := visible(t, dir); !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

// TestSimulated lets the simulation crash the job, with lost messages, a storage that fails and another parallelism each time.
func TestSimulated(t *testing.T) {
	text, err := os.ReadFile(carried)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")[:150]
	weirtest.ExactlyOnce(t, func(env *weir.Environment) *weir.Stream[string] {
		hours, failures := build(weir.FromSlice(env, lines).UID("lines").Parallelism(1))
		return weir.Map(hours, figures.String).UID("hours").Union(weir.Map(failures, request.String).UID("failures"))
	})
}
