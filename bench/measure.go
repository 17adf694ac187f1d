package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
)

// job is one run of one program on one engine.
type job struct {
	Case        string  `json:"case"`
	Engine      string  `json:"engine"` // "loop", "weir", "batch" (Weir in batch mode), "checkpoint" (with a checkpoint every second) or "flink"
	Parallelism int     `json:"parallelism"`
	Records     int64   `json:"records"`
	Rate        float64 `json:"rate,omitempty"`
	Text        string  `json:"text,omitempty"`
	CPUProfile  string  `json:"cpu_profile,omitempty"`
	BatchMemory int64   `json:"batch_memory,omitempty"`
	ToEnd       bool    `json:"to_end,omitempty"`  // nothing is stopped before its results are out
	WarmUp      int64   `json:"warm_up,omitempty"` // records of a run before the measured one, in the same process
}

// label names the engine in the table.
func (j job) label() string {
	if j.Engine == "loop" {
		return j.Engine
	}
	return fmt.Sprintf("%s p%d", j.Engine, j.Parallelism)
}

// result is a line of -json.
type result struct {
	Case                 string  `json:"case"`
	Engine               string  `json:"engine"`
	Parallelism          int     `json:"parallelism"`
	Rate                 float64 `json:"rate,omitempty"`
	Records              int64   `json:"records"`
	Seconds              float64 `json:"seconds"`
	CPUSeconds           float64 `json:"cpu_seconds"`
	RecordsPerSecond     float64 `json:"records_per_second"`
	RecordsPerCoreSecond float64 `json:"records_per_core_second"`
	Ratio                float64 `json:"ratio,omitempty"`
	BusyCores            float64 `json:"busy_cores"`
	// AllocsPerRecord is absent where it cannot be known.
	AllocsPerRecord *float64 `json:"allocs_per_record,omitempty"`
	BytesPerRecord  *float64 `json:"alloc_bytes_per_record,omitempty"`
	PeakMiB         float64  `json:"peak_mib"`
	*Latencies
}

// Latencies is what a result holds beyond throughput when records came at a rate.
type Latencies struct {
	P50  int64 `json:"p50_us"`
	P99  int64 `json:"p99_us"`
	P999 int64 `json:"p999_us"`
	// The pacer's own lateness, which the latencies include, and the cores it kept busy.
	PacerP50  float64 `json:"pacer_p50_us,omitempty"`
	PacerP99  float64 `json:"pacer_p99_us,omitempty"`
	PacerBusy float64 `json:"pacer_cores,omitempty"`
}

const jobVariable = "WEIR_BENCH_JOB"

// spawn runs a job in a process of its own.
func spawn(ctx context.Context, j job) (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	spec, err := json.Marshal(j)
	if err != nil {
		return result{}, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(spec))
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return result{}, fmt.Errorf("%s, %s: %w", j.Case, j.label(), err)
	}
	var r result
	return r, json.Unmarshal(out.Bytes(), &r)
}

