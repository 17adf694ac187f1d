package ast

import (
	"strconv"
	"strings"
)

// Format prints a node as SQL on one line. Parsing the result gives the same tree again, but for spans: identifiers and literals are
// printed as they were written, and parentheses only where the tree needs them.
func Format(n Node) string {
	var f formatter
	f.node(n)
	return f.b.String()
}

// formatter collects text. Words are separated by single spaces: word puts one in front where the text before does not end in one or in an
// opening mark.
type formatter struct {
	b strings.Builder
	// tight tells that no space is wanted in front of the next word.
	tight bool
}

// word adds words, with spaces between them.
func (f *formatter) word(words ...string) {
	for _, w := range words {
		if w == "" {
			continue
		}
		if f.b.Len() > 0 && !f.tight {
			f.b.WriteByte(' ')
		}
		f.b.WriteString(w)
		f.tight = false
	}
}

// mark adds a mark right behind what is there; open tells that the next word follows without a space.
func (f *formatter) mark(m string, open bool) {
	f.b.WriteString(m)
	f.tight = open
}

// open adds an opening parenthesis: as a word of its own, or right behind a name.
func (f *formatter) open(call bool) {
	if call {
		f.mark("(", true)
		return
	}
	f.word("(")
	f.tight = true
}

func (f *formatter) close() { f.mark(")", false) }

func (f *formatter) when(cond bool, words ...string) {
	if cond {
		f.word(words...)
	}
}

// commas prints items with commas between them.
func commas[T any](f *formatter, items []T, item func(T)) {
	for i, it := range items {
		if i > 0 {
			f.mark(",", false)
		}
		item(it)
	}
}

func nodes[T Node](f *formatter, items []T) {
	commas(f, items, func(n T) { f.node(n) })
}

