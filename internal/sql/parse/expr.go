package parse

import (
	"strings"

	"github.com/weirstream/weir/internal/sql/ast"
)

// How strong operators bind, weaker ones first. The right operand of an operator is read with the strength above its own, so that operators
// of one strength are grouped from the left; those of bindLike are grouped from the right, as in Flink.
const (
	bindMultiset  = 14 // MULTISET UNION and EXCEPT
	bindIntersect = 18 // MULTISET INTERSECT
	bindOr        = 22
	bindAnd       = 24
	bindNot       = 26
	bindIs        = 28
	bindCompare   = 30
	bindLike      = 32 // also BETWEEN and IN
	bindAdd       = 40
	bindMul       = 60 // also ||
	bindSign      = 80
)

var binaryMarks = map[string]struct {
	op   ast.BinaryOp
	bind int
}{
	"=": {ast.OpEq, bindCompare}, "<>": {ast.OpNe, bindCompare}, "<": {ast.OpLt, bindCompare}, "<=": {ast.OpLe, bindCompare},
	">": {ast.OpGt, bindCompare}, ">=": {ast.OpGe, bindCompare}, "+": {ast.OpAdd, bindAdd}, "-": {ast.OpSub, bindAdd},
	"*": {ast.OpMul, bindMul}, "/": {ast.OpDiv, bindMul}, "%": {ast.OpMod, bindMul}, "||": {ast.OpConcat, bindMul},
}

// wordOps are the operators made of words, apart from those with a syntax of their own.
var wordOps = []struct {
	words []string
	op    ast.BinaryOp
	bind  int
}{
	{[]string{"AND"}, ast.OpAnd, bindAnd},
	{[]string{"OR"}, ast.OpOr, bindOr},
	{[]string{"IS", "NOT", "DISTINCT", "FROM"}, ast.OpNotDistinct, bindCompare},
	{[]string{"IS", "DISTINCT", "FROM"}, ast.OpDistinct, bindCompare},
	{[]string{"MEMBER", "OF"}, ast.OpMemberOf, bindCompare},
	{[]string{"SUBMULTISET", "OF"}, ast.OpSubmultisetOf, bindCompare},
	{[]string{"NOT", "SUBMULTISET", "OF"}, ast.OpNotSubmultiset, bindCompare},
	{[]string{"MULTISET", "UNION", "DISTINCT"}, ast.OpMultisetUnionD, bindMultiset},
	{[]string{"MULTISET", "UNION", "ALL"}, ast.OpMultisetUnion, bindMultiset},
	{[]string{"MULTISET", "UNION"}, ast.OpMultisetUnion, bindMultiset},
	{[]string{"MULTISET", "INTERSECT", "DISTINCT"}, ast.OpMultisetInterD, bindIntersect},
	{[]string{"MULTISET", "INTERSECT", "ALL"}, ast.OpMultisetInter, bindIntersect},
	{[]string{"MULTISET", "INTERSECT"}, ast.OpMultisetInter, bindIntersect},
	{[]string{"MULTISET", "EXCEPT", "DISTINCT"}, ast.OpMultisetExceptD, bindMultiset},
	{[]string{"MULTISET", "EXCEPT", "ALL"}, ast.OpMultisetExcept, bindMultiset},
	{[]string{"MULTISET", "EXCEPT"}, ast.OpMultisetExcept, bindMultiset},
	{[]string{"OVERLAPS"}, ast.OpOverlaps, bindCompare},
	{[]string{"CONTAINS"}, ast.OpContains, bindCompare},
	{[]string{"EQUALS"}, ast.OpEquals, bindCompare},
	{[]string{"IMMEDIATELY", "PRECEDES"}, ast.OpImmPrecedes, bindCompare},
	{[]string{"IMMEDIATELY", "SUCCEEDS"}, ast.OpImmSucceeds, bindCompare},
	{[]string{"PRECEDES"}, ast.OpPrecedes, bindCompare},
	{[]string{"SUCCEEDS"}, ast.OpSucceeds, bindCompare},
}

// expr reads an expression.
func (p *parser) expr() ast.Expr { return p.operators(0) }

