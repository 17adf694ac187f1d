package operator_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/window"
)

// counted counts the records of each key and window.
func counted(a window.Assigner[int64]) operator.Window[int64, int64, int64, int64] {
	return operator.Window[int64, int64, int64, int64]{
		Spec: window.Spec[int64]{Assigner: a}, Key: func(v int64) int64 { return v }, Create: func() int64 { return 0 }, Add: func(n, _ int64) int64 { return n + 1 },
		Merge: func(a, b int64) int64 { return a + b },
		Make: func(*operator.Context, operator.Wiring, *operator.WindowRuntime[int64]) (fns operator.WindowFunctions[int64, int64, int64], err error) {
			fns.Accumulator = func(_ window.Window, n *int64, out *operator.Collector[int64]) error {
				out.Collect(*n)
				return nil
			}
			return fns, nil
		},
	}
}

func hashInt(t testing.TB) func(int64) uint64 {
	c, err := codec.KeyFor[int64]()
	if err != nil {
		t.Fatal(err)
	}
	return c.Hash
}

// TestWatermarkInSteps has a watermark close many windows: the operator looks around at least after every 1024, and at once when it is asked to stop.
func TestWatermarkInSteps(t *testing.T) {
	second := time.Second
	tumbling, sliding := counted(window.TumblingEventTime[int64](second)), counted(window.SlidingEventTime[int64](2*second, second))
	session := counted(window.EventTimeSession[int64](second))
	for name, f := range map[string]operator.Factory{
		"general": &tumbling, "session": &session,
		"tumbling": &operator.TumbleWindow[int64, int64, int64, int64]{Window: tumbling}, "sliding": &operator.SlideWindow[int64, int64, int64, int64]{Window: sliding},
	} {
		for _, stops := range []int{0, 1} {
			keys := int64(100_000)
			if stops > 0 {
				keys = 5000
			}
			h := optest.New(optest.Options{ChunkRows: 1024, Rand: rand.New(rand.NewPCG(1, 1)), Stops: stops})
			out := optest.Capture[int64](h, "")
			if err := h.Open(f); err != nil {
				t.Fatal(err)
			}
			in, err := optest.NewInput(h, hashInt(t))
			if err != nil {
				t.Fatal(err)
			}
			for k := range keys {
				in.Push(k, 500)
			}
			h.Watermark(999)
			h.Watermark(2999)
			want := keys
			if name == "sliding" {
				want = 2 * keys
			}
			if int64(len(*out)) != want || h.Err() != nil {
				t.Errorf("%s: %d results, want %d; %v", name, len(*out), want, h.Err())
			}
			if most := []int{1024, 1}[stops]; h.Longest > most {
				t.Errorf("%s: %d results in one step, want at most %d", name, h.Longest, most)
			}
			if n := h.Context().Store.Keys(); n != 0 {
				t.Errorf("%s: %d keys are left", name, n)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFullPartition restores the operator now and then, and gets all records in their order at the end.
func TestFullPartition(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := optest.New(optest.Options{ChunkRows: 1 + r.IntN(10), Rand: r, Stops: 3, Restores: 20})
		out := optest.Capture[string](h, "")
		err := h.Open(&operator.FullPartition[string, string]{Fn: func(_ *operator.Context, elements iter.Seq[string], out *operator.Collector[string]) error {
			for v := range elements {
				out.Collect(v)
			}
			out.Collect("end")
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		in, err := optest.NewInput[string](h, nil)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for i := range r.IntN(100) {
			v := fmt.Sprint("record ", i, " of a partition")[:8+r.IntN(12)]
			want = append(want, v)
			in.Push(v, int64(i))
		}
		h.Finish()
		want = append(want, "end")
		for _, x := range *out {
			got = append(got, x.Value)
		}
		if !slices.Equal(got, want) || h.Err() != nil {
			t.Fatalf("seed %d: %q, want %q; %v", seed, got, want, h.Err())
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}
