package parse

import "github.com/weirstream/weir/internal/sql/ast"

// queryWords begin a query.
var queryWords = map[string]bool{"SELECT": true, "WITH": true, "VALUES": true, "VALUE": true, "TABLE": true}

// atQuery reports whether a query begins here, not counting parentheses.
func (p *parser) atQuery() bool { return p.tok.kind == tkWord && queryWords[p.tok.text] }

// query reads a whole query.
func (p *parser) query() *ast.Query {
	height := p.enter()
	defer func() { p.leave(height) }()
	start := p.tok.Start
	var with []*ast.CTE
	if p.quiet("WITH") {
		if p.at("RECURSIVE") {
			p.unsupported(p.tok.Span, "", "recursive queries are not supported")
		}
		with = list(p, p.cte)
	}
	return p.queryFrom(start, with, p.queryTerm())
}

// body is a query as part of another one: parentheses that add nothing are not kept.
func body(q *ast.Query) ast.QueryBody {
	if q.With == nil && q.OrderBy == nil && q.Offset == nil && q.Limit == nil {
		return q.Body
	}
	return q
}

// queryFrom reads on behind the first part of a query.
func (p *parser) queryFrom(start int, with []*ast.CTE, first ast.QueryBody) *ast.Query {
	q := &ast.Query{With: with, Body: p.setOps(start, first, false)}
	plain := true
	order := p.tok.Start
	if p.accept("ORDER", "BY") {
		q.OrderBy = list(p, p.orderItem)
		plain = false
	}
	if p.accept("LIMIT") {
		plain = false
		if !p.accept("ALL") {
			q.Limit = p.count()
		}
		if p.at(",") {
			p.syntax(p.tok.Span, "write LIMIT count OFFSET start", "LIMIT takes one number")
		}
	}
	if p.accept("OFFSET") {
		plain = false
		q.Offset = p.count()
		if !p.quiet("ROWS") {
			p.quiet("ROW")
		}
		if p.at("LIMIT") {
			p.syntax(p.tok.Span, "", "LIMIT stands before OFFSET")
		}
	}
	if q.Limit == nil && p.accept("FETCH") {
		plain = false
		p.oneOf("FIRST", "NEXT")
		q.Limit = p.count()
		p.oneOf("ROWS", "ROW")
		p.expect("ONLY")
	}
	q.Span = p.from(start)
	if !plain {
		q.Order = p.from(order)
	}
	// Parentheses around a whole query are not kept.
	if inner, ok := q.Body.(*ast.Query); ok && plain && with == nil {
		return inner
	}
	return q
}

// count reads the number of a LIMIT or OFFSET.
func (p *parser) count() ast.Expr { return p.integer("a number") }

func (p *parser) cte() *ast.CTE {
	start := p.tok.Start
	c := &ast.CTE{Name: p.ident("the name of a query")}
	if p.at("(") {
		c.Columns = p.parenIdents("a column")
	}
	p.expect("AS", "(")
	c.Query = p.query()
	p.expect(")")
	c.Span = p.from(start)
	return c
}

// setOps reads the set operations behind a body: INTERSECT alone if strong is true, else all of them.
func (p *parser) setOps(start int, left ast.QueryBody, strong bool) ast.QueryBody {
	for {
		clause := p.tok.Start
		switch {
		case p.accept("INTERSECT"):
			all := p.setQuantifier()
			right := p.queryTerm()
			left = &ast.SetOp{Span: p.from(start), Op: ast.Intersect, All: all, L: left, R: right, Clause: p.from(clause)}
		case strong:
			return left
		case p.accept("UNION"), p.accept("EXCEPT"):
			op := ast.SetOpKind(p.last.text)
			all := p.setQuantifier()
			at := p.tok.Start
			right := p.setOps(at, p.queryTerm(), true)
			left = &ast.SetOp{Span: p.from(start), Op: op, All: all, L: left, R: right, Clause: p.from(clause)}
		default:
			return left
		}
		p.grow()
	}
}

func (p *parser) setQuantifier() (all bool) {
	if p.accept("ALL") {
		return true
	}
	p.accept("DISTINCT")
	return false
}

