package nexmarkbench

import (
	"testing"

	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/table"
)

// TestCompiledPlans writes the plan of each query and reads it again: it must be the same.
func TestCompiledPlans(t *testing.T) {
	for _, query := range Queries() {
		text, err := Script{Events: 100, Rate: 1000, Sink: "'connector' = 'blackhole'", Output: t.TempDir()}.Text(query)
		if err != nil {
			t.Fatal(err)
		}
		script, err := parse.Script(query, text)
		if err != nil {
			t.Fatal(err)
		}
		env := table.NewEnvironment(table.Options{Parallelism: 2})
		if err := env.AddFunction("count_char", table.Func2(countChar)); err != nil {
			t.Fatal(err)
		}
		for _, st := range script.Statements {
			if _, ok := st.(*ast.Insert); !ok {
				if _, err := env.Execute(t.Context(), script.Source, st); err != nil {
					t.Fatal(query, err)
				}
				continue
			}
			insert := script.Source.Slice(st.Pos())
			want, err := env.Explain(t.Context(), insert)
			if err != nil {
				t.Fatal(query, err)
			}
			made, err := env.CompilePlan(t.Context(), insert)
			if err != nil {
				t.Fatal(query, err)
			}
			read, err := env.LoadPlan(made.JSON())
			if err != nil {
				t.Fatalf("%s: %v\n%s", query, err, made.JSON())
			}
			if got, err := read.Explain(); err != nil || got != want {
				t.Errorf("%s: %v\n%s\nwant\n%s", query, err, got, want)
			}
		}
	}
}
