package parse

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/internal/sql/ast"
)

// stringLit makes the node of a string token that has been read. Prefixed strings are decoded here.
func (p *parser) stringLit(t token) *ast.StringLit {
	text := p.src.Slice(t.Span)
	s := &ast.StringLit{Span: t.Span, Text: text}
	quote := strings.IndexByte(text, '\'')
	body := text[quote+1 : len(text)-1]
	switch prefix := text[:quote]; prefix {
	case "E", "e":
		s.Value = p.unescape(t, quote+1, body)
	case "U&", "u&":
		escape := `\`
		if p.at("UESCAPE") {
			p.advance()
			if p.tok.kind != tkString {
				p.wanted("a string of one character")
				p.unexpected()
			}
			e := p.advance()
			escape = strings.Trim(p.src.Slice(e.Span), "'")
			if len(escape) != 1 || strings.ContainsAny(escape, "+\" \t\n") || isHex(escape[0]) {
				p.syntax(e.Span, "", "UESCAPE takes one character, which is no hexadecimal digit, plus sign, quote or space")
			}
			s.Span = p.from(t.Start)
			s.Text = p.src.Slice(s.Span)
		}
		s.Value = p.unicode(t, quote+1, body, escape[0])
	default:
		s.Value = strings.ReplaceAll(body, "''", "'")
	}
	return s
}

// chars reads a string in an expression: pieces that follow each other are one string.
func (p *parser) chars() *ast.StringLit {
	s := p.stringLit(p.advance())
	if p.tok.kind != tkString || p.src.Text[p.tok.Start] != '\'' {
		return s
	}
	var b strings.Builder
	b.WriteString(s.Value)
	for p.tok.kind == tkString && p.src.Text[p.tok.Start] == '\'' {
		b.WriteString(p.stringLit(p.advance()).Value)
	}
	s.Span = p.from(s.Start)
	s.Value = b.String()
	s.Text = p.src.Slice(s.Span)
	return s
}

// unicode undoes the escapes of U&'..': four hexadecimal digits after the escape character, or that character doubled.
func (p *parser) unicode(t token, offset int, body string, escape byte) string {
	var b strings.Builder
	for i := 0; i < len(body); {
		c := body[i]
		switch {
		case c == '\'':
			b.WriteByte(c)
			i += 2
		case c != escape:
			b.WriteByte(c)
			i++
		case i+1 < len(body) && body[i+1] == escape:
			b.WriteByte(c)
			i += 2
		default:
			r, ok := hexRune(body[i+1:], 4)
			if !ok {
				at := t.Start + offset + i
				p.syntax(ast.Span{Start: at, End: min(at+5, t.End-1)}, "", "an escape in a U& string has exactly four hexadecimal digits, or is the escape character twice")
			}
			b.WriteRune(r)
			i += 5
		}
	}
	return b.String()
}

// unescape undoes the escapes of E'..', those of C.
func (p *parser) unescape(t token, offset int, body string) string {
	simple := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}
	var b strings.Builder
	for i := 0; i < len(body); {
		c := body[i]
		if c == '\'' {
			b.WriteByte(c)
			i += 2
			continue
		}
		if c != '\\' {
			b.WriteByte(c)
			i++
			continue
		}
		bad := func(n int) {
			at := t.Start + offset + i
			p.syntax(ast.Span{Start: at, End: min(at+n, t.End-1)}, "", "this escape means nothing: \\u takes four hexadecimal digits, \\U eight, \\x one or two, an octal one up to three")
		}
		e := body[i+1] // the lexer never ends a string after a backslash
		switch {
		case simple[e] != 0:
			b.WriteByte(simple[e])
			i += 2
		case e == 'u' || e == 'U':
			n := 4
			if e == 'U' {
				n = 8
			}
			r, ok := hexRune(body[i+2:], n)
			if !ok {
				bad(n + 2)
			}
			b.WriteRune(r)
			i += n + 2
		case e == 'x':
			n := 0
			for n < 2 && i+2+n < len(body) && isHex(body[i+2+n]) {
				n++
			}
			if n == 0 {
				bad(3)
			}
			r, _ := hexRune(body[i+2:], n)
			b.WriteRune(r)
			i += n + 2
		case '0' <= e && e <= '7':
			r, n := rune(0), 0
			for n < 3 && i+1+n < len(body) && '0' <= body[i+1+n] && body[i+1+n] <= '7' {
				r = r*8 + rune(body[i+1+n]-'0')
				n++
			}
			b.WriteRune(r)
			i += n + 1
		default:
			_, size := utf8.DecodeRuneInString(body[i+1:])
			b.WriteString(body[i+1 : i+1+size])
			i += size + 1
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// hexRune reads n hexadecimal digits as a character.
func hexRune(s string, n int) (rune, bool) {
	if len(s) < n {
		return 0, false
	}
	var r uint32
	for i := range n {
		if !isHex(s[i]) {
			return 0, false
		}
		d := s[i] | 0x20
		if d >= 'a' {
			d -= 'a' - 10
		} else {
			d -= '0'
		}
		r = r<<4 | uint32(d)
	}
	// Half of a pair has no form of its own in UTF-8, and becomes the replacement character.
	return rune(r), r <= utf8.MaxRune
}

// binary reads X'..', with the pieces that follow.
func (p *parser) binary() *ast.BinaryLit {
	t := p.advance()
	digits := p.src.Slice(t.Span)[2 : t.End-t.Start-1]
	for p.tok.kind == tkString && p.src.Text[p.tok.Start] == '\'' {
		piece := p.advance()
		digits += p.src.Slice(piece.Span)[1 : piece.End-piece.Start-1]
	}
	span := p.from(t.Start)
	value, err := hex.DecodeString(digits)
	if err != nil {
		p.syntax(span, "", "a binary string has hexadecimal digits, two for each byte")
	}
	return &ast.BinaryLit{Span: span, Value: value, Text: p.src.Slice(span)}
}
