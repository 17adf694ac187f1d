package table

import (
	"testing"

	"github.com/weirstream/weir/fault"
)

// TestMatchRefused tells what of MATCH_RECOGNIZE is refused, before a job starts.
func TestMatchRefused(t *testing.T) {
	env := NewEnvironment(Options{})
	if _, err := env.ExecuteSQL(t.Context(), "CREATE TABLE t (k INT, v INT, p AS PROCTIME()) WITH ('connector' = 'datagen', 'number-of-rows' = '1')"); err != nil {
		t.Fatal(err)
	}
	for rest, want := range map[string]fault.Code{
		"PATTERN (A B+) DEFINE A AS v > 1":                                               fault.SQLUnsupported,
		"PATTERN (A*) DEFINE A AS v > 1":                                                 fault.SQLUnsupported,
		"PATTERN (A?? B) DEFINE A AS v > 1":                                              fault.SQLUnsupported,
		"PATTERN (A B A) DEFINE A AS v > 1":                                              fault.SQLUnsupported,
		"PATTERN ((A B)+ C) DEFINE A AS v > 1":                                           fault.SQLUnsupported,
		"PATTERN (A | B) DEFINE A AS v > 1":                                              fault.SQLUnsupported,
		"PATTERN (A {- B -} C) DEFINE A AS v > 1":                                        fault.SQLUnsupported,
		"PATTERN (PERMUTE(A, B)) DEFINE A AS v > 1":                                      fault.SQLUnsupported,
		"ALL ROWS PER MATCH PATTERN (A B) DEFINE A AS v > 1":                             fault.SQLUnsupported,
		"PATTERN (A B) DEFINE A AS v > PREV(A.v)":                                        fault.SQLUnsupported,
		"PATTERN (A B) DEFINE C AS v > 1":                                                fault.SQLInvalid,
		"AFTER MATCH SKIP TO LAST C PATTERN (A B) DEFINE A AS v > 1":                     fault.SQLInvalid,
		"MEASURES SUM(A.v + B.v) AS s PATTERN (A B) DEFINE A AS v > 1":                   fault.SQLInvalid,
		"MEASURES COUNT(DISTINCT A.v) AS s PATTERN (A B) DEFINE A AS v > 1":              fault.SQLUnsupported,
		"MEASURES A.v AS a PATTERN (A B) DEFINE A AS v > 1":                              "",
		"MEASURES A.v AS a AFTER MATCH SKIP TO FIRST A PATTERN (A B) DEFINE A AS TRUE":   "",
		"MEASURES A.v AS a PATTERN (A (B C)) WITHIN INTERVAL '1' HOUR DEFINE A AS v > 1": "",
	} {
		r, err := env.ExecuteSQL(t.Context(), "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY p "+rest+")")
		if got := fault.CodeOf(err); got != want || err == nil && r == nil {
			t.Errorf("%s: %v, want %s", rest, err, want)
		}
	}
	for query, want := range map[string]fault.Code{
		"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY v MEASURES A.v AS a PATTERN (A B) DEFINE A AS v > 1)":                                                            fault.SQLInvalid,
		"SELECT * FROM (SELECT k, PROCTIME() AS p, COUNT(*) AS v FROM t GROUP BY k) MATCH_RECOGNIZE (ORDER BY p MEASURES A.v AS a PATTERN (A B) DEFINE A AS v > 1)": fault.SQLChangelog,
	} {
		if _, err := env.ExecuteSQL(t.Context(), query); fault.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}