// operators reads an expression whose operators bind at least as strong as bind.
func (p *parser) operators(bind int) ast.Expr {
	height := p.enter()
	start := p.tok.Start
	x := p.operand()
	for {
		next := p.operator(x, start, bind)
		if next == nil {
			break
		}
		x = next
		p.grow()
	}
	p.leave(height)
	return x
}

// operator reads an operator behind x and what follows it, if it binds strong enough; else it returns nil.
func (p *parser) operator(x ast.Expr, start, bind int) ast.Expr {
	switch p.tok.kind {
	case tkOp:
		op, ok := binaryMarks[p.tok.text]
		if !ok {
			if p.at("!=") || p.at("::") {
				p.unexpected()
			}
			return nil
		}
		if op.bind < bind {
			return nil
		}
		p.advance()
		return p.right(x, start, op.op, op.bind)
	case tkWord:
		if p.tok.text == "" {
			return nil
		}
	default:
		return nil
	}
	for _, op := range wordOps {
		if !p.follows(op.words...) {
			continue
		}
		if op.bind < bind {
			return nil
		}
		for range op.words {
			p.advance()
		}
		return p.right(x, start, op.op, op.bind)
	}
	if p.at("IS") {
		if bind > bindIs {
			return nil
		}
		return p.is(x, start)
	}
	not := p.at("NOT")
	word := p.tok
	if not {
		word = p.peek(1)
	}
	if bind > bindLike || word.kind != tkWord {
		return nil
	}
	switch word.text {
	case "BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "SIMILAR":
	default:
		return nil
	}
	if not {
		p.advance()
	}
	p.advance()
	switch word.text {
	case "BETWEEN":
		b := &ast.Between{X: x, Not: not, Symmetric: p.quiet("SYMMETRIC")}
		if !b.Symmetric {
			p.quiet("ASYMMETRIC")
		}
		b.Low = p.operators(bindAnd + 1)
		p.expect("AND")
		b.High = p.operators(bindLike)
		b.Span = p.from(start)
		return b
	case "IN":
		in := &ast.In{X: x, Not: not}
		in.List, in.Query = p.choices()
		in.Span = p.from(start)
		return in
	}
	l := &ast.Like{X: x, Not: not, Op: ast.LikeOp(word.text)}
	if word.text == "SIMILAR" {
		p.expect("TO")
		l.Op = ast.OpSimilarTo
	}
	l.Pattern = p.operators(bindLike)
	if p.quiet("ESCAPE") {
		l.Escape = p.operators(bindLike)
	}
	l.Span = p.from(start)
	return l
}

// right reads what is right of a binary operator: an operand, or ANY, SOME or ALL with several.
func (p *parser) right(x ast.Expr, start int, op ast.BinaryOp, bind int) ast.Expr {
	switch op {
	case ast.OpEq, ast.OpNe, ast.OpLt, ast.OpLe, ast.OpGt, ast.OpGe:
		if p.atAny("ANY", "SOME", "ALL") && p.peek(1).is("(") {
			q := &ast.Quantified{X: x, Op: op, Quantifier: ast.Quantifier(p.advance().text)}
			q.List, q.Query = p.choices()
			q.Span = p.from(start)
			return q
		}
	}
	r := p.operators(bind + 1)
	return &ast.Binary{Span: p.from(start), Op: op, L: x, R: r}
}

// choices reads a query or a list of expressions in parentheses.
func (p *parser) choices() ([]ast.Expr, *ast.Query) {
	p.expect("(")
	if p.atQuery() {
		q := p.query()
		p.expect(")")
		return nil, q
	}
	first := p.continued(p.expr())
	exprs := []ast.Expr{first}
	for p.accept(",") {
		exprs = append(exprs, p.expr())
	}
	p.expect(")")
	if s, ok := first.(*ast.Subquery); ok && len(exprs) == 1 {
		return nil, s.Query
	}
	return exprs, nil
}

