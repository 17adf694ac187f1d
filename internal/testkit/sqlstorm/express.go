package sqlstorm

import (
	"fmt"
	"strings"
)

// value is an expression of a kind: mostly a column.
func (g *generator) value(s source, k kind) string {
	if list := s.of(k); len(list) > 0 && g.n(4) < 3 {
		return list[g.n(len(list))].name
	}
	return g.expr(s, k, 1)
}

// literal is a value that is written down.
func (g *generator) literal(k kind) string {
	switch k {
	case number:
		return g.one("1", "0", "2", "5", "7", "-2", "3000000000")
	case decimal:
		return g.one("1.5", "0.25", "10.00", "-0.5")
	case double:
		return g.one("CAST(1.5 AS DOUBLE)", "CAST(-2.25 AS DOUBLE)", "CAST(4 AS DOUBLE)")
	case boolean:
		return g.one("TRUE", "FALSE", "CAST(NULL AS BOOLEAN)")
	case moment:
		return g.one("TIMESTAMP '2020-01-01 00:00:10'", "TIMESTAMP '2020-01-01 00:00:00.5'", "TIMESTAMP '2020-01-01 00:01:00'")
	}
	return g.one("'a'", "''", "'ab'", "'Bc'", "CAST(NULL AS STRING)")
}

// expr is an expression of a kind, of some depth at most.
func (g *generator) expr(s source, k kind, deep int) string {
	list := s.of(k)
	if deep <= 0 || g.n(5) == 0 {
		if len(list) > 0 && g.n(5) < 4 {
			return list[g.n(len(list))].name
		}
		return g.literal(k)
	}
	sub := func(k kind) string { return g.expr(s, k, deep-1) }
	switch g.n(8) {
	case 6:
		return "CASE WHEN " + g.condition(s, deep-1) + " THEN " + sub(k) + " ELSE " + sub(k) + " END"
	case 7:
		if g.n(2) == 0 {
			return "COALESCE(" + sub(k) + ", " + sub(k) + ")"
		}
		return "NULLIF(" + sub(k) + ", " + sub(k) + ")"
	}
	switch k {
	case number:
		switch g.n(7) {
		case 0, 1:
			return "(" + sub(k) + g.one(" + ", " - ", " * ") + sub(k) + ")"
		case 2:
			return "(" + sub(k) + g.one(" / ", " % ") + g.one("2", "3", "7", "-3") + ")"
		case 3:
			return "CHAR_LENGTH(" + sub(text) + ")"
		case 4:
			return "ABS(" + sub(k) + ")"
		case 5:
			if len(s.of(moment)) > 0 {
				return "EXTRACT(" + g.one("SECOND", "MINUTE", "HOUR") + " FROM " + g.expr(s, moment, 0) + ")"
			}
			return "CAST(" + sub(decimal) + " AS BIGINT)"
		}
		return g.one("GREATEST", "LEAST") + "(" + sub(k) + ", " + sub(k) + ")"
	case decimal:
		switch g.n(4) {
		case 0, 1:
			return "(" + sub(k) + g.one(" + ", " - ") + sub(k) + ")"
		case 2:
			return "(" + g.expr(s, k, 0) + " * " + g.one("2", "1.5", "-0.1") + ")"
		}
		return "CAST(" + sub(number) + " AS DECIMAL(20, 2))"
	case double:
		switch g.n(3) {
		case 0, 1:
			return "(" + sub(k) + g.one(" + ", " - ") + sub(k) + ")"
		}
		return "CAST(" + sub(number) + " AS DOUBLE)"
	case text:
		switch g.n(5) {
		case 0:
			return g.one("UPPER", "LOWER") + "(" + sub(k) + ")"
		case 1:
			return "(" + sub(k) + " || " + sub(k) + ")"
		case 2:
			return "CAST(" + g.expr(s, []kind{number, decimal, boolean}[g.n(3)], deep-1) + " AS STRING)"
		case 3:
			return "TRIM(" + sub(k) + ")"
		}
		return "CONCAT(" + sub(k) + ", " + sub(k) + ")"
	case moment:
		return "(" + g.expr(s, k, 0) + g.one(" + ", " - ") + fmt.Sprintf("INTERVAL '%d' SECOND)", 1+g.n(9))
	}
	return g.condition(s, deep-1)
}

// condition is an expression of truth.
func (g *generator) condition(s source, deep int) string {
	if deep > 0 && g.n(3) == 2 {
		switch g.n(4) {
		case 0, 1:
			return "(" + g.condition(s, deep-1) + g.one(" AND ", " OR ") + g.condition(s, deep-1) + ")"
		case 2:
			return "NOT (" + g.condition(s, deep-1) + ")"
		}
		return "(" + g.condition(s, deep-1) + ") IS " + g.one("TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN")
	}
	k := []kind{number, text, number, decimal, double, boolean, moment}[g.n(7)]
	if k == boolean {
		if list := s.of(boolean); len(list) > 0 {
			return list[g.n(len(list))].name
		}
		k = number
	}
	if k == moment && len(s.of(moment)) == 0 {
		k = number
	}
	return g.compared(g.expr(s, k, deep), k)
}

// compared compares an expression with constants.
func (g *generator) compared(e string, k kind) string {
	switch g.n(9) {
	case 5:
		return e + " IS " + g.one("NULL", "NOT NULL")
	case 6:
		n := 1 + g.n(3)
		var list []string
		for range n {
			list = append(list, g.literal(k))
		}
		return e + g.one(" IN (", " NOT IN (") + strings.Join(list, ", ") + ")"
	case 7:
		return e + g.one(" BETWEEN ", " NOT BETWEEN ") + g.literal(k) + " AND " + g.literal(k)
	case 8:
		if k == text {
			return e + g.one(" LIKE ", " NOT LIKE ") + g.one("'a%'", "'%b'", "'_b%'")
		}
		return e + g.one(" IS DISTINCT FROM ", " IS NOT DISTINCT FROM ") + g.literal(k)
	}
	return e + g.one(" > ", " = ", " <> ", " < ", " >= ", " <= ") + g.literal(k)
}
