package local

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/task"
)

// OperatorWatermark is where one subtask of an operator stands in event time, and what holds it there.
type OperatorWatermark struct {
	// Kind is what the operator does, Name what the program calls it, UID its identity.
	Kind, Name, UID string
	// Vertex numbers the chain in the plan, Subtask the task within it, both from 0.
	Vertex, Subtask int
	// Watermark is in milliseconds since the epoch; eventtime.MinWatermark if there has been none, eventtime.MaxWatermark at the end of input. Of operators that make watermarks it is what
	// they have made, of others what has come in.
	Watermark int64
	// Since is when it came to that, on the engine's clock; For is how long that was ago.
	Since time.Time
	For   time.Duration
	// Idle tells that what reads the operator does not wait for it.
	Idle bool
	// HeldBy leads from the operator to what holds its watermark back, nearest first. It is empty at the end of input.
	HeldBy []WatermarkCause
}

// WatermarkCause is one step on the way to what holds a watermark back.
type WatermarkCause struct {
	// Reason says what kind of step it is.
	Reason WatermarkReason
	// Input is the number, from 1, of the input that holds; 0 unless the reason is HeldByInput.
	Input int
	// Kind, Name and Subtask are those of the operator that the step leads to.
	Kind, Name string
	Subtask    int
	// Split is the id of the split that holds; "" unless the reason is HeldBySplit.
	Split string
	// Watermark is what holds: the channel's or the split's. Since is when it came to that.
	Watermark int64
	Since     time.Time
	For       time.Duration
	// Sent is, for HeldByInput, the watermark that the other side has sent by now; what is above Watermark is on its way, behind records that are not processed yet.
	Sent int64
	// IdleFor is, for HeldByIdle, how long nothing has counted.
	IdleFor time.Duration
	// Paused tells that the split, or its source as a whole, is not read, since it is ahead of its alignment group, and for how long.
	Paused    bool
	PausedFor time.Duration
}

// WatermarkReason is what kind of step a [WatermarkCause] is.
type WatermarkReason string

const (
	// HeldByInput leads to the producer that the input comes from.
	HeldByInput WatermarkReason = "input"
	// HeldBySplit ends at a split of a source.
	HeldBySplit WatermarkReason = "split"
	// HeldByReader ends at a source whose records come without splits.
	HeldByReader WatermarkReason = "reader"
	// HeldByNoSplit ends at a source that has no split at present.
	HeldByNoSplit WatermarkReason = "no split"
	// HeldByAssigner ends at an operator that makes watermarks of the records it sees.
	HeldByAssigner WatermarkReason = "assigner"
	// HeldByWork ends at an operator that has not passed its watermark on: it has timers to fire, or requests in flight.
	HeldByWork WatermarkReason = "work"
	// HeldByIdle ends where all inputs, or all splits, are idle: none says anything about time.
	HeldByIdle WatermarkReason = "all idle"
)

// Watermarks tells of every subtask of every operator how far event time has come, and what holds it back. now is the engine's clock.
func (j *Job) Watermarks(now time.Time) []OperatorWatermark {
	return explain(j.plan, j.tms.Times(), now)
}

// explainer walks from a watermark to what holds it.
type explainer struct {
	plan  *dataflow.Plan
	tasks map[base.SubtaskID]*task.Times
	now   time.Time
}

func explain(plan *dataflow.Plan, times []task.Times, now time.Time) []OperatorWatermark {
	x := &explainer{plan: plan, tasks: map[base.SubtaskID]*task.Times{}, now: now}
	for i := range times {
		t := &times[i]
		x.tasks[base.SubtaskID{Vertex: t.Vertex, Index: t.Subtask}] = t
	}
	var all []OperatorWatermark
	for i, v := range plan.Vertices {
		for k, id := range v.Operators {
			for subtask := range v.Parallelism {
				t := x.tasks[base.SubtaskID{Vertex: i, Index: subtask}]
				if t == nil {
					continue
				}
				n, op := t.Nodes[k], plan.Graph.Operators[id]
				w := OperatorWatermark{
					Kind: kindOf(op), Name: op.Name, UID: string(plan.UIDs[id]), Vertex: i, Subtask: subtask,
					Watermark: n.Watermark, Since: n.Since, For: x.age(n.Since), Idle: n.Idle,
				}
				if n.Watermark != eventtime.MaxWatermark {
					w.HeldBy = x.walk(t, k, n.Makes)
				}
				all = append(all, w)
			}
		}
	}
	return all
}

