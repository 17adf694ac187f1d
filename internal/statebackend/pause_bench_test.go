package statebackend

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/internal/base"
)

// BenchmarkPause tells, in the middle and at most, how long a task's thread computes between two records at most, without a checkpoint and while one is taken, for state of some megabytes: time of the processor, so that others on the machine
// do not count.
func BenchmarkPause(b *testing.B) {
	type record struct{ Count, Sum, Low, High, First, Last, Spare, Sum2, More int64 }
	for _, megabytes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%dMB", megabytes), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			s, err := New(Config{Operator: "sum", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128, Fail: func(err error) { b.Error(err) }})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			sp := s.Space("keyed", KeyLayout{Words: 1})
			at := NewScope(sp)
			v := NewValue[record](at, "value", nil)
			s.Track()
			hash := func(k uint64) uint64 { return base.HashCombine(base.HashSeed, k) }
			keys := megabytes << 20 / sp.width
			update := func(k uint64) {
				at.Words()[0] = k
				at.Set(hash(k), nil)
				r, _ := v.Edit()
				r.Count++
				v.Done()
			}
			for k := range keys {
				update(uint64(k))
			}
			rng := rand.New(rand.NewPCG(1, 2))
			const step = 8
			var quiet, busy []time.Duration
			var freezes []time.Duration
			b.ResetTimer()
			var total time.Duration
			n := 0
			for range min(12, 4000/megabytes) {
				longest := func(until func() bool) (most time.Duration) {
					for last := threadTime(); !until(); {
						for range step {
							update(rng.Uint64N(uint64(keys)))
						}
						now := threadTime()
						total += now - last
						n += step
						most, last = max(most, now-last), now
					}
					return most
				}
				left := 5000
				quiet = append(quiet, longest(func() bool { left--; return left < 0 }))
				start := threadTime()
				snap, err := s.Snapshot()
				if err != nil {
					b.Fatal(err)
				}
				freezes = append(freezes, threadTime()-start)
				done := make(chan struct{})
				go func() {
					defer close(done)
					snap.Warm()
					for g := range 128 {
						if err := snap.Entries(sp, g, func(_, _ []byte) bool { snap.Warm(); return true }); err != nil {
							b.Error(err)
						}
					}
				}()
				busy = append(busy, longest(func() bool {
					select {
					case <-done:
						return true
					default:
						return false
					}
				}))
				_ = snap.Release()
				s.Confirm(snap.Epoch())
			}
			at50 := func(d []time.Duration) float64 {
				slices.Sort(d)
				return float64(d[len(d)/2].Microseconds())
			}
			b.ReportMetric(float64(total.Nanoseconds())/float64(n), "ns/record")
			b.ReportMetric(at50(quiet), "µs-quiet")
			b.ReportMetric(at50(busy), "µs-pause")
			b.ReportMetric(float64(busy[len(busy)-1].Microseconds()), "µs-longest")
			b.ReportMetric(at50(freezes), "µs-freeze")
		})
	}
}
