package weir_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

type asyncCall = func(context.Context, int64) ([]int64, error)

// wait is OrderedWait or UnorderedWait.
func wait(ordered bool, s *weir.Stream[int64], fn asyncCall, o weir.AsyncOptions[int64, int64]) *weir.Stream[int64] {
	if ordered {
		return weir.OrderedWait(s, fn, o)
	}
	return weir.UnorderedWait(s, fn, o)
}

// timeline notes records and watermarks as one subtask sees them, and that no record is late.
type timeline struct{ log *[]string }

func (f timeline) Process(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
	if ctx.Timestamp() <= ctx.Watermark() {
		return fmt.Errorf("%d at %d comes behind the watermark %d", v, ctx.Timestamp(), ctx.Watermark())
	}
	*f.log = append(*f.log, fmt.Sprint(v))
	out.Collect(v)
	return nil
}

func (f timeline) OnWatermark(_ *weir.Context, w int64, _ *weir.Collector[int64]) error {
	*f.log = append(*f.log, "w"+watermark(w))
	return nil
}

// Calls with random latencies, timeouts and retries, in random chains and chunks, have the results that one call after the other would have; ordered ones in that order, and unordered ones between the
// same watermarks.
func TestAsyncInSimulation(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		rng := s.Rand()
		ordered, capacity, fan := rng.IntN(2) == 0, 1+rng.IntN(20), 1+rng.IntN(4)
		n, most := 20+rng.Int64N(200), 1+rng.Int64N(int64(time.Second))
		salt := rng.Uint64()
		latency := func(v int64, attempt int) time.Duration {
			return time.Duration(rand.New(rand.NewPCG(uint64(v)<<8|uint64(attempt), salt)).Int64N(most))
		}
		o := weir.AsyncOptions[int64, int64]{Capacity: capacity, Timeout: time.Minute}
		if rng.IntN(2) == 0 {
			o.Retry = weir.AsyncRetry[int64]{Retries: 3, Delay: time.Duration(rng.Int64N(int64(time.Second))), Multiplier: 1.5}
		}
		timesOut := func(v int64) bool { return v%11 == 5 }
		o.OnTimeout = func(v int64) ([]int64, error) {
			if !timesOut(v) {
				return nil, fmt.Errorf("%d has timed out", v)
			}
			return []int64{-v}, nil
		}
		under, highest, attempts := 0, 0, map[int64]int{}
		call := func(ctx context.Context, v int64) ([]int64, error) {
			under++
			highest = max(highest, under)
			defer func() { under-- }()
			if under > capacity {
				return nil, fmt.Errorf("%d calls at once, the capacity is %d", under, capacity)
			}
			attempts[v]++
			d := latency(v, attempts[v])
			if timesOut(v) {
				d = 2 * time.Minute
			}
			if err := weirtest.Sleep(ctx, d); err != nil {
				return nil, err
			}
			if v%7 == 3 && attempts[v] <= o.Retry.Retries {
				return nil, errors.New("try again")
			}
			return slices.Repeat([]int64{v * 10}, int(v%3)), nil
		}

		var want []string // of ordered results
		for i := range n {
			for j := range int64(fan) {
				v := i*int64(fan) + j
				switch {
				case timesOut(v):
					want = append(want, fmt.Sprint(-v))
				default:
					for range v % 3 {
						want = append(want, fmt.Sprint(v*10))
					}
				}
			}
			if i%3 == 2 {
				want = append(want, fmt.Sprint("w", i*100))
			}
		}
		want = append(want, "wend")

		opts := s.Options()
		opts.Parallelism = 1
		env := weir.NewEnvironment(opts)
		feed, in := weirtest.Input[int64](s, env)
		in = weir.FlatMapTo(in, func(v int64, out *weir.Collector[int64]) {
			for j := range int64(fan) {
				out.Collect(v*int64(fan) + j)
			}
		})
		var log []string
		out := wait(ordered, in, call, o)
		if rng.IntN(3) == 0 {
			out = wait(ordered, out, func(ctx context.Context, v int64) ([]int64, error) {
				return []int64{v}, weirtest.Sleep(ctx, latency(v, 77))
			}, weir.AsyncOptions[int64, int64]{Capacity: capacity})
		}
		weir.ProcessWith(out, func() weir.ProcessFunction[int64, int64] { return timeline{&log} }).Discard()
		s.Start(env)
		for i := range n {
			feed.PushAt(i, i*100)
			if i%3 == 2 {
				feed.Watermark(i * 100)
			}
			if rng.IntN(10) == 0 {
				s.Advance(time.Duration(rng.Int64N(2 * most)))
			}
		}
		feed.End()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v", err)
		}
		if got, want := segments(log, ordered), segments(want, ordered); got != want {
			s.Errorf("ordered=%v capacity=%d fan=%d\n got %s\nwant %s", ordered, capacity, fan, got, want)
		}
		if most > int64(time.Millisecond) && n*int64(fan) > 2*int64(capacity) && highest < min(capacity, 2) {
			s.Errorf("%d calls at once of %d", highest, capacity)
		}
	})
}

