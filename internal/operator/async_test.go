package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// asyncHost is a task for one async operator, in which the test decides what runs when.
type asyncHost struct {
	Host
	now    time.Time
	works  []asyncWork
	out    []string
	err    error
	ctx    *Context
	parks  func(o Output) bool
	cancel context.CancelFunc
	base   context.Context
	never  time.Duration // what is to run after such a delay never runs; 0 for none
}

type asyncWork struct {
	at    time.Time
	delay time.Duration
	run   func()
}

func newAsyncHost() *asyncHost {
	h := &asyncHost{now: time.Unix(1000, 0), ctx: NewContext()}
	h.base, h.cancel = context.WithCancel(context.Background())
	h.ctx.Stop, h.ctx.Host, h.ctx.Name = new(atomic.Uint32), h, "async"
	return h
}

func (h *asyncHost) Fail(_ int, err error) {
	h.ctx.Failed = true
	h.err = cmp.Or(h.err, err)
}
func (h *asyncHost) EmitWatermark(_ int, t int64) { h.out = append(h.out, fmt.Sprint("w", t)) }
func (h *asyncHost) EmitIdle(_ int, idle bool)    { h.out = append(h.out, fmt.Sprint("idle=", idle)) }
func (h *asyncHost) Async(_ int, delay time.Duration, work func(context.Context), then func()) {
	if h.never > 0 && delay >= h.never {
		return
	}
	h.works = append(h.works, asyncWork{h.now.Add(delay), delay, func() {
		work(h.base)
		if then != nil {
			then()
		}
	}})
}
func (h *asyncHost) Wake()                    {}
func (h *asyncHost) Now() time.Time           { return h.now }
func (h *asyncHost) RealTime() bool           { return false }
func (h *asyncHost) Logger() *slog.Logger     { return slog.New(slog.DiscardHandler) }
func (h *asyncHost) ParkOutput(o Output) bool { return h.parks(o) }
func (h *asyncHost) Interrupt()               {}

// make returns an opened instance whose results are noted.
func (h *asyncHost) make(t *testing.T, f *Async[int, int], values []int, times []int64) *asyncInstance[int, int] {
	t.Helper()
	out := ValuePort(func(v int, ts int64) { h.out = append(h.out, fmt.Sprint(v, "@", ts)) })
	i, err := f.New(h.ctx, Wiring{Main: out})
	if err != nil {
		t.Fatal(err)
	}
	a := i.(*asyncInstance[int, int])
	a.Restore(values, times)
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	return a
}

// runOne lets one work run that is drawn from those of which the time has come, or the first one.
func (h *asyncHost) runOne(rng *rand.Rand) bool {
	if len(h.works) == 0 {
		return false
	}
	var ready []int
	first := 0
	for i, w := range h.works {
		if !w.at.After(h.now) {
			ready = append(ready, i)
		}
		if w.at.Before(h.works[first].at) {
			first = i
		}
	}
	if len(ready) > 0 {
		first = ready[rng.IntN(len(ready))]
	}
	w := h.works[first]
	h.works = slices.Delete(h.works, first, first+1)
	if w.at.After(h.now) {
		h.now = w.at
	}
	w.run()
	return true
}

func asyncOf(ordered bool, capacity int, invoke func(ctx context.Context, v int) ([]int, error)) *Async[int, int] {
	return &Async[int, int]{Ordered: ordered, Capacity: capacity, Make: func(*Context, Wiring) (AsyncFunctions[int, int], error) {
		return AsyncFunctions[int, int]{Invoke: invoke}, nil
	}}
}

// asyncModel is the slow version: a list of what has come in, from which what goes out is struck off.
type asyncModel struct {
	ordered bool
	pending []asyncItem
	err     error
}

// asyncItem is a record or a mark, with what is to go out for it.
type asyncItem struct {
	record    string
	results   []string
	watermark string
	idle      bool
}

func (x asyncItem) out() (out []string) {
	if x.record != "" {
		return x.results
	}
	if x.watermark != "" {
		out = append(out, x.watermark)
	}
	if x.idle {
		out = append(out, "idle=true")
	}
	return out
}

