package pages

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/internal/invariants"
)

// held is a page that a test has, filled with noise.
type held struct {
	p    unsafe.Pointer
	size int
	seed uint64
}

// randomSize draws sizes from all classes, and above them.
func randomSize(r *rand.Rand) int {
	if r.IntN(200) == 0 {
		return bigSlab + r.IntN(bigSlab)
	}
	return r.IntN(1<<(6+r.IntN(15))) + 1
}

func (h held) check(t *testing.T) {
	t.Helper()
	if !bytes.Equal(bytesAt(h.p, h.size), noiseAt(h.seed, h.size)) {
		t.Errorf("a page of %d bytes has lost what was written to it: pages overlap", h.size)
	}
}

// churn takes and gives back pages at random, and checks that they are zero first and keep what is written to them.
func churn(t *testing.T, seed uint64, rounds int, budget int) {
	r := newRand(seed)
	var have []held
	total := 0
	for range rounds {
		if size := randomSize(r); len(have) == 0 || total+size < budget && r.IntN(9) < 5 {
			p := Alloc(size)
			if uintptr(p)%64 != 0 {
				t.Errorf("a page of %d bytes is at %p", size, p)
			}
			if b := bytesAt(p, roundPage(size)); !allZero(b) {
				t.Errorf("a new page of %d bytes is not zero", size)
			}
			h := held{p: p, size: size, seed: r.Uint64()}
			copy(bytesAt(p, size), noiseAt(h.seed, size))
			have, total = append(have, h), total+size
			continue
		}
		k := r.IntN(len(have))
		h := have[k]
		h.check(t)
		Free(h.p, h.size)
		total -= h.size
		have[k] = have[len(have)-1]
		have = have[:len(have)-1]
	}
	for _, h := range have {
		h.check(t)
		Free(h.p, h.size)
	}
}

func TestPool(t *testing.T) {
	returned(t)
	for seed := range uint64(3) {
		churn(t, seed, 3000, 64<<20)
	}
}

func TestPoolConcurrent(t *testing.T) {
	returned(t)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() { churn(t, 100+g, 1500, 8<<20) })
	}
	wg.Wait()
}

// TestPoolReuse fills memory with pages of one size after another: each must find the memory of the one before.
func TestPoolReuse(t *testing.T) {
	returned(t)
	fill := func(size int) {
		var have []unsafe.Pointer
		for total := 0; total < 32<<20; total += size {
			have = append(have, Alloc(size))
		}
		for _, p := range have {
			Free(p, size)
		}
	}
	fill(256)
	before := Stats().Mapped
	for _, size := range []int{256, 4 << 10, 5 << 10, 24 << 10, 256 << 10, 2 << 20, 320} {
		fill(size)
	}
	// One slab of each size stays where it is, and pages do not divide slabs evenly.
	if after := Stats().Mapped; after > before+regionBytes {
		t.Errorf("%d bytes mapped, %d before", after, before)
	}
}

// TestWarm has memory made ready, which is zero, and is what is used next.
func TestWarm(t *testing.T) {
	returned(t)
	Warm(3 * bigSlab)
	if n := pool.nready.Load(); n < 3 {
		t.Fatalf("%d blocks are ready", n)
	}
	before := Stats().Mapped
	Warm(3 * bigSlab)
	var have []unsafe.Pointer
	for range 3 {
		p := Alloc(bigSlab)
		if !allZero(bytesAt(p, bigSlab)) {
			t.Error("a page that was made ready is not zero")
		}
		bytesAt(p, bigSlab)[7] = 1
		have = append(have, p)
	}
	if after := Stats().Mapped; after != before {
		t.Errorf("%d bytes are mapped, %d were before: what was ready is not used", after, before)
	}
	for _, p := range have {
		Free(p, bigSlab)
	}
}

func TestPoolLarge(t *testing.T) {
	returned(t)
	before := Stats()
	const size = 3<<20 + 5
	p := Alloc(size)
	bytesAt(p, size)[size-1] = 1
	if s := Stats(); s.Mapped-before.Mapped != 3<<20+4096 || s.InUse-before.InUse != 3<<20+4096 {
		t.Errorf("%+v after a page of %d bytes, %+v before", s, size, before)
	}
	runtime.GC()
	Free(p, size)
	if s := Stats(); s != before {
		t.Errorf("%+v after it was freed, %+v before", s, before)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestPoolMisuse(t *testing.T) {
	returned(t)
	p, q := Alloc(1000), Alloc(1000)
	mustPanic(t, "another size", func() { Free(p, 10000) })
	mustPanic(t, "inside of a page", func() { Free(unsafe.Add(p, 64), 1000) })
	mustPanic(t, "no page", func() { Free(unsafe.Pointer(t), 1000) })
	mustPanic(t, "a negative size", func() { Alloc(-1) })
	before := Stats()
	mustPanic(t, "more than any system has", func() { Alloc(math.MaxInt - 1<<20) })
	if s := Stats(); s != before {
		t.Errorf("%+v after memory was refused, %+v before", s, before)
	}
	Free(p, 1000)
	mustPanic(t, "freed twice", func() { Free(p, 1000) })
	if invariants.Enabled && bytesAt(p, 1)[0] != 0xdb {
		t.Error("a freed page is not poisoned")
	}
	Free(q, 1000)
}
