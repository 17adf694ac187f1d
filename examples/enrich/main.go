// Command enrich looks up the network of each request in the log of a web server, at a service that it asks over HTTP.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "examples/accesslog/testdata/access.log", "log to read, plain, gzip or zstd")
	base := flag.String("registry", "", "address of the registry, as http://localhost:8080 (default: one that the program starts)")
	capacity := flag.Int("capacity", 50, "lookups at the same time, in each subtask")
	timeout := flag.Duration("timeout", 10*time.Second, "for a request, with all lookups that are made for it")
	retries := flag.Int("retries", 8, "lookups that may follow the first when the registry refuses")
	ordered := flag.Bool("ordered", false, "keep the order of the requests")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	flag.Parse()

	own := &registry{}
	if *base == "" {
		address, stop, err := serve(own)
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 1
		}
		defer stop()
		*base = address
	}
	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	_, sums := build(weir.FromFiles(env, files.Options{Path: *file}).Name("log"), func() weir.AsyncFunction[request, located] { return newLookup(*base, *capacity) },
		options{Capacity: *capacity, Timeout: *timeout, Retries: *retries, Ordered: *ordered})
	rep := collect(sums)
	code := env.Main("enrich")
	if code == weir.ExitFinished {
		rep.write(os.Stdout)
		if n := own.lookups.Load(); n > 0 {
			fmt.Printf("%d lookups, %d of them refused\n", n, own.refused.Load())
			// How many overlap depends on the machine, so it stays out of the result.
			fmt.Fprintf(os.Stderr, "up to %d lookups at the same time\n", own.most.Load())
		}
	}
	return code
}

// report is what the job has found. Sinks of all subtasks add to it.
type report struct {
	mu   sync.Mutex
	sums []traffic
}

// collect ends the stream in a report, which is complete when the job has finished.
func collect(sums *weir.Stream[traffic]) *report {
	rep := &report{}
	sums.ForEach(func(t traffic, _ int64) error {
		rep.mu.Lock()
		defer rep.mu.Unlock()
		rep.sums = append(rep.sums, t)
		return nil
	}).Name("report")
	return rep
}

// write prints the report.
func (rep *report) write(to io.Writer) {
	slices.SortFunc(rep.sums, func(a, b traffic) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Network, b.Network))
	})
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "network\trequests\tbytes")
	for _, t := range rep.sums {
		fmt.Fprintf(w, "%s\t%d\t%d\n", t.Network, t.Requests, t.Bytes)
	}
}
