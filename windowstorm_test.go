package weir_test

import (
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/window"
)

// TestWatermarkClosesManyWindows lets one watermark close 1,000,000 windows whose results are 256 bytes each, or 300,000 with assertions on. An unaligned barrier and cancellation get through meanwhile in time, and
// the results do not pile up.
func TestWatermarkClosesManyWindows(t *testing.T) {
	// A machine that does much else may be slow, but what is worked off as a whole takes seconds: attention is what an idle machine is held to, and shown with -v.
	const bound = 15 * attention
	keys := int64(1_000_000)
	if invariants.Enabled {
		keys = 300_000
	}
	type wide struct {
		Key int64
		_   [31]int64
	}
	count := weir.Aggregator[int64, int64, int64]{
		Create: func() int64 { return 0 }, Add: func(n int64, _ int64) int64 { return n + 1 }, Result: func(n int64) int64 { return n }, Merge: func(a, b int64) int64 { return a + b },
	}
	result := func(ctx *weir.WindowContext[int64], _ int64, out *weir.Collector[wide]) error {
		out.Collect(wide{Key: ctx.Key()})
		return nil
	}
	hour := time.Hour
	for name, build := range map[string]func(k *weir.KeyedStream[int64, int64]) *weir.Stream[wide]{
		"tumbling": func(k *weir.KeyedStream[int64, int64]) *weir.Stream[wide] {
			return weir.AggregateWindowWith(k.Window(window.TumblingEventTime[int64](hour)), count, result)
		},
		"sliding": func(k *weir.KeyedStream[int64, int64]) *weir.Stream[wide] {
			return weir.AggregateWindowWith(k.Window(window.SlidingEventTime[int64](hour, hour/2)), count, result)
		},
		"session": func(k *weir.KeyedStream[int64, int64]) *weir.Stream[wide] {
			return weir.AggregateWindowWith(k.Window(window.EventTimeSession[int64](hour)), count, result)
		},
		"elements": func(k *weir.KeyedStream[int64, int64]) *weir.Stream[wide] {
			return weir.ApplyWindow(k.Window(window.TumblingEventTime[int64](hour)), func(ctx *weir.WindowContext[int64], _ iter.Seq[int64], out *weir.Collector[wide]) error {
				return result(ctx, 0, out)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			leak.Check(t)
			var results atomic.Int64
			var heap, most atomic.Uint64
			inUse := func() uint64 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapInuse
			}
			begin := func() *local.Job {
				results.Store(0)
				env := weir.NewEnvironment(weir.Options{Logger: quiet})
				all := weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i }).WithTimestamps(func(i int64) int64 {
					if i < keys {
						return 0
					}
					return 10 * hour.Milliseconds()
				}, 0)
				build(weir.KeyBy(all, func(i int64) int64 { return min(i, keys) })).Rebalance().ForEach(func(wide, int64) error {
					switch n := results.Add(1); {
					case n == 1:
						heap.Store(inUse())
					case n%20_000 == 0:
						most.Store(max(most.Load(), inUse()))
					}
					return nil
				})
				job, _ := submit(t, env)
				until(t, "the first result", func() bool { return results.Load() > 0 })
				return job
			}
			best, meanwhile := time.Hour, false
			for try := 0; try < 10 && (best > attention || !meanwhile); try++ {
				job := begin()
				best = min(best, barrier(t, job, true))
				meanwhile = meanwhile || results.Load() < keys
				job.Cancel()
				<-job.Done()
			}
			t.Logf("an unaligned barrier takes %v at best", best)
			if best > bound || !meanwhile {
				t.Errorf("an unaligned barrier takes %v at best, meanwhile: %v", best, meanwhile)
			}
			best = time.Hour
			for try := 0; try < 10 && best > attention; try++ {
				job := begin()
				begun := time.Now()
				job.Cancel()
				<-job.Done()
				best = min(best, time.Since(begun))
			}
			t.Logf("cancellation takes %v at best", best)
			if best > bound {
				t.Errorf("cancellation takes %v at best", best)
			}
			job := begin()
			until(t, "the last result", func() bool { return results.Load() >= keys })
			job.Cancel()
			<-job.Done()
			grown := int64(most.Load()) - int64(heap.Load())
			t.Logf("the heap has grown by %d MiB", grown>>20)
			if !invariants.Enabled && grown > keys*256/3 { // assertions and the race detector have memory of their own
				t.Errorf("the heap has grown by %d MiB while the windows were closed", grown>>20)
			}
		})
	}
}
