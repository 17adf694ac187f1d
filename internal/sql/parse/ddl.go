package parse

import "github.com/weirstream/weir/internal/sql/ast"

func (p *parser) create() ast.Statement {
	start := p.tok.Start
	p.expect("CREATE")
	replace := p.accept("OR", "REPLACE")
	alter := !replace && p.accept("OR", "ALTER")
	temporary := !alter && p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	switch {
	case !system && !alter && p.accept("TABLE"):
		t := &ast.CreateTable{OrReplace: replace, Temporary: temporary}
		p.createTable(t)
		t.Span = p.from(start)
		return t
	case !temporary && !replace && p.accept("MATERIALIZED", "TABLE"):
		return p.createMaterialized(start, alter)
	case alter:
	case !system && p.accept("VIEW"):
		v := &ast.CreateView{OrReplace: replace, Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.name("the name of a view")}
		if p.at("(") {
			v.Columns = p.parenIdents("a column")
		}
		v.Comment = p.comment()
		p.expect("AS")
		v.Query = p.query()
		v.Span = p.from(start)
		return v
	case replace:
	case p.accept("FUNCTION"):
		return p.createFunction(start, temporary, system)
	case !system && p.accept("MODEL"):
		return p.createModel(start, temporary)
	case !temporary && p.accept("CATALOG"):
		return p.createObject(start, &ast.CreateObject{Kind: ast.KindCatalog})
	case !temporary && p.accept("DATABASE"):
		return p.createObject(start, &ast.CreateObject{Kind: ast.KindDatabase})
	case p.accept("CONNECTION"):
		return p.createObject(start, &ast.CreateObject{Kind: ast.KindConnection, Temporary: temporary, System: system})
	}
	p.unexpected()
	return nil
}

func (p *parser) createObject(start int, c *ast.CreateObject) ast.Statement {
	c.IfNotExists = p.ifNotExists()
	if c.Kind == ast.KindCatalog {
		id := p.ident("the name of a catalog")
		c.Name = &ast.Name{Span: id.Span, Parts: []*ast.Ident{id}}
	} else {
		c.Name = p.name("a name")
	}
	c.Comment = p.comment()
	c.Options = p.withOptions()
	c.Span = p.from(start)
	return c
}

// replaceTable reads REPLACE TABLE.
func (p *parser) replaceTable() ast.Statement {
	start := p.tok.Start
	p.expect("REPLACE", "TABLE")
	t := &ast.CreateTable{Replace: true}
	p.createTable(t)
	if t.As == nil {
		p.wanted("AS")
		p.unexpected()
	}
	t.Span = p.from(start)
	return t
}

// createTable reads what follows TABLE.
func (p *parser) createTable(t *ast.CreateTable) {
	if !t.Replace {
		t.IfNotExists = p.ifNotExists()
	}
	t.Name = p.name("the name of a table")
	t.Schema = p.schema(true)
	t.Comment = p.comment()
	t.Distribution = p.distribution("DISTRIBUTED")
	t.PartitionedBy = p.partitionedBy()
	t.Options = p.withOptions()
	switch {
	case p.accept("LIKE"):
		t.Like = p.tableLike()
	case p.accept("AS"):
		t.As = p.query()
	}
	if t.Schema != nil && t.Schema.Names != nil && t.As == nil {
		p.syntax(t.Schema.Names[0].Span, "give each column a type, or add AS with a query", "columns without types stand only before AS with a query")
	}
}

func (p *parser) createMaterialized(start int, alter bool) ast.Statement {
	t := &ast.CreateMaterializedTable{OrAlter: alter, Name: p.name("the name of a materialized table")}
	t.Schema = p.schema(true)
	t.Comment = p.comment()
	t.Distribution = p.distribution("DISTRIBUTED")
	t.PartitionedBy = p.partitionedBy()
	t.Options = p.withOptions()
	if p.accept("START_MODE") {
		p.expect("=")
		at := p.tok.Start
		m := &ast.StartMode{}
		m.Kind = p.oneOf("FROM_BEGINNING", "FROM_NOW", "FROM_TIMESTAMP", "RESUME_OR_FROM_BEGINNING", "RESUME_OR_FROM_NOW", "RESUME_OR_FROM_TIMESTAMP")
		if p.accept("(") {
			m.Arg = p.expr()
			p.expect(")")
		}
		m.Span = p.from(at)
		t.StartMode = m
	}
	if p.accept("FRESHNESS") {
		p.expect("=")
		t.Freshness = p.freshness()
	}
	if p.accept("REFRESH_MODE") {
		p.expect("=")
		t.RefreshMode = p.oneOf("CONTINUOUS", "FULL")
	}
	p.expect("AS")
	t.As = p.query()
	t.Span = p.from(start)
	return t
}

