package parse

import (
	"strings"

	"github.com/weirstream/weir/internal/sql/ast"
)

// statement reads one statement, up to a semicolon or the end.
func (p *parser) statement() ast.Statement {
	start := p.tok.Start
	span := func() ast.Span { return p.from(start) }
	switch {
	case p.atQuery(), p.at("("):
		return p.query()
	case p.at("CREATE"):
		return p.create()
	case p.at("REPLACE"):
		return p.replaceTable()
	case p.at("DROP"):
		return p.drop()
	case p.at("ALTER"):
		return p.alter()
	case p.at("INSERT"):
		return p.insert()
	case p.at("UPSERT"):
		p.unsupported(p.tok.Span, "INSERT INTO updates the rows of a table with a primary key", "UPSERT is not supported")
	case p.at("MERGE"):
		p.unsupported(p.tok.Span, "", "MERGE is not supported")
	case p.at("UPDATE"):
		return p.update()
	case p.at("DELETE"):
		p.advance()
		p.expect("FROM")
		d := &ast.Delete{Table: p.name("a table"), Alias: p.alias()}
		if p.accept("WHERE") {
			d.Where = p.expr()
		}
		d.Span = span()
		return d
	case p.accept("TRUNCATE"):
		p.expect("TABLE")
		name := p.name("a table")
		return &ast.Truncate{Span: span(), Table: name}
	case p.at("EXECUTE"):
		return p.execute()
	case p.accept("BEGIN"):
		p.expect("STATEMENT", "SET")
		return &ast.BeginStatementSet{Span: span()}
	case p.accept("END"):
		return &ast.EndStatementSet{Span: span()}
	case p.accept("COMPILE"):
		c := &ast.CompilePlan{Execute: p.accept("AND", "EXECUTE")}
		p.expect("PLAN")
		if c.Execute || !p.at("FOR") {
			c.Path = p.str("a path as a string")
			c.IfNotExists = !c.Execute && p.ifNotExists()
		}
		p.expect("FOR")
		switch {
		case p.at("STATEMENT"):
			c.Statement = p.statementSet(false)
		case p.at("EXECUTE") && p.peek(1).is("STATEMENT"):
			c.Statement = p.statementSet(true)
		default:
			c.Statement = p.insert()
		}
		c.Span = span()
		return c
	case p.at("ANALYZE"):
		return p.analyze()
	case p.accept("CALL"):
		name := p.name("a procedure")
		if !p.at("(") {
			p.wanted("(")
			p.unexpected()
		}
		call := p.call(name)
		return &ast.CallProcedure{Span: span(), Call: call}
	case p.at("EXPLAIN"):
		return p.explain()
	case p.at("SET"):
		return p.set()
	case p.at("RESET"):
		return p.reset()
	case p.at("SHOW"):
		return p.show()
	case p.at("DESCRIBE"), p.at("DESC"):
		return p.describeStatement()
	case p.at("USE"):
		return p.use()
	case p.accept("LOAD"):
		p.expect("MODULE")
		m := &ast.LoadModule{Name: p.ident("a module")}
		m.Options = p.withOptions()
		m.Span = span()
		return m
	case p.accept("UNLOAD"):
		p.expect("MODULE")
		id := p.ident("a module")
		return &ast.UnloadModule{Span: span(), Name: id}
	case p.accept("ADD"), p.accept("REMOVE"):
		remove := p.last.text == "REMOVE"
		p.expect("JAR")
		path := p.str("a path as a string")
		return &ast.Jar{Span: span(), Remove: remove, Path: path}
	case p.accept("STOP"):
		p.expect("JOB")
		s := &ast.StopJob{Job: p.str("the id of a job as a string")}
		s.Savepoint = p.accept("WITH", "SAVEPOINT")
		s.Drain = p.accept("WITH", "DRAIN")
		s.Span = span()
		if s.Drain && !s.Savepoint {
			p.syntax(p.last.Span, "write WITH SAVEPOINT WITH DRAIN", "WITH DRAIN stands only behind WITH SAVEPOINT")
		}
		return s
	case p.atAny("QUIT", "EXIT", "CLEAR", "HELP"):
		name := p.advance().text
		if name == "EXIT" {
			name = "QUIT"
		}
		return &ast.ClientCommand{Span: span(), Name: name}
	}
	if p.tok.kind == tkWord {
		if w := closest(p.src.Slice(p.tok.Span), statementWords); w != "" && p.tok.text == "" {
			p.syntax(p.tok.Span, "did you mean "+w+"?", "expected a statement, found %s", p.describe(p.tok))
		}
	}
	p.want = append(p.want[:0], "a statement")
	p.unexpected()
	return nil
}

