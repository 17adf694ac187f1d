// Command nexmark runs the queries of Nexmark on Weir and, as far as they are given, on hand-written loops and on Flink, in turn, and prints one table with the ratios of events by CPU-second.
//
//	go run ./nexmark -weir ./weir -limits ./limits -flink ./flink -queries q0,q4 -events 10000000
//
// With -seconds 10 -checkpoint 3s each measured run of Weir lasts ten seconds and has three checkpoints. Loops run over -events, and Flink over -flink-events.
//
// With -slopes it prints how the CPU time of queries grows with events, windows and keys.
//
// -weir is the program weir. -limits is a program that takes -events N -query Q -json and prints a line of JSON with fused_events_per_s, the rate of one goroutine that makes the events and
// answers the query. -flink is one that takes "nexmark Q --events N" and prints a line with events_per_core_second; its cluster must be running.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
)

type line struct {
	Query               string  `json:"query"`
	Events              int64   `json:"events"`
	Seconds             float64 `json:"seconds"`
	EventsPerCoreSecond float64 `json:"events_per_core_second"`
	FusedRate           float64 `json:"fused_events_per_s"`
	PeakResidentMiB     int64   `json:"peak_resident_mib"`
	Changes             int64   `json:"changes"`
	Checkpoints         int     `json:"checkpoints"`
	Failed              string  `json:"failed"`
}

func main() {
	weir := flag.String("weir", "weir", "the program weir")
	limits := flag.String("limits", "", "the program with the hand-written loops; none if empty")
	flink := flag.String("flink", "", "the program that runs Flink; none if empty")
	queries := flag.String("queries", "q0,q1,q2,q3,q4,q5,q7,q8,q9,q11,q13,q14,q15,q16,q17,q18,q19,q20,q21,q22,q23", "which queries")
	events := flag.Int64("events", 10_000_000, "events of Weir and the loops")
	flinkEvents := flag.Int64("flink-events", 2_000_000, "events of Flink")
	rate := flag.Int64("rate", 10_000, "events in a second of event time")
	checkpoint := flag.Duration("checkpoint", 0, "time between Weir's checkpoints")
	state := flag.String("state", "memory", "Weir's state backend")
	memory := flag.Int64("memory", 0, "bytes of memory for Weir's state; 0 for the default")
	seconds := flag.Float64("seconds", 0, "how long a measured run of Weir shall last at least: -events are raised for queries that are faster; 0 leaves them")
	warmUp := flag.Int64("warm-up", 500_000, "events of a run of Weir before the measured one")
	rounds := flag.Int("rounds", 3, "with -slopes: how often each is measured; the least time counts")
	slope := flag.Bool("slopes", false, "measure what doubling events, windows and keys costs, in place of the table; -events is the smallest number")
	flag.Parse()
	if *slope {
		slopes(*weir, *state, strings.Split(*queries, ","), *events, *rate, *rounds)
		return
	}
	fmt.Printf("%-5s %12s %8s %6s %14s %10s %14s %8s %14s %8s\n", "query", "events", "seconds", "ckpts", "weir ev/core-s", "peak MiB", "limit ev/core-s", "ratio", "flink ev/core-s", "ratio")
	logs := map[string][]float64{}
	for _, q := range strings.Split(*queries, ",") {
		number := *events
		measure := func() line {
			return run(*weir, "bench", "nexmark", "--queries", q, "--events", fmt.Sprint(number), "--rate", fmt.Sprint(*rate), "--warm-up", fmt.Sprint(*warmUp), "--checkpoint", checkpoint.String(), "--state", *state, "--memory",
				fmt.Sprint(*memory), "--json")
		}
		w := measure()
		for tries := 0; w.Failed == "" && w.Seconds < *seconds && tries < 3; tries++ {
			number = int64(float64(number) * max(1.1, *seconds*1.1/w.Seconds))
			w = measure()
		}
		fmt.Printf("%-5s %12d %8.1f %6d %14.0f %10d", q, number, w.Seconds, w.Checkpoints, w.EventsPerCoreSecond, w.PeakResidentMiB)
		if w.Failed != "" {
			fmt.Printf(" %s\n", w.Failed)
			continue
		}
		against := func(name string, rate float64) {
			if rate <= 0 {
				fmt.Printf(" %14s %8s", "-", "-")
				return
			}
			ratio := w.EventsPerCoreSecond / rate
			logs[name] = append(logs[name], math.Log(ratio))
			fmt.Printf(" %14.0f %8.2f", rate, ratio)
		}
		var l, f line
		if *limits != "" {
			l = run(*limits, "-events", fmt.Sprint(*events), "-query", q, "-repeat", "3", "-json")
		}
		against("limit", l.FusedRate)
		if *flink != "" {
			f = run(*flink, "nexmark", q, "--events", fmt.Sprint(*flinkEvents), "--rate", fmt.Sprint(*rate))
		}
		against("flink", f.EventsPerCoreSecond)
		fmt.Println()
	}
	for _, name := range []string{"limit", "flink"} {
		if n := len(logs[name]); n > 0 {
			sum := 0.0
			for _, x := range logs[name] {
				sum += x
			}
			fmt.Printf("geometric mean of the ratios to %s: %.2f over %d queries\n", name, math.Exp(sum/float64(n)), n)
		}
	}
}

// run runs a program and returns the last line of JSON that it prints.
func run(name string, args ...string) (l line) {
	start := time.Now()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	found := false
	for raw := range bytes.Lines(out) {
		if json.Unmarshal(raw, &l) == nil && l.Query != "" {
			found = true
		}
	}
	if !found {
		l.Failed = fmt.Sprintf("%s printed no result after %v: %v", name, time.Since(start).Round(time.Second), err)
	}
	return l
}
