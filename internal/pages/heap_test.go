package pages

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/weirstream/weir/internal/invariants"
)

// thing is an object as the oracle knows it: its size and the seed of its bytes.
type thing struct {
	n    int
	seed uint64
}

func (o thing) fill(b []byte) { copy(b, noiseAt(o.seed, o.n)) }

func (o thing) check(t *testing.T, where string, off Off, b []byte) {
	if !bytes.Equal(b, noiseAt(o.seed, o.n)) {
		t.Fatalf("%s: object %#x of %d bytes is wrong", where, off, o.n)
	}
}

type heapFrozen struct {
	s       *HeapSnapshot
	objects map[Off]thing
}

func (f heapFrozen) check(t *testing.T) {
	for off, o := range f.objects {
		o.check(t, "snapshot", off, bytesAt(f.s.At(off), o.n))
	}
}

type heapModel struct {
	t       *testing.T
	r       *rand.Rand
	h       *Heap
	objects map[Off]thing
	order   []Off // the keys of objects, to draw from
	snaps   []heapFrozen
	base    int64
	account *Account
	bytes   int
}

func (m *heapModel) size() int {
	switch d := m.r.IntN(1000); {
	case d < 600:
		return m.r.IntN(80)
	case d < 900:
		return m.r.IntN(2000)
	case d < 995:
		return m.r.IntN(70000)
	default:
		return m.r.IntN(3 << 20)
	}
}

func (m *heapModel) alloc(n int) {
	off := m.h.Alloc(n)
	if _, double := m.objects[off]; double || off == 0 {
		m.t.Fatalf("Alloc gives %#x again", off)
	}
	if !allZero(bytesAt(m.h.At(off), m.h.Capacity(n))) {
		m.t.Fatalf("a new object of %d bytes is not zero", n)
	}
	o := thing{n: n, seed: m.r.Uint64()}
	o.fill(bytesAt(m.h.Edit(off, n), n))
	m.objects[off] = o
	m.order = append(m.order, off)
	m.bytes += n
}

func (m *heapModel) free(k int) {
	off := m.order[k]
	o := m.objects[off]
	o.check(m.t, "free", off, bytesAt(m.h.At(off), o.n))
	m.h.Free(off, o.n)
	delete(m.objects, off)
	m.order[k] = m.order[len(m.order)-1]
	m.order = m.order[:len(m.order)-1]
	m.bytes -= o.n
}

func (m *heapModel) edit(k int) {
	off := m.order[k]
	o := m.objects[off]
	b := bytesAt(m.h.Edit(off, o.n), o.n)
	o.check(m.t, "edit", off, b)
	o.seed = m.r.Uint64()
	o.fill(b)
	m.objects[off] = o
}

func (m *heapModel) check() {
	var used int64
	for off, o := range m.objects {
		o.check(m.t, "heap", off, bytesAt(m.h.At(off), o.n))
		used += int64(m.h.Capacity(o.n))
	}
	if m.h.Used() != used {
		m.t.Fatalf("Used is %d, want %d", m.h.Used(), used)
	}
	if used, inUse := m.account.Used(), Stats().InUse-m.base; used != inUse {
		m.t.Fatalf("%d bytes counted, %d in use", used, inUse)
	}
	var snaps []*frozen
	for _, f := range m.snaps {
		snaps = append(snaps, &f.s.frozen)
	}
	checkRetired(m.t, &m.h.table, snaps)
	var held, bitmaps int64
	for i := range m.h.meta {
		held += int64(m.h.meta[i].size)
		bitmaps += int64(m.h.meta[i].bitmapSize)
	}
	if m.h.Held() != held || m.account.Used() != held+bitmaps+m.account.Retired() {
		m.t.Fatalf("%d bytes held, want %d; with %d of bitmaps and %d retired %d are counted", m.h.Held(), held, bitmaps, m.account.Retired(), m.account.Used())
	}
}

func (m *heapModel) release(k int) {
	m.snaps[k].check(m.t)
	m.snaps[k].s.Release()
	m.snaps[k].s.Release()
	m.snaps = slices.Delete(m.snaps, k, k+1)
}

// step does one random thing. The heap grows and shrinks in tides, so that pages become empty.
func (m *heapModel) step(i int) {
	n := len(m.order)
	grows := i/300%2 == 0
	switch op := m.r.IntN(1000); {
	case op < 300 || grows && op < 600:
		if m.bytes < 8<<20 {
			m.alloc(m.size())
		}
	case op < 800 && n > 0:
		m.free(m.r.IntN(n))
	case op < 985 && n > 0:
		m.edit(m.r.IntN(n))
	case op < 992 && len(m.snaps) < 5:
		m.snaps = append(m.snaps, heapFrozen{s: m.h.Freeze(), objects: maps.Clone(m.objects)})
	case op < 999 && len(m.snaps) > 0:
		m.release(m.r.IntN(len(m.snaps)))
	case op == 999 && m.r.IntN(3) == 0:
		m.h.Reset()
		clear(m.objects)
		m.order, m.bytes = m.order[:0], 0
	}
}