// queryTerm reads a body without set operations.
func (p *parser) queryTerm() ast.QueryBody {
	start := p.tok.Start
	switch {
	case p.at("SELECT"):
		return p.selectBody()
	case p.atAny("VALUES", "VALUE"):
		p.advance()
		rows := list(p, p.exprOrDefault)
		return &ast.Values{Span: p.from(start), Rows: rows}
	case p.at("TABLE"):
		p.advance()
		name := p.name("a table")
		return &ast.TableQuery{Span: p.from(start), Table: name}
	case p.at("("):
		height := p.enter()
		p.advance()
		var q *ast.Query
		if p.at("WITH") {
			q = p.query()
		} else {
			at := p.tok.Start
			q = p.queryFrom(at, nil, p.queryTerm())
		}
		p.expect(")")
		p.leave(height)
		return body(q)
	}
	p.want = append(p.want[:0], "SELECT", "VALUES", "TABLE", "(")
	p.unexpected()
	return nil
}

func (p *parser) selectBody() *ast.Select {
	start := p.advance().Start
	s := &ast.Select{Hints: p.hints()}
	s.Stream = p.quiet("STREAM")
	if p.atAny("DISTINCT", "ALL") {
		s.Quantifier = ast.SetQuantifier(p.advance().text)
	}
	s.Items = list(p, p.selectItem)
	if p.accept("FROM") {
		s.From = p.tables()
		if p.accept("WHERE") {
			s.Where = p.expr()
		}
		if at := p.tok.Start; p.accept("GROUP", "BY") {
			s.GroupBy = p.groupBy(at)
		}
		if p.accept("HAVING") {
			s.Having = p.expr()
		}
		if p.accept("WINDOW") {
			s.Windows = list(p, p.namedWindow)
		}
		if p.accept("QUALIFY") {
			s.Qualify = p.expr()
		}
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) selectItem() *ast.SelectItem {
	start := p.tok.Start
	i := &ast.SelectItem{}
	if p.at("*") {
		i.Expr = &ast.Star{Span: p.advance().Span}
	} else {
		i.Expr = p.expr()
		i.Alias = p.alias()
	}
	i.Span = p.from(start)
	return i
}

// alias reads [AS] name, or nothing.
func (p *parser) alias() *ast.Ident {
	if p.quiet("AS") {
		return p.ident("a name")
	}
	if p.atName() {
		return p.ident("a name")
	}
	return nil
}

func (p *parser) namedWindow() *ast.NamedWindow {
	start := p.tok.Start
	w := &ast.NamedWindow{Name: p.ident("the name of a window")}
	p.expect("AS")
	w.Window = p.window()
	w.Span = p.from(start)
	return w
}

func (p *parser) groupBy(start int) *ast.GroupBy {
	g := &ast.GroupBy{}
	if p.atAny("DISTINCT", "ALL") {
		g.Quantifier = ast.SetQuantifier(p.advance().text)
	}
	g.Items = list(p, p.groupItem)
	g.Span = p.from(start)
	return g
}

func (p *parser) groupItem() ast.GroupItem {
	start := p.tok.Start
	height := p.enter()
	defer func() { p.leave(height) }()
	kind := ast.GroupingKind("")
	switch {
	case p.quiet("GROUPING", "SETS"):
		kind = ast.GroupingSetsOf
	case p.at("CUBE") || p.at("ROLLUP"):
		kind = ast.GroupingKind(p.advance().text)
	case p.follows("(", ")"):
		p.advance()
		p.advance()
		return &ast.GroupExpr{Span: p.from(start), Parens: true}
	default:
		x := p.expr()
		g := &ast.GroupExpr{Span: p.from(start), Exprs: []ast.Expr{x}}
		if r, ok := x.(*ast.Row); ok && !r.Explicit {
			g.Parens, g.Exprs = true, r.Elems
		}
		return g
	}
	g := &ast.GroupingSets{Kind: kind}
	p.expect("(")
	g.Items = list(p, p.groupItem)
	p.expect(")")
	g.Span = p.from(start)
	return g
}

func (p *parser) orderItem() *ast.OrderItem {
	start := p.tok.Start
	o := &ast.OrderItem{Expr: p.expr()}
	if p.quiet("ASC") {
		o.Direction = "ASC"
	} else if p.quiet("DESC") {
		o.Direction = "DESC"
	}
	if p.quiet("NULLS") {
		o.Nulls = p.oneOf("FIRST", "LAST")
	}
	o.Span = p.from(start)
	return o
}

// hints reads /*+ .. */, or nothing.
func (p *parser) hints() []*ast.Hint {
	if p.tok.kind != tkHint {
		return nil
	}
	p.advance()
	hints := list(p, p.oneHint)
	if p.tok.kind != tkHintEnd {
		p.wanted("*/")
		p.unexpected()
	}
	p.advance()
	return hints
}

func (p *parser) oneHint() *ast.Hint {
	start := p.tok.Start
	h := &ast.Hint{Name: p.ident("the name of a hint")}
	if p.accept("(") {
		if !p.at(")") {
			h.Args = list(p, p.hintArg)
		}
		p.expect(")")
	}
	h.Span = p.from(start)
	return h
}

func (p *parser) hintArg() *ast.HintArg {
	start := p.tok.Start
	a := &ast.HintArg{}
	switch {
	case p.tok.kind == tkString:
		a.Value = p.str("a string")
	case p.tok.kind == tkNumber:
		a.Value = p.integer("a number")
	default:
		a.Value = p.name("a name, a string or a number")
	}
	if p.at("=") {
		p.advance()
		a.Key = a.Value
		a.Value = p.str("a string")
	}
	a.Span = p.from(start)
	return a
}

// tables reads the tables of a FROM clause.
func (p *parser) tables() ast.TableExpr {
	height := p.enter()
	defer func() { p.leave(height) }()
	start := p.tok.Start
	left := p.joined()
	for p.accept(",") {
		clause := p.tok.Start
		right := p.joined()
		left = &ast.Join{Span: p.from(start), Kind: ast.JoinComma, L: left, R: right, Clause: p.from(clause)}
		p.grow()
	}
	return left
}

// joined reads a table and the joins behind it.
func (p *parser) joined() ast.TableExpr {
	start := p.tok.Start
	left := p.table()
	for {
		j := &ast.Join{L: left}
		clause := p.tok.Start
		natural := p.quiet("NATURAL")
		switch {
		case p.accept("JOIN"):
			j.Kind = ast.JoinInner
		case p.accept("INNER"):
			j.Kind = ast.JoinInner
			p.expect("JOIN")
		case p.accept("CROSS"):
			j.Kind = ast.JoinCross
			p.expect("JOIN")
		case p.accept("LEFT"), p.accept("RIGHT"), p.accept("FULL"):
			j.Kind = ast.JoinKind(p.last.text)
			p.accept("OUTER")
			p.expect("JOIN")
		default:
			if natural {
				p.unexpected()
			}
			return left
		}
		j.Natural = natural
		j.R = p.table()
		switch {
		case p.accept("ON"):
			j.On = p.expr()
		case p.accept("USING"):
			j.Using = p.parenIdents("a column")
		}
		j.Span, j.Clause = p.from(start), p.from(clause)
		left = j
		p.grow()
	}
}

// table reads one table with all that may follow it.
func (p *parser) table() ast.TableExpr {
	start := p.tok.Start
	t := p.tablePrimary()
	aliased := false
	for {
		clause := p.tok.Start
		switch {
		case !aliased && p.at("FOR") && p.peek(1).is("SYSTEM_TIME"):
			p.advance()
			p.advance()
			p.expect("AS", "OF")
			at := p.expr()
			t = &ast.SystemTime{Span: p.from(start), Table: t, At: at}
		case p.quiet("MATCH_RECOGNIZE"):
			t = p.match(start, clause, t)
			aliased = false
		case p.quiet("PIVOT"):
			t = p.pivot(start, t)
			aliased = false
		case p.quiet("UNPIVOT"):
			t = p.unpivot(start, t)
			aliased = false
		case p.at("TABLESAMPLE"):
			t = p.sample(start, t)
		case !aliased && (p.at("AS") || p.atName()):
			a := &ast.Aliased{Table: t, Alias: p.alias()}
			if p.at("(") {
				a.Columns = p.parenIdents("a column")
			}
			a.Span = p.from(start)
			t, aliased = a, true
		default:
			if p.follows("AS") {
				p.unexpected()
			}
			return t
		}
		p.grow()
	}
}

func (p *parser) tablePrimary() ast.TableExpr {
	start := p.tok.Start
	lateral := p.quiet("LATERAL")
	switch {
	case p.at("("):
		return p.tableParens(lateral)
	case p.at("UNNEST"):
		p.advance()
		u := &ast.Unnest{Lateral: lateral}
		p.expect("(")
		u.Exprs = list(p, p.expr)
		p.expect(")")
		if p.quiet("WITH") {
			p.expect("ORDINALITY")
			u.Ordinality = true
		}
		u.Span = p.from(start)
		return u
	case p.at("TABLE"):
		p.advance()
		p.expect("(")
		f := &ast.TableFunc{Lateral: lateral}
		f.Call = p.tableCall()
		p.expect(")")
		f.Span = p.from(start)
		return f
	case lateral:
		p.wanted("TABLE")
		p.wanted("UNNEST")
		p.wanted("(")
		p.unexpected()
	case p.atName():
		name := p.name("a table")
		if p.at("(") {
			call := p.call(name)
			return &ast.TableFunc{Span: p.from(start), Bare: true, Call: call}
		}
		hints := p.hints()
		return &ast.TableRef{Span: p.from(start), Name: name, Hints: hints}
	}
	p.wanted("a table")
	p.unexpected()
	return nil
}

// tableCall reads the call in TABLE(..).
func (p *parser) tableCall() *ast.Call {
	if p.tok.kind == tkWord && p.tok.flags&callable != 0 {
		return p.call(p.keywordName(p.advance()))
	}
	name := p.name("a table function")
	if !p.at("(") {
		p.wanted("(")
		p.unexpected()
	}
	return p.call(name)
}

// tableParens reads a query, or joined tables, in parentheses.
func (p *parser) tableParens(lateral bool) ast.TableExpr {
	height := p.enter()
	defer func() { p.leave(height) }()
	start := p.tok.Start
	p.expect("(")
	if p.atQuery() && (!p.at("TABLE") || !p.peek(1).is("(")) {
		q := p.query()
		p.expect(")")
		return &ast.Derived{Span: p.from(start), Lateral: lateral, Query: q}
	}
	at := p.tok.Start
	t := p.tables()
	switch inner := t.(type) {
	case *ast.Derived:
		// ((SELECT ..) UNION (SELECT ..)), or just parentheses twice.
		if inner.Lateral {
			break
		}
		q := p.queryFrom(at, nil, body(inner.Query))
		p.expect(")")
		return &ast.Derived{Span: p.from(start), Lateral: lateral, Query: q}
	case *ast.Join:
		if lateral {
			break
		}
		p.expect(")")
		return t
	}
	p.syntax(p.from(at), "leave out the parentheses", "expected a query or a join within parentheses")
	return nil
}

func (p *parser) sample(start int, t ast.TableExpr) ast.TableExpr {
	p.advance()
	s := &ast.Sample{Table: t, Method: p.oneOf("BERNOULLI", "SYSTEM", "SUBSTITUTE")}
	p.expect("(")
	if s.Method == "SUBSTITUTE" {
		s.Substitute = p.str("a string")
		p.expect(")")
	} else {
		if p.tok.kind != tkNumber {
			p.wanted("a percentage")
			p.unexpected()
		}
		s.Percent = p.primary()
		p.expect(")")
		if p.accept("REPEATABLE") {
			p.expect("(")
			s.Repeatable = p.integer("a number")
			p.expect(")")
		}
	}
	s.Span = p.from(start)
	return s
}

// identOrList reads an identifier, or several in parentheses.
func (p *parser) identOrList() []*ast.Ident {
	if p.at("(") {
		return p.parenIdents("a column")
	}
	return []*ast.Ident{p.ident("a column")}
}

func (p *parser) pivot(start int, t ast.TableExpr) ast.TableExpr {
	v := &ast.Pivot{Table: t}
	p.expect("(")
	v.Aggregates = list(p, p.selectItem)
	p.expect("FOR")
	v.Columns = p.identOrList()
	p.expect("IN", "(")
	v.Values = list(p, p.selectItem)
	p.expect(")", ")")
	v.Span = p.from(start)
	return v
}

func (p *parser) unpivot(start int, t ast.TableExpr) ast.TableExpr {
	v := &ast.Unpivot{Table: t}
	if p.atAny("INCLUDE", "EXCLUDE") {
		v.Nulls = p.advance().text
		p.expect("NULLS")
	}
	p.expect("(")
	v.Measures = p.identOrList()
	p.expect("FOR")
	v.Names = p.identOrList()
	p.expect("IN", "(")
	v.In = list(p, func() *ast.UnpivotIn {
		at := p.tok.Start
		in := &ast.UnpivotIn{Columns: p.identOrList()}
		if p.accept("AS") {
			x := p.expr()
			in.Values = []ast.Expr{x}
			if r, ok := x.(*ast.Row); ok && !r.Explicit {
				in.Values = r.Elems
			}
		}
		in.Span = p.from(at)
		return in
	})
	p.expect(")", ")")
	v.Span = p.from(start)
	return v
}
