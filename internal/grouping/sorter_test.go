package grouping

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/eventtime"
)

// TestAgainstSort puts random records, with few and many hashes, and compares with sorting all of them.
func TestAgainstSort(t *testing.T) {
	type record struct {
		hash  uint64
		time  int64
		input int
		n     uint64
		size  int
	}
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 1))
		byTime := seed%2 == 0
		dir := t.TempDir()
		cfg := Config{Memory: []int64{1, 1 << 20, 1 << 40}[seed%3], Dir: dir, ByTime: byTime}
		if seed%4 >= 2 {
			cfg.Fixed = 8 + rng.IntN(100)
		}
		// Timestamps begin to come with this record: never, at once, or halfway.
		timed := []int{1 << 30, 0, 0, 2000}[seed/6]
		s := New(cfg)
		hashes := make([]uint64, 1+rng.IntN(300))
		for i := range hashes {
			hashes[i] = rng.Uint64() >> (rng.IntN(4) * 15)
		}
		want := make([]record, rng.IntN(20_000))
		for i := range want {
			r := record{hashes[rng.IntN(len(hashes))], rng.Int64N(50), rng.IntN(3), uint64(i), 8 + rng.IntN(100)}
			if rng.IntN(2000) == 0 {
				r.size = 1 << 20
			}
			if cfg.Fixed > 0 {
				r.input, r.size = 0, cfg.Fixed
			}
			if i < timed {
				r.time = eventtime.NoTimestamp
			}
			want[i] = r
			b := unsafe.Slice((*byte)(s.Put(r.input, r.hash, r.time, r.size)), r.size)
			binary.LittleEndian.PutUint64(b, r.n)
			b[r.size-1] = byte(r.n)
			if rng.IntN(2000) == 0 && s.Full() {
				if err := s.Spill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		slices.SortStableFunc(want, func(a, b record) int {
			if !byTime {
				return cmp.Compare(a.input, b.input)
			}
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.input, b.input))
		})
		byHash := map[uint64][]record{}
		for _, r := range want {
			byHash[r.hash] = append(byHash[r.hash], r)
		}
		if err := s.Finish(); err != nil {
			t.Fatal(err)
		}
		var rest []record // of the group at hand
		for i := range want {
			r := s.Peek()
			if r == nil {
				t.Fatalf("seed %d: %d of %d records", seed, i, len(want))
			}
			if len(rest) == 0 {
				if rest = byHash[r.Hash]; len(rest) == 0 {
					t.Fatalf("seed %d: record %d: the hash %x comes again", seed, i, r.Hash)
				}
				delete(byHash, r.Hash)
			}
			w := rest[0]
			rest = rest[1:]
			n := binary.LittleEndian.Uint64(r.Data)
			if w.size == 8 {
				n = n&^(0xFF<<56) | w.n&(0xFF<<56)
			}
			if r.Hash != w.hash || r.Time != w.time || r.Input != w.input || len(r.Data) != w.size || w.size > 8 && n != w.n || r.Data[w.size-1] != byte(w.n) {
				t.Fatalf("seed %d: record %d is %x %d %d (%d bytes, number %d), want %+v", seed, i, r.Hash, r.Time, r.Input, len(r.Data), n, w)
			}
			if err := s.Skip(); err != nil {
				t.Fatal(err)
			}
		}
		if s.Peek() != nil {
			t.Fatalf("seed %d: more than %d records", seed, len(want))
		}
		if seed%3 == 0 && len(want) > 5000 && s.Spilled() == 0 {
			t.Errorf("seed %d: nothing was spilled", seed)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Fatalf("files are left: %v", left)
		}
	}
}

// TestNoDirectory wants an error that says what is wrong, not a panic.
func TestNoDirectory(t *testing.T) {
	s := New(Config{Memory: 1, Dir: t.TempDir() + "/missing"})
	s.Put(0, 1, 1, 8)
	if err := s.Spill(); err == nil || s.Close() != nil {
		t.Fatal(err)
	}
}

func BenchmarkSort(b *testing.B) {
	for _, keys := range []uint64{10_000, 1_000_000} {
		b.Run(fmt.Sprint(keys, " keys"), func(b *testing.B) {
			const n = 4_000_000
			rng := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				s := New(Config{Memory: 1 << 40, ByTime: true})
				for i := range int64(n) {
					p := s.Put(0, rng.Uint64N(keys)*0x9E3779B97F4A7C15, i, 40)
					*(*int64)(p) = i
				}
				s.Finish()
				sum := int64(0)
				for r := s.Peek(); r != nil; r = s.Peek() {
					sum += *(*int64)(unsafe.Pointer(&r.Data[0]))
					s.Skip()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}
