package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// TestFewEvents compares the ways of some queries with each other, and sees that what is wrong in the golden file is told.
func TestFewEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden.txt")
	if err := os.WriteFile(path, []byte("events 20000\nq2 rows 1 00\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query string
		ok    bool
	}{{"q2", false}, {"q10", true}, {"q12", true}, {"q18", true}, {"q19", true}} {
		var out strings.Builder
		ok, err := run(context.Background(), options{queries: []string{c.query}, ways: "memory", golden: path, events: 20_000, out: &out})
		if err != nil || ok != c.ok {
			t.Errorf("%s: %v, %v\n%s", c.query, ok, err, &out)
		}
	}
}

// TestGolden sees that the golden file has a line for each query.
func TestGolden(t *testing.T) {
	golden, err := readGolden("golden.txt", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"q0 rows", "q10 files", "q12 total", "q18 part", "q19 part", "q23 loops"} {
		if golden[key] == "" {
			t.Errorf("there is no line for %s", key)
		}
	}
	if other, err := readGolden("golden.txt", 17); err != nil || len(other) > 0 {
		t.Errorf("%v, %v", other, err)
	}
}
