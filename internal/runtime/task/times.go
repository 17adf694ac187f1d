package task

import (
	"slices"
	"time"

	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/xsync"
)

// Times is where a task stands in event time: what is needed to tell what holds a watermark back. It is published when the task pauses and when the flush timeout strikes, so the times since
// when something holds are exact to about that.
type Times struct {
	Vertex, Subtask int
	// Nodes are the operators of the chain, by position.
	Nodes []NodeTime
	// Channels are those of the gate; empty for sources.
	Channels []ChannelTime
	// Splits are those of the source at the head.
	Splits []operator.SplitTime
	// Paused tells that the source waits for others of its alignment group.
	Paused      bool
	PausedSince time.Time
}

// NodeTime is where one operator stands.
type NodeTime struct {
	// Watermark is that of the operator's input; of one that makes watermarks itself, what it has made.
	Watermark int64
	Since     time.Time
	// Emitted is what it has passed on.
	Emitted int64
	// Idle tells that what stands behind does not wait for it; IdleSince goes with it.
	Idle      bool
	IdleSince time.Time
	// Makes tells that the operator makes watermarks, whatever comes in.
	Makes bool
}

// ChannelTime is where one channel stands.
type ChannelTime struct {
	Watermark int64
	Since     time.Time
	// Idle, Ended and Behind channels do not count: one that is behind was idle, and has not caught up.
	Idle, Ended, Behind bool
	StateSince          time.Time
}

// times is what a task has published of its event time.
type times struct {
	dirty bool // of the task's process: there may be something new
	mu    struct {
		xsync.Mutex
		begun bool
		view  Times
	}
}

// publishTimes makes visible where the task stands, if that may have changed.
func (t *Task) publishTimes() {
	if !t.times.dirty {
		return
	}
	t.times.dirty = false
	now := t.cfg.Scheduler.Now()
	t.times.mu.Lock()
	defer t.times.mu.Unlock()
	v := &t.times.mu.view
	if !t.times.mu.begun {
		t.times.mu.begun = true
		v.Vertex, v.Subtask = t.cfg.Attempt.Subtask.Vertex, t.cfg.Subtask
		v.Nodes = make([]NodeTime, len(t.nodes))
		for i := range v.Nodes {
			v.Nodes[i].Since = now
		}
		if t.valve != nil {
			v.Channels = make([]ChannelTime, t.valve.Channels())
			for i := range v.Channels {
				v.Channels[i].Since = now
			}
		}
	}
	for i, n := range t.nodes {
		v.Nodes[i].update(n, i == 0 && t.source != nil, now)
	}
	for i := range v.Channels {
		w, idle, ended, behind := t.valve.Channel(i)
		v.Channels[i].update(w, idle, ended, behind, now)
	}
	if t.splitting != nil {
		v.Splits = t.splitting.Splits(now, v.Splits[:0])
		v.Paused, v.PausedSince = t.splitting.Paused()
	}
	if t.finishing {
		v.Splits, v.Paused = nil, false
	}
}

func (x *NodeTime) update(n *node, source bool, now time.Time) {
	x.Makes = source || n.replaces
	w := n.ctx.CurrentWatermark
	if x.Makes {
		w = n.emitted
	}
	if w != x.Watermark {
		x.Watermark, x.Since = w, now
	}
	if n.idle != x.Idle {
		x.Idle, x.IdleSince = n.idle, now
	}
	x.Emitted = n.emitted
}

func (x *ChannelTime) update(w int64, idle, ended, behind bool, now time.Time) {
	if w != x.Watermark {
		x.Watermark, x.Since = w, now
	}
	if idle != x.Idle || ended != x.Ended || behind != x.Behind {
		x.Idle, x.Ended, x.Behind, x.StateSince = idle, ended, behind, now
	}
}

// Times returns what the task has published; ok is false if it has not begun. It may be called from any goroutine.
func (t *Task) Times() (v Times, ok bool) {
	t.times.mu.Lock()
	defer t.times.mu.Unlock()
	v = t.times.mu.view
	v.Nodes, v.Channels, v.Splits = slices.Clone(v.Nodes), slices.Clone(v.Channels), slices.Clone(v.Splits)
	return v, t.times.mu.begun
}

// Blocked implements [operator.BlockedClock].
func (t *Task) Blocked() time.Duration { return time.Duration(t.metrics.blocked.Load()) }

// ReportWatermark implements [operator.WatermarkReporter].
func (t *Task) ReportWatermark(group string, maxDrift, watermark int64) {
	t.cfg.Listener.WatermarkReport(group, maxDrift, watermark)
}

// AlignWatermark tells the source how far it may go. It may be called from any goroutine.
func (t *Task) AlignWatermark(limit int64) {
	t.toReader(func() error {
		t.times.dirty = true
		if t.splitting == nil {
			return nil
		}
		return t.splitting.Align(limit)
	})
}

// paused reports whether the source waits for others of its alignment group.
func (t *Task) paused() bool {
	if t.splitting == nil {
		return false
	}
	paused, _ := t.splitting.Paused()
	return paused
}
