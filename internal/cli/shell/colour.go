package shell

import (
	"strings"

	"github.com/weirstream/weir/internal/sql/parse"
)

const (
	plain  = "\x1b[0m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
)

// highlight colours a text of statements.
func highlight(text string) string {
	var b strings.Builder
	end := 0
	for _, t := range parse.Tokens(text) {
		b.WriteString(text[end:t.Start])
		end = t.End
		style := ""
		switch t.Class {
		case parse.Keyword:
			style = bold
		case parse.String:
			style = green
		case parse.Number:
			style = cyan
		case parse.Comment:
			style = faint
		case parse.Unfinished:
			style = yellow
		case parse.Wrong:
			style = red
		}
		word := text[t.Start:t.End]
		if style == "" {
			b.WriteString(word)
			continue
		}
		b.WriteString(style + word + plain)
	}
	b.WriteString(text[end:])
	return b.String()
}

// coloured colours the text of an error: its code and what it says, the carets below the place, and the hint.
func coloured(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		switch {
		case i == 0:
			code, rest, ok := strings.Cut(l, ": ")
			if ok && !strings.Contains(code, " ") {
				lines[i] = bold + red + code + plain + red + ": " + rest + plain
			} else {
				lines[i] = red + l + plain
			}
		case strings.HasPrefix(strings.TrimSpace(l), "| ^"), strings.HasPrefix(strings.TrimLeft(l, " "), "|") && strings.Trim(l, " |^") == "":
			at := strings.Index(l, "^")
			if at >= 0 {
				lines[i] = faint + l[:at] + plain + bold + red + l[at:] + plain
			}
		case strings.HasPrefix(l, "  hint: "):
			lines[i] = cyan + l + plain
		case strings.Contains(l, " | "):
			number, rest, _ := strings.Cut(l, " | ")
			lines[i] = faint + number + " | " + plain + rest
		}
	}
	return strings.Join(lines, "\n")
}
