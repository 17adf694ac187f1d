package parse

import "github.com/weirstream/weir/internal/sql/ast"

// plainTypes are types of one keyword that take no parameters.
var plainTypes = map[string]ast.TypeKind{
	"BOOLEAN": ast.TypeBoolean, "STRING": ast.TypeString, "BYTES": ast.TypeBytes, "TINYINT": ast.TypeTinyint, "SMALLINT": ast.TypeSmallint,
	"INT": ast.TypeInt, "INTEGER": ast.TypeInt, "BIGINT": ast.TypeBigint, "FLOAT": ast.TypeFloat, "REAL": ast.TypeFloat, "DATE": ast.TypeDate,
	"NULL": ast.TypeNull, "VARIANT": ast.TypeVariant, "BITMAP": ast.TypeBitmap, "DESCRIPTOR": ast.TypeDescriptor,
}

// sizedTypes are types that take a length, or a precision and a scale.
var sizedTypes = map[string]ast.TypeKind{
	"CHAR": ast.TypeChar, "CHARACTER": ast.TypeChar, "VARCHAR": ast.TypeVarchar, "BINARY": ast.TypeBinary, "VARBINARY": ast.TypeVarbinary,
	"DECIMAL": ast.TypeDecimal, "DEC": ast.TypeDecimal, "NUMERIC": ast.TypeDecimal,
}

// dataType reads a type. NULL and NOT NULL may follow if nullable is true.
func (p *parser) dataType(nullable bool) *ast.DataType {
	height := p.enter()
	start := p.tok.Start
	t := p.typeName()
	for {
		// INT NOT NULL ARRAY: what is said of nulls belongs to the element.
		null, words := ast.NullDefault, 0
		if nullable {
			null, words = p.peekNull()
		}
		next := p.peek(words)
		if !next.is("ARRAY") && !next.is("MULTISET") {
			break
		}
		t.Span = p.from(start)
		for range words {
			p.advance()
		}
		t.Null = null
		p.advance()
		t = &ast.DataType{Kind: ast.TypeKind(next.text), Elem: t}
		p.grow()
	}
	if nullable {
		null, words := p.peekNull()
		for range words {
			p.advance()
		}
		t.Null = null
	}
	t.Span = p.from(start)
	p.leave(height)
	return t
}

// peekNull looks for NULL or NOT NULL, and says how many words that is.
func (p *parser) peekNull() (ast.Nullability, int) {
	switch {
	case p.at("NULL"):
		return ast.Nullable, 1
	case p.follows("NOT", "NULL"):
		return ast.NotNull, 2
	default:
		return ast.NullDefault, 0
	}
}

func (p *parser) typeName() *ast.DataType {
	t := p.tok
	d := &ast.DataType{Span: t.Span}
	if k, ok := plainTypes[t.text]; ok && t.kind == tkWord {
		p.advance()
		d.Kind = k
		return d
	}
	if k, ok := sizedTypes[t.text]; ok && t.kind == tkWord {
		p.advance()
		d.Kind = k
		if p.at("VARYING") && t.text != "VARCHAR" && t.text != "VARBINARY" && k != ast.TypeDecimal {
			p.advance()
			d.Kind = ast.TypeVarchar
			if k == ast.TypeBinary {
				d.Kind = ast.TypeVarbinary
			}
		}
		most := 1
		if k == ast.TypeDecimal {
			most = 2
		}
		d.Params = p.typeParams(most)
		return d
	}
	switch {
	case t.is("DOUBLE"):
		p.advance()
		p.quiet("PRECISION")
		d.Kind = ast.TypeDouble
	case t.is("TIME"):
		p.advance()
		d.Kind = ast.TypeTime
		d.Params = p.typeParams(1)
		p.quiet("WITHOUT", "TIME", "ZONE")
	case t.is("TIMESTAMP"):
		p.advance()
		d.Kind = ast.TypeTimestamp
		d.Params = p.typeParams(1)
		switch {
		case p.quiet("WITH", "LOCAL", "TIME", "ZONE"):
			d.Kind = ast.TypeTimestampLTZ
		case p.quiet("WITH", "TIME", "ZONE"):
			d.Kind = ast.TypeTimestampTZ
		default:
			p.quiet("WITHOUT", "TIME", "ZONE")
		}
	case t.is("TIMESTAMP_LTZ"):
		p.advance()
		d.Kind = ast.TypeTimestampLTZ
		d.Params = p.typeParams(1)
	case t.is("INTERVAL"):
		p.advance()
		d.Kind = ast.TypeInterval
		d.Interval = p.qualifier()
	case t.is("ARRAY"), t.is("MULTISET"):
		p.advance()
		d.Kind = ast.TypeKind(t.text)
		p.expect("<")
		d.Elem = p.dataType(true)
		p.closeAngle()
	case t.is("MAP") && p.peek(1).is("<"):
		p.advance()
		d.Kind = ast.TypeMap
		p.expect("<")
		d.Key = p.dataType(true)
		p.expect(",")
		d.Elem = p.dataType(true)
		p.closeAngle()
	case t.is("ROW"):
		p.advance()
		d.Kind = ast.TypeRow
		switch {
		case p.quiet("<>"):
		case p.accept("<"):
			if !p.at(">") {
				d.Fields = list(p, p.typeField)
			}
			p.closeAngle()
		case p.accept("("):
			if !p.at(")") {
				d.Fields = list(p, p.typeField)
			}
			p.expect(")")
		default:
			p.unexpected()
		}
	case t.is("STRUCTURED"):
		p.advance()
		d.Kind = ast.TypeStructured
		p.expect("<")
		d.Class = p.str("the name of a class as a string")
		for p.accept(",") {
			d.Fields = append(d.Fields, p.typeField())
		}
		p.closeAngle()
	case t.is("RAW"):
		p.advance()
		d.Kind = ast.TypeRaw
		p.expect("(")
		d.Class = p.str("the name of a class as a string")
		p.expect(",")
		d.Serializer = p.str("a serializer as a string")
		p.expect(")")
	default:
		d.Kind = ast.TypeNamed
		d.Name = p.name("a type")
	}
	d.Span = p.from(t.Start)
	return d
}