// is reads IS and what it asks for.
func (p *parser) is(x ast.Expr, start int) ast.Expr {
	p.expect("IS")
	i := &ast.Is{X: x, Not: p.accept("NOT")}
	for _, t := range []ast.IsTest{ast.IsNull, ast.IsTrue, ast.IsFalse, ast.IsUnknown, ast.IsASet, ast.IsEmpty, ast.IsJSONValue, ast.IsJSONObject,
		ast.IsJSONArray, ast.IsJSONScalar, ast.IsJSON} {
		if p.accept(strings.Fields(string(t))...) {
			i.Test = t
			i.Span = p.from(start)
			return i
		}
	}
	p.wanted("DISTINCT FROM")
	p.unexpected()
	return nil
}

// operand reads an operand with the operators in front of it.
func (p *parser) operand() ast.Expr {
	start := p.tok.Start
	switch {
	case p.at("NOT"):
		p.advance()
		return p.prefixed(start, ast.OpNot, bindNot)
	case p.at("-"):
		p.advance()
		return p.prefixed(start, ast.OpMinus, bindSign)
	case p.at("+"):
		p.advance()
		return p.prefixed(start, ast.OpPlus, bindSign)
	}
	x := p.primary()
	for {
		switch {
		case p.at("["):
			p.advance()
			index := p.expr()
			p.expect("]")
			x = &ast.Index{Span: p.from(start), X: x, Index: index}
		case p.at("."):
			p.advance()
			field := p.ident("the name of a field")
			x = &ast.Field{Span: p.from(start), X: x, Name: field}
		default:
			return x
		}
		p.grow()
	}
}

func (p *parser) prefixed(start int, op ast.UnaryOp, bind int) ast.Expr {
	x := p.operators(bind)
	return &ast.Unary{Span: p.from(start), Op: op, X: x}
}

// primary reads an expression without operators.
func (p *parser) primary() ast.Expr {
	t := p.tok
	switch t.kind {
	case tkNumber:
		p.advance()
		return &ast.NumberLit{Span: t.Span, Text: p.src.Slice(t.Span)}
	case tkString:
		return p.chars()
	case tkBinary:
		return p.binary()
	case tkQuoted:
		return p.reference()
	case tkOp:
		switch t.text {
		case "(":
			return p.parens()
		case "{":
			return p.braces()
		}
	case tkWord:
		if x := p.keyword(); x != nil {
			return x
		}
		if p.atName() {
			return p.reference()
		}
	}
	p.want = append(p.want[:0], "an expression")
	p.unexpected()
	return nil
}

// reference reads a column, t.* or a call, all of which begin with a name.
func (p *parser) reference() ast.Expr {
	start := p.tok.Start
	parts := []*ast.Ident{p.ident("a name")}
	for p.at(".") {
		p.advance()
		if p.at("*") {
			name := &ast.Name{Span: ast.Span{Start: start, End: parts[len(parts)-1].End}, Parts: parts}
			p.advance()
			return &ast.Star{Span: p.from(start), Qualifier: name}
		}
		parts = append(parts, p.ident("a name"))
	}
	name := &ast.Name{Span: p.from(start), Parts: parts}
	if p.at("(") {
		return p.call(name)
	}
	return name
}

