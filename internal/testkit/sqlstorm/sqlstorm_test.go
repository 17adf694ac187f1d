package sqlstorm

import (
	"flag"
	"testing"

	"github.com/weirstream/weir/internal/testkit/leak"
)

var (
	queries = flag.Int("queries", 1000, "how many random queries")
	first   = flag.Uint64("seed", 1, "the first seed")
	all     = flag.Bool("all", false, "run each query in all ways")
	skips   = flag.Bool("skips", false, "print what is skipped")
)

func TestMain(m *testing.M) { leak.Main(m) }

// TestQueries runs some random queries, each in one way; `make meta` runs many, in all ways.
func TestQueries(t *testing.T) {
	s := &Storm{
		Queries: *queries, First: *first, Workers: 4, Dir: t.TempDir(),
		Ways: func(seed uint64) []Way {
			w := Ways[seed%uint64(len(Ways))]
			if c := Seeded(seed); w.Batch && c.changelog() || w.Upsert && c.Key == nil { // not for this query
				w = Ways[seed%4]
			}
			return []Way{w}
		},
		Failed: func(seed uint64, report string) { t.Errorf("seed %d\n%s", seed, report) },
	}
	if *all {
		s.Ways = nil
	}
	if *skips {
		s.Skipped = func(seed uint64, c *Case, why error) { t.Logf("seed %d: %v\n%s", seed, why, c.Query) }
	}
	counts := s.Run(t.Context())
	t.Log(counts)
	if counts.Differ > 0 {
		t.Errorf("%d of %d queries differ", counts.Differ, counts.Queries)
	}
	if counts.Runs < *queries*9/10 {
		t.Errorf("too few queries are compared: %v", counts)
	}
}
