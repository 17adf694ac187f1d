package pages

import (
	"fmt"
	"sync"
	"testing"

	"github.com/weirstream/weir/internal/invariants"
)

type row24 struct{ a, b, c uint64 }

const benchRows = 1 << 20

// order returns row numbers in random order.
func order() []uint32 {
	r := newRand(1)
	o := make([]uint32, 1<<16)
	for i := range o {
		o[i] = uint32(r.IntN(benchRows))
	}
	return o
}

func filled(n int) *Vec {
	v := NewVec(24, nil)
	for range n {
		v.Append()
	}
	return v
}

// BenchmarkVec does what BenchmarkSlice does with a Go slice.
func BenchmarkVec(b *testing.B) {
	b.Run("append", func(b *testing.B) {
		v := NewVec(24, nil)
		defer v.Close()
		for i := uint64(0); b.Loop(); i++ {
			if v.Len() == benchRows {
				v.Reset()
			}
			r := (*row24)(v.Edit(v.Append()))
			r.a = i
		}
	})
	v, at := filled(benchRows), order()
	defer v.Close()
	b.Run("edit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			(*row24)(v.Edit(at[i&(1<<16-1)])).b++
		}
	})
	b.Run("read", func(b *testing.B) {
		sum := uint64(0)
		for i := 0; b.Loop(); i++ {
			sum += (*row24)(v.At(at[i&(1<<16-1)])).b
		}
		sink = sum
	})
}

var sink uint64

func BenchmarkSlice(b *testing.B) {
	b.Run("append", func(b *testing.B) {
		var s []row24
		for i := uint64(0); b.Loop(); i++ {
			if len(s) == benchRows {
				s = nil
			}
			s = append(s, row24{a: i})
		}
	})
	s, at := make([]row24, benchRows), order()
	b.Run("edit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s[at[i&(1<<16-1)]].b++
		}
	})
	b.Run("read", func(b *testing.B) {
		sum := uint64(0)
		for i := 0; b.Loop(); i++ {
			sum += s[at[i&(1<<16-1)]].b
		}
		sink = sum
	})
}

func BenchmarkFreeze(b *testing.B) {
	for _, n := range []int{1 << 10, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			v := filled(n)
			defer v.Close()
			for b.Loop() {
				v.shared = nil // as after a page was added or copied
				v.Freeze().Release()
			}
		})
	}
	// Each iteration copies all pages.
	b.Run("rewrite/rows=1000000", func(b *testing.B) {
		v := filled(1_000_000)
		defer v.Close()
		for b.Loop() {
			s := v.Freeze()
			for i := uint32(0); i < v.Len(); i += v.mask + 1 {
				v.Edit(i)
			}
			s.Release()
		}
	})
}

func BenchmarkHeap(b *testing.B) {
	for _, n := range []int{16, 100, 1000} {
		h, r := NewHeap(nil), newRand(1)
		live := make([]Off, 100_000)
		for i := range live {
			live[i] = h.Alloc(n)
		}
		at := make([]uint32, 1<<16)
		for i := range at {
			at[i] = uint32(r.IntN(len(live)))
		}
		b.Run(fmt.Sprintf("replace/n=%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				k := at[i&(1<<16-1)]
				h.Free(live[k], n)
				live[k] = h.Alloc(n)
			}
		})
		b.Run(fmt.Sprintf("edit/n=%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				*(*uint64)(h.Edit(live[at[i&(1<<16-1)]], n))++
			}
		})
		h.Close()
	}
}

// BenchmarkPool takes and gives back pages, in one goroutine and in two that contend.
func BenchmarkPool(b *testing.B) {
	for _, size := range []int{256, 24 << 10} {
		for _, goroutines := range []int{1, 2} {
			b.Run(fmt.Sprintf("size=%d/goroutines=%d", size, goroutines), func(b *testing.B) {
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for range b.N {
							addr, _ := allocPage(size)
							freePage(addr, size)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// TestNoAllocation checks that Go's heap is left alone in the steady state.
func TestNoAllocation(t *testing.T) {
	if invariants.Enabled {
		t.Skip("assertions allocate")
	}
	returned(t)
	v, h := filled(5000), NewHeap(nil)
	defer v.Close()
	defer h.Close()
	keep := h.Alloc(100)
	work := func() {
		v.Reset()
		for range 5000 {
			*(*uint64)(v.Edit(v.Append())) = 1
		}
		var objects [300]Off
		for i := range objects {
			objects[i] = h.Alloc(i * 5)
		}
		for i, o := range objects {
			h.Free(o, i*5)
		}
		o := h.Alloc(100_000)
		h.Free(o, 100_000)
		*(*uint64)(h.Edit(keep, 8))++
		Free(Alloc(1000), 1000)
	}
	if n := testing.AllocsPerRun(20, work); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
