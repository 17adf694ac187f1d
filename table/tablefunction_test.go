package table

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
)

// lastLines runs a query and returns the lines of its result without the header.
func lastLines(t *testing.T, env *Environment, query string) string {
	t.Helper()
	r, err := env.ExecuteSQL(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var b strings.Builder
	if err := r.WriteTSV(t.Context(), &b, false); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")[1:]
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

func TestTableFunctions(t *testing.T) {
	env := NewEnvironment(Options{})
	type row struct {
		A      bool
		B      int8
		C      float32
		D      []byte
		E      time.Time
		F      *string
		hidden int
	}
	text := "x"
	at := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	for name, f := range map[string][]TableFunction{
		"up_to": {TableFunc1(func(n int64) iter.Seq[int64] { return upTo(1, n) }), TableFunc2(upTo)},
		"types": {TableFunc1(func(n int32) iter.Seq[row] {
			return slices.Values([]row{{true, -1, 1.5, []byte("ab"), at, &text, 0}, {B: int8(n)}})
		})},
		"nothing": {TableFunc1(func(string) iter.Seq[string] { return nil })},
		"later":   {AsyncTableFunc1(func(_ context.Context, n *int64) ([]int64, error) { return []int64{7}, nil })},
		"thrice":  {TableFunc3(func(a, b, c string) iter.Seq[string] { return slices.Values([]string{a, b, c}) })},
	} {
		if err := env.AddTableFunction(name, f...); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"SELECT * FROM LATERAL TABLE(up_to(3)) AS t(i)":                                                                "1; 2; 3",
		"SELECT * FROM LATERAL TABLE(UP_TO(4, 5))":                                                                     "4; 5",
		"SELECT * FROM LATERAL TABLE(types(9))":                                                                        "FALSE\t9\t0.0\t\t0001-01-01 00:00:00.000000\tNULL; TRUE\t-1\t1.5\tab\t2020-01-02 03:04:05.000006\tx",
		"SELECT x, s FROM (VALUES ('a')) AS v(x) LEFT JOIN LATERAL TABLE(nothing(x)) AS t(s) ON TRUE":                  "a\tNULL",
		"SELECT x, s FROM (VALUES (1), (CAST(NULL AS INT))) AS v(x) LEFT JOIN LATERAL TABLE(up_to(x)) AS t(s) ON TRUE": "1\t1; NULL\tNULL",
		"SELECT s FROM (VALUES (CAST(NULL AS BIGINT))) AS v(x), LATERAL TABLE(later(x)) AS t(s)":                       "7",
		"SELECT s FROM (VALUES ('a')) AS v(x), LATERAL TABLE(thrice(x, 'b', UPPER(x))) AS t(s)":                        "A; a; b",
	} {
		if got := lastLines(t, env, query); got != want {
			t.Errorf("%s:\n%q, want\n%q", query, got, want)
		}
	}
	for query, want := range map[string]fault.Code{
		"SELECT * FROM LATERAL TABLE(up_to())":      fault.SQLType,
		"SELECT * FROM LATERAL TABLE(up_to('a b'))": "",
		"SELECT up_to(1)":                           fault.SQLInvalid,
		"SELECT * FROM LATERAL TABLE(nosuch(1))":    fault.SQLUnknownFunction,
	} {
		r, err := env.ExecuteSQL(t.Context(), query)
		if err == nil && want == "" {
			err = r.WriteTSV(t.Context(), &strings.Builder{}, false)
		}
		if err == nil || want != "" && fault.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for _, f := range [][]TableFunction{
		nil, {{}}, {TableFunc1(func(struct{}) iter.Seq[int64] { return nil })}, {TableFunc1(func(int64) iter.Seq[struct{ a int64 }] { return nil })},
		{TableFunc2(upTo), TableFunc2(upTo)}, {TableFunc2(upTo), AsyncTableFunc1(func(context.Context, int64) ([]int64, error) { return nil, nil })},
	} {
		if err := env.AddTableFunction("f", f...); fault.CodeOf(err) != fault.OptionInvalid {
			t.Errorf("%v", err)
		}
	}
}

func upTo(from, to int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for ; from <= to && yield(from); from++ {
		}
	}
}

// TestAsyncFunctionsEnd tells what becomes of calls that never succeed, and of those that take too long.
func TestAsyncFunctionsEnd(t *testing.T) {
	env := NewEnvironment(Options{})
	if err := env.AddFunction("never", AsyncFunc1(func(context.Context, int64) (int64, error) { return 0, context.Canceled })); err != nil {
		t.Fatal(err)
	}
	if err := env.AddFunction("slow", AsyncFunc1(func(ctx context.Context, n int64) (int64, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})); err != nil {
		t.Fatal(err)
	}
	for _, o := range [][2]string{{"retry-delay", "1 ms"}, {"timeout", "50 ms"}, {"max-attempts", "2"}} {
		if err := env.Set("table.exec.async-scalar."+o[0], o[1]); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]fault.Code{
		"SELECT never(x) FROM (VALUES (1), (2)) AS t(x)":                                                      fault.FunctionError,
		"SELECT slow(x) FROM (VALUES (1), (2)) AS t(x)":                                                       fault.FunctionTimeout,
		"SELECT a.x FROM (VALUES (1)) AS a(x) JOIN (VALUES (1)) AS b(x) ON a.x = b.x AND slow(a.x + b.x) > 1": fault.SQLUnsupported,
	} {
		r, err := env.ExecuteSQL(t.Context(), query)
		if err == nil {
			err = r.WriteTSV(t.Context(), &strings.Builder{}, false)
		}
		if fault.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for _, o := range [][2]string{{"retry-strategy", "SOMETIMES"}, {"timeout", "a while"}, {"max-concurrent-operations", "0"}} {
		if err := env.Set("table.exec.async-scalar."+o[0], o[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := env.ExecuteSQL(t.Context(), "SELECT never(x) FROM (VALUES (1)) AS t(x)"); fault.CodeOf(err) != fault.OptionInvalid {
			t.Errorf("%v: %v", o, err)
		}
		delete(env.config, "table.exec.async-scalar."+o[0])
	}
}