// segments renders a log, with the records between two watermarks sorted unless they are ordered. Watermarks with nothing between them are one.
func segments(log []string, ordered bool) string {
	var out, part []string
	flush := func() {
		if !ordered {
			slices.Sort(part)
		}
		out = append(out, part...)
		part = nil
	}
	for _, x := range log {
		if !strings.HasPrefix(x, "w") {
			part = append(part, x)
			continue
		}
		flush()
		if len(out) > 0 && strings.HasPrefix(out[len(out)-1], "w") {
			out = out[:len(out)-1]
		}
		out = append(out, x)
	}
	flush()
	return strings.Join(out, " ")
}

// In parallel, behind and in front of keyed edges, nothing is lost and nothing is late.
func TestAsyncInParallel(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		rng := s.Rand()
		env := s.Environment()
		n := 50 + rng.Int64N(300)
		in := weir.FromSequence(env, 1, n).WithTimestamps(func(v int64) int64 { return v }, time.Duration(n)*time.Millisecond)
		keyed := weir.KeyBy(in, func(v int64) int64 { return v % 7 }).Reduce(func(_, v int64) int64 { return v })
		out := wait(rng.IntN(2) == 0, keyed, func(ctx context.Context, v int64) ([]int64, error) {
			return []int64{v}, weirtest.Sleep(ctx, time.Duration(v*v%97)*time.Millisecond)
		}, weir.AsyncOptions[int64, int64]{Capacity: 1 + rng.IntN(9)})
		var log []string
		c := weirtest.Capture(s, weir.ProcessWith(out.Rebalance(), func() weir.ProcessFunction[int64, int64] { return timeline{&log} }))
		s.Run(env)
		got := c.Values()
		slices.Sort(got)
		for i, v := range got {
			if v != int64(i+1) {
				s.Fatalf("%d results of %d, %d at %d", len(got), n, v, i)
			}
		}
		if int64(len(got)) != n {
			s.Errorf("%d results of %d", len(got), n)
		}
	})
}

// Idleness waits behind records, too: a channel that is idle has sent all that came before.
func TestAsyncHoldsIdleness(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		o := s.Options()
		o.Parallelism = 1
		env := weir.NewEnvironment(o)
		slow, a := weirtest.Input[int64](s, env)
		fast, b := weirtest.Input[int64](s, env)
		out := wait(s.Rand().IntN(2) == 0, a, func(ctx context.Context, v int64) ([]int64, error) {
			return []int64{v}, weirtest.Sleep(ctx, time.Second)
		}, weir.AsyncOptions[int64, int64]{})
		var log []string
		weir.ProcessWith(out.Union(b), func() weir.ProcessFunction[int64, int64] { return timeline{&log} }).Discard()
		s.Start(env)
		slow.PushAt(1, 100)
		s.Settle()
		slow.Idle()
		s.Settle()
		fast.PushAt(2, 200)
		fast.Watermark(200)
		s.Advance(500 * time.Millisecond)
		if got := fmt.Sprint(log); got != "[2]" {
			s.Errorf("before the call has returned: %s", got)
		}
		s.Advance(time.Second)
		if got := fmt.Sprint(log); got != "[2 1 w200]" {
			s.Errorf("behind it: %s", got)
		}
		slow.End()
		fast.End()
		if err := s.Wait(); err != nil || fmt.Sprint(log[3:]) != "[wend]" {
			s.Errorf("at last: %v, %v", log[3:], err)
		}
	})
}

