package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/cli/live"
	"github.com/weirstream/weir/table"
)

type running struct {
	changelog   bool
	format      string
	parallelism int
	set         []string
	dir         string
	keepState   bool
}

func runCommand() *cobra.Command {
	r := &running{}
	c := &cobra.Command{
		Use:   "run FILE.sql",
		Short: "run a script of SQL",
		Long: `Executes the statements of a script in order. On a terminal a SELECT shows a table that changes in place, with a line on how the job gets on: rows a second in and out, the watermark
and how far it lies behind the clock, checkpoints, and the busiest operator. Elsewhere it prints its rows on standard output: a line with the names of the columns, then a line a row, with tabs between the values
and NULL for null. An INSERT starts a job and the script goes on; at its end all jobs are waited for. FILE may be - for standard input. Ctrl-C ends what runs, and tells what it did.

With --checkpoint-dir the script is durable: its jobs take checkpoints there, every second unless execution.checkpointing.interval is set, and the same command goes on where it was, whatever ended it, with each row of
the input in the results exactly once. The result of a SELECT is kept, too: its rows come with checkpoints, and each run begins with those of before. A job is known by its name (SET 'pipeline.name', or the
table that it writes to); if its statement has changed, it is refused, unless --keep-state is given.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd, args[0]) },
	}
	c.Flags().StringVar(&r.format, "format", "", "print rows as table (when the query has ended), tsv, csv or json (an object a line) in place of the default")
	c.Flags().BoolVar(&r.changelog, "changelog", false, "print each change as a row, with what it does to the result (+I, -U, +U, -D) in a first column op")
	c.Flags().StringVar(&r.dir, "checkpoint-dir", "", "keep the script's jobs in this directory, and go on with what is there")
	c.Flags().BoolVar(&r.keepState, "keep-state", false, "with --checkpoint-dir: go on with the state of statements that have changed, where their operators are the same")
	r.options(c)
	return c
}

// options adds the flags of all commands that run SQL.
func (r *running) options(c *cobra.Command) {
	c.Flags().IntVar(&r.parallelism, "parallelism", 1, "how many subtasks an operator runs in")
	c.Flags().StringArrayVar(&r.set, "set", nil, "KEY=VALUE: set an option before the script, as SET 'KEY' = 'VALUE' in it does")
}

func (r *running) environment() (*table.Environment, error) {
	env := table.NewEnvironment(table.Options{Parallelism: r.parallelism})
	for _, kv := range r.set {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s: write it as KEY=VALUE", kv)
		}
		if err := env.Set(k, v); err != nil {
			return nil, err
		}
	}
	return env, nil
}

func readScript(cmd *cobra.Command, file string) (name, text string, err error) {
	var b []byte
	if file == "-" {
		b, err = io.ReadAll(cmd.InOrStdin())
		return "stdin", string(b), err
	}
	b, err = os.ReadFile(file)
	return file, string(b), err
}

func (r *running) run(cmd *cobra.Command, file string) error {
	name, text, err := readScript(cmd, file)
	if err != nil {
		return err
	}
	return r.script(cmd, name, text)
}

// script executes a text of statements; name is what errors call it.
func (r *running) script(cmd *cobra.Command, name, text string) error {
	switch r.format {
	case "", "tsv", "csv", "json":
	case "table":
		if r.changelog {
			return fmt.Errorf("--format table shows the rows of the result, and --changelog asks for its changes: use --format tsv, csv or json")
		}
	default:
		return fmt.Errorf("--format %s: it must be table, tsv, csv or json", r.format)
	}
	env, err := r.environment()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if r.dir != "" {
		if err := env.KeepJobs(table.Durable{Dir: r.dir, KeepState: r.keepState}); err != nil {
			return err
		}
	} else if r.keepState {
		return fmt.Errorf("--keep-state is about the state in a --checkpoint-dir, which is not given")
	}
	term := live.OnTerminal(cmd.InOrStdin(), cmd.OutOrStdout())
	if term != nil {
		term.Steady = steady
	}
	var jobs []*weir.JobClient
	err = env.Script(ctx, name, text, func(_ string, res *table.Result) error {
		if res.Job != nil {
			jobs = append(jobs, res.Job)
		}
		return r.print(ctx, cmd, term, res)
	})
	if r.dir != "" && err == nil && ctx.Err() == nil {
		if left, _ := env.LeftOut(ctx); len(left) > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s has the state of jobs that the script does not have: %s\n", r.dir, strings.Join(left, ", "))
		}
	}
	cancel := func() {
		for _, j := range jobs {
			r.end(j)
		}
	}
	if err != nil || ctx.Err() != nil {
		cancel()
	}
	if term != nil && len(jobs) > 0 {
		term.Watch(ctx, jobs, cancel)
	}
	for _, j := range jobs {
		done := context.AfterFunc(ctx, func() { r.end(j) })
		result, failed := j.Wait(context.Background())
		done()
		fmt.Fprintln(cmd.ErrOrStderr(), summary(term, result))
		if err == nil && !(j.Status() == weir.StatusCanceled) {
			err = failed
		}
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// end cancels a job; one that is durable goes on from here.
func (r *running) end(j *weir.JobClient) {
	if r.dir != "" {
		table.Pause(j)
	}
	j.Cancel()
}

// steady makes what is shown on a terminal the same at each run, for the records of tests.
var steady bool

func summary(term *live.Terminal, r *weir.JobResult) string {
	if term != nil {
		return term.Summary(r)
	}
	return r.String()
}

// print shows the result of a statement. A query that was ended by ctx is no error; what it did is told.
func (r *running) print(ctx context.Context, cmd *cobra.Command, term *live.Terminal, res *table.Result) error {
	out := cmd.OutOrStdout()
	if term != nil && r.format == "" && !r.changelog {
		if res.IsQuery() {
			return term.Show(ctx, res)
		}
		return term.PrintRows(ctx, res)
	}
	var err error
	switch r.format {
	case "table":
		err = live.WriteTable(ctx, out, res, term)
	case "csv":
		err = res.WriteCSV(ctx, out, r.changelog)
	case "json":
		err = res.WriteJSON(ctx, out, r.changelog)
	default:
		err = res.WriteTSV(ctx, out, r.changelog)
	}
	if res.IsQuery() && res.Job != nil && ctx.Err() != nil && res.Job.Status() == weir.StatusCanceled {
		result, _ := res.Job.Wait(context.Background())
		fmt.Fprintln(cmd.ErrOrStderr(), summary(term, result))
		return nil
	}
	return err
}

func explainCommand() *cobra.Command {
	r := &running{}
	c := &cobra.Command{
		Use:   "explain FILE.sql",
		Short: "show the plans of a script of SQL",
		Long: `Shows the plan of each query and INSERT of a script, and runs none: operators, the kinds of rows that each emits (changelogMode), the columns that tell its rows apart (upsertKey), and what
it keeps (state). Statements that define tables and views, or set options, are executed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, text, err := readScript(cmd, args[0])
			if err != nil {
				return err
			}
			env, err := r.environment()
			if err != nil {
				return err
			}
			return env.ExplainScript(cmd.Context(), name, text, func(statement, plan string) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "-- %s\n%s\n", strings.ReplaceAll(strings.TrimSpace(statement), "\n", "\n-- "), plan)
				return err
			})
		},
	}
	r.options(c)
	return c
}
