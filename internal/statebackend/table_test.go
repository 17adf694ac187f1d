package statebackend

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/internal/base"
)

// hashes of growing badness: the last gives every key of a group the same slot and the same tag.
var hashes = map[string]func(key uint64) uint64{
	"good":         func(k uint64) uint64 { return (k + 1) * 0x9E3779B97F4A7C15 },
	"same slot":    func(k uint64) uint64 { return (k + 1) * 0x9E3779B97F4A7C15 &^ 0xFFFFFF },
	"same tag":     func(k uint64) uint64 { return k&0xFFFFFF | k<<56 },
	"one per 16":   func(k uint64) uint64 { return k / 16 * 0x9E3779B97F4A7C15 },
	"all the same": func(uint64) uint64 { return 42 << 40 },
}

func TestTableIsAMap(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		hash := hashes[name]
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				rng := rand.New(rand.NewPCG(seed, 3))
				maxParallelism := []int{1, 7, 128, 32768}[rng.IntN(4)]
				parallelism := 1 + rng.IntN(min(maxParallelism, 8))
				tables := make([]*Table[uint64, int], parallelism)
				for i := range tables {
					tables[i] = NewTable[uint64, int](base.RangeOf(i, parallelism, maxParallelism), maxParallelism, nil, nil)
				}
				want := map[uint64]int{}
				order := map[int][]uint64{} // keys by group, as they arrived
				keys := uint64(1) << rng.IntN(11)
				for n := range 3000 {
					key := rng.Uint64N(keys)
					h := hash(key)
					group := base.KeyGroup(h, maxParallelism)
					v, fresh := tables[base.SubtaskOf(group, parallelism, maxParallelism)].At(h, key)
					if _, known := want[key]; known == fresh {
						t.Fatalf("seed %d, step %d: key %d is fresh: %v", seed, n, key, fresh)
					}
					if *v != want[key] {
						t.Fatalf("seed %d, step %d: key %d has %d, want %d", seed, n, key, *v, want[key])
					}
					if fresh {
						order[group] = append(order[group], key)
					}
					*v += n
					want[key] += n
				}
				got := map[uint64]int{}
				var sequence, wantSequence []uint64
				for i, table := range tables {
					n := 0
					for k, v := range table.All {
						got[k] = *v
						sequence = append(sequence, k)
						n++
					}
					if n != table.Len() {
						t.Fatalf("seed %d: table %d has %d keys, Len says %d", seed, i, n, table.Len())
					}
				}
				for _, g := range slices.Sorted(maps.Keys(order)) {
					wantSequence = append(wantSequence, order[g]...)
				}
				if !maps.Equal(got, want) || !slices.Equal(sequence, wantSequence) {
					t.Fatalf("seed %d: the table is not the map", seed)
				}
			}
		})
	}
}

// Growth of one key group leaves the others alone, and no row is lost on the way.
func TestTableGrows(t *testing.T) {
	table := NewTable[string, int](base.RangeOf(0, 1, 4), 4, nil, nil)
	hash := hashes["good"]
	for i := range 100_000 {
		v, fresh := table.At(hash(uint64(i)), fmt.Sprint(i))
		if !fresh {
			t.Fatalf("key %d was there", i)
		}
		*v = i
	}
	for i := range 100_000 {
		if v, fresh := table.At(hash(uint64(i)), fmt.Sprint(i)); fresh || *v != i {
			t.Fatalf("key %d: %d, fresh %v", i, *v, fresh)
		}
	}
	n := 0
	for range table.All {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Fatalf("All went on after the loop had ended: %d", n)
	}
}

// equal decides where == does not, and own is called once for each key that is kept.
func TestTableEqualAndOwn(t *testing.T) {
	owned := 0
	equal := func(a, b *float64) bool { return *a == *b || math.IsNaN(*a) && math.IsNaN(*b) }
	table := NewTable[float64, int](base.RangeOf(0, 1, 128), 128, equal, func(*float64) { owned++ })
	for range 3 {
		for i, k := range []float64{math.NaN(), 0, 1, math.Inf(1)} {
			v, fresh := table.At(uint64(i)<<60, k)
			if fresh != (*v == 0) {
				t.Fatalf("%v: fresh %v with %d", k, fresh, *v)
			}
			*v++
		}
	}
	if table.Len() != 4 || owned != 4 {
		t.Fatalf("%d keys, %d owned", table.Len(), owned)
	}
	for k, v := range table.All {
		if *v != 3 {
			t.Errorf("%v: %d", k, *v)
		}
	}
}
