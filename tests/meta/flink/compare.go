package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/testkit/flinksql"
)

// answer is what an engine says to a query.
type answer struct {
	types, rows []string
	err         error
}

// compared is a query with both answers.
type compared struct {
	seed, tables uint64
	mode, sql    string
	flink, weir  answer
}

// outcome is what came of a query.
type outcome string

const (
	equal     outcome = "equal"
	refused   outcome = "refused by Flink"
	explained outcome = "explained"
	differ    outcome = "differ"
)

// judge compares, and says why.
func (c *compared) judge() (outcome, string) {
	if c.flink.err == nil && c.weir.err == nil && c.difference() == "" {
		return equal, ""
	}
	for _, k := range known {
		if (k.mode == "" || k.mode == c.mode) && k.matches(c) {
			if c.flink.err != nil && c.refusedByFlink() {
				return refused, k.name
			}
			return explained, k.name
		}
	}
	switch {
	case c.flink.err != nil && c.weir.err != nil:
		return refused, "by Weir, too"
	case c.refusedByFlink():
		return refused, "not explained: " + firstLine(c.flink.err.Error())
	}
	return differ, c.difference()
}

// refusedByFlink reports whether Flink's planner did not take the query; a job that fails is no refusal.
func (c *compared) refusedByFlink() bool {
	if c.flink.err == nil {
		return false
	}
	r, ok := c.flink.err.(*flinksql.Refusal)
	return ok && !r.Job
}

// difference says what is not the same, "" if all is.
func (c *compared) difference() string {
	var b strings.Builder
	if c.flink.err != nil {
		fmt.Fprintf(&b, "  Flink: %s\n", firstLine(c.flink.err.Error()))
	}
	if c.weir.err != nil {
		fmt.Fprintf(&b, "  Weir:  %s\n", firstLine(c.weir.err.Error()))
	}
	if c.flink.err != nil || c.weir.err != nil {
		return b.String()
	}
	if !slices.Equal(c.flink.types, c.weir.types) {
		for i := range max(len(c.flink.types), len(c.weir.types)) {
			f, w := at(c.flink.types, i), at(c.weir.types, i)
			if f != w {
				fmt.Fprintf(&b, "  column %d: Flink %s, Weir %s\n", i, f, w)
			}
		}
	}
	if !slices.Equal(c.flink.rows, c.weir.rows) {
		only(&b, "Flink", c.flink.rows, c.weir.rows)
		only(&b, "Weir", c.weir.rows, c.flink.rows)
	}
	return b.String()
}

// only writes the rows that one engine alone has, a few of them.
func only(b *strings.Builder, engine string, rows, others []string) {
	have := map[string]int{}
	for _, r := range others {
		have[r]++
	}
	n := 0
	for _, r := range rows {
		if have[r]--; have[r] >= 0 {
			continue
		}
		if n++; n <= 6 {
			fmt.Fprintf(b, "  only %s: %s\n", engine, r)
		}
	}
	if n > 6 {
		fmt.Fprintf(b, "  and %d rows more\n", n-6)
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// tally counts outcomes and their reasons.
type tally struct {
	outcomes map[outcome]int
	reasons  map[outcome]map[string]int
}

func newTally() *tally {
	return &tally{map[outcome]int{}, map[outcome]map[string]int{}}
}

func (t *tally) add(o outcome, why string) {
	t.outcomes[o]++
	if o == equal || o == differ {
		return
	}
	if t.reasons[o] == nil {
		t.reasons[o] = map[string]int{}
	}
	t.reasons[o][why]++
}

// String has a line for each reason, the most frequent first, and the total.
func (t *tally) String() string {
	var b strings.Builder
	for _, o := range []outcome{refused, explained} {
		var names []string
		for name := range t.reasons[o] {
			names = append(names, name)
		}
		slices.SortFunc(names, func(x, y string) int {
			return cmp.Or(cmp.Compare(t.reasons[o][y], t.reasons[o][x]), cmp.Compare(x, y))
		})
		for _, name := range names {
			fmt.Fprintf(&b, "%s: %d: %s\n", o, t.reasons[o][name], reasonOf(name))
		}
	}
	n := 0
	for _, count := range t.outcomes {
		n += count
	}
	fmt.Fprintf(&b, "flink: %d queries, %d equal, %d refused by Flink, %d explained, %d differ\n", n, t.outcomes[equal], t.outcomes[refused], t.outcomes[explained], t.outcomes[differ])
	return b.String()
}