// statementWords begin the statements.
var statementWords = strings.Fields(`SELECT WITH VALUES CREATE DROP ALTER INSERT UPDATE DELETE TRUNCATE EXECUTE BEGIN END COMPILE ANALYZE CALL EXPLAIN SET
	RESET SHOW DESCRIBE USE LOAD UNLOAD ADD REMOVE STOP QUIT CLEAR HELP REPLACE`)

func (p *parser) insert() *ast.Insert {
	start := p.tok.Start
	p.expect("INSERT")
	i := &ast.Insert{Overwrite: p.oneOf("INTO", "OVERWRITE") == "OVERWRITE"}
	if p.at("TABLE") {
		p.syntax(p.tok.Span, "leave out the word TABLE", "expected the name of a table, found TABLE")
	}
	i.Table = p.name("the name of a table")
	i.Hints = p.hints()
	if p.at("PARTITION") {
		i.Partition = p.partition(false)
	}
	if p.at("(") && p.columnsFollow() {
		p.advance()
		i.Columns = list(p, func() *ast.Name { return p.name("a column") })
		p.expect(")")
	}
	i.Query = p.query()
	if at := p.tok.Start; p.accept("ON", "CONFLICT") {
		p.expect("DO")
		i.OnConflict = p.oneOf("ERROR", "NOTHING", "DEDUPLICATE")
		i.Conflict = p.from(at)
	}
	i.Span = p.from(start)
	return i
}

// columnsFollow reports whether a parenthesis begins a list of columns: else it begins a query.
func (p *parser) columnsFollow() bool {
	next := p.peek(1)
	return !next.is("(") && (next.kind != tkWord || !queryWords[next.text])
}

func (p *parser) update() ast.Statement {
	start := p.tok.Start
	p.expect("UPDATE")
	u := &ast.Update{Table: p.name("a table")}
	if !p.at("SET") {
		u.Alias = p.alias()
	}
	p.expect("SET")
	u.Set = list(p, func() *ast.Assignment {
		at := p.tok.Start
		a := &ast.Assignment{Column: p.ident("a column")}
		p.expect("=")
		a.Value = p.exprOrDefault()
		a.Span = p.from(at)
		return a
	})
	if p.accept("WHERE") {
		u.Where = p.expr()
	}
	u.Span = p.from(start)
	return u
}

func (p *parser) execute() ast.Statement {
	start := p.tok.Start
	switch next := p.peek(1); {
	case next.is("STATEMENT"):
		return p.statementSet(true)
	case next.is("PLAN"):
		p.advance()
		p.advance()
		path := p.str("a path as a string")
		return &ast.ExecutePlan{Span: p.from(start), Path: path}
	}
	p.advance()
	e := &ast.Execute{}
	switch {
	case p.at("INSERT"):
		e.Statement = p.insert()
	case p.atQuery(), p.at("("):
		e.Statement = p.query()
	default:
		p.want = append(p.want[:0], "STATEMENT SET", "PLAN", "INSERT", "a query")
		p.unexpected()
	}
	e.Span = p.from(start)
	return e
}

func (p *parser) statementSet(execute bool) *ast.StatementSet {
	start := p.tok.Start
	s := &ast.StatementSet{Execute: execute}
	if execute {
		p.expect("EXECUTE")
	}
	p.expect("STATEMENT", "SET", "BEGIN")
	for len(s.Inserts) == 0 || p.at("INSERT") {
		s.Inserts = append(s.Inserts, p.insert())
		p.expect(";")
	}
	p.wanted("INSERT")
	p.expect("END")
	s.Span = p.from(start)
	return s
}

