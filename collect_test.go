package weir_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestCollect(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Parallelism: 3})
	var got []int64
	for v, err := range weir.Map(weir.FromSequence(env, 1, 50_000), func(i int64) int64 { return 2 * i }).Collect(t.Context(), "collect") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	slices.Sort(got)
	if len(got) != 50_000 || got[0] != 2 || got[len(got)-1] != 100_000 {
		t.Errorf("%d records, from %d to %d", len(got), got[0], got[len(got)-1])
	}
}

// endless is a source that never ends.
func endless() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
}

func TestCollectLeft(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{})
	n := 0
	for v, err := range weir.FromSeq(env, endless).Collect(t.Context(), "left") {
		if err != nil || v != n {
			t.Fatalf("record %d is %d, %v", n, v, err)
		}
		if n++; n == 10_000 {
			break
		}
	}
}

func TestCollectFails(t *testing.T) {
	leak.Check(t)
	boom := errors.New("boom")
	env := weir.NewEnvironment(weir.Options{})
	s := weir.MapFunc(weir.FromSequence(env, 1, 10), func(_ *weir.Context, v int64) (int64, error) {
		if v == 5 {
			return 0, boom
		}
		return v, nil
	})
	var last error
	for _, err := range s.Collect(t.Context(), "fails") {
		last = err
	}
	if !errors.Is(last, boom) || fault.CodeOf(last) != fault.FunctionError {
		t.Errorf("the last error is %v", last)
	}
}

func TestCollectCanceled(t *testing.T) {
	leak.Check(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	env := weir.NewEnvironment(weir.Options{})
	var last error
	n := 0
	for _, err := range weir.FromSeq(env, endless).Collect(ctx, "canceled") {
		last = err
		if n++; n == 100 {
			cancel()
		}
	}
	if fault.CodeOf(last) != fault.JobCanceled {
		t.Errorf("the last error is %v", last)
	}
}
