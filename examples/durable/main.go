// Command durable reads the logs of a web server and writes hourly figures and all server errors to files, each line exactly once, however often the process is killed and started again.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

func main() { os.Exit(run()) }

func run() int {
	in := flag.String("in", "examples/accesslog/testdata/access.log", "log to read, or a directory of logs whose names are in the order of time")
	dir := flag.String("dir", "", "directory for results and checkpoints; a temporary one if empty, and nothing is kept")
	interval := flag.Duration("interval", time.Second, "from one checkpoint to the next")
	parallelism := flag.Int("parallelism", 2, "subtasks of each operator")
	flag.Parse()

	if *dir == "" {
		temporary, err := os.MkdirTemp("", "durable")
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return weir.ExitFailed
		}
		defer os.RemoveAll(temporary)
		*dir = temporary
	}
	hoursDir, failuresDir := filepath.Join(*dir, "hours"), filepath.Join(*dir, "failures")
	env := weir.NewEnvironment(weir.Options{
		Parallelism: *parallelism, MaxParallelism: 128,
		Checkpoints: weir.Checkpoints{Dir: filepath.Join(*dir, "checkpoints"), Interval: *interval, Resume: true},
	})
	hours, failures := build(weir.FromFiles(env, files.Options{Path: *in}).Name("log").UID("log").Parallelism(1))
	hours.ToFiles(files.SinkOptions[figures]{Dir: hoursDir, Suffix: ".txt"}).Name("hours").UID("hours")
	failures.ToFiles(files.SinkOptions[request]{Dir: failuresDir, Suffix: ".txt"}).Name("failures").UID("failures")
	code := env.Main("durable")
	if code == weir.ExitFinished {
		fmt.Printf("%d lines of hourly figures, %d server errors\n", countLines(hoursDir), countLines(failuresDir))
	}
	return code
}

// countLines counts the lines that are visible in a directory of results.
func countLines(dir string) (n int) {
	names, _ := filepath.Glob(filepath.Join(dir, "part-*"))
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			n++
		}
		f.Close()
	}
	return n
}
