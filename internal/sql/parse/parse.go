// Package parse reads SQL in the dialect of Flink 2.3 into the trees of package ast.
//
// It is a parser by recursive descent, with operators by strength. It reads each token once and never goes back, so it takes time in
// proportion to the text. Names of tables, columns and functions are not looked up, and types are not checked.
//
// Text may be anything: what is no SQL is an error of code sql.syntax, what is known but refused one of sql.unsupported, and what nests or
// chains deeper than trees may be is one of sql.too-deep. All are a *sqlerr.Error, with the place in the text. Nothing here keeps state:
// all functions may be called from several goroutines.
package parse

import (
	"github.com/weirstream/weir/internal/sql/ast"
)

// Script reads statements that are separated by semicolons; empty ones are skipped. The name is what errors call the text, usually that of
// a file, or "". On an error it also returns the script with the statements before the one that is wrong, so that a client can run these.
func Script(name, text string) (*ast.Script, error) {
	src := ast.NewSource(name, text)
	s := &ast.Script{Source: src}
	p := newParser(src)
	err := p.run(func() {
		for {
			for p.at(";") {
				p.advance()
			}
			if p.tok.kind == tkEOF {
				return
			}
			st := p.statement()
			p.end(true)
			s.Statements = append(s.Statements, st)
		}
	})
	return s, err
}

// Statement reads one statement, which may end in a semicolon.
func Statement(src *ast.Source) (st ast.Statement, err error) {
	p := newParser(src)
	err = p.run(func() {
		st = p.statement()
		for p.at(";") {
			p.advance()
		}
		p.end(false)
	})
	return st, err
}

// Expr reads one expression.
func Expr(src *ast.Source) (x ast.Expr, err error) {
	p := newParser(src)
	err = p.run(func() {
		x = p.expr()
		p.end(false)
	})
	return x, err
}

// Type reads one data type, as "ARRAY<INT NOT NULL> NOT NULL".
func Type(src *ast.Source) (t *ast.DataType, err error) {
	p := newParser(src)
	err = p.run(func() {
		t = p.dataType(true)
		p.end(false)
	})
	return t, err
}

// Schema reads what stands in the parentheses of a CREATE TABLE: columns, constraints and a watermark with commas between them.
func Schema(src *ast.Source) (s *ast.Schema, err error) {
	p := newParser(src)
	err = p.run(func() {
		s = &ast.Schema{}
		start := p.tok.Start
		p.element(s, false)
		for p.accept(",") {
			p.element(s, false)
		}
		s.Span = p.from(start)
		p.end(false)
	})
	return s, err
}

// end fails unless the text ends here, or a semicolon follows where one may.
func (p *parser) end(semicolon bool) {
	if p.tok.kind == tkEOF || semicolon && p.at(";") {
		return
	}
	if semicolon {
		p.wanted(";")
	} else {
		p.wanted("the end of the text")
	}
	p.unexpected()
}
