package snapshot

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

const groups = 16

// all is the range of all key groups.
var all = base.KeyGroupRange{First: 0, Last: groups - 1}

// job is a store with one state of each kind, keyed by strings, and timers.
type job struct {
	store  *statebackend.Store
	scope  *statebackend.Scope
	value  *statebackend.Value[int64]
	text   *statebackend.Value[string]
	list   *statebackend.List[string]
	byInt  *statebackend.Map[int64, string]
	byText *statebackend.Map[string, int64]
	lived  *statebackend.Value[int64]
	aging  *statebackend.Map[string, string]
	timers *statebackend.Timers
	seen   []string // an operator list
}

func hashOf(key string) uint64 { return base.HashCombine(base.HashSeed, base.LaneString(key)) }

// open returns an empty store for some key groups, and its space of keys, in which nothing is declared.
func open(t testing.TB, in base.KeyGroupRange) (*statebackend.Store, *statebackend.Space) {
	t.Helper()
	s, err := statebackend.New(statebackend.Config{Operator: "sum", Groups: in, MaxParallelism: groups, Fail: func(err error) { t.Errorf("the store reports %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.Tick(1000)
	w, err := codec.WordsFor[string]()
	if err != nil {
		t.Fatal(err)
	}
	sp := s.Space("keyed", statebackend.KeyLayout{Words: w.N, Bytes: w.Bytes})
	sp.Rehash(func(_ []uint64, b []byte) (uint64, uint64) { return hashOf(string(b)), hashOf(string(b)) })
	return s, sp
}

func newJob(t testing.TB, in base.KeyGroupRange) *job {
	t.Helper()
	s, sp := open(t, in)
	j := &job{store: s, scope: statebackend.NewScope(sp)}
	ttl := &statebackend.TTL{Millis: 5000}
	j.value = statebackend.NewValue[int64](j.scope, "value", nil)
	j.text = statebackend.NewValue[string](j.scope, "text", nil)
	j.list = statebackend.NewList[string](j.scope, "list", nil)
	j.byInt = statebackend.NewMap[int64, string](j.scope, "by int", nil)
	j.byText = statebackend.NewMap[string, int64](j.scope, "by text", nil)
	j.lived = statebackend.NewValue[int64](j.scope, "lived", ttl)
	j.aging = statebackend.NewMap[string, string](j.scope, "aging", ttl)
	j.timers = statebackend.NewTimers(s, "timers", 1, sp.Layout())
	j.timers.Space().Rehash(func(w []uint64, b []byte) (uint64, uint64) {
		h := hashOf(string(b))
		return h, statebackend.Combine(h, w[:2]...)
	})
	statebackend.AddList(s, "seen", statebackend.Union, func() iter.Seq[string] { return slices.Values(j.seen) }, func(v []string) error { j.seen = v; return nil })
	return j
}

func (j *job) owns(key string) bool {
	return j.store.Config().Groups.Contains(base.KeyGroup(hashOf(key), groups))
}

// act changes something of some keys.
func (j *job) act(rng *rand.Rand, keys, times int) {
	for range times {
		key := fmt.Sprintf("key-%d", rng.IntN(keys))
		if !j.owns(key) {
			continue
		}
		j.scope.Set(hashOf(key), []byte(key))
		n := rng.Int64N(50)
		text := strings.Repeat("x", rng.IntN(40)) + fmt.Sprint(n)
		switch rng.IntN(12) {
		case 0:
			j.value.Set(n)
		case 1:
			j.text.Set(text)
		case 2:
			j.list.Add(text)
		case 3, 4:
			j.byInt.Put(n, text)
		case 5, 6:
			j.byText.Put(text, n)
		case 7:
			j.lived.Set(n)
		case 8:
			j.aging.Put(text, text)
		case 9:
			j.timers.Add(hashOf(key), n, []uint64{uint64(n % 3)}, nil, []byte(key))
		case 10:
			j.byInt.Delete(n)
		case 11:
			if rng.IntN(4) == 0 {
				j.scope.Remove()
			}
		}
		j.store.Tick(1000 + n)
	}
	j.scope.Unset()
	j.seen = append(j.seen, fmt.Sprint("seen ", rng.IntN(100)))
}

// entries are what a store has: the payloads by space, key group and key.
func entries(t testing.TB, s *statebackend.Store) map[string]string {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	all := map[string]string{}
	for _, sp := range snap.Spaces() {
		for g := range snap.Groups().Len() {
			err := snap.Entries(sp, g, func(key, payload []byte) bool {
				all[fmt.Sprintf("%s/%d/%q", sp.Name(), snap.Groups().First+g, key)] = string(payload)
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func sameEntries(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[k]; !ok || v != want[k] {
			t.Fatalf("%s: %s is %q (there: %v), want %q", what, k, v, ok, want[k])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d entries, want %d", what, len(got), len(want))
	}
}

// within returns the entries of some key groups.
func within(all map[string]string, in base.KeyGroupRange) map[string]string {
	some := map[string]string{}
	for k, v := range all {
		var g int
		if _, err := fmt.Sscanf(strings.Split(k, "/")[1], "%d", &g); err == nil && in.Contains(g) {
			some[k] = v
		}
	}
	return some
}

// write writes a store and returns its part of the manifest, which has gone through bytes.
func write(t testing.TB, s *statebackend.Store, disk storage.Storage, o Options) (part *manifest.Subtask, file bool) {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	o.Name, o.Checkpoint = cmp.Or(o.Name, "chk-7/sum-0"), 7
	o.Create = func(ctx context.Context, name string) (File, error) { return disk.Create(ctx, name) }
	w := NewWriter(context.Background(), o)
	defer w.Abort()
	part = &manifest.Subtask{}
	if err := w.Store(snap, part, nil); err != nil {
		t.Fatal(err)
	}
	written, file, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if file {
		b, err := storage.ReadAll(context.Background(), disk, o.Name)
		if err != nil || int64(len(b)) != written {
			t.Fatalf("the file has %d bytes, %d were written (%v)", len(b), written, err)
		}
	}
	b, err := proto.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	part = &manifest.Subtask{}
	if err := proto.Unmarshal(b, part); err != nil {
		t.Fatal(err)
	}
	return part, file
}

func restore(s *statebackend.Store, disk storage.Storage, part *manifest.Subtask, drop bool) error {
	r := NewReader(context.Background(), func(ctx context.Context, name string) (Source, error) { return disk.Open(ctx, name) })
	return errors.Join(r.Restore(s, part, drop), r.Close())
}

func eachSegment(part *manifest.Subtask, yield func(*manifest.Segment)) {
	for _, sp := range part.Spaces {
		for _, g := range sp.Groups {
			for _, seg := range g.Segments {
				yield(seg)
			}
		}
	}
}

func TestWriteAndRestore(t *testing.T) {
	for _, c := range []struct {
		name     string
		actions  int
		inline   int
		compress bool
		file     bool
	}{
		{"nothing", 0, 0, false, false},
		{"inline", 2000, 1 << 30, false, false},
		{"inline compressed", 2000, 1 << 30, true, false},
		{"file", 2000, 100, false, true},
		{"file compressed", 2000, 100, true, true},
		{"large file", 200_000, 0, false, true}, // in several pieces
	} {
		t.Run(c.name, func(t *testing.T) {
			from := newJob(t, all)
			rng := rand.New(rand.NewPCG(3, 4))
			if c.actions > 0 {
				from.act(rng, 50+c.actions/100, c.actions)
			}
			disk := storage.NewMemory()
			part, file := write(t, from.store, disk, Options{Inline: c.inline, Compress: c.compress})
			if file != c.file {
				t.Errorf("file is %v", file)
			}
			packed := false
			eachSegment(part, func(seg *manifest.Segment) {
				if (seg.File != "") != file || seg.Checkpoint != 7 {
					t.Errorf("segment of file %q and checkpoint %d", seg.File, seg.Checkpoint)
				}
				packed = packed || seg.Compression == "zstd" && seg.Length < seg.RawLength
			})
			if packed != c.compress {
				t.Errorf("compressed: %v", packed)
			}
			to := newJob(t, all)
			if err := restore(to.store, disk, part, false); err != nil {
				t.Fatal(err)
			}
			want := entries(t, from.store)
			if c.actions > 0 && len(want) < 50 {
				t.Fatalf("only %d keys", len(want))
			}
			sameEntries(t, "restored", entries(t, to.store), want)
			if !slices.Equal(to.seen, from.seen) {
				t.Errorf("the operator list is %q, want %q", to.seen, from.seen)
			}
			sameTimers(t, to, from)
		})
	}
}

// sameTimers takes all timers of two stores.
func sameTimers(t *testing.T, got, want *job) {
	t.Helper()
	got.timers.Restored()
	if got.timers.Len() != want.timers.Len() {
		t.Errorf("%d timers, want %d", got.timers.Len(), want.timers.Len())
	}
	pop := func(j *job) (all []string) {
		for due := statebackend.NewDue(); j.timers.Pop(1<<60, due); {
			all = append(all, fmt.Sprintf("%d %d %q", due.Time, due.Words[0], due.Bytes))
		}
		slices.Sort(all) // those of one time come in any order
		return all
	}
	if a, b := pop(got), pop(want); !slices.Equal(a, b) {
		t.Errorf("timers are %q\nwant %q", a, b)
	}
}

// Two subtasks take over from one, and one from two: each has the keys of its key groups.
func TestAnotherRange(t *testing.T) {
	from := newJob(t, all)
	from.act(rand.New(rand.NewPCG(5, 6)), 80, 3000)
	want := entries(t, from.store)
	disk := storage.NewMemory()
	part, _ := write(t, from.store, disk, Options{})
	whole := &manifest.Operator{Parallelism: 1, MaxParallelism: groups, Subtasks: []*manifest.Subtask{part}}

	halves := &manifest.Operator{Parallelism: 2, MaxParallelism: groups}
	for i := range 2 {
		in := base.RangeOf(i, 2, groups)
		half := newJob(t, in)
		mine, _ := whole.Deal(i, 2)
		if err := restore(half.store, disk, mine, false); err != nil {
			t.Fatal(err)
		}
		sameEntries(t, fmt.Sprint("half ", i), entries(t, half.store), within(want, in))
		written, _ := write(t, half.store, disk, Options{Name: fmt.Sprintf("chk-7/half-%d", i), Compress: true})
		written.Index = int32(i)
		halves.Subtasks = append(halves.Subtasks, written)
	}
	again, _ := halves.Deal(0, 1)
	to := newJob(t, all)
	if err := restore(to.store, disk, again, false); err != nil {
		t.Fatal(err)
	}
	sameEntries(t, "put together", entries(t, to.store), want)

	wrong := newJob(t, base.KeyGroupRange{First: 0, Last: 3})
	if err := restore(wrong.store, disk, part, false); fault.CodeOf(err) != fault.StateDamaged {
		t.Errorf("keys of other key groups: %v", err)
	}
}

// changes is a segment that leads from one content of a key group to another.
func changes(before, after map[string]string) *manifest.Segment {
	seg := &manifest.Segment{Changes: true, Checkpoint: 8}
	for _, k := range slices.Sorted(maps.Keys(after)) {
		if v, ok := before[k]; !ok || v != after[k] {
			seg.Data = AppendEntry(append(seg.Data, 0), []byte(k), []byte(after[k]))
			seg.Entries++
		}
	}
	for _, k := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[k]; !ok {
			seg.Data = binary.AppendUvarint(append(seg.Data, 1), uint64(len(k)))
			seg.Data = append(seg.Data, k...)
			seg.Entries++
		}
	}
	seg.Length, seg.RawLength, seg.Checksum = int64(len(seg.Data)), int64(len(seg.Data)), xxh3.Hash(seg.Data)
	return seg
}

// content is what a store has in a key group of a space.
func content(t *testing.T, s *statebackend.Store, space string, group int) map[string]string {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	all := map[string]string{}
	for _, sp := range snap.Spaces() {
		if sp.Name() == space {
			if err := snap.Entries(sp, group, func(key, payload []byte) bool { all[string(key)] = string(payload); return true }); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// A base and three segments of changes behind it give what the store had at the last one, timers included.
func TestChanges(t *testing.T) {
	j := newJob(t, all)
	rng := rand.New(rand.NewPCG(7, 8))
	j.act(rng, 60, 2000)
	disk := storage.NewMemory()
	part, _ := write(t, j.store, disk, Options{})
	deletes := 0
	for range 3 {
		before := map[string]map[string]string{}
		for _, sp := range part.Spaces {
			for _, g := range sp.Groups {
				before[fmt.Sprint(sp.Name, g.Group)] = content(t, j.store, sp.Name, int(g.Group))
			}
		}
		for range 15 {
			if key := fmt.Sprintf("key-%d", rng.IntN(60)); j.owns(key) {
				j.scope.Set(hashOf(key), []byte(key))
				j.scope.Remove()
			}
		}
		j.scope.Unset()
		for due := statebackend.NewDue(); rng.IntN(20) > 0 && j.timers.Pop(30, due); {
			deletes++
		}
		j.act(rng, 60, 30)
		for _, sp := range part.Spaces {
			for _, g := range sp.Groups {
				seg := changes(before[fmt.Sprint(sp.Name, g.Group)], content(t, j.store, sp.Name, int(g.Group)))
				g.Segments = append(g.Segments, seg)
			}
		}
	}
	if deletes == 0 {
		t.Fatal("nothing was deleted")
	}
	to := newJob(t, all)
	if err := restore(to.store, disk, part, false); err != nil {
		t.Fatal(err)
	}
	sameEntries(t, "with changes", entries(t, to.store), entries(t, j.store))

	g := part.Spaces[0].Groups[0]
	slices.Reverse(g.Segments)
	if err := restore(newJob(t, all).store, disk, part, false); fault.CodeOf(err) != fault.CheckpointDamaged {
		t.Errorf("changes without a base: %v", err)
	}
}

func mention(t *testing.T, what string, err error, code fault.Code, words ...string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%s: %v, want the code %s", what, err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q is not in: %v", what, w, err)
		}
	}
}

// A state that the program does not declare any more is an error, or left behind if that is allowed; the others are there.
func TestRemovedStates(t *testing.T) {
	from := newJob(t, all)
	from.act(rand.New(rand.NewPCG(9, 10)), 40, 2000)
	disk := storage.NewMemory()
	part, _ := write(t, from.store, disk, Options{})
	fewer := func() (*statebackend.Store, *statebackend.Scope, *statebackend.Map[string, int64], *statebackend.Value[string]) {
		s, sp := open(t, all)
		scope := statebackend.NewScope(sp)
		byText := statebackend.NewMap[string, int64](scope, "by text", nil) // in another order, too
		text := statebackend.NewValue[string](scope, "text", nil)
		return s, scope, byText, text
	}
	s, _, _, _ := fewer()
	mention(t, "removed cells", restore(s, disk, part, false), fault.CheckpointLeftOver, `"sum"`, "value", "list", "by int", "lived", "aging")

	s, scope, byText, text := fewer()
	if err := restore(s, disk, part, true); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for i := range 40 {
		key := fmt.Sprintf("key-%d", i)
		from.scope.Set(hashOf(key), []byte(key))
		scope.Set(hashOf(key), []byte(key))
		if a, b := maps.Collect(byText.All()), maps.Collect(from.byText.All()); !maps.Equal(a, b) {
			t.Errorf("the map of %s is %v, want %v", key, a, b)
		}
		a, okA := text.Get()
		b, okB := from.text.Get()
		if a != b || okA != okB {
			t.Errorf("the text of %s is %q %v, want %q %v", key, a, okA, b, okB)
		}
		if okA {
			kept++
		}
	}
	if kept == 0 {
		t.Error("no key has a text")
	}

	onlyTimers := &manifest.Subtask{Spaces: part.Spaces[len(part.Spaces)-1:]}
	s, _, _, _ = fewer()
	mention(t, "a removed space", restore(s, disk, onlyTimers, false), fault.CheckpointLeftOver, `"sum"`, `"timers"`)
	if err := restore(s, disk, onlyTimers, true); err != nil {
		t.Errorf("a removed space that may go: %v", err)
	}
	onlyLists := &manifest.Subtask{Lists: part.Lists}
	mention(t, "a removed list", restore(s, disk, onlyLists, false), fault.CheckpointLeftOver, `"sum"`, `"seen"`)
	if err := restore(s, disk, onlyLists, true); err != nil {
		t.Errorf("a removed list that may go: %v", err)
	}
	onlyLists.Lists[0].Elements = nil
	if err := restore(s, disk, onlyLists, false); err != nil {
		t.Errorf("a removed list without elements: %v", err)
	}
}

type orderV1 struct {
	ID    string
	Count int64
}

type orderV2 struct {
	ID    string
	Note  string
	Count int64
}

type orderV3 struct {
	ID    string
	Count string
}

func TestMigration(t *testing.T) {
	s, sp := open(t, all)
	scope := statebackend.NewScope(sp)
	v1, l1, m1 := statebackend.NewValue[orderV1](scope, "order", nil), statebackend.NewList[orderV1](scope, "orders", nil), statebackend.NewMap[string, orderV1](scope, "by id", nil)
	for i := range 20 {
		key := fmt.Sprint("key-", i)
		scope.Set(hashOf(key), []byte(key))
		o := orderV1{key, int64(i)}
		v1.Set(o)
		l1.Add(o)
		l1.Add(orderV1{"second", 2})
		m1.Put("k", o)
	}
	scope.Unset()
	disk := storage.NewMemory()
	part, _ := write(t, s, disk, Options{})

	s, sp = open(t, all)
	scope = statebackend.NewScope(sp)
	v2, l2, m2 := statebackend.NewValue[orderV2](scope, "order", nil), statebackend.NewList[orderV2](scope, "orders", nil), statebackend.NewMap[string, orderV2](scope, "by id", nil)
	if err := restore(s, disk, part, false); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		key := fmt.Sprint("key-", i)
		scope.Set(hashOf(key), []byte(key))
		want := orderV2{ID: key, Count: int64(i)}
		if o, ok := v2.Get(); !ok || o != want {
			t.Errorf("the value of %s is %v", key, o)
		}
		if os := slices.Collect(l2.All()); !slices.Equal(os, []orderV2{want, {ID: "second", Count: 2}}) {
			t.Errorf("the list of %s is %v", key, os)
		}
		if o, ok := m2.Get("k"); !ok || o != want {
			t.Errorf("the map of %s has %v", key, o)
		}
	}

	refused := func(what string, words []string, declare func(*statebackend.Scope)) {
		t.Helper()
		s, sp := open(t, all)
		declare(statebackend.NewScope(sp))
		mention(t, what, restore(s, disk, part, true), fault.StateSchema, words...)
	}
	refused("a field of another type", []string{`"sum"`, `"order"`, "Count"}, func(s *statebackend.Scope) { statebackend.NewValue[orderV3](s, "order", nil) })
	refused("elements of another type", []string{`"sum"`, `"orders"`, "Count"}, func(s *statebackend.Scope) { statebackend.NewList[orderV3](s, "orders", nil) })
	refused("another kind", []string{`"sum"`, `"order"`, "list", "value"}, func(s *statebackend.Scope) { statebackend.NewList[orderV1](s, "order", nil) })
	refused("other keys of a map", []string{`"sum"`, `"by id"`, "int64", "string"}, func(s *statebackend.Scope) { statebackend.NewMap[int64, orderV1](s, "by id", nil) })

	s, err := statebackend.New(statebackend.Config{Operator: "sum", Groups: all, MaxParallelism: groups})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Space("keyed", statebackend.KeyLayout{Words: 1})
	mention(t, "keys of another form", restore(s, disk, part, false), fault.StateSchema, `"sum"`, `"keyed"`)
}

func TestOperatorListOfAnotherType(t *testing.T) {
	from := newJob(t, all)
	from.seen = []string{"a"}
	disk := storage.NewMemory()
	part, _ := write(t, from.store, disk, Options{Inline: 1})
	s, _ := open(t, all)
	statebackend.AddList(s, "seen", statebackend.Union, func() iter.Seq[int64] { return func(func(int64) bool) {} }, func([]int64) error { return nil })
	mention(t, "a list of numbers", restore(s, disk, &manifest.Subtask{Lists: part.Lists}, false), fault.StateSchema, `"sum"`, `"seen"`, "string", "int64")
}

// Whatever byte of a data file is wrong, restoring tells so, and names the file; so it does for a file that is cut or gone.
func TestDamagedFiles(t *testing.T) {
	const file = "chk-7/sum-0"
	ctx := context.Background()
	for _, compress := range []bool{false, true} {
		from := newJob(t, all)
		from.act(rand.New(rand.NewPCG(11, 12)), 30, 1500)
		disk := storage.NewMemory()
		part, isFile := write(t, from.store, disk, Options{Compress: compress})
		if !isFile {
			t.Fatal("there is no file")
		}
		whole, err := storage.ReadAll(ctx, disk, file)
		if err != nil {
			t.Fatal(err)
		}
		used := int64(0)
		eachSegment(part, func(seg *manifest.Segment) { used += seg.Length })
		if used+int64(len(header)) != int64(len(whole)) {
			t.Errorf("segments have %d of %d bytes", used, len(whole))
		}
		with := func(what string, content []byte) {
			t.Helper()
			if err := storage.WriteAll(ctx, disk, file, content); err != nil {
				t.Fatal(err)
			}
			mention(t, what, restore(newJob(t, all).store, disk, part, false), fault.CheckpointDamaged, file)
		}
		for at := len(header); at < len(whole); at += 1 + len(whole)/40 {
			b := slices.Clone(whole)
			b[at] ^= 4
			with(fmt.Sprintf("byte %d of %d", at, len(whole)), b)
		}
		with("a byte less", whole[:len(whole)-1])
		with("an empty file", nil)
		if err := disk.Remove(ctx, file); err != nil {
			t.Fatal(err)
		}
		mention(t, "no file", restore(newJob(t, all).store, disk, part, false), fault.CheckpointDamaged, file)
	}
}

// A manifest whose own checksum is right, but that was made by a defect, ends in an error too.
func TestDamagedSegments(t *testing.T) {
	from := newJob(t, all)
	from.act(rand.New(rand.NewPCG(13, 14)), 30, 500)
	disk := storage.NewMemory()
	part, _ := write(t, from.store, disk, Options{Inline: 1 << 30})
	for what, change := range map[string]func(*manifest.Segment){
		"one entry more":        func(s *manifest.Segment) { s.Entries++ },
		"one entry less":        func(s *manifest.Segment) { s.Entries-- },
		"another length":        func(s *manifest.Segment) { s.Length++ },
		"another checksum":      func(s *manifest.Segment) { s.Checksum++ },
		"unknown compression":   func(s *manifest.Segment) { s.Compression = "lz4" },
		"not compressed at all": func(s *manifest.Segment) { s.Compression = "zstd" },
		"changes first":         func(s *manifest.Segment) { s.Changes = true },
		"cut": func(s *manifest.Segment) {
			s.Data = s.Data[:len(s.Data)-1]
			s.Length, s.Checksum = int64(len(s.Data)), xxh3.Hash(s.Data)
		},
	} {
		bad := proto.CloneOf(part)
		change(bad.Spaces[0].Groups[0].Segments[0])
		mention(t, what, restore(newJob(t, all).store, disk, bad, false), fault.CheckpointDamaged, "the manifest")
	}
	bad := proto.CloneOf(part)
	bad.Spaces[0].Cells[0].Kind = "graph"
	mention(t, "an unknown kind", restore(newJob(t, all).store, disk, bad, false), fault.CheckpointNewer, "graph")
	bad = proto.CloneOf(part)
	for _, at := range []struct{ offset, length int64 }{{-1, 10}, {1 << 62, 10}, {0, -1}, {0, 1 << 62}} {
		seg := bad.Spaces[0].Groups[0].Segments[0]
		seg.File, seg.Offset, seg.Length = "chk-7/sum-0", at.offset, at.length
		if err := storage.WriteAll(context.Background(), disk, seg.File, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		mention(t, fmt.Sprint("a place beyond the file: ", at), restore(newJob(t, all).store, disk, bad, false), fault.CheckpointDamaged, seg.File)
	}
}

// Random bytes behind a right checksum are an error or a state, never a panic.
func TestEachEntryOfAnything(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for range 20_000 {
		b := make([]byte, rng.IntN(30))
		for i := range b {
			b[i] = byte(rng.IntN(256) >> rng.IntN(8))
		}
		seg := &manifest.Segment{Entries: int64(rng.IntN(4)), Changes: rng.IntN(2) == 0}
		err := EachEntry(seg, b, func(_, _ []byte, _ bool) error { return nil })
		if err != nil && fault.CodeOf(err) != fault.CheckpointDamaged {
			t.Fatalf("%x: %v", b, err)
		}
	}
}

// failing is a file that does not take what it is given.
type failing struct {
	writes  int // that succeed
	aborted bool
}

func (f *failing) Write(b []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func (f *failing) Close() error { return errors.New("fsync") }
func (f *failing) Abort()       { f.aborted = true }

func TestFailuresOfTheFile(t *testing.T) {
	from := newJob(t, all)
	from.act(rand.New(rand.NewPCG(17, 18)), 30, 500)
	snap, err := from.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	for writes, want := range []string{"disk full", "fsync"} {
		f := &failing{writes: writes}
		w := NewWriter(context.Background(), Options{Name: "f", Create: func(context.Context, string) (File, error) { return f, nil }})
		err := w.Store(snap, &manifest.Subtask{}, nil)
		if err == nil {
			_, _, err = w.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d writes succeed: %v", writes, err)
		}
		if w.Abort(); want == "disk full" && !f.aborted {
			t.Errorf("%d writes succeed, and the file is left", writes)
		}
	}
	w := NewWriter(context.Background(), Options{Create: func(context.Context, string) (File, error) { return nil, errors.New("no such bucket") }})
	if err := w.Store(snap, &manifest.Subtask{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "no such bucket") {
		t.Errorf("a file that cannot be made: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the checkpoint was aborted"))
	w = NewWriter(ctx, Options{Create: func(context.Context, string) (File, error) { return &failing{writes: 9}, nil }})
	if err := w.Store(snap, &manifest.Subtask{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "the checkpoint was aborted") {
		t.Errorf("an aborted checkpoint: %v", err)
	}
}