// freshness reads an interval.
func (p *parser) freshness() *ast.IntervalLit {
	if !p.at("INTERVAL") {
		p.wanted("INTERVAL")
		p.unexpected()
	}
	i, ok := p.interval().(*ast.IntervalLit)
	if !ok {
		return nil
	}
	if _, literal := i.Value.(*ast.StringLit); !literal {
		p.syntax(i.Value.Pos(), "", "the freshness is an interval with a string, as INTERVAL '1' HOUR")
	}
	return i
}

func (p *parser) createFunction(start int, temporary, system bool) ast.Statement {
	f := &ast.CreateFunction{Temporary: temporary, System: system, IfNotExists: p.ifNotExists(), Name: p.name("the name of a function")}
	p.expect("AS")
	f.Class = p.str("the name of a class as a string")
	f.Language = p.language()
	if p.accept("USING") {
		f.Using = list(p, func() *ast.Resource {
			at := p.tok.Start
			r := &ast.Resource{Kind: p.oneOf("JAR", "ARTIFACT")}
			r.URI = p.str("the address of a file as a string")
			r.Span = p.from(at)
			return r
		})
	}
	f.Options = p.withOptions()
	f.Span = p.from(start)
	return f
}

func (p *parser) language() string {
	if !p.accept("LANGUAGE") {
		return ""
	}
	return p.oneOf("JAVA", "SCALA", "PYTHON", "SQL")
}

func (p *parser) createModel(start int, temporary bool) ast.Statement {
	m := &ast.CreateModel{Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.name("the name of a model")}
	columns := func() []*ast.Column {
		p.expect("(")
		columns := list(p, func() *ast.Column { return p.column(false) })
		p.expect(")")
		return columns
	}
	if p.accept("INPUT") {
		m.Input = columns()
	}
	if p.accept("OUTPUT") {
		m.Output = columns()
	}
	m.Comment = p.comment()
	m.Options = p.withOptions()
	if p.accept("AS") {
		m.As = p.query()
	}
	m.Span = p.from(start)
	return m
}

func (p *parser) ifNotExists() bool {
	// IF may be a name.
	return p.quiet("IF", "NOT", "EXISTS")
}

func (p *parser) ifExists() bool { return p.quiet("IF", "EXISTS") }

func (p *parser) comment() *ast.StringLit {
	if !p.accept("COMMENT") {
		return nil
	}
	return p.str("a comment as a string")
}

func (p *parser) withOptions() []*ast.Option {
	if !p.accept("WITH") {
		return nil
	}
	return p.options()
}

// options reads ('key' = 'value', ..), which may be empty.
func (p *parser) options() []*ast.Option {
	p.expect("(")
	if p.quiet(")") {
		return nil
	}
	options := list(p, func() *ast.Option {
		start := p.tok.Start
		o := &ast.Option{Key: p.str("a key as a string")}
		p.expect("=")
		o.Value = p.str("a value as a string")
		o.Span = p.from(start)
		return o
	})
	p.expect(")")
	return options
}

func (p *parser) partitionedBy() []*ast.Ident {
	if !p.accept("PARTITIONED") {
		return nil
	}
	p.expect("BY")
	return p.parenIdents("a column")
}

// distribution reads what follows DISTRIBUTED or DISTRIBUTION, or nothing if the word is not there.
func (p *parser) distribution(word string) *ast.Distribution {
	start := p.tok.Start
	if !p.accept(word) {
		return nil
	}
	d := &ast.Distribution{}
	if p.accept("BY") {
		if p.accept("HASH") || p.accept("RANGE") {
			d.Kind = p.last.text
		}
		d.Columns = p.parenIdents("a column")
	}
	if d.Columns == nil || p.at("INTO") {
		p.expect("INTO")
		d.Buckets = p.integer("a number")
		p.expect("BUCKETS")
	}
	d.Span = p.from(start)
	return d
}

