package table

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
)

// TestTemporalFunction joins with a table that has no primary key: the function has one.
func TestTemporalFunction(t *testing.T) {
	env := NewEnvironment(Options{Parallelism: 1})
	store := values.NewStore()
	store.Put("orders", values.R(2, "eur", "2020-01-01 00:00:42"), values.R(50, "yen", "2020-01-01 00:00:44"), values.R(3, "eur", "2020-01-01 00:00:46"))
	store.Put("rates", values.R("eur", 114, "2020-01-01 00:00:41"), values.R("yen", 1, "2020-01-01 00:00:41"), values.R("eur", 116, "2020-01-01 00:00:45"), values.R("eur", 119, "2020-01-01 00:00:55"))
	env.AddConnector(store.Table())
	for _, s := range []string{
		"CREATE TABLE orders (amount BIGINT, currency STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values')",
		"CREATE TABLE rates (currency STRING, rate BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values')",
		"CREATE TABLE paid (eur BIGINT) WITH ('connector' = 'values')",
	} {
		if _, err := env.ExecuteSQL(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		table, time, key string
		code             fault.Code
	}{{"nothing", "ts", "currency", fault.SQLUnknownTable}, {"rates", "at", "currency", fault.SQLUnknownColumn}, {"rates", "ts", "code", fault.SQLUnknownColumn}, {"1 + 1", "ts", "currency", fault.SQLInvalid}} {
		if err := env.AddTemporalFunction("RateAt", c.table, c.time, c.key); fault.CodeOf(err) != c.code {
			t.Errorf("%v: %v", c, err)
		}
	}
	if err := env.AddTemporalFunction("RateAt", "rates", "ts", "currency"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Explain(t.Context(), "SELECT amount * rate FROM orders AS o, LATERAL TABLE(RateAt(o.ts)) AS r WHERE o.amount = r.rate"); fault.CodeOf(err) != fault.SQLUnsupported {
		t.Errorf("a join by other columns than the key: %v", err)
	}
	r, err := env.ExecuteSQL(t.Context(), "INSERT INTO paid SELECT amount * rate FROM orders AS o, LATERAL TABLE(RateAt(o.ts)) AS r WHERE o.currency = r.currency")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := store.Texts("paid")
	slices.Sort(got)
	if want := []string{"+I[228]", "+I[348]", "+I[50]"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestWrittenMetadata checks that metadata columns are written behind the others, sorted by their keys.
func TestWrittenMetadata(t *testing.T) {
	env := NewEnvironment(Options{Parallelism: 1})
	store := values.NewStore()
	env.AddConnector(store.Table())
	for _, s := range []string{
		"CREATE TABLE written (z BIGINT METADATA, a INT, b STRING METADATA FROM 'k', v BIGINT METADATA FROM 'offset' VIRTUAL) WITH ('connector' = 'values', 'readable-metadata' = 'offset:BIGINT', 'writable-metadata' = 'k:STRING, z:BIGINT')",
	} {
		if _, err := env.ExecuteSQL(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	r, err := env.ExecuteSQL(t.Context(), "INSERT INTO written VALUES (7, 1, 'x')")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := store.Texts("written"); !slices.Equal(got, []string{"+I[1, x, 7]"}) {
		t.Errorf("%v", got)
	}
}
