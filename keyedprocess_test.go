package weir_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/state"
)

type click struct {
	User string
	TS   int64
}

// counter counts clicks of a user and emits the count when a user has been silent for 10 ms of event time.
type counter struct {
	n    *state.Value[int64]
	seen *state.List[int64]
	by   *state.Map[int64, string]
	last *state.Value[int64]
}

func newCounter() weir.KeyedProcessFunction[string, click, string] {
	return &counter{n: state.NewValue[int64]("n"), seen: state.NewList[int64]("seen"), by: state.NewMap[int64, string]("by"), last: state.NewValue[int64]("last")}
}

func (c *counter) States() []state.State { return []state.State{c.n, c.seen, c.by, c.last} }

func (c *counter) Process(ctx *weir.KeyedContext[string], v click, out *weir.Collector[string]) error {
	c.n.Update(func(n *int64, _ bool) { *n++ })
	c.seen.Add(v.TS)
	c.by.Put(v.TS, v.User)
	if last, ok := c.last.Get(); ok {
		ctx.DeleteEventTimeTimer(last + 10)
	}
	c.last.Set(v.TS)
	ctx.RegisterEventTimeTimer(v.TS + 10)
	return nil
}

func (c *counter) OnTimer(ctx *weir.KeyedContext[string], t int64, out *weir.Collector[string]) error {
	n, _ := c.n.Get()
	out.Collect(fmt.Sprintf("%s %d at %d: %v %d", ctx.Key(), n, t, slices.Collect(c.seen.All()), c.by.Len()))
	c.n.Clear()
	c.seen.Clear()
	c.by.Clear()
	c.last.Clear()
	return nil
}

func TestKeyedProcess(t *testing.T) {
	for _, backend := range []weir.StateBackend{{}, lsm.Backend()} {
		env := weir.NewEnvironment(weir.Options{Parallelism: 2, StateBackend: backend, StateDir: t.TempDir()})
		s := weir.FromSlice(env, []click{{"a", 1}, {"a", 5}, {"b", 6}, {"b", 12}, {"c", 29}, {"a", 30}, {"b", 100}}).Parallelism(1).WithTimestamps(func(c click) int64 { return c.TS }, 0).Parallelism(1)
		out := weir.ProcessKeyedWith(weir.KeyBy(s, func(c click) string { return c.User }), newCounter)
		var got []string
		for v, err := range out.Collect(context.Background(), "x") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		slices.Sort(got)
		want := []string{"a 1 at 40: [30] 1", "a 2 at 15: [1 5] 2", "b 1 at 110: [100] 1", "b 2 at 22: [6 12] 2", "c 1 at 39: [29] 1"}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %q", backend, got)
		}
	}
}

// TestQueryState reads the state of a job that runs, by key and as a whole.
func TestQueryState(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Parallelism: 2})
	s := weir.Generate(env, sequence.Options{RatePerSecond: 5000}, func(i int64) click { return click{fmt.Sprint("u", i%10), i} }).WithTimestamps(func(c click) int64 { return c.TS }, time.Hour)
	weir.ProcessKeyedWith(weir.KeyBy(s, func(c click) string { return c.User }), newCounter).Name("counts").Discard()
	client, err := env.ExecuteAsync(t.Context(), "query")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Wait(context.Background())
	defer client.Cancel()
	for {
		n, ok, err := weir.QueryValue[int64](t.Context(), client, "counts", "n", "u3")
		if err != nil {
			if fault.CodeOf(err) == fault.JobNotRunning { // not deployed yet
				continue
			}
			t.Fatal(err)
		}
		if !ok || n < 3 {
			continue
		}
		seen, err := weir.QueryList[int64](t.Context(), client, "counts", "seen", "u3")
		if err != nil || int64(len(seen)) < n || seen[0] != 3 || seen[1] != 13 {
			t.Fatal(seen, err)
		}
		by, err := weir.QueryMap[int64, string](t.Context(), client, "counts", "by", "u3")
		if err != nil || len(by) < len(seen) || by[13] != "u3" {
			t.Fatal(by, err)
		}
		break
	}
	keys := map[string]int64{}
	for len(keys) < 10 { // one source may be behind the other
		for kv, err := range weir.ScanValues[string, int64](t.Context(), client, "counts", "n") {
			if err != nil {
				t.Fatal(err)
			}
			keys[kv.Key] = kv.Value
		}
	}
	if len(keys) != 10 || keys["u3"] < 3 {
		t.Fatal(keys)
	}
	for what, f := range map[string]func() error{
		"operator": func() error {
			_, _, err := weir.QueryValue[int64](t.Context(), client, "nobody", "n", "u3")
			return err
		},
		"state": func() error {
			_, _, err := weir.QueryValue[int64](t.Context(), client, "counts", "m", "u3")
			return err
		},
		"key": func() error {
			_, _, err := weir.QueryValue[int64](t.Context(), client, "counts", "n", int64(3))
			return err
		},
		"value": func() error {
			_, _, err := weir.QueryValue[string](t.Context(), client, "counts", "n", "u3")
			return err
		},
		"kind": func() error { _, err := weir.QueryList[int64](t.Context(), client, "counts", "n", "u3"); return err },
	} {
		if err := f(); fault.CodeOf(err) != fault.StateQuery {
			t.Errorf("wrong %s: %v", what, err)
		}
	}
}