func (p *parser) tableLike() *ast.TableLike {
	start := p.tok.Start
	l := &ast.TableLike{Table: p.name("a table")}
	if p.accept("(") {
		for len(l.Options) == 0 || !p.at(")") {
			at := p.tok.Start
			o := &ast.TableLikeOption{Strategy: p.oneOf("INCLUDING", "EXCLUDING", "OVERWRITING")}
			o.Feature = p.oneOf("ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS")
			o.Span = p.from(at)
			l.Options = append(l.Options, o)
		}
		p.expect(")")
	}
	l.Span = p.from(start)
	return l
}

// schema reads columns, constraints and a watermark in parentheses, or returns nil if there are none. Where names is true, there may be
// names of columns only.
func (p *parser) schema(names bool) *ast.Schema {
	if !p.at("(") {
		return nil
	}
	start := p.tok.Start
	p.advance()
	s := &ast.Schema{}
	if next := p.peek(1); names && p.atName() && (next.is(",") || next.is(")")) {
		s.Names = p.idents("a column")
	} else {
		p.element(s, false)
		for p.accept(",") {
			p.element(s, false)
		}
	}
	p.expect(")")
	s.Span = p.from(start)
	return s
}

// element reads one column, constraint or watermark. In ALTER TABLE, columns may lead into rows and have a position.
func (p *parser) element(s *ast.Schema, alter bool) {
	switch {
	case p.at("WATERMARK"):
		w := p.watermark()
		if s.Watermark != nil {
			p.syntax(w.Span, "", "a table has one watermark at most")
		}
		s.Watermark = w
	case p.atAny("CONSTRAINT", "PRIMARY", "UNIQUE"):
		s.Constraints = append(s.Constraints, p.constraint(true))
	default:
		p.wanted("a column")
		s.Columns = append(s.Columns, p.column(alter))
	}
}

func (p *parser) watermark() *ast.Watermark {
	start := p.tok.Start
	p.expect("WATERMARK", "FOR")
	w := &ast.Watermark{Column: p.name("a column")}
	p.expect("AS")
	w.As = p.expr()
	w.Span = p.from(start)
	return w
}

// constraint reads a constraint, with its columns if it is one of the table.
func (p *parser) constraint(table bool) *ast.Constraint {
	start := p.tok.Start
	c := &ast.Constraint{}
	if p.accept("CONSTRAINT") {
		c.Name = p.ident("the name of a constraint")
	}
	if p.oneOf("PRIMARY", "UNIQUE") == "UNIQUE" {
		c.Unique = true
	} else {
		p.expect("KEY")
	}
	if table {
		c.Columns = p.parenIdents("a column")
	}
	switch {
	case p.accept("ENFORCED"):
		c.Enforcement = "ENFORCED"
	case p.accept("NOT", "ENFORCED"):
		c.Enforcement = "NOT ENFORCED"
	}
	c.Span = p.from(start)
	return c
}

func (p *parser) column(alter bool) *ast.Column {
	start := p.tok.Start
	c := &ast.Column{}
	if alter {
		c.Name = p.name("a column")
	} else {
		id := p.ident("a column")
		c.Name = &ast.Name{Span: id.Span, Parts: []*ast.Ident{id}}
	}
	if p.accept("AS") {
		c.As = p.expr()
	} else {
		p.wanted("a type")
		c.Type = p.dataType(true)
		switch {
		case p.accept("METADATA"):
			c.Metadata = true
			if p.accept("FROM") {
				c.MetadataKey = p.str("the key of a metadata column as a string")
			}
			c.Virtual = p.accept("VIRTUAL")
		case p.atAny("CONSTRAINT", "PRIMARY", "UNIQUE"):
			c.Constraint = p.constraint(false)
		}
	}
	c.Comment = p.comment()
	if alter {
		at := p.tok.Start
		if p.quiet("FIRST") {
			c.Position = &ast.ColumnPosition{Span: p.from(at)}
		} else if p.quiet("AFTER") {
			after := p.name("a column")
			c.Position = &ast.ColumnPosition{Span: p.from(at), After: after}
		}
	}
	c.Span = p.from(start)
	return c
}

