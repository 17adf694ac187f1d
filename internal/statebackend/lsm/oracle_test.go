package lsm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
)

// keyState is what the oracle knows of a key.
type keyState struct {
	count int64
	text  string
	words []string
	nums  []int64
	tags  map[int64]string
}

func (k *keyState) empty() bool {
	return k.count == 0 && k.text == "" && len(k.words) == 0 && len(k.nums) == 0 && len(k.tags) == 0
}

func (k *keyState) clone() *keyState {
	return &keyState{k.count, k.text, slices.Clone(k.words), slices.Clone(k.nums), maps.Clone(k.tags)}
}

// rig is a store with one state of each kind, and its oracle.
type rig struct {
	t      testing.TB
	rnd    *rand.Rand
	store  *statebackend.Store
	space  *statebackend.Space
	scope  *statebackend.Scope
	count  *statebackend.Value[int64]
	text   *statebackend.Value[string]
	words  *statebackend.List[string]
	nums   *statebackend.List[int64]
	tags   *statebackend.Map[int64, string]
	oracle map[string]*keyState
	spill  *spill
}

const testGroups = 16

func newRig(t testing.TB, seed uint64, limit int64, o Options) *rig {
	t.Helper()
	memory := pages.NewAccount("memory", limit, nil)
	o.Memory = memory
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	r := &rig{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), oracle: map[string]*keyState{}}
	open := New(o)
	cfg := statebackend.Config{
		Operator: "op", Groups: base.KeyGroupRange{First: 0, Last: testGroups - 1}, MaxParallelism: testGroups,
		Account: pages.NewAccount("op", 0, memory),
		Spill: func(store *statebackend.Store) (statebackend.Spill, error) {
			s, err := open(store)
			r.spill = s.(*spill)
			return s, err
		},
	}
	store, err := statebackend.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.declare(store)
	t.Cleanup(func() {
		if err := store.Close(); err != nil && !t.Failed() {
			t.Error(err)
		}
		if used := memory.Used(); used != 0 && !t.Failed() {
			t.Errorf("%d bytes are still counted", used)
		}
	})
	return r
}

func (r *rig) declare(store *statebackend.Store) {
	w, _ := codec.WordsFor[string]()
	r.store = store
	r.space = store.Space("s", statebackend.KeyLayout{Words: w.N, Bytes: w.Bytes})
	r.space.Rehash(func(_ []uint64, b []byte) (uint64, uint64) { return hashOf(string(b)), hashOf(string(b)) })
	r.scope = statebackend.NewScope(r.space)
	r.count = statebackend.NewValue[int64](r.scope, "count", nil)
	r.text = statebackend.NewValue[string](r.scope, "text", nil)
	r.words = statebackend.NewList[string](r.scope, "words", nil)
	r.nums = statebackend.NewList[int64](r.scope, "nums", nil)
	r.tags = statebackend.NewMap[int64, string](r.scope, "tags", nil)
}

// hashOf makes some keys collide.
func hashOf(k string) uint64 {
	h := base.HashCombine(base.HashSeed, base.LaneString(k))
	if h%5 == 0 {
		h = h &^ 0xFFFFFFFFFFF
	}
	return h
}

func (r *rig) set(k string) { r.scope.Set(hashOf(k), []byte(k)) }

func (r *rig) key(keys int) string {
	i := r.rnd.IntN(keys)
	if r.rnd.IntN(2) == 0 {
		i = r.rnd.IntN(1 + keys/20)
	}
	return fmt.Sprintf("key %d%s", i, "                              "[:i%30])
}