// The end of time gets through to an operator of the same chain that makes watermarks anew.
func TestAsyncBeforeTimestamps(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := weir.NewEnvironment(weir.Options{Logger: quiet})
		in := weir.FromSequence(env, 1, 3).WithTimestamps(func(v int64) int64 { return v }, 0)
		out := weir.OrderedWait(in, func(ctx context.Context, v int64) ([]int64, error) {
			return []int64{v}, weirtest.Sleep(ctx, time.Second)
		}, weir.AsyncOptions[int64, int64]{})
		var log []string
		again := out.WithTimestamps(func(v int64) int64 { return v * 10 }, 0)
		weir.ProcessWith(again, func() weir.ProcessFunction[int64, int64] { return timeline{&log} }).Discard()
		s.Run(env)
		if got := fmt.Sprint(log); got != "[1 w9 2 w19 3 w29 wend]" {
			s.Errorf("%s", got)
		}
	})
}

// With all slots taken the task does not take more, an unaligned barrier comes through, and so does cancellation.
func TestAsyncFull(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		rng := s.Rand()
		o := s.Options()
		o.Parallelism = 1
		env := weir.NewEnvironment(o)
		feed, in := weirtest.Input[int64](s, env)
		in = in.Rebalance() // barriers do not overtake on forward edges
		feed.Push(slices.Repeat([]int64{1}, 1000)...)
		if rng.IntN(2) == 0 {
			in = weir.FlatMapTo(in, func(v int64, out *weir.Collector[int64]) {
				for range 5 {
					out.Collect(v)
				}
			})
			if o.DisableChaining { // else a forward edge would lead to the operator
				in = in.Rebalance()
			}
		}
		calls, capacity := 0, 1+rng.IntN(7)
		out := wait(rng.IntN(2) == 0, in, func(ctx context.Context, v int64) ([]int64, error) {
			calls++
			return nil, weirtest.Sleep(ctx, time.Hour)
		}, weir.AsyncOptions[int64, int64]{Capacity: capacity, Timeout: -1})
		out.Discard()
		s.Start(env)
		s.Advance(time.Minute)
		if calls != capacity {
			s.Errorf("%d calls, the capacity is %d", calls, capacity)
		}
		passed := s.Barrier(true)
		s.Advance(time.Second)
		if !passed() {
			s.Errorf("the barrier has not passed")
		}
		before := s.Now()
		s.Cancel()
		err := s.Wait()
		if fault.CodeOf(err) != fault.JobCanceled || s.Now().Sub(before) > time.Hour || calls != capacity {
			s.Errorf("after %v and %d calls: %v", s.Now().Sub(before), calls, err)
		}
	})
}

// A record that times out fails the job, in the name of its operator.
func TestAsyncTimeoutFails(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		wait(s.Rand().IntN(2) == 0, weir.FromSequence(env, 1, 10), func(ctx context.Context, v int64) ([]int64, error) {
			return nil, weirtest.Sleep(ctx, time.Duration(v%2)*time.Minute)
		}, weir.AsyncOptions[int64, int64]{Timeout: time.Second, Retry: weir.AsyncRetry[int64]{Retries: 100, Delay: time.Millisecond}}).Name("lookup").Discard()
		before := s.Now()
		s.Start(env)
		err := s.Wait()
		if op, _ := fault.OperatorOf(err); fault.CodeOf(err) != fault.FunctionTimeout || op != "lookup" || !strings.Contains(err.Error(), "within 1s") {
			s.Errorf("%v", err)
		}
		if took := s.Now().Sub(before); took < time.Second || took > 3*time.Second {
			s.Errorf("it took %v", took)
		}
	})
}

