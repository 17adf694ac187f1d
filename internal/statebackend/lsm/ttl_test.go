package lsm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
)

// TestSweepLeavesWhatIsInMemory stores a key, renews it in memory, and lets what is stored of it expire: it must not be forgotten when it goes to disk again.
func TestSweepLeavesWhatIsInMemory(t *testing.T) {
	memory := pages.NewAccount("memory", 64<<10, nil)
	var spilled statebackend.Spill
	open := New(Options{Dir: t.TempDir(), Memory: memory})
	store, err := statebackend.New(statebackend.Config{
		Operator: "op", Groups: base.KeyGroupRange{First: 0, Last: 3}, MaxParallelism: 4, Account: pages.NewAccount("op", 0, memory),
		Spill: func(s *statebackend.Store) (_ statebackend.Spill, err error) {
			spilled, err = open(s)
			return spilled, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	scope := statebackend.NewScope(store.Space("s", statebackend.KeyLayout{Words: 1}))
	value := statebackend.NewValue[string](scope, "value", &statebackend.TTL{Millis: 1000})
	filler := statebackend.NewValue[string](scope, "filler", nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	point := func(k uint64) {
		scope.Words()[0] = k
		scope.Set(base.HashCombine(base.HashSeed, base.LaneInt(int64(k))), nil)
	}
	churn := func(n int) {
		for range n {
			point(1000 + rnd.Uint64N(2000))
			filler.Set(fmt.Sprint("something that takes room ", n))
		}
	}
	const keys = 100
	for k := range uint64(keys) {
		point(k)
		value.Set(fmt.Sprint("first ", k))
	}
	for round := range int64(8) {
		churn(4000)
		for k := range uint64(keys) {
			point(k)
			value.Set(fmt.Sprint(round, " ", k))
			store.Tick(round*900 + int64(k))
		}
		churn(20)
		store.Tick((round + 1) * 900)
		for range 100 { // breathe, so that what is stored is looked through, with the keys in memory
			for range 32 {
				point(uint64(rnd.IntN(keys)))
				value.Get()
			}
		}
	}
	churn(4000)
	countStored(t, store, spilled)
	for k := range uint64(keys) {
		point(k)
		if v, _ := value.Get(); v != fmt.Sprint(7, " ", k) {
			t.Errorf("key %d has %q", k, v)
		}
	}
}

// countStored compares what the store believes to be stored with what is.
func countStored(t *testing.T, store *statebackend.Store, spill statebackend.Spill) {
	t.Helper()
	view, err := spill.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Release()
	n := 0
	for _, sp := range store.Spaces() {
		for g := range store.Config().Groups.Len() {
			if err := view.Entries(sp.Number(), g, func(uint64, []byte, []byte) bool { n++; return true }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != store.Stored() {
		t.Errorf("%d keys are stored, the store counts %d", n, store.Stored())
	}
}

// TestUsedKeysStay reads some keys again and again while others pass: the former stay in memory.
func TestUsedKeysStay(t *testing.T) {
	r := newRig(t, 1, 2<<20, Options{})
	const hot = 500
	for i := range 60000 {
		r.set(fmt.Sprint("cold ", i))
		r.count.Set(1)
		r.set(fmt.Sprint("hot ", i%hot))
		if i < hot {
			r.count.Set(2)
		} else {
			r.count.Get()
		}
	}
	if r.store.Stored() == 0 {
		t.Fatal("nothing was stored")
	}
	if n := r.store.Loads(); n > hot/10 {
		t.Errorf("keys in use were brought back %d times", n)
	}
}
