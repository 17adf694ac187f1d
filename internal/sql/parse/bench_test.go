package parse

import (
	"os"
	"strings"
	"testing"
)

// BenchmarkNexmark reads the queries of the Nexmark benchmark.
func BenchmarkNexmark(b *testing.B) {
	var all strings.Builder
	for _, f := range []string{"q5", "q9", "q16", "q23"} {
		text, err := os.ReadFile("../../cli/nexmarkbench/queries/" + f + ".sql")
		if err != nil {
			b.Fatal(err)
		}
		all.WriteString(strings.ReplaceAll(string(text), "${SINK}", ""))
	}
	b.SetBytes(int64(all.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Script("", all.String()); err != nil {
			b.Fatal(err)
		}
	}
}
