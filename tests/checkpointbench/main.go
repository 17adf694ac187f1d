// Command checkpointbench reports what checkpoints cost: how long a task takes no input while one is taken, how much an incremental one writes when one in a hundred keys has changed, and how long it takes
// from the start of a job that restores until it works on its first record.
//
//	go run ./tests/checkpointbench                                        # 10 MB, 100 MB and 1 GB of state on both backends, in a quarter of an hour
//	go run ./tests/checkpointbench -sizes 100 -backends lsm               # one row of that
//	go run ./tests/checkpointbench -sizes 1000 -backends lsm -memory 1024 # more state than memory
//
// All keys are written once. Then records of random keys come at an even rate, a hundredth of the keys in each interval, and a checkpoint is taken in each. The pause of a checkpoint is the longest time
// between two records from its trigger until it is complete; beside it stands the same measure of the times between checkpoints, which is what the machine and the rate make of it. On Linux and with the privilege of real-time
// priority, threads of that priority watch when no processor does anything, as where the host of a virtual machine does not let it run: such times are told, and do not count when pauses are compared with the limits. An incremental checkpoint is
// the mean of the last 30, when bases are being written anew all the time. The job is restored from the last of them, in a process of its own, from local files that the system may still have in its memory.
//
// The last lines say what is asked for, and what has come of it. The exit code is 1 if a limit is missed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keyBytes is about what a key takes in a full checkpoint.
const keyBytes = 65

// settings are those of a row, which each of its processes is given.
type settings struct {
	keys        int64
	interval    time.Duration
	checkpoints int
	backend     string
	memory      int64 // MiB, for lsm
	dir         string
	profile     string
	trace       string
}

// result is what has come of a row.
type result struct {
	Full          time.Duration
	FullBytes     int64
	Pauses, Quiet []time.Duration // longest times without a record: in checkpoints and between them
	Took          []time.Duration
	// OwnPauses and OwnQuiet are the same without the times in which the machine stood still, if Watched, and else the same.
	OwnPauses, OwnQuiet []time.Duration
	Watched             bool
	Sizes               []int64   // of the last incremental checkpoints, in bytes
	Changed             []float64 // records that came since the one before, for each key
	Restored            time.Duration
	CPU                 time.Duration // of the process that restored, from its start
}

const (
	reported = 30 // checkpoints whose sizes are reported
	settling = 15 // checkpoints whose pauses are not
)

func main() {
	var s settings
	sizes := flag.String("sizes", "10,100,1000", "MB of state, as a full checkpoint has them")
	backends := flag.String("backends", "memory,lsm", "where state is kept")
	phase := flag.String("phase", "", "a part of a row, which this program starts itself: write, watch or restore")
	flag.Int64Var(&s.keys, "keys", 0, "keys of state, in place of -sizes")
	flag.DurationVar(&s.interval, "interval", 0, "from one checkpoint to the next; 0 for 250 ms below 50 MB, 500 ms below 500 MB, and 2 s")
	flag.IntVar(&s.checkpoints, "checkpoints", 115, "incremental checkpoints to take, 45 or more; the pauses of the first 15 are not counted")
	flag.Int64Var(&s.memory, "memory", 4096, "MiB of memory with the backend lsm")
	flag.StringVar(&s.dir, "dir", "", "directory to work in; a temporary one if empty")
	flag.StringVar(&s.backend, "backend", "", "one backend, in place of -backends")
	flag.StringVar(&s.profile, "profile", "", "directory for CPU profiles: of the full checkpoint, of the others, and of the restore")
	flag.StringVar(&s.trace, "trace", "", "directory for execution traces (go tool trace) of the pauses of 10 ms and more; recording has its cost")
	flag.Parse()
	ok, err := true, error(nil)
	switch *phase {
	case "write":
		err = s.write()
	case "restore":
		err = s.restore()
	case "watch":
		err = watch()
	default:
		ok, err = s.table(*sizes, *backends)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// table runs all rows and prints them.
func (s settings) table(sizes, backends string) (ok bool, err error) {
	var keys []int64
	for mb := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.ParseFloat(mb, 64)
		if err != nil || n < 0.1 || n > 1e6 {
			return false, fmt.Errorf("-sizes: %q is no size in MB", mb)
		}
		keys = append(keys, int64(n*1e6/keyBytes))
	}
	if s.keys > 0 {
		keys = []int64{s.keys}
	}
	if s.checkpoints < settling+reported {
		return false, fmt.Errorf("-checkpoints is %d, it must be %d or more", s.checkpoints, settling+reported)
	}
	if s.backend != "" {
		backends = s.backend
	}
	var v verdict
	fmt.Println("         full checkpoint  incremental ones: mean of 30  longest time without a record, ms                  restored")
	fmt.Println("                               1% of keys     time, ms  in checkpoints         between them        to first record")
	fmt.Println("backend      MB        s      MB  of full    p50    p99    p50    p99    max    p50    p99    max      s      cpu s")
	for backend := range strings.SplitSeq(backends, ",") {
		for _, n := range keys {
			row := s
			row.keys, row.backend = n, backend
			r, err := row.row()
			if err != nil {
				return false, fmt.Errorf("%s, %d keys: %w", backend, n, err)
			}
			v.row(row, r)
		}
	}
	return v.print(), nil
}

// row runs the processes of a row.
func (s settings) row() (r result, err error) {
	if s.dir, err = os.MkdirTemp(s.dir, "checkpointbench"); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if s.interval == 0 {
		switch bytes := s.keys * keyBytes; {
		case bytes < 50e6:
			s.interval = 250 * time.Millisecond
		case bytes < 500e6:
			s.interval = 500 * time.Millisecond
		default:
			s.interval = 2 * time.Second
		}
	}
	if _, err := s.process("write", &r); err != nil {
		return r, err
	}
	r.CPU, err = s.process("restore", &r)
	return r, err
}

// process runs this program for a part of a row. It returns the processor time that it took.
func (s settings) process(phase string, r *result) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, "-phase", phase, "-keys", fmt.Sprint(s.keys), "-interval", s.interval.String(), "-checkpoints", fmt.Sprint(s.checkpoints),
		"-backend", s.backend, "-memory", fmt.Sprint(s.memory), "-dir", s.dir, "-profile", s.profile, "-trace", s.trace)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), json.Unmarshal(out, r)
}

