// Command accesslog reads the log of a web server: how requests ended by path, who got how many bytes, and the largest response of each path.
package main

import (
	"cmp"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

//go:embed testdata/access.log
var carried string

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "", "log to read, plain, gzip or zstd; a file, a glob or a directory (default: the log that comes with the example)")
	out := flag.String("out", "", "folder to write the bytes of each client to, as tab-separated files")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	var lines *weir.Stream[string]
	if *file != "" {
		lines = weir.FromFiles(env, files.Options{Path: *file})
	} else {
		lines = weir.FromSeq(env, func() iter.Seq[string] { return linesOf(carried) })
	}
	r := build(lines.Name("log"))
	if *out != "" {
		toFiles(r.Traffic, *out)
	}
	rep := collect(r)
	code := env.Main("accesslog")
	if code == weir.ExitFinished {
		rep.write(os.Stdout)
	}
	return code
}

// linesOf yields the lines of a text without their ends.
func linesOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// toFiles writes the bytes of each client, a line each.
func toFiles(traffic *weir.Stream[entry], dir string) {
	traffic.ToFiles(files.SinkOptions[entry]{Dir: dir, Prefix: "bytes", Suffix: ".tsv", Encode: func(dst []byte, e entry) []byte {
		return fmt.Appendf(dst, "%s\t%d\n", e.Client, e.Bytes)
	}}).Name("bytes to files")
}

// report is what the job has found. Sinks of all subtasks add to it.
type report struct {
	mu        sync.Mutex
	hits      []weir.Count[hit]
	traffic   []entry
	largest   []entry
	malformed []badLine
}

// collect ends the streams in a report, which is complete when the job has finished.
func collect(r results) *report {
	rep := &report{}
	into(rep, r.Hits, &rep.hits)
	into(rep, r.Traffic, &rep.traffic)
	into(rep, r.Largest, &rep.largest)
	into(rep, r.Malformed, &rep.malformed)
	return rep
}

func into[T any](rep *report, s *weir.Stream[T], list *[]T) {
	s.ForEach(func(v T, _ int64) error {
		rep.mu.Lock()
		defer rep.mu.Unlock()
		*list = append(*list, v)
		return nil
	}).Name("report")
}

// write prints the report, which is the same whatever the order in which the records came.
func (rep *report) write(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer w.Flush()

	paths := map[string]*[6]int64{}
	for _, c := range rep.hits {
		if paths[c.Key.Path] == nil {
			paths[c.Key.Path] = new([6]int64)
		}
		paths[c.Key.Path][c.Key.Class] = c.N
	}
	slices.SortFunc(rep.largest, func(a, b entry) int { return cmp.Compare(a.Path, b.Path) })
	fmt.Fprintln(w, "path\t2xx\t3xx\t4xx\t5xx\tlargest\tby\tat")
	for _, e := range rep.largest {
		n := paths[e.Path]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", e.Path, n[2], n[3], n[4], n[5], e.Bytes, e.Client, e.Time.Format(time.DateTime))
	}

	slices.SortFunc(rep.traffic, func(a, b entry) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Client, b.Client)) })
	fmt.Fprintln(w, "\nclient\tbytes")
	for _, e := range rep.traffic[:min(5, len(rep.traffic))] {
		fmt.Fprintf(w, "%s\t%d\n", e.Client, e.Bytes)
	}

	reasons := map[string]int{}
	for _, b := range rep.malformed {
		reasons[b.Reason]++
	}
	fmt.Fprintf(w, "\nmalformed lines\t%d\n", len(rep.malformed))
	for _, reason := range []error{errEmpty, errClient, errTime, errRequest, errStatus, errBytes, errAgent} {
		if n := reasons[reason.Error()]; n > 0 {
			fmt.Fprintf(w, "%v\t%d\n", reason, n)
		}
	}
}
