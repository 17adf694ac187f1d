package lsm

import (
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
)

const (
	benchKeys = 1 << 20
	benchRun  = 1 << 22
	// touchAhead is how many hashes a keyed operator is told at a time.
	touchAhead = 32
)

type benchStore struct {
	scope *statebackend.Scope
	value *statebackend.Value[int64]
	list  *statebackend.List[int64]
	tags  *statebackend.Map[int64, int64]
}

// newBench makes a store: in memory alone if spill is false, and with as much memory as the limit says otherwise.
func newBench(b *testing.B, spill bool, limit int64) *benchStore {
	memory := pages.NewAccount("memory", limit, nil)
	cfg := statebackend.Config{Operator: "bench", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128, Account: pages.NewAccount("bench", 0, memory)}
	if spill {
		cfg.Spill = New(Options{Dir: b.TempDir(), Memory: memory, Stores: 1})
	}
	s, err := statebackend.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return &benchStore{scope: statebackend.NewScope(s.Space("keys", statebackend.KeyLayout{Words: 1}))}
}

func (s *benchStore) keys(keys []int64, hashes []uint64, more func() bool, f func(k int64)) {
	for i := 0; more(); i++ {
		at := i & (len(keys) - 1)
		if at%touchAhead == 0 {
			s.scope.Space().Touch(hashes[at : at+touchAhead])
		}
		k := keys[at]
		s.scope.Words()[0] = uint64(k)
		s.scope.Set(hashes[at], nil)
		f(k)
	}
}

// BenchmarkState reads, changes and writes state of a million keys at random: in a Go map, in the memory backend, in this one while all fits in memory, and in this one with memory for about a tenth of it.
func BenchmarkState(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	keys, hashes := make([]int64, benchRun), make([]uint64, benchRun)
	for i := range keys {
		keys[i] = rnd.Int64N(benchKeys)
		hashes[i] = base.HashCombine(base.HashSeed, base.LaneInt(keys[i]))
	}
	stores := []struct {
		name  string
		spill bool
		limit int64 // bytes a key
	}{{"memory", false, 0}, {"warm", true, 4096}, {"cold", true, 0}}
	kinds := []struct {
		name    string
		goMap   func() func(k int64)
		declare func(s *benchStore) func(k int64)
		cold    int64 // bytes of memory for the cold run
	}{
		{"value", func() func(int64) {
			m := map[int64]int64{}
			return func(k int64) { m[k]++ }
		}, func(s *benchStore) func(int64) {
			s.value = statebackend.NewValue[int64](s.scope, "value", nil)
			return func(int64) {
				v, _ := s.value.Get()
				s.value.Set(v + 1)
			}
		}, 10 << 20},
		{"map", func() func(int64) {
			m := map[[2]int64]int64{}
			return func(k int64) { m[[2]int64{k, k & 1}]++ }
		}, func(s *benchStore) func(int64) {
			s.tags = statebackend.NewMap[int64, int64](s.scope, "map", nil)
			return func(k int64) {
				v, _ := s.tags.Get(k & 1)
				s.tags.Put(k&1, v+1)
			}
		}, 20 << 20},
		{"list", func() func(int64) {
			m := map[int64][]int64{}
			return func(k int64) {
				if l := m[k]; len(l) == 8 {
					m[k] = append(l[:0], k)
				} else {
					m[k] = append(l, k)
				}
			}
		}, func(s *benchStore) func(int64) {
			s.list = statebackend.NewList[int64](s.scope, "list", nil)
			return func(k int64) {
				if s.list.Len() == 8 {
					s.list.Clear()
				}
				s.list.Add(k)
			}
		}, 20 << 20},
	}
	for _, kind := range kinds {
		b.Run(kind.name+"/map", func(b *testing.B) {
			f := kind.goMap()
			for k := range int64(benchKeys) {
				f(k)
			}
			for i := 0; b.Loop(); i++ {
				f(keys[i&(benchRun-1)])
			}
		})
		for _, store := range stores {
			b.Run(kind.name+"/"+store.name, func(b *testing.B) {
				limit := store.limit * benchKeys
				if store.spill && limit == 0 {
					limit = kind.cold
				}
				s := newBench(b, store.spill, limit)
				f := kind.declare(s)
				n := 0
				s.keys(keys, hashes, func() bool { n++; return n <= benchKeys }, f)
				b.ReportAllocs()
				s.keys(keys, hashes, b.Loop, f)
				if store.spill {
					b.ReportMetric(float64(s.scope.Space().Len()), "keys-in-memory")
				}
			})
		}
	}
}