// What is tried again, and how often, is up to the predicates; what the last call returns counts.
func TestAsyncRetries(t *testing.T) {
	never := errors.New("never again")
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		attempts := map[int64]int{}
		run := func(values []int64, r weir.AsyncRetry[int64]) ([]int64, error) {
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			out := weir.OrderedWait(weir.FromValues(env, values...), func(ctx context.Context, v int64) ([]int64, error) {
				attempts[v]++
				switch {
				case v == 100:
					return nil, never
				case v > 0:
					return nil, errors.New("busy")
				}
				return make([]int64, -v+int64(attempts[v])-3), nil // as many as attempts beyond 3, for v = 0
			}, weir.AsyncOptions[int64, int64]{Retry: r})
			c := weirtest.Capture(s, out)
			s.Start(env)
			err := s.Wait()
			return c.Values(), err
		}
		before := s.Now()
		switch s.Seed() % 3 {
		case 0:
			_, err := run([]int64{1}, weir.AsyncRetry[int64]{Retries: 4, Delay: time.Second, Multiplier: 2})
			if took := s.Now().Sub(before).Round(time.Second); attempts[1] != 5 || !strings.Contains(fmt.Sprint(err), "busy") || took != 15*time.Second {
				s.Errorf("%d attempts in %v: %v", attempts[1], took, err)
			}
		case 1:
			_, err := run([]int64{100}, weir.AsyncRetry[int64]{Retries: 4, IfError: func(err error) bool { return err != never }})
			if attempts[100] != 1 || !errors.Is(err, never) {
				s.Errorf("%d attempts: %v", attempts[100], err)
			}
		case 2:
			got, err := run([]int64{-3, -2}, weir.AsyncRetry[int64]{Retries: 2, Delay: time.Second, IfResult: func(r []int64) bool { return len(r) < 2 }})
			if attempts[-3] != 2 || attempts[-2] != 3 || len(got) != 4 || err != nil {
				s.Errorf("%v: %d results, %v", attempts, len(got), err)
			}
		}
	})
}

// Whatever part of an asynchronous function fails, its operator is named, and nothing stays behind.
func TestAsyncFailing(t *testing.T) {
	type S = *weir.Stream[int64]
	wrong := errors.New("wrong")
	for _, f := range []failing{
		{"invoke", func(s S, h harm) S {
			return weir.UnorderedWait(s, func(_ context.Context, v int64) ([]int64, error) { return []int64{v}, at(h, v) }, weir.AsyncOptions[int64, int64]{})
		}, true},
		{"invoke, ordered, one at a time", func(s S, h harm) S {
			return weir.OrderedWait(s, func(_ context.Context, v int64) ([]int64, error) { return []int64{v}, at(h, v) }, weir.AsyncOptions[int64, int64]{Capacity: 1, Timeout: -1})
		}, true},
		{"predicate", func(s S, h harm) S {
			return weir.OrderedWait(s, func(_ context.Context, v int64) ([]int64, error) { return nil, wrong },
				weir.AsyncOptions[int64, int64]{Retry: weir.AsyncRetry[int64]{Retries: 1, IfError: func(error) bool { _ = strike(h); return true }}})
		}, false},
		{"onTimeout", func(s S, h harm) S {
			return weir.OrderedWait(s, func(ctx context.Context, v int64) ([]int64, error) { <-ctx.Done(); return nil, ctx.Err() },
				weir.AsyncOptions[int64, int64]{Timeout: time.Millisecond, OnTimeout: func(v int64) ([]int64, error) { return nil, strike(h) }})
		}, true},
		{"behind", func(s S, h harm) S {
			waited := weir.OrderedWait(s, func(_ context.Context, v int64) ([]int64, error) { return []int64{v}, nil }, weir.AsyncOptions[int64, int64]{Capacity: 3})
			return weir.Map(waited.Name("in front"), func(v int64) int64 { _ = at(h, v); return v })
		}, false},
		{"behind, reached from within an emit", func(s S, h harm) S {
			many := weir.FlatMapTo(s, func(v int64, out *weir.Collector[int64]) {
				for range 20 {
					out.Collect(v)
				}
			})
			waited := weir.OrderedWait(many, func(_ context.Context, v int64) ([]int64, error) { return []int64{v}, nil }, weir.AsyncOptions[int64, int64]{Capacity: 3})
			return weir.Map(waited.Name("in front"), func(v int64) int64 { _ = at(h, v); return v })
		}, false},
		{"Open", func(s S, h harm) S {
			return weir.UnorderedWaitWith(s, newClient(h, "Open", nil), weir.AsyncOptions[int64, int64]{})
		}, true},
		{"Close", func(s S, h harm) S {
			return weir.UnorderedWaitWith(s, newClient(h, "Close", nil), weir.AsyncOptions[int64, int64]{})
		}, true},
		{"OnTimeout", func(s S, h harm) S {
			return weir.UnorderedWaitWith(s, newClient(h, "OnTimeout", nil), weir.AsyncOptions[int64, int64]{Timeout: time.Millisecond})
		}, true},
	} {
		for _, h := range []harm{panics, exits, returnsError} {
			if h == returnsError && !f.mayReturn {
				continue
			}
			for _, unchained := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, unchained %v", f.name, h.code(), unchained), func(t *testing.T) {
					leak.Check(t)
					env := weir.NewEnvironment(weir.Options{DisableChaining: unchained, Logger: quiet})
					s := weir.Map(weir.FromSequence(env, 0, 3000), func(v int64) int64 { return v }).Name("before")
					weir.Map(f.build(s, h).Name("culprit"), func(v int64) int64 { return v }).Name("end").Discard()
					_, err := fail(t, env)
					check(t, h, err, "culprit")
				})
			}
		}
	}
}

