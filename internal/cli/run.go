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
	"github.com/weirstream/weir/table"
)

type running struct {
	changelog   bool
	parallelism int
	set         []string
}

func runCommand() *cobra.Command {
	r := &running{}
	c := &cobra.Command{
		Use:   "run FILE.sql",
		Short: "run a script of SQL",
		Long: `Executes the statements of a script in order. A SELECT prints its rows on standard output: a line with the names of the columns, then a line a row, with tabs between the values
and NULL for null. An INSERT starts a job and the script goes on; at its end all jobs are waited for. FILE may be - for standard input. Ctrl-C cancels what runs.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd, args[0]) },
	}
	c.Flags().BoolVar(&r.changelog, "changelog", false, "print what each row does to the result (+I, -U, +U, -D) in a first column op")
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
	env, err := r.environment()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var jobs []*weir.JobClient
	err = env.Script(ctx, name, text, func(_ string, res *table.Result) error {
		if res.Job != nil {
			jobs = append(jobs, res.Job)
		}
		return res.WriteTSV(ctx, cmd.OutOrStdout(), r.changelog)
	})
	if err != nil {
		for _, j := range jobs {
			j.Cancel()
		}
	}
	for _, j := range jobs {
		done := context.AfterFunc(ctx, j.Cancel)
		result, failed := j.Wait(context.Background())
		done()
		fmt.Fprintln(cmd.ErrOrStderr(), result)
		if err == nil {
			err = failed
		}
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
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
