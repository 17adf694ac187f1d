package sqlstorm

import (
	"fmt"
	"slices"
	"strings"
)

// order sorts by one column or two, and then by all, so that rows that are equal in the order are the same.
func (g *generator) order(s source) string {
	var list []string
	for range 1 + g.n(2) {
		list = append(list, s.cols[g.n(len(s.cols))].name+g.one("", " DESC", " ASC NULLS LAST", " DESC NULLS FIRST"))
	}
	for _, c := range s.cols {
		list = append(list, c.name)
	}
	return strings.Join(list, ", ")
}

// topN keeps the first rows of each key.
func (g *generator) topN() source {
	s := g.from()
	return g.ranked(s, g.partition(s), g.order(s), g.one("<= 2", "= 1", "<= 1", "< 4", "BETWEEN 2 AND 3"))
}

func (g *generator) partition(s source) string {
	if g.n(4) == 3 {
		return ""
	}
	return "PARTITION BY " + g.key(s).sql + " "
}

// ranked is a filter on ROW_NUMBER.
func (g *generator) ranked(s source, partition, order, bound string) source {
	rn := g.name("r")
	var names []string
	for _, c := range s.cols {
		names = append(names, c.name)
	}
	inner := "SELECT " + strings.Join(names, ", ") + ", ROW_NUMBER() OVER (" + partition + "ORDER BY " + order + ") AS " + rn + " FROM " + s.sql
	cols := append(plainCols(s.cols), col{rn, number, false, false})
	if g.n(3) > 0 { // without the number
		cols = cols[:len(cols)-1]
	} else {
		names = append(names, rn)
	}
	var key []int
	if i := slices.Index(names, strings.TrimSuffix(strings.TrimPrefix(partition, "PARTITION BY "), " ")); i >= 0 && strings.HasSuffix(bound, "= 1") {
		key = []int{i}
	}
	return source{key: key, sql: "SELECT " + strings.Join(names, ", ") + " FROM (" + inner + ") WHERE " + rn + " " + bound, cols: cols, updates: true}
}

// deduplicated keeps the first or the last row of each key by time.
func (g *generator) deduplicated() source {
	s := g.timed("t", "u")
	return g.ranked(s, "PARTITION BY "+g.key(s).sql+" ", s.time()+g.one("", " DESC"), g.one("= 1", "<= 1"))
}

// windowTop is a Top-N of windows.
func (g *generator) windowTop() source {
	s := g.timed("t", "u")
	var w source
	if g.n(2) == 0 {
		w = g.windowed(s, false)
		if name(w, "window_end") == "" {
			return w
		}
		w.sql = "(" + w.sql + ")"
	} else {
		w, _, _ = g.tvf(s, false)
	}
	by := "window_start, window_end"
	if g.n(2) == 1 {
		by += ", " + g.key(w).sql
	}
	return g.ranked(w, "PARTITION BY "+by+" ", g.order(w), g.one("<= 2", "= 1"))
}

// limited is ORDER BY with LIMIT.
func (g *generator) limited() source {
	s := g.from()
	var names []string
	for _, c := range s.cols {
		names = append(names, c.name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + s.sql + g.where(s) + " ORDER BY " + g.order(s) + fmt.Sprintf(" LIMIT %d", 1+g.n(5))
	if g.n(4) == 3 {
		sql += fmt.Sprintf(" OFFSET %d", 1+g.n(2))
	}
	return source{sql: sql, cols: plainCols(s.cols), updates: true}
}

// over is functions over windows that are ordered by time.
func (g *generator) over() source {
	of := []string{"t", "u"}
	if g.deep > 1 { // a function that nobody reads is not computed, and then drops no late rows
		of = []string{"u", "w"}
	}
	s := g.timed(of...)
	window := "(" + g.partition(s) + "ORDER BY " + s.time()
	switch g.n(4) {
	case 1:
		window += g.one(" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")
	case 2:
		window += " RANGE BETWEEN " + g.seconds(2, 5) + " PRECEDING AND CURRENT ROW"
	case 3:
		window += " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
	}
	window += ")"
	items := g.columnItems(s, 3)
	for range 1 + g.n(2) {
		k := []kind{number, decimal, double}[g.n(3)]
		call := g.one("COUNT", "SUM", "MIN", "MAX", "AVG", "COUNT") + "(" + g.value(s, k) + ")"
		if strings.HasPrefix(call, "COUNT") {
			k = number
		}
		items = append(items, item{call + " OVER " + window, k, nil})
	}
	list, cols := g.selected(items)
	return source{sql: "SELECT " + list + " FROM " + s.sql + g.where(s), cols: plainCols(cols)}
}

// overAny is functions over windows in any order, of rows that may change.
func (g *generator) overAny() source {
	s := g.from()
	order := "ORDER BY " + g.value(s, []kind{number, text, decimal}[g.n(3)]) + g.one("", " DESC", " ASC NULLS LAST")
	items := g.columnItems(s, 3)
	k := []kind{number, decimal, double}[g.n(3)]
	call := item{g.one("COUNT", "SUM", "MIN", "MAX", "AVG", "COUNT") + "(" + g.value(s, k) + ")", k, nil}
	if strings.HasPrefix(call.sql, "COUNT") {
		call.kind = number
	}
	switch g.n(6) {
	case 3:
		order = "ORDER BY " + g.order(s) + " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
	case 4:
		call = item{g.one("RANK()", "DENSE_RANK()"), number, nil}
	case 5:
		call, order = item{"ROW_NUMBER()", number, nil}, "ORDER BY "+g.order(s)
	}
	items = append(items, item{call.sql + " OVER (" + g.partition(s) + order + ")", call.kind, nil})
	list, cols := g.selected(items)
	return source{sql: "SELECT " + list + " FROM " + s.sql + g.where(s), cols: plainCols(cols), updates: true}
}

// groupingSets is GROUP BY with several sets of keys.
func (g *generator) groupingSets() source {
	s := g.from()
	a, b := g.key(s), g.key(s)
	if a.sql == b.sql {
		return g.aggregate()
	}
	items := []item{a, b}
	for i := range items {
		items[i].col = nil
	}
	for range 1 + g.n(2) {
		items = append(items, g.call(s))
	}
	if g.n(3) == 2 {
		items = append(items, item{"GROUPING(" + g.one(a.sql, b.sql, a.sql+", "+b.sql) + ")", number, nil})
	}
	list, cols := g.selected(items)
	k := a.sql + ", " + b.sql
	by := g.one("GROUPING SETS (("+k+"), ("+a.sql+"))", "ROLLUP ("+k+")", "CUBE ("+k+")", "GROUPING SETS (("+a.sql+"), ("+b.sql+"), ())")
	return source{sql: "SELECT " + list + " FROM " + s.sql + g.where(s) + " GROUP BY " + by, cols: plainCols(cols), updates: true}
}

// shared is a common table expression that is read twice.
func (g *generator) shared() source {
	q := g.query()
	n := g.name("w")
	g.with = append(g.with, n+" AS ("+q.sql+")")
	a, b := source{sql: n, cols: q.cols, updates: q.updates}, source{sql: n, cols: q.cols, updates: q.updates}
	a, b = g.as(a), g.as(b)
	on := g.pair(a, b)
	if on == "" {
		q.sql = "SELECT * FROM " + n
		return q
	}
	s := both(a, b)
	list, cols := g.selected(g.joinItems(a, b, s))
	return source{sql: "SELECT " + list + " FROM " + a.sql + g.one(" JOIN ", " LEFT JOIN ") + b.sql + " ON " + on + g.where(s), cols: plainCols(cols), updates: true}
}
