package backendtest

import (
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// testCleaning checks that expired state goes without being read, and only where it should.
func testCleaning(t *testing.T, open Open) {
	for _, noCleanup := range []bool{false, true} {
		s := open(t, statebackend.Config{Operator: "cleaning", Groups: base.KeyGroupRange{First: 0, Last: 15}, MaxParallelism: 16})
		defer s.Close()
		sp := s.Space("keys", statebackend.KeyLayout{Words: 1})
		sp.Rehash(func(w []uint64, _ []byte) (uint64, uint64) { return mix(w[0]), mix(w[0]) })
		scope := statebackend.NewScope(sp)
		ttl := &statebackend.TTL{Millis: 100, NoCleanup: noCleanup}
		value := statebackend.NewValue[string](scope, "value", ttl)
		list := statebackend.NewList[int64](scope, "list", ttl)
		entries := statebackend.NewMap[int64, string](scope, "map", ttl)
		point := func(k uint64) {
			scope.Words()[0] = k
			scope.Set(mix(k), nil)
		}
		const keys = 1000
		for k := range uint64(keys) {
			point(k)
			switch k % 3 {
			case 0:
				value.Set("a string that is too long to be kept in a row")
			case 1:
				for i := range int64(20) {
					list.Add(i)
				}
			case 2:
				for i := range int64(20) {
					entries.Put(i, "")
				}
			}
		}
		s.Tick(100)
		for range 20 * keys {
			point(keys)
		}
		scope.Unset()
		left := s.Keys() + s.Stored()
		switch {
		case !noCleanup && left != 0:
			t.Errorf("%d rows are left after all has expired", left)
		case noCleanup && left == 0:
			t.Errorf("all rows were cleaned up though they should not be")
		}
		for k := range uint64(keys) {
			point(k)
			if _, ok := value.Get(); ok || entries.Contains(3) {
				t.Fatalf("key %d still has state", k)
			}
			for range list.All() {
				t.Fatalf("key %d still has state", k)
			}
		}
	}
}

func mix(k uint64) uint64 { return base.HashCombine(base.HashSeed, k) }
