package connectortest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
)

// judge takes what a test would report, so that a test can see that a broken connector is found.
type judge struct {
	testing.TB
	said []string
}

func (j *judge) Helper() {}

func (j *judge) Cleanup(func()) {}

func (j *judge) Errorf(format string, args ...any) {
	j.said = append(j.said, fmt.Sprintf(format, args...))
}

func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

// judged returns what the engine says of a source.
func judged(src connector.Source[int], o RunOptions) string {
	j := &judge{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := NewRun(j, src, o)
		if err := r.Finish(); err != nil {
			j.Errorf("finish: %v", err)
		}
		r.Snapshot()
		r.Cancel()
	}()
	<-done
	return strings.Join(j.said, "\n")
}

// breakable is a source of 0 to 9 in a single split that breaks rules on demand.
type breakable struct {
	onStart   func(connector.ReaderContext) error
	onPoll    func(r *breakableReader, out *connector.Output[int]) (connector.Status, error)
	onAdd     func(connector.EnumeratorContext)
	snapshot  []connector.Split
	closeFail bool
}

func (b breakable) Boundedness() connector.Boundedness { return connector.Bounded }

func (b breakable) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	e, err := connector.FixedSplits(ctx, restored, func(int) []connector.Split { return []connector.Split{{ID: "all"}} })
	return breakableEnumerator{e, ctx, b}, err
}

func (b breakable) NewReader(ctx connector.ReaderContext) (connector.Reader[int], error) {
	return &breakableReader{b: b, ctx: ctx}, nil
}

type breakableEnumerator struct {
	connector.Enumerator
	ctx connector.EnumeratorContext
	b   breakable
}

func (e breakableEnumerator) AddReader(subtask int) error {
	if e.b.onAdd != nil {
		e.b.onAdd(e.ctx)
	}
	return e.Enumerator.AddReader(subtask)
}

type breakableReader struct {
	b      breakable
	ctx    connector.ReaderContext
	next   int
	has    bool
	noMore bool
}

func (r *breakableReader) Start() error {
	if r.b.onStart != nil {
		return r.b.onStart(r.ctx)
	}
	return nil
}

func (r *breakableReader) Poll(out *connector.Output[int]) (connector.Status, error) {
	if r.b.onPoll != nil {
		return r.b.onPoll(r, out)
	}
	for r.has && r.next < 10 && !out.Stop() {
		r.next++
		out.Collect(r.next - 1)
	}
	switch {
	case r.has && r.next < 10:
		return connector.MoreAvailable, nil
	case r.noMore:
		return connector.EndOfInput, nil
	}
	return connector.NothingAvailable, nil
}

func (r *breakableReader) AddSplits([]connector.Split) error {
	r.has = true
	r.ctx.Wake()
	return nil
}

func (r *breakableReader) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *breakableReader) HandleSourceEvent([]byte) error { return nil }

func (r *breakableReader) Snapshot(int64) ([]connector.Split, error) { return r.b.snapshot, nil }

func (r *breakableReader) Close() error {
	if r.b.closeFail {
		return errors.New("cannot close")
	}
	return nil
}