// closeAngle reads the ">" of a type.
func (p *parser) closeAngle() {
	if p.tok.is(">=") {
		// No type is followed by an equals sign without a space.
		p.wanted(">")
		p.unexpected()
	}
	p.expect(">")
}

func (p *parser) typeField() *ast.TypeField {
	start := p.tok.Start
	f := &ast.TypeField{Name: p.ident("the name of a field"), Type: p.dataType(true)}
	if p.tok.kind == tkString {
		f.Comment = p.str("")
	}
	f.Span = p.from(start)
	return f
}

// typeParams reads up to most numbers in parentheses.
func (p *parser) typeParams(most int) []*ast.NumberLit {
	if !p.quiet("(") {
		return nil
	}
	params := []*ast.NumberLit{p.integer("a number")}
	if most > 1 && p.accept(",") {
		params = append(params, p.integer("a number"))
	}
	p.expect(")")
	return params
}

// units are the names of units of time that intervals take.
var units = map[string]ast.TimeUnit{
	"YEAR": ast.UnitYear, "QUARTER": ast.UnitQuarter, "MONTH": ast.UnitMonth, "WEEK": ast.UnitWeek, "DAY": ast.UnitDay, "HOUR": ast.UnitHour,
	"MINUTE": ast.UnitMinute, "SECOND": ast.UnitSecond, "YEARS": ast.UnitYear, "QUARTERS": ast.UnitQuarter, "MONTHS": ast.UnitMonth,
	"WEEKS": ast.UnitWeek, "DAYS": ast.UnitDay, "HOURS": ast.UnitHour, "MINUTES": ast.UnitMinute, "SECONDS": ast.UnitSecond,
}

// ranges are the units that may follow a unit and TO, smaller ones later.
var ranges = map[ast.TimeUnit][]ast.TimeUnit{
	ast.UnitYear:   {ast.UnitMonth},
	ast.UnitDay:    {ast.UnitHour, ast.UnitMinute, ast.UnitSecond},
	ast.UnitHour:   {ast.UnitMinute, ast.UnitSecond},
	ast.UnitMinute: {ast.UnitSecond},
}

func (p *parser) unit() ast.TimeUnit {
	u, ok := units[p.tok.text]
	if !ok || p.tok.kind != tkWord {
		p.wanted("a unit of time")
		if p.tok.kind == tkWord {
			if w := closest(p.src.Slice(p.tok.Span), []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}); w != "" {
				p.syntax(p.tok.Span, "did you mean "+w+"?", "expected a unit of time, found %s", p.describe(p.tok))
			}
		}
		p.unexpected()
	}
	p.advance()
	return u
}

// qualifier reads what an interval counts.
func (p *parser) qualifier() *ast.IntervalQualifier {
	start := p.tok.Start
	q := &ast.IntervalQualifier{From: p.unit()}
	if p.quiet("(") {
		q.Precision = p.integer("a number")
		if q.From == ast.UnitSecond && p.accept(",") {
			q.Fraction = p.integer("a number")
		}
		p.expect(")")
	}
	if next := p.peek(1); p.at("TO") && next.kind == tkWord {
		for _, u := range ranges[q.From] {
			if units[next.text] != u {
				continue
			}
			p.advance()
			p.advance()
			q.To = u
			if u == ast.UnitSecond && p.quiet("(") {
				q.Fraction = p.integer("a number")
				p.expect(")")
			}
			break
		}
	}
	q.Span = p.from(start)
	return q
}
