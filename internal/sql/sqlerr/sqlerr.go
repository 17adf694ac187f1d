// Package sqlerr has the error of everything that reads SQL: it names the place in the text, and shows it.
package sqlerr

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
)

// Error is an error at a place in a text of SQL. It wraps a [fault.Error], so fault.CodeOf and its like work on it.
type Error struct {
	code   fault.Code
	source *ast.Source
	at     ast.Span
	text   string
	hint   string
	cause  error
}

// New returns an error at a span of a source. The text is formatted as by fmt.Errorf, and a %w in it becomes the cause; it starts in lower
// case and ends without a stop. The source may be nil if it is not known: then the error has no place.
func New(code fault.Code, source *ast.Source, at ast.Span, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{code: code, source: source, at: at, text: err.Error(), cause: errors.Unwrap(err)}
}

// WithHint returns a copy of e that says what to do; it replaces the advice that belongs to the code.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.hint = fmt.Sprintf(format, args...)
	return &c
}

// Message returns the text alone.
func (e *Error) Message() string { return e.text }

// Hint returns what the user should do, or "".
func (e *Error) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	return fault.Describe(e.code).Help
}

// Pos returns the place in the text.
func (e *Error) Pos() ast.Span { return e.at }

// Place returns "name:line:column", or "line:column" of a text without a name, both from 1, columns in characters.
func (e *Error) Place() string {
	if e.source == nil {
		return ""
	}
	line, column := e.source.Position(e.at.Start)
	place := fmt.Sprintf("%d:%d", line, column)
	if e.source.Name != "" {
		place = e.source.Name + ":" + place
	}
	return place
}

// shown is how many characters of a line are shown at most.
const shown = 160

// Error returns the code, the place and the text, then the line with carets under the span, then the hint:
//
//	sql.syntax: q.sql:3:11: expected an expression, found FROM
//	  3 | SELECT a, FROM t
//	    |           ^^^^
//	  hint: ...
//
// A span of several lines is shown up to the end of its first.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.code) + ": ")
	if place := e.Place(); place != "" {
		b.WriteString(place + ": ")
	}
	b.WriteString(e.text)
	if e.source != nil {
		e.excerpt(&b)
	}
	if hint := e.Hint(); hint != "" {
		b.WriteString("\n  hint: " + hint)
	}
	return b.String()
}

func (e *Error) excerpt(b *strings.Builder) {
	line, column := e.source.Position(e.at.Start)
	text := []rune(strings.ReplaceAll(e.source.Line(line), "\t", " "))
	start := min(column-1, len(text))
	width := max(1, min(utf8.RuneCountInString(e.source.Slice(e.at)), len(text)-start))
	before, after := "", ""
	// A long line is cut around the place.
	if len(text) > shown {
		from := max(0, min(start-shown/3, len(text)-shown))
		to := min(from+shown, len(text))
		if from > 0 {
			before = "... "
		}
		if to < len(text) {
			after = " ..."
		}
		text, start = text[from:to], start-from
		width = max(1, min(width, len(text)-start))
	}
	number := fmt.Sprint(line)
	fmt.Fprintf(b, "\n  %s | %s%s%s", number, before, string(text), after)
	fmt.Fprintf(b, "\n  %s | %s%s", strings.Repeat(" ", len(number)), strings.Repeat(" ", len(before)+start), strings.Repeat("^", width))
}

// Unwrap returns the coded error beneath, whose cause is that of New.
func (e *Error) Unwrap() error {
	f := fault.New(e.code, "%s", e.text)
	if e.cause != nil {
		f = fault.New(e.code, "%w", e.cause)
	}
	return f.WithPlace(e.Place())
}
