package parse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

const (
	// maxNesting bounds how deep parentheses, queries and types nest: the parser is recursive.
	maxNesting = 1000
	// maxHeight bounds the height of a tree, which long chains of operators, joins and UNIONs make high, so that whoever walks a tree may
	// do so by recursion.
	maxHeight = 10_000
)

// parser reads one source. Methods named after a form of the grammar read that form and return its node; on an error they panic with a
// stop, which the functions that others call turn into an error.
type parser struct {
	src  *ast.Source
	lex  lexer
	tok  token   // the current token
	look []token // those behind it that were looked at
	last token   // the one before the current

	// want has what was looked for at the current token, for the message.
	want []string

	depth, height int
	inMatch       int // above 0 within MATCH_RECOGNIZE
}

// stop carries an error out of the parser.
type stop struct{ err error }

func newParser(src *ast.Source) *parser {
	p := &parser{src: src, lex: lexer{text: src.Text}}
	p.tok = p.lex.next()
	return p
}

// run calls f, and returns the error that stopped it.
func (p *parser) run(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stop:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// advance goes to the next token and returns the one it leaves.
func (p *parser) advance() token {
	p.last = p.tok
	if len(p.look) > 0 {
		p.tok = p.look[0]
		p.look = p.look[1:]
	} else {
		p.tok = p.lex.next()
	}
	p.want = p.want[:0]
	return p.last
}

// peek returns the token n behind the current one.
func (p *parser) peek(n int) token {
	if n == 0 {
		return p.tok
	}
	for len(p.look) < n {
		p.look = append(p.look, p.lex.next())
	}
	return p.look[n-1]
}

// at reports whether the current token is a keyword or operator. It is silent: the text is not named as expected.
func (p *parser) at(text string) bool { return p.tok.is(text) }

// atAny is at for several texts.
func (p *parser) atAny(texts ...string) bool { return slices.ContainsFunc(texts, p.at) }

func (t token) is(text string) bool {
	return (t.kind == tkWord || t.kind == tkOp) && t.text == text && text != ""
}

// follows reports whether the tokens from the current one on are these.
func (p *parser) follows(texts ...string) bool {
	for i, text := range texts {
		if !p.peek(i).is(text) {
			return false
		}
	}
	return true
}

// accept skips the given keywords or operators if all of them follow.
func (p *parser) accept(texts ...string) bool {
	if !p.follows(texts...) {
		p.wanted(strings.Join(texts, " "))
		return false
	}
	for range texts {
		p.advance()
	}
	return true
}

// quiet is accept for what a message should not suggest.
func (p *parser) quiet(texts ...string) bool {
	return p.follows(texts...) && p.accept(texts...)
}

// expect skips the given keywords or operators, one by one, or fails at the first that is not there.
func (p *parser) expect(texts ...string) {
	for _, text := range texts {
		if !p.accept(text) {
			p.unexpected()
		}
	}
}

// oneOf skips one of the keywords and returns it, or fails.
func (p *parser) oneOf(texts ...string) string {
	for _, text := range texts {
		if p.accept(text) {
			return text
		}
	}
	p.unexpected()
	return ""
}

func (p *parser) wanted(what string) {
	if !slices.Contains(p.want, what) {
		p.want = append(p.want, what)
	}
}

// from returns the span from a start to the end of the last token.
func (p *parser) from(start int) ast.Span { return ast.Span{Start: start, End: max(start, p.last.End)} }

// enter begins a form that nests. What it returns is for leave.
func (p *parser) enter() int {
	p.depth++
	if p.depth > maxNesting {
		p.fail(fault.SQLTooDeep, p.tok.Span, "", "this is nested more than %d levels deep", maxNesting)
	}
	height := p.height
	p.height = 0
	return height
}

func (p *parser) leave(height int) {
	p.depth--
	p.grow()
	p.height = max(height, p.height)
}

// grow notes that a node was put on top of those read since enter.
func (p *parser) grow() {
	p.height++
	if p.height > maxHeight {
		p.fail(fault.SQLTooDeep, p.last.Span, "", "more than %d operators, joins or queries are chained", maxHeight)
	}
}

func (p *parser) fail(code fault.Code, at ast.Span, hint, format string, args ...any) {
	err := sqlerr.New(code, p.src, at, format, args...)
	if hint != "" {
		err = err.WithHint("%s", hint)
	}
	panic(stop{err})
}

// syntax fails with a text of its own.
func (p *parser) syntax(at ast.Span, hint, format string, args ...any) {
	p.fail(fault.SQLSyntax, at, hint, format, args...)
}

// unsupported fails at a form that is known but refused.
func (p *parser) unsupported(at ast.Span, hint, format string, args ...any) {
	p.fail(fault.SQLUnsupported, at, hint, format, args...)
}

// unexpected fails at the current token, with what was looked for.
func (p *parser) unexpected() {
	t := p.tok
	if t.kind == tkBad {
		p.syntax(t.Span, "", "%s", t.text)
	}
	if t.is("!=") {
		p.syntax(t.Span, "write <>", "this dialect has no operator !=")
	}
	if t.is("?") {
		p.unsupported(t.Span, "write the value itself", "dynamic parameters are not supported")
	}
	msg := "did not expect " + p.describe(t)
	if want := p.expectation(); want != "" {
		msg = fmt.Sprintf("expected %s, found %s", want, p.describe(t))
	}
	p.syntax(p.spanOf(t), p.hint(t), "%s", msg)
}

// spanOf is the span of a token for a message: that of the end of the text is behind the last token.
func (p *parser) spanOf(t token) ast.Span {
	if t.kind == tkEOF {
		return ast.Span{Start: p.last.End, End: p.last.End}
	}
	return t.Span
}

// named is how many of the things that could stand at a place a message names.
const named = 7

func (p *parser) expectation() string {
	want := make([]string, len(p.want))
	for i, w := range p.want {
		// Marks are hard to see without quotes.
		if want[i] = w; !isWordByte(w[0]) {
			want[i] = strconv.Quote(w)
		}
	}
	switch n := len(want); {
	case n == 0:
		return ""
	case n == 1:
		return want[0]
	case n > named:
		return strings.Join(want[:named], ", ") + " or others"
	default:
		return strings.Join(want[:n-1], ", ") + " or " + want[n-1]
	}
}

func (p *parser) describe(t token) string {
	switch t.kind {
	case tkEOF:
		return "the end of the text"
	case tkHint, tkHintEnd:
		return "a hint"
	case tkWord:
		if t.flags&free == 0 {
			return t.text
		}
	}
	text := p.src.Slice(t.Span)
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "..."
	}
	return text
}

