package parse

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirstream/weir/internal/sql/ast"
)

type kind uint8

const (
	tkEOF    kind = iota
	tkWord        // an identifier without quotes, or a keyword
	tkQuoted      // an identifier in backquotes
	tkNumber
	tkString  // a character string, with its prefix
	tkBinary  // X'..'
	tkOp      // an operator or a mark
	tkHint    // "/*+"
	tkHintEnd // "*/" of a hint
	tkBad     // what no token begins with, or a literal that does not end
)

// token is a token. For words, text is the keyword in capitals, or "" if it is none; for operators it is the operator; for bad tokens it
// says what is wrong.
type token struct {
	ast.Span
	kind  kind
	flags uint8
	text  string
}

// lexer cuts a text into tokens. It reads each byte once.
type lexer struct {
	text   string
	pos    int
	inHint bool
}

// punctuation has the operators, longer ones first.
var punctuation = []string{"<>", "<=", ">=", "!=", "||", "=>", "->", "::",
	"(", ")", "[", "]", "{", "}", ",", ";", ".", "+", "-", "*", "/", "%", "=", "<", ">", "|", "^", "$", "?", ":"}

func (l *lexer) next() token {
	if bad, ok := l.skip(); !ok {
		return bad
	}
	start := l.pos
	if start >= len(l.text) {
		return token{Span: ast.Span{Start: start, End: start}}
	}
	rest := l.text[start:]
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "/*+"):
		l.inHint = true
		l.pos += 3
		return token{Span: ast.Span{Start: start, End: l.pos}, kind: tkHint}
	case l.inHint && strings.HasPrefix(rest, "*/"):
		l.inHint = false
		l.pos += 2
		return token{Span: ast.Span{Start: start, End: l.pos}, kind: tkHintEnd}
	case c == '\'':
		return l.quoted(tkString, start, '\'', "the string does not end: a quote is missing")
	case c == '`':
		return l.quoted(tkQuoted, start, '`', "the name does not end: a backquote is missing")
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number(start)
	}
	if r, _ := utf8.DecodeRuneInString(rest); isLetter(r) && (c != '$' || len(rest) > 1 && isWordByte(rest[1])) {
		return l.word(start)
	}
	for _, op := range punctuation {
		if strings.HasPrefix(rest, op) {
			l.pos += len(op)
			return token{Span: ast.Span{Start: start, End: l.pos}, kind: tkOp, text: op}
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	l.pos += size
	what := "this character means nothing in SQL"
	switch {
	case r == utf8.RuneError && size == 1:
		what = "the text is not valid UTF-8"
	case r == '"':
		what = "double quotes mean nothing here: strings are in single quotes, names in backquotes"
	}
	return token{Span: ast.Span{Start: start, End: l.pos}, kind: tkBad, text: what}
}

// skip skips white space and comments. It returns a bad token and false for a comment that does not end.
func (l *lexer) skip() (token, bool) {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case rest[0] == ' ' || rest[0] == '\n' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\f':
			l.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.pos += i + 1
			} else {
				l.pos = len(l.text)
			}
		case strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*+"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				start := l.pos
				l.pos = len(l.text)
				return token{Span: ast.Span{Start: start, End: start + 2}, kind: tkBad, text: "the comment does not end: */ is missing"}, false
			}
			l.pos += i + 4
		case rest[0] >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(rest)
			if !unicode.IsSpace(r) && r != '\ufeff' {
				return token{}, true
			}
			l.pos += size
		default:
			return token{}, true
		}
	}
	return token{}, true
}

// quoted reads up to a quote that is not doubled. The first quote is at l.pos.
func (l *lexer) quoted(k kind, start int, quote byte, missing string) token {
	l.pos++
	for {
		i := strings.IndexByte(l.text[l.pos:], quote)
		if i < 0 {
			l.pos = len(l.text)
			return token{Span: ast.Span{Start: start, End: min(start+1, len(l.text))}, kind: tkBad, text: missing}
		}
		l.pos += i + 1
		if l.pos < len(l.text) && l.text[l.pos] == quote {
			l.pos++
			continue
		}
		return token{Span: ast.Span{Start: start, End: l.pos}, kind: k}
	}
}

// escaped reads a string in which a backslash escapes the next character.
func (l *lexer) escaped(start int) token {
	l.pos++
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; {
		case c == '\\':
			l.pos += 2
		case c == '\'' && l.pos+1 < len(l.text) && l.text[l.pos+1] == '\'':
			l.pos += 2
		case c == '\'':
			l.pos++
			return token{Span: ast.Span{Start: start, End: l.pos}, kind: tkString}
		default:
			l.pos++
		}
	}
	l.pos = len(l.text)
	return token{Span: ast.Span{Start: start, End: start + 1}, kind: tkBad, text: "the string does not end: a quote is missing"}
}

func (l *lexer) number(start int) token {
	digits := func() {
		for l.pos < len(l.text) && isDigit(l.text[l.pos]) {
			l.pos++
		}
	}
	digits()
	if l.pos < len(l.text) && l.text[l.pos] == '.' {
		l.pos++
		digits()
	}
	if l.pos < len(l.text) && (l.text[l.pos] == 'e' || l.text[l.pos] == 'E') {
		i := l.pos + 1
		if i < len(l.text) && (l.text[i] == '+' || l.text[i] == '-') {
			i++
		}
		if i < len(l.text) && isDigit(l.text[i]) {
			l.pos = i
			digits()
		}
	}
	return token{Span: ast.Span{Start: start, End: l.pos}, kind: tkNumber}
}

func (l *lexer) word(start int) token {
	for l.pos < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		if !isLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			break
		}
		l.pos += size
	}
	text := l.text[start:l.pos]
	if l.pos < len(l.text) {
		switch l.text[l.pos] {
		case '\'':
			switch {
			case text == "X" || text == "x":
				return l.quoted(tkBinary, start, '\'', "the binary string does not end: a quote is missing")
			case text == "E" || text == "e":
				return l.escaped(start)
			case text == "N" || text == "n" || text[0] == '_':
				return l.quoted(tkString, start, '\'', "the string does not end: a quote is missing")
			}
		case '&':
			if (text == "U" || text == "u") && strings.HasPrefix(l.text[l.pos:], "&'") {
				l.pos++
				return l.quoted(tkString, start, '\'', "the string does not end: a quote is missing")
			}
		}
	}
	t := token{Span: ast.Span{Start: start, End: l.pos}, kind: tkWord, flags: free}
	if w, ok := lookup(text); ok {
		t.text, t.flags = w.text, w.flags
	}
	return t
}

// lookup finds a keyword, whatever its case.
func lookup(text string) (word, bool) {
	var buf [48]byte
	if len(text) > len(buf) {
		return word{}, false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	w, ok := keywords[string(buf[:len(text)])]
	return w, ok
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' || r == '$' || r >= utf8.RuneSelf && r != utf8.RuneError && unicode.IsLetter(r)
}

func isWordByte(c byte) bool {
	return isLetter(rune(c)) || isDigit(c)
}
