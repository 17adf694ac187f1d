package sqlstorm

import (
	"fmt"
	"slices"
	"strings"
)

// generate draws a query. key are columns of which no two rows have the same values, nil if none are known.
func generate(c *choices) (sql string, key []int) {
	g := &generator{choices: c, fuel: 3}
	q := g.query()
	if len(g.with) > 0 {
		q.sql = "WITH " + strings.Join(g.with, ", ") + " " + q.sql
	}
	return q.sql, q.key
}

// kind is what is known of a column's type: which expressions may use it.
type kind byte

const (
	number  kind = 'i' // INT or BIGINT
	decimal kind = 'n'
	double  kind = 'd'
	text    kind = 's'
	boolean kind = 'b'
	moment  kind = 't' // a TIMESTAMP(3)
)

// col is a column that a query has.
type col struct {
	name string // as it is written: x, or q1.x
	kind kind
	// rowtime tells that it is a time attribute.
	rowtime bool
	// id tells that it has no value twice, in the relation as it comes from a table.
	id bool
}

// bare is the name without that of its relation.
func (c col) bare() string {
	_, name, ok := strings.Cut(c.name, ".")
	if !ok {
		return c.name
	}
	return name
}

// source is something to select from.
type source struct {
	sql  string
	cols []col
	// updates tells that rows may be taken back.
	updates bool
	// key are columns of which no two rows have the same values, nil if none are known.
	key []int
}

// ref is the name of its column that is a time attribute, "" if there is none.
func (s source) time() string {
	for _, c := range s.cols {
		if c.rowtime {
			return c.name
		}
	}
	return ""
}

// of are the columns of some kinds.
func (s source) of(kinds ...kind) (list []col) {
	for _, c := range s.cols {
		if slices.Contains(kinds, c.kind) {
			list = append(list, c)
		}
	}
	return list
}

type generator struct {
	*choices
	// fuel is how many queries may still be made within the query.
	fuel  int
	names int
	// deep is how many queries there are around the one that is being made.
	deep int
	// with are common table expressions.
	with []string
}

func (g *generator) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d", prefix, g.names)
}

var baseTables = map[string]source{
	"t": {sql: "t", cols: []col{{"id", number, false, true}, {"k", number, false, false}, {"s", text, false, false}, {"x", number, false, false}, {"y", number, false, false}, {"n", decimal, false, false},
		{"d", double, false, false}, {"b", boolean, false, false}, {"ts", moment, true, false}}},
	"u": {sql: "u", cols: []col{{"id", number, false, true}, {"k", number, false, false}, {"s", text, false, false}, {"x", number, false, false}, {"n", decimal, false, false}, {"ts", moment, true, false}}},
	"w": {sql: "w", cols: []col{{"id", number, false, true}, {"k", number, false, false}, {"s", text, false, false}, {"y", number, false, false}, {"b", boolean, false, false}, {"ts", moment, true, false}}},
	"p": {sql: "p", updates: true, cols: []col{{"id", number, false, true}, {"k", number, false, false}, {"s", text, false, false}, {"x", number, false, false}, {"n", decimal, false, false}}},
	"r": {sql: "r", cols: []col{{"id", number, false, false}, {"k", number, false, false}, {"s", text, false, false}, {"x", number, false, false}, {"ts", moment, true, false}}},
	"v": {sql: "v", cols: []col{{"id", number, false, true}, {"k", number, false, false}, {"s", text, false, false}, {"y", number, false, false}, {"d", double, false, false}, {"b", boolean, false, false}}},
	"c": {sql: "c", updates: true, cols: []col{{"id", number, false, true}, {"k", number, false, false}, {"s", text, false, false}, {"x", number, false, false}, {"y", number, false, false}}},
}

// table is a table as it is.
func (g *generator) table(of ...string) source {
	s := baseTables[g.one(of...)]
	s.cols = slices.Clone(s.cols)
	return s
}

// from is a table or a query in parentheses.
func (g *generator) from() source {
	if g.fuel <= 0 || g.n(10) < 5 {
		return g.table("t", "c", "v", "u", "p", "t", "c")
	}
	return g.nested()
}

// nested is a query in parentheses.
func (g *generator) nested() source {
	q := g.query()
	q.sql = "(" + q.sql + ")"
	return q
}

// as gives a source a name, by which its columns are called.
func (g *generator) as(s source) source {
	alias := g.name("q")
	s.sql += " AS " + alias
	s.cols = slices.Clone(s.cols)
	for i, c := range s.cols {
		s.cols[i].name = alias + "." + c.bare()
	}
	return s
}