// hint guesses what was meant: a keyword that is misspelt, here or just before, or a reserved word as a name.
func (p *parser) hint(t token) string {
	if t.kind == tkWord {
		if w := closest(p.src.Slice(t.Span), p.want); w != "" {
			return "did you mean " + w + "?"
		}
	}
	if p.last.kind == tkWord && p.last.flags&free != 0 && t.kind != tkEOF {
		if w := closest(p.src.Slice(p.last.Span), append(slices.Clone(p.want), "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "JOIN",
			"UNION", "VALUES", "BETWEEN", "DISTINCT", "LIKE", "INTO", "TABLE")); w != "" {
			return fmt.Sprintf("did you mean %s instead of %s?", w, p.src.Slice(p.last.Span))
		}
	}
	if t.kind == tkWord && t.flags&free == 0 && !clauseWords[t.text] {
		return fmt.Sprintf("%s is a reserved word: to use it as a name, write it in backquotes: `%s`", t.text, p.src.Slice(t.Span))
	}
	if t.kind == tkHint {
		return "hints stand right behind SELECT or the name of a table"
	}
	return ""
}

// closest returns the keyword that a word is a misspelling of, or "".
func closest(text string, keywords []string) string {
	text = strings.ToUpper(text)
	if len(text) > 40 {
		return ""
	}
	best, at := "", 3
	for _, k := range keywords {
		k, _, _ := strings.Cut(k, " ")
		if len(k) < 3 || k != strings.ToUpper(k) || k == text {
			continue
		}
		allowed := 1
		if len(k) > 5 {
			allowed = 2
		}
		if d := distance(text, k); d <= allowed && d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap with their neighbour to get from a to b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// atName reports whether a name can begin here.
func (p *parser) atName() bool { return p.tok.isName() }

func (t token) isName() bool { return t.kind == tkQuoted || t.kind == tkWord && t.flags&free != 0 }

// ident reads one identifier; what says what it names.
func (p *parser) ident(what string) *ast.Ident {
	if !p.atName() {
		p.wanted(what)
		p.unexpected()
	}
	t := p.advance()
	id := &ast.Ident{Span: t.Span, Name: p.src.Slice(t.Span)}
	if t.kind == tkQuoted {
		id.Quoted = true
		id.Name = strings.ReplaceAll(id.Name[1:len(id.Name)-1], "``", "`")
		if id.Name == "" {
			p.syntax(t.Span, "", "a name must not be empty")
		}
	}
	return id
}

// name reads a path of identifiers.
func (p *parser) name(what string) *ast.Name {
	start := p.tok.Start
	parts := []*ast.Ident{p.ident(what)}
	for p.at(".") {
		p.advance()
		parts = append(parts, p.ident("a name"))
	}
	return &ast.Name{Span: p.from(start), Parts: parts}
}

// idents reads identifiers with commas between them.
func (p *parser) idents(what string) []*ast.Ident {
	return list(p, func() *ast.Ident { return p.ident(what) })
}

// parenIdents reads identifiers in parentheses.
func (p *parser) parenIdents(what string) []*ast.Ident {
	p.expect("(")
	ids := p.idents(what)
	p.expect(")")
	return ids
}

// list reads one or more items with commas between them.
func list[T any](p *parser, item func() T) []T {
	items := []T{item()}
	for p.accept(",") {
		items = append(items, item())
	}
	return items
}

// str reads a string; what says what it is.
func (p *parser) str(what string) *ast.StringLit {
	if p.tok.kind != tkString {
		p.wanted(what)
		p.unexpected()
	}
	t := p.advance()
	return p.stringLit(t)
}

// integer reads a number without point and exponent.
func (p *parser) integer(what string) *ast.NumberLit {
	t := p.tok
	n := &ast.NumberLit{Span: t.Span, Text: p.src.Slice(t.Span)}
	if t.kind != tkNumber || !n.IsInteger() {
		p.wanted(what)
		p.unexpected()
	}
	p.advance()
	return n
}