func (p *parser) analyze() ast.Statement {
	start := p.tok.Start
	p.expect("ANALYZE", "TABLE")
	a := &ast.Analyze{Table: p.name("a table")}
	at := p.tok.Start
	if p.accept("PARTITION") {
		p.expect("(")
		a.Partition = &ast.Partition{Values: list(p, func() *ast.PartitionValue { return p.partitionValue(true) })}
		p.expect(")")
		a.Partition.Span = p.from(at)
	}
	p.expect("COMPUTE", "STATISTICS")
	if p.accept("FOR") {
		if p.accept("ALL") {
			p.expect("COLUMNS")
			a.AllColumns = true
		} else {
			p.expect("COLUMNS")
			a.Columns = p.idents("a column")
		}
	}
	a.Span = p.from(start)
	return a
}

func (p *parser) explain() ast.Statement {
	start := p.tok.Start
	p.expect("EXPLAIN")
	e := &ast.Explain{}
	details := []string{"ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN"}
	switch {
	case p.accept("PLAN", "FOR"):
	case p.atAny(details...):
		e.Details = list(p, func() string { return p.oneOf(details...) })
	}
	switch {
	case p.atQuery(), p.at("("):
		e.Statement = p.query()
	case p.at("INSERT"):
		e.Statement = p.insert()
	case p.at("EXECUTE"):
		e.Statement = p.execute()
	case p.at("STATEMENT"):
		e.Statement = p.statementSet(false)
	case p.at("CREATE"), p.at("REPLACE"):
		if p.at("REPLACE") {
			e.Statement = p.replaceTable()
		} else {
			e.Statement = p.create()
		}
		if t, ok := e.Statement.(*ast.CreateTable); !ok || t.As == nil {
			p.syntax(e.Statement.Pos(), "", "only a CREATE TABLE with AS and a query has a plan to explain")
		}
	default:
		p.wanted("a query")
		p.wanted("INSERT")
		p.wanted("STATEMENT SET")
		p.unexpected()
	}
	e.Span = p.from(start)
	return e
}

// set reads SET: with strings as in the grammar, or without quotes as the client takes it, up to a semicolon.
func (p *parser) set() ast.Statement {
	start := p.tok.Start
	if p.peek(1).kind != tkWord && p.peek(1).kind != tkQuoted {
		p.advance()
		s := &ast.Set{}
		if p.tok.kind == tkString {
			s.Key = p.str("a key").Value
			p.expect("=")
			s.Value = p.str("a value as a string").Value
		}
		s.Span = p.from(start)
		return s
	}
	at, text := p.raw()
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok || key == "" || strings.ContainsAny(key, " \t\n'") {
		p.syntax(at, "write SET 'key' = 'value'", "expected a key, an equals sign and a value")
	}
	if n := len(value); n >= 2 && value[0] == '\'' && value[n-1] == '\'' {
		value = strings.ReplaceAll(value[1:n-1], "''", "'")
	}
	return &ast.Set{Span: ast.Span{Start: start, End: at.End}, Key: key, Value: value}
}

func (p *parser) reset() ast.Statement {
	start := p.tok.Start
	if next := p.peek(1); next.kind != tkWord && next.kind != tkQuoted {
		p.advance()
		r := &ast.Reset{}
		if p.tok.kind == tkString {
			r.Key = p.str("a key").Value
		}
		r.Span = p.from(start)
		return r
	}
	at, text := p.raw()
	if strings.ContainsAny(text, " \t\n'=") {
		p.syntax(at, "write RESET 'key'", "expected one key")
	}
	return &ast.Reset{Span: ast.Span{Start: start, End: at.End}, Key: text}
}

