package bind

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/parse"
)

// writer writes random queries, of which many mean something.
type writer struct {
	*rand.Rand
	deep int
}

func (w *writer) one(of ...string) string { return of[w.IntN(len(of))] }

func (w *writer) list(most int, f func() string) string {
	parts := make([]string, 1+w.IntN(most))
	for i := range parts {
		parts[i] = f()
	}
	return strings.Join(parts, ", ")
}

func (w *writer) column() string {
	if w.IntN(6) > 0 {
		return "a"
	}
	return w.one("b", "s", "ts", "t.a", "x.a", "y.a", "y.b", "x.s", "u.c", "r.x", "m['k']", "y.ts", "p")
}

func (w *writer) number() string {
	return w.one("a", "a", "a", "a + 1", "1", "2.5", "a + 1", "x.a * b", "-a", "CAST(s AS INT)", "CHAR_LENGTH(s)", w.column())
}

func (w *writer) scalar() string {
	if w.deep > 4 {
		return w.column()
	}
	w.deep++
	defer func() { w.deep-- }()
	switch w.IntN(14) {
	case 0:
		return "CASE WHEN " + w.condition() + " THEN " + w.number() + " ELSE " + w.number() + " END"
	case 1:
		return "COALESCE(" + w.list(3, w.number) + ")"
	case 2:
		return "(SELECT " + w.one("MAX", "COUNT", "SUM", "") + "(" + w.number() + ") FROM " + w.from() + w.where() + ")"
	case 3:
		return w.one("COUNT(*)", "SUM("+w.number()+")", "COUNT(DISTINCT "+w.column()+") FILTER (WHERE "+w.condition()+")", "MIN("+w.scalar()+")", "LISTAGG(s)")
	case 4:
		return w.one("ROW_NUMBER()", "SUM("+w.number()+")", "LAG("+w.column()+")", "SUM(SUM(b))") + " OVER (PARTITION BY " + w.list(2, w.scalar) + " ORDER BY " + w.column() + ")"
	case 5:
		return w.one("a", "'y'", "a IN (SELECT a FROM u)", "EXISTS (SELECT 1 FROM u WHERE u.a = x.a)", "GROUPING(a)", "TUMBLE_START(ts, INTERVAL '5' SECOND)", "window_start", "NULL", "'x'", "PROCTIME()", "INTERVAL '1' DAY", "a IN (SELECT a FROM u)", "EXISTS (SELECT 1 FROM u WHERE u.a = x.a)")
	case 6:
		return "UPPER(" + w.scalar() + ")"
	}
	return w.number()
}

func (w *writer) condition() string {
	if w.deep > 4 {
		return "a = 1"
	}
	w.deep++
	defer func() { w.deep-- }()
	switch w.IntN(9) {
	case 0:
		return w.condition() + w.one(" AND ", " OR ") + w.condition()
	case 1:
		return "NOT (" + w.condition() + ")"
	case 2:
		return w.scalar() + w.one(" IN ", " NOT IN ") + "(" + w.query() + ")"
	case 3:
		return w.one("", "NOT ") + "EXISTS (" + w.query() + ")"
	case 4:
		return w.scalar() + " BETWEEN " + w.number() + " AND " + w.number()
	case 5:
		return w.column() + " IN (" + w.list(3, w.scalar) + ")"
	case 6:
		return w.column() + w.one(" IS NULL", " IS NOT NULL", " LIKE 'x%'")
	}
	return w.scalar() + w.one(" = ", " < ", " <> ") + w.scalar()
}

func (w *writer) where() string {
	if w.IntN(2) == 0 {
		return ""
	}
	return " WHERE " + w.condition()
}

