// Package cli has the commands of the program weir, one a file.
package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Run runs the command that args name, and returns the exit code: 0, or 1 after an error, which is written to stderr.
func Run(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{Use: "weir", Short: "Weir processes streams", SilenceUsage: true, SilenceErrors: true}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(inspectCommand(), runCommand(), explainCommand(), sqlCommand(), benchCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(stderr, "weir:", err)
		return 1
	}
	return 0
}
