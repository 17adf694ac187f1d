package nexmarkbench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connectors/blackhole"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/table"
)

// Config says what to run.
type Config struct {
	Events, Rate int64
	Parallelism  int
	// Checkpoint is the interval; 0 for none.
	Checkpoint time.Duration
	// Incremental has checkpoints write only what has changed.
	Incremental bool
	// State is "memory" or "lsm"; Memory bounds it, 0 for no bound.
	State  string
	Memory int64
	// MiniBatch false sets table.exec.mini-batch.enabled to false.
	MiniBatch bool
	Batch     bool
	// Verify sums up the rows of the result.
	Verify bool
	// Dir is for checkpoints, state and output; it is emptied.
	Dir string
	// Halt stops the job with a savepoint, and goes on from there: when the source has put out as many rows as HaltAfter, or any if that is 0.
	Halt      bool
	HaltAfter int64
	// Verifier, if not nil, takes the rows when Verify is set: it may sum up some columns only.
	Verifier *Verifier
	// Statements are run in place of those of the query, if they are not empty.
	Statements string
	// Output is where q10 writes its files; "" for a directory that is removed behind the run.
	Output string
}

// Result is what a run was like. The names in JSON are those that are used for other engines, too.
type Result struct {
	Engine              string  `json:"engine"`
	Query               string  `json:"query"`
	Events              int64   `json:"events"`
	Seconds             float64 `json:"seconds"`
	CPUSeconds          float64 `json:"cpu_seconds"`
	EventsPerSecond     int64   `json:"events_per_second"`
	EventsPerCoreSecond int64   `json:"events_per_core_second"`
	ResidentMiB         int64   `json:"resident_mib"`
	PeakResidentMiB     int64   `json:"peak_resident_mib"`
	Checkpoints         int     `json:"checkpoints"`
	// LastStateBytes is what the last checkpoint has written.
	LastStateBytes   int64   `json:"last_state_bytes"`
	LastCheckpointMS int64   `json:"last_checkpoint_ms"`
	CheckpointP50MS  int64   `json:"checkpoint_p50_ms"`
	CheckpointP99MS  int64   `json:"checkpoint_p99_ms"`
	Changes          int64   `json:"changes"`
	Rows             int64   `json:"rows,omitempty"`
	Checksum         string  `json:"checksum,omitempty"`
	State            string  `json:"state"`
	Parallelism      int     `json:"parallelism"`
	Checkpoint       float64 `json:"checkpoint"`
	Incremental      bool    `json:"incremental"`
	Memory           int64   `json:"memory"`
	MiniBatch        bool    `json:"mini_batch"`
	Halted           bool    `json:"halted,omitempty"`
	Failed           string  `json:"failed,omitempty"`
}