func kindOf(op *dataflow.Operator) string {
	kind, _, _ := strings.Cut(op.Kind, ":")
	return kind
}

func (x *explainer) age(since time.Time) time.Duration { return max(0, x.now.Sub(since)) }

// cause begins a step that leads to the operator at position k of a task.
func (x *explainer) cause(reason WatermarkReason, t *task.Times, k int) WatermarkCause {
	op := x.plan.Graph.Operators[x.plan.Vertices[t.Vertex].Operators[k]]
	n := t.Nodes[k]
	return WatermarkCause{
		Reason: reason, Kind: kindOf(op), Name: op.Name, Subtask: t.Subtask, Watermark: n.Watermark, Since: n.Since, For: x.age(n.Since), Sent: eventtime.MinWatermark,
	}
}

// idle is the step that ends at the head of a task of which no input counts.
func (x *explainer) idle(t *task.Times) WatermarkCause {
	c := x.cause(HeldByIdle, t, 0)
	if t.Nodes[0].Idle {
		c.IdleFor = x.age(t.Nodes[0].IdleSince)
	}
	return c
}

// walk explains the watermark of the operator at position k; made tells that it is the one that the operator makes.
func (x *explainer) walk(t *task.Times, k int, made bool) []WatermarkCause {
	for !made && k > 0 {
		k = x.parent(t, k)
		n := t.Nodes[k]
		if made = n.Makes; !made && n.Emitted < n.Watermark {
			return []WatermarkCause{x.cause(HeldByWork, t, k)}
		}
	}
	switch {
	case !made:
		return x.input(t)
	case k == 0 && len(t.Channels) == 0:
		return []WatermarkCause{x.source(t)}
	}
	return []WatermarkCause{x.cause(HeldByAssigner, t, k)}
}

// parent returns the position of the operator that feeds the one at position k of a chain; of several, the one that is furthest behind.
func (x *explainer) parent(t *task.Times, k int) int {
	v := x.plan.Vertices[t.Vertex]
	lowest := -1
	for _, e := range v.Chained {
		if e.To != v.Operators[k] {
			continue
		}
		p := slices.Index(v.Operators, e.From)
		if n := &t.Nodes[p]; lowest < 0 || !n.Idle && (t.Nodes[lowest].Idle || n.Emitted < t.Nodes[lowest].Emitted) {
			lowest = p
		}
	}
	return max(lowest, 0)
}

// source explains the watermark of the source at the head of a task.
func (x *explainer) source(t *task.Times) WatermarkCause {
	var lowest *operator.SplitTime
	for i := range t.Splits {
		if s := &t.Splits[i]; !s.Idle && (lowest == nil || s.Watermark < lowest.Watermark) {
			lowest = s
		}
	}
	var c WatermarkCause
	switch {
	case lowest == nil && (len(t.Splits) > 0 || t.Nodes[0].Idle):
		c = x.idle(t)
	case lowest == nil:
		c = x.cause(HeldByNoSplit, t, 0)
	case lowest.ID == "":
		c = x.cause(HeldByReader, t, 0)
	default:
		c = x.cause(HeldBySplit, t, 0)
		c.Split = lowest.ID
	}
	if lowest != nil {
		c.Watermark, c.Since, c.For = lowest.Watermark, lowest.Since, x.age(lowest.Since)
		c.Paused, c.PausedFor = lowest.Paused, x.age(lowest.StateSince)
	}
	if t.Paused {
		c.Paused, c.PausedFor = true, x.age(t.PausedSince)
	}
	if !c.Paused {
		c.PausedFor = 0
	}
	return c
}

