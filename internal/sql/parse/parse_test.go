package parse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNexmark reads the queries of the Nexmark benchmark.
func TestNexmark(t *testing.T) {
	files, err := filepath.Glob("testdata/nexmark/*.sql")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Script(filepath.Base(f), strings.ReplaceAll(string(text), "${SINK}", "'connector' = 'blackhole'"))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(text), ";\n"); len(s.Statements) != n {
			t.Errorf("%s: %d statements, want %d", f, len(s.Statements), n)
		}
	}
}
