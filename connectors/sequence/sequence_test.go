package sequence

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

func numbers(first, last int64) []string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestFrom(t *testing.T) {
	connectortest.TestSource(t, connectortest.SourceSuite[int64]{
		New:          func(*testing.T) connector.Source[int64] { return From(-3, 40) },
		Want:         numbers(-3, 40),
		WithinRecord: true,
	})
}

func TestFromFewerThanReaders(t *testing.T) {
	connectortest.TestSource(t, connectortest.SourceSuite[int64]{
		New:          func(*testing.T) connector.Source[int64] { return From(7, 8) },
		Want:         numbers(7, 8),
		WithinRecord: true,
	})
}

func TestFromNothing(t *testing.T) {
	connectortest.TestSource(t, connectortest.SourceSuite[int64]{
		New: func(*testing.T) connector.Source[int64] { return From(1, 0) },
	})
}

// A Poll that emits more than it may would fail the run, as would one that ends too early.
func TestFromManyPolls(t *testing.T) {
	r := connectortest.NewRun(t, From(1, 100_000), connectortest.RunOptions{Parallelism: 3})
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, v := range r.Values() {
		sum += v
	}
	if len(r.Values()) != 100_000 || sum != 100_000*100_001/2 {
		t.Fatalf("got %d numbers, sum %d", len(r.Values()), sum)
	}
}