// mark returns the mark at the end, a new one if there is none.
func (m *asyncModel) mark() *asyncItem {
	if n := len(m.pending); n == 0 || m.pending[n-1].record != "" {
		m.pending = append(m.pending, asyncItem{})
	}
	return &m.pending[len(m.pending)-1]
}

// active ends idleness, and reports whether it had gone out.
func (m *asyncModel) active() bool {
	i := slices.IndexFunc(m.pending, func(x asyncItem) bool { return x.idle })
	if i >= 0 {
		m.pending[i].idle = false
	}
	return i < 0
}

// check strikes off what has gone out.
func (m *asyncModel) check(out []string) {
	for m.err == nil {
		for len(m.pending) > 0 && m.pending[0].record == "" && len(m.pending[0].out()) == 0 {
			m.pending = m.pending[1:] // a mark with nothing to tell
		}
		if len(out) == 0 {
			return
		}
		m.err = fmt.Errorf("%q went out, with %v pending", out[0], m.pending)
		for i, x := range m.pending {
			want := x.out()
			if len(out) >= len(want) && slices.Equal(out[:len(want)], want) && (i == 0 || x.record != "") {
				out, m.pending, m.err = out[len(want):], slices.Delete(m.pending, i, i+1), nil
				break
			}
			if m.ordered || x.record == "" {
				break
			}
		}
	}
}

// TestAsyncAgainstModel sends random records, watermarks and idleness through the operator, with calls that return in a random order, fail and are tried again; now and then the operator is replaced
// by one that was given what was in flight.
func TestAsyncAgainstModel(t *testing.T) {
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 4))
		h := newAsyncHost()
		h.never = time.Minute
		m := &asyncModel{ordered: rng.IntN(2) == 0}
		capacity := 1 + rng.IntN(6)
		calls := map[int]int{}
		f := asyncOf(m.ordered, capacity, func(_ context.Context, v int) ([]int, error) {
			if calls[v]++; v%3 == 0 && calls[v]%3 != 0 {
				return nil, errors.New("try again")
			}
			results := make([]int, v%3+1)
			for i := range results {
				results[i] = v*10 + i
			}
			return results, nil
		})
		f.Retry = AsyncRetry[int]{Retries: 2, Delay: time.Duration(rng.IntN(3)) * time.Millisecond, Multiplier: 2}
		if rng.IntN(2) == 0 {
			f.Timeout = time.Hour
		}
		a := h.make(t, f, nil, nil)
		underway := func() (n int) {
			for _, w := range h.works {
				if w.delay == 0 {
					n++
				}
			}
			return n
		}
		h.parks = func(o Output) bool {
			for !o.Room() && rng.IntN(4) != 0 {
				h.runOne(rng)
			}
			return true
		}
		check := func() {
			t.Helper()
			if h.err != nil {
				t.Fatalf("seed %d: %v", seed, h.err)
			}
			if n := underway(); n > capacity || a.used > capacity {
				t.Fatalf("seed %d: %d calls, %d slots, capacity %d", seed, n, a.used, capacity)
			}
			m.check(h.out)
			h.out = nil
			if m.err != nil {
				t.Fatalf("seed %d: %v", seed, m.err)
			}
			var want, got []string
			for _, x := range m.pending {
				if x.record != "" {
					want = append(want, x.record)
				}
			}
			for v, ts := range a.InFlight() {
				got = append(got, fmt.Sprint(v))
				if ts != int64(v)*100 {
					t.Fatalf("seed %d: record %d has timestamp %d", seed, v, ts)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: in flight %q, want %q", seed, got, want)
			}
		}
		next, watermark, idle, n := 1, int64(0), false, 1+rng.IntN(120)
		for next <= n {
			check()
			switch k := rng.IntN(12); {
			case k < 4: // some records at once, as from a flatMap, when the task would give one
				if !a.Ready() || a.calls.arrived.Load() {
					if !a.Work() && !h.runOne(rng) {
						t.Fatalf("seed %d: nothing can run", seed)
					}
					continue
				}
				for range 1 + rng.IntN(3) {
					x := asyncItem{record: fmt.Sprint(next)}
					for i := range next%3 + 1 {
						x.results = append(x.results, fmt.Sprint(next*10+i, "@", next*100))
					}
					m.pending = append(m.pending, x)
					a.in.Value(next, int64(next)*100)
					next++
				}
			case k < 6:
				watermark += 1 + rng.Int64N(5)
				m.mark().watermark = fmt.Sprint("w", watermark)
				if a.Watermark(watermark) {
					t.Fatal("a watermark in parts")
				}
				if !a.Holds() {
					h.EmitWatermark(0, watermark)
				}
			case k < 7:
				if idle = !idle; idle {
					m.mark().idle = true
				}
				a.Idle(idle)
				if !idle && m.active() {
					if n := len(h.out); n == 0 || h.out[n-1] != "idle=false" {
						t.Fatalf("seed %d: idleness does not end", seed)
					}
					h.out = h.out[:len(h.out)-1]
				}
			case k < 10:
				h.runOne(rng)
			case k < 11:
				a.Work()
			case rng.IntN(8) == 0:
				values, times := collect2(a.InFlight())
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
				m.pending = slices.DeleteFunc(m.pending, func(x asyncItem) bool { return x.record == "" }) // marks come anew
				h.works, idle = nil, false
				a = h.make(t, f, values, times)
			}
		}
		for a.Finish() {
			check()
			for !a.Ready() {
				if !h.runOne(rng) {
					t.Fatalf("seed %d: the end never comes: %v", seed, m.pending)
				}
			}
		}
		check()
		if len(m.pending) > 0 || !a.Ready() || a.used != 0 {
			t.Fatalf("seed %d: %v left, %d slots taken", seed, m.pending, a.used)
		}
		h.cancel()
	}
}