func TestHeap(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			returned(t)
			m := &heapModel{t: t, r: newRand(seed), objects: map[Off]thing{}, base: Stats().InUse, account: NewAccount("test", 0, nil)}
			m.h = NewHeap(m.account)
			if seed%2 == 1 {
				m.h.gen = math.MaxUint32 - 5 // generations run out
			}
			for i := range 3000 {
				m.step(i)
				if i%200 == 0 {
					m.check()
				}
			}
			for len(m.snaps) > 3 {
				m.release(m.r.IntN(len(m.snaps)))
			}
			for len(m.order) > 0 {
				m.free(m.r.IntN(len(m.order)))
			}
			m.check()
			m.h.Close()
			m.h.Close()
			for len(m.snaps) > 0 {
				m.release(m.r.IntN(len(m.snaps)))
			}
			if used, retired := m.account.Used(), m.account.Retired(); used != 0 || retired != 0 {
				t.Errorf("%d bytes are counted at the end, %d retired", used, retired)
			}
		})
	}
}

// TestHeapOneClass goes through all room of pages of one size, in the orders that fill, empty and refill them.
func TestHeapOneClass(t *testing.T) {
	for _, n := range []int{1, 16, 17, 48, 100, 320, 1000, 5000, 10 << 10, 24 << 10, 32 << 10, 33 << 10} {
		returned(t)
		a := NewAccount("test", 0, nil)
		m := &heapModel{t: t, r: newRand(uint64(n)), h: NewHeap(a), objects: map[Off]thing{}, base: Stats().InUse, account: a}
		count := 5 * heapPage / max(n, 16)
		for range 3 {
			for range count {
				m.alloc(n)
			}
			full := a.Used()
			for range count / 2 {
				m.free(m.r.IntN(len(m.order)))
			}
			for range count / 2 {
				m.alloc(n)
			}
			if now := a.Used(); now > full+full/50+512*8 { // bitmaps are new
				t.Errorf("objects of %d bytes: %d bytes after half of them were replaced, %d before", n, now, full)
			}
			m.check()
			for len(m.order) > 0 {
				m.free(m.r.IntN(len(m.order)))
			}
			if left := a.Used(); left > int64(objectShapes[nObjectClasses-1].size) {
				t.Errorf("objects of %d bytes: %d bytes are left when all are freed", n, left)
			}
		}
		m.h.Close()
	}
}

// TestHeapSmall says what few objects cost.
func TestHeapSmall(t *testing.T) {
	returned(t)
	a := NewAccount("test", 0, nil)
	h := NewHeap(a)
	defer h.Close()
	total := int64(0)
	for n := int64(1); n < 1000; n++ {
		h.Alloc(20)
		total += 32
		if used := a.Used(); used > max(256, 2*total) {
			t.Errorf("%d objects cost %d bytes", n, used)
		}
	}
}

// TestHeapReaders reads snapshots in other goroutines while the owner goes on.
func TestHeapReaders(t *testing.T) {
	returned(t)
	m := &heapModel{t: t, r: newRand(1), h: NewHeap(nil), objects: map[Off]thing{}}
	var wg sync.WaitGroup
	for range 20 {
		for range 300 {
			m.alloc(m.r.IntN(200))
		}
		f := heapFrozen{s: m.h.Freeze(), objects: maps.Clone(m.objects)}
		wg.Go(func() {
			for off, o := range f.objects {
				b := make([]byte, o.n)
				copy(b, bytesAt(f.s.At(off), o.n)) // which the race detector sees, unlike bytes.Equal
				if !bytes.Equal(b, noiseAt(o.seed, o.n)) {
					t.Errorf("object %#x of a snapshot is wrong", off)
				}
			}
			f.s.Release()
		})
		for range 200 {
			m.edit(m.r.IntN(len(m.order)))
			m.free(m.r.IntN(len(m.order)))
		}
	}
	m.h.Close()
	wg.Wait()
}

func TestHeapMisuse(t *testing.T) {
	returned(t)
	h := NewHeap(nil)
	defer h.Close()
	mustPanic(t, "a negative size", func() { h.Alloc(-1) })
	mustPanic(t, "too large", func() { h.Alloc(maxObject + 1) })
	o := h.Alloc(10)
	h.Alloc(10)
	if !invariants.Enabled {
		return
	}
	mustPanic(t, "another class", func() { h.Free(o, 100) })
	mustPanic(t, "no object", func() { h.Free(o+8, 10) })
	mustPanic(t, "offset 0", func() { h.Free(0, 10) })
	mustPanic(t, "a page of its own", func() { h.Free(o, 1<<20) })
	h.Free(o, 10)
	mustPanic(t, "freed twice", func() { h.Free(o, 10) })
}
