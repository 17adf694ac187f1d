package recovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/weirtest"
)

// expected gives the results in the plainest way.
func expected(count int64) (want []string) {
	as, bs := first(count), second(count)
	both := slices.Concat(as, bs)
	type windowOf struct{ key, start int64 }
	group := func(events []event, slide int64) map[windowOf][]event {
		all := map[windowOf][]event{}
		for _, e := range events {
			for start := e.At - size + 1; start <= e.At; start++ {
				if start%slide == 0 {
					all[windowOf{e.Key, start}] = append(all[windowOf{e.Key, start}], e)
				}
			}
		}
		return all
	}
	sum := func(es []event) (s [2]int64) {
		for _, e := range es {
			s[0]++
			s[1] += e.Value
		}
		return s
	}
	for w, es := range group(both, size) {
		want = append(want, fmt.Sprint("tumbling ", w.key, " ", w.start, " ", w.start+size, " ", sum(es)))
	}
	for w, es := range group(as, slide) {
		want = append(want, fmt.Sprint("sliding ", w.key, " ", w.start, " ", w.start+size, " ", sum(es)))
	}
	for w, es := range group(bs, size) {
		want = append(want, fmt.Sprint("looked ", w.key, " ", w.start, " ", w.start+size, " ", sum(es)))
		var ns []int64
		for _, e := range es {
			ns = append(ns, e.N)
		}
		slices.Sort(ns)
		want = append(want, fmt.Sprint("elements ", w.key, " ", w.start, " ", ns))
	}
	for key := range int64(keys) {
		var own []event
		for _, e := range bs {
			if e.Key == key {
				own = append(own, e)
			}
		}
		slices.SortFunc(own, func(a, b event) int { return int(a.At - b.At) })
		for len(own) > 0 {
			n := 1
			for n < len(own) && own[n].At-own[n-1].At <= gap {
				n++
			}
			want = append(want, fmt.Sprint("session ", key, " ", own[0].At, " ", own[n-1].At+gap, " ", sum(own[:n])))
			own = own[n:]
		}
	}
	for _, x := range as {
		for _, y := range bs {
			if x.Key == y.Key && y.At-x.At >= -reach && y.At-x.At <= reach {
				want = append(want, fmt.Sprint("join ", x.N, " ", y.N))
			}
		}
	}
	for _, e := range both {
		want = append(want, fmt.Sprint("timer ", e.N, " ", e.Value))
	}
	return want
}

const events = 150

func TestExactlyOnce(t *testing.T) {
	want := expected(events)
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		ledger := weirtest.NewLedger[string](s)
		s.StateBackend(lsm.Backend())
		s.Survive(func(env *weir.Environment) { ledger.End(build(env, events)) })
		s.Same(ledger.Committed(), want)
	})
}

// TestStops stops the job with a savepoint again and again.
func TestStops(t *testing.T) {
	want := expected(events)
	runs, stops := 0, 0
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		runs++
		defer func() { stops += s.Stops() }()
		ledger := weirtest.NewLedger[string](s)
		s.StateBackend(lsm.Backend())
		s.StopAndGoOn(func(env *weir.Environment) { ledger.End(build(env, events)) })
		s.Same(ledger.Committed(), want)
	})
	if runs >= 20 && stops < runs/10 {
		t.Errorf("%d stops in %d runs", stops, runs)
	}
	t.Log(stops, "stops in", runs, "runs")
}

// TestRegions runs two parts that nothing connects: where one fails, the other goes on, and both must come to their results.
func TestRegions(t *testing.T) {
	var want []string
	for _, s := range expected(events) {
		if strings.HasPrefix(s, "sliding ") || strings.HasPrefix(s, "session ") {
			want = append(want, s)
		}
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		one, other := weirtest.NewLedger[string](s), weirtest.NewLedger[string](s)
		s.Survive(func(env *weir.Environment) {
			a, b := buildApart(env, events)
			one.End(a)
			b.SinkTo("ledger", other).Name("other ledger").UID("other-ledger")
		})
		s.Same(slices.Concat(one.Committed(), other.Committed()), want)
	})
}