func collect2(seq iter.Seq2[int, int64]) (values []int, times []int64) {
	for v, ts := range seq {
		values, times = append(values, v), append(times, ts)
	}
	return values, times
}

// What is done first comes first, but for watermarks.
func TestAsyncUnorderedEmitsByCompletion(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	a := h.make(t, asyncOf(false, 10, func(_ context.Context, v int) ([]int, error) { return []int{v}, nil }), nil, nil)
	for v := range 6 {
		a.in.Value(v, 0)
		if v == 2 {
			a.Watermark(7)
		}
	}
	for _, i := range []int{5, 3, 2, 0, 4, 1} {
		h.works[i].run()
		for a.Work() {
		}
	}
	want := []string{"2@0", "0@0", "1@0", "w7", "3@0", "4@0", "5@0"}
	if !slices.Equal(h.out, want) {
		t.Errorf("%q, want %q", h.out, want)
	}
}

// A mark that finds nothing in flight passes at once; several that wait become one.
func TestAsyncMarks(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	a := h.make(t, asyncOf(true, 10, func(_ context.Context, v int) ([]int, error) { return []int{v}, nil }), nil, nil)
	if a.Watermark(1); a.Holds() {
		t.Error("a watermark is held by nothing")
	}
	a.Idle(true)
	a.Idle(false)
	a.in.Value(1, 0)
	for w := range int64(100) {
		if a.Watermark(w + 2); !a.Holds() {
			t.Error("a watermark overtakes a record")
		}
		a.Idle(w%2 == 1)
	}
	n := 0
	for e := a.queue.head; e != nil; e = e.next {
		n++
	}
	if n != 2 {
		t.Errorf("%d entries for a record and its marks", n)
	}
	h.works[0].run()
	for a.Work() {
	}
	if want := []string{"idle=true", "idle=false", "idle=false", "1@0", "w101", "idle=true"}; !slices.Equal(h.out, want) {
		t.Errorf("%q, want %q", h.out, want)
	}
}

