package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/internal/cli/nexmarkbench"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "measure how fast Weir is here"}
	c.AddCommand(nexmarkCommand())
	return c
}

func nexmarkCommand() *cobra.Command {
	var cfg nexmarkbench.Config
	var queries, miniBatch, profiles string
	var warmUp int64
	var runs int
	var asJSON bool
	c := &cobra.Command{
		Use:   "nexmark",
		Short: "run the queries of the Nexmark benchmark",
		Long: `Runs queries of the Nexmark benchmark, each as a job of its own over events that are generated in the process, and prints what they took: seconds, the process's CPU-seconds, events
by second and by CPU-second, peak memory, rows written, and with --checkpoint how many checkpoints there were, how long they took and what the last one wrote. With --verify the rows of the result are summed up: their number and a checksum that does not depend on their order.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := nexmarkbench.Queries()
			if queries != "all" {
				list = strings.Split(queries, ",")
			}
			cfg.MiniBatch = miniBatch == "on"
			if cfg.Dir == "" {
				dir, err := os.MkdirTemp("", "weir-nexmark-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir)
				cfg.Dir = dir
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			out := cmd.OutOrStdout()
			if !asJSON {
				fmt.Fprintf(out, "%-5s %12s %9s %9s %12s %14s %10s %12s", "query", "events", "seconds", "cpu", "events/s", "events/core-s", "peak MiB", "changes")
				if cfg.Checkpoint > 0 {
					fmt.Fprintf(out, " %11s %7s %7s %10s", "checkpoints", "p50 ms", "p99 ms", "last bytes")
				}
				if cfg.Verify {
					fmt.Fprintf(out, " %12s %s", "rows", "checksum")
				}
				fmt.Fprintln(out)
			}
			failed := 0
			for _, q := range list {
				q = strings.TrimSpace(q)
				if warmUp > 0 {
					w := cfg
					w.Events = warmUp
					if _, err := nexmarkbench.Run(ctx, q, w); err != nil && ctx.Err() != nil {
						return ctx.Err()
					}
				}
				var results []*nexmarkbench.Result
				stop, err := profileTo(profiles, q)
				if err != nil {
					return err
				}
				for range runs {
					r, err := nexmarkbench.Run(ctx, q, cfg)
					if ctx.Err() != nil {
						_ = stop()
						return ctx.Err()
					}
					if err != nil {
						failed++
						r = &nexmarkbench.Result{Engine: "weir", Query: q, Events: cfg.Events, Failed: err.Error()}
					}
					if asJSON {
						if err := json.NewEncoder(out).Encode(r); err != nil {
							return err
						}
						continue
					}
					results = append(results, r)
				}
				if err := stop(); err != nil {
					return err
				}
				if asJSON {
					continue
				}
				slices.SortFunc(results, func(a, b *nexmarkbench.Result) int {
					return int(b.EventsPerCoreSecond - a.EventsPerCoreSecond)
				})
				r := results[len(results)/2]
				if r.Failed != "" {
					fmt.Fprintf(out, "%-5s %s\n", q, r.Failed)
					continue
				}
				fmt.Fprintf(out, "%-5s %12d %9.3f %9.3f %12d %14d %10d %12d", q, r.Events, r.Seconds, r.CPUSeconds, r.EventsPerSecond, r.EventsPerCoreSecond, r.PeakResidentMiB, r.Changes)
				if cfg.Checkpoint > 0 {
					fmt.Fprintf(out, " %11d %7d %7d %10d", r.Checkpoints, r.CheckpointP50MS, r.CheckpointP99MS, r.LastStateBytes)
				}
				if cfg.Verify {
					fmt.Fprintf(out, " %12d %s", r.Rows, r.Checksum)
				}
				fmt.Fprintln(out)
			}
			if failed > 0 {
				return fmt.Errorf("%d runs failed", failed)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&queries, "queries", "all", "which queries, with commas between them")
	f.Int64Var(&cfg.Events, "events", 10_000_000, "how many events")
	f.Int64Var(&cfg.Rate, "rate", 10_000_000, "events in a second of event time; they are always made as fast as possible")
	f.IntVar(&cfg.Parallelism, "parallelism", 1, "how many subtasks an operator runs in")
	f.DurationVar(&cfg.Checkpoint, "checkpoint", 0, "time between checkpoints; 0 for none")
	f.BoolVar(&cfg.Incremental, "incremental", true, "checkpoints write only what has changed")
	f.StringVar(&cfg.State, "state", "memory", "where state is kept: memory or lsm")
	f.Int64Var(&cfg.Memory, "memory", 0, "bytes of memory for state; 0 for the default")
	f.StringVar(&miniBatch, "mini-batch", "on", "on: a change for each group and chunk; off: one for each row")
	f.BoolVar(&cfg.Batch, "batch", false, "batch mode: only final rows")
	f.BoolVar(&cfg.Verify, "verify", false, "sum up the rows of the result")
	f.Int64Var(&warmUp, "warm-up", 0, "events of a run before, which is not measured")
	f.IntVar(&runs, "runs", 1, "how many runs; of several the median is printed")
	f.StringVar(&cfg.Dir, "dir", "", "directory for checkpoints, state and output; default: a temporary one")
	f.StringVar(&profiles, "cpuprofile", "", "directory for a profile of each query's measured runs, for go tool pprof")
	f.BoolVar(&asJSON, "json", false, "a line of JSON for each run")
	return c
}

// profileTo begins a profile of the processor in the file query.prof of a directory, which it makes if need be; "" for none. What it returns ends it.
func profileTo(dir, query string) (stop func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(dir, query+".prof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}
