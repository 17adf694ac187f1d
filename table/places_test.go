package table

import (
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/values"
)

// TestPlacesOfErrors compares the errors of scripts that are bound and cannot be planned with a golden file: parts with a line of "====" between them, each a script, "----" and the error, which shows the clause that is at
// fault. The first part declares the tables for all.
func TestPlacesOfErrors(t *testing.T) {
	const file = "testdata/places.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n====\n")
	out := parts[:1:1]
	for _, part := range parts[1:] {
		script, want, _ := strings.Cut(part, "\n----\n")
		env := NewEnvironment(Options{})
		store := values.NewStore()
		for _, name := range []string{"a", "b", "changes", "keyless", "plain", "texts", "versions", "own"} {
			store.Put(name)
		}
		env.AddConnector(store.Table())
		run := func(name, text string) error {
			return env.Script(t.Context(), name, text, func(string, *Result) error { return nil })
		}
		if err := run("tables.sql", parts[0]); err != nil {
			t.Fatal(err)
		}
		got := "no error"
		if err := run("bad.sql", script); err != nil {
			got = err.Error()
		}
		if got != want && !*rewrite {
			t.Errorf("%s\n%s\nwant\n%s", script, got, want)
		}
		out = append(out, script+"\n----\n"+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n====\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