// A record that has timed out has the results that OnTimeout gives, whatever its call returns later; the call keeps its slot until it does.
func TestAsyncTimeout(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	f := asyncOf(true, 2, nil)
	f.Timeout = time.Second
	f.Make = func(*Context, Wiring) (AsyncFunctions[int, int], error) {
		return AsyncFunctions[int, int]{
			Invoke:    func(_ context.Context, v int) ([]int, error) { return []int{v}, nil },
			OnTimeout: func(v int) ([]int, error) { return []int{-v, -v}, nil },
		}, nil
	}
	a := h.make(t, f, nil, nil)
	a.in.Value(1, 10)
	slow, timer := h.works[1], h.works[0]
	h.now = h.now.Add(400 * time.Millisecond)
	a.in.Value(2, 20)
	second := h.works[2]
	h.now = h.now.Add(600 * time.Millisecond)
	timer.run()
	if !a.Work() || !slices.Equal(h.out, []string{"-1@10", "-1@10"}) {
		t.Fatalf("%q", h.out)
	}
	if next := h.works[3]; next.delay != 400*time.Millisecond {
		t.Errorf("the next deadline is in %v", next.delay)
	}
	if a.Work() || a.Ready() || a.used != 2 || a.abandoned != 1 {
		t.Errorf("%d slots taken", a.used)
	}
	slow.run()
	if !a.Ready() || !a.Work() || a.used != 1 || a.abandoned != 0 {
		t.Errorf("%d slots taken", a.used)
	}
	second.run()
	h.works[3].run() // it is done
	for a.Work() {
	}
	if !slices.Equal(h.out[2:], []string{"2@20"}) || a.used != 0 || a.armed || len(h.works) != 4 {
		t.Errorf("%q, %d slots taken, armed=%v", h.out, a.used, a.armed)
	}
}

// The error of a call that its deadline has ended is a timeout, though it may come before the timer.
func TestAsyncErrorOfTheDeadline(t *testing.T) {
	for _, handled := range []bool{false, true} {
		h := newAsyncHost()
		defer h.cancel()
		f := asyncOf(true, 2, nil)
		f.Timeout, f.Retry = time.Second, AsyncRetry[int]{Retries: 5}
		f.Make = func(*Context, Wiring) (AsyncFunctions[int, int], error) {
			fns := AsyncFunctions[int, int]{Invoke: func(ctx context.Context, _ int) ([]int, error) {
				h.now = h.now.Add(time.Second)
				return nil, ctx.Err()
			}}
			if handled {
				fns.OnTimeout = func(int) ([]int, error) { return []int{7}, nil }
			}
			return fns, nil
		}
		a := h.make(t, f, nil, nil)
		a.in.Value(1, 10)
		h.works[1].run()
		for a.Work() {
		}
		if handled != slices.Equal(h.out, []string{"7@10"}) || handled != (h.err == nil) || !handled && fault.CodeOf(h.err) != fault.FunctionTimeout {
			t.Errorf("%q, %v", h.out, h.err)
		}
	}
}

// A retry that would come after the deadline is not waited for, and its record times out on time.
func TestAsyncTimeoutWithinAPause(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	calls := 0
	f := asyncOf(true, 2, func(context.Context, int) ([]int, error) { calls++; return nil, errors.New("no") })
	f.Timeout, f.Retry = time.Second, AsyncRetry[int]{Retries: 50, Delay: 300 * time.Millisecond, Multiplier: 2}
	a := h.make(t, f, nil, nil)
	a.in.Value(1, 10)
	start, rng := h.now, rand.New(rand.NewPCG(1, 1))
	for h.err == nil && h.runOne(rng) {
		for a.Work() {
		}
	}
	if fault.CodeOf(h.err) != fault.FunctionTimeout || calls != 3 || h.now.Sub(start) != time.Second {
		t.Errorf("%v after %d calls and %v", h.err, calls, h.now.Sub(start))
	}
}

// A pause that is over only when its record has timed out starts nothing, whatever its entry is used for by then.
func TestAsyncPauseOverTooLate(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	f := asyncOf(true, 2, nil)
	f.Timeout, f.Retry = time.Second, AsyncRetry[int]{Retries: 50, Delay: 900 * time.Millisecond}
	f.Make = func(*Context, Wiring) (AsyncFunctions[int, int], error) {
		return AsyncFunctions[int, int]{
			Invoke:    func(context.Context, int) ([]int, error) { return nil, errors.New("no") },
			OnTimeout: func(v int) ([]int, error) { return []int{-v}, nil },
		}, nil
	}
	a := h.make(t, f, nil, nil)
	work := func() {
		for a.Work() {
		}
	}
	a.in.Value(1, 10)
	h.works[1].run()
	work()
	h.now = h.now.Add(time.Second)
	h.works[0].run() // the deadline
	work()
	a.in.Value(2, 20)
	n := len(h.works)
	h.works[2].run() // the pause
	work()
	if !slices.Equal(h.out, []string{"-1@10"}) || len(h.works) != n || a.used != 1 {
		t.Errorf("%q, %d works, %d slots taken", h.out, len(h.works)-n, a.used)
	}
}

