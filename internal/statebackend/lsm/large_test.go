package lsm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/invariants"
)

// TestLargerThanMemory puts 64 MiB of state through 4 MiB of memory.
func TestLargerThanMemory(t *testing.T) {
	if testing.Short() || invariants.Enabled {
		t.Skip("takes seconds")
	}
	r := newRig(t, 1, 4<<20, Options{})
	const keys = 64 << 10
	text := strings.Repeat("0123456789", 100)
	for i := range keys {
		r.set(fmt.Sprint(i))
		r.text.Set(text[i%10 : 900+i%100])
		r.count.Set(int64(i))
		if used := r.store.Account().Used(); used > 4<<20+4<<16 { // looked at every 256 keys
			t.Fatalf("%d bytes are in use after %d keys", used, i)
		}
	}
	if n := r.store.Keys(); n > keys/10 {
		t.Errorf("%d keys are in memory", n)
	}
	for i := range keys {
		i = i * 40503 % keys
		r.set(fmt.Sprint(i))
		if v, _ := r.count.Get(); v != int64(i) {
			t.Fatalf("key %d has the count %d", i, v)
		}
		if v, _ := r.text.Get(); v != text[i%10:900+i%100] {
			t.Fatalf("key %d has the text %q", i, v)
		}
	}
}

// TestLargePayloads grows and shrinks lists and maps that are stored in parts, and compares snapshots.
func TestLargePayloads(t *testing.T) {
	r := newRig(t, 1, 1<<20, Options{})
	const keys = 20
	for i := range 5000 {
		k := fmt.Sprint("large ", r.rnd.IntN(keys))
		r.set(k)
		o := r.oracle[k]
		if o == nil {
			o = &keyState{tags: map[int64]string{}}
			r.oracle[k] = o
		}
		switch op := r.rnd.IntN(2000); {
		case op == 0:
			r.scope.Remove()
			delete(r.oracle, k)
			continue
		case op < 10:
			r.words.Clear()
			o.words = nil
		case op < 1000:
			w := strings.Repeat(k, r.rnd.IntN(100))
			r.words.Add(w)
			o.words = append(o.words, w)
		default:
			m := r.rnd.Int64N(500)
			o.tags[m] = strings.Repeat("x", r.rnd.IntN(300))
			r.tags.Put(m, o.tags[m])
		}
		if i%500 == 0 {
			r.churn()
		}
		if i%100 == 0 {
			r.set(k)
			r.compare(k, o)
		}
		if i%2000 == 1999 {
			f := r.freeze()
			f.restore(t, 2<<20)
			f.snapshot.Release()
		}
	}
	r.compareAll()
}

// churn puts many small keys through memory, so that all others go, and removes them again.
func (r *rig) churn() {
	for i := range 1000 {
		r.set(fmt.Sprint("churn ", i))
		r.text.Set(strings.Repeat("y", 500))
	}
	for i := range 1000 {
		r.set(fmt.Sprint("churn ", i))
		r.scope.Remove()
	}
}

// TestSnapshotDuringEviction reads a snapshot on another goroutine while keys come and go, and closes the store before it is read to the end.
func TestSnapshotDuringEviction(t *testing.T) {
	r := newRig(t, 7, 500<<10, Options{})
	steps := 20000
	if invariants.Enabled {
		steps = 5000
	}
	for range steps {
		r.step(3000)
	}
	for range 3 {
		f := r.freeze()
		got, done := map[string]int{}, make(chan error, 1)
		go func() {
			var err error
			for g := 0; g < testGroups && err == nil; g++ {
				err = f.snapshot.Entries(r.space, g, func(key, payload []byte) bool {
					got[string(key)] = len(payload)
					return true
				})
			}
			done <- err
		}()
		for range steps / 4 {
			r.step(3000)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(got) != len(f.oracle) {
			t.Errorf("%d keys in the snapshot, want %d", len(got), len(f.oracle))
		}
		f.snapshot.Release()
	}
	f := r.freeze()
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	f.restore(t, 0)
	if err := f.snapshot.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestFilter(t *testing.T) {
	r := newRig(t, 3, 1<<20, Options{})
	f := newFilter(r.store.Account(), 0)
	defer f.close()
	var in []uint64
	for range 200000 {
		h := mix(r.rnd.IntN(3), r.rnd.Uint64())
		in = append(in, h)
		f.add(h)
	}
	if i := slices.IndexFunc(in, func(h uint64) bool { return !f.has(h) }); i >= 0 {
		t.Fatalf("key %d is not there", i)
	}
	wrong := 0
	for range 100000 {
		if f.has(mix(r.rnd.IntN(3), r.rnd.Uint64())) {
			wrong++
		}
	}
	if wrong > 3000 {
		t.Errorf("%d of 100000 keys are taken to be there", wrong)
	}
	t.Logf("%d of 100000 keys are taken to be there, in %d filters", wrong, len(f.parts))
}

// TestFilterMadeAnew removes most keys, so that the filter is made anew, again and again, of those that are left.
func TestFilterMadeAnew(t *testing.T) {
	r := newRig(t, 5, 500<<10, Options{stale: 1000, refill: 50})
	for range 5 {
		for range 8000 {
			r.step(4000)
		}
		before := r.filterKeys()
		for k := range r.oracle {
			if r.rnd.IntN(10) > 0 {
				r.set(k)
				r.scope.Remove()
				delete(r.oracle, k)
			}
		}
		r.churn()
		for range 3000 {
			r.step(4000)
		}
		r.compareAll()
		t.Log(before, "keys in the filter, now", r.filterKeys(), "of", r.store.Stored())
		if r.filterKeys() > 2*r.store.Stored()+10000 {
			t.Errorf("%d keys are in the filter, %d are stored", r.filterKeys(), r.store.Stored())
		}
	}
}

func (r *rig) filterKeys() int { return r.spill.filter.keys }

// TestSnapshotDrivesNothingOut fills four fifths of the memory, so that the copies of pages that a snapshot makes necessary do not fit. They go with the snapshot: meanwhile few keys go to disk.
func TestSnapshotDrivesNothingOut(t *testing.T) {
	r := newRig(t, 9, 16<<20, Options{})
	account := r.store.Account()
	keys := 0
	for ; account.Over() < -3<<20; keys++ {
		r.set(fmt.Sprint(keys))
		r.count.Set(int64(keys))
	}
	if n := r.store.Stored(); n > 0 {
		t.Fatalf("%d of %d keys are on disk before the snapshot", n, keys)
	}
	snap, err := r.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	over, times := int64(0), make([]int64, keys)
	for range keys {
		i := r.rnd.IntN(keys)
		r.set(fmt.Sprint(i))
		v, _ := r.count.Get()
		r.count.Set(v + 1)
		times[i]++
		over = max(over, account.Over())
	}
	if over <= 0 {
		t.Errorf("the snapshot makes the store come to %d bytes below its limit: nothing is tested", -over)
	}
	if n := r.store.Stored(); n > keys/8 {
		t.Errorf("%d of %d keys went to disk because of pages that a snapshot holds", n, keys)
	}
	if err := snap.Release(); err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		r.set(fmt.Sprint(i))
		if v, _ := r.count.Get(); v != int64(i)+times[i] {
			t.Fatalf("key %d has the count %d", i, v)
		}
	}
	if over := account.Over(); over > 0 {
		t.Errorf("without the snapshot the store is %d bytes over its limit", over)
	}
}