// keyword reads an expression that begins with a keyword which means more than a name there; else it returns nil.
func (p *parser) keyword() ast.Expr {
	t := p.tok
	next := p.peek(1)
	paren := next.is("(")
	switch t.text {
	case "NULL":
		p.advance()
		return &ast.NullLit{Span: t.Span}
	case "TRUE", "FALSE", "UNKNOWN":
		p.advance()
		return &ast.BoolLit{Span: t.Span, Value: ast.Truth(t.text)}
	case "DATE", "TIME", "TIMESTAMP":
		if next.kind == tkString || next.is("WITH") {
			return p.dateTime()
		}
	case "INTERVAL":
		return p.interval()
	case "CASE":
		return p.caseOf()
	case "CAST", "TRY_CAST":
		p.advance()
		c := &ast.Cast{Try: t.text == "TRY_CAST"}
		p.expect("(")
		c.X = p.expr()
		p.expect("AS")
		c.Type = p.dataType(false)
		p.expect(")")
		c.Span = p.from(t.Start)
		return c
	case "EXISTS", "UNIQUE":
		p.advance()
		p.expect("(")
		q := p.query()
		p.expect(")")
		return &ast.Exists{Span: p.from(t.Start), Unique: t.text == "UNIQUE", Query: q}
	case "ARRAY", "MULTISET", "MAP":
		if c := p.collection(); c != nil {
			return c
		}
	case "ROW":
		p.advance()
		p.expect("(")
		elems := list(p, p.exprOrDefault)
		p.expect(")")
		return &ast.Row{Span: p.from(t.Start), Explicit: true, Elems: elems}
	case "DESCRIPTOR":
		if paren {
			p.advance()
			p.advance()
			d := &ast.Descriptor{Columns: list(p, func() *ast.Name { return p.name("a column") })}
			p.expect(")")
			d.Span = p.from(t.Start)
			return d
		}
	case "FINAL", "RUNNING":
		if p.inMatch > 0 && (next.isName() || next.flags&callable != 0) && (p.peek(2).is("(") || p.peek(2).is(".")) || t.text == "RUNNING" {
			p.advance()
			x := p.operators(bindSign)
			return &ast.PatternNav{Span: p.from(t.Start), Final: t.text == "FINAL", X: x}
		}
	case "JSON_EXISTS", "JSON_VALUE", "JSON_QUERY":
		return p.jsonPath()
	case "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
		return p.jsonConstructor()
	case "EXTRACT", "POSITION", "SUBSTRING", "TRIM", "OVERLAY":
		return p.special()
	case "CEIL", "CEILING", "FLOOR", "TIMESTAMPADD", "TIMESTAMPDIFF":
		if paren {
			return p.special()
		}
	case "NEXT":
		if next.is("VALUE") {
			p.unsupported(ast.Span{Start: t.Start, End: next.End}, "", "sequences are not supported")
		}
	}
	switch {
	case t.flags&callable != 0 && paren:
		p.advance()
		return p.call(p.keywordName(t))
	case t.flags&alone != 0:
		p.advance()
		return &ast.Call{Span: t.Span, Name: p.keywordName(t), NoParens: true}
	}
	return nil
}

// keywordName is the name of a function that is a keyword.
func (p *parser) keywordName(t token) *ast.Name {
	return &ast.Name{Span: t.Span, Parts: []*ast.Ident{{Span: t.Span, Name: p.src.Slice(t.Span)}}}
}

// parens reads what begins with a parenthesis: a query, a row, or an expression.
func (p *parser) parens() ast.Expr {
	height := p.enter()
	defer func() { p.leave(height) }()
	start := p.tok.Start
	p.expect("(")
	if p.atQuery() {
		q := p.query()
		p.expect(")")
		return &ast.Subquery{Span: p.from(start), Query: q}
	}
	x := p.continued(p.exprOrDefault())
	if !p.at(",") {
		p.expect(")")
		if s, ok := x.(*ast.Subquery); ok {
			s.Span = p.from(start)
		}
		return x
	}
	row := &ast.Row{Elems: []ast.Expr{x}}
	for p.accept(",") {
		row.Elems = append(row.Elems, p.exprOrDefault())
	}
	p.expect(")")
	row.Span = p.from(start)
	return row
}

// continued goes on with a query whose first part was read as a subquery: ((SELECT 1) UNION (SELECT 2)).
func (p *parser) continued(x ast.Expr) ast.Expr {
	s, ok := x.(*ast.Subquery)
	if !ok || !p.atAny("UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH") {
		return x
	}
	q := p.queryFrom(s.Start, nil, body(s.Query))
	return &ast.Subquery{Span: q.Span, Query: q}
}

// exprOrDefault reads an expression, or DEFAULT.
func (p *parser) exprOrDefault() ast.Expr {
	if p.at("DEFAULT") {
		return &ast.DefaultArg{Span: p.advance().Span}
	}
	return p.expr()
}