// query draws a query. Its columns have the names that they have outside.
func (g *generator) query() source {
	g.fuel--
	g.deep++
	defer func() { g.deep-- }()
	forms := []struct {
		weight int
		make   func() source
	}{
		{20, g.plain}, {25, g.aggregate}, {8, g.setOp}, {5, g.distinct}, {20, g.join}, {15, g.subquery}, {10, g.topN}, {6, g.limited}, {8, g.deduplicated}, {10, g.over}, {6, g.overAny}, {6, g.groupingSets},
		{3, g.values}, {3, g.sorted}, {5, g.shared}, {16, func() source { return g.windowed(g.timed("t", "u"), false) }}, {6, g.groupWindow}, {8, g.windowTop}, {8, g.intervalJoin}, {8, g.windowJoin}, {6, g.temporalJoin},
	}
	var weights []int
	for _, f := range forms {
		weights = append(weights, f.weight)
	}
	return forms[g.weighted(weights...)].make()
}

// item is an expression of a SELECT list.
type item struct {
	sql  string
	kind kind
	col  *col // what it is, if it is just a column
}

// selected makes the list of a SELECT and the columns that there are then.
func (g *generator) selected(items []item) (list string, cols []col) {
	var parts []string
	for _, it := range items {
		name := g.name("e")
		c := col{name: name, kind: it.kind}
		if it.col != nil {
			c.rowtime, c.id = it.col.rowtime, it.col.id
			if bare := it.col.bare(); !slices.ContainsFunc(cols, func(o col) bool { return o.name == bare }) {
				c.name = bare
				cols = append(cols, c)
				parts = append(parts, it.sql)
				continue
			}
		}
		cols = append(cols, c)
		parts = append(parts, it.sql+" AS "+name)
	}
	return strings.Join(parts, ", "), cols
}

// items are some expressions, at least one.
func (g *generator) items(s source, most int) (list []item) {
	for range 1 + g.n(most) {
		list = append(list, g.item(s))
	}
	return list
}

func (g *generator) item(s source) item {
	if g.n(3) < 2 {
		c := s.cols[g.n(len(s.cols))]
		return item{c.name, c.kind, &c}
	}
	k := []kind{number, text, boolean, decimal, double}[g.n(5)]
	return item{g.expr(s, k, 2), k, nil}
}

func (g *generator) plain() source {
	s := g.from()
	if g.n(4) == 1 {
		s = g.as(s)
	}
	var items []item
	if g.n(3) == 0 { // all columns
		for _, c := range s.cols {
			items = append(items, item{c.name, c.kind, &c})
		}
		if g.n(2) == 1 {
			items = append(items, g.item(s))
		}
	} else {
		items = g.items(s, 4)
		if t := s.time(); t != "" && g.n(3) == 1 {
			i := slices.IndexFunc(s.cols, func(c col) bool { return c.name == t })
			items = append(items, item{t, moment, &s.cols[i]})
		}
	}
	list, cols := g.selected(items)
	return source{sql: "SELECT " + list + " FROM " + s.sql + g.where(s), cols: cols, updates: s.updates}
}

// where is a WHERE, or nothing.
func (g *generator) where(s source) string {
	if g.n(5) < 2 {
		return ""
	}
	return " WHERE " + g.condition(s, 2)
}

func (g *generator) distinct() source {
	s := g.from()
	list, cols := g.selected(g.items(s, 3))
	return source{sql: "SELECT DISTINCT " + list + " FROM " + s.sql + g.where(s), cols: plainCols(cols), updates: true}
}

// plainCols are columns that are no time attributes and may have values twice.
func plainCols(cols []col) []col {
	cols = slices.Clone(cols)
	for i := range cols {
		cols[i].rowtime, cols[i].id = false, false
	}
	return cols
}

// setOp is UNION, INTERSECT or EXCEPT, with or without ALL, of queries with the same columns.
func (g *generator) setOp() source {
	kinds := []kind{number, text, boolean, decimal, double}[:1+g.n(5)]
	var cols []col
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = g.name("e")
		cols = append(cols, col{name: names[i], kind: k})
	}
	side := func() (string, bool) {
		s := g.from()
		var list []string
		for i, k := range kinds {
			list = append(list, castTo(g.value(s, k), k)+" AS "+names[i])
		}
		return "SELECT " + strings.Join(list, ", ") + " FROM " + s.sql + g.where(s), s.updates
	}
	op := g.one("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
	a, u1 := side()
	b, u2 := side()
	return source{sql: a + " " + op + " " + b, cols: cols, updates: u1 || u2 || op != "UNION ALL"}
}

// castTo makes the types of columns the same.
func castTo(e string, k kind) string {
	switch k {
	case number:
		return "CAST(" + e + " AS BIGINT)"
	case decimal:
		return "CAST(" + e + " AS DECIMAL(20, 4))"
	}
	return e
}

