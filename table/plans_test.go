package table

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/values"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

// TestPlans compares the plans of queries, or the errors with which they are refused, with a golden file: parts with an empty line between them, each SQL, "----" and what became of it.
func TestPlans(t *testing.T) {
	const file = "testdata/plans.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := NewEnvironment(Options{})
	env.AddConnector(values.NewStore().Table())
	var out []string
	for _, part := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		sql, want, _ := strings.Cut(part, "\n----\n")
		sql = strings.TrimSuffix(sql, "\n----")
		if strings.HasPrefix(sql, "CREATE") || strings.HasPrefix(sql, "SET") || strings.HasPrefix(sql, "RESET") {
			if _, err := env.ExecuteSQL(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			out = append(out, sql)
			continue
		}
		got, err := env.Explain(t.Context(), sql)
		if err != nil {
			got = strings.SplitN(err.Error(), "\n", 2)[0]
		}
		got = strings.TrimSpace(got)
		for range 5 { // uids follow from the plan, so it must be the same each time
			if again, err := env.Explain(t.Context(), sql); err == nil && strings.TrimSpace(again) != got {
				t.Errorf("%s: another plan:\n%s", sql, again)
			}
		}
		out = append(out, sql+"\n----\n"+got)
		if got != want && !*rewrite {
			t.Errorf("%s\n%s\nwant\n%s", sql, got, want)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
