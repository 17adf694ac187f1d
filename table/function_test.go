package table

import (
	"context"
	"fmt"
	"iter"
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

// TestFunctionsInParallel calls functions of every kind from several subtasks at once: none may share what another writes.
func TestFunctionsInParallel(t *testing.T) {
	env := NewEnvironment(Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(statement string) *Result {
		t.Helper()
		r, err := env.ExecuteSQL(t.Context(), statement)
		must(err)
		return r
	}
	type piece struct {
		Text string
		N    *int64
	}
	must(env.AddFunction("label", Func2(func(n int64, s *string) *string {
		text := fmt.Sprint(n, "-", *s)
		return &text
	})))
	must(env.AddFunction("plus_one", AsyncFunc1(func(_ context.Context, n int64) (int64, error) { return n + 1, nil })))
	must(env.AddTableFunction("pieces", TableFunc1(func(n int64) iter.Seq[piece] {
		return func(yield func(piece) bool) {
			_ = yield(piece{fmt.Sprint("a", n%10), &n}) && yield(piece{Text: fmt.Sprint("b", n%10)})
		}
	})))
	must(env.AddAggregate("total", Agg1(AggFunc1[int64, *int64, int64]{
		Add: func(s *int64, n *int64) {
			if n != nil {
				*s += *n
			}
		},
		Merge:  func(s, other *int64) { *s += *other },
		Result: func(s *int64) int64 { return *s },
	})))
	run("SET 'parallelism.default' = '4'")
	run("SET 'execution.runtime-mode' = 'batch'")
	run("CREATE TABLE numbers (i BIGINT) WITH ('connector' = 'datagen', 'fields.i.kind' = 'sequence', 'fields.i.start' = '1', 'fields.i.end' = '20000')")
	r := run("SELECT Text, total(N), COUNT(*), MAX(label(i, Text)), MIN(plus_one(i)) FROM numbers, LATERAL TABLE(pieces(i)) GROUP BY Text ORDER BY Text")
	var got strings.Builder
	must(r.WriteTSV(t.Context(), &got, false))
	var want strings.Builder
	for _, letter := range []string{"a", "b"} {
		for digit := range int64(10) {
			sum, highest, lowest := int64(0), "", int64(0)
			for n := int64(1); n <= 20000; n++ {
				if n%10 != digit {
					continue
				}
				sum, highest = sum+n, max(highest, fmt.Sprint(n, "-", letter, digit))
				if lowest == 0 {
					lowest = n + 1
				}
			}
			if letter == "b" {
				sum = 0
			}
			fmt.Fprintf(&want, "%s%d\t%d\t2000\t%s\t%d\n", letter, digit, sum, highest, lowest)
		}
	}
	if _, rows, _ := strings.Cut(got.String(), "\n"); rows != want.String() {
		t.Errorf("got\n%s\nwant\n%s", rows, want.String())
	}
}
