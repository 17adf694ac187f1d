// Package live shows the result of a query on a terminal while it changes, and how the jobs that make it get on.
package live

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// mostRows is how many rows a table keeps; beyond it the oldest go.
const mostRows = 1 << 20

// Table is what a changelog has made of a result: its rows, in the order in which they came, unless the query orders them. An update stays where the row was that it replaces. It is used by one goroutine at a time.
type Table struct {
	columns []types.Field
	order   []table.Order
	updates bool

	slots []*table.TextRow // nil where a row has gone
	where map[string][]int // the slots of a row, if rows may go
	holes []int            // slots of rows that were taken back to be updated, and whose successors have not come
	rows  int              // in slots
	gone  int              // rows that were dropped since there were too many
	lists [][]string       // of rows in order, while nothing changes
}

// NewTable returns the empty table of a result.
func NewTable(r *table.Result) *Table {
	return &Table{columns: r.Columns, order: r.Order, updates: r.Changelog != types.AppendOnly, where: map[string][]int{}}
}

// Rows is how many rows the result has, with those that are not kept.
func (t *Table) Rows() int { return t.rows + t.gone }

// Apply takes changes in.
func (t *Table) Apply(rows []table.TextRow) {
	t.lists = nil
	for i := range rows {
		row := &rows[i]
		switch row.Kind {
		case types.Insert:
			t.put(row, -1)
		case types.UpdateAfter:
			at := -1
			if len(t.holes) > 0 {
				at, t.holes = t.holes[0], t.holes[1:]
			}
			t.put(row, at)
		case types.UpdateBefore:
			if at := t.take(row); at >= 0 {
				t.holes = append(t.holes, at)
			}
		case types.Delete:
			t.take(row)
		}
	}
	if t.rows > mostRows {
		t.drop(t.rows - mostRows)
	}
	if len(t.slots) > 1024 && t.rows < len(t.slots)/2 {
		t.compact()
	}
}

// keyOf tells rows apart by their text.
func keyOf(r *table.TextRow) string {
	var b strings.Builder
	for i, v := range r.Values {
		if r.Null[i] {
			b.WriteString("n;")
		} else {
			b.WriteString(strconv.Itoa(len(v)) + ":" + v)
		}
	}
	return b.String()
}

func (t *Table) put(r *table.TextRow, at int) {
	if at < 0 {
		at = len(t.slots)
		t.slots = append(t.slots, nil)
	}
	t.slots[at] = r
	t.rows++
	if t.updates {
		k := keyOf(r)
		t.where[k] = append(t.where[k], at)
	}
}

// take removes a row, and returns its slot, -1 if there is no such row: it may have been dropped.
func (t *Table) take(r *table.TextRow) int {
	k := keyOf(r)
	all := t.where[k]
	if len(all) == 0 {
		t.gone = max(t.gone-1, 0)
		return -1
	}
	at := all[len(all)-1]
	if len(all) == 1 {
		delete(t.where, k)
	} else {
		t.where[k] = all[:len(all)-1]
	}
	t.slots[at] = nil
	t.rows--
	return at
}

func (t *Table) drop(n int) {
	t.gone += n
	for i := 0; n > 0; i++ {
		if t.slots[i] != nil {
			t.slots[i] = nil
			t.rows--
			n--
		}
	}
	t.compact()
}

// compact closes the gaps. What is being updated then comes at the end.
func (t *Table) compact() {
	t.slots = slices.DeleteFunc(t.slots, func(r *table.TextRow) bool { return r == nil })
	t.holes = nil
	clear(t.where)
	if t.updates {
		for at, r := range t.slots {
			k := keyOf(r)
			t.where[k] = append(t.where[k], at)
		}
	}
}

// List returns the rows in order, with their values as they are shown.
func (t *Table) List() [][]string {
	if t.lists != nil {
		return t.lists
	}
	rows := slices.DeleteFunc(slices.Clone(t.slots), func(r *table.TextRow) bool { return r == nil })
	if len(t.order) > 0 {
		slices.SortStableFunc(rows, t.compare)
	}
	t.lists = make([][]string, len(rows))
	for i, r := range rows {
		cells := make([]string, len(r.Values))
		for c, v := range r.Values {
			if cells[c] = printable(v); r.Null[c] {
				cells[c] = "NULL"
			}
		}
		t.lists[i] = cells
	}
	return t.lists
}

func (t *Table) compare(a, b *table.TextRow) int {
	for _, o := range t.order {
		c := o.Column
		if a.Null[c] || b.Null[c] {
			if a.Null[c] == b.Null[c] {
				continue
			}
			if a.Null[c] == o.NullsLast {
				return 1
			}
			return -1
		}
		n := 0
		if numeric(t.columns[c].Type) {
			x, _ := strconv.ParseFloat(a.Values[c], 64)
			y, _ := strconv.ParseFloat(b.Values[c], 64)
			n = cmp.Compare(x, y)
		} else {
			n = cmp.Compare(a.Values[c], b.Values[c])
		}
		if o.Descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func numeric(t types.Type) bool {
	switch t.Kind() {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal:
		return true
	}
	return false
}

// printable shows control characters, which are the terminal's, as escapes.
func printable(s string) string {
	if strings.IndexFunc(s, control) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if control(r) {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// control tells characters that do something in place of being shown, among them those that turn the direction of writing.
func control(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
