package table

import (
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
)

func TestFunctions(t *testing.T) {
	env := NewEnvironment(Options{})
	add := func(name string, f Function) {
		t.Helper()
		if err := env.AddFunction(name, f); err != nil {
			t.Fatal(err)
		}
	}
	add("twice", Func1(func(a int64) int64 { return 2 * a }))
	add("repeated", Func2(func(s string, n int32) string { return strings.Repeat(s, int(n)) }))
	add("or_zero", Func1(func(a *float64) float64 {
		if a == nil {
			return 0
		}
		return *a
	}))
	add("positive", Func1(func(a int32) *int32 {
		if a <= 0 {
			return nil
		}
		return &a
	}))
	add("later", Func3(func(a time.Time, n int64, up bool) time.Time {
		if !up {
			n = -n
		}
		return a.Add(time.Duration(n) * time.Second)
	}))
	for query, want := range map[string]string{
		"SELECT twice(21), twice(CAST(NULL AS INT))":                               "42\tNULL",
		"SELECT Repeated('ab', 3)":                                                 "ababab",
		"SELECT or_zero(CAST(NULL AS DOUBLE)), or_zero(1.5)":                       "0.0\t1.5",
		"SELECT positive(-1), positive(7)":                                         "NULL\t7",
		"SELECT later(TIMESTAMP '2020-01-01 00:00:00', 5, FALSE)":                  "2019-12-31 23:59:55.000000",
		"SELECT SUM(x) FROM (SELECT twice(a) AS x FROM (VALUES (1), (2)) AS t(a))": "6",
	} {
		r, err := env.ExecuteSQL(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var b strings.Builder
		if err := r.WriteTSV(t.Context(), &b, false); err != nil {
			t.Errorf("%s: %v", query, err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if got := lines[len(lines)-1]; got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if err := env.AddFunction("f", Func1(func(struct{}) int64 { return 0 })); fault.CodeOf(err) != fault.OptionInvalid {
		t.Error(err)
	}
}