// verdict compares rows with what is asked for.
type verdict struct {
	pauses map[string][]float64 // p99 in ms by backend, by size
	missed []string
}

// The limits.
const (
	mostPause = 10.0 // ms, of the p99
	// grown is how many ms the p99 may be above that of the smallest state to count as the same, or above what the times between checkpoints come to with this state where that is longer: a table of
	// 1 GB takes its steps of growing and of moving keys whether there are checkpoints or not.
	grown = 5.0
	// fullGB is what counts as a GB: the state is a little more or less than asked for.
	fullGB = 0.9e9
)

var (
	mostChanges = map[string]float64{"memory": 0.10, "lsm": 0.15}
	mostRestore = map[string]float64{"memory": 2, "lsm": 1} // seconds, of 1 GB
)

func (v *verdict) row(s settings, r result) {
	sum := int64(0)
	for _, n := range r.Sizes {
		sum += n
	}
	mean := float64(sum) / float64(len(r.Sizes))
	part := mean / float64(r.FullBytes)
	changed := 0.0
	for _, c := range r.Changed {
		changed += c / float64(len(r.Changed))
	}
	p := func(d []time.Duration, at float64) float64 { return quantile(d, at).Seconds() * 1e3 }
	fmt.Printf("%-7s %7.1f %8.2f %7.2f %6.1f %% %6.0f %6.0f %6.1f %6.1f %6.1f %6.1f %6.1f %6.1f %6.2f %10.2f\n", s.backend, float64(r.FullBytes)/1e6, r.Full.Seconds(), mean/1e6, 100*part,
		p(r.Took, 0.5), p(r.Took, 0.99), p(r.Pauses, 0.5), p(r.Pauses, 0.99), p(r.Pauses, 1), p(r.Quiet, 0.5), p(r.Quiet, 0.99), p(r.Quiet, 1), r.Restored.Seconds(), r.CPU.Seconds())
	if most := max(largest(r.Pauses, r.OwnPauses), largest(r.Quiet, r.OwnQuiet)); most > 0 {
		fmt.Printf("        (the machine stood still for up to %.1f ms of these times; without: in checkpoints %.1f %.1f %.1f, between them %.1f %.1f %.1f)\n", most.Seconds()*1e3,
			p(r.OwnPauses, 0.5), p(r.OwnPauses, 0.99), p(r.OwnPauses, 1), p(r.OwnQuiet, 0.5), p(r.OwnQuiet, 0.99), p(r.OwnQuiet, 1))
	} else if !r.Watched {
		fmt.Println("        (whether the machine stood still meanwhile could not be seen)")
	}
	name := fmt.Sprintf("%s, %.0f MB", s.backend, float64(r.FullBytes)/1e6)
	if changed > 0.0105 {
		fmt.Printf("        (%.2f %% of the keys came between two checkpoints)\n", 100*changed)
	}
	if most := mostChanges[s.backend]; part >= most {
		v.missed = append(v.missed, fmt.Sprintf("%s: an incremental checkpoint is %.1f %% of a full one, not under %.0f %%", name, 100*part, 100*most))
	}
	if most := mostRestore[s.backend]; float64(r.FullBytes) >= fullGB && r.Restored.Seconds() >= most {
		v.missed = append(v.missed, fmt.Sprintf("%s: restored in %.2f s, not under %.0f s", name, r.Restored.Seconds(), most))
	}
	pause, quiet := p(r.OwnPauses, 0.99), p(r.OwnQuiet, 0.99)
	if pause >= mostPause {
		v.missed = append(v.missed, fmt.Sprintf("%s: the p99 of pauses is %.1f ms, not under %.0f ms; between checkpoints it is %.1f ms", name, pause, mostPause, quiet))
	}
	if v.pauses == nil {
		v.pauses = map[string][]float64{}
	}
	v.pauses[s.backend] = append(v.pauses[s.backend], pause)
	if least := v.pauses[s.backend][0]; pause > max(least, quiet)+grown {
		v.missed = append(v.missed, fmt.Sprintf("%s: the p99 of pauses has grown from %.1f ms to %.1f ms; between checkpoints it is %.1f ms", name, least, pause, quiet))
	}
}

func (v *verdict) print() bool {
	fmt.Println()
	fmt.Println("asked for: p99 of pauses under 10 ms and not growing with the state by more than the times between checkpoints do; incremental under 10 % of full in memory, 15 % on lsm; 1 GB restored in 2 s in memory, 1 s on lsm")
	if len(v.missed) == 0 {
		fmt.Println("checkpoints: no limit missed")
		return true
	}
	for _, m := range v.missed {
		fmt.Println("missed:", m)
	}
	fmt.Printf("checkpoints: %d limits missed\n", len(v.missed))
	return false
}

// largest is the largest difference of two lists.
func largest(a, b []time.Duration) (d time.Duration) {
	for i := range a {
		d = max(d, a[i]-b[i])
	}
	return d
}

// quantile is the least duration that a share p of them does not exceed.
func quantile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[max(int(math.Ceil(p*float64(len(d))))-1, 0)]
}

// at is a place in the directory of the row.
func (s settings) at(name string) string { return filepath.Join(s.dir, name) }
