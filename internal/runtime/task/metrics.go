package task

import (
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/dataflow"
)

// Metrics is what is counted of a task. Times add up to the time since it started.
type Metrics struct {
	Vertex, Subtask int
	Name            string
	State           dataflow.TaskState
	RecordsIn       int64
	RecordsOut      int64
	BytesIn         int64
	BytesOut        int64
	Busy            time.Duration
	Idle            time.Duration
	Blocked         time.Duration
}

// metrics are written by the task's process, about once a chunk or once a park, and read by anyone.
type metrics struct {
	recordsIn, recordsOut, bytesIn, bytesOut atomic.Int64
	idle, blocked                            atomic.Int64 // nanoseconds
	started, ended                           atomic.Int64
	since                                    atomic.Int64 // when the current pause began; 0 while busy
	why                                      atomic.Int32
}

func (m *metrics) begin(now int64) { m.started.Store(now + 1) }
func (m *metrics) end(now int64)   { m.ended.Store(now + 1) }

func (m *metrics) pause(now int64, why outcome) {
	m.why.Store(int32(why))
	m.since.Store(now + 1)
}

func (m *metrics) resume(now int64) {
	spent := now + 1 - m.since.Load()
	m.since.Store(0)
	if outcome(m.why.Load()) == blocked {
		m.blocked.Add(spent)
	} else {
		m.idle.Add(spent)
	}
}

// publish makes the outputs' counts visible.
func (t *Task) publish() {
	var records, bytes int64
	for _, o := range t.outputs {
		r, b := o.Counts()
		records += r
		bytes += b
	}
	t.metrics.recordsOut.Store(records)
	t.metrics.bytesOut.Store(bytes)
}

// Metrics returns what has been counted so far. It may be called from any goroutine.
func (t *Task) Metrics() Metrics {
	m := &t.metrics
	r := Metrics{
		Vertex: t.cfg.Attempt.Subtask.Vertex, Subtask: t.cfg.Subtask, Name: t.cfg.Vertex.Name,
		RecordsIn: m.recordsIn.Load(), RecordsOut: m.recordsOut.Load(), BytesIn: m.bytesIn.Load(), BytesOut: m.bytesOut.Load(),
		Idle: time.Duration(m.idle.Load()), Blocked: time.Duration(m.blocked.Load()),
	}
	start := m.started.Load()
	if start == 0 {
		return r
	}
	now := m.ended.Load()
	if now == 0 {
		now = t.cfg.Scheduler.Nanos() + 1
		if since := m.since.Load(); since != 0 {
			if outcome(m.why.Load()) == blocked {
				r.Blocked += time.Duration(max(0, now-since))
			} else {
				r.Idle += time.Duration(max(0, now-since))
			}
		}
	}
	r.Busy = max(0, time.Duration(now-start)-r.Idle-r.Blocked)
	return r
}