// step does something to a key, and looks at all it has.
func (r *rig) step(keys int) {
	k := r.key(keys)
	r.set(k)
	o := r.oracle[k]
	if o == nil {
		o = &keyState{tags: map[int64]string{}}
		r.oracle[k] = o
	}
	switch r.rnd.IntN(16) {
	case 0, 1:
		o.count = r.rnd.Int64N(100) + 1
		r.count.Set(o.count)
	case 2, 3:
		p, _ := r.count.Edit()
		*p += 3
		r.count.Done()
		o.count += 3
	case 4:
		o.text = k + k
		r.text.Set(o.text)
	case 5:
		r.text.Clear()
		o.text = ""
	case 6, 7:
		r.words.Add(k)
		o.words = append(o.words, k)
		r.nums.Add(int64(len(o.words)))
		o.nums = append(o.nums, int64(len(o.words)))
	case 8:
		r.words.Clear()
		o.words = nil
	case 9, 10:
		m := r.rnd.Int64N(20)
		o.tags[m] = k[:r.rnd.IntN(len(k))]
		r.tags.Put(m, o.tags[m])
	case 11:
		m := r.rnd.Int64N(20)
		delete(o.tags, m)
		r.tags.Delete(m)
	case 12:
		if r.rnd.IntN(3) == 0 {
			r.scope.Remove()
			delete(r.oracle, k)
			return
		}
	}
	r.compare(k, o)
	if o.empty() {
		delete(r.oracle, k)
	}
}

// compare looks at all that the present key has.
func (r *rig) compare(k string, o *keyState) {
	r.t.Helper()
	if v, _ := r.count.Get(); v != o.count {
		r.t.Fatalf("%q: count %d, want %d", k, v, o.count)
	}
	if v, _ := r.text.Get(); v != o.text {
		r.t.Fatalf("%q: text %q, want %q", k, v, o.text)
	}
	if got := slices.Collect(r.words.All()); !slices.Equal(got, o.words) {
		r.t.Fatalf("%q: words %q, want %q", k, got, o.words)
	}
	if got := slices.Collect(r.nums.All()); !slices.Equal(got, o.nums) {
		r.t.Fatalf("%q: nums %v, want %v", k, got, o.nums)
	}
	if got := maps.Collect(r.tags.All()); !maps.Equal(got, o.tags) || r.tags.Len() != len(o.tags) {
		r.t.Fatalf("%q: tags %v (%d), want %v", k, got, r.tags.Len(), o.tags)
	}
}

func (r *rig) compareAll() {
	r.t.Helper()
	for k, o := range r.oracle {
		r.set(k)
		r.compare(k, o)
	}
}

// frozen is a snapshot and what it has to hold.
type frozen struct {
	snapshot *statebackend.Snapshot
	oracle   map[string]*keyState
}

func (r *rig) freeze() frozen {
	r.t.Helper()
	r.scope.Unset()
	s, err := r.store.Snapshot()
	if err != nil {
		r.t.Fatal(err)
	}
	o := map[string]*keyState{}
	for k, v := range r.oracle {
		if !v.empty() {
			o[k] = v.clone()
		}
	}
	return frozen{s, o}
}

// restore puts the snapshot into another store and compares it there.
func (f frozen) restore(t testing.TB, limit int64) *rig {
	t.Helper()
	r := newRig(t, 1, limit, Options{})
	n := 0
	for _, sp := range f.snapshot.Spaces() {
		for g := range testGroups {
			err := f.snapshot.Entries(sp, g, func(key, payload []byte) bool {
				n++
				if err := r.space.Restore(key, payload); err != nil {
					t.Error(err)
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != len(f.oracle) {
		t.Errorf("the snapshot has %d keys, want %d", n, len(f.oracle))
	}
	r.oracle = f.oracle
	r.compareAll()
	return r
}

func TestAgainstMaps(t *testing.T) {
	seeds, steps := uint64(4), 40000
	if invariants.Enabled {
		seeds, steps = 1, 12000
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newRig(t, seed, 600<<10, Options{})
			var snapshots []frozen
			for i := range steps {
				r.step(3000)
				switch {
				case i%5000 == 4999:
					snapshots = append(snapshots, r.freeze())
				case i%7000 == 6999:
					n := r.rnd.IntN(len(snapshots))
					snapshots[n].restore(t, 400<<10)
					snapshots[n].snapshot.Release()
					snapshots = slices.Delete(snapshots, n, n+1)
				}
			}
			r.compareAll()
			for _, s := range snapshots {
				s.restore(t, 0)
				s.snapshot.Release()
			}
			countStored(t, r.store, r.spill)
			snap := r.freeze()
			snap.restore(t, 1<<20)
			snap.snapshot.Release()
			t.Log(len(r.oracle), "keys,", r.space.Len(), "in memory,", r.store.Stored(), "stored")
		})
	}
}
