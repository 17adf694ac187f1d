package windoworacle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/window"
)

// Outcome is all that an operator gave.
type Outcome struct {
	Results []Result
	// Late are the rows for the output of late rows, if there is one, and Dropped is the number of those that were dropped as late, if there is none.
	Late    []LateRow
	Dropped int64
	// Err ended the script at its step. Results, Late and Dropped are from before.
	Err error
}

// Result is one evaluation of a window.
type Result struct {
	// Step is the number of the step that caused it.
	Step   int
	Key    int64
	Window window.Window
	// Elements are those that the function saw, in the order in which they came. They are empty only if an evictor took them all.
	Elements []window.Element[Row]
	// Timestamp is that of the result, Watermark the current one.
	Timestamp, Watermark int64
	// InWindow and InKey count evaluations, with this one: InWindow in state per window, which is 0 for windows that merge, as these have no such state, and InKey in
	// state per key.
	InWindow, InKey int64
}

// LateRow is a row that came too late.
type LateRow struct {
	Step      int
	Row       Row
	Timestamp int64
}

// Reduced is the sum of the values, with the key.
func (r Result) Reduced() Row { return Row{r.Key, r.Aggregated().Sum} }

// Stats is the accumulator of [Aggregate].
type Stats struct{ Count, Sum, Min, Max int64 }

// Add returns the statistics with one more value.
func (s Stats) Add(v int64) Stats { return s.Merge(Stats{1, v, v, v}) }

// Merge returns the statistics of the values of both.
func (s Stats) Merge(o Stats) Stats {
	switch {
	case s.Count == 0:
		return o
	case o.Count == 0:
		return s
	}
	return Stats{s.Count + o.Count, s.Sum + o.Sum, min(s.Min, o.Min), max(s.Max, o.Max)}
}

// Aggregated is the statistics of the values.
func (r Result) Aggregated() Stats {
	var s Stats
	for _, e := range r.Elements {
		s = s.Add(e.Value.Value)
	}
	return s
}

// Text is what the function of the given kind says of the window.
func (r Result) Text(f Function) string {
	at := fmt.Sprintf("key=%d %v at %d, watermark %d: ", r.Key, r.Window, r.Timestamp, r.Watermark)
	switch f {
	case Reduce:
		return at + fmt.Sprint(r.Reduced().Value)
	case Aggregate:
		return at + fmt.Sprintf("%+v", r.Aggregated())
	}
	var b strings.Builder
	for _, e := range r.Elements {
		fmt.Fprintf(&b, " %d@%d", e.Value.Value, e.Timestamp)
	}
	return at + fmt.Sprintf("evaluation %d:%s", r.InWindow, b.String())
}

// Canonical is the outcome as text, in which two correct operators agree: what the function of the given kind says of each window, in groups of results between which the
// watermark advanced, each group in the order of key and window; then how many evaluations each key had, by InKey; then the late rows in the order of the steps, and what was
// dropped. So the order of results matters only within a window of a key, and Step not at all.
func (o Outcome) Canonical(f Function) string {
	results := slices.Clone(o.Results)
	slices.SortStableFunc(results, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Watermark, b.Watermark), cmp.Compare(a.Key, b.Key), a.Window.Compare(b.Window))
	})
	var b strings.Builder
	inKey := map[int64]int64{}
	for _, r := range results {
		b.WriteString(r.Text(f) + "\n")
		inKey[r.Key] = max(inKey[r.Key], r.InKey)
	}
	if f == Process {
		for _, key := range slices.Sorted(maps.Keys(inKey)) {
			fmt.Fprintf(&b, "key=%d evaluated %d times\n", key, inKey[key])
		}
	}
	for _, l := range o.Late {
		fmt.Fprintf(&b, "late key=%d value=%d at %d\n", l.Row.Key, l.Row.Value, l.Timestamp)
	}
	fmt.Fprintf(&b, "dropped %d\n", o.Dropped)
	return b.String()
}
