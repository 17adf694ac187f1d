package base

import (
	"testing"

	"pgregory.net/rapid"
)

func checkRanges(t interface{ Fatalf(string, ...any) }, p, m int) {
	next := 0
	for s := range p {
		r := RangeOf(s, p, m)
		if r.First != next || r.Len() < 1 {
			t.Fatalf("p=%d m=%d: subtask %d has %v, want it to start at %d", p, m, s, r, next)
		}
		if r.Len() != m/p && r.Len() != m/p+1 {
			t.Fatalf("p=%d m=%d: subtask %d has %d key groups", p, m, s, r.Len())
		}
		for _, g := range []int{r.First, (r.First + r.Last) / 2, r.Last} {
			if got := SubtaskOf(g, p, m); got != s || !r.Contains(g) {
				t.Fatalf("p=%d m=%d: key group %d is in %v of subtask %d, SubtaskOf says %d", p, m, g, r, s, got)
			}
		}
		if r.Contains(r.First-1) || r.Contains(r.Last+1) {
			t.Fatalf("%v contains its neighbours", r)
		}
		next = r.Last + 1
	}
	if next != m {
		t.Fatalf("p=%d m=%d: ranges end at %d", p, m, next)
	}
}

func TestRangesOfEverySmallParallelism(t *testing.T) {
	for m := 1; m <= 130; m++ {
		for p := 1; p <= m; p++ {
			checkRanges(t, p, m)
		}
	}
}

func TestRangesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.IntRange(1, 32768).Draw(t, "maxParallelism")
		checkRanges(t, rapid.IntRange(1, m).Draw(t, "parallelism"), m)
	})
}

// Values worked out by hand from the formula of Flink's KeyGroupRangeAssignment.
func TestRangesAsInFlink(t *testing.T) {
	for _, c := range []struct {
		subtask, p, m int
		want          string
	}{
		{0, 1, 1, "0-0"}, {0, 1, 128, "0-127"}, {0, 2, 128, "0-63"}, {1, 2, 128, "64-127"},
		{0, 3, 128, "0-42"}, {1, 3, 128, "43-85"}, {2, 3, 128, "86-127"}, {4, 10, 128, "52-63"}, {32767, 32768, 32768, "32767-32767"},
	} {
		if got := RangeOf(c.subtask, c.p, c.m).String(); got != c.want {
			t.Errorf("subtask %d of %d, maximum %d: %s, want %s", c.subtask, c.p, c.m, got, c.want)
		}
	}
}
