package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/weirstream/weir/internal/testkit/sqlstorm"
)

// runSQL runs random queries in all ways, no longer than a while if that is not zero, and reports whether nothing differs.
func runSQL(w io.Writer, queries int, seed uint64, while time.Duration) (bool, error) {
	dir, err := os.MkdirTemp("", "meta")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	storm := &sqlstorm.Storm{
		Queries: queries, First: seed, Workers: 4 * runtime.GOMAXPROCS(0), Dir: dir, Most: 5,
		Failed: func(seed uint64, report string) { fmt.Fprintf(w, "query of seed %d:\n%s\n\n", seed, report) },
	}
	begin, ctx := time.Now(), context.Background()
	if while > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, while)
		defer cancel()
	}
	counts := storm.Run(ctx)
	fmt.Fprintf(w, "queries: %v, %.1f s\n", counts, time.Since(begin).Seconds())
	fmt.Fprintf(w, "meta: %d queries, %d differ\n", counts.Queries, counts.Differ)
	return counts.Differ == 0, nil
}
