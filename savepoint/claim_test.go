package savepoint_test

import (
	"fmt"
	"io/fs"
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

// filesBelow are the names of all files below a directory but the lock of a run, which goes a moment after the run has ended.
func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".weir-lock" {
			names = append(names, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return names
}

// running is the job when it has come to a number, from which on it goes slowly. checkpoint takes a checkpoint, and returns its folder.
func running(t *testing.T, dir string, c weir.Checkpoints, at int64) (client *weir.JobClient, checkpoint func() string) {
	t.Helper()
	reached, once := make(chan struct{}), sync.Once{}
	o := options(dir, 2)
	c.Dir = o.Checkpoints.Dir
	o.Checkpoints = c
	env, _ := job(o, true, func(i int64) {
		if i >= at {
			once.Do(func() { close(reached) })
			time.Sleep(3 * time.Millisecond)
		}
	})
	client, err := env.ExecuteAsync(t.Context(), "tallies")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-reached:
	case <-client.Done():
		_, err := client.Wait(t.Context())
		t.Fatal("the job has ended: ", err)
	}
	return client, func() string {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			id, err := client.Checkpoint(t.Context())
			if err == nil {
				return fmt.Sprintf("%s/checkpoints/chk-%d", dir, id)
			}
			if fault.CodeOf(err) != fault.JobNotRunning || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

func cancel(client *weir.JobClient) {
	client.Cancel()
	<-client.Done()
}

// saved leaves behind a savepoint, or a checkpoint that has changes of two before it, which are there, too.
func saved(t *testing.T, dir string, checkpoint bool) (path string) {
	t.Helper()
	client, take := running(t, dir, weir.Checkpoints{Resume: true, Incremental: true, Retain: 3}, count/2)
	for range 3 {
		path = take()
	}
	if !checkpoint {
		var err error
		if path, err = client.Savepoint(t.Context(), dir+"/savepoints"); err != nil {
			t.Fatal(err)
		}
	}
	cancel(client)
	return path
}

// What is not claimed stays as it is, can be restored again, and is not needed any more behind the first checkpoint.
func TestNoClaim(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		t.Run(fmt.Sprint("checkpoint=", checkpoint), func(t *testing.T) {
			dir := t.TempDir()
			from := saved(t, dir, checkpoint)
			before := filesBelow(t, dir)
			next := t.TempDir()
			client, take := running(t, next, weir.Checkpoints{Restore: from, Incremental: true, Resume: false, Retain: 1}, 2*count/3)
			take()
			take()
			cancel(client)
			if got := filesBelow(t, dir); len(got) == 0 || !slices.Equal(got, before) {
				t.Errorf("there are %q, and were %q", got, before)
			}
			next = t.TempDir()
			client, take = running(t, next, weir.Checkpoints{Restore: from, Incremental: true}, 2*count/3)
			of := take()
			if err := os.Rename(dir, dir+"-gone"); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(next+"/kept", os.DirFS(filepath.Dir(of))); err != nil { // the job removes its own
				t.Fatal(err)
			}
			cancel(client)
			last := t.TempDir()
			client, _ = running(t, last, weir.Checkpoints{Restore: next + "/kept/" + filepath.Base(of)}, 3*count/4)
			cancel(client)
		})
	}
}

// What is claimed is removed when newer checkpoints have come in its place, and not before; those beside it keep what they need.
func TestClaim(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		for _, retain := range []int{1, 2} {
			t.Run(fmt.Sprintf("checkpoint=%v/retain=%d", checkpoint, retain), func(t *testing.T) {
				dir := t.TempDir()
				path := saved(t, dir, checkpoint)
				client, take := running(t, t.TempDir(), weir.Checkpoints{Restore: path, RestoreMode: weir.Claim, Retain: retain}, 2*count/3)
				for n := range retain {
					if len(filesBelow(t, path)) == 0 {
						t.Errorf("it is gone after %d checkpoints", n)
					}
					take()
				}
				for deadline := time.Now().Add(20 * time.Second); len(filesBelow(t, path)) > 0; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("there are still %q", filesBelow(t, path))
					}
				}
				cancel(client)
				if checkpoint {
					client, _ = running(t, t.TempDir(), weir.Checkpoints{Restore: dir + "/checkpoints/chk-2"}, 3*count/4)
					cancel(client)
				}
			})
		}
	}
}

func TestClaimNeeds(t *testing.T) {
	for says, c := range map[string]weir.Checkpoints{
		"nothing to restore": {Dir: t.TempDir(), RestoreMode: weir.Claim},
		"no Dir":             {Restore: t.TempDir(), RestoreMode: weir.Claim},
		"mode(7)":            {Dir: t.TempDir(), RestoreMode: 7},
	} {
		env := weir.NewEnvironment(weir.Options{Logger: quiet, Checkpoints: c})
		weir.FromValues(env, 1).Discard()
		if _, err := env.Execute(t.Context(), "claim"); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