// aggregate is GROUP BY without windows.
func (g *generator) aggregate() source {
	s := g.from()
	if g.n(4) == 1 {
		s = g.as(s)
	}
	var keys []item
	for range g.n(3) {
		if len(keys) > 0 && g.n(4) == 0 {
			break
		}
		keys = append(keys, g.key(s))
	}
	var items []item
	var by []string
	for _, k := range keys {
		by = append(by, k.sql)
		if g.n(5) > 0 || len(keys) == 1 {
			k.col = nil
			items = append(items, k)
		}
	}
	for range 1 + g.n(3) {
		items = append(items, g.call(s))
	}
	list, cols := g.selected(items)
	sql := "SELECT " + list + " FROM " + s.sql + g.where(s)
	if len(by) > 0 {
		sql += " GROUP BY " + strings.Join(by, ", ")
	}
	if g.n(5) == 1 {
		c := g.call(s)
		sql += " HAVING " + g.compared(c.sql, c.kind)
	}
	var unique []int
	for i := range keys {
		if i < len(items) && items[i].sql == keys[i].sql {
			unique = append(unique, i)
		}
	}
	if len(unique) < len(keys) {
		unique = nil
	}
	return source{sql: sql, cols: cols, updates: true, key: unique}
}

// key is something to group by: mostly a column.
func (g *generator) key(s source) item {
	if g.n(5) < 4 {
		var list []col
		for _, c := range s.cols {
			if b := c.bare(); b == "k" || b == "s" || b == "b" {
				list = append(list, c)
			}
		}
		if len(list) == 0 || g.n(4) == 3 {
			list = s.of(number, text, boolean, decimal)
		}
		if len(list) > 0 {
			c := list[g.n(len(list))]
			return item{c.name, c.kind, &c}
		}
	}
	k := []kind{number, text, boolean}[g.n(3)]
	return item{g.expr(s, k, 1), k, nil}
}

// call is a call of an aggregate function, often with FILTER or DISTINCT.
func (g *generator) call(s source) item {
	out := item{kind: number}
	distinct := ""
	if g.n(5) == 4 {
		distinct = "DISTINCT "
	}
	switch g.weighted(3, 3, 4, 3, 3, 1) {
	case 5: // depends on the order of rows, which is sure of a table that is only added to
		out.kind = []kind{number, text}[g.n(2)]
		if s.updates || strings.Contains(s.sql, "SELECT") || s.sql == "" {
			out.sql = "MAX(" + g.value(s, out.kind) + ")"
			break
		}
		f := g.one("LAST_VALUE", "FIRST_VALUE", "LISTAGG")
		if f == "LISTAGG" {
			out.kind = text
		}
		out.sql = f + "(" + g.value(s, out.kind) + ")"
	case 0:
		out.sql = "COUNT(*)"
	case 1:
		k := []kind{number, text, boolean, decimal, double}[g.n(5)]
		out.sql = "COUNT(" + distinct + g.value(s, k) + ")"
		if g.n(10) == 9 {
			out.sql = "COUNT(DISTINCT " + g.value(s, k) + ", " + g.value(s, number) + ")"
		}
	case 2:
		out.kind = []kind{number, decimal, double}[g.n(3)]
		out.sql = "SUM(" + distinct + g.value(s, out.kind) + ")"
	case 3:
		out.kind = []kind{number, decimal, double, text, moment}[g.n(5)]
		if out.kind == moment && len(s.of(moment)) == 0 {
			out.kind = number
		}
		out.sql = g.one("MIN", "MAX") + "(" + g.value(s, out.kind) + ")"
	case 4:
		out.kind = []kind{number, decimal}[g.n(2)]
		out.sql = "AVG(" + distinct + g.value(s, out.kind) + ")"
	}
	if g.n(6) == 1 {
		out.sql += " FILTER (WHERE " + g.condition(s, 1) + ")"
	}
	return out
}

// values are rows that are written down.
func (g *generator) values() source {
	kinds := []kind{number, text, decimal}[:1+g.n(3)]
	var rows []string
	for range 1 + g.n(4) {
		var list []string
		for _, k := range kinds {
			list = append(list, castTo(g.literal(k), k))
		}
		rows = append(rows, "("+strings.Join(list, ", ")+")")
	}
	alias := g.name("q")
	var cols []col
	var names []string
	for _, k := range kinds {
		names = append(names, g.name("e"))
		cols = append(cols, col{name: names[len(names)-1], kind: k})
	}
	s := source{sql: "(VALUES " + strings.Join(rows, ", ") + ") AS " + alias + " (" + strings.Join(names, ", ") + ")", cols: cols}
	return source{sql: "SELECT * FROM " + s.sql + g.where(s), cols: cols}
}

// sorted is ORDER BY time.
func (g *generator) sorted() source {
	s := g.timed("u", "w")
	if g.deep == 1 {
		s = g.timed("t", "u")
	}
	var names []string
	for _, c := range s.cols {
		names = append(names, c.name)
	}
	out := source{sql: "SELECT " + strings.Join(names, ", ") + " FROM " + s.sql + g.where(s), cols: plainCols(s.cols)}
	if g.deep == 1 { // deeper it means nothing
		out.sql += " ORDER BY " + s.time() + g.one("", ", "+names[0]+" DESC", ", "+names[0])
	}
	return out
}