// A function that does not wait costs no timer; one that does is told by every context that derives from its own.
func TestAsyncLazyDeadline(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 7))
	defer cancel()
	fresh := func(d time.Duration) *lazyDeadline {
		return &lazyDeadline{ctx: parent, deadline: time.Now().Add(d)}
	}
	l := fresh(time.Hour)
	if at, ok := l.Deadline(); !ok || at != l.deadline || l.Value(key{}) != 7 || l.cancel != nil {
		t.Error("it is not what it was made of")
	}
	child, stop := context.WithCancel(l)
	defer stop()
	if l.cancel == nil || child.Err() != nil || l.Err() != nil {
		t.Errorf("%v, %v", child.Err(), l.Err())
	}
	l.release()
	<-child.Done()
	if l.Err() != context.Canceled || child.Err() != context.Canceled {
		t.Errorf("%v, %v", child.Err(), l.Err())
	}
	l = fresh(time.Hour)
	l.release()
	if <-l.Done(); l.Err() != context.Canceled {
		t.Errorf("%v", l.Err())
	}
	l = fresh(time.Millisecond)
	if <-l.Done(); l.Err() != context.DeadlineExceeded {
		t.Errorf("%v", l.Err())
	}
	l, earlier := fresh(time.Hour), fresh(time.Minute)
	l.ctx = earlier
	if at, _ := l.Deadline(); at != earlier.deadline {
		t.Errorf("the deadline is %v", at)
	}
	l = fresh(time.Hour)
	cancel()
	if <-l.Done(); l.Err() != context.Canceled {
		t.Errorf("%v", l.Err())
	}
}

// Calls that do not return although their records have timed out fail the job once they take all slots.
func TestAsyncStuck(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	f := asyncOf(false, 3, nil)
	f.Timeout = time.Second
	f.Make = func(*Context, Wiring) (AsyncFunctions[int, int], error) {
		return AsyncFunctions[int, int]{
			Invoke:    func(_ context.Context, v int) ([]int, error) { return []int{v}, nil },
			OnTimeout: func(int) ([]int, error) { return nil, nil },
		}, nil
	}
	a := h.make(t, f, nil, nil)
	var calls []asyncWork
	push := func(v int) {
		a.in.Value(v, 0)
		calls = append(calls, h.works[slices.IndexFunc(h.works, func(w asyncWork) bool { return w.delay == 0 })])
		h.works = slices.DeleteFunc(h.works, func(w asyncWork) bool { return w.delay == 0 })
	}
	rng := rand.New(rand.NewPCG(1, 1))
	run := func(d time.Duration) {
		end := h.now.Add(d)
		for h.err == nil && slices.ContainsFunc(h.works, func(w asyncWork) bool { return !w.at.After(end) }) {
			h.runOne(rng)
			for a.Work() {
			}
		}
	}
	push(1)
	push(2)
	push(3)
	run(2 * time.Second)
	if a.abandoned != 3 || a.Ready() || a.Watermark(9) || a.Holds() {
		t.Fatalf("%d calls are without their record", a.abandoned)
	}
	calls[0].run()
	a.Work()
	push(4)
	run(stuckAfter - time.Millisecond)
	if h.err != nil || a.abandoned != 3 {
		t.Fatalf("%v, %d calls are without their record", h.err, a.abandoned)
	}
	run(stuckAfter + 2*time.Second)
	if fault.CodeOf(h.err) != fault.FunctionStuck {
		t.Errorf("%v", h.err)
	}
}

