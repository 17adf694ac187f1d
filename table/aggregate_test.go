package table

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// TestAggregateRefusals has what cannot be an aggregate function, and calls that fit none.
func TestAggregateRefusals(t *testing.T) {
	env := NewEnvironment(Options{})
	count := AggFunc1[int64, int64, int64]{Add: func(s *int64, _ int64) { *s++ }, Result: func(s *int64) int64 { return *s }}
	for _, c := range []struct {
		name string
		f    []Aggregate
		want string
	}{
		{"f", nil, "needs a name"},
		{"", []Aggregate{Agg1(count)}, "needs a name"},
		{"sum", []Aggregate{Agg1(count)}, "SUM is a built-in aggregate function"},
		{"f", []Aggregate{{}}, "needs Add and Result"},
		{"f", []Aggregate{Agg1(AggFunc1[int64, int64, int64]{Add: count.Add})}, "needs Add and Result"},
		{"f", []Aggregate{Agg1(AggFunc1[func(), int64, int64]{Add: func(*func(), int64) {}, Result: func(*func()) int64 { return 0 }})}, "func()"},
		{"f", []Aggregate{Agg1(AggFunc1[int64, chan int, int64]{Add: func(*int64, chan int) {}, Result: count.Result})}, "chan int has no place in SQL"},
	} {
		if err := env.AddAggregate(c.name, c.f...); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	two := Agg2(AggFunc2[int64, string, float64, string]{Add: func(s *int64, _ string, _ float64) { *s++ }, Result: func(*int64) string { return "two" }})
	if err := env.AddAggregate("n", Agg1(count), two); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SELECT n('a') FROM (VALUES (1)) AS v(x)":                                      "it takes (BIGINT) or (STRING, DOUBLE)",
		"SELECT n(x, x) FROM (VALUES (1)) AS v(x)":                                     "it takes (BIGINT) or (STRING, DOUBLE)",
		"SELECT n() FROM (VALUES (1)) AS v(x)":                                         "it takes (BIGINT) or (STRING, DOUBLE)",
		"SELECT n(a) FROM (SELECT COUNT(*) AS a FROM (VALUES (1)) AS v(x) GROUP BY x)": "give it a Retract function",
	} {
		if _, err := env.ExecuteSQL(t.Context(), query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for query, want := range map[string]string{
		"SELECT N(x) FROM (VALUES (1), (CAST(NULL AS INT))) AS v(x)": "1",
		"SELECT n('a', x) FROM (VALUES (1.5)) AS v(x)":               "two",
	} {
		if got := lastLines(t, env, query); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
