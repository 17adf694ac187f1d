package weir_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/weirtest"
)

// hasCode reports whether an error, or one that it wraps, has a code.
func hasCode(err error, code fault.Code) bool {
	for err != nil {
		e, ok := errors.AsType[*fault.Error](err)
		if !ok {
			return false
		}
		if e.Code() == code {
			return true
		}
		err = e.Unwrap()
	}
	return false
}

// brokenStorage makes a storage in dir that fails each write, and each end of one, with the error that is stored in it, and returns its URL.
func brokenStorage(t *testing.T, dir string) (location string, broken *atomic.Pointer[error]) {
	t.Helper()
	broken = &atomic.Pointer[error]{}
	kept, err := storage.OpenLocalWith(dir, storage.LocalOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s := storage.NewFaulty(kept, func(op storage.Op, name string) (f storage.Fault) {
		if err := broken.Load(); err != nil && (op == storage.OpCreate || op == storage.OpCommit) {
			f.Kind, f.Err = storage.Fail, fault.New(fault.CodeOf(*err), "write %s: %w", name, *err)
		}
		return f
	})
	scheme := "failing" + fmt.Sprint(schemes.Add(1))
	storage.Register(scheme, func(*url.URL) (storage.Storage, error) { return s, nil })
	return scheme + "://there", broken
}

var schemes atomic.Int64

// storageFailures are ways in which a storage fails, by their codes.
var storageFailures = map[fault.Code]error{
	fault.StorageFull:   fault.New(fault.StorageFull, "%w", syscall.ENOSPC),
	fault.StorageDenied: fault.New(fault.StorageDenied, "%w", syscall.EROFS),
	fault.StorageGone:   fault.New(fault.StorageGone, "%w", syscall.ENOENT),
	fault.StorageFailed: fault.New(fault.StorageFailed, "%w", syscall.EIO),
}

// held is counted with numbers that come slowly behind the first hundred until it is let go.
func held(dir string, c weir.Checkpoints, restart weir.RestartStrategy) (env *weir.Environment, letGo func()) {
	var free atomic.Bool
	env = countedWith(dir, weir.Options{Checkpoints: c, Restart: restart}, 3000, func(i int64) {
		if i > 100 && !free.Load() {
			time.Sleep(2 * time.Millisecond)
		}
	})
	return env, func() { free.Store(true) }
}

// checkpointed takes a checkpoint, once all tasks run.
func checkpointed(t *testing.T, client *weir.JobClient) (err error) {
	t.Helper()
	until(t, "a checkpoint", func() bool {
		_, err = client.Checkpoint(t.Context())
		select {
		case <-client.Done():
			return true
		default:
			return fault.CodeOf(err) != fault.JobNotRunning
		}
	})
	return err
}

// A storage that fails while the job runs fails checkpoints, with the cause in the error; the job goes on, and its checkpoints complete when the storage works again.
func TestStorageFailsAndRecovers(t *testing.T) {
	for code, failure := range storageFailures {
		t.Run(string(code), func(t *testing.T) {
			dir := t.TempDir()
			location, broken := brokenStorage(t, filepath.Join(dir, "kept"))
			env, letGo := held(dir, weir.Checkpoints{Dir: location, TolerableFailures: -1, Resume: true}, weir.NoRestart())
			client := started(t, env)
			for range 2 {
				if err := checkpointed(t, client); err != nil {
					t.Fatal(err)
				}
				broken.Store(&failure)
				err := checkpointed(t, client)
				if c := fault.CodeOf(err); c != fault.CheckpointNotStored && c != fault.CheckpointDeclined || !hasCode(err, code) || !errors.Is(err, failure) {
					t.Errorf("not as it should fail: %v", err)
				}
				if s := client.Status(); s != weir.StatusRunning {
					t.Fatal(s)
				}
				broken.Store(nil)
			}
			if err := checkpointed(t, client); err != nil {
				t.Fatal(err)
			}
			letGo()
			if _, err := ended(t, client); err != nil {
				t.Fatal(err)
			}
			if got := committed(t, dir); !slices.Equal(got, totals(3000)) {
				t.Errorf("%d results: %q", len(got), got)
			}
		})
	}
}

// A job that tolerates no failed checkpoint fails with the cause in its error, and a run behind it goes on where it was.
func TestStorageFailsTheJob(t *testing.T) {
	dir := t.TempDir()
	location, broken := brokenStorage(t, filepath.Join(dir, "kept"))
	c := weir.Checkpoints{Dir: location, Resume: true}
	env, _ := held(dir, c, weir.NoRestart())
	client := started(t, env)
	if err := checkpointed(t, client); err != nil {
		t.Fatal(err)
	}
	full := storageFailures[fault.StorageFull]
	broken.Store(&full)
	if err := checkpointed(t, client); !hasCode(err, fault.StorageFull) {
		t.Error(err)
	}
	if _, err := ended(t, client); fault.CodeOf(err) != fault.CheckpointFailures || !hasCode(err, fault.StorageFull) {
		t.Errorf("not as it should fail: %v", err)
	}
	env, _ = held(dir, c, weir.NoRestart())
	if _, err := env.ExecuteAsync(t.Context(), t.Name()); fault.CodeOf(err) != fault.CheckpointNotStored || !hasCode(err, fault.StorageFull) || !strings.Contains(err.Error(), filepath.Join(dir, "kept")) {
		t.Errorf("a job begins whose storage is full: %v", err)
	}
	broken.Store(nil)
	env, letGo := held(dir, c, weir.NoRestart())
	letGo()
	if _, err := ended(t, started(t, env)); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, dir); !slices.Equal(got, totals(3000)) {
		t.Errorf("%d results: %q", len(got), got)
	}
}

