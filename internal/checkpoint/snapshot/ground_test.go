package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/statebackend/lsm"
)

// laying is a store whose keys can be left in files: it has a spill, and no times to live. Either it has values only, which several goroutines restore, or a list and a map too.
type laying struct {
	store *statebackend.Store
	scope *statebackend.Scope
	value *statebackend.Value[int64]
	text  *statebackend.Value[string]
	list  *statebackend.List[string]
	byInt *statebackend.Map[int64, string]
}

// newLaying makes one with a spill and so much memory, or, with none, one of the memory backend.
func newLaying(t testing.TB, in base.KeyGroupRange, memory int64, values bool) *laying {
	t.Helper()
	cfg := statebackend.Config{Operator: "sum", Groups: in, MaxParallelism: groups, Fail: func(err error) { panic(err) }}
	if memory > 0 {
		account := pages.NewAccount("memory", memory, nil)
		cfg.Account = pages.NewAccount("sum", 0, account)
		cfg.Spill = lsm.New(lsm.Options{Memory: account, Dir: t.TempDir()})
	}
	s, err := statebackend.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w, err := codec.WordsFor[string]()
	if err != nil {
		t.Fatal(err)
	}
	sp := s.Space("keyed", statebackend.KeyLayout{Words: w.N, Bytes: w.Bytes})
	sp.Rehash(func(_ []uint64, b []byte) (uint64, uint64) { return clash(string(b)), clash(string(b)) })
	l := &laying{store: s, scope: statebackend.NewScope(sp)}
	l.value = statebackend.NewValue[int64](l.scope, "value", nil)
	l.text = statebackend.NewValue[string](l.scope, "text", nil)
	if !values {
		l.list = statebackend.NewList[string](l.scope, "list", nil)
		l.byInt = statebackend.NewMap[int64, string](l.scope, "by int", nil)
	}
	s.Track()
	return l
}

// keyNamed is a key, of which some are long.
func keyNamed(i int) string { return "key-" + strings.Repeat("z", i%5/4*40) + strconv.Itoa(i) }

// clash is a hash that some keys share.
func clash(key string) uint64 {
	h := hashOf(key)
	if h%3 == 0 {
		h &^= 1<<57 - 1
	}
	return h
}

// act changes something of random keys, and returns what it has read.
func (l *laying) act(rng *rand.Rand, keys, times int) string {
	var seen strings.Builder
	for range times {
		key := keyNamed(rng.IntN(keys))
		what, n := rng.IntN(9), rng.Int64N(50)
		if l.list == nil && what >= 2 && what <= 3 {
			what = 9
		}
		text := strings.Repeat("y", rng.IntN(60)) + fmt.Sprint(n)
		if !l.store.Config().Groups.Contains(base.KeyGroup(clash(key), groups)) {
			continue
		}
		l.scope.Set(clash(key), []byte(key))
		switch what {
		case 0, 1:
			l.value.Set(n)
		case 2:
			l.list.Add(text)
		case 3:
			l.byInt.Put(n, text)
		case 4:
			l.scope.Remove()
		case 9:
			l.text.Set(text)
		default:
			v, ok := l.value.Get()
			fmt.Fprint(&seen, key, v, ok, ";")
			if l.byInt != nil {
				fmt.Fprint(&seen, l.byInt.Len(), ";")
			}
		}
		l.store.Breathe()
	}
	l.scope.Unset()
	return seen.String()
}

// saved writes a store, the changes since base if there is one, and confirms it.
func saved(t testing.TB, s *statebackend.Store, disk storage.Storage, id int64, base *manifest.Subtask) *manifest.Subtask {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	w := NewWriter(context.Background(), Options{
		Name: fmt.Sprintf("chk-%d/sum-0", id), Checkpoint: id,
		Create: func(ctx context.Context, name string) (File, error) { return disk.Create(ctx, name) },
	})
	part := &manifest.Subtask{}
	if err := w.Store(snap, part, base); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.Confirm(snap.Epoch())
	return part
}

func laid2(t testing.TB, l *laying, disk storage.Storage, part *manifest.Subtask) {
	t.Helper()
	r := NewReader(context.Background(), func(ctx context.Context, name string) (Source, error) { return disk.Open(ctx, name) })
	r.waves.least, r.waves.workers = 0, 2
	r.LeaveFrom(0)
	if err := errors.Join(r.Restore(l.store, part, false), r.Close()); err != nil {
		t.Fatal(err)
	}
}