func (w *writer) table() string {
	if w.deep > 4 {
		return w.one("t", "u", "t AS x", "u AS y")
	}
	w.deep++
	defer func() { w.deep-- }()
	alias := w.one("x", "y", "z")
	switch w.IntN(12) {
	case 0, 1:
		return "(" + w.query() + ") AS " + alias
	case 2:
		return w.one("", "LATERAL ") + "(" + w.query() + ") AS " + alias
	case 3:
		return "TABLE(" + w.one("TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND)", "SESSION(TABLE t PARTITION BY a, DESCRIPTOR(p), INTERVAL '5' SECOND)") + ") AS " + alias
	case 4:
		return "UNNEST(" + w.one("m", "x.m", "t.m") + ") AS " + alias + "(a, b)"
	case 5:
		return "(VALUES (1, 'a'), (2, NULL)) AS " + alias + "(a, s)"
	case 6:
		return "u FOR SYSTEM_TIME AS OF " + w.one("x.ts", "t.p", "ts", "a") + " AS " + alias
	}
	return w.one("t", "u", "v", "t AS x", "u AS y", "t AS z", "v AS y")
}

func (w *writer) from() string {
	s := w.table()
	for w.IntN(4) == 0 {
		switch w.IntN(4) {
		case 0:
			s += ", " + w.table()
		case 1:
			s += w.one(" JOIN ", " LEFT JOIN ", " FULL JOIN ") + w.table() + " USING (a)"
		case 2:
			s += w.one(" NATURAL JOIN ", " CROSS JOIN ") + w.table()
		default:
			s += w.one(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ") + w.table() + " ON " + w.condition()
		}
	}
	return s
}

func (w *writer) query() string {
	if w.deep > 4 {
		return "SELECT a FROM " + w.one("t", "u", "t WHERE t.a = x.a", "u WHERE u.a = x.a AND u.a > 1")
	}
	w.deep++
	defer func() { w.deep-- }()
	s := "SELECT "
	if w.IntN(6) == 0 {
		s += "DISTINCT "
	}
	s += w.one("*", "x.*", w.list(3, w.scalar), w.list(3, w.scalar), w.column(), w.scalar()+" AS a, "+w.scalar()+" AS b")
	if w.IntN(12) > 0 {
		s += " FROM " + w.from() + w.where()
	}
	switch w.IntN(6) {
	case 0:
		s += " GROUP BY " + w.list(3, w.scalar)
	case 1:
		s += " GROUP BY " + w.one("ROLLUP (a, b)", "CUBE (a, s)", "GROUPING SETS ((a), (b), ())", "a, TUMBLE(ts, INTERVAL '5' SECOND)", "()", "a")
	}
	if w.IntN(8) == 0 {
		s += " HAVING " + w.condition()
	}
	if w.IntN(8) == 0 {
		s = s + w.one(" UNION ALL ", " UNION ", " EXCEPT ", " INTERSECT ALL ") + w.query()
	} else if w.IntN(5) == 0 {
		s += " ORDER BY " + w.list(2, w.scalar)
		if w.IntN(2) == 0 {
			s += " LIMIT 3"
		}
	}
	return s
}

// TestRandom binds random queries: none may find a defect, and enough of them mean something.
func TestRandom(t *testing.T) {
	w := &writer{Rand: rand.New(rand.NewPCG(7, 11))}
	s := newSession()
	if out := s.script("CREATE TABLE t (a INT, b BIGINT NOT NULL, s STRING, ts TIMESTAMP(3), p AS PROCTIME(), r ROW<x INT, y STRING>, m MAP<STRING, INT>, WATERMARK FOR ts AS ts);"+
		"CREATE TABLE u (a INT NOT NULL, c STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (a) NOT ENFORCED);"+
		"CREATE VIEW v AS SELECT a, COUNT(*) AS b, MAX(s) AS s FROM t GROUP BY a", false); out != "" {
		t.Fatal(out)
	}
	n, bound := 4000, 0
	reasons := map[string]int{}
	for range n {
		text := w.query()
		src := ast.NewSource("", text)
		st, err := parse.Statement(src)
		if err != nil {
			reasons["syntax"]++
			continue
		}
		_, err = s.run(src, st, true)
		switch {
		case err == nil:
			bound++
		case fault.CodeOf(err) == fault.InternalInvariant || strings.HasPrefix(err.Error(), "unsound"):
			t.Errorf("%v\n%s", err, text)
		default:
			reasons[fmt.Sprint(fault.CodeOf(err))]++
		}
		if t.Failed() {
			return
		}
	}
	if bound < n/20 {
		t.Errorf("only %d of %d queries are bound: %v", bound, n, reasons)
	}
	t.Logf("%d of %d queries are bound; the others: %v", bound, n, reasons)
}