// A directory that is removed under the job fails checkpoints until it is there again.
func TestDirectoryGone(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	env, letGo := held(dir, weir.Checkpoints{Dir: kept, TolerableFailures: -1, Resume: true}, weir.NoRestart())
	client := started(t, env)
	if err := checkpointed(t, client); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(kept); err != nil {
		t.Fatal(err)
	}
	if err := checkpointed(t, client); !hasCode(err, fault.StorageGone) || !strings.Contains(err.Error(), kept) {
		t.Errorf("not as it should fail: %v", err)
	}
	if err := os.Mkdir(kept, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := checkpointed(t, client); err != nil {
		t.Error(err)
	}
	letGo()
	if _, err := ended(t, client); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, dir); !slices.Equal(got, totals(3000)) {
		t.Errorf("%d results: %q", len(got), got)
	}
}

// Files that are gone when the job has to begin anew end it: it does not start from nothing, nor again and again. With copies on the local disk it goes on, and nothing of these is left.
func TestFilesGoneAtRestart(t *testing.T) {
	for _, copies := range []bool{false, true} {
		t.Run(fmt.Sprint("copies=", copies), func(t *testing.T) { filesGone(t, copies, false) })
	}
}

// Copies on the local disk that are damaged are not read: the job goes on with the files that they are copies of.
func TestDamagedCopiesAtRestart(t *testing.T) { filesGone(t, true, true) }