func TestRulesAreKept(t *testing.T) {
	for _, test := range []struct {
		name string
		src  breakable
		want string
	}{
		{"a good source", breakable{}, ""},
		{"an error", breakable{onStart: func(connector.ReaderContext) error { return errors.New("no start") }}, "finish: no start"},
		{"no wake", breakable{onPoll: func(*breakableReader, *connector.Output[int]) (connector.Status, error) {
			return connector.NothingAvailable, nil
		}}, "the source is stuck"},
		{"no end to Poll", breakable{onPoll: func(_ *breakableReader, out *connector.Output[int]) (connector.Status, error) {
			for {
				out.Collect(1)
			}
		}}, "one Poll emitted more than"},
		{"an early end", breakable{onPoll: func(*breakableReader, *connector.Output[int]) (connector.Status, error) {
			return connector.EndOfInput, nil
		}}, "ended before NoMoreSplits"},
		{"an unknown status", breakable{onPoll: func(r *breakableReader, _ *connector.Output[int]) (connector.Status, error) {
			if r.noMore {
				return connector.EndOfInput, nil
			}
			return 17, nil
		}}, "unknown status 17"},
		{"splits after the end", breakable{onAdd: func(ctx connector.EnumeratorContext) {
			ctx.NoMoreSplits(0)
			ctx.Assign(0, connector.Split{ID: "late"})
		}}, "was assigned splits after NoMoreSplits"},
		{"the end twice", breakable{onAdd: func(ctx connector.EnumeratorContext) { ctx.NoMoreSplits(0) }}, "NoMoreSplits twice"},
		{"no such reader", breakable{onAdd: func(ctx connector.EnumeratorContext) { ctx.NoMoreSplits(3) }}, "there is no reader 3"},
		{"a split of somebody else", breakable{onPoll: func(r *breakableReader, out *connector.Output[int]) (connector.Status, error) {
			out.Split("foreign").Collect(1)
			out.EndSplit("foreign")
			return connector.EndOfInput, nil
		}}, `split "foreign", which it was not assigned`},
		{"a split that does not end", breakable{onAdd: func(ctx connector.EnumeratorContext) {
			ctx.Assign(0, connector.Split{ID: "mine"}, connector.Split{ID: "idle"})
		}, onPoll: func(r *breakableReader, out *connector.Output[int]) (connector.Status, error) {
			out.Split("mine").Collect(1)
			out.EndSplit("mine")
			return connector.EndOfInput, nil
		}}, `without Output.EndSplit("idle")`},
		{"a split that goes on", breakable{onAdd: func(ctx connector.EnumeratorContext) {
			ctx.Assign(0, connector.Split{ID: "mine"})
		}, onPoll: func(r *breakableReader, out *connector.Output[int]) (connector.Status, error) {
			out.EndSplit("mine")
			out.Split("mine").Collect(1)
			return connector.EndOfInput, nil
		}}, `split "mine", which it has ended`},
		{"a split twice", breakable{snapshot: []connector.Split{{ID: "x"}, {ID: "x"}}}, `split "x" twice`},
		{"a close that fails", breakable{closeFail: true}, "cannot close"},
		{"a context used by a worker", breakable{onStart: func(ctx connector.ReaderContext) error {
			ctx.Async(0, func(context.Context) { ctx.RequestSplit() }, nil)
			return nil
		}}, "RequestSplit was called outside"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			// The order in which things happen decides whether a rule is broken before the end.
			for seed := range uint64(20) {
				got += judged(test.src, RunOptions{Seed: seed})
			}
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestPollMustStop(t *testing.T) {
	src := breakable{onPoll: func(_ *breakableReader, out *connector.Output[int]) (connector.Status, error) {
		for range 1000 {
			out.Collect(1)
		}
		return connector.EndOfInput, nil
	}}
	if got := judged(src, RunOptions{StopAfter: 3}); !strings.Contains(got, "after it was asked to stop") {
		t.Errorf("got %q", got)
	}
}

// The same seed gives the same order, and some seeds differ.
func TestSeeds(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(10) {
		run := func() string {
			r := NewRun(t, breakable{}, RunOptions{Parallelism: 3, Seed: seed})
			var order []int
			for r.Step() {
				order = append(order, len(r.mail), len(r.records))
			}
			return fmt.Sprint(order)
		}
		first := run()
		if second := run(); second != first {
			t.Fatalf("seed %d gives %s and %s", seed, first, second)
		}
		orders[first] = true
	}
	if len(orders) < 2 {
		t.Error("all seeds give the same order")
	}
}

func TestWriterContextTime(t *testing.T) {
	ctx := NewWriterContext(0, 1)
	start := ctx.Now()
	var got []string
	say := func(what string) func() error {
		return func() error {
			got = append(got, fmt.Sprint(what, ctx.Now().Sub(start)))
			return nil
		}
	}
	ctx.Schedule(3*time.Second, say("c"))
	ctx.Schedule(time.Second, func() error {
		ctx.Schedule(time.Second, say("b"))
		return say("a")()
	})
	ctx.Schedule(time.Hour, func() error { return errors.New("late") })
	if err := ctx.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a1s", "b2s", "c3s"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if err := ctx.Advance(time.Hour); err == nil {
		t.Error("the error of a timer is lost")
	}
}