// A store that was restored by leaving its keys in the files does what one does that was filled, whatever comes: changes in the checkpoint, keys that are read, changed, removed, driven out and written again, other key groups, and files that are removed meanwhile.
func TestGroundAtRandom(t *testing.T) {
	grounded := 0
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 9))
		keys := 50 + rng.IntN(3000)
		dir := t.TempDir()
		disk, err := storage.OpenLocalWith(dir, storage.LocalOptions{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		values := seed%2 == 1
		first := newLaying(t, all, 1<<20, values)
		first.act(rng, keys, 2*keys)
		part := saved(t, first.store, disk, 1, nil)
		for id := range int64(rng.IntN(3)) {
			first.act(rng, keys, keys/10)
			part = saved(t, first.store, disk, 2+id, part)
		}
		in := all
		if rng.IntN(3) == 0 {
			in = base.KeyGroupRange{First: 3, Last: 9}
			for _, sp := range part.Spaces {
				sp.Groups = slices.DeleteFunc(sp.Groups, func(g *manifest.Group) bool { return !in.Contains(int(g.Group)) })
			}
		}
		memory := int64(96 << 10)
		if rng.IntN(2) == 0 {
			memory = 64 << 20
		}
		left, filled := newLaying(t, in, memory, values), newLaying(t, in, 0, values)
		laid2(t, left, disk, part)
		laid2(t, filled, disk, part)
		grounded += left.store.Stored() - left.store.Keys()
		if err := os.RemoveAll(filepath.Join(dir, "chk-1")); err != nil {
			t.Fatal(err)
		}
		sameEntries(t, fmt.Sprintf("seed %d, restored", seed), entries(t, left.store), entries(t, filled.store))
		for round := range 4 {
			what := fmt.Sprintf("seed %d, round %d", seed, round)
			script := rng.Uint64()
			a := left.act(rand.New(rand.NewPCG(script, 1)), keys, keys/3)
			if b := filled.act(rand.New(rand.NewPCG(script, 1)), keys, keys/3); a != b {
				t.Fatalf("%s: read\n%s\nwant\n%s", what, a, b)
			}
			sameEntries(t, what, entries(t, left.store), entries(t, filled.store))
		}
		part = saved(t, left.store, disk, 10, nil)
		left.act(rng, keys, keys/5)
		part = saved(t, left.store, disk, 11, part)
		want := entries(t, left.store)
		again := newLaying(t, in, 64<<20, values)
		laid2(t, again, disk, part)
		sameEntries(t, fmt.Sprintf("seed %d, restored again", seed), entries(t, again.store), want)
		for _, l := range []*laying{first, left, filled, again} {
			if err := l.store.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if grounded == 0 {
		t.Error("nothing was left in files")
	}
}

// A file that is damaged is refused when the store is restored; one that is changed afterwards is an error that names it, and never another value.
func TestGroundDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	disk, err := storage.OpenLocalWith(dir, storage.LocalOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	first := newLaying(t, all, 1<<20, false)
	first.act(rng, 2000, 5000)
	part := saved(t, first.store, disk, 1, nil)
	path := filepath.Join(dir, "chk-1", "sum-0")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused, told := 0, 0
	for i := range 40 {
		at := 16 + rng.IntN(len(whole)-16)
		damage := func() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte{whole[at] ^ 1<<rng.IntN(8)}, int64(at))
			}
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 0 {
			damage()
		}
		l := newLaying(t, all, 64<<20, false)
		r := NewReader(context.Background(), func(ctx context.Context, name string) (Source, error) { return disk.Open(ctx, name) })
		r.LeaveFrom(0)
		err := errors.Join(r.Restore(l.store, part, false), r.Close())
		if i%2 == 0 {
			if code := fault.CodeOf(err); code != fault.CheckpointDamaged {
				t.Fatalf("byte %d: %v", at, err)
			}
			refused++
		} else {
			if err != nil {
				t.Fatal(err)
			}
			want := entries(t, first.store)
			damage()
			func() {
				defer func() {
					if err, ok := recover().(error); ok && fault.CodeOf(err) == fault.StateDamaged && strings.Contains(err.Error(), "chk-1/sum-0") {
						told++
					}
				}()
				for key := range 2000 {
					name := keyNamed(key)
					l.scope.Set(clash(name), []byte(name))
					l.value.Get()
				}
				l.scope.Unset()
				sameEntries(t, "read", entries(t, l.store), want)
			}()
		}
		if err := l.store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if refused != 20 || told != 20 {
		t.Errorf("%d refused, %d told", refused, told)
	}
}