// input explains the watermark of the operator at the head of a task: the channel that holds it, and what holds that.
func (x *explainer) input(t *task.Times) []WatermarkCause {
	lowest := -1
	for i, c := range t.Channels {
		if !c.Idle && !c.Ended && !c.Behind && (lowest < 0 || c.Watermark < t.Channels[lowest].Watermark) {
			lowest = i
		}
	}
	if lowest < 0 {
		return []WatermarkCause{x.idle(t)}
	}
	edge, subtask := x.producer(t, lowest)
	if edge == nil {
		return nil
	}
	channel := t.Channels[lowest]
	from := x.plan.Graph.Operators[edge.Edge.From]
	c := WatermarkCause{
		Reason: HeldByInput, Input: edge.Edge.Input + 1, Kind: kindOf(from), Name: from.Name, Subtask: subtask,
		Watermark: channel.Watermark, Since: channel.Since, For: x.age(channel.Since), Sent: channel.Watermark,
	}
	p := x.tasks[base.SubtaskID{Vertex: edge.From, Index: subtask}]
	if p == nil {
		return []WatermarkCause{c}
	}
	k := slices.Index(x.plan.Vertices[edge.From].Operators, edge.Edge.From)
	n := p.Nodes[k]
	if n.Emitted > c.Watermark {
		c.Sent = n.Emitted
	}
	if n.Emitted == eventtime.MaxWatermark {
		return []WatermarkCause{c} // nothing holds it but what is queued
	}
	if !n.Makes && n.Emitted < n.Watermark {
		return []WatermarkCause{c, x.cause(HeldByWork, p, k)}
	}
	return append([]WatermarkCause{c}, x.walk(p, k, n.Makes)...)
}

// producer returns where channel i of a task comes from: channels are ordered by input edge, then by producer.
func (x *explainer) producer(t *task.Times, i int) (*dataflow.PlanEdge, int) {
	for _, e := range x.plan.Vertices[t.Vertex].Inputs {
		sources := x.plan.Sources(e, t.Subtask)
		if i < len(sources) {
			return e, sources[i]
		}
		i -= len(sources)
	}
	return nil, 0
}

// String tells in a sentence where the operator stands and what holds it there.
func (w OperatorWatermark) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q subtask %d: %s", w.Kind, w.Name, w.Subtask, timeText(w.Watermark))
	if w.Watermark == eventtime.MaxWatermark {
		return b.String()
	}
	fmt.Fprintf(&b, " for %s", durationText(w.For))
	if w.Idle {
		b.WriteString(", idle")
	}
	name, subtask := w.Name, w.Subtask
	for i, c := range w.HeldBy {
		if i == 0 {
			b.WriteString(", held by ")
		} else {
			b.WriteString(", ")
		}
		c.text(&b, w, c.Name == name && c.Subtask == subtask)
		name, subtask = c.Name, c.Subtask
	}
	return b.String()
}

// text writes a step on the way from w. own tells that it stays at the operator that was named just before.
func (c WatermarkCause) text(b *strings.Builder, w OperatorWatermark, own bool) {
	where := fmt.Sprintf("%s %q subtask %d", c.Kind, c.Name, c.Subtask)
	of := " of " + where
	if own {
		of = ""
	}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	switch c.Reason {
	case HeldByInput:
		fmt.Fprintf(b, "input %d from %s", c.Input, where)
		if c.Sent > c.Watermark {
			note("%s is on its way", timeText(c.Sent))
		}
	case HeldBySplit:
		fmt.Fprintf(b, "split %q%s", c.Split, of)
	case HeldByReader:
		b.WriteString("the reader" + of)
	case HeldByNoSplit:
		b.WriteString("the lack of a split" + of)
	case HeldByAssigner:
		b.WriteString("the records" + of)
	case HeldByWork:
		b.WriteString("unfinished work" + of)
	case HeldByIdle:
		b.WriteString("the silence" + of)
		note("idle for %s", durationText(c.IdleFor))
	}
	switch {
	case c.Reason == HeldByInput || c.Reason == HeldByIdle || c.Reason == HeldByNoSplit:
	case c.Watermark != w.Watermark:
		note("at %s for %s", timeText(c.Watermark), durationText(c.For))
	case durationText(c.For) != durationText(w.For):
		note("for %s", durationText(c.For))
	}
	if c.Paused {
		note("paused by its alignment group for %s", durationText(c.PausedFor))
	}
	if len(notes) > 0 {
		fmt.Fprintf(b, " (%s)", strings.Join(notes, ", "))
	}
}

func timeText(t int64) string {
	switch t {
	case eventtime.MinWatermark:
		return "no watermark"
	case eventtime.MaxWatermark:
		return "end of input"
	}
	return eventtime.ToTime(t).Format("2006-01-02T15:04:05.999Z07:00")
}

// durationText cuts a duration to what people want to know.
func durationText(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
