package sqlstorm

import (
	"fmt"
	"slices"
	"strings"
)

// pair is an equality of columns of two sources, mostly of k with k; "" if there is none.
func (g *generator) pair(a, b source) string {
	k := []kind{number, text}[g.weighted(5, 1)]
	left, right := a.of(k), b.of(k)
	prefer := func(list []col) string {
		for _, c := range list {
			if n := c.bare(); (n == "k" || n == "s") && g.n(6) < 5 {
				return c.name
			}
		}
		return list[g.n(len(list))].name
	}
	if len(left) == 0 || len(right) == 0 {
		return ""
	}
	op := " = "
	if g.n(12) == 11 {
		op = " IS NOT DISTINCT FROM "
	}
	return prefer(left) + op + prefer(right)
}

// both are the columns of two sources, which are no time attributes any more.
func both(a, b source) source {
	return source{cols: plainCols(append(slices.Clone(a.cols), b.cols...)), updates: true}
}

// join is a regular join with an equality.
func (g *generator) join() source {
	a, b := g.as(g.from()), g.as(g.from())
	on := g.pair(a, b)
	if on == "" {
		return g.plain()
	}
	s := both(a, b)
	s.cols = plainCols(s.cols)
	if g.n(4) == 3 {
		on += " AND " + g.pair(a, b)
		on = strings.TrimSuffix(on, " AND ")
	}
	switch g.n(6) {
	case 4:
		on += " AND " + g.condition(s, 1)
	case 5:
		if l, r := a.of(number), b.of(number); len(l) > 0 && len(r) > 0 {
			on += " AND " + l[g.n(len(l))].name + g.one(" < ", " >= ") + r[g.n(len(r))].name
		}
	}
	if g.n(8) == 7 {
		list, cols := g.selected(g.joinItems(a, b, s))
		return source{sql: "SELECT " + list + " FROM " + a.sql + ", " + b.sql + " WHERE " + on, cols: plainCols(cols), updates: true}
	}
	s.sql = a.sql + g.one(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ") + b.sql + " ON " + on
	items := g.joinItems(a, b, s)
	if g.n(5) == 4 { // a third one
		c := g.as(g.table("v", "t", "c", "p"))
		if on := g.pair(s, c); on != "" {
			s.sql += g.one(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ") + c.sql + " ON " + on
			s.cols = append(s.cols, plainCols(c.cols)...)
			items = append(items, g.columnItems(c, 1)...)
		}
	}
	list, cols := g.selected(items)
	return source{sql: "SELECT " + list + " FROM " + s.sql + g.where(s), cols: plainCols(cols), updates: true}
}

// joinItems are some columns of each side, and perhaps expressions of both.
func (g *generator) joinItems(a, b, s source) (items []item) {
	items = append(g.columnItems(a, 2), g.columnItems(b, 2)...)
	if g.n(3) == 2 {
		items = append(items, g.item(s))
	}
	return items
}

func (g *generator) columnItems(s source, most int) (items []item) {
	for range 1 + g.n(most) {
		c := s.cols[g.n(len(s.cols))]
		c.rowtime = false
		items = append(items, item{c.name, c.kind, &c})
	}
	return items
}

// subquery is IN, EXISTS or a value, related to the query around it or not.
func (g *generator) subquery() source {
	a, b := g.as(g.from()), g.as(g.from())
	on := g.pair(a, b)
	if on == "" {
		return g.plain()
	}
	not := g.one("", "NOT ")
	related := func() string {
		if g.n(3) == 2 {
			return g.where(b)
		}
		w := " WHERE " + on
		if g.n(3) == 2 {
			w += " AND " + g.condition(b, 1)
		}
		return w
	}
	var cond string
	switch g.weighted(4, 4, 2, 2, 1) {
	case 3: // as values
		call := g.call(b)
		items := append(g.columnItems(a, 2), item{"(SELECT " + call.sql + " FROM " + b.sql + related() + ")", call.kind, nil})
		if g.n(2) == 1 {
			items = append(items, item{g.one("", "NOT ") + "EXISTS (SELECT 1 FROM " + b.sql + " WHERE " + on + ")", boolean, nil})
		}
		list, cols := g.selected(items)
		return source{sql: "SELECT " + list + " FROM " + a.sql + g.where(a), cols: plainCols(cols), updates: true}
	case 4:
		cond = "(" + g.value(a, number) + ", " + g.value(a, text) + ") " + not + "IN (SELECT " + g.value(b, number) + ", " + g.value(b, text) + " FROM " + b.sql + g.where(b) + ")"
	case 0:
		cond = not + "EXISTS (SELECT 1 FROM " + b.sql + related() + ")"
	case 1:
		k := []kind{number, text}[g.n(2)]
		if len(a.of(k)) == 0 || len(b.of(k)) == 0 {
			k = number
		}
		where := ""
		if g.n(3) == 1 {
			where = related()
		} else {
			where = g.where(b)
		}
		cond = g.value(a, k) + " " + not + "IN (SELECT " + g.value(b, k) + " FROM " + b.sql + where + ")"
	default:
		call := g.call(b)
		where := g.where(b)
		if g.n(2) == 1 {
			where = related()
		}
		cond = "(SELECT " + call.sql + " FROM " + b.sql + where + ")" + g.one(" >= ", " < ", " <> ", " = ") + g.value(a, call.kind)
	}
	if g.n(4) == 3 {
		cond += g.one(" AND ", " OR ") + g.condition(a, 1)
	}
	list, cols := g.selected(g.items(a, 3))
	return source{sql: "SELECT " + list + " FROM " + a.sql + " WHERE " + cond, cols: plainCols(cols), updates: true}
}

// timed is a source with event time: a table, or what a common table expression has made of tables.
func (g *generator) timed(of ...string) source {
	s := g.table(of...)
	if g.fuel <= 0 || g.n(4) < 3 {
		return s
	}
	g.fuel--
	name := g.name("w")
	switch g.n(3) {
	case 0: // computed from it
		var items []item
		for _, c := range s.cols {
			if c.rowtime || c.name == "k" || g.n(2) == 0 {
				items = append(items, item{c.name, c.kind, &c})
			}
		}
		items = append(items, g.item(s))
		list, cols := g.selected(items)
		g.with = append(g.with, name+" AS (SELECT "+list+" FROM "+s.sql+g.where(s)+")")
		return source{sql: name, cols: cols}
	case 1: // the results of other windows
		w := g.windowed(g.table(of...), true)
		var list []string
		for i, c := range w.cols { // with names of their own, as there will be other windows
			if strings.HasPrefix(c.name, "window_") {
				w.cols[i].name = g.name("e")
			}
			list = append(list, c.name+" AS "+w.cols[i].name)
		}
		g.with = append(g.with, name+" AS (SELECT "+strings.Join(list, ", ")+" FROM ("+w.sql+"))")
		return source{sql: name, cols: w.cols}
	}
	g.with = append(g.with, name+" AS (SELECT id, k, s, ts FROM u UNION ALL SELECT id, k, s, ts FROM "+g.one("w", "u")+")")
	return source{sql: name, cols: []col{{"id", number, false, false}, {"k", number, false, false}, {"s", text, false, false}, {"ts", moment, true, false}}}
}

func (g *generator) seconds(of ...int) string {
	return fmt.Sprintf("INTERVAL '%d' SECOND", of[g.n(len(of))])
}

// tvf is a windowing table-valued function over a source. A session is one of the keys that are returned.
func (g *generator) tvf(s source, sessions bool) (out source, session []col, isSession bool) {
	t := s.time()
	table := "TABLE " + s.sql
	kinds := 3
	if sessions {
		kinds = 4
	}
	out = source{cols: append(plainTimes(s.cols), col{"window_start", moment, false, false}, col{"window_end", moment, false, false}, col{"window_time", moment, true, false})}
	offset := func() string {
		if g.n(6) == 5 {
			return ", " + g.seconds(1, 3)
		}
		return ""
	}
	switch g.n(kinds) {
	case 0:
		out.sql = "TABLE(TUMBLE(" + table + ", DESCRIPTOR(" + t + "), " + g.seconds(5, 2, 10) + offset() + "))"
	case 1:
		out.sql = "TABLE(HOP(" + table + ", DESCRIPTOR(" + t + "), " + g.one("INTERVAL '5' SECOND, INTERVAL '10' SECOND", "INTERVAL '2' SECOND, INTERVAL '6' SECOND", "INTERVAL '1' SECOND, INTERVAL '3' SECOND") + offset() + "))"
	case 2:
		out.sql = "TABLE(CUMULATE(" + table + ", DESCRIPTOR(" + t + "), " + g.one("INTERVAL '2' SECOND, INTERVAL '6' SECOND", "INTERVAL '5' SECOND, INTERVAL '20' SECOND") + offset() + "))"
	default:
		by := ""
		for _, c := range s.cols {
			if (c.bare() == "k" || c.bare() == "s") && g.n(2) == 0 {
				session = append(session, c)
			}
		}
		var names []string
		for _, c := range session {
			names = append(names, c.name)
		}
		if len(names) > 0 {
			by = " PARTITION BY " + strings.Join(names, ", ")
			if len(names) > 1 {
				by = " PARTITION BY (" + strings.Join(names, ", ") + ")"
			}
		}
		return source{sql: "TABLE(SESSION(" + table + by + ", DESCRIPTOR(" + t + "), " + g.seconds(2, 1, 5) + "))", cols: out.cols}, session, true
	}
	return out, nil, false
}

// plainTimes are columns of which none is a time attribute.
func plainTimes(cols []col) []col {
	cols = slices.Clone(cols)
	for i := range cols {
		cols[i].rowtime = false
	}
	return cols
}

// windowed is an aggregation of windows. With time it has the column window_time.
func (g *generator) windowed(s source, time bool) source {
	w, session, isSession := g.tvf(s, true)
	var by []string
	var items []item
	if isSession {
		for _, c := range session {
			by = append(by, c.name)
			items = append(items, item{c.name, c.kind, &c})
		}
	} else {
		for range g.n(3) {
			k := g.key(s)
			if !slices.Contains(by, k.sql) {
				by = append(by, k.sql)
				items = append(items, k)
			}
		}
	}
	base := source{cols: plainTimes(s.cols)}
	by = append(by, "window_start", "window_end")
	items = append(items, item{"window_start", moment, &col{name: "window_start"}})
	if g.n(3) > 0 {
		items = append(items, item{"window_end", moment, &col{name: "window_end"}})
	}
	if time || g.n(3) == 2 {
		by = append(by, "window_time")
		items = append(items, item{"window_time", moment, &col{name: "window_time", rowtime: true}})
	}
	for range 1 + g.n(2) {
		items = append(items, g.call(base))
	}
	list, cols := g.selected(items)
	sql := "SELECT " + list + " FROM " + w.sql + g.where(base) + " GROUP BY " + strings.Join(by, ", ")
	if g.n(6) == 5 {
		c := g.call(base)
		sql += " HAVING " + g.compared(c.sql, c.kind)
	}
	return source{sql: sql, cols: cols}
}

// groupWindow is a window in GROUP BY.
func (g *generator) groupWindow() source {
	s := g.timed("t", "u")
	f := g.one("TUMBLE", "HOP", "SESSION")
	args := map[string]string{"TUMBLE": "INTERVAL '5' SECOND", "HOP": "INTERVAL '2' SECOND, INTERVAL '6' SECOND", "SESSION": "INTERVAL '2' SECOND"}[f]
	call := func(of string) string { return of + "(" + s.time() + ", " + args + ")" }
	by := []string{call(f)}
	var items []item
	for range g.n(3) {
		k := g.key(s)
		by, items = append(by, k.sql), append(items, k)
	}
	items = append(items, item{call(f + "_START"), moment, nil}, item{call(f + "_END"), moment, nil})
	for range 1 + g.n(2) {
		items = append(items, g.call(s))
	}
	list, cols := g.selected(items)
	return source{sql: "SELECT " + list + " FROM " + s.sql + g.where(s) + " GROUP BY " + strings.Join(by, ", "), cols: plainCols(cols)}
}

// intervalJoin joins by an equality and a distance of times.
func (g *generator) intervalJoin() source {
	a, b := g.as(g.timed("u", "w")), g.as(g.timed("w", "u"))
	on := g.pair(a, b)
	if on == "" {
		return g.plain()
	}
	at, bt := a.time(), b.time()
	switch g.n(4) {
	case 0, 1:
		on += " AND " + at + " BETWEEN " + bt + " - " + g.seconds(2, 0, 5) + " AND " + bt + " + " + g.seconds(2, 0, 5)
	case 2:
		on += " AND " + at + " > " + bt + " - " + g.seconds(2, 5) + " AND " + at + " < " + bt + " + " + g.seconds(1, 4)
	default:
		on += " AND " + at + " >= " + bt + " + " + g.seconds(1, 2) + " AND " + at + " <= " + bt + " + " + g.seconds(3, 6)
	}
	s := both(a, b)
	if g.n(5) == 4 {
		on += " AND " + g.condition(s, 1)
	}
	if g.n(8) == 7 {
		list, cols := g.selected(g.columnItems(a, 3))
		return source{sql: "SELECT " + list + " FROM " + a.sql + " WHERE " + g.one("", "NOT ") + "EXISTS (SELECT 1 FROM " + b.sql + " WHERE " + on + ")", cols: plainCols(cols), updates: true}
	}
	sql := a.sql + g.one(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ") + b.sql + " ON " + on
	list, cols := g.selected(g.joinItems(a, b, s))
	return source{sql: "SELECT " + list + " FROM " + sql + g.where(s), cols: plainCols(cols)}
}

// temporalJoin joins rows with the version of a table at their time.
func (g *generator) temporalJoin() source {
	a, b := g.as(g.timed("u", "w")), g.table("r")
	left := a.of(number)
	if len(left) == 0 {
		return g.plain()
	}
	key := name(a, "k")
	if key == "" || g.n(5) == 4 {
		key = left[g.n(len(left))].name
	}
	b.sql = "r FOR SYSTEM_TIME AS OF " + a.time()
	b = g.as(b)
	on := key + " = " + name(b, "id")
	s := both(a, b)
	if g.n(4) == 3 {
		on += " AND " + g.condition(s, 1)
	}
	sql := a.sql + g.one(" JOIN ", " LEFT JOIN ") + b.sql + " ON " + on
	list, cols := g.selected(g.joinItems(a, b, s))
	return source{sql: "SELECT " + list + " FROM " + sql + g.where(s), cols: plainCols(cols)}
}

// windowJoin joins rows of the same windows.
func (g *generator) windowJoin() source {
	a, _, _ := g.tvf(g.timed("u", "w"), false)
	b := g.timed("w", "u")
	// The right side has the window of the left one.
	spec := a.sql[strings.Index(a.sql, "DESCRIPTOR("):]
	spec = spec[strings.Index(spec, ")"):]
	f := a.sql[:strings.Index(a.sql, "(TABLE ")]
	right := source{sql: f + "(TABLE " + b.sql + ", DESCRIPTOR(" + b.time() + spec, cols: append(plainTimes(b.cols), a.cols[len(a.cols)-3:]...)}
	a.sql, right.sql = "(SELECT * FROM "+a.sql+")", "(SELECT * FROM "+right.sql+")"
	a, right = g.as(a), g.as(right)
	on := name(a, "window_start") + " = " + name(right, "window_start") + " AND " + name(a, "window_end") + " = " + name(right, "window_end")
	if p := g.pair(a, right); p != "" && g.n(5) > 0 {
		on = p + " AND " + on
	}
	s := both(a, right)
	if g.n(4) == 3 {
		not := g.one("", "NOT ")
		list, cols := g.selected(g.columnItems(a, 3))
		return source{sql: "SELECT " + list + " FROM " + a.sql + " WHERE " + not + "EXISTS (SELECT 1 FROM " + right.sql + " WHERE " + on + ")", cols: plainCols(cols)}
	}
	if g.n(5) == 4 {
		on += " AND " + g.condition(s, 1)
	}
	sql := a.sql + g.one(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ") + right.sql + " ON " + on
	list, cols := g.selected(g.joinItems(a, right, s))
	return source{sql: "SELECT " + list + " FROM " + sql + g.where(s), cols: plainCols(cols)}
}

// name is what a source's column is called, "" if there is none.
func name(s source, bare string) string {
	for _, c := range s.cols {
		if c.bare() == bare {
			return c.name
		}
	}
	return ""
}
