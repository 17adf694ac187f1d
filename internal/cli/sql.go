package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/internal/cli/live"
	"github.com/weirstream/weir/internal/cli/shell"
)

func sqlCommand() *cobra.Command {
	r := &running{}
	var execute, history string
	c := &cobra.Command{
		Use:   "sql",
		Short: "a shell for SQL",
		Long: `Reads statements from the terminal and executes them: with history, editing over several lines, completion of words, tables, columns, functions and options, and jobs that run while you go on. \? tells more.
Without a terminal it executes the script on standard input, as weir run - does.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			term := live.OnTerminal(cmd.InOrStdin(), cmd.OutOrStdout())
			if execute != "" {
				return r.script(cmd, "", execute)
			}
			if term == nil || term.In == nil {
				return r.run(cmd, "-")
			}
			term.Steady = steady
			env, err := r.environment()
			if err != nil {
				return err
			}
			env.AllowSavepoints()
			return (&shell.Shell{Env: env, Terminal: term, History: history}).Run()
		},
	}
	c.Flags().StringVarP(&execute, "execute", "e", "", "execute these statements, and end")
	c.Flags().StringVar(&history, "history", historyFile(), "the file of statements that were typed; \"\" for none")
	c.Flags().StringVar(&r.format, "format", "", "with --execute, or without a terminal: print rows as table, tsv, csv or json in place of the default")
	r.options(c)
	return c
}

// historyFile lies where programs of the user keep such things.
func historyFile() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "weir", "history")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "weir", "history")
}
