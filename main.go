package weir

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/weirstream/weir/fault"
)

// The exit codes of [Environment.Main].
const (
	ExitFinished   = 0
	ExitFailed     = 1
	ExitCanceled   = 130 // by SIGINT, as shells have it
	ExitTerminated = 143 // by SIGTERM
)

// errCanceled matches errors with the code job.canceled.
var errCanceled = fault.New(fault.JobCanceled, "")

// cancelGrace is how long Main waits for a canceled job before it gives up on user code that does not return.
const cancelGrace = 800 * time.Millisecond

// Main executes the job for a command and returns the code to exit with: 0 when the job has finished, 1 when it has failed, 130 or 143 when it was canceled by
// SIGINT (Ctrl-C) or SIGTERM. It says on standard error what was processed, with the job's accumulators, and what went wrong. A canceled job whose functions do not return is left behind after
// a second.
//
//	os.Exit(env.Main("word count"))
func (e *Environment) Main(name string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	client, err := e.ExecuteAsync(context.Background(), name)
	if err != nil {
		report(err)
		return ExitFailed
	}
	code := ExitFinished
	select {
	case <-client.Done():
	case s := <-signals:
		code = ExitCanceled
		if s == syscall.SIGTERM {
			code = ExitTerminated
		}
		client.Cancel()
	}
	ctx := context.Background()
	if code != ExitFinished {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, cancelGrace)
		defer stop()
	}
	result, err := client.Wait(ctx)
	fmt.Fprintln(os.Stderr, result)
	for _, name := range slices.Sorted(maps.Keys(result.Accumulators)) {
		if strings.HasSuffix(name, "numLateRecordsDropped") && result.Accumulators[name].Count == 0 {
			continue // nothing to tell
		}
		fmt.Fprintf(os.Stderr, "  %s: %v\n", name, result.Accumulators[name])
	}
	switch {
	case ctx.Err() != nil && code != ExitFinished:
		report(fault.New(fault.FunctionStuck, "these tasks have not ended: %s", strings.Join(unended(result), ", ")))
	case errStatus(err) == StatusFinished:
		return ExitFinished
	case errStatus(err) == StatusFailed:
		report(err)
		return ExitFailed
	}
	return code
}

func unended(r *JobResult) (names []string) {
	for _, t := range r.Tasks {
		switch t.State {
		case "FINISHED", "CANCELED", "FAILED":
		default:
			names = append(names, fmt.Sprintf("%s (subtask %d)", t.Name, t.Subtask+1))
		}
	}
	return names
}

func report(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	if stack := fault.StackOf(err); stack != "" {
		fmt.Fprint(os.Stderr, "\n", stack)
	}
}