// client is an asynchronous function that strikes in one of its methods, and notes that they are called in order.
type client struct {
	h     harm
	where string
	lives *lives
	state atomic.Int32 // 1 open, 2 closed
	calls atomic.Int32
}

// lives counts what the clients of a job went through.
type lives struct{ opened, closed, wrong, calls atomic.Int32 }

func newClient(h harm, where string, l *lives) func() weir.AsyncFunction[int64, int64] {
	if l == nil {
		l = new(lives)
	}
	return func() weir.AsyncFunction[int64, int64] { return &client{h: h, where: where, lives: l} }
}

func (c *client) in(where string) error {
	if c.where == where {
		return strike(c.h)
	}
	return nil
}

func (c *client) Open(*weir.Context) error {
	c.lives.opened.Add(1)
	c.state.Store(1)
	return c.in("Open")
}

func (c *client) Invoke(ctx context.Context, v int64) ([]int64, error) {
	c.calls.Add(1)
	defer c.calls.Add(-1)
	if c.state.Load() != 1 {
		c.lives.wrong.Add(1)
	}
	c.lives.calls.Add(1)
	switch {
	case c.where == "OnTimeout":
		<-ctx.Done()
		return nil, ctx.Err()
	case c.where == "stubborn" && v > 40:
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond) // goes on for a while
	}
	return []int64{v}, nil
}

func (c *client) OnTimeout(int64) ([]int64, error) { return nil, c.in("OnTimeout") }

func (c *client) Close() error {
	if c.calls.Load() != 0 || c.state.Swap(2) == 2 {
		c.lives.wrong.Add(1)
	}
	c.lives.closed.Add(1)
	return c.in("Close")
}