func (p *parser) drop() ast.Statement {
	start := p.tok.Start
	p.expect("DROP")
	d := &ast.Drop{Temporary: p.accept("TEMPORARY")}
	d.System = d.Temporary && p.accept("SYSTEM")
	switch {
	case !d.System && p.accept("TABLE"):
		d.Kind = ast.KindTable
	case !d.System && p.accept("VIEW"):
		d.Kind = ast.KindView
	case !d.System && p.accept("MODEL"):
		d.Kind = ast.KindModel
	case p.accept("FUNCTION"):
		d.Kind = ast.KindFunction
	case p.accept("CONNECTION"):
		d.Kind = ast.KindConnection
	case !d.Temporary && p.accept("MATERIALIZED", "TABLE"):
		d.Kind = ast.KindMaterializedTable
	case !d.Temporary && p.accept("DATABASE"):
		d.Kind = ast.KindDatabase
	case !d.Temporary && p.accept("CATALOG"):
		d.Kind = ast.KindCatalog
	default:
		p.unexpected()
	}
	d.IfExists = p.ifExists()
	d.Name = p.name("a name")
	if d.Kind == ast.KindDatabase && (p.accept("RESTRICT") || p.accept("CASCADE")) {
		d.Behavior = p.last.text
	}
	d.Span = p.from(start)
	return d
}

func (p *parser) alter() ast.Statement {
	start := p.tok.Start
	p.expect("ALTER")
	a := &ast.Alter{Temporary: p.accept("TEMPORARY")}
	a.System = a.Temporary && p.accept("SYSTEM")
	if a.Temporary {
		p.expect("FUNCTION")
		a.Kind = ast.KindFunction
	} else {
		switch p.oneOf("TABLE", "MATERIALIZED", "VIEW", "DATABASE", "CATALOG", "FUNCTION", "MODEL", "CONNECTION") {
		case "TABLE":
			a.Kind = ast.KindTable
		case "MATERIALIZED":
			p.expect("TABLE")
			a.Kind = ast.KindMaterializedTable
		default:
			a.Kind = ast.ObjectKind(p.last.text)
		}
	}
	switch a.Kind {
	case ast.KindTable, ast.KindFunction, ast.KindModel, ast.KindConnection:
		a.IfExists = p.ifExists()
	}
	a.Name = p.name("a name")
	at := p.tok.Start
	a.Action = p.alterAction(a.Kind, at)
	a.Span = p.from(start)
	return a
}

// allows says which actions a kind of thing has.
var allows = map[ast.ObjectKind][]string{
	ast.KindTable:             {"RENAME", "SET", "RESET", "ADD", "MODIFY", "DROP"},
	ast.KindMaterializedTable: {"SUSPEND", "RESUME", "REFRESH", "AS", "RENAME", "SET", "RESET", "ADD", "MODIFY", "DROP"},
	ast.KindView:              {"RENAME", "AS"},
	ast.KindDatabase:          {"SET"},
	ast.KindCatalog:           {"SET", "RESET", "COMMENT"},
	ast.KindFunction:          {"AS"},
	ast.KindModel:             {"SET", "RESET", "RENAME"},
	ast.KindConnection:        {"SET", "RESET", "RENAME"},
}

