package windowed

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir/weirtest"
)

// result is a text and its timestamp.
type result = weirtest.Record[string]

// expected gives the results of the operators for all events of both streams, in the plainest way.
func expected(s setting, first, second []event) map[string][]result {
	want := map[string][]result{}
	add := func(op, text string, ts int64) { want[op] = append(want[op], result{Value: text, Timestamp: ts}) }

	sums := map[int64]stat{}
	for w, es := range group(first, s.size, s.size, 0) {
		add("tumbling", told(w.key, w.start, sum(es)), w.start+s.size-1)
		a, b := sums[w.start], sum(es)
		sums[w.start] = stat{a.N + b.N, a.Sum + b.Sum}
	}
	for start, sum := range sums {
		add("all keys", told(-1, start, sum), start+s.size-1)
	}
	for w, es := range group(first, s.size, s.slide, s.offset) {
		add("sliding", told(w.key, w.start, sum(es)), w.start+s.size-1)
	}
	for w, es := range group(second, s.size, s.slide, s.offset) {
		add("sliding elements", told(w.key, w.start, ids(slices.Values(es))), w.start+s.size-1)
	}
	for _, es := range sessions(first, s.gap) {
		start, end := es[0].At, es[len(es)-1].At+s.gap
		add("session", told(es[0].Key, start, end, sum(es)), end-1)
	}
	for _, es := range sessions(slices.Concat(first, second), s.gap) {
		var xs, ys []event
		for _, e := range es {
			if isFirst(e) {
				xs = append(xs, e)
			} else {
				ys = append(ys, e)
			}
		}
		start, end := es[0].At, es[len(es)-1].At+s.gap
		add("session coGroup", told(es[0].Key, start, end, ids(slices.Values(xs)), ids(slices.Values(ys))), end-1)
	}
	for _, x := range first {
		for _, y := range second {
			if x.Key != y.Key {
				continue
			}
			if start := x.At - x.At%s.size; start == y.At-y.At%s.size {
				add("window join", told(x.ID, y.ID), start+s.size-1)
			}
			apart := y.At - x.At
			if (apart > s.lower || apart == s.lower && !s.openLower) && (apart < s.upper || apart == s.upper && !s.openUpper) {
				add("interval join", told(x.ID, y.ID, x.At, y.At), max(x.At, y.At))
			}
		}
	}
	return want
}

// isFirst tells to which stream an event belongs: its ids are even.
func isFirst(e event) bool { return e.ID%2 == 0 }

type keyAndStart struct{ key, start int64 }

// group puts events into windows that begin at offset and at every slide from there: all starts that a window with the event may have are tried.
func group(events []event, size, slide, offset int64) map[keyAndStart][]event {
	windows := map[keyAndStart][]event{}
	for _, e := range events {
		for start := e.At - size + 1; start <= e.At; start++ {
			if (start-offset)%slide == 0 {
				w := keyAndStart{e.Key, start}
				windows[w] = append(windows[w], e)
			}
		}
	}
	return windows
}

// sessions cuts the events of each key where more than gap lies between two of them.
func sessions(events []event, gap int64) (all [][]event) {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.At, b.At)) })
	for i, e := range events {
		if i == 0 || e.Key != events[i-1].Key || e.At-events[i-1].At > gap {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], e)
	}
	return all
}

func sum(es []event) (s stat) {
	for _, e := range es {
		s = stat{s.N + 1, s.Sum + e.Value}
	}
	return s
}
