// Package ast has the syntax tree of Weir's SQL, the dialect of Flink: one struct for each form, without any knowledge of tables,
// functions or types. Package parse makes the trees, [Format] turns them into SQL again.
//
// Conventions, for all nodes:
//
//   - Every node has a [Span]: its bytes in the text of the [Source]. A span covers all tokens of the node; parentheses around an
//     expression belong to no node.
//   - Identifiers keep whether they were quoted, literals keep their text. Keywords are constants.
//   - An optional part that is absent is nil, "" or the zero value of its constant.
//   - A tree is not changed once it is parsed, so it may be read by several goroutines.
//   - No tree is higher than package parse allows, so walking it by recursion is safe.
package ast

import (
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// Span is a range of bytes in the text of a source: from Start up to, not including, End.
type Span struct{ Start, End int }

// Pos returns the span itself: nodes embed it.
func (s Span) Pos() Span { return s }

// Node is any part of a syntax tree.
type Node interface {
	Pos() Span
}

// Source is a text of SQL, and the name that errors call it. Spans refer to it.
type Source struct {
	// Name is the name of the file, or "" if the text is in none.
	Name string
	Text string

	once  sync.Once
	lines []int // where each line starts
}

// NewSource returns a source.
func NewSource(name, text string) *Source { return &Source{Name: name, Text: text} }

// Position returns the line and column of a byte offset, both counted from 1; columns count characters, not bytes. An offset outside the
// text is moved to its nearest end.
func (s *Source) Position(offset int) (line, column int) {
	s.once.Do(func() {
		s.lines = append(s.lines, 0)
		for i := 0; i < len(s.Text); i++ {
			if s.Text[i] == '\n' {
				s.lines = append(s.lines, i+1)
			}
		}
	})
	offset = min(max(offset, 0), len(s.Text))
	line = sort.SearchInts(s.lines, offset+1)
	return line, utf8.RuneCountInString(s.Text[s.lines[line-1]:offset]) + 1
}

// Line returns the text of a line, counted from 1, without its end. Lines that do not exist are empty.
func (s *Source) Line(line int) string {
	s.Position(0)
	if line < 1 || line > len(s.lines) {
		return ""
	}
	text, _, _ := strings.Cut(s.Text[s.lines[line-1]:], "\n")
	return strings.TrimSuffix(text, "\r")
}

// Slice returns the text that a span covers.
func (s *Source) Slice(at Span) string {
	start := min(max(at.Start, 0), len(s.Text))
	return s.Text[start:min(max(at.End, start), len(s.Text))]
}

// Script is a sequence of statements of one source.
type Script struct {
	Source     *Source
	Statements []Statement
}

// Statement is anything that can stand between semicolons.
type Statement interface {
	Node
	statement()
}

// Ident is one identifier.
type Ident struct {
	Span
	// Name is the identifier itself, without quotes and with doubled quotes undone. Case is kept, and it counts.
	Name string
	// Quoted tells that it was written in backquotes.
	Quoted bool
}

// Name is a path of identifiers, as catalog.database.table. As an expression it is a reference to a column, whose first parts may be a
// table, and whose last parts may be fields of a row: only the binder can tell.
type Name struct {
	Span
	Parts []*Ident // at least one
}

// Last returns the last part.
func (n *Name) Last() *Ident { return n.Parts[len(n.Parts)-1] }

// Strings returns the parts as text.
func (n *Name) Strings() []string {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	return parts
}

// String returns the parts joined by dots, for messages.
func (n *Name) String() string { return strings.Join(n.Strings(), ".") }