func TestAsyncRetryPause(t *testing.T) {
	for _, c := range []struct {
		r    AsyncRetry[int]
		n    int
		want time.Duration
	}{
		{AsyncRetry[int]{}, 3, 0},
		{AsyncRetry[int]{Delay: time.Second}, 1, time.Second},
		{AsyncRetry[int]{Delay: time.Second}, 70, time.Second},
		{AsyncRetry[int]{Delay: time.Second, Multiplier: 2}, 1, time.Second},
		{AsyncRetry[int]{Delay: time.Second, Multiplier: 2}, 4, 8 * time.Second},
		{AsyncRetry[int]{Delay: time.Second, Multiplier: 1.5}, 3, 2250 * time.Millisecond},
		{AsyncRetry[int]{Delay: time.Second, Multiplier: 2, MaxDelay: 5 * time.Second}, 4, 5 * time.Second},
		{AsyncRetry[int]{Delay: time.Second, Multiplier: 2, MaxDelay: 5 * time.Second}, 5000, 5 * time.Second},
	} {
		if got := c.r.pause(c.n); got != c.want {
			t.Errorf("%+v: pause %d is %v, want %v", c.r, c.n, got, c.want)
		}
	}
	if r := (AsyncRetry[int]{Delay: time.Second, Multiplier: 1e9}); r.pause(5000) <= 0 {
		t.Errorf("a pause of %v", r.pause(5000))
	}
	no := errors.New("no")
	isNo := func(err error) bool { return err == no }
	empty := func(r []int) bool { return len(r) == 0 }
	for i, c := range []struct {
		r       AsyncRetry[int]
		results []int
		err     error
		want    bool
	}{
		{AsyncRetry[int]{}, nil, no, true},
		{AsyncRetry[int]{}, nil, nil, false},
		{AsyncRetry[int]{IfError: isNo}, nil, no, true},
		{AsyncRetry[int]{IfError: isNo}, nil, errors.New("other"), false},
		{AsyncRetry[int]{IfError: isNo}, nil, nil, false},
		{AsyncRetry[int]{IfResult: empty}, nil, nil, true},
		{AsyncRetry[int]{IfResult: empty}, []int{1}, nil, false},
		{AsyncRetry[int]{IfResult: empty}, nil, no, false},
	} {
		if got := c.r.again(c.results, c.err); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// What is taken without room is counted, so that the task can bound it.
func TestAsyncOverdraft(t *testing.T) {
	h := newAsyncHost()
	defer h.cancel()
	a := h.make(t, asyncOf(true, 2, func(_ context.Context, v int) ([]int, error) { return []int{v}, nil }), nil, nil)
	h.parks = func(Output) bool { return true } // a barrier waits
	for v := range 10 {
		before := a.Overdrawn()
		a.in.Value(v, 0)
		if (a.Overdrawn() > before) != (v >= 2) {
			t.Errorf("record %d: %d bytes are overdrawn", v, a.Overdrawn())
		}
		if n := len(h.works); n > 2 {
			t.Fatalf("%d calls", n)
		}
		if full := h.ctx.Stop.Load() != 0; full != (v >= 1) {
			t.Errorf("record %d: full=%v", v, full)
		}
	}
	h.parks = func(Output) bool { return false } // the task is ending
	a.in.Value(10, 0)
	rng := rand.New(rand.NewPCG(1, 1))
	for h.runOne(rng) {
		for a.Work() {
		}
	}
	if len(h.out) != 10 {
		t.Errorf("%q", h.out)
	}
	if a.ctx.CurrentWatermark != eventtime.MinWatermark || a.Overdrawn() <= 0 || a.Overdrawn() > math.MaxInt32 {
		t.Error("something else has changed")
	}
}

func BenchmarkAsyncQueue(b *testing.B) {
	for _, ordered := range []bool{true, false} {
		b.Run(fmt.Sprint("ordered=", ordered), func(b *testing.B) {
			q := asyncQueue[int, int]{ordered: ordered}
			b.ReportAllocs()
			for b.Loop() {
				q.push(1, 2)
				q.done(q.issue())
				e := q.due()
				q.remove(e)
				q.recycle(e)
			}
		})
	}
}
