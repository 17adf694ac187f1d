package sqlstorm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/weirstream/weir/internal/sql/oracle"
)

// Storm is a run of many random queries.
type Storm struct {
	// Queries is how many, from the seed First on.
	Queries int
	First   uint64
	// Workers is how many run at once; at least 1.
	Workers int
	// Ways returns in which ways the query of a seed runs; nil for all.
	Ways func(seed uint64) []Way
	// Dir is where checkpoints and state are kept.
	Dir string
	// Failed is called with each query that differs, shrunk; one call at a time. After Most of them (3 if zero) the others are only counted.
	Failed func(seed uint64, report string)
	Most   int
	// Skipped, if not nil, is called with each query that was not compared; one call at a time.
	Skipped func(seed uint64, c *Case, why error)
}

// Counts is what came of a storm.
type Counts struct {
	Queries int
	// Runs is how often a query ran, Restored how many of these runs were stopped and restored.
	Runs int
	// Undetermined queries have no certain result, Refused ones cannot be planned, and Unknown ones have what the oracle does not know.
	Undetermined, Refused, Unknown int
	Differ                         int
}

// String says it in a line.
func (c Counts) String() string {
	return fmt.Sprintf("%d runs, %d queries undetermined, %d refused, %d unknown", c.Runs, c.Undetermined, c.Refused, c.Unknown)
}

// Run runs the queries. When ctx ends, it begins no other, and returns when those that have begun have ended.
func (s *Storm) Run(ctx context.Context) (out Counts) {
	work := context.WithoutCancel(ctx)
	var mu sync.Mutex
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range max(s.Workers, 1) {
		wg.Go(func() {
			r := &Runner{Dir: filepath.Join(s.Dir, fmt.Sprintf("worker%d", w))}
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(s.Queries) {
					return
				}
				seed := s.First + uint64(i)
				ways := Ways
				if s.Ways != nil {
					ways = s.Ways(seed)
				}
				c := Seeded(seed)
				v := r.Check(work, c, ways)
				mu.Lock()
				out.count(v)
				shrink := v.Way != "" && out.Differ <= max(s.Most, 3)
				if v.Skip != nil && s.Skipped != nil {
					s.Skipped(seed, c, v.Skip)
				}
				mu.Unlock()
				if !shrink {
					continue
				}
				report := r.explain(work, seed, c, v)
				mu.Lock()
				s.Failed(seed, report)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out
}

func (c *Counts) count(v Verdict) {
	c.Queries++
	c.Runs += v.Ran
	switch {
	case v.Way != "":
		c.Differ++
	case errors.Is(v.Skip, oracle.ErrUndetermined):
		c.Undetermined++
	case errors.Is(v.Skip, oracle.ErrUnsupported):
		c.Unknown++
	case v.Skip != nil:
		c.Refused++
	}
}

// explain shrinks a case that differs. What does not differ again is told as it was.
func (r *Runner) explain(ctx context.Context, seed uint64, c *Case, v Verdict) string {
	for _, w := range Ways {
		if w.Name != v.Way {
			continue
		}
		for range 3 {
			if small, sv := r.Shrink(ctx, seed, w); sv.Way != "" {
				return strings.TrimRight(small.Report(sv), "\n")
			}
		}
	}
	return "# does not differ always\n" + strings.TrimRight(c.Report(v), "\n")
}
