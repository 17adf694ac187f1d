package snapshot

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/statebackend"
)

// describe says what the keys of a job are, as operators do.
func (j *job) describe() *job {
	j.scope.Space().DescribeKey("string")
	j.timers.Space().DescribeKey("string", "time", "namespace")
	return j
}

func savepoint(t testing.TB, s *statebackend.Store, disk storage.Storage) *manifest.Subtask {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	part := &manifest.Subtask{}
	create := func(ctx context.Context, name string) (File, error) { return disk.Create(ctx, name) }
	files, _, err := Savepoint(t.Context(), create, "sum", snap, part)
	if err != nil {
		t.Fatal(err)
	}
	there, err := disk.List(t.Context(), "")
	if err != nil || len(there) != len(files) {
		t.Fatalf("%d files are there, %d were named (%v)", len(there), len(files), err)
	}
	return part
}

// What goes into a savepoint comes back, whatever the keys are known to be, also where a string is not text.
func TestSavepoint(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 3))
		before := newJob(t, all)
		if seed%2 == 0 {
			before.describe()
		}
		before.act(rng, 60, 3000)
		if seed%3 == 0 {
			before.scope.Set(hashOf("odd\xff"), []byte("odd\xff"))
			before.text.Set("no \xfe text")
			before.byText.Put("\xfd", 1)
			before.scope.Unset()
		}
		disk := storage.NewMemory()
		part := savepoint(t, before.store, disk)
		after := newJob(t, all)
		if err := restore(after.store, disk, part, false); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		after.timers.Restored()
		sameEntries(t, "restored from a savepoint", entries(t, after.store), entries(t, before.store))
		sameTimers(t, after, before)
		if !slices.Equal(after.seen, before.seen) {
			t.Errorf("the operator list is %q, not %q", after.seen, before.seen)
		}
	}
}

// Subtasks of another parallelism take their key groups out of the files.
func TestSavepointOfAnotherRange(t *testing.T) {
	before := newJob(t, all).describe()
	before.act(rand.New(rand.NewPCG(1, 1)), 200, 5000)
	disk := storage.NewMemory()
	part := savepoint(t, before.store, disk)
	op := &manifest.Operator{Parallelism: 1, MaxParallelism: groups, Subtasks: []*manifest.Subtask{part}}
	got := map[string]string{}
	for i := range 3 {
		dealt, _ := op.Deal(i, 3)
		after := newJob(t, base.RangeOf(i, 3, groups))
		if err := restore(after.store, disk, dealt, false); err != nil {
			t.Fatal(err)
		}
		maps.Copy(got, entries(t, after.store))
	}
	sameEntries(t, "restored in three subtasks", got, entries(t, before.store))
}

// A state whose type has changed is read across, and what has no place is refused or left behind.
func TestSavepointMigration(t *testing.T) {
	s, sp := open(t, all)
	sp.DescribeKey("string")
	at := statebackend.NewScope(sp)
	old := statebackend.NewValue[struct {
		Count int32
		Gone  []string
	}](at, "order", nil)
	extra := statebackend.NewList[int64](at, "extra", nil)
	for i, key := range []string{"a", "b"} {
		at.Set(hashOf(key), []byte(key))
		old.Set(struct {
			Count int32
			Gone  []string
		}{int32(i) - 7, []string{"x", ""}})
		extra.Add(1)
	}
	at.Unset()
	disk := storage.NewMemory()
	part := savepoint(t, s, disk)

	type order struct {
		New   *string
		Count int64
	}
	s2, sp2 := open(t, all)
	at2 := statebackend.NewScope(sp2)
	now := statebackend.NewValue[order](at2, "order", nil)
	mention(t, "a state that is gone", restore(s2, disk, part, false), fault.CheckpointLeftOver, "extra")
	if err := restore(s2, disk, part, true); err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"a", "b"} {
		at2.Set(hashOf(key), []byte(key))
		if v, ok := now.Get(); !ok || v.Count != int64(i)-7 || v.New != nil {
			t.Errorf("%s has %+v, %v", key, v, ok)
		}
	}
	at2.Unset()
}

// A file that is missing, cut, longer or differs by a byte is refused by its name, whichever byte it is.
func TestDamagedSavepoint(t *testing.T) {
	before := newJob(t, all).describe()
	rng := rand.New(rand.NewPCG(5, 5))
	before.act(rng, 40, 2000)
	disk := storage.NewMemory()
	part := savepoint(t, before.store, disk)
	var files []string
	(&manifest.Manifest{Operators: []*manifest.Operator{{Subtasks: []*manifest.Subtask{part}}}}).EachFile(func(f string) { files = append(files, f) })
	for _, name := range files {
		good, err := storage.ReadAll(t.Context(), disk, name)
		if err != nil {
			t.Fatal(err)
		}
		bad := [][]byte{good[:len(good)-1], good[:0], append(slices.Clone(good), 0)}
		for range 5 {
			b := slices.Clone(good)
			b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
			bad = append(bad, b)
		}
		for _, b := range bad {
			if err := storage.WriteAll(t.Context(), disk, name, b); err != nil {
				t.Fatal(err)
			}
			mention(t, "a damaged file", restore(newJob(t, all).store, disk, part, false), fault.CheckpointDamaged, name)
		}
		if err := disk.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		mention(t, "a missing file", restore(newJob(t, all).store, disk, part, false), fault.CheckpointDamaged, name)
		if err := storage.WriteAll(t.Context(), disk, name, good); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 7 || !strings.HasPrefix(files[0], "sum/") {
		t.Errorf("the files are %q", files)
	}
}
