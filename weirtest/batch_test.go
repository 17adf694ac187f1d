package weirtest_test

import (
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/weirtest"
	"github.com/weirstream/weir/window"
)

func sums(env *weir.Environment, outOfOrder time.Duration) *weir.Stream[int64] {
	in := weir.FromSequence(env, 0, 500).Parallelism(1)
	timed := weir.Map(in, func(i int64) int64 { return i ^ 7 }).Parallelism(1).WithTimestamps(func(v int64) int64 { return v }, outOfOrder).Parallelism(1)
	keyed := weir.KeyBy(timed, func(v int64) int64 { return v % 3 })
	return weir.ReduceWindow(keyed.Window(window.TumblingEventTime[int64](4*time.Millisecond)), func(a, b int64) int64 { return a + b })
}

func TestSameAsBatch(t *testing.T) {
	weirtest.SameAsBatch(t, func(env *weir.Environment) *weir.Stream[int64] { return sums(env, 8*time.Millisecond) })
	weirtest.LastAsBatch(t, func(c weir.Count[int64]) int64 { return c.Key }, func(env *weir.Environment) *weir.Stream[weir.Count[int64]] {
		return weir.CountBy(weir.FromSequence(env, 0, 500), func(v int64) int64 { return v % 7 })
	})
}

// TestLateDiffers wants the comparison to be one that can fail: a stream that drops late records has other sums.
func TestLateDiffers(t *testing.T) {
	run := func(o weir.Options) (total int64) {
		s := weirtest.New(t, 1)
		defer s.Close()
		env := weir.NewEnvironment(o)
		out := weirtest.Capture(s, sums(env, 0))
		s.Run(env)
		for _, v := range out.Values() {
			total += v
		}
		return total
	}
	if stream, batch := run(weir.Options{}), run(weir.Options{RuntimeMode: weir.Batch}); stream >= batch || batch < 500*499/2 {
		t.Errorf("the stream's sum is %d, that of the batch %d", stream, batch)
	}
}
