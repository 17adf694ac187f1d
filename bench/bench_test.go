package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// tally is what comes out of a program: how many records, their sum in whatever order, and the last that each key came to.
type tally struct {
	mu      sync.Mutex
	records int64
	sum     int64
	last    map[string]int64
}

func (y *tally) outputs(name string) outputs {
	y.last = map[string]int64{}
	add := func(key string, v int64) {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.records++
		y.sum += v
		y.last[key] = max(y.last[key], v) // the values of a key only grow
	}
	key := func(Reading) int64 { return 0 }
	switch name {
	case "keyed-reduce", "keyed-process":
		key = keyMillion
	case "keyed-reduce-16m":
		key = keySixteenMillion
	case "three-shuffles":
		key = keyThousand
	}
	return outputs{
		reading: func(r Reading) { add(fmt.Sprint(key(r)), r.A) },
		word:    func(w Word) { add(w.Word, w.N) },
		count:   func(c Counted) { add(fmt.Sprint(c.Key, c.Start, c.End), c.N) },
	}
}

func TestLoopAndWeirAgree(t *testing.T) {
	lines, err := readLines(filepath.Join("..", "examples", "wordcount", "testdata", "opticks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			run := func(engine string, parallelism int) *tally {
				y := new(tally)
				j := job{Case: p.name, Engine: engine, Parallelism: parallelism, Records: 20_001}
				if _, _, err := runProgram(j, lines, y.outputs(p.name)); err != nil {
					t.Fatal(err)
				}
				return y
			}
			want := run("loop", 1)
			if want.records == 0 {
				t.Fatal("the loop has no output")
			}
			for parallelism := 1; parallelism <= 3; parallelism++ {
				got := run("weir", parallelism)
				if got.records != want.records {
					t.Errorf("parallelism %d: %d records come out, of the loop %d", parallelism, got.records, want.records)
				}
				// From the second shuffle on, what a key has reached depends on the order in which two producers' records meet.
				if p.name == "three-shuffles" && parallelism > 1 {
					continue
				}
				if !maps.Equal(got.last, want.last) {
					t.Errorf("parallelism %d: %d keys end otherwise than the %d of the loop", parallelism, len(got.last), len(want.last))
				}
				if parallelism == 1 && got.sum != want.sum {
					t.Errorf("the sum is %d, of the loop %d", got.sum, want.sum)
				}
			}
		})
	}
}

// TestBatchAgrees wants batch mode to come to what the loop comes to last.
func TestBatchAgrees(t *testing.T) {
	lines, err := readLines(filepath.Join("..", "examples", "wordcount", "testdata", "opticks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		if p.name == "three-shuffles" { // the later reduces add up updates
			continue
		}
		run := func(engine string, parallelism int) *tally {
			y := new(tally)
			j := job{Case: p.name, Engine: engine, Parallelism: parallelism, Records: 20_001}
			if p.name == "sliding-count" { // each is in 3600 windows
				j.Records = 200
			}
			if _, _, err := runProgram(j, lines, y.outputs(p.name)); err != nil {
				t.Fatal(p.name, err)
			}
			return y
		}
		want := run("loop", 1)
		for parallelism := 1; parallelism <= 3; parallelism++ {
			got := run("batch", parallelism)
			if !maps.Equal(got.last, want.last) {
				t.Errorf("%s: parallelism %d: %d keys end otherwise than the %d of the loop", p.name, parallelism, len(got.last), len(want.last))
			}
			if keyed := p.name == "wordcount" || p.name == "keyed-reduce"; keyed && got.records != int64(len(want.last)) {
				t.Errorf("%s: parallelism %d: %d results, want one of each of %d keys", p.name, parallelism, got.records, len(want.last))
			}
		}
	}
}

func TestFunctions(t *testing.T) {
	var words []string
	for word, next := nextWord("Où, l'an 1704: “LIGHT”.", 0); next > 0; {
		words = append(words, word)
		word, next = nextWord("Où, l'an 1704: “LIGHT”.", next)
	}
	if got := strings.Join(words, " "); got != "où l an 1704 light" {
		t.Errorf("words are %q", got)
	}
	if mix(0) != -2152535657050944081 { // the first number of splitmix64 with seed 0: 0xe220a8397b1dcdaf
		t.Errorf("mix(0) is %#x", uint64(mix(0)))
	}
}

func TestMeasure(t *testing.T) {
	for _, p := range programs {
		j := job{Case: p.name, Engine: "weir", Parallelism: 2, Records: 1000, WarmUp: 10}
		if p.text {
			j.Text = filepath.Join("..", "examples", "wordcount", "testdata", "opticks.txt")
		}
		r, err := measure(j)
		if err != nil {
			t.Fatal(err)
		}
		if r.Seconds <= 0 || r.RecordsPerSecond <= 0 || r.AllocsPerRecord == nil || r.PeakMiB < 1 || r.Latencies != nil {
			t.Errorf("%+v", r)
		}
	}
	if _, err := measure(job{Case: "nothing", Engine: "loop"}); err == nil {
		t.Error("an unknown case is measured")
	}
}

