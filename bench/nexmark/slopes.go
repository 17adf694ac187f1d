package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
)

// doublings is how many times the cost of each thing is doubled.
const doublings = 4

// slopes measures what it costs in CPU time to double the events of queries, the windows of the same events, and the keys of as many rows, and prints a line for each: seconds, the worst of the doublings, and the slope over
// all of them in the logarithms of both, 1 for what grows as it should.
func slopes(weir, state string, queries []string, events, rate int64, rounds int) {
	fmt.Printf("%-12s %-8s %s %8s %8s\n", "what", "doubled", strings.Repeat(" ", 7*(doublings+1)), "worst", "slope")
	for _, q := range queries {
		bench := func(events, rate int64) float64 {
			l := run(weir, "bench", "nexmark", "--queries", q, "--events", fmt.Sprint(events), "--rate", fmt.Sprint(rate), "--warm-up", fmt.Sprint(events), "--state", state, "--json")
			if l.Failed != "" {
				fmt.Println(q, l.Failed)
				return math.NaN()
			}
			return float64(l.Events) / l.EventsPerCoreSecond
		}
		slope(q, "events", rounds, func(by int64) float64 { return bench(events*by, rate) })
		slope(q, "windows", rounds, func(by int64) float64 { return bench(events, max(rate/by, 1)) })
	}
	slope("GROUP BY", "keys", rounds, func(by int64) float64 { return groups(weir, state, 4*events, 50_000*by) })
}

// slope prints the line of what cost returns for 1, 2, 4 and so on. Each is the least of some rounds over all of them, since a machine that others use too takes now and then twice the time for the same.
func slope(what, doubled string, rounds int, cost func(by int64) float64) {
	least := make([]float64, doublings+1)
	for round := range rounds {
		for i := range least {
			if c := cost(1 << i); round == 0 || c < least[i] || math.IsNaN(c) { // one that failed stays
				least[i] = c
			}
		}
	}
	fmt.Printf("%-12s %-8s ", what, doubled)
	var x, y []float64
	worst := 0.0
	for i, c := range least {
		fmt.Printf("%7.2f", c)
		if i > 0 {
			worst = max(worst, c/least[i-1])
		}
		x, y = append(x, float64(i)*math.Ln2), append(y, math.Log(c))
	}
	fmt.Printf(" %8.2f %8.2f\n", worst, leastSquares(x, y))
}

// leastSquares is the slope of the line that is nearest to points.
func leastSquares(x, y []float64) float64 {
	n := float64(len(x))
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// groups is the CPU time of counting rows by so many keys.
func groups(weir, state string, rows, keys int64) float64 {
	script, err := os.CreateTemp("", "groups*.sql")
	if err != nil {
		return math.NaN()
	}
	defer os.Remove(script.Name())
	fmt.Fprintf(script, `SET 'parallelism.default' = '1';
SET 'state.backend.type' = '%s';
CREATE TABLE numbers (k BIGINT, v BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '%d', 'rows-per-second' = '1000000000', 'fields.k.min' = '1', 'fields.k.max' = '%d');
CREATE TABLE counts (k BIGINT, n BIGINT, s BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO counts SELECT k, COUNT(*), SUM(v) FROM numbers GROUP BY k;
`, map[string]string{"memory": "hashmap", "lsm": "rocksdb"}[state], rows, keys)
	if script.Close() != nil {
		return math.NaN()
	}
	cmd := exec.Command(weir, "run", script.Name())
	out, err := cmd.CombinedOutput()
	if err != nil {
		fmt.Printf("%v: %s\n", err, out)
		return math.NaN()
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Round(time.Millisecond).Seconds()
}