func TestContiguousAtTheLimits(t *testing.T) {
	for _, test := range []struct {
		first, last int64
		n           int
	}{
		{math.MinInt64, math.MaxInt64, 1},
		{math.MinInt64, math.MaxInt64, 2},
		{math.MinInt64, math.MaxInt64, 7},
		{math.MaxInt64 - 5, math.MaxInt64, 4},
		{math.MinInt64, math.MinInt64, 3},
		{0, 9, 3},
	} {
		next := test.first
		for i, c := range contiguous(test.first, test.last, test.n) {
			s, err := decodeSpan(c)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && s.base != next || s.base < test.first {
				t.Errorf("%v: part %d starts at %d, want %d", test, i, s.base, next)
			}
			next = s.at(s.total) // wraps behind the last number of all
		}
		if want := int64(uint64(test.last) + 1); next != want {
			t.Errorf("%v: the parts end before %d, want %d", test, next, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	square := func(i int64) string { return fmt.Sprint(i * i) }
	var want []string
	for i := range int64(50) {
		want = append(want, square(i))
	}
	for name, o := range map[string]Options{
		"bounded":       {Count: 50},
		"unbounded":     {},
		"slow":          {Count: 50, RatePerSecond: 10},
		"fast":          {Count: 50, RatePerSecond: 20_000},
		"no end, rated": {RatePerSecond: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			if o.Count == 0 {
				// Which records come first is not told if several make them.
				r := connectortest.NewRun(t, Generate(o, square), connectortest.RunOptions{})
				if _, err := r.Until(50); err != nil {
					t.Fatal(err)
				}
				if got := r.Values(); !slices.Equal(got, want) {
					t.Fatalf("got %q", got)
				}
				return
			}
			if name == "slow" {
				o.RatePerSecond = 2000 // the suite runs it in real time as well
			}
			connectortest.TestSource(t, connectortest.SourceSuite[string]{
				New:          func(*testing.T) connector.Source[string] { return Generate(o, square) },
				Want:         slices.Clone(want),
				WithinRecord: true,
			})
		})
	}
}

// Number i is due at start + i/rate, at any parallelism, and never comes before.
func TestRateInVirtualTime(t *testing.T) {
	for p := 1; p <= 4; p++ {
		var start time.Time
		src := GenerateAt(Options{Count: 100, RatePerSecond: 10}, func(i int64, due time.Time) int64 {
			if i == 0 {
				start = due
			}
			return i
		})
		r := connectortest.NewRun(t, src, connectortest.RunOptions{Parallelism: p})
		if err := r.Settle(); err != nil {
			t.Fatal(err)
		}
		if got := r.Values(); !slices.Equal(got, []int64{0}) {
			t.Fatalf("parallelism %d: at once came %v", p, got)
		}
		for s := 1; s <= 9; s++ {
			if err := r.Advance(time.Second); err != nil {
				t.Fatal(err)
			}
			if got := len(r.Values()); got != 10*s+1 {
				t.Fatalf("parallelism %d: after %d s, %d records", p, s, got)
			}
		}
		if start.IsZero() || r.Ended() {
			t.Fatal("ended early, or did not start")
		}
		if err := r.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
		if !r.Ended() {
			t.Fatal("not ended")
		}
	}
}

// After a restore the rate goes on; what was not emitted is not made up for at once.
func TestRateAfterRestore(t *testing.T) {
	src := Generate(Options{RatePerSecond: 10}, func(i int64) int64 { return i })
	r := connectortest.NewRun(t, src, connectortest.RunOptions{Parallelism: 2})
	if err := r.Advance(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	before := len(r.Values())
	c := r.Snapshot()
	r.Cancel()
	r = connectortest.NewRun(t, src, connectortest.RunOptions{Parallelism: 1, From: c})
	if err := r.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Values()); before != 101 || n < 10 || n > 12 || r.Values()[0] != 101 {
		t.Fatalf("%d records before, %d in the second after: %v", before, n, r.Values())
	}
}

// In real time the records of a fast generator come from the pacer thread, none before it was due.
func TestPacer(t *testing.T) {
	var stats PacerStats
	var early atomic.Int64
	src := GenerateAt(Options{Count: 2000, RatePerSecond: 20_000, Stats: &stats}, func(i int64, due time.Time) int64 {
		if time.Now().Before(due) {
			early.Add(1)
		}
		return i
	})
	start := time.Now()
	r := connectortest.NewRun(t, src, connectortest.RunOptions{Parallelism: 2, Goroutines: true})
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	r.Cancel()
	got := r.Values()
	slices.Sort(got)
	if len(got) != 2000 || got[0] != 0 || got[1999] != 1999 {
		t.Fatalf("got %d records", len(got))
	}
	if took := time.Since(start); took < 1999*time.Second/20_000 {
		t.Errorf("took %v, less than the rate allows", took)
	}
	if n := early.Load(); n > 0 {
		t.Errorf("%d records came before they were due", n)
	}
	if stats.Wakes() == 0 || stats.Lateness(0.5) > stats.Lateness(1) {
		t.Errorf("stats: %d wakes, p50 %v, max %v", stats.Wakes(), stats.Lateness(0.5), stats.Lateness(1))
	}
	t.Logf("%d wakes, p50 %v, p99 %v, max %v, CPU %v", stats.Wakes(), stats.Lateness(0.5), stats.Lateness(0.99), stats.Lateness(1), stats.CPU())
}

// The slow reader of a pacer must always be woken for the next due time: after gives one behind t and at most one period behind it.
func TestPacerAfter(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := pacer{
		schedule: schedule{start: start, first: 30, rate: 1000},
		spans:    []span{{base: 1, step: 3, total: math.MaxInt64}},
	}
	// 31, 34, 37 and so on, from 30 on at a millisecond each.
	for _, test := range []struct{ at, want time.Duration }{
		{0, time.Millisecond},
		{time.Millisecond, 4 * time.Millisecond},
		{time.Millisecond - 1, time.Millisecond},
		{3 * time.Millisecond, 4 * time.Millisecond},
		{time.Hour, time.Hour + time.Millisecond},
	} {
		if got := p.after(start.Add(test.at)).Sub(start); got != test.want {
			t.Errorf("after %v: %v, want %v", test.at, got, test.want)
		}
	}
}

func TestStats(t *testing.T) {
	var s PacerStats
	for i := 1; i <= 1000; i++ {
		s.add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 1: time.Millisecond, 0: time.Microsecond} {
		if got := s.Lateness(q); got < want || got > want+want/16+time.Microsecond {
			t.Errorf("quantile %v: %v, want about %v", q, got, want)
		}
	}
	for v := time.Duration(1); v > 0 && v < math.MaxInt64/2; v = v*3/2 + 1 {
		if b := bucket(v); upper(b) < v || b > 0 && upper(b-1) >= v {
			t.Errorf("%d is in bucket %d, up to %d", v, b, upper(b))
		}
	}
}

func TestCheck(t *testing.T) {
	id := func(i int64) int64 { return i }
	for _, test := range []struct {
		src  connector.Source[int64]
		want fault.Code
	}{
		{Generate(Options{Count: -1}, id), fault.OptionInvalid},
		{Generate(Options{RatePerSecond: -1}, id), fault.OptionInvalid},
		{Generate(Options{RatePerSecond: math.NaN()}, id), fault.OptionInvalid},
		{Generate(Options{RatePerSecond: math.Inf(1)}, id), fault.OptionInvalid},
		{Generate(Options{Resolution: -1}, id), fault.OptionInvalid},
		{Generate[int64](Options{}, nil), fault.GraphNilFunction},
		{GenerateAt[int64](Options{}, nil), fault.GraphNilFunction},
		{Generate(Options{Count: 1}, id), ""},
		{From(1, 2), ""},
	} {
		if got := fault.CodeOf(test.src.(connector.Checker).Check(t.Context())); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestDamagedState(t *testing.T) {
	src := From(1, 9)
	good := contiguous(1, 9, 1)[0].State
	for n := range good {
		c := &connectortest.Checkpoint{Enumerator: connector.AppendSplits(nil, nil), Splits: []connector.Split{{ID: "x", State: good[:n]}}}
		r := connectortest.NewRun(t, src, connectortest.RunOptions{From: c})
		if got := fault.CodeOf(r.Finish()); got != fault.TypeDecode {
			t.Errorf("cut to %d bytes: got %q", n, got)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	var stop atomic.Uint32
	var sum int64
	out := connector.NewOutput(func(v, _ int64) { sum += v }, nil, nil, &stop)
	r := &fastReader[int64]{fn: func(i int64) int64 { return i }}
	s := &span{step: 1, total: math.MaxInt64}
	r.spans = []*span{s}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Poll(out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(s.done), "ns/record")
}
