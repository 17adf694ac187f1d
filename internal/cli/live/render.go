package live

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// gap stands between columns.
const gap = "  "

// Lines returns the head of the table, two lines, and those of some of its rows. No line is wider than width columns of the terminal; 0 is no bound. styled makes the head bold.
func (t *Table) Lines(rows [][]string, width int, styled bool) []string {
	widths := make([]int, len(t.columns))
	names := make([]string, len(t.columns))
	for c, f := range t.columns {
		names[c] = printable(f.Name)
		widths[c] = ansi.StringWidth(names[c])
		for _, r := range rows {
			widths[c] = max(widths[c], ansi.StringWidth(r[c]))
		}
	}
	if width > 0 {
		shrink(widths, width-len(gap)*(len(widths)-1))
	}
	line := func(cells []string) string {
		var b strings.Builder
		for c, v := range cells {
			if c > 0 {
				b.WriteString(gap)
			}
			v = ansi.Truncate(v, widths[c], "…")
			pad := strings.Repeat(" ", widths[c]-ansi.StringWidth(v))
			if numeric(t.columns[c].Type) {
				b.WriteString(pad + v)
			} else if c < len(cells)-1 {
				b.WriteString(v + pad)
			} else {
				b.WriteString(v)
			}
		}
		if width > 0 {
			return ansi.Truncate(b.String(), width, "")
		}
		return b.String()
	}
	head, rule := line(names), make([]string, len(widths))
	for c, w := range widths {
		rule[c] = strings.Repeat("─", w)
	}
	if styled {
		head = bold + head + plain
	}
	lines := []string{head, line(rule)}
	for _, r := range rows {
		lines = append(lines, line(r))
	}
	return lines
}

// shrink takes from the widest columns until all fit, down to three each.
func shrink(widths []int, room int) {
	sum := 0
	for _, w := range widths {
		sum += w
	}
	for sum > room {
		widest := 0
		for c, w := range widths {
			if w > widths[widest] {
				widest = c
			}
		}
		if len(widths) == 0 || widths[widest] <= 3 {
			return
		}
		widths[widest]--
		sum--
	}
}
