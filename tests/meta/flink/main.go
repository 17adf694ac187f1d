// Command flink asks a real Flink the random queries of package sqlstorm, and compares its rows and result types, nullability included, with Weir's.
//
//	go run ./tests/meta/flink -gateway http://127.0.0.1:8083 -queries 1000 -mode batch
//
// It needs a running cluster of Flink with its SQL gateway on this machine, as the tables are files in a temporary directory. It prints a line for each query, and what differs; then how often which reason was met, of
// those in known.go; and last "flink: 1000 queries, 950 equal, 40 refused by Flink, 10 explained, 0 differ". The exit code is 1 if something differs that no reason explains. What came out last is in RESULT.txt.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/testkit/flinksql"
	"github.com/weirstream/weir/internal/testkit/sqlstorm"
)

func main() {
	o := options{out: os.Stdout}
	flag.StringVar(&o.gateway, "gateway", "http://127.0.0.1:8083", "where Flink's SQL gateway listens")
	flag.IntVar(&o.queries, "queries", 1000, "how many queries")
	flag.Uint64Var(&o.seed, "seed", 1, "the first seed")
	flag.StringVar(&o.mode, "mode", "batch", "the runtime mode of both engines: batch, or streaming; there, tables have updates, too")
	flag.IntVar(&o.sessions, "sessions", 3, "how many sessions ask at once")
	flag.IntVar(&o.share, "share", 20, "how many queries have the same tables and session")
	flag.StringVar(&o.record, "record", "", "write what Flink says to this file")
	flag.StringVar(&o.replay, "replay", "", "ask no Flink, but compare with what it said when this file was written")
	flag.BoolVar(&o.quiet, "quiet", false, "print only what differs, and totals")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	t, err := run(ctx, o)
	stop()
	if err == nil {
		fmt.Print(t)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case t.outcomes[differ] > 0:
		os.Exit(1)
	}
}

type options struct {
	gateway, mode            string
	record, replay           string
	queries, sessions, share int
	seed                     uint64
	quiet                    bool
	out                      io.Writer
}

// run asks all queries.
func run(ctx context.Context, o options) (*tally, error) {
	if o.mode != "batch" && o.mode != "streaming" {
		return nil, fmt.Errorf("the mode is %q, and should be batch or streaming", o.mode)
	}
	dir, err := os.MkdirTemp("", "flink")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := newTally()
	var said []*recorded
	count := func(c *compared) {
		verdict, why := c.judge()
		t.add(verdict, why)
		c.print(o, verdict, why)
		if r := c.record(); r != nil {
			said = append(said, r)
		}
	}
	if o.replay != "" {
		list, err := readRecord(o.replay)
		if err != nil {
			return nil, err
		}
		return t, replay(ctx, list, dir, o.sessions, count)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	left := o.queries
	group := uint64(0)
	// next is how many queries come next, and the number of their tables.
	next := func() (n int, g uint64) {
		mu.Lock()
		defer mu.Unlock()
		n, g = min(left, o.share), group
		left -= n
		group++
		return n, g
	}
	for range max(o.sessions, 1) {
		wg.Go(func() {
			for n, g := next(); n > 0 && ctx.Err() == nil; n, g = next() {
				err := ask(ctx, o, filepath.Join(dir, fmt.Sprint(g)), g, n, func(c *compared) {
					mu.Lock()
					defer mu.Unlock()
					count(c)
				})
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if o.record != "" {
		slices.SortFunc(said, func(a, b *recorded) int { return cmp.Compare(a.Seed, b.Seed) })
		if err := writeRecord(o.record, said); err != nil {
			return nil, err
		}
	}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return t, nil // of an interrupted run, what it came to
}

// print prints a line, and what differs.
func (c *compared) print(o options, verdict outcome, why string) {
	if verdict == differ || verdict == refused && len(why) > 13 && why[:13] == "not explained" {
		fmt.Fprintf(o.out, "seed %d, tables %d, %s: %s\n  %s\n%s\n", c.seed, c.tables, c.mode, verdict, c.sql, why)
	} else if !o.quiet {
		fmt.Fprintf(o.out, "seed %d, tables %d, %s: %s %s\n", c.seed, c.tables, c.mode, verdict, why)
	}
}

// groupSeeds are the seeds that are there for a group: more than it has queries, as some have no certain result.
const groupSeeds = 1000

// prepared opens a session and creates the tables of a case.
func prepared(ctx context.Context, o options, c *sqlstorm.Case, dir string) (*flinksql.Session, error) {
	s, err := flinksql.Open(ctx, o.gateway, map[string]string{
		"execution.runtime-mode": o.mode, "parallelism.default": "1", "table.local-time-zone": "UTC", "table.exec.resource.default-parallelism": "1",
	})
	if err != nil {
		return nil, fmt.Errorf("the gateway at %s: %w", o.gateway, err)
	}
	ddl, err := c.Files(dir)
	if err != nil {
		return nil, err
	}
	for _, text := range ddl {
		if _, err := s.Run(ctx, text); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	return s, nil
}

// patience is how long a query may take: a minute, where most take less than a second.
const patience = time.Minute

// noEnd is what is told of a query that takes longer.
const noEnd = "no answer within a minute"

// ask asks the queries of a group, in one session.
func ask(ctx context.Context, o options, dir string, group uint64, n int, done func(*compared)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	batch := o.mode == "batch"
	r := &sqlstorm.Runner{Dir: filepath.Join(dir, "weir")}
	begin := o.seed + group*groupSeeds
	var s *flinksql.Session
	defer func() {
		if s != nil {
			s.Close(context.WithoutCancel(ctx))
		}
	}()
	for seed := begin; n > 0 && seed < begin+groupSeeds; seed++ {
		c, err := sqlstorm.Peer(begin, seed, batch)
		if err != nil {
			return err
		}
		if s == nil {
			if s, err = prepared(ctx, o, c, dir); err != nil {
				return err
			}
		}
		if c.Undetermined(batch) {
			continue
		}
		n--
		out := answered(ctx, r, c, o.mode)
		out.seed, out.tables = seed, begin
		limited, cancel := context.WithTimeout(ctx, patience)
		table, err := s.Run(limited, c.Query)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = &flinksql.Refusal{Causes: noEnd}
			s = nil // it takes no statement before that one has ended
		}
		if said := (*flinksql.Refusal)(nil); err != nil && !errors.As(err, &said) {
			return err // the gateway is gone
		}
		if out.flink.err = err; err == nil {
			out.flink.types, out.flink.rows = table.Types, table.Rows
		}
		done(out)
	}
	return nil
}
