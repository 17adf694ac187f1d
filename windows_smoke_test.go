package weir_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/window"
)

func TestWindowSmoke(t *testing.T) {
	type ev struct {
		K  string
		TS int64
	}
	for name, a := range map[string]window.Assigner[ev]{
		"tumbling": window.TumblingEventTime[ev](10 * time.Millisecond),
		"sliding":  window.SlidingEventTime[ev](10*time.Millisecond, 5*time.Millisecond),
		"session":  window.EventTimeSession[ev](3 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			env := weir.NewEnvironment(weir.Options{Parallelism: 2})
			s := weir.FromSlice(env, []ev{{"a", 1}, {"a", 2}, {"b", 3}, {"a", 11}, {"a", 4}, {"b", 25}, {"a", 3}, {"a", 40}}).WithTimestamps(func(e ev) int64 { return e.TS }, 5*time.Millisecond)
			w := weir.KeyBy(s, func(e ev) string { return e.K }).Window(a)
			out := weir.AggregateWindowWith(w, weir.Aggregator[ev, int64, int64]{
				Create: func() int64 { return 0 }, Add: func(n int64, _ ev) int64 { return n + 1 }, Result: func(n int64) int64 { return n }, Merge: func(a, b int64) int64 { return a + b },
			}, func(ctx *weir.WindowContext[string], n int64, out *weir.Collector[string]) error {
				out.Collect(fmt.Sprint(ctx.Key(), ctx.Window().Start, "-", ctx.Window().End, ":", n))
				return nil
			})
			var got []string
			for v, err := range out.Collect(context.Background(), "x") {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, v)
			}
			slices.Sort(got)
			t.Log(got)
		})
	}
}