// Each subtask has a function of its own, opened before its calls, and closed once when none is left, however the job ends.
func TestAsyncLife(t *testing.T) {
	leak.Check(t)
	for _, how := range []string{"finished", "canceled"} {
		var l lives
		where := ""
		if how == "canceled" {
			where = "stubborn"
		}
		env := weir.NewEnvironment(weir.Options{Parallelism: 3, Logger: quiet})
		weir.OrderedWaitWith(weir.FromSequence(env, 1, 3000), newClient(panics, where, &l), weir.AsyncOptions[int64, int64]{Capacity: 5}).Discard()
		client := started(t, env)
		if how == "canceled" {
			until(t, "the end of the slots", func() bool { return l.calls.Load() >= 15 })
			client.Cancel()
		}
		_, err := ended(t, client)
		if (err == nil) != (how == "finished") {
			t.Errorf("%s: %v", how, err)
		}
		if l.opened.Load() != 3 || l.closed.Load() != 3 || l.wrong.Load() != 0 || how == "finished" && l.calls.Load() != 3000 {
			t.Errorf("%s: %d opened, %d closed, %d calls, %d wrong", how, l.opened.Load(), l.closed.Load(), l.calls.Load(), l.wrong.Load())
		}
	}
}

// The context of a call ends at its deadline, and when the job does.
func TestAsyncContext(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	var early atomic.Int32
	out := weir.OrderedWait(weir.FromSequence(env, 1, 20), func(ctx context.Context, v int64) ([]int64, error) {
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > 30*time.Millisecond {
			early.Add(1)
		}
		<-ctx.Done()
		return nil, fmt.Errorf("looking up %d: %w", v, ctx.Err())
	}, weir.AsyncOptions[int64, int64]{Timeout: 30 * time.Millisecond, Capacity: 7, OnTimeout: func(v int64) ([]int64, error) { return []int64{-v}, nil }})
	var mu sync.Mutex
	var got []int64
	out.ForEach(func(v int64, _ int64) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, v)
		return nil
	})
	if _, err := ended(t, started(t, env)); err != nil || len(got) != 20 || got[0] != -1 || got[19] != -20 || early.Load() != 0 {
		t.Errorf("%v, %v, %d without a deadline", err, got, early.Load())
	}

	env = weir.NewEnvironment(weir.Options{Logger: quiet})
	var waiting, left atomic.Int32
	weir.UnorderedWait(weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i }), func(ctx context.Context, v int64) ([]int64, error) {
		waiting.Add(1)
		<-ctx.Done()
		left.Add(1)
		return nil, ctx.Err()
	}, weir.AsyncOptions[int64, int64]{Timeout: -1, Capacity: 30}).Discard()
	client := started(t, env)
	until(t, "thirty calls", func() bool { return waiting.Load() == 30 })
	client.Cancel()
	if _, err := ended(t, client); fault.CodeOf(err) != fault.JobCanceled || left.Load() != 30 || waiting.Load() != 30 {
		t.Errorf("%v, %d of %d calls have ended", err, left.Load(), waiting.Load())
	}
}

// Enrichment by a real server on this machine: the answers come in the order of the questions, and never more than the capacity are asked at once.
func TestAsyncHTTP(t *testing.T) {
	leak.Check(t)
	const capacity = 8
	var under, highest, busy atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := under.Add(1)
		defer under.Add(-1)
		for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
		}
		id := r.URL.Query().Get("id")
		if strings.HasSuffix(id, "7") && busy.Add(1)%2 == 1 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "name of %s", id)
	}))
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: capacity}
	defer transport.CloseIdleConnections()
	httpClient := &http.Client{Transport: transport}
	lookup := func(ctx context.Context, id int64) ([]string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/?id=%d", server.URL, id), nil)
		if err != nil {
			return nil, err
		}
		response, err := httpClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = errors.New(response.Status)
		}
		return []string{string(body)}, err
	}
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	names := weir.OrderedWait(weir.FromSequence(env, 1, 500), lookup, weir.AsyncOptions[int64, string]{
		Capacity: capacity, Timeout: 20 * time.Second, Retry: weir.AsyncRetry[string]{Retries: 50, Delay: time.Millisecond},
	})
	var got []string
	names.ForEach(func(v string, _ int64) error {
		got = append(got, v)
		return nil
	})
	if _, err := ended(t, started(t, env)); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != fmt.Sprintf("name of %d", i+1) {
			t.Fatalf("answer %d is %q", i, v)
		}
	}
	if len(got) != 500 || highest.Load() > capacity || busy.Load() < 50 {
		t.Errorf("%d answers, %d at once, %d asked with 7", len(got), highest.Load(), busy.Load())
	}
}

