package sqlstorm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/sql/oracle"
	"github.com/weirstream/weir/types"
)

// Seeded returns the case of a seed.
func Seeded(seed uint64) *Case {
	c, _ := seeded(seed)
	return c
}

func seeded(seed uint64) (*Case, []uint32) {
	ch := newChoices(seed)
	query, key := generate(ch)
	return &Case{newTables(seed), query, key}, ch.list
}

// Shrink returns a smaller case of a seed that still differs in the given way, and its verdict. It tries some hundred cases at most.
func (r *Runner) Shrink(ctx context.Context, seed uint64, way Way) (*Case, Verdict) {
	c, list := seeded(seed)
	best := r.Check(ctx, c, []Way{way})
	if best.Way == "" {
		return c, best // it does not always differ
	}
	budget := 400
	try := func(next *Case) bool {
		if budget--; budget < 0 {
			return false
		}
		v := r.Check(ctx, next, []Way{way})
		if v.Way == "" || (v.Err == nil) != (best.Err == nil) {
			return false
		}
		c, best = next, v
		return true
	}
	tryList := func(next []uint32) bool {
		ch := replay(slices.Clone(next))
		query, key := generate(ch)
		if len(query) > len(c.Query) || query == c.Query {
			return false
		}
		if !try(&Case{c.Tables, query, key}) {
			return false
		}
		list = next[:min(len(next), ch.at)]
		return true
	}
	tables := func() (changed bool) {
		for i, t := range c.Tables {
			for size := max(1, len(t.Changes)/2); size >= 1; size /= 2 {
				for at := 0; at < len(c.Tables[i].Changes); {
					smaller := *c.Tables[i]
					smaller.Changes = without(smaller.Changes, at, size)
					if t.Upserts { // any rows will do
						smaller.Changes = slices.Delete(slices.Clone(c.Tables[i].Changes), at, min(at+size, len(c.Tables[i].Changes)))
					}
					next := &Case{slices.Clone(c.Tables), c.Query, c.Key}
					next.Tables[i] = &smaller
					if try(next) {
						changed = true
					} else {
						at += size
					}
				}
			}
			if t.Batch > 1 {
				smaller := *c.Tables[i]
				smaller.Batch = 1
				next := &Case{slices.Clone(c.Tables), c.Query, c.Key}
				next.Tables[i] = &smaller
				try(next)
			}
		}
		return changed
	}
	queries := func() (changed bool) {
		for size := max(1, len(list)/2); size >= 1; size /= 2 {
			for at := 0; at < len(list); {
				if tryList(slices.Delete(slices.Clone(list), at, min(len(list), at+size))) {
					changed = true
				} else {
					at += size
				}
			}
		}
		for at := 0; at < len(list); at++ {
			if list[at] > 0 {
				zero := slices.Clone(list)
				zero[at] = 0
				changed = tryList(zero) || changed
			}
		}
		return changed
	}
	for queries() || tables() {
		if budget < 0 {
			break
		}
	}
	tables()
	c.Tables = c.used()
	for i, t := range c.Tables {
		c.Tables[i] = t.narrowed(c.Query)
	}
	return c, best
}

// without leaves changes out, and with a row that is added the change that takes it back.
func without(changes []oracle.Change, at, size int) []oracle.Change {
	var kept []oracle.Change
	have := map[string]int{}
	for i, ch := range changes {
		text := ch.Row.Text()
		if i >= at && i < at+size && ch.Kind.Adds() {
			continue
		}
		if !ch.Kind.Adds() {
			if have[text] == 0 {
				continue
			}
			if i >= at && i < at+size {
				continue
			}
			have[text]--
		} else {
			have[text]++
		}
		if ch.Kind == types.UpdateAfter && (len(kept) == 0 || kept[len(kept)-1].Kind != types.UpdateBefore) {
			ch.Kind = types.Insert
		}
		kept = append(kept, ch)
	}
	for i, ch := range kept { // an old row whose new one is gone is deleted
		if ch.Kind == types.UpdateBefore && (i+1 == len(kept) || kept[i+1].Kind != types.UpdateAfter) {
			kept[i].Kind = types.Delete
		}
	}
	return kept
}

// narrowed leaves out the columns that a query does not name.
func (t *Table) narrowed(query string) *Table {
	if strings.Contains(query, "SELECT *") || strings.Contains(query, ".*") {
		return t
	}
	words := strings.FieldsFunc(query, func(r rune) bool { return strings.ContainsRune(" (),.\n", r) })
	out := *t
	out.Columns, out.Changes = nil, nil
	var at []int
	for i, c := range t.Columns {
		if slices.Contains(words, c.Name) || c.Name == "ts" && t.Delay >= 0 || c.Name == "id" && (t.Upserts || t.Versions) {
			at = append(at, i)
			out.Columns = append(out.Columns, c)
		}
	}
	if len(at) == 0 {
		return t
	}
	for _, ch := range t.Changes {
		row := oracle.Row{}
		for _, i := range at {
			row = append(row, ch.Row[i])
		}
		out.Changes = append(out.Changes, oracle.Change{Kind: ch.Kind, Row: row})
	}
	return &out
}

// Script is the case as a file for tests/sql, with what the oracle says.
func (c *Case) Script(want []string) string {
	var b strings.Builder
	for _, t := range c.used() {
		fmt.Fprintf(&b, "table %s (%s) batch-size=%d", t.Name, t.Schema(), t.Batch)
		if t.Upserts {
			b.WriteString(" changelog-mode=I,UA,D")
		}
		b.WriteString("\n")
		for _, ch := range t.Changes {
			var cells []string
			for _, v := range ch.Row {
				cells = append(cells, oracle.Text(v))
			}
			if t.Updates {
				fmt.Fprintf(&b, "%v ", ch.Kind)
			}
			b.WriteString(strings.Join(cells, " | ") + "\n")
		}
		b.WriteString("\n")
	}
	head := "query"
	if c.changelog() {
		head = "query nobatch"
	}
	fmt.Fprintf(&b, "%s\n%s\n----\n%s\n", head, c.Query, strings.Join(want, "\n"))
	return b.String()
}

// Report says what differs.
func (c *Case) Report(v Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n%s", v.Way, c.Script(v.Want))
	if v.Err != nil {
		fmt.Fprintf(&b, "# but: %s\n", strings.ReplaceAll(v.Err.Error(), "\n", "\n# "))
	} else {
		fmt.Fprintf(&b, "# but got:\n# %s\n", strings.Join(v.Got, "\n# "))
	}
	return b.String()
}