func TestLatency(t *testing.T) {
	r, err := measure(job{Case: "latency", Engine: "weir", Parallelism: 2, Records: 2000, Rate: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if r.Latencies == nil || r.P50 > r.P99 || r.P99 > r.P999 || r.P999 == 0 || r.Seconds < 0.19 {
		t.Errorf("%+v %+v", r, r.Latencies)
	}
}

func TestHistogram(t *testing.T) {
	h := new(histogram)
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("an empty histogram has the median %d", got)
	}
	for us := 1; us <= 100_000; us++ {
		h.record(time.Duration(us) * time.Microsecond)
	}
	h.record(-time.Second)
	for _, q := range []float64{0.0001, 0.5, 0.99, 0.999, 1} {
		want := q * 100_000
		if got := float64(h.quantile(q)); got < want || got > want*(1+1.0/64)+1 {
			t.Errorf("quantile %v is %v, not from %v to a 64th above", q, got, want)
		}
	}
	h.record(1<<63 - 1)
	if h.quantile(1) < 1e15 {
		t.Errorf("the largest duration counts as %d us", h.quantile(1))
	}
}

func TestFlink(t *testing.T) {
	script := filepath.Join(t.TempDir(), "flink")
	text := "#!/bin/sh\necho '{\"engine\": \"flink\", \"case\": \"'$2'\", \"records\": '$6', \"parallelism\": '$4', \"seconds\": 2, \"cpu_seconds\": 4, \"records_per_core_second\": 25}'\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := spawnFlink(t.Context(), script, job{Case: "chain", Engine: "flink", Parallelism: 2, Records: 100})
	if err != nil {
		t.Fatal(err)
	}
	if r.Case != "chain" || r.Parallelism != 2 || r.Records != 100 || r.BusyCores != 2 || r.RecordsPerCoreSecond != 25 || r.PeakMiB == 0 {
		t.Errorf("%+v", r)
	}
}

func TestTable(t *testing.T) {
	allocs := 0.5
	results := []result{
		{Case: "chain", Engine: "loop", Parallelism: 1, RecordsPerSecond: 2e6, RecordsPerCoreSecond: 2e6, Ratio: 1, AllocsPerRecord: &allocs},
		{Case: "chain", Engine: "weir", Parallelism: 1, RecordsPerSecond: 1e6, RecordsPerCoreSecond: 1e6, Ratio: 0.5, AllocsPerRecord: &allocs, PeakMiB: 10},
		{Case: "chain", Engine: "flink", Parallelism: 1, RecordsPerSecond: 1e5, RecordsPerCoreSecond: 1e5, PeakMiB: 100},
		{Case: "latency", Engine: "weir", Parallelism: 1, Rate: 10_000, Latencies: &Latencies{P50: 50, P99: 99, P999: 999}},
	}
	var out bytes.Buffer
	if err := table(&out, results); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"weir p1     1.00 M     0.50", "latency 10000/s  weir p1", "10.0 times", "0.10 of it"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
	line, err := json.Marshal(results[3])
	if err != nil {
		t.Fatal(err)
	}
	var back result
	if err := json.Unmarshal(line, &back); err != nil || back.Latencies == nil || back.P999 != 999 || strings.Contains(string(line), "allocs") {
		t.Errorf("%s comes back as %+v, %v", line, back, err)
	}
}

func TestSettings(t *testing.T) {
	good := settings{cases: []string{"wordcount", "latency"}, engines: []string{"loop", "weir p2"}, scale: 0.5, runs: 1, seconds: 2, warmUp: 0.25}
	if err := good.complete(); err != nil {
		t.Fatal(err)
	}
	jobs, err := good.jobs("latency")
	if err != nil || len(jobs) != 2 || jobs[1].Rate != 100_000 || jobs[1].Records != 100_000 || jobs[1].WarmUp != 25_000 {
		t.Errorf("%+v, %v", jobs, err)
	}
	jobs, err = good.jobs("wordcount")
	if err != nil || len(jobs) != 2 || jobs[1].Engine != "weir" || jobs[1].Parallelism != 2 || !filepath.IsAbs(jobs[0].Text) {
		t.Errorf("%+v, %v", jobs, err)
	}
	for _, bad := range []settings{
		{cases: []string{"nothing"}, scale: 1, runs: 1, seconds: 1},
		{scale: 0, runs: 1, seconds: 1},
		{scale: 1, runs: 0, seconds: 1},
	} {
		if err := bad.complete(); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	good.engines = []string{"weir p1", "flink p1"}
	if jobs, err = good.jobs("chain-values"); err != nil || len(jobs) != 1 {
		t.Errorf("%+v, %v: Flink has no chain-values", jobs, err)
	}
	good.engines = []string{"other"}
	if _, err := good.jobs("chain"); err == nil {
		t.Error("an engine of no name is accepted")
	}
}