func TestAsyncBadOptions(t *testing.T) {
	type O = weir.AsyncOptions[int64, int64]
	type R = weir.AsyncRetry[int64]
	for want, o := range map[string]O{
		"AsyncOptions.Capacity is -1":                       {Capacity: -1},
		"AsyncOptions.Capacity is 10000000":                 {Capacity: 10_000_000},
		"AsyncOptions.Retry.Retries is -2":                  {Retry: R{Retries: -2}},
		"AsyncOptions.Retry.Retries is 0":                   {Retry: R{Delay: time.Second}},
		"AsyncOptions.Retry.Delay is -1s":                   {Retry: R{Retries: 1, Delay: -time.Second}},
		"AsyncOptions.Retry.MaxDelay is 1s":                 {Retry: R{Retries: 1, Delay: time.Minute, MaxDelay: time.Second}},
		"AsyncOptions.Retry.Multiplier is 0.5":              {Retry: R{Retries: 1, Multiplier: 0.5}},
		"operator \"orderedWait\" was given a nil function": {},
	} {
		env := weir.NewEnvironment(weir.Options{Logger: quiet})
		fn := func(context.Context, int64) ([]int64, error) { return nil, nil }
		if strings.Contains(want, "nil") {
			fn = nil
		}
		weir.OrderedWait(weir.FromSequence(env, 1, 2), fn, o).Discard()
		_, err := env.Execute(t.Context(), "bad")
		if code := fault.CodeOf(err); code != fault.OptionInvalid && code != fault.GraphNilFunction || !strings.Contains(fmt.Sprint(err), want) || !strings.Contains(err.Error(), `"orderedWait"`) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func BenchmarkAsync(b *testing.B) {
	instant := func(_ context.Context, v int64) ([]int64, error) { return []int64{v}, nil }
	run := func(b *testing.B, o weir.AsyncOptions[int64, int64], how func(*weir.Stream[int64]) *weir.Stream[int64]) {
		env := weir.NewEnvironment(weir.Options{Logger: quiet})
		s := weir.Generate(env, sequence.Options{Count: int64(max(b.N, 1))}, func(i int64) int64 { return i })
		how(s).Discard()
		b.ReportAllocs()
		b.ResetTimer()
		if _, err := env.Execute(b.Context(), "bench"); err != nil {
			b.Fatal(err)
		}
	}
	for _, o := range []weir.AsyncOptions[int64, int64]{{}, {Timeout: -1}, {Capacity: 1}, {Capacity: 10000}} {
		for _, ordered := range []bool{true, false} {
			b.Run(fmt.Sprintf("ordered=%v/capacity=%d/timeout=%v", ordered, o.Capacity, o.Timeout >= 0), func(b *testing.B) {
				run(b, o, func(s *weir.Stream[int64]) *weir.Stream[int64] { return wait(ordered, s, instant, o) })
			})
		}
	}
	b.Run("with a timer", func(b *testing.B) {
		o := weir.AsyncOptions[int64, int64]{}
		run(b, o, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			return weir.OrderedWait(s, func(ctx context.Context, v int64) ([]int64, error) {
				_ = ctx.Done()
				return []int64{v}, nil
			}, o)
		})
	})
	b.Run("map", func(b *testing.B) {
		run(b, weir.AsyncOptions[int64, int64]{}, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			return weir.Map(s, func(v int64) int64 { r, _ := instant(nil, v); return r[0] })
		})
	})
	b.Run("goroutine and channel", func(b *testing.B) { // by hand: a goroutine for each record, 100 at once
		b.ReportAllocs()
		slots, results := make(chan struct{}, 100), make(chan []int64, 100)
		go func() {
			for i := range b.N {
				slots <- struct{}{}
				go func() {
					r, _ := instant(nil, int64(i))
					results <- r
					<-slots
				}()
			}
		}()
		for range b.N {
			<-results
		}
	})
}
