// Command bench measures Weir beside hand-written loops that do the same, and beside Flink's DataStream API where it is at hand.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
)

// moreCases are those that run only where they are named: this one has a gigabyte of state.
const moreCases = allCases + ",keyed-reduce-16m"

const allCases = "chain,chain-values,wordcount,keyed-reduce,keyed-process,union,three-shuffles,tumbling-count,tumbling-count-10k,sliding-count,session-count,latency,window-latency"

func main() {
	var err error
	if spec := os.Getenv(jobVariable); spec != "" {
		err = runJob(spec)
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	cases   []string
	engines []string
	json    bool
	scale   float64
	warmUp  float64
	runs    int
	flink   string
	text    string
	profile string
	seconds float64
	// memory is BatchMemory of batch jobs, 0 for the default.
	memory int64
}

func run() error {
	var s settings
	cases := flag.String("cases", allCases, "what to run")
	engines := flag.String("engines", "loop,weir p1,weir p2", "what to run it on; batch p1 is Weir in batch mode, checkpoint p1 with an incremental checkpoint every second")
	flag.BoolVar(&s.json, "json", false, "print a JSON object a line instead of a table")
	flag.Float64Var(&s.scale, "scale", 1, "multiply the numbers of records")
	flag.Float64Var(&s.warmUp, "warm-up", 0, "first run this share of the records unmeasured, in the same process; Flink always does so with 0.25")
	flag.IntVar(&s.runs, "runs", 3, "rounds; the best of each engine counts")
	flag.Float64Var(&s.seconds, "seconds", 10, "how long each latency run lasts")
	flag.Int64Var(&s.memory, "batch-memory", 0, "Options.BatchMemory of batch p1 and p2 in bytes; 0 for the default")
	flag.StringVar(&s.flink, "flink", "", "script that runs the same programs on Flink")
	flag.StringVar(&s.text, "text", "", "text whose words are counted (default: that of examples/wordcount)")
	flag.StringVar(&s.profile, "cpuprofile", "", "directory for a CPU profile of each job")
	flag.Parse()
	s.cases = strings.Split(*cases, ",")
	s.engines = strings.Split(*engines, ",")
	if err := s.complete(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var all []result
	for _, c := range s.cases {
		results, err := s.runCase(ctx, c)
		if err != nil {
			return err
		}
		for _, r := range results {
			if s.json {
				if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
					return err
				}
			}
		}
		all = append(all, results...)
	}
	if !s.json {
		fmt.Println()
		return table(os.Stdout, all)
	}
	return nil
}

// complete checks the settings and fills in what was left out.
func (s *settings) complete() error {
	for _, c := range s.cases {
		if !slices.Contains(strings.Split(moreCases, ","), c) {
			return fmt.Errorf("there is no case %q: use some of %s", c, moreCases)
		}
	}
	if s.scale <= 0 || s.runs < 1 || s.seconds <= 0 || s.warmUp < 0 {
		return fmt.Errorf("-scale, -runs and -seconds must be above zero, -warm-up not below")
	}
	if s.text == "" {
		for _, dir := range []string{"..", "."} {
			path := filepath.Join(dir, "examples", "wordcount", "testdata", "opticks.txt")
			if _, err := os.Stat(path); err == nil {
				s.text = path
				break
			}
		}
	}
	if slices.Contains(s.cases, "wordcount") {
		if s.text == "" {
			return fmt.Errorf("the text of examples/wordcount is not here: name one with -text")
		}
		path, err := filepath.Abs(s.text)
		if err != nil {
			return err
		}
		s.text = path
	}
	if s.flink != "" {
		if _, err := exec.LookPath("java"); err != nil {
			fmt.Fprintln(os.Stderr, "Flink is skipped: there is no java")
		} else {
			s.engines = append(s.engines, "flink p1", "flink p2")
		}
	}
	if s.profile != "" {
		path, err := filepath.Abs(s.profile)
		if err != nil {
			return err
		}
		s.profile = path
		return os.MkdirAll(path, 0o777)
	}
	return nil
}

// jobs lists the runs of a round of a case.
func (s *settings) jobs(name string) ([]job, error) {
	base := job{Case: name, CPUProfile: s.profile, BatchMemory: s.memory}
	var all []job
	noFlink := false
	rates := []float64{0}
	switch name {
	case "latency":
		rates = []float64{10_000, 100_000}
	case "window-latency":
		rates, noFlink = []float64{100_000}, true
	}
	for _, p := range programs {
		if p.name == name {
			base.Records = max(int64(float64(p.records)*s.scale), 1)
			if p.text {
				base.Text = s.text
			}
			noFlink = p.noFlink
		}
	}
	// Batch mode gives results at the end alone, so there the others go to theirs, too.
	base.ToEnd = slices.ContainsFunc(s.engines, func(e string) bool { return strings.HasPrefix(e, "batch ") })
	for _, rate := range rates {
		for _, e := range s.engines {
			j := base
			switch e {
			case "loop":
				if rate > 0 {
					continue
				}
				j.Engine, j.Parallelism = e, 1
			default:
				if _, err := fmt.Sscanf(e, "%s p%d", &j.Engine, &j.Parallelism); err != nil {
					return nil, fmt.Errorf("there is no engine %q: use some of loop, weir p1, weir p2, batch p1, batch p2, checkpoint p1, checkpoint p2", e)
				}
				if rate > 0 && j.Engine == "batch" {
					continue
				}
			}
			if noFlink && j.Engine == "flink" {
				continue
			}
			if rate > 0 {
				j.Rate = rate
				j.Records = max(int64(rate*s.seconds*s.scale), 1)
			}
			j.WarmUp = int64(float64(j.Records) * s.warmUp)
			all = append(all, j)
		}
	}
	return all, nil
}

// runCase runs every job of a case in turn, s.runs times, and returns the best of each.
func (s *settings) runCase(ctx context.Context, name string) ([]result, error) {
	jobs, err := s.jobs(name)
	if err != nil {
		return nil, err
	}
	best := make([]result, len(jobs))
	for round := range s.runs {
		for i, j := range jobs {
			var r result
			if j.Engine == "flink" {
				r, err = spawnFlink(ctx, s.flink, j)
			} else {
				r, err = spawn(ctx, j)
			}
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(os.Stderr, "%d/%d %s\n", round+1, s.runs, r.short())
			if round == 0 || r.better(best[i]) {
				best[i] = r
			}
		}
	}
	for i := range best {
		for _, loop := range best {
			if loop.Engine == "loop" {
				best[i].Ratio = best[i].RecordsPerSecond / loop.RecordsPerSecond
			}
		}
	}
	return best, nil
}

// better reports whether a run was disturbed less than another of the same job: by its latency if it is about that, or else by its time.
func (r result) better(than result) bool {
	if r.Latencies != nil {
		return r.P99 < than.P99
	}
	return r.Seconds < than.Seconds
}

func (r result) label() string { return job{Engine: r.Engine, Parallelism: r.Parallelism}.label() }

func (r result) name() string {
	if r.Rate > 0 {
		return fmt.Sprintf("%s %.0f/s", r.Case, r.Rate)
	}
	return r.Case
}

func (r result) short() string {
	if r.Latencies != nil {
		return fmt.Sprintf("%-16s %-9s p50 %d us, p99 %d us, p99.9 %d us, %.2f cores", r.name(), r.label(), r.P50, r.P99, r.P999, r.BusyCores)
	}
	return fmt.Sprintf("%-16s %-9s %6.2f s, %6.2f CPU-seconds, %6.1f ns a record", r.name(), r.label(), r.Seconds, r.CPUSeconds, r.Seconds/float64(r.Records)*1e9)
}

// table prints the results, throughput and latency apart, and how Weir compares with Flink.
func table(out io.Writer, all []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	byCase := map[string]map[string]result{}
	var names []string
	for _, r := range all {
		if byCase[r.name()] == nil {
			byCase[r.name()] = map[string]result{}
			names = append(names, r.name())
		}
		byCase[r.name()][r.label()] = r
	}
	if slices.ContainsFunc(all, func(r result) bool { return r.Latencies == nil }) {
		fmt.Fprintln(w, "case\tengine\trecords/s\tof loop\tper core-s\tof p1\tbusy cores\tallocs/record\tpeak MiB\t")
	}
	for _, r := range all {
		if r.Latencies != nil {
			continue
		}
		allocs, ofLoop, ofOne := "", "", ""
		if r.AllocsPerRecord != nil {
			allocs = fmt.Sprintf("%.4f", *r.AllocsPerRecord)
		}
		if r.Ratio != 0 {
			ofLoop = fmt.Sprintf("%.2f", r.Ratio)
		}
		if one, ok := byCase[r.name()][r.Engine+" p1"]; ok && r.Parallelism > 1 {
			ofOne = fmt.Sprintf("%.2f", r.RecordsPerCoreSecond/one.RecordsPerCoreSecond)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.2f\t%s\t%.0f\t\n", r.Case, r.label(), million(r.RecordsPerSecond), ofLoop, million(r.RecordsPerCoreSecond), ofOne, r.BusyCores, allocs, r.PeakMiB)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := againstStream(w, names, byCase); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(r result) bool { return r.Latencies != nil }) {
		fmt.Fprintln(w, "\ncase\tengine\tp50 us\tp99 us\tp99.9 us\tpacer p50 us\tpacer p99 us\tpacer cores\tbusy cores\tpeak MiB\t")
	}
	for _, r := range all {
		if r.Latencies != nil {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.0f\t%.0f\t%.2f\t%.2f\t%.0f\t\n",
				r.name(), r.label(), r.P50, r.P99, r.P999, r.PacerP50, r.PacerP99, r.PacerBusy, r.BusyCores, r.PeakMiB)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	head := "\nWeir beside Flink\tparallelism\trecords per core-s\tpeak memory\t\n"
	for _, name := range names {
		for _, p := range []int{1, 2} {
			weir, ok := byCase[name][fmt.Sprint("weir p", p)]
			flink, found := byCase[name][fmt.Sprint("flink p", p)]
			if ok && found {
				fmt.Fprintf(w, "%s%s\t%d\t%.1f times\t%.2f of it\t\n", head, name, p, weir.RecordsPerCoreSecond/cmp.Or(flink.RecordsPerCoreSecond, 1), weir.PeakMiB/cmp.Or(flink.PeakMiB, 1))
				head = ""
			}
		}
	}
	return w.Flush()
}

// againstStream prints how batch mode, and a stream with checkpoints, compare with a stream.
func againstStream(w *tabwriter.Writer, names []string, byCase map[string]map[string]result) error {
	for _, engine := range []string{"batch", "checkpoint"} {
		head := "\n" + engine + " beside streaming\tparallelism\trecords/s\trecords per core-s\tpeak memory\t\n"
		for _, name := range names {
			for _, p := range []int{1, 2} {
				stream, ok := byCase[name][fmt.Sprint("weir p", p)]
				other, found := byCase[name][fmt.Sprint(engine, " p", p)]
				if ok && found {
					fmt.Fprintf(w, "%s%s\t%d\t%.2f times\t%.2f times\t%.2f of it\t\n", head, name, p,
						other.RecordsPerSecond/stream.RecordsPerSecond, other.RecordsPerCoreSecond/stream.RecordsPerCoreSecond, other.PeakMiB/stream.PeakMiB)
					head = ""
				}
			}
		}
	}
	return w.Flush()
}

func million(v float64) string { return fmt.Sprintf("%.2f M", v/1e6) }
