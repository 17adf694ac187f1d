package coordinator

import (
	"fmt"

	"github.com/weirstream/weir/fault"
)

const (
	// DefaultTimeout is 10 minutes.
	DefaultTimeout = int64(600e9)
	// maxQueued is how many requests may wait, as in Flink.
	maxQueued = 1000
)

// Config is how a job takes checkpoints. Times are in nanoseconds.
type Config struct {
	// Interval is the time from one periodic checkpoint to the next; 0 means there are only those that are asked for.
	Interval int64
	// MinPause is the least time between the end of a checkpoint and the start of the next periodic one. Above 0, MaxConcurrent is 1 and Interval is
	// at least MinPause.
	MinPause int64
	// Timeout is how long a checkpoint or savepoint may take, storing included. Default 10 minutes.
	Timeout int64
	// MaxConcurrent is how many checkpoints and savepoints may be pending at once. Default 1; 1 if Unaligned.
	MaxConcurrent int
	// Tolerable is how many checkpoints may fail one after another without failing the job; -1 means any number.
	Tolerable int
	// Retain is how many completed checkpoints are kept. Default 1.
	Retain int
	// Unaligned and AlignedTimeout are handed to the tasks with each checkpoint. Savepoints are always aligned.
	Unaligned bool
	// AlignedTimeout is how long an unaligned checkpoint tries to align first; 0: not at all.
	AlignedTimeout int64
	// Name returns the name of a task for errors. By default it is the number.
	Name func(Task) string
	// Upstream returns the tasks that send to a task: an error names first what waits for none of them. By default tasks know of no others.
	Upstream func(Task) []Task
}

// Validate returns an error with code option.invalid that names the first setting that cannot be, or nil.
func (c Config) Validate() error {
	for _, s := range []struct {
		name  string
		value int64
		least int64
	}{
		{"interval", c.Interval, 0},
		{"minimum pause", c.MinPause, 0},
		{"timeout", c.Timeout, 0},
		{"maximum number of concurrent checkpoints", int64(c.MaxConcurrent), 0},
		{"number of tolerable failures", int64(c.Tolerable), -1},
		{"number of retained checkpoints", int64(c.Retain), 0},
		{"aligned timeout", c.AlignedTimeout, 0},
	} {
		if s.value < s.least {
			return fault.New(fault.OptionInvalid, "checkpoints: the %s is %d, and must be at least %d", s.name, s.value, s.least)
		}
	}
	switch {
	case c.Unaligned && c.MaxConcurrent > 1:
		return fault.New(fault.OptionInvalid, "checkpoints: %d concurrent ones are set, and unaligned ones, of which there is one at a time", c.MaxConcurrent)
	case c.MinPause > 0 && c.MaxConcurrent > 1:
		return fault.New(fault.OptionInvalid, "checkpoints: %d concurrent ones are set, and a minimum pause, which leaves one at a time", c.MaxConcurrent)
	}
	return nil
}

// settled returns the configuration with its defaults, and with every value in range.
func (c Config) settled() Config {
	c.MinPause = max(c.MinPause, 0)
	if c.Interval > 0 {
		c.Interval = max(c.Interval, c.MinPause)
	} else {
		c.Interval = 0
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	c.MaxConcurrent = max(c.MaxConcurrent, 1)
	if c.MinPause > 0 || c.Unaligned {
		c.MaxConcurrent = 1
	}
	c.Tolerable = max(c.Tolerable, -1)
	c.Retain = max(c.Retain, 1)
	c.AlignedTimeout = max(c.AlignedTimeout, 0)
	if !c.Unaligned {
		c.AlignedTimeout = 0
	}
	if c.Name == nil {
		c.Name = func(t Task) string { return fmt.Sprintf("task %d", t) }
	}
	if c.Upstream == nil {
		c.Upstream = func(Task) []Task { return nil }
	}
	return c
}
