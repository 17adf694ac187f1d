// Command earthquakes tells of the earthquakes of each region and day, from entries of which many come hours or days late.
package main

import (
	"cmp"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

//go:embed testdata/quakes.csv
var carried string

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "", "entries to read, a line each: time,updated,magnitude,type,place (default: those that come with the example)")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	top := flag.Int("top", 12, "print the N regions with the most earthquakes")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	var lines *weir.Stream[string]
	if *file != "" {
		lines = weir.FromFiles(env, files.Options{Path: *file}).Parallelism(1)
	} else {
		lines = weir.FromSeq(env, func() iter.Seq[string] { return linesOf(carried) })
	}
	rep := collect(build(lines.Name("entries")))
	code := env.Main("earthquakes")
	if code == weir.ExitFinished {
		rep.write(os.Stdout, *top)
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
	mu   sync.Mutex
	told []daily // each day as often as it was told
	late []quake
}

// collect ends the streams in a report, which is complete when the job has finished.
func collect(r results) *report {
	rep := &report{}
	into(rep, r.Days, &rep.told)
	into(rep, r.Late, &rep.late)
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

// region is a row of the report.
type region struct {
	name   string
	byDay  map[int64]int64
	quakes int64
	late   int
	daily  daily // of the strongest earthquake
}

// regions sums up what was told. Of a day that was told several times the last counts, which has the most earthquakes.
func (rep *report) regions() []*region {
	last := map[string]map[int64]daily{}
	for _, d := range rep.told {
		if last[d.Region] == nil {
			last[d.Region] = map[int64]daily{}
		}
		if d.Quakes > last[d.Region][d.Day].Quakes {
			last[d.Region][d.Day] = d
		}
	}
	of := map[string]*region{}
	named := func(name string) *region {
		if of[name] == nil {
			of[name] = &region{name: name, byDay: map[int64]int64{}}
		}
		return of[name]
	}
	for name, days := range last {
		r := named(name)
		for _, at := range slices.Sorted(maps.Keys(days)) {
			d := days[at]
			r.byDay[at] = d.Quakes
			r.quakes += d.Quakes
			if r.daily.Quakes == 0 || d.Strongest.Magnitude > r.daily.Strongest.Magnitude {
				r.daily = d
			}
		}
	}
	for _, q := range rep.late {
		named(q.Region).late++
	}
	return slices.SortedFunc(maps.Values(of), func(a, b *region) int {
		return cmp.Or(cmp.Compare(b.quakes, a.quakes), cmp.Compare(b.late, a.late), cmp.Compare(a.name, b.name))
	})
}

// write prints the report, which is the same whatever the order in which the records came.
func (rep *report) write(to io.Writer, top int) {
	all := rep.regions()
	days, told := map[int64]bool{}, 0
	for _, r := range all {
		for at := range r.byDay {
			days[at] = true
			told++
		}
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "region\t")
	for _, at := range slices.Sorted(maps.Keys(days)) {
		fmt.Fprint(w, time.UnixMilli(at).UTC().Format("Jan 2"), "\t")
	}
	fmt.Fprintln(w, "all\tlate\tstrongest")
	for _, r := range all[:min(top, len(all))] {
		fmt.Fprint(w, r.name, "\t")
		for _, at := range slices.Sorted(maps.Keys(days)) {
			fmt.Fprint(w, r.byDay[at], "\t")
		}
		strongest := "-"
		if s := r.daily.Strongest; r.quakes > 0 {
			strongest = fmt.Sprintf("%.1f, %s", s.Magnitude, s.Place)
		}
		fmt.Fprintf(w, "%d\t%d\t%s\n", r.quakes, r.late, strongest)
	}
	w.Flush()
	fmt.Fprintf(to, "%d regions and days, corrected %d times; %d earthquakes came too late\n", told, len(rep.told)-told, len(rep.late))
}