// parens prints items in parentheses of their own.
func parens[T Node](f *formatter, items []T) {
	f.open(false)
	nodes(f, items)
	f.close()
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (f *formatter) ident(i *Ident) {
	if i.Quoted {
		f.word("`" + strings.ReplaceAll(i.Name, "`", "``") + "`")
		return
	}
	f.word(i.Name)
}

func (f *formatter) name(n *Name) {
	for i, p := range n.Parts {
		if i > 0 {
			f.mark(".", true)
		}
		f.ident(p)
	}
}

// str prints an optional string behind a word.
func (f *formatter) str(word string, s *StringLit) {
	if s != nil {
		f.word(word, s.Text)
	}
}

// How strong expressions bind: see package parse. What needs no parentheses anywhere has the last.
const (
	strongNot     = 26
	strongIs      = 28
	strongCompare = 30
	strongLike    = 32
	strongSign    = 80
	strongest     = 100
)

func strength(x Expr) int {
	switch x := x.(type) {
	case *Binary:
		return x.Op.strength()
	case *Quantified:
		return strongCompare
	case *Unary:
		if x.Op == OpNot {
			return strongNot
		}
		return strongSign
	case *Is:
		return strongIs
	case *Between, *In, *Like:
		return strongLike
	case *PatternNav:
		return strongSign
	}
	return strongest
}

func (op BinaryOp) strength() int {
	switch op {
	case OpMultisetUnion, OpMultisetUnionD, OpMultisetExcept, OpMultisetExceptD:
		return 14
	case OpMultisetInter, OpMultisetInterD:
		return 18
	case OpOr:
		return 22
	case OpAnd:
		return 24
	case OpAdd, OpSub:
		return 40
	case OpMul, OpDiv, OpMod, OpConcat:
		return 60
	}
	return strongCompare
}

// operand prints an operand that must bind at least as strong as least.
func (f *formatter) operand(x Expr, least int) {
	if strength(x) >= least {
		f.node(x)
		return
	}
	f.open(false)
	f.node(x)
	f.close()
}

// based prints what "[" or "." follows.
func (f *formatter) based(x Expr, field bool) {
	switch x.(type) {
	case *Call, *Index, *Field, *Cast, *Subquery:
		f.node(x)
		return
	case *Name:
		if !field {
			f.node(x)
			return
		}
	}
	f.open(false)
	f.node(x)
	f.close()
}

func (f *formatter) optional(word string, x Expr) {
	if x != nil {
		f.word(word)
		f.node(x)
	}
}

func (f *formatter) orderBy(items []*OrderItem) {
	if len(items) > 0 {
		f.word("ORDER", "BY")
		nodes(f, items)
	}
}

func (f *formatter) partitionBy(items []Expr) {
	if len(items) > 0 {
		f.word("PARTITION", "BY")
		nodes(f, items)
	}
}

func (f *formatter) choices(list []Expr, q *Query) {
	f.open(false)
	if q != nil {
		f.node(q)
	} else {
		nodes(f, list)
	}
	f.close()
}

func (f *formatter) hints(hints []*Hint) {
	if len(hints) == 0 {
		return
	}
	f.word("/*+")
	nodes(f, hints)
	f.word("*/")
}

func (f *formatter) columns(ids []*Ident) {
	if ids != nil {
		parens(f, ids)
	}
}

func (f *formatter) withinGroup(items []*OrderItem) {
	if len(items) > 0 {
		f.word("WITHIN", "GROUP")
		f.open(false)
		f.orderBy(items)
		f.close()
	}
}

func (f *formatter) node(n Node) {
	switch n := n.(type) {
	case Expr:
		f.expr(n)
	case *Ident:
		f.ident(n)
	case *DataType:
		f.dataType(n)
	case *TypeField:
		f.ident(n.Name)
		f.dataType(n.Type)
		f.str("", n.Comment)
	case *IntervalQualifier:
		f.qualifier(n)
	case Statement:
		f.statement(n)
	case QueryBody:
		f.body(n)
	case TableExpr:
		f.table(n)
	case GroupItem:
		f.groupItem(n)
	case AlterAction:
		f.action(n)
	default:
		f.part(n)
	}
}

func (f *formatter) expr(x Expr) {
	switch x := x.(type) {
	case *Name:
		f.name(x)
	case *Star:
		if x.Qualifier == nil {
			f.word("*")
			return
		}
		f.name(x.Qualifier)
		f.mark(".*", false)
	case *NullLit:
		f.word("NULL")
	case *BoolLit:
		f.word(string(x.Value))
	case *NumberLit:
		f.word(x.Text)
	case *StringLit:
		f.word(x.Text)
	case *BinaryLit:
		f.word(x.Text)
	case *DateTimeLit:
		f.word(string(x.Kind), x.Value.Text)
	case *IntervalLit:
		f.word("INTERVAL")
		f.when(x.Negative, "-")
		switch v := x.Value.(type) {
		case *StringLit, *NumberLit, *Name:
			f.node(v)
		default:
			f.open(false)
			f.node(v)
			f.close()
		}
		f.qualifier(x.Qualifier)
	case *Unary:
		f.word(string(x.Op))
		least := strongNot
		if x.Op != OpNot {
			least = strongSign
		}
		f.operand(x.X, least)
	case *Binary:
		s := x.Op.strength()
		f.operand(x.L, s)
		f.word(string(x.Op))
		f.operand(x.R, s+1)
	case *Is:
		f.operand(x.X, strongIs)
		f.word("IS")
		f.when(x.Not, "NOT")
		f.word(string(x.Test))
	case *Between:
		f.operand(x.X, strongLike+1)
		f.when(x.Not, "NOT")
		f.word("BETWEEN")
		f.when(x.Symmetric, "SYMMETRIC")
		f.operand(x.Low, strongLike+1)
		f.word("AND")
		f.operand(x.High, strongLike+1)
	case *Like:
		f.operand(x.X, strongLike+1)
		f.when(x.Not, "NOT")
		f.word(string(x.Op))
		f.operand(x.Pattern, strongLike+1)
		if x.Escape != nil {
			f.word("ESCAPE")
			f.operand(x.Escape, strongLike+1)
		}
	case *In:
		f.operand(x.X, strongLike+1)
		f.when(x.Not, "NOT")
		f.word("IN")
		f.choices(x.List, x.Query)
	case *Quantified:
		f.operand(x.X, strongCompare)
		f.word(string(x.Op), string(x.Quantifier))
		f.choices(x.List, x.Query)
	case *Exists:
		if x.Unique {
			f.word("UNIQUE")
		} else {
			f.word("EXISTS")
		}
		f.choices(nil, x.Query)
	case *Subquery:
		f.choices(nil, x.Query)
	case *Case:
		f.word("CASE")
		if x.Operand != nil {
			f.node(x.Operand)
		}
		for _, w := range x.Whens {
			f.word("WHEN")
			nodes(f, append([]Expr{w.Cond}, w.Or...))
			f.word("THEN")
			f.node(w.Result)
		}
		f.optional("ELSE", x.Else)
		f.word("END")
	case *Cast:
		if x.Try {
			f.word("TRY_CAST")
		} else {
			f.word("CAST")
		}
		f.open(true)
		f.node(x.X)
		f.word("AS")
		f.dataType(x.Type)
		f.close()
	case *Row:
		f.when(x.Explicit, "ROW")
		f.open(x.Explicit)
		nodes(f, x.Elems)
		f.close()
	case *Collection:
		f.word(string(x.Kind))
		if x.Query != nil {
			f.open(true)
			f.node(x.Query)
			f.close()
			return
		}
		f.mark("[", true)
		nodes(f, x.Elems)
		f.mark("]", false)
	case *Field:
		f.based(x.X, true)
		f.mark(".", true)
		f.ident(x.Name)
	case *Index:
		f.based(x.X, false)
		f.mark("[", true)
		f.node(x.Index)
		f.mark("]", false)
	case *Symbol:
		f.word(x.Text)
	case *NamedArg:
		f.ident(x.Name)
		f.word("=>")
		f.node(x.Value)
	case *DefaultArg:
		f.word("DEFAULT")
	case *Descriptor:
		f.word("DESCRIPTOR")
		f.open(true)
		nodes(f, x.Columns)
		f.close()
	case *TableArg:
		if x.Query != nil {
			f.choices(nil, x.Query)
		} else {
			f.word("TABLE")
			f.name(x.Table)
		}
		if len(x.PartitionBy) > 0 {
			f.word("PARTITION", "BY")
			parens(f, x.PartitionBy)
		}
		if len(x.OrderBy) > 0 {
			f.word("ORDER", "BY")
			parens(f, x.OrderBy)
		}
	case *ModelArg:
		f.word("MODEL")
		f.name(x.Model)
	case *Call:
		f.call(x)
	case *JSONPathCall:
		f.word(x.Func)
		f.open(true)
		f.node(x.X)
		f.mark(",", false)
		f.node(x.Path)
		if x.Returning != nil {
			f.word("RETURNING")
			f.dataType(x.Returning)
		}
		if x.Wrapper != "" {
			f.word(x.Wrapper, "ARRAY", "WRAPPER")
		}
		if x.OnEmpty != nil {
			f.node(x.OnEmpty)
			f.word("ON", "EMPTY")
		}
		if x.OnError != nil {
			f.node(x.OnError)
			f.word("ON", "ERROR")
		}
		f.close()
	case *JSONConstructor:
		f.word(x.Func)
		f.open(true)
		commas(f, x.Pairs, func(p *JSONPair) {
			f.word("KEY")
			f.node(p.Key)
			f.word("VALUE")
			f.node(p.Value)
		})
		nodes(f, x.Elems)
		f.orderBy(x.OrderBy)
		f.word(string(x.Nulls))
		f.close()
		f.withinGroup(x.WithinGroup)
	case *JSONFormat:
		f.node(x.X)
		f.word("FORMAT", "JSON")
	case *PatternNav:
		if x.Final {
			f.word("FINAL")
		} else {
			f.word("RUNNING")
		}
		f.operand(x.X, strongest)
	}
}

func (f *formatter) call(c *Call) {
	f.name(c.Name)
	if !c.NoParens {
		f.open(true)
		f.word(string(c.Quantifier))
		f.args(c)
		f.orderBy(c.OrderBy)
		f.close()
	}
	f.word(string(c.Nulls))
	f.withinGroup(c.WithinGroup)
	if c.Filter != nil {
		f.word("FILTER")
		f.open(false)
		f.optional("WHERE", c.Filter)
		f.close()
	}
	if c.Over != nil {
		f.word("OVER")
		f.node(c.Over)
	}
}

// args prints the arguments of a call, those of functions with a syntax of their own in that syntax.
func (f *formatter) args(c *Call) {
	separators := []string(nil)
	if id := c.Name.Parts[0]; len(c.Name.Parts) == 1 && !id.Quoted {
		symbol := false
		if len(c.Args) > 0 {
			_, symbol = c.Args[0].(*Symbol)
		}
		switch strings.ToUpper(id.Name) {
		case "EXTRACT":
			separators = []string{"FROM"}
		case "POSITION":
			f.operand(c.Args[0], strongLike+1)
			f.word("IN")
			f.node(c.Args[1])
			if len(c.Args) > 2 {
				f.optional("FROM", c.Args[2])
			}
			return
		case "TRIM":
			switch {
			case symbol && len(c.Args) == 3:
				separators = []string{"", "FROM"}
			default:
				separators = []string{"FROM"}
			}
		case "OVERLAY":
			separators = []string{"PLACING", "FROM", "FOR"}
		case "CEIL", "CEILING", "FLOOR":
			if len(c.Args) == 2 {
				if _, unit := c.Args[1].(*Symbol); unit {
					separators = []string{"TO"}
				}
			}
		}
	}
	for i, a := range c.Args {
		if i > 0 {
			if i-1 < len(separators) {
				f.word(separators[i-1])
			} else {
				f.mark(",", false)
			}
		}
		f.node(a)
	}
}

func (f *formatter) dataType(d *DataType) {
	params := func() {
		if d.Params != nil {
			f.open(true)
			nodes(f, d.Params)
			f.close()
		}
	}
	switch d.Kind {
	case TypeTimestampTZ, TypeTimestampLTZ:
		f.word("TIMESTAMP")
		params()
		f.word(strings.TrimPrefix(string(d.Kind), "TIMESTAMP "))
	case TypeInterval:
		f.word("INTERVAL")
		f.qualifier(d.Interval)
	case TypeArray, TypeMultiset:
		f.word(string(d.Kind))
		f.mark("<", true)
		f.dataType(d.Elem)
		f.mark(">", false)
	case TypeMap:
		f.word("MAP")
		f.mark("<", true)
		f.dataType(d.Key)
		f.mark(",", false)
		f.dataType(d.Elem)
		f.mark(">", false)
	case TypeRow, TypeStructured:
		f.word(string(d.Kind))
		f.mark("<", true)
		if d.Class != nil {
			f.word(d.Class.Text)
			if len(d.Fields) > 0 {
				f.mark(",", false)
			}
		}
		nodes(f, d.Fields)
		f.mark(">", false)
	case TypeRaw:
		f.word("RAW")
		f.open(true)
		f.word(d.Class.Text)
		f.mark(",", false)
		f.word(d.Serializer.Text)
		f.close()
	case TypeNamed:
		f.name(d.Name)
	default:
		f.word(string(d.Kind))
		params()
	}
	switch d.Null {
	case Nullable:
		f.word("NULL")
	case NotNull:
		f.word("NOT", "NULL")
	}
}

func (f *formatter) qualifier(q *IntervalQualifier) {
	f.word(string(q.From))
	switch {
	case q.Precision != nil && q.Fraction != nil && q.To == "":
		f.mark("("+q.Precision.Text+", "+q.Fraction.Text+")", false)
	case q.Precision != nil:
		f.mark("("+q.Precision.Text+")", false)
	}
	if q.To != "" {
		f.word("TO", string(q.To))
		if q.Fraction != nil {
			f.mark("("+q.Fraction.Text+")", false)
		}
	}
}

func (f *formatter) body(b QueryBody) {
	switch b := b.(type) {
	case *Query:
		f.open(false)
		f.query(b)
		f.close()
	case *Select:
		f.selectBody(b)
	case *SetOp:
		f.side(b.L, b.Op, false)
		f.word(string(b.Op))
		f.when(b.All, "ALL")
		f.side(b.R, b.Op, true)
	case *Values:
		f.word("VALUES")
		nodes(f, b.Rows)
	case *TableQuery:
		f.word("TABLE")
		f.name(b.Table)
	}
}

// side prints one side of a set operation.
func (f *formatter) side(b QueryBody, op SetOpKind, right bool) {
	if s, ok := b.(*SetOp); ok {
		strong := s.Op == Intersect && op != Intersect
		same := (s.Op == Intersect) == (op == Intersect)
		if !strong && (right || !same) {
			f.open(false)
			f.body(b)
			f.close()
			return
		}
	}
	f.body(b)
}

func (f *formatter) query(q *Query) {
	if len(q.With) > 0 {
		f.word("WITH")
		commas(f, q.With, func(c *CTE) {
			f.ident(c.Name)
			f.columns(c.Columns)
			f.word("AS")
			f.choices(nil, c.Query)
		})
	}
	f.body(q.Body)
	f.orderBy(q.OrderBy)
	f.optional("LIMIT", q.Limit)
	f.optional("OFFSET", q.Offset)
}

func (f *formatter) selectBody(s *Select) {
	f.word("SELECT")
	f.hints(s.Hints)
	f.when(s.Stream, "STREAM")
	f.word(string(s.Quantifier))
	nodes(f, s.Items)
	if s.From != nil {
		f.word("FROM")
		f.table(s.From)
	}
	f.optional("WHERE", s.Where)
	if s.GroupBy != nil {
		f.word("GROUP", "BY", string(s.GroupBy.Quantifier))
		nodes(f, s.GroupBy.Items)
	}
	f.optional("HAVING", s.Having)
	if len(s.Windows) > 0 {
		f.word("WINDOW")
		commas(f, s.Windows, func(w *NamedWindow) {
			f.ident(w.Name)
			f.word("AS")
			f.node(w.Window)
		})
	}
	f.optional("QUALIFY", s.Qualify)
}

func (f *formatter) groupItem(g GroupItem) {
	switch g := g.(type) {
	case *GroupExpr:
		if g.Parens {
			parens(f, g.Exprs)
		} else {
			nodes(f, g.Exprs)
		}
	case *GroupingSets:
		f.word(string(g.Kind))
		parens(f, g.Items)
	}
}

func (f *formatter) table(t TableExpr) {
	switch t := t.(type) {
	case *TableRef:
		f.name(t.Name)
		f.hints(t.Hints)
	case *SystemTime:
		f.inner(t.Table)
		f.word("FOR", "SYSTEM_TIME", "AS", "OF")
		f.node(t.At)
	case *Aliased:
		f.inner(t.Table)
		f.word("AS")
		f.ident(t.Alias)
		f.columns(t.Columns)
	case *Derived:
		f.when(t.Lateral, "LATERAL")
		f.choices(nil, t.Query)
	case *TableFunc:
		f.when(t.Lateral, "LATERAL")
		if t.Bare {
			f.call(t.Call)
			return
		}
		f.word("TABLE")
		f.open(true)
		f.call(t.Call)
		f.close()
	case *Unnest:
		f.when(t.Lateral, "LATERAL")
		f.word("UNNEST")
		f.open(true)
		nodes(f, t.Exprs)
		f.close()
		f.when(t.Ordinality, "WITH", "ORDINALITY")
	case *Sample:
		f.inner(t.Table)
		f.word("TABLESAMPLE", t.Method)
		f.open(true)
		if t.Substitute != nil {
			f.word(t.Substitute.Text)
		} else {
			f.node(t.Percent)
		}
		f.close()
		if t.Repeatable != nil {
			f.word("REPEATABLE")
			f.open(true)
			f.node(t.Repeatable)
			f.close()
		}
	case *Join:
		if t.Kind == JoinComma {
			f.table(t.L)
			f.mark(",", false)
		} else {
			// Left of a join that is no comma, a comma needs parentheses.
			if l, ok := t.L.(*Join); ok && l.Kind == JoinComma {
				f.inner(t.L)
			} else {
				f.table(t.L)
			}
			f.when(t.Natural, "NATURAL")
			f.word(string(t.Kind), "JOIN")
		}
		if r, ok := t.R.(*Join); ok && (t.Kind != JoinComma || r.Kind == JoinComma) {
			f.inner(t.R)
		} else {
			f.table(t.R)
		}
		f.optional("ON", t.On)
		if t.Using != nil {
			f.word("USING")
			f.columns(t.Using)
		}
	case *Pivot:
		f.inner(t.Table)
		f.word("PIVOT")
		f.open(false)
		nodes(f, t.Aggregates)
		f.word("FOR")
		f.columns(t.Columns)
		f.word("IN")
		parens(f, t.Values)
		f.close()
	case *Unpivot:
		f.inner(t.Table)
		f.word("UNPIVOT")
		if t.Nulls != "" {
			f.word(t.Nulls, "NULLS")
		}
		f.open(false)
		f.columns(t.Measures)
		f.word("FOR")
		f.columns(t.Names)
		f.word("IN")
		f.open(false)
		commas(f, t.In, func(in *UnpivotIn) {
			f.columns(in.Columns)
			if in.Values != nil {
				f.word("AS")
				parens(f, in.Values)
			}
		})
		f.close()
		f.close()
	case *MatchRecognize:
		f.match(t)
	}
}

// inner prints a table that something follows: a join needs parentheses there.
func (f *formatter) inner(t TableExpr) {
	if _, ok := t.(*Join); ok {
		f.open(false)
		f.table(t)
		f.close()
		return
	}
	f.table(t)
}

func (f *formatter) match(m *MatchRecognize) {
	f.inner(m.Table)
	f.word("MATCH_RECOGNIZE")
	f.open(false)
	f.partitionBy(m.PartitionBy)
	f.orderBy(m.OrderBy)
	if len(m.Measures) > 0 {
		f.word("MEASURES")
		nodes(f, m.Measures)
	}
	f.word(m.Rows)
	if m.Skip != nil {
		f.word("AFTER", "MATCH", "SKIP", string(m.Skip.Kind))
		if m.Skip.Variable != nil {
			f.ident(m.Skip.Variable)
		}
	}
	f.word("PATTERN")
	f.open(false)
	f.when(m.AnchorStart, "^")
	f.pattern(m.Pattern, false)
	f.when(m.AnchorEnd, "$")
	f.close()
	f.optional("WITHIN", m.Within)
	if len(m.Subsets) > 0 {
		f.word("SUBSET")
		commas(f, m.Subsets, func(s *MatchSubset) {
			f.ident(s.Variable)
			f.word("=")
			f.columns(s.Of)
		})
	}
	f.word("DEFINE")
	commas(f, m.Define, func(d *MatchDefine) {
		f.ident(d.Variable)
		f.word("AS")
		f.node(d.Cond)
	})
	f.close()
}

// pattern prints a node of a pattern; inside tells that it is part of another one.
func (f *formatter) pattern(p *Pattern, inside bool) {
	grouped := inside && (p.Op == PatternSeq || p.Op == PatternAlt)
	if grouped {
		f.open(false)
		defer f.close()
	}
	switch p.Op {
	case PatternVar:
		f.ident(p.Variable)
	case PatternSeq:
		for _, part := range p.Parts {
			f.pattern(part, true)
		}
	case PatternAlt:
		for i, part := range p.Parts {
			f.when(i > 0, "|")
			f.pattern(part, true)
		}
	case PatternExclude:
		f.word("{", "-")
		f.pattern(p.Parts[0], false)
		f.word("-", "}")
	case PatternPermute:
		f.word("PERMUTE")
		f.open(true)
		commas(f, p.Parts, func(part *Pattern) { f.pattern(part, false) })
		f.close()
	case PatternRepeat:
		if part := p.Parts[0]; part.Op == PatternRepeat {
			f.open(false)
			f.pattern(part, false)
			f.close()
		} else {
			f.pattern(part, true)
		}
		switch {
		case p.Min == 0 && p.Max == -1:
			f.mark("*", false)
		case p.Min == 1 && p.Max == -1:
			f.mark("+", false)
		case p.Min == 0 && p.Max == 1:
			f.mark("?", false)
		case p.Min == p.Max:
			f.mark("{"+strconv.Itoa(p.Min)+"}", false)
		case p.Max == -1:
			f.mark("{"+strconv.Itoa(p.Min)+",}", false)
		default:
			f.mark("{"+strconv.Itoa(p.Min)+","+strconv.Itoa(p.Max)+"}", false)
		}
		if p.Reluctant {
			f.mark("?", false)
		}
	}
}

// part prints what belongs to no family.
func (f *formatter) part(n Node) {
	switch n := n.(type) {
	case *SelectItem:
		f.node(n.Expr)
		if n.Alias != nil {
			f.word("AS")
			f.ident(n.Alias)
		}
	case *OrderItem:
		f.node(n.Expr)
		f.word(n.Direction)
		if n.Nulls != "" {
			f.word("NULLS", n.Nulls)
		}
	case *Hint:
		f.ident(n.Name)
		if n.Args != nil {
			f.open(true)
			commas(f, n.Args, func(a *HintArg) {
				if a.Key != nil {
					f.node(a.Key)
					f.word("=")
				}
				f.node(a.Value)
			})
			f.close()
		}
	case *WindowSpec:
		if n.Bare {
			f.ident(n.Ref)
			return
		}
		f.open(false)
		if n.Ref != nil {
			f.ident(n.Ref)
		}
		f.partitionBy(n.PartitionBy)
		f.orderBy(n.OrderBy)
		if n.Frame != nil {
			f.word(string(n.Frame.Unit))
			if n.Frame.End != nil {
				f.word("BETWEEN")
				f.node(n.Frame.Start)
				f.word("AND")
				f.node(n.Frame.End)
			} else {
				f.node(n.Frame.Start)
			}
		}
		f.word(n.Partial)
		f.close()
	case *FrameBound:
		if n.Offset != nil {
			f.operand(n.Offset, 25)
		}
		f.word(string(n.Kind))
	case *JSONOn:
		f.word(string(n.Kind))
		if n.Default != nil {
			f.node(n.Default)
		}
	case *Option:
		f.word(n.Key.Text, "=", n.Value.Text)
	case *Schema:
		f.schema(n)
	case *Column:
		f.column(n)
	case *Constraint:
		f.constraint(n)
	case *Watermark:
		f.word("WATERMARK", "FOR")
		f.name(n.Column)
		f.word("AS")
		f.node(n.As)
	case *Partition:
		f.word("PARTITION")
		f.open(false)
		commas(f, n.Values, func(v *PartitionValue) {
			f.ident(v.Column)
			f.optional("=", v.Value)
		})
		f.close()
		f.with(n.Options)
	}
}
