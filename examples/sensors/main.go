// Command sensors watches temperatures in event time: readings out of order and late, limits that come as a broadcast, places joined by key.
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

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

//go:embed testdata/readings.csv
var carried string

// The rules and places of the sensors in the carried readings.
var (
	carriedRules = rules{
		"boiler": {50_000, 80_000}, "cellar": {5_000, 16_000}, "freezer": {-25_000, -15_000}, "greenhouse": {12_000, 35_000}, "server room": {15_000, 27_000},
	}
	carriedSites = []site{
		{"attic", "house, top"}, {"boiler", "house, cellar"}, {"cellar", "house, cellar"}, {"freezer", "kitchen"}, {"greenhouse", "garden"}, {"server room", "office"},
		{"spare", "a drawer"},
	}
)

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "", "readings to watch, a line each: time,sensor,degrees (default: those that come with the example)")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	var lines *weir.Stream[string]
	if *file != "" {
		lines = weir.FromFiles(env, files.Options{Path: *file}).Parallelism(1)
	} else {
		lines = weir.FromSeq(env, func() iter.Seq[string] { return linesOf(carried) })
	}
	rep := collect(build(lines.Name("readings"), weir.FromValues(env, carriedRules).Name("rules"), weir.FromValues(env, carriedSites...).Name("sites")))
	code := env.Main("sensors")
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

// report is what the job has found. Sinks of all subtasks add to it.
type report struct {
	mu        sync.Mutex
	summaries []summary
	late      map[string]int
}

// collect ends the streams in a report, which is complete when the job has finished.
func collect(r results) *report {
	rep := &report{late: map[string]int{}}
	r.Summaries.ForEach(func(s summary, _ int64) error {
		rep.mu.Lock()
		defer rep.mu.Unlock()
		rep.summaries = append(rep.summaries, s)
		return nil
	}).Name("report")
	r.Late.ForEach(func(r reading, _ int64) error {
		rep.mu.Lock()
		defer rep.mu.Unlock()
		rep.late[r.Sensor]++
		return nil
	}).Name("late")
	return rep
}

// write prints the report, which is the same whatever the order in which the records came.
func (rep *report) write(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer w.Flush()
	slices.SortFunc(rep.summaries, func(a, b summary) int { return cmp.Compare(a.Sensor, b.Sensor) })
	total := 0
	for _, s := range rep.summaries {
		fmt.Fprintf(w, "%v\t%d late\n", s, rep.late[s.Sensor])
		total += rep.late[s.Sensor]
	}
	fmt.Fprintf(w, "%d readings came more than %v late\n", total, outOfOrder)
}