// braces reads the escapes of JDBC: {fn f(x)}, {d '..'}, {t '..'}, {ts '..'}. They are not kept.
func (p *parser) braces() ast.Expr {
	height := p.enter()
	defer func() { p.leave(height) }()
	p.expect("{")
	start := p.tok.Start
	if p.tok.kind == tkWord {
		kind, ok := map[string]ast.TypeKind{"d": ast.TypeDate, "t": ast.TypeTime, "ts": ast.TypeTimestamp}[strings.ToLower(p.src.Slice(p.tok.Span))]
		switch {
		case ok:
			p.advance()
			d := &ast.DateTimeLit{Kind: kind, Value: p.str("a string")}
			d.Span = p.from(start)
			p.expect("}")
			return d
		case strings.EqualFold(p.src.Slice(p.tok.Span), "fn"):
			p.advance()
			x := p.primary()
			p.expect("}")
			return x
		}
	}
	p.want = append(p.want[:0], "fn", "d", "t", "ts")
	p.unexpected()
	return nil
}

func (p *parser) dateTime() ast.Expr {
	t := p.advance()
	d := &ast.DateTimeLit{Kind: ast.TypeKind(t.text)}
	if t.text == "TIMESTAMP" && p.at("WITH") {
		p.advance()
		d.Kind = ast.TypeTimestampTZ
		if p.accept("LOCAL") {
			d.Kind = ast.TypeTimestampLTZ
		}
		p.expect("TIME", "ZONE")
	}
	d.Value = p.str("a string")
	d.Span = p.from(t.Start)
	return d
}

func (p *parser) interval() ast.Expr {
	start := p.advance().Start
	i := &ast.IntervalLit{}
	switch {
	case p.at("-"), p.at("+"):
		i.Negative = p.advance().text == "-"
		i.Value = p.str("a string")
	case p.tok.kind == tkString:
		i.Value = p.str("a string")
	case p.tok.kind == tkNumber, p.at("("):
		i.Value = p.primary()
	case p.atName():
		i.Value = p.name("a string")
	default:
		p.wanted("a string with the length of the interval")
		p.unexpected()
	}
	i.Qualifier = p.qualifier()
	i.Span = p.from(start)
	return i
}

