package backendtest

import (
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// Benchmark measures read-modify-write on 1,000,000 integer keys at random, which all have state from the start: value, list and map state of the backend of the given name, each beside the same done with
// a plain Go map, under the names value/go, value/NAME and so on. With the suffix -touched keys are announced 32 at a time by Touch, as keyed operators do; -edit changes the value in
// place. A value is incremented; a list is appended to and emptied when it has 16 elements; of a map, of which there are 62,500 with 16 entries each, an entry is incremented.
func Benchmark(b *testing.B, name string, open Open) {
	keys := benchKeys()
	b.Run("value", func(b *testing.B) {
		b.Run("go", func(b *testing.B) { goValue(b, keys) })
		for _, form := range forms {
			b.Run(name+form.name, func(b *testing.B) { benchValue(b, open, keys, form) })
		}
	})
	b.Run("list", func(b *testing.B) {
		b.Run("go", func(b *testing.B) { goList(b, keys) })
		for _, form := range forms[:2] {
			b.Run(name+form.name, func(b *testing.B) { benchList(b, open, keys, form) })
		}
	})
	b.Run("map", func(b *testing.B) {
		b.Run("go", func(b *testing.B) { goMap(b, keys) })
		for _, form := range forms {
			b.Run(name+form.name, func(b *testing.B) { benchMap(b, open, keys, form) })
		}
	})
}

type form struct {
	name        string
	touch, edit bool
}

var forms = []form{{"", false, false}, {"-touched", true, false}, {"-edit", false, true}, {"-edit-touched", true, true}}

const (
	benchSpace  = 1_000_000
	benchRing   = 1 << 22
	benchAhead  = 32
	listLength  = 16
	mapsEntries = 16
)

func benchKeys() []int64 {
	rng := rand.New(rand.NewPCG(1, 2))
	keys := make([]int64, benchRing)
	for i := range keys {
		keys[i] = rng.Int64N(benchSpace)
	}
	return keys
}

func hashOf(k int64) uint64 { return base.HashCombine(base.HashSeed, base.LaneInt(k)) }

// measured runs f for b.N keys and reports CPU time beside the clock's.
func measured(b *testing.B, f func(n int)) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	f(b.N)
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

func goValue(b *testing.B, keys []int64) {
	m := map[int64]int64{}
	for k := range int64(benchSpace) {
		m[k] = 0
	}
	measured(b, func(n int) {
		for i := range n {
			m[keys[i&(benchRing-1)]]++
		}
	})
}

func goList(b *testing.B, keys []int64) {
	m := map[int64][]int64{}
	for k := range int64(benchSpace) {
		m[k] = append(make([]int64, 0, listLength), 0)
	}
	sum := int64(0)
	measured(b, func(n int) {
		for i := range n {
			k := keys[i&(benchRing-1)]
			list := append(m[k], int64(i))
			if len(list) == listLength {
				for _, v := range list {
					sum += v
				}
				list = list[:0]
			}
			m[k] = list
		}
	})
}

func goMap(b *testing.B, keys []int64) {
	type entry struct{ k, mk int64 }
	m := map[entry]int64{}
	for k := range int64(benchSpace) {
		m[entry{k / mapsEntries, k % mapsEntries}] = 0
	}
	measured(b, func(n int) {
		for i := range n {
			k := keys[i&(benchRing-1)]
			m[entry{k / mapsEntries, k % mapsEntries}]++
		}
	})
}

// benchStore opens a store with a space of integer keys.
func benchStore(b *testing.B, open Open) *statebackend.Scope {
	s := open(b, statebackend.Config{Operator: "benchmark", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	sp := s.Space("keys", statebackend.KeyLayout{Words: 1})
	sp.Rehash(func(w []uint64, _ []byte) (uint64, uint64) { h := hashOf(int64(w[0])); return h, h })
	return statebackend.NewScope(sp)
}

func pointAt(s *statebackend.Scope, k int64) {
	s.Words()[0] = uint64(k)
	s.Set(hashOf(k), nil)
}

// touch announces the keys from i on, whenever that is due; shift is how many of them have one state.
func touch(s *statebackend.Scope, keys []int64, i int, per int64, hashes *[benchAhead]uint64) {
	if i&(benchAhead-1) != 0 {
		return
	}
	for j := range hashes {
		hashes[j] = hashOf(keys[(i+j)&(benchRing-1)] / per)
	}
	s.Space().Touch(hashes[:])
}

func benchValue(b *testing.B, open Open, keys []int64, f form) {
	scope := benchStore(b, open)
	value := statebackend.NewValue[int64](scope, "value", nil)
	for k := range int64(benchSpace) {
		pointAt(scope, k)
		value.Set(0)
	}
	var hashes [benchAhead]uint64
	measured(b, func(n int) {
		for i := range n {
			if f.touch {
				touch(scope, keys, i, 1, &hashes)
			}
			pointAt(scope, keys[i&(benchRing-1)])
			if f.edit {
				v, _ := value.Edit()
				*v++
				value.Done()
				continue
			}
			v, _ := value.Get()
			value.Set(v + 1)
		}
	})
}

func benchList(b *testing.B, open Open, keys []int64, f form) {
	scope := benchStore(b, open)
	list := statebackend.NewList[int64](scope, "list", nil)
	for k := range int64(benchSpace) {
		pointAt(scope, k)
		list.Add(0)
	}
	var hashes [benchAhead]uint64
	sum := int64(0)
	measured(b, func(n int) {
		for i := range n {
			if f.touch {
				touch(scope, keys, i, 1, &hashes)
			}
			pointAt(scope, keys[i&(benchRing-1)])
			list.Add(int64(i))
			if list.Len() == listLength {
				for v := range list.All() {
					sum += v
				}
				list.Clear()
			}
		}
	})
}

func benchMap(b *testing.B, open Open, keys []int64, f form) {
	scope := benchStore(b, open)
	entries := statebackend.NewMap[int64, int64](scope, "map", nil)
	for k := range int64(benchSpace) {
		pointAt(scope, k/mapsEntries)
		entries.Put(k%mapsEntries, 0)
	}
	var hashes [benchAhead]uint64
	measured(b, func(n int) {
		for i := range n {
			if f.touch {
				touch(scope, keys, i, mapsEntries, &hashes)
			}
			k := keys[i&(benchRing-1)]
			pointAt(scope, k/mapsEntries)
			if f.edit {
				v, _ := entries.Edit(k % mapsEntries)
				*v++
				entries.Done()
				continue
			}
			v, _ := entries.Get(k % mapsEntries)
			entries.Put(k%mapsEntries, v+1)
		}
	})
}
