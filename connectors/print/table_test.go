package print

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/types"
)

// TestTable compares with what Flink 2.3 prints.
func TestTable(t *testing.T) {
	columns := []types.Field{{Name: "i", Type: types.New(types.Int)}, {Name: "s", Type: types.String()}}
	b, err := values.Batch(columns, values.R(1, "a"), values.Row{Kind: types.UpdateBefore, Values: []any{1, nil}}, values.Row{Kind: types.Delete, Values: []any{2, "x, y"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options     map[string]string
		parallelism int
		out, err    []string
	}{
		"plain":      {nil, 1, []string{"+I[1, a]", "-U[1, null]", "-D[2, x, y]"}, nil},
		"identifier": {map[string]string{"print-identifier": "x"}, 1, []string{"x> +I[1, a]", "x> -U[1, null]", "x> -D[2, x, y]"}, nil},
		"parallel":   {map[string]string{"standard-error": "true"}, 2, nil, []string{"1> +I[1, a]", "1> -U[1, null]", "1> -D[2, x, y]", "2> +I[1, a]", "2> -U[1, null]", "2> -D[2, x, y]"}},
		"both": {map[string]string{"print-identifier": "x", "sink.parallelism": "2"}, 2,
			[]string{"x:1> +I[1, a]", "x:1> -U[1, null]", "x:1> -D[2, x, y]", "x:2> +I[1, a]", "x:2> -U[1, null]", "x:2> -D[2, x, y]"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			f := TableTo(&stdout, &stderr)
			options, err := f.Fill(c.options)
			if err != nil {
				t.Fatal(err)
			}
			s, err := f.Sink(&tables.Table{Name: "t", Columns: columns, Options: options})
			if err != nil {
				t.Fatal(err)
			}
			if s.Changelog(types.Retracts) != types.Retracts || c.options["sink.parallelism"] == "2" != (s.Parallelism == 2) {
				t.Error("changelog or parallelism")
			}
			w := connectortest.NewWriters(t, s.Sink, c.parallelism)
			for range c.parallelism {
				w.Write(b)
			}
			w.Flush(true)
			if got := strings.Fields(strings.ReplaceAll(stdout.String(), " ", "~")); !slices.Equal(got, tilde(c.out)) {
				t.Errorf("output: %q", got)
			}
			if got := strings.Fields(strings.ReplaceAll(stderr.String(), " ", "~")); !slices.Equal(got, tilde(c.err)) {
				t.Errorf("error output: %q", got)
			}
		})
	}
	if _, err := Table().Fill(map[string]string{"sink.parallelism": "x"}); err == nil {
		t.Error("a wrong parallelism is taken")
	}
}

func tilde(s []string) (out []string) {
	for _, x := range s {
		out = append(out, strings.ReplaceAll(x, " ", "~"))
	}
	return out
}
