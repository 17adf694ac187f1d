package table

import (
	"strings"
	"testing"
)

// TestWritesVariants writes values that CAST does not turn into strings, or in a form of their own.
func TestWritesVariants(t *testing.T) {
	env := NewEnvironment(Options{Parallelism: 1})
	r, err := env.ExecuteSQL(t.Context(), `SELECT BITMAP_BUILD(ARRAY[2, 1]) AS b, PARSE_JSON('{"a": 1.50}') AS v, OBJECT_OF('shop.User', 'name', 'Bob') AS o, ARRAY[PARSE_JSON('"x"')] AS l`)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.WriteTSV(t.Context(), &b, false); err != nil {
		t.Fatal(err)
	}
	if want := "b\tv\to\tl\n{1,2}\t{\"a\":1.5}\t(name=Bob)\t[\"x\"]\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	if _, err := env.ExecuteSQL(t.Context(), "SELECT CAST(PARSE_JSON('1') AS INT)"); err == nil {
		t.Error("a VARIANT was cast")
	}
}
