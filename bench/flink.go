package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// spawnFlink runs a job on Flink, by a script that prints a line of JSON. Peak memory is that of the largest process which the script has waited for: the virtual machine.
func spawnFlink(ctx context.Context, script string, j job) (result, error) {
	args := []string{"datastream", j.Case, "--parallelism", strconv.Itoa(j.Parallelism), "--records", strconv.FormatInt(j.Records, 10)}
	if j.Rate > 0 {
		args = append(args, "--rate", strconv.FormatFloat(j.Rate, 'f', 0, 64))
	}
	if j.Text != "" {
		args = append(args, "--text", j.Text)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, script, args...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return result{}, fmt.Errorf("%s, %s: %w", j.Case, j.label(), err)
	}
	r := result{Records: j.Records, Rate: j.Rate, Case: j.Case, Engine: j.Engine, Parallelism: j.Parallelism}
	if j.Case == "latency" {
		r.Latencies = new(Latencies)
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return result{}, fmt.Errorf("%s, %s: %w in %q", j.Case, j.label(), err, out.String())
	}
	if r.Seconds == 0 { // the latency program does not tell
		r.Seconds = float64(j.Records) / j.Rate
		r.RecordsPerSecond, r.RecordsPerCoreSecond = j.Rate, float64(j.Records)/r.CPUSeconds
	}
	r.BusyCores = r.CPUSeconds / r.Seconds
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.PeakMiB = float64(u.Maxrss) / 1024
	}
	return r, nil
}
