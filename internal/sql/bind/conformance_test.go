package bind

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/parse"
)

// program is a line of flink-programs.*.jsonl.
type program struct {
	ID    string `json:"id"`
	Setup []struct {
		Kind          string   `json:"kind"`
		Name          string   `json:"name"`
		Schema        []string `json:"schema"`
		PartitionKeys []string `json:"partitionKeys"`
		Options       map[string]string
		SQL           string `json:"sql"`
		Class         string `json:"class"`
	} `json:"setup"`
	Run []struct {
		Kind string   `json:"kind"`
		SQL  string   `json:"sql"`
		SQLs []string `json:"sqls"`
	} `json:"run"`
}

// TestConformance binds the statements of Flink's own test programs, and counts those that cannot be. It needs the directory with them in WEIR_CONFORMANCE; what is not bound is listed with -v.
func TestConformance(t *testing.T) {
	dir := os.Getenv("WEIR_CONFORMANCE")
	if dir == "" {
		t.Skip("WEIR_CONFORMANCE does not name the directory with the programs")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "flink-programs*.jsonl"))
	if len(files) == 0 {
		t.Fatalf("%s has no programs", dir)
	}
	bound, all := 0, 0
	var list []string
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var p program
			if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			ok, n, why := p.bind(t)
			bound, all = bound+ok, all+n
			list = append(list, why...)
		}
	}
	sort.Strings(list)
	t.Logf("%d of %d statements are bound; not bound:\n%s", bound, all, strings.Join(list, "\n"))
}

func (p *program) bind(t *testing.T) (bound, all int, why []string) {
	s := newSession()
	run := func(text string) error {
		script, err := parse.Script("", text)
		if err != nil {
			return err
		}
		for _, st := range script.Statements {
			if _, err := s.run(script.Source, st, true); err != nil {
				return err
			}
		}
		return nil
	}
	first := func(err error) string {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return text
	}
	for _, x := range p.Setup {
		var err error
		switch x.Kind {
		case "source", "sink":
			text := "CREATE TABLE `" + x.Name + "` (" + strings.Join(x.Schema, ", ") + ")"
			if len(x.PartitionKeys) > 0 {
				text += " PARTITIONED BY (`" + strings.Join(x.PartitionKeys, "`, `") + "`)"
			}
			err = run(text)
		case "sql":
			err = run(x.SQL)
		}
		if err != nil {
			why = append(why, p.ID+": setup: "+first(err))
		}
	}
	for _, r := range p.Run {
		statements := r.SQLs
		if r.SQL != "" {
			statements = append(statements, r.SQL)
		}
		for _, text := range statements {
			all++
			err := run(text)
			if err == nil {
				bound++
				continue
			}
			if fault.CodeOf(err) == fault.InternalInvariant || strings.HasPrefix(err.Error(), "unsound") {
				t.Errorf("%s: %v\n%s", p.ID, err, text)
			}
			why = append(why, p.ID+": "+first(err))
		}
	}
	return bound, all, why
}

// FuzzBind binds any text: it may fail, but it must not panic, and what is bound must be sound.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{
		"SELECT a, COUNT(*) FROM t GROUP BY ROLLUP (a, b) HAVING SUM(b) > (SELECT MAX(a) FROM u) ORDER BY 1 LIMIT 3",
		"SELECT * FROM t LEFT JOIN u FOR SYSTEM_TIME AS OF t.p ON t.a = u.a WHERE t.a NOT IN (SELECT a FROM u WHERE u.c = t.s) OR EXISTS (SELECT 1)",
		"SELECT a, ROW_NUMBER() OVER (PARTITION BY s ORDER BY ts DESC) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) QUALIFY n = 1",
		"INSERT INTO u (a, c) SELECT CAST(a AS INT), CASE s WHEN 'x' THEN NULL ELSE s END FROM t UNION ALL VALUES (1, 'y')",
		"SELECT TUMBLE_START(ts, INTERVAL '5' SECOND), LISTAGG(DISTINCT s) FILTER (WHERE b > 1) FROM t GROUP BY TUMBLE(ts, INTERVAL '5' SECOND), s",
		"WITH q(x) AS (SELECT a FROM t) SELECT x.* FROM q AS x, LATERAL (SELECT MAX(a) FROM u WHERE u.a = x.x) AS y(z) NATURAL JOIN u",
		"SELECT e.k FROM t CROSS JOIN UNNEST(m) WITH ORDINALITY AS e(k, v, o)",
		"SELECT r.x, r.*, t.r.y, (r).x, a IN (1, NULL), (a, b) IN ((1, 2)), a = ANY (1, 2), s SIMILAR TO 'x' FROM t",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newSession()
		s.script("CREATE TABLE t (a INT, b BIGINT NOT NULL, s STRING, ts TIMESTAMP(3), p AS PROCTIME(), r ROW<x INT, y STRING>, m MAP<STRING, INT>, WATERMARK FOR ts AS ts);"+
			"CREATE TABLE u (a INT NOT NULL, c STRING, PRIMARY KEY (a) NOT ENFORCED)", false)
		script, err := parse.Script("", text)
		if err != nil {
			return
		}
		for _, st := range script.Statements {
			switch st.(type) {
			case *ast.Query, *ast.Insert, *ast.CreateTable, *ast.CreateView:
			default:
				continue
			}
			if _, err := s.run(script.Source, st, false); err != nil && (fault.CodeOf(err) == fault.InternalInvariant || strings.HasPrefix(err.Error(), "unsound")) {
				t.Fatal(err)
			}
		}
	})
}
