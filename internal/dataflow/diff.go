package dataflow

import (
	"slices"
	"strings"
)

// diffContext is how many equal lines are shown around a difference.
const diffContext = 1

// diffCells bounds the table that finds the longest common subsequence; larger differences are shown as one block.
const diffCells = 4 << 20

// Diff shows how the lines of b differ from those of a: lines of a alone start with "- ", those of b alone with "+ ", and
// lines around them with two spaces; "..." stands for equal lines that are left out. It is "" if the lines are equal.
func Diff(a, b string) string {
	x, y := splitLines(a), splitLines(b)
	if slices.Equal(x, y) {
		return ""
	}
	return renderDiff(diffLines(x, y))
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// diffLine is a line of either text or both; mark is '-', '+' or ' '.
type diffLine struct {
	mark byte
	text string
}

func diffLines(a, b []string) []diffLine {
	var d []diffLine
	add := func(mark byte, lines []string) {
		for _, l := range lines {
			d = append(d, diffLine{mark, l})
		}
	}
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	add(' ', a[:start])
	tail := a[len(a)-end:]
	a, b = a[start:len(a)-end], b[start:len(b)-end]

	if (len(a)+1)*(len(b)+1) > diffCells {
		add('-', a)
		add('+', b)
		add(' ', tail)
		return d
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			add(' ', a[i:i+1])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			add('-', a[i:i+1])
			i++
		default:
			add('+', b[j:j+1])
			j++
		}
	}
	add(' ', tail)
	return d
}

func renderDiff(d []diffLine) string {
	shown := make([]bool, len(d))
	for i, l := range d {
		if l.mark == ' ' {
			continue
		}
		for k := max(i-diffContext, 0); k <= min(i+diffContext, len(d)-1); k++ {
			shown[k] = true
		}
	}
	var b strings.Builder
	skipped := false
	for i, l := range d {
		if !shown[i] {
			skipped = true
			continue
		}
		if skipped {
			b.WriteString("...\n")
			skipped = false
		}
		b.WriteByte(l.mark)
		b.WriteByte(' ')
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	if skipped {
		b.WriteString("...\n")
	}
	return b.String()
}