func filesGone(t *testing.T, copies, damaged bool) {
	dir, stateDir := t.TempDir(), t.TempDir()
	var fail atomic.Bool
	env := weir.NewEnvironment(weir.Options{
		Logger: quiet, Restart: weir.FixedDelayRestart(1000, 0), StateDir: stateDir, Checkpoints: weir.Checkpoints{Dir: dir, TolerableFailures: -1, LocalRecovery: copies},
	})
	var begun, last atomic.Int64
	numbers := weir.MapFunc(weir.FromSequence(env, 0, 1_000_000).Name("numbers"), func(_ *weir.Context, i int64) (int64, error) {
		if i == 0 {
			begun.Add(1)
		}
		if i > 5000 {
			time.Sleep(time.Millisecond)
		}
		if fail.Swap(false) {
			return 0, errors.New("it was asked to")
		}
		last.Store(i)
		return i, nil
	})
	weir.KeyBy(numbers, func(i int64) int64 { return i % 5000 }).Reduce(func(a, b int64) int64 { return a + b }).Name("sums").Discard()
	client := started(t, env)
	var objects []string
	until(t, "state that is too much for the manifest", func() bool {
		if err := checkpointed(t, client); err != nil {
			t.Fatal(err)
		}
		objects, _ = filepath.Glob(filepath.Join(dir, "chk-*", "v*"))
		return len(objects) > 0
	})
	left := func() []string {
		all, _ := filepath.Glob(filepath.Join(stateDir, "*", "chk-*", "v*"))
		return all
	}
	if copies != (len(left()) > 0) {
		t.Errorf("copies: %q", left())
	}
	if !damaged {
		if err := os.Remove(objects[0]); err != nil {
			t.Fatal(err)
		}
	} else {
		for i, name := range left() {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if b[len(b)/2] ^= 1; i%2 == 1 {
				b = b[:len(b)/2]
			}
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	fail.Store(true)
	if copies {
		until(t, "another attempt", func() bool { return client.Restarts() == 1 })
		at := last.Load()
		until(t, "another record", func() bool { return last.Load() > at })
		client.Cancel()
	}
	_, err := ended(t, client)
	if copies && fault.CodeOf(err) != fault.JobCanceled || begun.Load() != 1 {
		t.Errorf("%d beginnings, %v", begun.Load(), err)
	}
	if !copies && (fault.CodeOf(err) != fault.CheckpointDamaged || !strings.Contains(err.Error(), filepath.Base(objects[0]))) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(stateDir); err != nil || len(entries) > 0 {
		t.Errorf("left %v: %v", entries, err)
	}
}

// The files of a checkpoint whose manifest cannot be removed stay: the manifest would lead to them.
func TestManifestStays(t *testing.T) {
	dir := t.TempDir()
	kept, err := storage.OpenLocalWith(dir, storage.LocalOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int64
	s := storage.NewFaulty(kept, func(op storage.Op, name string) (f storage.Fault) {
		if op == storage.OpRemove && strings.HasSuffix(name, "/_metadata") {
			tries.Add(1)
			f.Kind = storage.Fail
		}
		return f
	})
	scheme := "failing" + fmt.Sprint(schemes.Add(1))
	storage.Register(scheme, func(*url.URL) (storage.Storage, error) { return s, nil })
	env := weir.NewEnvironment(weir.Options{Logger: quiet, Checkpoints: weir.Checkpoints{Dir: scheme + "://there", Resume: true}})
	numbers := weir.Map(weir.FromSequence(env, 0, 1_000_000), func(i int64) int64 {
		if i > 5000 {
			time.Sleep(time.Millisecond)
		}
		return i
	})
	weir.KeyBy(numbers, func(i int64) int64 { return i % 5000 }).Reduce(func(a, b int64) int64 { return a + b }).Discard()
	client := started(t, env)
	files := func(pattern string) []string {
		all, _ := filepath.Glob(filepath.Join(dir, "chk-*", pattern))
		return all
	}
	until(t, "files beside manifests", func() bool {
		if err := checkpointed(t, client); err != nil {
			t.Fatal(err)
		}
		return len(files("v*")) > 1
	})
	if err := checkpointed(t, client); err != nil {
		t.Fatal(err)
	}
	client.Cancel()
	if _, err := ended(t, client); fault.CodeOf(err) != fault.JobCanceled {
		t.Fatal(err)
	}
	if n := len(files("_metadata")); tries.Load() < 5 || n < 3 {
		t.Errorf("%d tries to remove a manifest, %d are left", tries.Load(), n)
	}
	if n := len(files("v*")); n < 3 {
		t.Errorf("files %q are left", files("v*"))
	}
}

// What crashed in the middle of a checkpoint is no checkpoint; a manifest or file that was cut later is found, named, and the one before is offered.
func TestHalfWrittenCheckpoint(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	c := weir.Checkpoints{Dir: kept, Resume: true, Retain: 2}
	env, _ := held(dir, c, weir.NoRestart())
	client := started(t, env)
	for range 2 {
		if err := checkpointed(t, client); err != nil {
			t.Fatal(err)
		}
	}
	savepoint, err := client.Savepoint(t.Context(), filepath.Join(dir, "savepoints"))
	if err != nil {
		t.Fatal(err)
	}
	client.Cancel()
	if _, err := ended(t, client); fault.CodeOf(err) != fault.JobCanceled {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(kept, "chk-77", "v1-s0-a1"), "half of it")
	write(filepath.Join(kept, "chk-77", storage.TempPrefix+"1"), "half of a man")

	manifests, _ := filepath.Glob(filepath.Join(kept, "chk-*", "_metadata"))
	slices.SortFunc(manifests, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	if len(manifests) != 2 {
		t.Fatal(manifests)
	}
	whole, err := os.ReadFile(manifests[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		write(manifests[1], string(whole[:n]))
		env, _ := held(dir, c, weir.NoRestart())
		if _, err := env.ExecuteAsync(t.Context(), t.Name()); fault.CodeOf(err) != fault.CheckpointDamaged || !strings.Contains(err.Error(), manifests[1]) || !strings.Contains(err.Error(), "the one before it is "+"file://"+filepath.Dir(manifests[0])) {
			t.Errorf("%d bytes of a manifest: %v", n, err)
		}
	}
	write(manifests[1], string(whole))

	var tables []string
	if err := filepath.WalkDir(savepoint, func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".parquet") {
			tables = append(tables, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(tables) == 0 {
		t.Fatal("the savepoint has no files")
	}
	for _, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(b[:len(b)/2]))
		env, letGo := held(t.TempDir(), weir.Checkpoints{Restore: savepoint}, weir.FixedDelayRestart(1000, 0))
		letGo()
		client := started(t, env)
		if _, err := ended(t, client); fault.CodeOf(err) != fault.CheckpointDamaged || !strings.Contains(err.Error(), filepath.Base(name)) || client.Restarts() > 0 {
			t.Errorf("half of %s: %d restarts, %v", name, client.Restarts(), err)
		}
		write(name, string(b))
	}

	env, letGo := held(dir, c, weir.NoRestart())
	letGo()
	if _, err := ended(t, started(t, env)); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, dir); !slices.Equal(got, totals(3000)) {
		t.Errorf("%d results: %q", len(got), got)
	}
	if left, _ := filepath.Glob(filepath.Join(kept, "chk-77", "v*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if later, _ := filepath.Glob(filepath.Join(kept, "chk-78", "_metadata")); len(later) != 1 {
		t.Error("the number of a checkpoint that never completed was used again")
	}
}

// A checkpoint that never completes ends with an error that names the task that holds it, and those behind it; the job goes on.
func TestCheckpointThatIsHeld(t *testing.T) {
	dir := t.TempDir()
	var hold atomic.Pointer[chan struct{}]
	holding := make(chan struct{})
	env := weir.NewEnvironment(weir.Options{Logger: quiet, ChunkRows: 1, Restart: weir.NoRestart(), Checkpoints: weir.Checkpoints{Dir: dir, Timeout: 300 * time.Millisecond, TolerableFailures: -1}})
	numbers := weir.Map(weir.FromSequence(env, 0, 1<<40).Name("numbers"), func(i int64) int64 { time.Sleep(10 * time.Millisecond); return i }).Name("slow") // nothing queues
	stuck := weir.Map(numbers.Rebalance(), func(i int64) int64 {
		if c := hold.Swap(nil); c != nil {
			close(holding)
			<-*c
		}
		return i
	}).Name("stuck")
	weir.Map(stuck.Rebalance(), func(i int64) int64 { return i }).Name("behind").Discard()
	client := started(t, env)
	until(t, "a checkpoint in time", func() bool { return checkpointed(t, client) == nil })
	c := make(chan struct{})
	hold.Store(&c)
	<-holding
	err := checkpointed(t, client)
	if fault.CodeOf(err) != fault.CheckpointTimeout || !strings.Contains(err.Error(), "did not acknowledge: stuck (1/1); and behind: behind") {
		t.Errorf("it should name the task that is stuck: %v", err)
	}
	close(c)
	until(t, "a checkpoint in time", func() bool { return checkpointed(t, client) == nil })
	client.Cancel()
	if _, err := ended(t, client); fault.CodeOf(err) != fault.JobCanceled {
		t.Error(err)
	}
}

// journal is a sink in two phases. Its commits take half of what they are given and fail, a number of times.
type journal struct {
	mu        sync.Mutex
	next      uint64
	prepared  map[uint64][]int64
	committed map[uint64]bool
	failures  int
	err       error
	commits   int
}

func newJournal() *journal {
	return &journal{prepared: map[uint64][]int64{}, committed: map[uint64]bool{}}
}

func (j *journal) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[int64], error) {
	return &journalWriter{journal: j}, nil
}
func (j *journal) NewCommitter(connector.WriterContext) (connector.Committer, error) { return j, nil }
func (j *journal) Close() error                                                      { return nil }

func (j *journal) Commit(_ context.Context, all []connector.Committable) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commits++
	fails := j.failures > 0
	if fails {
		j.failures--
		all = all[:(len(all)+1)/2]
	}
	for _, c := range all {
		j.committed[binary.BigEndian.Uint64(c)] = true
	}
	if fails {
		return j.err
	}
	return nil
}

func (j *journal) values() (all []int64) {
	for id := range j.committed {
		all = append(all, j.prepared[id]...)
	}
	slices.Sort(all)
	return all
}

type journalWriter struct {
	journal *journal
	buffer  []int64
}

func (w *journalWriter) Write(v int64, _ int64) error { w.buffer = append(w.buffer, v); return nil }
func (w *journalWriter) Flush(bool) error             { return nil }
func (w *journalWriter) Close() error                 { return nil }

func (w *journalWriter) PrepareCommit() (all []connector.Committable, err error) {
	j := w.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for part := range slices.Chunk(w.buffer, len(w.buffer)/3+1) { // several, so that there is a half
		j.next++
		j.prepared[j.next] = part
		all = append(all, binary.BigEndian.AppendUint64(nil, j.next))
	}
	w.buffer = nil
	return all, nil
}

// A sink that fails in commit is tried again, and told of in the log; when that is no use the job fails in the name of the sink, and commits again when it is restored. Nothing is lost, and nothing doubled.
func TestSinkFailsInCommit(t *testing.T) {
	busy := fault.New(fault.SinkFailed, "the database is busy")
	odd := fault.New(fault.SinkFileLost, "the file is gone")
	for _, c := range []struct {
		name               string
		failures, restarts int
		err                *fault.Error
		tries              int // that are told in the log
	}{
		{"retried", 3, 0, busy, 3},
		{"given up and restored", 8, 1, busy, 7}, // 6 attempts, 5 of which are told, and then 2
		{"not retryable", 1, 1, odd, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			weirtest.Seeds(t, func(s *weirtest.Sim) {
				var log bytes.Buffer
				o := s.Options()
				o.Parallelism, o.Logger, o.Restart = 1, slog.New(slog.NewTextHandler(&log, nil)), weir.FixedDelayRestart(10, time.Second)
				o.Checkpoints = weir.Checkpoints{Dir: "file://" + s.TB().TempDir() + "?sync=false"}
				env := weir.NewEnvironment(o)
				j := newJournal()
				j.failures, j.err = c.failures, c.err
				weir.FromSequence(env, 1, 50).Name("numbers").SinkTo("journal", j).Name("journal")
				s.Start(env)
				if err := s.Wait(); err != nil {
					s.Fatalf("%v", err)
				}
				if got := j.values(); len(got) != 50 || slices.Compact(got)[49] != 50 {
					s.Errorf("committed %v", got)
				}
				if told := strings.Count(log.String(), "commit failed, trying again"); told != c.tries || j.commits != c.failures+1 {
					s.Errorf("%d commits, %d are told:\n%s", j.commits, told, &log)
				}
				restarts := 0
				for line := range strings.Lines(log.String()) {
					if !strings.Contains(line, "begins anew") {
						continue
					}
					restarts++
					if !strings.Contains(line, string(c.err.Code())) || !strings.Contains(line, "journal") || !strings.Contains(line, "could not be committed") || !strings.Contains(line, c.err.Error()) {
						s.Errorf("not as it should fail: %s", line)
					}
				}
				if restarts != c.restarts {
					s.Errorf("%d restarts", restarts)
				}
			})
		})
	}
}

// Two runs do not keep their checkpoints in one directory at the same time: the second is refused, and what the first keeps is as it was. When the first has ended, the next may.
func TestDirInUse(t *testing.T) {
	dir := t.TempDir()
	run := func() (*weir.JobClient, error) {
		env := weir.NewEnvironment(weir.Options{Logger: quiet, Checkpoints: weir.Checkpoints{Dir: dir, Resume: true}})
		weir.Map(weir.FromSequence(env, 0, 1_000_000), func(i int64) int64 { time.Sleep(time.Millisecond); return i }).Discard()
		return env.ExecuteAsync(context.Background(), "first")
	}
	client, err := run()
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a checkpoint", func() bool { return checkpointed(t, client) == nil })
	_, err = run()
	if fault.CodeOf(err) != fault.CheckpointInUse || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	if err := checkpointed(t, client); err != nil {
		t.Error(err)
	}
	client.Cancel()
	<-client.Done()
	next, err := run()
	if err != nil {
		t.Fatal(err)
	}
	next.Cancel()
	for _, c := range []*weir.JobClient{client, next} {
		if _, err := ended(t, c); fault.CodeOf(err) != fault.JobCanceled {
			t.Error(err)
		}
	}
	if all, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(all) > 0 {
		t.Errorf("left: %q, %v", all, err)
	}
}
