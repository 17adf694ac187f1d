package live

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
)

// Meter tells in a line how a job gets on.
type Meter struct {
	job *weir.JobClient
	// steady leaves out what is never the same twice.
	steady bool
	at     time.Duration // of the last sample
	in     int64
	out    int64
	busy   map[[2]int]time.Duration
	line   string
}

// NewMeter returns that of a job. A steady one leaves out rates and times of the clock, for records that are compared.
func NewMeter(job *weir.JobClient, steady bool) *Meter {
	return &Meter{job: job, steady: steady, busy: map[[2]int]time.Duration{}}
}

// every is the least time between two samples.
const every = 500 * time.Millisecond

// Line returns what there is to say: rates are those since the sample before, which lie half a second apart or more. out is how many rows have come out; negative to take what has come to the job's last tasks.
func (m *Meter) Line(out int64) string {
	p := m.job.Progress()
	span := p.Duration - m.at
	if m.line != "" && span < every && p.Status == weir.StatusRunning {
		return m.line
	}
	in := p.RecordsRead()
	if out < 0 {
		out = 0
		for _, t := range p.Tasks {
			if t.Sink {
				out += t.RecordsIn
			}
		}
	}
	parts := []string{strings.ToLower(string(p.Status))}
	if m.steady {
		parts = append(parts, fmt.Sprintf("in %s", count(in)), fmt.Sprintf("out %s", count(out)))
	} else {
		parts[0] += " " + short(p.Duration)
		rate := func(n int64) string { return count(int64(float64(n)/max(span, every).Seconds())) + "/s" }
		parts = append(parts, fmt.Sprintf("in %s (%s)", rate(in-m.in), count(in)), fmt.Sprintf("out %s (%s)", rate(out-m.out), count(out)))
	}
	if w := m.watermark(); w != "" {
		parts = append(parts, w)
	}
	if c := m.job.CheckpointStats(); c.Completed+c.Failed > 0 && !m.steady {
		parts = append(parts, checkpoints(c))
	}
	if n := m.job.Restarts(); n > 0 {
		parts = append(parts, fmt.Sprintf("restarts %d", n))
	}
	name, share := m.busiest(p.Tasks, span)
	if name != "" && !m.steady {
		parts = append(parts, fmt.Sprintf("busiest %s %d %%", name, share))
	}
	m.at, m.in, m.out, m.line = p.Duration, in, out, strings.Join(parts, " · ")
	return m.line
}

func checkpoints(c weir.CheckpointStats) string {
	s := fmt.Sprintf("checkpoints %d", c.Completed)
	if c.Failed > 0 {
		s += fmt.Sprintf(" (%d failed)", c.Failed)
	}
	return s
}

// watermark is the earliest of those of all operators that have one.
func (m *Meter) watermark() string {
	low, lag, ended := int64(math.MaxInt64), time.Duration(0), false
	for _, w := range m.job.Watermarks() {
		switch {
		case w.Watermark == eventtime.MaxWatermark:
			ended = true
		case w.Watermark != eventtime.MinWatermark && !w.Idle && w.Watermark < low:
			low, lag = w.Watermark, w.Since.Add(w.For).Sub(time.UnixMilli(w.Watermark))
		}
	}
	switch {
	case low == math.MaxInt64 && ended:
		return "watermark at the end"
	case low == math.MaxInt64:
		return ""
	}
	s := "watermark " + time.UnixMilli(low).UTC().Format("2006-01-02 15:04:05")
	if lag >= 0 && !m.steady {
		s += " (lag " + short(lag) + ")"
	}
	return s
}

// busiest returns the name of the task that has worked the most, and its share of the time in percent.
func (m *Meter) busiest(tasks []weir.TaskMetrics, span time.Duration) (name string, percent int) {
	var most time.Duration
	for _, t := range tasks {
		id := [2]int{t.Vertex, t.Subtask}
		if d := t.Busy - m.busy[id]; d > most {
			most, name = d, t.Name
		}
		m.busy[id] = t.Busy
	}
	// The name of a chain is long; its last operator is what the others feed.
	if i := strings.LastIndex(name, " -> "); i >= 0 {
		name = name[i+len(" -> "):]
	}
	return name, int(min(100*float64(most)/float64(max(span, 1)), 100))
}

// short is a duration for people.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return count(int64(d.Hours()/24)) + " d"
}

// count is a number with commas.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
