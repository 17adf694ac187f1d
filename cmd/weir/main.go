// Command weir is Weir's command line: it runs and explains scripts of SQL, has a shell for them, measures them, and tells what a checkpoint or savepoint has.
package main

import (
	"os"

	"github.com/weirstream/weir/backends/s3"
	"github.com/weirstream/weir/internal/cli"
)

func main() {
	s3.Register()
	os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr))
}