func (p *parser) alterAction(kind ast.ObjectKind, start int) ast.AlterAction {
	table := kind == ast.KindTable || kind == ast.KindMaterializedTable
	switch p.oneOf(allows[kind]...) {
	case "RENAME":
		if p.accept("TO") {
			to := p.name("a name")
			return &ast.Rename{Span: p.from(start), To: to}
		}
		if kind != ast.KindTable {
			p.unexpected()
		}
		from := p.name("a column")
		p.expect("TO")
		to := p.name("a column")
		return &ast.RenameColumn{Span: p.from(start), From: from, To: to}
	case "SET":
		if kind == ast.KindMaterializedTable {
			if p.accept("FRESHNESS") {
				p.expect("=")
				f := p.freshness()
				return &ast.SetFreshness{Span: p.from(start), Freshness: f}
			}
			if p.accept("REFRESH_MODE") {
				p.expect("=")
				mode := p.oneOf("CONTINUOUS", "FULL")
				return &ast.SetRefreshMode{Span: p.from(start), Mode: mode}
			}
		}
		options := p.options()
		return &ast.SetOptions{Span: p.from(start), Options: options}
	case "RESET":
		p.expect("(")
		var keys []*ast.StringLit
		if !p.at(")") {
			keys = list(p, func() *ast.StringLit { return p.str("a key as a string") })
		}
		p.expect(")")
		return &ast.ResetOptions{Span: p.from(start), Keys: keys}
	case "COMMENT":
		text := p.str("a comment as a string")
		return &ast.SetComment{Span: p.from(start), Comment: text}
	case "AS":
		if kind == ast.KindFunction {
			f := &ast.AlterFunction{Class: p.str("the name of a class as a string")}
			f.Language = p.language()
			f.Span = p.from(start)
			return f
		}
		q := p.query()
		return &ast.AlterQuery{Span: p.from(start), Query: q}
	case "SUSPEND":
		return &ast.Suspend{Span: p.from(start)}
	case "RESUME":
		options := p.withOptions()
		return &ast.Resume{Span: p.from(start), Options: options}
	case "REFRESH":
		r := &ast.Refresh{}
		if p.at("PARTITION") {
			r.Partition = p.partition(false)
		}
		r.Span = p.from(start)
		return r
	case "ADD", "MODIFY":
		return p.addOrModify(start, p.last.text == "MODIFY", kind)
	}
	// DROP
	switch {
	case p.at("PRIMARY"):
		p.advance()
		p.expect("KEY")
		return &ast.DropPart{Span: p.from(start), Part: "PRIMARY KEY"}
	case p.accept("WATERMARK"), p.accept("DISTRIBUTION"):
		return &ast.DropPart{Span: p.from(start), Part: p.last.text}
	case p.accept("CONSTRAINT"):
		id := p.ident("the name of a constraint")
		return &ast.DropConstraint{Span: p.from(start), Name: id}
	case kind == ast.KindTable && (p.at("PARTITION") || p.follows("IF", "EXISTS")):
		d := &ast.DropPartitions{IfExists: p.ifExists()}
		d.Partitions = list(p, func() *ast.Partition { return p.partition(false) })
		d.Span = p.from(start)
		return d
	case table && p.accept("("):
		columns := list(p, func() *ast.Name { return p.name("a column") })
		p.expect(")")
		return &ast.DropColumns{Span: p.from(start), Columns: columns}
	}
	p.columnWord()
	column := p.name("a column")
	return &ast.DropColumns{Span: p.from(start), Columns: []*ast.Name{column}}
}

// columnWord fails at COLUMN, which other dialects have.
func (p *parser) columnWord() {
	if p.at("COLUMN") {
		p.syntax(p.tok.Span, "leave out the word COLUMN", "expected a column, found COLUMN")
	}
}

func (p *parser) addOrModify(start int, modify bool, kind ast.ObjectKind) ast.AlterAction {
	if p.at("DISTRIBUTION") {
		d := p.distribution("DISTRIBUTION")
		return &ast.SetDistribution{Span: p.from(start), Modify: modify, Distribution: d}
	}
	if !modify && kind == ast.KindTable && (p.at("PARTITION") || p.follows("IF", "NOT", "EXISTS")) {
		a := &ast.AddPartitions{IfNotExists: p.ifNotExists()}
		for len(a.Partitions) == 0 || p.at("PARTITION") {
			a.Partitions = append(a.Partitions, p.partition(true))
		}
		a.Span = p.from(start)
		return a
	}
	at := p.tok.Start
	s := &ast.Schema{}
	p.columnWord()
	if p.accept("(") {
		p.element(s, true)
		for p.accept(",") {
			p.element(s, true)
		}
		p.expect(")")
	} else {
		p.element(s, true)
	}
	s.Span = p.from(at)
	if modify {
		return &ast.ModifySchema{Span: p.from(start), Schema: s}
	}
	return &ast.AddSchema{Span: p.from(start), Schema: s}
}

// partition reads PARTITION (column = value, ..), with options if they may follow.
func (p *parser) partition(options bool) *ast.Partition {
	start := p.tok.Start
	p.expect("PARTITION", "(")
	part := &ast.Partition{Values: list(p, func() *ast.PartitionValue { return p.partitionValue(false) })}
	p.expect(")")
	if options {
		part.Options = p.withOptions()
	}
	part.Span = p.from(start)
	return part
}

func (p *parser) partitionValue(optional bool) *ast.PartitionValue {
	start := p.tok.Start
	v := &ast.PartitionValue{Column: p.ident("a column")}
	if !optional || p.at("=") {
		p.expect("=")
		v.Value = p.literal()
	}
	v.Span = p.from(start)
	return v
}

// literal reads a value without operators, but for a sign.
func (p *parser) literal() ast.Expr {
	switch {
	case p.tok.kind == tkString, p.tok.kind == tkNumber, p.tok.kind == tkBinary,
		p.atAny("NULL", "TRUE", "FALSE", "UNKNOWN", "DATE", "TIME", "TIMESTAMP", "INTERVAL", "-", "+"):
		return p.operators(bindSign)
	}
	p.wanted("a value")
	p.unexpected()
	return nil
}
