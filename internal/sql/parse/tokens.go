package parse

import (
	"strings"

	"github.com/weirstream/weir/internal/sql/ast"
)

// Class is what a piece of a text is to people who write it.
type Class uint8

// The classes of tokens.
const (
	// Keyword is a word of the grammar; Text has it in capitals. It may be a name all the same.
	Keyword Class = iota
	// Identifier is a name, with its quotes if it has any.
	Identifier
	Number
	// String is a literal in quotes.
	String
	// Mark is an operator or punctuation.
	Mark
	Comment
	// Unfinished is a string, a name or a comment whose end is missing: it goes up to the end of the text.
	Unfinished
	// Wrong is what no token begins with.
	Wrong
)

// Token is a piece of a text.
type Token struct {
	ast.Span
	Class Class
	Text  string
}

// Tokens cuts a text into its tokens and comments, in order. White space lies between them. Any text has tokens.
func Tokens(text string) (all []Token) {
	l := &lexer{text: text}
	end := 0
	for {
		t := l.next()
		for _, c := range comments(text[end:t.Start]) {
			c.Start, c.End = c.Start+end, c.End+end
			all = append(all, c)
		}
		if t.kind == tkEOF {
			return all
		}
		x := Token{Span: t.Span, Class: Mark, Text: text[t.Start:t.End]}
		switch t.kind {
		case tkWord:
			x.Class = Identifier
			if t.text != "" {
				x.Class, x.Text = Keyword, t.text
			}
		case tkQuoted:
			x.Class = Identifier
		case tkNumber:
			x.Class = Number
		case tkString, tkBinary:
			x.Class = String
		case tkBad:
			x.Class = Wrong
			if strings.Contains(t.text, "does not end") {
				x.Class, x.End, l.pos = Unfinished, len(text), len(text)
				x.Text = text[x.Start:]
			}
		}
		all, end = append(all, x), x.End
	}
}

// comments finds those in what lies between two tokens.
func comments(gap string) (all []Token) {
	for at := 0; at < len(gap); {
		rest, n := gap[at:], 1
		switch {
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			if n = strings.IndexByte(rest, '\n'); n < 0 {
				n = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			if n = strings.Index(rest[2:], "*/") + 4; n < 4 {
				n = len(rest)
			}
		default:
			at++
			continue
		}
		all = append(all, Token{Span: ast.Span{Start: at, End: at + n}, Class: Comment, Text: rest[:n]})
		at += n
	}
	return all
}

// Ended tells whether a text is whole statements: the last one has its semicolon, or there is none. A statement set has others within it.
func Ended(text string) bool {
	var tokens []Token
	for _, t := range Tokens(text) {
		if t.Class != Comment {
			tokens = append(tokens, t)
		}
	}
	n := len(tokens)
	if n == 0 {
		return true
	}
	if tokens[n-1].Class != Mark || tokens[n-1].Text != ";" {
		return false
	}
	// The last statement that begins with EXECUTE, EXPLAIN or COMPILE and holds STATEMENT SET BEGIN ends with END.
	open := false
	for i, t := range tokens {
		if t.Class != Keyword {
			continue
		}
		switch {
		case t.Text == "BEGIN" && i >= 2 && tokens[i-1].Text == "SET" && tokens[i-2].Text == "STATEMENT":
			open = true
		case t.Text == "END" && i > 0 && tokens[i-1].Text == ";":
			open = false
		}
	}
	return !open
}

// Keywords are the words of the grammar, in no order.
func Keywords() []string {
	var all []string
	for w := range keywords {
		all = append(all, w)
	}
	return all
}

// StatementWords are those that statements begin with.
func StatementWords() []string { return statementWords }

// Name writes a name as it stands in a statement: in backquotes if it needs them.
func Name(name string) string {
	w, keyword := keywords[strings.ToUpper(name)]
	l := &lexer{text: name}
	if t := l.next(); t.kind != tkWord || t.End != len(name) || keyword && w.flags&free == 0 {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return name
}