// raw skips the current token and takes the text behind it, up to a semicolon outside of quotes, a comment behind a space, or the end.
func (p *parser) raw() (ast.Span, string) {
	text := p.src.Text
	start := p.tok.End
	end, quoted := start, false
	for end < len(text) {
		rest := text[end:]
		if rest[0] == '\'' {
			quoted = !quoted
		}
		if !quoted && (rest[0] == ';' || (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n') && strings.HasPrefix(rest[1:], "--")) {
			break
		}
		end++
	}
	trimmed := strings.TrimSpace(text[start:end])
	span := ast.Span{Start: start + strings.Index(text[start:end], trimmed)}
	span.End = span.Start + len(trimmed)
	p.lex = lexer{text: text, pos: end}
	p.look = nil
	p.tok = token{Span: span, kind: tkString}
	p.advance()
	return span, trimmed
}

func (p *parser) show() ast.Statement {
	start := p.tok.Start
	p.expect("SHOW")
	s := &ast.Show{}
	// What may follow: an optional or needed FROM or IN with a name, and a filter.
	from, needed, filter, ilike := false, false, true, true
	switch {
	case p.accept("CREATE"):
		s.Kind = ast.ShowCreate
		switch p.oneOf("TABLE", "VIEW", "MATERIALIZED", "MODEL", "CATALOG", "CONNECTION") {
		case "MATERIALIZED":
			p.expect("TABLE")
			s.Object = ast.KindMaterializedTable
		default:
			s.Object = ast.ObjectKind(p.last.text)
		}
		s.Name = p.name("a name")
		filter = false
	case p.accept("CURRENT"):
		s.Kind = ast.ShowKind("CURRENT " + p.oneOf("CATALOG", "DATABASE"))
		filter = false
	case p.accept("PARTITIONS"):
		s.Kind = ast.ShowPartitions
		s.Name = p.name("a table")
		if p.at("PARTITION") {
			s.Partition = p.partition(false)
		}
		filter = false
	case p.accept("USER"):
		p.expect("FUNCTIONS")
		s.Kind, from = ast.ShowUserFunctions, true
	case p.accept("FULL"):
		p.expect("MODULES")
		s.Kind, filter = ast.ShowFullModules, false
	case p.accept("MODULES"), p.accept("JARS"), p.accept("JOBS"):
		s.Kind, filter = ast.ShowKind(p.last.text), false
	case p.accept("MATERIALIZED"):
		p.expect("TABLES")
		s.Kind, from = ast.ShowMaterializedTables, true
	case p.accept("CATALOGS"):
		s.Kind = ast.ShowCatalogs
	case p.accept("COLUMNS"):
		s.Kind, from, needed, ilike = ast.ShowColumns, true, true, false
	case p.accept("TABLES"), p.accept("VIEWS"), p.accept("DATABASES"), p.accept("FUNCTIONS"), p.accept("PROCEDURES"), p.accept("MODELS"),
		p.accept("CONNECTIONS"):
		s.Kind, from = ast.ShowKind(p.last.text), true
	default:
		p.unexpected()
	}
	if from && (p.accept("FROM") || p.accept("IN")) {
		s.Preposition = p.last.text
		s.Name = p.name("a name")
	} else if needed {
		p.unexpected()
	}
	if filter {
		s.Not = p.accept("NOT")
		switch {
		case p.accept("LIKE"), ilike && p.accept("ILIKE"):
			s.LikeOp = ast.LikeOp(p.last.text)
			s.Pattern = p.str("a pattern as a string")
		case s.Not:
			p.unexpected()
		}
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) describeStatement() ast.Statement {
	start := p.advance().Start
	d := &ast.Describe{}
	next := p.peek(1)
	// These words may also be names of tables.
	named := next.isName() || next.is("EXTENDED")
	switch {
	case p.at("JOB") && next.kind == tkString:
		p.advance()
		d.Kind = ast.KindJob
		d.Job = p.str("the id of a job as a string")
		d.Span = p.from(start)
		return d
	case p.at("FUNCTION"), p.at("TABLE"):
		d.Kind = ast.ObjectKind(p.advance().text)
	case named && p.atAny("CATALOG", "DATABASE", "MODEL", "CONNECTION"):
		d.Kind = ast.ObjectKind(p.advance().text)
	}
	if d.Kind == ast.KindTable {
		d.Kind = ""
	}
	d.Extended = p.accept("EXTENDED")
	d.Name = p.name("a name")
	d.Span = p.from(start)
	return d
}

func (p *parser) use() ast.Statement {
	start := p.tok.Start
	p.expect("USE")
	u := &ast.Use{Kind: ast.KindDatabase}
	switch {
	case p.at("CATALOG") && p.peek(1).isName():
		p.advance()
		u.Kind = ast.KindCatalog
		id := p.ident("a catalog")
		u.Names = []*ast.Name{{Span: id.Span, Parts: []*ast.Ident{id}}}
	case p.accept("MODULES"):
		u.Kind = ast.KindModules
		u.Names = list(p, func() *ast.Name {
			id := p.ident("a module")
			return &ast.Name{Span: id.Span, Parts: []*ast.Ident{id}}
		})
	default:
		u.Names = []*ast.Name{p.name("a database")}
	}
	u.Span = p.from(start)
	return u
}