// runJob is the child's side of spawn.
func runJob(spec string) error {
	var j job
	if err := json.Unmarshal([]byte(spec), &j); err != nil {
		return err
	}
	r, err := measure(j)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// measure runs a job in this process.
func measure(j job) (result, error) {
	var lines []string
	if j.Text != "" {
		var err error
		if lines, err = readLines(j.Text); err != nil {
			return result{}, err
		}
	}
	if j.WarmUp > 0 {
		warm := j
		warm.Records = j.WarmUp
		if _, _, err := runProgram(warm, lines, outputs{}); err != nil {
			return result{}, err
		}
	}
	runtime.GC()
	if j.CPUProfile != "" {
		name := fmt.Sprintf("%s-%s.prof", j.Case, strings.ReplaceAll(j.label(), " ", "-"))
		f, err := os.Create(filepath.Join(j.CPUProfile, name))
		if err != nil {
			return result{}, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return result{}, err
		}
		defer pprof.StopCPUProfile()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	seconds, lat, err := runProgram(j, lines, outputs{})
	if err != nil {
		return result{}, err
	}
	used := (cpuTime() - cpu).Seconds()
	runtime.ReadMemStats(&after)
	n := float64(j.Records)
	allocs, allocated := float64(after.Mallocs-before.Mallocs)/n, float64(after.TotalAlloc-before.TotalAlloc)/n
	return result{
		Case: j.Case, Engine: j.Engine, Parallelism: j.Parallelism, Rate: j.Rate, Records: j.Records, Seconds: seconds, CPUSeconds: used,
		RecordsPerSecond: n / seconds, RecordsPerCoreSecond: n / used, BusyCores: used / seconds,
		AllocsPerRecord: &allocs, BytesPerRecord: &allocated, PeakMiB: peakMiB(), Latencies: lat,
	}, nil
}

// runProgram runs the program of a job and returns how long it took.
func runProgram(j job, lines []string, out outputs) (seconds float64, lat *Latencies, err error) {
	switch j.Case {
	case "latency":
		return runLatency(j)
	case "window-latency":
		return runWindowLatency(j)
	}
	var p *program
	for i := range programs {
		if programs[i].name == j.Case {
			p = &programs[i]
		}
	}
	if p == nil {
		return 0, nil, fmt.Errorf("there is no case %q", j.Case)
	}
	if j.Engine == "loop" {
		start := time.Now()
		out.toEnd = j.ToEnd
		p.loop(j.Records, lines, out)
		return time.Since(start).Seconds(), nil, nil
	}
	start := time.Now()
	o := weir.Options{Parallelism: j.Parallelism}
	if j.Engine == "batch" {
		o.RuntimeMode, o.BatchMemory = weir.Batch, j.BatchMemory
	}
	if j.Engine == "checkpoint" {
		dir, err := os.MkdirTemp("", "weir-bench-")
		if err != nil {
			return 0, nil, err
		}
		defer os.RemoveAll(dir)
		o.Checkpoints = weir.Checkpoints{Dir: dir, Interval: time.Second, Incremental: true}
	}
	env := weir.NewEnvironment(o)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if p.until != nil && out.count == nil && !j.ToEnd {
		out.until, out.stop = p.until(j.Records), cancel
	}
	p.weir(env, j.Records, lines, out)
	client, err := env.ExecuteAsync(ctx, j.Case)
	if err != nil {
		return 0, nil, err
	}
	if _, err = client.Wait(ctx); ctx.Err() != nil {
		client.Cancel()
		_, err = client.Wait(context.Background())
	}
	if out.stop != nil && ctx.Err() != nil {
		err = nil
	}
	seconds = time.Since(start).Seconds()
	if j.Engine == "checkpoint" {
		c := client.CheckpointStats()
		fmt.Fprintf(os.Stderr, "%d checkpoints, the last wrote %d bytes in %v\n", c.Completed, c.Bytes, c.Took)
	}
	return seconds, nil, err
}

// runLatency measures the time from when a record was due to when it came to the sink.
func runLatency(j job) (float64, *Latencies, error) {
	h, stats := new(histogram), new(sequence.PacerStats)
	start := time.Now()
	env := weir.NewEnvironment(weir.Options{Parallelism: j.Parallelism})
	source := sequence.GenerateAt(sequence.Options{Count: j.Records, RatePerSecond: j.Rate, Stats: stats}, func(i int64, due time.Time) Reading {
		var r Reading
		newReading(i, &r)
		r.Time = int64(due.Sub(start))
		return r
	})
	s := weir.KeyBy(weir.FromSource(env, "scheduled", source), keyTen1000s).ReduceInto(keepTime)
	s.ForEach(func(r Reading, _ int64) error {
		h.record(time.Since(start) - time.Duration(r.Time))
		return nil
	})
	_, err := env.Execute(context.Background(), "latency")
	seconds := time.Since(start).Seconds()
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return seconds, &Latencies{
		P50: h.quantile(0.5), P99: h.quantile(0.99), P999: h.quantile(0.999),
		PacerP50: us(stats.Lateness(0.5)), PacerP99: us(stats.Lateness(0.99)), PacerBusy: stats.CPU().Seconds() / seconds,
	}, err
}

// cpuTime is the CPU time this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMiB is the largest resident memory of this process so far. The kernel's ru_maxrss would count that of the process it was started from, too.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}
