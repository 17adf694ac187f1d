package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/statebackend"
)

// person is a value that lies flat in its row.
type person struct {
	Name, Town string
	Age        int64
}

// values is a store whose key groups can be restored apart: with values that lie in the row, that hang on it, and whose strings do, and timers.
type values struct {
	store  *statebackend.Store
	scope  *statebackend.Scope
	count  *statebackend.Value[int64]
	person *statebackend.Value[person]
	all    *statebackend.Value[[]string]
	timers *statebackend.Timers
}

func newValues(t testing.TB, in base.KeyGroupRange) *values {
	s, sp := open(t, in)
	s.Track()
	v := &values{store: s, scope: statebackend.NewScope(sp)}
	v.count = statebackend.NewValue[int64](v.scope, "count", &statebackend.TTL{Millis: 5000})
	v.person = statebackend.NewValue[person](v.scope, "person", nil)
	v.all = statebackend.NewValue[[]string](v.scope, "all", nil)
	v.timers = statebackend.NewTimers(s, "timers", 0, sp.Layout())
	v.timers.Space().Rehash(func(w []uint64, b []byte) (uint64, uint64) {
		h := hashOf(string(b))
		return h, statebackend.Combine(h, w[:1]...)
	})
	return v
}

func (v *values) act(rng *rand.Rand, times int) {
	for range times {
		n := rng.Int64N(3000)
		key := fmt.Sprintf("%s-%d", strings.Repeat("k", int(n%30)), n)
		if !v.store.Config().Groups.Contains(base.KeyGroup(hashOf(key), groups)) {
			continue
		}
		v.scope.Set(hashOf(key), []byte(key))
		switch rng.IntN(8) {
		case 0, 1:
			v.count.Set(n)
		case 2, 3:
			v.person.Set(person{strings.Repeat("n", rng.IntN(30)), fmt.Sprint("town ", rng.IntN(100)), n})
		case 4, 5:
			v.all.Set(strings.Split(strings.Repeat("part,", rng.IntN(9)), ","))
		case 6:
			v.timers.Add(hashOf(key), n, nil, nil, []byte(key))
		case 7:
			v.scope.Remove()
		}
	}
	v.scope.Unset()
}

// Key groups that several goroutines restore are what one restores, also where changes lie behind their bases, and in a part of the key groups.
func TestRestoreApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 8))
	before := newValues(t, all)
	disk := storage.NewMemory()
	var base *manifest.Subtask
	for id := range int64(3) {
		before.act(rng, 8000>>(2*id))
		snap, err := before.store.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter(t.Context(), Options{Name: fmt.Sprintf("chk-%d/a", id+1), Checkpoint: id + 1, Compress: id == 1, Create: func(ctx context.Context, name string) (File, error) { return disk.Create(ctx, name) }})
		part := &manifest.Subtask{}
		if err := w.Store(snap, part, base); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		before.store.Confirm(snap.Epoch())
		_ = snap.Release()
		base = part
	}
	segments := 0
	eachSegment(base, func(*manifest.Segment) { segments++ })
	if segments < 3*groups {
		t.Fatalf("%d segments: there are no changes", segments)
	}
	want := entries(t, before.store)
	for _, in := range []struct {
		first, last int
		waves       waves
	}{
		{0, groups - 1, waves{4, 1 << 30, 0}}, {0, groups - 1, waves{3, 50_000, 0}}, {3, 11, waves{2, 100_000, 0}}, {0, groups - 1, waves{2, 1, 0}}, {0, groups - 1, waves{1, 1, 0}},
	} {
		after := newValues(t, rangeOf(in.first, in.last))
		r := NewReader(t.Context(), func(ctx context.Context, name string) (Source, error) { return disk.Open(ctx, name) })
		r.waves = in.waves
		part := base
		if in.first > 0 {
			op := &manifest.Operator{Parallelism: 1, MaxParallelism: groups, Subtasks: []*manifest.Subtask{base}}
			part, _ = op.Deal(1, 2)
			after = newValues(t, rangeOf(groups/2, groups-1))
		}
		if err := errors.Join(r.Restore(after.store, part, false), r.Close()); err != nil {
			t.Fatal(err)
		}
		sameEntries(t, fmt.Sprintf("restored by %+v", in), entries(t, after.store), within(want, after.store.Config().Groups))
		keys := 0
		for _, sp := range after.store.Spaces() {
			keys += sp.Len()
		}
		if keys != len(within(want, after.store.Config().Groups)) {
			t.Errorf("%d keys are counted", keys)
		}
		after.act(rng, 2000) // it can go on
	}
}

func rangeOf(first, last int) base.KeyGroupRange { return base.KeyGroupRange{First: first, Last: last} }

// What is wrong with one key group is told though others are restored at the same time.
func TestRestoreApartDamaged(t *testing.T) {
	before := newValues(t, all)
	before.act(rand.New(rand.NewPCG(1, 2)), 4000)
	disk := storage.NewMemory()
	part, _ := write(t, before.store, disk, Options{})
	for name, damage := range map[string]func(s *manifest.Segment){
		"checksum": func(s *manifest.Segment) { s.Checksum++ },
		"length":   func(s *manifest.Segment) { s.Length = 1 << 30 },
		"entries":  func(s *manifest.Segment) { s.Entries++ },
		"group":    func(s *manifest.Segment) { proto.Reset(s); proto.Merge(s, part.Spaces[0].Groups[3].Segments[0]) },
	} {
		again := proto.CloneOf(part)
		damage(again.Spaces[0].Groups[9].Segments[0])
		r := NewReader(t.Context(), func(ctx context.Context, name string) (Source, error) { return disk.Open(ctx, name) })
		r.waves = waves{workers: 4, bytes: 1 << 30}
		err := errors.Join(r.Restore(newValues(t, all).store, again, false), r.Close())
		if code := fault.CodeOf(err); code != fault.CheckpointDamaged && (name != "group" || code != fault.StateDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
