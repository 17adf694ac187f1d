// Command sessions finds the visits in the log of a web server: the requests of a visitor that follow each other within half an hour.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "examples/accesslog/testdata/access.log", "log to read, plain, gzip or zstd")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	top := flag.Int("top", 10, "print the N top sessions of each day")
	all := flag.Bool("all", false, "print each session when it is over, too")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	sessions, days := build(weir.FromFiles(env, files.Options{Path: *file}).Name("log").Parallelism(1), *top)
	if *all {
		weir.Map(sessions, session.String).Print()
	}
	rep := collect(days)
	code := env.Main("sessions")
	if code == weir.ExitFinished {
		rep.write(os.Stdout)
	}
	return code
}

// report is what the job has found.
type report struct{ days []daily }

// collect ends the days in a report, which is complete when the job has finished.
func collect(days *weir.Stream[daily]) *report {
	rep := &report{}
	days.ForEach(func(d daily, _ int64) error {
		rep.days = append(rep.days, d)
		return nil
	}).Name("report").Parallelism(1)
	return rep
}

// String is a session in a line.
func (s session) String() string {
	return fmt.Sprintf("%s  %s  %8v  %3d pages  %10d bytes", time.UnixMilli(s.Start).UTC().Format(time.DateTime), s.Visitor, s.duration(), s.Pages, s.Bytes)
}

// write prints the report.
func (rep *report) write(to io.Writer) {
	slices.SortFunc(rep.days, func(a, b daily) int { return cmp.Compare(a.Day, b.Day) })
	for i, d := range rep.days {
		if i > 0 {
			fmt.Fprintln(to)
		}
		fmt.Fprintf(to, "%s: %d sessions of %d visitors, %d with one page or none; %d pages, %d bytes\n",
			time.UnixMilli(d.Day).UTC().Format(time.DateOnly), d.Sessions, d.Visitors, d.Single, d.Pages, d.Bytes)
		w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "visitor\tbegan\ttook\tpages\trequests\tbytes\tfirst page\tlast page")
		for _, s := range d.Top {
			fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%d\t%d\t%s\t%s\n", s.Visitor, time.UnixMilli(s.Start).UTC().Format(time.TimeOnly), s.duration(), s.Pages, s.Requests, s.Bytes,
				cmp.Or(s.First.Path, "-"), cmp.Or(s.Last.Path, "-"))
		}
		w.Flush()
	}
}
