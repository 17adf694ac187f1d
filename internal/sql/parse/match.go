package parse

import (
	"strconv"

	"github.com/weirstream/weir/internal/sql/ast"
)

// match reads what follows MATCH_RECOGNIZE, which begins at clause.
func (p *parser) match(start, clause int, t ast.TableExpr) ast.TableExpr {
	m := &ast.MatchRecognize{Table: t}
	p.inMatch++
	p.expect("(")
	if p.accept("PARTITION", "BY") {
		m.PartitionBy = list(p, p.expr)
	}
	if p.accept("ORDER", "BY") {
		m.OrderBy = list(p, p.orderItem)
	}
	if p.accept("MEASURES") {
		m.Measures = list(p, func() *ast.SelectItem {
			at := p.tok.Start
			i := &ast.SelectItem{Expr: p.expr()}
			p.expect("AS")
			i.Alias = p.ident("a name")
			i.Span = p.from(at)
			return i
		})
	}
	switch {
	case p.accept("ONE", "ROW", "PER", "MATCH"):
		m.Rows = "ONE ROW PER MATCH"
	case p.accept("ALL", "ROWS", "PER", "MATCH"):
		m.Rows = "ALL ROWS PER MATCH"
	}
	at := p.tok.Start
	if p.accept("AFTER", "MATCH") {
		p.expect("SKIP")
		m.Skip = p.skip()
		m.Skip.Span = p.from(at)
	}
	p.expect("PATTERN", "(")
	m.AnchorStart = p.quiet("^")
	m.Pattern = p.pattern()
	m.AnchorEnd = p.quiet("$")
	p.expect(")")
	if p.accept("WITHIN") {
		if !p.at("INTERVAL") {
			p.wanted("INTERVAL")
			p.unexpected()
		}
		m.Within = p.interval()
	}
	if p.accept("SUBSET") {
		m.Subsets = list(p, func() *ast.MatchSubset {
			at := p.tok.Start
			s := &ast.MatchSubset{Variable: p.ident("a variable")}
			p.expect("=")
			s.Of = p.parenIdents("a variable")
			s.Span = p.from(at)
			return s
		})
	}
	p.expect("DEFINE")
	m.Define = list(p, func() *ast.MatchDefine {
		at := p.tok.Start
		d := &ast.MatchDefine{Variable: p.ident("a variable")}
		p.expect("AS")
		d.Cond = p.expr()
		d.Span = p.from(at)
		return d
	})
	p.expect(")")
	p.inMatch--
	m.Span, m.Clause = p.from(start), p.from(clause)
	return m
}

func (p *parser) skip() *ast.MatchSkip {
	for _, k := range []ast.SkipKind{ast.SkipToNextRow, ast.SkipPastLastRow} {
		words := map[ast.SkipKind][]string{ast.SkipToNextRow: {"TO", "NEXT", "ROW"}, ast.SkipPastLastRow: {"PAST", "LAST", "ROW"}}[k]
		if p.accept(words...) {
			return &ast.MatchSkip{Kind: k}
		}
	}
	p.expect("TO")
	s := &ast.MatchSkip{Kind: ast.SkipToLast}
	// FIRST and LAST may be names of variables.
	if next := p.peek(1); p.at("FIRST") && next.isName() && !next.is("PATTERN") {
		p.advance()
		s.Kind = ast.SkipToFirst
	} else if p.at("LAST") && next.isName() {
		p.advance()
	}
	s.Variable = p.ident("a variable")
	return s
}

// pattern reads alternatives.
func (p *parser) pattern() *ast.Pattern {
	height := p.enter()
	defer func() { p.leave(height) }()
	start := p.tok.Start
	parts := []*ast.Pattern{p.sequence()}
	for p.quiet("|") {
		parts = append(parts, p.sequence())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &ast.Pattern{Span: p.from(start), Op: ast.PatternAlt, Parts: parts}
}

func (p *parser) sequence() *ast.Pattern {
	start := p.tok.Start
	parts := []*ast.Pattern{p.repeated()}
	for p.atName() || p.atAny("(", "{", "PERMUTE") {
		parts = append(parts, p.repeated())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &ast.Pattern{Span: p.from(start), Op: ast.PatternSeq, Parts: parts}
}

// repeated reads a variable or group with its quantifier.
func (p *parser) repeated() *ast.Pattern {
	start := p.tok.Start
	part := p.patternPrimary()
	r := &ast.Pattern{Op: ast.PatternRepeat, Parts: []*ast.Pattern{part}, Max: -1}
	switch {
	case p.quiet("*"):
	case p.quiet("+"):
		r.Min = 1
	case p.quiet("?"):
		r.Max = 1
	case p.at("{") && !p.peek(1).is("-"):
		p.advance()
		if !p.at(",") {
			r.Min = p.times()
			r.Max = r.Min
		}
		if p.accept(",") {
			r.Max = -1
			if !p.at("}") {
				r.Max = p.times()
			}
		}
		at := p.from(start)
		p.expect("}")
		if r.Max >= 0 && r.Max < r.Min || r.Max == 0 {
			p.syntax(at, "", "a quantifier counts from a number to one that is as large or larger, and not 0")
		}
	default:
		return part
	}
	r.Reluctant = p.quiet("?")
	r.Span = p.from(start)
	return r
}

// times reads how often a pattern may occur.
func (p *parser) times() int {
	n := p.integer("a number")
	v, err := strconv.ParseInt(n.Text, 10, 32)
	if err != nil {
		p.syntax(n.Span, "", "this is more often than a pattern can be repeated")
	}
	return int(v)
}

func (p *parser) patternPrimary() *ast.Pattern {
	start := p.tok.Start
	switch {
	case p.accept("("):
		inner := p.pattern()
		p.expect(")")
		return inner
	case p.quiet("{", "-"):
		inner := p.pattern()
		p.expect("-", "}")
		return &ast.Pattern{Span: p.from(start), Op: ast.PatternExclude, Parts: []*ast.Pattern{inner}}
	case p.quiet("PERMUTE"):
		p.expect("(")
		parts := list(p, p.pattern)
		p.expect(")")
		return &ast.Pattern{Span: p.from(start), Op: ast.PatternPermute, Parts: parts}
	}
	id := p.ident("a variable of the pattern")
	return &ast.Pattern{Span: id.Span, Op: ast.PatternVar, Variable: id}
}