// Run runs a query once.
func Run(ctx context.Context, query string, c Config) (*Result, error) {
	r := &Result{Engine: "weir", Query: query, Events: c.Events, State: c.State, Parallelism: c.Parallelism, Checkpoint: c.Checkpoint.Seconds(), Incremental: c.Incremental, Memory: c.Memory, MiniBatch: c.MiniBatch}
	o := table.Options{Parallelism: c.Parallelism, Memory: c.Memory, StateDir: c.Dir}
	switch c.State {
	case "", "memory":
		r.State = "memory"
	case "lsm":
		o.StateBackend = lsm.Backend()
	default:
		return nil, fault.New(fault.OptionInvalid, "the state backend %q is none of memory and lsm", c.State)
	}
	if c.Checkpoint > 0 || c.Halt {
		dir, err := os.MkdirTemp(c.Dir, "checkpoints-")
		if err != nil {
			return nil, err
		}
		defer func() {
			os.RemoveAll(dir)
			os.RemoveAll(dir + "-2")
		}()
		o.Checkpoints = weir.Checkpoints{Dir: dir, Interval: c.Checkpoint, Incremental: c.Incremental}
	}
	output := c.Output
	if output == "" {
		var err error
		if output, err = os.MkdirTemp(c.Dir, "output-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(output)
	}
	counter, verifier := &blackhole.Counter{}, c.Verifier
	if verifier == nil {
		verifier = &Verifier{}
	}
	script := Script{Events: c.Events, Rate: c.Rate, Sink: c.sink(), Output: output}
	text, err := script.Text(query)
	if c.Statements != "" {
		text, err = script.Around(c.Statements)
	}
	if err != nil {
		return nil, err
	}
	env, err := c.environment(o, counter, verifier)
	if err != nil {
		return nil, err
	}
	runtime.GC()
	clearPeak()
	cpu, start := processTime().Seconds(), time.Now()
	savepoint := ""
	run := func(_ string, res *table.Result) error {
		if res.Job == nil {
			return nil
		}
		stop := context.AfterFunc(ctx, res.Job.Cancel)
		defer stop()
		if c.Halt && savepoint == "" {
			if savepoint, err = halt(ctx, res.Job, c.Dir, max(c.HaltAfter, 1)); err != nil {
				return err
			}
		}
		_, err := res.Job.Wait(context.Background())
		r.count(res.Job.CheckpointStats())
		return err
	}
	err = env.Script(ctx, query+".sql", text, run)
	r.Halted = savepoint != ""
	if err == nil && r.Halted {
		o.Checkpoints.Dir, o.Checkpoints.Restore = o.Checkpoints.Dir+"-2", savepoint
		if env, err = c.environment(o, counter, verifier); err == nil {
			err = env.Script(ctx, query+".sql", text, run)
		}
	}
	seconds, used := time.Since(start).Seconds(), processTime().Seconds()-cpu
	if err != nil {
		return nil, err
	}
	r.Seconds, r.CPUSeconds = round(seconds), round(used)
	r.EventsPerSecond, r.EventsPerCoreSecond = int64(float64(c.Events)/seconds), int64(float64(c.Events)/used)
	r.ResidentMiB, r.PeakResidentMiB = memory("VmRSS"), memory("VmHWM")
	r.Changes = counter.Rows()
	if c.Verify {
		r.Changes, r.Rows, r.Checksum = verifier.Changes, verifier.Rows, fmt.Sprintf("%016x", verifier.Checksum)
	}
	return r, nil
}

// sink are the options of the table that a query writes to.
func (c Config) sink() string {
	if c.Verify {
		return "'connector' = 'verify'"
	}
	return "'connector' = 'blackhole'"
}

// environment returns one in which a query's script can run.
func (c Config) environment(o table.Options, counter *blackhole.Counter, verifier *Verifier) (*table.Environment, error) {
	env := table.NewEnvironment(o)
	env.AddConnector(blackhole.Counting(counter))
	if err := env.AddFunction("count_char", table.Func2(countChar)); err != nil {
		return nil, err
	}
	if c.Verify {
		env.AddConnector(verifier.Table())
	}
	if !c.MiniBatch {
		if err := env.Set("table.exec.mini-batch.enabled", "false"); err != nil {
			return nil, err
		}
	}
	if c.Batch {
		if err := env.Set("execution.runtime-mode", "batch"); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// halt stops a job with a savepoint when its sources have put out as many rows, and returns the savepoint's path: "" if the job has ended before.
func halt(ctx context.Context, job *weir.JobClient, dir string, after int64) (string, error) {
	read := func() (n int64) {
		for _, t := range job.Metrics() {
			if t.Source {
				n += t.RecordsIn
			}
		}
		return n
	}
	for {
		if read() >= after {
			path, err := job.StopWithSavepoint(ctx, dir, false)
			if fault.CodeOf(err) != fault.JobNotRunning { // else some task does not run yet, or the job has ended
				return path, err
			}
		}
		select {
		case <-job.Done():
			return "", nil
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// count fills in what there is to say of the checkpoints of a run.
func (r *Result) count(c weir.CheckpointStats) {
	r.Checkpoints, r.LastStateBytes, r.LastCheckpointMS = c.Completed, c.Bytes, c.Took.Milliseconds()
	if n := len(c.Recent); n > 0 {
		slices.Sort(c.Recent)
		r.CheckpointP50MS, r.CheckpointP99MS = c.Recent[(n-1)/2].Milliseconds(), c.Recent[(99*n+99)/100-1].Milliseconds()
	}
}

func round(f float64) float64 { return float64(int64(f*1000+0.5)) / 1000 }

// clearPeak starts the measure of peak memory anew, where the system can.
func clearPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// memory reads a line of /proc/self/status, in MiB; 0 where there is none.
func memory(name string) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n >> 10
		}
	}
	return 0
}

// countChar counts how often the first character of c is in s.
func countChar(s, c string) int64 {
	if c == "" {
		return 0
	}
	return int64(strings.Count(s, c[:1]))
}