func (p *parser) caseOf() ast.Expr {
	start := p.advance().Start
	c := &ast.Case{}
	if !p.at("WHEN") {
		c.Operand = p.expr()
	}
	for {
		at := p.tok.Start
		if !p.accept("WHEN") {
			break
		}
		w := &ast.When{Cond: p.expr()}
		for c.Operand != nil && p.accept(",") {
			w.Or = append(w.Or, p.expr())
		}
		p.expect("THEN")
		w.Result = p.expr()
		w.Span = p.from(at)
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.unexpected()
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	p.expect("END")
	c.Span = p.from(start)
	return c
}

// collection reads ARRAY, MULTISET or MAP with elements or a query. It returns nil for a plain call or name.
func (p *parser) collection() ast.Expr {
	t := p.tok
	c := &ast.Collection{Kind: ast.TypeKind(t.text)}
	switch next := p.peek(1); {
	case next.is("["):
		p.advance()
		p.advance()
		if !p.at("]") {
			c.Elems = list(p, p.expr)
		}
		p.expect("]")
	case next.is("(") && queryWords[p.peek(2).text] && p.peek(2).kind == tkWord:
		p.advance()
		p.advance()
		c.Query = p.query()
		p.expect(")")
	default:
		return nil
	}
	c.Span = p.from(t.Start)
	return c
}

// symbol reads a unit of time, or another word that a function takes.
func (p *parser) symbol(what string) *ast.Symbol {
	t := p.tok
	if t.kind != tkWord || t.flags&free == 0 && units[t.text] == "" {
		p.wanted(what)
		p.unexpected()
	}
	p.advance()
	return &ast.Symbol{Span: t.Span, Text: strings.ToUpper(p.src.Slice(t.Span))}
}

// special reads a function with a syntax of its own.
func (p *parser) special() ast.Expr {
	t := p.advance()
	c := &ast.Call{Name: p.keywordName(t)}
	add := func(x ast.Expr) { c.Args = append(c.Args, x) }
	p.expect("(")
	switch t.text {
	case "EXTRACT":
		add(p.symbol("a unit of time"))
		p.expect("FROM")
		add(p.expr())
	case "POSITION":
		add(p.operators(bindLike + 1))
		p.expect("IN")
		add(p.expr())
		if p.accept("FROM") {
			add(p.expr())
		}
	case "SUBSTRING":
		add(p.expr())
		if p.oneOf("FROM", ",") == "FROM" {
			add(p.expr())
			if p.accept("FOR") {
				add(p.expr())
			}
			break
		}
		add(p.expr())
		if p.accept(",") {
			add(p.expr())
		}
	case "TRIM":
		side := p.atAny("BOTH", "LEADING", "TRAILING")
		if side {
			add(&ast.Symbol{Span: p.tok.Span, Text: p.tok.text})
			p.advance()
		}
		if !side || !p.at("FROM") {
			add(p.expr())
		}
		if p.accept("FROM") {
			add(p.expr())
		}
	case "OVERLAY":
		add(p.expr())
		p.expect("PLACING")
		add(p.expr())
		p.expect("FROM")
		add(p.expr())
		if p.accept("FOR") {
			add(p.expr())
		}
	case "CEIL", "CEILING", "FLOOR":
		add(p.expr())
		if p.accept("TO") {
			add(p.symbol("a unit of time"))
			break
		}
		// Flink has these with a second argument, too.
		for p.accept(",") {
			add(p.expr())
		}
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		add(p.symbol("a unit of time"))
		p.expect(",")
		add(p.expr())
		p.expect(",")
		add(p.expr())
	}
	p.expect(")")
	return p.callSuffix(c, t.Start)
}

// call reads the arguments of a call, and what may follow it.
func (p *parser) call(name *ast.Name) *ast.Call {
	height := p.enter()
	defer func() { p.leave(height) }()
	c := &ast.Call{Name: name}
	p.expect("(")
	switch {
	case p.at(")"):
	case p.at("*") && p.peek(1).is(")"):
		c.Args = []ast.Expr{&ast.Star{Span: p.advance().Span}}
	default:
		if p.atAny("DISTINCT", "ALL") {
			c.Quantifier = ast.SetQuantifier(p.advance().text)
		}
		c.Args = list(p, p.argument)
		if p.atAny("IGNORE", "RESPECT") && p.peek(1).is("NULLS") && len(name.Parts) == 1 && strings.EqualFold(name.Parts[0].Name, "ARRAY_AGG") {
			c.Nulls = ast.NullTreatment(p.advance().text + " NULLS")
			p.advance()
		}
		if p.quiet("ORDER", "BY") {
			c.OrderBy = list(p, p.orderItem)
		}
	}
	p.expect(")")
	return p.callSuffix(c, name.Start)
}

// argument reads one argument of a call.
func (p *parser) argument() ast.Expr {
	start := p.tok.Start
	if p.atName() && p.peek(1).is("=>") {
		a := &ast.NamedArg{Name: p.ident("a name")}
		p.advance()
		a.Value = p.argumentValue()
		a.Span = p.from(start)
		return a
	}
	return p.argumentValue()
}

func (p *parser) argumentValue() ast.Expr {
	start := p.tok.Start
	t := &ast.TableArg{}
	switch {
	case p.at("DEFAULT"):
		return &ast.DefaultArg{Span: p.advance().Span}
	case p.at("MODEL") && p.peek(1).isName():
		p.advance()
		model := p.name("a model")
		return &ast.ModelArg{Span: p.from(start), Model: model}
	case p.at("TABLE"):
		p.advance()
		t.Table = p.name("a table")
	case p.atAny("SELECT", "WITH", "VALUES"):
		q := p.query()
		return &ast.Subquery{Span: p.from(start), Query: q}
	default:
		x := p.expr()
		if s, ok := x.(*ast.Subquery); ok && p.follows("ORDER", "BY") {
			t.Query = s.Query
			break
		}
		if !p.follows("PARTITION", "BY") {
			return x
		}
		switch x := x.(type) {
		case *ast.Name:
			t.Table = x
		case *ast.Subquery:
			t.Query = x.Query
		default:
			p.unexpected()
		}
	}
	if p.quiet("PARTITION", "BY") {
		if p.at("(") {
			p.advance()
			t.PartitionBy = list(p, p.expr)
			p.expect(")")
		} else {
			t.PartitionBy = []ast.Expr{p.expr()}
		}
	}
	if p.quiet("ORDER", "BY") {
		if p.at("(") {
			p.advance()
			t.OrderBy = list(p, p.orderItem)
			p.expect(")")
		} else {
			t.OrderBy = []*ast.OrderItem{p.orderItem()}
		}
	}
	t.Span = p.from(start)
	return t
}

// callSuffix reads what may follow the parentheses of a call.
func (p *parser) callSuffix(c *ast.Call, start int) *ast.Call {
	if p.atAny("IGNORE", "RESPECT") && p.peek(1).is("NULLS") {
		c.Nulls = ast.NullTreatment(p.advance().text + " NULLS")
		p.advance()
	}
	c.WithinGroup = p.withinGroup()
	if p.quiet("FILTER") {
		p.expect("(", "WHERE")
		c.Filter = p.expr()
		p.expect(")")
	}
	if p.quiet("OVER") {
		c.Over = p.over()
	}
	c.Span = p.from(start)
	return c
}

func (p *parser) withinGroup() []*ast.OrderItem {
	if !p.quiet("WITHIN", "GROUP") {
		return nil
	}
	p.expect("(", "ORDER", "BY")
	items := list(p, p.orderItem)
	p.expect(")")
	return items
}

// over reads the window behind OVER.
func (p *parser) over() *ast.WindowSpec {
	if p.atName() {
		id := p.ident("a window")
		return &ast.WindowSpec{Span: id.Span, Ref: id, Bare: true}
	}
	return p.window()
}

// window reads a window in parentheses.
func (p *parser) window() *ast.WindowSpec {
	height := p.enter()
	defer func() { p.leave(height) }()
	start := p.tok.Start
	w := &ast.WindowSpec{}
	p.expect("(")
	if p.atName() && !p.at("PARTITION") {
		w.Ref = p.ident("a window")
	}
	if p.accept("PARTITION", "BY") {
		w.PartitionBy = list(p, p.expr)
	}
	if p.accept("ORDER", "BY") {
		w.OrderBy = list(p, p.orderItem)
	}
	at := p.tok.Start
	for _, unit := range []ast.FrameUnit{ast.FrameRows, ast.FrameRange} {
		if !p.accept(string(unit)) {
			continue
		}
		w.Frame = &ast.Frame{Unit: unit}
		if p.accept("BETWEEN") {
			w.Frame.Start = p.frameBound()
			p.expect("AND")
			w.Frame.End = p.frameBound()
		} else {
			w.Frame.Start = p.frameBound()
		}
		w.Frame.Span = p.from(at)
		break
	}
	for _, partial := range []string{"ALLOW", "DISALLOW"} {
		if p.quiet(partial) {
			p.expect("PARTIAL")
			w.Partial = partial + " PARTIAL"
		}
	}
	p.expect(")")
	w.Span = p.from(start)
	return w
}

func (p *parser) frameBound() *ast.FrameBound {
	start := p.tok.Start
	b := &ast.FrameBound{}
	switch {
	case p.accept("UNBOUNDED", "PRECEDING"):
		b.Kind = ast.UnboundedPreceding
	case p.accept("UNBOUNDED", "FOLLOWING"):
		b.Kind = ast.UnboundedFollowing
	case p.accept("CURRENT", "ROW"):
		b.Kind = ast.CurrentRow
	default:
		// The AND between two bounds is not one of the offset.
		b.Offset = p.operators(bindAnd + 1)
		b.Kind = ast.BoundKind(p.oneOf("PRECEDING", "FOLLOWING"))
	}
	b.Span = p.from(start)
	return b
}

func (p *parser) jsonPath() ast.Expr {
	t := p.advance()
	j := &ast.JSONPathCall{Func: t.text}
	p.expect("(")
	j.X = p.expr()
	p.expect(",")
	j.Path = p.expr()
	if p.at("PASSING") {
		p.unsupported(p.tok.Span, "write the values into the path", "PASSING is not supported")
	}
	if t.text != "JSON_EXISTS" && p.accept("RETURNING") {
		j.Returning = p.dataType(false)
	}
	if t.text == "JSON_QUERY" {
		switch {
		case p.quiet("WITHOUT"):
			p.quiet("ARRAY")
			p.expect("WRAPPER")
			j.Wrapper = "WITHOUT"
		case p.quiet("WITH"):
			j.Wrapper = "WITH UNCONDITIONAL"
			if p.accept("CONDITIONAL") {
				j.Wrapper = "WITH CONDITIONAL"
			} else {
				p.accept("UNCONDITIONAL")
			}
			p.quiet("ARRAY")
			p.expect("WRAPPER")
		}
	}
	for !p.at(")") {
		at := p.tok.Start
		on := p.jsonOn(t.text)
		p.expect("ON")
		where := &j.OnError
		if t.text != "JSON_EXISTS" && p.accept("EMPTY") {
			where = &j.OnEmpty
		} else {
			p.expect("ERROR")
		}
		on.Span = p.from(at)
		if *where != nil {
			p.syntax(on.Span, "", "this is said twice")
		}
		*where = on
	}
	p.expect(")")
	j.Span = p.from(t.Start)
	return j
}

// jsonOn reads what a JSON function does on an error or an empty result.
func (p *parser) jsonOn(function string) *ast.JSONOn {
	kinds := map[string][]ast.JSONOnKind{
		"JSON_EXISTS": {ast.JSONTrue, ast.JSONFalse, ast.JSONUnknown, ast.JSONError},
		"JSON_VALUE":  {ast.JSONNull, ast.JSONError, ast.JSONDefault},
		"JSON_QUERY":  {ast.JSONNull, ast.JSONError, ast.JSONEmptyArray, ast.JSONEmptyObject},
	}[function]
	for _, k := range kinds {
		if !p.accept(strings.Fields(string(k))...) {
			continue
		}
		on := &ast.JSONOn{Kind: k}
		if k == ast.JSONDefault {
			on.Default = p.expr()
		}
		return on
	}
	p.wanted(")")
	p.unexpected()
	return nil
}

func (p *parser) jsonConstructor() ast.Expr {
	t := p.advance()
	j := &ast.JSONConstructor{Func: t.text}
	p.expect("(")
	nulls := func() bool { return p.follows("NULL", "ON", "NULL") || p.follows("ABSENT", "ON", "NULL") }
	switch t.text {
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		if t.text == "JSON_OBJECT" && (p.at(")") || nulls()) {
			break
		}
		if t.text == "JSON_OBJECT" {
			j.Pairs = list(p, p.jsonPair)
		} else {
			j.Pairs = []*ast.JSONPair{p.jsonPair()}
		}
	case "JSON_ARRAY":
		if !p.at(")") && !nulls() {
			j.Elems = list(p, p.jsonValue)
		}
	default:
		j.Elems = []ast.Expr{p.jsonValue()}
		if p.accept("ORDER", "BY") {
			j.OrderBy = list(p, p.orderItem)
		}
	}
	switch {
	case p.accept("NULL", "ON", "NULL"):
		j.Nulls = ast.NullOnNull
	case p.accept("ABSENT", "ON", "NULL"):
		j.Nulls = ast.AbsentOnNull
	}
	p.expect(")")
	if t.text == "JSON_ARRAYAGG" {
		j.WithinGroup = p.withinGroup()
	}
	j.Span = p.from(t.Start)
	return j
}

func (p *parser) jsonPair() *ast.JSONPair {
	start := p.tok.Start
	pair := &ast.JSONPair{}
	// A column may be called key.
	if next := p.peek(1); p.at("KEY") && !next.is("VALUE") && !next.is(":") && !next.is(".") && !next.is("(") {
		p.advance()
	}
	pair.Key = p.expr()
	p.oneOf("VALUE", ":")
	pair.Value = p.jsonValue()
	pair.Span = p.from(start)
	return pair
}

func (p *parser) jsonValue() ast.Expr {
	x := p.expr()
	if p.quiet("FORMAT", "JSON") {
		return &ast.JSONFormat{Span: p.from(x.Pos().Start), X: x}
	}
	return x
}
